/* scale_plan.c - see scale_plan.h. */
#include "scale_plan.h"

#include "command.h"
#include "ipc/base/nearest.h"
#include "plugins/ray/cluster.h"
#include "rayvisor/tree.h"

/* ---- which group ------------------------------------------------------------------------------------------------ */

static int no_such_group(struct rv_val groups, struct rv_str name, struct rv_error *err) {
    rv_autobuf struct rv_buf all = {0}, hint = {0};
    struct nearest near = nearest_begin(name);
    for (struct rv_iter it = rv_iter(groups); rv_iter_next(&it);) {
        struct rv_str g = rv_path_str(it.val, "groupName");
        nearest_offer(&near, g);
        rv_buf_addf(&all, "%s" RV_STR_FMT, all.n != 0 ? ", " : "", RV_STR_ARG(g));
    }
    nearest_hint(&near, &hint);
    if (all.n == 0) return rv_error_set(err, RV_E_NOT_FOUND, "the cluster has no worker group");
    if (name.n == 0)
        return rv_error_set(err, -CTL_USAGE, "say which worker group; the cluster has %s", rv_buf_cstr(&all));
    return rv_error_set(err, RV_E_NOT_FOUND, "there is no worker group \"" RV_STR_FMT "\"%s; the cluster has %s",
                        RV_STR_ARG(name), rv_buf_cstr(&hint), rv_buf_cstr(&all));
}

static int find_group(struct rv_val cluster, struct rv_str name, struct rv_val *ret, int64_t *ret_index,
                      struct rv_error *err) {
    struct rv_val groups = rv_val_path(cluster, "spec.workerGroupSpecs");
    *ret_index = 0;
    for (struct rv_iter it = rv_iter(groups); rv_iter_next(&it); (*ret_index)++) {
        *ret = it.val;
        if (name.n == 0 ? rv_val_len(groups) == 1 : rv_str_eq(rv_path_str(it.val, "groupName"), name)) return 0;
    }
    return no_such_group(groups, name, err);
}

/* ---- may it be so? ---------------------------------------------------------------------------------------------- */

static int check(struct rv_val cluster, const struct scale_plan *p, const struct scale_wish *w, struct rv_error *err) {
    bool autoscaled = rv_path_bool(cluster, "spec.enableInTreeAutoscaling", false);
    if (w->replicas == SCALE_UNSET && w->min == SCALE_UNSET && w->max == SCALE_UNSET)
        return rv_error_set(err, -CTL_USAGE, "say how many replicas, or the least or the most of them");
    if (p->min > p->max)
        return rv_error_set(err, RV_E_INVALID, "minReplicas %lld would be greater than maxReplicas %lld",
                            (long long)p->min, (long long)p->max);
    if (autoscaled && w->replicas != SCALE_UNSET)
        return rv_error_set(
            err, RV_E_INVALID,
            "Ray's autoscaler owns the replicas of this cluster (spec.enableInTreeAutoscaling) and would "
            "set them again; --min-replicas and --max-replicas are the bounds within which it chooses");
    if (!autoscaled && (p->after < p->min || p->after > p->max))
        return rv_error_set(err, RV_E_INVALID,
                            "%lld replicas are outside of the group's bounds, %lld to %lld; --min-replicas and "
                            "--max-replicas change them in the same step",
                            (long long)p->after, (long long)p->min, (long long)p->max);
    return 0;
}

/* ---- what it means ---------------------------------------------------------------------------------------------- */

static int64_t within(int64_t n, int64_t min, int64_t max) { return n < min ? min : n > max ? max : n; }

static struct rv_val asked(struct rv_val container, const char *resource) {
    struct rv_val v = rv_val_get(rv_val_path(container, "resources.requests"), resource);
    return rv_val_present(v) ? v : rv_val_get(rv_val_path(container, "resources.limits"), resource);
}

/* What n pods of the group ask for of one resource; false for nothing. */
static bool total(struct rv_val group, int64_t n, const char *resource, char text[48]) {
    struct rv_quantity sum = {0}, one;
    bool any = false;
    for (struct rv_iter it = rv_iter(rv_val_path(group, "template.spec.containers")); rv_iter_next(&it);) {
        if (rv_quantity_from_val(asked(it.val, resource), &one) != 0) continue;
        if (any)
            rv_quantity_add(&sum, one);
        else
            sum = one;
        any = true;
    }
    if (!any || rv_quantity_is_zero(sum)) return false;
    rv_quantity_mul(&sum, n);
    rv_quantity_format(sum, text);
    return true;
}

static struct rv_str pods_text(struct rv_arena *a, struct rv_val group, const struct scale_plan *p) {
    static const char *const resources[][2] = {{"cpu", "CPU"},
                                               {"memory", "memory"},
                                               {"nvidia.com/gpu", "nvidia.com/gpu"},
                                               {"amd.com/gpu", "amd.com/gpu"},
                                               {"google.com/tpu", "google.com/tpu"}};
    int64_t more = p->pods_after - p->pods_before, n = more < 0 ? -more : more;
    rv_autobuf struct rv_buf b = {0}, what = {0};
    char text[48];
    if (n == 0) return RV_STR("no pod more or less");
    rv_buf_addf(&b, "%lld pod%s %s", (long long)n, n == 1 ? "" : "s", more > 0 ? "more" : "less");
    for (size_t i = 0; i < RV_ARRAY_LEN(resources); i++)
        if (total(group, n, resources[i][0], text))
            rv_buf_addf(&what, "%s%s %s", what.n != 0 ? ", " : "", text, resources[i][1]);
    if (what.n != 0) rv_buf_addf(&b, ", which ask%s for %s", n == 1 ? "s" : "", rv_buf_cstr(&what));
    return rv_arena_str(a, rv_buf_str(&b));
}

static void add_note(struct rv_buf *b, const char *text) { rv_buf_addf(b, "%s%s", b->n != 0 ? "; " : "", text); }

static struct rv_str notes(struct rv_arena *a, struct rv_val cluster, struct rv_val group, struct scale_plan *p) {
    rv_autobuf struct rv_buf b = {0};
    bool suspended = rv_path_bool(cluster, "spec.suspend", false), rests = rv_path_bool(group, "suspend", false),
         autoscaled = rv_path_bool(cluster, "spec.enableInTreeAutoscaling", false);
    p->waits = !suspended && !rests && !autoscaled;
    if (suspended) add_note(&b, "the cluster is suspended: pods follow when it is resumed");
    if (rests && !suspended) add_note(&b, "the group is suspended: pods follow when it is resumed");
    if (autoscaled) add_note(&b, "the autoscaler decides how many of them there are");
    for (struct rv_iter it = rv_iter(rv_val_path(cluster, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false)) continue;
        add_note(&b, rv_arena_fmt(a,
                                  "the cluster is of " RV_STR_FMT " " RV_STR_FMT
                                  ", whose next cluster has the number that stands there",
                                  RV_STR_ARG(rv_path_str(it.val, "kind")), RV_STR_ARG(rv_path_str(it.val, "name")))
                         .p);
    }
    return rv_arena_str(a, rv_buf_str(&b));
}

static struct rv_node *step(struct rv_arena *a, struct rv_node *patch, const char *op, const char *path) {
    struct rv_node *m = rv_node_map(a);
    rv_node_set_cstr(a, m, "op", op);
    rv_node_set_cstr(a, m, "path", path);
    rv_node_append(a, patch, m);
    return m;
}

static struct rv_val patch_of(struct rv_arena *a, struct rv_val cluster, const struct scale_plan *p,
                              const struct scale_wish *w) {
    const struct {
        const char *field;
        int64_t wanted;
    } fields[] = {{"replicas", w->replicas}, {"minReplicas", w->min}, {"maxReplicas", w->max}};
    const char *base = rv_arena_fmt(a, "/spec/workerGroupSpecs/%lld", (long long)p->index).p;
    struct rv_node *patch = rv_node_array(a);
    rv_node_set_str(a, step(a, patch, "test", "/metadata/uid"), "value", rv_path_str(cluster, "metadata.uid"));
    rv_node_set_int(a, step(a, patch, "test", "/metadata/generation"), "value",
                    rv_path_int(cluster, "metadata.generation", 0));
    rv_node_set_str(a, step(a, patch, "test", rv_arena_fmt(a, "%s/groupName", base).p), "value", p->group);
    for (size_t i = 0; i < RV_ARRAY_LEN(fields); i++) {
        if (fields[i].wanted == SCALE_UNSET) continue;
        const char *path = rv_arena_fmt(a, "%s/%s", base, fields[i].field).p;
        rv_node_set_int(a, step(a, patch, "add", path), "value", fields[i].wanted);
    }
    return rv_node_freeze(a, patch);
}

int scale_plan(struct rv_arena *a, struct rv_val cluster, const struct scale_wish *w, struct scale_plan *ret,
               struct rv_error *err) {
    struct rv_val g = RV_VAL_ABSENT;
    struct scale_plan *p = ret;
    *p = (struct scale_plan){0};
    int r = find_group(cluster, w->group, &g, &p->index, err);
    if (r != 0) return r;
    p->group = rv_path_str(g, "groupName");
    p->min_before = rv_path_int(g, "minReplicas", 0);
    p->max_before = rv_path_int(g, "maxReplicas", INT32_MAX);
    p->before = rv_path_int(g, "replicas", 0);
    p->min = w->min != SCALE_UNSET ? w->min : p->min_before;
    p->max = w->max != SCALE_UNSET ? w->max : p->max_before;
    p->after = w->replicas != SCALE_UNSET ? w->replicas : p->before;
    r = check(cluster, p, w, err);
    if (r != 0) return r;
    p->nothing = p->before == p->after && p->min == p->min_before && p->max == p->max_before;
    p->pods_before = within(p->before, p->min_before, p->max_before) * rc_group_hosts(g);
    p->pods_after = within(p->after, p->min, p->max) * rc_group_hosts(g);
    p->note = notes(a, cluster, g, p);
    p->pods = pods_text(a, g, p);
    p->patch = patch_of(a, cluster, p, w);
    return 0;
}
