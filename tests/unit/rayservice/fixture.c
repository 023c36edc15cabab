/* fixture.c - see fixture.h. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/json.h"

#define SECOND INT64_C(1000000000)

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

void fixture_patch(struct fixture *w, struct rv_fake_object *o, bool status, const char *fmt, ...) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    (void)rv_fakeapi_patch(w->api, o, status, RV_STR(""), fixture_json(a, rv_buf_str(&b)));
}

static struct rv_str label(const struct rv_fake_object *o, const char *key) {
    return rv_val_str(rv_val_get(rv_val_path(o->value, "metadata.labels"), key));
}

static bool ready(const struct rv_fake_object *pod) {
    return !rv_meta_deleting(pod->value) &&
           rv_condition_is(rv_val_path(pod->value, "status.conditions"), "Ready", "True");
}

struct tale *fixture_tale(struct fixture *w, struct rv_str cluster) {
    for (size_t i = 0; i < w->tale_n; i++)
        if (rv_str_is(cluster, w->tales[i].cluster)) return &w->tales[i];
    if (w->tale_n == FIXTURE_SERVES) return &w->tales[0];
    struct tale *t = &w->tales[w->tale_n++];
    *t = (struct tale){0};
    snprintf(t->cluster, sizeof t->cluster, RV_STR_FMT, RV_STR_ARG(cluster));
    return t;
}

/* ---- pods -------------------------------------------------------------------------------------------------------- */

static struct rv_fake_object *pod_of(const struct fixture *w, const struct rv_fake_object *cluster, const char *type,
                                     unsigned skip) {
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (is(o, "pods") && owned(o, cluster) && !rv_meta_deleting(o->value) &&
            rv_str_is(label(o, "ray.io/node-type"), type) && skip-- == 0)
            return o;
    return NULL;
}

static struct rv_fake_object *cluster_named(const struct fixture *w, struct rv_str name) {
    return rv_fakeapi_find(w->api, RV_STR("ray.io/v1"), RV_STR("rayclusters"), name);
}

struct rv_fake_object *fixture_head(const struct fixture *w, const char *cluster) {
    struct rv_fake_object *o = cluster_named(w, rv_str(cluster));
    return o != NULL ? pod_of(w, o, "head", 0) : NULL;
}

unsigned fixture_ready(const struct fixture *w, struct rv_str cluster) {
    unsigned n = 0;
    struct rv_fake_object *c = cluster_named(w, cluster);
    for (struct rv_fake_object *o = w->api->objects; c != NULL && o != NULL; o = o->next)
        n += is(o, "pods") && owned(o, c) && ready(o) && rv_str_is(label(o, "ray.io/serve"), "true");
    return n;
}

static void make_pod(struct fixture *w, const struct rv_fake_object *cluster, const char *type) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *made;
    unsigned long long n = ++w->api->uids;
    struct rv_node *pod = rv_node_from(
        a,
        fixture_json(a, rv_arena_fmt(a,
                                     "{'metadata':{'name':'%s-%s-%llu','labels':{'ray.io/cluster':'%s','ray.io/"
                                     "node-type':'%s','ray.io/serve':'%s'}},'spec':{'nodeName':'n'},'status':{'phase':"
                                     "'Running','podIP':'10.0.%llu.%llu','containerStatuses':[{'restartCount':0}]}}",
                                     cluster->name, type, n, cluster->name, type,
                                     strcmp(type, "head") == 0 ? "false" : "true", n / 250, n % 250 + 1)));
    rv_meta_set_controller(a, pod, RV_STR("ray.io/v1"), RV_STR("RayCluster"), rv_str(cluster->name),
                           rv_str(cluster->uid));
    (void)rv_fakeapi_create(w->api, RV_STR("v1"), RV_STR("pods"), rv_node_freeze(a, pod), &made);
}

static bool set_ready(struct fixture *w, struct rv_fake_object *pod, bool now) {
    if (ready(pod) == now) return false;
    fixture_patch(w, pod, true, "{'status':{'conditions':[{'type':'Ready','status':'%s'}]}}", now ? "True" : "False");
    return true;
}

/* ---- Serve ------------------------------------------------------------------------------------------------------- */

struct serve *fixture_serve(struct fixture *w, const char *cluster) {
    struct rv_fake_object *head = fixture_head(w, cluster);
    if (head == NULL) return NULL;
    for (size_t i = 0; i < w->serve_n; i++)
        if (strcmp(w->serves[i].head, head->uid) == 0) return &w->serves[i];
    if (w->serve_n == FIXTURE_SERVES) return NULL;
    struct serve *s = &w->serves[w->serve_n++];
    *s = (struct serve){.capacity = -1};
    snprintf(s->cluster, sizeof s->cluster, "%s", cluster);
    snprintf(s->head, sizeof s->head, "%s", head->uid);
    return s;
}

void fixture_free(struct fixture *w) {
    for (size_t i = 0; i < w->serve_n; i++) free(w->serves[i].config);
}

static bool broken(const struct fixture *w, const struct serve *s) {
    for (size_t i = 0; i < w->tale_n; i++)
        if (strcmp(w->tales[i].cluster, s->cluster) == 0) return w->tales[i].broken;
    return false;
}

static bool running(const struct fixture *w, const struct serve *s) {
    return s != NULL && s->config != NULL && w->api->now >= s->ready_at && !broken(w, s);
}

static int64_t effective(const struct serve *s) { return s->capacity < 0 ? 100 : s->capacity; }

/* A worker's proxy answers once a replica runs; the head's always does. */
static bool tend_workers(struct fixture *w, const struct rv_fake_object *cluster) {
    struct serve *s = fixture_serve(w, cluster->name);
    struct rv_fake_object *pod;
    struct tale *t = fixture_tale(w, rv_str(cluster->name));
    bool did = false;
    if (running(w, s) && !t->empty && effective(s) > t->proven) t->proven = effective(s);
    for (unsigned i = 0; i < w->workers; i++) {
        pod = pod_of(w, cluster, "worker", i);
        if (pod == NULL) {
            make_pod(w, cluster, "worker");
            did = true;
        } else if (!w->head_only && running(w, s) && effective(s) > 0 && !t->empty) {
            did |= set_ready(w, pod, true);
        } else if (s != NULL && s->config != NULL && effective(s) == 0 && running(w, s)) {
            did |= set_ready(w, pod, false);
        }
    }
    return did;
}

static bool tend_cluster(struct fixture *w, struct rv_fake_object *o) {
    struct tale *t = fixture_tale(w, rv_str(o->name));
    struct rv_fake_object *head = pod_of(w, o, "head", 0);
    if (rv_meta_deleting(o->value)) return false;
    if (rv_path_bool(o->value, "spec.suspend", false)) {
        t->suspended = true;
        return false;
    }
    bool head_ready = head != NULL && ready(head);
    const char *want = head_ready ? "True" : "False";
    if (!rv_condition_is(rv_val_path(o->value, "status.conditions"), "HeadPodReady", want)) {
        fixture_patch(w, o, true, "{'status':{'state':'%s','conditions':[{'type':'HeadPodReady','status':'%s'}]}}",
                      head_ready ? "ready" : "", want);
        return true;
    }
    if (t->dead) return false;
    if (head == NULL) {
        make_pod(w, o, "head");
        return true;
    }
    if (!head_ready) return set_ready(w, head, true);
    return tend_workers(w, o);
}

/* ---- endpoints, Gateway ------------------------------------------------------------------------------------------ */

static bool selects(const struct rv_fake_object *service, const struct rv_fake_object *pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(service->value, "spec.selector")); rv_iter_next(&it);)
        if (!rv_str_eq(rv_val_str(it.val), rv_val_str(rv_val_getn(rv_val_path(pod->value, "metadata.labels"), it.key))))
            return false;
    return true;
}

static bool tend_slice(struct fixture *w, const struct rv_fake_object *service) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    if (rv_val_len(rv_val_path(service->value, "spec.selector")) == 0) return false;
    struct rv_str name = rv_arena_fmt(a, "%s-auto", service->name);
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata"), *list = rv_node_array(a),
                   *labels = rv_node_from(a, rv_val_path(service->value, "metadata.labels"));
    rv_node_set_str(a, meta, "name", name);
    rv_node_set_cstr(a, labels, "kubernetes.io/service-name", service->name);
    rv_node_set_cstr(a, labels, "endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io");
    rv_node_set(a, meta, "labels", labels);
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next) {
        if (!is(o, "pods") || !ready(o) || !selects(service, o)) continue;
        rv_node_append(
            a, list,
            rv_node_from(
                a, fixture_json(a, rv_arena_fmt(a, "{'conditions':{'ready':true},'targetRef':{'uid':'%s'}}", o->uid))));
    }
    rv_node_set(a, n, "endpoints", list);
    rv_meta_set_controller(a, n, RV_STR("v1"), RV_STR("Service"), rv_str(service->name), rv_str(service->uid));
    struct rv_fake_object *have =
        rv_fakeapi_find(w->api, RV_STR("discovery.k8s.io/v1"), RV_STR("endpointslices"), name);
    struct rv_val want = rv_node_freeze(a, n);
    if (have == NULL)
        return rv_fakeapi_create(w->api, RV_STR("discovery.k8s.io/v1"), RV_STR("endpointslices"), want, &have) == 0;
    if (rv_val_equal(rv_val_get(have->value, "endpoints"), rv_val_get(want, "endpoints"))) return false;
    (void)rv_fakeapi_patch(w->api, have, false, RV_STR(""), want);
    return true;
}

static bool tend_gateway(struct fixture *w, struct rv_fake_object *o) {
    if (w->no_gateway || rv_val_len(rv_val_path(o->value, "status.conditions")) > 0) return false;
    fixture_patch(
        w, o, true,
        "{'status':{'conditions':[{'type':'Accepted','status':'True'},{'type':'Programmed','status':'True'}]}}");
    return true;
}

static bool tend_route(struct fixture *w, struct rv_fake_object *o) {
    struct rv_str gateway = rv_path_str(o->value, "spec.parentRefs[0].name");
    int64_t now = rv_path_int(o->value, "metadata.generation", 0),
            seen = rv_path_int(o->value, "status.parents[0].conditions[0].observedGeneration", -1);
    if (w->no_gateway || now == seen) return false;
    fixture_patch(
        w, o, true,
        "{'status':{'parents':[{'parentRef':{'name':'" RV_STR_FMT
        "'},'conditions':[{'type':'Accepted','status':'True','observedGeneration':%lld},{'type':'ResolvedRefs',"
        "'status':'True','observedGeneration':%lld}]}]}}",
        RV_STR_ARG(gateway), (long long)now, (long long)now);
    return true;
}

static bool tend(struct fixture *w, struct rv_fake_object *o) {
    if (is(o, "rayclusters")) return tend_cluster(w, o);
    if (is(o, "services")) return tend_slice(w, o);
    if (is(o, "gateways")) return tend_gateway(w, o);
    if (is(o, "httproutes") || is(o, "grpcroutes")) return tend_route(w, o);
    return false;
}

bool fixture_work(struct fixture *w) {
    bool did = rv_fakeapi_collect(w->api);
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (tend(w, o)) return true;
    return did;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void say(struct rv_fake_answer *out, uint32_t status, const char *text, bool json) {
    out->status = status;
    out->json = json;
    if (json)
        (void)rv_json_to_mp(rv_str(text), NULL, &out->body, NULL);
    else
        rv_buf_adds(&out->body, text);
}

static void garble(struct fixture *w, struct rv_fake_answer *out) {
    uint32_t which = rv_test_random_below(w->random, 7);
    if (which == 0) out->code = RV_E_TIMEOUT;
    if (which == 1) out->code = RV_E_UNAVAILABLE;
    if (which == 2) say(out, 500, "Traceback (most recent call last)", false);
    if (which == 3) say(out, 200, "{\"applications\":[]}", true);
    if (which == 4) say(out, 200, "<html>sign in</html>", false);
    if (which == 5) say(out, 503, "{}", true);
    if (which == 6) out->code = RV_E_TOO_BIG;
}

static void apps(struct fixture *w, const struct serve *s, struct rv_fake_answer *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf b = {0};
    struct rv_node *n = rv_node_map(a), *all = rv_node_ensure_map(a, n, "applications");
    struct rv_val config = s->config != NULL ? fixture_json(a, rv_str(s->config)) : RV_VAL_ABSENT;
    bool up = running(w, s);
    struct tale *t = fixture_tale(w, rv_str(s->cluster));
    if (up && !t->empty && effective(s) > t->proven) t->proven = effective(s);
    if (s->capacity >= 0) rv_node_set_int(a, n, "target_capacity", s->capacity);
    for (struct rv_iter it = rv_iter(rv_val_get(config, "applications")); rv_iter_next(&it);) {
        struct rv_node *app = rv_node_map(a), *d = rv_node_map(a);
        rv_node_set_cstr(a, app, "status", t->broken ? "DEPLOY_FAILED" : up ? "RUNNING" : "DEPLOYING");
        if (t->broken) rv_node_set_cstr(a, app, "message", "Traceback: RuntimeError: no weights");
        rv_node_set(a, app, "deployed_app_config", rv_node_from(a, it.val));
        rv_node_set_cstr(a, d, "status", up ? "HEALTHY" : "UPDATING");
        rv_node_set_int(a, d, "target_num_replicas", effective(s) > 0 && !t->empty ? 1 : 0);
        rv_node_ensure_array(a, d, "replicas");
        rv_node_set(a, rv_node_ensure_map(a, app, "deployments"), "D", d);
        rv_node_setn(a, all, rv_path_str(it.val, "name"), app);
    }
    rv_json_write(rv_node_freeze(a, n), &b);
    say(out, 200, rv_buf_cstr(&b), true);
}

static void put(struct fixture *w, struct serve *s, struct rv_bytes body, struct rv_fake_answer *out) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_str text = rv_arena_str(a, (struct rv_str){(const char *)body.p, body.n});
    struct rv_val v = fixture_json(a, text);
    w->submits++;
    if (w->bad_config || rv_val_type(rv_val_get(v, "applications")) != RV_ARRAY) {
        say(out, 400, "ValidationError: applications: this is no good", false);
        return;
    }
    if (s->config == NULL || !rv_str_is(text, s->config)) {
        free(s->config);
        s->config = rv_strdup(text);
        s->puts++;
        int64_t was = s->capacity;
        s->capacity = rv_path_int(v, "target_capacity", -1);
        bool less = was >= 0 && s->capacity >= 0 && s->capacity < was && s->puts > 1;
        s->ready_at = w->api->now + (less ? 0 : w->deploy_s * SECOND);
    }
    say(out, 200, "", false);
}

static void submitted(struct fixture *w, struct serve *s, const struct rv_http_request *r, struct rv_fake_answer *out) {
    w->put_ms = r->timeout_ms;
    if (w->late_puts > 0) {
        struct rv_fake_answer unheard = {0};
        w->late_puts--;
        put(w, s, r->body, &unheard);
        rv_buf_free(&unheard.body);
        out->code = RV_E_TIMEOUT;
    } else if (w->lost_puts > 0) {
        w->lost_puts--;
        w->submits++;
        out->code = RV_E_TIMEOUT;
    } else if (w->foreign_puts > 0) {
        w->foreign_puts--;
        w->submits++;
        say(out, 200, "<html>sign in</html>", false);
    } else {
        put(w, s, r->body, out);
    }
}

static bool in_url(struct rv_str url, const char *words) { return memmem(url.p, url.n, words, strlen(words)) != NULL; }

static void from_pod(struct fixture *w, const struct rv_http_request *r, struct rv_fake_answer *out) {
    out->code = RV_E_UNAVAILABLE;
    for (struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next) {
        rv_autobuf struct rv_buf address = {0};
        struct rv_str ip = rv_path_str(o->value, "status.podIP");
        if (!is(o, "pods") || ip.n == 0) continue;
        rv_buf_addf(&address, "//" RV_STR_FMT ":", RV_STR_ARG(ip));
        if (!in_url(r->url, rv_buf_cstr(&address)) || rv_meta_deleting(o->value)) continue;
        if (fixture_tale(w, label(o, "ray.io/cluster"))->hangs) {
            out->code = RV_E_TIMEOUT;
            return;
        }
        const struct tale *t = fixture_tale(w, label(o, "ray.io/cluster"));
        out->code = 0;
        if (in_url(r->url, "/-/healthz")) {
            w->probes++;
            out->code = t->proxy_code;
            if (out->code == 0) say(out, t->proxy_status != 0 ? t->proxy_status : 200, "success", false);
        } else if (w->ongoing < 0) {
            say(out, 404, "not found", false);
        } else {
            /* as of requests that last long: the proxies' gauge has vanished */
            char text[256];
            snprintf(text, sizeof text,
                     "# HELP x\nray_serve_deployment_queued_queries{a=\"b\"} 0.0\n"
                     "ray_serve_num_ongoing_requests_at_replicas{a=\"b\"} %lld.0\n",
                     (long long)w->ongoing);
            say(out, 200, text, false);
        }
        return;
    }
}

void fixture_http(void *arg, const struct rv_http_request *r, struct rv_fake_answer *out) {
    static const char service[] = "-head-svc.";
    struct fixture *w = arg;
    char name[64];
    if (rv_test_random_chance(w->random, w->http_failure_percent)) {
        garble(w, out);
        return;
    }
    const char *end = memmem(r->url.p, r->url.n, service, strlen(service));
    if (end == NULL) {
        from_pod(w, r, out);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)(end - r->url.p - 7), r->url.p + 7);
    struct rv_fake_object *head = fixture_head(w, name);
    struct serve *s = head != NULL && ready(head) ? fixture_serve(w, name) : NULL;
    if (s == NULL || fixture_tale(w, rv_str(name))->hangs) {
        out->code = s == NULL ? RV_E_UNAVAILABLE : RV_E_TIMEOUT;
        w->in_vain += rv_str_is(r->method, "GET");
    } else if (rv_str_is(r->method, "PUT")) {
        w->mixed += s->asked > 0 && s->asked_in == w->round;
        s->put_in = w->round;
        submitted(w, s, r, out);
    } else {
        w->mixed += s->puts > 0 && s->put_in == w->round;
        s->asked_in = w->round;
        w->apps_asked++;
        s->asked++;
        apps(w, s, out);
    }
}
