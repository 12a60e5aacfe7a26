/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/events.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timeutil.h"
#include "engine/filters.h"

#define RING_MAX  512
#define QUEUE_MAX 2048

struct event_subscriber {
    struct event_subscriber *next;
    json_t *filters;      /* ref; own copy */
    int fd;               /* eventfd */
    struct event **queue; /* ring of QUEUE_MAX, allocated on the first event */
    size_t head, count;
    bool overflow;
};

struct event_bus {
    pthread_mutex_t lock;
    struct event *ring[RING_MAX];
    size_t head, count;
    struct event_subscriber *subscribers;
    int64_t last_nsec;
};

static const char *const accepted[] = {"config", "container", "daemon", "event",  "image",
                                       "label",  "network",   "node",   "plugin", "scope",
                                       "secret", "service",   "type",   "volume", NULL};

struct event_bus *event_bus_new(void)
{
    struct event_bus *b = XNEW(struct event_bus);

    (void)pthread_mutex_init(&b->lock, NULL);
    return b;
}

void event_bus_free(struct event_bus *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++)
        event_unref(b->ring[(b->head + i) % RING_MAX]);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

static struct event *event_ref(struct event *ev)
{
    (void)__atomic_add_fetch(&ev->refs, 1, __ATOMIC_RELAXED);
    return ev;
}

void event_unref(struct event *ev)
{
    if (!ev || __atomic_sub_fetch(&ev->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    free(ev->type);
    free(ev->action);
    free(ev->actor_id);
    free(ev->line);
    json_decref(ev->attributes);
    free(ev);
}

/* Docker's message, with the fields of its first version for containers and images. */
static void event_print(struct event *ev)
{
    _cleanup_json_ json_t *o = json_object();
    _cleanup_json_ json_t *sorted = NULL;
    _cleanup_free_ char *attributes = json_dumps(ev->attributes, JSON_COMPACT | JSON_SORT_KEYS);
    _cleanup_free_ char *text = NULL;
    json_t *actor = json_object();

    if (str_eq(ev->type, "container") || str_eq(ev->type, "image")) {
        const char *from = json_str_or(ev->attributes, "image", NULL);

        json_set_str(o, "status", ev->action);
        json_set_str(o, "id", ev->actor_id);
        if (from)
            json_set_str(o, "from", from);
    }
    json_set_str(o, "Type", ev->type);
    json_set_str(o, "Action", ev->action);
    json_set_str(actor, "ID", ev->actor_id);
    sorted = attributes ? json_loads(attributes, 0, NULL) : NULL;
    json_set_take(actor, "Attributes", sorted ? TAKE_PTR(sorted) : json_object());
    json_set_take(o, "Actor", actor);
    json_set_str(o, "scope", "local");
    json_set_i64(o, "time", ev->time_nsec / NSEC_PER_SEC);
    json_set_i64(o, "timeNano", ev->time_nsec);
    text = json_print(o);
    ev->line = xasprintf("%s\n", text);
    ev->line_len = strlen(ev->line);
}

/* "busybox:1@sha256:…" without tag and digest. */
static char *strip_tag(const char *name)
{
    const char *at = strchr(name, '@');
    size_t len = at ? (size_t)(at - name) : strlen(name);
    char *s = xstrndup(name, len), *slash = strrchr(s, '/');
    char *colon = strrchr(slash ? slash : s, ':');

    if (colon)
        *colon = '\0';
    return s;
}

/* The `container`, `volume` … filters: an ID prefix or a name. */
static bool match_actor(const json_t *filters, const char *type, const struct event *ev)
{
    const char *name = json_str_or(ev->attributes, "name", "");
    size_t cursor = 0;
    const char *want;

    if (!filters_has(filters, type))
        return true;
    if (!str_eq(ev->type, type))
        return false;
    while ((want = filters_next(filters, type, &cursor)))
        if (str_starts(ev->actor_id, want) || str_eq(name, want) ||
            (str_starts(name, want) && !str_eq(type, "image")))
            return true;
    return false;
}

static bool match_image(const json_t *filters, const struct event *ev)
{
    bool image = str_eq(ev->type, "image");
    const char *name = json_str_or(ev->attributes, image ? "name" : "image", "");
    _cleanup_free_ char *stripped = strip_tag(name);

    if (!filters_has(filters, "image"))
        return true;
    return filters_exact(filters, "image", name) || filters_exact(filters, "image", stripped) ||
           (image && filters_exact(filters, "image", ev->actor_id));
}

static bool match_action(const json_t *filters, const struct event *ev)
{
    static const char *const with_detail[] = {"health_status", "exec_create", "exec_start"};
    size_t cursor = 0;
    const char *want;

    if (!filters_has(filters, "event"))
        return true;
    while ((want = filters_next(filters, "event", &cursor))) {
        if (str_eq(want, ev->action))
            return true;
        for (size_t i = 0; i < ARRAY_SIZE(with_detail); i++)
            if (str_eq(want, with_detail[i]) && str_starts(ev->action, want))
                return true;
    }
    return false;
}

static bool event_matches(const json_t *filters, const struct event *ev)
{
    static const char *const actors[] = {"container", "network", "volume", "plugin",
                                         "service",   "node",    "secret", "config"};

    if (!filters || json_object_size(filters) == 0)
        return true;
    if (!match_action(filters, ev) || !filters_exact(filters, "type", ev->type) ||
        !filters_exact(filters, "scope", "local") || !match_image(filters, ev) ||
        !filters_labels(filters, "label", ev->attributes))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(actors); i++)
        if (!match_actor(filters, actors[i], ev))
            return false;
    return !filters_has(filters, "daemon") || str_eq(ev->type, "daemon");
}

/* The bus's lock is held. */
static void enqueue(struct event_subscriber *s, struct event *ev)
{
    uint64_t one = 1;

    if (s->overflow || !event_matches(s->filters, ev))
        return;
    if (s->count == QUEUE_MAX) {
        s->overflow = true;
    } else {
        if (!s->queue)
            s->queue = XNEW_ARRAY(struct event *, QUEUE_MAX);
        s->queue[(s->head + s->count++) % QUEUE_MAX] = event_ref(ev);
    }
    if (write(s->fd, &one, sizeof(one)) < 0)
        s->overflow = true;
}

void event_publish(struct event_bus *b, const char *type, const char *action, const char *actor_id,
                   json_t *attributes)
{
    struct event *ev = XNEW(struct event);

    ev->refs = 1;
    ev->type = xstrdup(type);
    ev->action = xstrdup(action);
    ev->actor_id = xstrdup(actor_id);
    ev->attributes = attributes ? attributes : json_object();
    LOCK_SCOPE(&b->lock);
    /* strictly rising, so that `since` of the last one seen neither repeats nor loses */
    ev->time_nsec = MAX(now_nsec(), b->last_nsec + 1);
    b->last_nsec = ev->time_nsec;
    event_print(ev);
    if (b->count == RING_MAX) {
        event_unref(b->ring[b->head]);
        b->head = (b->head + 1) % RING_MAX;
        b->count--;
    }
    b->ring[(b->head + b->count++) % RING_MAX] = ev;
    for (struct event_subscriber *s = b->subscribers; s; s = s->next)
        enqueue(s, ev);
}

int event_subscribe(struct event_bus *b, const json_t *filters, int64_t since_nsec,
                    struct event_subscriber **ret, struct err *err)
{
    struct event_subscriber *s;
    int r = filters_check(filters, accepted, err);

    if (r < 0)
        return r;
    s = XNEW(struct event_subscriber);
    s->filters = json_is_object(filters) ? json_deep_copy(filters) : NULL;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) {
        r = errno;
        json_decref(s->filters);
        free(s);
        return err_errno(err, r, "eventfd");
    }
    LOCK_SCOPE(&b->lock);
    for (size_t i = 0; since_nsec > 0 && i < b->count; i++) {
        struct event *ev = b->ring[(b->head + i) % RING_MAX];

        if (ev->time_nsec >= since_nsec)
            enqueue(s, ev);
    }
    s->next = b->subscribers;
    b->subscribers = s;
    *ret = s;
    return 0;
}

void event_unsubscribe(struct event_bus *b, struct event_subscriber *s)
{
    if (!s)
        return;
    {
        LOCK_SCOPE(&b->lock);
        for (struct event_subscriber **p = &b->subscribers; *p; p = &(*p)->next)
            if (*p == s) {
                *p = s->next;
                break;
            }
    }
    for (size_t i = 0; i < s->count; i++)
        event_unref(s->queue[(s->head + i) % QUEUE_MAX]);
    free(s->queue);
    json_decref(s->filters);
    (void)close_fd(s->fd);
    free(s);
}

int event_subscriber_fd(const struct event_subscriber *s)
{
    return s->fd;
}

int event_next(struct event_bus *b, struct event_subscriber *s, struct event **ret)
{
    uint64_t n;

    LOCK_SCOPE(&b->lock);
    if (s->count == 0) {
        (void)!read(s->fd, &n, sizeof(n));
        return s->overflow ? -ECANCELED : 0;
    }
    *ret = s->queue[s->head];
    s->head = (s->head + 1) % QUEUE_MAX;
    s->count--;
    return 1;
}

unsigned event_bus_listeners(struct event_bus *b)
{
    unsigned n = 0;

    LOCK_SCOPE(&b->lock);
    for (struct event_subscriber *s = b->subscribers; s; s = s->next)
        n++;
    return n;
}
