/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that bring images in, out and away: import, load, save, rmi, tag. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"

/* The file to read; "-" and "" are standard input. */
static int open_input(const char *path, int *ret, struct err *err)
{
    char why[128];
    int fd = !*path || str_eq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_INVALID, "open %s: %s", path, errno_text_lower(errno, why));
    *ret = fd;
    return 0;
}

static int run_import(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_close_ int in = -1;
    const char *source = args_at(a, 0), *name = args_n(a) > 1 ? args_at(a, 1) : "";
    bool url = str_starts(source, "http://") || str_starts(source, "https://");
    _cleanup_buf_ struct buf path = BUF_INIT(1 * MIB);
    (void)buf_adds(&path, "/images/create");
    for (char *const *v = args_list(a, "change"); v && *v; v++)
        client_query(&path, "changes", *v);
    client_query(&path, "fromSrc", url ? source : "-");
    if (*args_str(a, "message"))
        client_query(&path, "message", args_str(a, "message"));
    if (*args_str(a, "platform"))
        client_query(&path, "platform", args_str(a, "platform"));
    if (*name)
        client_query(&path, "repo", name);
    if (!url && open_input(source, &in, &err) < 0)
        return cli_fail(&err);
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    int r = url ? client_open(c, "POST", buf_str(&path), NULL, &s, &err)
                : client_upload(c, "POST", buf_str(&path), in, &s, &err);
    if (r < 0 || progress_print(s, stdout, NULL, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static int copy_text(struct client_stream *s, struct err *err)
{
    char data[4096];
    for (;;) {
        ssize_t n = client_stream_read(s, data, sizeof(data));
        if (n < 0)
            return err_errno(err, (int)n, "read the daemon's answer");
        if (n == 0)
            return 0;
        (void)fwrite(data, 1, (size_t)n, stdout);
    }
}

static int run_load(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_close_ int in = -1;
    const char *input = args_str(a, "input");
    if (!*input && isatty(STDIN_FILENO))
        return cli_failf("requested load from stdin, but stdin is empty");
    if (open_input(input, &in, &err) < 0)
        return cli_fail(&err);
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    bool quiet = args_bool(a, "quiet") || !isatty(STDOUT_FILENO);
    (void)buf_addf(&path, "/images/load?quiet=%d", quiet);
    if (*args_str(a, "platform"))
        client_query(&path, "platform", args_str(a, "platform"));
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    if (client_upload(c, "POST", buf_str(&path), in, &s, &err) < 0)
        return cli_fail(&err);
    bool json = str_starts(client_stream_content_type(s), "application/json");
    int r = json ? progress_print(s, stdout, NULL, &err) : copy_text(s, &err);
    return r < 0 ? cli_fail(&err) : 0;
}

static int run_save(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *output = args_str(a, "output");
    if (!*output && isatty(STDOUT_FILENO))
        return cli_failf("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    _cleanup_free_ char *checked = NULL;
    if (*output && output_check("failed to save image", output, &checked, &err) < 0)
        return cli_fail(&err);
    _cleanup_buf_ struct buf path = BUF_INIT(1 * MIB);
    (void)buf_adds(&path, "/images/get");
    for (int i = 0; i < args_n(a); i++)
        client_query(&path, "names", args_at(a, i));
    if (*args_str(a, "platform"))
        client_query(&path, "platform", args_str(a, "platform"));
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    if (cli_client(cli, &c, &err) < 0 || client_open(c, "GET", buf_str(&path), NULL, &s, &err) < 0)
        return cli_fail(&err);
    if (!*output)
        return output_stream(s, STDOUT_FILENO, &err) < 0 ? cli_fail(&err) : 0;
    return output_file("failed to save image", s, output, &err) < 0 ? cli_fail(&err) : 0;
}

static int remove_one(struct client *c, const struct args *a, const char *name, struct err *err)
{
    _cleanup_free_ char *ref = client_escape(name);
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    (void)buf_addf(&path, "/images/%s", ref);
    if (args_bool(a, "force"))
        client_query(&path, "force", "1");
    if (args_bool(a, "no-prune"))
        client_query(&path, "noprune", "1");
    _cleanup_json_ json_t *gone = NULL;
    int r = client_call(c, "DELETE", buf_str(&path), NULL, &gone, err);
    if (r < 0)
        return r;
    size_t i;
    json_t *m;
    json_array_foreach(gone, i, m) {
        const char *deleted = json_str_or(m, "Deleted", NULL);
        if (deleted)
            (void)printf("Deleted: %s\n", deleted);
        else
            (void)printf("Untagged: %s\n", json_str_or(m, "Untagged", ""));
    }
    return 0;
}

static int run_rmi(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    int code = 0;
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    for (int i = 0; i < args_n(a); i++) {
        if (remove_one(c, a, args_at(a, i), &err) == 0)
            continue;
        (void)cli_fail(&err);
        if (err.kind != ERR_NOT_FOUND || !args_bool(a, "force"))
            code = CLI_EXIT_FAILURE;
    }
    return code;
}

static int run_tag(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *target = args_at(a, 1);
    if (image_reference_check(target, &err) < 0)
        return cli_failf("Error parsing reference: \"%s\" is not a valid repository/tag: %s",
                         target, err.message);
    const char *last = strrchr(target, '/');
    const char *tag = strchr(last ? last : target, ':');
    _cleanup_free_ char *repo = xstrndup(target, tag ? (size_t)(tag - target) : strlen(target));
    _cleanup_free_ char *source = client_escape(args_at(a, 0));
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    (void)buf_addf(&path, "/images/%s/tag", source);
    client_query(&path, "repo", repo);
    client_query(&path, "tag", tag ? tag + 1 : "latest");
    if (cli_client(cli, &c, &err) < 0 ||
        client_call(c, "POST", buf_str(&path), NULL, NULL, &err) < 0)
        return cli_fail(&err);
    return 0;
}

#define PLATFORM_FORMATTED                                               \
    " the given platform variant. Formatted as \"os[/arch[/variant]]\" " \
    "(e.g., \"linux/amd64\")"

static const struct opt import_opts[] = {
    {"change", 'c', OPT_LIST, "Apply Dockerfile instruction to the created image", NULL},
    {"message", 'm', OPT_STRING, "Set commit message for imported image", NULL},
    {"platform", 0, OPT_STRING, "Set platform if server is multi-platform capable", NULL},
};
static const struct opt load_opts[] = {
    {"input", 'i', OPT_STRING, "Read from tar archive file, instead of STDIN", NULL},
    {"platform", 0, OPT_STRING, "Load only" PLATFORM_FORMATTED, NULL},
    {"quiet", 'q', OPT_BOOL, "Suppress the load output", NULL},
};
static const struct opt save_opts[] = {
    {"output", 'o', OPT_STRING, "Write to a file, instead of STDOUT", NULL},
    {"platform", 0, OPT_STRING, "Save only" PLATFORM_FORMATTED, NULL},
};
static const struct opt rmi_opts[] = {
    {"force", 'f', OPT_BOOL, "Force removal of the image", NULL},
    {"no-prune", 0, OPT_BOOL, "Do not delete untagged parents", NULL},
};

const struct command cmd_import = {
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image",
    "image import, import",
    import_opts,
    ARRAY_SIZE(import_opts),
    1,
    -1,
    false,
    run_import};
const struct command cmd_load = {"[OPTIONS]",
                                 "Load an image from a tar archive or STDIN",
                                 "image load, load",
                                 load_opts,
                                 ARRAY_SIZE(load_opts),
                                 0,
                                 0,
                                 false,
                                 run_load};
const struct command cmd_save = {
    "[OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    "image save, save",
    save_opts,
    ARRAY_SIZE(save_opts),
    1,
    -1,
    false,
    run_save};
const struct command cmd_rmi = {"[OPTIONS] IMAGE [IMAGE...]",
                                "Remove one or more images",
                                "image rm, image remove, rmi",
                                rmi_opts,
                                ARRAY_SIZE(rmi_opts),
                                1,
                                -1,
                                false,
                                run_rmi};
const struct command cmd_tag = {"SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
                                "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
                                "image tag, tag",
                                NULL,
                                0,
                                2,
                                2,
                                false,
                                run_tag};
