/* plugin.c - the RayCronJob controller: a RayJob for each time of the schedule, oldest first, each once.
 *
 * The name of a RayJob says for which minute it is, so a request that is repeated finds the one that is there. The
 * status is written when the RayJob exists; what happened in between is found again from the status. */
#include <stdlib.h>

#include "plugins/rayjob/job.h"
#include "rayvisor/plugin.h"
#include "schedule.h"

#define LABEL_NAME "ray.io/cronjob-name"
#define ANNOTATION_TIME "ray.io/cronjob-scheduled-timestamp"

enum { KIND_CRONJOB };
enum tag { TAG_OTHER, TAG_STATUS, TAG_CREATE /* and up: the minute */ };
enum {
    NAME_MAX = 36,          /* a RayJob's 47 less a dash and ten digits */
    LOOK_AGAIN_MS = 60000,  /* somebody may set the clock */
    MISSED_SEARCH = 100000, /* times that are counted one by one before the search is given up */
};

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rj_settings job; /* for judging templates */
    const struct zone *zone;
    int64_t missed_limit;
};

struct pass {
    const struct controller *k;
    struct rv_arena *arena;
    struct rv_val value, meta, spec, status;
    struct rv_str ns, name, uid;
    int64_t generation, now; /* Unix seconds */
    int64_t now_ns;
    struct schedule schedule;
    const struct zone *zone;
    struct rv_str last; /* status.lastScheduleTime as it will be */
    struct rv_str next;
    struct rv_str stalled_reason, stalled;
    bool retry;
    int64_t after_ms;
};

/* ---- settings --------------------------------------------------------------------------------------------- */

static int read_settings(struct controller *k, struct rv_error *err) {
    struct rv_val s = k->api->settings(k->host);
    struct rv_str zone = rv_val_str_or(rv_val_get(s, "timeZone"), "UTC");
    int r = rc_check_gates(rv_val_get(s, "featureGates"), err);
    const struct zone *found = zone_find(zone);
    if (r != 0) return r;
    if (found == NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "settings.timeZone \"" RV_STR_FMT "\" is no time zone; names are like Europe/Berlin or UTC",
                            RV_STR_ARG(zone));
    k->zone = found;
    k->missed_limit = rv_path_int(s, "missedRunsLimit", 100);
    k->job = (struct rj_settings){.cluster = {.probes_injection = true,
                                              .cluster_domain = RV_STR("cluster.local"),
                                              .gates = rv_val_get(s, "featureGates")}};
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

static void on_fini(void *state) { free(state); }

/* ---- asking and saying -------------------------------------------------------------------------------------- */

static void event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
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

static void explain(struct pass *p, struct rv_str line) { p->k->api->explain(p->k->host, line); }

static struct rv_str time_text(struct pass *p, int64_t unix_s) { return rj_time_text(p->arena, unix_s * RJ_SECOND); }

/* ---- validation --------------------------------------------------------------------------------------------- */

/* The template as a RayJob without a name. */
static const char *bad_template(struct pass *p, struct rv_buf *why) {
    struct rv_node *n = rv_node_map(p->arena), *meta = rv_node_ensure_map(p->arena, n, "metadata");
    struct rj_job j;
    rv_node_set_cstr(p->arena, meta, "name", "template");
    rv_node_set_str(p->arena, meta, "namespace", p->ns);
    rv_node_set(p->arena, n, "spec", rv_node_from(p->arena, rv_val_get(p->spec, "jobTemplate")));
    rj_job_read(&j, rv_node_freeze(p->arena, n), &p->k->job);
    return rj_validate_spec(&j, why);
}

/* Spec section 7.5. False: why stands in p->stalled. */
static bool valid(struct pass *p) {
    struct rv_str line = rv_path_str(p->spec, "schedule");
    struct rv_val zone = rv_val_get(p->spec, "timeZone");
    struct rv_error err = {0};
    rv_autobuf struct rv_buf why = {0};
    p->zone = rv_val_set(zone) ? zone_find(rv_val_str(zone)) : p->k->zone;
    if (p->name.n > NAME_MAX)
        p->stalled = rv_arena_fmt(p->arena, "metadata.name: at most %d characters, it has %zu", NAME_MAX, p->name.n);
    else if (line.n != 0 && memmem(line.p, line.n, "TZ", 2) != NULL)
        p->stalled = RV_STR("spec.schedule must not contain TZ: spec.timeZone names the time zone");
    else if (schedule_parse(line, &p->schedule, &err) != 0)
        p->stalled = rv_arena_fmt(p->arena, "spec.schedule: %s", err.text);
    else if (p->zone == NULL)
        p->stalled = rv_arena_fmt(
            p->arena, "spec.timeZone \"" RV_STR_FMT "\" is no time zone; names are like Europe/Berlin or UTC",
            RV_STR_ARG(rv_val_str(zone)));
    else if (bad_template(p, &why) != NULL)
        p->stalled = rv_arena_fmt(p->arena, "spec.jobTemplate: " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
    if (p->stalled.n != 0) p->stalled_reason = RV_STR("InvalidRayCronJobSpec");
    return p->stalled.n == 0;
}

/* ---- status ---------------------------------------------------------------------------------------------------- */

static struct rv_node *conditions(struct pass *p) {
    struct rv_val old = rv_val_get(p->status, "conditions");
    struct rv_node *list = rv_val_len(old) > 0 ? rv_node_from(p->arena, old) : rv_node_array(p->arena);
    if (p->stalled.n != 0)
        rv_condition_set(p->arena, list, "Stalled", "True", p->stalled_reason, p->stalled, p->now_ns);
    else
        rv_condition_remove(list, "Stalled");
    return list;
}

static void write_status(struct pass *p) {
    struct rv_arena *a = p->arena;
    struct rv_node *fresh = rv_node_map(a), *list = conditions(p), *body = rv_node_map(a);
    if (p->last.n != 0) rv_node_set_str(a, fresh, "lastScheduleTime", p->last);
    if (p->next.n != 0) rv_node_set_str(a, fresh, "nextScheduleTime", p->next);
    if (rv_node_len(list) > 0) rv_node_set(a, fresh, "conditions", list);
    rv_node_set_int(a, fresh, "observedGeneration", p->generation);
    struct rv_node *patch = rv_node_merge_patch(a, p->status, rv_node_freeze(a, fresh));
    if (patch == NULL) return;
    rv_node_set(a, body, "status", patch);
    struct rv_val v = rv_node_freeze(a, body);
    struct rv_action action = {.size = sizeof action,
                               .verb = RV_VERB_MERGE_PATCH,
                               .tag = TAG_STATUS,
                               .api_version = RV_STR("ray.io/v1"),
                               .resource = RV_STR("raycronjobs"),
                               .subresource = RV_STR("status"),
                               .ns = p->ns,
                               .name = p->name,
                               .pre_uid = p->uid,
                               .body = {v.p, v.n}};
    if (p->k->api->act(p->k->host, &action, NULL) != 0) p->retry = true;
}

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static void create_job(struct pass *p, int64_t tick) {
    struct rv_arena *a = p->arena;
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_cstr(a, n, "apiVersion", "ray.io/v1");
    rv_node_set_cstr(a, n, "kind", "RayJob");
    rv_node_set_fmt(a, meta, "name", RV_STR_FMT "-%lld", RV_STR_ARG(p->name), (long long)(tick / 60));
    rv_node_set_str(a, meta, "namespace", p->ns);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), LABEL_NAME, p->name);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), ANNOTATION_TIME, time_text(p, tick));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCronJob"), p->name, p->uid);
    rv_node_set(a, n, "spec", rv_node_from(a, rv_val_get(p->spec, "jobTemplate")));
    struct rv_val v = rv_node_freeze(a, n);
    struct rv_action action = {.size = sizeof action,
                               .verb = RV_VERB_CREATE,
                               .tag = TAG_CREATE + (uint64_t)tick,
                               .api_version = RV_STR("ray.io/v1"),
                               .resource = RV_STR("rayjobs"),
                               .ns = p->ns,
                               .name = rv_path_str(v, "metadata.name"),
                               .body = {v.p, v.n}};
    explain(p, rv_arena_fmt(a, "creating the RayJob of " RV_STR_FMT, RV_STR_ARG(time_text(p, tick))));
    if (p->k->api->act(p->k->host, &action, NULL) != 0) p->retry = true;
}

static void take_create(struct pass *p, const struct rv_result *r) {
    int64_t tick = (int64_t)(r->tag - TAG_CREATE);
    if (r->code == 0)
        event(p, false, "CreatedRayJob", "Create",
              rv_arena_fmt(p->arena, "Created RayJob " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(r->ns),
                           RV_STR_ARG(r->name)));
    if (r->code == 0 || r->code == RV_E_EXISTS) {
        p->last = time_text(p, tick);
        return;
    }
    p->retry = true;
    event(p, true, "FailedToCreateRayJob", "Create",
          rv_arena_fmt(p->arena, "Failed to create RayJob " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                       RV_STR_ARG(r->ns), RV_STR_ARG(r->name),
                       RV_STR_ARG(r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code)))));
}

static void take_results(struct pass *p) {
    const struct rv_result *results;
    uint64_t n = p->k->api->results(p->k->host, &results);
    for (uint64_t i = 0; i < n; i++) {
        const struct rv_result *r = &results[i];
        if (r->tag >= TAG_CREATE)
            take_create(p, r);
        else if (r->tag == TAG_STATUS && r->code != 0 && r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT)
            p->retry = true;
    }
}

/* Times after `from` and until now: how many, and the one from which on the newest `limit` begin. */
static int64_t skip_missed(struct pass *p, int64_t from) {
    int64_t limit = p->k->missed_limit, count = 0, at = from;
    if (p->schedule.every != 0) {
        count = p->now > from ? (p->now - from) / p->schedule.every : 0;
        return count > limit ? from + (count - limit) * p->schedule.every : from;
    }
    while (count < MISSED_SEARCH && (at = schedule_next(&p->schedule, p->zone, at)) != 0 && at <= p->now) count++;
    if (count <= limit) return from;
    at = from;
    for (int64_t i = 0; i < count - limit; i++) at = schedule_next(&p->schedule, p->zone, at);
    return count == MISSED_SEARCH ? p->now - 1 : at; /* years of minutes: only what comes */
}

/* The moment after which the next run is looked for. */
static int64_t last_run(struct pass *p) {
    int64_t created = rj_time(rv_path_str(p->meta, "creationTimestamp")) / RJ_SECOND,
            from = p->last.n != 0 ? rj_time(p->last) / RJ_SECOND : created;
    int64_t first = schedule_next(&p->schedule, p->zone, from),
            second = first != 0 ? schedule_next(&p->schedule, p->zone, first) : 0;
    if (second == 0 || second > p->now) return from; /* nothing was missed */
    int64_t skipped = skip_missed(p, from);
    if (skipped != from)
        event(p, true, "TooManyMissedRuns", "Schedule",
              rv_arena_fmt(p->arena,
                           "More than %lld runs were missed since " RV_STR_FMT ": the older ones are left out",
                           (long long)p->k->missed_limit, RV_STR_ARG(time_text(p, from))));
    return skipped;
}

static void run(struct pass *p) {
    int64_t next = schedule_next(&p->schedule, p->zone, last_run(p));
    if (next == 0) {
        p->stalled_reason = RV_STR("NeverDue");
        p->stalled = RV_STR("spec.schedule names no moment of the next five years");
        explain(p, p->stalled);
        return;
    }
    p->next = time_text(p, next);
    if (next <= p->now) {
        p->next = rv_path_str(p->status, "nextScheduleTime"); /* told when this one is done */
        if (!p->retry) create_job(p, next);
        return;
    }
    int64_t ms = next * 1000 - p->now_ns / 1000000;
    p->after_ms = ms < LOOK_AGAIN_MS ? (ms > 0 ? ms : 1) : LOOK_AGAIN_MS;
    explain(p, rv_arena_fmt(p->arena, "the next RayJob is due at " RV_STR_FMT, RV_STR_ARG(p->next)));
}

/* ---- reconcile -------------------------------------------------------------------------------------------------- */

static bool already_said(const struct pass *p) {
    struct rv_val c = rv_condition_find(rv_val_get(p->status, "conditions"), "Stalled");
    return rv_str_eq(rv_path_str(c, "message"), p->stalled);
}

static void reconcile(struct pass *p) {
    take_results(p);
    if (!valid(p)) {
        explain(p, p->stalled);
        if (!already_said(p)) event(p, true, "InvalidRayCronJobSpec", "Validate", p->stalled);
    } else if (rv_path_bool(p->spec, "suspend", false)) {
        explain(p, RV_STR("suspended: waiting for spec.suspend to be false"));
        if (rv_path_int(p->status, "observedGeneration", 0) != p->generation)
            event(p, false, "SuspendedRayCronJob", "Suspend", RV_STR("The RayCronJob is suspended"));
    } else {
        run(p);
    }
    write_status(p);
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    const struct controller *k = state;
    struct rv_object o;
    if (k->api->get(k->host, KIND_CRONJOB, key->ns, key->name, &o) != 0 || rv_meta_deleting(o.value)) return;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.k = k,
                     .arena = arena,
                     .value = o.value,
                     .meta = rv_val_get(o.value, "metadata"),
                     .spec = rv_val_get(o.value, "spec"),
                     .status = rv_val_get(o.value, "status"),
                     .ns = o.ns,
                     .name = o.name,
                     .uid = o.uid,
                     .generation = rv_path_int(o.value, "metadata.generation", 0),
                     .now_ns = k->api->now(k->host)};
    p.now = p.now_ns / RJ_SECOND;
    p.last = rv_path_str(p.status, "lastScheduleTime");
    reconcile(&p);
    out->code = p.retry ? RV_RETRY : p.after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p.after_ms;
    if (p.retry) out->message = RV_STR("an action failed");
}

static const struct rv_plugin raycronjob = {
    .size = sizeof raycronjob,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "raycronjob",
    .version = RV_VERSION,
    .init = on_init,
    .reconcile = on_reconcile,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(raycronjob)
