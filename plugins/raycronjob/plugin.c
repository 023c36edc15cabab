/* plugin.c - the RayCronJob controller: creates one RayJob for each time of the schedule.
 *
 * The name of a RayJob contains the minute of its run, so a repeated request finds the existing one. The status is
 * written when the RayJob exists. After a restart everything else follows from the status. */
#include <stdlib.h>

#include "pass.h"
#include "rayvisor/k8s.h"

/* ---- settings --------------------------------------------------------------------------------------------- */

/* The database of the machine is the newer one. A zone that only the compiled table has is taken from there. */
const struct zone *cron_zone(const struct controller *k, struct rv_arena *a, struct rv_str name) {
    const struct zone *z = zone_of_database(a, k->api->time_zones(k->host), name);
    return z != NULL ? z : zone_find(name);
}

static void start(void *state, const struct rv_host_api *api, struct rv_host *host) {
    struct controller *k = state;
    k->api = api;
    k->host = host;
}

static int32_t configure(void *state, struct rv_val s, struct rv_error *err) {
    struct controller *k = state;
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
    k->narrow_crd = false; /* this must be found out again */
    k->missed_limit = rv_path_int(s, "missedRunsLimit", 100);
    k->shared = fresh;
    return 0;
}

static void release(void *state) { rv_arena_free(((struct controller *)state)->zone_arena); }

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

/* Reports an error once, not in every pass. */
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

static void take_step(struct cron_pass *p) {
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

static struct cron_pass pass_of(const struct rv_pass *pass) {
    struct rv_val object = pass->object.value;
    struct cron_pass p = {.ctx = rc_context_of(pass),
                          .arena = pass->arena,
                          .k = pass->state,
                          .meta = rv_val_get(object, "metadata"),
                          .spec = rv_val_get(object, "spec"),
                          .status = rv_val_get(object, "status"),
                          .generation = rv_path_int(object, "metadata.generation", 0),
                          .policy = {.deadline = -1, .keep_succeeded = -1, .keep_failed = -1}};
    p.now_ns = ctx_now(&p.ctx);
    p.now = p.now_ns / RC_SECOND;
    p.last = rv_path_str(p.status, "lastScheduleTime");
    return p;
}

static void reconcile(struct rv_pass *pass) {
    if (rv_meta_deleting(pass->object.value)) return;
    struct cron_pass p = pass_of(pass);
    take_step(&p);
    if (p.ctx.retry)
        rv_pass_retry(pass, "%s", p.create_failed ? "the RayJob was not created" : "an action failed");
    else if (p.after_ms > 0)
        rv_pass_wake_after(pass, p.after_ms);
}

static void validate(struct rv_pass *pass, struct rv_review *r) {
    struct cron_pass p = pass_of(pass);
    if (!cron_valid(&p))
        rv_review_refuse(r, RV_STR_FMT, RV_STR_ARG(p.stalled));
    else if (schedule_next(&p.schedule, p.zone, p.now) == 0)
        rv_review_warn(r, "spec.schedule names no moment of the next five years");
}

RV_CONTROLLER(.reconcile = reconcile, .validate = validate, .reporter = "raycronjob-controller", .start = start,
              .state_size = sizeof(struct controller), .configure = configure, .release = release)
