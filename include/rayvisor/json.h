/* rayvisor/json.h - JSON text to msgpack and back, streaming.
 *
 * Reading (rv_json_to_mp() and the reader) is in librayvisor-json, which needs yajl; everything else is in
 * librayvisor-sdk.
 *
 * The reader takes bytes in chunks of any size and writes msgpack straight into a buffer: no document tree.
 * Exact: integers of 64 bits stay integers, other numbers become doubles, absent differs from null, key order is kept,
 * a later duplicate key is refused. A projection drops what nobody reads while it streams by.
 */
#ifndef RAYVISOR_JSON_H
#define RAYVISOR_JSON_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which fields are kept: a set of paths such as "metadata.name", "spec.containers[].name", "status" (all below it).
 * "[]" means every element of an array, "labels[ray.io/cluster]" a key with dots. No paths: all of them. Of the
 * document, of a list's elements and of a watch event's object every projection drops kubectl's copy of what was
 * applied last (an annotation as large as the object); `metadata.managedFields` is dropped without one (NULL), too.
 * Immutable once made. */
struct rv_projection;
struct rv_projection *rv_projection_new(const char *const *paths, size_t n, struct rv_error *err);
/* Is nothing kept but what lies under this top-level field (and apiVersion and kind)? */
bool rv_projection_only(const struct rv_projection *p, const char *field);
struct rv_projection *rv_projection_free(struct rv_projection *p);
/* Union of two (NULL = everything). A new object. */
struct rv_projection *rv_projection_union(const struct rv_projection *a, const struct rv_projection *b);
/* Does a keep everything that b keeps (NULL = everything)? */
bool rv_projection_covers(const struct rv_projection *a, const struct rv_projection *b);
/* For watch events {"type":..,"object":{..}}: `p` (NULL = everything) applied below "object", plus what bookmarks and
 * error events are read for. A new object. */
struct rv_projection *rv_projection_watch(const struct rv_projection *p);

struct rv_json_limits {
    size_t max_bytes;   /* per document, in a list per element; 0 = 16 MiB */
    unsigned max_depth; /* 0 = RV_MP_MAX_DEPTH */
    bool clip;          /* what lies deeper becomes nil, instead of RV_E_TOO_BIG for the whole text */
};

/* One whole text to one msgpack value appended to out. Nothing is appended on failure.
 * RV_E_PARSE (with offset and a short excerpt), RV_E_TOO_BIG. */
int rv_json_to_mp(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, struct rv_error *err);
/* The same, but what is nested too deeply becomes nil; *ret_clipped says whether anything did. */
int rv_json_to_mp_clipped(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, bool *ret_clipped,
                          struct rv_error *err);

/* The push reader. For a list response (`{"kind":"PodList","metadata":{..},"items":[..]}`) in list mode, each
 * element of the top-level `items` array is handed to on_item as one projected msgpack value as soon as it is complete,
 * and the rest of the top level (without items) is the value of rv_json_reader_finish. */
struct rv_json_reader;
typedef int (*rv_json_item_fn)(void *arg, struct rv_val item); /* non-zero stops with that code; bytes lent */
struct rv_json_reader *rv_json_reader_new(const struct rv_projection *p, const struct rv_json_limits *limits,
                                          rv_json_item_fn on_item, void *arg);
struct rv_json_reader *rv_json_reader_free(struct rv_json_reader *r);
int rv_json_reader_feed(struct rv_json_reader *r, const void *bytes, size_t n, struct rv_error *err);
/* End of input. *ret_value is valid until the reader is reset or freed. */
int rv_json_reader_finish(struct rv_json_reader *r, struct rv_val *ret_value, struct rv_error *err);
/* With clip: was anything of this document, in list mode of this element, clipped? */
bool rv_json_reader_clipped(const struct rv_json_reader *r);
void rv_json_reader_reset(struct rv_json_reader *r);

/* A value as compact JSON appended to out (UTF-8, '/' unescaped, doubles in the shortest form that reads back the
 * same). */
void rv_json_write(struct rv_val v, struct rv_buf *out);
/* The same with two-space indentation and a final newline. */
void rv_json_write_pretty(struct rv_val v, struct rv_buf *out);
/* One JSON string literal with its quotes, for hand-written documents and log lines. */
void rv_json_quote(struct rv_str s, struct rv_buf *out);

#ifdef __cplusplus
}
#endif
#endif
