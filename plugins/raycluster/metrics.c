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

#define READY "ready_seconds" /* rayvisor_plugin_ready_seconds{plugin="raycluster"} */

static void count(const struct rc_context *x, const char *name, const char *le, double value) {
    const struct rv_field f = {RV_STR("le"), rv_str(le)};
    x->api->metric(x->host, rv_str(name), RV_METRIC_COUNTER, value, &f, le[0] != 0);
}

/* Once for each cluster: only the process that saw it come up counts it. */
static void observe_ready(const struct rc_context *x, double seconds) {
    static const struct {
        double most;
        const char *le;
    } bounds[] = {{1, "1"},   {2, "2"},     {5, "5"},     {10, "10"},  {20, "20"},
                  {60, "60"}, {120, "120"}, {300, "300"}, {900, "900"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(bounds); i++)
        count(x, READY "_bucket", bounds[i].le, seconds <= bounds[i].most);
    count(x, READY "_bucket", "+Inf", 1);
    count(x, READY "_sum", "", seconds);
    count(x, READY "_count", "", 1);
}

/* The duration comes from the condition, so that another host reports the same. */
static void update_duration(struct cluster_pass *p, struct rv_val condition, bool seen) {
    int64_t created, provisioned;
    if (rv_time_parse(rv_path_str(p->c->meta, "creationTimestamp"), &created) != 0 ||
        rv_time_parse(rv_path_str(condition, "lastTransitionTime"), &provisioned) != 0)
        return;
    double seconds = (double)(provisioned - created) / 1e9;
    ctx_gauge(&p->ctx, DURATION, seconds, NULL, 0);
    if (seen) observe_ready(&p->ctx, seconds > 0 ? seconds : 0);
}

/* Workers do nothing without their head. One that is only starting has lost none. */
static struct leak head_lost(const struct cluster_pass *p, struct rv_val conditions) {
    struct leak l = {0};
    struct rv_val ready = rv_condition_find(conditions, RC_CONDITION_HEAD_READY);
    if (!rv_condition_is(conditions, RC_CONDITION_PROVISIONED, "True") ||
        !rv_str_is(rv_path_str(ready, "status"), "False") || rv_path_bool(p->c->spec, "suspend", false) ||
        rv_time_parse(rv_path_str(ready, "lastTransitionTime"), &l.since) != 0)
        return (struct leak){0};
    for (struct rv_iter g = rv_iter(rc_groups(p->c)); rv_iter_next(&g);) {
        int64_t n = 0;
        for (size_t i = 0; i < p->pod_n; i++)
            n += !p->pods[i].head && p->pods[i].running && rv_str_eq(p->pods[i].group, rv_path_str(g.val, "groupName"));
        leak_add_group(&l, g.val, n);
    }
    return l;
}

void metrics_update(struct cluster_pass *p, struct rv_val conditions) {
    struct cluster_memo *m = p->memo;
    struct rv_val condition = rv_condition_find(conditions, RC_CONDITION_PROVISIONED);
    bool provisioned = rv_str_is(rv_path_str(condition, "status"), "True");
    enum provisioned_metric provisioned_metric = provisioned ? METRIC_PROVISIONED : METRIC_UNPROVISIONED;
    struct leak leak = head_lost(p, conditions);
    update_info(p);
    leak_report(p->ctx.api, p->ctx.host, &m->leak, LEAK_HEAD_LOST, p->ctx.ns, p->ctx.name, &leak);
    if (provisioned_metric == m->provisioned_metric) return;
    if (m->provisioned_metric != METRIC_NONE)
        gauge_remove(&p->ctx, CONDITION, "condition", provisioned ? "false" : "true");
    gauge(&p->ctx, CONDITION, "condition", provisioned ? "true" : "false");
    bool seen = m->provisioned_metric == METRIC_UNPROVISIONED;
    m->provisioned_metric = provisioned_metric;
    if (provisioned) update_duration(p, condition, seen);
}

void metrics_remove(const struct rc_context *x, struct cluster_memo *m) {
    leak_forget(x->api, x->host, &m->leak, LEAK_HEAD_LOST, x->ns);
    if (m->owner_kind != NULL) gauge_remove(x, INFO, "owner_kind", m->owner_kind);
    gauge_remove(x, CONDITION, "condition", m->provisioned_metric == METRIC_PROVISIONED ? "true" : "false");
    ctx_gauge_remove(x, DURATION, NULL, 0);
}
