/* rayserve.c - Ray Serve's REST API. */
#include "serve.h"

static int show(struct ray_call *c) {
    if (c->query.n != 0 && rv_str_starts(c->query, "api_type=")) {
        struct rv_str type = {c->query.p + 9, c->query.n - 9};
        if (rv_str_is(type, "imperative")) { /* nothing was deployed from code */
            struct rv_node *n = serve_show(c->head->serve, c->a);
            rv_node_set(c->a, n, "applications", rv_node_map(c->a));
            return ray_json(c, 200, n);
        }
        if (!rv_str_is(type, "declarative"))
            return ray_text(c, 400,
                            rv_arena_fmt(c->a,
                                         "Invalid 'api_type' value: '" RV_STR_FMT
                                         "'. Must be one of: imperative, declarative",
                                         RV_STR_ARG(type))
                                .p);
    }
    return ray_json(c, 200, serve_show(c->head->serve, c->a));
}

static int put(struct ray_call *c) {
    struct rv_str why = {0};
    if (serve_configure(c->head->serve, c->a, ray_body(c), &why) != 0) return ray_text(c, 400, why.p);
    serve_advance(c->head->serve);
    return ray_text(c, 200, "");
}

int ray_serve(struct ray_call *c) {
    if (!rv_str_is(c->path, "/api/serve/applications/")) return ray_text(c, 404, "404: Not Found");
    serve_advance(c->head->serve);
    if (rv_str_is(c->method, "GET")) return show(c);
    if (rv_str_is(c->method, "PUT")) return put(c);
    if (!rv_str_is(c->method, "DELETE")) return ray_text(c, 405, "405: Method Not Allowed");
    serve_forget(c->head->serve);
    serve_advance(c->head->serve);
    return ray_text(c, 200, "");
}
