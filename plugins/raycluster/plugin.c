/* plugin.c - the RayCluster controller as the host sees it: settings, memory between passes, one reconcile per key. */
#include "metrics.h"
#include "plugins/ray/controller.h"
#include "reconcile.h"
#include "teardown.h"

/* What the controller keeps for all clusters together. */
struct raycluster {
    struct rc_settings settings;
    struct write_budget budget;
};

static int32_t configure(void *state, struct rv_val settings, struct rv_error *err) {
    struct raycluster *rc = state;
    return rc_settings_read(&rc->settings, settings, err);
}

static void memo_init(void *memo) { cluster_memo_begin(memo); }
static void memo_release(void *memo) { cluster_memo_end(memo); }

/* The metrics of a cluster are removed with it. They stay when the plugin ends. */
static void memo_end(const struct rv_pass *pass, bool plugin_ends) {
    struct rc_context x = rc_context_of(pass);
    if (!plugin_ends) metrics_remove(&x, pass->memo);
}

static void reconcile(struct rv_pass *pass) {
    struct rv_outcome out = {.size = sizeof out};
    struct raycluster *rc = pass->state;
    struct rc_cluster c;
    rc_cluster_read(&c, pass->object.value, &rc->settings);
    bool deleting = rv_meta_deleting(pass->object.value);
    if (rc_managed_elsewhere(c.spec) && !deleting) {
        rv_pass_explain(pass, "spec.managedBy names another manager: not ours");
        return;
    }
    struct cluster_pass p = {
        .ctx = rc_context_of(pass), .arena = pass->arena, .c = &c, .memo = pass->memo, .budget = &rc->budget};
    if (deleting)
        teardown_reconcile(&p, &out);
    else
        raycluster_reconcile(&p, &out);
    rc_set_outcome(pass, &out);
}

RV_CONTROLLER(.reconcile = reconcile, .reporter = "raycluster-controller", .state_size = sizeof(struct raycluster),
              .configure = configure, .memo_size = sizeof(struct cluster_memo), .memo_init = memo_init,
              .memo_end = memo_end, .memo_release = memo_release)
