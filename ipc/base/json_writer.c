/* json_writer.c - see json_writer.h. A comma is needed after a value, and not after an opening bracket or a key. So one
 * flag for what was written last is enough at any depth. */
#include "json_writer.h"
#include "lines.h"

#include <inttypes.h>

#include "rayvisor/json.h"

static void begin_value(struct jsonw *w, const char *key) {
    if (w->comma) rv_buf_addc(w->out, ',');
    w->comma = true;
    if (key == NULL) return;
    rv_json_quote(rv_str(key), w->out);
    rv_buf_addc(w->out, ':');
}

static void open_bracket(struct jsonw *w, const char *key, uint8_t bracket) {
    begin_value(w, key);
    rv_buf_addc(w->out, bracket);
    w->comma = false;
}

static void close_bracket(struct jsonw *w, uint8_t bracket) {
    rv_buf_addc(w->out, bracket);
    w->comma = true;
}

void jsonw_begin_object(struct jsonw *w, const char *key) { open_bracket(w, key, '{'); }
void jsonw_end_object(struct jsonw *w) { close_bracket(w, '}'); }
void jsonw_begin_array(struct jsonw *w, const char *key) { open_bracket(w, key, '['); }
void jsonw_end_array(struct jsonw *w) { close_bracket(w, ']'); }

void jsonw_str(struct jsonw *w, const char *key, struct rv_str value) {
    begin_value(w, key);
    rv_json_quote(value, w->out);
}

void jsonw_text(struct jsonw *w, const char *key, const char *value) { jsonw_str(w, key, rv_str(value)); }

void jsonw_fmt(struct jsonw *w, const char *key, const char *fmt, ...) {
    rv_autobuf struct rv_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    jsonw_str(w, key, rv_buf_str(&text));
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value) {
    begin_value(w, key);
    rv_buf_addf(w->out, "%" PRId64, value);
}

void jsonw_uint(struct jsonw *w, const char *key, uint64_t value) {
    begin_value(w, key);
    rv_buf_addf(w->out, "%" PRIu64, value);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value) {
    begin_value(w, key);
    rv_buf_adds(w->out, value ? "true" : "false");
}

void jsonw_val(struct jsonw *w, const char *key, struct rv_val value) {
    begin_value(w, key);
    rv_json_write(value, w->out);
}

void jsonw_raw(struct jsonw *w, const char *key, struct rv_str json) {
    begin_value(w, key);
    rv_buf_add_str(w->out, json);
}

void jsonw_members(struct jsonw *w, struct rv_str json) {
    if (json.n != 0) jsonw_raw(w, NULL, json);
}

void jsonw_key(struct jsonw *w, struct rv_str key) {
    jsonw_str(w, NULL, key);
    rv_buf_addc(w->out, ':');
    w->comma = false;
}

struct rv_buf *jsonw_value(struct jsonw *w, const char *key) {
    begin_value(w, key);
    return w->out;
}

void jsonw_lines(struct jsonw *w, const char *key, struct rv_str text) {
    jsonw_begin_array(w, key);
    for (struct rv_str line; lines_next(&text, &line);) jsonw_str(w, NULL, line);
    jsonw_end_array(w);
}
