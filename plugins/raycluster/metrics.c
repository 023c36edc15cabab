/* metrics.c - see metrics.h. */
#include "metrics.h"

#include <stdlib.h>

#include "plugins/ray/fields.h"

#define INFO "kuberay_cluster_info"
#define DURATION "kuberay_cluster_provisioned_duration_seconds"
#define CONDITION "kuberay_cluster_condition_provisioned"

static void gauge(const struct rc_context *x, const char *name, const char *label, const char *text) {
    const struct rv_field field = {rv_str(label), rv_str(text)};
    ctx_gauge(x, name, 1, &field, 1);
}

static void gauge_remove(const struct rc_context *x, const char *name, const char *label, const char *text) {
    const struct rv_field field = {rv_str(label), rv_str(text)};
    ctx_gauge_remove(x, name, &field, 1);
}

/* The label may be added later, or change. */
static void update_info(struct cluster_pass *p) {
    struct cluster_memo *m = p->memo;
    struct rv_str kind = rv_val_str(rv_val_get(rv_val_get(p->c->meta, "labels"), RC_LABEL_ORIGIN_KIND));
    if (kind.n == 0) kind = RV_STR("None");
    if (m->owner_kind != NULL && rv_str_is(kind, m->owner_kind)) return;
    if (m->owner_kind != NULL) gauge_remove(&p->ctx, INFO, "owner_kind", m->owner_kind);
    free(m->owner_kind);
    m->owner_kind = rv_strdup(kind);
    gauge(&p->ctx, INFO, "owner_kind", m->owner_kind);
}

/* The duration comes from the condition, so that another host reports the same. */
static void update_duration(struct cluster_pass *p, struct rv_val condition) {
    int64_t created, provisioned;
    if (rv_time_parse(rv_path_str(p->c->meta, "creationTimestamp"), &created) != 0 ||
        rv_time_parse(rv_path_str(condition, "lastTransitionTime"), &provisioned) != 0)
        return;
    ctx_gauge(&p->ctx, DURATION, (double)(provisioned - created) / 1e9, NULL, 0);
}

void metrics_update(struct cluster_pass *p, struct rv_val conditions) {
    struct cluster_memo *m = p->memo;
    struct rv_val condition = rv_condition_find(conditions, RC_CONDITION_PROVISIONED);
    bool provisioned = rv_str_is(rv_path_str(condition, "status"), "True");
    enum provisioned_metric provisioned_metric = provisioned ? METRIC_PROVISIONED : METRIC_UNPROVISIONED;
    update_info(p);
    if (provisioned_metric == m->provisioned_metric) return;
    if (m->provisioned_metric != METRIC_NONE)
        gauge_remove(&p->ctx, CONDITION, "condition", provisioned ? "false" : "true");
    gauge(&p->ctx, CONDITION, "condition", provisioned ? "true" : "false");
    m->provisioned_metric = provisioned_metric;
    if (provisioned) update_duration(p, condition);
}

void metrics_remove(const struct rc_context *x, const struct cluster_memo *m) {
    if (m->owner_kind != NULL) gauge_remove(x, INFO, "owner_kind", m->owner_kind);
    gauge_remove(x, CONDITION, "condition", m->provisioned_metric == METRIC_PROVISIONED ? "true" : "false");
    ctx_gauge_remove(x, DURATION, NULL, 0);
}
