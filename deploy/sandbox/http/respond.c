/* respond.c - answers: a Kubernetes Status with its details, and objects in the requested form. */
#include "http.h"
#include "rayvisor/json.h"

void sb_respond_status(struct sb_response *r, const struct sb_status *st) {
    r->http = st->http;
    r->retry_after = st->retry_after;
    rv_buf_clear(&r->body);
    sb_status_write(st, &r->body);
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
