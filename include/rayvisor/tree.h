/* rayvisor/tree.h - building and changing an object.
 *
 * A node tree lives in an arena and goes away with it. Map order is kept as inserted. A subtree made from a
 * view (rv_node_from) is shared lazily: it stays a view until somebody writes below it, so taking over a large pod
 * template costs nothing for the parts that are left alone. The bytes behind such a view must outlive the tree.
 *
 * A node belongs to one place in one tree: to put it in two places, rv_node_copy() it.
 */
#ifndef RAYVISOR_TREE_H
#define RAYVISOR_TREE_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rv_node;

/* Making nodes. Text is copied into the arena. */
struct rv_node *rv_node_map(struct rv_arena *a);
struct rv_node *rv_node_array(struct rv_arena *a);
struct rv_node *rv_node_null(struct rv_arena *a);
struct rv_node *rv_node_bool(struct rv_arena *a, bool v);
struct rv_node *rv_node_int(struct rv_arena *a, int64_t v);
struct rv_node *rv_node_float(struct rv_arena *a, double v);
struct rv_node *rv_node_str(struct rv_arena *a, struct rv_str s);
struct rv_node *rv_node_fmt(struct rv_arena *a, const char *fmt, ...) RV_PRINTF(2, 3);
/* A view's content as a node; absent gives NULL. The bytes are borrowed (see above). */
struct rv_node *rv_node_from(struct rv_arena *a, struct rv_val v);
/* Deep copy into an arena (also of text): independent of the source. */
struct rv_node *rv_node_copy(struct rv_arena *a, const struct rv_node *n);

/* Reading. NULL nodes are absent values everywhere. */
enum rv_type rv_node_type(const struct rv_node *n);
size_t rv_node_len(struct rv_node *n);
struct rv_node *rv_node_get(struct rv_node *map, const char *key);
struct rv_node *rv_node_getn(struct rv_node *map, struct rv_str key);
struct rv_node *rv_node_at(struct rv_node *array, size_t index);
struct rv_node *rv_node_path(struct rv_node *n, const char *path); /* as rv_val_path */
struct rv_str rv_node_text(const struct rv_node *n);               /* {NULL,0} unless a string */
int64_t rv_node_to_int(const struct rv_node *n, int64_t fallback);
double rv_node_to_float(const struct rv_node *n, double fallback);
bool rv_node_to_bool(const struct rv_node *n, bool fallback);
/* Entry i of a map, in order: false past the end. */
bool rv_node_entry(struct rv_node *map, size_t i, struct rv_str *ret_key, struct rv_node **ret_val);

/* Writing. The arena is the tree's own. A set with a NULL node removes the key. Setting on a NULL map does nothing. */
void rv_node_set(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_node *value);
void rv_node_setn(struct rv_arena *a, struct rv_node *map, struct rv_str key, struct rv_node *value);
void rv_node_set_str(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_str value);
void rv_node_set_cstr(struct rv_arena *a, struct rv_node *map, const char *key, const char *value);
void rv_node_set_fmt(struct rv_arena *a, struct rv_node *map, const char *key, const char *fmt, ...) RV_PRINTF(4, 5);
void rv_node_set_int(struct rv_arena *a, struct rv_node *map, const char *key, int64_t value);
void rv_node_set_bool(struct rv_arena *a, struct rv_node *map, const char *key, bool value);
bool rv_node_remove(struct rv_node *map, const char *key); /* true when it was there */
void rv_node_append(struct rv_arena *a, struct rv_node *array, struct rv_node *value);
void rv_node_insert(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value);
bool rv_node_remove_at(struct rv_node *array, size_t index);
/* Replaces element index of an array. NULL values are ignored here, in append and in insert. */
void rv_node_put_at(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value);
/* The map (or array) under key, made if absent, null or of another type. */
struct rv_node *rv_node_ensure_map(struct rv_arena *a, struct rv_node *map, const char *key);
struct rv_node *rv_node_ensure_array(struct rv_arena *a, struct rv_node *map, const char *key);
/* First element of an array of maps whose `field` is the text `want` ("name" in containers, env, ports). */
struct rv_node *rv_node_find(struct rv_node *array, const char *field, struct rv_str want);

bool rv_node_equal(struct rv_node *a, struct rv_node *b);
/* The tree as msgpack, appended to b. NULL becomes nil. What lies deeper than RV_MP_MAX_DEPTH becomes nil too: no peer
 * would accept it, and a tree that was hung into itself ends. */
void rv_node_encode(struct rv_node *n, struct rv_buf *b);
/* The tree as msgpack in the arena: a view of it. */
struct rv_val rv_node_freeze(struct rv_arena *a, struct rv_node *n);

/* The merge patch (RFC 7386) that makes want of have: NULL when they are equal. What have has and want has not becomes
 * null, lists are taken whole. have may be absent, want must be a map. */
struct rv_node *rv_node_merge_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#ifdef __cplusplus
}
#endif
#endif
