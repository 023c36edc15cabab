/* jobs.c - the RayJobs of a RayCronJob: which there are, making the next, deleting old ones. */
#include <stdlib.h>

#include "pass.h"
#include "rayvisor/k8s.h"

/* ---- seeing ----------------------------------------------------------------------------------------------- */

static enum job_state state_of(struct rv_val job) {
    struct rv_str phase = rv_path_str(job, "status.jobDeploymentStatus");
    if (rv_str_is(phase, "Complete")) return JOB_SUCCEEDED;
    return rv_str_is(phase, "Failed") || rv_str_is(phase, "ValidationFailed") ? JOB_FAILED : JOB_ACTIVE;
}

static bool see(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    struct rv_str at = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.annotations"), CRON_ANNOTATION_TIME));
    p->jobs[p->job_n++] = (struct job){.name = o->name,
                                       .uid = o->uid,
                                       .at = rc_time(at) / RC_SECOND,
                                       .state = state_of(o->value),
                                       .deleting = rv_meta_deleting(o->value)};
    return true;
}

static int older_first(const void *a, const void *b) {
    const struct job *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at ? -1 : 1) : rv_str_cmp(x->name, y->name);
}

void jobs_see(struct pass *p) {
    struct rv_query q = {.size = sizeof q, .kind = KIND_JOB, .ns = p->ns, .owner_uid = p->uid};
    int64_t n = p->k->api->list(p->k->host, &q, NULL, NULL);
    if (n <= 0) return;
    p->jobs = rv_arena_alloc(p->arena, (size_t)n * sizeof *p->jobs);
    (void)p->k->api->list(p->k->host, &q, see, p);
    qsort(p->jobs, p->job_n, sizeof *p->jobs, older_first);
}

const struct job *jobs_find(const struct pass *p, int64_t minute) {
    for (size_t i = p->job_n; i-- > 0;)
        if (p->jobs[i].at / 60 == minute) return &p->jobs[i];
    return NULL;
}

const struct job *jobs_active(const struct pass *p) {
    for (size_t i = 0; i < p->job_n; i++)
        if (p->jobs[i].state == JOB_ACTIVE) return &p->jobs[i];
    return NULL;
}

/* ---- making and deleting ---------------------------------------------------------------------------------- */

static void act(struct pass *p, struct rv_action *a) {
    a->size = sizeof *a;
    a->api_version = RV_STR("ray.io/v1");
    a->resource = RV_STR("rayjobs");
    a->ns = p->ns;
    if (p->k->api->act(p->k->host, a) != 0) p->retry = true;
}

void jobs_create(struct pass *p, int64_t at) {
    struct rv_arena *a = p->arena;
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata");
    rv_node_set_cstr(a, n, "apiVersion", "ray.io/v1");
    rv_node_set_cstr(a, n, "kind", "RayJob");
    rv_node_set_fmt(a, meta, "name", RV_STR_FMT "-%lld", RV_STR_ARG(p->name), (long long)(at / 60));
    rv_node_set_str(a, meta, "namespace", p->ns);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), CRON_LABEL_NAME, p->name);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), CRON_ANNOTATION_TIME, cron_time_text(p, at));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCronJob"), p->name, p->uid);
    rv_node_set(a, n, "spec", rv_node_from(a, rv_val_get(p->spec, "jobTemplate")));
    struct rv_val v = rv_node_freeze(a, n);
    cron_explain(p, rv_arena_fmt(a, "creating the RayJob of " RV_STR_FMT, RV_STR_ARG(cron_time_text(p, at))));
    act(p, &(struct rv_action){.verb = RV_VERB_CREATE,
                               .tag = TAG_CREATE + (uint64_t)at,
                               .name = rv_path_str(v, "metadata.name"),
                               .body = {v.p, v.n}});
}

static void delete_job(struct pass *p, const struct job *j, const char *why) {
    if (j->deleting) return;
    p->undecided = p->stalled.n == 0;
    cron_explain(p, rv_arena_fmt(p->arena, "deleting the RayJob " RV_STR_FMT ": %s", RV_STR_ARG(j->name), why));
    act(p, &(struct rv_action){
               .verb = RV_VERB_DELETE, .tag = TAG_DELETE, .name = j->name, .pre_uid = j->uid, .grace_seconds = -1});
}

void jobs_delete_active(struct pass *p) {
    for (size_t i = 0; i < p->job_n; i++)
        if (p->jobs[i].state == JOB_ACTIVE) delete_job(p, &p->jobs[i], "the next run replaces it");
}

void jobs_delete_old(struct pass *p) {
    if (p->delete_failed) { /* not at once, and the next run does not wait for it */
        if (p->after_ms == 0) p->after_ms = CRON_LOOK_AGAIN_MS;
        return;
    }
    /* What the status does not tell of yet stays: a run is not made again as long as its RayJob is there. */
    int64_t noted = rc_time(rv_path_str(p->status, "lastScheduleTime")) / RC_SECOND;
    int64_t keep[] =
        {[JOB_ACTIVE] = -1, [JOB_SUCCEEDED] = p->policy.keep_succeeded, [JOB_FAILED] = p->policy.keep_failed},
            seen[RV_ARRAY_LEN(keep)] = {0};
    for (size_t i = p->job_n; i-- > 0;) {
        const struct job *j = &p->jobs[i];
        if (keep[j->state] >= 0 && ++seen[j->state] > keep[j->state] && j->at <= noted)
            delete_job(p, j, "more have ended than are to be kept");
    }
}

/* ---- what became of it ------------------------------------------------------------------------------------ */

static void tell(struct pass *p, const struct rv_result *r, const char *verb, const char *past) {
    bool deletion = r->tag == TAG_DELETE;
    const char *action = deletion ? "Delete" : "Create";
    if (r->code == 0) {
        cron_event(p, false, deletion ? CRON_REASON_DELETED : CRON_REASON_CREATED, action,
                   rv_arena_fmt(p->arena, "%s RayJob " RV_STR_FMT "/" RV_STR_FMT, past, RV_STR_ARG(r->ns),
                                RV_STR_ARG(r->name)));
        return;
    }
    const char *reason = deletion ? CRON_REASON_DELETE_FAILED : CRON_REASON_CREATE_FAILED;
    struct rv_str why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code)),
                  note = rv_arena_fmt(p->arena, "Failed to %s RayJob " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, verb,
                                      RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    if (deletion) {
        p->delete_failed = true;
    } else {
        p->create_failed = p->retry = true;
    }
    cron_event(p, true, reason, action, note);
    if (p->stalled.n != 0) return; /* the first thing that is wrong */
    p->stalled_reason = rv_str(reason);
    p->stalled = note;
}

void jobs_take_result(struct pass *p, const struct rv_result *r) {
    if (r->tag == TAG_DELETE) {
        if (r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT) tell(p, r, "delete", "Deleted");
        return;
    }
    /* Also when only the answer was lost: then it is there. */
    int64_t at = (int64_t)(r->tag - TAG_CREATE);
    bool there = r->code == RV_E_EXISTS || (r->code != 0 && jobs_find(p, at / 60) != NULL);
    if (r->code == 0 || there) p->last = cron_time_text(p, at);
    if (!there) tell(p, r, "create", "Created");
}
