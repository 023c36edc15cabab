/* test_job_validate.c - one row for each rule of section 7: a job that breaks it, and words that its message must
 * have. */
#include "plugins/ray/job.h"
#include "tests/unit/sdk/suite.h"

#define HEAD "\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}"
#define CLUSTER "\"rayClusterSpec\":{" HEAD "}"
#define SCALING "\"rayClusterSpec\":{\"enableInTreeAutoscaling\":true," HEAD "}"
#define METADATA(version) "\"metadata\":{\"a\":\"b\"},\"rayClusterSpec\":{\"rayVersion\":\"" version "\"," HEAD "}"
#define SELECT "\"clusterSelector\":{\"ray.io/cluster\":\"c\"}"
#define RULE(policy, condition) "{\"policy\":\"" policy "\",\"condition\":{" condition "}}"
#define OK "\"jobStatus\":\"SUCCEEDED\""

static const struct row {
    const char *spec, *words; /* words NULL: valid */
} rows[] = {
    {CLUSTER, NULL},
    {SELECT, NULL},
    {CLUSTER ",\"suspend\":true", "spec.suspend"},
    {SELECT ",\"suspend\":true", "spec.clusterSelector"},
    {CLUSTER ",\"suspend\":true,\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK) "]}",
     "cannot be suspended"},
    {CLUSTER ",\"ttlSecondsAfterFinished\":1,\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK) "]}",
     "condition.ttlSeconds"},
    {CLUSTER ",\"suspend\":true,\"shutdownAfterJobFinishes\":true", NULL},
    {CLUSTER ",\"ttlSecondsAfterFinished\":-1", "spec.ttlSecondsAfterFinished must be 0"},
    {CLUSTER ",\"ttlSecondsAfterFinished\":1", "needs spec.shutdownAfterJobFinishes"},
    {SELECT ",\"suspend\":true,\"shutdownAfterJobFinishes\":true", "spec.clusterSelector"},
    {"\"entrypoint\":\"x\"", "one of spec.rayClusterSpec and spec.clusterSelector"},
    {"\"clusterSelector\":{\"other\":\"c\"}", "ray.io/cluster"},
    {SELECT ",\"submissionMode\":\"SidecarMode\"", "SidecarMode"},
    {SELECT ",\"backoffLimit\":1", "spec.backoffLimit"},
    {CLUSTER ",\"submissionMode\":\"InteractiveMode\",\"backoffLimit\":1", "InteractiveMode"},
    {CLUSTER ",\"submissionMode\":\"SidecarMode\",\"submitterPodTemplate\":{}", "spec.submitterPodTemplate"},
    {CLUSTER ",\"submissionMode\":\"SidecarMode\",\"submitterConfig\":{}", "spec.submitterConfig"},
    {CLUSTER ",\"submissionMode\":\"httpmode\"", "K8sJobMode, HTTPMode, InteractiveMode, SidecarMode"},
    {"\"submissionMode\":\"SidecarMode\",\"rayClusterSpec\":{\"headGroupSpec\":{\"template\":{\"spec\":{"
     "\"restartPolicy\":\"Always\","
     "\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}",
     "restartPolicy"},
    {"\"rayClusterSpec\":{" HEAD
     ",\"rayVersion\":\"2.55.0\",\"authOptions\":{\"mode\":\"token\",\"enableK8sTokenAuth\":true}}",
     "enableK8sTokenAuth"},
    {"\"rayClusterSpec\":{\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[]}}}}",
     "spec.rayClusterSpec is invalid"},
    {CLUSTER ",\"runtimeEnvYAML\":\"- a\"", "spec.runtimeEnvYAML"},
    {CLUSTER ",\"runtimeEnvYAML\":\"a: [\"", "line 2"},
    {METADATA("2.6.0"), NULL},
    {METADATA("v2.52.0"), NULL},
    {METADATA("2.5.9"), "spec.metadata needs"},
    {METADATA("2.60.0rc1"), "spec.metadata needs"},
    {METADATA("nightly"), "spec.metadata needs"},
    {CLUSTER ",\"metadata\":{\"a\":\"b\"}", NULL},
    {SELECT ",\"metadata\":{\"a\":\"b\"}", NULL},
    {CLUSTER ",\"activeDeadlineSeconds\":0", "spec.activeDeadlineSeconds"},
    {CLUSTER ",\"preRunningDeadlineSeconds\":0", "spec.preRunningDeadlineSeconds"},
    {CLUSTER ",\"backoffLimit\":-1", "spec.backoffLimit"},
    {CLUSTER ",\"jobId\":\"a b\"", "spec.jobId"},
    {CLUSTER ",\"jobId\":\"../x\"", "spec.jobId"},
    {CLUSTER ",\"jobId\":\"$(id)\"", "spec.jobId"},
    {CLUSTER ",\"jobId\":\"raysubmit_aB3-x.y\"", NULL},
    {CLUSTER ",\"entrypointResources\":\"{\"", "spec.entrypointResources"},
    {CLUSTER ",\"deletionStrategy\":{}", "deletionRules"},
    {CLUSTER ",\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteSelf\"}}", "onFailure is missing"},
    {CLUSTER ",\"deletionStrategy\":{\"onSuccess\":{},\"onFailure\":{}}", "onSuccess.policy"},
    {CLUSTER
     ",\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteSelf\"},\"onFailure\":{\"policy\":\"DeleteNone\"}}",
     NULL},
    {CLUSTER ",\"shutdownAfterJobFinishes\":true,\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteSelf\"},"
             "\"onFailure\":{"
             "\"policy\":\"DeleteNone\"}}",
     "contradicts"},
    {SELECT
     ",\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteCluster\"},\"onFailure\":{\"policy\":\"DeleteSelf\"}}",
     "clusterSelector"},
    {SCALING
     ",\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteWorkers\"},\"onFailure\":{\"policy\":\"DeleteSelf\"}}",
     "enableInTreeAutoscaling"},
    {CLUSTER ",\"shutdownAfterJobFinishes\":true,\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK) "]}",
     "exclude each other"},
    {CLUSTER
     ",\"deletionStrategy\":{\"onSuccess\":{\"policy\":\"DeleteSelf\"},\"deletionRules\":[" RULE("DeleteSelf", OK) "]}",
     "only one of the two ways"},
    {CLUSTER ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", "") "]}", "exactly one"},
    {CLUSTER
     ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK ",\"jobDeploymentStatus\":\"Failed\"") "]}",
     "exactly one"},
    {CLUSTER ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK ",\"ttlSeconds\":-1") "]}",
     "ttlSeconds"},
    {SCALING ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteWorkers", OK) "]}", "enableInTreeAutoscaling"},
    {SELECT ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteCluster", OK) "]}", "clusterSelector"},
    {CLUSTER ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteSelf", OK) "," RULE("DeleteSelf", OK) "]}",
     "deletionRules[1]: the same condition"},
    {CLUSTER ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteCluster", OK ",\"ttlSeconds\":5") "," RULE(
         "DeleteWorkers", OK ",\"ttlSeconds\":9") "]}",
     "comes no later"},
    {CLUSTER ",\"deletionStrategy\":{\"deletionRules\":[" RULE("DeleteWorkers", OK ",\"ttlSeconds\":5") "," RULE(
         "DeleteCluster", OK ",\"ttlSeconds\":9") "," RULE("DeleteNone",
                                                           OK) "," RULE("DeleteSelf",
                                                                        "\"jobDeploymentStatus\":\"Failed\"") "]}",
     NULL},
};

static const char *judge(const char *name, const char *spec, const char *status, struct rv_buf *message) {
    static const struct rc_settings settings = {.probes_injection = true};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0};
    struct rj_job j;
    rv_buf_addf(&json,
                "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{%s},\"status\":{%s}}",
                name, spec, status);
    struct rv_val v = from_json(a, rv_buf_cstr(&json));
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    rj_job_read(&j, v, &settings);
    return rj_validate(&j, message);
}

static void test_rules(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf message = {0};
        const char *reason = judge("job", rows[i].spec, "", &message);
        const char *text = rv_buf_cstr(&message);
        bool right = rows[i].words == NULL ? reason == NULL
                                           : reason != NULL && strcmp(reason, "InvalidRayJobSpec") == 0 &&
                                                 strstr(text, rows[i].words) != NULL;
        if (!right) printf("\n    row %zu: %s: %s", i, rows[i].spec, text);
        CU_ASSERT_TRUE(right);
    }
}

static void test_names_and_status(void) {
    static const struct {
        const char *name, *status, *reason;
    } more[] = {{"a23456789b123456789c123456789d123456789e1234567", "", NULL},
                {"a23456789b123456789c123456789d123456789e12345678", "", "InvalidRayJobMetadata"},
                {"1st", "", "InvalidRayJobMetadata"},
                {"j", "\"jobDeploymentStatus\":\"Waiting\"", "InvalidRayJobStatus"},
                {"j", "\"jobDeploymentStatus\":\"Running\"", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(more); i++) {
        rv_autobuf struct rv_buf message = {0};
        const char *reason = judge(more[i].name, CLUSTER, more[i].status, &message);
        CHECK_ROW((reason == NULL) == (more[i].reason == NULL) &&
                      (reason == NULL || strcmp(reason, more[i].reason) == 0),
                  more[i].name);
    }
}

static const struct suite_test tests[] = {{"each rule refuses what it should", test_rules},
                                          {"names and states", test_names_and_status}};
SUITE_MAIN("rayjob validation", tests)
