/* outdated.c - pods that were created from an older spec. With upgradeStrategy Recreate they are replaced
 * (reconcile.c). Otherwise they stay, and the condition PodsOutdated says so. Without it, an edit without effect would
 * seem to have one.
 *
 * A pod has an annotation with a hash of exactly what it was created from. So scaling a group or adding one makes no
 * other pod outdated. Hashes of two versions of the operator cannot be compared, because the defaults of the schema may
 * differ. Pods of another version therefore get a new hash, a few at a time, and count as pods of this spec. */
#include <stdio.h>

#include "outdated.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/start_params.h"
#include "pod_actions.h"

enum { STAMPS_MAX = 16 };

/* ---- what a pod is made of --------------------------------------------------------------------------------------- */

static void copy_fields(struct rv_arena *a, struct rv_node *to, struct rv_val from, const char *const *keys, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct rv_val v = rv_val_get(from, keys[i]);
        bool empty = rv_val_type(v) == RV_MAP && rv_val_len(v) == 0;
        if (rv_val_set(v) && !empty) rv_node_set(a, to, keys[i], rv_node_from(a, v));
    }
}

/* Workers are told where the head is. Only what differs from the default counts. */
static void add_way_to_head(struct rv_arena *a, const struct rc_cluster *c, struct rv_node *n) {
    struct rv_str port = rc_gcs_port(c), service = rv_path_str(c->spec, "headGroupSpec.headService.metadata.name");
    if (!rv_str_is(port, "6379")) rv_node_set_str(a, n, "headPort", port);
    if (service.n != 0) rv_node_set_str(a, n, "headService", service);
}

static void hash_of(const struct rc_cluster *c, struct rv_val group, bool head, char ret[17]) {
    static const char *const of_group[] = {"template", "rayStartParams", "resources", "labels"},
                             *const of_all[] = {"rayVersion", "gcsFaultToleranceOptions", "authOptions", "tlsOptions",
                                                "historyServerOptions"},
                             *const of_head[] = {"enableInTreeAutoscaling", "autoscalerOptions"};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_map(a), *own = rv_node_ensure_map(a, n, "group");
    copy_fields(a, own, group, of_group, RV_ARRAY_LEN(of_group));
    copy_fields(a, n, c->spec, of_all, RV_ARRAY_LEN(of_all));
    if (head && c->f.autoscaling) copy_fields(a, n, c->spec, of_head, RV_ARRAY_LEN(of_head));
    if (!head) add_way_to_head(a, c, n);
    struct rv_node *spec = rv_node_path(own, "template.spec");
    /* Others may add tolerations, so the spec's hash does not include them either. */
    rv_node_remove(spec, "tolerations");
    rv_node_remove(spec, "schedulingGates");
    struct rv_hash h = rv_val_hash(rv_node_freeze(a, n));
    snprintf(ret, 17, "%016llx", (unsigned long long)h.hi); /* a short hash, because every pod stores it */
}

/* Absent if the spec no longer has such a group. */
static struct rv_val group_of(struct cluster_pass *p, const struct creation_pace *pace) {
    if (strcmp(pace->group, RC_HEAD_GROUP) == 0) return rv_val_get(p->c->spec, "headGroupSpec");
    return cluster_group(p, rv_str(pace->group));
}

static const char *wanted_hash(struct cluster_pass *p, struct rv_str group) {
    struct creation_pace *pace = pace_of(p, group);
    uint64_t generation = (uint64_t)p->c->generation + 1;
    if (pace->hash_generation != generation) {
        struct rv_val v = group_of(p, pace);
        pace->hash[0] = 0;
        if (rv_val_present(v)) hash_of(p->c, v, strcmp(pace->group, RC_HEAD_GROUP) == 0, pace->hash);
        pace->hash_generation = generation;
    }
    return pace->hash;
}

struct rv_str outdated_mark(struct cluster_pass *p, struct rv_str group) {
    if (p->runs.spec.p == p->c->spec.p) return rv_arena_fmt(p->arena, "v" RV_VERSION "/%s", wanted_hash(p, group));
    char hash[17]; /* pods that are made now are made for the head that runs (live_head.h) */
    bool head = rv_str_is(group, RC_HEAD_GROUP);
    hash_of(&p->runs, head ? rv_val_get(p->runs.spec, "headGroupSpec") : cluster_group(p, group), head, hash);
    return rv_arena_fmt(p->arena, "v" RV_VERSION "/%s", hash);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static struct rv_str annotation(const struct observed_pod *pod, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(pod->value, "metadata.annotations"), key));
}

static struct rv_str group_name(const struct observed_pod *pod) {
    return pod->head ? RV_STR(RC_HEAD_GROUP) : pod->group;
}

static bool of_this_version(struct rv_str mark) { return rv_str_starts(mark, "v" RV_VERSION "/"); }

bool outdated_pod(struct cluster_pass *p, const struct observed_pod *pod) {
    struct rv_str mark = annotation(pod, RC_ANNOTATION_POD_SPEC);
    if (pod->deleting || pod->chosen || !of_this_version(mark)) return false;
    size_t skip = sizeof "v" RV_VERSION "/" - 1;
    const char *want = wanted_hash(p, group_name(pod));
    return want[0] != 0 && !rv_str_is((struct rv_str){mark.p + skip, mark.n - skip}, want);
}

struct rv_str outdated_pods(struct cluster_pass *p) {
    const struct observed_pod *first = NULL;
    size_t n = 0;
    if (cluster_recreates(p)) return (struct rv_str){NULL, 0};
    for (size_t i = 0; i < p->pod_n; i++) {
        const struct observed_pod *pod = &p->pods[i];
        if (!outdated_pod(p, pod)) continue;
        n++;
        bool rather = first == NULL || (pod->head && !first->head) ||
                      (pod->head == first->head && rv_str_cmp(pod->name, first->name) < 0);
        if (rather) first = pod;
    }
    if (n == 0) return (struct rv_str){NULL, 0};
    bool by_hand = rv_str_is(p->c->creator, "RayCluster");
    return rv_arena_fmt(p->arena, "%zu %s (" RV_STR_FMT "%s): %sdelete %s made anew%s", n,
                        n > 1 ? "pods were made of an older spec and stay as they are"
                              : "pod was made of an older spec and stays as it is",
                        RV_STR_ARG(first->name), n > 1 ? ", ..." : "",
                        by_hand ? "set spec.upgradeStrategy.type to Recreate, or " : "",
                        n > 1 ? "them to have them" : "it to have it",
                        p->runs.spec.p != p->c->spec.p ? ". Until there is a new head, services and new workers follow "
                                                         "the labels and ports of the head that runs"
                                                       : "");
}

/* ---- stamping ---------------------------------------------------------------------------------------------------- */

static bool of_another_version(const struct observed_pod *pod) {
    struct rv_str version = annotation(pod, RC_ANNOTATION_VERSION), mark = annotation(pod, RC_ANNOTATION_POD_SPEC);
    return (version.n != 0 && !rv_str_is(version, "v" RV_VERSION)) || (mark.n != 0 && !of_this_version(mark));
}

static void write_mark(struct cluster_pass *p, const struct observed_pod *pod) {
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a),
                   *notes = rv_node_ensure_map(a, rv_node_ensure_map(a, body, "metadata"), "annotations");
    if (annotation(pod, RC_ANNOTATION_SPEC_HASH).n != 0)
        rv_node_set_str(a, notes, RC_ANNOTATION_SPEC_HASH, cluster_spec_hash(p));
    if (annotation(pod, RC_ANNOTATION_VERSION).n != 0)
        rv_node_set_cstr(a, notes, RC_ANNOTATION_VERSION, "v" RV_VERSION);
    rv_node_set_str(a, notes, RC_ANNOTATION_POD_SPEC, outdated_mark(p, group_name(pod)));
    ctx_patch(&p->ctx, "v1", "pods", pod->name, pod->uid, body, TAG_STAMP);
}

void outdated_stamp(struct cluster_pass *p) {
    size_t n = 0;
    if (p->creates + p->deletes > 0) return;
    for (size_t i = 0; i < p->pod_n && n < STAMPS_MAX; i++) {
        const struct observed_pod *pod = &p->pods[i];
        if (pod->deleting || !of_another_version(pod)) continue;
        if (p->memo->stamping.after > ctx_now(&p->ctx)) {
            ctx_wake(&p->ctx, p->memo->stamping.after);
            return;
        }
        write_mark(p, pod);
        n++;
    }
    if (n > 0)
        ctx_explain(&p->ctx, "noting on %zu pods of another version of the operator that they are of this spec", n);
}
