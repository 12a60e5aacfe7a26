/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/progress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"

#define UPDATE_EVERY (512 * KIB)
#define BAR_WIDTH    50

int image_progress_stream(const struct image_progress *progress, const char *text, struct err *err)
{
    _cleanup_json_ json_t *o = json_object();

    if (!progress)
        return 0;
    json_set_str(o, "stream", text);
    if (progress->message(progress->ctx, o) < 0)
        return err_set(err, ERR_CANCELLED, "the client has gone");
    return 0;
}

/* As go-units HumanSize: four significant digits, powers of 1000. */
static void human_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double v = (double)bytes;
    size_t i = 0;

    while (v >= 1000.0 && i + 1 < ARRAY_SIZE(units)) {
        v /= 1000.0;
        i++;
    }
    (void)snprintf(out, size, "%.4g%s", v, units[i]);
}

void image_progress_bar(uint64_t current, uint64_t total, char out[static IMAGE_PROGRESS_BAR_MAX])
{
    static const char bar[] = "==================================================";
    static const char space[] = "                                                  ";
    char now[32];
    char all[32];

    human_size(current, now, sizeof(now));
    human_size(total, all, sizeof(all));
    if (total == 0 || current > total) {
        (void)snprintf(out, IMAGE_PROGRESS_BAR_MAX, "%8s", now);
        return;
    }
    int done = (int)((double)current / (double)total * 100 / 2);
    done = MIN(done, BAR_WIDTH);
    (void)snprintf(out, IMAGE_PROGRESS_BAR_MAX, "[%.*s>%.*s] %8s/%s", done, bar, BAR_WIDTH - done,
                   space, now, all);
}

void image_layer_progress_init(struct image_layer_progress *p,
                               const struct image_progress *progress, const struct digest *diff_id,
                               uint64_t total_bytes)
{
    *p = (struct image_layer_progress){.progress = progress, .total = total_bytes};
    (void)snprintf(p->id, sizeof(p->id), "%.12s", digest_hex(diff_id));
}

static int send_update(struct image_layer_progress *p, uint64_t current)
{
    char bar[IMAGE_PROGRESS_BAR_MAX];
    json_t *detail = json_object();
    _cleanup_json_ json_t *o = json_object();

    if (current)
        json_set_i64(detail, "current", (int64_t)current);
    if (p->total)
        json_set_i64(detail, "total", (int64_t)p->total);
    image_progress_bar(current, p->total, bar);
    json_set_str(o, "status", "Loading layer");
    json_set_take(o, "progressDetail", detail);
    json_set_str(o, "progress", bar);
    json_set_str(o, "id", p->id);
    p->last = current;
    p->started = true;
    return p->progress->message(p->progress->ctx, o) < 0 ? -ECANCELED : 0;
}

int image_layer_progress_update(struct image_layer_progress *p, uint64_t current_bytes)
{
    if (!p->progress || (p->started && current_bytes < p->last + UPDATE_EVERY))
        return 0;
    return send_update(p, current_bytes);
}

int image_layer_progress_end(struct image_layer_progress *p)
{
    return p->progress ? send_update(p, p->total) : 0;
}
