/* reconcile.c - one pass over a RayCluster, in order (spec sections 4 and 8).
 *
 * Only pods that the cluster controls (by uid) count or are deleted. Each part decides for itself. If a part fails, it
 * delays another one only if that one needs it. */
#include "reconcile.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/utf8.h"
#include "metrics.h"
#include "outdated.h"
#include "owned_objects.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"
#include "plugins/ray/service_limits.h"
#include "pod_actions.h"
#include "status.h"
#include "teardown.h"
#include "workers.h"

enum { INVALID_MAX = 4096 }; /* the largest text about an invalid cluster, in bytes */

/* ---- is it valid? ------------------------------------------------------------------------------------------------ */

static void tell_warning(void *arg, const char *text) {
    struct cluster_pass *p = arg;
    ctx_event(&p->ctx, true, "InvalidRayClusterSpec", "Validate",
              rv_arena_fmt(p->arena, "RayCluster spec warning " RV_STR_FMT "/" RV_STR_FMT ": %s", RV_STR_ARG(p->c->ns),
                           RV_STR_ARG(p->c->name), text));
}

/* Reports an error that neither the condition nor the previous pass has reported. It may come from an edit of the spec,
 * of an annotation or of the settings. */
static void report_invalid(struct cluster_pass *p, const char *reason, struct rv_str text) {
    struct rv_val reported = rv_condition_find(rv_val_get(p->c->status, "conditions"), RC_CONDITION_STALLED);
    struct cluster_memo *m = p->memo;
    bool is_new =
        (m->invalid == NULL || !rv_str_is(text, m->invalid)) && !rv_str_eq(rv_path_str(reported, "message"), text);
    free(m->invalid);
    m->invalid = rv_strdup(text);
    if (!is_new) return;
    const struct rv_field fields[] = {{RV_STR("reason"), rv_str(reason)}, {RV_STR("message"), text}};
    const char *part = strstr(reason, "Metadata") != NULL ? "metadata" : strstr(reason, "Status") ? "status" : "spec";
    ctx_event(&p->ctx, true, reason, "Validate",
              rv_arena_fmt(p->arena, "The RayCluster %s is invalid " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, part,
                           RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name), RV_STR_ARG(text)));
    p->ctx.api->log(p->ctx.host, RV_LOG_WARN, RV_STR("the cluster is not valid"), fields, RV_ARRAY_LEN(fields));
}

/* Returns false if the cluster cannot continue as it is. An event, a condition and the log say so. */
static bool check_valid(struct cluster_pass *p) {
    rv_autobuf struct rv_buf text = {0};
    const char *reason = rc_validate(p->c, &text);
    /* A head service that is there stays as it is (owned_objects.c), and the cluster with it. */
    if (reason == NULL && !rv_val_present(p->head_service) && rc_head_service_refused(p->c, &text))
        reason = "InvalidRayClusterSpec";
    if (reason == NULL) {
        free(p->memo->invalid);
        p->memo->invalid = NULL;
        if (p->memo->warned != p->c->generation) rc_warnings(p->c, tell_warning, p);
        return true;
    }
    p->memo->warned = p->c->generation;
    struct rv_str said = rv_arena_str(p->arena, utf8_clip(rv_buf_str(&text), INVALID_MAX));
    report_invalid(p, reason, said);
    ctx_explain(&p->ctx, "not valid: " RV_STR_FMT, RV_STR_ARG(said));
    p->stalled_reason = rv_str(reason);
    p->stalled_text = said;
    return false;
}

/* ---- suspending and recreating --------------------------------------------------------------------------------------
 */

/* Returns true if no pods may be created now. */
static bool keep_suspended(struct cluster_pass *p) {
    struct rv_val conditions = rv_val_get(p->c->status, "conditions");
    if (rv_condition_is(conditions, RC_CONDITION_SUSPENDING, "True")) {
        const struct observed_pod *last = observed_waited_for(p, true);
        if (last != NULL)
            ctx_explain(&p->ctx, "suspending: waiting for %zu pods to be gone, such as " RV_STR_FMT, p->pod_n,
                        RV_STR_ARG(last->name));
        if (pod_delete_all(p) > 0)
            ctx_event(&p->ctx, false, "DeletedPod", "Delete",
                      rv_arena_fmt(p->arena,
                                   "Deleted Pods for RayCluster " RV_STR_FMT "/" RV_STR_FMT " due to suspension",
                                   RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
        return true;
    }
    if (rv_condition_is(conditions, RC_CONDITION_SUSPENDED, "True")) {
        ctx_explain(&p->ctx, "suspended: set spec.suspend to false to resume");
        return true;
    }
    return rv_path_bool(p->c->spec, "suspend", false);
}

enum made { MADE_OF_THIS_SPEC, MADE_OF_ANOTHER, MADE_BY_ANOTHER_VERSION };

static enum made made_of(struct cluster_pass *p, const struct observed_pod *pod) {
    struct rv_val notes = rv_val_path(pod->value, "metadata.annotations");
    struct rv_str have = rv_val_str(rv_val_get(notes, RC_ANNOTATION_SPEC_HASH)),
                  version = rv_val_str(rv_val_get(notes, RC_ANNOTATION_VERSION));
    if (have.n != 0 && version.n != 0 && !rv_str_is(version, "v" RV_VERSION)) return MADE_BY_ANOTHER_VERSION;
    return have.n == 0 || rv_str_eq(have, cluster_spec_hash(p)) ? MADE_OF_THIS_SPEC : MADE_OF_ANOTHER;
}

/* Deletes the heads, or the workers, that were created from another spec. With `all`, it also deletes pods that do not
 * show from which spec they were created. Returns how many. */
static size_t delete_old(struct cluster_pass *p, bool heads, bool all) {
    size_t n = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        struct observed_pod *pod = &p->pods[i];
        if (pod->head != heads || pod->deleting || (!all && made_of(p, pod) != MADE_OF_ANOTHER)) continue;
        pod_delete(p, pod, TAG_DELETE_ALL);
        n++;
    }
    return n;
}

/* With upgradeStrategy Recreate, an outdated head means that all pods are deleted, the head last. Workers of another
 * operator do not show from which spec they were created, so the head stands for them and must outlive them. Workers
 * that show it are also deleted if the head was lost or created again in the meantime. Pods of another version of the
 * operator get a new annotation instead (outdated.c). Returns true if nothing is created in this pass. */
static bool recreate(struct cluster_pass *p) {
    if (!cluster_recreates(p)) return false;
    const struct observed_pod *head = observed_head(p);
    enum made made = head != NULL ? made_of(p, head) : MADE_OF_THIS_SPEC;
    bool all = made == MADE_OF_ANOTHER;
    size_t workers = delete_old(p, false, all), heads = workers == 0 ? delete_old(p, true, all) : 0;
    if (workers + heads == 0 && !all) return false;
    ctx_explain(&p->ctx, "spec changed with upgradeStrategy Recreate: deleting the pods that were made before");
    if (heads > 0 || !all)
        ctx_event(&p->ctx, false, "DeletedPod", "Delete",
                  rv_arena_fmt(p->arena,
                               "Deleted all Pods for RayCluster " RV_STR_FMT "/" RV_STR_FMT
                               " due to spec change with Recreate upgradeStrategy",
                               RV_STR_ARG(p->c->ns), RV_STR_ARG(p->c->name)));
    return true;
}

/* ---- the head */

/* There is at most one head. A head that has ended is deleted, and the next one is created only when it has
 * disappeared, because one service must never lead to two heads. */
static bool keep_one_head(struct cluster_pass *p, struct creation_pace *pace) {
    struct observed_pod *keep = NULL;
    size_t present = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        struct observed_pod *pod = &p->pods[i];
        if (!pod->head) continue;
        present++;
        if (pod->deleting) continue;
        bool older = keep != NULL && rv_str_cmp(pod->created, keep->created) < 0;
        if (pod->ended) {
            ctx_explain(&p->ctx, "the head pod " RV_STR_FMT " has ended: deleting it", RV_STR_ARG(pod->name));
            pace_pod_ended(p, pace, pod);
            pod_delete(p, pod, TAG_DELETE_HEAD);
        } else if (keep == NULL || older) {
            if (keep != NULL) pod_delete(p, keep, TAG_DELETE_HEAD);
            keep = pod;
        } else {
            pod_delete(p, pod, TAG_DELETE_HEAD);
        }
    }
    if (present > 0 && keep == NULL)
        ctx_explain(&p->ctx, "waiting for the old head pod " RV_STR_FMT " to be gone",
                    RV_STR_ARG(observed_head(p)->name));
    if (keep != NULL) pace_content(pace);
    return present > 0;
}

/* Returns false if workers have to wait. Without a head they are of no use. They wait until the head has been created,
 * because with a quota the workers could otherwise take the head's place for good. */
static bool reconcile_head(struct cluster_pass *p) {
    struct creation_pace *pace = pace_of(p, RV_STR(RC_HEAD_GROUP));
    if (keep_one_head(p, pace)) {
        if (p->head_unseen) hold_pods(p, RV_STR("the head pod is not shown whole yet; workers are told of it"));
        return true;
    }
    bool provisioned = rv_condition_is(rv_val_get(p->c->status, "conditions"), RC_CONDITION_PROVISIONED, "True");
    if (provisioned && rv_str_is(rc_annotation(p->c, RC_ANNOTATION_KEEP_HEAD_DOWN), "true")) {
        ctx_explain(&p->ctx, "the head is gone and " RC_ANNOTATION_KEEP_HEAD_DOWN " keeps it so");
        return false;
    }
    if (p->hold.n == 0 && pace_waits(p, pace)) p->hold = RV_STR("the head pod has to be made first");
    if (p->hold.n != 0) return true;
    const char *five = ctx_suffix(&p->ctx).p;
    ctx_explain(&p->ctx, "creating the head pod");
    const char *suffix = p->c->settings->deterministic_head_name ? NULL : five;
    pod_create(p, RV_STR(RC_HEAD_GROUP), rc_head_pod(p->arena, p->c, suffix, cluster_spec_hash(p)), TAG_HEAD_POD);
    return false;
}

/* ---- the pass */

static bool keeps_all(const struct cluster_pass *p) {
    for (size_t i = 0; i < p->pod_n; i++)
        if (p->pods[i].deleting) return false;
    return true;
}

static void explain_state(struct cluster_pass *p) {
    if (p->hold.n != 0) ctx_explain(&p->ctx, "no pods are created: " RV_STR_FMT, RV_STR_ARG(p->hold));
    struct blocker b = cluster_blocker(p);
    if (b.reason.n != 0)
        ctx_explain(&p->ctx, "waiting for " RV_STR_FMT, RV_STR_ARG(b.text));
    else if (p->creates == 0 && p->deletes == 0 && p->hold.n == 0 && keeps_all(p))
        ctx_explain(&p->ctx, "all pods are as wanted");
}

static void log_work(struct cluster_pass *p) {
    char creates[16], deletes[16];
    if (p->creates == 0 && p->deletes == 0) return;
    snprintf(creates, sizeof creates, "%u", p->creates);
    snprintf(deletes, sizeof deletes, "%u", p->deletes);
    const struct rv_field fields[] = {{RV_STR("#creates"), rv_str(creates)}, {RV_STR("#deletes"), rv_str(deletes)}};
    p->ctx.api->log(p->ctx.host, RV_LOG_INFO, RV_STR("changing the cluster's objects"), fields, RV_ARRAY_LEN(fields));
}

/* No pods are wanted, so earlier failures no longer matter. */
static void clear_paces(struct cluster_pass *p) {
    for (struct creation_pace *pace = p->memo->paces; pace != NULL; pace = pace->next) pace_content(pace);
}

static void reconcile_pods(struct cluster_pass *p) {
    if (p->ctx.retry) return;
    if (keep_suspended(p)) {
        clear_paces(p);
        return;
    }
    if (recreate(p)) return;
    if (reconcile_head(p)) workers_reconcile(p);
    outdated_stamp(p);
}

static void reconcile_all(struct cluster_pass *p) {
    owned_objects_reconcile(p);
    p->memo->warned = p->c->generation;
    reconcile_pods(p);
    pace_report_failure(p);
}

void raycluster_reconcile(struct cluster_pass *p, struct rv_outcome *out) {
    if (p->memo->status.first_pass == 0) p->memo->status.first_pass = ctx_now(&p->ctx);
    pace_begin(p);
    action_results_take(p);
    observe(p);
    if (p->memo->namespace_ends) {
        ctx_explain(&p->ctx, "the namespace is being deleted and takes nothing new: nothing is asked for");
        status_reconcile(p);
    } else if (check_valid(p)) {
        bool guarded = teardown_guard(p);
        if (guarded && !problem_is(p->memo, PROBLEM_FINALIZER)) {
            out->code = p->owned_retry ? RV_RETRY : RV_DONE; /* the result of that action leads to the next pass */
            return;
        }
        if (!guarded) reconcile_all(p);
        explain_state(p);
    }
    status_reconcile(p);
    log_work(p);
    bool again = (p->ctx.retry || p->owned_retry) && !p->memo->namespace_ends;
    out->code = again ? RV_RETRY : RV_AFTER;
    out->message = p->failure_text.n != 0 ? p->ctx.api->keep(p->ctx.host, p->failure_text) : (struct rv_str){NULL, 0};
    out->after_ms = p->ctx.wake != 0 ? ctx_wake_ms(&p->ctx) : p->c->settings->requeue_seconds * 1000;
    if (p->status_delay_ms > 0 && p->status_delay_ms < out->after_ms) out->after_ms = p->status_delay_ms;
}
