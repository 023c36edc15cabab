/* plugin.c - the RayService controller as the host sees it: settings, memory between passes, which service an object
 * concerns, one reconcile per key. */
#include "fields.h"
#include "pass.h"
#include "plugins/ray/controller.h"

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static int32_t configure(void *state, struct rv_val s, struct rv_error *err) {
    struct rs_settings fresh = {.zero_downtime = rv_path_bool(s, "zeroDowntime", true),
                                .deadline_s = rv_path_int(s, "upgradeDeadlineSeconds", 3600),
                                .drain_s = rv_path_int(s, "maxDrainSeconds", 300),
                                .quiet_poll_s = rv_path_int(s, "quietPollSeconds", 30),
                                .deadline_rolls_back =
                                    !rv_str_is(rv_path_str(s, "upgradeDeadlinePolicy"), RS_POLICY_REPORT)};
    int r = rc_settings_read(&fresh.cluster, s, err);
    if (r == 0) *(struct rs_settings *)state = fresh; /* whole, or not at all */
    return r;
}

/* ---- memory between passes --------------------------------------------------------------------------------------- */

/* The metrics of a service go with it, and with the plugin: the next process sends those that it knows. */
static void memo_end(const struct rv_pass *pass, bool plugin_ends) {
    (void)plugin_ends;
    struct rc_context x = rc_context_of(pass);
    metrics_remove(&x, pass->memo);
}

/* ---- which RayServices an object concerns ------------------------------------------------------------------------ */

static void wake(const struct rv_pass *pass, struct rv_str ns, struct rv_str name) {
    if (name.n != 0) rv_controller_wake(pass, ns, name);
}

static void wake_for_cluster(const struct rv_pass *pass, struct rv_str ns, struct rv_str cluster) {
    struct rv_object o = {.size = sizeof o};
    if (cluster.n != 0 && pass->api->get(pass->host, KIND_CLUSTER, ns, cluster, &o) == 0)
        wake(pass, ns, rc_controller_name(o.value, "RayService"));
}

/* Slices have the labels of their Service: the name in them is a service's or, of a cluster's own, the cluster's. */
static void wake_for_slice(const struct rv_pass *pass, const struct rv_object *o) {
    struct rv_val labels = rv_val_path(o->value, "metadata.labels");
    struct rv_str name = rv_val_str(rv_val_get(labels, RC_LABEL_ORIGIN_NAME));
    struct rv_object service = {.size = sizeof service};
    if (name.n == 0) return;
    if (pass->api->get(pass->host, KIND_RAYSERVICE, o->ns, name, &service) == 0) wake(pass, o->ns, name);
    wake_for_cluster(pass, o->ns, name);
}

struct quota_event {
    const struct rv_pass *pass;
    struct rv_str ns;
};

static void wake_if_in(void *arg, const struct rv_key *key, void *memo) {
    const struct quota_event *e = arg;
    (void)memo;
    if (rv_str_eq(e->ns, key->ns)) wake(e->pass, key->ns, key->name);
}

static void map(const struct rv_pass *pass, const struct rv_object *o, bool deleted) {
    struct quota_event e = {pass, o->ns};
    (void)deleted;
    switch (o->kind) {
    case KIND_SERVICE:
        wake(pass, o->ns, rc_controller_name(o->value, "RayService"));
        wake_for_cluster(pass, o->ns, rc_controller_name(o->value, "RayCluster"));
        return;
    case KIND_POD:
        wake_for_cluster(pass, o->ns, rc_controller_name(o->value, "RayCluster"));
        return;
    case KIND_SLICE:
        wake_for_slice(pass, o);
        return;
    case KIND_QUOTA: /* services that wait for room look again; others find nothing to do */
        rv_controller_each_memo(pass, wake_if_in, &e);
        return;
    default:
        wake(pass, o->ns, rc_controller_name(o->value, "RayService"));
    }
}

/* ---- reconcile --------------------------------------------------------------------------------------------------- */

/* What serves goes on serving: an edit that is not valid takes nothing away. */
static void report_invalid(struct service_pass *p, const char *event, struct rv_str message) {
    struct rv_str prefix = rv_str_is(rv_str(event), "InvalidRayServiceMetadata")
                               ? RV_STR("The RayService metadata is invalid: ")
                               : RV_STR("The RayService spec is invalid: ");
    message = rv_arena_fmt(p->arena, RV_STR_FMT RV_STR_FMT, RV_STR_ARG(prefix), RV_STR_ARG(message));
    if (p->memo->invalid_reported != p->s->generation) ctx_event(&p->ctx, true, event, "Validate", message);
    p->memo->invalid_reported = p->s->generation;
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(message));
    status_condition(p, RS_READY, "False", RS_REASON_INVALID, message);
    status_condition(p, RS_STALLED, "True", RS_REASON_INVALID, message);
    rv_condition_remove(p->conditions, RS_RECONCILING);
}

static bool timed_out(const struct service_pass *p) {
    return rv_str_is(rv_path_str(rv_condition_find(p->now.conditions, RS_READY), "reason"), RS_REASON_INIT_TIMEOUT);
}

static void serve(struct service_pass *p) {
    owned_objects_observe(p);
    quota_check(p);
    observe_view(p);
    steps_take(p);
    status_conditions(p);
}

static void take_step(struct service_pass *p) {
    rv_autobuf struct rv_buf why = {0};
    status_begin(p);
    const char *event = rs_validate(p->s, &why);
    if (event != NULL) {
        report_invalid(p, event, rv_arena_str(p->arena, rv_buf_str(&why)));
        retire_clusters(p);
    } else if (suspend_step(p)) {
        rv_condition_remove(p->conditions, RS_RECONCILING);
        rv_condition_remove(p->conditions, RS_STALLED);
    } else if (timed_out(p) && !rs_condition_is(&p->was, RS_SUSPENDED, "True")) {
        ctx_explain(&p->ctx, "it did not become ready in time; spec.suspend true and false begins anew");
        retire_clusters(p);
    } else {
        serve(p);
        retire_clusters(p);
    }
    status_write(p);
    metrics_update(p);
}

static void reconcile(struct rv_pass *pass) {
    struct rs_service s;
    rs_service_read(&s, pass->object.value, pass->state);
    bool deleting = rv_meta_deleting(pass->object.value);
    if (rc_managed_elsewhere(s.spec) && !deleting) {
        rv_pass_explain(pass, "spec.managedBy names another manager: not ours");
        return;
    }
    struct service_pass p = {.ctx = rc_context_of(pass), .arena = pass->arena, .s = &s, .memo = pass->memo};
    p.time = ctx_now(&p.ctx);
    rs_state_read(&p.was, s.status);
    p.now = p.was;
    observe(&p);
    serve_requests_begin(&p);
    action_results_take(&p);
    if (deleting)
        retire_all(&p);
    else if (!rv_meta_has_finalizer(s.meta, RS_FINALIZER))
        ctx_set_finalizer(&p.ctx, "rayservices", s.meta, RS_FINALIZER, true, TAG_FINALIZER);
    else
        take_step(&p);
    rc_set_outcome_of(pass, &p.ctx);
}

static void warn(void *review, const char *text) {
    rv_review_warn(review, "spec.rayClusterConfig.workerGroupSpecs: %s", text);
}

static void validate(struct rv_pass *pass, struct rv_review *r) {
    rv_autobuf struct rv_buf why = {0};
    struct rc_cluster c;
    struct rs_service s;
    rs_service_read(&s, pass->object.value, pass->state);
    if (rc_managed_elsewhere(s.spec)) return;
    if (rs_validate(&s, &why) != NULL) {
        rv_review_refuse(r, RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
        return;
    }
    struct rc_cluster_owner owner = rs_cluster_owner(&s);
    rc_child_cluster_read(pass->arena, &owner, s.name, s.cluster_spec, &s.settings->cluster, &c);
    rc_warnings(&c, warn, r);
}

RV_CONTROLLER(.reconcile = reconcile, .validate = validate, .reporter = "rayservice-controller", .map = map,
              .state_size = sizeof(struct rs_settings), .configure = configure,
              .memo_size = sizeof(struct service_memo), .memo_init = service_memo_init, .memo_end = memo_end,
              .memo_release = service_memo_release)
