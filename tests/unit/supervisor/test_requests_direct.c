/* Requests to Ray on behalf of plugins: what goes out, what comes back, and where they never go. */
#include "supervisor/requests/direct.h"

#include <arpa/inet.h>
#include <ifaddrs.h>

#include "supervisor/config/address_range.h"
#include "supervisor/kube/peers.h"
#include "tests/support/script_server.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct loop *loop;
    struct script_server *ray, *api;
    struct http_direct *http;
    struct kube_peers *peers;
    char base[64], api_url[64];
};

struct seen {
    unsigned times, status;
    int code;
    bool json;
    char body[256], message[256], trailers[256];
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
    rv_buf_clear(&text);
    if (a->trailers.n != 0) rv_json_write(a->trailers, &text);
    snprintf(s->trailers, sizeof s->trailers, "%.*s", RV_STR_ARG(rv_buf_str(&text)));
}

/* NULL: nothing. */
static void allow(struct fixture *w, const char *range) {
    struct address_range r;
    CU_ASSERT_TRUE(range == NULL || address_range_parse(rv_str(range), &r));
    http_direct_allow(w->http, &r, range != NULL ? 1 : 0);
}

static struct fixture begin(void) {
    struct fixture w = {.loop = loop_new(NULL)};
    w.ray = script_new(w.loop);
    w.api = script_new(w.loop);
    w.peers = kube_peers_new();
    w.http = http_direct_new(w.loop, script_url(w.api), w.peers, NULL);
    allow(&w, "127.0.0.0/8");
    snprintf(w.base, sizeof w.base, "%s", script_url(w.ray));
    snprintf(w.api_url, sizeof w.api_url, "%s", script_url(w.api));
    return w;
}

static void end(struct fixture *w) {
    http_direct_free(w->http);
    kube_peers_free(w->peers);
    CU_ASSERT_TRUE(script_unexpected(w->ray) == 0 && script_count(w->api) == 0);
    script_free(w->ray);
    script_free(w->api);
    loop_free(w->loop);
}

static struct seen ask(struct fixture *w, struct rv_http_request r, const char *url, const char *credential) {
    struct seen s = {0};
    r.size = sizeof r;
    r.url = rv_str(url);
    if (r.method.n == 0) r.method = RV_STR("GET");
    http_direct_send(w->http, &r, credential, NULL, on_answer, &s);
    CU_ASSERT_EQUAL(s.times, 0); /* never from within */
    SCRIPT_UNTIL(w->loop, s.times == 1);
    return s;
}

static struct seen ask_path(struct fixture *w, struct rv_http_request r, const char *path, const char *credential) {
    char url[256];
    snprintf(url, sizeof url, "%s%s", w->base, path);
    return ask(w, r, url, credential);
}

static void what_goes_out(void) {
    struct fixture w = begin();
    script_on(w.ray, &(struct script_answer){.body = "{\"jobs\":[]}", .times = 3});
    struct seen s =
        ask_path(&w, (struct rv_http_request){0}, "/api/jobs/?a=b%20c", "X-Ray-Authorization: Bearer t0ken");
    const struct script_request *r = script_last(w.ray);
    CU_ASSERT_TRUE(s.code == 0 && s.status == 200 && s.json && strcmp(s.body, "{\"jobs\":[]}") == 0);
    CU_ASSERT_STRING_EQUAL(r->line, "GET /api/jobs/?a=b%20c");
    CU_ASSERT_PTR_NOT_NULL(strstr(r->headers, "X-Ray-Authorization: Bearer t0ken\r\n"));
    CU_ASSERT_PTR_NULL(strstr(r->headers, "Content-Type"));
    CU_ASSERT_PTR_NOT_NULL(strstr(r->headers, "User-Agent: rayvisord-to-ray\r\n")); /* web.c refuses it */
    static const char body[] = "{\"entrypoint\":\"x\"}";
    s = ask_path(&w,
                 (struct rv_http_request){.method = RV_STR("POST"),
                                          .content_type = RV_STR("application/json"),
                                          .body = {(const uint8_t *)body, sizeof body - 1}},
                 "/api/jobs/", NULL);
    r = script_last(w.ray);
    CU_ASSERT_TRUE(s.code == 0 && strcmp(r->line, "POST /api/jobs/") == 0 && strcmp(r->body, body) == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->headers, "Content-Type: application/json\r\n"));
    CU_ASSERT_PTR_NULL(strstr(r->headers, "t0ken")); /* only where it was given */
    (void)ask_path(&w, (struct rv_http_request){.method = RV_STR("PUT")}, "/a/../b", NULL);
    CU_ASSERT_STRING_EQUAL(script_last(w.ray)->line, "PUT /a/../b"); /* what was granted is what is asked */
    end(&w);
}

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
        {"no body", {.status = 204}, {0}, 0, 204, false, ""},
        {"broken json", {.body = "{\"a\":"}, {0}, RV_E_PARSE, 200, false, ""},
        {"a redirect", {.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"}, {0}, 0, 302, false, ""},
        {"too big", {.body = "\"0123456789\""}, {.max_bytes = 8}, RV_E_TOO_BIG, 0, false, ""},
        {"just not too big", {.body = "\"012345\""}, {.max_bytes = 8}, 0, 200, true, "\"012345\""},
        {"silent", {.how = SCRIPT_SILENT}, {.timeout_ms = 50}, RV_E_TIMEOUT, 0, false, ""},
        {"cut", {.body = "{", .how = SCRIPT_CUT}, {0}, RV_E_UNAVAILABLE, 0, false, ""},
        {"hung up", {.how = SCRIPT_HANGUP}, {0}, RV_E_UNAVAILABLE, 0, false, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        script_on(w.ray, &rows[i].answer);
        struct seen s = ask_path(&w, rows[i].r, "/x", NULL);
        CHECK_ROW(s.code == rows[i].code && s.status == rows[i].status && s.json == rows[i].json, rows[i].row);
        CHECK_ROW(strcmp(s.body, rows[i].body) == 0 && (s.code == 0 || s.message[0] != 0), rows[i].row);
        CHECK_ROW(script_count(w.ray) == 1, rows[i].row);
        end(&w);
    }
}

/* Names in lower case, each once; of the headers only what a gRPC server says of a call. */
static void trailers(void) {
    static const struct {
        const char *row, *headers, *want;
    } rows[] = {
        {"none", "A: b\r\n", ""},
        {"as headers", "Grpc-Status: 5\r\ngrpc-message: no%20such\r\nX-Other: y\r\n",
         "{\"grpc-status\":\"5\",\"grpc-message\":\"no%20such\"}"},
        {"twice", "grpc-status: 5\r\ngrpc-status: 6\r\n", "{\"grpc-status\":\"5\"}"},
        {"no text", "grpc-status: \xff\r\ngrpc-x: 1\r\n", "{\"grpc-x\":\"1\"}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        script_on(w.ray, &(struct script_answer){.body = "1", .headers = rows[i].headers});
        struct seen s = ask_path(&w, (struct rv_http_request){0}, "/x", NULL);
        CHECK_ROW(s.code == 0 && strcmp(s.trailers, rows[i].want) == 0, rows[i].row);
        end(&w);
    }
}

/* However an address is written. PORT stands for the API server's. */
static void forbidden(void) {
    static const char *const urls[] = {"http://169.254.169.254/latest/meta-data",
                                       "http://2852039166/",
                                       "http://0xa9fea9fe/",
                                       "http://169.254.1.1:8265/",
                                       "http://[::ffff:169.254.169.254]/",
                                       "http://[::169.254.169.254]/",
                                       "http://[64:ff9b::a9fe:a9fe]/",
                                       "http://[2002:a9fe:a9fe::1]/",
                                       "http://100.100.100.200/",
                                       "http://224.0.0.1/",
                                       "http://0.0.0.0:8265/",
                                       "http://255.255.255.255/",
                                       "http://[fe80::1]/",
                                       "http://[ff02::1]/",
                                       "http://[::]/",
                                       "http://[fd00:ec2::254]/",
                                       "http://127.0.0.1:PORT/api",
                                       "http://127.1:PORT/api",
                                       "http://2130706433:PORT/",
                                       "http://[::ffff:127.0.0.1]:PORT/",
                                       "http://[::7f00:1]:PORT/",
                                       "http://[64:ff9b::7f00:1]:PORT/",
                                       "https://kubernetes/api",
                                       "https://kubernetes.default",
                                       "https://Kubernetes.DEFAULT.svc/api",
                                       "https://%6bubernetes.default.svc:6443/",
                                       "http://kubernetes.default.svc.cluster.local.:8265/"};
    struct fixture w = begin();
    const char *port = strrchr(w.api_url, ':') + 1;
    for (size_t i = 0; i < RV_ARRAY_LEN(urls); i++) {
        rv_autobuf struct rv_buf url = {0};
        const char *mark = strstr(urls[i], "PORT");
        if (mark != NULL)
            rv_buf_addf(&url, "%.*s%s%s", (int)(mark - urls[i]), urls[i], port, mark + 4);
        else
            rv_buf_adds(&url, urls[i]);
        struct seen s = ask(&w, (struct rv_http_request){.timeout_ms = 500}, rv_buf_cstr(&url), "A: secret");
        CHECK_ROW(s.code == RV_E_DENIED && s.status == 0, urls[i]);
        if (s.code != RV_E_DENIED) printf("\n    %s: %s", rv_error_name(s.code), s.message);
    }
    end(&w);
}

/* Without the exception for this test's servers. PORT stands for Ray's, which answers whoever gets through. */
static void nobodys_service(void) {
    static const struct {
        const char *url, *is_what;
    } rows[] = {{"http://127.0.0.1:PORT/", "127.0.0.1 is a loopback address"},
                {"http://127.9.9.9:PORT/", "127.9.9.9 is a loopback address"},
                {"http://127.1:PORT/", "127.0.0.1 is a loopback address"},
                {"http://localhost:PORT/", "loopback address"},
                {"http://[::1]:PORT/", "::1 is a loopback address"},
                {"http://[::ffff:127.0.0.1]:PORT/", "127.0.0.1 is a loopback address"},
                {"http://[64:ff9b::7f00:1]:PORT/", "127.0.0.1 is a loopback address"},
                {"http://169.254.169.254/", "169.254.169.254 is a link-local address"},
                {"http://[fe80::1]/", "fe80::1 is a link-local address"},
                {"http://0.0.0.0:PORT/", "0.0.0.0 is no address of a host"},
                {"http://[::]:PORT/", ":: is no address of a host"},
                {"http://239.1.1.1/", "239.1.1.1 is a multicast address"}};
    struct fixture w = begin();
    const char *port = strrchr(w.base, ':') + 1;
    allow(&w, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        for (uint32_t http2 = 0; http2 < 2; http2++) {
            rv_autobuf struct rv_buf url = {0};
            const char *mark = strstr(rows[i].url, "PORT");
            rv_buf_addf(&url, "%.*s%s%s", (int)(mark != NULL ? mark - rows[i].url : (long)strlen(rows[i].url)),
                        rows[i].url, mark != NULL ? port : "", mark != NULL ? mark + 4 : "");
            struct seen s =
                ask(&w, (struct rv_http_request){.timeout_ms = 2000, .http2 = http2}, rv_buf_cstr(&url), NULL);
            CHECK_ROW(s.code == RV_E_DENIED && s.status == 0, rows[i].url);
            CHECK_ROW(strstr(s.message, rows[i].is_what) != NULL, rows[i].url);
            CHECK_ROW(strstr(s.message, "requests.allowAddresses") != NULL, rows[i].url);
        }
    }
    CU_ASSERT_EQUAL(script_count(w.ray), 0);
    end(&w);
}

/* Each address of this machine's interfaces. */
static void own_addresses(void) {
    struct fixture w = begin();
    struct ifaddrs *list = NULL;
    CU_ASSERT_EQUAL_FATAL(getifaddrs(&list), 0);
    for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
        char text[INET_ADDRSTRLEN], url[64];
        if (i->ifa_addr == NULL || i->ifa_addr->sa_family != AF_INET) continue;
        struct sockaddr_in in;
        memcpy(&in, i->ifa_addr, sizeof in);
        if (ntohl(in.sin_addr.s_addr) >> 24 == 127) continue;
        snprintf(url, sizeof url, "http://%s:1/", inet_ntop(AF_INET, &in.sin_addr, text, sizeof text));
        struct seen s = ask(&w, (struct rv_http_request){.timeout_ms = 2000}, url, NULL);
        CHECK_ROW(s.code == RV_E_DENIED && strstr(s.message, "own addresses") != NULL, url);
        allow(&w, text);
        CHECK_ROW(ask(&w, (struct rv_http_request){.timeout_ms = 2000}, url, NULL).code == RV_E_UNAVAILABLE, url);
        allow(&w, NULL);
    }
    freeifaddrs(list);
    end(&w);
}

/* A connection that is open already is judged anew. */
static void used_again(void) {
    struct fixture w = begin();
    script_on(w.ray, &(struct script_answer){.body = "1", .times = 2});
    CU_ASSERT_EQUAL(ask_path(&w, (struct rv_http_request){0}, "/x", NULL).code, 0);
    CU_ASSERT_EQUAL(ask_path(&w, (struct rv_http_request){0}, "/x", NULL).code, 0);
    allow(&w, NULL);
    CU_ASSERT_EQUAL(ask_path(&w, (struct rv_http_request){0}, "/x", NULL).code, RV_E_DENIED);
    CU_ASSERT_EQUAL(script_count(w.ray), 2);
    end(&w);
}

static void ranges(void) {
    static const struct {
        const char *range, *address;
        bool valid, has;
    } rows[] = {{"10.0.0.0/8", "10.255.0.1", true, true},
                {"10.0.0.0/8", "11.0.0.1", true, false},
                {"10.0.0.0/9", "10.128.0.0", true, false},
                {"10.1.2.3", "10.1.2.3", true, true},
                {"10.1.2.3", "10.1.2.4", true, false},
                {"0.0.0.0/0", "8.8.8.8", true, true},
                {"0.0.0.0/0", "fd00::1", true, false},
                {"::/0", "fd00::1", true, true},
                {"fd00::/8", "fd12::1", true, true},
                {"fd00::/8", "fe80::1", true, false},
                {"10.0.0.0/33", NULL, false, false},
                {"fd00::/129", NULL, false, false},
                {"10.0.0/8", NULL, false, false},
                {"10.0.0.0/", NULL, false, false},
                {"/8", NULL, false, false},
                {"", NULL, false, false},
                {"localhost", NULL, false, false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct address_range r, a;
        CHECK_ROW(address_range_parse(rv_str(rows[i].range), &r) == rows[i].valid, rows[i].range);
        if (!rows[i].valid) continue;
        CU_ASSERT_TRUE(address_range_parse(rv_str(rows[i].address), &a));
        CHECK_ROW(address_range_has(&r, &a.first) == rows[i].has, rows[i].range);
    }
}

static void other_protocols(void) {
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1:1/", "ftp://127.0.0.1:1/", "http://",
                                       ""};
    struct fixture w = begin();
    for (size_t i = 0; i < RV_ARRAY_LEN(urls); i++)
        CHECK_ROW(ask(&w, (struct rv_http_request){0}, urls[i], NULL).code == RV_E_UNAVAILABLE, urls[i]);
    end(&w);
}

static void at_the_end(void) {
    struct fixture w = begin();
    struct seen a = {0}, b = {0};
    char url[96];
    snprintf(url, sizeof url, "%s/x", w.base);
    script_on(w.ray, &(struct script_answer){.how = SCRIPT_SILENT});
    struct rv_http_request r = {.size = sizeof r, .method = RV_STR("GET"), .url = rv_str(url)};
    http_direct_send(w.http, &r, NULL, NULL, on_answer, &a);
    SCRIPT_UNTIL(w.loop, script_count(w.ray) == 1);
    http_direct_send(w.http, &r, NULL, NULL, on_answer, &b); /* not even begun */
    w.http = http_direct_free(w.http);
    CU_ASSERT_TRUE(a.times == 1 && a.code == RV_E_SHUTDOWN && b.times == 1 && b.code == RV_E_SHUTDOWN);
    end(&w);
}

/* Lines of a kilobyte each. curl limits a line, but not how many there are behind the body. */
static const char *lines(struct rv_buf *b, size_t n) {
    for (size_t i = 0; i < n; i++) rv_buf_addf(b, "X-%zu: %01000d\r\n", i, 0);
    return n != 0 ? rv_buf_cstr(b) : "";
}

static void large_headers(void) {
    static const struct {
        const char *row;
        size_t headers, trailers;
        int code;
    } rows[] = {{"few", 30, 30, 0},
                {"headers", 70, 0, RV_E_TOO_BIG},
                {"trailers", 0, 70, RV_E_TOO_BIG},
                {"together", 40, 40, RV_E_TOO_BIG}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct seen s = {0};
        rv_autobuf struct rv_buf headers = {0}, trailers = {0};
        script_on(w.ray, &(struct script_answer){
                             .headers = lines(&headers, rows[i].headers), .body = "{}", .how = SCRIPT_STREAM});
        struct rv_http_request r = {
            .size = sizeof r, .url = rv_str(w.base), .method = RV_STR("GET"), .timeout_ms = 20000};
        http_direct_send(w.http, &r, NULL, NULL, on_answer, &s);
        SCRIPT_UNTIL(w.loop, s.times == 1 || script_streaming(w.ray));
        if (script_streaming(w.ray)) script_end_with(w.ray, lines(&trailers, rows[i].trailers));
        SCRIPT_UNTIL(w.loop, s.times == 1);
        CHECK_ROW(s.code == rows[i].code && (s.code == 0 || strstr(s.message, "headers") != NULL), rows[i].row);
        end(&w);
    }
}

static const struct suite_test tests[] = {{"what goes out", what_goes_out},
                                          {"what comes back", what_comes_back},
                                          {"trailers", trailers},
                                          {"forbidden", forbidden},
                                          {"nobody's service", nobodys_service},
                                          {"own addresses", own_addresses},
                                          {"a connection that is used again", used_again},
                                          {"ranges", ranges},
                                          {"other protocols", other_protocols},
                                          {"large headers", large_headers},
                                          {"at the end", at_the_end}};
SUITE_MAIN("http out", tests)
