/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Dockerfile instructions of import and commit; the expected values are dockerd 26's. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "image/internal.h"

static int apply(json_t *config, const char *change, struct err *err)
{
    char *changes[] = {(char *)(uintptr_t)change, NULL};

    return image_changes_apply(config, changes, err);
}

static void applied(void **state)
{
    static const struct {
        const char *change, *key, *value;
    } cases[] = {
        {"CMD [\"a\",\"b\"]", "Cmd", "[\"a\",\"b\"]"},
        {"cmd a b", "Cmd", "[\"/bin/sh\",\"-c\",\"a b\"]"},
        {"CMD [\"a\"", "Cmd", "[\"/bin/sh\",\"-c\",\"[\\\"a\\\"\"]"},
        {"ENTRYPOINT foo bar", "Entrypoint", "[\"/bin/sh\",\"-c\",\"foo bar\"]"},
        {"ENTRYPOINT []", "Entrypoint", "null"},
        {"ENV A=b C=\"d e\"", "Env", "[\"A=b\",\"C=d e\"]"},
        {"ENV OLD x y", "Env", "[\"OLD=x y\"]"},
        {"ENV A=1\nENV A=2 B=$A", "Env", "[\"A=2\",\"B=2\"]"},
        {"ENV A=1\nENV B=\"${A}x\" C='$A' D=\\$A E=${N:-d} F=${A:+y}", "Env",
         "[\"A=1\",\"B=1x\",\"C=$A\",\"D=$A\",\"E=d\",\"F=y\"]"},
        {"EXPOSE 80 90-92/udp", "ExposedPorts",
         "{\"80/tcp\":{},\"90/udp\":{},\"91/udp\":{},\"92/udp\":{}}"},
        {"LABEL x=y \"a b\"=\"c d\"", "Labels", "{\"x\":\"y\",\"a b\":\"c d\"}"},
        {"USER a b", "User", "\"a b\""},
        {"VOLUME [\"/v\",\"/w\"]\nVOLUME /z /y", "Volumes",
         "{\"/v\":{},\"/w\":{},\"/y\":{},\"/z\":{}}"},
        {"WORKDIR /q\nWORKDIR rel/../x", "WorkingDir", "\"/q/x\""},
        {"WORKDIR rel", "WorkingDir", "\"/rel\""},
        {"ONBUILD RUN x", "OnBuild", "[\"RUN x\"]"},
        {"HEALTHCHECK --interval=5s --retries=3 CMD foo bar", "Healthcheck",
         "{\"Test\":[\"CMD-SHELL\",\"foo bar\"],\"Interval\":5000000000,\"Retries\":3}"},
        {"HEALTHCHECK CMD [\"x\"]", "Healthcheck", "{\"Test\":[\"CMD\",\"x\"]}"},
        {"HEALTHCHECK NONE", "Healthcheck", "{\"Test\":[\"NONE\"]}"},
        {"STOPSIGNAL SIGINT", "StopSignal", "\"SIGINT\""},
        {"STOPSIGNAL RTMIN+3", "StopSignal", "\"RTMIN+3\""},
        {"# a comment\n\n  USER u  ", "User", "\"u\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *config = image_config_new();
        _cleanup_json_ json_t *want = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        struct err err = {0};
        if (apply(config, cases[i].change, &err) < 0)
            fail_msg("%s: %s", cases[i].change, err.message);
        _cleanup_free_ char *got = json_print(json_object_get(config, cases[i].key));
        if (!json_equal(json_object_get(config, cases[i].key), want))
            fail_msg("%s: %s", cases[i].change, got);
    }
}

static void refused(void **state)
{
    static const struct {
        const char *change, *message;
    } cases[] = {
        {"RUN x", "RUN is not a valid change command"},
        {"from a", "FROM is not a valid change command"},
        {"SHELL [\"a\"]", "SHELL is not a valid change command"},
        {"ENV", "ENV requires at least one argument"},
        {"ENV A", "ENV must have two arguments"},
        {"ENV =x", "ENV names can not be blank"},
        {"ENV A=1 B", "Syntax error - can't find = in \"B\". Must be of the form: name=value"},
        {"EXPOSE x", "Invalid containerPort: x"},
        {"EXPOSE 99999", "Invalid containerPort: 99999"},
        {"EXPOSE 80/icmp", "Invalid proto: icmp"},
        {"EXPOSE 9-3", "Invalid containerPort: 9-3"},
        {"STOPSIGNAL NOPE", "invalid signal: NOPE"},
        {"HEALTHCHECK foo", "Unknown type \"FOO\" in HEALTHCHECK (try CMD)"},
        {"HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"},
        {"LABEL", "LABEL requires at least one argument"},
        {"ONBUILD", "ONBUILD requires at least one argument"},
        {"ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"},
        {"ONBUILD ONBUILD x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
        {"USER", "USER requires exactly one argument"},
        {"VOLUME []", "VOLUME requires at least one argument"},
        {"WORKDIR", "WORKDIR requires exactly one argument"},
        {"CMD [1]", "when using JSON array syntax, arrays must be comprised of strings only"},
        {"ENV A=${B", "unsupported modifier (}) in substitution"},
        {"ENV A=\"x", "unexpected end of statement while looking for matching double-quote"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *config = image_config_new();
        struct err err = {0};
        if (apply(config, cases[i].change, &err) == 0)
            fail_msg("taken: %s", cases[i].change);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void entrypoint_drops_inherited_cmd(void **state)
{
    _cleanup_json_ json_t *config = json_pack("{s[s]}", "Cmd", "old");
    struct err err = {0};
    static char entry[] = "ENTRYPOINT x";
    static char cmd[] = "CMD y";
    char *both[] = {cmd, entry, NULL};

    assert_int_equal(apply(config, entry, &err), 0);
    assert_true(json_is_null(json_object_get(config, "Cmd")));
    assert_int_equal(image_changes_apply(config, both, &err), 0);
    assert_int_equal(json_array_size(json_object_get(config, "Cmd")), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applied),
        cmocka_unit_test(refused),
        cmocka_unit_test(entrypoint_drops_inherited_cmd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
