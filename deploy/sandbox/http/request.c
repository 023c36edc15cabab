/* request.c - reads requests: the resource of the path, the verb, the body as a tree. */
#include "deploy/sandbox/load.h"
#include "http.h"
#include "protobuf.h"
#include "rayvisor/json.h"

/* ---- routing ---- */

static struct rv_str segment(struct rv_str *rest) {
    while (rest->n > 0 && rest->p[0] == '/') {
        rest->p++;
        rest->n--;
    }
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '/') n++;
    struct rv_str s = {rest->p, n};
    rest->p += n;
    rest->n -= n;
    return s;
}

static int resolve(struct sb_storage *s, struct sb_route *ret, struct sb_route r) {
    r.served = r.resource;
    if (r.served->view != NULL) r.resource = sb_view_stored(s, r.served);
    *ret = r;
    return 0;
}

int sb_route(struct sb_storage *s, struct rv_str path, struct sb_route *ret) {
    struct rv_str top = segment(&path), group = RV_STR("");
    if (rv_str_is(top, "apis"))
        group = segment(&path);
    else if (!rv_str_is(top, "api"))
        return -1;
    struct rv_str version = segment(&path), a = segment(&path), b = segment(&path), c = segment(&path);
    struct sb_route r = {0};
    if (rv_str_is(a, "namespaces") && c.n != 0) {
        r.ns = b;
        r.resource = sb_resource_find(s, group, version, c);
        if (r.resource != NULL && r.resource->namespaced) {
            r.name = segment(&path);
            r.sub = segment(&path);
            return resolve(s, ret, r);
        }
    }
    r = (struct sb_route){.resource = sb_resource_find(s, group, version, a), .name = b, .sub = c};
    if (r.resource == NULL || (r.resource->namespaced && b.n != 0)) return -1;
    return resolve(s, ret, r);
}

bool sb_is_true(struct sb_request *q, const char *name) {
    const char *v = q->query(q->query_arg, name);
    return v != NULL && (strcmp(v, "true") == 0 || strcmp(v, "1") == 0);
}

const char *sb_verb(const struct sb_request *q, const struct sb_route *r) {
    static const struct {
        const char *method, *collection, *item;
    } verbs[] = {{"POST", "create", "create"},
                 {"PUT", "update", "update"},
                 {"PATCH", "patch", "patch"},
                 {"DELETE", "deletecollection", "delete"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(verbs); i++)
        if (strcmp(q->method, verbs[i].method) == 0) return r->name.n != 0 ? verbs[i].item : verbs[i].collection;
    const char *w = q->query(q->query_arg, "watch");
    if (r->name.n == 0 && w != NULL && (strcmp(w, "true") == 0 || strcmp(w, "1") == 0)) return "watch";
    return r->name.n != 0 ? "get" : "list";
}

/* ---- bodies ---- */

struct rv_node *sb_read_body(struct sb_request *q, struct sb_response *r) {
    struct rv_error err = {0};
    rv_autobuf struct rv_buf mp = {0};
    if (rv_str_starts(q->content_type, "application/vnd.kubernetes.protobuf")) {
        struct rv_node *n = NULL;
        int e = sb_protobuf_decode(sb_rules_state(q->storage), q->arena,
                                   (struct rv_bytes){(const uint8_t *)q->body.p, q->body.n}, &n, &err);
        if (e == RV_E_INVALID) sb_fail(r, 415, "UnsupportedMediaType", err.text);
        if (e == RV_E_PARSE) sb_fail(r, 400, "BadRequest", err.text);
        return n;
    }
    if (q->content_type.n != 0 && memmem(q->content_type.p, q->content_type.n, "yaml", 4) != NULL &&
        !rv_str_starts(q->body, "{")) {
        struct rv_node *n = sb_yaml_parse(q->arena, q->body, &err);
        if (n == NULL) sb_fail(r, 400, "BadRequest", err.text);
        return n;
    }
    if (rv_json_to_mp(q->body, NULL, &mp, &err) != 0) {
        sb_fail(r, 400, "BadRequest", err.text);
        return NULL;
    }
    struct rv_str kept = rv_arena_str(q->arena, rv_buf_str(&mp));
    return rv_node_from(q->arena, (struct rv_val){(const uint8_t *)kept.p, kept.n});
}
