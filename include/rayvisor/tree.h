/* rayvisor/tree.h - building and changing an object.
 *
 * A tree of nodes lives in an arena and is freed with it. A map keeps the order in which keys were inserted. A subtree
 * that is made from a view (rv_node_from) is shared: it stays a view until somebody writes below it. So a copy of a
 * large pod template costs nothing for the unchanged parts. The bytes of such a view must outlive the tree.
 *
 * A node belongs to one place in one tree. To put it in two places, copy it with rv_node_copy(). */
#ifndef RAYVISOR_TREE_H
#define RAYVISOR_TREE_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rv_node;

/* Functions that make nodes. Text is copied into the arena. */
struct rv_node *rv_node_map(struct rv_arena *a);
struct rv_node *rv_node_array(struct rv_arena *a);
struct rv_node *rv_node_null(struct rv_arena *a);
struct rv_node *rv_node_bool(struct rv_arena *a, bool v);
struct rv_node *rv_node_int(struct rv_arena *a, int64_t v);
struct rv_node *rv_node_float(struct rv_arena *a, double v);
struct rv_node *rv_node_str(struct rv_arena *a, struct rv_str s);
struct rv_node *rv_node_fmt(struct rv_arena *a, const char *fmt, ...) RV_PRINTF(2, 3);
/* A node with the content of a view. An absent value gives NULL. The bytes are borrowed (see above). */
struct rv_node *rv_node_from(struct rv_arena *a, struct rv_val v);
/* A deep copy in an arena, including the text. It is independent of the source. */
struct rv_node *rv_node_copy(struct rv_arena *a, const struct rv_node *n);

/* Functions that read. A NULL node is an absent value, and all of them accept it. */
enum rv_type rv_node_type(const struct rv_node *n);
size_t rv_node_len(struct rv_node *n);
struct rv_node *rv_node_get(struct rv_node *map, const char *key);
struct rv_node *rv_node_getn(struct rv_node *map, struct rv_str key);
struct rv_node *rv_node_at(struct rv_node *array, size_t index);
struct rv_node *rv_node_path(struct rv_node *n, const char *path); /* a path as in rv_val_path() */
struct rv_str rv_node_text(const struct rv_node *n);               /* {NULL, 0} if it is not a string */
int64_t rv_node_to_int(const struct rv_node *n, int64_t fallback);
double rv_node_to_float(const struct rv_node *n, double fallback);
bool rv_node_to_bool(const struct rv_node *n, bool fallback);
/* Entry i of a map, in order. Returns false after the last one. */
bool rv_node_entry(struct rv_node *map, size_t i, struct rv_str *ret_key, struct rv_node **ret_val);

/* Functions that write. The arena must be the tree's own. Setting a key to NULL removes the key. Setting a key of a
 * NULL map does nothing. Functions that add to an array ignore a NULL value. */
void rv_node_set(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_node *value);
void rv_node_setn(struct rv_arena *a, struct rv_node *map, struct rv_str key, struct rv_node *value);
void rv_node_set_str(struct rv_arena *a, struct rv_node *map, const char *key, struct rv_str value);
void rv_node_set_cstr(struct rv_arena *a, struct rv_node *map, const char *key, const char *value);
void rv_node_set_fmt(struct rv_arena *a, struct rv_node *map, const char *key, const char *fmt, ...) RV_PRINTF(4, 5);
void rv_node_set_int(struct rv_arena *a, struct rv_node *map, const char *key, int64_t value);
void rv_node_set_bool(struct rv_arena *a, struct rv_node *map, const char *key, bool value);
bool rv_node_remove(struct rv_node *map, const char *key); /* true if it was there */
void rv_node_append(struct rv_arena *a, struct rv_node *array, struct rv_node *value);
/* Inserts before element index, or at the end if the array is shorter. */
void rv_node_insert(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value);
bool rv_node_remove_at(struct rv_node *array, size_t index);
/* Replaces element index of an array. */
void rv_node_put_at(struct rv_arena *a, struct rv_node *array, size_t index, struct rv_node *value);
/* The map (or array) under the key. It is made if it is absent, null or of another type. Returns NULL if `map` is not a
 * map. */
struct rv_node *rv_node_ensure_map(struct rv_arena *a, struct rv_node *map, const char *key);
struct rv_node *rv_node_ensure_array(struct rv_arena *a, struct rv_node *map, const char *key);
/* The first element of an array of maps whose `field` is the text `want` (such as "name" in containers, env or ports).
 * NULL if there is none. */
struct rv_node *rv_node_find(struct rv_node *array, const char *field, struct rv_str want);

/* Deep equality, as in rv_val_equal(). */
bool rv_node_equal(struct rv_node *a, struct rv_node *b);
/* Appends the tree as msgpack to b. NULL becomes nil. Values deeper than RV_MP_MAX_DEPTH become nil as well, because no
 * peer would accept them. So a tree that was inserted into itself also ends. */
void rv_node_encode(struct rv_node *n, struct rv_buf *b);
/* The tree as msgpack in the arena, and a view of it. */
struct rv_val rv_node_freeze(struct rv_arena *a, struct rv_node *n);

/* The merge patch (RFC 7386) that turns `have` into `want`, or NULL if they are equal. Keys that only `have` has become
 * null, and lists are replaced as a whole. `have` may be absent; `want` must be a map. */
struct rv_node *rv_node_merge_patch(struct rv_arena *a, struct rv_val have, struct rv_val want);

#ifdef __cplusplus
}
#endif
#endif
