/* plugin.c - the mTLS controller: the five objects of objects.c, the addresses in the two leaf certificates, and what
 * is to be said about them. */
#include <stdio.h>
#include <stdlib.h>

#include "mtls_kinds.h"
#include "objects.h"
#include "plugins/ray/fields.h"
#include "rayvisor/plugin.h"

enum { TAG_UPDATE = 64, TAG_OWNER = 128 }; /* plus which object; creations have the bare number */
enum { AGAIN_MS = 300000, FOREIGN_MS = 30000, EXPIRY_H = 24 };

/* What was said of a cluster, so that it is not said at every pass. Never needed for correctness. */
struct said {
    struct said *next;
    char *uid;
    bool ready, waiting, expiring;
    bool foreign[MTLS_OBJECTS]; /* somebody else's object has its name */
};

struct controller {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_str domain;
    struct said *said;
};

struct pass {
    struct controller *k;
    const struct mtls_cluster *c;
    struct said *said;
    struct rv_arena *arena;
    struct rv_str *addresses[2]; /* of head and workers, sorted */
    size_t address_n[2];
    bool retry;
    int64_t after_ms;
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
                         .controller = RV_STR("raycluster-mtls-controller")};
    (void)p->k->api->event(p->k->host, &e);
}

/* ---- addresses -----------------------------------------------------------------------------------------------------
 */

static bool see_pod(void *arg, const struct rv_object *o) {
    struct pass *p = arg;
    struct rv_str ip = rv_path_str(o->value, "status.podIP"), phase = rv_path_str(o->value, "status.phase"),
                  type = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE));
    if (ip.n == 0 || rv_meta_deleting(o->value) || rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed"))
        return true;
    size_t which = rv_str_is(type, "head") ? 0 : 1;
    p->addresses[which][p->address_n[which]++] = ip;
    return true;
}

static int text_order(const void *a, const void *b) {
    return rv_str_cmp(*(const struct rv_str *)a, *(const struct rv_str *)b);
}

static void find_addresses(struct pass *p) {
    struct rv_query q = {.size = sizeof q, .kind = KIND_POD, .ns = p->c->ns, .owner_uid = p->c->uid};
    int64_t n = p->k->api->list(p->k->host, &q, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        p->addresses[i] = rv_arena_alloc(p->arena, (size_t)(n > 0 ? n + 1 : 1) * sizeof(struct rv_str));
        p->addresses[i][0] = RV_STR("127.0.0.1");
        p->address_n[i] = 1;
    }
    p->k->api->list(p->k->host, &q, see_pod, p);
    for (size_t i = 0; i < 2; i++) qsort(p->addresses[i], p->address_n[i], sizeof(struct rv_str), text_order);
}

/* ---- objects -------------------------------------------------------------------------------------------------------
 */

static bool is_certificate(enum mtls_object which) { return which != MTLS_SELF_ISSUER && which != MTLS_CA_ISSUER; }

static void act(struct pass *p, uint32_t verb, enum mtls_object which, uint64_t tag, struct rv_str name,
                struct rv_str uid, struct rv_node *body) {
    struct rv_val v = rv_node_freeze(p->arena, body);
    struct rv_action a = {.size = sizeof a,
                          .verb = verb,
                          .tag = tag,
                          .api_version = RV_STR("cert-manager.io/v1"),
                          .resource = is_certificate(which) ? RV_STR("certificates") : RV_STR("issuers"),
                          .ns = p->c->ns,
                          .name = name,
                          .pre_uid = uid,
                          .body = {v.p, v.n}};
    if (p->k->api->act(p->k->host, &a) != 0) p->retry = true;
}

static const char *const steps[] = {"self-signed Issuer", "CA Certificate", "CA Issuer", "head Certificate",
                                    "worker Certificate"};

enum whose { WHOSE_NONE, WHOSE_OURS, WHOSE_LATE /* of a cluster of this name that is gone */, WHOSE_FOREIGN };

static enum whose find(struct pass *p, enum mtls_object which, struct rv_object *ret) {
    uint32_t kind = is_certificate(which) ? KIND_CERTIFICATE : KIND_ISSUER;
    if (p->k->api->get(p->k->host, kind, p->c->ns, mtls_name(p->arena, p->c, which), ret) != 0) return WHOSE_NONE;
    for (struct rv_iter it = rv_iter(rv_val_path(ret->value, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false)) continue;
        if (rv_str_eq(rv_path_str(it.val, "uid"), p->c->uid)) return WHOSE_OURS;
        if (rv_str_is(rv_path_str(it.val, "kind"), "RayCluster") && rv_str_eq(rv_path_str(it.val, "name"), p->c->name))
            return WHOSE_LATE;
    }
    return WHOSE_FOREIGN;
}

/* Trusting what somebody else issues, to whom he likes, would be no mTLS. */
static void foreign(struct pass *p, enum mtls_object which, const struct rv_object *o) {
    struct rv_str text = rv_arena_fmt(p->arena,
                                      "Failed to reconcile mTLS %s: " RV_STR_FMT "/" RV_STR_FMT
                                      " exists and is not owned by this RayCluster: delete or rename it",
                                      steps[which], RV_STR_ARG(o->ns), RV_STR_ARG(o->name));
    if (!p->said->foreign[which]) event(p, true, "MTLSFailedToReconcile", "Reconcile", text);
    p->said->foreign[which] = true;
    p->after_ms = FOREIGN_MS;
    p->k->api->explain(p->k->host, text);
}

static struct rv_node *leaf_patch(struct pass *p, enum mtls_object which, struct rv_node *want, struct rv_val have) {
    static const char *const sets[] = {"dnsNames", "ipAddresses"};
    bool leaf = which == MTLS_HEAD || which == MTLS_WORKER;
    struct rv_node *patch = rv_node_map(p->arena), *labels = rv_node_get(want, "secretTemplate");
    for (size_t i = 0; i < RV_ARRAY_LEN(sets) && leaf; i++) {
        struct rv_node *set = rv_node_get(want, sets[i]);
        if (!rv_val_equal(rv_node_freeze(p->arena, set), rv_val_get(have, sets[i])))
            rv_node_set(p->arena, patch, sets[i], set);
    }
    if (labels != NULL && !rv_val_within(rv_node_freeze(p->arena, labels), rv_val_get(have, "secretTemplate")))
        rv_node_set(p->arena, patch, "secretTemplate", labels);
    return rv_node_len(patch) > 0 ? patch : NULL;
}

/* A pod whose address is not in the certificate waits for it; an address of a pod that is gone must not stay in it. */
static void keep(struct pass *p, enum mtls_object which) {
    size_t group = which == MTLS_HEAD ? 0 : 1;
    bool leaf = which == MTLS_HEAD || which == MTLS_WORKER;
    struct rv_node *want =
        mtls_build(p->arena, p->c, which, leaf ? p->addresses[group] : NULL, leaf ? p->address_n[group] : 0);
    struct rv_object have = {.size = sizeof have};
    enum whose who = find(p, which, &have);
    if (who == WHOSE_FOREIGN) {
        foreign(p, which, &have);
        return;
    }
    p->said->foreign[which] = false;
    if (who == WHOSE_NONE)
        act(p, RV_VERB_CREATE, which, which, mtls_name(p->arena, p->c, which), (struct rv_str){NULL, 0}, want);
    if (who != WHOSE_OURS || rv_meta_deleting(have.value)) return;
    struct rv_node *patch = leaf_patch(p, which, rv_node_get(want, "spec"), rv_val_get(have.value, "spec"));
    if (patch == NULL) return;
    struct rv_node *body = rv_node_map(p->arena);
    rv_node_set(p->arena, body, "spec", patch);
    act(p, RV_VERB_MERGE_PATCH, which, TAG_UPDATE + which, have.name, have.uid, body);
}

/* ---- readiness
 * ------------------------------------------------------------------------------------------------------- */

static bool ready(struct pass *p, enum mtls_object which, struct rv_object *ret) {
    if (find(p, which, ret) != WHOSE_OURS) return false;
    struct rv_val condition = rv_condition_find(rv_val_path(ret->value, "status.conditions"), "Ready");
    return rv_str_is(rv_path_str(condition, "status"), "True") &&
           rv_path_int(condition, "observedGeneration", 0) == rv_path_int(ret->value, "metadata.generation", 0);
}

/* cert-manager leaves the Secrets behind when their Certificates go: with an owner the garbage collector takes them.
 * Owners that are there stay: cert-manager can be set to be one. */
static void own_secret(struct pass *p, enum mtls_object which) {
    struct rv_object certificate = {.size = sizeof certificate}, secret = {.size = sizeof secret};
    if (find(p, which, &certificate) != WHOSE_OURS) return;
    if (p->k->api->get(p->k->host, KIND_SECRET, p->c->ns, mtls_secret(p->arena, p->c, which), &secret) != 0) return;
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"), *owner = rv_node_map(a),
                   *list = rv_node_ensure_array(a, meta, "ownerReferences");
    for (struct rv_iter it = rv_iter(rv_val_path(secret.value, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (rv_str_eq(rv_path_str(it.val, "uid"), certificate.uid)) return;
        bool old = rv_str_is(rv_path_str(it.val, "kind"), "Certificate") &&
                   rv_str_eq(rv_path_str(it.val, "name"), certificate.name); /* one that was made again since */
        if (!old) rv_node_append(a, list, rv_node_from(a, it.val));
    }
    rv_node_set_cstr(a, owner, "apiVersion", "cert-manager.io/v1");
    rv_node_set_cstr(a, owner, "kind", "Certificate");
    rv_node_set_str(a, owner, "name", certificate.name);
    rv_node_set_str(a, owner, "uid", certificate.uid);
    rv_node_append(a, list, owner);
    rv_node_set_str(a, meta, "resourceVersion", secret.resource_version); /* or somebody's owner might get lost */
    struct rv_val v = rv_node_freeze(a, body);
    struct rv_action action = {.size = sizeof action,
                               .verb = RV_VERB_MERGE_PATCH,
                               .tag = TAG_OWNER + which,
                               .api_version = RV_STR("v1"),
                               .resource = RV_STR("secrets"),
                               .ns = p->c->ns,
                               .name = secret.name,
                               .pre_uid = secret.uid,
                               .body = {v.p, v.n}};
    if (p->k->api->act(p->k->host, &action) != 0) p->retry = true;
}

static bool expiring(struct pass *p, const struct rv_object *certificate) {
    int64_t end;
    if (rv_time_parse(rv_path_str(certificate->value, "status.notAfter"), &end) != 0) return false;
    return end - p->k->api->now(p->k->host) < INT64_C(3600000000000) * EXPIRY_H;
}

static void judge(struct pass *p) {
    static const enum mtls_object leaves[] = {MTLS_HEAD, MTLS_WORKER};
    struct rv_object o = {.size = sizeof o};
    bool all = true, soon = false;
    for (size_t i = 0; i < RV_ARRAY_LEN(leaves); i++) {
        bool one = ready(p, leaves[i], &o);
        all &= one;
        soon |= one && expiring(p, &o);
        own_secret(p, leaves[i]);
    }
    own_secret(p, MTLS_CA);
    if (all && !p->said->ready) event(p, false, "MTLSPKIReady", "Reconcile", RV_STR("mTLS certificates are ready"));
    if (!all && !p->said->waiting)
        event(p, false, "MTLSCertsNotReady", "Reconcile", RV_STR("Waiting for cert-manager to issue the certificates"));
    if (soon && !p->said->expiring)
        event(p, true, "MTLSCertificateExpiringSoon", "Reconcile",
              RV_STR("A certificate ends within 24 hours: cert-manager should have renewed it"));
    p->said->ready = all;
    p->said->waiting = !all;
    p->said->expiring = soon;
    p->k->api->explain(p->k->host, all ? RV_STR("the certificates of head and workers are ready")
                                       : RV_STR("waiting for cert-manager to issue the certificates"));
}

/* ---- results
 * ----------------------------------------------------------------------------------------------------------- */

static void take_result(struct pass *p, const struct rv_result *r) {
    size_t which = r->tag % TAG_UPDATE;
    if (which >= RV_ARRAY_LEN(steps)) return;
    if (r->code == 0 && r->tag >= TAG_UPDATE && r->tag < TAG_OWNER)
        event(p, false, "MTLSCertificatesUpdated", "Update", rv_arena_fmt(p->arena, "Updated the %s", steps[which]));
    if (r->code == 0) return;
    p->retry = true;
    if (r->tag >= TAG_UPDATE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT)) return; /* seen anew soon */
    struct rv_str why = r->code == RV_E_NOT_FOUND && r->tag < TAG_UPDATE
                            ? RV_STR("cert-manager is not installed (the API server has no cert-manager.io/v1)")
                        : r->message.n != 0 ? r->message
                                            : rv_str(rv_error_text(r->code));
    event(p, true, "MTLSFailedToReconcile", "Reconcile",
          rv_arena_fmt(p->arena, "Failed to reconcile mTLS %s: " RV_STR_FMT, steps[which], RV_STR_ARG(why)));
    p->k->api->explain(p->k->host, why);
}

/* ---- the vtable
 * -------------------------------------------------------------------------------------------------------- */

static struct said **said_slot(struct controller *k, struct rv_str uid) {
    struct said **s = &k->said;
    while (*s != NULL && !rv_str_is(uid, (*s)->uid)) s = &(*s)->next;
    return s;
}

static struct said *said_of(struct controller *k, struct rv_str uid) {
    struct said **s = said_slot(k, uid);
    if (*s == NULL) {
        *s = rv_alloc(sizeof **s);
        (*s)->uid = rv_strdup(uid);
    }
    return *s;
}

static void forget(struct controller *k, struct rv_str uid) {
    struct said **s = said_slot(k, uid), *gone = *s;
    if (gone == NULL) return;
    *s = gone->next;
    free(gone->uid);
    free(gone);
}

static void on_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct controller *k = state;
    struct rv_object o = {.size = sizeof o};
    struct mtls_cluster c;
    if (k->api->get(k->host, KIND_CLUSTER, key->ns, key->name, &o) != 0) return;
    mtls_cluster_read(&c, o.value, k->domain);
    struct rv_val manager = rv_val_get(c.spec, "managedBy");
    bool ours = !rv_val_set(manager) || rv_str_is(rv_val_str(manager), "ray.io/kuberay-operator");
    if (rv_meta_deleting(o.value) || !ours || !rv_path_bool(c.spec, "tlsOptions.enabled", false)) {
        forget(k, c.uid);
        return;
    }
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    struct pass p = {.k = k, .c = &c, .arena = arena, .said = said_of(k, c.uid)};
    const struct rv_result *r;
    for (uint64_t i = 0; (r = k->api->result(k->host, i)) != NULL; i++) take_result(&p, r);
    if (!p.retry) {
        find_addresses(&p);
        for (enum mtls_object which = MTLS_SELF_ISSUER; which < MTLS_OBJECTS; which++) keep(&p, which);
        judge(&p);
    }
    out->code = p.retry ? RV_RETRY : RV_AFTER;
    out->after_ms = p.after_ms > 0 ? p.after_ms : AGAIN_MS;
}

static int32_t on_settings(void *state, struct rv_error *err) {
    struct controller *k = state;
    (void)err;
    k->domain = rv_val_str_or(rv_val_get(k->api->settings(k->host), "clusterDomain"), "cluster.local");
    return 0;
}

static int32_t on_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct controller *k = rv_alloc(sizeof *k);
    *k = (struct controller){.api = api, .host = h};
    *ret_state = k;
    return on_settings(k, err);
}

static void on_fini(void *state) {
    struct controller *k = state;
    while (k->said != NULL) forget(k, rv_str(k->said->uid));
    free(k);
}

static const struct rv_plugin mtls = {
    .size = sizeof mtls,
    .magic = RV_ABI_MAGIC,
    .abi_major = RV_ABI_MAJOR,
    .abi_minor = RV_ABI_MINOR,
    .name = "mtls",
    .version = RV_VERSION,
    .kinds = rv_manifest_kinds,
    .kind_n = KIND_COUNT,
    .init = on_init,
    .reconcile = on_reconcile,
    .settings_changed = on_settings,
    .fini = on_fini,
};

RV_PLUGIN(mtls)
