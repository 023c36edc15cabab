/* status.c - writes the status at the end of a pass, as one patch of all differences. */
#include "pass.h"
#include "rayvisor/k8s.h"

static struct rv_node *conditions(struct cron_pass *p) {
    struct rv_val old = rv_val_get(p->status, "conditions");
    struct rv_node *list = rv_val_len(old) > 0 ? rv_node_from(p->arena, old) : rv_node_array(p->arena);
    if (p->undecided) return list;
    if (p->stalled.n != 0)
        rv_condition_set(p->arena, list, CRON_CONDITION_STALLED, "True", p->stalled_reason, p->stalled, p->now_ns);
    else
        rv_condition_remove(list, CRON_CONDITION_STALLED);
    return list;
}

static struct rv_node *active_names(struct cron_pass *p) {
    struct rv_node *list = rv_node_array(p->arena);
    for (size_t i = 0; i < p->job_n; i++)
        if (p->jobs[i].state == JOB_ACTIVE) rv_node_append(p->arena, list, rv_node_str(p->arena, p->jobs[i].name));
    return list;
}

/* The reference's CRD has only lastScheduleTime, and the API server drops fields that the CRD does not have. Without
 * this check, patches without effect would be sent again and again. */
static void judge_crd(struct cron_pass *p) {
    if (!p->status_written || p->k->narrow_crd || rv_val_present(rv_val_get(p->status, "observedGeneration"))) return;
    p->k->narrow_crd = true;
    p->ctx.api->log(p->ctx.host, RV_LOG_WARN,
                    RV_STR("the CRD of RayCronJobs knows no status.conditions, so what is wrong with one is told by "
                           "events only: apply the CRDs of this version (deploy/crds)"),
                    NULL, 0);
}

static struct rv_node *fresh_status(struct cron_pass *p) {
    struct rv_arena *a = p->arena;
    struct rv_node *fresh = rv_node_map(a), *list;
    if (p->last.n != 0) rv_node_set_str(a, fresh, "lastScheduleTime", p->last);
    if (p->k->narrow_crd) return fresh;
    if (p->next.n != 0) rv_node_set_str(a, fresh, "nextScheduleTime", p->next);
    if (rv_node_len(list = active_names(p)) > 0) rv_node_set(a, fresh, "active", list);
    if (rv_node_len(list = conditions(p)) > 0) rv_node_set(a, fresh, "conditions", list);
    rv_node_set_int(a, fresh, "observedGeneration", p->generation);
    return fresh;
}

void status_write(struct cron_pass *p) {
    struct rv_arena *a = p->arena;
    judge_crd(p);
    struct rv_node *patch = rv_node_merge_patch(a, p->status, rv_node_freeze(a, fresh_status(p)));
    if (patch == NULL) return;
    ctx_patch_status(&p->ctx, "raycronjobs", patch, (struct rv_str){NULL, 0}, TAG_STATUS);
}
