/* refuse.c - the Kubernetes Status of a refused write, with its details and causes. */
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"
#include "storage_internal.h"

#include <stdlib.h>

void sb_status_set(struct sb_status *st, int http, const char *reason, const char *fmt, ...) {
    if (st == NULL) return;
    rv_autobuf struct rv_buf text = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&text, fmt, ap);
    va_end(ap);
    sb_status_clear(st);
    st->http = http;
    st->reason = reason;
    st->message = rv_strdup(rv_buf_str(&text));
}

void sb_status_clear(struct sb_status *st) {
    free(st->message);
    free(st->details);
    *st = (struct sb_status){0};
}

void sb_status_write(const struct sb_status *st, struct rv_buf *out) {
    struct jsonw w = {.out = out};
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

/* ---- causes ---- */

void sb_cause(struct rv_arena *a, struct rv_node *causes, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    rv_node_append(a, causes, rv_node_str(a, rv_buf_str(&b)));
}

/* A cause is written as "field: Invalid value: ...". Its machine-readable reason follows from these words. */
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

static void write_cause(struct rv_str text, struct jsonw *w) {
    size_t n = 0;
    while (n + 1 < text.n && !(text.p[n] == ':' && text.p[n + 1] == ' ')) n++;
    bool split = n + 1 < text.n;
    struct rv_str field = {text.p, split ? n : 0}, message = text;
    if (split) message = (struct rv_str){text.p + n + 2, text.n - n - 2};
    const char *reason = "FieldValueInvalid";
    for (size_t i = 0; i < RV_ARRAY_LEN(cause_reasons); i++)
        if (rv_str_starts(message, cause_reasons[i].words)) reason = cause_reasons[i].reason;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "reason", reason);
    jsonw_str(w, "message", message);
    jsonw_str(w, "field", field);
    jsonw_end_object(w);
}

void sb_status_about(struct sb_status *st, const struct sb_resource *r, struct rv_str name, const char *kind,
                     struct rv_node *causes) {
    if (st == NULL) return;
    rv_autobuf struct rv_buf out = {0};
    struct jsonw w = {.out = &out};
    if (name.n != 0) jsonw_str(&w, "name", name);
    if (r->group[0] != '\0') jsonw_text(&w, "group", r->group);
    jsonw_text(&w, "kind", kind);
    if (rv_node_len(causes) != 0) jsonw_begin_array(&w, "causes");
    for (size_t i = 0; i < rv_node_len(causes); i++) write_cause(rv_node_text(rv_node_at(causes, i)), &w);
    if (rv_node_len(causes) != 0) jsonw_end_array(&w);
    free(st->details);
    st->details = rv_strdup(rv_buf_str(&out));
}

/* ---- refusals ---- */

void sb_qualified(const struct sb_resource *r, struct rv_buf *out) {
    rv_buf_addf(out, "%s%s%s", r->plural, r->group[0] != '\0' ? "." : "", r->group);
}

int sb_fail_object(struct sb_status *st, int http, const char *reason, const struct sb_resource *r, struct rv_str name,
                   const char *text) {
    rv_autobuf struct rv_buf q = {0};
    sb_qualified(r, &q);
    sb_status_set(st, http, reason, RV_STR_FMT " \"" RV_STR_FMT "\" %s", RV_STR_ARG(rv_buf_str(&q)), RV_STR_ARG(name),
                  text);
    sb_status_about(st, r, name, r->plural, NULL);
    return http == 404 ? RV_E_NOT_FOUND : RV_E_EXISTS;
}

int sb_fail_causes(struct sb_status *st, const struct sb_resource *r, struct rv_str name, struct rv_node *causes) {
    rv_autobuf struct rv_buf text = {0};
    size_t n = rv_node_len(causes);
    if (n > 1) rv_buf_addc(&text, '[');
    for (size_t i = 0; i < n; i++) {
        if (i != 0) rv_buf_adds(&text, ", ");
        rv_buf_add_str(&text, rv_node_text(rv_node_at(causes, i)));
    }
    if (n > 1) rv_buf_addc(&text, ']');
    sb_status_set(st, 422, "Invalid", "%s%s%s \"" RV_STR_FMT "\" is invalid: " RV_STR_FMT, r->kind,
                  r->group[0] != '\0' ? "." : "", r->group, RV_STR_ARG(name), RV_STR_ARG(rv_buf_str(&text)));
    sb_status_about(st, r, name, r->kind, causes);
    return RV_E_INVALID;
}
