/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "container/container.h"
#include "db/db.h"

static void text_is(const struct container_state *s, int64_t now, const char *want)
{
    _cleanup_free_ char *text = container_status_text(s, now);

    assert_string_equal(text, want);
}

static void test_transitions(void **state)
{
    struct container_state s = {0};
    const int64_t t = 1000 * NSEC_PER_SEC;

    (void)state;
    assert_string_equal(container_status(&s), "created");
    text_is(&s, t, "Created");
    container_set_start_failed(&s, 127, "nope");
    assert_string_equal(container_status(&s), "created");
    assert_int_equal(s.exit_code, 127);
    container_set_running(&s, 42, t);
    assert_string_equal(container_status(&s), "running");
    assert_int_equal(s.exit_code, 0);
    assert_string_equal(s.error, "");
    text_is(&s, t + 3 * NSEC_PER_SEC, "Up 3 seconds");
    s.paused = true;
    assert_string_equal(container_status(&s), "paused");
    text_is(&s, t + 300 * NSEC_PER_SEC, "Up 5 minutes (Paused)");
    container_set_restarting(&s, 1, false, t + 10 * NSEC_PER_SEC);
    assert_string_equal(container_status(&s), "restarting");
    assert_true(s.running);
    text_is(&s, t + 15 * NSEC_PER_SEC, "Restarting (1) 5 seconds ago");
    container_set_exited(&s, 137, true, t + 20 * NSEC_PER_SEC);
    assert_string_equal(container_status(&s), "exited");
    assert_true(s.oom_killed);
    text_is(&s, t + 140 * NSEC_PER_SEC, "Exited (137) 2 minutes ago");
    s.removing = true;
    assert_string_equal(container_status(&s), "removing");
}

static void test_durations(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {{0, "Less than a second"}, {1, "1 second"},         {59, "59 seconds"},
                 {60, "About a minute"},    {119, "About a minute"}, {120, "2 minutes"},
                 {3600, "About an hour"},   {2 * 3600, "2 hours"},   {47 * 3600, "47 hours"},
                 {48 * 3600, "2 days"},     {14 * 86400, "2 weeks"}, {60 * 86400, "2 months"},
                 {730 * 86400, "2 years"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = container_human_duration(cases[i].seconds * NSEC_PER_SEC);

        assert_string_equal(text, cases[i].text);
    }
}

static void test_restart_policy(void **state)
{
    struct container_conf conf = {.restart = RESTART_ON_FAILURE, .restart_max = 2};
    struct container_state s = {0};
    int64_t delay = 0;

    (void)state;
    assert_false(container_should_restart(&conf, &s, 0));
    assert_true(container_should_restart(&conf, &s, 1));
    s.restart_count = 2;
    assert_false(container_should_restart(&conf, &s, 1));
    conf.restart = RESTART_ALWAYS;
    assert_true(container_should_restart(&conf, &s, 0));
    s.manually_stopped = true;
    assert_false(container_should_restart(&conf, &s, 0));
    assert_int_equal(container_restart_delay(&delay, 0), 100 * NSEC_PER_MSEC);
    assert_int_equal(container_restart_delay(&delay, 0), 200 * NSEC_PER_MSEC);
    for (int i = 0; i < 20; i++)
        (void)container_restart_delay(&delay, 0);
    assert_int_equal(delay, 60 * NSEC_PER_SEC);
    assert_int_equal(container_restart_delay(&delay, 10 * NSEC_PER_SEC), 100 * NSEC_PER_MSEC);
}

struct seen {
    unsigned n;
    struct container_state state;
    char name[64], command[64];
};

static int see(void *ctx, struct container_conf *conf, const char *name,
               const struct container_state *state)
{
    struct seen *seen = ctx;

    seen->n++;
    seen->state = *state;
    (void)snprintf(seen->name, sizeof(seen->name), "%s", name);
    (void)snprintf(seen->command, sizeof(seen->command), "%s", conf->command);
    return 0;
}

static void test_store(void **state)
{
    char path[] = "/tmp/test-container-XXXXXX";
    _cleanup_(db_closep)
    struct db *db = NULL;
    _cleanup_(container_conf_unrefp)
    struct container_conf *conf = NULL;
    _cleanup_json_ json_t *config = json_pack("{s:[s,s,s]}", "Cmd", "sh", "-c", "a b");
    _cleanup_json_ json_t *host = json_object(), *mounts = json_array();
    struct container_state s = {.started_nsec = 5, .exit_code = 3, .manually_stopped = true};
    _cleanup_free_ char *file = NULL;
    struct seen seen = {0};

    (void)state;
    assert_non_null(mkdtemp(path));
    assert_true(asprintf(&file, "%s/db", path) > 0);
    assert_int_equal(db_open(file, &db, NULL), 0);
    assert_int_equal(container_store_migrate(db, NULL), 0);
    conf = container_conf_new("id1", 7, "sha256:x", config, host, mounts);
    assert_string_equal(conf->command, "sh -c 'a b'");
    assert_int_equal(container_store_insert(db, conf, "name1", NULL), 0);
    assert_true(container_store_insert(db, conf, "name1", NULL) < 0);
    assert_int_equal(container_store_state(db, "id1", &s, NULL), 0);
    assert_int_equal(container_store_rename(db, "id1", "name2", NULL), 0);
    assert_int_equal(container_store_each(db, see, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    assert_string_equal(seen.name, "name2");
    assert_string_equal(seen.command, "sh -c 'a b'");
    assert_int_equal(seen.state.exit_code, 3);
    assert_true(seen.state.manually_stopped);
    assert_int_equal(container_store_delete(db, "id1", NULL), 0);
    assert_int_equal(container_store_each(db, see, &seen, NULL), 0);
    assert_int_equal(seen.n, 1);
    (void)rm_rf_at(AT_FDCWD, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_restart_policy),
        cmocka_unit_test(test_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
