/* state.c - the status of a RayService: read into a struct, written as a tree.
 */
#include "fields.h"
#include "service.h"

static void side_read(struct rs_side *s, struct rv_val v) {
    *s = (struct rs_side){.name = rv_path_str(v, "rayClusterName"),
                          .apps = rv_val_get(v, "applicationStatuses"),
                          .cluster_status = rv_val_get(v, "rayClusterStatus"),
                          .capacity = rv_path_int(v, "targetCapacity", -1),
                          .traffic = rv_path_int(v, "trafficRoutedPercent", -1),
                          .moved = rv_path_str(v, "lastTrafficMigratedTime"),
                          .config_hash = rv_path_str(v, "acceptedServeConfig.hash"),
                          .config = rv_path_str(v, "acceptedServeConfig.text")};
}

void rs_state_read(struct rs_state *s, struct rv_val status) {
    struct rv_val upgrade = rv_val_get(status, "upgrade");
    *s = (struct rs_state){.endpoints = rv_path_int(status, "numServeEndpoints", 0),
                           .conditions = rv_val_get(status, "conditions"),
                           .step = rv_path_str(upgrade, "step"),
                           .since = rv_path_str(upgrade, "since"),
                           .deadline = rv_path_str(upgrade, "deadline"),
                           .failed_hash = rv_path_str(upgrade, "failedSpecHash"),
                           .failed_reason = rv_path_str(upgrade, "failedReason")};
    side_read(&s->active, rv_val_get(status, "activeServiceStatus"));
    side_read(&s->pending, rv_val_get(status, "pendingServiceStatus"));
    for (struct rv_iter it = rv_iter(rv_val_get(status, "retiredClusters")); rv_iter_next(&it);)
        if (s->retired_n < RS_RETIRED_MAX)
            s->retired[s->retired_n++] = (struct rs_retired){
                rv_path_str(it.val, "rayClusterName"), rv_path_str(it.val, "since"), rv_path_str(it.val, "until")};
}

static void text(struct rv_arena *a, struct rv_node *n, const char *key, struct rv_str s) {
    if (s.n != 0) rv_node_set_str(a, n, key, s);
}

static void number(struct rv_arena *a, struct rv_node *n, const char *key, int64_t v) {
    if (v >= 0) rv_node_set_int(a, n, key, v);
}

static struct rv_node *side_node(struct rv_arena *a, const struct rs_side *s) {
    struct rv_node *n = rv_node_map(a);
    text(a, n, "rayClusterName", s->name);
    if (rv_val_len(s->apps) > 0) rv_node_set(a, n, "applicationStatuses", rv_node_from(a, s->apps));
    number(a, n, "targetCapacity", s->capacity);
    number(a, n, "trafficRoutedPercent", s->traffic);
    text(a, n, "lastTrafficMigratedTime", s->moved);
    if (s->config_hash.n != 0) {
        struct rv_node *c = rv_node_ensure_map(a, n, "acceptedServeConfig");
        rv_node_set_str(a, c, "hash", s->config_hash);
        text(a, c, "text", s->config);
    }
    return n;
}

struct rv_node *rs_state_node(struct rv_arena *a, const struct rs_state *s) {
    struct rv_node *n = rv_node_map(a), *upgrade = rv_node_map(a), *retired = rv_node_array(a);
    rv_node_set(a, n, "activeServiceStatus", side_node(a, &s->active));
    rv_node_set(a, n, "pendingServiceStatus", side_node(a, &s->pending));
    rv_node_set_int(a, n, "numServeEndpoints", s->endpoints);
    text(a, upgrade, "step", s->step);
    text(a, upgrade, "since", s->since);
    text(a, upgrade, "deadline", s->deadline);
    text(a, upgrade, "failedSpecHash", s->failed_hash);
    text(a, upgrade, "failedReason", s->failed_reason);
    if (rv_node_len(upgrade) > 0) rv_node_set(a, n, "upgrade", upgrade);
    for (size_t i = 0; i < s->retired_n; i++) {
        struct rv_node *r = rv_node_map(a);
        rv_node_set_str(a, r, "rayClusterName", s->retired[i].name);
        rv_node_set_str(a, r, "since", s->retired[i].since);
        text(a, r, "until", s->retired[i].until);
        rv_node_append(a, retired, r);
    }
    if (s->retired_n > 0) rv_node_set(a, n, "retiredClusters", retired);
    return n;
}
