/* Requests to Ray that are led to an operator's own port: the real port, and the real requests. A Service with a
 * cluster IP is played by an address that the configuration allows. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/config/address_range.h"
#include "supervisor/http/web.h"
#include "supervisor/kube/peers.h"
#include "supervisor/requests/direct.h"
#include "supervisor/requests/own_answer.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct stage *stage;
    struct kube_peers *peers;
    struct http_direct *http;
};

struct seen {
    unsigned times, status;
    int code;
    char body[128], message[256];
};

static void on_answer(void *arg, const struct http_answer *a) {
    struct seen *s = arg;
    s->times++;
    s->code = a->code;
    s->status = a->status;
    snprintf(s->body, sizeof s->body, "%.*s", (int)a->body.n, (const char *)a->body.p);
    snprintf(s->message, sizeof s->message, "%.*s", RV_STR_ARG(a->message));
}

static struct fixture begin(void) {
    struct fixture w = {.stage = stage_new("http: {bind: \"127.0.0.1:0\"}\nplugins: []\n", "http://127.0.0.1:1")};
    struct rv_error err = {0};
    struct address_range local;
    CU_ASSERT_PTR_NOT_NULL_FATAL(w.stage);
    w.stage->s.web = web_new(&w.stage->s, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w.stage->s.web);
    w.peers = kube_peers_new();
    w.http = http_direct_new(w.stage->s.loop, "http://127.0.0.1:1", w.peers, NULL);
    CU_ASSERT_TRUE(address_range_parse(RV_STR("127.0.0.0/8"), &local));
    http_direct_allow(w.http, &local, 1);
    return w;
}

static void end(struct fixture *w) {
    http_direct_free(w->http);
    kube_peers_free(w->peers);
    web_free(w->stage->s.web);
    stage_free(w->stage);
}

/* Connections that the port has taken. */
static unsigned taken(struct fixture *w) {
    struct clients_stats st;
    web_stats(w->stage->s.web, &st);
    return (unsigned)st.accepted;
}

static struct seen ask(struct fixture *w, const char *method, const char *path, uint32_t http2) {
    struct seen s = {0};
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", web_port(w->stage->s.web), path);
    struct rv_http_request r = {
        .size = sizeof r, .method = rv_str(method), .url = rv_str(url), .timeout_ms = 20000, .http2 = http2};
    if (strcmp(method, "POST") == 0) r.body = (struct rv_bytes){(const uint8_t *)"{\"entrypoint\":\"x\"}", 18};
    http_direct_send(w->http, &r, "X-Ray-Authorization: Bearer t0ken", NULL, on_answer, &s);
    SCRIPT_UNTIL(w->stage->s.loop, s.times == 1);
    return s;
}

static bool is_refused(const struct seen *s) {
    bool is = s->code == RV_E_DENIED && s->status == 0 && s->body[0] == 0 &&
              strstr(s->message, "refused: 127.0.0.1 is where the operator itself answers, and requests for Ray never "
                                 "go there (where does the head Service lead?)") != NULL;
    if (!is) printf("\n    %s %u %s %s", rv_error_name(s->code), s->status, s->body, s->message);
    return is;
}

/* The first request is told what it has met; those after it are not sent, on whatever path and by whatever protocol. */
static void led_to_ourselves(void) {
    static const struct {
        const char *row, *method, *path;
        uint32_t http2;
    } rows[] = {{"metrics", "GET", "/metrics", 0},
                {"nothing", "GET", "/api/version", 0},
                {"a job", "POST", "/api/jobs/", 0},
                {"serve", "PUT", "/api/serve/applications/", 0},
                {"gRPC", "POST", "/ray.rpc.autoscaler.AutoscalerStateService/GetClusterStatus", 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s = ask(&w, rows[i].method, rows[i].path, rows[i].http2);
        CHECK_ROW(is_refused(&s) && taken(&w) == 1 && web_own_requests(w.stage->s.web) == 1, rows[i].row);
        for (size_t j = 0; j < RV_ARRAY_LEN(rows); j++) {
            s = ask(&w, rows[j].method, rows[j].path, rows[j].http2);
            CHECK_ROW(is_refused(&s) && taken(&w) == 1, rows[i].row);
        }
        end(&w);
    }
}

/* Only that answer is one. What a Ray head says besides is an answer of Ray's. */
static void answers_of_others(void) {
    static const struct {
        const char *row;
        struct script_answer answer;
        bool held;
    } rows[] = {
        {"another 421", {.status = 421, .headers = "Content-Type: text/plain\r\n", .body = "x"}, false},
        {"another status", {.status = 200, .headers = "Content-Type: " OWN_ANSWER_TYPE "\r\n", .body = "x"}, false},
        {"an operator's", {.status = 421, .headers = "Content-Type: " OWN_ANSWER_TYPE "\r\n", .body = "x"}, true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct script_server *other = script_new(w.stage->s.loop);
        struct script_answer twice = rows[i].answer;
        twice.times = 2;
        script_on(other, &twice);
        for (int n = 0; n < 2; n++) {
            struct seen s = {0};
            struct rv_http_request r = {
                .size = sizeof r, .method = RV_STR("GET"), .url = rv_str(script_url(other)), .timeout_ms = 20000};
            http_direct_send(w.http, &r, NULL, NULL, on_answer, &s);
            SCRIPT_UNTIL(w.stage->s.loop, s.times == 1);
            CHECK_ROW(s.code == (rows[i].held ? RV_E_DENIED : 0), rows[i].row);
            CHECK_ROW(s.status == (rows[i].held ? 0 : rows[i].answer.status), rows[i].row);
        }
        CHECK_ROW(script_count(other) == (rows[i].held ? 1 : 2), rows[i].row);
        script_free(other);
        end(&w);
    }
}

static struct kube_peer peer(unsigned last, unsigned port) {
    struct kube_peer p = {.port = port};
    p.address.s6_addr[15] = (uint8_t)last;
    return p;
}

static void how_many_and_how_long(void) {
    struct held_targets h = {0};
    struct kube_peer a = peer(1, 8265), b = peer(2, 8265), c = peer(1, 8266);
    CU_ASSERT_FALSE(held_targets_have(&h, "x", &a));
    held_targets_add(&h, "x", &a);
    held_targets_add(&h, "x", &a);
    CU_ASSERT_TRUE(h.n == 1 && held_targets_have(&h, "x", &a));
    CU_ASSERT_TRUE(!held_targets_have(&h, "x", &b) && !held_targets_have(&h, "x", &c));
    CU_ASSERT_FALSE(held_targets_have(&h, "y", &a));
    h.list[0].until = clock_monotonic() - 1; /* it has been long enough */
    CU_ASSERT_FALSE(held_targets_have(&h, "x", &a));
    held_targets_add(&h, "x", &a);
    CU_ASSERT_TRUE(h.n == 1 && held_targets_have(&h, "x", &a));
    for (unsigned i = 0; i < 3 * OWN_ANSWER_HELD_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%u", i);
        held_targets_add(&h, name, &a);
        CU_ASSERT_TRUE(held_targets_have(&h, name, &a));
    }
    CU_ASSERT_TRUE(h.n == OWN_ANSWER_HELD_MAX && !held_targets_have(&h, "x", &a));
    held_targets_free(&h);
}

static const struct suite_test tests[] = {{"led to ourselves", led_to_ourselves},
                                          {"answers of others", answers_of_others},
                                          {"how many and how long", how_many_and_how_long}};
SUITE_MAIN("own answer", tests)
