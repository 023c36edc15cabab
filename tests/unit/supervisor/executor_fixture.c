/* executor_fixture.c - see executor_fixture.h. */
#include "executor_fixture.h"

#include <stdlib.h>

#define S(text)                                                                                                        \
    { text, sizeof(text) - 1 }

static void take(char *to, size_t size, struct rv_str s) { snprintf(to, size, "%.*s", RV_STR_ARG(s)); }

static void on_result(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                      const struct msg_result *m) {
    const struct rv_result *r = &m->r;
    struct client *p = arg;
    (void)api_version;
    (void)resource;
    CU_ASSERT_EQUAL(instance, 7);
    if (m->id >= RESULTS_MAX) abort();
    struct seen_result *s = &p->results[m->id];
    rv_autobuf struct rv_buf json = {0};
    p->result_n++;
    p->waiting += r->body.n;
    s->times++;
    s->code = r->code;
    s->http = r->http_status;
    take(s->reason, sizeof s->reason, r->reason);
    take(s->message, sizeof s->message, r->message);
    take(s->name, sizeof s->name, r->name);
    take(s->uid, sizeof s->uid, r->uid);
    take(s->version, sizeof s->version, r->resource_version);
    if (r->json != 0) rv_json_write((struct rv_val){r->body.p, r->body.n}, &json);
    take(s->body, sizeof s->body, rv_buf_str(&json));
    const struct store_object *o = store_find(p->pods, r->ns, r->name);
    s->cached = o != NULL && rv_str_eq(o->resource_version, r->resource_version);
}

static size_t result_bytes(const void *arg) { return ((const struct client *)arg)->waiting; }

static void configure(struct fixture *w, struct client *p, struct rv_str name) {
    static struct rv_str verbs[] = {S("create"), S("apply"), S("patch"), S("delete"), S("deletecollection"), S("get")},
                         say[] = {S("create")}, urls[] = {S("http://127.0.0.1:*/*"), S("http://*.*.svc:8265/*")},
                         any[] = {S("*")}, token[] = {S("auth_token")};
    static struct manifest_secret secrets[] = {{.names = {any, 1, true}, .keys = {token, 1, true}}};
    static struct manifest_write grants[] = {
        {.api_version = S("v1"), .resource = S("pods"), .verbs = {verbs, RV_ARRAY_LEN(verbs), true}},
        {.api_version = S("v1"), .resource = S("pods"), .subresource = S("status"), .verbs = {verbs, 6, true}},
        {.api_version = S("v1"), .resource = S("pods"), .subresource = S("scale"), .verbs = {verbs, 6, true}},
        {.api_version = S("events.k8s.io/v1"), .resource = S("events"), .verbs = {say, 1, true}}};
    static struct manifest_kind kind = {
        .api_version = S("ray.io/v1"), .resource = S("rayclusters"), .kind = S("RayCluster")};
    static struct manifest manifest = {.kinds = &kind, .kind_n = 1};
    p->pods = w->pods;
    p->config = (struct config_plugin){.name = name,
                                       .manifest = &manifest,
                                       .grants = grants,
                                       .grant_n = RV_ARRAY_LEN(grants),
                                       .http = {urls, RV_ARRAY_LEN(urls), true},
                                       .secrets = secrets,
                                       .secret_n = RV_ARRAY_LEN(secrets),
                                       .max_in_flight = 1000,
                                       .max_http = 1000};
    p->client = (struct executor_client){&p->config, on_result, result_bytes, p, NULL, NULL};
}

static int64_t shorten(void *arg, int64_t ms) {
    struct fixture *w = arg;
    w->pauses++;
    w->pause = ms;
    return ms > 0;
}

struct fixture *fixture_new(void) {
    struct fixture *w = rv_alloc(sizeof *w);
    bool widened;
    struct store_collection_opts o = {.api_version = "v1", .resource = "pods", .kind = "Pod"};
    w->stage = stage_new("", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage);
    w->server = script_new(w->stage->s.loop);
    CU_ASSERT_TRUE(stage_connect(w->stage, script_url(w->server)));
    w->pods = store_collection_get(w->stage->s.store, &o, &widened, NULL);
    w->executor = executor_new(&w->stage->s);
    executor_on_pause(w->executor, shorten, w);
    configure(w, &w->a, RV_STR("toy"));
    configure(w, &w->b, RV_STR("other"));
    return w;
}

static void check_once(const struct client *p) {
    for (size_t i = 0; i < RESULTS_MAX; i++) CU_ASSERT_TRUE(p->results[i].times <= 1);
}

struct fixture *fixture_free(struct fixture *w) {
    executor_free(w->executor);
    check_once(&w->a);
    check_once(&w->b);
    CU_ASSERT_EQUAL(script_unexpected(w->server), 0);
    store_collection_unref(w->pods);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    script_free(w->server);
    stage_free(w->stage);
    free(w);
    return NULL;
}

void fixture_ask(struct fixture *w, struct client *p, const struct ask *a) {
    rv_autobuf struct rv_buf body = {0};
    if (a->body != NULL) CU_ASSERT_EQUAL(rv_json_to_mp(rv_str(a->body), NULL, &body, NULL), 0);
    struct msg m = {.type = MSG_ACTION, .payload = rv_buf_bytes(&body)};
    m.action = (struct msg_action){.id = a->id, .key = {RV_STR("n"), rv_str(a->key != NULL ? a->key : "k")}};
    m.action.a = (struct rv_action){.size = sizeof(struct rv_action),
                                    .verb = a->verb,
                                    .api_version = RV_STR("v1"),
                                    .resource = rv_str(a->resource != NULL ? a->resource : "pods"),
                                    .subresource = rv_str(a->subresource),
                                    .ns = RV_STR("n"),
                                    .name = rv_str(a->name),
                                    .pre_uid = rv_str(a->uid),
                                    .pre_version = rv_str(a->version),
                                    .selector = rv_str(a->selector),
                                    .propagation = rv_str(a->propagation),
                                    .grace_seconds = a->grace,
                                    .delay_ms = a->delay_ms != 0 ? a->delay_ms : 1};
    if (a->verb == RV_VERB_EVENT)
        m.action.event = (struct rv_event){.size = sizeof(struct rv_event),
                                           .reason = RV_STR("Created"),
                                           .note = rv_str(a->body),
                                           .api_version = RV_STR("v1"),
                                           .kind = RV_STR("Pod"),
                                           .ns = RV_STR("n"),
                                           .name = rv_str(a->name)};
    if (a->verb == RV_VERB_HTTP)
        m.action.http = (struct rv_http_request){.size = sizeof(struct rv_http_request),
                                                 .method = rv_str(a->method != NULL ? a->method : "GET"),
                                                 .url = rv_str(a->url),
                                                 .timeout_ms = a->timeout_ms};
    if (a->secret != NULL) {
        const char *slash = strchr(a->secret, '/');
        m.action.http.secret_ns = (struct rv_str){a->secret, (size_t)(slash - a->secret)};
        m.action.http.secret_name = rv_str(slash + 1);
        m.action.http.secret_key = RV_STR("auth_token");
        m.action.http.auth_header = RV_STR("x-ray-authorization");
        m.action.http.auth_prefix = RV_STR("Bearer ");
    }
    executor_submit(w->executor, &p->client, 7, &m);
}

const struct seen_result *fixture_result(struct fixture *w, struct client *p, uint64_t id) {
    SCRIPT_UNTIL(w->stage->s.loop, p->results[id].times != 0);
    return &p->results[id];
}

void fixture_sent(struct fixture *w, unsigned n) { SCRIPT_UNTIL(w->stage->s.loop, script_count(w->server) >= n); }
