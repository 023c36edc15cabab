/* respond.c - answers: a Kubernetes Status with its details, and objects in the requested form. */
#include "http.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

void sb_respond_status(struct sb_response *r, const struct sb_status *st) {
    r->http = st->http;
    r->retry_after = st->retry_after;
    rv_buf_clear(&r->body);
    struct jsonw w = {.out = &r->body};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kind", "Status");
    jsonw_text(&w, "apiVersion", "v1");
    jsonw_begin_object(&w, "metadata");
    jsonw_end_object(&w);
    jsonw_text(&w, "status", "Failure");
    jsonw_text(&w, "message", st->message);
    jsonw_text(&w, "reason", st->reason);
    if (st->details != NULL || st->retry_after > 0) {
        jsonw_begin_object(&w, "details");
        jsonw_members(&w, rv_str(st->details));
        if (st->retry_after > 0) jsonw_int(&w, "retryAfterSeconds", st->retry_after);
        jsonw_end_object(&w);
    }
    jsonw_int(&w, "code", st->http);
    jsonw_end_object(&w);
}

void sb_fail(struct sb_response *r, int http, const char *reason, const char *message) {
    struct sb_status st = {0};
    sb_status_set(&st, http, reason, "%s", message);
    sb_respond_status(r, &st);
    sb_status_clear(&st);
}

void sb_write_object(const struct sb_resource *served, const struct sb_object *o, struct rv_buf *out) {
    if (served->view == NULL) {
        rv_json_write(o->value, out);
        return;
    }
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, o->value);
    sb_view_show(served, a, n);
    rv_json_write(rv_node_freeze(a, n), out);
}
