/* owned_jobs.c - the RayJobs of a RayCronJob: which exist, creating the next one, deleting old ones. */
#include <stdlib.h>

#include "pass.h"
#include "plugins/ray/objects.h"
#include "rayvisor/k8s.h"

/* ---- observing ----------------------------------------------------------------------------------------------- */

static enum job_state state_of(struct rv_val job) {
    struct rv_str phase = rv_path_str(job, "status.jobDeploymentStatus");
    if (rv_str_is(phase, "Complete")) return JOB_SUCCEEDED;
    return rv_str_is(phase, "Failed") || rv_str_is(phase, "ValidationFailed") ? JOB_FAILED : JOB_ACTIVE;
}

static bool observe_job(void *arg, const struct rv_object *o) {
    struct cron_pass *p = arg;
    struct rv_str at = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.annotations"), CRON_ANNOTATION_TIME));
    p->jobs[p->job_n++] = (struct owned_job){.name = o->name,
                                             .uid = o->uid,
                                             .at = rc_time(at) / RC_SECOND,
                                             .state = state_of(o->value),
                                             .deleting = rv_meta_deleting(o->value)};
    return true;
}

static int older_first(const void *a, const void *b) {
    const struct owned_job *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at ? -1 : 1) : rv_str_cmp(x->name, y->name);
}

void owned_jobs_observe(struct cron_pass *p) {
    size_t n = ctx_list_owned(&p->ctx, KIND_JOB, p->ctx.uid, NULL, NULL);
    if (n == 0) return;
    p->jobs = rv_arena_alloc(p->arena, (size_t)n * sizeof *p->jobs);
    ctx_list_owned(&p->ctx, KIND_JOB, p->ctx.uid, observe_job, p);
    qsort(p->jobs, p->job_n, sizeof *p->jobs, older_first);
}

const struct owned_job *owned_jobs_find(const struct cron_pass *p, int64_t minute) {
    for (size_t i = p->job_n; i-- > 0;)
        if (p->jobs[i].at / 60 == minute) return &p->jobs[i];
    return NULL;
}

const struct owned_job *owned_jobs_active(const struct cron_pass *p) {
    for (size_t i = 0; i < p->job_n; i++)
        if (p->jobs[i].state == JOB_ACTIVE) return &p->jobs[i];
    return NULL;
}

/* ---- making and deleting ---------------------------------------------------------------------------------- */

void owned_jobs_create(struct cron_pass *p, int64_t at) {
    struct rv_arena *a = p->arena;
    struct rv_str name = rv_arena_fmt(a, RV_STR_FMT "-%lld", RV_STR_ARG(p->ctx.name), (long long)(at / 60));
    struct rv_node *n = rc_bare_object(a, p->ctx.ns, "ray.io/v1", "RayJob", name), *meta = rv_node_get(n, "metadata");
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), RC_LABEL_CRONJOB, p->ctx.name);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), CRON_ANNOTATION_TIME, cron_time_text(p, at));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCronJob"), p->ctx.name, p->ctx.uid);
    rv_node_set(a, n, "spec", rv_node_from(a, rv_val_get(p->spec, "jobTemplate")));
    ctx_explain(&p->ctx, "creating the RayJob of " RV_STR_FMT, RV_STR_ARG(cron_time_text(p, at)));
    ctx_create(&p->ctx, "ray.io/v1", "rayjobs", n, TAG_CREATE + (uint64_t)at);
}

static void delete_job(struct cron_pass *p, const struct owned_job *j, const char *why) {
    if (j->deleting) return;
    p->undecided = p->stalled.n == 0;
    ctx_explain(&p->ctx, "deleting the RayJob " RV_STR_FMT ": %s", RV_STR_ARG(j->name), why);
    ctx_delete(&p->ctx, "ray.io/v1", "rayjobs", j->name, j->uid, TAG_DELETE);
}

void owned_jobs_delete_active(struct cron_pass *p) {
    for (size_t i = 0; i < p->job_n; i++)
        if (p->jobs[i].state == JOB_ACTIVE) delete_job(p, &p->jobs[i], "the next run replaces it");
}

void owned_jobs_delete_old(struct cron_pass *p) {
    if (p->delete_failed) { /* not at once, and the next run does not wait for it */
        if (p->after_ms == 0) p->after_ms = CRON_LOOK_AGAIN_MS;
        return;
    }
    /* A RayJob that the status does not mention yet stays, because its run is not started again while it exists. */
    int64_t noted = rc_time(rv_path_str(p->status, "lastScheduleTime")) / RC_SECOND;
    int64_t keep[] =
        {[JOB_ACTIVE] = -1, [JOB_SUCCEEDED] = p->policy.keep_succeeded, [JOB_FAILED] = p->policy.keep_failed},
            seen[RV_ARRAY_LEN(keep)] = {0};
    for (size_t i = p->job_n; i-- > 0;) {
        const struct owned_job *j = &p->jobs[i];
        if (keep[j->state] >= 0 && ++seen[j->state] > keep[j->state] && j->at <= noted)
            delete_job(p, j, "more have ended than are to be kept");
    }
}

/* ---- what became of it ------------------------------------------------------------------------------------ */

/* Such a namespace takes nothing new, never again, so nothing is tried again and nobody is warned. */
void owned_jobs_namespace_ends(struct cron_pass *p) {
    p->create_failed = true;
    p->stalled_reason = RV_STR(CRON_REASON_NAMESPACE_ENDS);
    p->stalled = RV_STR("the namespace is being deleted and takes no RayJob");
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(p->stalled));
}

static void report_result(struct cron_pass *p, const struct rv_result *r, const char *verb, const char *past) {
    bool deletion = r->tag == TAG_DELETE;
    const char *action = deletion ? "Delete" : "Create";
    if (r->code == 0) {
        ctx_event(&p->ctx, false, deletion ? CRON_REASON_DELETED : CRON_REASON_CREATED, action,
                  rv_arena_fmt(p->arena, "%s RayJob " RV_STR_FMT "/" RV_STR_FMT, past, RV_STR_ARG(r->ns),
                               RV_STR_ARG(r->name)));
        return;
    }
    const char *reason = deletion ? CRON_REASON_DELETE_FAILED : CRON_REASON_CREATE_FAILED;
    struct rv_str why = rc_result_text(r),
                  note = rv_arena_fmt(p->arena, "Failed to %s RayJob " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, verb,
                                      RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    if (deletion) {
        p->delete_failed = true;
    } else {
        p->create_failed = p->ctx.retry = true;
    }
    ctx_event(&p->ctx, true, reason, action, note);
    if (p->stalled.n != 0) return; /* the first error is kept */
    p->stalled_reason = rv_str(reason);
    p->stalled = note;
}

void owned_jobs_take_result(struct cron_pass *p, const struct rv_result *r) {
    if (r->tag == TAG_DELETE) {
        if (r->code != RV_E_NOT_FOUND && r->code != RV_E_CONFLICT) report_result(p, r, "delete", "Deleted");
        return;
    }
    /* This also holds if only the answer was lost, because the RayJob then exists. */
    int64_t at = (int64_t)(r->tag - TAG_CREATE);
    bool there = r->code == RV_E_EXISTS || (r->code != 0 && owned_jobs_find(p, at / 60) != NULL);
    if (r->code == 0 || there) p->last = cron_time_text(p, at);
    if (there && owned_jobs_find(p, at / 60) == NULL)
        ctx_event(&p->ctx, true, CRON_REASON_CREATE_FAILED, "Create",
                  rv_arena_fmt(p->arena,
                               "RayJob " RV_STR_FMT "/" RV_STR_FMT
                               " already exists and is not controlled by this RayCronJob, so this run is left out: "
                               "delete or rename that RayJob",
                               RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
    if (there) return;
    if (rc_namespace_ends(r))
        owned_jobs_namespace_ends(p);
    else
        report_result(p, r, "create", "Created");
}
