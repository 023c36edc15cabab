/* ready.c - the condition AutoscalerReady: does the plugin scale the cluster now, and if not, what does it wait for?
 *
 * It is written when the status or the reason changes, so the writes of a cluster are bounded by what happens to it.
 * The other conditions are the plugin raycluster's. Only the one is patched, at the place where it was read. */
#include "plugins/autoscaler/round.h"

enum { AFTER_FAILURE_S = 10 };
#define TYPE "AutoscalerReady"

static struct rv_node *operation(struct rv_arena *a, struct rv_node *ops, const char *op, struct rv_str path) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_cstr(a, n, "op", op);
    rv_node_set_str(a, n, "path", path);
    rv_node_append(a, ops, n);
    return n;
}

/* The condition's place in the list; -1: it is not there. */
static int64_t place(struct rv_val conditions) {
    int64_t i = 0;
    for (struct rv_iter it = rv_iter(conditions); rv_iter_next(&it); i++)
        if (rv_str_is(rv_path_str(it.val, "type"), TYPE)) return i;
    return -1;
}

/* Adds, replaces or (value NULL) removes the condition. */
static void patch(struct round *r, int64_t at, struct rv_node *value) {
    struct rv_arena *a = r->arena;
    struct rv_node *ops = rv_node_array(a), *op;
    if (r->memo->ready_failed != 0 && r->pass->now - r->memo->ready_failed < AFTER_FAILURE_S * SECOND) return;
    if (at >= 0) {
        op = operation(a, ops, "test", rv_arena_fmt(a, "/status/conditions/%lld/type", (long long)at));
        rv_node_set_cstr(a, op, "value", TYPE);
        op = operation(a, ops, value != NULL ? "replace" : "remove",
                       rv_arena_fmt(a, "/status/conditions/%lld", (long long)at));
    } else {
        op = operation(a, ops, "add", RV_STR("/status/conditions/-"));
    }
    if (value != NULL) rv_node_set(a, op, "value", value);
    struct rv_val v = rv_node_freeze(a, ops);
    struct rv_action action = {.verb = RV_VERB_JSON_PATCH,
                               .tag = TAG_READY,
                               .api_version = RV_STR("ray.io/v1"),
                               .resource = RV_STR("rayclusters"),
                               .subresource = RV_STR("status"),
                               .name = r->cluster.name,
                               .pre_uid = r->cluster.uid,
                               .body = {v.p, v.n}};
    (void)rv_pass_act(r->pass, &action);
}

void ready_set(struct round *r, bool ready, const char *reason, struct rv_str message) {
    struct rv_val list = rv_val_get(r->cluster.status, "conditions"), have = rv_condition_find(list, TYPE);
    if (rv_val_len(list) == 0) return; /* the plugin raycluster has not written it yet */
    if (rv_str_is(rv_path_str(have, "status"), ready ? "True" : "False") &&
        rv_str_is(rv_path_str(have, "reason"), reason))
        return;
    struct rv_node *one = rv_node_array(r->arena);
    if (rv_val_present(have)) rv_node_append(r->arena, one, rv_node_from(r->arena, have));
    (void)rv_condition_set(r->arena, one, TYPE, ready ? "True" : "False", rv_str(reason), message, r->pass->now);
    patch(r, place(list), rv_node_at(one, 0));
}

void ready_remove(struct round *r) {
    int64_t at = place(rv_val_get(r->cluster.status, "conditions"));
    if (at >= 0) patch(r, at, NULL);
}

void ready_beside_sidecar(struct round *r) {
    if (r->cluster.f.mode == RC_AUTOSCALER_OPERATOR)
        ready_set(r, false, "SidecarScales", RV_STR("The sidecar in the head pod scales until the head is recreated"));
    else
        ready_remove(r);
}

void ready_result(struct round *r) {
    const struct rv_result *res;
    for (size_t i = 0; (res = rv_pass_result(r->pass, i)) != NULL; i++)
        if (res->tag == TAG_READY) r->memo->ready_failed = res->code != 0 ? r->pass->now : 0;
}
