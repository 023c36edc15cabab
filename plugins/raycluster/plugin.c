/* plugin.c - the RayCluster controller as the host sees it: settings, memory between passes, one reconcile per key. */
#include "metrics.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/service_limits.h"
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

static void warn(void *review, const char *text) { rv_review_warn(review, "spec.workerGroupSpecs: %s", text); }

/* A head service that is there stays as it is, and the cluster with it; so only a new one is refused for its sake. */
static void validate(struct rv_pass *pass, struct rv_review *r) {
    const struct raycluster *rc = pass->state;
    rv_autobuf struct rv_buf why = {0};
    struct rc_cluster c;
    rc_cluster_read(&c, pass->object.value, &rc->settings);
    if (rc_managed_elsewhere(c.spec)) return;
    if (rc_validate(&c, &why) != NULL || (!rv_val_present(r->before) && rc_head_service_refused(&c, &why)))
        rv_review_refuse(r, RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
    else
        rc_warnings(&c, warn, r);
}

RV_CONTROLLER(.reconcile = reconcile, .validate = validate, .reporter = "raycluster-controller",
              .state_size = sizeof(struct raycluster), .configure = configure, .memo_size = sizeof(struct cluster_memo),
              .memo_init = memo_init, .memo_end = memo_end, .memo_release = memo_release)
