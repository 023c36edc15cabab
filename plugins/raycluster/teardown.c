/* teardown.c - a cluster with fault tolerance in Redis leaves its state there. A finalizer holds the cluster until a
 * Job has removed that state (spec section 6).
 *
 *   deleted ─► all pods deleted ─► head gone ─► Job runs ─► finished, or the deadline passed ─► finalizer removed
 *
 * A namespace that is being deleted accepts no new Job, so the finalizer is removed at once there. If the finalizer
 * cannot be removed, this is tried again at growing intervals, and the condition shows it.
 *
 * Deletion never depends on a valid spec. The deadline counts from the deletion, so no cluster can stay for ever. If
 * the options were removed or the backend was changed, the head pod's own environment says which Redis must be emptied.
 * If nothing says it, the finalizer is removed at once, and an event says what may remain. */
#include "teardown.h"
#include "owned_objects.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/live_head.h"
#include "plugins/ray/objects.h"
#include "pod_actions.h"
#include "status.h"

enum { HEAD_GONE_MS = 10000, JOB_MS = 30000 };

/* ---- in which Redis */

/* The environment of the head pod decides. It is remembered for the time after the pod has gone. */
static void remember_redis(struct cluster_pass *p) {
    if (!rv_val_present(p->head_pod)) return;
    struct rv_node *list = rc_head_redis(p->arena, p->head_pod);
    rv_buf_free(&p->memo->redis);
    if (list == NULL) return;
    struct rv_val v = rv_node_freeze(p->arena, list);
    rv_buf_add(&p->memo->redis, v.p, v.n);
}

static struct rv_val known_redis(const struct cluster_pass *p) {
    return p->memo->redis.n != 0 ? (struct rv_val){p->memo->redis.p, p->memo->redis.n} : RV_VAL_ABSENT;
}

static struct rv_str storage_namespace(const struct cluster_pass *p) {
    for (struct rv_iter it = rv_iter(known_redis(p)); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "RAY_external_storage_namespace"))
            return rv_path_str(it.val, "value");
    return rc_storage_namespace(p->c);
}

static void report_left(struct cluster_pass *p, const char *reason, struct rv_str why) {
    struct rv_str ns = storage_namespace(p);
    ctx_event(&p->ctx, true, reason, "Cleanup",
              rv_arena_fmt(p->arena,
                           RV_STR_FMT ": the cluster goes, its state in Redis may remain (storage namespace " RV_STR_FMT
                                      ")",
                           RV_STR_ARG(why), RV_STR_ARG(ns)));
}

/* Says what the deletion waits for, in `explain` and in the condition. */
static void waits(struct cluster_pass *p, struct rv_str text) {
    p->going = text;
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
}

/* ---- the finalizer */

static bool needs_cleanup(const struct rc_cluster *c) { return c->f.ft_redis && c->settings->redis_cleanup; }

static void set_finalizer(struct cluster_pass *p, bool present) {
    ctx_set_finalizer(&p->ctx, "rayclusters", p->c->meta, RC_FINALIZER_REDIS, present, TAG_FINALIZER);
}

bool teardown_guard(struct cluster_pass *p) {
    if (!needs_cleanup(p->c) || rv_meta_has_finalizer(p->c->meta, RC_FINALIZER_REDIS)) {
        problem_ends(p->memo, PROBLEM_FINALIZER);
        return false;
    }
    if (p->owned_retry) return true;
    ctx_explain(&p->ctx, "adding the finalizer that will have Redis emptied when the cluster is deleted");
    set_finalizer(p, true);
    return true;
}

static int64_t deadline(const struct cluster_pass *p) {
    int64_t seconds, deleted;
    if (rv_str_to_int(rc_annotation(p->c, RC_ANNOTATION_FT_DELETION_TIMEOUT), 1, INT32_MAX, &seconds) != 0)
        seconds = RC_FT_DELETION_TIMEOUT_S;
    if (rv_time_parse(rv_path_str(p->c->meta, "deletionTimestamp"), &deleted) != 0) return 0;
    return deleted + seconds * RC_SECOND;
}

static bool job_finished(struct rv_val job) {
    static const char *const ends[] = {"Complete", "Failed", "FailureTarget"};
    for (size_t i = 0; i < RV_ARRAY_LEN(ends); i++)
        if (rv_condition_is(rv_val_path(job, "status.conditions"), ends[i], "True")) return true;
    return false;
}

static void remove_finalizer(struct cluster_pass *p, const char *why) {
    ctx_explain(&p->ctx, "removing the finalizer: %s", why);
    set_finalizer(p, false);
}

/* Our Job has another name if another owner's Job has the usual one. */
static struct rv_str job_name(struct cluster_pass *p) {
    struct rv_object other = {.size = sizeof other};
    struct rv_str usual = rc_cleanup_job_name(p->arena, p->c);
    bool taken = p->memo->job_name_taken || ctx_get(&p->ctx, KIND_JOB, usual, &other);
    return taken ? rc_cleanup_job_other_name(p->arena, p->c) : usual;
}

/* What happens if the wait is not over in time. */
static struct rv_str deadline_text(struct cluster_pass *p) {
    char at[32];
    rv_time_format(deadline(p), at);
    return rv_arena_fmt(p->arena,
                        "; at %s (annotation " RC_ANNOTATION_FT_DELETION_TIMEOUT
                        ") the cluster goes in any case, and its state in Redis may remain",
                        at);
}

static void explain_head(struct cluster_pass *p, const struct observed_pod *head) {
    struct blocker b = cluster_lingering_pod(p);
    struct rv_str what =
        b.reason.n != 0 ? b.text : rv_arena_fmt(p->arena, "head pod " RV_STR_FMT " to be gone", RV_STR_ARG(head->name));
    waits(p,
          rv_arena_fmt(p->arena, "being deleted: waiting for the " RV_STR_FMT ". Then a Job empties Redis" RV_STR_FMT,
                       RV_STR_ARG(what), RV_STR_ARG(deadline_text(p))));
}

static void run_job(struct cluster_pass *p) {
    struct rv_object job = {.size = sizeof job};
    if (!ctx_find_owned(&p->ctx, KIND_JOB, p->c->uid, &job)) {
        struct rv_str name = job_name(p);
        waits(p, rv_arena_fmt(p->arena, "being deleted: creating the Job " RV_STR_FMT " that empties Redis" RV_STR_FMT,
                              RV_STR_ARG(name), RV_STR_ARG(deadline_text(p))));
        struct rv_node *fresh = rc_cleanup_job_with(p->arena, p->c, known_redis(p));
        rv_node_set_str(p->arena, rv_node_get(fresh, "metadata"), "name", name);
        ctx_create(&p->ctx, "batch/v1", "jobs", fresh, TAG_CLEANUP_JOB);
    } else if (job_finished(job.value)) {
        struct rv_val failed = rv_condition_find(rv_val_path(job.value, "status.conditions"), "Failed");
        if (!rv_str_is(rv_path_str(failed, "status"), "True"))
            failed = rv_condition_find(rv_val_path(job.value, "status.conditions"), "FailureTarget");
        if (rv_str_is(rv_path_str(failed, "status"), "True"))
            report_left(p, "RedisCleanupFailed",
                        rv_arena_fmt(p->arena,
                                     "The Job " RV_STR_FMT " that empties Redis has failed (" RV_STR_FMT ": " RV_STR_FMT
                                     ")",
                                     RV_STR_ARG(job.name), RV_STR_ARG(rv_path_str(failed, "reason")),
                                     RV_STR_ARG(rv_path_str(failed, "message"))));
        remove_finalizer(p, "the Job that empties Redis has finished");
    } else {
        waits(p, rv_arena_fmt(p->arena,
                              "being deleted: waiting for the Job " RV_STR_FMT
                              ", which empties Redis, to finish. Then the finalizer " RC_FINALIZER_REDIS
                              " is removed and the cluster goes" RV_STR_FMT,
                              RV_STR_ARG(job.name), RV_STR_ARG(deadline_text(p))));
        p->after_ms = JOB_MS;
    }
}

static void teardown_step(struct cluster_pass *p) {
    int64_t left = deadline(p) - ctx_now(&p->ctx);
    remember_redis(p);
    if (p->head_unseen && left > 0) { /* the mirror will have its environment in a moment */
        waits(p, RV_STR("being deleted: waiting for the head pod to be shown whole"));
        p->after_ms = 1000;
        return;
    }
    if (!needs_cleanup(p->c) && (!p->c->settings->redis_cleanup || !rv_val_present(known_redis(p)))) {
        if (p->c->settings->redis_cleanup)
            report_left(
                p, "RedisNotCleanedUp",
                RV_STR("Neither the spec nor a head pod says any longer in which Redis the state of the GCS is kept"));
        remove_finalizer(p, "nothing says any longer where the state of the GCS is kept");
        return;
    }
    pod_delete_all(p);
    if (left <= 0) {
        report_left(p, "ForceDeletedStuckCluster",
                    RV_STR("Redis was not emptied in time (annotation " RC_ANNOTATION_FT_DELETION_TIMEOUT
                           " sets how long that may take)"));
        remove_finalizer(p, "its time is up");
    } else if (p->memo->namespace_ends) {
        report_left(p, "ForceDeletedStuckCluster", RV_STR("The namespace is being deleted and takes no Job any more"));
        remove_finalizer(p, "its namespace is being deleted");
    } else if (observed_head(p) != NULL) {
        explain_head(p, observed_head(p));
        p->after_ms = HEAD_GONE_MS;
    } else {
        run_job(p);
    }
    if (left > 0 && p->after_ms > left / 1000000) p->after_ms = left / 1000000 + 1;
}

static void job_result(struct cluster_pass *p, const struct rv_result *r, struct rv_str why) {
    if (r->code == 0)
        ctx_event(&p->ctx, false, "CreatedRedisCleanupJob", "Create",
                  rv_arena_fmt(p->arena, "Created Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(p->c->ns),
                               RV_STR_ARG(r->name)));
    bool another = r->code == RV_E_EXISTS && !p->memo->job_name_taken; /* the Job may be created under another name */
    if (r->code == RV_E_EXISTS) p->memo->job_name_taken = true;
    if (rc_namespace_ends(r)) p->memo->namespace_ends = true;
    if (r->code == 0 || another || p->memo->namespace_ends) return;
    p->owned_retry = true;
    ctx_event(&p->ctx, true, "FailedToCreateRedisCleanupJob", "Create",
              rv_arena_fmt(p->arena,
                           "Failed to create the Redis cleanup Job " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                           RV_STR_ARG(p->c->ns), RV_STR_ARG(r->name), RV_STR_ARG(why)));
}

static void finalizer_result(struct cluster_pass *p, const struct rv_result *r, struct rv_str why) {
    if (r->code == 0 || r->code == RV_E_NOT_FOUND) return;
    p->owned_retry = true;
    if (r->code == RV_E_CONFLICT) return; /* the cluster has changed, and the newer state comes in a moment */
    struct rv_str text =
        rv_arena_fmt(p->arena, "Failed to %s the finalizer " RC_FINALIZER_REDIS ": " RV_STR_FMT "; %s",
                     rv_meta_deleting(p->c->value) ? "remove" : "add", RV_STR_ARG(why),
                     rv_meta_deleting(p->c->value) ? "the cluster stays until it can be"
                                                   : "without it no pods are made, for nothing would empty Redis");
    ctx_event(&p->ctx, true, "FailedToUpdateFinalizer", "Update", text);
    problem_begins(p->memo, PROBLEM_FINALIZER, "FailedToUpdateFinalizer", text);
}

void teardown_take_result(struct cluster_pass *p, const struct rv_result *r) {
    struct rv_str why = rc_result_text(r);
    if (r->tag == TAG_CLEANUP_JOB)
        job_result(p, r, why);
    else
        finalizer_result(p, r, why);
}

/* The cluster was deleted with the request to delete its pods first, or another finalizer holds it. */
static void wait_for_pods(struct cluster_pass *p, struct rv_outcome *out) {
    observe(p);
    struct blocker b = cluster_lingering_pod(p);
    if (b.reason.n != 0)
        p->going = rv_arena_fmt(p->arena, "being deleted: " RV_STR_FMT, RV_STR_ARG(b.text));
    else if (p->pod_n > 0)
        p->going = rv_arena_fmt(p->arena, "being deleted: %zu of its pods are not gone yet, " RV_STR_FMT " among them",
                                p->pod_n, RV_STR_ARG(p->pods[0].name));
    else
        p->going = RV_STR("being deleted: its pods and services go with it");
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(p->going));
    status_reconcile(p);
    int64_t wake = ctx_wake_ms(&p->ctx);
    out->after_ms = p->status_delay_ms > 0 && (wake == 0 || p->status_delay_ms < wake) ? p->status_delay_ms : wake;
    if (out->after_ms > 0) out->code = RV_AFTER;
}

void teardown_reconcile(struct cluster_pass *p, struct rv_outcome *out) {
    if (!rv_meta_has_finalizer(p->c->meta, RC_FINALIZER_REDIS)) {
        wait_for_pods(p, out);
        return;
    }
    action_results_take(p);
    observe(p);
    bool late = deadline(p) <= ctx_now(&p->ctx); /* after the deadline no failure holds it any longer */
    if (late || (!p->ctx.retry && !p->owned_retry))
        teardown_step(p);
    else
        ctx_explain(&p->ctx, "being deleted: what failed is tried again" RV_STR_FMT, RV_STR_ARG(deadline_text(p)));
    if (p->going.n != 0) status_reconcile(p);
    if (p->status_delay_ms > 0 && (p->after_ms == 0 || p->status_delay_ms < p->after_ms))
        p->after_ms = p->status_delay_ms;
    out->code = p->ctx.retry || p->owned_retry ? RV_RETRY : p->after_ms > 0 ? RV_AFTER : RV_DONE;
    out->after_ms = p->after_ms;
}
