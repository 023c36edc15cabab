/* plugin.c - the NetworkPolicy controller: keeps the policies of policy.c as they should be, and deletes other policies
 * that the cluster controls.
 *
 * An edit counts when the plugin raycluster has accepted it, which the cluster's status shows. So a spec that is
 * refused does not reduce the isolation of any pod. The policy of a group that was removed is deleted after the last of
 * the group's pods. */
#include <stdlib.h>

#include "networkpolicy_kinds.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/fields.h"
#include "policy.h"

enum op { OP_CREATE, OP_UPDATE, OP_DELETE };
enum { RETRY_MS = 300000 };

struct policy_memo {
    bool namespace_ends; /* it takes nothing new, never again */
};

struct policy_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* the arena of ctx */
    const struct policy_cluster *c;
    struct rv_val *wanted; /* frozen policies */
    size_t wanted_n, changes;
    bool accepted; /* the plugin raycluster has accepted the spec, so existing policies may change */
    struct policy_memo *memo;
};

#define POLICIES "networking.k8s.io/v1", "networkpolicies"

/* ---- results ----------------------------------------------------------------------------------------------------- */

static void take_result(struct policy_pass *p, const struct rv_result *r) {
    static const struct {
        const char *did, *failed, *action, *past, *verb;
    } texts[] = {{"CreatedNetworkPolicy", "FailedToCreateNetworkPolicy", "Create", "Created", "create"},
                 {"UpdatedNetworkPolicy", "FailedToUpdateNetworkPolicy", "Update", "Updated", "update"},
                 {"DeletedNetworkPolicy", "FailedToDeleteNetworkPolicy", "Delete", "Deleted", "delete"}};
    if (r->tag >= RV_ARRAY_LEN(texts)) return;
    if (r->tag != OP_CREATE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT)) return;
    if (r->code == 0) {
        ctx_event(&p->ctx, false, texts[r->tag].did, texts[r->tag].action,
                  rv_arena_fmt(p->arena, "%s NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT, texts[r->tag].past,
                               RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
        return;
    }
    if (r->tag == OP_CREATE && rc_namespace_ends(r)) {
        p->memo->namespace_ends = true;
        return;
    }
    p->ctx.retry = true;
    if (r->code == RV_E_EXISTS)
        ctx_event(&p->ctx, true, "NetworkPolicyNameCollision", "Validate",
                  rv_arena_fmt(p->arena,
                               "NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT
                               " exists and is not owned by this RayCluster: delete or rename it",
                               RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
    else
        ctx_event(&p->ctx, true, texts[r->tag].failed, texts[r->tag].action,
                  rv_arena_fmt(p->arena, "Failed to %s NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                               texts[r->tag].verb, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(r->message)));
}

static void add_wanted(struct policy_pass *p, struct rv_str group) {
    p->wanted[p->wanted_n++] = rv_node_freeze(p->arena, policy_build(p->arena, p->c, group));
}

struct group_pods {
    struct rv_str group;
    size_t n;
};

static bool count_pod(void *arg, const struct rv_object *o) {
    struct group_pods *g = arg;
    g->n += rv_str_eq(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_GROUP)), g->group);
    return true;
}

/* True if its group is no longer in the spec but still has pods. */
static bool has_pods_left(struct policy_pass *p, const struct rv_object *o) {
    struct group_pods g = {.group = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_GROUP))};
    if (!rv_val_set(p->c->policy)) return false; /* no pod should be isolated */
    ctx_list_owned(&p->ctx, KIND_POD, p->c->uid, count_pod, &g);
    return g.n > 0;
}

static void repair(struct policy_pass *p, const struct rv_object *o, struct rv_val want) {
    struct rv_val labels = rv_val_path(want, "metadata.labels");
    struct rv_node *body = rv_node_map(p->arena),
                   *spec = policy_spec_patch(p->arena, rv_val_get(o->value, "spec"), rv_val_get(want, "spec"));
    bool labelled = rv_val_within(labels, rv_val_path(o->value, "metadata.labels"));
    if ((spec == NULL && labelled) || !p->accepted) return;
    if (spec != NULL) rv_node_set(p->arena, body, "spec", spec);
    if (!labelled)
        rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels", rv_node_from(p->arena, labels));
    p->changes++;
    ctx_patch(&p->ctx, POLICIES, o->name, o->uid, body, OP_UPDATE);
}

/* Keeps, corrects or deletes an existing policy of ours. */
static bool keep_or_delete(void *arg, const struct rv_object *o) {
    struct policy_pass *p = arg;
    if (rv_meta_deleting(o->value)) return true;
    for (size_t i = 0; i < p->wanted_n; i++) {
        struct rv_val want = p->wanted[i];
        if (!rv_str_eq(rv_path_str(want, "metadata.name"), o->name)) continue;
        p->wanted[i] = RV_VAL_ABSENT;
        repair(p, o, want);
        return true;
    }
    if (!p->accepted || has_pods_left(p, o)) return true;
    p->changes++;
    ctx_delete(&p->ctx, POLICIES, o->name, o->uid, OP_DELETE);
    return true;
}

static void keep_policies(struct policy_pass *p) {
    size_t groups = rv_val_len(rv_val_get(p->c->spec, "workerGroupSpecs"));
    p->wanted = rv_arena_alloc(p->arena, (groups + 1) * sizeof *p->wanted);
    if (rv_val_set(p->c->policy)) {
        add_wanted(p, (struct rv_str){NULL, 0});
        for (struct rv_iter g = rv_iter(rv_val_get(p->c->spec, "workerGroupSpecs")); rv_iter_next(&g);)
            if (rv_path_str(g.val, "groupName").n != 0) add_wanted(p, rv_path_str(g.val, "groupName"));
    }
    ctx_list_owned(&p->ctx, KIND_POLICY, p->c->uid, keep_or_delete, p);
    for (size_t i = 0; i < p->wanted_n; i++) {
        if (!rv_val_present(p->wanted[i]) || p->memo->namespace_ends) continue;
        p->changes++;
        ctx_create(&p->ctx, POLICIES, rv_node_from(p->arena, p->wanted[i]), OP_CREATE);
    }
}

/* True if the plugin raycluster refuses the spec. */
static bool is_refused(const struct policy_cluster *c) {
    return rv_condition_is(rv_val_path(c->value, "status.conditions"), "Stalled", "True");
}

/* True if it has seen exactly this spec, or none yet. */
static bool is_seen(const struct policy_cluster *c) {
    struct rv_val observed = rv_val_path(c->value, "status.observedGeneration");
    return !rv_val_set(observed) || rv_val_int(observed, 0) == rv_path_int(c->meta, "generation", 0);
}

static const char *state_of(const struct policy_pass *p) {
    if (!rv_val_set(p->c->policy)) return "no spec.networkPolicy: no policies";
    if (is_refused(p->c)) return "the spec is not valid: the network policies stay as they are";
    if (p->memo->namespace_ends) return "the namespace is being deleted and takes nothing new";
    if (!p->accepted) return "the network policies stay as they are until the spec has been judged";
    return p->changes + p->ctx.retry > 0 ? "bringing the network policies up to date"
                                         : "the network policies are as wanted";
}

/* The oldest one that is not being deleted, as in the plugin raycluster. */
static bool observe_head(void *arg, const struct rv_object *o) {
    struct rv_val *head = arg;
    struct rv_str phase = rv_path_str(o->value, "status.phase");
    if (rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed")) return true;
    bool older = rv_str_cmp(rv_path_str(o->value, "metadata.creationTimestamp"),
                            rv_path_str(*head, "metadata.creationTimestamp")) < 0,
         going = rv_meta_deleting(o->value), other_going = rv_meta_deleting(*head);
    if (!rv_val_present(*head) || (going == other_going ? older : other_going)) *head = o->value;
    return true;
}

static void reconcile(struct rv_pass *pass) {
    struct policy_cluster c;
    if (rv_meta_deleting(pass->object.value)) return;
    policy_cluster_read(&c, pass->object.value);
    c.autoscaler_mode = rv_path_str(pass->settings, "autoscalerMode");
    if (rc_managed_elsewhere(c.spec)) return;
    struct policy_pass p = {.ctx = rc_context_of(pass),
                            .arena = pass->arena,
                            .c = &c,
                            .accepted = is_seen(&c) && !is_refused(&c),
                            .memo = pass->memo};
    const struct rv_result *r;
    ctx_list_owned(&p.ctx, KIND_HEAD, c.uid, observe_head, &c.head);
    for (uint64_t i = 0; (r = ctx_result(&p.ctx, i)) != NULL; i++) take_result(&p, r);
    if (!p.ctx.retry && !(is_seen(&c) && is_refused(&c))) keep_policies(&p);
    ctx_explain(&p.ctx, "%s", state_of(&p));
    rc_set_outcome(pass, &(struct rv_outcome){.size = sizeof(struct rv_outcome),
                                              .code = p.ctx.retry ? RV_RETRY : RV_AFTER,
                                              .after_ms = RETRY_MS});
}

RV_CONTROLLER(.reconcile = reconcile, .reporter = "networkpolicy-controller", .memo_size = sizeof(struct policy_memo))
