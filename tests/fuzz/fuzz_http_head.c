/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Request heads, fed in two pieces: the cut must not matter, and what is accepted is well-formed.
 */

#include <string.h>

#include "base/alloc.h"
#include "http/head.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(const char *data, size_t size, size_t cut, struct http_head *h)
{
    size_t len = 0;
    const char *why = NULL;

    http_head_init(h);
    int r = http_head_feed(h, data, cut, &len);
    if (r == 0)
        r = http_head_feed(h, data, size, &len);
    return r == 1 ? http_head_finish(h, data, len, &why) : r == 0 ? -1 : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t cut = data[0] % size;
    char *text = xmemdup(data + 1, size - 1);
    struct http_head *whole = XNEW(struct http_head);
    struct http_head *cut_up = XNEW(struct http_head);
    int r = parse(text, size - 1, size - 1, whole);

    if (parse(text, size - 1, MIN(cut, size - 1), cut_up) != r)
        abort();
    if (r == 0) {
        struct uri_query q;
        if (strcmp(whole->path, cut_up->path) != 0 || whole->framing != cut_up->framing)
            abort();
        for (size_t i = 0; i < whole->n_headers; i++)
            if (strpbrk(whole->headers[i].value, "\r\n"))
                abort();
        uri_query_parse(whole->query, &q);
        uri_query_done(&q);
    }
    http_head_done(whole);
    http_head_done(cut_up);
    free(whole);
    free(cut_up);
    free(text);
    return 0;
}
