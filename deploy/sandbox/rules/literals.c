/* literals.c - constant defaults as one table: what a real API server fills in if a field is absent. Defaults that
 * depend on other fields are code (rules/defaults.c). */
#include "internal.h"
#include "rayvisor/json.h"

/* "[]" after a name means every element. An absent parent stays absent, unless "!" follows it; then it is made. */
static const struct {
    const char *plural, *path, *json;
} literals[] = {
    {"secrets", "type", "\"Opaque\""},
    {"persistentvolumeclaims", "spec!.volumeMode", "\"Filesystem\""},
    {"persistentvolumeclaims", "status!.phase", "\"Pending\""},
    {"persistentvolumes", "spec!.volumeMode", "\"Filesystem\""},
    {"persistentvolumes", "spec!.persistentVolumeReclaimPolicy", "\"Retain\""},
    {"persistentvolumes", "status!.phase", "\"Pending\""},
    {"deployments", "spec!.replicas", "1"},
    {"deployments", "spec!.revisionHistoryLimit", "10"},
    {"deployments", "spec!.progressDeadlineSeconds", "600"},
    {"deployments", "spec!.strategy!.type", "\"RollingUpdate\""},
    {"replicasets", "spec!.replicas", "1"},
    {"cronjobs", "spec!.concurrencyPolicy", "\"Allow\""},
    {"cronjobs", "spec!.suspend", "false"},
    {"cronjobs", "spec!.successfulJobsHistoryLimit", "3"},
    {"cronjobs", "spec!.failedJobsHistoryLimit", "1"},
    {"endpoints", "subsets[].ports[].protocol", "\"TCP\""},
    {"endpointslices", "ports[].protocol", "\"TCP\""},
    {"endpointslices", "ports[].name", "\"\""},
    {"ingresses", "status!.loadBalancer", "{}"},
    {"networkpolicies", "spec!.ingress[].ports[].protocol", "\"TCP\""},
    {"networkpolicies", "spec!.egress[].ports[].protocol", "\"TCP\""},
    {"rolebindings", "roleRef.apiGroup", "\"rbac.authorization.k8s.io\""},
    {"clusterrolebindings", "roleRef.apiGroup", "\"rbac.authorization.k8s.io\""},
};

static void fill(struct rv_arena *a, struct rv_node *at, struct rv_str path, const char *json) {
    size_t n = 0;
    while (n < path.n && path.p[n] != '.') n++;
    struct rv_str name = {path.p, n}, rest = {path.p + n, path.n - n};
    if (rest.n != 0) rest = (struct rv_str){rest.p + 1, rest.n - 1};
    bool each = rv_str_ends(name, "[]"), made = rv_str_ends(name, "!");
    name.n -= each ? 2 : made ? 1 : 0;
    struct rv_str key = rv_arena_str(a, name);
    struct rv_node *child = rv_node_getn(at, key);
    if (rest.n == 0) {
        rv_autobuf struct rv_buf mp = {0};
        if (child != NULL || rv_json_to_mp(rv_str(json), NULL, &mp, NULL) != 0) return;
        rv_node_setn(a, at, key, rv_node_copy(a, rv_node_from(a, (struct rv_val){mp.p, mp.n})));
        return;
    }
    if (made) child = rv_node_ensure_map(a, at, key.p);
    if (!each && rv_node_type(child) == RV_MAP) fill(a, child, rest, json);
    for (size_t i = 0; each && i < rv_node_len(child); i++) fill(a, rv_node_at(child, i), rest, json);
}

void sb_default_literals(struct rv_arena *a, const char *plural, struct rv_node *object) {
    for (size_t i = 0; i < RV_ARRAY_LEN(literals); i++)
        if (strcmp(literals[i].plural, plural) == 0) fill(a, object, rv_str(literals[i].path), literals[i].json);
}
