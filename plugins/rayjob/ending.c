/* ending.c - what is deleted and when: after the end (spec section 5), between two attempts, for a suspension, and with
 * the RayJob itself. The status names the next deletion before it happens. */
#include "states.h"

#include "builders.h"
#include "fields.h"
#include "job_requests.h"
#include "observe.h"
#include "plugins/ray/scheduler.h"

enum { STOP_PATIENCE_S = 10, STRAY_AGE_S = 10 };

/* ---- actions --------------------------------------------------------------------------------------------------------
 */

static void delete_cluster(struct job_pass *p) {
    if (!cluster_is_ours(p) || rv_meta_deleting(p->cluster.value)) return;
    ctx_explain(&p->ctx, "deleting RayCluster " RV_STR_FMT, RV_STR_ARG(p->now.cluster));
    ctx_delete(&p->ctx, "ray.io/v1", "rayclusters", p->cluster.name, p->cluster.uid, TAG_CLUSTER_DELETE);
}

/* The cluster stays until its pods are gone, so that its absence means that none is left. A cluster with state in Redis
 * stays because of its finalizer. The Job that empties Redis must not be deleted before it has run. */
static void delete_cluster_after_pods(struct job_pass *p) {
    if (p->c.f.ft_redis) {
        delete_cluster(p);
        return;
    }
    if (!cluster_is_ours(p) || rv_meta_deleting(p->cluster.value)) return;
    ctx_explain(&p->ctx, "deleting RayCluster " RV_STR_FMT ", its pods first", RV_STR_ARG(p->now.cluster));
    ctx_delete_after_owned(&p->ctx, "ray.io/v1", "rayclusters", p->cluster.name, p->cluster.uid, TAG_CLUSTER_DELETE);
}

static bool cluster_going(const struct job_pass *p) { return !has_cluster(p) || rv_meta_deleting(p->cluster.value); }

static bool workers_suspended(const struct job_pass *p) {
    for (struct rv_iter it = rv_iter(rc_groups(&p->c)); rv_iter_next(&it);)
        if (!rv_path_bool(it.val, "suspend", false)) return false;
    return true;
}

/* The patch names each group by its index. It contains the version that was read, so a change of the order leads to a
 * conflict. */
static void suspend_workers(struct job_pass *p) {
    struct rv_node *ops = rv_node_array(p->arena);
    size_t i = 0;
    for (struct rv_iter it = rv_iter(rc_groups(&p->c)); rv_iter_next(&it); i++) {
        struct rv_node *op = rv_node_map(p->arena);
        rv_node_set_cstr(p->arena, op, "op", "add");
        rv_node_set_fmt(p->arena, op, "path", "/spec/workerGroupSpecs/%zu/suspend", i);
        rv_node_set_bool(p->arena, op, "value", true);
        rv_node_append(p->arena, ops, op);
    }
    ctx_explain(&p->ctx, "suspending the worker groups of RayCluster " RV_STR_FMT, RV_STR_ARG(p->now.cluster));
    ctx_json_patch(&p->ctx, "ray.io/v1", "rayclusters", &p->cluster, ops, TAG_CLUSTER_UPDATE);
}

static void delete_self(struct job_pass *p) {
    ctx_explain(&p->ctx, "deleting the RayJob");
    ctx_delete(&p->ctx, "ray.io/v1", "rayjobs", p->j->name, p->j->uid, TAG_SELF_DELETE);
}

/* ---- policies -------------------------------------------------------------------------------------------------------
 */

static bool never_achieved(const struct job_pass *p) {
    (void)p;
    return false;
}

static bool no_cluster(const struct job_pass *p) { return p->j->selector || cluster_going(p); }
static bool no_workers(const struct job_pass *p) { return no_cluster(p) || workers_suspended(p); }

/* In the order of priority. If several policies are due, the first is carried out. DeleteNone is not among them,
 * because it does nothing. */
static const struct policy {
    const char *name;
    bool (*achieved)(const struct job_pass *p);
    void (*act)(struct job_pass *p);
} policies[] = {{"DeleteSelf", never_achieved, delete_self},
                {"DeleteCluster", no_cluster, delete_cluster},
                {"DeleteWorkers", no_workers, suspend_workers}};

static const struct policy *policy_of(struct rv_str name) {
    for (size_t i = 0; i < RV_ARRAY_LEN(policies); i++)
        if (rv_str_is(name, policies[i].name)) return &policies[i];
    return NULL;
}

struct plan {
    /* `next` is the earliest one that is not due yet. */
    const struct policy *due, *next;
    int64_t next_at;
};

static void plan_add(struct job_pass *p, struct plan *plan, struct rv_str name, int64_t ttl) {
    const struct policy *policy = policy_of(name);
    int64_t at = rc_time(p->now.end) + ttl * RC_SECOND;
    if (policy == NULL || policy->achieved(p)) return;
    if (p->time >= at) {
        if (plan->due == NULL || policy < plan->due) plan->due = policy;
    } else if (plan->next == NULL || at < plan->next_at) {
        plan->next = policy;
        plan->next_at = at;
    }
}

/* True if Ray said so, or if the job was lost or its submitter failed and Ray cannot be asked. */
static bool job_failed(const struct job_pass *p) {
    bool unknown = rv_str_is(p->now.reason, RJ_REASON_SUBMISSION) && cannot_ask_ray(p),
         lost = p->now.phase == RJ_FAILED && !rj_job_ended(p->now.job_status) &&
                (unknown || rv_str_is(p->now.reason, RJ_REASON_APP) || rv_str_is(p->now.reason, RJ_REASON_GRACE));
    return lost || rv_str_is(p->now.job_status, "FAILED");
}

static void plan_rules(struct job_pass *p, struct plan *plan, struct rv_val rules) {
    for (struct rv_iter it = rv_iter(rules); rv_iter_next(&it);) {
        struct rv_val c = rv_val_get(it.val, "condition");
        struct rv_str job = rv_path_str(c, "jobStatus"), deployment = rv_path_str(c, "jobDeploymentStatus");
        bool met = job.n != 0 ? rv_str_eq(job, p->now.job_status) || (rv_str_is(job, "FAILED") && job_failed(p))
                              : rv_str_is(deployment, rj_phase_name(p->now.phase)) && deployment.n != 0;
        if (met) plan_add(p, plan, rv_path_str(it.val, "policy"), rv_path_int(c, "ttlSeconds", 0));
    }
}

static void plan_shutdown(struct job_pass *p, struct plan *plan, int64_t ttl) {
    bool self = p->settings->delete_self;
    if (!rv_path_bool(p->j->spec, "shutdownAfterJobFinishes", false) || p->j->selector) return;
    plan_add(p, plan, self ? RV_STR("DeleteSelf") : RV_STR("DeleteCluster"), ttl);
}

/* The spec no longer says in a valid way what is to be deleted, so the earlier plan is kept. */
static void plan_planned(struct job_pass *p, struct plan *plan) {
    int64_t after = (rc_time(p->was.planned_time) - rc_time(p->now.end)) / RC_SECOND;
    if (p->was.planned_time.n != 0) plan_add(p, plan, p->was.planned_policy, after > 0 ? after : 0);
}

static struct plan make_plan(struct job_pass *p) {
    struct plan plan = {0};
    struct rv_val strategy = rv_val_get(p->j->spec, "deletionStrategy"), rules = rv_val_get(strategy, "deletionRules");
    int64_t ttl = rv_path_int(p->j->spec, "ttlSecondsAfterFinished", 0);
    if (p->invalid.n != 0 && !rj_deletion_valid(p->j))
        plan_planned(p, &plan);
    else if (rv_val_set(rules))
        plan_rules(p, &plan, rules);
    else if (rv_val_set(strategy) && rv_str_is(p->now.job_status, "SUCCEEDED"))
        plan_add(p, &plan, rv_path_str(strategy, "onSuccess.policy"), ttl);
    else if (rv_val_set(strategy) && job_failed(p))
        plan_add(p, &plan, rv_path_str(strategy, "onFailure.policy"), ttl);
    else
        plan_shutdown(p, &plan, ttl);
    return plan;
}

/* A submitter that has not finished must not continue. It would run a job again that has ended, or wait for a dashboard
 * for ever. It is suspended and not deleted, so that the log of its pods can still be read. */
static void suspend_submitter(struct job_pass *p) {
    const struct submitter *s = &p->submitter;
    if (p->j->mode == RJ_SIDECAR || !s->there || s->deleting || s->finished || s->suspended || p->ctx.retry) return;
    struct rv_node *body = rv_node_map(p->arena);
    rv_node_set_bool(p->arena, rv_node_ensure_map(p->arena, body, "spec"), "suspend", true);
    ctx_explain(&p->ctx, "suspending the submitter Job: the job has ended");
    ctx_patch(&p->ctx, "batch/v1", "jobs", p->j->name, s->uid, body, TAG_SUBMITTER_SUSPEND);
}

/* With a clusterSelector the cluster stays, but a job that was given up must not. */
static bool stop_job(struct job_pass *p) {
    bool over = rj_job_ended(p->now.job_status);
    if (p->now.phase != RJ_FAILED || !p->j->selector || over || p->now.job_id.n == 0 || !has_cluster(p)) return false;
    if (!request_job_stop(p, rc_time(p->now.end) + STOP_PATIENCE_S * RC_SECOND)) return false;
    ctx_explain(&p->ctx, "stopping the job on a cluster that lives on");
    return true;
}

/* The finalizer exists for a job that may have to be stopped. After the end it is removed, so that the RayJob can be
 * deleted without a running operator. */
static void release(struct job_pass *p) {
    if (p->ctx.retry || !rv_meta_has_finalizer(p->j->meta, RJ_FINALIZER)) return;
    ctx_explain(&p->ctx, "removing the finalizer: nothing is left to be stopped");
    ctx_set_finalizer(&p->ctx, "rayjobs", p->j->meta, RJ_FINALIZER, false, TAG_FINALIZER);
}

void ending_step(struct job_pass *p) {
    struct plan plan = make_plan(p);
    suspend_submitter(p);
    if (!stop_job(p)) release(p);
    ending_group(p, false);
    p->now.planned_time = p->now.planned_policy = (struct rv_str){NULL, 0};
    if (plan.next != NULL) {
        p->now.planned_time = rc_time_text(p->arena, plan.next_at);
        p->now.planned_policy = rv_str(plan.next->name);
        ctx_wake(&p->ctx, plan.next_at);
        ctx_explain(&p->ctx, "ended; %s at " RV_STR_FMT, plan.next->name, RV_STR_ARG(p->now.planned_time));
    }
    if (plan.due != NULL && !p->ctx.retry) plan.due->act(p);
    if (plan.due == NULL && plan.next == NULL) ctx_explain(&p->ctx, "ended; nothing is left to be deleted");
}

/* ---- between attempts ---------------------------------------------------------------------------------------------
 */

static void reset_attempt(struct rj_state *s) {
    struct rj_state kept = {.phase = s->phase == RJ_SUSPENDING ? RJ_SUSPENDED : RJ_NEW,
                            .start = s->start,
                            .end = s->end,
                            .succeeded = s->succeeded,
                            .failed = s->failed,
                            .conditions = s->conditions};
    *s = kept;
}

struct lingering {
    struct rv_str name;
};

static bool name_pod(void *arg, const struct rv_object *o) {
    struct lingering *l = arg;
    l->name = o->name;
    return false;
}

/* A text such as ": pod x ...". It is empty if no reason is known. The cluster's controller names the pod of a
 * cluster. */
static struct rv_str what_lingers(struct job_pass *p, bool cluster_left, bool job_left) {
    struct lingering l = {{NULL, 0}};
    struct rv_str reported = rv_path_str(
        rv_condition_find(rv_val_path(p->cluster.value, "status.conditions"), RJ_CONDITION_RECONCILING), "message");
    if (cluster_left && rv_meta_deleting(p->cluster.value) && reported.n != 0)
        return rv_arena_fmt(p->arena, ": RayCluster " RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(p->now.cluster),
                            RV_STR_ARG(reported));
    if (cluster_left) ctx_list_owned(&p->ctx, KIND_HEAD, p->cluster.uid, name_pod, &l);
    if (l.name.n == 0 && job_left) ctx_list_owned(&p->ctx, KIND_SUBMITTER_POD, p->submitter.uid, name_pod, &l);
    if (l.name.n == 0) return (struct rv_str){NULL, 0};
    return rv_arena_fmt(p->arena, ": pod " RV_STR_FMT " is not gone yet", RV_STR_ARG(l.name));
}

void ending_clear(struct job_pass *p) {
    bool job_left = p->submitter.there && (p->j->mode == RJ_K8S || p->j->mode == RJ_INTERACTIVE),
         cluster_left = cluster_is_ours(p);
    if (p->ctx.retry) return;
    if (cluster_left) delete_cluster_after_pods(p);
    if (job_left && !p->submitter.deleting)
        ctx_delete_after_owned(&p->ctx, "batch/v1", "jobs", p->j->name, p->submitter.uid, TAG_SUBMITTER_DELETE);
    ending_group(p, false);
    p->waiting = rv_arena_fmt(p->arena, "what the last attempt left is being deleted" RV_STR_FMT,
                              RV_STR_ARG(what_lingers(p, cluster_left, job_left)));
    p->waiting_reason = p->now.phase == RJ_SUSPENDING ? "Suspending" : "Retrying";
    if (job_left || cluster_left) return;
    p->memo->polled_since_end = p->memo->asked_after_end = p->memo->stopped = p->memo->began = p->memo->submitted =
        false;
    memo_forget_head(p->memo);
    p->memo->failures = p->memo->refusals = p->memo->unknown = 0;
    p->memo->next_poll = p->memo->next_stop = 0;
    reset_attempt(&p->now);
    p->waiting = (struct rv_str){NULL, 0};
}

/* Deletes a cluster of ours that the status does not name. Its creation was given up, but happened after all. It is not
 * deleted at once, because the mirror may get the cluster before the status that names it. */
static bool delete_if_stray(void *arg, const struct rv_object *o) {
    struct job_pass *p = arg;
    if (rv_str_eq(o->name, p->was.cluster) || rv_meta_deleting(o->value)) return true;
    int64_t due = rc_time(rv_path_str(o->value, "metadata.creationTimestamp")) + STRAY_AGE_S * RC_SECOND;
    if (due > p->time) {
        ctx_wake(&p->ctx, due);
        return true;
    }
    ctx_explain(&p->ctx, "deleting RayCluster " RV_STR_FMT ", which a creation that was given up has left",
                RV_STR_ARG(o->name));
    ctx_delete(&p->ctx, "ray.io/v1", "rayclusters", o->name, o->uid, TAG_CLUSTER_DELETE);
    return true;
}

void ending_strays(struct job_pass *p) { ctx_list_owned(&p->ctx, KIND_CLUSTER, p->j->uid, delete_if_stray, p); }

/* ---- Volcano's gang ------------------------------------------------------------------------------------------------
 */

/* The job with the groups that its cluster has suspended in the meantime. They need no places in the gang any more. */
static struct rj_job as_it_is(struct job_pass *p) {
    struct rj_job j = *p->j;
    struct rv_node *spec = rv_node_from(p->arena, j.cluster_spec), *groups = rv_node_get(spec, "workerGroupSpecs");
    size_t i = 0;
    for (struct rv_iter it = rv_iter(rc_groups(&p->c)); rv_iter_next(&it) && i < rv_node_len(groups); i++)
        if (rv_path_bool(it.val, "suspend", false)) rv_node_set_bool(p->arena, rv_node_at(groups, i), "suspend", true);
    j.cluster_spec = rv_node_freeze(p->arena, spec);
    return j;
}

void ending_group(struct job_pass *p, bool wanted) {
    struct rv_object o = {.size = sizeof o};
    if (!rv_str_is(p->j->settings->scheduler, "volcano") || !rv_val_set(p->j->cluster_spec)) return;
    bool going = cluster_going(p);
    struct rj_job j = wanted || going ? *p->j : as_it_is(p);
    struct rv_node *want = rj_pod_group(p->arena, &j, !wanted && going);
    if (want == NULL) return;
    if (!ctx_get(&p->ctx, KIND_GROUP, rj_pod_group_name(p->arena, p->j), &o)) {
        if (wanted) ctx_create(&p->ctx, "scheduling.volcano.sh/v1beta1", "podgroups", want, TAG_GROUP_CREATE);
        return;
    }
    struct rv_node *body = rc_gang_patch(p->arena, o.value, rv_node_freeze(p->arena, want));
    if (body == NULL) return;
    ctx_patch(&p->ctx, "scheduling.volcano.sh/v1beta1", "podgroups", o.name, o.uid, body, TAG_GROUP_UPDATE);
}

/* ---- the RayJob goes ------------------------------------------------------------------------------------------------
 */

/* Stops a running job, but only for a short time, because no dashboard may hold a deletion. If its cluster is deleted
 * as well, one request is enough. */
void ending_deleted(struct job_pass *p) {
    int64_t deleted = rc_time(rv_path_str(p->j->meta, "deletionTimestamp"));
    bool running =
        p->now.job_id.n != 0 && p->now.dashboard.n != 0 && !rj_job_ended(p->now.job_status) && has_cluster(p);
    if (!rv_meta_has_finalizer(p->j->meta, RJ_FINALIZER)) {
        ctx_explain(&p->ctx, "being deleted: what it owns goes with it");
        return;
    }
    bool reported = p->memo->next_stop != 0 && !p->j->selector;
    if (running && !reported && request_job_stop(p, deleted + STOP_PATIENCE_S * RC_SECOND)) {
        ctx_explain(&p->ctx, "stopping the job before the RayJob goes");
        return;
    }
    ctx_explain(&p->ctx, "being deleted: removing the finalizer");
    ctx_set_finalizer(&p->ctx, "rayjobs", p->j->meta, RJ_FINALIZER, false, TAG_FINALIZER);
}
