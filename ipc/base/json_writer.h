/* json_writer.h - writes JSON text member by member. The caller opens and closes objects and arrays, and the writer
 * adds the commas.
 *
 *     struct jsonw w = {.out = &buf};
 *     jsonw_begin_object(&w, NULL);
 *     jsonw_str(&w, "name", name);
 *     jsonw_begin_array(&w, "ports");
 *     for (...) jsonw_int(&w, NULL, port);
 *     jsonw_end_array(&w);
 *     jsonw_end_object(&w);
 *
 * Every function takes a key. Inside an object the key is the member's name. Inside an array, and for the document
 * itself, it is NULL. Keys are literals of the caller, but they are quoted all the same. All text must be UTF-8. */
#ifndef RV_IPC_BASE_JSON_WRITER_H
#define RV_IPC_BASE_JSON_WRITER_H

#include "rayvisor/value.h"

struct jsonw {
    struct rv_buf *out; /* borrowed; the text is appended to it */
    bool comma;         /* the next value needs a comma before it */
};

void jsonw_begin_object(struct jsonw *w, const char *key);
void jsonw_end_object(struct jsonw *w);
void jsonw_begin_array(struct jsonw *w, const char *key);
void jsonw_end_array(struct jsonw *w);

void jsonw_str(struct jsonw *w, const char *key, struct rv_str value);
void jsonw_lines(struct jsonw *w, const char *key, struct rv_str text); /* an array of its lines */
void jsonw_text(struct jsonw *w, const char *key, const char *value);   /* writes NULL as the empty string */
void jsonw_fmt(struct jsonw *w, const char *key, const char *fmt, ...) RV_PRINTF(3, 4); /* writes a string */
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_uint(struct jsonw *w, const char *key, uint64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_val(struct jsonw *w, const char *key, struct rv_val value); /* writes an absent value as null */
void jsonw_raw(struct jsonw *w, const char *key, struct rv_str json);  /* writes one whole value that is already JSON */
/* Writes members of an object that are already JSON, without the braces. "" means no members. */
void jsonw_members(struct jsonw *w, struct rv_str json);
/* Writes a member name that is not a literal. Its value comes next, with NULL as its key. */
void jsonw_key(struct jsonw *w, struct rv_str key);
/* Prepares one value and returns the buffer. The caller must append the whole value to it. */
struct rv_buf *jsonw_value(struct jsonw *w, const char *key);

#endif
