/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/health.h"

static void read_text(const char *text, struct health_conf *ret)
{
    _cleanup_json_ json_t *config = json_parse(text, strlen(text), "config", NULL);

    assert_non_null(config);
    health_conf_read(config, ret);
}

static void assert_command(const struct health_conf *h, const char *text)
{
    _cleanup_free_ char *have = json_print(h->command);

    assert_string_equal(have, text);
}

static void test_conf(void **state)
{
    (void)state;
    struct health_conf h;

    read_text("{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"a b\"],\"Interval\":5}}", &h);
    assert_command(&h, "[\"/bin/sh\",\"-c\",\"a b\"]");
    assert_true(h.interval_nsec == 5 && h.timeout_nsec == INT64_C(30000000000));
    assert_int_equal(h.retries, 3);
    health_conf_done(&h);
    read_text("{\"Shell\":[\"/s\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x\"]}}", &h);
    assert_command(&h, "[\"/s\",\"x\"]");
    health_conf_done(&h);
    read_text("{\"Healthcheck\":{\"Test\":[\"CMD\",\"x\",\"y\"],\"Retries\":9}}", &h);
    assert_command(&h, "[\"x\",\"y\"]");
    assert_int_equal(h.retries, 9);
    health_conf_done(&h);

    static const char *const none[] = {"{}",
                                       "{\"Healthcheck\":null}",
                                       "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}",
                                       "{\"Healthcheck\":{\"Test\":[]}}",
                                       "{\"Healthcheck\":{\"Test\":[\"CMD\"]}}",
                                       "{\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",7]}}",
                                       "{\"Healthcheck\":{\"Test\":\"CMD\"}}"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        read_text(none[i], &h);
        assert_null(h.command);
    }
}

static void test_results(void **state)
{
    (void)state;
    struct health_conf h = {.retries = 2, .start_period_nsec = 100};
    struct container_state s = {.health = HEALTH_STARTING};

    assert_false(health_apply(&s, &h, 1, 99)); /* while it comes up */
    assert_int_equal(s.health_streak, 0);
    assert_false(health_apply(&s, &h, 1, 100));
    assert_int_equal(s.health, HEALTH_STARTING);
    assert_true(health_apply(&s, &h, -1, 200));
    assert_int_equal(s.health, HEALTH_UNHEALTHY);
    assert_false(health_apply(&s, &h, 2, 300));
    assert_int_equal(s.health_streak, 3);
    assert_true(health_apply(&s, &h, 0, 400));
    assert_int_equal(s.health, HEALTH_HEALTHY);
    assert_int_equal(s.health_streak, 0);
    assert_false(health_apply(&s, &h, 0, 500));
    assert_false(health_apply(&s, &h, 1, 50)); /* the period is over once it was healthy */
    assert_int_equal(s.health_streak, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conf), cmocka_unit_test(test_results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
