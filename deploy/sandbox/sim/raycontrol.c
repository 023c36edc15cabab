/* raycontrol.c - the control API of simulated Ray clusters. */
#include "rayrules.h"
#include "serve.h"

static void advance(void *arg, void *entry) {
    (void)arg;
    serve_advance(((struct ray_head *)entry)->serve);
}

static void show(struct ray_head *h, struct rv_buf *out) {
    static const char *const states[] = {"", "HEALTHY", "DRAINING"};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_map(a), *nodes = rv_node_array(a);
    serve_advance(h->serve);
    for (const struct ray_node *x = h->nodes; x != NULL; x = x->next) {
        struct rv_node *one = rv_node_map(a);
        rv_node_set_cstr(a, one, "pod", x->pod);
        rv_node_set_bool(a, one, "head", x->head);
        rv_node_set_bool(a, one, "alive", x->alive);
        rv_node_set_cstr(a, one, "proxy", states[x->proxy]);
        rv_node_set_int(a, one, "requests", (int64_t)x->requests);
        rv_node_set_int(a, one, "failed", (int64_t)x->failed);
        rv_node_set_int(a, one, "ongoing", x->ongoing);
        rv_node_append(a, nodes, one);
    }
    rv_node_set(a, n, "nodes", nodes);
    rv_node_set(a, n, "serve", serve_show(h->serve, a));
    rv_json_write(rv_node_freeze(a, n), out);
}

int ray_control(struct sim *m, struct rv_str method, struct rv_str first, struct rv_str second, struct rv_val body,
                struct rv_buf *out, struct rv_error *err) {
    if (second.n == 0) {
        int e = sim_ruleset_control(ray_of(m)->rules, method, first, body, out, err);
        sim_map_each(&ray_of(m)->heads, advance, NULL); /* what was held up may continue, or is held up from now on */
        return e;
    }
    rv_autobuf struct rv_buf key = {0};
    rv_buf_addf(&key, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(first), RV_STR_ARG(second));
    struct ray_head *h = sim_map_get(&ray_of(m)->heads, rv_buf_str(&key));
    if (!rv_str_is(method, "GET")) return rv_error_set(err, RV_E_DENIED, "a Ray cluster takes GET only");
    if (h == NULL)
        return rv_error_set(err, RV_E_NOT_FOUND, "no pod is of a Ray cluster " RV_STR_FMT,
                            RV_STR_ARG(rv_buf_str(&key)));
    show(h, out);
    return 0;
}
