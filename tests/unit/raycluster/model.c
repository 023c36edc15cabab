/* model.c - see model.h. */
#include "model.h"

#include <stdio.h>

#include "plugins/ray/fields.h"

static const struct rv_str api_version = {"ray.io/v1", 9}, resource = {"rayclusters", 11};

static struct rv_str label(const struct rv_fake_object *o, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), key));
}

/* ---- wishes ------------------------------------------------------------------------------------------------------ */

static void new_group(struct model_group *g, struct rv_test_random *d, const struct model *m) {
    *g = (struct model_group){.used = true,
                              .replicas = rv_test_random_below(d, 5),
                              .max = 3 + rv_test_random_below(d, 3),
                              .hosts =
                                  rv_test_random_chance(d, 30) && !m->autoscaling ? 2 + rv_test_random_below(d, 2) : 1};
    if (rv_test_random_chance(d, 20)) g->min = rv_test_random_below(d, 3);
}

void model_init(struct model *m, struct rv_test_random *d) {
    *m = (struct model){.recreate = rv_test_random_chance(d, 40),
                        .autoscaling = rv_test_random_chance(d, 30),
                        .indexing = !rv_test_random_chance(d, 20),
                        .lossy = rv_test_random_chance(d, 50)};
    m->gang = (enum model_gang)(rv_test_random_chance(d, 40) ? 1 + rv_test_random_below(d, 2) : 0);
    m->exists = true;
    m->redis = rv_test_random_chance(d, 25);
    new_group(&m->groups[0], d, m);
    new_group(&m->groups[1], d, m);
}

static void group_name(size_t i, char out[24]) { snprintf(out, 24, "g%zu", i); }

/* The name of one of the group's pods, or of any: of another group's, of the head, of somebody else's. */
static void choose_victim(char out[64], struct rv_test_random *d, const struct rv_fakeapi *api, size_t group) {
    const struct rv_fake_object *chosen = NULL;
    char name[24];
    uint32_t n = 0;
    bool own = rv_test_random_chance(d, 75);
    group_name(group, name);
    for (const struct rv_fake_object *o = api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "pods") == 0 && (!own || rv_str_is(label(o, RC_LABEL_GROUP), name)) &&
            rv_test_random_below(d, ++n) == 0)
            chosen = o;
    snprintf(out, 64, "%s", chosen != NULL ? chosen->name : "nobody");
}

static void edit_group(struct model *m, size_t i, struct rv_test_random *d, const struct rv_fakeapi *api) {
    static const uint32_t kinds = 16;
    struct model_group *g = &m->groups[i];
    uint32_t what = rv_test_random_below(d, kinds);
    if (!g->used) {
        new_group(g, d, m);
    } else if (what < 6) {
        g->replicas = rv_test_random_below(d, 6);
    } else if (what < 9) {
        choose_victim(g->victims[rv_test_random_below(d, MODEL_VICTIMS)], d, api, i);
        if (g->replicas > 0 && rv_test_random_chance(d, 70)) g->replicas--;
    } else if (what < 10) {
        memset(g->victims, 0, sizeof g->victims);
    } else if (what < 11) {
        g->used = false;
    } else if (what < 12) {
        g->image++;
    } else if (what < 14) {
        g->suspend = !g->suspend && !m->autoscaling;
    } else if (what < 15 && !m->autoscaling) {
        g->hosts = 1 + rv_test_random_below(d, 3);
    } else {
        g->max = 1 + rv_test_random_below(d, 5);
        g->min = rv_test_random_below(d, 2);
    }
}

void model_edit(struct model *m, struct rv_test_random *d, const struct rv_fakeapi *api) {
    bool *const switches[] = {&m->suspend, &m->suspend, &m->ingress, &m->serve, &m->redis, &m->invalid};
    uint32_t what = rv_test_random_below(d, 100);
    if (what < 65)
        edit_group(m, rv_test_random_below(d, MODEL_GROUPS), d, api);
    else if (what < 75)
        m->head_image++;
    else if (what < 95) {
        bool *s = switches[rv_test_random_below(d, RV_ARRAY_LEN(switches))];
        *s = !*s;
    } else
        m->exists = !m->exists;
}

/* ---- the manifest ------------------------------------------------------------------------------------------------ */

static struct rv_node *template(struct rv_arena *a, const char *name, uint32_t image, bool serve) {
    struct rv_node *t = rv_node_map(a), *list = rv_node_ensure_array(a, rv_node_ensure_map(a, t, "spec"), "containers"),
                   *c = rv_node_map(a);
    rv_node_set_cstr(a, c, "name", name);
    rv_node_set_fmt(a, c, "image", "ray:%u", image);
    if (serve) {
        struct rv_node *port = rv_node_map(a);
        rv_node_set_cstr(a, port, "name", "serve");
        rv_node_set_int(a, port, "containerPort", 8000);
        rv_node_append(a, rv_node_ensure_array(a, c, "ports"), port);
    }
    rv_node_append(a, list, c);
    return t;
}

static struct rv_node *group_node(struct rv_arena *a, const struct model *m, size_t i) {
    const struct model_group *g = &m->groups[i];
    struct rv_node *n = rv_node_map(a);
    char name[24];
    group_name(i, name);
    rv_node_set_cstr(a, n, "groupName", m->invalid ? "" : name);
    rv_node_set_int(a, n, "replicas", g->replicas);
    rv_node_set_int(a, n, "minReplicas", g->min < g->max ? g->min : g->max);
    rv_node_set_int(a, n, "maxReplicas", g->max);
    rv_node_set_int(a, n, "numOfHosts", g->hosts);
    rv_node_set(a, n, "rayStartParams", rv_node_map(a));
    if (g->suspend) rv_node_set_bool(a, n, "suspend", true);
    for (size_t v = 0; v < MODEL_VICTIMS; v++)
        if (g->victims[v][0] != 0)
            rv_node_append(a, rv_node_ensure_array(a, rv_node_ensure_map(a, n, "scaleStrategy"), "workersToDelete"),
                           rv_node_str(a, rv_str(g->victims[v])));
    rv_node_set(a, n, "template", template(a, "ray-worker", g->image, false));
    return n;
}

/* A merge patch: what is not wanted is null. */
static struct rv_node *manifest(struct rv_arena *a, const struct model *m) {
    struct rv_node *n = rv_node_map(a), *spec = rv_node_ensure_map(a, n, "spec"),
                   *head = rv_node_ensure_map(a, spec, "headGroupSpec"), *meta = rv_node_ensure_map(a, n, "metadata"),
                   *groups = rv_node_ensure_array(a, spec, "workerGroupSpecs"),
                   *notes = rv_node_ensure_map(a, meta, "annotations");
    rv_node_set_cstr(a, meta, "name", MODEL_NAME);
    rv_node_set_cstr(a, rv_node_ensure_map(a, meta, "labels"), RC_LABEL_GANG, "true");
    rv_node_set(a, notes, RC_ANNOTATION_SERVE_SERVICE, m->serve ? rv_node_str(a, RV_STR("true")) : rv_node_null(a));
    rv_node_set(a, head, "rayStartParams", rv_node_map(a));
    rv_node_set_bool(a, head, "enableIngress", m->ingress);
    rv_node_set(a, head, "template", template(a, "ray-head", m->head_image, true));
    rv_node_set_bool(a, spec, "suspend", m->suspend);
    rv_node_set_bool(a, spec, "enableInTreeAutoscaling", m->autoscaling);
    if (m->recreate) rv_node_set_cstr(a, rv_node_ensure_map(a, spec, "upgradeStrategy"), "type", "Recreate");
    if (m->redis)
        rv_node_set_cstr(a, rv_node_ensure_map(a, spec, "gcsFaultToleranceOptions"), "redisAddress", "redis:6379");
    else
        rv_node_set(a, spec, "gcsFaultToleranceOptions", rv_node_null(a));
    for (size_t i = 0; i < MODEL_GROUPS; i++)
        if (m->groups[i].used) rv_node_append(a, groups, group_node(a, m, i));
    return n;
}

void model_apply(const struct model *m, struct rv_fakeapi *api) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *have = rv_fakeapi_find(api, api_version, resource, RV_STR(MODEL_NAME)), *made;
    struct rv_val wish = rv_node_freeze(a, manifest(a, m));
    if (have != NULL && !m->exists) (void)rv_fakeapi_delete(api, have, RV_STR(""));
    if (have != NULL && m->exists) (void)rv_fakeapi_patch(api, have, false, RV_STR(""), wish);
    if (have != NULL || !m->exists) return;
    (void)rv_fakeapi_create(api, api_version, resource, wish, &made);
}

/* ---- is it so? --------------------------------------------------------------------------------------------------- */

struct check {
    const struct model *m;
    const struct rv_fakeapi *api;
    const struct rv_fake_object *cluster;
    struct rv_buf *out;
};

#define FAULT(k, ...) (rv_buf_addf((k)->out, "  - " __VA_ARGS__), rv_buf_adds((k)->out, "\n"))

static bool owned(const struct rv_fake_object *o, const struct rv_fake_object *by) {
    return by != NULL && rv_str_is(rv_meta_controller_uid(o->value), by->uid);
}

bool model_live_pod(const struct rv_fakeapi *api, const struct rv_fake_object *o) {
    return strcmp(o->resource, "pods") == 0 && !rv_meta_deleting(o->value) &&
           owned(o, rv_fakeapi_find(api, api_version, resource, RV_STR(MODEL_NAME)));
}

static void check_pod(struct check *k, const struct rv_fake_object *pod, uint32_t image) {
    char want[24];
    snprintf(want, sizeof want, "ray:%u", image);
    if (!rv_condition_is(rv_val_path(pod->value, "status.conditions"), "Ready", "True"))
        FAULT(k, "pod %s has ended or is not ready, and stays", pod->name);
    if (k->m->recreate && !rv_str_is(rv_path_str(pod->value, "spec.containers[0].image"), want))
        FAULT(k, "pod %s is of an old spec under Recreate", pod->name);
}

static bool named(const struct model_group *g, const char *name) {
    for (size_t v = 0; v < MODEL_VICTIMS; v++)
        if (strcmp(g->victims[v], name) == 0) return true;
    return false;
}

static bool alike(const struct rv_fake_object *a, const struct rv_fake_object *b, const char *key) {
    return rv_str_eq(label(a, key), label(b, key));
}

/* Indices are unique in a group, unless a single pod was made without anybody hearing of it. A replica of several hosts
 * is whole, and has each of them once. */
static void check_place(struct check *k, const struct rv_fake_object *pod, const struct model_group *g) {
    uint32_t hosts = 0;
    for (const struct rv_fake_object *o = k->api->objects; o != NULL; o = o->next) {
        if (!model_live_pod(k->api, o) || !alike(o, pod, RC_LABEL_GROUP)) continue;
        bool replica = g->hosts > 1 && alike(o, pod, RC_LABEL_REPLICA_NAME);
        hosts += replica;
        if (o == pod) break; /* each pair once; the last one of a replica sees all of it */
        if (replica && alike(o, pod, RC_LABEL_HOST_INDEX)) FAULT(k, "%s and %s are one host", pod->name, o->name);
        if (!replica && (g->hosts > 1 || !k->m->lossy) && alike(o, pod, RC_LABEL_REPLICA_INDEX))
            FAULT(k, "pods %s and %s have one index", pod->name, o->name);
    }
    bool last = true;
    for (const struct rv_fake_object *o = pod->next; o != NULL && last; o = o->next)
        last = !model_live_pod(k->api, o) || !alike(o, pod, RC_LABEL_REPLICA_NAME);
    if (g->hosts > 1 && last && hosts != g->hosts)
        FAULT(k, "the replica of %s has %u hosts instead of %u", pod->name, hosts, g->hosts);
}

static uint32_t wanted(const struct model_group *g) {
    uint32_t n = g->replicas, min = g->min < g->max ? g->min : g->max;
    return !g->used || g->suspend ? 0 : (n < min ? min : n > g->max ? g->max : n) * g->hosts;
}

static void check_group(struct check *k, size_t i) {
    const struct model_group *g = &k->m->groups[i];
    char name[24];
    uint32_t n = 0;
    group_name(i, name);
    for (const struct rv_fake_object *o = k->api->objects; o != NULL; o = o->next) {
        if (!model_live_pod(k->api, o) || !rv_str_is(label(o, RC_LABEL_GROUP), name)) continue;
        n++;
        check_pod(k, o, g->image);
        if (named(g, o->name)) FAULT(k, "pod %s is named for deletion and stays", o->name);
        if (k->m->indexing && label(o, RC_LABEL_REPLICA_INDEX).n == 0) FAULT(k, "pod %s has no index", o->name);
        if (k->m->indexing) check_place(k, o, g);
    }
    uint32_t want = k->m->suspend ? 0 : wanted(g);
    if (n != want) FAULT(k, "group %s has %u pods instead of %u", name, n, want);
}

/* With an autoscaler it counts what there is at least; Kubernetes has none then. */
static void check_gang(struct check *k) {
    static const struct {
        const char *resource, *name, *size;
    } parts[] = {{"podgroups", "ray-" MODEL_NAME "-pg", "spec.minMember"},
                 {"podgroups", MODEL_NAME "-cluster", "spec.schedulingPolicy.gang.minCount"},
                 {"workloads", MODEL_NAME, "spec.podGroupTemplates[0].schedulingPolicy.gang.minCount"}};
    const struct model *m = k->m;
    int64_t size = 1;
    for (size_t i = 0; i < MODEL_GROUPS; i++) {
        const struct model_group *g = &m->groups[i];
        uint32_t least = g->used && !g->suspend ? (g->min < g->max ? g->min : g->max) * g->hosts : 0;
        size += m->autoscaling ? least : wanted(g);
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) {
        const struct rv_fake_object *o = rv_fakeapi_get(k->api, parts[i].resource, parts[i].name);
        bool want = i == 0 ? m->gang == GANG_VOLCANO : m->gang == GANG_KUBERNETES && !m->autoscaling;
        int64_t have = o != NULL ? rv_path_int(o->value, parts[i].size, 0) : 0;
        if (want != (o != NULL) && !(want && m->suspend))
            FAULT(k, "%s %s is %s", parts[i].resource, parts[i].name, want ? "missing" : "there");
        if (o != NULL && (have != size || !owned(o, k->cluster) || rv_meta_deleting(o->value)))
            FAULT(k, "%s %s has size %lld instead of %lld", parts[i].resource, o->name, (long long)have,
                  (long long)size);
    }
}

static void check_others(struct check *k) {
    const struct model *m = k->m;
    bool multi = false;
    for (size_t i = 0; i < MODEL_GROUPS; i++) multi |= m->groups[i].used && m->groups[i].hosts > 1;
    const struct {
        const char *resource, *name;
        bool want, kept; /* kept: may stay when no longer wanted */
    } rows[] = {
        {"services", MODEL_NAME "-head-svc", true, false},
        {"services", MODEL_NAME "-serve-svc", m->serve, false},
        {"services", MODEL_NAME "-headless", multi, false},
        {"ingresses", MODEL_NAME "-head-ingress", m->ingress, false},
        {"serviceaccounts", MODEL_NAME, m->autoscaling, true},
        {"roles", MODEL_NAME, m->autoscaling, true},
        {"rolebindings", MODEL_NAME, m->autoscaling, true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const struct rv_fake_object *o = rv_fakeapi_get(k->api, rows[i].resource, rows[i].name);
        if (rows[i].want && o == NULL) FAULT(k, "%s %s is missing", rows[i].resource, rows[i].name);
        if (o != NULL && !owned(o, k->cluster)) FAULT(k, "%s %s is not the cluster's", rows[i].resource, rows[i].name);
        if (o != NULL && !rows[i].want && !rows[i].kept) FAULT(k, "%s %s is left over", rows[i].resource, rows[i].name);
    }
}

static void check_head(struct check *k, bool status) {
    uint32_t n = 0;
    for (const struct rv_fake_object *o = k->api->objects; o != NULL; o = o->next) {
        if (!model_live_pod(k->api, o) || !rv_str_is(label(o, RC_LABEL_NODE_TYPE), "head")) continue;
        n++;
        check_pod(k, o, k->m->head_image);
        if (status && !rv_str_is(rv_path_str(k->cluster->value, "status.head.podName"), o->name) && !k->m->suspend)
            FAULT(k, "status.head.podName is not %s", o->name);
    }
    if (n != (k->m->suspend ? 0 : 1)) FAULT(k, "%u heads", n);
}

static void check_condition(struct check *k, const char *type, const char *want) {
    struct rv_val c = rv_condition_find(rv_val_path(k->cluster->value, "status.conditions"), type);
    struct rv_str have = rv_path_str(c, "status");
    if (want == NULL ? rv_val_present(c) : !rv_str_is(have, want))
        FAULT(k, "condition %s is \"" RV_STR_FMT "\" instead of \"%s\" (" RV_STR_FMT ")", type, RV_STR_ARG(have),
              want != NULL ? want : "", RV_STR_ARG(rv_path_str(c, "message")));
}

static void check_number(struct check *k, const char *path, int64_t want) {
    int64_t have = rv_path_int(k->cluster->value, path, 0);
    if (have != want) FAULT(k, "%s is %lld instead of %lld", path, (long long)have, (long long)want);
}

/* Those that never go are among them. */
static int64_t running_workers(const struct check *k) {
    int64_t n = 0;
    for (const struct rv_fake_object *o = k->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "pods") == 0 && owned(o, k->cluster) &&
             rv_str_is(label(o, RC_LABEL_NODE_TYPE), "worker") &&
             rv_str_is(rv_path_str(o->value, "status.phase"), "Running");
    return n;
}

static void check_status(struct check *k) {
    const struct model *m = k->m;
    int64_t workers = 0;
    for (size_t i = 0; i < MODEL_GROUPS; i++) workers += wanted(&m->groups[i]);
    struct rv_str state = rv_path_str(k->cluster->value, "status.state");
    if (!rv_str_is(state, m->suspend ? "suspended" : "ready"))
        FAULT(k, "state is \"" RV_STR_FMT "\"", RV_STR_ARG(state));
    check_number(k, "status.observedGeneration", rv_path_int(k->cluster->value, "metadata.generation", 0));
    check_number(k, "status.desiredWorkerReplicas", workers);
    check_number(k, "status.availableWorkerReplicas", running_workers(k));
    check_number(k, "status.readyWorkerReplicas", m->suspend ? 0 : workers);
    check_condition(k, "Stalled", NULL);
    check_condition(k, RC_CONDITION_RECONCILING, NULL);
    check_condition(k, RC_CONDITION_REPLICA_FAILURE, NULL);
    check_condition(k, RC_CONDITION_SUSPENDING, "False");
    check_condition(k, RC_CONDITION_SUSPENDED, m->suspend ? "True" : "False");
    check_condition(k, RC_CONDITION_HEAD_READY, m->suspend ? "False" : "True");
    check_condition(k, RC_CONDITION_PROVISIONED, m->suspend ? "False" : "True");
}

/* What is there of a cluster that is gone: nothing but the bystander. */
static void check_gone(struct check *k) {
    if (k->cluster != NULL) FAULT(k, "the deleted cluster is still there");
    for (const struct rv_fake_object *o = k->api->objects; o != NULL; o = o->next)
        if (o != k->cluster && strcmp(o->name, MODEL_BYSTANDER) != 0)
            FAULT(k, "%s %s is left over", o->resource, o->name);
}

static bool has_finalizer(const struct rv_fake_object *cluster) {
    for (struct rv_iter it = rv_iter(rv_val_path(cluster->value, "metadata.finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), RC_FINALIZER_REDIS)) return true;
    return false;
}

/* What is wrong are the names of the groups. */
static bool is_invalid(const struct model *m) {
    bool any = false;
    for (size_t i = 0; i < MODEL_GROUPS; i++) any |= m->groups[i].used;
    return m->invalid && any;
}

bool model_check_pods(const struct model *m, const struct rv_fakeapi *api, int without, struct rv_buf *out) {
    struct check k = {m, api, rv_fakeapi_find(api, api_version, resource, RV_STR(MODEL_NAME)), out};
    bool settled = m->exists && k.cluster != NULL && !rv_meta_deleting(k.cluster->value) && !is_invalid(m);
    if (!settled || m->suspend) return true;
    for (size_t i = 0; i < MODEL_GROUPS; i++)
        if ((int)i != without) check_group(&k, i);
    check_head(&k, false);
    return out->n == 0;
}

bool model_check(const struct model *m, const struct rv_fakeapi *api, struct rv_buf *out) {
    struct check k = {m, api, rv_fakeapi_find(api, api_version, resource, RV_STR(MODEL_NAME)), out};
    const struct rv_fake_object *bystander = rv_fakeapi_get(api, "pods", MODEL_BYSTANDER);
    if (bystander == NULL || rv_meta_deleting(bystander->value)) FAULT(&k, "somebody else's pod was deleted");
    if (!m->exists) {
        check_gone(&k);
    } else if (k.cluster == NULL || rv_meta_deleting(k.cluster->value)) {
        FAULT(&k, "there is no cluster");
    } else if (is_invalid(m)) {
        check_condition(&k, "Stalled", "True");
    } else {
        if (m->redis && !has_finalizer(k.cluster)) FAULT(&k, "the finalizer is missing");
        for (size_t i = 0; i < MODEL_GROUPS; i++) check_group(&k, i);
        check_head(&k, true);
        check_others(&k);
        check_gang(&k);
        check_status(&k);
    }
    return out->n == 0;
}
