/* Answers: a Kubernetes Status with its details, and objects in the form that was asked for. */
#include "deploy/sandbox/http/http.h"
#include "rayvisor/json.h"

#include <stdlib.h>

/* A cause is written as "field: Invalid value: ..."; its machine-readable reason follows from the words. */
static const struct {
    const char *words, *reason;
} cause_reasons[] = {{"Invalid value", "FieldValueInvalid"},
                     {"Required value", "FieldValueRequired"},
                     {"Unsupported value", "FieldValueNotSupported"},
                     {"Duplicate value", "FieldValueDuplicate"},
                     {"Forbidden", "FieldValueForbidden"},
                     {"Not found", "FieldValueNotFound"},
                     {"Too long", "FieldValueTooLong"},
                     {"Too many", "FieldValueTooMany"},
                     {"Internal error", "InternalError"}};

static void write_cause(struct rv_str text, struct rv_buf *out) {
    size_t n = 0;
    while (n + 1 < text.n && !(text.p[n] == ':' && text.p[n + 1] == ' ')) n++;
    bool split = n + 1 < text.n;
    struct rv_str field = {text.p, split ? n : 0}, message = text;
    if (split) message = (struct rv_str){text.p + n + 2, text.n - n - 2};
    const char *reason = "FieldValueInvalid";
    for (size_t i = 0; i < RV_ARRAY_LEN(cause_reasons); i++)
        if (rv_str_starts(message, cause_reasons[i].words)) reason = cause_reasons[i].reason;
    rv_buf_addf(out, "{\"reason\":\"%s\",\"message\":", reason);
    rv_json_quote(message, out);
    rv_buf_adds(out, ",\"field\":");
    rv_json_quote(field, out);
    rv_buf_adds(out, "}");
}

void sb_status_about(struct sb_status *st, const struct sb_resource *r, struct rv_str name, const char *kind,
                     struct rv_node *causes) {
    if (st == NULL) return;
    rv_autobuf struct rv_buf out = {0};
    if (name.n != 0) {
        rv_buf_adds(&out, "\"name\":");
        rv_json_quote(name, &out);
        rv_buf_addc(&out, ',');
    }
    if (r->group[0] != '\0') rv_buf_addf(&out, "\"group\":\"%s\",", r->group);
    rv_buf_addf(&out, "\"kind\":\"%s\"", kind);
    for (size_t i = 0; i < rv_node_len(causes); i++) {
        rv_buf_adds(&out, i == 0 ? ",\"causes\":[" : ",");
        write_cause(rv_node_text(rv_node_at(causes, i)), &out);
    }
    if (rv_node_len(causes) != 0) rv_buf_addc(&out, ']');
    free(st->details);
    st->details = rv_strdup(rv_buf_str(&out));
}

void sb_respond_status(struct sb_response *r, const struct sb_status *st) {
    r->http = st->http;
    r->retry_after = st->retry_after;
    rv_buf_clear(&r->body);
    rv_buf_adds(&r->body,
                "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":");
    rv_json_quote(rv_str(st->message != NULL ? st->message : ""), &r->body);
    rv_buf_addf(&r->body, ",\"reason\":\"%s\"", st->reason != NULL ? st->reason : "");
    if (st->details != NULL || st->retry_after > 0) {
        rv_buf_addf(&r->body, ",\"details\":{%s", st->details != NULL ? st->details : "");
        if (st->retry_after > 0)
            rv_buf_addf(&r->body, "%s\"retryAfterSeconds\":%d", st->details != NULL ? "," : "", st->retry_after);
        rv_buf_addc(&r->body, '}');
    }
    rv_buf_addf(&r->body, ",\"code\":%d}", st->http);
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
