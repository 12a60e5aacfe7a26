/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Dockerfile instructions of import and commit. */

#include "fuzz.h"

#include "base/alloc.h"
#include "image/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_free_ char *text = xstrndup((const char *)data, size);
    _cleanup_json_ json_t *config = image_config_new();
    char *changes[] = {text, NULL};
    struct err err = {0};

    (void)image_changes_apply(config, changes, &err);
    return 0;
}
