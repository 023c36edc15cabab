/* plugin.c - the RayCronJob controller: a RayJob for each time of the schedule, each once.
 *
 * The name of a RayJob says for which minute it is, so a request that is repeated finds the one that is there. The
 * status is written when the RayJob exists; what happened in between is found again from the status. */
#include <stdlib.h>

#include "pass.h"
#include "rayvisor/k8s.h"

/* ---- settings --------------------------------------------------------------------------------------------- */

/* The machine's database is the newer one; what only the table knows is taken from there. */
const struct zone *cron_zone(const struct controller *k, struct rv_arena *a, struct rv_str name) {
    const struct zone *z = zone_of_database(a, k->api->time_zones(k->host), name);
    return z != NULL ? z : zone_find(name);
}

static int read_settings(struct controller *k, struct rv_error *err) {
    struct rv_val s = k->api->settings(k->host);
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
    k->job = fresh;
    return 0;
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

static void on_fini(void *state) {
    struct controller *k = state;
    rv_arena_free(k->zone_arena);
    free(k);
}

/* ---- asking and saying -------------------------------------------------------------------------------------- */

void cron_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayCronJob"),
                         .ns = p->ns,
                         .name = p->name,
                         .uid = p->uid,
                         .controller = RV_STR("raycronjob-controller")};
    (void)p->k->api->event(p->k->host, &e);
}

void cron_explain(struct pass *p, struct rv_str line) { p->k->api->explain(p->k->host, line); }

struct rv_str cron_time_text(struct pass *p, int64_t unix_s) {
    return rc_time_text(p->arena, unix_s * RC_SECOND);
}

/* ---- reconcile -------------------------------------------------------------------------------------------- */

static void take_results(struct pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = p->k->api->result(p->k->host, i)) != NULL; i++) {
        if (r->tag >= TAG_DELETE) jobs_take_result(p, r);
        if (r->tag != TAG_STATUS) continue;
        p->status_written |= r->code == 0;
        p->retry |= r->code != 0 && r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT;
    }
}

/* What is wrong is told once, not in every pass. */
static void tell_stalled(struct pass *p) {
    struct rv_val c = rv_condition_find(rv_val_get(p->status, "conditions"), CRON_CONDITION_STALLED);
    if (!rv_str_is(p->stalled_reason, CRON_REASON_INVALID) && !rv_str_is(p->stalled_reason, CRON_REASON_NEVER)) return;
    if (rv_str_eq(rv_path_str(c, "message"), p->stalled)) return;
    cron_event(p, true, rv_str_is(p->stalled_reason, CRON_REASON_NEVER) ? CRON_REASON_NEVER : CRON_REASON_INVALID,
               "Validate", p->stalled);
}

static void suspended(struct pass *p) {
    cron_explain(p, RV_STR("suspended: waiting for spec.suspend to be false"));
    if (rv_path_int(p->status, "observedGeneration", 0) != p->generation)
        cron_event(p, false, CRON_REASON_SUSPENDED, "Suspend", RV_STR("The RayCronJob is suspended"));
}

static void reconcile(struct pass *p) {
    bool valid = cron_valid(p);
    jobs_see(p);
    take_results(p);
    if (!valid)
        cron_explain(p, p->stalled);
    else if (rv_path_bool(p->spec, "suspend", false))
        suspended(p);
    else
        run(p);
    if (valid) jobs_delete_old(p);
    tell_stalled(p);
    status_write(p);
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    if (k->api->get(k->host, KIND_CRONJOB, key->ns, key->name, &o) != 0 || rv_meta_deleting(o.value)) return;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.k = k,
                     .arena = arena,
                     .meta = rv_val_get(o.value, "metadata"),
                     .spec = rv_val_get(o.value, "spec"),
                     .status = rv_val_get(o.value, "status"),
                     .ns = o.ns,
                     .name = o.name,
                     .uid = o.uid,
                     .generation = rv_path_int(o.value, "metadata.generation", 0),
                     .now_ns = k->api->now(k->host),
                     .policy = {.deadline = -1, .keep_succeeded = -1, .keep_failed = -1}};
    p.now = p.now_ns / RC_SECOND;
    p.last = rv_path_str(p.status, "lastScheduleTime");
    reconcile(&p);
    out->code = p.retry ? RV_RETRY : p.after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p.after_ms;
    if (p.retry) out->message = p.create_failed ? RV_STR("the RayJob was not created") : RV_STR("an action failed");
}

static const struct rv_plugin raycronjob = {
    .size = sizeof raycronjob,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "raycronjob",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(raycronjob)
