/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/proto.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"

static const struct {
    enum err_kind kind;
    const char *name;
} kinds[] = {{ERR_INVALID, "invalid"},         {ERR_UNAUTHORIZED, "unauthorized"},
             {ERR_FORBIDDEN, "forbidden"},     {ERR_NOT_FOUND, "not-found"},
             {ERR_CONFLICT, "conflict"},       {ERR_NOT_MODIFIED, "not-modified"},
             {ERR_UNAVAILABLE, "unavailable"}, {ERR_UNSUPPORTED, "unsupported"},
             {ERR_CANCELLED, "cancelled"},     {ERR_NO_SPACE, "no-space"},
             {ERR_INTERNAL, "internal"}};

const char *shim_kind_name(enum err_kind kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "internal";
}

enum err_kind shim_kind_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (str_eq(kinds[i].name, name))
            return kinds[i].kind;
    return ERR_INTERNAL;
}

int shim_msg_error(const struct shim_msg *m, struct err *err)
{
    enum err_kind kind = shim_kind_parse(json_str_or(m->body, "kind", "internal"));
    int64_t code = json_i64_or(m->body, "errno", 0);
    int r = err_set(err, kind, "%s", json_str_or(m->body, "message", "the shim gave no reason"));

    if (code >= 0 || code < -4095)
        return r;
    if (err)
        err->code = (int)code;
    return (int)code;
}

bool shim_id_valid(const char *id)
{
    size_t n = id ? strlen(id) : 0;

    if (n == 0 || n > SHIM_ID_MAX || id[0] == '.')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)id[i]) && !strchr("_.-", id[i]))
            return false;
    return true;
}

void shim_out_init(struct shim_out *o, const char *type)
{
    *o = (struct shim_out){.body = json_object()};
    json_set_i64(o->body, "v", SHIM_PROTOCOL_VERSION);
    json_set_str(o->body, "type", type);
}

void shim_out_done(struct shim_out *o)
{
    json_decref(o->body);
    o->body = NULL;
}

void shim_out_fd(struct shim_out *o, const char *name, int fd)
{
    json_t *names = json_object_get(o->body, "fds");

    if (!names) {
        json_set_take(o->body, "fds", json_array());
        names = json_object_get(o->body, "fds");
    }
    (void)json_array_append_new(names, json_str_new(name));
    if (o->n_fds < ARRAY_SIZE(o->fds))
        o->fds[o->n_fds] = fd;
    o->n_fds++;
}

/* The text goes into a memfd, which precedes the message's own descriptors. */
static int send_large(const struct shim_out *o, int sock, const char *text, size_t len)
{
    static const char outer[] = "{\"v\":1,\"payload\":true}";
    int fds[SOCK_MAX_FDS];

    if (len > LIMIT_SHIM_PAYLOAD)
        return -EFBIG;
    if (o->n_fds + 1 > ARRAY_SIZE(fds))
        return -E2BIG;
    _cleanup_close_ int memfd = memfd_sealed("lighter-message", text, len);
    if (memfd < 0)
        return memfd;
    fds[0] = memfd;
    memcpy(fds + 1, o->fds, o->n_fds * sizeof(int));
    return send_fds(sock, outer, sizeof(outer) - 1, fds, o->n_fds + 1);
}

int shim_out_send(const struct shim_out *o, int sock)
{
    _cleanup_free_ char *text = json_print(o->body);
    size_t len = strlen(text);

    if (o->n_fds > ARRAY_SIZE(o->fds))
        return -E2BIG;
    if (len > LIMIT_SHIM_MESSAGE)
        return send_large(o, sock, text, len);
    return send_fds(sock, text, len, o->fds, o->n_fds);
}

void shim_msg_done(struct shim_msg *m)
{
    for (size_t i = 0; i < m->n_fds; i++)
        m->fds[i] = close_fd(m->fds[i]);
    json_decref(m->body);
    *m = (struct shim_msg){};
}

int shim_msg_take_fd(struct shim_msg *m, const char *name)
{
    const json_t *names = json_object_get(m->body, "fds");

    for (size_t i = 0; i < m->n_fds; i++) {
        const char *have = json_string_value(json_array_get(names, i));
        if (m->fds[i] >= 0 && str_eq(have, name))
            return TAKE_FD(m->fds[i]);
    }
    return -1;
}

/* Replaces m->body by the text in the first descriptor, which must be a memfd of a bounded size:
 * reading anything else might block. */
static int load_payload(struct shim_msg *m, struct err *err)
{
    struct stat st;
    _cleanup_free_ char *text = NULL;
    size_t len;

    if (m->n_fds == 0)
        return err_set(err, ERR_INVALID, "message without its payload");
    _cleanup_close_ int fd = m->fds[0];
    m->n_fds--;
    memmove(m->fds, m->fds + 1, m->n_fds * sizeof(int));
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)LIMIT_SHIM_PAYLOAD)
        return err_set(err, ERR_INVALID, "message payload is not a file of at most %zu bytes",
                       LIMIT_SHIM_PAYLOAD);
    int r = read_fd(fd, LIMIT_SHIM_PAYLOAD, &text, &len);
    if (r < 0)
        return err_set(err, ERR_INVALID, "message payload: %s", errno_text(r));
    json_t *body = json_parse(text, len, "message", err);
    if (!body)
        return -EINVAL;
    json_decref(m->body);
    m->body = body;
    return 0;
}

static int check_body(struct shim_msg *m, struct err *err)
{
    const json_t *names = json_object_get(m->body, "fds");

    m->version = json_i64_or(m->body, "v", 0);
    m->type = json_str_or(m->body, "type", NULL);
    if (m->version < 1)
        return err_set(err, ERR_INVALID, "message without a version");
    if (!m->type)
        return err_set(err, ERR_INVALID, "message without a type");
    if (names && !json_is_array(names))
        return err_set(err, ERR_INVALID, "field \"fds\" must be an array");
    if (json_array_size(names) != m->n_fds)
        return err_set(err, ERR_INVALID, "message names %zu descriptors but carries %zu",
                       json_array_size(names), m->n_fds);
    return 0;
}

int shim_msg_decode(const char *data, size_t len, const int *fds, size_t n_fds,
                    struct shim_msg *ret, struct err *err)
{
    struct shim_msg m = {.n_fds = n_fds};
    int r = 0;

    memcpy(m.fds, fds, n_fds * sizeof(int));
    m.body = json_parse(data, len, "message", err);
    if (!m.body)
        r = -EINVAL;
    else if (!json_is_object(m.body))
        r = err_set(err, ERR_INVALID, "message must be an object");
    if (r == 0 && json_bool_or(m.body, "payload", false)) {
        r = load_payload(&m, err);
        if (r == 0 && !json_is_object(m.body))
            r = err_set(err, ERR_INVALID, "message must be an object");
    }
    if (r == 0)
        r = check_body(&m, err);
    if (r < 0) {
        shim_msg_done(&m);
        return r;
    }
    *ret = m;
    return 0;
}

int shim_msg_recv(int sock, struct shim_msg *ret, struct err *err)
{
    int fds[SOCK_MAX_FDS];
    size_t n_fds = 0;
    ssize_t len;

    do
        len = recv(sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
    while (len < 0 && errno == EINTR);
    if (len < 0)
        return err_errno(err, errno, "receive a message");
    size_t room = MIN((size_t)len, LIMIT_SHIM_MESSAGE);
    _cleanup_free_ char *data = xmalloc(room + 1);
    ssize_t n = recv_fds(sock, data, room + 1, fds, ARRAY_SIZE(fds), &n_fds);
    if (n == -EMSGSIZE)
        return err_set(err, ERR_INVALID, "message is too large");
    if (n < 0)
        return err_errno(err, (int)n, "receive a message");
    if (n == 0) {
        for (size_t i = 0; i < n_fds; i++)
            close_fd(fds[i]);
        return 0;
    }
    int r = shim_msg_decode(data, (size_t)n, fds, n_fds, ret, err);
    return r < 0 ? r : 1;
}
