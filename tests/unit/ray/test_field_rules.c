/* test_field_rules.c - the rules about single fields: what holds, and that the policy has each of them wherever its
 * holder stands. That the API server judges the same is tested on a real one (test_admission.py real_policy). */
#include "plugins/ray/field_rules.h"
#include "plugins/ray/job.h"
#include "rayvisor/tree.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>

static bool holds(enum field_rule_name rule, const char *json) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    return field_rule_holds(rule, from_json(a, json));
}

static void what_holds(void) {
    static const struct {
        enum field_rule_name rule;
        const char *json;
        bool holds;
    } rows[] = {
        {RULE_CLUSTER_NAME, "{\"name\":\"12345678901234567890123456789012345678901234567890123\"}", true},
        {RULE_CLUSTER_NAME, "{\"name\":\"123456789012345678901234567890123456789012345678901234\"}", false},
        {RULE_CLUSTER_NAME, "{}", true},
        {RULE_JOB_DEADLINE, "{}", true},
        {RULE_JOB_DEADLINE, "{\"activeDeadlineSeconds\":1}", true},
        {RULE_JOB_DEADLINE, "{\"activeDeadlineSeconds\":0}", false},
        {RULE_JOB_BACKOFF, "{\"backoffLimit\":0}", true},
        {RULE_JOB_BACKOFF, "{\"backoffLimit\":-1}", false},
        {RULE_AUTOSCALER_IDLE, "{\"autoscalerOptions\":{\"idleTimeoutSeconds\":-1}}", false},
        {RULE_AUTOSCALER_IDLE, "{\"autoscalerOptions\":{}}", true},
        {RULE_GROUP_ORDER, "{\"minReplicas\":3,\"maxReplicas\":2}", false},
        {RULE_GROUP_ORDER, "{\"minReplicas\":2,\"maxReplicas\":2}", true},
        {RULE_GROUP_ORDER, "{\"minReplicas\":2147483647}", true},
        {RULE_GROUP_ORDER, "{\"maxReplicas\":-1}", false},
        {RULE_JOB_MODE, "{\"submissionMode\":\"HTTPMode\"}", true},
        {RULE_JOB_MODE, "{\"submissionMode\":\"\"}", true},
        {RULE_JOB_MODE, "{\"submissionMode\":\"HTTPMode SidecarMode\"}", false},
        {RULE_JOB_MODE, "{\"submissionMode\":\"httpmode\"}", false},
        {RULE_SERVICE_STRATEGY, "{\"upgradeStrategy\":{\"type\":\"None\"}}", true},
        {RULE_SERVICE_STRATEGY, "{\"upgradeStrategy\":{\"type\":\"Recreate\"}}", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(holds(rows[i].rule, rows[i].json) == rows[i].holds, rows[i].json);
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *p = text; (p = strstr(p, what)) != NULL; p++) n++;
    return n;
}

static void the_policy(void) {
    rv_autobuf struct rv_buf b = {0};
    field_rules_policy(RV_STR("system:serviceaccount:ns:me"), &b);
    const char *text = rv_buf_cstr(&b);
    static const size_t wanted[] = {
        [HOLDER_CLUSTER_METADATA] = 1, [HOLDER_JOB_METADATA] = 1, [HOLDER_SERVICE_METADATA] = 1,
        [HOLDER_CRONJOB_METADATA] = 1, [HOLDER_CLUSTER_SPEC] = 4, [HOLDER_GROUP] = 4,
        [HOLDER_JOB_SPEC] = 2,         [HOLDER_SERVICE_SPEC] = 1};
    for (size_t i = 0; i < RULE_COUNT; i++) {
        char rule[80];
        snprintf(rule, sizeof rule, "(rule %s)", field_rules[i].id);
        CHECK_ROW(count(text, rule) == wanted[field_rules[i].holder], rule);
    }
    CU_ASSERT_TRUE(count(text, "kind: ValidatingAdmissionPolicy\n") == 4 && count(text, "ns:me'") == 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "object.?spec.?rayClusterSpec.?workerGroupSpecs.orValue([]).all(g, "
                                        "g.?minReplicas.orValue(0) <= g.?maxReplicas.orValue(2147483647))"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "spec.submissionMode must be one of K8sJobMode, HTTPMode, InteractiveMode, "
                                        "SidecarMode (rule job-submission-mode)"));
}

/* Bounds that other code has as well. */
static void the_same_bounds(void) {
    CU_ASSERT_EQUAL(field_rules[RULE_JOB_NAME].bound, RJ_NAME_MAX);
    for (int m = RJ_K8S; m < RJ_MODE_UNKNOWN; m++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *n = rv_node_map(a);
        rv_node_set_str(a, n, "submissionMode", rj_mode_name((enum rj_mode)m));
        CU_ASSERT_TRUE(field_rule_holds(RULE_JOB_MODE, rv_node_freeze(a, n)));
    }
}

static const struct suite_test tests[] = {
    {"what holds", what_holds}, {"the policy", the_policy}, {"the same bounds", the_same_bounds}};
SUITE_MAIN("field rules", tests)
