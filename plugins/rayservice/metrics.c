/* metrics.c - kuberay_service_*: the reference's names and labels (spec section 12), told when they change. */
#include "fields.h"
#include "pass.h"

#define INFO "kuberay_service_info"
#define READY "kuberay_service_condition_ready"
#define UPGRADE "kuberay_service_condition_upgrade_in_progress"

static struct rv_field label(int is) {
    return (struct rv_field){RV_STR("condition"), is > 0 ? RV_STR("true") : RV_STR("false")};
}

static void remove_condition(const struct rc_context *x, const char *name, int reported) {
    struct rv_field before = label(reported);
    if (reported >= 0) ctx_gauge_remove(x, name, &before, 1);
}

static void update_condition(struct service_pass *p, const char *name, int *reported, const char *type) {
    struct rv_node *c = rv_node_find(p->conditions, "type", rv_str(type));
    int now = rv_str_is(rv_node_text(rv_node_get(c, "status")), "True");
    struct rv_field after = label(now);
    if (*reported == now) return;
    remove_condition(&p->ctx, name, *reported);
    ctx_gauge(&p->ctx, name, 1, &after, 1);
    *reported = now;
}

void metrics_update(struct service_pass *p) {
    struct service_memo *m = p->memo;
    if (m->reported_ready < 0) ctx_gauge(&p->ctx, INFO, 1, NULL, 0);
    update_condition(p, READY, &m->reported_ready, RS_READY);
    update_condition(p, UPGRADE, &m->reported_upgrade, RS_UPGRADE);
}

void metrics_remove(const struct rc_context *x, const struct service_memo *m) {
    if (m->reported_ready < 0) return;
    ctx_gauge_remove(x, INFO, NULL, 0);
    remove_condition(x, READY, m->reported_ready);
    remove_condition(x, UPGRADE, m->reported_upgrade);
}
