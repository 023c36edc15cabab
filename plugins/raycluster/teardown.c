/* teardown.c - a cluster whose fault tolerance keeps its state in Redis leaves that state behind; a finalizer holds the
 * cluster until a Job has removed it (spec section 6).
 *
 *   deleted ─► all pods deleted ─► head gone ─► Job runs ─► finished, or the deadline passed ─► finalizer removed
 *
 * Deletion never depends on the spec being valid: what became of it since, the deadline holds from the moment of
 * deletion, so no cluster can stay for ever. The same for one whose options were removed, or whose backend was changed:
 * there is nothing that could be emptied, so the finalizer goes at once. */
#include "fields.h"
#include "objects.h"
#include "pass.h"

enum { HEAD_GONE_MS = 10000, JOB_MS = 30000 };
#define SECOND INT64_C(1000000000)

static bool has_finalizer(const struct rc_cluster *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(c->meta, "finalizers")); rv_iter_next(&it);)
        if (rv_str_is(rv_val_str(it.val), RC_FINALIZER_REDIS)) return true;
    return false;
}

static bool needs_cleanup(const struct rc_cluster *c) { return c->f.ft_redis && c->settings->redis_cleanup; }

/* The list as it was read, with ours or without: the resourceVersion makes sure that nobody else's is lost. */
static void set_finalizer(struct pass *p, bool present) {
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"),
                   *list = rv_node_ensure_array(a, meta, "finalizers");
    for (struct rv_iter it = rv_iter(rv_val_get(p->c->meta, "finalizers")); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), RC_FINALIZER_REDIS)) rv_node_append(a, list, rv_node_from(a, it.val));
    if (present) rv_node_append(a, list, rv_node_str(a, RV_STR(RC_FINALIZER_REDIS)));
    rv_node_set_str(a, meta, "resourceVersion", rv_path_str(p->c->meta, "resourceVersion"));
    pass_patch(p, "ray.io/v1", "rayclusters", p->c->name, p->c->uid, body, TAG_FINALIZER);
}

bool teardown_guard(struct pass *p) {
    if (!needs_cleanup(p->c) || has_finalizer(p->c)) return false;
    pass_explain(p, "adding the finalizer that will have Redis emptied when the cluster is deleted");
    set_finalizer(p, true);
    return true;
}

static int64_t deadline(const struct pass *p) {
    int64_t seconds, deleted;
    if (rv_str_to_int(rc_annotation(p->c, RC_ANNOTATION_FT_DELETION_TIMEOUT), 1, INT32_MAX, &seconds) != 0)
        seconds = RC_FT_DELETION_TIMEOUT_S;
    if (rv_time_parse(rv_path_str(p->c->meta, "deletionTimestamp"), &deleted) != 0) return 0;
    return deleted + seconds * SECOND;
}

static bool finished(struct rv_val job) {
    static const char *const ends[] = {"Complete", "Failed", "FailureTarget"};
    for (size_t i = 0; i < RV_ARRAY_LEN(ends); i++)
        if (rv_condition_is(rv_val_path(job, "status.conditions"), ends[i], "True")) return true;
    return false;
}

static void release(struct pass *p, const char *why) {
    pass_explain(p, "removing the finalizer: %s", why);
    set_finalizer(p, false);
}

static void run_job(struct pass *p) {
    struct rv_object job;
    struct rv_str name = rc_cleanup_job_name(p->arena, p->c);
    if (p->api->get(p->host, KIND_JOB, p->c->ns, name, &job) != 0) {
        pass_explain(p, "creating the Job that empties Redis");
        pass_create(p, "batch/v1", "jobs", rc_cleanup_job(p->arena, p->c), TAG_CLEANUP_JOB);
    } else if (finished(job.value)) {
        release(p, "the Job that empties Redis has finished");
    } else {
        pass_explain(p, "waiting for the Job " RV_STR_FMT " that empties Redis", RV_STR_ARG(name));
        p->after_ms = JOB_MS;
    }
}

static void step(struct pass *p) {
    int64_t left = deadline(p) - p->api->now(p->host);
    if (!needs_cleanup(p->c)) {
        release(p, "the spec no longer says where the state of the GCS is kept");
        return;
    }
    pass_delete_pods(p);
    if (left <= 0) {
        pass_event(p, true, "ForceDeletedStuckCluster", "Cleanup",
                   RV_STR("Redis was not emptied in time (annotation " RC_ANNOTATION_FT_DELETION_TIMEOUT
                          " sets how long that may take): the cluster goes, its state in Redis may remain"));
        release(p, "its time is up");
    } else if (see_head(p) != NULL) {
        pass_explain(p, "being deleted: waiting for the head pod to be gone");
        p->after_ms = HEAD_GONE_MS;
    } else {
        run_job(p);
    }
    if (left > 0 && p->after_ms > left / 1000000) p->after_ms = left / 1000000 + 1;
}

void teardown_result(struct pass *p, const struct rv_result *r) {
    struct rv_str name = rc_cleanup_job_name(p->arena, p->c),
                  why = r->message.n != 0 ? r->message : rv_str(rv_error_text(r->code));
    bool job = r->tag == TAG_CLEANUP_JOB;
    if (r->code == 0 && job)
        pass_event(p, false, "CreatedRedisCleanupJob", "Create",
                   rv_arena_fmt(p->arena, "Created Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(p->c->ns),
                                RV_STR_ARG(name)));
    if (r->code == 0 || (!job && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT))) return;
    p->sub_retry = true;
    if (job)
        pass_event(p, true, "FailedToCreateRedisCleanupJob", "Create",
                   rv_arena_fmt(p->arena,
                                "Failed to create the Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                                RV_STR_ARG(p->c->ns), RV_STR_ARG(name), RV_STR_ARG(why)));
}

void teardown(struct pass *p, struct rv_outcome *out) {
    if (!has_finalizer(p->c)) {
        pass_explain(p, "being deleted: its pods and services go with it");
        return;
    }
    pass_take_results(p);
    see(p);
    bool late = deadline(p) <= p->api->now(p->host); /* then nothing that fails holds it any longer */
    if (late || (!p->retry && !p->sub_retry)) step(p);
    out->code = p->retry || p->sub_retry ? RV_RETRY : p->after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p->after_ms;
}
