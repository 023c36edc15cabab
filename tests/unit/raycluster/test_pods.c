/* test_pods.c - pods that do not do as they should: that never go, end at once, cannot be made, are of an older spec.
 * A failure of one group does not hold up the others. */
#include <stdlib.h>

#include "plugins/ray/fields.h"
#include "scenario.h"

#define MINUTE INT64_C(60000)
#define TWO_GROUPS SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", 2, "") "," SCENARIO_GROUP("bb", 2, "") "]"
#define ONE_GROUP(n, more) SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", n, more) "]"
#define ENDED                                                                                                          \
    "{'phase':'Failed','reason':'Error','containerStatuses':[{'name':'w','state':{'terminated':{'reason':'OOMKilled'," \
    "'exitCode':137}}},{'name':'h','state':{'terminated':{'reason':'Error','exitCode':3}}}]}"

static bool is_ready(const struct scenario *s) { return rv_str_is(rv_val_str(scenario_status(s, "state")), "ready"); }

static void hold(struct scenario *s, struct rv_fake_object *pod) {
    scenario_patch(s, pod, false, "{'metadata':{'finalizers':['example.com/held']}}");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s->api, pod, RV_STR("")), 0);
}

/* ---- pods that never go ------------------------------------------------------------------------------------------ */

static void test_worker_that_stays(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(2, ""));
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(is_ready(&s));
    hold(&s, scenario_pod(&s, "-worker-"));
    scenario_pass(&s, 10 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 2);
    CU_ASSERT_TRUE(is_ready(&s));
    CU_ASSERT_EQUAL(rv_val_int(scenario_status(&s, "readyWorkerReplicas"), 0), 2);
    CU_ASSERT_EQUAL(rv_val_int(scenario_status(&s, "availableWorkerReplicas"), 0), 3);
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_RECONCILING, "status").n, 0);
    scenario_stop(&s);
}

static void test_worker_that_stays_from_the_start(void) {
    struct scenario s = {0};
    scenario_start(&s, "{}", ONE_GROUP(2, ""));
    scenario_pass(&s, 5000);
    hold(&s, scenario_pod(&s, "-worker-"));
    s.kubelets = true;
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(is_ready(&s));
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_PROVISIONED, "status"), "True"));
    scenario_stop(&s);
}

static void test_head_that_stays(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(1, ""));
    scenario_pass(&s, MINUTE);
    hold(&s, scenario_pod(&s, "-head-"));
    scenario_pass(&s, 10000);
    CU_ASSERT_FALSE(is_ready(&s));
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_HEAD_READY, "status"), "False"));
    CU_ASSERT_EQUAL(scenario_pods(&s, "-head-"), 0); /* never two */
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, RC_CONDITION_RECONCILING, "message"), "old head pod"));
    scenario_pass(&s, 5 * MINUTE);
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, RC_CONDITION_RECONCILING, "message"), "example.com/held"));
    scenario_stop(&s);
}

static void test_suspension_that_is_held(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(1, ""));
    scenario_pass(&s, MINUTE);
    scenario_patch(&s, scenario_pod(&s, "-worker-"), false, "{'metadata':{'finalizers':['example.com/held']}}");
    scenario_edit(&s, "{'spec':{'suspend':true}}");
    scenario_pass(&s, 5 * MINUTE);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "Suspending"));
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, RC_CONDITION_RECONCILING, "message"), "example.com/held"));
    scenario_stop(&s);
}

/* ---- pods that cannot be made ------------------------------------------------------------------------------------ */

static void refuse_pods(struct scenario *s, uint32_t verb, const char *name) {
    s->no_verb = verb;
    s->no_resource = "pods";
    s->no_name = name;
    s->no_code = RV_E_FORBIDDEN;
    s->no_message = RV_STR("exceeded quota");
}

static void test_groups_of_their_own(void) {
    struct scenario s = {.kubelets = true};
    refuse_pods(&s, RV_VERB_CREATE, "-aa-");
    scenario_start(&s, "{}", TWO_GROUPS);
    scenario_pass(&s, 3000);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-bb-"), 2);
    scenario_pass(&s, 20 * MINUTE); /* the first group waits a minute by now */
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "reason"), "FailedCreateWorkerPod"));
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "QuotaExceeded"));
    scenario_edit(&s,
                  "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", 2, "") "," SCENARIO_GROUP("bb", 4, "") "]}}");
    CU_ASSERT_EQUAL(scenario_pods(&s, "-bb-"), 4);
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-head-"), RV_STR("")), 0);
    scenario_pass(&s, 32000); /* its grace */
    CU_ASSERT_EQUAL(scenario_pods(&s, "-head-"), 1);
    s.no_verb = 0;
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-aa-"), 2);
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "status").n, 0);
    scenario_stop(&s);
}

static void test_quota_is_not_hammered(void) {
    struct scenario s = {.kubelets = true};
    refuse_pods(&s, RV_VERB_CREATE, "-worker-");
    scenario_start(&s, "{}", TWO_GROUPS);
    scenario_pass(&s, 2 * MINUTE);
    uint64_t writes = rv_fakehost_writes(s.host);
    scenario_pass(&s, 10 * MINUTE);
    CU_ASSERT_TRUE(rv_fakehost_writes(s.host) - writes <= 2 * (10 + 1) * 2); /* a pod and an event a minute, twice */
    scenario_stop(&s);
}

/* A failure that is over because nothing is to be made any more. */
static void test_failure_that_is_past(void) {
    struct scenario s = {.kubelets = true};
    refuse_pods(&s, RV_VERB_CREATE, "-aa-");
    scenario_start(&s, "{}", TWO_GROUPS);
    scenario_pass(&s, MINUTE);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "status"), "True"));
    scenario_edit(&s,
                  "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", 0, "") "," SCENARIO_GROUP("bb", 2, "") "]}}");
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "status").n, 0);
    CU_ASSERT_TRUE(is_ready(&s));
    scenario_stop(&s);
}

static void test_long_message(void) {
    static char text[100000];
    struct scenario s = {0};
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i + 1 < sizeof text; i += 2) memcpy(text + i, "\xc3\xa4", 2);
    refuse_pods(&s, RV_VERB_CREATE, NULL);
    s.no_message = (struct rv_str){text, sizeof text};
    scenario_start(&s, "{}", ONE_GROUP(1, ""));
    scenario_pass(&s, MINUTE);
    struct rv_str told = scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "message");
    CU_ASSERT_TRUE(told.n > 1000 && told.n < 4096);
    CU_ASSERT_EQUAL(told.p[told.n - 1], '\xa4'); /* no half characters */
    CU_ASSERT_TRUE(scenario_condition(&s, RC_CONDITION_RECONCILING, "message").n < 4096);
    scenario_stop(&s);
}

static void test_group_that_cannot_be_deleted(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(1, ""));
    scenario_pass(&s, MINUTE);
    refuse_pods(&s, RV_VERB_DELETE, NULL);
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", 1, "'suspend':true,") "]}}");
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_REPLICA_FAILURE, "reason"), "FailedDeleteWorkerPod"));
    CU_ASSERT_TRUE(scenario_said(&s, "event FailedToDeleteWorkerPodCollection"));
    scenario_stop(&s);
}

/* ---- replicas of several hosts ----------------------------------------------------------------------------------- */

/* A running replica that loses a host is replaced whole, whatever else cannot be made. */
static void test_lost_host(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}",
                   SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", 1, "'numOfHosts':2,") "," SCENARIO_GROUP(
                       "bb", 1, "") "]");
    scenario_pass(&s, MINUTE);
    CU_ASSERT_EQUAL_FATAL(scenario_pods(&s, "-aa-"), 2);
    refuse_pods(&s, RV_VERB_CREATE, "-bb-");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, scenario_pod(&s, "-bb-"), RV_STR("")), 0);
    scenario_pass(&s, 2 * MINUTE);
    struct rv_fake_object *lost = scenario_pod(&s, "-aa-");
    uint64_t before = s.api->uids;
    lost->gone_at = s.api->now; /* with its node */
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, lost, RV_STR("")), 0);
    lost->gone_at = s.api->now;
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-aa-"), 2);
    for (const struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next)
        if (strstr(o->name, "-aa-") != NULL) CU_ASSERT_TRUE(strtoull(o->uid + 4, NULL, 10) > before);
    scenario_stop(&s);
}

/* One that could not be made whole is completed, though its first hosts run. */
static void test_half_a_replica(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(0, "'numOfHosts':3,"));
    scenario_pass(&s, MINUTE);
    refuse_pods(&s, RV_VERB_CREATE, "-worker-");
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("aa", 1, "'numOfHosts':3,") "]}}");
    s.no_verb = 0;
    s.said.n = 0;
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-aa-"), 3);
    CU_ASSERT_FALSE(scenario_said(&s, "event DeletedWorkerPod"));
    scenario_stop(&s);
}

/* Stored before the field had a default. */
static void test_no_hosts(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(2, "'numOfHosts':0,"));
    scenario_pass(&s, MINUTE);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 2);
    CU_ASSERT_TRUE(is_ready(&s));
    scenario_stop(&s);
}

/* ---- pods that end ----------------------------------------------------------------------------------------------- */

static void crash(struct scenario *s, const char *infix, int64_t ms) {
    for (; ms > 0; ms -= 500) {
        scenario_pass(s, 500);
        scenario_become(s, infix, ENDED);
    }
}

static void test_workers_that_end(void) {
    struct scenario s = {.kubelets = false};
    scenario_start(&s, "{}", TWO_GROUPS);
    scenario_pass(&s, 2000);
    scenario_become(&s, "-head-", SCENARIO_READY);
    scenario_become(&s, "-bb-", SCENARIO_READY);
    uint64_t before = s.api->uids;
    crash(&s, "-aa-", 10 * MINUTE);
    CU_ASSERT_TRUE(s.api->uids - before < 2 * 20);
    CU_ASSERT_TRUE(s.api->uids - before > 2 * 8);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "CrashLoop"));
    struct rv_str text = scenario_condition(&s, RC_CONDITION_RECONCILING, "message");
    CU_ASSERT_TRUE(scenario_has(text, "c-aa-worker-") && scenario_has(text, "OOMKilled, exit code 137"));
    CU_ASSERT_TRUE(scenario_said(&s, "Pod status: Failed (Error); Pod restart policy: Always; Ray container terminated "
                                     "status: OOMKilled, exit code 137"));
    CU_ASSERT_EQUAL(scenario_pods(&s, "-bb-"), 2);
    s.kubelets = true; /* mended */
    scenario_pass(&s, 2 * MINUTE);
    CU_ASSERT_TRUE(is_ready(&s));
    CU_ASSERT_EQUAL(scenario_condition(&s, RC_CONDITION_RECONCILING, "status").n, 0);
    scenario_stop(&s);
}

static void test_heads_that_end(void) {
    struct scenario s = {0};
    scenario_start(&s, "{}", ONE_GROUP(1, ""));
    uint64_t before = s.api->uids;
    crash(&s, "-head-", 20 * MINUTE);
    CU_ASSERT_TRUE(s.api->uids - before < 30);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, RC_CONDITION_RECONCILING, "reason"), "CrashLoop"));
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, RC_CONDITION_RECONCILING, "message"), "Error, exit code 3"));
    CU_ASSERT_TRUE(scenario_said(&s, "event DeletedHeadPod") && scenario_said(&s, "Pod restart policy: Always"));
    scenario_stop(&s);
}

/* Many at once are one accident, not a loop: they are replaced at once. */
static void test_many_that_end_once(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", ONE_GROUP(10, ""));
    scenario_pass(&s, MINUTE);
    scenario_become(&s, "-worker-", ENDED);
    scenario_pass(&s, 1000);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 10);
    scenario_stop(&s);
}

static unsigned all_workers(const struct scenario *s) {
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "pods") == 0 && strstr(o->name, "-worker-") != NULL;
    return n;
}

/* An ordinary deletion makes no pod too many, and no two pods of one index. */
static void test_place_of_a_worker_that_goes(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", 2, "") "]");
    scenario_pass(&s, 5000);
    struct rv_fake_object *pod = scenario_pod(&s, "-worker-");
    scenario_patch(&s, pod, false, "{'metadata':{'finalizers':['example.com/held']}}");
    CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, pod, RV_STR("")), 0);
    scenario_pass(&s, 10000);
    CU_ASSERT_EQUAL(all_workers(&s), 2);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 1);
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, "Reconciling", "message"), "holds its place until it is gone"));
    scenario_pass(&s, 60000); /* its grace is over: nobody waits for a node that may be lost */
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 2);
    int64_t sum = 0;
    for (const struct rv_fake_object *o = s.api->objects; o != NULL; o = o->next) {
        int64_t index;
        struct rv_str text =
            rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), "ray.io/worker-group-replica-index"));
        if (strstr(o->name, "-worker-") != NULL && !rv_meta_deleting(o->value) &&
            rv_str_to_int(text, 0, 9, &index) == 0)
            sum += index;
    }
    CU_ASSERT_EQUAL(sum, 1);
    scenario_stop(&s);
}

/* Its namespace takes nothing new: that is found out once. */
static void test_namespace_ends(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("aa", 2, "") "]");
    scenario_pass(&s, 5000);
    s.no_verb = RV_VERB_CREATE;
    s.no_resource = "pods";
    s.no_code = RV_E_FORBIDDEN;
    s.no_message = RV_STR("unable to create new content in namespace ns because it is being terminated");
    for (unsigned i = 0; i < 2; i++) {
        struct rv_fake_object *pod = scenario_pod(&s, "-worker-");
        CU_ASSERT_EQUAL(rv_fakeapi_delete(s.api, pod, RV_STR("")), 0);
    }
    scenario_pass(&s, 60000);
    uint64_t writes = rv_fakehost_writes(s.host);
    scenario_forget(&s);
    scenario_pass(&s, 30 * INT64_C(60000));
    CU_ASSERT_EQUAL(rv_fakehost_writes(s.host), writes);
    CU_ASSERT_FALSE(scenario_said(&s, "event ")); /* 75 warnings were seen */
    scenario_stop(&s);
}

/* A name that no pod can have is told once, and nothing is tried. */
static void test_impossible_group(void) {
    struct scenario s = {.kubelets = true};
    scenario_start(&s, "{}", SCENARIO_HEAD ",'workerGroupSpecs':[" SCENARIO_GROUP("a_b", 1, "") "]");
    scenario_pass(&s, 60000);
    CU_ASSERT_TRUE(rv_str_is(scenario_condition(&s, "Stalled", "status"), "True"));
    CU_ASSERT_TRUE(scenario_has(scenario_condition(&s, "Stalled", "message"), "no pod can have \"a_b\""));
    CU_ASSERT_EQUAL(scenario_pods(&s, "c-"), 0);
    scenario_edit(&s, "{'spec':{'workerGroupSpecs':[" SCENARIO_GROUP("ab", 1, "") "]}}");
    scenario_pass(&s, 5000);
    CU_ASSERT_EQUAL(scenario_condition(&s, "Stalled", "status").n, 0);
    CU_ASSERT_EQUAL(scenario_pods(&s, "-worker-"), 1);
    scenario_stop(&s);
}

static const struct suite_test tests[] = {
    {"the place of a worker that goes", test_place_of_a_worker_that_goes},
    {"the namespace ends", test_namespace_ends},
    {"a group name that no pod can have", test_impossible_group},
    {"a worker that never goes", test_worker_that_stays},
    {"a worker that never goes, before all are ready", test_worker_that_stays_from_the_start},
    {"a head that never goes", test_head_that_stays},
    {"a suspension that is held", test_suspension_that_is_held},
    {"a group that cannot be made", test_groups_of_their_own},
    {"a quota is not hammered", test_quota_is_not_hammered},
    {"a failure that is past", test_failure_that_is_past},
    {"a long message", test_long_message},
    {"a group that cannot be deleted", test_group_that_cannot_be_deleted},
    {"a replica loses a host", test_lost_host},
    {"half a replica", test_half_a_replica},
    {"no number of hosts", test_no_hosts},
    {"workers that end at once", test_workers_that_end},
    {"heads that end at once", test_heads_that_end},
    {"many that end once", test_many_that_end_once},
};
SUITE_MAIN("raycluster: pods that do not do as they should", tests)
