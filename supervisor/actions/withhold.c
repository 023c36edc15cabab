/* withhold.c - see withhold.h. */
#include "withhold.h"

#include <stdlib.h>

#include "rayvisor/json.h"
#include "supervisor/twin/twin.h"

static struct rv_str path_of(struct rv_str url) {
    const char *scheme = url.n != 0 ? memmem(url.p, url.n, "://", 3) : NULL;
    const char *host = scheme != NULL ? scheme + 3 : url.p;
    const char *end = url.p + url.n, *path = host < end ? memchr(host, '/', (size_t)(end - host)) : NULL;
    if (path == NULL) return RV_STR("/");
    const char *query = memchr(path, '?', (size_t)(end - path));
    return (struct rv_str){path, (size_t)((query != NULL ? query : end) - path)};
}

bool withhold_passes_http(const struct rv_http_request *r) {
    if (rv_str_is(r->method, "GET") || rv_str_is(r->method, "HEAD")) return true;
    struct rv_str path = path_of(r->url);
    const char *slash = memrchr(path.p, '/', path.n);
    struct rv_str call = {slash + 1, path.n - (size_t)(slash - path.p) - 1};
    return r->http2 != 0 && rv_str_starts(r->content_type, "application/grpc") && rv_str_starts(call, "Get");
}

static struct twin_action described(const struct op *op) {
    return (struct twin_action){.plugin = op->client->config, .key = {op->m.key.ns, op->m.key.name}, .a = &op->m.a};
}

static void end_withheld(struct op *op) {
    end_op(op, &(struct rv_result){.code = MSG_WITHHELD,
                                   .reason = RV_STR("Twin"),
                                   .message = RV_STR("this operator is a twin, which writes nothing")});
}

static void on_read(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    rv_autobuf struct rv_buf mp = {0};
    op->request = NULL;
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    bool read = r->code == 0 && rv_json_to_mp(text, NULL, &mp, NULL) == 0;
    if (op->client != NULL && (read || r->code == RV_E_NOT_FOUND)) {
        struct twin_action a = described(op);
        twin_compare(op->x->s->twin, &a, (struct rv_val){mp.p, mp.n});
    }
    end_withheld(op);
}

static void withhold_object(struct op *op) {
    const struct rv_action *a = &op->m.a;
    struct twin_action t = described(op);
    twin_asked(op->x->s->twin, &t);
    if (a->name.n == 0) { /* nothing can have that name */
        twin_compare(op->x->s->twin, &t, RV_VAL_ABSENT);
        end_withheld(op);
        return;
    }
    rv_autofree char *path = kube_path(a->api_version, a->ns, a->resource, a->name, RV_STR(""), NULL);
    op->request = kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_read, op);
}

static void withhold_http(struct op *op) {
    rv_autobuf struct rv_buf text = {0};
    struct rv_str path = path_of(op->m.http.url);
    rv_buf_addf(&text, RV_STR_FMT " " RV_STR_FMT, RV_STR_ARG(op->m.http.method), RV_STR_ARG(path));
    struct twin_action t = described(op);
    t.request = rv_buf_str(&text);
    twin_asked(op->x->s->twin, &t);
    end_withheld(op);
}

bool withhold_op(struct op *op) {
    uint32_t verb = op->m.a.verb;
    bool reads =
        verb == RV_VERB_GET || verb == RV_VERB_TIMER || (verb == RV_VERB_HTTP && withhold_passes_http(&op->m.http));
    if (op->x->s->config->mode != MODE_TWIN || reads) return false;
    if (op->client == NULL || op->x->s->twin == NULL) /* nobody asks for it any longer */
        end_withheld(op);
    else if (verb == RV_VERB_HTTP)
        withhold_http(op);
    else
        withhold_object(op);
    return true;
}
