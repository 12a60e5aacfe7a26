/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An engine that writes down how it was called, and answers or fails as a test wants. */

#include "engine/engine.h"

struct fake {
    char call[1024];     /* the last call with its arguments */
    enum err_kind fail;  /* ERR_NONE: succeed */
    const char *message; /* of the failure */
    bool fail_late;      /* fail after a stream has begun */
    bool multiplexed;    /* of streams */
    const char *answer;  /* JSON of the next answer */
    json_t *body;        /* owned: the last request body */
    size_t received;     /* bytes of the last archive */
};
extern struct fake fake;

void fake_reset(void);
