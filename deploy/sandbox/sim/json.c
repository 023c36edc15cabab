/* json.c - see json.h. */
#include "json.h"

#include "deploy/sandbox/storage.h"

void sim_json_text(struct jsonw *w, const char *key, const char *text) {
    if (text != NULL) jsonw_text(w, key, text);
}

void sim_json_count(struct rv_buf *out, const char *key, uint64_t n) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_uint(&w, key, n);
    jsonw_end_object(&w);
}

void sim_json_status(struct rv_buf *out, int http, const char *reason, const char *message) {
    struct sb_status st = {0};
    sb_status_set(&st, http, reason, "%s", message);
    sb_status_write(&st, out);
    sb_status_clear(&st);
}
