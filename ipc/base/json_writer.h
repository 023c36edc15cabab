/* json_writer.h - JSON text that code writes member by member: objects and arrays are opened and closed, and the writer
 * puts the commas.
 *
 *     struct jsonw w = {.out = &buf};
 *     jsonw_begin_object(&w, NULL);
 *     jsonw_str(&w, "name", name);
 *     jsonw_begin_array(&w, "ports");
 *     for (...) jsonw_int(&w, NULL, port);
 *     jsonw_end_array(&w);
 *     jsonw_end_object(&w);
 *
 * Every function takes a key: inside an object it is the member's name, inside an array and for the whole document it
 * is NULL. Keys are the caller's own literals, but they are quoted all the same. Text must be UTF-8.
 */
#ifndef RV_IPC_BASE_JSON_WRITER_H
#define RV_IPC_BASE_JSON_WRITER_H

#include "rayvisor/value.h"

struct jsonw {
    struct rv_buf *out; /* lent; the text is appended to it */
    bool comma;         /* the next value stands behind another one */
};

void jsonw_begin_object(struct jsonw *w, const char *key);
void jsonw_end_object(struct jsonw *w);
void jsonw_begin_array(struct jsonw *w, const char *key);
void jsonw_end_array(struct jsonw *w);

void jsonw_str(struct jsonw *w, const char *key, struct rv_str value);
void jsonw_text(struct jsonw *w, const char *key, const char *value); /* NULL is written as the empty string */
void jsonw_fmt(struct jsonw *w, const char *key, const char *fmt, ...) RV_PRINTF(3, 4); /* a string */
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_val(struct jsonw *w, const char *key, struct rv_val value); /* absent is written as null */
void jsonw_raw(struct jsonw *w, const char *key, struct rv_str json);  /* one whole value that is JSON already */
/* Members of an object that are JSON already, without the braces; "" for none. */
void jsonw_members(struct jsonw *w, struct rv_str json);
/* A member whose name is not a literal: its value comes next, with NULL as its key. */
void jsonw_key(struct jsonw *w, struct rv_str key);
/* A value that the caller writes, whole, to the buffer that is returned. */
struct rv_buf *jsonw_value(struct jsonw *w, const char *key);

#endif
