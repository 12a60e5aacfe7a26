/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "engine/events.h"

static void publish(struct event_bus *b, const char *type, const char *action, const char *id)
{
    event_publish(b, type, action, id, json_pack("{s:s,s:s}", "name", "web", "image", "busybox:1"));
}

static unsigned count(struct event_bus *b, const char *filters, int64_t since)
{
    _cleanup_json_ json_t *f = filters ? json_loads(filters, 0, NULL) : NULL;
    struct event_subscriber *s = NULL;
    struct event *ev = NULL;
    unsigned n = 0;

    assert_int_equal(event_subscribe(b, f, since, &s, NULL), 0);
    while (event_next(b, s, &ev) == 1) {
        n++;
        event_unref(ev);
    }
    event_unsubscribe(b, s);
    return n;
}

static void test_message(void **state)
{
    struct event_bus *b = event_bus_new();
    struct event_subscriber *s = NULL;
    struct event *ev = NULL;
    json_t *o;

    (void)state;
    assert_int_equal(event_subscribe(b, NULL, 0, &s, NULL), 0);
    assert_int_equal(event_next(b, s, &ev), 0);
    publish(b, "container", "start", "abc");
    struct pollfd p = {.fd = event_subscriber_fd(s), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 1);
    assert_int_equal(event_next(b, s, &ev), 1);
    o = json_loads(ev->line, 0, NULL);
    assert_string_equal(json_str_or(o, "status", ""), "start");
    assert_string_equal(json_str_or(o, "id", ""), "abc");
    assert_string_equal(json_str_or(o, "from", ""), "busybox:1");
    assert_string_equal(json_str_or(o, "Type", ""), "container");
    assert_string_equal(json_str_or(json_object_get(o, "Actor"), "ID", ""), "abc");
    assert_string_equal(json_str_or(o, "scope", ""), "local");
    assert_int_equal(json_i64_or(o, "timeNano", 0) / 1000000000, json_i64_or(o, "time", 1));
    assert_int_equal(ev->line[ev->line_len - 1], '\n');
    json_decref(o);
    event_unref(ev);
    event_unsubscribe(b, s);
    event_bus_free(b);
}

static void test_filters(void **state)
{
    struct event_bus *b = event_bus_new();
    struct err err = {0};
    struct event_subscriber *s = NULL;
    _cleanup_json_ json_t *bad = json_loads("{\"foo\":[\"x\"]}", 0, NULL);

    (void)state;
    publish(b, "container", "create", "abcdef");
    publish(b, "container", "exec_create: sh", "abcdef");
    event_publish(b, "network", "connect", "n1", json_pack("{s:s}", "container", "abcdef"));
    event_publish(b, "image", "load", "sha256:1", json_pack("{s:s}", "name", "busybox:1"));
    assert_int_equal(count(b, NULL, 1), 4);
    assert_int_equal(count(b, NULL, 0), 0);
    assert_int_equal(count(b, "{\"container\":[\"abc\"]}", 1), 2);
    assert_int_equal(count(b, "{\"container\":[\"web\"],\"type\":[\"container\"]}", 1), 2);
    assert_int_equal(count(b, "{\"type\":{\"network\":true}}", 1), 1);
    assert_int_equal(count(b, "{\"event\":[\"exec_create\"]}", 1), 1);
    assert_int_equal(count(b, "{\"event\":[\"create\"]}", 1), 1);
    assert_int_equal(count(b, "{\"image\":[\"busybox\"]}", 1), 3);
    assert_int_equal(count(b, "{\"label\":[\"name=web\"]}", 1), 2);
    assert_int_equal(count(b, "{\"container\":[\"other\"]}", 1), 0);
    assert_true(event_subscribe(b, bad, 0, &s, &err) < 0);
    assert_string_equal(err.message, "invalid filter 'foo'");
    event_bus_free(b);
}

static void test_bounds(void **state)
{
    struct event_bus *b = event_bus_new();
    struct event_subscriber *slow = NULL;
    struct event *ev = NULL;
    unsigned n = 0;
    int r;

    (void)state;
    assert_int_equal(event_subscribe(b, NULL, 0, &slow, NULL), 0);
    for (int i = 0; i < 5000; i++)
        publish(b, "container", "start", "abc");
    while ((r = event_next(b, slow, &ev)) == 1) {
        n++;
        event_unref(ev);
    }
    assert_int_equal(r, -ECANCELED);
    assert_true(n > 100 && n < 5000);
    event_unsubscribe(b, slow);
    n = count(b, NULL, 1);
    assert_true(n >= 256 && n < 5000);
    event_bus_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
