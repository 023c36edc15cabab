/* sub.c - the objects beside the pods (spec section 7), by one table: each row says when an object is wanted, how it is
 * built, what counts as drift (drift.c) and which events tell of it. An object that is wanted and missing is created;
 * one that is ours and differs is patched; one that is ours and no longer wanted is deleted where that does no harm.
 *
 * What goes wrong is remembered until it goes right, and told in the condition; where pods must not be made without the
 * object, or would get into somebody else's, they are held.
 */
#include <stdlib.h>

#include "drift.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/scheduler.h"

enum { FOREIGN_WAIT_MAX_S = 300 };
enum sub_op { OP_CREATE, OP_UPDATE, OP_DELETE, OP_N };

struct rule {
    unsigned kind;
    const char *api_version, *resource, *what;
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    drift_fn *drift; /* NULL: never looked at again */
    bool by_owner;   /* any of that kind that we own is it, whatever its name */
    bool remove;     /* deleted when not wanted any more */
    bool shared;     /* one that is not ours is as good */
    bool needed;     /* pods are not made while its name is somebody else's */
    const char *created, *create_failed, *updated, *update_failed;
};

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
     true, true, "CreatedServiceAccount", "FailedToCreateServiceAccount", NULL, NULL},
    {KIND_ROLE, RBAC, "roles", "role", autoscaled, rc_role, drift_role, false, false, true, false, "CreatedRole",
     "FailedToCreateRole", "UpdatedRole", "FailedToUpdateRole"},
    {KIND_ROLE_BINDING, RBAC, "rolebindings", "role binding", autoscaled, rc_role_binding, drift_binding, false, false,
     true, false, "CreatedRoleBinding", "FailedToCreateRoleBinding", "UpdatedRoleBinding", "FailedToUpdateRoleBinding"},
    {KIND_INGRESS, "networking.k8s.io/v1", "ingresses", "ingress", ingress_wanted, rc_ingress, drift_ingress, false,
     true, false, false, "CreatedIngress", "FailedToCreateIngress", "UpdatedIngress", "FailedToUpdateIngress"},
    {KIND_ROUTE, "route.openshift.io/v1", "routes", "route", route_wanted, rc_route, drift_route, true, true, false,
     false, "CreatedRoute", "FailedToCreateRoute", "UpdatedRoute", "FailedToUpdateRoute"},
    {KIND_SECRET, "v1", "secrets", "token secret", own_secret, rc_secret, NULL, false, false, true, true, NULL,
     "FailedToCreateAuthSecret", NULL, NULL},
    {KIND_SERVICE, "v1", "services", "head service", always, rc_head_service, drift_service, false, false, false, true,
     "CreatedService", "FailedToCreateService", "UpdatedService", "FailedToUpdateService"},
    {KIND_HEADLESS_SERVICE, "v1", "services", "headless service", multi_host, rc_headless_service, drift_service, true,
     true, false, false, "CreatedService", "FailedToCreateService", "UpdatedService", "FailedToUpdateService"},
    {KIND_SERVE_SERVICE, "v1", "services", "serve service", serve_wanted, rc_serve_service, drift_service, true, true,
     false, false, NULL, "FailedToCreateService", NULL, "FailedToUpdateService"},
    {KIND_CLAIM, "v1", "persistentvolumeclaims", "volume claim", claim_wanted, rc_claim, drift_claim, false, false,
     true, true, "CreatedPVC", "FailedToCreatePVC", NULL, "FailedToCreatePVC"},
};
enum { RULES = RV_ARRAY_LEN(rules) };
_Static_assert(RULES + RC_SCHEDULER_OBJECTS <= MEMO_RULES, "the memo has room for every rule");

static const struct rc_gang *gang_of(const struct rc_cluster *c, size_t rule) {
    const struct rc_scheduler *s = rc_scheduler_of(c);
    bool any = s != NULL && rule >= RULES && rule - RULES < RC_SCHEDULER_OBJECTS;
    return any && s->gangs[rule - RULES].api_version != NULL ? &s->gangs[rule - RULES] : NULL;
}

/* Under which kind of the manifest the mirror has a scheduler's object. */
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

/* The scheduler's objects are rules too, made on the fly. Somebody else's group of that name is as good, unless it
 * would have to be made anew. */
static bool gang_rule(const struct rc_cluster *c, size_t i, struct rule *ret) {
    const struct rc_gang *g = gang_of(c, i);
    if (g == NULL) return false;
    *ret = (struct rule){.kind = gang_kind(g),
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

static bool rule_at(const struct rc_cluster *c, size_t i, struct rule *ret) {
    if (i >= RULES) return gang_rule(c, i, ret);
    *ret = rules[i];
    return true;
}

/* ---- looking
 * ------------------------------------------------------------------------------------------------------------ */

enum whose {
    WHOSE_NONE, /* not there */
    WHOSE_OURS,
    WHOSE_FREE,   /* nobody controls it */
    WHOSE_LATE,   /* of a cluster of this name that is gone: it is collected any moment */
    WHOSE_FOREIGN /* somebody else's */
};

static enum whose whose(const struct pass *p, struct rv_val object) {
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false)) continue;
        if (rv_str_eq(rv_path_str(it.val, "uid"), p->c->uid)) return WHOSE_OURS;
        bool namesake =
            rv_str_is(rv_path_str(it.val, "kind"), "RayCluster") && rv_str_eq(rv_path_str(it.val, "name"), p->c->name);
        return namesake ? WHOSE_LATE : WHOSE_FOREIGN;
    }
    return WHOSE_FREE;
}

static bool take_first(void *arg, const struct rv_object *o) {
    rv_object_copy(arg, o);
    return false;
}

static enum whose look(struct pass *p, const struct rule *r, struct rv_node *want, struct rv_object *ret) {
    if (r->by_owner || want == NULL) {
        struct rv_query q = {.size = sizeof q, .kind = r->kind, .ns = p->c->ns, .owner_uid = p->c->uid};
        if (p->api->list(p->host, &q, take_first, ret) > 0) return WHOSE_OURS;
    }
    if (want == NULL) return WHOSE_NONE;
    struct rv_str name = rv_node_text(rv_node_path(want, "metadata.name"));
    if (p->api->get(p->host, r->kind, p->c->ns, name, ret) != 0) return WHOSE_NONE;
    return whose(p, ret->value);
}

/* ---- keeping one as wanted
 * ---------------------------------------------------------------------------------------------- */

static uint64_t tag_of(size_t rule, enum sub_op op) { return TAG_SUB + rule * OP_N + op; }

static bool bit(uint32_t bits, size_t i) { return (bits >> i & 1) != 0; }

static void set_bit(uint32_t *bits, size_t i, bool on) {
    uint32_t one = UINT32_C(1) << i;
    *bits = on ? *bits | one : *bits & ~one;
}

/* Somebody else's object has the name of the rule's. */
static void set_foreign(struct memo *m, size_t i, bool on) {
    set_bit(&m->foreign, i, on);
    if (!on) set_bit(&m->foreign_seen, i, false);
    if (m->foreign == 0) m->foreign_tries = 0;
}

static uint64_t hash_of(struct pass *p, struct rv_node *n) { return rv_val_hash(rv_node_freeze(p->arena, n)).lo; }

static void hold(struct pass *p, struct rv_str why) {
    if (p->hold.n == 0) p->hold = why;
}

/* ---- groups that cannot be changed ----------------------------------------------------------------------------------
 */

static bool gang_fixed(const struct rc_cluster *c, size_t rule) {
    const struct rc_gang *g = gang_of(c, rule);
    return g != NULL && g->immutable;
}

static bool gang_there(struct pass *p, size_t rule) {
    struct rule r;
    struct rv_object have = {.size = sizeof have};
    return gang_rule(p->c, rule, &r) && look(p, &r, NULL, &have) == WHOSE_OURS;
}

/* As it should be, to be referred to. */
static bool gang_done(struct pass *p, size_t rule) {
    struct rule r;
    struct rv_object have = {.size = sizeof have};
    return gang_rule(p->c, rule, &r) && look(p, &r, NULL, &have) == WHOSE_OURS && !rv_meta_deleting(have.value) &&
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
    struct rv_object have = {.size = sizeof have};
    set_foreign(p->memo, i, false);
    if (!r->remove || look(p, r, NULL, &have) != WHOSE_OURS) {
        pass_trouble_over(p, i);
        return;
    }
    if (p->sub_retry) return;
    if (gang_fixed(p->c, i)) {
        gang_delete(p, r, i, &have);
        return;
    }
    if (rv_meta_deleting(have.value)) return;
    pass_explain(p, "deleting the %s " RV_STR_FMT ": no longer asked for", r->what, RV_STR_ARG(have.name));
    pass_delete(p, r->api_version, r->resource, have.name, have.uid, tag_of(i, OP_DELETE));
}

/* Tried again, less and less often: its owner may mean to keep it. */
static void wait_for_name(struct pass *p) {
    struct memo *m = p->memo;
    int64_t seconds = INT64_C(1) << (m->foreign_tries < 8 ? m->foreign_tries : 8), now = p->api->now(p->host);
    if (seconds > FOREIGN_WAIT_MAX_S) seconds = FOREIGN_WAIT_MAX_S;
    if (m->foreign_after > now) return; /* another name of this pass */
    m->foreign_tries++;
    m->foreign_after = now + seconds * INT64_C(1000000000);
}

/* Somebody else's object has the name. */
static void taken(struct pass *p, const struct rule *r, size_t i, struct rv_node *want, bool seen) {
    struct rv_str name = rv_node_text(rv_node_path(want, "metadata.name"));
    struct rv_str text = rv_arena_fmt(p->arena,
                                      "%s " RV_STR_FMT "/" RV_STR_FMT
                                      " already exists and is not owned by this RayCluster; not modifying it: rename "
                                      "or delete it",
                                      r->what, RV_STR_ARG(p->c->ns), RV_STR_ARG(name));
    pass_explain(p, RV_STR_FMT, RV_STR_ARG(text));
    if (seen && !bit(p->memo->foreign, i)) pass_event(p, true, r->create_failed, "Create", text);
    if (seen) set_bit(&p->memo->foreign, i, true);
    if (seen) wait_for_name(p);
    set_bit(&p->memo->foreign_seen, i, seen);
    if (p->memo->foreign_after > p->api->now(p->host)) pass_wake(p, p->memo->foreign_after);
    pass_trouble(p, i, r->create_failed, text);
    if (r->needed) hold(p, text);
}

/* What was made and is not seen lost the labels by which it is: they are put back. More slowly each time. */
static void relabel(struct pass *p, const struct rule *r, size_t i, struct rv_node *want) {
    struct rv_node *body = rv_node_map(p->arena), *meta = rv_node_get(want, "metadata");
    pass_explain(p, "putting the labels of the %s back", r->what);
    rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels", rv_node_get(meta, "labels"));
    set_bit(&p->memo->unseen, i, false);
    pass_patch(p, r->api_version, r->resource, rv_node_text(rv_node_get(meta, "name")), (struct rv_str){NULL, 0}, body,
               tag_of(i, OP_UPDATE));
    p->sub_retry = true;
}

static void missing(struct pass *p, const struct rule *r, size_t i, struct rv_node *want) {
    struct memo *m = p->memo;
    if (bit(m->foreign_seen, i)) set_foreign(m, i, false); /* it went */
    bool foreign = bit(m->foreign, i);
    if (foreign && !r->shared) taken(p, r, i, want, false);
    if (foreign && r->shared) pass_trouble_over(p, i);
    if (foreign && p->api->now(p->host) < m->foreign_after) {
        pass_wake(p, m->foreign_after);
        return;
    }
    if (!foreign && r->kind == KIND_ACCOUNT) hold(p, RV_STR("the autoscaler's service account does not exist yet"));
    if (i >= RULES && rv_path_bool(p->c->spec, "suspend", false)) return; /* it would wait for pods, in others' way */
    if (!foreign && i >= RULES) hold(p, RV_STR("the scheduling group is being created"));
    if (p->sub_retry || (i > RULES && !gang_done(p, i - 1))) return;
    if (bit(m->unseen, i)) {
        relabel(p, r, i, want);
        return;
    }
    pass_explain(p, "creating the %s", r->what);
    pass_create(p, r->api_version, r->resource, want, tag_of(i, OP_CREATE));
}

/* The last patch of this very content left the object as it is now: another would do no more. */
static bool futile(struct pass *p, const struct rule *r, size_t i, const struct rv_object *have, uint64_t patch) {
    struct memo_patch *last = &p->memo->patches[i];
    if (last->patch != patch || last->version == 0 ||
        last->version != hash_of(p, rv_node_str(p->arena, have->resource_version))) {
        last->patch = patch;
        last->version = 0;
        return false;
    }
    pass_explain(p, "the %s " RV_STR_FMT " does not become what was asked for: something changes it back", r->what,
                 RV_STR_ARG(have->name));
    return true;
}

static void present(struct pass *p, const struct rule *r, size_t i, struct rv_node *want,
                    const struct rv_object *have) {
    bool deleting = rv_meta_deleting(have->value), gang = i >= RULES, fixed = gang_fixed(p->c, i);
    if (deleting && gang) hold(p, RV_STR("the scheduling group is being deleted"));
    bool looked_at = r->drift != NULL && (!deleting || fixed);
    struct rv_node *patch = looked_at ? r->drift(p, have->value, want) : NULL;
    bool again =
        looked_at && r->drift == drift_service && drift_readdress(p, have->value, want); /* it cannot be changed */
    bool going =
        deleting && fixed; /* whoever asked for it: it is made again, and pods must not wait for others to go */
    if (!again && !going && (patch == NULL || (!fixed && futile(p, r, i, have, hash_of(p, patch))))) {
        pass_trouble_over(p, i);
        return;
    }
    if (gang) hold(p, RV_STR("the scheduling group is being brought to the cluster's size"));
    if (p->sub_retry) return;
    if (fixed) {
        gang_delete(p, r, i, have);
    } else if (again) {
        pass_explain(p, "the %s has no address and needs one: making it again", r->what);
        pass_delete(p, r->api_version, r->resource, have->name, have->uid, tag_of(i, OP_DELETE));
    } else {
        pass_explain(p, "updating the %s " RV_STR_FMT, r->what, RV_STR_ARG(have->name));
        pass_patch(p, r->api_version, r->resource, have->name, have->uid, patch, tag_of(i, OP_UPDATE));
    }
}

/* One that goes: pods that were made now would get hold of it, or of nothing. */
static void waits_for_end(struct pass *p, const struct rule *r, const struct rv_object *have) {
    struct rv_str text =
        rv_arena_fmt(p->arena, "waiting for the old %s " RV_STR_FMT " to be gone", r->what, RV_STR_ARG(have->name));
    pass_explain(p, RV_STR_FMT, RV_STR_ARG(text));
    if (r->needed && see_head(p) == NULL) hold(p, text);
}

/* ---- a head service of another name
 * --------------------------------------------------------------------------------------- */

struct retiring {
    struct pass *p;
    size_t rule;
    struct rv_str name, oldest; /* of the service that is wanted; when the first pod was made */
    bool found;
};

static bool find_new(void *arg, const struct rv_object *o) {
    struct retiring *k = arg;
    if (rv_str_eq(o->name, k->name)) k->found = !rv_meta_deleting(o->value);
    if (!k->found || !rv_str_eq(o->name, k->name)) return true;
    for (size_t i = 0; i < k->p->pod_n; i++)
        if (rv_str_cmp(k->p->pods[i].created, rv_path_str(o->value, "metadata.creationTimestamp")) <= 0)
            k->oldest = k->p->pods[i].created;
    return true;
}

static bool retire(void *arg, const struct rv_object *o) {
    struct retiring *k = arg;
    struct rv_str type = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE));
    if (!rv_str_is(type, "head") || rv_str_eq(o->name, k->name) || rv_meta_deleting(o->value)) return true;
    if (k->oldest.n != 0) {
        pass_explain(k->p, "the old head service " RV_STR_FMT " stays while pods know it by its name",
                     RV_STR_ARG(o->name));
        return true;
    }
    pass_explain(k->p, "deleting the old head service " RV_STR_FMT, RV_STR_ARG(o->name));
    pass_delete(k->p, "v1", "services", o->name, o->uid, tag_of(k->rule, OP_DELETE));
    return true;
}

/* Its name was changed in the spec. The old one goes when no pod is left that was made before the new one was, as far
 * as seconds tell. */
static void old_head_services(struct pass *p, size_t rule) {
    struct retiring k = {.p = p, .rule = rule, .name = rc_head_service_name(p->arena, p->c)};
    struct rv_query q = {.size = sizeof q, .kind = KIND_SERVICE, .ns = p->c->ns, .owner_uid = p->c->uid};
    if (p->sub_retry || p->api->list(p->host, &q, find_new, &k) < 2 || !k.found) return;
    p->api->list(p->host, &q, retire, &k);
}

/* ---- each row
 * --------------------------------------------------------------------------------------------------------- */

static void keep(struct pass *p, const struct rule *r, size_t i) {
    struct rv_object have = {.size = sizeof have};
    if (!r->wanted(p->c)) {
        not_wanted(p, r, i);
        return;
    }
    struct rv_node *want = r->build(p->arena, p->c);
    if (i < RULES) drift_record(p->arena, want);
    enum whose who = look(p, r, want, &have);
    if (who != WHOSE_NONE) set_bit(&p->memo->unseen, i, false);
    if (who == WHOSE_NONE) {
        missing(p, r, i, want);
    } else if (who == WHOSE_LATE || (who != WHOSE_FOREIGN && r->kind == KIND_CLAIM && rv_meta_deleting(have.value))) {
        set_foreign(p->memo, i, false);
        waits_for_end(p, r, &have);
    } else if (who == WHOSE_OURS || (who == WHOSE_FREE && r->kind == KIND_CLAIM)) {
        set_foreign(p->memo, i, false);
        present(p, r, i, want, &have);
        if (r->kind == KIND_SERVICE) old_head_services(p, i);
    } else if (!r->shared || r->kind == KIND_CLAIM) {
        taken(p, r, i, want, true);
    } else {
        pass_trouble_over(p, i);
    }
}

/* ---- what the user must bring
 * --------------------------------------------------------------------------------------------- */

/* Looked up only when a head is about to be made: afterwards the pod itself tells. */
static void user_account(struct pass *p) {
    if (!p->c->f.autoscaling || rc_user_account(p->c).n == 0 || see_head(p) != NULL) return;
    if (p->memo->account_known == p->c->generation) return;
    if (p->hold.n == 0 && !p->sub_retry)
        pass_get(p, "v1", "serviceaccounts", rc_name_service_account(p->arena, p->c), TAG_ACCOUNT_LOOKUP);
    hold(p,
         rv_arena_fmt(p->arena, "the service account " RV_STR_FMT " is looked up", RV_STR_ARG(rc_user_account(p->c))));
}

static void user_claim(struct pass *p) {
    struct rv_str name = rv_path_str(p->c->f.ft_options, "storage.claimName");
    if (!p->c->f.ft_rocksdb || name.n == 0 || see_head(p) != NULL || p->memo->claim_said == p->c->generation) return;
    if (p->sub_retry) return;
    p->memo->claim_said = p->c->generation;
    pass_get(p, "v1", "persistentvolumeclaims", name, TAG_CLAIM_LOOKUP);
}

static void serve_impossible(struct pass *p) {
    if (!rv_str_is(rc_annotation(p->c, RC_ANNOTATION_SERVE_SERVICE), "true") || rc_serve_service_possible(p->c)) {
        p->memo->serve_said = 0;
        return;
    }
    struct rv_str why =
        RV_STR("Please specify a port named 'serve' (or 'serve-...') on the head's first container: the "
               "serve service needs one");
    if (p->memo->serve_said != p->c->generation) pass_event(p, true, "FailedToCreateService", "Create", why);
    p->memo->serve_said = p->c->generation;
    pass_explain(p, "no serve service: " RV_STR_FMT, RV_STR_ARG(why));
}

/* ---- what other plugins make
 * ------------------------------------------------------------------------------------------- */

/* Once it has been issued, pods may be made: while it is issued again the one before serves those that are there, and
 * new ones wait for their address in an init container. */
static void certificate(struct pass *p, const char *which) {
    struct rv_object o = {.size = sizeof o};
    struct rv_str name = rv_arena_fmt(p->arena, "ray-%s-cert-" RV_STR_FMT, which, RV_STR_ARG(p->c->name));
    if (p->api->get(p->host, KIND_CERTIFICATE, p->c->ns, name, &o) != 0 || whose(p, o.value) != WHOSE_OURS) {
        hold(p, rv_arena_fmt(p->arena,
                             "mTLS secrets not ready: this cluster has no Certificate " RV_STR_FMT
                             " yet; the plugin mtls makes it (is it switched on, and cert-manager installed?)",
                             RV_STR_ARG(name)));
        return;
    }
    struct rv_val ready = rv_condition_find(rv_val_path(o.value, "status.conditions"), "Ready");
    bool current = rv_str_is(rv_path_str(ready, "status"), "True") &&
                   rv_path_int(ready, "observedGeneration", 0) == rv_path_int(o.value, "metadata.generation", 0);
    if (!current && rv_path_str(o.value, "status.notAfter").n == 0)
        hold(p, rv_arena_fmt(p->arena,
                             "mTLS secrets not ready: cert-manager has not issued the Certificate " RV_STR_FMT " yet",
                             RV_STR_ARG(name)));
}

/* Pods without their certificates would only wait; making them first would also change the addresses on it. */
static void certificates(struct pass *p) {
    if (!p->c->f.tls) return;
    certificate(p, "head");
    certificate(p, "worker");
}

static void policy(struct pass *p, struct rv_str group) {
    struct rv_object o = {.size = sizeof o};
    struct rv_str name = rc_name_policy(p->arena, p->c->name, group);
    if (p->api->get(p->host, KIND_NETWORK_POLICY, p->c->ns, name, &o) == 0 && whose(p, o.value) == WHOSE_OURS) return;
    hold(p, rv_arena_fmt(p->arena,
                         "this cluster has no NetworkPolicy " RV_STR_FMT
                         " yet; the plugin networkpolicy makes it (is it switched on?)",
                         RV_STR_ARG(name)));
}

/* Nobody believes to be isolated who is not: no pod is made before the policies that isolate it. */
static void network_policies(struct pass *p) {
    if (!rv_val_set(rv_val_get(p->c->spec, "networkPolicy"))) return;
    policy(p, (struct rv_str){NULL, 0});
    for (struct rv_iter it = rv_iter(rc_groups(p->c)); rv_iter_next(&it);) policy(p, rv_path_str(it.val, "groupName"));
}

/* Also after a failure, when nothing is asked for: what holds the pods back must hold them in every pass. */
void sub_reconcile(struct pass *p) {
    struct rule r;
    size_t i;
    for (i = 0; rule_at(p->c, i, &r); i++) keep(p, &r, i);
    for (; i < MEMO_RULES; i++) pass_trouble_over(p, i);
    user_account(p);
    user_claim(p);
    serve_impossible(p);
    certificates(p);
    network_policies(p);
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

static void tell(struct pass *p, const struct rule *r, size_t i, enum sub_op op, const struct rv_result *res) {
    static const char *const did[] = {"Created", "Updated", "Deleted"}, *const doing[] = {"create", "update", "delete"};
    const char *const good[] = {r->created, r->updated, NULL}, *const bad[] = {r->create_failed, r->update_failed,
                                                                               r->create_failed};
    struct rv_str why = res->message.n != 0 ? res->message : rv_str(rv_error_text(res->code));
    if (res->code == 0 && good[op] != NULL)
        pass_event(p, false, good[op], action_of(op),
                   rv_arena_fmt(p->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT, did[op], r->what, RV_STR_ARG(p->c->ns),
                                RV_STR_ARG(res->name)));
    if (res->code == 0) return;
    const char *reason = bad[op] != NULL ? bad[op] : r->create_failed;
    struct rv_str text = rv_arena_fmt(p->arena, "Failed to %s the %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                                      doing[op], r->what, RV_STR_ARG(p->c->ns), RV_STR_ARG(res->name), RV_STR_ARG(why));
    pass_event(p, true, reason, action_of(op), text);
    pass_trouble(p, i, reason, text);
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
    struct memo *m = p->memo;
    bool exists = res->code == RV_E_EXISTS && op == OP_CREATE, said = bit(m->foreign, i);
    if (res->code == 0) pass_trouble_over(p, i);
    if (res->code == 0 && op == OP_UPDATE)
        m->patches[i].version = hash_of(p, rv_node_str(p->arena, res->resource_version));
    if (op == OP_CREATE && (exists || res->code == 0)) set_foreign(m, i, exists);
    if (op == OP_CREATE) set_bit(&m->unseen, i, res->code == 0);
    if (exists) wait_for_name(p);
    if (exists && (r.shared || said)) return;
    bool stale = op != OP_CREATE && (res->code == RV_E_NOT_FOUND || res->code == RV_E_CONFLICT);
    if (!stale) tell(p, &r, i, op, res);
    /* What was out of date is seen anew in a moment: not before then. */
    if (res->code == 0 || exists || (stale && (op == OP_DELETE || i >= RULES))) return;
    p->sub_retry = true;
    if (i >= RULES) hold(p, RV_STR("the scheduling group could not be made"));
}
