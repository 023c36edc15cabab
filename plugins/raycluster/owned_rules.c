/* owned_rules.c - see owned_rules.h. */
#include "owned_rules.h"

#include <stdlib.h>

#include "plugins/ray/fields.h"
#include "plugins/ray/objects.h"

static bool always(const struct rc_cluster *c) { return c != NULL; }
static bool autoscaled(const struct rc_cluster *c) { return rc_has_sidecar(&c->f); }
static bool own_account(const struct rc_cluster *c) { return rc_has_sidecar(&c->f) && rc_user_account(c).n == 0; }
static bool own_secret(const struct rc_cluster *c) { return c->f.own_secret; }
static bool exposed(const struct rc_cluster *c) { return rv_path_bool(c->spec, "headGroupSpec.enableIngress", false); }
static bool ingress_wanted(const struct rc_cluster *c) { return exposed(c) && !c->settings->routes; }
static bool route_wanted(const struct rc_cluster *c) { return exposed(c) && c->settings->routes; }
static bool multi_host(const struct rc_cluster *c) { return c->f.multi_host; }
static bool serve_wanted(const struct rc_cluster *c) {
    return rv_str_is(rc_annotation(c, RC_ANNOTATION_SERVE_SERVICE), "true") && rc_serve_service_possible(c);
}
static bool claim_wanted(const struct rc_cluster *c) {
    return c->f.ft_rocksdb && rv_path_str(c->f.ft_options, "storage.claimName").n == 0;
}

#define RBAC "rbac.authorization.k8s.io/v1"
/* The account and the role stay when autoscaling is switched off, because the sidecar of a running head needs them. */
static const struct owned_rule rules[] = {
    {KIND_ACCOUNT, "v1", "serviceaccounts", "service account", own_account, rc_service_account, NULL, false, false,
     true, true, "CreatedServiceAccount", "FailedToCreateServiceAccount", NULL, NULL, 0, NULL},
    {KIND_ROLE, RBAC, "roles", "role", autoscaled, rc_role, rc_drift_role, false, false, true, false, "CreatedRole",
     "FailedToCreateRole", "UpdatedRole", "FailedToUpdateRole", 0, NULL},
    {KIND_ROLE_BINDING, RBAC, "rolebindings", "role binding", autoscaled, rc_role_binding, rc_drift_role_binding, false,
     false, true, false, "CreatedRoleBinding", "FailedToCreateRoleBinding", "UpdatedRoleBinding",
     "FailedToUpdateRoleBinding", KIND_ROLE, NULL},
    {KIND_INGRESS, "networking.k8s.io/v1", "ingresses", "ingress", ingress_wanted, rc_ingress, rc_drift_ingress, false,
     true, false, false, "CreatedIngress", "FailedToCreateIngress", "UpdatedIngress", "FailedToUpdateIngress", 0, NULL},
    {KIND_ROUTE, "route.openshift.io/v1", "routes", "route", route_wanted, rc_route, rc_drift_object, true, true, false,
     false, "CreatedRoute", "FailedToCreateRoute", "UpdatedRoute", "FailedToUpdateRoute", 0, NULL},
    {KIND_SECRET, "v1", "secrets", "token secret", own_secret, rc_secret, NULL, false, false, false, true, NULL,
     "FailedToCreateAuthSecret", NULL, NULL, 0, ", or name it in spec.authOptions.secretName if it is meant"},
    {KIND_SERVICE, "v1", "services", "head service", always, rc_head_service, rc_drift_service, false, false, false,
     true, "CreatedService", "FailedToCreateService", "UpdatedService", "FailedToUpdateService", 0, NULL},
    {KIND_HEADLESS_SERVICE, "v1", "services", "headless service", multi_host, rc_headless_service, rc_drift_service,
     true, true, false, false, "CreatedService", "FailedToCreateService", "UpdatedService", "FailedToUpdateService", 0,
     NULL},
    {KIND_SERVE_SERVICE, "v1", "services", "serve service", serve_wanted, rc_serve_service, rc_drift_service, true,
     true, false, false, NULL, "FailedToCreateService", NULL, "FailedToUpdateService", 0, NULL},
    {KIND_CLAIM, "v1", "persistentvolumeclaims", "volume claim", claim_wanted, rc_claim, NULL, false, false, true, true,
     "CreatedPVC", "FailedToCreatePVC", NULL, "FailedToCreatePVC", 0, NULL},
};
enum { RULES = RV_ARRAY_LEN(rules) };
_Static_assert(RULES + RC_SCHEDULER_OBJECTS <= MEMO_RULES, "the memo has space for every rule");

static const struct rc_gang *gang_of(const struct rc_cluster *c, size_t rule) {
    const struct rc_scheduler *s = rc_scheduler_of(c);
    bool any = s != NULL && rule >= RULES && rule - RULES < RC_SCHEDULER_OBJECTS;
    return any && s->gangs[rule - RULES].api_version != NULL ? &s->gangs[rule - RULES] : NULL;
}

/* The kind of a scheduler's object in the manifest. */
static unsigned gang_kind(const struct rc_gang *g) {
    static const struct {
        const char *api_version, *resource;
        unsigned kind;
    } kinds[] = {{"scheduling.volcano.sh/v1beta1", "podgroups", KIND_VOLCANO_GROUP},
                 {"scheduling.x-k8s.io/v1alpha1", "podgroups", KIND_PLUGINS_GROUP},
                 {"scheduling.k8s.io/v1alpha2", "workloads", KIND_WAS_WORKLOAD},
                 {"scheduling.k8s.io/v1alpha2", "podgroups", KIND_WAS_GROUP}};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i].api_version, g->api_version) == 0 && strcmp(kinds[i].resource, g->resource) == 0)
            return kinds[i].kind;
    abort(); /* the tests build every gang of the table */
}

static struct rv_node *drift_gang(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    return rc_gang_patch(a, have, rv_node_freeze(a, want));
}

static struct rv_node *drift_fixed_gang(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *part = rv_node_get(want, "spec"), *patch = rv_node_map(a);
    if (part == NULL || rv_val_within(rv_node_freeze(a, part), rv_val_get(have, "spec"))) return NULL;
    rv_node_set(a, patch, "spec", part);
    return patch;
}

/* The scheduler's objects are rules as well. Another owner's group of that name is accepted, unless it would have to be
 * created again. */
static bool gang_rule(const struct rc_cluster *c, size_t i, struct owned_rule *ret) {
    const struct rc_gang *g = gang_of(c, i);
    if (g == NULL) return false;
    *ret = (struct owned_rule){.kind = gang_kind(g),
                               .api_version = g->api_version,
                               .resource = g->resource,
                               .what = "scheduling group",
                               .wanted = g->wanted,
                               .build = g->build,
                               .drift = g->immutable ? drift_fixed_gang : drift_gang,
                               .by_owner = true,
                               .remove = true,
                               .shared = !g->immutable,
                               .needed = true,
                               .create_failed = "FailedToCreatePodGroup",
                               .update_failed = "FailedToUpdatePodGroup"};
    return true;
}

bool owned_rule_at(const struct rc_cluster *c, size_t i, struct owned_rule *ret) {
    if (i >= RULES) return gang_rule(c, i, ret);
    *ret = rules[i];
    return true;
}

bool owned_rule_follows_head(const struct owned_rule *r) {
    static const unsigned kinds[] = {KIND_SERVICE, KIND_SERVE_SERVICE, KIND_INGRESS, KIND_ROUTE, KIND_ROLE_BINDING};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        if (r->kind == kinds[i]) return true;
    return false;
}

bool owned_rule_is_gang(size_t i) { return i >= RULES; }

bool owned_rule_is_first_gang(size_t i) { return i == RULES; }

bool owned_rule_is_fixed(const struct rc_cluster *c, size_t i) {
    const struct rc_gang *g = gang_of(c, i);
    return g != NULL && g->immutable;
}
