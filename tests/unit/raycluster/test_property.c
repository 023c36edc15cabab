/* test_property.c - whatever happens to a RayCluster, once it stops happening the cluster becomes what its spec says,
 * and then the plugin is quiet.
 *
 * A history is drawn from a seed: edits, pods that start, fail and vanish, writes that fail or whose answers get lost,
 * news that come late, twice or out of order, deaths of the host; pods that never go, a group that cannot be made,
 * patches that are refused. After each chapter the disturbances end, the lasting ones last: what has nothing to do with
 * them must be as wanted, and be written about no more than back-off allows. Then they end too; within SETTLE simulated
 * minutes nothing more may be written, and everything must be as wanted. The same seed gives the same history:
 * RAYVISOR_PROPERTY_SEED=n RAYVISOR_PROPERTY_RUNS=1. */
#include <stdio.h>
#include <stdlib.h>

#include "model.h"
#include "plugins/ray/fields.h"
#include "plugins/ray/scheduler.h"
#include "tests/support/history.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { RUNS = 150, CHAPTERS = 3, STEPS = 50 };
#define MINUTE_MS INT64_C(60000)
#define QUIET_MS (12 * MINUTE_MS)  /* longer than every requeue and back-off */
#define SETTLE_MS (60 * MINUTE_MS) /* until then it must have become quiet */
#define HELD_MS MINUTE_MS          /* a deleted cluster whose Redis is empty goes within this */
#define LASTING_MS (10 * MINUTE_MS)
enum { LASTING_WRITES = 80 }; /* in the second half of that */

/* What the API server refuses until further notice. */
enum lasting { LASTS_NOTHING, LASTS_GROUP, LASTS_PATCHES };

struct history {
    uint64_t seed;
    struct rv_test_random random;
    struct model model;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    uint32_t failure_percent; /* percent of requests that go wrong */
    enum lasting lasting;
    uint32_t refused_group;
    const char *refused_patches; /* of this resource */
    struct event_log event_log;
};

static void on_note(void *arg, const char *line) {
    struct history *s = arg;
    event_log_add(&s->event_log, line);
}

/* ---- kubelets, and others who act in the cluster ----------------------------------------------------------------- */

struct pod_state {
    const char *name, *status;
};
#define WAITING "{'containerStatuses':[{'name':'r','state':{'waiting':{'reason':'CrashLoopBackOff'}}}]"
#define READY(word) "'conditions':[{'type':'Ready','status':'" word "','reason':'x'}]"
static const struct pod_state states[] = {
    {"runs", "{'phase':'Running','podIP':'10.0.0.1'," READY("False") ",'containerStatuses':[]}"},
    {"is ready", "{'phase':'Running','podIP':'10.0.0.1'," READY("True") ",'containerStatuses':[]}"},
    {"waits", WAITING ",'phase':'Pending'," READY("False") "}"},
    {"failed", "{'phase':'Failed','reason':'Evicted'," READY("False") ",'containerStatuses':[]}"},
    {"succeeded", "{'phase':'Succeeded'," READY("False") ",'containerStatuses':[]}"},
    {"has a container that ended",
     "{'phase':'Running','podIP':'10.0.0.1'," READY(
         "False") ",'containerStatuses':["
                  "{'name':'ray-worker','state':{'terminated':{'reason':'Error','exitCode':1}}},"
                  "{'name':'ray-head','state':{'terminated':{'reason':'Error','exitCode':1}}}]}"},
};
enum { POD_RUNS, POD_READY };

static void patch_status(struct history *s, struct rv_fake_object *o, const char *status) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str text = rv_arena_fmt(a, "{'status':%s}", status);
    char *p = rv_arena_alloc(a, text.n + 1);
    for (size_t i = 0; i < text.n; i++) p[i] = text.p[i] == '\'' ? '"' : text.p[i];
    (void)rv_fakeapi_patch(s->api, o, true, RV_STR(""), from_json(a, p));
}

static bool is(const struct rv_fake_object *o, const char *resource) { return strcmp(o->resource, resource) == 0; }

/* One of the kind, not the bystander; NULL: none. */
static struct rv_fake_object *any(struct history *s, const char *resource) {
    struct rv_fake_object *chosen = NULL;
    uint32_t n = 0;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if ((resource != NULL ? is(o, resource) : !is(o, "pods") && !is(o, "rayclusters")) &&
            strcmp(o->name, MODEL_BYSTANDER) != 0 && rv_test_random_below(&s->random, ++n) == 0)
            chosen = o;
    return chosen;
}

static void note(struct history *s, const char *what, const struct rv_fake_object *o) {
    char line[HISTORY_LINE];
    snprintf(line, sizeof line, "%s%s%s %s", o != NULL ? o->resource : "", o != NULL ? " " : "",
             o != NULL ? o->name : "", what);
    on_note(s, line);
}

static void pod_event(struct history *s) {
    struct rv_fake_object *pod = any(s, "pods");
    if (pod == NULL) return;
    /* What has ended stays so; most do well. */
    bool over = rv_str_is(rv_path_str(pod->value, "status.phase"), "Failed") ||
                rv_str_is(rv_path_str(pod->value, "status.phase"), "Succeeded");
    size_t next = rv_test_random_chance(&s->random, 60) ? rv_test_random_below(&s->random, 2)
                                                        : rv_test_random_below(&s->random, RV_ARRAY_LEN(states));
    if (over) return;
    note(s, states[next].name, pod);
    patch_status(s, pod, states[next].status);
}

/* A container that ended comes back, unless its pod says never. */
static bool may_run(const struct rv_fake_object *pod) {
    struct rv_str phase = rv_path_str(pod->value, "status.phase");
    if (rv_str_is(phase, "Failed") || rv_str_is(phase, "Succeeded")) return false;
    bool ended = rv_val_present(rv_val_path(pod->value, "status.containerStatuses[0].state.terminated"));
    return !ended || !rv_str_is(rv_path_str(pod->value, "spec.restartPolicy"), "Never");
}

/* Kubernetes keeps a group as long as pods name it: the API server adds a finalizer, a controller takes it away. */
static bool guard(struct history *s, struct rv_fake_object *group) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    bool guarded = rv_val_len(rv_val_path(group->value, "metadata.finalizers")) > 0, named = false,
         deleting = rv_meta_deleting(group->value);
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        named |= is(o, "pods") && rv_str_is(rv_path_str(o->value, "spec.schedulingGroup.podGroupName"), group->name);
    if (s->model.gang != GANG_KUBERNETES || guarded != deleting || (deleting && named)) return false;
    struct rv_val list = from_json(a, guarded ? "{\"metadata\":{\"finalizers\":null}}"
                                              : "{\"metadata\":{\"finalizers\":[\"" RC_FINALIZER_GROUP "\"]}}");
    (void)rv_fakeapi_patch(s->api, group, false, RV_STR(""), list);
    return true;
}

static bool kubelets(struct history *s) {
    bool any_pod = false;
    for (struct rv_fake_object *o = s->api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (is(o, "jobs") && !rv_val_present(rv_val_path(o->value, "status.conditions"))) {
            patch_status(s, o, "{'conditions':[{'type':'Complete','status':'True'}]}");
            any_pod = true;
        }
        if (is(o, "podgroups")) {
            any_pod |= guard(s, o);
            continue;
        }
        bool ready = rv_condition_is(rv_val_path(o->value, "status.conditions"), "Ready", "True");
        if (!is(o, "pods") || ready || rv_meta_deleting(o->value) || !may_run(o)) continue;
        patch_status(s, o, states[POD_READY].status);
        any_pod = true;
    }
    return any_pod;
}

static void somebody_deletes(struct history *s, const char *resource) {
    struct rv_fake_object *o = any(s, resource);
    if (o == NULL) return;
    note(s, "is deleted by somebody", o);
    if (rv_test_random_chance(&s->random, 30)) o->gone_at = s->api->now; /* at once */
    (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
}

static void bystander(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_val v =
        from_json(a, "{\"metadata\":{\"name\":\"" MODEL_BYSTANDER "\",\"labels\":{\"ray.io/cluster\":\"" MODEL_NAME
                     "\",\"ray.io/node-type\":\"worker\",\"ray.io/group\":\"g0\",\"ray.io/is-ray-node\":\"yes\"}}}");
    (void)rv_fakeapi_create(s->api, RV_STR("v1"), RV_STR("pods"), v, &made);
}

/* ---- failures that last ------------------------------------------------------------------------------------------ */

static int refuse(void *arg, const struct rv_action *a, struct rv_str *message) {
    const struct history *s = arg;
    char group[16];
    snprintf(group, sizeof group, "-g%u-", s->refused_group);
    bool patch = a->verb == RV_VERB_MERGE_PATCH && s->lasting == LASTS_PATCHES && a->subresource.n == 0 &&
                 rv_str_is(a->resource, s->refused_patches);
    bool create = a->verb == RV_VERB_CREATE && s->lasting == LASTS_GROUP && rv_str_is(a->resource, "pods") &&
                  memmem(a->name.p, a->name.n, group, strlen(group)) != NULL;
    if (create) *message = RV_STR("exceeded quota");
    return create || patch ? RV_E_FORBIDDEN : 0;
}

static void begin_to_refuse(struct history *s) {
    static const char *const resources[] = {"pods", "services", "ingresses", "roles"};
    if (rv_test_random_chance(&s->random, 60)) {
        s->lasting = LASTS_GROUP;
        s->refused_group = rv_test_random_below(&s->random, MODEL_GROUPS);
    } else {
        s->lasting = LASTS_PATCHES;
        s->refused_patches = resources[rv_test_random_below(&s->random, RV_ARRAY_LEN(resources))];
    }
    note(s, "-- something is refused from now on", NULL);
}

/* Its node has gone: it is deleted and stays. A head that stays would hold everything, as it must. */
static void never_goes(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *pod = any(s, "pods");
    if (pod == NULL || strstr(pod->name, "-worker-") == NULL || rv_meta_deleting(pod->value)) return;
    note(s, "is deleted and never goes", pod);
    struct rv_val held = from_json(a, "{\"metadata\":{\"finalizers\":[\"example.com/held\"]}}");
    (void)rv_fakeapi_patch(s->api, pod, false, RV_STR(""), held);
    (void)rv_fakeapi_delete(s->api, pod, RV_STR(""));
}

/* What waits for all pods to be gone could wait for ever. */
static bool may_stay(const struct history *s) {
    const struct rv_fake_object *c = rv_fakeapi_get(s->api, "rayclusters", MODEL_NAME);
    return s->model.exists && !s->model.suspend && !s->model.invalid && c != NULL && !rv_meta_deleting(c->value) &&
           !rv_condition_is(rv_val_path(c->value, "status.conditions"), RC_CONDITION_SUSPENDING, "True");
}

static void let_go(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val none = from_json(a, "{\"metadata\":{\"finalizers\":null}}");
    for (struct rv_fake_object *o = s->api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (is(o, "pods") && rv_val_len(rv_val_path(o->value, "metadata.finalizers")) > 0)
            (void)rv_fakeapi_patch(s->api, o, false, RV_STR(""), none);
    }
}

/* Another version of the operator made it. Under Recreate it would swallow an edit of the same moment, as it must. */
static void of_another_version(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *pod = any(s, "pods");
    if (pod == NULL || s->model.recreate) return;
    struct rv_val old = from_json(a, "{\"metadata\":{\"annotations\":{\"" RC_ANNOTATION_VERSION "\":\"v0.0.1\"}}}");
    (void)rv_fakeapi_patch(s->api, pod, false, RV_STR(""), old);
}

/* ---- a history -----------------------------------------------------------------------------------------------------
 */

static void edit(struct history *s) {
    model_edit(&s->model, &s->random, s->api);
    note(s, "-- the user edits the cluster", NULL);
    model_apply(&s->model, s->api);
}

static void lasting_failure(struct history *s) {
    uint32_t what = rv_test_random_below(&s->random, 3);
    if (what == 0)
        never_goes(s);
    else if (what == 1)
        begin_to_refuse(s);
    else
        of_another_version(s);
}

static void step(struct history *s) {
    static const uint32_t percents[] = {0, 0, 10, 40, 90};
    uint32_t what = rv_test_random_below(&s->random, 100), n = 1 + rv_test_random_below(&s->random, 5);
    if (what < 28)
        while (n-- > 0 && rv_fakehost_deliver(s->host)) {
        }
    else if (what < 54)
        while (n-- > 0 && rv_fakehost_serve(s->host, s->failure_percent)) {
        }
    else if (what < 64)
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 3000));
    else if (what < 66)
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 300000));
    else if (what < 78)
        pod_event(s);
    else if (what < 80)
        somebody_deletes(s, "pods");
    else if (what < 82)
        somebody_deletes(s, NULL);
    else if (what < 90)
        edit(s);
    else if (what < 91)
        rv_fakehost_repeat(s->host);
    else if (what < 92)
        rv_fakehost_resync(s->host);
    else if (what < 93)
        rv_fakehost_restart(s->host);
    else if (what < 95)
        lasting_failure(s);
    else if (what < 97)
        (void)rv_fakeapi_collect(s->api);
    else if (what < 98)
        (void)kubelets(s);
    else
        s->failure_percent = percents[rv_test_random_below(&s->random, RV_ARRAY_LEN(percents))];
    if (rv_test_random_chance(&s->random, 80)) rv_fakehost_run(s->host);
}

/* Everybody does what he should, until nothing is left to do at this moment. */
static bool work(struct history *s) {
    bool did = false;
    if (!may_stay(s)) let_go(s);
    for (bool more = true; more; did |= more) {
        more = rv_fakeapi_collect(s->api);
        more |= kubelets(s);
        more |= rv_fakehost_round(s->host);
    }
    return did;
}

/* Redis has been emptied, and nothing holds the deleted cluster any longer. */
static bool may_go(const struct history *s) {
    const struct rv_fake_object *cluster = rv_fakeapi_get(s->api, "rayclusters", MODEL_NAME), *job = s->api->objects;
    while (job != NULL && !is(job, "jobs")) job = job->next;
    return cluster != NULL && rv_meta_deleting(cluster->value) && job != NULL &&
           rv_condition_is(rv_val_path(job->value, "status.conditions"), "Complete", "True");
}

static uint64_t number(const struct rv_fake_object *o) { return strtoull(o->uid + strlen("uid-"), NULL, 10); }

/* A pod that was made when the plugin knew everything, and is deleted again. */
static bool made_in_vain(const struct history *s, uint64_t since) {
    for (const struct rv_fake_object *o = s->api->objects; o != NULL && since != 0; o = o->next)
        if (is(o, "pods") && number(o) > since && rv_meta_deleting(o->value)) return true;
    return false;
}

/* How long until something happens again; that has passed. */
static int64_t pass_time(struct history *s) {
    int64_t ms = history_next_moment(s->host, s->api);
    rv_fakehost_advance(s->host, ms);
    rv_fakehost_run(s->host);
    return ms;
}

/* What is refused stays so, everything else is well. False: faults has what is wrong. */
static bool settle_around(struct history *s, struct rv_buf *faults) {
    uint64_t before = 0;
    if (s->lasting == LASTS_NOTHING) return true;
    note(s, "== what is refused stays so, and all groups get other sizes", NULL);
    for (size_t i = 0; i < MODEL_GROUPS; i++) s->model.groups[i].replicas = rv_test_random_below(&s->random, 6);
    for (int64_t waited = 0; waited < LASTING_MS; waited += pass_time(s)) {
        if (s->model.exists) model_apply(&s->model, s->api);
        (void)work(s);
        if (waited < LASTING_MS / 2) before = rv_fakehost_writes(s->host);
    }
    uint64_t writes = rv_fakehost_writes(s->host) - before;
    int without = s->lasting == LASTS_GROUP ? (int)s->refused_group : -1;
    if (writes > LASTING_WRITES) rv_buf_addf(faults, "  - %llu writes while refused\n", (unsigned long long)writes);
    (void)model_check_pods(&s->model, s->api, without, faults);
    s->lasting = LASTS_NOTHING;
    return faults->n == 0;
}

/* NULL, or what is wrong. */
static const char *settle(struct history *s) {
    int64_t waited = 0, quiet = 0, held = 0;
    uint64_t informed = 0; /* objects made before the plugin knew of everything */
    note(s, "== the disturbances end", NULL);
    if (rv_test_random_chance(&s->random, 50)) let_go(s);
    while (quiet < QUIET_MS && waited < SETTLE_MS) {
        uint64_t writes = rv_fakehost_writes(s->host);
        if (s->model.exists) model_apply(&s->model, s->api); /* once an old one of the name is gone */
        bool did = work(s);
        if (made_in_vain(s, informed)) return "  - a pod is made and at once deleted\n";
        if (informed == 0) informed = s->api->uids;
        if (did || writes != rv_fakehost_writes(s->host)) quiet = 0;
        int64_t ms = pass_time(s);
        waited += ms;
        quiet += ms;
        held = may_go(s) ? held + ms : 0;
        if (held > HELD_MS) return "  - Redis is empty, but the deleted cluster stays\n";
    }
    return quiet >= QUIET_MS ? NULL : "  - it writes on and on\n";
}

static bool chapter(struct history *s) {
    for (int i = 0; i < STEPS; i++) step(s);
    rv_autobuf struct rv_buf faults = {0};
    const char *unrest = settle_around(s, &faults) ? settle(s) : NULL;
    if (unrest == NULL && faults.n == 0 && model_check(&s->model, s->api, &faults)) return true;
    event_log_report(&s->event_log, s->seed, unrest != NULL ? unrest : rv_buf_cstr(&faults), s->api, "rayclusters");
    return false;
}

static bool run_history(uint64_t seed) {
    struct history *s = rv_alloc(sizeof *s);
    static const char *const gangs[] = {"", "\"batchScheduler\":\"volcano\",", ""};
    char settings[256];
    s->seed = seed;
    s->random.state = seed * 1000003;
    model_init(&s->model, &s->random);
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    snprintf(settings, sizeof settings,
             "{%s\"randomPodDelete\":true,\"deterministicHeadName\":%s,\"featureGates\":{\"RayJobDeletionPolicy\":true,"
             "\"RayMultiHostIndexing\":%s,\"KubernetesWAS\":%s}}",
             gangs[s->model.gang], rv_test_random_chance(&s->random, 30) ? "true" : "false",
             s->model.indexing ? "true" : "false", s->model.gang == GANG_KUBERNETES ? "true" : "false");
    bystander(s);
    model_apply(&s->model, s->api);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/raycluster/raycluster.yaml",
                                                         .settings = settings,
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .lossy = s->model.lossy,
                                                         .note = on_note,
                                                         .refuse = refuse,
                                                         .arg = s});
    bool ok = s->host != NULL;
    for (int i = 0; i < CHAPTERS && ok; i++) ok = chapter(s);
    rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
    free(s);
    return ok;
}

static void histories(void) { CU_ASSERT_EQUAL(histories_run(RUNS, run_history), 0); }

static const struct suite_test tests[] = {{"histories", histories}};
SUITE_MAIN("raycluster: whatever happens", tests)
