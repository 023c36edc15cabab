/* plugin.c - the RayCluster controller as the host sees it: settings, memory between passes, one reconcile per key. */
#include <stdlib.h>

#include "metrics.h"
#include "plugins/ray/controller.h"
#include "reconcile.h"
#include "teardown.h"

struct controller {
    struct rc_controller base;
    struct rc_settings settings;
    struct rc_memo_table memos;
};

/* ---- memory between passes --------------------------------------------------------------------------------------- */

static void begin_memo(void *arg, void *memo) {
    (void)arg;
    cluster_memo_begin(memo);
}

/* The cluster is gone, and so are its metrics. arg is NULL when the plugin ends: then they stay. */
static void end_memo(void *arg, void *memo) {
    const struct controller *k = arg;
    if (k != NULL) metrics_remove(k->base.api, k->base.host, memo);
    cluster_memo_end(memo);
}

/* ---- settings, start and end ------------------------------------------------------------------------------------- */

static int32_t on_settings(void *state, struct rv_error *err) {
    struct controller *k = state;
    return rc_settings_read(&k->settings, k->base.api->settings(k->base.host), err);
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    int32_t r = rc_controller_init(sizeof(struct controller), api, h, on_settings, ret_state, err);
    struct controller *k = r == 0 ? *ret_state : NULL;
    if (k != NULL)
        k->memos =
            (struct rc_memo_table){.size = sizeof(struct cluster_memo), .begin = begin_memo, .end = end_memo, .arg = k};
    return r;
}

static void on_fini(void *state) {
    struct controller *k = state;
    k->memos.arg = NULL;
    rc_memo_drop_all(&k->memos);
    free(k);
}

/* ---- reconcile --------------------------------------------------------------------------------------------------- */

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct rc_cluster c;
    if (k->base.api->get(k->base.host, KIND_CLUSTER, key->ns, key->name, &o) != 0) {
        rc_memo_drop(&k->memos, key->ns, key->name);
        return; /* the garbage collector does the rest */
    }
    rc_cluster_read(&c, o.value, &k->settings);
    bool deleting = rv_meta_deleting(o.value);
    if (rc_managed_elsewhere(c.spec) && !deleting) {
        k->base.api->explain(k->base.host, RV_STR("spec.managedBy names another manager: not ours"));
        return;
    }
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct cluster_pass p = {.ctx = rc_context_of(&k->base, arena, "RayCluster", "raycluster-controller", &o),
                             .arena = arena,
                             .c = &c,
                             .memo = rc_memo_of(&k->memos, o.ns, o.name, o.uid)};
    if (deleting)
        teardown_reconcile(&p, out);
    else
        raycluster_reconcile(&p, out);
}

RC_PLUGIN(raycluster, .init = on_init, .reconcile = on_reconcile, .settings_changed = on_settings, .fini = on_fini)
