/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Real containers from a busybox bundle made on the spot. Tests that need root, busybox or the
 * right to make namespaces are skipped with the reason.
 *
 * A test edits the default configuration, runs it, and looks at the output. fixture_teardown()
 * fails when a mount or a cgroup of the test's containers is left. */

#include "json/json.h"
#include "runtime/runtime.h"

struct fixture {
    char dir[64];   /* temporary; the rootfs is <dir>/rootfs */
    char id[32];    /* also the cgroup's name */
    int dir_fd;     /* owned */
    json_t *config; /* owned; a fresh default for each test */
    int seccomp_fd; /* passed to runtime_create(); -1 */
    int netns_fd;   /* the same */
    int rootfs_fd;  /* the same */
    struct oci_spec *spec;
    struct runtime_container *c;
    int out_fd; /* read end of the container's stdout and stderr */
    struct err err;
};

/* cmocka's group set-up: one rootfs for the file's tests; and for each test. */
int fixture_group_setup(void **state);
int fixture_group_teardown(void **state);
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The program: args up to NULL. */
void fixture_args(struct fixture *f, ...) __attribute__((sentinel));
/* process.args = sh -c script. */
void fixture_script(struct fixture *f, const char *script);
/* Replaces the member at a path such as "process.cwd"; takes the reference. */
void fixture_set(struct fixture *f, const char *path, json_t *value);
json_t *fixture_get(struct fixture *f, const char *path);
void fixture_add_mount(struct fixture *f, const char *where, const char *type, const char *source,
                       const char *options);

int fixture_create(struct fixture *f);
/* Creates, starts, collects the output and destroys. Returns the exit status, 128+n for a signal,
 * or the negative errno of what failed (f->err says what). Caller frees *ret_output. */
int fixture_run(struct fixture *f, char **ret_output);
/* Waits for the init process of a started container. */
int fixture_wait(struct fixture *f, char **ret_output);
void fixture_destroy(struct fixture *f);
/* Runs a shell script by runtime_exec() in the container; as fixture_run(). */
int fixture_exec(struct fixture *f, json_t *process, char **ret_output);

void assert_contains(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);
