/* plugin.c - the RayCluster controller as the host sees it: settings, memory between passes, one reconcile per key. */
#include <stdlib.h>

#include "metrics.h"
#include "plugins/ray/fields.h"
#include "reconcile.h"

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rc_settings settings;
    struct memo *memos[256]; /* by hash of namespace and name */
};

/* ---- settings --------------------------------------------------------------------------------------------- */

static int read_settings(struct controller *k, struct rv_error *err) {
    return rc_settings_read(&k->settings, k->api->settings(k->host), err);
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct controller *k = rv_alloc(sizeof *k);
    k->api = api;
    k->host = h;
    int r = read_settings(k, err);
    if (r != 0) {
        free(k);
        return r;
    }
    *ret_state = k;
    return 0;
}

static int32_t on_settings(void *state, struct rv_error *err) { return read_settings(state, err); }

/* ---- memory between passes ---------------------------------------------------------------------------------- */

static struct memo **memo_slot(struct controller *k, struct rv_str ns, struct rv_str name) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < ns.n; i++) h = (h ^ (uint8_t)ns.p[i]) * 16777619u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    struct memo **m = &k->memos[(h ^ h >> 16) & 255];
    while (*m != NULL && !(rv_str_is(ns, (*m)->ns) && rv_str_is(name, (*m)->name))) m = &(*m)->next;
    return m;
}

static void memo_drop(struct memo **m) {
    struct memo *gone = *m;
    if (gone == NULL) return;
    *m = gone->next;
    free(gone->uid);
    free(gone->ns);
    free(gone->name);
    free(gone->owner_kind);
    free(gone->invalid);
    for (struct pace *pace = gone->paces, *next; pace != NULL; pace = next) {
        next = pace->next;
        pace_free(pace);
    }
    free(gone->trouble.text);
    free(gone);
}

static struct memo *memo_of(struct controller *k, const struct rc_cluster *c) {
    struct memo **m = memo_slot(k, c->ns, c->name);
    if (*m != NULL && !rv_str_is(c->uid, (*m)->uid)) { /* a namesake */
        metrics_remove(k->api, k->host, *m);
        memo_drop(m);
    }
    if (*m == NULL) {
        m = memo_slot(k, c->ns, c->name);
        *m = rv_alloc(sizeof **m);
        **m = (struct memo){.uid = rv_strdup(c->uid),
                            .ns = rv_strdup(c->ns),
                            .name = rv_strdup(c->name),
                            .said = -1,
                            .claim_said = -1,
                            .account_known = -1};
    }
    return *m;
}

static void on_fini(void *state) {
    struct controller *k = state;
    for (size_t i = 0; i < RV_ARRAY_LEN(k->memos); i++)
        while (k->memos[i] != NULL) memo_drop(&k->memos[i]);
    free(k);
}

/* The cluster is gone: so are its memory and its metrics. */
static void forget(struct controller *k, const struct rv_key *key) {
    struct memo **m = memo_slot(k, key->ns, key->name);
    if (*m == NULL) return;
    metrics_remove(k->api, k->host, *m);
    memo_drop(m);
}

/* ---- reconcile -------------------------------------------------------------------------------------------- */

static bool somebody_elses(struct rv_val spec) {
    struct rv_val manager = rv_val_get(spec, "managedBy");
    return rv_val_set(manager) && !rv_str_is(rv_val_str(manager), "ray.io/kuberay-operator");
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct rc_cluster c;
    if (k->api->get(k->host, KIND_CLUSTER, key->ns, key->name, &o) != 0) {
        forget(k, key);
        return; /* the garbage collector does the rest */
    }
    rc_cluster_read(&c, o.value, &k->settings);
    bool deleting = rv_meta_deleting(o.value);
    if (somebody_elses(c.spec) && !deleting) {
        k->api->explain(k->host, RV_STR("spec.managedBy names another manager: not ours"));
        return;
    }
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.api = k->api, .host = k->host, .arena = arena, .c = &c, .memo = memo_of(k, &c)};
    if (deleting)
        teardown(&p, out);
    else
        rc_reconcile(&p, out);
}

static const struct rv_plugin raycluster = {
    .size = sizeof raycluster,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "raycluster",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(raycluster)
