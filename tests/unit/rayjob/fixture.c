/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <stdio.h>

#include "plugins/rayjob/fields.h"
#include "rayvisor/json.h"

static bool is(const struct rv_fake_object *o, const char *resource) { return strcmp(o->resource, resource) == 0; }

static bool owned(const struct rv_fake_object *o, const struct rv_fake_object *by) {
    return rv_str_is(rv_meta_controller_uid(o->value), by->uid);
}

struct rv_val fixture_json(struct rv_arena *a, struct rv_str text) {
    rv_autobuf struct rv_buf b = {0}, out = {0};
    for (size_t i = 0; i < text.n; i++) rv_buf_addc(&b, (uint8_t)(text.p[i] == '\'' ? '"' : text.p[i]));
    if (rv_json_to_mp(rv_buf_str(&b), NULL, &out, NULL) != 0) return RV_VAL_ABSENT;
    return rv_node_freeze(a, rv_node_from(a, (struct rv_val){out.p, out.n}));
}

static void set_status(struct fixture *w, struct rv_fake_object *o, const char *fmt, ...) RV_PRINTF(3, 4);
static void set_status(struct fixture *w, struct rv_fake_object *o, const char *fmt, ...) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    (void)rv_fakeapi_patch(w->api, o, true, RV_STR(""),
                           fixture_json(a, rv_arena_fmt(a, "{'status':" RV_STR_FMT "}", RV_STR_ARG(rv_buf_str(&b)))));
}

static struct rv_str now_text(struct rv_arena *a, const struct fixture *w) {
    char text[32];
    rv_time_format(w->api->now, text);
    return rv_arena_str(a, rv_str(text));
}

/* ---- clusters and heads ----------------------------------------------------------------------------------------- */

static struct rv_fake_object *head_of(const struct fixture *w, const struct rv_fake_object *cluster) {
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (is(o, "pods") && owned(o, cluster) && !rv_meta_deleting(o->value)) return o;
    return NULL;
}

static bool runs(const struct rv_fake_object *head) {
    return head != NULL && rv_str_is(rv_path_str(head->value, "status.phase"), "Running");
}

static bool ready(const struct rv_fake_object *cluster) {
    return rv_str_is(rv_path_str(cluster->value, "status.state"), "ready");
}

static void make_head(struct fixture *w, const struct rv_fake_object *cluster) {
    static const char sidecar[] = "spec.headGroupSpec.template.spec.containers";
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    struct rv_node *n = rv_node_from(
        a, fixture_json(a, rv_arena_fmt(a,
                                        "{'metadata':{'name':'%s-head-%llu','labels':{'ray.io/cluster':'%s','ray.io/"
                                        "node-type':'head'}},'spec':{'containers':[{'name':'ray-head'}%s]}}",
                                        cluster->name, (unsigned long long)w->api->uids, cluster->name,
                                        rv_val_len(rv_val_path(cluster->value, sidecar)) > 1 ? ",{'name':'s'}" : "")));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), rv_str(cluster->name),
                           rv_str(cluster->uid));
    (void)rv_fakeapi_create(w->api, RV_STR("v1"), RV_STR("pods"), rv_node_freeze(a, n), &made);
}

static bool keeps_head_down(const struct rv_fake_object *cluster) {
    struct rv_val notes = rv_val_path(cluster->value, "metadata.annotations");
    return rv_val_set(rv_val_get(notes, RC_ANNOTATION_KEEP_HEAD_DOWN)) &&
           rv_val_set(rv_val_get(cluster->value, "status"));
}

/* A cluster that is being deleted is let go; another gets its head, and is ready once that runs. */
static bool tend_cluster(struct fixture *w, struct rv_fake_object *o) {
    struct rv_fake_object *head = head_of(w, o);
    if (rv_meta_deleting(o->value)) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        (void)rv_fakeapi_patch(w->api, o, false, RV_STR(""),
                               fixture_json(a, RV_STR("{'metadata':{'finalizers':null}}")));
        return true;
    }
    if (head == NULL && keeps_head_down(o)) return false;
    if (head == NULL) {
        make_head(w, o);
        return true;
    }
    if (!runs(head)) {
        set_status(w, head,
                   "{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':0,'state':{}}]}");
        return true;
    }
    if (ready(o)) return false;
    set_status(w, o, "{'state':'ready'}");
    return true;
}

static bool tend_clusters(struct fixture *w) {
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (is(o, "rayclusters") && tend_cluster(w, o)) return true;
    return false;
}

/* ---- Ray --------------------------------------------------------------------------------------------------------- */

static void life_of(const struct rv_fake_object *head, char out[64]) {
    snprintf(out, 64, "%s/%lld", head->uid,
             (long long)rv_path_int(head->value, "status.containerStatuses[0].restartCount", 0));
}

static struct ray_run *find_run(struct fixture *w, const struct rv_fake_object *head, struct rv_str id) {
    char life[64];
    life_of(head, life);
    for (size_t i = 0; i < w->run_n; i++)
        if (rv_str_is(id, w->runs[i].id) && strcmp(w->runs[i].head, life) == 0) return &w->runs[i];
    return NULL;
}

static void accept(struct fixture *w, const struct rv_fake_object *head, struct rv_str id) {
    if (w->run_n == FIXTURE_RUNS || find_run(w, head, id) != NULL) return;
    struct ray_run *r = &w->runs[w->run_n++];
    *r = (struct ray_run){.status = "PENDING", .start = w->api->now};
    snprintf(r->id, sizeof r->id, RV_STR_FMT, RV_STR_ARG(id));
    life_of(head, r->head);
}

const struct ray_run *fixture_run(const struct fixture *w, struct rv_str id) {
    for (size_t i = w->run_n; i > 0; i--)
        if (rv_str_is(id, w->runs[i - 1].id)) return &w->runs[i - 1];
    return NULL;
}

bool fixture_said(const struct fixture *w, struct rv_str id, struct rv_str status) {
    for (size_t i = 0; i < w->run_n; i++)
        if (rv_str_is(id, w->runs[i].id) && rv_str_is(status, w->runs[i].status)) return true;
    return false;
}

static bool over(const struct ray_run *r) {
    return strcmp(r->status, "PENDING") != 0 && strcmp(r->status, "RUNNING") != 0;
}

static bool lives(const struct fixture *w, const struct ray_run *r) {
    for (const struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next) {
        char life[64];
        if (!is(o, "pods") || rv_meta_deleting(o->value)) continue;
        life_of(o, life);
        if (strcmp(life, r->head) == 0) return true;
    }
    return false;
}

static bool go_on(struct fixture *w, struct ray_run *r) {
    static const char *const ends[] = {"SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED",
                                       "FAILED",    "FAILED",    "STOPPED"};
    if (over(r) || !lives(w, r)) return false;
    bool pending = strcmp(r->status, "PENDING") == 0;
    r->status = pending ? "RUNNING" : ends[rv_test_random_below(w->random, RV_ARRAY_LEN(ends))];
    if (!pending) r->end = w->api->now;
    return true;
}

static struct rv_fake_object *cluster_named(const struct fixture *w, struct rv_str name) {
    return rv_fakeapi_find(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), name);
}

/* The head behind a dashboard's address; NULL: nobody answers. */
static struct rv_fake_object *behind(const struct fixture *w, struct rv_str url) {
    static const char scheme[] = "http://", service[] = "-head-svc.";
    if (url.n > strlen(scheme) && memcmp(url.p, scheme, strlen(scheme)) == 0)
        url = (struct rv_str){url.p + strlen(scheme), url.n - strlen(scheme)};
    const char *end = memmem(url.p, url.n, service, strlen(service));
    if (end == NULL) return NULL;
    struct rv_fake_object *cluster = cluster_named(w, (struct rv_str){url.p, (size_t)(end - url.p)});
    struct rv_fake_object *head = cluster != NULL ? head_of(w, cluster) : NULL;
    return runs(head) ? head : NULL;
}

static void say(struct rv_fake_answer *out, uint32_t status, const char *text, bool json) {
    out->status = status;
    out->json = json;
    if (json)
        (void)rv_json_to_mp(rv_str(text), NULL, &out->body, NULL);
    else
        rv_buf_adds(&out->body, text);
}

/* Answers that are none. */
static void garble(struct fixture *w, struct rv_fake_answer *out) {
    uint32_t which = rv_test_random_below(w->random, w->false_404 ? 7 : 6);
    if (which == 0) out->code = RV_E_TIMEOUT;
    if (which == 1) out->code = RV_E_UNAVAILABLE;
    if (which == 2) say(out, 500, "Traceback (most recent call last)", false);
    if (which == 3) say(out, 200, "{\"status\":\"Failure\",\"message\":\"no endpoints\"}", true);
    if (which == 4) say(out, 200, "<html>sign in</html>", false);
    if (which == 5) say(out, 503, "{}", true);
    if (which == 6)
        say(out, 404, rv_test_random_chance(w->random, 50) ? "404: Not Found" : "Job x does not exist", false);
}

static void tell(const struct ray_run *r, struct rv_fake_answer *out) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "{\"status\":\"%s\",\"message\":\"about %s\",\"start_time\":%lld", r->status, r->id,
                (long long)(r->start / 1000000));
    if (over(r)) rv_buf_addf(&b, ",\"end_time\":%lld", (long long)(r->end / 1000000));
    rv_buf_adds(&b, "}");
    say(out, 200, rv_buf_cstr(&b), true);
}

void fixture_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    static const char api[] = "/api/jobs/", stop[] = "/stop";
    struct fixture *w = arg;
    rv_autobuf struct rv_buf body = {0};
    struct rv_fake_object *head = behind(w, r->url);
    const char *path = memmem(r->url.p, r->url.n, api, strlen(api));
    if (head == NULL || path == NULL) {
        out->code = RV_E_UNAVAILABLE;
        return;
    }
    if (rv_test_random_chance(w->random, w->http_failure_percent)) {
        garble(w, out);
        return;
    }
    struct rv_str id = {path + strlen(api), (size_t)(r->url.p + r->url.n - path) - strlen(api)};
    if (id.n == 0 && rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &body, NULL) == 0) {
        struct rv_str wanted = rv_path_str((struct rv_val){body.p, body.n}, "submission_id");
        bool there = find_run(w, head, wanted) != NULL;
        if (w->refuses && !there) {
            say(out, 400, "Traceback (most recent call last)", false);
            return;
        }
        accept(w, head, wanted);
        say(out, there ? 500 : 200, there ? "Please use a different submission_id." : "{}", !there);
        return;
    }
    bool stops = id.n > strlen(stop) && memcmp(id.p + id.n - strlen(stop), stop, strlen(stop)) == 0;
    if (stops) id.n -= strlen(stop);
    struct ray_run *run = find_run(w, head, id);
    if (run == NULL) {
        say(out, 404, "Job not found", false);
    } else if (stops) {
        if (!over(run)) run->end = w->api->now;
        if (!over(run)) run->status = "STOPPED";
        say(out, 200, "{\"stopped\":true}", true);
    } else {
        tell(run, out);
    }
}

void fixture_submit(struct fixture *w, struct rv_str cluster, const char *id) {
    struct rv_fake_object *o = cluster_named(w, cluster), *head = o != NULL ? head_of(w, o) : NULL;
    if (runs(head)) accept(w, head, rv_str(id));
}

/* ---- who submits ------------------------------------------------------------------------------------------------- */

static struct rv_str variable(struct rv_val container, const char *name) {
    for (struct rv_iter it = rv_iter(rv_val_get(container, "env")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), name)) return rv_path_str(it.val, "value");
    return RV_STR("");
}

static void end_job(struct fixture *w, struct rv_fake_object *job, bool well) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    set_status(
        w, job,
        "{'conditions':[{'type':'%s','status':'True','reason':'r','message':'m','lastTransitionTime':'" RV_STR_FMT
        "'}]}",
        well ? "Complete" : "Failed", RV_STR_ARG(now_text(a, w)));
}

/* Submits, follows the job to its end, and ends as that did; without a head it gives up. */
static bool tend_job(struct fixture *w, struct rv_fake_object *job) {
    struct rv_val container = rv_val_path(job->value, "spec.template.spec.containers[0]");
    struct rv_fake_object *head = behind(w, variable(container, "RAY_DASHBOARD_ADDRESS"));
    struct rv_str id = variable(container, "RAY_JOB_SUBMISSION_ID");
    if (rv_val_len(rv_val_path(job->value, "status.conditions")) > 0) return false;
    if (rv_path_bool(job->value, "spec.suspend", false)) return false;
    struct ray_run *run = head != NULL ? find_run(w, head, id) : NULL;
    if (head == NULL) { /* some wait, for ever if need be */
        if (rv_test_random_chance(w->random, 50)) return false;
        end_job(w, job, false);
    } else if (run == NULL) {
        accept(w, head, id);
    } else if (over(run)) {
        end_job(w, job, strcmp(run->status, "SUCCEEDED") == 0 || rv_test_random_chance(w->random, 50));
    } else {
        return false;
    }
    return true;
}

/* The submitter in a head pod: it has ended with `code` for the n-th time, or runs again after that. */
static void set_sidecar(struct fixture *w, struct rv_fake_object *head, int64_t restarts, int code, bool again) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str end = rv_arena_fmt(a, "{'terminated':{'exitCode':%d,'reason':'x','finishedAt':'" RV_STR_FMT "'}}",
                                     code, RV_STR_ARG(now_text(a, w)));
    set_status(w, head,
               "{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':%lld,'state':{}},{'name':'"
               "ray-job-submitter','restartCount':%lld,'state':" RV_STR_FMT ",'lastState':" RV_STR_FMT "}]}",
               (long long)rv_path_int(head->value, "status.containerStatuses[0].restartCount", 0),
               (long long)restarts + again, RV_STR_ARG(again ? RV_STR("{}") : end),
               RV_STR_ARG(again || restarts > 0 ? end : RV_STR("{}")));
}

/* Submits and follows the job to its end. Where it may, it is started again after an error, a few times. */
static bool tend_sidecar(struct fixture *w, struct rv_fake_object *cluster) {
    enum { RESTARTS = 3 };
    struct rv_val container = rv_val_path(cluster->value, "spec.headGroupSpec.template.spec.containers[1]");
    struct rv_fake_object *head = head_of(w, cluster);
    struct rv_str id = variable(container, "RAY_JOB_SUBMISSION_ID");
    if (id.n == 0 || !runs(head)) return false;
    struct rv_val own = rv_val_path(head->value, "status.containerStatuses[1]"),
                  end = rv_val_path(own, "state.terminated");
    int64_t restarts = rv_path_int(own, "restartCount", 0), code = rv_path_int(end, "exitCode", 0);
    if (rv_val_set(end)) {
        if (!w->sidecar_restarts || code == 0 || restarts >= RESTARTS) return false;
        set_sidecar(w, head, restarts, (int)code, true);
        return true;
    }
    struct ray_run *run = find_run(w, head, id);
    if (run == NULL)
        accept(w, head, id);
    else if (over(run))
        set_sidecar(w, head, restarts, strcmp(run->status, "SUCCEEDED") != 0 || rv_test_random_chance(w->random, 20),
                    false);
    else
        return false;
    return true;
}

static bool tend_submitters(struct fixture *w) {
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next) {
        if (is(o, "jobs") && !rv_meta_deleting(o->value) && tend_job(w, o)) return true;
        if (is(o, "rayclusters") && !rv_meta_deleting(o->value) && tend_sidecar(w, o)) return true;
    }
    return false;
}

bool fixture_work(struct fixture *w) {
    bool did = rv_fakeapi_collect(w->api);
    while (tend_clusters(w) || tend_submitters(w)) did = true;
    for (size_t i = 0; i < w->run_n; i++) did |= rv_test_random_chance(w->random, 30) && go_on(w, &w->runs[i]);
    return did;
}

/* ---- what happens ------------------------------------------------------------------------------------------------ */

static struct rv_fake_object *any(struct fixture *w, const char *resource) {
    struct rv_fake_object *chosen = NULL;
    uint32_t n = 0;
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (is(o, resource) && !rv_meta_deleting(o->value) && rv_test_random_below(w->random, ++n) == 0) chosen = o;
    return chosen;
}

static bool tend_any(struct fixture *w) {
    struct rv_fake_object *o = any(w, "rayclusters");
    return o != NULL && tend_cluster(w, o);
}

static bool submit_any(struct fixture *w) { return tend_submitters(w); }

static bool ray_goes_on(struct fixture *w) {
    return w->run_n > 0 && go_on(w, &w->runs[rv_test_random_below(w->random, (uint32_t)w->run_n)]);
}

static bool cluster_not_ready(struct fixture *w) {
    struct rv_fake_object *o = any(w, "rayclusters");
    if (o == NULL || !ready(o)) return false;
    set_status(w, o, "{'state':'','reason':'x'}");
    return true;
}

static bool container_restarts(struct fixture *w) {
    struct rv_fake_object *o = any(w, "pods");
    if (!runs(o) || rv_val_len(rv_val_path(o->value, "spec.containers")) > 1) return false; /* Never, with a sidecar */
    set_status(w, o, "{'phase':'Running','containerStatuses':[{'name':'ray-head','restartCount':%lld,'state':{}}]}",
               (long long)rv_path_int(o->value, "status.containerStatuses[0].restartCount", 0) + 1);
    return true;
}

static bool deleted(struct fixture *w, const char *resource) {
    struct rv_fake_object *o = any(w, resource);
    if (o == NULL || strcmp(o->name, FIXTURE_SHARED) == 0) return false;
    (void)rv_fakeapi_delete(w->api, o, RV_STR(""));
    return true;
}

static bool head_deleted(struct fixture *w) { return deleted(w, "pods"); }
static bool cluster_deleted(struct fixture *w) { return deleted(w, "rayclusters"); }
static bool service_deleted(struct fixture *w) { return deleted(w, "services"); }
static bool submitter_deleted(struct fixture *w) { return deleted(w, "jobs"); }

static bool submitter_fails(struct fixture *w) {
    struct rv_fake_object *o = any(w, "jobs");
    if (o == NULL || rv_val_len(rv_val_path(o->value, "status.conditions")) > 0) return false;
    end_job(w, o, rv_test_random_chance(w->random, 30));
    return true;
}

/* Somebody else's cluster holds on for a while when it is deleted. */
static bool cluster_held(struct fixture *w) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *o = any(w, "rayclusters");
    if (o != NULL)
        (void)rv_fakeapi_patch(w->api, o, false, RV_STR(""),
                               fixture_json(a, RV_STR("{'metadata':{'finalizers':['x/y']}}")));
    return o != NULL;
}

static bool collected(struct fixture *w) { return rv_fakeapi_collect(w->api); }

const char *fixture_event(struct fixture *w) {
    static const struct {
        uint32_t weight;
        bool harm;
        bool (*happens)(struct fixture *w);
        const char *what;
    } events[] = {{30, false, tend_any, "a cluster is tended"},
                  {20, false, submit_any, "a submitter goes on"},
                  {12, false, ray_goes_on, "Ray goes on"},
                  {3, false, collected, "garbage is collected"},
                  {3, false, cluster_held, "a cluster gets a finalizer"},
                  {3, false, cluster_not_ready, "a cluster is no longer ready"},
                  {2, false, service_deleted, "a service is deleted"},
                  {1, true, container_restarts, "a head's container restarts"},
                  {1, true, head_deleted, "a head is deleted"},
                  {1, true, cluster_deleted, "a cluster is deleted"},
                  {1, true, submitter_deleted, "a submitter is deleted"},
                  {1, true, submitter_fails, "a submitter ends too early"}};
    uint32_t sum = 0, roll;
    for (size_t i = 0; i < RV_ARRAY_LEN(events); i++) sum += !events[i].harm || w->harsh ? events[i].weight : 0;
    roll = rv_test_random_below(w->random, sum);
    for (size_t i = 0; i < RV_ARRAY_LEN(events); i++) {
        uint32_t weight = !events[i].harm || w->harsh ? events[i].weight : 0;
        if (roll < weight) {
            bool happens = events[i].happens(w);
            w->harmed |= happens && events[i].harm;
            return happens ? events[i].what : NULL;
        }
        roll -= weight;
    }
    return NULL;
}
