/* json.c - see json.h. */
#include "json.h"

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
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kind", "Status");
    jsonw_text(&w, "apiVersion", "v1");
    jsonw_begin_object(&w, "metadata");
    jsonw_end_object(&w);
    jsonw_text(&w, "status", "Failure");
    jsonw_text(&w, "message", message);
    jsonw_text(&w, "reason", reason);
    jsonw_int(&w, "code", http);
    jsonw_end_object(&w);
}
