/* owned_objects.c - keeps the objects of owned_rules.c. An object that is wanted and missing is created. One that is
 * ours and differs is patched. One that is ours and no longer wanted is deleted, if that does no harm.
 *
 * A failure is remembered until it is over, and the condition shows it. Pods are not created if they need the object,
 * or if they would use an object of another owner. */
#include "owned_objects.h"

#include "claim_drift.h"
#include "owned_rules.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/ownership.h"
#include "plugins/ray/service_limits.h"
#include "pod_actions.h"

enum { FOREIGN_WAIT_MAX_S = 256 };
enum owned_op { OP_CREATE, OP_UPDATE, OP_DELETE, OP_N };

/* ---- looking */

static enum rc_ownership find(struct cluster_pass *p, const struct owned_rule *r, struct rv_node *want,
                              struct rv_object *ret) {
    if ((r->by_owner || want == NULL) && ctx_find_owned(&p->ctx, r->kind, p->c->uid, ret)) return RC_OWNER_US;
    if (want == NULL) return RC_OWNER_NO_OBJECT;
    if (!ctx_get(&p->ctx, r->kind, rv_node_text(rv_node_path(want, "metadata.name")), ret)) return RC_OWNER_NO_OBJECT;
    return rc_ownership(ret->value, "RayCluster", p->c->name, p->c->uid);
}

/* ---- keeping one as wanted */

static uint64_t tag_of(size_t rule, enum owned_op op) { return TAG_OWNED_OBJECT + rule * OP_N + op; }

static bool bit(uint32_t bits, size_t i) { return (bits >> i & 1) != 0; }

static void set_bit(uint32_t *bits, size_t i, bool on) {
    uint32_t one = UINT32_C(1) << i;
    *bits = on ? *bits | one : *bits & ~one;
}

/* Another owner's object has the name of the rule's object. */
static void set_foreign(struct cluster_memo *m, size_t i, bool on) {
    set_bit(&m->owned.foreign, i, on);
    if (!on) set_bit(&m->owned.foreign_seen, i, false);
    if (m->owned.foreign == 0) m->owned.foreign_wait.tries = 0;
}

void hold_pods(struct cluster_pass *p, struct rv_str why) {
    if (p->hold.n == 0) p->hold = why;
}

/* ---- groups that cannot be changed ----------------------------------------------------------------------------------
 */

static bool gang_rule_at(struct cluster_pass *p, size_t rule, struct owned_rule *ret) {
    return owned_rule_is_gang(rule) && owned_rule_at(p->c, rule, ret);
}

static bool gang_there(struct cluster_pass *p, size_t rule) {
    struct owned_rule r;
    struct rv_object have = {.size = sizeof have};
    return gang_rule_at(p, rule, &r) && find(p, &r, NULL, &have) == RC_OWNER_US;
}

/* True if the object is as wanted, so that the next object can refer to it. */
static bool gang_done(struct cluster_pass *p, size_t rule) {
    struct owned_rule r;
    struct rv_object have = {.size = sizeof have};
    return gang_rule_at(p, rule, &r) && find(p, &r, NULL, &have) == RC_OWNER_US && !rv_meta_deleting(have.value) &&
           r.drift(p->arena, have.value, r.build(p->arena, p->c)) == NULL;
}

static void remove_group_finalizer(struct cluster_pass *p, const struct owned_rule *r, size_t i,
                                   const struct rv_object *have) {
    struct rv_val meta = rv_val_get(have->value, "metadata");
    struct rv_node *body = rv_node_map(p->arena);
    if (!rv_meta_has_finalizer(meta, RC_FINALIZER_GROUP)) return;
    rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "finalizers",
                rv_meta_finalizers_without(p->arena, meta, RC_FINALIZER_GROUP));
    ctx_patch(&p->ctx, r->api_version, r->resource, have->name, have->uid, body, tag_of(i, OP_UPDATE));
}

/* Deletes in steps, one in each pass: first the object that refers to this one, then this one, then its finalizer.
 * Kubernetes keeps a pod group by that finalizer as long as its pods exist, but here the pods stay. */
static void gang_delete(struct cluster_pass *p, const struct owned_rule *r, size_t i, const struct rv_object *have) {
    if (gang_there(p, i + 1)) return;
    ctx_explain(&p->ctx, "deleting the %s " RV_STR_FMT, r->what, RV_STR_ARG(have->name));
    if (rv_meta_deleting(have->value))
        remove_group_finalizer(p, r, i, have);
    else
        ctx_delete(&p->ctx, r->api_version, r->resource, have->name, have->uid, tag_of(i, OP_DELETE));
}

/* ---- one that is not wanted, missing, there -------------------------------------------------------------------------
 */

/* Hosts of one replica find each other by their names in the headless service, whatever the spec says by now. */
static bool pods_need(const struct cluster_pass *p, const struct owned_rule *r) {
    if (r->kind != KIND_HEADLESS_SERVICE) return false;
    for (size_t i = 0; i < p->pod_n; i++)
        if (p->pods[i].replica.n != 0 && p->pods[i].host >= 0 && !p->pods[i].deleting) return true;
    return false;
}

static void keep_unwanted(struct cluster_pass *p, const struct owned_rule *r, size_t i) {
    struct rv_object have = {.size = sizeof have};
    set_foreign(p->memo, i, false);
    if (!r->remove || pods_need(p, r) || find(p, r, NULL, &have) != RC_OWNER_US) {
        problem_ends(p->memo, i);
        return;
    }
    if (p->owned_retry) return;
    if (owned_rule_is_fixed(p->c, i)) {
        gang_delete(p, r, i, &have);
        return;
    }
    if (rv_meta_deleting(have.value)) return;
    ctx_explain(&p->ctx, "deleting the %s " RV_STR_FMT ": no longer asked for", r->what, RV_STR_ARG(have.name));
    ctx_delete(&p->ctx, r->api_version, r->resource, have.name, have.uid, tag_of(i, OP_DELETE));
}

/* The name is tried again at growing intervals, because its owner may want to keep it. */
static void back_off_from_name(struct cluster_pass *p) {
    int64_t now = ctx_now(&p->ctx);
    if (rc_backoff_waits(&p->memo->owned.foreign_wait, now)) return; /* another name was already tried in this pass */
    rc_backoff_failed(&p->memo->owned.foreign_wait, now, FOREIGN_WAIT_MAX_S);
}

/* A cluster that runs with somebody else's token goes on. */
static bool keeps_pods(struct cluster_pass *p, const struct owned_rule *r) {
    return r->kind == KIND_SECRET && observed_head(p) != NULL;
}

/* Another owner's object has the name. */
static void report_taken_name(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want,
                              bool seen) {
    struct rv_str name = rv_node_text(rv_node_path(want, "metadata.name"));
    struct rv_str text = rv_arena_fmt(
        p->arena,
        "%s " RV_STR_FMT "/" RV_STR_FMT " already exists and is not owned by this RayCluster; not modifying it: rename "
        "or delete it%s",
        r->what, RV_STR_ARG(p->c->ns), RV_STR_ARG(name), r->or_else != NULL ? r->or_else : "");
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
    if (seen && !bit(p->memo->owned.foreign, i)) ctx_event(&p->ctx, true, r->create_failed, "Create", text);
    if (seen) set_bit(&p->memo->owned.foreign, i, true);
    if (seen) back_off_from_name(p);
    set_bit(&p->memo->owned.foreign_seen, i, seen);
    if (p->memo->owned.foreign_wait.after > ctx_now(&p->ctx)) ctx_wake(&p->ctx, p->memo->owned.foreign_wait.after);
    problem_begins(p->memo, i, r->create_failed, text);
    if (r->needed && !keeps_pods(p, r)) hold_pods(p, text);
}

/* The object was created but the mirror does not have it, so it has lost the labels that select it. They are
 * restored. */
static void relabel(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want) {
    struct rv_node *body = rv_node_map(p->arena), *meta = rv_node_get(want, "metadata");
    ctx_explain(&p->ctx, "putting the labels of the %s back", r->what);
    rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels", rv_node_get(meta, "labels"));
    set_bit(&p->memo->owned.unseen, i, false);
    ctx_patch(&p->ctx, r->api_version, r->resource, rv_node_text(rv_node_get(meta, "name")), (struct rv_str){NULL, 0},
              body, tag_of(i, OP_UPDATE));
    p->owned_retry = true;
}

static void keep_missing(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want) {
    struct cluster_memo *m = p->memo;
    if (bit(m->owned.foreign_seen, i)) set_foreign(m, i, false); /* the other object is gone */
    bool foreign = bit(m->owned.foreign, i);
    if (foreign && !r->shared) report_taken_name(p, r, i, want, false);
    if (foreign && r->shared) problem_ends(p->memo, i);
    if (foreign && ctx_now(&p->ctx) < m->owned.foreign_wait.after) {
        ctx_wake(&p->ctx, m->owned.foreign_wait.after);
        return;
    }
    if (!foreign && r->kind == KIND_ACCOUNT)
        hold_pods(p, RV_STR("the autoscaler's service account does not exist yet"));
    if (!foreign && r->kind == KIND_SECRET && !keeps_pods(p, r))
        hold_pods(p, RV_STR("the token secret does not exist yet"));
    /* It would wait for pods, and others would wait for it. */
    if (owned_rule_is_gang(i) && rv_path_bool(p->c->spec, "suspend", false)) return;
    if (!foreign && owned_rule_is_gang(i)) hold_pods(p, RV_STR("the scheduling group is being created"));
    if (p->owned_retry || (owned_rule_is_gang(i) && !owned_rule_is_first_gang(i) && !gang_done(p, i - 1))) return;
    if (bit(m->owned.unseen, i)) {
        relabel(p, r, i, want);
        return;
    }
    ctx_explain(&p->ctx, "creating the %s", r->what);
    ctx_create(&p->ctx, r->api_version, r->resource, want, tag_of(i, OP_CREATE));
}

/* The same patch did not help before, because something else changes the object back. */
static bool is_futile(struct cluster_pass *p, const struct owned_rule *r, size_t i, const struct rv_object *have,
                      struct rv_node *patch) {
    if (!rc_patch_is_futile(&p->memo->owned.patches[i], p->arena, patch, have->resource_version)) return false;
    ctx_explain(&p->ctx, "the %s " RV_STR_FMT " does not become what was asked for: something changes it back", r->what,
                RV_STR_ARG(have->name));
    return true;
}

static struct rv_node *drift_of(struct cluster_pass *p, const struct owned_rule *r, struct rv_val have,
                                struct rv_node *want) {
    if (r->kind == KIND_CLAIM) return claim_drift(p, have, want);
    return r->drift != NULL ? r->drift(p->arena, have, want) : NULL;
}

/* Its address cannot be changed. */
static bool needs_replacing(struct cluster_pass *p, const struct owned_rule *r, struct rv_val have,
                            struct rv_node *want) {
    return r->drift == rc_drift_service &&
           rc_service_needs_replacing(have, want, rv_path_str(p->c->spec, "headGroupSpec.headService.spec.clusterIP"));
}

static void keep_present(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want,
                         const struct rv_object *have) {
    bool deleting = rv_meta_deleting(have->value), gang = owned_rule_is_gang(i), fixed = owned_rule_is_fixed(p->c, i);
    if (deleting && gang) hold_pods(p, RV_STR("the scheduling group is being deleted"));
    bool compared = !deleting || fixed;
    struct rv_node *patch = compared ? drift_of(p, r, have->value, want) : NULL;
    bool again = compared && needs_replacing(p, r, have->value, want);
    bool going = deleting && fixed; /* it will be created again, whoever deleted it, and pods must not wait for it */
    if (!again && !going && (patch == NULL || (!fixed && is_futile(p, r, i, have, patch)))) {
        problem_ends(p->memo, i);
        return;
    }
    if (gang) hold_pods(p, RV_STR("the scheduling group is being brought to the cluster's size"));
    if (p->owned_retry) return;
    if (fixed) {
        gang_delete(p, r, i, have);
    } else if (again) {
        ctx_explain(&p->ctx, "the %s has no address and needs one: making it again", r->what);
        ctx_delete(&p->ctx, r->api_version, r->resource, have->name, have->uid, tag_of(i, OP_DELETE));
    } else {
        ctx_explain(&p->ctx, "updating the %s " RV_STR_FMT, r->what, RV_STR_ARG(have->name));
        ctx_patch(&p->ctx, r->api_version, r->resource, have->name, have->uid, patch, tag_of(i, OP_UPDATE));
    }
}

/* The old object is being deleted. Pods that were created now would use it, or find nothing. */
static void wait_for_end(struct cluster_pass *p, const struct owned_rule *r, const struct rv_object *have) {
    struct rv_str text =
        rv_arena_fmt(p->arena, "waiting for the old %s " RV_STR_FMT " to be gone", r->what, RV_STR_ARG(have->name));
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
    if (r->needed && observed_head(p) == NULL) hold_pods(p, text);
}

/* ---- a head service of another name */

struct retiring {
    struct cluster_pass *p;
    size_t rule;
    /* `name` is the wanted service's. `oldest` is when the first pod was created. */
    struct rv_str name, oldest;
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
        ctx_explain(&k->p->ctx, "the old head service " RV_STR_FMT " stays while pods know it by its name",
                    RV_STR_ARG(o->name));
        return true;
    }
    ctx_explain(&k->p->ctx, "deleting the old head service " RV_STR_FMT, RV_STR_ARG(o->name));
    ctx_delete(&k->p->ctx, "v1", "services", o->name, o->uid, tag_of(k->rule, OP_DELETE));
    return true;
}

/* The service was renamed in the spec. The old one is deleted when no pod is older than the new one, as far as
 * timestamps in seconds show. */
static void old_head_services(struct cluster_pass *p, size_t rule) {
    struct retiring k = {.p = p, .rule = rule, .name = rc_head_service_name(p->arena, p->c)};
    if (p->owned_retry || ctx_list_owned(&p->ctx, KIND_SERVICE, p->c->uid, find_new, &k) < 2 || !k.found) return;
    ctx_list_owned(&p->ctx, KIND_SERVICE, p->c->uid, retire, &k);
}

/* ---- whose role is bound

 * A binding gives its account whatever the role of that name allows. The rule of that role counts here, so that the
 * role is ours: a user who may only make RayClusters could otherwise get any role of his namespace by its name. */

static bool find_rule(struct cluster_pass *p, unsigned kind, struct owned_rule *ret, size_t *ret_i) {
    for (*ret_i = 0; owned_rule_at(p->c, *ret_i, ret); ++*ret_i)
        if (ret->kind == kind) return true;
    return false;
}

/* RC_OWNER_NO_OBJECT: it is being made. */
static enum rc_ownership used_owner(struct cluster_pass *p, unsigned kind) {
    struct owned_rule r;
    struct rv_object have = {.size = sizeof have};
    size_t i;
    if (!find_rule(p, kind, &r, &i)) return RC_OWNER_NO_OBJECT;
    enum rc_ownership owner = find(p, &r, r.build(p->arena, p->c), &have);
    if (owner == RC_OWNER_NO_OBJECT && bit(p->memo->owned.foreign, i)) return RC_OWNER_OTHER;
    return owner == RC_OWNER_US && rv_meta_deleting(have.value) ? RC_OWNER_PREDECESSOR : owner;
}

static void report_foreign_role(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want) {
    struct rv_str text = rv_arena_fmt(
        p->arena,
        "the Role " RV_STR_FMT "/" RV_STR_FMT " already exists and is not controlled by this RayCluster, so it is not "
        "bound to the service account " RV_STR_FMT
        " and the autoscaler has no rights: delete or rename the Role, or give the RayCluster another name",
        RV_STR_ARG(p->c->ns), RV_STR_ARG(rv_node_text(rv_node_path(want, "roleRef.name"))),
        RV_STR_ARG(rv_node_text(rv_node_path(want, "subjects[0].name"))));
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
    if (!p->memo->owned.unbound) ctx_event(&p->ctx, true, r->create_failed, "Create", text);
    p->memo->owned.unbound = true;
    back_off_from_name(p);
    ctx_wake(&p->ctx, p->memo->owned.foreign_wait.after);
    problem_begins(p->memo, i, r->create_failed, text);
}

/* A binding that is there gives nothing without subjects. It gets them back when the role is ours. */
static void unbind(struct cluster_pass *p, const struct owned_rule *r, size_t i, const struct rv_object *have) {
    struct rv_node *body = rv_node_map(p->arena);
    if (p->owned_retry || rv_meta_deleting(have->value) || rv_val_len(rv_val_get(have->value, "subjects")) == 0) return;
    rv_node_set(p->arena, body, "subjects", rv_node_array(p->arena));
    ctx_patch(&p->ctx, r->api_version, r->resource, have->name, have->uid, body, tag_of(i, OP_UPDATE));
}

/* False: there must be no such binding now. */
static bool may_bind(struct cluster_pass *p, const struct owned_rule *r, size_t i, struct rv_node *want) {
    struct rv_object have = {.size = sizeof have};
    if (r->uses == KIND_CLUSTER) return true;
    enum rc_ownership role = used_owner(p, r->uses), binding = find(p, r, want, &have);
    bool foreign = role == RC_OWNER_OTHER || role == RC_OWNER_NOBODY;
    if (!foreign) p->memo->owned.unbound = false;
    if (role == RC_OWNER_US || binding == RC_OWNER_OTHER || binding == RC_OWNER_NOBODY) return true;
    if (!foreign) return false; /* it is made, or goes, in a moment */
    report_foreign_role(p, r, i, want);
    if (binding == RC_OWNER_US) unbind(p, r, i, &have);
    return false;
}

/* ---- a head service that its user may not have

 * The one that is there stays as it is, so that a running cluster loses nothing. */

static bool service_refused(struct cluster_pass *p, const struct owned_rule *r, size_t i) {
    rv_autobuf struct rv_buf why = {0};
    if (r->kind != KIND_SERVICE) return false;
    bool refused = rc_head_service_refused(p->c, &why), reported = p->memo->owned.service_refused;
    p->memo->owned.service_refused = refused;
    if (!refused) return false;
    struct rv_str text =
        rv_arena_fmt(p->arena, RV_STR_FMT ". The head service stays as it is", RV_STR_ARG(rv_buf_str(&why)));
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
    if (!reported) ctx_event(&p->ctx, true, "InvalidRayClusterSpec", "Validate", text);
    problem_begins(p->memo, i, "InvalidRayClusterSpec", text);
    return true;
}

/* ---- each row */

/* The serve Service of a RayService's cluster has the same name, and belongs to the RayService controller. */
static bool is_others(const struct cluster_pass *p, const struct owned_rule *r) {
    return r->kind == KIND_SERVE_SERVICE && rv_str_is(p->c->creator, "RayService");
}

/* A claim that a cluster of this name has left behind says so. */
static bool is_left_over(const struct cluster_pass *p, const struct rv_object *o) {
    return rv_str_eq(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_CLUSTER)), p->c->name);
}

static void keep_rule(struct cluster_pass *p, const struct owned_rule *r, size_t i) {
    struct rv_object have = {.size = sizeof have};
    if (is_others(p, r)) return;
    bool of_head = owned_rule_follows_head(r);
    const struct rc_cluster *c = of_head ? &p->runs : p->c;
    if (of_head && p->head_unseen) return; /* the mirror will have it in a moment */
    if (!r->wanted(c)) {
        keep_unwanted(p, r, i);
        return;
    }
    if (service_refused(p, r, i)) return;
    struct rv_node *want = r->build(p->arena, c);
    if (!owned_rule_is_gang(i)) rc_record_user_keys(p->arena, want);
    if (!may_bind(p, r, i, want)) return;
    enum rc_ownership owner = find(p, r, want, &have);
    if (owner != RC_OWNER_NO_OBJECT) set_bit(&p->memo->owned.unseen, i, false);
    if (owner == RC_OWNER_NO_OBJECT) {
        keep_missing(p, r, i, want);
    } else if (owner == RC_OWNER_PREDECESSOR ||
               (owner != RC_OWNER_OTHER && r->kind == KIND_CLAIM && rv_meta_deleting(have.value))) {
        set_foreign(p->memo, i, false);
        wait_for_end(p, r, &have);
        /* Kubernetes keeps the pod group of the previous cluster for a pod that may never disappear. */
        if (owned_rule_is_fixed(p->c, i) && rv_meta_deleting(have.value) && !p->owned_retry)
            remove_group_finalizer(p, r, i, &have);
    } else if (owner == RC_OWNER_US || (owner == RC_OWNER_NOBODY && r->kind == KIND_CLAIM && is_left_over(p, &have))) {
        set_foreign(p->memo, i, false);
        keep_present(p, r, i, want, &have);
        if (r->kind == KIND_SERVICE) old_head_services(p, i);
    } else if (!r->shared || r->kind == KIND_CLAIM) {
        report_taken_name(p, r, i, want, true);
    } else {
        problem_ends(p->memo, i);
    }
}

void owned_objects_reconcile(struct cluster_pass *p) {
    struct owned_rule r;
    size_t i;
    for (i = 0; owned_rule_at(p->c, i, &r); i++) keep_rule(p, &r, i);
    for (; i < MEMO_RULES; i++) problem_ends(p->memo, i);
    prerequisites_check(p);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static const char *action_of(enum owned_op op) {
    static const char *const actions[] = {"Create", "Update", "Delete"};
    return actions[op];
}

static void report_result(struct cluster_pass *p, const struct owned_rule *r, size_t i, enum owned_op op,
                          const struct rv_result *res) {
    static const char *const did[] = {"Created", "Updated", "Deleted"}, *const doing[] = {"create", "update", "delete"};
    const char *const good[] = {r->created, r->updated, NULL}, *const bad[] = {r->create_failed, r->update_failed,
                                                                               r->create_failed};
    struct rv_str why = rc_result_text(res);
    if (res->code == 0 && good[op] != NULL)
        ctx_event(&p->ctx, false, good[op], action_of(op),
                  rv_arena_fmt(p->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT, did[op], r->what, RV_STR_ARG(p->c->ns),
                               RV_STR_ARG(res->name)));
    if (res->code == 0) return;
    const char *reason = bad[op] != NULL ? bad[op] : r->create_failed;
    struct rv_str text = rv_arena_fmt(p->arena, "Failed to %s the %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                                      doing[op], r->what, RV_STR_ARG(p->c->ns), RV_STR_ARG(res->name), RV_STR_ARG(why));
    ctx_event(&p->ctx, true, reason, action_of(op), text);
    problem_begins(p->memo, i, reason, text);
}

void owned_objects_take_result(struct cluster_pass *p, const struct rv_result *res) {
    struct owned_rule r;
    if (res->tag < TAG_OWNED_OBJECT) {
        prerequisites_take_result(p, res);
        return;
    }
    size_t i = (res->tag - TAG_OWNED_OBJECT) / OP_N;
    enum owned_op op = (enum owned_op)((res->tag - TAG_OWNED_OBJECT) % OP_N);
    if (!owned_rule_at(p->c, i, &r)) return;
    struct cluster_memo *m = p->memo;
    bool exists = res->code == RV_E_EXISTS && op == OP_CREATE, said = bit(m->owned.foreign, i);
    if (res->code == 0) problem_ends(p->memo, i);
    if (res->code == 0 && op == OP_UPDATE) rc_patch_answered(&m->owned.patches[i], p->arena, res->resource_version);
    if (op == OP_CREATE && (exists || res->code == 0)) set_foreign(m, i, exists);
    if (op == OP_CREATE) set_bit(&m->owned.unseen, i, res->code == 0);
    if (exists) back_off_from_name(p);
    if (exists && (r.shared || said)) return;
    bool stale = op != OP_CREATE && (res->code == RV_E_NOT_FOUND || res->code == RV_E_CONFLICT);
    if (!stale) report_result(p, &r, i, op, res);
    /* If the object has changed, the mirror gets the newer one in a moment, and nothing is requested before. */
    if (res->code == 0 || exists || (stale && (op == OP_DELETE || owned_rule_is_gang(i)))) return;
    p->owned_retry = true;
    if (owned_rule_is_gang(i)) hold_pods(p, RV_STR("the scheduling group could not be made"));
}
