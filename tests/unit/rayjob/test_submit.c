/* test_submit.c - the line, the request and the pod by which a job is submitted. */
#include "plugins/rayjob/builders.h"
#include "tests/unit/sdk/suite.h"

#define CLUSTER                                                                                                        \
    "\"rayClusterSpec\":{\"rayVersion\":\"2.52.0\",%s\"headGroupSpec\":{\"template\":{\"spec\":{\"containers\":[{"     \
    "\"name\":\"h\","                                                                                                  \
    "\"image\":\"ray:1\",\"ports\":[{\"name\":\"dashboard\",\"containerPort\":8266}]}]}}}}"

struct scenario {
    struct rv_arena *a;
    struct rc_settings settings;
    struct rj_job j;
    struct rc_cluster c;
    struct rj_target t;
};

static void scenario_set(struct scenario *s, const char *cluster, const char *more) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, "{\"metadata\":{\"name\":\"j\",\"namespace\":\"n\",\"uid\":\"u\"},\"spec\":{");
    rv_buf_addf(&b, CLUSTER, cluster);
    rv_buf_addf(&b, "%s}}", more);
    s->a = rv_arena_new();
    rj_job_read(&s->j, from_json(s->a, rv_buf_cstr(&b)), &s->settings);
    rj_as_cluster(s->a, &s->j, RV_STR("j-abcde"), &s->c);
    s->t = (struct rj_target){RV_STR("id"), RV_STR("svc.n.svc.cluster.local:8265"), &s->c};
}

#define PROBE(at)                                                                                                      \
    "until python -c \"import urllib.request; r=urllib.request.urlopen('http://" at                                    \
    "/api/gcs_healthz', timeout=10); exit(0 if b'success' in r.read() else 1)\" >/dev/null 2>&1 ; do echo "
#define AT "http://svc.n.svc.cluster.local:8265"

static void test_line(void) {
    static const struct {
        const char *more, *want;
        bool sidecar;
    } rows[] = {
        {",\"entrypoint\":\"  python x.py \\n\"",
         PROBE("svc.n.svc.cluster.local:8265") "\"Waiting for Ray Dashboard GCS to become healthy at " AT
                                               " ...\" ; sleep 2 ; done ; if ! ray job status --address " AT
                                               " id >/dev/null 2>&1 ; then ray job submit --address " AT
                                               " --no-wait --submission-id id -- python x.py ; fi ; ray job logs "
                                               "--address " AT " --follow id",
         false},
        {",\"entrypoint\":\"e\",\"runtimeEnvYAML\":\"b: <1>\\na: "
         "2\",\"metadata\":{\"k\":\"v\"},\"entrypointNumCpus\":1,"
         "\"entrypointNumGpus\":0.5,\"entrypointResources\":\"{\\\"r\\\": 1}\"",
         PROBE("localhost:8266") "\"Waiting for Ray Dashboard GCS to become healthy at http://127.0.0.1:8266 ...\" ; "
                                 "sleep 2 ; "
                                 "done ; ray job submit --address http://127.0.0.1:8266 --runtime-env-json "
                                 "\"{\\\"a\\\":2,\\\"b\\\":\\\"\\\\u003c1\\\\u003e\\\"}\" --metadata-json "
                                 "\"{\\\"k\\\":\\\"v\\\"}\" "
                                 "--submission-id id --entrypoint-num-cpus 1.000000 --entrypoint-num-gpus 0.500000 "
                                 "--entrypoint-resources \"{\\\"r\\\": 1}\" -- e ;",
         true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        scenario_set(&s, "", rows[i].more);
        struct rv_str line = rj_command(s.a, &s.j, &s.t, rows[i].sidecar);
        if (!rv_str_is(line, rows[i].want))
            printf("\n    got  " RV_STR_FMT "\n    want %s", RV_STR_ARG(line), rows[i].want);
        CU_ASSERT_TRUE(rv_str_is(line, rows[i].want));
        rv_arena_free(s.a);
    }
}

/* Of a cluster that only the submitter can ask: following the log ends well whatever becomes of the job. */
static void test_line_with_verdict(void) {
    struct scenario s = {0};
    scenario_set(&s, "\"authOptions\":{\"mode\":\"token\",\"enableK8sTokenAuth\":true},", ",\"entrypoint\":\"e\"");
    struct rv_str line = rj_command(s.a, &s.j, &s.t, false);
    CU_ASSERT_TRUE(rv_str_ends(
        line, " --follow id ; said=$(ray job status --address " AT " id 2>&1) || true ; case \"$said\" in *\"'id' "
              "failed\"*) exit 81 ;; *\"'id' was stopped\"*) exit 82 ;; *\"'id' succeeded\"*) exit 0 ;; *) exit 1 ;; "
              "esac"));
    rv_arena_free(s.a);
}

/* Where only the user's own address is reachable, the probe and the calls use it. */
static void test_line_with_own_address(void) {
    static const struct {
        const char *env, *at;
    } rows[] = {{"{\"name\":\"RAY_ADDRESS\",\"value\":\"proxy:80\"}", "http://proxy:80"},
                {"{\"name\":\"RAY_DASHBOARD_ADDRESS\",\"value\":\"https://proxy\"}", "https://proxy"},
                {"{\"name\":\"RAY_ADDRESS\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"x\"}}}", "${RAY_ADDRESS}"},
                {"{\"name\":\"RAY_ADDRESS\",\"value\":\"http://a b\"}", "${RAY_ADDRESS}"},
                {"{\"name\":\"RAY_ADDRESS\",\"value\":\"ray://a:1\"}", "http://svc.n.svc.cluster.local:8265"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {0};
        char spec[512];
        snprintf(spec, sizeof spec,
                 ",\"entrypoint\":\"e\",\"submitterPodTemplate\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[%"
                 "s]}]}}",
                 rows[i].env);
        scenario_set(&s, "", spec);
        struct rv_node *n = rj_submitter_template(s.a, &s.j, &s.t);
        struct rv_str line = rv_node_text(rv_node_path(n, "spec.containers[0].args[0]"));
        const char *probe = rv_arena_fmt(s.a, "urlopen('%s/api/gcs_healthz'", rows[i].at).p,
                   *call = rv_arena_fmt(s.a, "ray job submit --address %s ", rows[i].at).p;
        CHECK_ROW(memmem(line.p, line.n, probe, strlen(probe)) != NULL, rows[i].env);
        CHECK_ROW(memmem(line.p, line.n, call, strlen(call)) != NULL, rows[i].env);
        rv_arena_free(s.a);
    }
}

static void test_request(void) {
    struct scenario s = {0};
    scenario_set(
        &s, "",
        ",\"entrypoint\":\" e \",\"runtimeEnvYAML\":\"pip: [a]\",\"metadata\":{\"k\":\"v\"},\"entrypointNumCpus\":1.5,"
        "\"entrypointResources\":\"{\\\"r\\\": 2}\"");
    struct rv_str body = rj_request(s.a, &s.j, RV_STR("id"));
    CU_ASSERT_TRUE(rv_str_is(body,
                             "{\"entrypoint\":\" e \",\"entrypoint_num_cpus\":1.5,\"entrypoint_resources\":{\"r\":2},"
                             "\"metadata\":{\"k\":\"v\"},\"runtime_env\":{\"pip\":[\"a\"]},\"submission_id\":\"id\"}"));
    rv_arena_free(s.a);
}

/* What stands at a path of the template. */
static void check_at(const struct scenario *s, struct rv_node *n, const char *path, const char *want) {
    CHECK_ROW(json_is(rv_node_freeze(s->a, rv_node_path(n, path)), want), path);
}

static void test_pods(void) {
    struct scenario s = {0};
    scenario_set(&s, "", "");
    struct rv_node *n = rj_submitter_template(s.a, &s.j, &s.t);
    check_at(&s, n, "spec.restartPolicy", "\"Never\"");
    check_at(&s, n, "spec.containers[0].image", "\"ray:1\"");
    check_at(&s, n, "spec.containers[0].command", "[\"/bin/bash\",\"-ce\",\"--\"]");
    check_at(&s, n, "spec.containers[0].env[1]",
             "{\"name\":\"RAY_DASHBOARD_ADDRESS\",\"value\":\"svc.n.svc.cluster.local:8265\"}");
    rv_arena_free(s.a);

    /* a template of the user's: its command stays, the environment is added behind his own */
    scenario_set(
        &s, "\"authOptions\":{\"mode\":\"token\"},",
        ",\"submitterPodTemplate\":{\"spec\":{\"containers\":[{\"name\":\"mine\",\"image\":\"i\",\"command\":[\"/"
        "s\"],\"env\":"
        "[{\"name\":\"RAY_AUTH_MODE\",\"value\":\"x\"}]}]}}");
    n = rj_submitter_template(s.a, &s.j, &s.t);
    check_at(&s, n, "spec.containers[0].command", "[\"/s\"]");
    check_at(&s, n, "spec.containers[0].env[0].value", "\"x\"");
    check_at(
        &s, n, "spec.containers[0].env[4]",
        "{\"name\":\"RAY_AUTH_TOKEN\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"j-abcde\",\"key\":\"auth_token\"}}}");
    rv_arena_free(s.a);

    /* our own submitter instead of the head's image */
    scenario_set(&s, "", ",\"entrypoint\":\"python a b\",\"runtimeEnvYAML\":\"a: 1\"");
    s.j.submitter_image = RV_STR("submit:1");
    n = rj_submitter_template(s.a, &s.j, &s.t);
    check_at(&s, n, "spec.containers[0].image", "\"submit:1\"");
    check_at(&s, n, "spec.containers[0].args", "[\"--runtime-env-json\",\"{\\\"a\\\":1}\",\"--\",\"python a b\"]");
    CU_ASSERT_PTR_NULL(rv_node_path(n, "spec.containers[0].command"));
    rv_arena_free(s.a);
}

static void test_sidecar_cluster(void) {
    struct scenario s = {0};
    scenario_set(&s, "", ",\"submissionMode\":\"SidecarMode\",\"entrypoint\":\"e\"");
    struct rj_state state = {.cluster = RV_STR("j-abcde"), .job_id = RV_STR("id")};
    struct rv_node *n = rj_cluster(s.a, &s.j, &state);
    check_at(&s, n, "metadata.labels",
             "{\"ray.io/originated-from-cr-name\":\"j\",\"ray.io/originated-from-crd\":\"RayJob\",\"ray.io/"
             "job-submission-mode\":"
             "\"SidecarMode\"}");
    check_at(&s, n, "metadata.annotations", "{\"ray.io/disable-provisioned-head-restart\":\"true\"}");
    check_at(&s, n, "spec.headGroupSpec.template.spec.containers[1].name", "\"ray-job-submitter\"");
    check_at(&s, n, "spec.headGroupSpec.template.spec.containers[1].env[1]", "{\"name\":\"RAY_DASHBOARD_ADDRESS\"}");
    check_at(&s, n, "spec.headGroupSpec.template.spec.restartPolicy", "\"Never\"");
    rv_arena_free(s.a);
}

static void test_volcano(void) {
    struct scenario s = {.settings = {.scheduler = RV_STR("volcano")}};
    scenario_set(&s, "", "");
    struct rv_node *n = rj_pod_group(s.a, &s.j, false);
    check_at(&s, n, "metadata.name", "\"ray-j-pg\"");
    check_at(&s, n, "spec.minMember", "1");
    check_at(&s, n, "spec.minResources", "{\"cpu\":\"500m\",\"memory\":\"200Mi\"}");
    struct rj_state state = {.cluster = RV_STR("j-abcde")};
    n = rj_cluster(s.a, &s.j, &state);
    check_at(&s, n, "metadata.annotations",
             "{\"scheduling.k8s.io/group-name\":\"ray-j-pg\",\"volcano.sh/task-spec\":\"\"}");
    CU_ASSERT_PTR_NULL(rv_node_path(n, "spec.schedulerName"));
    rv_arena_free(s.a);
}

/* A job with labels that every scheduler has one of. */
static void scheduled(struct scenario *s, const char *scheduler, const char *mode) {
    *s = (struct scenario){.a = rv_arena_new(), .settings = {.scheduler = rv_str(scheduler)}};
    struct rv_str text = rv_arena_fmt(
        s->a,
        "{\"metadata\":{\"name\":\"j\",\"namespace\":\"n\",\"uid\":\"u\",\"labels\":{"
        "\"ray.io/gang-scheduling-enabled\":\"true\",\"yunikorn.apache.org/app-id\":\"app\",\"yunikorn.apache.org/"
        "queue\":"
        "\"yq\",\"kai.scheduler/queue\":\"kq\",\"volcano.sh/queue-name\":\"vq\",\"ray.io/priority-class-name\":\"p\"}},"
        "\"spec\":{\"submissionMode\":\"%s\",\"entrypoint\":\"e\",\"rayClusterSpec\":{\"headGroupSpec\":{\"template\":{"
        "\"spec\":{"
        "\"containers\":[{\"name\":\"h\",\"image\":\"i\",\"resources\":{\"requests\":{\"cpu\":\"2\"}}}]}}},"
        "\"workerGroupSpecs\":["
        "{\"groupName\":\"g\",\"replicas\":2,\"minReplicas\":1,\"maxReplicas\":2,\"template\":{\"spec\":{"
        "\"containers\":["
        "{\"name\":\"w\",\"resources\":{\"requests\":{\"cpu\":\"1\"}}}]}}}]}}}",
        mode);
    rj_job_read(&s->j, from_json(s->a, text.p), &s->settings);
    rj_as_cluster(s->a, &s->j, RV_STR("j-abcde"), &s->c);
    s->t = (struct rj_target){RV_STR("id"), RV_STR("svc.n.svc.cluster.local:8265"), &s->c};
}

#define TASKS                                                                                                          \
    "[{\"name\":\"headgroup\",\"minMember\":1,\"minResource\":{\"cpu\":\"2\"}},{\"name\":\"g\",\"minMember\":1,"       \
    "\"minResource\":{\"cpu\":\"1\"}},{\"name\":\"submittergroup\",\"minMember\":1,\"minResource\":{\"cpu\":\"500m\"," \
    "\"memory\":\"200Mi\"}}]"

/* What a scheduler finds on the submitter's pod and on the cluster of K8sJobMode, beside what is there anyway. */
static void test_schedulers(void) {
    static const struct {
        const char *scheduler, *pod_scheduler; /* NULL: none */
        const char *key, *pod, *cluster;       /* a label, or an annotation when it has ! in front */
    } rows[] = {
        {"volcano", "volcano", "!scheduling.k8s.io/group-name", "ray-j-pg", "ray-j-pg"},
        {"volcano", "volcano", "!volcano.sh/task-spec", "submittergroup", ""},
        {"volcano", "volcano", "volcano.sh/queue-name", "vq", "vq"},
        {"volcano", "volcano", "ray.io/priority-class-name", "p", "p"},
        {"yunikorn", "yunikorn", "applicationId", "app", "app"},
        {"yunikorn", "yunikorn", "queue", "yq", "yq"},
        {"yunikorn", "yunikorn", "!yunikorn.apache.org/task-groups", TASKS, TASKS},
        {"yunikorn", "yunikorn", "!yunikorn.apache.org/task-group-name", "submittergroup", NULL},
        {"kai-scheduler", "kai-scheduler", "kai.scheduler/queue", "kq", "kq"},
        {"scheduler-plugins", NULL, "scheduling.x-k8s.io/pod-group", NULL, NULL},
        {"kubernetes-was", NULL, "scheduling.x-k8s.io/pod-group", NULL, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s;
        struct rj_state state = {.cluster = RV_STR("j-abcde"), .job_id = RV_STR("id")};
        scheduled(&s, rows[i].scheduler, "K8sJobMode");
        struct rv_node *pod = rv_node_path(rj_submitter_job(s.a, &s.j, &s.t), "spec.template"),
                       *cluster = rj_cluster(s.a, &s.j, &state);
        bool note = rows[i].key[0] == '!';
        const char *where = note ? "metadata.annotations" : "metadata.labels", *key = rows[i].key + note;
        struct rv_node *on_pod = rv_node_get(rv_node_path(pod, where), key),
                       *on_cluster = rv_node_get(rv_node_path(cluster, where), key),
                       *name = rv_node_path(pod, "spec.schedulerName");
        CHECK_ROW((on_pod != NULL) == (rows[i].pod != NULL), key);
        CHECK_ROW(on_pod == NULL || rv_str_is(rv_node_text(on_pod), rows[i].pod), key);
        CHECK_ROW((on_cluster != NULL) == (rows[i].cluster != NULL), key);
        CHECK_ROW(on_cluster == NULL || rv_str_is(rv_node_text(on_cluster), rows[i].cluster), key);
        CHECK_ROW((name != NULL) == (rows[i].pod_scheduler != NULL), rows[i].scheduler);
        CHECK_ROW(name == NULL || rv_str_is(rv_node_text(name), rows[i].pod_scheduler), rows[i].scheduler);
        CU_ASSERT_PTR_NULL(rv_node_path(cluster, "spec.schedulerName"));
        rv_arena_free(s.a);
    }
}

/* The submitter counts in what the group needs, not in its size. */
static void test_volcano_group(void) {
    static const struct {
        const char *mode, *resources;
    } rows[] = {{"K8sJobMode", "{\"cpu\":\"4500m\",\"memory\":\"200Mi\"}"},
                {"SidecarMode", "{\"cpu\":\"4500m\",\"memory\":\"200Mi\"}"},
                {"HTTPMode", "{\"cpu\":\"4\"}"},
                {"InteractiveMode", "{\"cpu\":\"4\"}"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s;
        scheduled(&s, "volcano", rows[i].mode);
        struct rv_node *n = rj_pod_group(s.a, &s.j, false);
        check_at(&s, n, "metadata.name", "\"ray-j-pg\"");
        check_at(&s, n, "metadata.ownerReferences[0].kind", "\"RayJob\"");
        check_at(&s, n, "spec.minMember", "3");
        check_at(&s, n, "spec.minResources", rows[i].resources);
        check_at(&s, n, "spec.queue", "\"vq\"");
        check_at(&s, n, "spec.priorityClassName", "\"p\"");
        check_at(&s, n, "status.phase", "\"Pending\"");
        n = rj_pod_group(s.a, &s.j, true);
        check_at(&s, n, "spec.minMember", "0");
        check_at(&s, n, "spec.minResources", "{}");
        rv_arena_free(s.a);
    }
}

static const struct suite_test tests[] = {{"a line with one's own address", test_line_with_own_address},
                                          {"the shell line", test_line},
                                          {"a line that knows how the job ended", test_line_with_verdict},
                                          {"the request", test_request},
                                          {"submitter pods", test_pods},
                                          {"a cluster with a sidecar", test_sidecar_cluster},
                                          {"Volcano's gang", test_volcano},
                                          {"every scheduler", test_schedulers},
                                          {"what Volcano's group needs", test_volcano_group}};
SUITE_MAIN("rayjob submission", tests)
