/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The table of settings, and the parsing of one value. */

#include "daemon/config.h"

enum setting_type {
    SETTING_STRING,
    SETTING_BOOL,
    SETTING_INT,
    SETTING_LIST,    /* repeated flag; array of strings in the file */
    SETTING_OPTIONS, /* repeated key=value; object of strings in the file */
    SETTING_ULIMITS, /* repeated name=soft[:hard]; object of {"Name","Soft","Hard"} */
};

struct setting {
    const char *flag; /* long flag without dashes */
    char letter;      /* short flag, or 0 */
    const char *key;  /* in daemon.json, or NULL: a flag only */
    enum setting_type type;
    size_t offset; /* of the member of struct daemon_config */
    const char *arg, *help;
};

extern const struct setting settings[];
extern const size_t n_settings;

const struct setting *setting_by_flag(const char *name, size_t len);
const struct setting *setting_by_letter(char letter);
const struct setting *setting_by_key(const char *key);
/* Sets from a flag's text; repeated settings append. ERR_INVALID names the flag. */
int setting_set_text(const struct setting *s, struct daemon_config *c, const char *text,
                     struct err *err);
/* Sets from a value of daemon.json. ERR_INVALID names the key and the wanted type. */
int setting_set_json(const struct setting *s, struct daemon_config *c, const json_t *value,
                     struct err *err);
/* The value as text for messages; caller frees. */
char *setting_print(const struct setting *s, const struct daemon_config *c);
