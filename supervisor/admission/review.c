/* review.c - see review.h. */
#include "review.h"
#include "ipc/base/lines.h"

#include "ipc/base/json_writer.h"
#include "ipc/base/visible.h"
#include "ipc/protocol/msg.h"
#include "rayvisor/k8s.h"

/* The API server cuts a warning at 256 bytes when there are many; each is a sentence. */
enum { UID_MAX = 256, WARNINGS_MAX = 32 };

static struct rv_str api_version_of(struct rv_val resource, struct rv_buf *out) {
    struct rv_str group = rv_path_str(resource, "group"), version = rv_path_str(resource, "version");
    size_t at = out->n;
    rv_buf_addf(out, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(group), group.n != 0 ? "/" : "", RV_STR_ARG(version));
    return (struct rv_str){(const char *)out->p + at, out->n - at};
}

int review_parse(struct rv_str json, struct review *ret, struct rv_error *err) {
    *ret = (struct review){0};
    if (rv_json_to_mp(json, NULL, &ret->bytes, err) != 0) return err != NULL ? err->code : RV_E_PARSE;
    size_t n = ret->bytes.n;
    rv_buf_reserve(&ret->bytes, 1024); /* what follows must not move the views */
    struct rv_val all = {ret->bytes.p, n}, q = rv_val_get(all, "request");
    ret->uid = rv_path_str(q, "uid");
    struct rv_val resource = rv_val_get(q, "resource");
    if (!rv_str_is(rv_path_str(all, "apiVersion"), "admission.k8s.io/v1") ||
        !rv_str_is(rv_path_str(all, "kind"), "AdmissionReview") || ret->uid.n == 0 || ret->uid.n > UID_MAX)
        return rv_error_set(err, RV_E_PARSE,
                            "this is no AdmissionReview of admission.k8s.io/v1 with a request and a uid");
    if (rv_path_str(resource, "group").n > 256 || rv_path_str(resource, "version").n > 64)
        return rv_error_set(err, RV_E_PARSE, "request.resource is no resource");
    ret->api_version = api_version_of(resource, &ret->bytes);
    ret->resource = rv_path_str(resource, "resource");
    ret->subresource = rv_path_str(q, "subResource");
    ret->operation = rv_path_str(q, "operation");
    ret->ns = rv_path_str(q, "namespace");
    ret->object = rv_val_get(q, "object");
    ret->before = rv_val_get(q, "oldObject");
    if (!rv_val_set(ret->before)) ret->before = RV_VAL_ABSENT;
    ret->name = rv_path_str(q, "name");
    if (ret->name.n == 0) ret->name = rv_path_str(ret->object, "metadata.name");
    return 0;
}

void review_free(struct review *r) { rv_buf_free(&r->bytes); }

bool review_passes(const struct review *r) {
    bool creates = rv_str_is(r->operation, "CREATE"), updates = rv_str_is(r->operation, "UPDATE");
    if ((!creates && !updates) || r->subresource.n != 0 || rv_val_type(r->object) != RV_MAP) return true;
    if (rv_meta_deleting(r->object)) return true;
    return updates && rv_val_equal(rv_val_get(r->object, "spec"), rv_val_get(r->before, "spec"));
}

static int add_projected(struct rv_val v, const struct rv_projection *fields, struct rv_buf *out) {
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(v, &json);
    return rv_json_to_mp(rv_buf_str(&json), fields, out, NULL);
}

int review_pair(const struct review *r, const struct rv_projection *fields, struct rv_buf *out) {
    bool both = rv_val_present(r->before);
    rv_mp_array(out, both ? 2 : 1);
    int code = add_projected(r->object, fields, out);
    if (code == 0 && both) code = add_projected(r->before, fields, out);
    if (code == 0 && (out->n > MSG_MAX_PAYLOAD || rv_mp_check(rv_buf_bytes(out), NULL) != 0)) code = RV_E_TOO_BIG;
    return code;
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

/* Its words are an object's: no terminal may be told anything by them. */
static void add_visible(struct jsonw *w, const char *key, struct rv_str text) {
    rv_autobuf struct rv_buf shown = {0};
    visible_text(text, VISIBLE_LINE, &shown);
    jsonw_str(w, key, rv_buf_str(&shown));
}

static void add_warnings(struct jsonw *w, struct rv_str lines) {
    if (lines.n == 0) return;
    jsonw_begin_array(w, "warnings");
    struct rv_str line;
    for (size_t i = 0; i < WARNINGS_MAX && lines_next(&lines, &line); i++)
        if (line.n != 0) add_visible(w, NULL, line);
    jsonw_end_array(w);
}

void review_answer(struct rv_str uid, const struct review_answer *a, struct rv_buf *out) {
    struct jsonw w = {.out = out};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "apiVersion", "admission.k8s.io/v1");
    jsonw_text(&w, "kind", "AdmissionReview");
    jsonw_begin_object(&w, "response");
    jsonw_str(&w, "uid", uid);
    jsonw_bool(&w, "allowed", !a->refused);
    if (a->refused) {
        jsonw_begin_object(&w, "status");
        jsonw_int(&w, "code", a->status);
        add_visible(&w, "message", a->message);
        jsonw_end_object(&w);
    }
    add_warnings(&w, a->warnings);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
}
