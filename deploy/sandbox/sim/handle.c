/* handle.c - the two entries of the simulation by URL path, so that the HTTP server needs only one call. */
#include "dataplane.h"
#include "json.h"
#include "rayvisor/json.h"

static bool skip(struct rv_str *s, const char *prefix) {
    size_t n = strlen(prefix);
    if (!rv_str_starts(*s, prefix)) return false;
    *s = (struct rv_str){s->p + n, s->n - n};
    return true;
}

static struct rv_str until(struct rv_str *s, char stop) {
    const char *at = s->n != 0 ? memchr(s->p, stop, s->n) : NULL;
    struct rv_str head = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};
    *s = (struct rv_str){s->p + head.n, s->n - head.n};
    return head;
}

static const struct {
    int code, http;
    const char *reason;
} answers[] = {{RV_E_NOT_FOUND, 404, "NotFound"},
               {RV_E_INVALID, 400, "BadRequest"},
               {RV_E_DENIED, 405, "MethodNotAllowed"},
               {RV_E_CONFLICT, 409, "Conflict"}};

static int failed(int code, const struct rv_error *err, struct rv_buf *out) {
    size_t i = 0;
    while (i < RV_ARRAY_LEN(answers) && answers[i].code != code) i++;
    bool known = i < RV_ARRAY_LEN(answers);
    int http = known ? answers[i].http : 500;
    rv_buf_clear(out);
    sim_json_status(out, http, known ? answers[i].reason : "InternalError", err->text);
    return http;
}

static int control(struct sim *m, const struct sim_request *q, struct rv_str path, struct rv_buf *out,
                   struct sim_pending **ret_pending) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    struct rv_str text = {(const char *)q->body.p, q->body.n}, clean = until(&path, '?');
    int e = text.n != 0 ? rv_json_to_mp(text, NULL, &b, &err) : 0;
    if (e != 0) return failed(RV_E_INVALID, &err, out);
    struct rv_val body = {b.p, b.n};
    if (rv_str_is(clean, "request") && rv_str_is(q->method, "POST")) {
        e = sim_dataplane(m, body, out, ret_pending, &err);
        return *ret_pending != NULL ? 0 : e == 0 ? 200 : failed(e, &err, out);
    }
    e = sim_control(m, q->method, clean, body, out, &err);
    return e == 0 ? 200 : failed(e, &err, out);
}

bool sim_handle(struct sim *m, const struct sim_request *q, int *ret_status, struct rv_buf *out,
                struct sim_pending **ret_pending) {
    struct rv_str path = q->path;
    *ret_pending = NULL;
    if (skip(&path, "/sandbox/v1/sim/")) {
        *ret_status = control(m, q, path, out, ret_pending);
        return true;
    }
    if (!skip(&path, "/api/v1/namespaces/")) return false;
    struct rv_str ns = until(&path, '/');
    bool pod = rv_str_starts(path, "/pods/");
    if (!skip(&path, "/services/") && !skip(&path, "/pods/")) return false;
    struct rv_str name = until(&path, '/');
    if (!skip(&path, "/proxy") || (path.n != 0 && path.p[0] != '/' && path.p[0] != '?')) return false;
    struct rv_str first = until(&name, ':'), port = {0};
    if (name.n != 0) {
        skip(&name, ":");
        port = until(&name, ':');
    }
    if (name.n != 0) { /* three parts: the first is the scheme */
        first = port;
        port = (struct rv_str){name.p + 1, name.n - 1};
    }
    const struct sim_request inner = {q->method, path, q->body};
    *ret_status = (pod ? sim_proxy_pod : sim_proxy)(m, ns, first, port, &inner, out, ret_pending);
    return true;
}
