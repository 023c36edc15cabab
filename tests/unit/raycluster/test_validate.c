/* test_validate.c - one row per rule: a cluster that breaks it, and words that its message must have. */
#include "plugins/raycluster/cluster.h"
#include "rayvisor/json.h"
#include "tests/unit/sdk/suite.h"

#define BOX "{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"
#define HEAD "\"headGroupSpec\":{\"template\":{\"spec\":" BOX "}}"
#define GROUP(name, more)                                                                                              \
    "{\"groupName\":\"" name "\",\"minReplicas\":0,\"maxReplicas\":3,\"template\":{\"spec\":" BOX "}" more "}"
#define CLUSTER(name, spec)                                                                                            \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{" spec "}}"

static const struct row {
    const char *json, *reason, *words;
} rows[] = {
    {CLUSTER("fine", HEAD ",\"workerGroupSpecs\":[" GROUP("a", "") "," GROUP("b", "") "]"), NULL, ""},
    {CLUSTER("a123456789b123456789c123456789d123456789e123456789f1234", HEAD), "InvalidRayClusterMetadata", "53"},
    {CLUSTER("1digit", HEAD), "InvalidRayClusterMetadata", "DNS1035"},
    {CLUSTER("x", "\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[]}}}"), "InvalidRayClusterSpec",
     "at least one container"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", "") "," GROUP("a", "") "]"), "InvalidRayClusterSpec",
     "workerGroupSpecs[1].groupName"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("headgroup", "") "]"), "InvalidRayClusterSpec", "another name"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"replicas\":-1") "]"), "InvalidRayClusterSpec",
     "negative replicas -1"},
    {CLUSTER(
         "x", HEAD
         ",\"workerGroupSpecs\":[{\"groupName\":\"a\",\"minReplicas\":4,\"maxReplicas\":3,\"template\":{\"spec\":" BOX
         "}}]"),
     "InvalidRayClusterSpec", "greater than maxReplicas"},
    {CLUSTER(
         "x", HEAD
         ",\"workerGroupSpecs\":[{\"groupName\":\"a\",\"minReplicas\":-4,\"maxReplicas\":3,\"template\":{\"spec\":" BOX
         "}}]"),
     "InvalidRayClusterSpec", "minReplicas -4"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[{\"groupName\":\"a\",\"template\":{\"spec\":" BOX "}}]"),
     "InvalidRayClusterSpec", "must set both"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP(
                      "a", ",\"rayStartParams\":{\"num-cpus\":\"1\"},\"resources\":{\"CPU\":\"1\"}") "]"),
     "InvalidRayClusterSpec", "use only one"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"rayStartParams\":{\"labels\":\"a=b\"}") "]"),
     "InvalidRayClusterSpec", "top-level Labels"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"labels\":{\"-bad\":\"v\"}") "]"),
     "InvalidRayClusterSpec", "invalid label key"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"idleTimeoutSeconds\":-1") "]"), "InvalidRayClusterSpec",
     "non-negative"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"idleTimeoutSeconds\":5") "]"), "InvalidRayClusterSpec",
     "autoscaler v2 is not enabled"},
    {CLUSTER("x", HEAD ",\"workerGroupSpecs\":[" GROUP("a", ",\"priority\":2") "]"), "InvalidRayClusterSpec", "2.56.0"},
    {CLUSTER("x", HEAD ",\"authOptions\":{\"mode\":\"token\"}"), "InvalidRayClusterSpec", "2.52.0"},
    {CLUSTER("x", HEAD ",\"rayVersion\":\"2.51.0\",\"authOptions\":{\"mode\":\"token\"}"), "InvalidRayClusterSpec",
     "got 2.51.0"},
    {CLUSTER("x", HEAD ",\"rayVersion\":\"nightly\",\"authOptions\":{\"mode\":\"token\"}"), "InvalidRayClusterSpec",
     "format"},
    {CLUSTER("x", HEAD ",\"rayVersion\":\"2.52.0rc1\",\"authOptions\":{\"mode\":\"token\"}"), NULL, ""},
    {CLUSTER("x", HEAD ",\"networkPolicy\":{}"), "InvalidRayClusterSpec", "RayClusterNetworkPolicy"},
    {CLUSTER("x", HEAD ",\"upgradeStrategy\":{\"type\":\"Rolling\"}"), "InvalidRayClusterSpec", "Recreate or None"},
    {CLUSTER("x", HEAD ",\"enableInTreeAutoscaling\":true,\"workerGroupSpecs\":[" GROUP("a", ",\"suspend\":true") "]"),
     "InvalidRayClusterSpec", "cannot be suspended"},
    {CLUSTER("x", HEAD ",\"gcsFaultToleranceOptions\":{\"storage\":{\"size\":\"1Gi\"}}"), "InvalidRayClusterSpec",
     "rocksdb"},
};

static void test_rules(void) {
    static const struct rc_settings settings = {.probes_injection = true};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf mp = {0}, message = {0};
        struct rv_error err = {0};
        struct rc_cluster c;
        CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(rows[i].json), NULL, &mp, &err), 0);
        rc_cluster_read(&c, (struct rv_val){mp.p, mp.n}, &settings);
        const char *reason = rc_validate(&c, &message);
        bool same =
            (reason == NULL) == (rows[i].reason == NULL) && (reason == NULL || strcmp(reason, rows[i].reason) == 0);
        if (!same || strstr(rv_buf_cstr(&message), rows[i].words) == NULL)
            printf("row %zu: %s: %s\n", i, reason != NULL ? reason : "valid", rv_buf_cstr(&message));
        CU_ASSERT_TRUE(same);
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&message), rows[i].words));
    }
}

/* Spec section 8.4. */
static void test_desired(void) {
    static const struct {
        const char *group;
        int64_t want;
    } groups[] = {{"{\"replicas\":2,\"minReplicas\":0,\"maxReplicas\":5}", 2},
                  {"{\"replicas\":9,\"minReplicas\":0,\"maxReplicas\":5}", 5},
                  {"{\"replicas\":0,\"minReplicas\":3,\"maxReplicas\":5}", 3},
                  {"{\"minReplicas\":3,\"maxReplicas\":5}", 3},
                  {"{\"replicas\":2,\"numOfHosts\":4}", 8},
                  {"{\"replicas\":2,\"suspend\":true}", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(groups); i++) {
        rv_autobuf struct rv_buf mp = {0};
        CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(groups[i].group), NULL, &mp, NULL), 0);
        CU_ASSERT_EQUAL(rc_group_desired((struct rv_val){mp.p, mp.n}), groups[i].want);
    }
}

static const struct suite_test tests[] = {
    {"each rule refuses what it should", test_rules},
    {"desired workers", test_desired},
};
SUITE_MAIN("raycluster validation", tests)
