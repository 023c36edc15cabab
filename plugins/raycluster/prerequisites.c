/* prerequisites.c - what pods need and others provide: the user's ServiceAccount and claim, the certificates of the
 * plugin mtls, the policies of the plugin networkpolicy. Pods are not created before these exist. */
#include "owned_objects.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/names.h"
#include "plugins/ray/ownership.h"
#include "pod_actions.h"

static bool is_ours(const struct cluster_pass *p, struct rv_val object) {
    return rc_ownership(object, "RayCluster", p->c->name, p->c->uid) == RC_OWNER_US;
}

/* ---- what the user must bring */

/* The account is looked up only when a head is about to be created. Afterwards the pod itself shows whether it
 * exists. */
static void check_user_account(struct cluster_pass *p) {
    if (!rc_has_sidecar(&p->c->f) || rc_user_account(p->c).n == 0 || observed_head(p) != NULL) return;
    if (p->memo->account_known == p->c->generation) return;
    if (p->hold.n == 0 && !p->owned_retry)
        ctx_lookup(&p->ctx, "v1", "serviceaccounts", rc_name_service_account(p->arena, p->c), TAG_ACCOUNT_LOOKUP);
    hold_pods(p, rv_arena_fmt(p->arena, "the service account " RV_STR_FMT " is looked up",
                              RV_STR_ARG(rc_user_account(p->c))));
}

static void check_user_claim(struct cluster_pass *p) {
    struct rv_str name = rv_path_str(p->c->f.ft_options, "storage.claimName");
    if (!p->c->f.ft_rocksdb || name.n == 0 || observed_head(p) != NULL || p->memo->claim_warned == p->c->generation)
        return;
    if (p->owned_retry) return;
    p->memo->claim_warned = p->c->generation;
    ctx_lookup(&p->ctx, "v1", "persistentvolumeclaims", name, TAG_CLAIM_LOOKUP);
}

static void check_serve_port(struct cluster_pass *p) {
    if (!rv_str_is(rc_annotation(p->c, RC_ANNOTATION_SERVE_SERVICE), "true") || rc_serve_service_possible(&p->runs)) {
        p->memo->serve_warned = 0;
        return;
    }
    struct rv_str why =
        RV_STR("Please specify a port named 'serve' (or 'serve-...') on the head's first container: the "
               "serve service needs one");
    if (p->memo->serve_warned != p->c->generation) ctx_event(&p->ctx, true, "FailedToCreateService", "Create", why);
    p->memo->serve_warned = p->c->generation;
    ctx_explain(&p->ctx, "no serve service: " RV_STR_FMT, RV_STR_ARG(why));
}

/* ---- what other plugins make */

/* Pods may be created when the Certificate has been issued. While it is issued again, running pods use the earlier one,
 * and new pods wait for their address in an init container. */
static void check_certificate(struct cluster_pass *p, const char *which) {
    struct rv_object o = {.size = sizeof o};
    struct rv_str name = rv_arena_fmt(p->arena, "ray-%s-cert-" RV_STR_FMT, which, RV_STR_ARG(p->c->name));
    if (!ctx_get(&p->ctx, KIND_CERTIFICATE, name, &o) || !is_ours(p, o.value)) {
        hold_pods(p, rv_arena_fmt(p->arena,
                                  "mTLS secrets not ready: this cluster has no Certificate " RV_STR_FMT
                                  " yet; the plugin mtls makes it (is it switched on, and cert-manager installed?)",
                                  RV_STR_ARG(name)));
        return;
    }
    struct rv_val ready = rv_condition_find(rv_val_path(o.value, "status.conditions"), "Ready");
    bool current = rv_str_is(rv_path_str(ready, "status"), "True") &&
                   rv_path_int(ready, "observedGeneration", 0) == rv_path_int(o.value, "metadata.generation", 0);
    if (!current && rv_path_str(o.value, "status.notAfter").n == 0)
        hold_pods(p,
                  rv_arena_fmt(p->arena,
                               "mTLS secrets not ready: cert-manager has not issued the Certificate " RV_STR_FMT " yet",
                               RV_STR_ARG(name)));
}

/* Without their certificates pods would only wait. Creating them first would also change the addresses in the
 * certificate. */
static void check_certificates(struct cluster_pass *p) {
    if (!p->runs.f.tls) return;
    check_certificate(p, "head");
    check_certificate(p, "worker");
}

static void check_policy(struct cluster_pass *p, struct rv_str group) {
    struct rv_object o = {.size = sizeof o};
    struct rv_str name = rc_name_policy(p->arena, p->c->name, group);
    if (ctx_get(&p->ctx, KIND_NETWORK_POLICY, name, &o) && is_ours(p, o.value)) return;
    hold_pods(p, rv_arena_fmt(p->arena,
                              "this cluster has no NetworkPolicy " RV_STR_FMT
                              " yet; the plugin networkpolicy makes it (is it switched on?)",
                              RV_STR_ARG(name)));
}

/* No pod is created before the policies that isolate it, so that no pod is less isolated than the spec says. */
static void check_network_policies(struct cluster_pass *p) {
    if (!rv_val_set(rv_val_get(p->c->spec, "networkPolicy"))) return;
    check_policy(p, (struct rv_str){NULL, 0});
    for (struct rv_iter it = rv_iter(rc_groups(p->c)); rv_iter_next(&it);)
        check_policy(p, rv_path_str(it.val, "groupName"));
}

void prerequisites_check(struct cluster_pass *p) {
    check_user_account(p);
    check_user_claim(p);
    check_serve_port(p);
    check_certificates(p);
    check_network_policies(p);
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

void prerequisites_take_result(struct cluster_pass *p, const struct rv_result *r) {
    if (r->tag == TAG_ACCOUNT_LOOKUP && r->code == 0) {
        p->memo->account_known = p->c->generation;
    } else if (r->tag == TAG_ACCOUNT_LOOKUP) {
        if (r->code == RV_E_NOT_FOUND)
            ctx_event(&p->ctx, true, "AutoscalerServiceAccountNotFound", "Validate",
                      rv_arena_fmt(p->arena,
                                   "spec.headGroupSpec.template.spec.serviceAccountName: the ServiceAccount " RV_STR_FMT
                                   " does not exist in namespace " RV_STR_FMT
                                   "; create it, or leave the field out and one is made",
                                   RV_STR_ARG(rc_user_account(p->c)), RV_STR_ARG(p->c->ns)));
        p->ctx.retry = true;
        p->hold = rv_arena_fmt(p->arena, "the service account " RV_STR_FMT " cannot be read",
                               RV_STR_ARG(rc_user_account(p->c)));
    } else if (r->tag == TAG_CLAIM_LOOKUP && r->code == RV_E_NOT_FOUND) {
        ctx_event(&p->ctx, true, "FailedToCreatePVC", "Validate",
                  rv_arena_fmt(p->arena,
                               "GcsFaultToleranceOptions.Storage.ClaimName \"" RV_STR_FMT
                               "\" not found in namespace " RV_STR_FMT "; the head Pod will not start until it exists",
                               RV_STR_ARG(rc_gcs_claim(p->arena, p->c)), RV_STR_ARG(p->c->ns)));
    }
}
