/* Requests to Services and pods by way of the API server: which URLs, which paths, and whose word an answer is. */
#include "supervisor/requests/proxy.h"

#include <sys/resource.h>

#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

struct seen {
    unsigned times, status;
    int code;
    bool json;
    char body[128], message[128];
};

static void on_answer(void *arg, const struct http_answer *a) {
    struct seen *s = arg;
    rv_autobuf struct rv_buf text = {0};
    s->times++;
    s->code = a->code;
    s->status = a->status;
    s->json = a->json;
    if (a->json)
        rv_json_write((struct rv_val){a->body.p, a->body.n}, &text);
    else
        rv_buf_add(&text, a->body.p, a->body.n);
    snprintf(s->body, sizeof s->body, "%.*s", RV_STR_ARG(rv_buf_str(&text)));
    snprintf(s->message, sizeof s->message, "%.*s", RV_STR_ARG(a->message));
}

struct fixture {
    struct stage *stage;
    struct script_server *api;
    struct http_proxy *proxy;
};

static struct fixture begin(void) {
    struct fixture w = {.stage = stage_new("", "http://127.0.0.1:1")};
    w.api = script_new(w.stage->s.loop);
    CU_ASSERT_TRUE(stage_connect(w.stage, script_url(w.api)));
    w.proxy = http_proxy_new(&w.stage->s, NULL);
    return w;
}

static void end(struct fixture *w) {
    http_proxy_free(w->proxy);
    CU_ASSERT_EQUAL(script_unexpected(w->api), 0);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    script_free(w->api);
    stage_free(w->stage);
}

static bool ask(struct fixture *w, const struct rv_http_request *more, const char *url, const char *credential,
                struct seen *ret) {
    struct rv_http_request r = *more;
    *ret = (struct seen){0};
    r.size = sizeof r;
    r.url = rv_str(url);
    if (r.method.n == 0) r.method = RV_STR("GET");
    if (!http_proxy_send(w->proxy, RV_STR("own"), &r, credential, on_answer, ret)) return false;
    SCRIPT_UNTIL(w->stage->s.loop, ret->times == 1);
    return true;
}

#define PODS "GET /api/v1/namespaces/own/pods?fieldSelector=status.podIP%3D"
#define SERVICE "/api/v1/namespaces/n/services/"

static void urls(void) {
    static const struct {
        const char *url, *line; /* NULL: not for the proxy */
    } rows[] = {
        {"http://s.n.svc.cluster.local:8265/api/jobs/?a=b%20c", "GET " SERVICE "s:8265/proxy/api/jobs/?a=b%20c"},
        {"http://s.n.svc:8265", "GET " SERVICE "s:8265/proxy/"},
        {"http://s.n.svc.example.org/x", "GET " SERVICE "s:80/proxy/x"},
        {"https://s.n.svc/x", "GET " SERVICE "https:s:443/proxy/x"},
        {"http://s.n.svc:8265?q=1", "GET " SERVICE "s:8265/proxy/?q=1"},
        {"http://s.n.svc:x/", NULL},
        {"http://s.n.svc:0/", NULL},
        {"http://s.n:8265/", NULL},
        {"http://S.n.svc/", NULL},
        {"http://s.n%2f..svc/", NULL},
        {"http://ray.example.org/", NULL},
        {"http://.n.svc/", NULL},
        {"ftp://s.n.svc/", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s;
        script_on(w.api, &(struct script_answer){.body = "{}"});
        CHECK_ROW(ask(&w, &(struct rv_http_request){0}, rows[i].url, NULL, &s) == (rows[i].line != NULL), rows[i].url);
        CHECK_ROW(script_count(w.api) == (rows[i].line != NULL), rows[i].url);
        CHECK_ROW(rows[i].line == NULL || strcmp(script_last(w.api)->line, rows[i].line) == 0, rows[i].url);
        end(&w);
    }
}

static void what_goes_out(void) {
    static const char body[] = "{\"entrypoint\":\"x\"}";
    const struct rv_http_request post = {.method = RV_STR("POST"),
                                         .content_type = RV_STR("application/json"),
                                         .body = {(const uint8_t *)body, sizeof body - 1}};
    struct fixture w = begin();
    struct seen s;
    script_on(w.api, &(struct script_answer){.body = "{\"id\":1}"});
    CU_ASSERT_TRUE(ask(&w, &post, "http://s.n.svc:8265/api/jobs/", "X-Ray-Authorization: Bearer t0ken", &s));
    const struct script_request *r = script_last(w.api);
    CU_ASSERT_STRING_EQUAL(r->line, "POST " SERVICE "s:8265/proxy/api/jobs/");
    CU_ASSERT_STRING_EQUAL(r->body, body);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->headers, "X-Ray-Authorization: Bearer t0ken\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->headers, "Content-Type: application/json\r\n"));
    CU_ASSERT_TRUE(s.code == 0 && s.status == 200 && s.json && strcmp(s.body, "{\"id\":1}") == 0);
    script_on(w.api, &(struct script_answer){.body = "{}"});
    CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){.method = RV_STR("DELETE")}, "http://s.n.svc/x", NULL, &s));
    CU_ASSERT_PTR_NULL(strstr(script_last(w.api)->headers, "t0ken")); /* only where it was given */
    CU_ASSERT_FALSE(ask(&w, &(struct rv_http_request){.http2 = 1}, "http://s.n.svc/x", NULL, &s));
    end(&w);
}

#define REFUSAL(code, text)                                                                                            \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"" text "\",\"code\":" code "}"

static void what_comes_back(void) {
    static const struct {
        const char *row;
        struct script_answer answer;
        struct rv_http_request r;
        int code;
        unsigned status;
        bool json;
        const char *body;
    } rows[] = {
        {"json", {.body = "[1]"}, {0}, 0, 200, true, "[1]"},
        {"text", {.body = "success", .headers = "Content-Type: text/plain\r\n"}, {0}, 0, 200, false, "success"},
        {"an error of Ray's", {.status = 500, .body = "{\"e\":1}"}, {0}, 0, 500, true, "{\"e\":1}"},
        {"not found by Ray", {.status = 404, .body = "{\"kind\":\"x\"}"}, {0}, 0, 404, true, "{\"kind\":\"x\"}"},
        {"too big for Ray", {.status = 413, .body = "{}"}, {0}, 0, 413, true, "{}"},
        {"no service",
         {.status = 404, .body = REFUSAL("404", "services s not found")},
         {0},
         RV_E_UNAVAILABLE,
         0,
         false,
         ""},
        {"no endpoints", {.status = 503, .body = REFUSAL("503", "no endpoints")}, {0}, RV_E_UNAVAILABLE, 0, false, ""},
        {"no right", {.status = 403, .body = REFUSAL("403", "services/proxy")}, {0}, RV_E_FORBIDDEN, 0, false, ""},
        {"broken json", {.body = "{\"a\":"}, {0}, RV_E_PARSE, 200, false, ""},
        {"too big", {.body = "\"0123456789\""}, {.max_bytes = 8}, RV_E_TOO_BIG, 0, false, ""},
        {"too big an error", {.status = 500, .body = "\"0123456789\""}, {.max_bytes = 8}, RV_E_TOO_BIG, 0, false, ""},
        {"silent", {.how = SCRIPT_SILENT}, {.timeout_ms = 50}, RV_E_TIMEOUT, 0, false, ""},
        {"hung up", {.how = SCRIPT_HANGUP}, {.method = {"POST", 4}}, RV_E_UNAVAILABLE, 0, false, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s;
        script_on(w.api, &rows[i].answer);
        CHECK_ROW(ask(&w, &rows[i].r, "http://s.n.svc:8265/x", NULL, &s), rows[i].row);
        CHECK_ROW(s.code == rows[i].code && s.status == rows[i].status && s.json == rows[i].json, rows[i].row);
        CHECK_ROW(strcmp(s.body, rows[i].body) == 0, rows[i].row);
        end(&w);
    }
}

/* An address is looked for among the pods of the object's namespace. */
static void addresses(void) {
    static const struct {
        const char *url, *find;
        struct script_answer pods;
        const char *line; /* NULL: nobody has it */
        int code;
    } rows[] = {
        {"http://10.0.0.7:8000/-/healthz",
         PODS "10.0.0.7",
         {.body = "{\"items\":[{\"metadata\":{\"name\":\"old\"},\"status\":{\"phase\":\"Failed\"}},"
                  "{\"metadata\":{\"name\":\"p\"},\"status\":{\"phase\":\"Running\"}}]}"},
         "GET /api/v1/namespaces/own/pods/p:8000/proxy/-/healthz",
         0},
        {"http://[fd00::7]:8000/x",
         PODS "fd00%3A%3A7",
         {.body = "{\"items\":[{\"metadata\":{\"name\":\"p\"},\"status\":{\"phase\":\"Running\"}}]}"},
         "GET /api/v1/namespaces/own/pods/p:8000/proxy/x",
         0},
        {"http://10.0.0.7:8000/",
         PODS "10.0.0.7",
         {.body = "{\"items\":[{\"metadata\":{\"name\":\"p\"},\"spec\":{\"hostNetwork\":true},\"status\":{\"phase\":"
                  "\"Running\"}}]}"},
         NULL,
         RV_E_UNAVAILABLE},
        {"http://10.0.0.7:8000/", PODS "10.0.0.7", {.body = "{\"items\":[]}"}, NULL, RV_E_UNAVAILABLE},
        {"http://10.0.0.7:8000/", PODS "10.0.0.7", {.status = 403}, NULL, RV_E_FORBIDDEN},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s;
        struct script_answer pods = rows[i].pods;
        pods.when = "fieldSelector";
        script_on(w.api, &pods);
        script_on(w.api, &(struct script_answer){.when = "/proxy/", .body = "{}"});
        CHECK_ROW(ask(&w, &(struct rv_http_request){0}, rows[i].url, NULL, &s), rows[i].url);
        CHECK_ROW(strcmp(script_at(w.api, 0)->line, rows[i].find) == 0, rows[i].url);
        CHECK_ROW(s.code == rows[i].code, rows[i].url);
        CHECK_ROW(script_count(w.api) == (rows[i].line != NULL ? 2 : 1), rows[i].url);
        CHECK_ROW(rows[i].line == NULL || strcmp(script_last(w.api)->line, rows[i].line) == 0, rows[i].url);
        end(&w);
    }
}

#define POD(name)                                                                                                      \
    (&(struct script_answer){.when = "fieldSelector",                                                                  \
                             .body = "{\"items\":[{\"metadata\":{\"name\":\"" name                                     \
                                     "\"},\"status\":{\"phase\":\"Running\"}}]}"})

/* A pod is searched for once, again when nobody has its name any more or could be reached by it. */
static void addresses_are_remembered(void) {
    static const struct {
        const char *row;
        struct script_answer answer;   /* to the second request */
        size_t again_now, again_later; /* searches for the pod during the second request, and the third */
        int code;
    } rows[] = {
        {"it answers", {.when = "/p:", .body = "{}"}, 0, 0, 0},
        {"an error of Ray's", {.when = "/p:", .status = 500, .body = "{}"}, 0, 0, 0},
        {"the pod is gone", {.when = "/p:", .status = 404, .body = REFUSAL("404", "pods p not found")}, 1, 0, 0},
        {"nobody listens",
         {.when = "/p:", .status = 503, .body = REFUSAL("503", "connection refused")},
         0,
         1,
         RV_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s;
        const char *url = "http://10.0.0.7:8000/x";
        const struct rv_http_request get = {0};
        script_on(w.api, POD("p"));
        script_on(w.api, &(struct script_answer){.when = "/p:", .body = "{}"});
        script_on(w.api, &rows[i].answer);
        if (rows[i].again_now + rows[i].again_later > 0) script_on(w.api, POD("q"));
        script_on(w.api, &(struct script_answer){.when = rows[i].again_now + rows[i].again_later > 0 ? "/q:" : "/p:",
                                                 .times = 2});
        CHECK_ROW(ask(&w, &get, url, NULL, &s) && s.code == 0, rows[i].row);
        CHECK_ROW(ask(&w, &get, url, NULL, &s) && s.code == rows[i].code, rows[i].row);
        CHECK_ROW(script_count_of(w.api, "fieldSelector") == 1 + rows[i].again_now, rows[i].row);
        CHECK_ROW(ask(&w, &get, url, NULL, &s) && s.code == 0, rows[i].row);
        CHECK_ROW(script_count_of(w.api, "fieldSelector") == 1 + rows[i].again_now + rows[i].again_later, rows[i].row);
        end(&w);
    }
}

/* A name that nobody has is not searched for without end. */
static void addresses_of_nobody(void) {
    struct fixture w = begin();
    struct seen s;
    script_on(w.api, POD("p"));
    script_on(w.api, &(struct script_answer){.when = "/p:", .status = 404, .body = REFUSAL("404", "pods p not found")});
    CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){0}, "http://10.0.0.7/x", NULL, &s));
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && script_count(w.api) == 2);
    end(&w);
}

static void never_the_api_server(void) {
    struct fixture w = begin();
    struct seen s;
    CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){0}, "https://kubernetes.default.svc/api", NULL, &s));
    CU_ASSERT_EQUAL(s.code, RV_E_DENIED);
    CU_ASSERT_EQUAL(script_count(w.api), 0);
    end(&w);
}

/* Two of them would go out, the supervisor's own and the plugin's. */
static void never_the_supervisors_header(void) {
    static const char *const lines[] = {"Authorization: Bearer x", "authorization:x"};
    for (size_t i = 0; i < RV_ARRAY_LEN(lines); i++) {
        struct fixture w = begin();
        struct seen s;
        CHECK_ROW(ask(&w, &(struct rv_http_request){0}, "http://s.n.svc/", lines[i], &s), lines[i]);
        CHECK_ROW(s.code == RV_E_INVALID && script_count(w.api) == 0, lines[i]);
        end(&w);
    }
}

/* The API server leads requests to the endpoints of a Service, too. An operator that is one says that it is. */
static void led_to_ourselves(void) {
    struct fixture w = begin();
    struct seen s;
    script_on(w.api, &(struct script_answer){.when = "s:8265",
                                             .status = 421,
                                             .headers = "Content-Type: text/vnd.rayvisor.own-request\r\n",
                                             .body = "x"});
    script_on(w.api, &(struct script_answer){.body = "1", .times = 2});
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){0}, "http://s.n.svc:8265/x", NULL, &s));
        CU_ASSERT_TRUE(s.code == RV_E_DENIED && s.body[0] == 0 && script_count(w.api) == 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(s.message, "n/s.n.svc:8265 is where the operator itself answers"));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w.api)->headers, "User-Agent: rayvisord-to-ray\r\n"));
    CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){0}, "http://t.n.svc:8265/x", NULL, &s) && s.code == 0);
    CU_ASSERT_TRUE(ask(&w, &(struct rv_http_request){0}, "http://s.n.svc:8000/x", NULL, &s) && s.code == 0);
    end(&w);
}

static void shutdown_now(void) {
    struct fixture w = begin();
    struct seen s = {0};
    const struct rv_http_request r = {.size = sizeof r, .method = RV_STR("GET"), .url = RV_STR("http://s.n.svc/")};
    script_on(w.api, &(struct script_answer){.how = SCRIPT_SILENT});
    CU_ASSERT_TRUE(http_proxy_send(w.proxy, RV_STR("own"), &r, NULL, on_answer, &s));
    SCRIPT_UNTIL(w.stage->s.loop, script_count(w.api) == 1);
    w.proxy = http_proxy_free(w.proxy);
    CU_ASSERT_TRUE(s.times == 1 && s.code == RV_E_SHUTDOWN);
    end(&w);
}

static void ask_of(struct fixture *w, const char *service, unsigned i, unsigned ms, struct seen *ret) {
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "http://%s%u.n.svc/x", service, i);
    struct rv_http_request r = {.size = sizeof r, .method = RV_STR("GET"), .url = rv_buf_str(&url), .timeout_ms = ms};
    *ret = (struct seen){0};
    CU_ASSERT_TRUE(http_proxy_send(w->proxy, RV_STR("own"), &r, NULL, on_answer, ret));
}

/* So many are open at once; who waits does so within his time-out. Then those that are known to hang leave places. */
static void turns(void) {
    enum { N = HTTP_PROXY_MAX, SLOW_MS = 6000 }; /* opening N connections takes a busy machine seconds */
    struct rlimit files;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &files), 0);
    struct fixture w = begin();
    static struct seen slow[N], late, next, good, again;
    script_on(w.api, &(struct script_answer){.when = SERVICE "slow", .how = SCRIPT_SILENT, .times = 2 * N});
    script_on(w.api, &(struct script_answer){.when = SERVICE "good", .body = "1", .times = 2});
    for (unsigned i = 0; i < N; i++) ask_of(&w, "slow", i, SLOW_MS, &slow[i]);
    ask_of(&w, "good", 0, 100, &late);
    ask_of(&w, "good", 1, 20000, &next);
    SCRIPT_UNTIL(w.stage->s.loop, late.times == 1);
    CU_ASSERT_TRUE(late.code == RV_E_TIMEOUT && strstr(late.message, "not sent: 512 requests") == late.message);
    for (unsigned i = 0; i < N; i++) SCRIPT_UNTIL(w.stage->s.loop, slow[i].times == 1);
    SCRIPT_UNTIL(w.stage->s.loop, next.times == 1);
    CU_ASSERT_TRUE(next.code == 0 && slow[N - 1].code == RV_E_TIMEOUT && script_count(w.api) == N + 1);
    /* One is silent, and answers the next time. */
    script_on(w.api, &(struct script_answer){.when = SERVICE "again", .how = SCRIPT_SILENT, .times = 1});
    script_on(w.api, &(struct script_answer){.when = SERVICE "again", .body = "1", .times = 2});
    for (unsigned i = 0; i < 2; i++) {
        ask_of(&w, "again", 0, i == 0 ? 30 : 20000, &again);
        SCRIPT_UNTIL(w.stage->s.loop, again.times == 1);
        CU_ASSERT_EQUAL(again.code, i == 0 ? RV_E_TIMEOUT : 0);
    }
    size_t before = script_count(w.api);
    for (unsigned i = 0; i < N; i++) ask_of(&w, "slow", i, 20000, &slow[i]);
    ask_of(&w, "good", 1, 20000, &good);
    ask_of(&w, "again", 0, 20000, &again);
    SCRIPT_UNTIL(w.stage->s.loop, good.times == 1 && again.times == 1 && script_count(w.api) >= before + N / 2 + 2);
    CU_ASSERT_TRUE(good.code == 0 && again.code == 0 && slow[0].times == 0);
    CU_ASSERT_TRUE(script_count(w.api) < before + N / 2 + N / 8);
    w.proxy = http_proxy_free(w.proxy);
    for (unsigned i = 0; i < N; i++) CU_ASSERT_TRUE(slow[i].times == 1 && slow[i].code == RV_E_SHUTDOWN);
    end(&w);
}

static const struct suite_test tests[] = {{"urls", urls},
                                          {"what goes out", what_goes_out},
                                          {"what comes back", what_comes_back},
                                          {"addresses", addresses},
                                          {"addresses are remembered", addresses_are_remembered},
                                          {"addresses of nobody", addresses_of_nobody},
                                          {"never the API server", never_the_api_server},
                                          {"never the supervisor's header", never_the_supervisors_header},
                                          {"led to ourselves", led_to_ourselves},
                                          {"turns", turns},
                                          {"shutdown", shutdown_now}};
SUITE_MAIN("http proxy", tests)
