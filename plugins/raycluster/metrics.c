/* metrics.c - see metrics.h. */
#include "metrics.h"

#include "fields.h"

enum { GAUGE = 1, REMOVED = 2 };
#define INFO "kuberay_cluster_info"
#define DURATION "kuberay_cluster_provisioned_duration_seconds"
#define CONDITION "kuberay_cluster_condition_provisioned"

static void gauge(const struct rv_host_api *api, struct rv_host *h, const char *name, double value,
                  const struct memo *m, const char *label, const char *text, uint32_t type) {
    const struct rv_field labels[] = {{RV_STR("name"), rv_str(m->name)},
                                      {RV_STR("namespace"), rv_str(m->ns)},
                                      {RV_STR("uid"), rv_str(m->uid)},
                                      {rv_str(label), rv_str(text)}};
    api->metric(h, rv_str(name), type, value, labels, label != NULL ? 4 : 3);
}

void metrics_tell(struct pass *p, bool provisioned, bool was_provisioned) {
    struct memo *m = p->memo;
    int64_t created;
    enum memo_told told = provisioned ? TOLD_PROVISIONED : TOLD_UNPROVISIONED;
    if (m->owner_kind == NULL) {
        struct rv_str kind = rv_val_str(rv_val_get(rv_val_get(p->c->meta, "labels"), RC_LABEL_ORIGIN_KIND));
        m->owner_kind = rv_strdup(kind.n != 0 ? kind : RV_STR("None"));
        gauge(p->api, p->host, INFO, 1, m, "owner_kind", m->owner_kind, GAUGE);
    }
    if (told != m->told) {
        if (m->told != TOLD_NOTHING)
            gauge(p->api, p->host, CONDITION, 0, m, "condition", provisioned ? "false" : "true", REMOVED);
        gauge(p->api, p->host, CONDITION, 1, m, "condition", provisioned ? "true" : "false", GAUGE);
        m->told = told;
    }
    if (provisioned && !was_provisioned && rv_time_parse(rv_path_str(p->c->meta, "creationTimestamp"), &created) == 0)
        gauge(p->api, p->host, DURATION, (double)(p->api->now(p->host) - created) / 1e9, m, NULL, NULL, GAUGE);
}

void metrics_remove(const struct rv_host_api *api, struct rv_host *h, const struct memo *m) {
    if (m->owner_kind != NULL) gauge(api, h, INFO, 0, m, "owner_kind", m->owner_kind, REMOVED);
    gauge(api, h, CONDITION, 0, m, "condition", m->told == TOLD_PROVISIONED ? "true" : "false", REMOVED);
    gauge(api, h, DURATION, 0, m, NULL, NULL, REMOVED);
}
