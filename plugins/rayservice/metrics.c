/* metrics.c - kuberay_service_*: the reference's names and labels (spec section
 * 12), told when they change. */
#include "fields.h"
#include "pass.h"

enum { GAUGE = 1, REMOVED = 2 };

struct series {
    const struct rv_host_api *api;
    struct rv_host *host;
    const struct memo *m;
};

static void gauge(const struct series *s, const char *name, uint32_t type, int condition) {
    struct rv_field labels[4] = {{RV_STR("name"), rv_str(s->m->name)},
                                 {RV_STR("namespace"), rv_str(s->m->ns)},
                                 {RV_STR("uid"), rv_str(s->m->uid)},
                                 {RV_STR("condition"), condition > 0 ? RV_STR("true") : RV_STR("false")}};
    s->api->metric(s->host, rv_str(name), type, 1, labels, condition < 0 ? 3 : 4);
}

static void condition(const struct series *s, const char *name, int *told, int now) {
    if (*told == now) return;
    if (*told >= 0) gauge(s, name, REMOVED, *told);
    gauge(s, name, GAUGE, now);
    *told = now;
}

static int is_true(struct pass *p, const char *type) {
    struct rv_node *c = rv_node_find(p->conditions, "type", rv_str(type));
    return rv_str_is(rv_node_text(rv_node_get(c, "status")), "True");
}

void metrics_tell(struct pass *p) {
    struct series s = {p->api, p->host, p->memo};
    if (p->memo->told_ready < 0) gauge(&s, "kuberay_service_info", GAUGE, -1);
    condition(&s, "kuberay_service_condition_ready", &p->memo->told_ready, is_true(p, RS_READY));
    condition(&s, "kuberay_service_condition_upgrade_in_progress", &p->memo->told_upgrade, is_true(p, RS_UPGRADE));
}

void metrics_forget(const struct rv_host_api *api, struct rv_host *h, struct memo *m) {
    struct series s = {api, h, m};
    if (m->told_ready < 0) return;
    gauge(&s, "kuberay_service_info", REMOVED, -1);
    gauge(&s, "kuberay_service_condition_ready", REMOVED, m->told_ready);
    gauge(&s, "kuberay_service_condition_upgrade_in_progress", REMOVED, m->told_upgrade);
}
