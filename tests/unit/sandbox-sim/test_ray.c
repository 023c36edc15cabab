/* test_ray.c - the simulated Ray: a submitter in the head pod, what keeps a head's state, and Serve's placement and
 * capacities. */
#include "fixture.h"

#include "rayvisor/json.h"

#define RAY "{'name':'ray','image':'rayproject/ray:2.60.0','args':['ray start --num-cpus=2']}"
#define HEAD(containers)                                                                                               \
    "{'metadata':{'name':'h','labels':{'ray.io/cluster':'c','ray.io/node-type':'head'}},"                              \
    "'spec':{'restartPolicy':'Never','containers':[" containers "]}}"
#define SUBMITTER(command)                                                                                             \
    "{'name':'s','image':'i','args':['ray job submit --submission-id j1 -- " command "'],"                             \
    "'env':[{'name':'RAY_JOB_SUBMISSION_ID','value':'j1'}]}"
#define OPTIONS "ray_run_ms=60,ray_deploy_ms=20,ray_build_ms=0,ray_stop_ms=0,ray_drain_ms=20"

static int ask(struct fixture *w, const char *method, const char *port, const char *path, const char *json,
               struct rv_buf *out) {
    struct sim_pending *pending = NULL;
    rv_autobuf struct rv_buf body = {0};
    for (const char *p = json != NULL ? json : ""; *p != '\0'; p++) rv_buf_addc(&body, *p == '\'' ? '"' : (uint8_t)*p);
    const struct sim_request q = {rv_str(method), rv_str(path), rv_buf_bytes(&body)};
    rv_buf_clear(out);
    int status = sim_proxy_pod(w->sim, RV_STR("default"), RV_STR("h"), rv_str(port), &q, out, &pending);
    if (pending != NULL) sim_pending_cancel(pending);
    return status;
}

/* Until the dashboard's answer has this text. */
static bool says(struct fixture *w, const char *path, const char *text) {
    rv_autobuf struct rv_buf out = {0};
    for (int64_t end = clock_monotonic() + (int64_t)20 * 1000000000; clock_monotonic() < end; loop_turn(w->loop, 5))
        if (ask(w, "GET", "8265", path, NULL, &out) == 200 && strstr(rv_buf_cstr(&out), text) != NULL) return true;
    printf("\n    %s never said %s, but %s", path, text, rv_buf_cstr(&out));
    return false;
}

static bool ray_is_up(struct fixture *w) { return says(w, "/api/version", "2.60.0"); }

static void test_submitter_ends_with_its_job(void) {
    static const struct {
        const char *pod, *code, *status;
    } rows[] = {{HEAD(RAY "," SUBMITTER("python x.py")), "0", "SUCCEEDED"},
                {HEAD(RAY "," SUBMITTER("python fail.py")), "1", "FAILED"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        fixture_open(&w, OPTIONS);
        CU_ASSERT_TRUE(fixture_create(&w, "pods", rows[i].pod));
        CU_ASSERT_TRUE(
            fixture_until(&w, "pods", "h", "status.containerStatuses[1].state.terminated.exitCode", rows[i].code));
        CU_ASSERT_TRUE(says(&w, "/api/jobs/j1", rows[i].status));
        /* The pod is not ready any more, and Ray answers. */
        CU_ASSERT_STRING_EQUAL(fixture_text(&w, fixture_get(&w, "pods", "h"), "status.phase"), "Running");
        CU_ASSERT_STRING_EQUAL(fixture_text(&w, fixture_get(&w, "pods", "h"), "status.containerStatuses[0].ready"),
                               "true");
        CU_ASSERT_TRUE(ray_is_up(&w));
        fixture_close(&w);
    }
}

static void test_unready_pod_answers(void) {
    struct fixture w;
    fixture_open(&w, OPTIONS);
    CU_ASSERT_TRUE(fixture_create(&w, "pods", HEAD(RAY)));
    CU_ASSERT_TRUE(ray_is_up(&w));
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "pods/default/h/unready", NULL), 200);
    CU_ASSERT_TRUE(fixture_until(&w, "pods", "h", "status.containerStatuses[0].ready", "false"));
    CU_ASSERT_TRUE(ray_is_up(&w));
    fixture_close(&w);
}

static const char *configs[] = {
    "{'applications':[{'name':'a','import_path':'m.a','deployments':[{'name':'D','num_replicas':3,"
    "'ray_actor_options':{'num_cpus':1}}]}]}",
    "{'target_capacity':50,'applications':[{'name':'a','import_path':'m.a','deployments':[{"
    "'name':'D','num_replicas':3,'ray_actor_options':{'num_cpus':1}}]}]}"};

/* Three replicas and room for two; with half of the capacity two are wanted. */
static void test_room_and_capacity(void) {
    struct fixture w;
    rv_autobuf struct rv_buf out = {0};
    fixture_open(&w, OPTIONS);
    CU_ASSERT_TRUE(fixture_create(&w, "pods", HEAD(RAY)));
    CU_ASSERT_TRUE(ray_is_up(&w));
    CU_ASSERT_EQUAL(ask(&w, "GET", "8000", "/-/healthz", NULL, &out), 503);
    CU_ASSERT_EQUAL(ask(&w, "PUT", "8265", "/api/serve/applications/", configs[0], &out), 200);
    CU_ASSERT_TRUE(says(&w, "/api/serve/applications/", "\"state\":\"RUNNING\""));
    CU_ASSERT_TRUE(says(&w, "/api/serve/applications/", "\"node_id\":null"));
    CU_ASSERT_TRUE(says(&w, "/api/serve/applications/", "\"status\":\"DEPLOYING\""));
    CU_ASSERT_EQUAL(ask(&w, "PUT", "8265", "/api/serve/applications/", configs[1], &out), 200);
    CU_ASSERT_TRUE(says(&w, "/api/serve/applications/", "\"target_num_replicas\":2"));
    CU_ASSERT_TRUE(says(&w, "/api/serve/applications/", "\"status\":\"RUNNING\""));
    CU_ASSERT_EQUAL(ask(&w, "GET", "8000", "/-/healthz", NULL, &out), 200);
    CU_ASSERT_EQUAL(ask(&w, "PUT", "8265", "/api/serve/applications/", "{}", &out), 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "Field required"));
    fixture_close(&w);
}

static const struct {
    const char *body;
    int status;
} rules[] = {
    {"{'dashboard':'hang'}", 200},  {"{'match':{'cluster':'c','app':'a'},'constructorMs':5}", 200},
    {"{'dashboard':'sings'}", 400}, {"{'proxy':'asleep'}", 400},
    {"{'dashbord':'hang'}", 400},
};

static void test_rules(void) {
    struct fixture w;
    fixture_open(&w, OPTIONS);
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++)
        CU_ASSERT_EQUAL(fixture_control(&w, "POST", "ray", rules[i].body), rules[i].status);
    CU_ASSERT_EQUAL(fixture_control(&w, "DELETE", "ray/2", NULL), 200);
    CU_ASSERT_EQUAL(fixture_control(&w, "DELETE", "ray/2", NULL), 404);
    CU_ASSERT_EQUAL(fixture_control(&w, "GET", "ray/default/nobody", NULL), 404);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "request", "{'service':'x'}"), 400);
    CU_ASSERT_EQUAL(fixture_control(&w, "POST", "request", "{'namespace':'default','service':'x'}"), 200);
    fixture_close(&w);
}

static const struct suite_test tests[] = {{"submitter ends with its job", test_submitter_ends_with_its_job},
                                          {"unready pod answers", test_unready_pod_answers},
                                          {"room and capacity", test_room_and_capacity},
                                          {"rules", test_rules}};
SUITE_MAIN("ray", tests)
