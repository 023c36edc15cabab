/* rayvisor/json.h - converts JSON text to msgpack and back.
 *
 * The functions that read JSON (rv_json_to_mp() and the reader) are in librayvisor-json, which needs yajl. All other
 * functions are in librayvisor-sdk.
 *
 * The reader takes bytes in chunks of any size and writes msgpack directly into a buffer, without a document tree. It
 * is exact: integers of 64 bits stay integers, other numbers become doubles, absent differs from null, and the order of
 * keys is kept. A key that occurs twice is refused. A projection drops the fields that nobody reads while the text
 * arrives. */
#ifndef RAYVISOR_JSON_H
#define RAYVISOR_JSON_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A set of field paths that are kept, such as "metadata.name", "spec.containers[].name" or "status" (with everything
 * below it). "[]" means every element of an array. "labels[ray.io/cluster]" is a key with dots. An empty set keeps
 * every field.
 *
 * Every projection drops the annotation in which kubectl stores the last applied object, because it is as large as the
 * object. `metadata.managedFields` is always dropped, also without a projection (NULL). Both hold for the document, the
 * elements of a list and the object of a watch event.
 *
 * A projection is immutable. Functions that return one return a new object, which the caller frees. rv_projection_new()
 * returns NULL and sets err if a path is malformed. */
struct rv_projection;
struct rv_projection *rv_projection_new(const char *const *paths, size_t n, struct rv_error *err);
/* Returns true if p keeps nothing but this top-level field, apiVersion and kind. */
bool rv_projection_only(const struct rv_projection *p, const char *field);
struct rv_projection *rv_projection_free(struct rv_projection *p);
/* A new projection that keeps what a or b keeps. NULL means everything. */
struct rv_projection *rv_projection_union(const struct rv_projection *a, const struct rv_projection *b);
/* True if a keeps everything that b keeps. NULL means everything. */
bool rv_projection_covers(const struct rv_projection *a, const struct rv_projection *b);
/* A new projection for watch events {"type":..,"object":{..}}. It applies p (NULL means everything) below "object", and
 * also keeps the fields that bookmarks and error events need. */
struct rv_projection *rv_projection_watch(const struct rv_projection *p);

struct rv_json_limits {
    size_t max_bytes;   /* for each document, or for each element in list mode; 0 means 16 MiB */
    unsigned max_depth; /* 0 means RV_MP_MAX_DEPTH */
    bool clip; /* values that are nested deeper become nil; without it the whole text is refused with RV_E_TOO_BIG */
};

/* Converts one whole text to one msgpack value and appends it to out. On failure nothing is appended. Returns
 * RV_E_PARSE (the text gives the offset and a short excerpt) or RV_E_TOO_BIG. */
int rv_json_to_mp(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, struct rv_error *err);
/* The same, but values that are nested too deeply become nil. *ret_clipped is true if there were any. */
int rv_json_to_mp_clipped(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, bool *ret_clipped,
                          struct rv_error *err);

/* A reader that is fed with chunks of text. In list mode (on_item is not NULL) it reads a list such as
 * `{"kind":"PodList","metadata":{..},"items":[..]}`. It passes each element of the top-level `items` array to on_item,
 * as one projected msgpack value, as soon as the element is complete. rv_json_reader_finish() returns the other fields
 * of the top level.
 *
 * The reader copies `limits` and borrows `p`, which must live as long as the reader. */
struct rv_json_reader;
/* The item is borrowed for the call; a code other than 0 stops the reader with that code. */
typedef int (*rv_json_item_fn)(void *arg, struct rv_val item);
struct rv_json_reader *rv_json_reader_new(const struct rv_projection *p, const struct rv_json_limits *limits,
                                          rv_json_item_fn on_item, void *arg);
struct rv_json_reader *rv_json_reader_free(struct rv_json_reader *r);
/* Reads the next n bytes. Returns 0, RV_E_PARSE, RV_E_TOO_BIG or the code of on_item. */
int rv_json_reader_feed(struct rv_json_reader *r, const void *bytes, size_t n, struct rv_error *err);
/* Ends the input. *ret_value is valid until the reader is reset or freed. Returns RV_E_PARSE if the text is
 * incomplete. */
int rv_json_reader_finish(struct rv_json_reader *r, struct rv_val *ret_value, struct rv_error *err);
/* With limits.clip: returns true if a part of this document (in list mode, of this element) became nil. */
bool rv_json_reader_clipped(const struct rv_json_reader *r);
/* Prepares the reader for a new text, with the same projection and limits. */
void rv_json_reader_reset(struct rv_json_reader *r);

/* Appends a value as compact JSON to out. The text is UTF-8, '/' is not escaped, and a double has the fewest digits
 * that read back as the same double. */
void rv_json_write(struct rv_val v, struct rv_buf *out);
/* The same with an indentation of two spaces and a final newline. */
void rv_json_write_pretty(struct rv_val v, struct rv_buf *out);
/* Appends one JSON string literal with its quotes. */
void rv_json_quote(struct rv_str s, struct rv_buf *out);

#ifdef __cplusplus
}
#endif
#endif
