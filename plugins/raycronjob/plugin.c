/* plugin.c - the RayCronJob controller: a RayJob for each time of the schedule, each once.
 *
 * The name of a RayJob says for which minute it is, so a request that is repeated finds the one that is there. The
 * status is written when the RayJob exists; what happened in between is found again from the status. */
#include <stdlib.h>

#include "pass.h"
#include "rayvisor/k8s.h"

/* ---- settings --------------------------------------------------------------------------------------------- */

/* The machine's database is the newer one. A zone that only the compiled table has is taken from there. */
const struct zone *cron_zone(const struct controller *k, struct rv_arena *a, struct rv_str name) {
    const struct zone *z = zone_of_database(a, k->base.api->time_zones(k->base.host), name);
    return z != NULL ? z : zone_find(name);
}

static int32_t on_settings(void *state, struct rv_error *err) {
    struct controller *k = state;
    struct rv_val s = k->base.api->settings(k->base.host);
    struct rv_str zone = rv_val_str_or(rv_val_get(s, "timeZone"), "UTC");
    struct rc_settings fresh;
    int r = rc_settings_read(&fresh, s, err);
    if (r != 0) return r;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    const struct zone *found = cron_zone(k, arena, zone);
    if (found == NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "settings.timeZone \"" RV_STR_FMT "\" is no time zone; names are like Europe/Berlin or UTC",
                            RV_STR_ARG(zone));
    k->zone = found;
    rv_arena_free(k->zone_arena);
    k->zone_arena = RV_TAKE(arena);
    k->narrow_crd = false; /* to be found out again */
    k->missed_limit = rv_path_int(s, "missedRunsLimit", 100);
    k->shared = fresh;
    return 0;
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    return rc_controller_init(sizeof(struct controller), api, h, on_settings, ret_state, err);
}

static void on_fini(void *state) {
    struct controller *k = state;
    rv_arena_free(k->zone_arena);
    free(k);
}

struct rv_str cron_time_text(struct cron_pass *p, int64_t unix_s) {
    return rc_time_text(p->arena, unix_s * RC_SECOND);
}

/* ---- reconcile -------------------------------------------------------------------------------------------- */

static void take_results(struct cron_pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) {
        if (r->tag >= TAG_DELETE) owned_jobs_take_result(p, r);
        if (r->tag != TAG_STATUS) continue;
        p->status_written |= r->code == 0;
        p->ctx.retry |= r->code != 0 && r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT;
    }
}

/* What is wrong is told once, not in every pass. */
static void report_stalled(struct cron_pass *p) {
    struct rv_val c = rv_condition_find(rv_val_get(p->status, "conditions"), CRON_CONDITION_STALLED);
    if (!rv_str_is(p->stalled_reason, CRON_REASON_INVALID) && !rv_str_is(p->stalled_reason, CRON_REASON_NEVER)) return;
    if (rv_str_eq(rv_path_str(c, "message"), p->stalled)) return;
    ctx_event(&p->ctx, true, rv_str_is(p->stalled_reason, CRON_REASON_NEVER) ? CRON_REASON_NEVER : CRON_REASON_INVALID,
              "Validate", p->stalled);
}

static void explain_suspension(struct cron_pass *p) {
    ctx_explain(&p->ctx, "suspended: waiting for spec.suspend to be false");
    if (rv_path_int(p->status, "observedGeneration", 0) != p->generation)
        ctx_event(&p->ctx, false, CRON_REASON_SUSPENDED, "Suspend", RV_STR("The RayCronJob is suspended"));
}

static void reconcile(struct cron_pass *p) {
    bool valid = cron_valid(p);
    owned_jobs_observe(p);
    take_results(p);
    if (!valid)
        ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(p->stalled));
    else if (rv_path_bool(p->spec, "suspend", false))
        explain_suspension(p);
    else
        due_run_step(p);
    if (valid) owned_jobs_delete_old(p);
    report_stalled(p);
    status_write(p);
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    if (k->base.api->get(k->base.host, KIND_CRONJOB, key->ns, key->name, &o) != 0 || rv_meta_deleting(o.value)) return;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct cron_pass p = {.ctx = rc_context_of(&k->base, arena, "RayCronJob", "raycronjob-controller", &o),
                          .arena = arena,
                          .k = k,
                          .meta = rv_val_get(o.value, "metadata"),
                          .spec = rv_val_get(o.value, "spec"),
                          .status = rv_val_get(o.value, "status"),
                          .generation = rv_path_int(o.value, "metadata.generation", 0),
                          .policy = {.deadline = -1, .keep_succeeded = -1, .keep_failed = -1}};
    p.now_ns = ctx_now(&p.ctx);
    p.now = p.now_ns / RC_SECOND;
    p.last = rv_path_str(p.status, "lastScheduleTime");
    reconcile(&p);
    out->code = p.ctx.retry ? RV_RETRY : p.after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p.after_ms;
    if (p.ctx.retry) out->message = p.create_failed ? RV_STR("the RayJob was not created") : RV_STR("an action failed");
}

RC_PLUGIN(raycronjob, .init = on_init, .reconcile = on_reconcile, .settings_changed = on_settings, .fini = on_fini)
