/* Requests over HTTP/2 against a server on the same loop: which connections they take, and how they end. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/base64.h"
#include "rayvisor/tree.h"
#include "supervisor/kube/peers.h"
#include "supervisor/requests/address_filter.h"
#include "supervisor/requests/h2_pool.h"
#include "supervisor/requests/resolver.h"
#include "tests/support/h2_server.h"
#include "tests/support/script_server.h"
#include "tests/unit/sdk/suite.h"

enum { SERVERS = 4 };

struct fixture {
    struct loop *loop;
    CURLM *multi;
    struct resolver *resolver;
    struct kube_peers *peers;
    struct address_filter filter;
    struct h2_pool_limits limits;
    struct h2_pool *pool;
    struct h2_server *servers[SERVERS];
};

struct seen {
    bool no_room; /* for its body */
    size_t asked_room;
    unsigned times, status;
    int code;
    bool json, tls;
    size_t body_n;
    char body[64], message[300], trailers[400];
};

static bool admit(void *arg, size_t n) {
    struct seen *s = arg;
    s->asked_room = n;
    return !s->no_room;
}

static void on_answer(void *arg, const struct http_answer *a) {
    struct seen *s = arg;
    rv_autobuf struct rv_buf text = {0};
    s->times++;
    s->code = a->code;
    s->status = a->status;
    s->json = a->json;
    s->tls = a->tls;
    s->body_n = a->body.n;
    if (a->json)
        rv_json_write((struct rv_val){a->body.p, a->body.n}, &text);
    else
        rv_buf_add(&text, a->body.p, a->body.n);
    snprintf(s->body, sizeof s->body, "%.*s", RV_STR_ARG(rv_buf_str(&text)));
    snprintf(s->message, sizeof s->message, "%.*s", RV_STR_ARG(a->message));
    rv_buf_clear(&text);
    if (a->trailers.n != 0) rv_json_write(a->trailers, &text);
    snprintf(s->trailers, sizeof s->trailers, "%.*s", RV_STR_ARG(rv_buf_str(&text)));
}

static void on_address(void *arg, const char *name, const struct sockaddr *a) {
    (void)arg;
    (void)name;
    (void)a;
}

static struct fixture *begin_with(struct h2_pool_limits limits, const struct tls_pair *tls) {
    struct fixture *w = rv_alloc(sizeof *w);
    w->loop = loop_new(NULL);
    w->multi = curl_multi_init();
    w->resolver = resolver_new(w->multi, on_address, NULL);
    w->peers = kube_peers_new();
    w->limits = limits;
    address_filter_init(&w->filter, "http://127.0.0.1:1", w->peers);
    struct address_range local;
    CU_ASSERT_TRUE(address_range_parse(RV_STR("127.0.0.0/8"), &local));
    address_filter_allow(&w->filter, &local, 1);
    w->pool = h2_pool_new(w->loop, w->resolver, &w->filter, admit, &w->limits);
    for (size_t i = 0; i < SERVERS; i++) w->servers[i] = h2_server_new(w->loop, tls);
    return w;
}

static struct fixture *begin(void) { return begin_with(h2_pool_usual, NULL); }

/* A handshake may take a busy machine seconds. */
static struct fixture *begin_tls(const struct tls_pair *server) {
    struct h2_pool_limits l = h2_pool_usual;
    l.connect_ms = 20000;
    return begin_with(l, server);
}

static void end(struct fixture *w) {
    h2_pool_free(w->pool);
    for (size_t i = 0; i < SERVERS; i++) h2_server_free(w->servers[i]);
    address_filter_free(&w->filter);
    kube_peers_free(w->peers);
    resolver_free(w->resolver);
    curl_multi_cleanup(w->multi);
    loop_free(w->loop);
    free(w);
}

static void send_url(struct fixture *w, const char *url, struct rv_http_request r, struct seen *s) {
    *s = (struct seen){.no_room = s->no_room};
    r.size = sizeof r;
    r.url = rv_str(url);
    if (r.method.n == 0) r.method = RV_STR("POST");
    if (r.body.n == 0) r.body = (struct rv_bytes){(const uint8_t *)"body", 4};
    if (r.timeout_ms == 0) r.timeout_ms = 20000; /* on a busy machine each step may take seconds */
    r.http2 = 1;
    h2_pool_send(w->pool, &r, "X-Token: t0ken", NULL, on_answer, s);
    CU_ASSERT_EQUAL(s->times, 0); /* never from within */
}

static void send_to(struct fixture *w, size_t server, const char *path, struct rv_http_request r, struct seen *s) {
    char url[96];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", h2_server_port(w->servers[server]), path);
    send_url(w, url, r, s);
}

static struct seen ask(struct fixture *w, size_t server, const char *path, struct rv_http_request r) {
    struct seen s = {0};
    send_to(w, server, path, r, &s);
    SCRIPT_UNTIL(w->loop, s.times == 1);
    return s;
}

static const struct rv_http_request plain = {0};

static void what_comes_back(void) {
    static const struct {
        const char *path;
        struct rv_http_request r;
        int code;
        unsigned status;
        const char *body, *trailers, *message;
    } rows[] = {
        {"/ok", {0}, 0, 200, "body", "{\"grpc-status\":\"0\"}", ""},
        {"/early", {0}, 0, 200, "", "{\"grpc-status\":\"5\",\"grpc-message\":\"no%20such\"}", ""},
        {"/json", {0}, 0, 200, "{\"a\":1}", "", ""},
        {"/big", {.max_bytes = 4095}, RV_E_TOO_BIG, 0, "", "", "larger than was asked for"},
        {"/huge", {0}, RV_E_TOO_BIG, 0, "", "", "headers"},
        {"/reset", {0}, RV_E_UNAVAILABLE, 0, "", "", "INTERNAL_ERROR"},
        {"/silent", {.timeout_ms = 50}, RV_E_TIMEOUT, 0, "", "", "does not answer (waited 50 ms)"},
        {"/refuse", {0}, 0, 200, "body", "{\"grpc-status\":\"0\"}", ""},
        {"/away", {0}, 0, 200, "body", "{\"grpc-status\":\"0\"}", ""},
        {"/cut", {0}, RV_E_UNAVAILABLE, 0, "", "", "closed the connection"},
        {"/ok", {.content_type = {"a\nb", 3}}, RV_E_INVALID, 0, "", "", "HTTP/2 does not allow"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        struct seen s = ask(w, 0, rows[i].path, rows[i].r);
        CHECK_ROW(s.code == rows[i].code && s.status == rows[i].status, rows[i].path);
        CHECK_ROW(strcmp(s.body, rows[i].body) == 0 && strcmp(s.trailers, rows[i].trailers) == 0, rows[i].path);
        CHECK_ROW(strstr(s.message, rows[i].message) != NULL, rows[i].path);
        end(w);
    }
}

static void what_goes_out(void) {
    struct fixture *w = begin();
    struct seen s = ask(w, 0, "/many", (struct rv_http_request){.content_type = RV_STR("application/grpc")});
    const char *h = h2_server_header(w->servers[0]);
    CU_ASSERT_TRUE(s.code == 0 && strstr(h, "te: trailers\n") != NULL && strstr(h, "x-token: t0ken\n") != NULL);
    CU_ASSERT_TRUE(strstr(h, "content-type: application/grpc\n") != NULL && strstr(h, ":method: POST\n") != NULL);
    char authority[64];
    snprintf(authority, sizeof authority, ":authority: 127.0.0.1:%u\n", h2_server_port(w->servers[0]));
    CU_ASSERT_PTR_NOT_NULL(strstr(h, authority));
    size_t names = 0;
    for (const char *p = s.trailers; (p = strchr(p, ':')) != NULL; p++) names++;
    CU_ASSERT_EQUAL(names, 16); /* no more than a plugin is promised to get at most */
    end(w);
}

static size_t count_ok(const struct seen *s, size_t n) {
    size_t ok = 0;
    for (size_t i = 0; i < n; i++) ok += s[i].times == 1 && s[i].code == 0;
    return ok;
}

/* A hundred requests, one after the other and at once, take one connection for each server. */
static void one_connection_for_each_server(void) {
    struct fixture *w = begin();
    struct seen all[SERVERS][25] = {0};
    for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(ask(w, 0, "/ok", plain).code, 0);
    CU_ASSERT_EQUAL(h2_server_accepted(w->servers[0]), 1);
    for (size_t i = 0; i < SERVERS; i++)
        for (size_t k = 0; k < 25; k++) send_to(w, i, k == 7 ? "/silent" : "/ok", plain, &all[i][k]);
    SCRIPT_UNTIL(w->loop, count_ok(&all[0][0], SERVERS * 25) == SERVERS * 24);
    for (size_t i = 0; i < SERVERS; i++) {
        CU_ASSERT_TRUE(h2_server_accepted(w->servers[i]) == 1 && h2_server_open(w->servers[i]) == 1);
        CU_ASSERT_EQUAL(all[i][7].times, 0); /* one that gets no answer holds up no other */
    }
    struct h2_pool_counts c = h2_pool_counts(w->pool);
    CU_ASSERT_TRUE(c.opened == SERVERS && c.connections == SERVERS && c.requests == 110 && c.repeated == 0);
    end(w);
    for (size_t i = 0; i < SERVERS; i++) CU_ASSERT_TRUE(all[i][7].times == 1 && all[i][7].code == RV_E_SHUTDOWN);
}

static void closed_when_idle(void) {
    struct h2_pool_limits l = h2_pool_usual;
    l.idle_ms = 60;
    l.sweep_ms = 20;
    struct fixture *w = begin_with(l, NULL);
    struct seen slow = {0};
    CU_ASSERT_EQUAL(ask(w, 0, "/ok", plain).code, 0);
    send_to(w, 1, "/silent", plain, &slow);
    SCRIPT_UNTIL(w->loop, h2_server_open(w->servers[0]) == 0 && h2_server_requests(w->servers[1]) == 1);
    CU_ASSERT_TRUE(h2_server_open(w->servers[1]) == 1 &&
                   slow.times == 0); /* one that waits for an answer is not idle */
    CU_ASSERT_EQUAL(ask(w, 0, "/ok", plain).code, 0);
    CU_ASSERT_EQUAL(h2_server_accepted(w->servers[0]), 2);
    end(w);
}

static void bounded(void) {
    struct h2_pool_limits l = h2_pool_usual;
    l.connections = 2;
    struct fixture *w = begin_with(l, NULL);
    struct seen a = {0}, b = {0}, c = {0};
    for (size_t i = 0; i < 3; i++) CU_ASSERT_EQUAL(ask(w, i, "/ok", plain).code, 0);
    SCRIPT_UNTIL(w->loop, h2_server_open(w->servers[0]) == 0); /* the one that was unused for the longest time */
    CU_ASSERT_TRUE(h2_server_open(w->servers[1]) == 1 && h2_server_open(w->servers[2]) == 1);
    send_to(w, 1, "/silent", plain, &a);
    send_to(w, 2, "/silent", plain, &b);
    SCRIPT_UNTIL(w->loop, h2_server_requests(w->servers[1]) == 2 && h2_server_requests(w->servers[2]) == 2);
    send_to(w, 3, "/ok", plain, &c);
    SCRIPT_UNTIL(w->loop, c.times == 1);
    CU_ASSERT_TRUE(c.code == RV_E_THROTTLED && strstr(c.message, "idle") != NULL);
    CU_ASSERT_TRUE(a.times == 0 && b.times == 0 && h2_pool_counts(w->pool).connections == 2);
    end(w);
}

/* Kept connections that are gone by the time they are used again. */
static void dead_connections(void) {
    static const struct {
        const char *row;
        bool goaway;
        uint32_t flags;
        const char *method;
    } rows[] = {{"closed", false, 0, "POST"}, {"said goodbye", true, 0, "POST"}, {"closed, GET", false, 0, "GET"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        CHECK_ROW(ask(w, 0, "/ok", plain).code == 0, rows[i].row);
        (rows[i].goaway ? h2_server_goaway_all : h2_server_drop_all)(w->servers[0]);
        loop_turn(w->loop, 50);
        loop_turn(w->loop, 0);
        CHECK_ROW(ask(w, 0, "/ok", (struct rv_http_request){.method = rv_str(rows[i].method)}).code == 0, rows[i].row);
        CHECK_ROW(h2_server_accepted(w->servers[0]) == 2, rows[i].row);
        end(w);
    }
}

/* The server closes while the request is on its way: only what may be repeated is sent again, and only where the
 * connection had served others before. */
static void lost_while_under_way(void) {
    static const struct {
        const char *row;
        bool kept;
        uint32_t flags;
        const char *method;
        int code;
        size_t requests;
    } rows[] = {{"kept, may not be repeated", true, 0, "POST", RV_E_UNAVAILABLE, 1},
                {"kept, marked", true, RV_HTTP_IDEMPOTENT, "POST", 0, 2},
                {"kept, GET", true, 0, "GET", 0, 2},
                {"new, marked", false, RV_HTTP_IDEMPOTENT, "POST", RV_E_UNAVAILABLE, 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        if (rows[i].kept) CHECK_ROW(ask(w, 0, "/ok", plain).code == 0, rows[i].row);
        struct rv_http_request r = {.flags = rows[i].flags, .method = rv_str(rows[i].method)};
        CHECK_ROW(ask(w, 0, "/cut", r).code == rows[i].code, rows[i].row);
        CHECK_ROW(h2_server_requests(w->servers[0]) == rows[i].requests + rows[i].kept, rows[i].row);
        CHECK_ROW(h2_pool_counts(w->pool).repeated == rows[i].requests - 1, rows[i].row);
        end(w);
    }
}

/* After a time-out without a byte nobody knows whether the peer is there: the next request gets a new connection. What
 * answers others keeps its connection. */
static void silent_connections(void) {
    struct fixture *w = begin();
    struct seen s = {0};
    CU_ASSERT_EQUAL(ask(w, 0, "/ok", plain).code, 0);
    h2_server_hang(w->servers[0], true);
    s = ask(w, 0, "/ok", (struct rv_http_request){.timeout_ms = 40});
    CU_ASSERT_EQUAL(s.code, RV_E_TIMEOUT);
    h2_server_hang(w->servers[0], false);
    CU_ASSERT_EQUAL(ask(w, 0, "/ok", plain).code, 0);
    CU_ASSERT_EQUAL(h2_server_accepted(w->servers[0]), 2);
    send_to(w, 0, "/silent", (struct rv_http_request){.timeout_ms = 60}, &s);
    while (s.times == 0) (void)ask(w, 0, "/ok", plain);
    CU_ASSERT_TRUE(s.code == RV_E_TIMEOUT && h2_server_accepted(w->servers[0]) == 2);
    end(w);
}

/* The server is told at once, not with the next request. */
static void taken_back(void) {
    struct fixture *w = begin();
    CU_ASSERT_EQUAL(ask(w, 0, "/silent", (struct rv_http_request){.timeout_ms = 40}).code, RV_E_TIMEOUT);
    SCRIPT_UNTIL(w->loop, h2_server_resets(w->servers[0]) == 1);
    end(w);
}

static void left_alone_after_a_failure(void) {
    struct h2_pool_limits l = h2_pool_usual;
    l.backoff_first_ms = 80;
    l.sweep_ms = 20;
    struct fixture *w = begin_with(l, NULL);
    h2_server_stop_listening(w->servers[0]);
    struct seen s = ask(w, 0, "/ok", plain);
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && strstr(s.message, "refused") != NULL);
    CU_ASSERT_EQUAL(h2_pool_counts(w->pool).opened, 1);
    s = ask(w, 0, "/ok", plain);
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && strstr(s.message, "not tried again for") != NULL);
    CU_ASSERT_EQUAL(h2_pool_counts(w->pool).opened, 1); /* not even tried */
    int64_t later = clock_monotonic() + INT64_C(120000000);
    while (clock_monotonic() < later) loop_turn(w->loop, 10);
    s = ask(w, 0, "/ok", plain);
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && h2_pool_counts(w->pool).opened == 2);
    end(w);
}

static void no_http2_at_all(void) {
    struct fixture *w = begin();
    struct script_server *http1 = script_new(w->loop);
    struct seen s = {0};
    script_on(http1, &(struct script_answer){.body = "1", .times = 9});
    char url[96];
    snprintf(url, sizeof url, "%s/x", script_url(http1));
    send_url(w, url, plain, &s);
    SCRIPT_UNTIL(w->loop, s.times == 1);
    CU_ASSERT_TRUE(s.code == RV_E_UNAVAILABLE && s.message[0] != 0);
    if (s.code != RV_E_UNAVAILABLE) printf("\n    %s", s.message);
    script_free(http1);
    end(w);
}

static void where_it_never_goes(void) {
    static const struct {
        const char *url;
        int code;
    } rows[] = {{"http://169.254.169.254/", RV_E_DENIED},
                {"http://[::ffff:169.254.169.254]:6379/a", RV_E_DENIED},
                {"http://2852039166/", RV_E_DENIED},
                {"http://127.0.0.1:1/", RV_E_DENIED},
                {"https://kubernetes.default/", RV_E_DENIED},
                {"ftp://127.0.0.1/", RV_E_UNAVAILABLE},
                {"http://", RV_E_UNAVAILABLE},
                {"", RV_E_UNAVAILABLE}};
    struct fixture *w = begin();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct seen s = {0};
        send_url(w, rows[i].url, (struct rv_http_request){.timeout_ms = 500}, &s);
        SCRIPT_UNTIL(w->loop, s.times == 1);
        CHECK_ROW(s.code == rows[i].code, rows[i].url);
    }
    CU_ASSERT_EQUAL(h2_pool_counts(w->pool).opened, 0);
    end(w);
}

static void with_tls(void) {
    struct tls_pair ca, own, other;
    char file[] = "/tmp/rayvisor-test-ca-XXXXXX";
    tls_pair_make(&ca, "ca", NULL, NULL);
    tls_pair_make(&own, "head", "DNS:head.test,IP:127.0.0.1", &ca);
    tls_pair_make(&other, "other", "DNS:other.test,IP:127.0.0.9", &ca);
    int fd = mkstemp(file);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, ca.cert.p, ca.cert.n) == (ssize_t)ca.cert.n);
    close(fd);
    const struct {
        const char *row;
        const struct tls_pair *server;
        bool trusted;
        int code;
        const char *message;
    } rows[] = {{"trusted", &own, true, 0, ""},
                {"another name", &other, true, RV_E_UNAVAILABLE, "TLS: "},
                {"not trusted", &own, false, RV_E_UNAVAILABLE, "TLS: "},
                {"no TLS", NULL, true, RV_E_UNAVAILABLE, "TLS: "}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        setenv("SSL_CERT_FILE", rows[i].trusted ? file : "/nonexistent", 1);
        struct fixture *w = begin_tls(rows[i].server);
        char url[96];
        snprintf(url, sizeof url, "https://127.0.0.1:%u/ok", h2_server_port(w->servers[0]));
        for (int k = 0; k < 2; k++) {
            struct seen s = {0};
            send_url(w, url, plain, &s);
            SCRIPT_UNTIL(w->loop, s.times == 1);
            CHECK_ROW(s.code == rows[i].code && strstr(s.message, rows[i].message) != NULL, rows[i].row);
            if (s.code != rows[i].code) printf("\n    %s", s.message);
        }
        CHECK_ROW(h2_server_accepted(w->servers[0]) == 1, rows[i].row); /* kept; or left alone after a failure */
        end(w);
    }
    unsetenv("SSL_CERT_FILE");
    unlink(file);
    tls_pair_free(&ca);
    tls_pair_free(&own);
    tls_pair_free(&other);
}

/* A Secret as the API server gives it, read. NULL leaves the key out. */
static struct client_identity *identity(const struct tls_pair *cert, const struct rv_buf *key,
                                        const struct tls_pair *ca, const char **why) {
    const struct {
        const char *name;
        const struct rv_buf *pem;
    } parts[] = {
        {"tls.crt", cert != NULL ? &cert->cert : NULL}, {"tls.key", key}, {"ca.crt", ca != NULL ? &ca->cert : NULL}};
    struct rv_arena *a = rv_arena_new();
    struct rv_node *secret = rv_node_map(a), *data = rv_node_ensure_map(a, secret, "data");
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) {
        rv_autobuf struct rv_buf coded = {0};
        if (parts[i].pem == NULL) continue;
        base64_encode(rv_buf_bytes(parts[i].pem), BASE64_STANDARD, &coded);
        rv_node_set_str(a, data, parts[i].name, rv_arena_str(a, rv_buf_str(&coded)));
    }
    struct client_identity *i = client_identity_read(rv_node_freeze(a, secret), why);
    rv_arena_free(a);
    return i;
}

static struct client_identity *identity_of(const struct tls_pair *cert, const struct tls_pair *ca) {
    const char *why;
    struct client_identity *i = identity(cert, &cert->key, ca, &why);
    CU_ASSERT_PTR_NOT_NULL_FATAL(i);
    return i;
}

static struct seen ask_as(struct fixture *w, const char *secret, struct client_identity *i) {
    struct seen s = {0};
    char url[96];
    snprintf(url, sizeof url, "https://127.0.0.1:%u/ok", h2_server_port(w->servers[0]));
    struct rv_http_request r = {.size = sizeof r,
                                .method = RV_STR("POST"),
                                .url = rv_str(url),
                                .http2 = 1,
                                .timeout_ms = 20000,
                                .secret_ns = RV_STR("n"),
                                .client_secret = rv_str(secret)};
    h2_pool_send(w->pool, &r, NULL, i, on_answer, &s);
    SCRIPT_UNTIL(w->loop, s.times == 1);
    return s;
}

static void client_certificates(void) {
    struct tls_pair ca, other_ca, head, stranger, worker, foreign;
    tls_pair_make(&ca, "ca", NULL, NULL);
    tls_pair_make(&other_ca, "other-ca", NULL, NULL);
    tls_pair_make(&head, "head", "DNS:localhost,IP:127.0.0.1", &ca);
    tls_pair_make(&stranger, "stranger", "DNS:stranger.test", &ca);
    tls_pair_make(&worker, "worker", "DNS:localhost", &ca);
    tls_pair_make(&foreign, "foreign", "DNS:localhost", &other_ca);
    const struct {
        const char *row;
        const struct tls_pair *server, *cert, *ca;
        bool ok;
    } rows[] = {{"of the same issuer", &head, &worker, &ca, true},
                {"the server's is of another issuer", &head, &worker, &other_ca, false},
                {"the server has another name", &stranger, &worker, &ca, false},
                {"the client's is of another issuer", &head, &foreign, &ca, false},
                {"no certificate", &head, NULL, NULL, false}};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows) * RV_ARRAY_LEN(versions); i++) {
        size_t row = i / RV_ARRAY_LEN(versions);
        struct fixture *w = begin_tls(rows[row].server);
        h2_server_want_clients(w->servers[0], &ca, versions[i % RV_ARRAY_LEN(versions)]);
        struct client_identity *who = rows[row].cert != NULL ? identity_of(rows[row].cert, rows[row].ca) : NULL;
        struct seen s = ask_as(w, rows[row].cert != NULL ? "s" : "", who);
        CHECK_ROW(s.tls == !rows[row].ok && s.code == (rows[row].ok ? 0 : RV_E_UNAVAILABLE), rows[row].row);
        CHECK_ROW(rows[row].ok == (h2_server_requests(w->servers[0]) == 1), rows[row].row);
        CHECK_ROW(rows[row].ok ? strcmp(h2_server_client(w->servers[0]), "worker") == 0
                               : strstr(s.message, ": TLS: ") != NULL,
                  rows[row].row);
        client_identity_free(who);
        end(w);
    }
    struct tls_pair *all[] = {&ca, &other_ca, &head, &stranger, &worker, &foreign};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) tls_pair_free(all[i]);
}

/* A connection belongs to its Secret, and to what the Secret had when it was made. */
static void client_certificates_change(void) {
    struct tls_pair ca, head, worker, renewed;
    tls_pair_make(&ca, "ca", NULL, NULL);
    tls_pair_make(&head, "head", "IP:127.0.0.1", &ca);
    tls_pair_make(&worker, "worker", NULL, &ca);
    tls_pair_make(&renewed, "renewed", NULL, &ca);
    struct client_identity *first = identity_of(&worker, &ca), *second = identity_of(&renewed, &ca);
    struct fixture *w = begin_tls(&head);
    struct h2_server *server = w->servers[0];
    h2_server_want_clients(server, &ca, TLS1_3_VERSION);
    for (int i = 0; i < 2; i++) CU_ASSERT_EQUAL(ask_as(w, "s", first).code, 0);
    CU_ASSERT_EQUAL(h2_server_accepted(server), 1);
    CU_ASSERT_EQUAL(ask_as(w, "another", first).code, 0);
    CU_ASSERT_TRUE(h2_server_accepted(server) == 2 && h2_server_open(server) == 2); /* not shared */
    CU_ASSERT_EQUAL(ask_as(w, "s", second).code, 0);
    CU_ASSERT_STRING_EQUAL(h2_server_client(server), "renewed");
    SCRIPT_UNTIL(w->loop, h2_server_open(server) == 2); /* the earlier one is closed */
    CU_ASSERT_EQUAL(h2_server_accepted(server), 3);
    client_identity_free(first);
    client_identity_free(second);
    end(w);
    struct tls_pair *all[] = {&ca, &head, &worker, &renewed};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) tls_pair_free(all[i]);
}

static void reading_client_certificates(void) {
    struct tls_pair ca, a, b;
    tls_pair_make(&ca, "ca", NULL, NULL);
    tls_pair_make(&a, "a", NULL, &ca);
    tls_pair_make(&b, "b", NULL, &ca);
    const struct {
        const char *why;
        const struct tls_pair *cert;
        const struct rv_buf *key;
        const struct tls_pair *ca;
    } rows[] = {{"tls.crt is missing", NULL, &a.key, &ca},
                {"tls.key is missing", &a, NULL, &ca},
                {"is no private key", &a, &a.cert, &ca},
                {"ca.crt is missing", &a, &a.key, NULL},
                {"is not the key of its tls.crt", &a, &b.key, &ca}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const char *why = "";
        CHECK_ROW(identity(rows[i].cert, rows[i].key, rows[i].ca, &why) == NULL, rows[i].why);
        CHECK_ROW(why != NULL && strstr(why, rows[i].why) != NULL, rows[i].why);
    }
    struct client_identities *c = client_identities_new();
    const int64_t now = time(NULL), late = now + 70000; /* the certificate lasts a day */
    struct client_identity *kept = client_identities_put(c, RV_STR("n"), RV_STR("s"), identity_of(&a, &ca), now);
    CU_ASSERT_PTR_EQUAL(client_identities_find(c, RV_STR("n"), RV_STR("s"), now + 50000), kept);
    CU_ASSERT_PTR_NULL(client_identities_find(c, RV_STR("n"), RV_STR("other"), now));
    CU_ASSERT_PTR_NULL(client_identities_find(c, RV_STR("n"), RV_STR("s"), late)); /* it will be renewed */
    CU_ASSERT_PTR_EQUAL(client_identities_put(c, RV_STR("n"), RV_STR("s"), identity_of(&a, &ca), late), kept);
    CU_ASSERT_PTR_EQUAL(client_identities_find(c, RV_STR("n"), RV_STR("s"), late + 1000), kept);
    CU_ASSERT_PTR_NULL(client_identities_find(c, RV_STR("n"), RV_STR("s"), late + 2000));
    kept = client_identity_ref(kept);
    CU_ASSERT_PTR_NOT_EQUAL(client_identities_put(c, RV_STR("n"), RV_STR("s"), identity_of(&b, &ca), late), kept);
    client_identity_free(kept);
    client_identities_remove(c, RV_STR("n"), RV_STR("s"));
    CU_ASSERT_PTR_NULL(client_identities_find(c, RV_STR("n"), RV_STR("s"), now));
    CU_ASSERT_PTR_NULL(client_identities_free(c));
    tls_pair_free(&ca);
    tls_pair_free(&a);
    tls_pair_free(&b);
}

static void large_bodies(void) {
    struct fixture *w = begin();
    rv_autobuf struct rv_buf body = {0};
    for (int i = 0; i < 3 << 20; i++) rv_buf_addc(&body, (uint8_t)('a' + i % 26));
    struct rv_http_request r = {.body = rv_buf_bytes(&body), .max_bytes = 4 << 20, .timeout_ms = 10000};
    struct seen s = ask(w, 0, "/ok", r);
    CU_ASSERT_TRUE(s.code == 0 && s.body_n == body.n && strcmp(s.trailers, "{\"grpc-status\":\"0\"}") == 0);
    r.max_bytes = 1 << 20;
    CU_ASSERT_EQUAL(ask(w, 0, "/ok", r).code, RV_E_TOO_BIG);
    CU_ASSERT_TRUE(ask(w, 0, "/ok", plain).code == 0 && h2_server_accepted(w->servers[0]) == 1);
    end(w);
}

/* Large answers wait until there is room for them; small ones, and other requests to the same server, do not. */
static void bodies_wait_for_room(void) {
    struct fixture *w = begin();
    struct seen large = {.no_room = true}, small = {.no_room = true};
    rv_autobuf struct rv_buf body = {0};
    for (int i = 0; i < 300000; i++) rv_buf_addc(&body, (uint8_t)i);
    struct rv_http_request r = {.body = rv_buf_bytes(&body), .max_bytes = 400000, .timeout_ms = 20000};
    send_to(w, 0, "/ok", r, &large);
    SCRIPT_UNTIL(w->loop, large.asked_room == 400000);
    send_to(w, 0, "/big", plain, &small);
    SCRIPT_UNTIL(w->loop, small.times == 1);
    CU_ASSERT_TRUE(small.code == 0 && small.asked_room == 0 && large.times == 0);
    large.asked_room = 0;
    h2_pool_resume(w->pool);
    SCRIPT_UNTIL(w->loop, large.asked_room != 0);
    CU_ASSERT_EQUAL(large.times, 0); /* there is still none */
    large.no_room = false;
    h2_pool_resume(w->pool);
    SCRIPT_UNTIL(w->loop, large.times == 1);
    CU_ASSERT_TRUE(large.code == 0 && large.body_n == body.n && h2_server_accepted(w->servers[0]) == 1);
    end(w);
}

static void at_the_end(void) {
    struct fixture *w = begin();
    struct seen a = {0}, b = {0}, c = {0};
    send_to(w, 0, "/silent", plain, &a);
    SCRIPT_UNTIL(w->loop, h2_server_requests(w->servers[0]) == 1);
    send_to(w, 0, "/ok", plain, &b); /* not even begun */
    send_url(w, "ftp://x/", plain, &c);
    end(w);
    CU_ASSERT_TRUE(a.times == 1 && a.code == RV_E_SHUTDOWN && b.times == 1 && b.code == RV_E_SHUTDOWN && c.times == 1);
}

static const struct suite_test tests[] = {{"what comes back", what_comes_back},
                                          {"what goes out", what_goes_out},
                                          {"one connection for each server", one_connection_for_each_server},
                                          {"closed when idle", closed_when_idle},
                                          {"bounded", bounded},
                                          {"dead connections", dead_connections},
                                          {"lost while under way", lost_while_under_way},
                                          {"silent connections", silent_connections},
                                          {"taken back", taken_back},
                                          {"left alone after a failure", left_alone_after_a_failure},
                                          {"no HTTP/2 at all", no_http2_at_all},
                                          {"where it never goes", where_it_never_goes},
                                          {"with TLS", with_tls},
                                          {"client certificates", client_certificates},
                                          {"client certificates that change", client_certificates_change},
                                          {"reading client certificates", reading_client_certificates},
                                          {"large bodies", large_bodies},
                                          {"bodies wait for room", bodies_wait_for_room},
                                          {"at the end", at_the_end}};

int main(void) {
    (void)signal(SIGPIPE, SIG_IGN); /* as rayvisord does */
    return suite_run("h2 pool", tests, RV_ARRAY_LEN(tests));
}
