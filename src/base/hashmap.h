/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A hash map from strings to pointers. Keys are copied; values are borrowed unless a free function
 * is given at creation. Not thread-safe. Iteration order is unspecified. */

#include "base/macros.h"

struct hashmap;

typedef void (*hashmap_free_fn)(void *value);

/* free_value may be NULL; it is called for values that leave the map other than by hashmap_take. */
struct hashmap *hashmap_new(hashmap_free_fn free_value);
void hashmap_free(struct hashmap *m);
DEFINE_CLEANUP(struct hashmap *, hashmap_free);
void *hashmap_get(const struct hashmap *m, const char *key);
/* Sets or replaces. */
void hashmap_put(struct hashmap *m, const char *key, void *value);
/* Removes and returns the value without freeing it; NULL when absent. */
void *hashmap_take(struct hashmap *m, const char *key);
void hashmap_remove(struct hashmap *m, const char *key);
size_t hashmap_len(const struct hashmap *m);
/* Steps through all entries: start with *cursor = 0; false at the end. The map must not change
 * meanwhile. key and value may be NULL. */
bool hashmap_next(const struct hashmap *m, size_t *cursor, const char **key, void **value);
