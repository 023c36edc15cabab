/* status.c - the status of a RayCluster (spec section 10) as the smallest merge patch.
 *
 * Beyond the contract, observedGeneration and the desired resources follow every change, and a cluster that cannot
 * continue has a condition Stalled. Progress alone (counters, the address of the head, a pod that got one step further)
 * is collected for a moment. So a thousand starting pods do not cause a thousand writes. */
#include <stdio.h>

#include "metrics.h"
#include "outdated.h"
#include "plugins/ray/fields.h"
#include "pod_actions.h"
#include "status.h"
#include "workers.h"

/* The first progress after another change or after a quiet time is written within a second. Further progress is written
 * every two seconds. */
enum { FIRST_DELAY_MS = 1000, DELAY_MS = 2000, QUIET_MS = 10000 };
#define MS INT64_C(1000000)

/* A pod that is being deleted counts as available, but never as ready or live. */
struct counts {
    int64_t ready, available, desired, min, max;
    /* All pods; the pods that stay; and those of them that run and whose Ready condition is not false. */
    size_t pods, live, running;
    bool head; /* there is a head that stays */
};

static struct rv_str fmt_quantity(struct cluster_pass *p, struct rv_quantity q) {
    char text[48];
    rv_quantity_format(q, text);
    return rv_arena_str(p->arena, rv_str(text));
}

/* ---- desired resources ------------------------------------------------------------------------------------ */

struct totals {
    struct rv_quantity cpu, memory, gpu, tpu;
};

static void add_resource(void *arg, struct rv_str resource, struct rv_quantity q) {
    struct totals *t = arg;
    if (rv_str_is(resource, "cpu"))
        rv_quantity_add(&t->cpu, q);
    else if (rv_str_is(resource, "memory"))
        rv_quantity_add(&t->memory, q);
    else if (rv_str_is(resource, "google.com/tpu"))
        rv_quantity_add(&t->tpu, q);
    else if (rc_gpu_like(resource))
        rv_quantity_add(&t->gpu, q);
}

static int64_t at_least_0(int64_t v) { return v < 0 ? 0 : v; }

static struct totals desired_totals(const struct rc_cluster *c) {
    struct totals t = {0};
    rc_each_request(rv_val_get(c->spec, "headGroupSpec"), 1, add_resource, &t);
    for (struct rv_iter g = rv_iter(rc_groups(c)); rv_iter_next(&g);)
        if (!rv_path_bool(g.val, "suspend", false)) rc_each_request(g.val, rc_group_desired(g.val), add_resource, &t);
    return t;
}

/* ---- counters --------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t v) { return v > INT32_MAX ? INT32_MAX : v; }

static void count_pod(struct counts *n, const struct observed_pod *pod) {
    bool says = rv_val_present(rv_condition_find(rv_val_path(pod->value, "status.conditions"), "Ready"));
    n->pods++;
    n->available += !pod->head && pod->running;
    if (pod->deleting) return;
    n->live++;
    n->running += pod->running && (pod->ready || !says);
    n->ready += !pod->head && pod->running && pod->ready;
    n->head |= pod->head;
}

static struct counts count(const struct cluster_pass *p) {
    struct counts n = {0};
    for (struct rv_iter g = rv_iter(rc_groups(p->c)); rv_iter_next(&g);) {
        int64_t hosts = rc_group_hosts(g.val);
        n.desired = clamp(n.desired + rc_group_desired(g.val));
        if (rv_path_bool(g.val, "suspend", false)) continue;
        n.min = clamp(n.min + rc_group_least(g.val));
        n.max = clamp(n.max + at_least_0(rv_path_int(g.val, "maxReplicas", INT32_MAX)) * hosts);
    }
    for (size_t i = 0; i < p->pod_n; i++) count_pod(&n, &p->pods[i]);
    return n;
}

/* True if every wanted pod exists and runs, and no other pod would stay. */
static bool all_run(const struct counts *n) {
    return n->head && (int64_t)n->live == n->desired + 1 && n->running == n->live;
}

/* ---- head ------------------------------------------------------------------------------------------------- */

/* True if the head service leads to the head. It may not: a label that the service selects may have been removed from
 * the pod by hand, or a service of that name may have another owner. */
static bool head_is_served(struct cluster_pass *p, struct rv_str *ret_why) {
    const struct observed_pod *head = observed_head(p);
    struct rv_val labels = rv_val_path(p->head_pod, "metadata.labels");
    if (!rv_val_present(p->head_service)) {
        *ret_why = RV_STR("The head service does not exist yet");
        return false;
    }
    if (!rv_val_present(p->head_pod)) return true; /* the mirror does not have it yet, so nothing speaks against it */
    for (struct rv_iter it = rv_iter(rv_val_path(p->head_service, "spec.selector")); rv_iter_next(&it);) {
        if (rv_str_eq(rv_val_str(it.val), rv_val_str(rv_val_getn(labels, it.key)))) continue;
        *ret_why =
            rv_arena_fmt(p->arena,
                         "The head service " RV_STR_FMT " has no endpoint: it selects " RV_STR_FMT "=" RV_STR_FMT
                         ", which head pod " RV_STR_FMT " does not have",
                         RV_STR_ARG(rv_path_str(p->head_service, "metadata.name")), RV_STR_ARG(it.key),
                         RV_STR_ARG(rv_val_str(it.val)), RV_STR_ARG(head != NULL ? head->name : RV_STR("(none)")));
        return false;
    }
    return true;
}

static struct rv_node *head_info(struct cluster_pass *p) {
    struct rv_arena *a = p->arena;
    struct rv_node *n = rv_node_map(a);
    const struct observed_pod *head = observed_head(p);
    struct rv_str ip = head != NULL ? rv_path_str(head->value, "status.podIP") : (struct rv_str){NULL, 0};
    if (ip.n != 0) rv_node_set_str(a, n, "podIP", ip);
    if (head != NULL) rv_node_set_str(a, n, "podName", head->name);
    if (!rv_val_present(p->head_service)) return n;
    struct rv_str cluster_ip = rv_path_str(p->head_service, "spec.clusterIP");
    if (rv_str_is(cluster_ip, "None")) cluster_ip = ip; /* a headless service: use the pod's own address */
    if (cluster_ip.n != 0) rv_node_set_str(a, n, "serviceIP", cluster_ip);
    rv_node_set_str(a, n, "serviceName", rv_path_str(p->head_service, "metadata.name"));
    return n;
}

static struct rv_node *endpoints(struct cluster_pass *p) {
    struct rv_node *n = rv_node_map(p->arena);
    for (struct rv_iter it = rv_iter(rv_val_path(p->head_service, "spec.ports")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "name"), text = rv_path_str(it.val, "targetPort");
        int64_t port = rv_path_int(it.val, "nodePort", 0);
        if (port == 0) port = rv_path_int(it.val, "targetPort", 0);
        if (name.n == 0) continue;
        rv_node_setn(p->arena, n, name,
                     port != 0 ? rv_node_fmt(p->arena, "%lld", (long long)port) : rv_node_str(p->arena, text));
    }
    return n;
}

/* ---- conditions ------------------------------------------------------------------------------------------- */

/* Why the head is not ready, from its pod: the Ready condition, made more precise by a waiting or terminated
 * container. */
static void head_condition(struct cluster_pass *p, struct rv_node *conditions, int64_t now) {
    const struct observed_pod *head = observed_head(p);
    if (head == NULL) {
        rv_condition_set(p->arena, conditions, RC_CONDITION_HEAD_READY, "False", RV_STR("HeadPodNotFound"),
                         RV_STR("Head Pod not found"), now);
        return;
    }
    if (head->deleting) {
        rv_condition_set(p->arena, conditions, RC_CONDITION_HEAD_READY, "False", RV_STR("HeadPodTerminating"),
                         rv_arena_fmt(p->arena, "Head Pod " RV_STR_FMT " is being deleted", RV_STR_ARG(head->name)),
                         now);
        return;
    }
    struct rv_val status = rv_val_get(head->value, "status"),
                  ready = rv_condition_find(rv_val_get(status, "conditions"), "Ready");
    /* Everything is ready except for its submitter. */
    bool is = head->ready, alone = is && !rv_str_is(rv_path_str(ready, "status"), "True");
    struct rv_str reason = alone ? RV_STR("") : rv_path_str(ready, "reason"),
                  message =
                      alone ? RV_STR("The RayJob's submitter in this pod has ended") : rv_path_str(ready, "message");
    if (rv_str_is(reason, "ContainersNotReady")) {
        for (struct rv_iter it = rv_iter(rv_val_get(status, "containerStatuses")); rv_iter_next(&it);) {
            struct rv_val why = rv_val_path(it.val, "state.waiting");
            if (!rv_val_present(why)) why = rv_val_path(it.val, "state.terminated");
            struct rv_str concrete = rv_path_str(why, "reason"), text = rv_path_str(why, "message");
            if (concrete.n == 0) continue; /* the API server would refuse the whole status because of an empty reason */
            reason = concrete;
            if (text.n != 0)
                message = rv_arena_fmt(p->arena, RV_STR_FMT "; " RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(message),
                                       RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(text));
            break;
        }
    }
    if (reason.n == 0) reason = is ? RV_STR("HeadPodRunningAndReady") : RV_STR("Unknown");
    rv_condition_set(p->arena, conditions, RC_CONDITION_HEAD_READY, is ? "True" : "False", reason, message, now);
}

static struct blocker because(const char *reason, struct rv_str text) {
    return (struct blocker){rv_str(reason), text, true};
}

/* Why there are fewer pods than wanted. */
static struct blocker missing(struct cluster_pass *p) {
    const struct observed_pod *head = observed_head(p);
    struct rv_val conditions = rv_val_get(p->c->status, "conditions");
    bool provisioned = rv_condition_is(conditions, RC_CONDITION_PROVISIONED, "True");
    if (rv_condition_is(conditions, RC_CONDITION_SUSPENDED, "True") &&
        rv_val_type(rv_val_get(p->c->spec, "suspend")) != RV_BOOL)
        return because("Suspended", RV_STR("spec.suspend was taken away, which resumes nothing: set it to false"));
    if (head == NULL && provisioned && rv_str_is(rc_annotation(p->c, RC_ANNOTATION_KEEP_HEAD_DOWN), "true"))
        return because("HeadPodKeptDown",
                       RV_STR("The head pod is gone, and the annotation " RC_ANNOTATION_KEEP_HEAD_DOWN
                              " keeps it so: remove it to have a new one made"));
    if (head != NULL && head->deleting)
        return because("PodsMissing",
                       rv_arena_fmt(p->arena, "The old head pod " RV_STR_FMT " has to be gone before a new one is made",
                                    RV_STR_ARG(head->name)));
    for (size_t i = 0; i < p->pod_n && p->hold.n == 0; i++)
        if (!p->pods[i].head && p->pods[i].deleting && workers_hold_place(p, &p->pods[i]))
            return because("PodsMissing", rv_arena_fmt(p->arena,
                                                       "Worker pod " RV_STR_FMT
                                                       " is being deleted and holds its place until it is gone",
                                                       RV_STR_ARG(p->pods[i].name)));
    return because("PodsMissing", p->hold.n != 0 ? p->hold : RV_STR("Not all Ray pods exist yet"));
}

static struct blocker pods_not_ready(struct cluster_pass *p) {
    const struct observed_pod *pod = observed_waited_for(p, false);
    if (pod == NULL) return because("PodsNotReady", RV_STR("Waiting for the Ray pods to be ready"));
    return because("PodsNotReady", rv_arena_fmt(p->arena, "Waiting for the Ray pods to be ready, such as " RV_STR_FMT,
                                                RV_STR_ARG(pod->name)));
}

static struct blocker suspending(struct cluster_pass *p, const struct counts *n) {
    struct blocker b = cluster_lingering_pod(p);
    const struct observed_pod *last = observed_waited_for(p, true);
    if (n->pods == 0 || last == NULL) return (struct blocker){0};
    return because("Suspending",
                   b.reason.n != 0 ? b.text
                                   : rv_arena_fmt(p->arena, "Waiting for the Ray pods to be gone, such as " RV_STR_FMT,
                                                  RV_STR_ARG(last->name)));
}

/* The condition that kstatus reads. It exists while the cluster is not ready, with a reason and a message about what it
 * waits for. While there is no failure, its message does not follow every step, because each step would be a write. A
 * stalled cluster does not have it. */
static void reconciling(struct cluster_pass *p, struct rv_node *conditions, const struct counts *n, int64_t now) {
    bool gone = rv_path_bool(p->c->spec, "suspend", false) ||
                rv_condition_is(rv_val_get(p->c->status, "conditions"), RC_CONDITION_SUSPENDING, "True");
    struct blocker b = p->stalled_reason.n != 0 ? (struct blocker){0} : gone ? suspending(p, n) : cluster_blocker(p);
    gone |= p->going.n != 0;
    bool settled = p->stalled_reason.n != 0 || gone || (n->running == n->live && (int64_t)n->live >= n->desired + 1);
    if (!settled && !b.stuck && (!n->head || (int64_t)n->live < n->desired + 1)) b = missing(p);
    struct rv_str unserved;
    if (p->going.n != 0) b = because("Deleting", p->going);
    if (settled && !gone && p->stalled_reason.n == 0 && b.reason.n == 0 && !head_is_served(p, &unserved))
        b = because("HeadServiceNotReady", unserved);
    if (b.reason.n == 0 && settled) {
        rv_condition_remove(conditions, RC_CONDITION_RECONCILING);
        return;
    }
    if (!b.stuck) b = pods_not_ready(p);
    rv_condition_set(p->arena, conditions, RC_CONDITION_RECONCILING, "True", b.reason, b.text, now);
}

/* The conditions Suspending and Suspended are a small state machine. A suspension that has begun continues until no pod
 * is left. */
static void suspend_conditions(struct cluster_pass *p, struct rv_node *conditions, size_t pods, int64_t now) {
    struct rv_val old = rv_val_get(p->c->status, "conditions"), suspend = rv_val_get(p->c->spec, "suspend");
    bool wanted = rv_val_bool(suspend, false), suspending = rv_condition_is(old, RC_CONDITION_SUSPENDING, "True"),
         suspended = rv_condition_is(old, RC_CONDITION_SUSPENDED, "True");
    if (suspending && pods == 0) {
        rv_condition_set(p->arena, conditions, RC_CONDITION_PROVISIONED, "False", RV_STR("RayClusterPodsProvisioning"),
                         RV_STR("RayCluster has been suspended"), now);
        suspending = false;
        suspended = true;
    } else if (suspended) {
        if (rv_val_type(suspend) == RV_BOOL && !wanted) suspended = false;
    } else if (!suspending) {
        suspending = wanted;
    }
    rv_condition_set(p->arena, conditions, RC_CONDITION_SUSPENDING, suspending ? "True" : "False",
                     RV_STR(RC_CONDITION_SUSPENDING), RV_STR(""), now);
    rv_condition_set(p->arena, conditions, RC_CONDITION_SUSPENDED, suspended ? "True" : "False",
                     RV_STR(RC_CONDITION_SUSPENDED), RV_STR(""), now);
}

static void stalled(struct cluster_pass *p, struct rv_node *list, int64_t now) {
    if (p->stalled_reason.n != 0)
        rv_condition_set(p->arena, list, RC_CONDITION_STALLED, "True", p->stalled_reason, p->stalled_text, now);
    else
        rv_condition_remove(list, RC_CONDITION_STALLED);
}

static void replica_failure(struct cluster_pass *p, struct rv_node *list, int64_t now) {
    if (p->failure != NULL)
        rv_condition_set(p->arena, list, RC_CONDITION_REPLICA_FAILURE, "True", rv_str(p->failure), p->failure_text,
                         now);
    else if (p->creates == 0 && p->deletes == 0 && !p->ctx.retry && p->hold.n == 0 && p->stalled_reason.n == 0)
        rv_condition_remove(list, RC_CONDITION_REPLICA_FAILURE);
}

/* This is better than the reference: provisioned means that all wanted pods ran, not only that they exist. */
static void provisioned(struct cluster_pass *p, struct rv_node *list, const struct counts *n, int64_t now) {
    struct rv_val old = rv_val_get(p->c->status, "conditions");
    bool all = all_run(n);
    if (rv_condition_is(old, RC_CONDITION_PROVISIONED, "True") || rv_condition_is(old, RC_CONDITION_SUSPENDED, "True"))
        return;
    rv_condition_set(p->arena, list, RC_CONDITION_PROVISIONED, all ? "True" : "False",
                     all ? RV_STR("AllPodRunningAndReadyFirstTime") : RV_STR("RayClusterPodsProvisioning"),
                     all ? RV_STR("All Ray Pods are ready for the first time")
                         : RV_STR("RayCluster Pods are being provisioned for first time"),
                     now);
}

static void outdated(struct cluster_pass *p, struct rv_node *list, int64_t now) {
    struct rv_str text = outdated_pods(p);
    if (text.n == 0) {
        rv_condition_remove(list, RC_CONDITION_OUTDATED);
        return;
    }
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
    rv_condition_set(p->arena, list, RC_CONDITION_OUTDATED, "True", RV_STR("SpecChanged"), text, now);
}

static struct rv_node *conditions(struct cluster_pass *p, const struct counts *n, int64_t now) {
    struct rv_val old = rv_val_get(p->c->status, "conditions");
    struct rv_node *list = rv_val_len(old) > 0 ? rv_node_from(p->arena, old) : rv_node_array(p->arena);
    stalled(p, list, now);
    replica_failure(p, list, now);
    head_condition(p, list, now);
    if (p->stalled_reason.n == 0 && p->going.n == 0) {
        provisioned(p, list, n, now);
        suspend_conditions(p, list, n->pods, now);
        outdated(p, list, now);
    }
    reconciling(p, list, n, now);
    return list;
}

/* ---- the patch -------------------------------------------------------------------------------------------- */

static void set_count(struct cluster_pass *p, struct rv_node *s, const char *key, int64_t v) {
    if (v != 0) rv_node_set_int(p->arena, s, key, v);
}

/* The state "ready" is about the present. It is removed if there is no ready head, or if fewer workers are ready than
 * were requested. With an autoscaler, which adds and removes workers all the time, the minimum number counts. */
static struct rv_str state_of(struct cluster_pass *p, const struct counts *n, struct rv_str old) {
    const struct observed_pod *head = observed_head(p);
    struct rv_str why;
    bool served = head_is_served(p, &why), all = p->failure == NULL && p->stalled_reason.n == 0 && all_run(n) && served,
         head_up = head != NULL && !head->deleting && head->running && head->ready && served;
    int64_t least = p->c->f.autoscaling ? n->min : n->desired;
    if (p->going.n != 0) return (struct rv_str){NULL, 0};
    if (rv_path_bool(p->c->spec, "suspend", false) && n->pods == 0) return RV_STR("suspended");
    if (all) return RV_STR("ready");
    if (rv_str_is(old, "ready") && (!head_up || n->ready < least)) return (struct rv_str){NULL, 0};
    return old;
}

static struct rv_node *compute(struct cluster_pass *p, int64_t now) {
    struct rv_arena *a = p->arena;
    struct counts n = count(p);
    struct rv_node *s = rv_node_map(a);
    struct rv_str old_state = rv_path_str(p->c->status, "state");
    rv_node_set(a, s, "conditions", conditions(p, &n, now));
    rv_node_set_int(a, s, "observedGeneration", p->c->generation);
    struct totals t = desired_totals(p->c);
    rv_node_set_str(a, s, "desiredCPU", fmt_quantity(p, t.cpu));
    rv_node_set_str(a, s, "desiredMemory", fmt_quantity(p, t.memory));
    rv_node_set_str(a, s, "desiredGPU", fmt_quantity(p, t.gpu));
    rv_node_set_str(a, s, "desiredTPU", fmt_quantity(p, t.tpu));
    set_count(p, s, "desiredWorkerReplicas", n.desired);
    set_count(p, s, "availableWorkerReplicas", n.available);
    set_count(p, s, "readyWorkerReplicas", n.ready);
    set_count(p, s, "minWorkerReplicas", n.min);
    set_count(p, s, "maxWorkerReplicas", n.max);
    struct rv_node *ports = endpoints(p), *head = head_info(p);
    if (rv_node_len(ports) > 0)
        rv_node_set(a, s, "endpoints", ports);
    else if (rv_val_present(rv_val_get(p->c->status, "endpoints")))
        rv_node_set(a, s, "endpoints", rv_node_from(a, rv_val_get(p->c->status, "endpoints")));
    rv_node_set(a, s, "head", head);
    struct rv_str state = state_of(p, &n, old_state);
    if (state.n != 0) rv_node_set_str(a, s, "state", state);
    if (!rv_str_eq(state, old_state) && state.n != 0) {
        char text[32];
        rv_time_format(now, text);
        struct rv_val old_times = rv_val_get(p->c->status, "stateTransitionTimes");
        struct rv_node *times = rv_val_len(old_times) > 0 ? rv_node_from(a, old_times) : rv_node_map(a);
        rv_node_setn(a, times, state, rv_node_str(a, rv_str(text)));
        rv_node_set(a, s, "stateTransitionTimes", times);
    } else if (rv_val_present(rv_val_get(p->c->status, "stateTransitionTimes"))) {
        rv_node_set(a, s, "stateTransitionTimes", rv_node_from(a, rv_val_get(p->c->status, "stateTransitionTimes")));
    }
    return s;
}

/* Fields that are removed if the new status does not have them. */
static const char *const managed[] = {"state",
                                      "desiredWorkerReplicas",
                                      "availableWorkerReplicas",
                                      "readyWorkerReplicas",
                                      "minWorkerReplicas",
                                      "maxWorkerReplicas"};

/* True for fields that only show progress: all but the state and the conditions that others wait for. */
static bool is_progress(struct rv_str key, struct rv_val have, struct rv_val want) {
    static const char *const awaited[] = {RC_CONDITION_PROVISIONED, RC_CONDITION_REPLICA_FAILURE,
                                          RC_CONDITION_SUSPENDING, RC_CONDITION_SUSPENDED, RC_CONDITION_STALLED};
    if (rv_str_is(key, "state") || rv_str_is(key, "observedGeneration")) return false;
    for (size_t i = 0; i < RV_ARRAY_LEN(awaited) && rv_str_is(key, "conditions"); i++)
        if (!rv_val_equal(rv_condition_find(have, awaited[i]), rv_condition_find(want, awaited[i]))) return false;
    return true;
}

/* The merge patch of the status. *progress is true if it contains only progress. */
static struct rv_node *difference(struct cluster_pass *p, struct rv_node *fresh, bool *progress) {
    struct rv_arena *a = p->arena;
    struct rv_val old = p->c->status;
    struct rv_node *patch = rv_node_map(a), *value;
    struct rv_str key;
    *progress = true;
    for (size_t i = 0; rv_node_entry(fresh, i, &key, &value); i++) {
        struct rv_val have = rv_val_getn(old, key), want = rv_node_freeze(a, value);
        if (rv_val_present(have) && rv_val_equal(have, want)) continue;
        if (rv_val_len(want) == 0 && rv_val_type(want) == RV_MAP && !rv_val_present(have)) continue;
        rv_node_setn(a, patch, key, value);
        if (!is_progress(key, have, want)) *progress = false;
        /* A merge patch does not change keys that it does not name, so removed keys are named in it. */
        if (rv_val_type(want) == RV_MAP)
            for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);)
                if (!rv_val_present(rv_val_getn(want, it.key))) rv_node_setn(a, value, it.key, rv_node_null(a));
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(managed); i++)
        if (rv_val_set(rv_val_get(old, managed[i])) && rv_node_get(fresh, managed[i]) == NULL) {
            rv_node_set(a, patch, managed[i], rv_node_null(a));
            *progress &= strcmp(managed[i], "state") != 0;
        }
    return patch;
}

/* True if progress should wait to be written together with more, and for how long. */
static bool delays_progress(struct cluster_memo *m, int64_t now, int64_t *delay_ms) {
    if (m->status.progress_since == 0) {
        m->status.progress_since = now;
        if (now - m->status.written_at > QUIET_MS * MS) m->status.wrote_progress = false;
    }
    int64_t delay = m->status.wrote_progress ? DELAY_MS : FIRST_DELAY_MS;
    int64_t waited = now - m->status.progress_since;
    if (waited < 0 || waited >= delay * MS) return false;
    *delay_ms = delay - waited / MS;
    return true;
}

/* Others wait for the head of a cluster that belongs to a RayService or a RayJob. */
static bool is_awaited(struct cluster_pass *p, struct rv_node *fresh) {
    struct rv_val old = rv_condition_find(rv_val_get(p->c->status, "conditions"), RC_CONDITION_HEAD_READY),
                  new = rv_condition_find(rv_node_freeze(p->arena, rv_node_get(fresh, "conditions")),
                                          RC_CONDITION_HEAD_READY);
    return rv_meta_controller_uid(p->c->value).n != 0 &&
           !rv_str_eq(rv_path_str(old, "status"), rv_path_str(new, "status"));
}

/* True if a status that only shows progress has to wait for its turn among those of all clusters. */
static bool waits_for_turn(struct cluster_pass *p, int64_t now) {
    struct memo_status *m = &p->memo->status;
    if (m->turn == 0) m->turn = write_budget_take(p->budget, now);
    /* A turn farther away than that is of a clock that was set back since. */
    if (m->turn <= now || m->turn - now > WRITE_BUDGET_LONGEST_MS * MS) return false;
    p->status_delay_ms = (m->turn - now) / MS + 1;
    return true;
}

void status_reconcile(struct cluster_pass *p) {
    struct rv_arena *a = p->arena;
    int64_t now = ctx_now(&p->ctx);
    bool progress, first = !rv_val_present(rv_val_get(p->c->status, "conditions"));
    struct rv_node *fresh = compute(p, now);
    metrics_update(p, rv_node_freeze(a, rv_node_get(fresh, "conditions")));
    write_budget_earn(p->budget, p->creates);
    struct rv_node *patch = difference(p, fresh, &progress);
    if (rv_node_len(patch) == 0) return;
    /* The first status waits for the objects that this pass creates, which appear in a moment. */
    struct cluster_memo *m = p->memo;
    bool young = now - m->status.first_pass < FIRST_DELAY_MS * MS;
    if (first && young && p->creates > 0 && p->stalled_reason.n == 0 && p->failure == NULL) return;
    bool important = first ? rv_node_get(patch, "state") != NULL || p->stalled_reason.n != 0 || p->failure != NULL
                           : !progress || is_awaited(p, fresh);
    if (!important && !first && delays_progress(m, now, &p->status_delay_ms)) return;
    if (!important && waits_for_turn(p, now)) return;
    m->status.turn = 0;
    m->status.wrote_progress = progress && !first;
    m->status.written_at = now;
    m->status.progress_since = 0;
    char text[32];
    rv_time_format(now, text);
    rv_node_set_cstr(a, patch, "lastUpdateTime", text);
    ctx_patch_status(&p->ctx, "rayclusters", patch, (struct rv_str){NULL, 0}, TAG_STATUS);
}
