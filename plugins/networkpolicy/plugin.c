/* plugin.c - the NetworkPolicy controller: keeps the policies of policy.c as they should be, deletes the others that
 * the cluster controls.
 *
 * An edit counts once the raycluster plugin has accepted it, which its status tells: by a spec that is refused nobody
 * is isolated less than before. The policy of a group that was taken out goes after the last of its pods. */
#include <stdlib.h>

#include "networkpolicy_kinds.h"
#include "plugins/ray/fields.h"
#include "policy.h"
#include "rayvisor/plugin.h"

enum op { OP_CREATE, OP_UPDATE, OP_DELETE };
enum { RETRY_MS = 300000 };

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
};

struct pass {
    const struct controller *k;
    const struct policy_cluster *c;
    struct rv_arena *arena;
    struct rv_val *wanted; /* frozen policies */
    size_t wanted_n, changes;
    bool judged; /* the spec is accepted: what is there may change */
    bool retry;
};

static void event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayCluster"),
                         .ns = p->c->ns,
                         .name = p->c->name,
                         .uid = p->c->uid,
                         .controller = RV_STR("networkpolicy-controller")};
    (void)p->k->api->event(p->k->host, &e);
}

static void act(struct pass *p, enum op op, struct rv_str name, struct rv_str uid, struct rv_val body) {
    static const uint32_t verbs[] = {RV_VERB_CREATE, RV_VERB_MERGE_PATCH, RV_VERB_DELETE};
    struct rv_action a = {.size = sizeof a,
                          .verb = verbs[op],
                          .tag = op,
                          .api_version = RV_STR("networking.k8s.io/v1"),
                          .resource = RV_STR("networkpolicies"),
                          .ns = p->c->ns,
                          .name = name,
                          .body = {body.p, body.n},
                          .pre_uid = uid,
                          .grace_seconds = -1};
    p->changes++;
    if (p->k->api->act(p->k->host, &a) != 0) p->retry = true;
}

static void take_result(struct pass *p, const struct rv_result *r) {
    static const struct {
        const char *did, *failed, *action, *past, *verb;
    } texts[] = {{"CreatedNetworkPolicy", "FailedToCreateNetworkPolicy", "Create", "Created", "create"},
                 {"UpdatedNetworkPolicy", "FailedToUpdateNetworkPolicy", "Update", "Updated", "update"},
                 {"DeletedNetworkPolicy", "FailedToDeleteNetworkPolicy", "Delete", "Deleted", "delete"}};
    if (r->tag >= RV_ARRAY_LEN(texts)) return;
    if (r->tag != OP_CREATE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT)) return;
    if (r->code == 0) {
        event(p, false, texts[r->tag].did, texts[r->tag].action,
              rv_arena_fmt(p->arena, "%s NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT, texts[r->tag].past,
                           RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
        return;
    }
    p->retry = true;
    if (r->code == RV_E_EXISTS)
        event(p, true, "NetworkPolicyNameCollision", "Validate",
              rv_arena_fmt(p->arena,
                           "NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT
                           " exists and is not owned by this RayCluster: delete or rename it",
                           RV_STR_ARG(r->ns), RV_STR_ARG(r->name)));
    else
        event(p, true, texts[r->tag].failed, texts[r->tag].action,
              rv_arena_fmt(p->arena, "Failed to %s NetworkPolicy " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT,
                           texts[r->tag].verb, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(r->message)));
}

static void want(struct pass *p, struct rv_str group) {
    p->wanted[p->wanted_n++] = rv_node_freeze(p->arena, policy_build(p->arena, p->c, group));
}

struct group_pods {
    struct rv_str group;
    size_t n;
};

static bool count_pod(void *arg, const struct rv_object *o) {
    struct group_pods *g = arg;
    g->n += rv_str_eq(rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_GROUP)), g->group);
    return g->n == 0; /* one is enough */
}

/* Its group is no longer asked for, and pods of it are still there. */
static bool outlived(struct pass *p, const struct rv_object *o) {
    struct group_pods g = {.group = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_GROUP))};
    struct rv_query q = {.size = sizeof q, .kind = KIND_POD, .ns = p->c->ns, .owner_uid = p->c->uid};
    if (!rv_val_set(p->c->policy)) return false; /* nobody is to be isolated */
    p->k->api->list(p->k->host, &q, count_pod, &g);
    return g.n > 0;
}

static void mend(struct pass *p, const struct rv_object *o, struct rv_val want) {
    struct rv_val labels = rv_val_path(want, "metadata.labels");
    struct rv_node *body = rv_node_map(p->arena),
                   *spec = policy_spec_patch(p->arena, rv_val_get(o->value, "spec"), rv_val_get(want, "spec"));
    bool labelled = rv_val_within(labels, rv_val_path(o->value, "metadata.labels"));
    if ((spec == NULL && labelled) || !p->judged) return;
    if (spec != NULL) rv_node_set(p->arena, body, "spec", spec);
    if (!labelled)
        rv_node_set(p->arena, rv_node_ensure_map(p->arena, body, "metadata"), "labels", rv_node_from(p->arena, labels));
    act(p, OP_UPDATE, o->name, o->uid, rv_node_freeze(p->arena, body));
}

/* What is there and ours: to be kept, mended or deleted. */
static bool judge(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    if (rv_meta_deleting(o->value)) return true;
    for (size_t i = 0; i < p->wanted_n; i++) {
        struct rv_val want = p->wanted[i];
        if (!rv_str_eq(rv_path_str(want, "metadata.name"), o->name)) continue;
        p->wanted[i] = RV_VAL_ABSENT;
        mend(p, o, want);
        return true;
    }
    if (p->judged && !outlived(p, o)) act(p, OP_DELETE, o->name, o->uid, RV_VAL_ABSENT);
    return true;
}

static void keep_policies(struct pass *p) {
    size_t groups = rv_val_len(rv_val_get(p->c->spec, "workerGroupSpecs"));
    p->wanted = rv_arena_alloc(p->arena, (groups + 1) * sizeof *p->wanted);
    if (rv_val_set(p->c->policy)) {
        want(p, (struct rv_str){NULL, 0});
        for (struct rv_iter g = rv_iter(rv_val_get(p->c->spec, "workerGroupSpecs")); rv_iter_next(&g);)
            if (rv_path_str(g.val, "groupName").n != 0) want(p, rv_path_str(g.val, "groupName"));
    }
    struct rv_query q = {.size = sizeof q, .kind = KIND_POLICY, .ns = p->c->ns, .owner_uid = p->c->uid};
    p->k->api->list(p->k->host, &q, judge, p);
    for (size_t i = 0; i < p->wanted_n; i++)
        if (rv_val_present(p->wanted[i]))
            act(p, OP_CREATE, rv_path_str(p->wanted[i], "metadata.name"), (struct rv_str){NULL, 0}, p->wanted[i]);
}

/* The raycluster plugin refuses the spec. */
static bool refused(const struct policy_cluster *c) {
    return rv_condition_is(rv_val_path(c->value, "status.conditions"), "Stalled", "True");
}

/* It has seen this very spec, or none yet. */
static bool seen(const struct policy_cluster *c) {
    struct rv_val observed = rv_val_path(c->value, "status.observedGeneration");
    return !rv_val_set(observed) || rv_val_int(observed, 0) == rv_path_int(c->meta, "generation", 0);
}

static struct rv_str state_of(const struct pass *p) {
    if (!rv_val_set(p->c->policy)) return RV_STR("no spec.networkPolicy: no policies");
    if (refused(p->c)) return RV_STR("the spec is not valid: the network policies stay as they are");
    if (!p->judged) return RV_STR("the network policies stay as they are until the spec has been judged");
    return p->changes + p->retry > 0 ? RV_STR("bringing the network policies up to date")
                                     : RV_STR("the network policies are as wanted");
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    const struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct policy_cluster c;
    if (k->api->get(k->host, KIND_CLUSTER, key->ns, key->name, &o) != 0 || rv_meta_deleting(o.value)) return;
    policy_cluster_read(&c, o.value);
    struct rv_val manager = rv_val_get(c.spec, "managedBy");
    if (rv_val_set(manager) && !rv_str_is(rv_val_str(manager), "ray.io/kuberay-operator")) return;
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.k = k, .c = &c, .arena = arena};
    const struct rv_result *r;
    for (uint64_t i = 0; (r = k->api->result(k->host, i)) != NULL; i++) take_result(&p, r);
    p.judged = seen(&c) && !refused(&c);
    if (!p.retry && !(seen(&c) && refused(&c))) keep_policies(&p);
    k->api->explain(k->host, state_of(&p));
    out->code = p.retry ? RV_RETRY : RV_AFTER;
    out->after_ms = RETRY_MS;
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct controller *k = rv_alloc(sizeof *k);
    (void)err;
    *k = (struct controller){api, h};
    *ret_state = k;
    return 0;
}

static void on_fini(void *state) { free(state); }

static const struct rv_plugin networkpolicy = {
    .size = sizeof networkpolicy,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "networkpolicy",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .fini = on_fini,
};

RV_PLUGIN(networkpolicy)
