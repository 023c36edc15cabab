/* quota.c - what a second cluster needs beside the first, and whether the namespace's ResourceQuotas have room for it:
 * both are said before it is made. */
#include "fields.h"
#include "pass.h"

static const struct amount {
    const char *resource; /* in a container's resources */
    const char *quota[3]; /* in a ResourceQuota's hard limits */
    bool limits;          /* of the container, else requests */
} amounts[] = {
    {"cpu", {"requests.cpu", "cpu", NULL}, false},
    {"memory", {"requests.memory", "memory", NULL}, false},
    {"nvidia.com/gpu", {"requests.nvidia.com/gpu", NULL, NULL}, false},
    {"google.com/tpu", {"requests.google.com/tpu", NULL, NULL}, false},
    {"cpu", {"limits.cpu", NULL, NULL}, true},
    {"memory", {"limits.memory", NULL, NULL}, true},
};

/* A request that is not given is as high as the limit. */
static struct rv_quantity of_container(struct rv_val container, const struct amount *m) {
    struct rv_quantity q = {0};
    struct rv_val resources = rv_val_get(container, "resources"),
                  v = rv_val_get(rv_val_get(resources, m->limits ? "limits" : "requests"), m->resource);
    if (!rv_val_set(v)) v = rv_val_get(rv_val_get(resources, "limits"), m->resource);
    (void)rv_quantity_from_val(v, &q);
    return q;
}

static void add_pods(struct rv_quantity *sum, struct rv_val template, int64_t pods, const struct amount *m) {
    for (struct rv_iter it = rv_iter(rv_val_path(template, "spec.containers")); rv_iter_next(&it);) {
        struct rv_quantity q = of_container(it.val, m);
        rv_quantity_mul(&q, pods);
        rv_quantity_add(sum, q);
    }
}

/* With an incremental upgrade it begins with the least of each group. */
static int64_t pods_of(const struct service_pass *p, struct rv_val group) {
    return p->s->strategy == UP_INCREMENTAL ? rc_group_least(group) : rc_group_desired(group);
}

static struct rv_quantity total(const struct service_pass *p, const struct amount *m) {
    struct rv_quantity sum = {0};
    add_pods(&sum, rv_val_path(p->s->cluster_spec, "headGroupSpec.template"), 1, m);
    for (struct rv_iter it = rv_iter(rv_val_get(p->s->cluster_spec, "workerGroupSpecs")); rv_iter_next(&it);)
        add_pods(&sum, rv_val_get(it.val, "template"), pods_of(p, it.val), m);
    return sum;
}

static int64_t all_pods(const struct service_pass *p) {
    int64_t n = 1;
    for (struct rv_iter it = rv_iter(rv_val_get(p->s->cluster_spec, "workerGroupSpecs")); rv_iter_next(&it);)
        n += pods_of(p, it.val);
    return n;
}

static void blocked(struct service_pass *p, const struct rv_object *quota, const char *key, struct rv_quantity need,
                    struct rv_quantity room) {
    char wanted[48], left[48];
    rv_quantity_format(need, wanted);
    rv_quantity_format(room, left);
    p->quota_blocks = true;
    p->quota_why = rv_arena_fmt(
        p->arena, "ResourceQuota " RV_STR_FMT " has no room for a second cluster: it needs %s %s, %s are left",
        RV_STR_ARG(quota->name), wanted, key, left);
}

static void compare(struct service_pass *p, const struct rv_object *quota, const char *key, struct rv_quantity need) {
    struct rv_quantity hard, room, used = {0};
    struct rv_val limit = rv_val_get(rv_val_path(quota->value, "status.hard"), key);
    if (!rv_val_set(limit)) limit = rv_val_get(rv_val_path(quota->value, "spec.hard"), key);
    if (rv_quantity_from_val(limit, &hard) != 0 || rv_quantity_is_zero(need)) return;
    (void)rv_quantity_from_val(rv_val_get(rv_val_path(quota->value, "status.used"), key), &used);
    room = used;
    rv_quantity_mul(&room, -1);
    rv_quantity_add(&room, hard);
    if (rv_quantity_cmp(need, room) > 0) blocked(p, quota, key, need, room);
}

static bool check(void *arg, const struct rv_object *o) {
    struct service_pass *p = arg;
    bool scoped =
        rv_val_len(rv_val_path(o->value, "spec.scopes")) > 0 || rv_val_set(rv_val_path(o->value, "spec.scopeSelector"));
    if (scoped || p->quota_blocks) return true; /* which pods a scope means is not ours to guess */
    struct rv_quantity pods = {.nano = (rv_int128)all_pods(p) * 1000000000};
    compare(p, o, "pods", pods);
    compare(p, o, "count/pods", pods);
    for (size_t i = 0; i < RV_ARRAY_LEN(amounts) && !p->quota_blocks; i++)
        for (size_t k = 0; k < RV_ARRAY_LEN(amounts[i].quota) && amounts[i].quota[k] != NULL; k++)
            compare(p, o, amounts[i].quota[k], total(p, &amounts[i]));
    return true;
}

void quota_describe(struct service_pass *p) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%lld pods", (long long)all_pods(p));
    for (size_t i = 0; i < 4; i++) {
        struct rv_quantity q = total(p, &amounts[i]);
        char text[48];
        if (rv_quantity_is_zero(q)) continue;
        rv_quantity_format(q, text);
        rv_buf_addf(&b, ", %s %s", text, amounts[i].resource);
    }
    p->peak = rv_arena_str(p->arena, rv_buf_str(&b));
}

/* Only asked where a second cluster may be made now. */
void quota_check(struct service_pass *p) {
    const struct observed_cluster *a = &p->side[ACTIVE];
    bool would = cluster_there(a) && p->now.pending.name.n == 0 && p->s->may_replace && !a->likeness.same &&
                 !a->likeness.extends;
    if (!would) return;
    struct rv_query q = {.size = sizeof q, .kind = KIND_QUOTA, .ns = p->s->ns};
    p->ctx.api->list(p->ctx.host, &q, check, p); /* whosever they are */
}
