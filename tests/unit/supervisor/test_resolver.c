/* Names that take long to be resolved, with a getaddrinfo() of the test's own: libcurl finds this one first. Names
 * that begin with "slow" take until they are let go; nothing of the supervisor may wait for them. */
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>

#include "supervisor/config/address_range.h"
#include "supervisor/kube/peers.h"
#include "supervisor/requests/direct.h"
#include "supervisor/requests/resolver.h"
#include "tests/support/h2_server.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

enum { HANG_S = 15 }; /* longer than any test: one that waited for a thread notices */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t go;
    bool hang;
    unsigned asked, inside, most, expired;
} dns = {.lock = PTHREAD_MUTEX_INITIALIZER, .go = PTHREAD_COND_INITIALIZER};

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **ret);

static void hang(void) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HANG_S;
    bool over = false;
    while (dns.hang && !over) over = pthread_cond_timedwait(&dns.go, &dns.lock, &until) != 0;
    if (over) dns.expired++;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&real, &found, sizeof real);
    bool ours = name != NULL && strstr(name, ".test") != NULL;
    if (!ours) return real(name, service, hints, ret);
    pthread_mutex_lock(&dns.lock);
    dns.asked++;
    if (++dns.inside > dns.most) dns.most = dns.inside;
    if (strncmp(name, "slow", 4) == 0) hang();
    dns.inside--;
    pthread_mutex_unlock(&dns.lock);
    if (strncmp(name, "no", 2) == 0) return EAI_NONAME;
    int r = real("127.0.0.1", service, hints, ret);
    return r == 0 && strstr(name, "two") != NULL ? real("127.0.0.2", service, hints, &(*ret)->ai_next) : r;
}

static unsigned dns_count(const unsigned *which) {
    pthread_mutex_lock(&dns.lock);
    unsigned n = *which;
    pthread_mutex_unlock(&dns.lock);
    return n;
}

static void dns_begin(bool hangs) {
    pthread_mutex_lock(&dns.lock);
    dns.hang = hangs;
    dns.asked = dns.most = dns.expired = 0;
    pthread_mutex_unlock(&dns.lock);
}

static void dns_go(void) {
    pthread_mutex_lock(&dns.lock);
    dns.hang = false;
    pthread_cond_broadcast(&dns.go);
    pthread_mutex_unlock(&dns.lock);
}

/* ---- requests to Ray -------------------------------------------------------------------------------------- */

struct fixture {
    struct loop *loop;
    struct script_server *ray;
    struct http_direct *http;
    struct kube_peers *peers;
    const char *port;
};

struct seen {
    unsigned times;
    int code;
    char message[256];
};

static void on_answer(void *arg, const struct http_answer *a) {
    struct seen *s = arg;
    s->times++;
    s->code = a->code;
    snprintf(s->message, sizeof s->message, "%.*s", RV_STR_ARG(a->message));
}

static void allow_local(struct http_direct *h) {
    struct address_range local[2];
    CU_ASSERT_TRUE(address_range_parse(RV_STR("127.0.0.0/8"), &local[0]));
    CU_ASSERT_TRUE(address_range_parse(RV_STR("::1"), &local[1]));
    http_direct_allow(h, local, RV_ARRAY_LEN(local));
}

static struct fixture begin(bool hangs) {
    struct fixture w = {.loop = loop_new(NULL), .peers = kube_peers_new()};
    w.ray = script_new(w.loop);
    w.http = http_direct_new(w.loop, "http://127.0.0.1:1", w.peers, NULL);
    allow_local(w.http);
    w.port = strrchr(script_url(w.ray), ':') + 1;
    dns_begin(hangs);
    return w;
}

static void end(struct fixture *w) {
    dns_go();
    http_direct_free(w->http);
    kube_peers_free(w->peers);
    SCRIPT_UNTIL(w->loop, dns_count(&dns.inside) == 0);
    CU_ASSERT_EQUAL(dns_count(&dns.expired), 0); /* nobody waited for a thread */
    CU_ASSERT_EQUAL(script_unexpected(w->ray), 0);
    script_free(w->ray);
    loop_free(w->loop);
}

static void send_to(struct fixture *w, const char *method, const char *host, unsigned ms, struct seen *s) {
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "http://%s:%s/x", host, w->port);
    struct rv_http_request r = {.size = sizeof r, .method = rv_str(method), .url = rv_buf_str(&url), .timeout_ms = ms};
    *s = (struct seen){0};
    http_direct_send(w->http, &r, NULL, NULL, on_answer, s);
    CU_ASSERT_EQUAL(s->times, 0); /* never from within */
}

static void send_numbered(struct fixture *w, unsigned i, unsigned ms, struct seen *s) {
    char name[32];
    snprintf(name, sizeof name, "slow%u.test", i);
    send_to(w, "GET", name, ms, s);
}

static unsigned say(const struct seen *s, unsigned n, const char *why) {
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++)
        count += s[i].code == RV_E_TIMEOUT && strstr(s[i].message, "cannot resolve slow") == s[i].message &&
                 strstr(s[i].message, why) != NULL && strstr(s[i].message, "(waited 400 ms)") != NULL;
    return count;
}

/* More names than are resolved at once. Then again, with the threads still there. */
static void time_outs(void) {
    enum { N = 3 * RESOLVING_MAX };
    struct fixture w = begin(true);
    static struct seen s[N];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) send_numbered(&w, i, 400, &s[i]);
        for (unsigned i = 0; i < N; i++) SCRIPT_UNTIL(w.loop, s[i].times == 1);
        CU_ASSERT_EQUAL(say(s, N, ".test:"), N);
        CU_ASSERT_EQUAL(say(s, N, ": names are not being resolved, the DNS server does not answer for 32 others (slow"),
                        N - RESOLVING_MAX);
    }
    CU_ASSERT_EQUAL(dns_count(&dns.most), RESOLVING_MAX);
    CU_ASSERT_EQUAL(dns_count(&dns.asked), RESOLVING_MAX);
    script_on(w.ray, &(struct script_answer){.body = "1", .times = 2});
    send_numbered(&w, N, 10000, &s[1]); /* queued, and its turn comes */
    send_to(&w, "GET", "127.0.0.1", 10000, &s[0]);
    SCRIPT_UNTIL(w.loop, s[0].times == 1);
    CU_ASSERT_TRUE(s[0].code == 0 && s[1].times == 0);
    dns_go();
    SCRIPT_UNTIL(w.loop, s[1].times == 1);
    CU_ASSERT_TRUE(s[1].code == 0 && dns_count(&dns.asked) == RESOLVING_MAX + 1); /* not those that nobody waits for */
    end(&w);
}

/* One name takes one thread, whoever asks for it. */
static void one_name(void) {
    enum { N = 2 * RESOLVING_MAX };
    struct fixture w = begin(true);
    static struct seen s[N], other, gone;
    script_on(w.ray, &(struct script_answer){.body = "1", .times = N + 1});
    for (unsigned i = 0; i < N; i++)
        send_to(&w, i % 2 != 0 ? "GET" : "POST", i % 3 != 0 ? "slow.test" : "Slow.Test", 10000, &s[i]);
    send_to(&w, "GET", "slow.test", 20, &gone);
    send_to(&w, "GET", "quick.test", 10000, &other);
    SCRIPT_UNTIL(w.loop, other.times == 1 && gone.times == 1 && dns_count(&dns.inside) == 1);
    CU_ASSERT_TRUE(other.code == 0 && gone.code == RV_E_TIMEOUT && dns_count(&dns.asked) == 2);
    dns_go();
    for (unsigned i = 0; i < N; i++) SCRIPT_UNTIL(w.loop, s[i].times == 1);
    for (unsigned i = 0; i < N; i++) CU_ASSERT_EQUAL(s[i].code, 0);
    CU_ASSERT_EQUAL(dns_count(&dns.asked), 2);
    end(&w);
}

/* Two requests to the same host, one after the other. */
static void what_is_asked(void) {
    static const struct {
        const char *row, *host, *method;
        int code;
        unsigned asked;
        const char *message;
    } rows[] = {
        {"a name", "quick.test", "GET", 0, 1, ""},
        {"kept connections are not used", "quick.test", "POST", 0, 1, ""},
        {"no such name", "no.test", "GET", RV_E_UNAVAILABLE, 2, "Could not resolve host: no.test"},
        {"an address", "127.0.0.1", "GET", 0, 0, ""},
        {"in another spelling", "127.1", "GET", 0, 0, ""},
        {"this machine", "localhost", "GET", 0, 0, ""},
        {"IPv6, where nobody listens", "[::1]", "GET", RV_E_UNAVAILABLE, 0, "Failed to connect to ::1"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin(false);
        struct seen s[2];
        if (rows[i].code == 0) script_on(w.ray, &(struct script_answer){.body = "1", .times = 2});
        for (size_t j = 0; j < 2; j++) {
            send_to(&w, rows[i].method, rows[i].host, 10000, &s[j]);
            SCRIPT_UNTIL(w.loop, s[j].times == 1);
            CHECK_ROW(s[j].code == rows[i].code && strstr(s[j].message, rows[i].message) == s[j].message, rows[i].row);
        }
        CHECK_ROW(dns_count(&dns.asked) == rows[i].asked, rows[i].row);
        end(&w);
    }
}

/* Whatever a request waits for when the supervisor ends. */
static void at_the_end(void) {
    enum { N = 2 * RESOLVING_MAX };
    struct fixture w = begin(true);
    static struct seen s[N], gone, twice;
    send_numbered(&w, 0, 20, &gone);
    SCRIPT_UNTIL(w.loop, gone.times == 1);
    for (unsigned i = 1; i < N; i++) send_numbered(&w, i, 10000, &s[i]);
    SCRIPT_UNTIL(w.loop, dns_count(&dns.inside) == RESOLVING_MAX);
    send_numbered(&w, 1, 10000, &twice);
    loop_turn(w.loop, 0);
    send_numbered(&w, N, 10000, &s[0]); /* not begun */
    w.http = http_direct_free(w.http);
    for (unsigned i = 0; i < N; i++) CU_ASSERT_TRUE(s[i].times == 1 && s[i].code == RV_E_SHUTDOWN);
    CU_ASSERT_TRUE(gone.times == 1 && twice.times == 1 && twice.code == RV_E_SHUTDOWN);
    CU_ASSERT_TRUE(dns_count(&dns.inside) == RESOLVING_MAX && dns_count(&dns.expired) == 0);
    end(&w);
}

/* ---- requests to the API server --------------------------------------------------------------------------- */

static void on_response(void *arg, const struct kube_response *r) {
    struct seen *s = arg;
    s->times++;
    s->code = r->code;
}

static void api_server(void) {
    struct stage *stage = stage_new("", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage);
    dns_begin(true);
    CU_ASSERT_TRUE(stage_connect(stage, "http://slow.test:1"));
    struct seen a = {0}, b = {0};
    struct kube_request_opts o = {.method = "GET", .path = "/x", .timeout_ms = 50};
    kube_send(stage->s.client, &o, on_response, &a);
    SCRIPT_UNTIL(stage->s.loop, a.times == 1);
    CU_ASSERT_EQUAL(a.code, RV_E_TIMEOUT);
    o.timeout_ms = 10000;
    kube_send(stage->s.client, &o, on_response, &b);
    SCRIPT_UNTIL(stage->s.loop, dns_count(&dns.asked) == 2);
    stage->s.client = kube_client_free(stage->s.client);
    CU_ASSERT_TRUE(b.times == 1 && b.code == RV_E_SHUTDOWN && dns_count(&dns.expired) == 0);
    dns_go();
    SCRIPT_UNTIL(stage->s.loop, dns_count(&dns.inside) == 0);
    stage_free(stage);
}

/* ---- plugins and the API server ---------------------------------------------------------------------------- */

static struct seen ask(struct fixture *w, const char *host) {
    struct seen s;
    send_to(w, "GET", host, 2000, &s);
    SCRIPT_UNTIL(w->loop, s.times == 1);
    return s;
}

static void use_api(struct fixture *w, const char *host) {
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "http://%s:%s/", host, w->port);
    http_direct_free(w->http);
    w->http = http_direct_new(w->loop, rv_buf_cstr(&url), w->peers, NULL);
    allow_local(w->http);
}

/* With a DNS server that is silent: nothing waits for it, and the name is enough. When it has spoken every address
 * counts. */
static void api_server_by_name(void) {
    struct fixture w = begin(true);
    use_api(&w, "Slow-two.test");
    CU_ASSERT_EQUAL(ask(&w, "slow-two.test").code, RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "SLOW-TWO.test.").code, RV_E_DENIED);
    script_on(w.ray, &(struct script_answer){.body = "1", .times = 2});
    CU_ASSERT_EQUAL(ask(&w, "quick.test").code, 0);
    SCRIPT_UNTIL(w.loop, dns_count(&dns.inside) == 1);
    dns_go();
    SCRIPT_UNTIL(w.loop, dns_count(&dns.inside) == 0 && ask(&w, "127.0.0.2").code == RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "127.0.0.1").code, RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "127.1").code, RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "two.test").code, RV_E_DENIED);
    end(&w);
}

/* Its own name says nothing here: the connections do. */
static void api_server_by_connection(void) {
    struct fixture w = begin(true);
    struct stage *stage = stage_new("", "http://127.0.0.1:1");
    rv_autobuf struct rv_buf url = {0};
    rv_buf_addf(&url, "http://quick.test:%s", w.port);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stage);
    CU_ASSERT_TRUE(stage_connect(stage, rv_buf_cstr(&url)));
    http_direct_free(w.http);
    w.http = http_direct_new(w.loop, "http://slow.test:1", kube_config_peers(stage->s.kube_config), NULL);
    allow_local(w.http);
    struct seen api = {0};
    script_on(w.ray, &(struct script_answer){.body = "{}"});
    kube_send(stage->s.client, &(struct kube_request_opts){.method = "GET", .path = "/x"}, on_response, &api);
    while (api.times == 0) {
        loop_turn(stage->s.loop, 1);
        loop_turn(w.loop, 1);
    }
    CU_ASSERT_EQUAL(api.code, 0);
    CU_ASSERT_EQUAL(ask(&w, "127.0.0.1").code, RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "quick.test").code, RV_E_DENIED);
    CU_ASSERT_EQUAL(ask(&w, "other.test").code, RV_E_DENIED);
    w.http = http_direct_free(w.http);
    stage_free(stage);
    end(&w);
}

static struct seen ask_http2(struct fixture *w, struct rv_str url) {
    struct seen s = {0};
    struct rv_http_request r = {.size = sizeof r, .method = RV_STR("POST"), .url = url, .http2 = 1};
    http_direct_send(w->http, &r, NULL, NULL, on_answer, &s);
    SCRIPT_UNTIL(w->loop, s.times == 1);
    return s;
}

/* A connection over HTTP/2 is kept without asking again; each new one asks anew, for pods change their addresses. */
static void http2_connections(void) {
    struct fixture w = begin(false);
    struct h2_server *head = h2_server_new(w.loop, NULL);
    rv_autobuf struct rv_buf url = {0}, nowhere = {0};
    rv_buf_addf(&url, "http://two.test:%u/ok", h2_server_port(head));
    rv_buf_addf(&nowhere, "http://no.test:%u/ok", h2_server_port(head));
    for (unsigned connection = 1; connection <= 3; connection++) {
        for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(ask_http2(&w, rv_buf_str(&url)).code, 0);
        CU_ASSERT_TRUE(h2_server_accepted(head) == connection && dns_count(&dns.asked) == connection);
        h2_server_drop_all(head);
        loop_turn(w.loop, 50);
        loop_turn(w.loop, 0);
    }
    struct seen s = ask_http2(&w, rv_buf_str(&nowhere));
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && strstr(s.message, "no.test") != NULL);
    h2_server_free(head);
    end(&w);
}

static const struct suite_test tests[] = {{"HTTP/2 connections", http2_connections},
                                          {"time-outs", time_outs},
                                          {"one name", one_name},
                                          {"what is asked", what_is_asked},
                                          {"at the end", at_the_end},
                                          {"API server", api_server},
                                          {"API server by name", api_server_by_name},
                                          {"API server by connection", api_server_by_connection}};
SUITE_MAIN("names", tests)
