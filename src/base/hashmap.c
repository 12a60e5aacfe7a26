/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/hashmap.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"

/* Open addressing with linear probing; a removed slot is closed by shifting its followers back.
 * The hash is seeded at random, as keys come from clients. */
struct slot {
    char *key; /* owned; NULL: free */
    void *value;
    uint64_t hash;
};

struct hashmap {
    struct slot *slots;
    size_t cap; /* power of two */
    size_t len;
    uint64_t seed;
    hashmap_free_fn free_value;
};

/* FNV-1a over a random seed, finished by an avalanche step. */
static uint64_t hash_key(const struct hashmap *m, const char *key)
{
    uint64_t h = 0xcbf29ce484222325ULL ^ m->seed;

    for (; *key; key++) {
        h ^= (unsigned char)*key;
        h *= 0x100000001b3ULL;
    }
    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15ULL;
    return h ^ (h >> 29);
}

struct hashmap *hashmap_new(hashmap_free_fn free_value)
{
    struct hashmap *m = XNEW(struct hashmap);

    m->cap = 8;
    m->slots = XNEW_ARRAY(struct slot, m->cap);
    m->free_value = free_value;
    if (getrandom(&m->seed, sizeof(m->seed), GRND_NONBLOCK) < 0)
        m->seed = (uint64_t)(uintptr_t)m;
    return m;
}

static void drop_value(struct hashmap *m, void *value)
{
    if (m->free_value && value)
        m->free_value(value);
}

void hashmap_free(struct hashmap *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;
        free(m->slots[i].key);
        drop_value(m, m->slots[i].value);
    }
    free(m->slots);
    free(m);
}

static struct slot *find_slot(const struct hashmap *m, const char *key, uint64_t hash)
{
    for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && strcmp(s->key, key) == 0))
            return s;
    }
}

void *hashmap_get(const struct hashmap *m, const char *key)
{
    struct slot *s = find_slot(m, key, hash_key(m, key));

    return s->key ? s->value : NULL;
}

static void grow(struct hashmap *m)
{
    struct slot *old = m->slots;
    size_t old_cap = m->cap;

    m->cap *= 2;
    m->slots = XNEW_ARRAY(struct slot, m->cap);
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].key)
            *find_slot(m, old[i].key, old[i].hash) = old[i];
    free(old);
}

void hashmap_put(struct hashmap *m, const char *key, void *value)
{
    if (m->len * 4 >= m->cap * 3)
        grow(m);
    uint64_t hash = hash_key(m, key);
    struct slot *s = find_slot(m, key, hash);
    if (s->key) {
        if (s->value != value)
            drop_value(m, s->value);
        s->value = value;
        return;
    }
    *s = (struct slot){.key = xstrdup(key), .value = value, .hash = hash};
    m->len++;
}

void *hashmap_take(struct hashmap *m, const char *key)
{
    struct slot *s = find_slot(m, key, hash_key(m, key));

    if (!s->key)
        return NULL;
    void *value = s->value;
    free(s->key);
    m->len--;
    size_t hole = (size_t)(s - m->slots);
    for (size_t i = (hole + 1) & (m->cap - 1); m->slots[i].key; i = (i + 1) & (m->cap - 1)) {
        size_t home = m->slots[i].hash & (m->cap - 1);
        if (((i - home) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct slot){};
    return value;
}

void hashmap_remove(struct hashmap *m, const char *key)
{
    drop_value(m, hashmap_take(m, key));
}

size_t hashmap_len(const struct hashmap *m)
{
    return m->len;
}

bool hashmap_next(const struct hashmap *m, size_t *cursor, const char **key, void **value)
{
    for (; *cursor < m->cap; (*cursor)++) {
        struct slot *s = &m->slots[*cursor];
        if (!s->key)
            continue;
        if (key)
            *key = s->key;
        if (value)
            *value = s->value;
        (*cursor)++;
        return true;
    }
    return false;
}
