/* plugin.c - the mTLS controller: keeps the five objects of objects.c and the addresses in the two leaf certificates,
 * and reports whether they are ready. */
#include <stdio.h>
#include <stdlib.h>

#include "mtls_kinds.h"
#include "objects.h"
#include "plugins/ray/controller.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/ownership.h"

/* Plus the number of the object; for a creation the tag is only that number. */
enum { TAG_UPDATE = 64, TAG_OWNER = 128 };
#define CERT_MANAGER "cert-manager.io/v1"
enum { AGAIN_MS = 300000, FOREIGN_MS = 30000, EXPIRY_H = 24 };

/* What was reported about a cluster, so that it is not reported in every pass. */
struct mtls_memo {
    bool ready, waiting, expiring;
    bool foreign[MTLS_OBJECTS]; /* another owner's object has its name */
    bool namespace_ends;        /* it takes nothing new, never again */
};

struct settings {
    struct rv_str domain;
};

struct mtls_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* the arena of ctx */
    struct mtls_cluster *c;
    struct mtls_memo *memo;
    struct rv_str *addresses[2]; /* of head and workers, sorted */
    size_t address_n[2];
    struct rv_str *services; /* of the head */
    size_t service_n;
    bool live; /* a pod that lives has certificates */
    int64_t after_ms;
};

/* ---- addresses -----------------------------------------------------------------------------------------------------
 */

static bool observe_pod(void *arg, const struct rv_object *o) {
    struct mtls_pass *p = arg;
    struct rv_str ip = rv_path_str(o->value, "status.podIP"), phase = rv_path_str(o->value, "status.phase"),
                  type = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), RC_LABEL_NODE_TYPE));
    bool ended = rv_meta_deleting(o->value) || rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed");
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.volumes")); rv_iter_next(&it);)
        p->live |= !ended && rv_str_is(rv_path_str(it.val, "name"), RC_VOLUME_TLS);
    if (ip.n == 0 || ended) return true;
    size_t which = rv_str_is(type, "head") ? 0 : 1;
    p->addresses[which][p->address_n[which]++] = ip;
    return true;
}

static int text_order(const void *a, const void *b) {
    return rv_str_cmp(*(const struct rv_str *)a, *(const struct rv_str *)b);
}

static void observe_addresses(struct mtls_pass *p) {
    size_t n = ctx_list_owned(&p->ctx, KIND_POD, p->c->uid, NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        p->addresses[i] = rv_arena_alloc(p->arena, (size_t)(n + 1) * sizeof(struct rv_str));
        p->addresses[i][0] = RV_STR("127.0.0.1");
        p->address_n[i] = 1;
    }
    ctx_list_owned(&p->ctx, KIND_POD, p->c->uid, observe_pod, p);
    for (size_t i = 0; i < 2; i++) qsort(p->addresses[i], p->address_n[i], sizeof(struct rv_str), text_order);
}

static bool observe_service(void *arg, const struct rv_object *o) {
    struct mtls_pass *p = arg;
    if (!rv_meta_deleting(o->value)) p->services[p->service_n++] = o->name;
    return true;
}

static void observe_services(struct mtls_pass *p) {
    size_t n = ctx_list_owned(&p->ctx, KIND_HEAD_SERVICE, p->c->uid, NULL, NULL);
    p->services = rv_arena_alloc(p->arena, n * sizeof *p->services);
    ctx_list_owned(&p->ctx, KIND_HEAD_SERVICE, p->c->uid, observe_service, p);
    p->c->services = p->services;
    p->c->service_n = p->service_n;
}

/* ---- objects -------------------------------------------------------------------------------------------------------
 */

static bool is_certificate(enum mtls_object which) { return which != MTLS_SELF_ISSUER && which != MTLS_CA_ISSUER; }

static const char *resource_of(enum mtls_object which) { return is_certificate(which) ? "certificates" : "issuers"; }

static const char *const steps[] = {"self-signed Issuer", "CA Certificate", "CA Issuer", "head Certificate",
                                    "worker Certificate"};

static enum rc_ownership find(struct mtls_pass *p, enum mtls_object which, struct rv_object *ret) {
    uint32_t kind = is_certificate(which) ? KIND_CERTIFICATE : KIND_ISSUER;
    if (!ctx_get(&p->ctx, kind, mtls_name(p->arena, p->c, which), ret)) return RC_OWNER_NO_OBJECT;
    return rc_ownership(ret->value, "RayCluster", p->c->name, p->c->uid);
}

/* Certificates of another issuer must not be trusted. */
static void report_foreign(struct mtls_pass *p, enum mtls_object which, const struct rv_object *o) {
    struct rv_str text = rv_arena_fmt(p->arena,
                                      "Failed to reconcile mTLS %s: " RV_STR_FMT "/" RV_STR_FMT
                                      " exists and is not owned by this RayCluster: delete or rename it",
                                      steps[which], RV_STR_ARG(o->ns), RV_STR_ARG(o->name));
    if (!p->memo->foreign[which]) ctx_event(&p->ctx, true, "MTLSFailedToReconcile", "Reconcile", text);
    p->memo->foreign[which] = true;
    p->after_ms = FOREIGN_MS;
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(text));
}

static struct rv_node *leaf_patch(struct mtls_pass *p, enum mtls_object which, struct rv_node *want,
                                  struct rv_val have) {
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

/* A pod waits until its address is in the certificate. The address of a deleted pod must not stay in it. */
static void keep_object(struct mtls_pass *p, enum mtls_object which) {
    size_t group = which == MTLS_HEAD ? 0 : 1;
    bool leaf = which == MTLS_HEAD || which == MTLS_WORKER;
    struct rv_node *want =
        mtls_build(p->arena, p->c, which, leaf ? p->addresses[group] : NULL, leaf ? p->address_n[group] : 0);
    struct rv_object have = {.size = sizeof have};
    enum rc_ownership owner = find(p, which, &have);
    if (owner == RC_OWNER_OTHER || owner == RC_OWNER_NOBODY) {
        report_foreign(p, which, &have);
        return;
    }
    p->memo->foreign[which] = false;
    if (owner == RC_OWNER_NO_OBJECT) ctx_create(&p->ctx, CERT_MANAGER, resource_of(which), want, which);
    if (owner != RC_OWNER_US || rv_meta_deleting(have.value)) return;
    struct rv_node *patch = leaf_patch(p, which, rv_node_get(want, "spec"), rv_val_get(have.value, "spec"));
    if (patch == NULL) return;
    struct rv_node *body = rv_node_map(p->arena);
    rv_node_set(p->arena, body, "spec", patch);
    ctx_patch(&p->ctx, CERT_MANAGER, resource_of(which), have.name, have.uid, body, TAG_UPDATE + which);
}

/* ---- readiness */

static bool is_ready(struct mtls_pass *p, enum mtls_object which, struct rv_object *ret) {
    if (find(p, which, ret) != RC_OWNER_US) return false;
    struct rv_val condition = rv_condition_find(rv_val_path(ret->value, "status.conditions"), "Ready");
    return rv_str_is(rv_path_str(condition, "status"), "True") &&
           rv_path_int(condition, "observedGeneration", 0) == rv_path_int(ret->value, "metadata.generation", 0);
}

/* When Certificates are deleted, cert-manager leaves their Secrets. With an owner reference the garbage collector
 * deletes them. Existing owners stay, because cert-manager can be configured to be one. */
static void own_secret(struct mtls_pass *p, enum mtls_object which) {
    struct rv_object certificate = {.size = sizeof certificate}, secret = {.size = sizeof secret};
    if (find(p, which, &certificate) != RC_OWNER_US) return;
    if (!ctx_get(&p->ctx, KIND_SECRET, mtls_secret(p->arena, p->c, which), &secret)) return;
    struct rv_arena *a = p->arena;
    struct rv_node *body = rv_node_map(a), *meta = rv_node_ensure_map(a, body, "metadata"), *owner = rv_node_map(a),
                   *list = rv_node_ensure_array(a, meta, "ownerReferences");
    for (struct rv_iter it = rv_iter(rv_val_path(secret.value, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (rv_str_eq(rv_path_str(it.val, "uid"), certificate.uid)) return;
        bool old = rv_str_is(rv_path_str(it.val, "kind"), "Certificate") &&
                   /* The Certificate was created again in the meantime. */
                   rv_str_eq(rv_path_str(it.val, "name"), certificate.name);
        if (!old) rv_node_append(a, list, rv_node_from(a, it.val));
    }
    rv_node_set_cstr(a, owner, "apiVersion", "cert-manager.io/v1");
    rv_node_set_cstr(a, owner, "kind", "Certificate");
    rv_node_set_str(a, owner, "name", certificate.name);
    rv_node_set_str(a, owner, "uid", certificate.uid);
    rv_node_append(a, list, owner);
    /* So that no owner reference of others is lost. */
    rv_node_set_str(a, meta, "resourceVersion", secret.resource_version);
    ctx_patch(&p->ctx, "v1", "secrets", secret.name, secret.uid, body, TAG_OWNER + which);
}

static bool is_expiring(struct mtls_pass *p, const struct rv_object *certificate) {
    int64_t end;
    if (rv_time_parse(rv_path_str(certificate->value, "status.notAfter"), &end) != 0) return false;
    return end - ctx_now(&p->ctx) < INT64_C(3600000000000) * EXPIRY_H;
}

static void report_readiness(struct mtls_pass *p) {
    static const enum mtls_object leaves[] = {MTLS_HEAD, MTLS_WORKER};
    struct rv_object o = {.size = sizeof o};
    bool all = true, soon = false;
    enum mtls_object waiting = MTLS_HEAD;
    for (size_t i = 0; i < RV_ARRAY_LEN(leaves); i++) {
        bool one = is_ready(p, leaves[i], &o);
        if (!one && all) waiting = leaves[i];
        all &= one;
        soon |= one && is_expiring(p, &o);
        own_secret(p, leaves[i]);
    }
    own_secret(p, MTLS_CA);
    if (all && !p->memo->ready)
        ctx_event(&p->ctx, false, "MTLSPKIReady", "Reconcile", RV_STR("mTLS certificates are ready"));
    if (!all && !p->memo->waiting)
        ctx_event(&p->ctx, false, "MTLSCertsNotReady", "Reconcile",
                  rv_arena_fmt(p->arena, "Waiting for cert-manager to issue the certificates: " RV_STR_FMT,
                               RV_STR_ARG(mtls_name(p->arena, p->c, waiting))));
    if (soon && !p->memo->expiring)
        ctx_event(&p->ctx, true, "MTLSCertificateExpiringSoon", "Reconcile",
                  RV_STR("A certificate ends within 24 hours: cert-manager should have renewed it"));
    p->memo->ready = all;
    p->memo->waiting = !all;
    p->memo->expiring = soon;
    if (all)
        ctx_explain(&p->ctx, "the certificates of head and workers are ready");
    else
        ctx_explain(&p->ctx, "waiting for cert-manager to issue the certificates: " RV_STR_FMT,
                    RV_STR_ARG(mtls_name(p->arena, p->c, waiting)));
}

/* ---- results */

static void take_result(struct mtls_pass *p, const struct rv_result *r) {
    size_t which = r->tag % TAG_UPDATE;
    if (which >= RV_ARRAY_LEN(steps)) return;
    if (r->code == 0 && r->tag >= TAG_UPDATE && r->tag < TAG_OWNER)
        ctx_event(&p->ctx, false, "MTLSCertificatesUpdated", "Update",
                  rv_arena_fmt(p->arena, "Updated the %s", steps[which]));
    if (r->code == 0) return;
    if (r->verb == RV_VERB_CREATE && rc_namespace_ends(r)) {
        p->memo->namespace_ends = true;
        return;
    }
    p->ctx.retry = true;
    /* The mirror gets the newer object in a moment. */
    if (r->tag >= TAG_UPDATE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT)) return;
    struct rv_str why = r->code == RV_E_NOT_FOUND && r->tag < TAG_UPDATE
                            ? RV_STR("cert-manager is not installed (the API server has no cert-manager.io/v1)")
                        : r->message.n != 0 ? r->message
                                            : rv_str(rv_error_text(r->code));
    ctx_event(&p->ctx, true, "MTLSFailedToReconcile", "Reconcile",
              rv_arena_fmt(p->arena, "Failed to reconcile mTLS %s: " RV_STR_FMT, steps[which], RV_STR_ARG(why)));
    ctx_explain(&p->ctx, RV_STR_FMT, RV_STR_ARG(why));
}

/* ---- the controller ---------------------------------------------------------------------------------------------- */

static void take_step(struct mtls_pass *p) {
    const struct rv_result *r;
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++) take_result(p, r);
    if (p->memo->namespace_ends) ctx_explain(&p->ctx, "the namespace is being deleted and takes nothing new");
    if (p->ctx.retry || p->memo->namespace_ends) return;
    observe_services(p);
    for (enum mtls_object which = MTLS_SELF_ISSUER; which < MTLS_OBJECTS; which++) keep_object(p, which);
    report_readiness(p);
}

/* Certificates stay in order as long as pods use them, whatever the spec says by now: new workers of a head that speaks
 * TLS do so, too. */
static bool wanted(struct mtls_pass *p) {
    if (rv_meta_deleting(p->c->value) || rc_managed_elsewhere(p->c->spec)) return false;
    observe_addresses(p);
    return p->live || rv_path_bool(p->c->spec, "tlsOptions.enabled", false);
}

static void reconcile(struct rv_pass *pass) {
    const struct settings *s = pass->state;
    struct mtls_cluster c;
    mtls_cluster_read(&c, pass->object.value, s->domain);
    struct mtls_pass p = {.ctx = rc_context_of(pass), .arena = pass->arena, .c = &c, .memo = pass->memo};
    if (!wanted(&p)) {
        /* Everything is reported again if TLS is switched on again. */
        *(struct mtls_memo *)pass->memo = (struct mtls_memo){0};
        return;
    }
    take_step(&p);
    rc_set_outcome(pass, &(struct rv_outcome){.size = sizeof(struct rv_outcome),
                                              .code = p.ctx.retry ? RV_RETRY : RV_AFTER,
                                              .after_ms = p.after_ms > 0 ? p.after_ms : AGAIN_MS});
}

static int32_t configure(void *state, struct rv_val settings, struct rv_error *err) {
    (void)err;
    ((struct settings *)state)->domain = rv_val_str_or(rv_val_get(settings, "clusterDomain"), "cluster.local");
    return 0;
}

RV_CONTROLLER(.reconcile = reconcile, .reporter = "raycluster-mtls-controller", .state_size = sizeof(struct settings),
              .configure = configure, .memo_size = sizeof(struct mtls_memo))
