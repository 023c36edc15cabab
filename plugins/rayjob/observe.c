/* observe.c - see observe.h: the cluster that the job uses, its head pod, the submitter. */
#include "observe.h"

#include "fields.h"
#include "ipc/base/utf8.h"
#include "plugins/ray/live_head.h"
#include "plugins/ray/obstacle.h"

/* The reason of the cluster's condition, as a C string in the arena. */
static const char *word(struct job_pass *p, struct rv_str reason) {
    return reason.n != 0 ? rv_arena_fmt(p->arena, RV_STR_FMT, RV_STR_ARG(reason)).p : "RayClusterNotReady";
}

/* ---- the head pod ------------------------------------------------------------------------------------------------ */

static struct rv_val container_status(struct rv_val pod, struct rv_str name) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), name)) return it.val;
    return RV_VAL_ABSENT;
}

static bool is_over(struct rv_val pod) {
    struct rv_str phase = rv_path_str(pod, "status.phase");
    return rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded");
}

/* Which of several head pods counts: one that is alive, then the one on which the job was seen, then the oldest. The
 * cluster's controller keeps the same one. */
static bool is_better(const struct job_pass *p, const struct rv_object *o) {
    if (p->heads == 0) return true;
    if (is_over(o->value) != is_over(p->head_value)) return !is_over(o->value);
    if (rv_str_eq(o->uid, p->now.head.uid) || rv_str_eq(p->head.uid, p->now.head.uid))
        return rv_str_eq(o->uid, p->now.head.uid);
    int64_t a = rc_time(rv_path_str(o->value, "metadata.creationTimestamp")),
            b = rc_time(rv_path_str(p->head_value, "metadata.creationTimestamp"));
    return a != b ? a < b : rv_str_cmp(o->name, p->head.pod) < 0;
}

/* What was decided about the pod, and by whom. A pod that is preempted, drained from its node or taken with its node
 * has no reason of its own, but this condition. */
static void read_decision(struct rv_val pod, struct rv_str *reason, struct rv_str *message) {
    struct rv_val status = rv_val_get(pod, "status"),
                  taken = rv_condition_find(rv_val_get(status, "conditions"), "DisruptionTarget");
    bool ends = rv_meta_deleting(pod) || is_over(pod), own = rv_path_str(status, "reason").n != 0;
    if (!own && !(ends && rv_str_is(rv_path_str(taken, "status"), "True"))) taken = RV_VAL_ABSENT;
    *reason = rv_path_str(own ? status : taken, "reason");
    *message = rv_path_str(own ? status : taken, "message");
}

/* "OOMKilled, exit code 137, memory limit 2Gi" or "Evicted: the node was low on memory"; empty if it has not ended. */
static struct rv_str end_of_pod(struct job_pass *p, struct rv_val pod, struct rv_val ray) {
    struct rv_str reason, message, limit = rv_path_str(pod, "spec.containers[0].resources.limits.memory");
    read_decision(pod, &reason, &message);
    struct rv_val end = rv_val_path(ray, "state.terminated");
    if (!rv_val_set(end)) end = rv_val_path(ray, "lastState.terminated");
    if (reason.n != 0)
        return utf8_clip(rv_arena_fmt(p->arena, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(reason),
                                      message.n != 0 ? ": " : "", RV_STR_ARG(message)),
                         RC_OBSTACLE_TEXT_MAX);
    if (!rv_val_set(end)) return (struct rv_str){NULL, 0};
    bool memory = rv_str_is(rv_path_str(end, "reason"), "OOMKilled") && limit.n != 0;
    return rv_arena_fmt(p->arena, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(rc_terminated(p->arena, end)),
                        memory ? ", memory limit " : "", RV_STR_ARG(memory ? limit : RV_STR("")));
}

/* Stores how the pod ended, because the pod may be gone later. */
static void remember_end(struct job_pass *p, const struct rv_object *o, struct rv_val ray) {
    struct rv_str end = end_of_pod(p, o->value, ray);
    if (!rv_str_eq(o->uid, p->now.head.uid) || end.n == 0) return;
    memo_forget_head(p->memo);
    p->memo->head_end = rv_strdup(end);
}

struct rv_str head_end(const struct job_pass *p) {
    return p->memo->head_end != NULL ? rv_str(p->memo->head_end) : (struct rv_str){NULL, 0};
}

static bool observe_head(void *arg, const struct rv_object *o) {
    struct job_pass *p = arg;
    struct rv_val ray = container_status(o->value, rv_path_str(o->value, "spec.containers[0].name"));
    remember_end(p, o, ray);
    if (rv_meta_deleting(o->value)) return true;
    if (is_better(p, o)) {
        p->head = (struct rj_head){o->name, o->uid, rv_path_int(ray, "restartCount", 0)};
        p->head_value = o->value;
    }
    p->heads++;
    return true;
}

/* ---- the submitter ------------------------------------------------------------------------------------------------
 */

struct newest {
    struct rv_object pod; /* has no name if there is none */
    int64_t made;
};

static bool observe_submitter_pod(void *arg, const struct rv_object *o) {
    struct newest *n = arg;
    int64_t made = rc_time(rv_path_str(o->value, "metadata.creationTimestamp"));
    if (rv_meta_deleting(o->value) || (n->pod.name.n != 0 && made <= n->made)) return true;
    rv_object_copy(&n->pod, o);
    n->made = made;
    return true;
}

static struct newest newest_pod(struct job_pass *p) {
    struct newest n = {.pod = {.size = sizeof n.pod}};
    if (p->submitter.uid.n != 0)
        ctx_list_owned(&p->ctx, KIND_SUBMITTER_POD, p->submitter.uid, observe_submitter_pod, &n);
    return n;
}

/* The first container submits. Another container, such as a proxy of a service mesh, may run for ever, and the Job with
 * it. The submitter has finished even so. The Job does not start a failed submitter again while its pod runs. */
static void observe_first_container(struct job_pass *p) {
    struct submitter *s = &p->submitter;
    struct newest n = newest_pod(p);
    struct rv_str name = rv_path_str(n.pod.value, "spec.containers[0].name");
    struct rv_val end =
        name.n != 0 ? rv_val_path(container_status(n.pod.value, name), "state.terminated") : RV_VAL_ABSENT;
    int64_t code = rv_path_int(end, "exitCode", 0);
    if (s->finished || !rv_val_set(end) || is_over(n.pod.value)) return;
    if (code != 0 && !rv_str_is(rv_path_str(n.pod.value, "spec.restartPolicy"), "Never")) return;
    s->finished_at = rc_time(rv_path_str(end, "finishedAt"));
    s->finished = true;
    s->failed = code != 0;
    s->exit_code = s->failed ? code : -1;
    if (s->failed)
        s->why =
            rv_arena_fmt(p->arena, "container " RV_STR_FMT " of submitter pod " RV_STR_FMT " ended with " RV_STR_FMT,
                         RV_STR_ARG(name), RV_STR_ARG(n.pod.name), RV_STR_ARG(rc_terminated(p->arena, end)));
}

struct rv_str submitter_running(struct job_pass *p) {
    struct newest n = newest_pod(p);
    for (struct rv_iter it = rv_iter(rv_val_path(n.pod.value, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_val_present(rv_val_path(it.val, "state.running")))
            return rv_arena_fmt(p->arena, " (container " RV_STR_FMT " of pod " RV_STR_FMT " runs)",
                                RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(n.pod.name));
    return (struct rv_str){NULL, 0};
}

/* The Job tells that its pods failed, but not how. */
static struct rv_str end_of_newest_pod(struct job_pass *p) {
    struct newest n = newest_pod(p);
    struct rv_str name = rv_path_str(n.pod.value, "spec.containers[0].name");
    struct rv_val end = rv_val_path(container_status(n.pod.value, name), "state.terminated");
    if (n.pod.name.n == 0 || !rv_val_set(end)) return RV_STR("");
    return rv_arena_fmt(p->arena, " (pod " RV_STR_FMT " ended with " RV_STR_FMT ")", RV_STR_ARG(n.pod.name),
                        RV_STR_ARG(rc_terminated(p->arena, end)));
}

/* What the last pod tells of the submitter: which program it runs, and with which exit code it failed. */
static void observe_end_of_pod(struct job_pass *p) {
    struct submitter *s = &p->submitter;
    struct rv_val pod = newest_pod(p).pod.value, first = rv_val_path(pod, "spec.containers[0]");
    struct rv_val end = rv_val_path(container_status(pod, rv_path_str(first, "name")), "state.terminated");
    s->small = p->j->submitter_image.n != 0 && !rv_val_set(rv_val_get(p->j->spec, "submitterPodTemplate")) &&
               rv_val_len(rv_val_get(first, "command")) == 0;
    if (s->failed && rv_val_set(end)) s->exit_code = rv_path_int(end, "exitCode", -1);
}

static void observe_submitter_job(struct job_pass *p) {
    struct submitter *s = &p->submitter;
    struct rv_object o = {.size = sizeof o};
    if (!ctx_get(&p->ctx, KIND_SUBMITTER, p->j->name, &o)) return;
    if (!rv_str_eq(rv_meta_controller_uid(o.value), p->j->uid)) return;
    *s = (struct submitter){.there = true,
                            .deleting = rv_meta_deleting(o.value),
                            .made = rc_time(rv_path_str(o.value, "metadata.creationTimestamp")),
                            .suspended = rv_path_bool(o.value, "spec.suspend", false),
                            .exit_code = -1,
                            .uid = o.uid};
    for (struct rv_iter it = rv_iter(rv_val_path(o.value, "status.conditions")); rv_iter_next(&it);) {
        struct rv_str type = rv_path_str(it.val, "type");
        bool failed = rv_str_is(type, "Failed");
        if (!rv_str_is(rv_path_str(it.val, "status"), "True") || (!failed && !rv_str_is(type, "Complete"))) continue;
        int64_t at = rc_time(rv_path_str(it.val, "lastTransitionTime"));
        if (failed) {
            s->failed = true;
            s->why = rv_arena_fmt(p->arena, "the submitter Job failed: " RV_STR_FMT ": " RV_STR_FMT RV_STR_FMT,
                                  RV_STR_ARG(rv_path_str(it.val, "reason")), RV_STR_ARG(rv_path_str(it.val, "message")),
                                  RV_STR_ARG(end_of_newest_pod(p)));
        }
        if (s->finished || at == 0) continue;
        s->finished = true;
        s->finished_at = at;
    }
    observe_first_container(p);
    observe_end_of_pod(p);
}

/* A controller that may not create pods reports that only in its own events. */
static struct rv_str no_pod(struct job_pass *p, const char **ret_reason) {
    int64_t late = p->submitter.made + RC_OBSTACLE_LONG_S * RC_SECOND;
    if (p->time < late) {
        ctx_wake(&p->ctx, late);
        return (struct rv_str){NULL, 0};
    }
    *ret_reason = "SubmitterHasNoPod";
    return rv_arena_fmt(p->arena,
                        "the submitter Job " RV_STR_FMT "/" RV_STR_FMT
                        " was made more than a minute ago and has no pod: a quota or an admission rule may forbid it; "
                        "its events say more",
                        RV_STR_ARG(p->j->ns), RV_STR_ARG(p->j->name));
}

struct rv_str submitter_obstacle(struct job_pass *p, const char **ret_reason) {
    struct newest n = newest_pod(p);
    int64_t again = 0;
    if (n.pod.name.n == 0) return no_pod(p, ret_reason);
    if (is_over(n.pod.value) || rv_condition_is(rv_val_path(n.pod.value, "status.conditions"), "Ready", "True"))
        return (struct rv_str){NULL, 0};
    struct rc_obstacle o = rc_pod_obstacle(p->arena, n.pod.value, p->time, &again);
    if (again != 0) ctx_wake(&p->ctx, again);
    if (o.reason.n == 0) return o.reason;
    *ret_reason = word(p, o.reason);
    return rv_arena_fmt(p->arena, "submitter pod " RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(n.pod.name),
                        RV_STR_ARG(o.text));
}

/* The submitter container in the head pod. With the gate for restarts, a failure counts only if the container may not
 * be started again. */
static void observe_sidecar(struct job_pass *p) {
    struct submitter *s = &p->submitter;
    struct rv_val status = container_status(p->head_value, RV_STR(RJ_SUBMITTER_CONTAINER)),
                  end = rv_val_path(status, "state.terminated"), last = rv_val_path(status, "lastState.terminated");
    bool restarts = rc_gate(p->j->settings, RJ_GATE_SIDECAR_RESTART, false), ended = rv_val_set(end);
    int64_t code = rv_path_int(end, "exitCode", 0);
    s->there = rv_val_set(status);
    if (!restarts)
        s->failed = ended && code != 0;
    else
        s->failed =
            rv_val_set(last) && !(ended && code == 0) && rv_path_int(status, "restartCount", 0) >= RJ_SIDECAR_RESTARTS;
    struct rv_val shown = ended ? end : last;
    s->finished = s->failed || (ended && code == 0);
    if (s->finished) s->finished_at = rc_time(rv_path_str(shown, "finishedAt"));
    if (!s->failed) return;
    s->why =
        rv_arena_fmt(p->arena, "the submitter container of pod " RV_STR_FMT " ended with exit code %lld: " RV_STR_FMT,
                     RV_STR_ARG(p->head.pod), (long long)rv_path_int(shown, "exitCode", 0),
                     RV_STR_ARG(rv_path_str(shown, "reason")));
}

void observe(struct job_pass *p) {
    struct rv_str name = p->now.cluster.n != 0 ? p->now.cluster : p->j->selected;
    if (name.n != 0) (void)ctx_get(&p->ctx, KIND_CLUSTER, name, &p->cluster);
    /* Only a selector chooses somebody else's cluster; the status may have been written by anybody. */
    if (!p->j->selector && has_cluster(p) && !cluster_is_ours(p))
        p->cluster = (struct rv_object){.size = sizeof p->cluster};
    if (has_cluster(p)) {
        rc_cluster_read(&p->c, p->cluster.value, p->j->settings);
        ctx_list_owned(&p->ctx, KIND_HEAD, p->cluster.uid, observe_head, p);
        struct rc_cluster as_specified = p->c;
        rc_as_head_runs(p->arena, &as_specified, p->head_value, false, &p->c);
    }
    if (p->j->mode == RJ_SIDECAR)
        observe_sidecar(p);
    else
        observe_submitter_job(p);
}

bool cluster_is_ready(const struct job_pass *p) {
    return has_cluster(p) && !rv_meta_deleting(p->cluster.value) &&
           rv_str_is(rv_path_str(p->cluster.value, "status.state"), "ready");
}

bool cluster_is_ours(const struct job_pass *p) {
    return has_cluster(p) && rv_str_eq(rv_meta_controller_uid(p->cluster.value), p->j->uid);
}

/* ---- why it is not ready ------------------------------------------------------------------------------------------
 */

struct rv_str cluster_obstacle(struct job_pass *p, const char **ret_reason, bool *ret_stuck) {
    static const char *const types[] = {"Stalled", RC_CONDITION_REPLICA_FAILURE, RC_CONDITION_RECONCILING};
    static const char *const usual[] = {"PodsNotReady", "PodsMissing", "Suspending"};
    struct rv_val conditions = rv_val_path(p->cluster.value, "status.conditions");
    *ret_reason = "RayClusterNotReady";
    *ret_stuck = false;
    if (rv_meta_deleting(p->cluster.value)) return RV_STR("the RayCluster is being deleted");
    if (rv_path_bool(p->cluster.value, "spec.suspend", false)) return RV_STR("the RayCluster is suspended");
    for (size_t i = 0; i < RV_ARRAY_LEN(types); i++) {
        struct rv_val c = rv_condition_find(conditions, types[i]);
        if (!rv_str_is(rv_path_str(c, "status"), "True")) continue;
        struct rv_str reason = rv_path_str(c, "reason");
        *ret_reason = word(p, reason);
        *ret_stuck = true;
        for (size_t k = 0; k < RV_ARRAY_LEN(usual); k++)
            if (rv_str_is(reason, usual[k])) *ret_stuck = false;
        return rv_path_str(c, "message");
    }
    return RV_STR("its pods are being started");
}
