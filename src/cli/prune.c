/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `container prune`, `image prune`, `volume prune` and `system prune`. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/human.h"

static bool confirmed(const struct args *a, const char *warning)
{
    char line[16] = "";

    if (args_bool(a, "force"))
        return true;
    (void)printf("%s\nAre you sure you want to continue? [y/N] ", warning);
    (void)fflush(stdout);
    return fgets(line, sizeof(line), stdin) && (line[0] | 0x20) == 'y' && line[1] == '\n';
}

/* POST path with the command's filters and one more, which may be NULL. */
static int call(struct cli *cli, const struct args *a, const char *path, const char *more,
                json_t **ret, struct err *err)
{
    _cleanup_strv_ char **filters = strv_copy(args_list(a, "filter"));
    _cleanup_buf_ struct buf q = BUF_INIT(64 * KIB);
    struct client *c = NULL;
    int r = cli_client(cli, &c, err);

    if (r < 0)
        return r;
    if (more)
        strv_push(&filters, more);
    _cleanup_free_ char *coded = cli_filters(filters);
    (void)buf_adds(&q, path);
    if (coded)
        client_query(&q, "filters", coded);
    return client_call(c, "POST", buf_str(&q), NULL, ret, err);
}

static void print_names(const char *heading, const json_t *names)
{
    json_t *v;
    size_t i;

    if (json_array_size(names) == 0)
        return;
    (void)printf("%s:\n", heading);
    json_array_foreach(names, i, v) {
        const char *untagged = json_str_or(v, "Untagged", NULL);

        if (json_is_string(v))
            (void)printf("%s\n", json_string_value(v));
        else if (untagged)
            (void)printf("untagged: %s\n", untagged);
        else
            (void)printf("deleted: %s\n", json_str_or(v, "Deleted", ""));
    }
    (void)printf("\n");
}

struct kind {
    const char *path, *member, *heading;
};
static const struct kind containers = {"/containers/prune", "ContainersDeleted",
                                       "Deleted Containers"};
static const struct kind networks = {"/networks/prune", "NetworksDeleted", "Deleted Networks"};
static const struct kind volumes = {"/volumes/prune", "VolumesDeleted", "Deleted Volumes"};
static const struct kind images = {"/images/prune", "ImagesDeleted", "Deleted Images"};
static const struct kind builds = {"/build/prune", "CachesDeleted", "Deleted build cache objects"};

static int prune(struct cli *cli, const struct args *a, const struct kind *k, const char *more,
                 double *bytes, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = call(cli, a, k->path, more, &answer, err);

    if (r < 0)
        return r;
    print_names(k->heading, json_object_get(answer, k->member));
    *bytes += (double)json_i64_or(answer, "SpaceReclaimed", 0);
    return 0;
}

static int finish(int r, double bytes, const struct err *err)
{
    char size[HUMAN_MAX];

    if (r < 0)
        return cli_fail(err);
    human_size(bytes, 4, size);
    (void)printf("Total reclaimed space: %s\n", size);
    return 0;
}

static int run_containers(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    double bytes = 0;

    if (!confirmed(a, "WARNING! This will remove all stopped containers."))
        return cli_failf("container prune has been cancelled");
    int r = prune(cli, a, &containers, NULL, &bytes, &err);
    return finish(r, bytes, &err);
}

static int run_images(struct cli *cli, const struct args *a)
{
    bool all = args_bool(a, "all");
    struct err err = {0};
    double bytes = 0;

    if (!confirmed(a, all ? "WARNING! This will remove all images without at least one container "
                            "associated to them."
                          : "WARNING! This will remove all dangling images."))
        return cli_failf("image prune has been cancelled");
    int r = prune(cli, a, &images, all ? "dangling=false" : "dangling=true", &bytes, &err);
    return finish(r, bytes, &err);
}

static int run_volumes(struct cli *cli, const struct args *a)
{
    bool all = args_bool(a, "all");
    struct err err = {0};
    double bytes = 0;

    if (!confirmed(a, all ? "WARNING! This will remove all local volumes not used by at least one "
                            "container."
                          : "WARNING! This will remove anonymous local volumes not used by at "
                            "least one container."))
        return cli_failf("volume prune has been cancelled");
    int r = prune(cli, a, &volumes, all ? "all=1" : NULL, &bytes, &err);
    return finish(r, bytes, &err);
}

static int run_system(struct cli *cli, const struct args *a)
{
    bool all = args_bool(a, "all"), with_volumes = args_bool(a, "volumes");
    _cleanup_free_ char *warning = xasprintf(
        "WARNING! This will remove:\n"
        "  - all stopped containers\n"
        "  - all networks not used by at least one container\n%s%s"
        "  - unused build cache\n",
        with_volumes ? "  - all anonymous volumes not used by at least one container\n" : "",
        all ? "  - all images without at least one container associated to them\n"
            : "  - all dangling images\n");
    struct err err = {0};
    double bytes = 0;
    int r;

    if (!confirmed(a, warning))
        return cli_failf("system prune has been cancelled");
    r = prune(cli, a, &containers, NULL, &bytes, &err);
    if (r == 0)
        r = prune(cli, a, &networks, NULL, &bytes, &err);
    if (r == 0 && with_volumes)
        r = prune(cli, a, &volumes, NULL, &bytes, &err);
    if (r == 0)
        r = prune(cli, a, &images, all ? "dangling=false" : "dangling=true", &bytes, &err);
    if (r == 0)
        r = prune(cli, a, &builds, NULL, &bytes, &err);
    return finish(r, bytes, &err);
}

#define FORCE_OPT                                                      \
    {                                                                  \
        "force", 'f', OPT_BOOL, "Do not prompt for confirmation", NULL \
    }
#define FILTER_OPT(example)                                                           \
    {                                                                                 \
        "filter", 0, OPT_FILTER, "Provide filter values (e.g. \"" example "\")", NULL \
    }

static const struct opt container_opts[] = {FILTER_OPT("until=<timestamp>"), FORCE_OPT};
static const struct opt image_opts[] = {
    {"all", 'a', OPT_BOOL, "Remove all unused images, not just dangling ones", NULL},
    FILTER_OPT("until=<timestamp>"),
    FORCE_OPT,
};
static const struct opt volume_opts[] = {
    {"all", 'a', OPT_BOOL, "Remove all unused volumes, not just anonymous ones", NULL},
    FILTER_OPT("label=<label>"),
    FORCE_OPT,
};
static const struct opt system_opts[] = {
    {"all", 'a', OPT_BOOL, "Remove all unused images not just dangling ones", NULL},
    FILTER_OPT("label=<key>=<value>"),
    FORCE_OPT,
    {"volumes", 0, OPT_BOOL, "Prune anonymous volumes", NULL},
};

const struct command cmd_container_prune = {"[OPTIONS]",
                                            "Remove all stopped containers",
                                            NULL,
                                            container_opts,
                                            ARRAY_SIZE(container_opts),
                                            0,
                                            0,
                                            false,
                                            run_containers};
const struct command cmd_image_prune = {
    "[OPTIONS]", "Remove unused images", NULL, image_opts, ARRAY_SIZE(image_opts), 0, 0, false,
    run_images};
const struct command cmd_volume_prune = {"[OPTIONS]",
                                         "Remove unused local volumes",
                                         NULL,
                                         volume_opts,
                                         ARRAY_SIZE(volume_opts),
                                         0,
                                         0,
                                         false,
                                         run_volumes};
const struct command cmd_system_prune = {
    "[OPTIONS]", "Remove unused data", NULL, system_opts, ARRAY_SIZE(system_opts), 0, 0, false,
    run_system};
