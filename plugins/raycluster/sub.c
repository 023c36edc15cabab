/* sub.c - the objects beside the pods (spec section 7), by one table: each row says when an object is wanted, how it is
 * built, what counts as drift and which events tell of it. An object that is wanted and missing is created; one that is
 * ours and differs is patched; one that is ours and no longer wanted is deleted where that does no harm.
 *
 * Drift is judged by subset: what others add (defaults of the API server, annotations of an ingress controller) stays.
 */
#include "fields.h"
#include "names.h"
#include "objects.h"
#include "pass.h"
#include "scheduler.h"

enum { FOREIGN_WAIT_MAX_S = 300 };
enum sub_op { OP_CREATE, OP_UPDATE, OP_DELETE, OP_N };

struct rule {
    unsigned kind;
    const char *api_version, *resource, *what;
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    /* A merge patch that mends have, or NULL. NULL function: never looked at again. */
    struct rv_node *(*drift)(struct pass *p, struct rv_val have, struct rv_node *want);
    bool by_owner; /* any of that kind that we own is it, whatever its name */
    bool remove;   /* deleted when not wanted any more */
    bool shared;   /* one that is not ours is as good */
    const char *created, *create_failed, *updated, *update_failed;
};

/* ---- drift ------------------------------------------------------------------------------------------------------- */

/* Takes over into the patch whichever of these fields differs. */
static struct rv_node *differing(struct pass *p, struct rv_val have, struct rv_node *want, const char *const *fields,
                                 size_t n) {
    struct rv_node *patch = NULL;
    for (size_t i = 0; i < n; i++) {
        struct rv_node *part = rv_node_get(want, fields[i]);
        if (part == NULL || rv_val_within(rv_node_freeze(p->arena, part), rv_val_get(have, fields[i]))) continue;
        if (patch == NULL) patch = rv_node_map(p->arena);
        rv_node_set(p->arena, patch, fields[i], part);
    }
    return patch;
}

static struct rv_node *spec_patch(struct pass *p, struct rv_node *spec, struct rv_node *meta) {
    if (spec == NULL && meta == NULL) return NULL;
    struct rv_node *n = rv_node_map(p->arena);
    if (spec != NULL) rv_node_set(p->arena, n, "spec", spec);
    if (meta != NULL) rv_node_set(p->arena, n, "metadata", meta);
    return n;
}

/* A node port that the API server drew stays with its port. */
static void keep_node_ports(struct pass *p, struct rv_node *ports, struct rv_val have) {
    for (size_t i = 0; i < rv_node_len(ports); i++) {
        struct rv_node *port = rv_node_at(ports, i);
        for (struct rv_iter it = rv_iter(have); rv_iter_next(&it);) {
            int64_t number = rv_path_int(it.val, "nodePort", 0);
            if (number != 0 && rv_str_eq(rv_path_str(it.val, "name"), rv_node_text(rv_node_get(port, "name"))))
                rv_node_set_int(p->arena, port, "nodePort", number);
        }
    }
}

static struct rv_node *service_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const spec_fields[] = {"ports"}, *const meta_fields[] = {"annotations"};
    struct rv_val live = rv_val_get(have, "spec");
    struct rv_node *spec = differing(p, live, rv_node_get(want, "spec"), spec_fields, RV_ARRAY_LEN(spec_fields)),
                   *meta = differing(p, rv_val_get(have, "metadata"), rv_node_get(want, "metadata"), meta_fields,
                                     RV_ARRAY_LEN(meta_fields));
    keep_node_ports(p, rv_node_get(spec, "ports"), rv_val_get(live, "ports"));
    /* To or from headless is impossible (the address is immutable); other types may change into each other. */
    struct rv_str type = rv_node_text(rv_node_path(want, "spec.type"));
    bool headless = rv_str_is(rv_path_str(live, "clusterIP"), "None");
    if (type.n != 0 && !headless && rv_node_path(want, "spec.clusterIP") == NULL &&
        !rv_str_eq(type, rv_path_str(live, "type"))) {
        if (spec == NULL) spec = rv_node_map(p->arena);
        rv_node_set_str(p->arena, spec, "type", type);
    }
    return spec_patch(p, spec, meta);
}

static struct rv_node *ingress_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const spec_fields[] = {"ingressClassName", "rules", "tls"}, *const meta_fields[] = {
                                                                                       "labels", "annotations"};
    struct rv_node *wanted = rv_node_get(want, "spec");
    struct rv_node *spec = differing(p, rv_val_get(have, "spec"), wanted, spec_fields, RV_ARRAY_LEN(spec_fields)),
                   *meta = differing(p, rv_val_get(have, "metadata"), rv_node_get(want, "metadata"), meta_fields,
                                     RV_ARRAY_LEN(meta_fields));
    if (rv_node_get(wanted, "tls") == NULL && rv_val_len(rv_val_path(have, "spec.tls")) > 0) {
        if (spec == NULL) spec = rv_node_map(p->arena);
        rv_node_set(p->arena, spec, "tls", rv_node_null(p->arena));
    }
    return spec_patch(p, spec, meta);
}

static struct rv_node *role_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const fields[] = {"rules"};
    return differing(p, have, want, fields, RV_ARRAY_LEN(fields));
}

static struct rv_node *binding_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const fields[] = {"subjects"};
    return differing(p, have, want, fields, RV_ARRAY_LEN(fields));
}

static bool same_amount(struct rv_val a, struct rv_val b) {
    struct rv_quantity x, y;
    return rv_quantity_from_val(a, &x) == 0 && rv_quantity_from_val(b, &y) == 0 && rv_quantity_cmp(x, y) == 0;
}

/* A claim's size and class cannot be changed behind its pod's back: said, once for each edit. Its owner can. */
static void claim_differs(struct pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val wanted = rv_node_freeze(p->arena, rv_node_get(want, "spec")), live = rv_val_get(have, "spec"),
                  class = rv_val_get(wanted, "storageClassName");
    const char *what = NULL;
    if (!same_amount(rv_val_path(wanted, "resources.requests.storage"),
                     rv_val_path(live, "resources.requests.storage")))
        what = "size";
    else if (rv_val_set(class) && !rv_val_equal(class, rv_val_get(live, "storageClassName")))
        what = "storageClassName";
    else if (!rv_val_within(rv_val_get(wanted, "accessModes"), rv_val_get(live, "accessModes")))
        what = "accessModes";
    if (what == NULL || p->memo->claim_said == p->c->generation) return;
    p->memo->claim_said = p->c->generation;
    pass_event(p, true, "FailedToCreatePVC", "Update",
               rv_arena_fmt(p->arena,
                            "spec.gcsFaultToleranceOptions.storage.%s differs from that of the PersistentVolumeClaim "
                            "that exists; it is not changed",
                            what));
}

static struct rv_node *claim_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    claim_differs(p, have, want);
    bool ours = rv_str_eq(rv_meta_controller_uid(have), p->c->uid), retained = rc_claim_retained(p->c);
    if (ours != retained) return NULL;
    struct rv_node *meta = rv_node_map(p->arena),
                   *owners = rv_node_get(rv_node_get(want, "metadata"), "ownerReferences");
    rv_node_set(p->arena, meta, "ownerReferences", retained ? rv_node_null(p->arena) : owners);
    return spec_patch(p, NULL, meta);
}

static struct rv_node *gang_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    return rc_gang_patch(p->arena, have, rv_node_freeze(p->arena, want));
}

static struct rv_node *fixed_gang_drift(struct pass *p, struct rv_val have, struct rv_node *want) {
    static const char *const fields[] = {"spec"};
    return differing(p, have, want, fields, RV_ARRAY_LEN(fields));
}

/* ---- the table ------------------------------------------------------------------------------------------------------
 */

static bool always(const struct rc_cluster *c) { return c != NULL; }
static bool autoscaled(const struct rc_cluster *c) { return c->f.autoscaling; }
static bool own_account(const struct rc_cluster *c) { return c->f.autoscaling && rc_user_account(c).n == 0; }
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
/* What an autoscaler runs with stays when autoscaling is switched off: the sidecar of a running head still needs it. */
static const struct rule rules[] = {
    {KIND_ACCOUNT, "v1", "serviceaccounts", "service account", own_account, rc_service_account, NULL, false, false,
     true, "CreatedServiceAccount", "FailedToCreateServiceAccount", NULL, NULL},
    {KIND_ROLE, RBAC, "roles", "role", autoscaled, rc_role, role_drift, false, false, true, "CreatedRole",
     "FailedToCreateRole", "UpdatedRole", "FailedToUpdateRole"},
    {KIND_ROLE_BINDING, RBAC, "rolebindings", "role binding", autoscaled, rc_role_binding, binding_drift, false, false,
     true, "CreatedRoleBinding", "FailedToCreateRoleBinding", "UpdatedRoleBinding", "FailedToUpdateRoleBinding"},
    {KIND_INGRESS, "networking.k8s.io/v1", "ingresses", "ingress", ingress_wanted, rc_ingress, ingress_drift, false,
     true, false, "CreatedIngress", "FailedToCreateIngress", "UpdatedIngress", "FailedToUpdateIngress"},
    {KIND_ROUTE, "route.openshift.io/v1", "routes", "route", route_wanted, rc_route, NULL, true, true, false,
     "CreatedRoute", "FailedToCreateRoute", NULL, NULL},
    {KIND_SECRET, "v1", "secrets", "token secret", own_secret, rc_secret, NULL, false, false, true, NULL,
     "FailedToCreateAuthSecret", NULL, NULL},
    {KIND_SERVICE, "v1", "services", "head service", always, rc_head_service, service_drift, true, false, false,
     "CreatedService", "FailedToCreateService", "UpdatedService", "FailedToUpdateService"},
    {KIND_HEADLESS_SERVICE, "v1", "services", "headless service", multi_host, rc_headless_service, NULL, true, true,
     false, "CreatedService", "FailedToCreateService", NULL, NULL},
    {KIND_SERVE_SERVICE, "v1", "services", "serve service", serve_wanted, rc_serve_service, service_drift, true, true,
     false, NULL, "FailedToCreateService", NULL, "FailedToUpdateService"},
    {KIND_CLAIM, "v1", "persistentvolumeclaims", "volume claim", claim_wanted, rc_claim, claim_drift, false, false,
     true, "CreatedPVC", "FailedToCreatePVC", NULL, "FailedToCreatePVC"},
};
enum { RULES = RV_ARRAY_LEN(rules) };

static const struct rc_gang *gang_of(const struct rc_cluster *c, size_t rule) {
    const struct rc_scheduler *s = rc_scheduler_of(c);
    bool any = s != NULL && rule >= RULES && rule - RULES < RC_SCHEDULER_OBJECTS;
    return any && s->gangs[rule - RULES].api_version != NULL ? &s->gangs[rule - RULES] : NULL;
}

/* The scheduler's objects are rules too, made on the fly. Somebody else's group of that name is as good, unless it
 * would have to be made anew. */
static bool gang_rule(const struct rc_cluster *c, size_t i, struct rule *ret) {
    const struct rc_gang *g = gang_of(c, i);
    if (g == NULL) return false;
    *ret = (struct rule){g->kind,
                         g->api_version,
                         g->resource,
                         "scheduling group",
                         g->wanted,
                         g->build,
                         g->immutable ? fixed_gang_drift : gang_drift,
                         true,
                         true,
                         !g->immutable,
                         NULL,
                         "FailedToCreatePodGroup",
                         NULL,
                         "FailedToUpdatePodGroup"};
    return true;
}

static bool rule_at(const struct rc_cluster *c, size_t i, struct rule *ret) {
    if (i >= RULES) return gang_rule(c, i, ret);
    *ret = rules[i];
    return true;
}

/* ---- looking
 * ------------------------------------------------------------------------------------------------------------ */

struct search {
    struct rv_object found;
    bool head_only, any;
};

static void take(void *arg, const struct rv_object *o) {
    struct search *s = arg;
    struct rv_str type = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE));
    if (s->any || (s->head_only && !rv_str_is(type, "head"))) return;
    s->found = *o;
    s->any = true;
}

/* *ret_ours: we control it. */
static bool look(struct pass *p, const struct rule *r, struct rv_node *want, struct rv_object *ret, bool *ret_ours) {
    if (r->by_owner || want == NULL) {
        struct search s = {.head_only = r->kind == KIND_SERVICE};
        struct rv_query q = {.size = sizeof q, .kind = r->kind, .ns = p->c->ns, .owner_uid = p->c->uid};
        p->api->list(p->host, &q, take, &s);
        *ret = s.found;
        *ret_ours = true;
        return s.any;
    }
    struct rv_str name = rv_node_text(rv_node_path(want, "metadata.name"));
    if (p->api->get(p->host, r->kind, p->c->ns, name, ret) != 0) return false;
    *ret_ours = rv_str_eq(rv_meta_controller_uid(ret->value), p->c->uid);
    return true;
}

/* ---- keeping one as wanted
 * ---------------------------------------------------------------------------------------------- */

static uint64_t tag_of(size_t rule, enum sub_op op) { return TAG_SUB + rule * OP_N + op; }

/* ---- groups that cannot be changed ----------------------------------------------------------------------------------
 */

static bool gang_fixed(const struct rc_cluster *c, size_t rule) {
    const struct rc_gang *g = gang_of(c, rule);
    return g != NULL && g->immutable;
}

static bool gang_there(struct pass *p, size_t rule) {
    struct rule r;
    struct rv_object have;
    bool ours;
    return gang_rule(p->c, rule, &r) && look(p, &r, NULL, &have, &ours);
}

/* As it should be, to be referred to. */
static bool gang_done(struct pass *p, size_t rule) {
    struct rule r;
    struct rv_object have;
    bool ours;
    return gang_rule(p->c, rule, &r) && look(p, &r, NULL, &have, &ours) && !rv_meta_deleting(have.value) &&
           r.drift(p, have.value, r.build(p->arena, p->c)) == NULL;
}

static void take_guard_off(struct pass *p, const struct rule *r, size_t i, const struct rv_object *have) {
    struct rv_node *body = rv_node_map(p->arena),
                   *list = rv_node_ensure_array(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "finalizers");
    struct rv_val given = rv_val_path(have->value, "metadata.finalizers");
    for (struct rv_iter it = rv_iter(given); rv_iter_next(&it);)
        if (!rv_str_is(rv_val_str(it.val), RC_FINALIZER_GROUP))
            rv_node_append(p->arena, list, rv_node_from(p->arena, it.val));
    if (rv_node_len(list) == rv_val_len(given)) return;
    pass_patch(p, r->api_version, r->resource, have->name, have->uid, body, tag_of(i, OP_UPDATE));
}

/* In steps that later passes go on with: what refers to it first; then it is asked to go; then what Kubernetes keeps it
 * by for the sake of its pods, which stay, is taken off. */
static void gang_delete(struct pass *p, const struct rule *r, size_t i, const struct rv_object *have) {
    if (gang_there(p, i + 1)) return;
    pass_explain(p, "deleting the %s " RV_STR_FMT, r->what, RV_STR_ARG(have->name));
    if (rv_meta_deleting(have->value))
        take_guard_off(p, r, i, have);
    else
        pass_delete(p, r->api_version, r->resource, have->name, have->uid, tag_of(i, OP_DELETE));
}

/* ---- one that is not wanted, missing, there -------------------------------------------------------------------------
 */

static void not_wanted(struct pass *p, const struct rule *r, size_t i) {
    struct rv_object have;
    bool ours;
    if (!r->remove || !look(p, r, NULL, &have, &ours)) return;
    if (gang_fixed(p->c, i)) {
        gang_delete(p, r, i, &have);
        return;
    }
    if (rv_meta_deleting(have.value)) return;
    pass_explain(p, "deleting the %s " RV_STR_FMT ": no longer asked for", r->what, RV_STR_ARG(have.name));
    pass_delete(p, r->api_version, r->resource, have.name, have.uid, tag_of(i, OP_DELETE));
}

static void set_foreign(struct memo *m, size_t rule, bool on) {
    uint32_t bit = UINT32_C(1) << rule;
    m->foreign = on ? m->foreign | bit : m->foreign & ~bit;
    if (m->foreign == 0) m->foreign_tries = 0;
}

/* Somebody else's object has the name: of a namesake before us, which is collected any moment, or of somebody who means
 * to keep it. Tried again, less and less often. */
static void wait_for_name(struct pass *p) {
    struct memo *m = p->memo;
    int64_t seconds = INT64_C(1) << (m->foreign_tries < 8 ? m->foreign_tries : 8), now = p->api->now(p->host);
    if (seconds > FOREIGN_WAIT_MAX_S) seconds = FOREIGN_WAIT_MAX_S;
    if (m->foreign_after > now) return; /* another name of this pass */
    m->foreign_tries++;
    m->foreign_after = now + seconds * INT64_C(1000000000);
}

static void missing(struct pass *p, const struct rule *r, size_t i, struct rv_node *want) {
    if ((p->memo->foreign >> i & 1) != 0 && p->api->now(p->host) < p->memo->foreign_after) {
        pass_explain(p, "the name of the %s is taken by an object that is not ours", r->what);
        pass_wake(p, p->memo->foreign_after);
        if (gang_fixed(p->c, i)) p->hold = RV_STR("the name of the scheduling group is taken");
        return;
    }
    if (i >= RULES) p->hold = RV_STR("the scheduling group is being created");
    if (i > RULES && !gang_done(p, i - 1)) return;
    pass_explain(p, "creating the %s", r->what);
    pass_create(p, r->api_version, r->resource, want, tag_of(i, OP_CREATE));
    if (r->kind == KIND_ACCOUNT) p->hold = RV_STR("the autoscaler's service account is being created");
}

static void present(struct pass *p, const struct rule *r, size_t i, struct rv_node *want, const struct rv_object *have,
                    bool ours) {
    bool adopt = r->kind == KIND_CLAIM, deleting = rv_meta_deleting(have->value);
    if (deleting && i >= RULES) p->hold = RV_STR("the scheduling group is being deleted");
    if (r->drift == NULL || (!ours && !adopt) || (deleting && !gang_fixed(p->c, i))) return;
    struct rv_node *patch = r->drift(p, have->value, want);
    if (patch == NULL) return;
    if (i >= RULES) p->hold = RV_STR("the scheduling group is being brought to the cluster's size");
    if (gang_fixed(p->c, i)) {
        gang_delete(p, r, i, have);
        return;
    }
    pass_explain(p, "updating the %s " RV_STR_FMT, r->what, RV_STR_ARG(have->name));
    pass_patch(p, r->api_version, r->resource, have->name, have->uid, patch, tag_of(i, OP_UPDATE));
}

static void keep(struct pass *p, const struct rule *r, size_t i) {
    struct rv_object have;
    bool ours = false;
    if (!r->wanted(p->c)) {
        not_wanted(p, r, i);
        return;
    }
    struct rv_node *want = r->build(p->arena, p->c);
    bool there = look(p, r, want, &have, &ours);
    if (there) set_foreign(p->memo, i, false);
    if (there)
        present(p, r, i, want, &have, ours);
    else
        missing(p, r, i, want);
}

/* ---- what the user must bring
 * --------------------------------------------------------------------------------------------- */

/* Looked up only when a head is about to be made: afterwards the pod itself tells. */
static void user_account(struct pass *p) {
    if (!p->c->f.autoscaling || rc_user_account(p->c).n == 0 || see_head(p) != NULL) return;
    if (p->memo->account_known == p->c->generation) return;
    if (p->hold.n == 0)
        pass_get(p, "v1", "serviceaccounts", rc_name_service_account(p->arena, p->c), TAG_ACCOUNT_LOOKUP);
    p->hold =
        rv_arena_fmt(p->arena, "the service account " RV_STR_FMT " is looked up", RV_STR_ARG(rc_user_account(p->c)));
}

static void user_claim(struct pass *p) {
    struct rv_str name = rv_path_str(p->c->f.ft_options, "storage.claimName");
    if (!p->c->f.ft_rocksdb || name.n == 0 || see_head(p) != NULL || p->memo->claim_said == p->c->generation) return;
    p->memo->claim_said = p->c->generation;
    pass_get(p, "v1", "persistentvolumeclaims", name, TAG_CLAIM_LOOKUP);
}

static void serve_impossible(struct pass *p) {
    if (!rv_str_is(rc_annotation(p->c, RC_ANNOTATION_SERVE_SERVICE), "true") || rc_serve_service_possible(p->c)) return;
    struct rv_str why =
        RV_STR("Please specify a port named 'serve' (or 'serve-...') on the head's first container: the "
               "serve service needs one");
    if (p->memo->said != p->c->generation) pass_event(p, true, "FailedToCreateService", "Create", why);
    pass_explain(p, "no serve service: " RV_STR_FMT, RV_STR_ARG(why));
}

static bool certificate_ready(struct pass *p, const char *which) {
    struct rv_object o;
    struct rv_str name = rv_arena_fmt(p->arena, "ray-%s-cert-" RV_STR_FMT, which, RV_STR_ARG(p->c->name));
    if (p->api->get(p->host, KIND_CERTIFICATE, p->c->ns, name, &o) != 0) return false;
    struct rv_val ready = rv_condition_find(rv_val_path(o.value, "status.conditions"), "Ready");
    return rv_str_is(rv_path_str(ready, "status"), "True") &&
           rv_path_int(ready, "observedGeneration", 0) == rv_path_int(o.value, "metadata.generation", 0);
}

/* Pods without their certificates would only wait; making them first would also change the addresses on it. */
static void certificates(struct pass *p) {
    if (p->c->f.tls && (!certificate_ready(p, "head") || !certificate_ready(p, "worker")))
        p->hold =
            RV_STR("mTLS secrets not ready: cert-manager has not issued the certificates of head and workers yet");
}

void sub_reconcile(struct pass *p) {
    struct rule r;
    for (size_t i = 0; rule_at(p->c, i, &r); i++) keep(p, &r, i);
    user_account(p);
    user_claim(p);
    serve_impossible(p);
    certificates(p);
}

/* ---- results
 * ----------------------------------------------------------------------------------------------------------------- */

static void lookup_result(struct pass *p, const struct rv_result *r) {
    if (r->tag == TAG_ACCOUNT_LOOKUP && r->code == 0) {
        p->memo->account_known = p->c->generation;
    } else if (r->tag == TAG_ACCOUNT_LOOKUP) {
        if (r->code == RV_E_NOT_FOUND)
            pass_event(
                p, true, "AutoscalerServiceAccountNotFound", "Validate",
                rv_arena_fmt(p->arena,
                             "spec.headGroupSpec.template.spec.serviceAccountName: the ServiceAccount " RV_STR_FMT
                             " does not exist in namespace " RV_STR_FMT
                             "; create it, or leave the field out and one is made",
                             RV_STR_ARG(rc_user_account(p->c)), RV_STR_ARG(p->c->ns)));
        p->retry = true;
        p->hold = rv_arena_fmt(p->arena, "the service account " RV_STR_FMT " cannot be read",
                               RV_STR_ARG(rc_user_account(p->c)));
    } else if (r->tag == TAG_CLAIM_LOOKUP && r->code == RV_E_NOT_FOUND) {
        pass_event(p, true, "FailedToCreatePVC", "Validate",
                   rv_arena_fmt(p->arena,
                                "spec.gcsFaultToleranceOptions.storage.claimName: \"" RV_STR_FMT
                                "\" not found in namespace " RV_STR_FMT "; the head Pod will not start until it exists",
                                RV_STR_ARG(rc_gcs_claim(p->arena, p->c)), RV_STR_ARG(p->c->ns)));
    }
}

static const char *action_of(enum sub_op op) {
    static const char *const actions[] = {"Create", "Update", "Delete"};
    return actions[op];
}

static void tell(struct pass *p, const struct rule *r, enum sub_op op, const struct rv_result *res) {
    static const char *const did[] = {"Created", "Updated", "Deleted"}, *const doing[] = {"create", "update", "delete"};
    const char *const good[] = {r->created, r->updated, NULL}, *const bad[] = {r->create_failed, r->update_failed,
                                                                               r->create_failed};
    struct rv_str why = res->message.n != 0 ? res->message : rv_str(rv_error_text(res->code));
    if (res->code == 0 && good[op] != NULL)
        pass_event(p, false, good[op], action_of(op),
                   rv_arena_fmt(p->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT, did[op], r->what, RV_STR_ARG(p->c->ns),
                                RV_STR_ARG(res->name)));
    if (res->code != 0 && bad[op] != NULL)
        pass_event(p, true, bad[op], action_of(op),
                   rv_arena_fmt(p->arena, "Failed to %s the %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, doing[op],
                                r->what, RV_STR_ARG(p->c->ns), RV_STR_ARG(res->name), RV_STR_ARG(why)));
}

void sub_result(struct pass *p, const struct rv_result *res) {
    struct rule r;
    if (res->tag < TAG_SUB) {
        lookup_result(p, res);
        return;
    }
    size_t i = (res->tag - TAG_SUB) / OP_N;
    enum sub_op op = (enum sub_op)((res->tag - TAG_SUB) % OP_N);
    if (!rule_at(p->c, i, &r)) return;
    bool exists = res->code == RV_E_EXISTS && op == OP_CREATE;
    bool said = (p->memo->foreign >> i & 1) != 0;
    if (op == OP_CREATE && (exists || res->code == 0)) set_foreign(p->memo, i, exists);
    if (exists) wait_for_name(p);
    if (exists && (r.shared || said)) return;
    if (op != OP_CREATE && (res->code == RV_E_NOT_FOUND || res->code == RV_E_CONFLICT)) return;
    tell(p, &r, op, res);
    if (res->code == 0 || exists) return;
    p->sub_retry = true;
    if (i >= RULES) p->hold = RV_STR("the scheduling group could not be made");
}
