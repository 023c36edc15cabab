/* test_property.c - whatever happens around a RayService, its address is served, it comes to rest, and is as its spec
 * wants it.
 *
 * A history is drawn from a seed: edits of the cluster, the configuration and the strategy, suspensions, clusters,
 * pods, Services and slices that are deleted by hand, heads that die, hang, or answer late, stale, garbage or too much,
 * writes that fail or whose answers get lost, news late, twice or out of order, deaths of the host. What must hold at
 * every moment is checked after each step; after each chapter the disturbances end, and the plugin must become quiet
 * with all as it should be. The same seed gives the same history: RAYVISOR_PROPERTY_SEED=n RAYVISOR_PROPERTY_RUNS=1. */
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "tests/support/history.h"
#include "tests/unit/sdk/suite.h"

const struct rv_plugin *rv_plugin_v3(void);

enum { RUNS = 40, CHAPTERS = 3, STEPS = 90 };
#define MINUTE_MS INT64_C(60000)
#define SECOND_NS INT64_C(1000000000)
#define QUIET_MS (15 * MINUTE_MS)
#define CALM_QUIET_MS (4 * MINUTE_MS)
#define SETTLE_MS (600 * MINUTE_MS)
#define FAULT(s, ...)                                                                                                  \
    (rv_buf_adds(&(s)->faults, "  - "), rv_buf_addf(&(s)->faults, __VA_ARGS__), rv_buf_adds(&(s)->faults, "\n"))

/* An upgrade that nobody disturbs, so that what it does is known to the second. */
enum calm_story { CALM_NONE, CALM_PLAIN, CALM_TAKEN_BACK, CALM_BROKEN };
struct calm {
    enum calm_story story;
    char old[64];              /* the active cluster before it */
    int64_t begun, left;       /* wall ns: the edit; when the old cluster was left */
    int64_t share, moved;      /* of the pending cluster, and when it last rose */
    int64_t served, abandoned; /* the highest share that the pending one had; when it was given up */
    char other[64];            /* the pending one */
    bool failed;               /* it was given up for its deadline */
};

struct history {
    uint64_t seed;
    struct rv_test_random random;
    struct fixture w;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    uint32_t failure_percent; /* percent of writes that go wrong */
    bool suspend, slices;
    int strategy;           /* index in strategies */
    unsigned version, text; /* of the cluster spec, of the configuration */
    char stable[64];        /* the cluster that the stable Service selected */
    int64_t share;          /* of the pending cluster, when last seen */
    char shared[64];
    char were[2][64]; /* the active and the pending cluster, when last seen */
    struct calm calm;
    struct rv_buf faults;
    struct event_log event_log;
};

static const char *const strategies[] = {
    "{'type':'NewCluster','clusterUpgradeOptions':null}",
    "{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':100,'stepSizePercent':100,'"
    "intervalSeconds':1,'gatewayClassName':'g'}}",
    "{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':50,'stepSizePercent':25,'"
    "intervalSeconds':5,'gatewayClassName':'g'}}",
    "{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':30,'stepSizePercent':7,'"
    "intervalSeconds':3,'gatewayClassName':'g'}}",
    "{'type':'None','clusterUpgradeOptions':null}",
};
enum { STRATEGIES = RV_ARRAY_LEN(strategies), NONE = STRATEGIES - 1 };
static const struct { int64_t step, interval_s; } paces[STRATEGIES] = {{100, 0}, {100, 1}, {25, 5}, {7, 3}, {100, 0}};
enum { DELAY_S = 20, DRAIN_S = 60, DEADLINE_S = 90 };

static void on_note(void *arg, const char *line) { event_log_add(&((struct history *)arg)->event_log, line); }

static void on_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    fixture_http(&((struct history *)arg)->w, r, out);
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

static struct rv_fake_object *service(const struct history *s) {
    return rv_fakeapi_get(s->api, "rayservices", FIXTURE_SERVICE);
}
static struct rv_val status(const struct history *s) { return rv_val_get(service(s)->value, "status"); }
static struct rv_str active(const struct history *s) {
    return rv_path_str(status(s), "activeServiceStatus.rayClusterName");
}
static struct rv_str pending(const struct history *s) {
    return rv_path_str(status(s), "pendingServiceStatus.rayClusterName");
}

static struct rv_fake_object *cluster(const struct history *s, struct rv_str name) {
    return name.n != 0 ? rv_fakeapi_find(s->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), name) : NULL;
}

static struct rv_fake_object *stable(const struct history *s) {
    return rv_fakeapi_get(s->api, "services", FIXTURE_SERVICE "-serve-svc");
}

static bool is_condition(const struct history *s, const char *type, const char *value) {
    return rv_condition_is(rv_val_get(status(s), "conditions"), type, value);
}

/* ---- what must hold at any time ---------------------------------------------------------------------------------- */

/* Another cluster is not begun while a third one, which was superfluous before, is there. */
static void watch_begun(struct history *s) {
    struct rv_str now[2] = {active(s), pending(s)};
    bool begun = now[1].n != 0 && !rv_str_is(now[1], s->were[1]) && cluster(s, now[0]) != NULL;
    for (const struct rv_fake_object *o = s->api->objects; begun && o != NULL; o = o->next) {
        if (strcmp(o->resource, "rayclusters") != 0 || rv_meta_deleting(o->value)) continue;
        bool known = false;
        for (int i = 0; i < 2; i++) known |= rv_str_is(now[i], o->name) || strcmp(s->were[i], o->name) == 0;
        if (!known) FAULT(s, RV_STR_FMT " is begun while %s is still there", RV_STR_ARG(now[1]), o->name);
    }
    for (int i = 0; i < 2; i++) snprintf(s->were[i], sizeof s->were[i], RV_STR_FMT, RV_STR_ARG(now[i]));
}

static void watch_clusters(struct history *s) {
    unsigned live = 0, old = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next) {
        if (strcmp(o->resource, "rayclusters") != 0 || rv_meta_deleting(o->value)) continue;
        live++;
        old += !rv_str_is(active(s), o->name) && !rv_str_is(pending(s), o->name);
    }
    watch_begun(s);
    if (live > 3 || (old > 1 && live > old)) FAULT(s, "%u clusters are there, %u of them are old", live, old);
}

static struct serve *serve_on(struct history *s, struct rv_str name) {
    char text[64];
    snprintf(text, sizeof text, RV_STR_FMT, RV_STR_ARG(name));
    return name.n != 0 ? fixture_serve(&s->w, text) : NULL;
}

/* Was Serve on it asked since it was last told something? */
static bool asked_since(struct history *s, struct rv_str name) {
    const struct serve *v = serve_on(s, name);
    return v == NULL || v->puts == 0 || v->asked_in > v->put_in;
}

/* To where the stable Service points: never to a cluster that has not served, while the one before does. */
static void watch_stable(struct history *s) {
    struct rv_fake_object *o = stable(s);
    struct rv_str now =
        o != NULL ? rv_val_str(rv_val_get(rv_val_path(o->value, "spec.selector"), "ray.io/cluster")) : RV_STR("");
    if (now.n == 0 || rv_str_is(now, s->stable)) return;
    bool before = s->stable[0] != 0 && fixture_ready(&s->w, rv_str(s->stable)) > 0;
    if (before && fixture_tale(&s->w, now)->proven < 50)
        FAULT(s, "the stable Service goes from %s, which serves, to " RV_STR_FMT ", which never did", s->stable,
              RV_STR_ARG(now));
    if (before && !asked_since(s, now))
        FAULT(s, "the stable Service goes to " RV_STR_FMT " on an answer that is older than what Serve was told last",
              RV_STR_ARG(now));
    snprintf(s->stable, sizeof s->stable, RV_STR_FMT, RV_STR_ARG(now));
}

static void watch_shares(struct history *s) {
    struct rv_val a = rv_val_get(status(s), "activeServiceStatus"), b = rv_val_get(status(s), "pendingServiceStatus");
    struct rv_val x = rv_val_get(a, "trafficRoutedPercent"), y = rv_val_get(b, "trafficRoutedPercent");
    int64_t share = rv_val_int(y, 0);
    if (rv_val_set(x) && rv_val_set(y) && rv_val_int(x, 0) + share != 100)
        FAULT(s, "weights %lld and %lld", (long long)rv_val_int(x, 0), (long long)share);
    bool same = rv_str_is(pending(s), s->shared);
    bool serves = fixture_ready(&s->w, active(s)) > 0;
    if (share > (same ? s->share : 0) && serves && fixture_tale(&s->w, pending(s))->proven < share)
        FAULT(s, "%lld %% of traffic to " RV_STR_FMT ", whose replicas were there for %lld %% at most",
              (long long)share, RV_STR_ARG(pending(s)), (long long)fixture_tale(&s->w, pending(s))->proven);
    if (same && share > s->share && serves && !asked_since(s, pending(s)))
        FAULT(s, "a share moves on an answer that is older than what Serve was told last");
    s->share = share;
    snprintf(s->shared, sizeof s->shared, RV_STR_FMT, RV_STR_ARG(pending(s)));
}

static void watch_route(struct history *s) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "httproutes", FIXTURE_SERVICE "-httproute");
    int64_t sum = 0;
    if (o == NULL) return;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.rules[0].backendRefs")); rv_iter_next(&it);)
        sum += rv_path_int(it.val, "weight", 1);
    if (sum != 100) FAULT(s, "the route's weights sum to %lld", (long long)sum);
}

static int64_t told(struct history *s, struct rv_str name) {
    const struct serve *v = serve_on(s, name);
    return v == NULL || v->config == NULL ? -1 : v->capacity < 0 ? 100 : v->capacity;
}

static bool has_replicas(struct history *s, struct rv_str name) {
    return name.n != 0 && told(s, name) > 0 && fixture_ready(&s->w, name) > 0;
}

/* Our slice leads to no cluster that was told to have no replica, while another one has some. A rollback goes on
 * although nobody changes the slice. */
static void watch_slice(struct history *s) {
    struct rv_fake_object *o = stable(s),
                          *slice = rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    if (o == NULL || slice == NULL || rv_val_len(rv_val_path(o->value, "spec.selector")) > 0) return;
    if (is_condition(s, "RollbackInProgress", "True")) return;
    for (struct rv_iter it = rv_iter(rv_val_get(slice->value, "endpoints")); rv_iter_next(&it);) {
        struct rv_fake_object *pod =
            rv_fakeapi_find(s->api, RV_STR("v1"), RV_STR("pods"), rv_path_str(it.val, "targetRef.name"));
        if (pod == NULL) continue;
        struct rv_str name = rv_val_str(rv_val_get(rv_val_path(pod->value, "metadata.labels"), "ray.io/cluster")),
                      other = rv_str_eq(name, active(s)) ? pending(s) : active(s);
        if (told(s, name) == 0 && has_replicas(s, other))
            FAULT(s, "requests go to " RV_STR_FMT ", which has no replica, while " RV_STR_FMT " has some",
                  RV_STR_ARG(name), RV_STR_ARG(other));
    }
}

/* Two minutes in which pods stay as they are: then no cluster without a ready pod has traffic that the other one could
 * take. */
static void check_readiness(struct history *s) {
    struct rv_val a = rv_val_get(status(s), "activeServiceStatus"), b = rv_val_get(status(s), "pendingServiceStatus");
    int64_t active_has = rv_path_int(a, "trafficRoutedPercent", 0),
            pending_has = rv_path_int(b, "trafficRoutedPercent", 0);
    unsigned active_ready = fixture_ready(&s->w, active(s)), pending_ready = fixture_ready(&s->w, pending(s));
    if (is_condition(s, "Suspending", "True") || pending(s).n == 0 || active(s).n == 0) return;
    if (rv_meta_deleting(service(s)->value) || cluster(s, active(s)) == NULL || cluster(s, pending(s)) == NULL) return;
    if (pending_has > 0 && pending_ready == 0 && active_ready > 0)
        FAULT(s, "%lld %% stay at " RV_STR_FMT ", which has no ready pod", (long long)pending_has,
              RV_STR_ARG(pending(s)));
    if (active_has > 0 && active_ready == 0 && pending_ready > 0 && pending_has > 0)
        FAULT(s, "%lld %% stay at " RV_STR_FMT ", which has no ready pod", (long long)active_has,
              RV_STR_ARG(active(s)));
}

/* Suspended means that nothing is left. */
static void watch_suspended(struct history *s) {
    if (!is_condition(s, "Suspended", "True")) return;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0 || strcmp(o->resource, "httproutes") == 0)
            FAULT(s, "it is Suspended, and %s %s is there", o->resource, o->name);
}

static void watch_calm(struct history *s);

static void watch(struct history *s) {
    if (service(s) == NULL) return;
    if (s->calm.story != CALM_NONE) watch_calm(s);
    watch_suspended(s);
    watch_slice(s);
    watch_clusters(s);
    watch_stable(s);
    watch_shares(s);
    watch_route(s);
    if (s->w.mixed > 0) FAULT(s, "Serve is asked beside a submission: the answer may be older than it");
}

/* ---- the user ---------------------------------------------------------------------------------------------------- */

static void apply(struct history *s) {
    static const char *const notes[] = {"null", "'Endpoints'"};
    fixture_patch(&s->w, service(s), false,
                  "{'metadata':{'annotations':{'rayvisor.io/"
                  "traffic':%s}},'spec':{'suspend':%s,'upgradeStrategy':%s,'serveConfigV2':%s,'rayClusterConfig':{"
                  "'headGroupSpec':{'template':{'metadata':{'labels':{'v':'%u'}}}}}}}",
                  notes[s->slices], s->suspend ? "true" : "false", strategies[s->strategy],
                  s->text == 9   ? "'applications: ['"
                  : s->text == 8 ? "''"
                                 : "'applications:\\n- {name: app, import_path: a.b}\\n'",
                  s->version);
    if (s->text >= 8) return;
    fixture_patch(&s->w, service(s), false,
                  "{'spec':{'serveConfigV2':'applications:\\n- {name: app, import_path: a.b%u}\\n'}}", s->text);
}

static void edit(struct history *s) {
    uint32_t what = rv_test_random_below(&s->random, 100);
    on_note(s, " -- the user edits");
    if (pending(s).n != 0 && rv_test_random_chance(&s->random, 40)) what = 40; /* it has to take what it serves anew */
    if (what < 40)
        s->version = rv_test_random_below(&s->random, 4);
    else if (what < 60)
        s->text = rv_test_random_below(&s->random, 10);
    else if (what < 75)
        s->strategy = (int)rv_test_random_below(&s->random, STRATEGIES);
    else if (what < 80)
        s->suspend = !s->suspend;
    else if (what < 90)
        s->slices = !s->slices;
    else
        s->version++;
    apply(s);
}

static void begin(struct history *s) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    (void)rv_fakeapi_create(
        s->api, RV_STR("ray.io/v1"), RV_STR("rayservices"),
        fixture_json(
            a, RV_STR("{'apiVersion':'ray.io/v1','kind':'RayService','metadata':{'name':'" FIXTURE_SERVICE
                      "','annotations':{'rayvisor.io/"
                      "upgrade-deadline':'40m'}},'spec':{'rayClusterDeletionDelaySeconds':20,'rayClusterConfig':{"
                      "'enableInTreeAutoscaling':true,'headGroupSpec':{'rayStartParams':{},'template':{'spec':{"
                      "'containers':[{'name':'h','image':'ray:1'}]}}},'workerGroupSpecs':[{'groupName':'g','replicas':"
                      "1,'minReplicas':1,'maxReplicas':3,'rayStartParams':{},'template':{'spec':{'containers':[{"
                      "'name':'w','image':'ray:1'}]}}}]}}}")),
        &made);
    apply(s);
}

/* ---- misfortune -------------------------------------------------------------------------------------------------- */

static struct rv_fake_object *any(struct history *s, const char *resource) {
    uint32_t n = 0, which;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next) n += strcmp(o->resource, resource) == 0;
    if (n == 0) return NULL;
    which = rv_test_random_below(&s->random, n);
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, resource) == 0 && which-- == 0) return o;
    return NULL;
}

/* One of two clusters, in an upgrade, loses its pods, its replicas or its tongue. */
static void misfortune_of_one(struct history *s) {
    struct rv_str name = rv_test_random_chance(&s->random, 40) ? active(s) : pending(s);
    struct tale *t = fixture_tale(&s->w, name);
    uint32_t what = rv_test_random_below(&s->random, 3);
    on_note(s, what == 0   ? " !! all pods of a cluster"
               : what == 1 ? " !! all replicas of a cluster"
                           : " !! a cluster hangs");
    if (what == 1) t->empty = !t->empty;
    if (what == 2) t->hangs = !t->hangs;
    if (what != 0) return;
    for (struct rv_fake_object *o = s->api->objects, *next; o != NULL; o = next) {
        struct rv_str of = rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), "ray.io/cluster"));
        next = o->next;
        if (strcmp(o->resource, "pods") == 0 && rv_str_eq(of, name)) (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
    }
}

static void misfortune(struct history *s) {
    static const char *const victims[] = {"rayclusters", "pods",       "pods",     "pods",
                                          "services",    "httproutes", "gateways", "endpointslices"};
    uint32_t what = rv_test_random_below(&s->random, 100);
    struct rv_fake_object *o =
        any(s, what < 50 ? victims[rv_test_random_below(&s->random, RV_ARRAY_LEN(victims))] : "rayclusters");
    if (o == NULL) return;
    struct tale *t = fixture_tale(&s->w, rv_str(o->name));
    char line[160];
    snprintf(line, sizeof line, " !! %u: %s %s", what, o->resource, o->name);
    on_note(s, line);
    if (what < 50)
        (void)rv_fakeapi_delete(s->api, o, RV_STR(""));
    else if (what < 65)
        t->hangs = !t->hangs;
    else if (what < 72)
        t->dead = !t->dead;
    else if (what < 77)
        t->empty = !t->empty;
    else if (what < 85)
        s->w.bad_config = !s->w.bad_config;
    else if (what < 90)
        s->w.no_gateway = !s->w.no_gateway;
    else if (what < 95)
        s->w.ongoing = (int64_t)rv_test_random_below(&s->random, 4) - 1;
    else
        fixture_patch(&s->w, o, false, "{'spec':{'suspend':%s}}",
                      rv_path_bool(o->value, "spec.suspend", false) ? "false" : "true");
}

static void rest(struct history *s) {
    on_note(s, " .. pods stay as they are");
    for (int i = 0; i < 240 && s->faults.n == 0; i++) {
        for (bool more = true; more && s->faults.n == 0;) {
            more = false;
            while (rv_fakehost_deliver(s->host)) more = true;
            rv_fakehost_run(s->host);
            s->w.round++;
            while (rv_fakehost_serve(s->host, 0)) more = true;
            watch(s);
        }
        rv_fakehost_advance(s->host, 500);
    }
    if (s->faults.n == 0 && service(s) != NULL) check_readiness(s);
}

static void step(struct history *s) {
    static const uint32_t percents[] = {0, 0, 10, 40, 90};
    uint32_t what = rv_test_random_below(&s->random, 100), n = 1 + rv_test_random_below(&s->random, 6);
    if (what < 24) {
        while (n-- > 0 && rv_fakehost_deliver(s->host)) {
        }
    } else if (what < 46) {
        while (n-- > 0 && rv_fakehost_serve(s->host, s->failure_percent)) {
        }
    } else if (what < 60) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 4000));
    } else if (what < 63) {
        rv_fakehost_advance(s->host, rv_test_random_below(&s->random, 200000));
    } else if (what < 80) {
        while (n-- > 0) (void)fixture_work(&s->w);
    } else if (what < 82) {
        misfortune(s);
    } else if (what < 84) {
        if (pending(s).n != 0 && active(s).n != 0) misfortune_of_one(s);
        if (rv_test_random_chance(&s->random, 40)) rest(s);
    } else if (what < 88) {
        edit(s);
    } else if (what < 90) {
        rv_fakehost_repeat(s->host);
    } else if (what < 91) {
        rv_fakehost_resync(s->host);
    } else if (what < 93) {
        rv_fakehost_restart(s->host);
    } else if (what < 96) {
        s->w.http_failure_percent = percents[rv_test_random_below(&s->random, RV_ARRAY_LEN(percents))];
    } else if (what < 98) {
        s->failure_percent = percents[rv_test_random_below(&s->random, RV_ARRAY_LEN(percents))];
    } else {
        s->w.deploy_s = rv_test_random_below(&s->random, 30);
    }
    if (rv_test_random_chance(&s->random, 80)) {
        rv_fakehost_run(s->host);
        s->w.round++;
    }
    watch(s);
    if (s->faults.n == 0 && rv_test_random_chance(&s->random, 1)) rest(s);
}

/* ---- coming to rest ---------------------------------------------------------------------------------------------- */

static void work(struct history *s) {
    for (bool more = true; more && s->faults.n == 0;) {
        more = fixture_work(&s->w);
        while (rv_fakehost_deliver(s->host)) more = true;
        rv_fakehost_run(s->host);
        s->w.round++;
        watch(s);
        while (rv_fakehost_serve(s->host, 0)) more = true;
        rv_fakehost_run(s->host);
        watch(s);
    }
}

static void peace(struct history *s, bool last) {
    on_note(s, " == the disturbances end");
    s->w.http_failure_percent = s->failure_percent = 0;
    s->w.bad_config = s->w.no_gateway = false;
    s->w.ongoing = -1;
    for (size_t i = 0; i < s->w.tale_n; i++) s->w.tales[i].hangs = s->w.tales[i].dead = s->w.tales[i].empty = false;
    for (struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0 && rv_path_bool(o->value, "spec.suspend", false))
            fixture_patch(&s->w, o, false, "{'spec':{'suspend':false}}");
    if (s->text >= 8) s->text = 1;
    if (last) s->suspend = false;
    if (last && s->strategy == NONE) s->strategy = 1 + (int)rv_test_random_below(&s->random, STRATEGIES - 2);
    apply(s);
}

static void check_slice(struct history *s);
static void check_route(struct history *s);

/* Everybody does his part, and then so much time passes, at most until the plugin has something to do. */
static int64_t pass_time(struct history *s, int64_t most_ms) {
    work(s);
    if (s->calm.story != CALM_NONE && s->faults.n == 0) {
        check_slice(s);
        check_route(s);
    }
    int64_t ms = history_next_moment(s->host, s->api);
    if (ms > most_ms) ms = most_ms;
    rv_fakehost_advance(s->host, ms);
    rv_fakehost_run(s->host);
    return ms;
}

static void settle(struct history *s, bool last) {
    int64_t waited = 0, quiet = 0, enough = s->calm.story == CALM_NONE ? QUIET_MS : CALM_QUIET_MS;
    if (s->calm.story == CALM_NONE) peace(s, last);
    while (quiet < enough && waited < SETTLE_MS && s->faults.n == 0) {
        uint64_t writes = rv_fakehost_writes(s->host);
        int64_t ms = pass_time(s, MINUTE_MS);
        waited += ms;
        quiet = writes != rv_fakehost_writes(s->host) ? 0 : quiet + ms;
    }
    if (s->faults.n == 0 && quiet < enough) FAULT(s, "it writes on and on");
}

/* ---- how it must be then ----------------------------------------------------------------------------------------- */

static void check_suspended(struct history *s) {
    if (!is_condition(s, "Suspended", "True")) FAULT(s, "it is not Suspended");
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0 || strcmp(o->resource, "services") == 0)
            FAULT(s, "%s %s is left", o->resource, o->name);
}

static void check_address(struct history *s, struct rv_str name) {
    struct rv_fake_object *o = stable(s),
                          *shared = rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    bool sliced = s->slices && s->strategy != 0 && s->strategy != NONE;
    if (o == NULL) {
        FAULT(s, "there is no stable Service");
        return;
    }
    struct rv_str selected = rv_val_str(rv_val_get(rv_val_path(o->value, "spec.selector"), "ray.io/cluster"));
    if (!sliced && !rv_str_eq(selected, name)) FAULT(s, "the stable Service selects " RV_STR_FMT, RV_STR_ARG(selected));
    if (sliced && selected.n != 0) FAULT(s, "the stable Service selects, though it is shared by slices");
    if (sliced != (shared != NULL)) FAULT(s, "a slice of ours is %s", shared != NULL ? "left" : "missing");
    if (sliced && shared != NULL && rv_val_len(rv_val_get(shared->value, "endpoints")) != fixture_ready(&s->w, name))
        FAULT(s, "our slice has not the active cluster's pods");
    if (sliced && rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-auto") != NULL)
        FAULT(s, "the control plane's slice is left");
}

static void check_serve(struct history *s, struct rv_str name) {
    char text[64];
    const struct serve *v = serve_on(s, name);
    if (v == NULL || v->config == NULL) {
        FAULT(s, "nothing runs on " RV_STR_FMT, RV_STR_ARG(name));
        return;
    }
    if (v->capacity >= 0 && v->capacity != 100) FAULT(s, "its capacity is %lld", (long long)v->capacity);
    bool given_up = rv_path_str(status(s), "upgrade.failedSpecHash").n != 0;
    snprintf(text, sizeof text, "a.b%u\"", s->text);
    if (!given_up && strstr(v->config, text) == NULL) FAULT(s, "it runs another configuration: %s", v->config);
}

static void check(struct history *s) {
    struct rv_str name = active(s);
    if (s->suspend) {
        check_suspended(s);
        return;
    }
    unsigned n = 0;
    for (const struct rv_fake_object *o = s->api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, "rayclusters") == 0;
    struct rv_fake_object *c = cluster(s, name);
    if (c == NULL || n != 1) {
        FAULT(s, "%u clusters, the active one is \"" RV_STR_FMT "\"", n, RV_STR_ARG(name));
        return;
    }
    if (pending(s).n != 0) FAULT(s, "there is a pending cluster still");
    if (!is_condition(s, "Ready", "True")) FAULT(s, "it is not Ready");
    if (is_condition(s, "RollbackInProgress", "True")) FAULT(s, "a rollback is left over");
    bool given_up = rv_path_str(status(s), "upgrade.failedSpecHash").n != 0;
    char want[16];
    snprintf(want, sizeof want, "%u", s->version);
    if (!given_up && s->strategy != NONE &&
        !rv_str_is(rv_path_str(c->value, "spec.headGroupSpec.template.metadata.labels.v"), want))
        FAULT(s, "the active cluster is of another spec");
    check_address(s, name);
    check_serve(s, name);
    if (rv_val_len(rv_val_get(status(s), "retiredClusters")) > 0) FAULT(s, "a retired cluster stands in the status");
    if (rv_path_int(status(s), "observedGeneration", 0) != rv_path_int(service(s)->value, "metadata.generation", 1))
        FAULT(s, "it was not looked at since the last edit");
}

/* ---- upgrades that nobody disturbs ------------------------------------------------------------------------------- */

static int64_t share_of(const struct history *s, const char *side, const char *what, int64_t fallback) {
    return rv_path_int(rv_val_get(status(s), side), what, fallback);
}

/* Traffic and capacity move no faster than asked for, and nowhere is more traffic than capacity. */
static void calm_shares(struct history *s) {
    struct calm *c = &s->calm;
    int64_t b = share_of(s, "pendingServiceStatus", "trafficRoutedPercent", 0), now = s->api->now;
    if (b > c->share) {
        if (b - c->share > paces[s->strategy].step) FAULT(s, "a step of %lld %%", (long long)(b - c->share));
        if (c->moved != 0 && now - c->moved < paces[s->strategy].interval_s * SECOND_NS - SECOND_NS)
            FAULT(s, "two steps within %lld ms", (long long)((now - c->moved) / 1000000));
        c->moved = now;
    }
    c->share = b;
    if (b > c->served) c->served = b;
    if (s->strategy == 0 || s->strategy == NONE) return;
    static const char *const sides[] = {"activeServiceStatus", "pendingServiceStatus"};
    for (int i = 0; i < 2; i++) {
        int64_t traffic = share_of(s, sides[i], "trafficRoutedPercent", i == 0 ? 100 : 0),
                capacity = share_of(s, sides[i], "targetCapacity", i == 0 ? 100 : 0);
        if ((i == 0 || pending(s).n != 0) && traffic > capacity)
            FAULT(s, "%s has %lld %% of traffic at a capacity of %lld %%", sides[i], (long long)traffic,
                  (long long)capacity);
    }
}

/* One that served goes when its requests have ended: not before the delay is over, not long after the maximum. */
static void calm_old(struct history *s, const char *name, int64_t left, bool served) {
    struct rv_fake_object *o = cluster(s, rv_str(name));
    bool there = o != NULL && !rv_meta_deleting(o->value);
    int64_t least = served ? DELAY_S + (s->w.ongoing > 0 ? DRAIN_S : 0) : 0, age = (s->api->now - left) / SECOND_NS;
    if (!there && age < least - 1)
        FAULT(s, "%s, which served, is deleted after %lld s, with %lld requests under way", name, (long long)age,
              (long long)s->w.ongoing);
    if (there && age > DELAY_S + DRAIN_S + 60) FAULT(s, "%s is still there after %lld s", name, (long long)age);
}

static void calm_failure(struct history *s) {
    bool failed = rv_path_str(status(s), "upgrade.failedSpecHash").n != 0;
    int64_t age = (s->api->now - s->calm.begun) / SECOND_NS;
    if (failed && !s->calm.failed && (s->calm.story != CALM_BROKEN || age < DEADLINE_S - 1))
        FAULT(s, "it is given up after %lld s", (long long)age);
    s->calm.failed |= failed;
    if (!failed && s->calm.story == CALM_BROKEN && age > DEADLINE_S + 60)
        FAULT(s, "it is not given up after %lld s", (long long)age);
}

static void watch_calm(struct history *s) {
    struct calm *c = &s->calm;
    bool two = pending(s).n != 0;
    calm_shares(s);
    calm_failure(s);
    if (c->story == CALM_BROKEN && two) fixture_tale(&s->w, pending(s))->broken = true;
    if (!rv_str_is(active(s), c->old)) {
        if (c->left == 0) c->left = s->api->now;
        calm_old(s, c->old, c->left, true);
        return;
    }
    if (cluster(s, active(s)) == NULL || rv_meta_deleting(cluster(s, active(s))->value))
        FAULT(s, "the active cluster %s is deleted", c->old);
    if (two) snprintf(c->other, sizeof c->other, RV_STR_FMT, RV_STR_ARG(pending(s)));
    if (two || c->other[0] == 0) return;
    if (c->abandoned == 0) c->abandoned = s->api->now;
    calm_old(s, c->other, c->abandoned, c->served > 0);
}

/* How far from the share, in parts of all: |b / (a + b) - share| * (a + b). */
static double distance(int64_t a, int64_t b, int64_t share) {
    double d = 100.0 * (double)b / (double)(a + b) - (double)share;
    return d < 0 ? -d : d;
}

/* Our slice has both clusters' endpoints in the numbers that come nearest to the share. */
static void check_slice(struct history *s) {
    struct rv_fake_object *o = stable(s),
                          *slice = rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
    int64_t share = share_of(s, "pendingServiceStatus", "trafficRoutedPercent", 0), have[2] = {0},
            ready[2] = {fixture_ready(&s->w, active(s)), fixture_ready(&s->w, pending(s))};
    if (o == NULL || slice == NULL || rv_val_len(rv_val_path(o->value, "spec.selector")) > 0) return;
    for (struct rv_iter it = rv_iter(rv_val_get(slice->value, "endpoints")); rv_iter_next(&it);) {
        struct rv_fake_object *pod =
            rv_fakeapi_find(s->api, RV_STR("v1"), RV_STR("pods"), rv_path_str(it.val, "targetRef.name"));
        if (pod == NULL) continue;
        struct rv_str of = rv_val_str(rv_val_get(rv_val_path(pod->value, "metadata.labels"), "ray.io/cluster"));
        have[0] += rv_str_eq(of, active(s));
        have[1] += rv_str_eq(of, pending(s));
    }
    if (have[0] + have[1] == 0) {
        if (ready[0] + ready[1] > 0) FAULT(s, "our slice is empty, and pods are ready");
        return;
    }
    double best = 100;
    for (int64_t a = share < 100; a <= ready[0] && share < 100; a++)
        for (int64_t b = share > 0; b <= (share > 0 ? ready[1] : 0); b++)
            if (distance(a, b, share) < best) best = distance(a, b, share);
    if (share == 100 || ready[0] == 0 || (share > 0 && ready[1] == 0)) best = distance(have[0], have[1], share);
    if (distance(have[0], have[1], share) > best + 0.01)
        FAULT(s, "our slice has %lld and %lld endpoints of %lld and %lld for a share of %lld %%", (long long)have[0],
              (long long)have[1], (long long)ready[0], (long long)ready[1], (long long)share);
    if ((share == 0 && have[1] > 0 && have[0] == 0) || (share == 100 && have[0] > 0))
        FAULT(s, "our slice leads to a cluster that has no share");
}

/* The route has the shares of the status. */
static void check_route(struct history *s) {
    struct rv_fake_object *o = rv_fakeapi_get(s->api, "httproutes", FIXTURE_SERVICE "-httproute");
    int64_t share = share_of(s, "pendingServiceStatus", "trafficRoutedPercent", 0);
    if (o == NULL || s->slices || pending(s).n == 0) return;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.rules[0].backendRefs")); rv_iter_next(&it);) {
        struct rv_str name = rv_path_str(it.val, "name");
        bool is_pending = name.n > pending(s).n && memcmp(name.p, pending(s).p, pending(s).n) == 0;
        int64_t weight = rv_path_int(it.val, "weight", 1), want = is_pending ? share : 100 - share;
        if (weight != want)
            FAULT(s, RV_STR_FMT " has the weight %lld, its share is %lld", RV_STR_ARG(name), (long long)weight,
                  (long long)want);
    }
}

/* The pending cluster is far enough for the upgrade to be taken back. */
static bool is_far(const struct history *s, int64_t share) {
    return pending(s).n != 0 && cluster(s, pending(s)) != NULL && s->calm.share >= share;
}

static bool calm_can(const struct history *s) {
    return !s->suspend && active(s).n != 0 && s->strategy != NONE &&
           rv_path_str(status(s), "upgrade.failedSpecHash").n == 0;
}

static void calm_begin(struct history *s, enum calm_story story) {
    s->calm = (struct calm){.story = story, .begun = s->api->now};
    snprintf(s->calm.old, sizeof s->calm.old, RV_STR_FMT, RV_STR_ARG(active(s)));
    on_note(s, story == CALM_PLAIN        ? " == an upgrade that nobody disturbs"
               : story == CALM_TAKEN_BACK ? " == an upgrade that is taken back"
                                          : " == an upgrade whose applications do not come up");
    s->w.ongoing = (int64_t)rv_test_random_below(&s->random, 3) - 1;
    s->version = 100 + (s->version + 1) % 100;
    if (story == CALM_BROKEN)
        fixture_patch(&s->w, service(s), false, "{'metadata':{'annotations':{'rayvisor.io/upgrade-deadline':'%ds'}}}",
                      (int)DEADLINE_S);
    apply(s);
}

static void calm_end(struct history *s) {
    struct calm *c = &s->calm;
    bool same = rv_str_is(active(s), c->old), back = c->story != CALM_PLAIN;
    if (same != back) FAULT(s, "the active cluster is %s", same ? "the old one" : "another one");
    if (c->story == CALM_BROKEN && !c->failed) FAULT(s, "it is not given up");
    s->w.ongoing = -1;
    c->story = CALM_NONE;
}

static void calm_upgrade(struct history *s) {
    static const int64_t far[] = {0, 0, 7, 25, 50, 75, 93};
    uint32_t what = rv_test_random_below(&s->random, 10);
    unsigned version = s->version;
    calm_begin(s, what < 4 ? CALM_PLAIN : what < 8 ? CALM_TAKEN_BACK : CALM_BROKEN);
    if (s->calm.story == CALM_TAKEN_BACK) {
        int64_t share = far[rv_test_random_below(&s->random, RV_ARRAY_LEN(far))];
        for (int i = 0; i < 4000 && s->faults.n == 0 && rv_str_is(active(s), s->calm.old) && !is_far(s, share); i++)
            pass_time(s, 500);
        if (rv_str_is(active(s), s->calm.old)) {
            s->version = version;
            apply(s);
        } else {
            s->calm.story = CALM_PLAIN; /* it was too quick */
        }
    }
    settle(s, true);
    if (s->faults.n == 0) check(s);
    if (s->faults.n == 0) calm_end(s);
}

/* A process that begins where all is as it should be writes nothing, and changes nothing in Serve. */
static void calm_restart(struct history *s) {
    uint64_t writes = rv_fakehost_writes(s->host);
    on_note(s, " == the host restarts");
    rv_fakehost_restart(s->host);
    for (int i = 0; i < 60 && s->faults.n == 0; i++) pass_time(s, 1000);
    if (s->faults.n == 0 && writes != rv_fakehost_writes(s->host))
        FAULT(s, "a restart at rest makes %llu writes", (unsigned long long)(rv_fakehost_writes(s->host) - writes));
}

/* ---- histories -----------------------------------------------------------------------------------------------------
 */

static bool chapter(struct history *s, bool last) {
    for (int i = 0; i < STEPS && s->faults.n == 0; i++) step(s);
    if (s->faults.n == 0) settle(s, last);
    if (s->faults.n == 0) check(s);
    if (s->faults.n == 0 && last) calm_restart(s);
    if (s->faults.n == 0 && last && calm_can(s)) calm_upgrade(s);
    if (s->faults.n != 0) event_log_report(&s->event_log, s->seed, rv_buf_cstr(&s->faults), s->api, "rayservices");
    return s->faults.n == 0;
}

static bool run_history(uint64_t seed) {
    struct history *s = rv_alloc(sizeof *s);
    s->seed = seed;
    s->random.state = seed * 1000003;
    s->api = rv_fakeapi_new(INT64_C(1700000000000000000));
    s->w = (struct fixture){.api = s->api,
                            .random = &s->random,
                            .workers = 1 + rv_test_random_below(&s->random, 3),
                            .deploy_s = 3,
                            .ongoing = -1};
    s->strategy = (int)rv_test_random_below(&s->random, STRATEGIES);
    begin(s);
    s->host = rv_fakehost_new(&(struct rv_fakehost_opts){.plugin = rv_plugin_v3(),
                                                         .manifest = "plugins/rayservice/rayservice.yaml",
                                                         .settings = "{\"maxDrainSeconds\":60}",
                                                         .api = s->api,
                                                         .random = &s->random,
                                                         .lossy = rv_test_random_chance(&s->random, 50),
                                                         .note = on_note,
                                                         .http = on_http,
                                                         .arg = s});
    bool ok = s->host != NULL;
    for (int i = 0; i < CHAPTERS && ok; i++) ok = chapter(s, i == CHAPTERS - 1);
    rv_fakehost_free(s->host);
    rv_fakeapi_free(s->api);
    fixture_free(&s->w);
    rv_buf_free(&s->faults);
    free(s);
    return ok;
}

static void histories(void) { CU_ASSERT_EQUAL(histories_run(RUNS, run_history), 0); }

static const struct suite_test tests[] = {{"histories", histories}};
SUITE_MAIN("rayservice: whatever happens", tests)
