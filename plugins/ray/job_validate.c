/* job_validate.c - is this a RayJob that can be run? (spec section 7, in its order; the first failure wins.)
 *
 * Each rule names the field's path, what is wrong and what is accepted. Some rules go beyond the reference's:
 * submissionMode must be one that exists, jobId must be fit for a shell word and a path, entrypointResources must be
 * JSON. */
#include <stdio.h>

#include "field_rules.h"
#include "fields.h"
#include "job.h"
#include "rayvisor/json.h"
#include "reject.h"
#include "version.h"

struct job_check {
    const struct rj_job *j;
    struct rv_buf *out;
};

static bool bad_metadata(struct job_check *k) {
    struct rv_str name = k->j->name;
    const char *why = rv_name_dns1035_label(name);
    if (!field_rule_allows(RULE_JOB_NAME, name))
        return rc_reject(k->out, "metadata.name: RayJob name should be no more than %d characters, it has %zu",
                         RJ_NAME_MAX, name.n);
    return why != NULL && rc_reject(k->out, "metadata.name: RayJob name should be a valid DNS1035 label: %s", why);
}

/* ---- deletion --------------------------------------------------------------------------------------------------- */

static bool autoscaling(const struct job_check *k) {
    return rv_path_bool(k->j->cluster_spec, "enableInTreeAutoscaling", false);
}

static bool shutdown(const struct job_check *k) { return rv_path_bool(k->j->spec, "shutdownAfterJobFinishes", false); }

/* The policies that are not allowed with a clusterSelector, because the cluster is not the job's own. */
static bool touches_cluster(struct rv_str policy) {
    return rv_str_is(policy, "DeleteCluster") || rv_str_is(policy, "DeleteWorkers");
}

static bool bad_policy(struct job_check *k, const char *path, struct rv_str policy) {
    if (policy.n == 0)
        return rc_reject(k->out,
                         "spec.deletionStrategy.%s.policy is missing: one of DeleteCluster, DeleteWorkers, DeleteSelf, "
                         "DeleteNone",
                         path);
    if (k->j->selector && touches_cluster(policy))
        return rc_reject(k->out,
                         "spec.deletionStrategy.%s.policy: " RV_STR_FMT
                         " is not supported with spec.clusterSelector: the cluster is not the job's own",
                         path, RV_STR_ARG(policy));
    if (rv_str_is(policy, "DeleteWorkers") && autoscaling(k))
        return rc_reject(k->out,
                         "spec.deletionStrategy.%s.policy: DeleteWorkers is not supported with "
                         "spec.rayClusterSpec.enableInTreeAutoscaling",
                         path);
    return rv_str_is(policy, "DeleteNone") && shutdown(k) &&
           rc_reject(k->out,
                     "spec.deletionStrategy.%s.policy: DeleteNone contradicts spec.shutdownAfterJobFinishes: true",
                     path);
}

static bool bad_legacy(struct job_check *k, struct rv_val strategy) {
    static const char *const sides[] = {"onSuccess", "onFailure"};
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++)
        if (!rv_val_set(rv_val_get(strategy, sides[i])))
            return rc_reject(k->out, "spec.deletionStrategy.%s is missing: onSuccess and onFailure are set together",
                             sides[i]);
    for (size_t i = 0; i < RV_ARRAY_LEN(sides); i++)
        if (bad_policy(k, sides[i], rv_path_str(rv_val_get(strategy, sides[i]), "policy"))) return true;
    return false;
}

static struct rv_str rule_state(struct rv_val rule) {
    struct rv_str job = rv_path_str(rule, "condition.jobStatus");
    return job.n != 0 ? job : rv_path_str(rule, "condition.jobDeploymentStatus");
}

/* Every rule is looked at, so that one edit can mend all. */
static void add_rule_failure(struct job_check *k, size_t index, const char *what) {
    if (k->out->n != 0) rv_buf_adds(k->out, "; ");
    rv_buf_addf(k->out, "spec.deletionStrategy.deletionRules[%zu]%s", index, what);
}

static void check_rule(struct job_check *k, size_t index, struct rv_val rule) {
    bool job = rv_val_set(rv_val_path(rule, "condition.jobStatus")),
         deployment = rv_val_set(rv_val_path(rule, "condition.jobDeploymentStatus"));
    struct rv_str policy = rv_path_str(rule, "policy");
    if (job == deployment)
        add_rule_failure(k, index, ".condition: exactly one of jobStatus and jobDeploymentStatus must be set");
    if (rv_path_int(rule, "condition.ttlSeconds", 0) < 0)
        add_rule_failure(k, index, ".condition.ttlSeconds must be 0 or more");
    if (k->j->selector && touches_cluster(policy))
        add_rule_failure(k, index,
                         ".policy: DeleteCluster and DeleteWorkers are not supported with spec.clusterSelector");
    if (autoscaling(k) && rv_str_is(policy, "DeleteWorkers"))
        add_rule_failure(k, index, ".policy: DeleteWorkers is not supported with enableInTreeAutoscaling");
}

/* The order in which policies may follow each other for one state; -1: any order. */
static int rank(struct rv_str policy) {
    static const char *const order[] = {"DeleteWorkers", "DeleteCluster", "DeleteSelf"};
    for (int i = 0; i < (int)RV_ARRAY_LEN(order); i++)
        if (rv_str_is(policy, order[i])) return i;
    return -1;
}

static void check_pair(struct job_check *k, size_t i, struct rv_val x, size_t later, struct rv_val y) {
    struct rv_str p = rv_path_str(x, "policy"), q = rv_path_str(y, "policy");
    int64_t a = rv_path_int(x, "condition.ttlSeconds", 0), b = rv_path_int(y, "condition.ttlSeconds", 0);
    if (!rv_str_eq(rule_state(x), rule_state(y))) return;
    if (rv_str_eq(p, q)) {
        char text[96];
        snprintf(text, sizeof text, ": the same condition and policy as in deletionRules[%zu]", i);
        add_rule_failure(k, later, text);
    } else if (rank(p) >= 0 && rank(q) >= 0 && (rank(p) < rank(q) ? a > b : b > a)) {
        add_rule_failure(
            k, later,
            ".condition.ttlSeconds: for one condition, DeleteWorkers comes no later than DeleteCluster, and "
            "DeleteCluster no later than DeleteSelf");
    }
}

static bool bad_rules(struct job_check *k, struct rv_val rules) {
    size_t n = rv_val_len(rules);
    for (size_t i = 0; i < n; i++) check_rule(k, i, rv_val_at(rules, i));
    for (size_t i = 0; i < n; i++)
        for (size_t later = i + 1; later < n; later++)
            check_pair(k, i, rv_val_at(rules, i), later, rv_val_at(rules, later));
    return k->out->n != 0;
}

static bool bad_deletion(struct job_check *k) {
    struct rv_val strategy = rv_val_get(k->j->spec, "deletionStrategy"), rules = rv_val_get(strategy, "deletionRules");
    bool legacy = rv_val_set(rv_val_get(strategy, "onSuccess")) || rv_val_set(rv_val_get(strategy, "onFailure"));
    if (rv_path_int(k->j->spec, "ttlSecondsAfterFinished", 0) > 0 && !shutdown(k) && rv_val_len(rules) > 0)
        return rc_reject(k->out,
                         "spec.ttlSecondsAfterFinished is not used with spec.deletionStrategy.deletionRules: set "
                         "condition.ttlSeconds of each rule");
    if (rv_path_int(k->j->spec, "ttlSecondsAfterFinished", 0) > 0 && !shutdown(k))
        return rc_reject(k->out, "spec.ttlSecondsAfterFinished needs spec.shutdownAfterJobFinishes: true");
    if (!rv_val_set(strategy)) return false;
    if (!rc_gate(k->j->settings, RC_GATE_DELETION_POLICY, true))
        return rc_reject(k->out, "spec.deletionStrategy needs the feature gate " RC_GATE_DELETION_POLICY);
    if (rv_val_len(rules) > 0 && shutdown(k))
        return rc_reject(k->out,
                         "spec.deletionStrategy.deletionRules and spec.shutdownAfterJobFinishes exclude each other: a "
                         "rule with policy DeleteCluster does the same");
    if (rv_val_len(rules) > 0 && legacy)
        return rc_reject(k->out,
                         "spec.deletionStrategy: deletionRules replace onSuccess and onFailure; set only one of the "
                         "two ways");
    if (legacy) return bad_legacy(k, strategy);
    if (rv_val_len(rules) > 0) return bad_rules(k, rules);
    return rc_reject(k->out, "spec.deletionStrategy needs deletionRules, or onSuccess and onFailure together");
}

/* ---- the spec -----------------------------------------------------------------------------------------------------
 */

static bool bad_suspend(struct job_check *k) {
    bool suspend = rv_path_bool(k->j->spec, "suspend", false);
    bool rules = rv_val_len(rv_val_path(k->j->spec, "deletionStrategy.deletionRules")) > 0;
    if (suspend && k->j->selector)
        return rc_reject(k->out,
                         "spec.suspend is not supported with spec.clusterSelector: the cluster is not the job's own");
    if (suspend && !shutdown(k) && rules)
        return rc_reject(k->out, "spec.suspend: a RayJob with spec.deletionStrategy.deletionRules cannot be suspended");
    if (suspend && !shutdown(k))
        return rc_reject(k->out,
                         "spec.suspend: a RayJob can be suspended only with spec.shutdownAfterJobFinishes: true");
    return false;
}

static bool bad_ttl(struct job_check *k) {
    int64_t ttl = rv_path_int(k->j->spec, "ttlSecondsAfterFinished", 0);
    return !field_rule_holds(RULE_JOB_TTL, k->j->spec) &&
           rc_reject(k->out, "spec.ttlSecondsAfterFinished must be 0 or more, got %lld", (long long)ttl);
}

static bool given(const struct job_check *k, const char *field) { return rv_val_set(rv_val_get(k->j->spec, field)); }

static bool bad_combination(struct job_check *k) {
    const struct rj_job *j = k->j;
    int64_t retries = rv_path_int(j->spec, "backoffLimit", 0);
    bool sidecar = j->mode == RJ_SIDECAR;
    struct rv_str restart = rv_path_str(j->cluster_spec, "headGroupSpec.template.spec.restartPolicy");
    const struct {
        bool bad;
        const char *text;
    } rules[] = {
        {rv_path_bool(j->spec, "suspend", false) && j->selector,
         "spec.suspend is not supported with spec.clusterSelector: the cluster is not the job's own"},
        {!rv_val_set(j->cluster_spec) && !j->selector,
         "one of spec.rayClusterSpec and spec.clusterSelector must be set"},
        {j->selector && j->selected.n == 0,
         "spec.clusterSelector needs the key " RJ_SELECTOR_KEY " with the name of a RayCluster in the same namespace"},
        {j->selector && sidecar, "spec.clusterSelector is not supported with spec.submissionMode SidecarMode"},
        {j->selector && retries > 0,
         "spec.backoffLimit must be 0 with spec.clusterSelector: a retry needs a new cluster"},
        {j->mode == RJ_INTERACTIVE && retries > 0,
         "spec.backoffLimit must be 0 with spec.submissionMode InteractiveMode: nobody would submit again"},
        {sidecar && given(k, "submitterPodTemplate"),
         "spec.submitterPodTemplate is not supported with spec.submissionMode SidecarMode"},
        {sidecar && given(k, "submitterConfig"),
         "spec.submitterConfig is not supported with spec.submissionMode SidecarMode"},
        {sidecar && restart.n != 0 && !rv_str_is(restart, "Never"),
         "spec.rayClusterSpec.headGroupSpec.template.spec.restartPolicy must be Never or unset with "
         "spec.submissionMode "
         "SidecarMode"},
        {rv_val_set(j->cluster_spec) && rv_path_bool(j->cluster_spec, "authOptions.enableK8sTokenAuth", false),
         "spec.rayClusterSpec.authOptions.enableK8sTokenAuth is not supported in a RayJob's own cluster; use a cluster "
         "by "
         "spec.clusterSelector"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++)
        if (rules[i].bad) return rc_reject(k->out, "%s", rules[i].text);
    return false;
}

static bool bad_mode(struct job_check *k) {
    return !field_rule_holds(RULE_JOB_MODE, k->j->spec) &&
           rc_reject(k->out,
                     "spec.submissionMode \"" RV_STR_FMT
                     "\" is unknown: one of K8sJobMode, HTTPMode, InteractiveMode, SidecarMode",
                     RV_STR_ARG(k->j->mode_text));
}

static bool bad_cluster(struct job_check *k) {
    if (!rv_val_set(k->j->cluster_spec)) return false;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf why = {0};
    struct rc_cluster c;
    rj_as_cluster(a, k->j, k->j->name, &c);
    c.creator = RV_STR("RayJob");
    if (rc_validate(&c, &why) == NULL) return false;
    return rc_reject(k->out, "spec.rayClusterSpec is invalid: " RV_STR_FMT, RV_STR_ARG(rv_buf_str(&why)));
}

static bool bad_runtime_env(struct job_check *k) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_error err = {0};
    struct rv_str yaml = rv_path_str(k->j->spec, "runtimeEnvYAML");
    return yaml.n != 0 && rj_runtime_env(a, yaml, &err) == NULL &&
           rc_reject(k->out, "spec.runtimeEnvYAML is not a YAML mapping: %s", err.text);
}

static bool fit_for_id(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && strchr("-_.:@+", c) == NULL) return false;
    }
    return s.n <= 253 && !(s.n > 0 && s.p[0] == '-') && !rv_str_is(s, ".") && !rv_str_is(s, "..");
}

/* Spec section 4.4: older versions have no metadata, and a version that was never released is not trusted to have it.
 * The version of a selected cluster is not looked at. */
static bool bad_metadata_version(struct job_check *k) {
    struct rv_str text = rv_path_str(k->j->cluster_spec, "rayVersion");
    struct rc_version v;
    if (rv_val_len(rv_val_get(k->j->spec, "metadata")) == 0 || text.n == 0) return false;
    bool known = rc_version_parse(text, &v) && (v.suffix.n == 0 || v.suffix.p[0] == '+');
    return (!known || !rc_version_at_least(&v, 2, 6)) &&
           rc_reject(k->out, "spec.metadata needs spec.rayClusterSpec.rayVersion 2.6.0 or later, got " RV_STR_FMT,
                     RV_STR_ARG(text));
}

static bool bad_words(struct job_check *k) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str id = rv_path_str(k->j->spec, "jobId"), resources = rv_path_str(k->j->spec, "entrypointResources");
    if (!fit_for_id(id))
        return rc_reject(k->out, "spec.jobId: at most 253 letters, digits and - _ . : @ +, not beginning with a dash");
    if (resources.n == 0) return false;
    bool json = rv_json_to_mp(resources, NULL, &b, NULL) == 0;
    return (!json || rv_val_type((struct rv_val){b.p, b.n}) != RV_MAP) &&
           rc_reject(k->out, "spec.entrypointResources must be a JSON object of amounts, such as {\"custom\": 1}");
}

static bool bad_numbers(struct job_check *k) {
    static const enum field_rule_name rules[] = {RULE_JOB_DEADLINE, RULE_JOB_PRE_RUNNING, RULE_JOB_BACKOFF};
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++)
        if (!field_rule_holds(rules[i], k->j->spec))
            return rc_reject(k->out, "spec.%s must be at least %lld, got %lld", field_rules[rules[i]].field,
                             (long long)field_rules[rules[i]].bound,
                             (long long)field_rule_number(rules[i], k->j->spec));
    return false;
}

static bool bad_status(struct job_check *k) {
    return rv_str_is(rv_path_str(k->j->status, "jobDeploymentStatus"), "Waiting") && k->j->mode != RJ_INTERACTIVE &&
           rc_reject(k->out,
                     "status.jobDeploymentStatus is Waiting, which only spec.submissionMode InteractiveMode knows");
}

const char *rj_validate_spec(const struct rj_job *j, struct rv_buf *message) {
    static bool (*const rules[])(struct job_check *) = {bad_suspend, bad_ttl,     bad_deletion,    bad_combination,
                                                        bad_mode,    bad_cluster, bad_runtime_env, bad_metadata_version,
                                                        bad_words,   bad_numbers};
    struct job_check k = {j, message};
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++)
        if (rules[i](&k)) return "InvalidRayJobSpec";
    return NULL;
}

bool rj_deletion_valid(const struct rj_job *j) {
    rv_autobuf struct rv_buf ignored = {0};
    struct job_check k = {j, &ignored};
    return !bad_ttl(&k) && !bad_deletion(&k);
}

const char *rj_validate(const struct rj_job *j, struct rv_buf *message) {
    struct job_check k = {j, message};
    if (bad_metadata(&k)) return "InvalidRayJobMetadata";
    const char *spec = rj_validate_spec(j, message);
    if (spec != NULL) return spec;
    return bad_status(&k) ? "InvalidRayJobStatus" : NULL;
}
