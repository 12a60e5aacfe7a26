/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/logger.h"

#include "base/alloc.h"
#include "base/str.h"

static int none_open(const struct logger_params *params, struct logger **ret, struct err *err)
{
    *ret = XNEW(struct logger);
    return 0;
}

static void none_write(struct logger *l, enum log_stream stream, const char *data, size_t len)
{
}

static void none_nothing(struct logger *l)
{
}

static void none_close(struct logger *l)
{
    free(l);
}

const struct logger_ops logger_none = {.name = "none",
                                       .open = none_open,
                                       .write = none_write,
                                       .flush = none_nothing,
                                       .trim = none_nothing,
                                       .close = none_close};

static const struct logger_ops *const drivers[] = {&logger_json_file, &logger_none};

int logger_open(const char *driver, const struct logger_params *params, struct logger **ret,
                struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        if (!str_eq(drivers[i]->name, driver))
            continue;
        struct logger *l;
        int r = drivers[i]->open(params, &l, err);
        if (r < 0)
            return r;
        l->ops = drivers[i];
        *ret = l;
        return 0;
    }
    return err_set(err, ERR_INVALID, "logger: no log driver named '%s' is registered",
                   driver ? driver : "");
}

void logger_write(struct logger *l, enum log_stream stream, const char *data, size_t len)
{
    l->ops->write(l, stream, data, len);
}

void logger_flush(struct logger *l)
{
    l->ops->flush(l);
}

void logger_trim(struct logger *l)
{
    l->ops->trim(l);
}

void logger_close(struct logger *l)
{
    l->ops->close(l);
}
