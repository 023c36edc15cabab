/* test_summary.c - a unit test of the example: the controller in the real host engine, over an API server in memory
 * (rayvisor/test.h). It needs no cluster and takes no time. usage: test_summary MANIFEST */
#include <stdio.h>

#include <rayvisor/test.h>

const struct rv_plugin *rv_plugin_v3(void); /* summary.c */

static int failures;

static void check(bool ok, const char *what) {
    if (!ok) printf("FAILED: %s\n", what);
    failures += !ok;
}

static bool refuse_writes;

static int refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    (void)arg;
    if (!refuse_writes || a->verb != RV_VERB_APPLY) return 0;
    *message = RV_STR("not today");
    return RV_E_FORBIDDEN;
}

static bool summary_says(const struct rv_fakeapi *api, const char *key, const char *value) {
    const struct rv_fake_object *map = rv_fakeapi_get(api, "configmaps", "demo-summary");
    return map != NULL && rv_str_is(rv_val_str(rv_val_get(rv_val_get(map->value, "data"), key)), value);
}

static void history(struct rv_fakehost *host, struct rv_fakeapi *api) {
    struct rv_fake_object *cluster;
    rv_fakehost_run_until_idle(host);
    check(rv_fakehost_writes(host) == 0, "nothing is written while there is no cluster");

    rv_fakeapi_create_json(api, "rayclusters",
                           "{\"apiVersion\":\"ray.io/v1\",\"kind\":\"RayCluster\",\"metadata\":{\"name\":\"demo\"},"
                           "\"spec\":{\"workerGroupSpecs\":[{\"replicas\":2,\"numOfHosts\":4},{\"replicas\":1},{}]},"
                           "\"status\":{\"availableWorkerReplicas\":3,\"state\":\"ready\"}}",
                           &cluster);
    rv_fakehost_run_until_idle(host);
    check(summary_says(api, "workersWanted", "9"), "two groups of hosts and one worker are nine");
    check(summary_says(api, "workersAvailable", "3"), "the status is told");
    check(summary_says(api, "state", "ready"), "the state is told");
    check(rv_fakehost_writes(host) == 1, "one write is enough");

    rv_fakehost_resync(host);
    rv_fakehost_run_until_idle(host);
    check(rv_fakehost_writes(host) == 1, "a converged cluster costs no write");
    check(strstr(rv_fakehost_explained(host, "demo"), "up to date") != NULL, "it says that all is well");

    refuse_writes = true;
    rv_fakeapi_patch_json(api, cluster, false, "{\"spec\":{\"workerGroupSpecs\":[{\"replicas\":4}]}}");
    rv_fakehost_run_until_idle(host);
    check(summary_says(api, "workersWanted", "9"), "a refused write changes nothing");
    check(rv_fakehost_idle_ms(host) >= 0, "it will be tried again");
    refuse_writes = false;
    rv_fakehost_advance(host, 60000);
    rv_fakehost_run_until_idle(host);
    check(summary_says(api, "workersWanted", "4"), "and then it is written");

    rv_fakehost_restart(host);
    rv_fakehost_run_until_idle(host);
    check(summary_says(api, "workersWanted", "4"), "a new process finds everything as it is");

    rv_fakeapi_delete(api, cluster, (struct rv_str){NULL, 0});
    rv_fakeapi_collect(api);
    rv_fakehost_run_until_idle(host);
    check(rv_fakeapi_get(api, "configmaps", "demo-summary") == NULL, "the summary goes with its cluster");
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct rv_fakeapi *api = rv_fakeapi_new(0);
    struct rv_test_random random = {1};
    struct rv_fakehost *host = rv_fakehost_new(&(struct rv_fakehost_opts){
        .plugin = rv_plugin_v3(), .manifest = argv[1], .api = api, .random = &random, .refuse = refuse});
    if (host == NULL) return 1;
    history(host, api);
    rv_fakehost_free(host);
    rv_fakeapi_free(api);
    return failures != 0;
}
