/* Requests to the API server, against a scripted one: what goes out, what each answer becomes, and that every request
 * ends exactly once. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/kube/config.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/heap.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct stage *stage;
    struct script_server *server;
};

struct answer {
    unsigned times;
    int code;
    unsigned http;
    bool maybe_sent;
    int64_t retry_after;
    char reason[64], message[256], body[256];
    struct rv_buf *order; /* where its letter goes */
    char letter;
};

static void on_done(void *arg, const struct kube_response *r) {
    struct answer *a = arg;
    a->times++;
    a->code = r->code;
    a->http = r->http_status;
    a->maybe_sent = r->maybe_sent;
    a->retry_after = r->retry_after_ms;
    snprintf(a->reason, sizeof a->reason, "%.*s", RV_STR_ARG(r->reason));
    snprintf(a->message, sizeof a->message, "%.*s", RV_STR_ARG(r->message));
    snprintf(a->body, sizeof a->body, "%.*s", (int)(r->body.n < 200 ? r->body.n : 200),
             r->body.n != 0 ? (const char *)r->body.p : "");
    if (a->order != NULL) rv_buf_addc(a->order, (uint8_t)a->letter);
}

static struct fixture begin(void) {
    struct fixture w = {.stage = stage_new("", "http://127.0.0.1:1")};
    CU_ASSERT_PTR_NOT_NULL_FATAL(w.stage);
    w.server = script_new(w.stage->s.loop);
    CU_ASSERT_TRUE(stage_connect(w.stage, script_url(w.server)));
    return w;
}

static void end(struct fixture *w) {
    CU_ASSERT_EQUAL(script_unexpected(w->server), 0);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    script_free(w->server);
    stage_free(w->stage);
}

static const struct kube_request_opts get = {.method = "GET", .path = "/x"};

static bool has_line(const struct script_request *r, const char *line) { return strstr(r->headers, line) != NULL; }

static void requests(void) {
    struct fixture w = begin();
    struct loop *l = w.stage->s.loop;
    script_on(w.server, &(struct script_answer){.body = "{\"a\":1}"});
    script_on(w.server, &(struct script_answer){.status = 201, .times = 3});
    struct answer a = {0}, b = {0}, c = {0}, d = {0};
    struct kube_request_opts o = {.method = "GET", .path = "/api/v1/pods?limit=5"};
    kube_send(w.stage->s.client, &o, on_done, &a);
    CU_ASSERT_EQUAL(a.times, 0); /* never from within */
    SCRIPT_UNTIL(l, a.times == 1);
    CU_ASSERT_TRUE(a.code == 0 && a.http == 200 && strcmp(a.body, "{\"a\":1}") == 0);
    const struct script_request *r = script_last(w.server);
    CU_ASSERT_STRING_EQUAL(r->line, "GET /api/v1/pods?limit=5");
    CU_ASSERT_TRUE(has_line(r, "Accept: application/json\r\n") && has_line(r, "User-Agent: stage\r\n"));
    CU_ASSERT_FALSE(has_line(r, "Content-Type:") || has_line(r, "Authorization:") || has_line(r, "Expect:"));
    static const char body[] = "{\"kind\":\"Pod\"}";
    o = (struct kube_request_opts){.method = "POST",
                                   .path = "/api/v1/namespaces/n/pods",
                                   .content_type = "application/json",
                                   .body = {(const uint8_t *)body, sizeof body - 1}};
    kube_send(w.stage->s.client, &o, on_done, &b);
    SCRIPT_UNTIL(l, b.times == 1);
    r = script_last(w.server);
    CU_ASSERT_STRING_EQUAL(r->line, "POST /api/v1/namespaces/n/pods");
    CU_ASSERT_TRUE(b.code == 0 && b.http == 201 && strcmp(r->body, body) == 0);
    CU_ASSERT_TRUE(has_line(r, "Content-Type: application/json\r\n") && has_line(r, "Content-Length: 14\r\n"));
    o.method = "PATCH";
    o.content_type = "application/merge-patch+json";
    kube_send(w.stage->s.client, &o, on_done, &c);
    SCRIPT_UNTIL(l, c.times == 1);
    CU_ASSERT_TRUE(strncmp(script_last(w.server)->line, "PATCH ", 6) == 0);
    /* A handle that sent a body before sends none now. */
    kube_send(w.stage->s.client, &(struct kube_request_opts){.method = "DELETE", .path = "/x"}, on_done, &d);
    SCRIPT_UNTIL(l, d.times == 1);
    CU_ASSERT_TRUE(script_last(w.server)->body[0] == 0 && strcmp(script_last(w.server)->line, "DELETE /x") == 0);
    end(&w);
}

static void failures(void) {
    static const struct {
        const char *row;
        struct script_answer answer;
        int code;
        unsigned http;
        bool maybe_sent;
        int64_t retry_after;
        const char *reason, *message;
    } rows[] = {
        {"exists",
         {.status = 409, .body = "{\"reason\":\"AlreadyExists\",\"message\":\"pods \\\"a\\\" already exists\"}"},
         RV_E_EXISTS,
         409,
         false,
         0,
         "AlreadyExists",
         "already exists"},
        {"throttled",
         {.status = 429, .headers = "Retry-After: 7\r\n"},
         RV_E_THROTTLED,
         429,
         false,
         7000,
         "",
         "throttled"},
        {"header before body",
         {.status = 429, .headers = "retry-after:3\r\n", .body = "{\"details\":{\"retryAfterSeconds\":9}}"},
         RV_E_THROTTLED,
         429,
         false,
         3000,
         "",
         ""},
        {"a date",
         {.status = 503, .headers = "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n"},
         RV_E_UNAVAILABLE,
         503,
         false,
         0,
         "",
         "unavailable"},
        {"a page", {.status = 502, .body = "<html>"}, RV_E_UNAVAILABLE, 502, false, 0, "", "unavailable"},
        {"a redirect",
         {.status = 302, .headers = "Location: http://127.0.0.1:1/\r\n"},
         RV_E_INVALID,
         302,
         false,
         0,
         "",
         ""},
        {"several choices",
         {.status = 300, .body = "{\"kind\":\"Status\",\"message\":\"choose\"}"},
         RV_E_INVALID,
         300,
         false,
         0,
         "",
         "choose"},
        {"cut", {.body = "{\"a\":", .how = SCRIPT_CUT}, RV_E_UNAVAILABLE, 0, true, 0, "", "transfer closed"},
        {"hung up", {.how = SCRIPT_HANGUP}, RV_E_UNAVAILABLE, 0, true, 0, "", "Empty reply"},
        {"silent", {.how = SCRIPT_SILENT}, RV_E_TIMEOUT, 0, true, 0, "", "timed out"},
        {"too big", {.body = "0123456789012345678901234567890123456789"}, RV_E_TOO_BIG, 200, true, 0, "", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct answer a = {0};
        script_on(w.server, &rows[i].answer);
        struct kube_request_opts o = get;
        if (rows[i].answer.how == SCRIPT_SILENT) o.timeout_ms = 50;
        if (rows[i].code == RV_E_TOO_BIG) o.max_body = 20;
        kube_send(w.stage->s.client, &o, on_done, &a);
        SCRIPT_UNTIL(w.stage->s.loop, a.times == 1);
        CHECK_ROW(a.code == rows[i].code && a.http == rows[i].http, rows[i].row);
        CHECK_ROW(a.maybe_sent == rows[i].maybe_sent && a.retry_after == rows[i].retry_after, rows[i].row);
        CHECK_ROW(strcmp(a.reason, rows[i].reason) == 0 && strstr(a.message, rows[i].message) != NULL, rows[i].row);
        if (strstr(a.message, rows[i].message) == NULL) printf("\n    says: %s", a.message);
        struct kube_stats st;
        kube_client_stats(w.stage->s.client, &st);
        CHECK_ROW(st.requests == 1 && st.failures == 1 && st.in_flight == 0, rows[i].row);
        CHECK_ROW(st.throttled == (rows[i].code == RV_E_THROTTLED), rows[i].row);
        end(&w);
    }
}

/* A kept connection that dies under a request: curl asks again, but never for what must not happen twice. */
static void dead_connection(void) {
    static const struct {
        const char *row, *method;
        bool once;
        size_t sent;
    } rows[] = {{"get", "GET", false, 2},
                {"patch", "PATCH", false, 2},
                {"post, once", "POST", true, 1},
                {"delete, once", "DELETE", true, 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct answer a = {0}, b = {0};
        script_on(w.server, &(struct script_answer){.when = "/x", .body = "{}"});
        script_on(w.server, &(struct script_answer){.when = "/y", .how = SCRIPT_HANGUP});
        script_on(w.server, &(struct script_answer){.when = "/y", .body = "{}"});
        kube_send(w.stage->s.client, &get, on_done, &a);
        SCRIPT_UNTIL(w.stage->s.loop, a.times == 1);
        struct kube_request_opts o = {.method = rows[i].method, .path = "/y", .once = rows[i].once};
        if (rows[i].method[0] != 'G') o.body = (struct rv_bytes){(const uint8_t *)"{\"a\":1}", 7};
        kube_send(w.stage->s.client, &o, on_done, &b);
        SCRIPT_UNTIL(w.stage->s.loop, b.times == 1);
        CHECK_ROW(script_count_of(w.server, "/y") == rows[i].sent, rows[i].row);
        CHECK_ROW(b.code == (rows[i].once ? RV_E_UNAVAILABLE : 0) && b.maybe_sent == rows[i].once, rows[i].row);
        CHECK_ROW(rows[i].method[0] == 'G' || strcmp(script_last(w.server)->body, "{\"a\":1}") == 0, rows[i].row);
        end(&w);
    }
}

static void nobody_there(void) {
    struct fixture w = begin();
    struct answer a = {0};
    CU_ASSERT_TRUE(stage_connect(w.stage, "http://127.0.0.1:1"));
    kube_send(w.stage->s.client, &get, on_done, &a);
    CU_ASSERT_EQUAL(a.times, 0);
    SCRIPT_UNTIL(w.stage->s.loop, a.times == 1);
    CU_ASSERT_TRUE(a.code == RV_E_UNAVAILABLE && a.http == 0 && !a.maybe_sent); /* surely not done */
    end(&w);
}

/* A rejected token is read again from its file, once. */
static void unauthorized(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    rv_autobuf struct rv_buf path = {0}, text = {0};
    rv_buf_addf(&path, "%s/token", w.stage->dir);
    FILE *f = fopen(rv_buf_cstr(&path), "we");
    CU_ASSERT_TRUE_FATAL(f != NULL && fputs("one", f) >= 0 && fclose(f) == 0);
    rv_buf_addf(&text,
                "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                "clusters: [{name: k, cluster: {server: \"%s\"}}]\nusers: [{name: u, user: {tokenFile: \"%s\"}}]\n",
                script_url(w.server), rv_buf_cstr(&path));
    s->client = kube_client_free(s->client);
    kube_config_free(s->kube_config);
    s->kube_config = kube_config_parse(rv_buf_str(&text), "test", NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->kube_config);
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){0}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->client);
    f = fopen(rv_buf_cstr(&path), "we");
    CU_ASSERT_TRUE_FATAL(f != NULL && fputs("two", f) >= 0 && fclose(f) == 0);
    script_on(w.server, &(struct script_answer){.status = 401, .body = "{\"message\":\"old\"}"});
    script_on(w.server, &(struct script_answer){.body = "{}"});
    script_on(w.server, &(struct script_answer){.status = 401, .times = 2});
    struct answer a = {0}, b = {0};
    kube_send(s->client, &get, on_done, &a);
    SCRIPT_UNTIL(s->loop, a.times == 1);
    CU_ASSERT_TRUE(a.code == 0 && strcmp(a.body, "{}") == 0);
    CU_ASSERT_TRUE(has_line(script_at(w.server, 0), "Authorization: Bearer one\r\n"));
    CU_ASSERT_TRUE(has_line(script_at(w.server, 1), "Authorization: Bearer two\r\n"));
    kube_send(s->client, &get, on_done, &b);
    SCRIPT_UNTIL(s->loop, b.times == 1);
    CU_ASSERT_TRUE(b.code == RV_E_UNAUTHORIZED && script_count(w.server) == 4);
    CU_ASSERT_EQUAL(unlink(rv_buf_cstr(&path)), 0);
    end(&w);
}

/* Many requests meet a rejected token at once, of two clients with the same credentials: the plugin runs once, all wait
 * for it and go out again with what it gave. When it fails, they end with its reason and nothing is sent. */
static void unauthorized_together(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    rv_autobuf struct rv_buf path = {0}, text = {0}, script = {0}, calls = {0};
    rv_buf_addf(&path, "%s/plugin", w.stage->dir);
    rv_buf_addf(&calls, "%s/calls", w.stage->dir);
    rv_buf_addf(&script,
                "#!/bin/sh\ncd %s\necho x >> calls\nn=$(wc -l < calls)\n[ $n -lt 3 ] || { rm -f calls; exit 5; }\n"
                "[ $n -lt 2 ] || sleep 0.2\necho \"{\\\"status\\\":{\\\"token\\\":\\\"t$n\\\"}}\"\n",
                w.stage->dir);
    FILE *f = fopen(rv_buf_cstr(&path), "we");
    CU_ASSERT_TRUE_FATAL(f != NULL && fputs(rv_buf_cstr(&script), f) >= 0 && fclose(f) == 0);
    CU_ASSERT_EQUAL(chmod(rv_buf_cstr(&path), 0700), 0);
    rv_buf_addf(&text,
                "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
                "clusters: [{name: k, cluster: {server: \"%s\"}}]\nusers: [{name: u, user: {exec: {command: %s, "
                "apiVersion: client.authentication.k8s.io/v1}}}]\n",
                script_url(w.server), rv_buf_cstr(&path));
    s->client = kube_client_free(s->client);
    kube_config_free(s->kube_config);
    s->kube_config = kube_config_parse(rv_buf_str(&text), "test", NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->kube_config);
    s->kube_config->exec->pause_ms = 1;
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){0}, NULL);
    struct kube_client *second =
        kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.credentials_of = s->client}, NULL);
    CU_ASSERT_TRUE_FATAL(s->client != NULL && second != NULL);
    script_on(w.server, &(struct script_answer){.status = 401, .times = 6});
    script_on(w.server, &(struct script_answer){.body = "{}", .times = 6});
    struct answer a[6] = {0};
    unsigned done = 0;
    for (size_t i = 0; i < 6; i++) kube_send(i < 5 ? s->client : second, &get, on_done, &a[i]);
    SCRIPT_UNTIL(s->loop, (done = a[0].times + a[1].times + a[2].times + a[3].times + a[4].times + a[5].times) == 6);
    for (size_t i = 0; i < 12; i++)
        CU_ASSERT_TRUE(
            has_line(script_at(w.server, i), i < 6 ? "Authorization: Bearer t1\r\n" : "Authorization: Bearer t2\r\n"));
    for (size_t i = 0; i < 6; i++) CU_ASSERT_TRUE(a[i].code == 0 && a[i].times == 1);
    script_on(w.server, &(struct script_answer){.status = 401});
    struct answer b = {0}, c = {0};
    kube_send(second, &get, on_done, &b);
    SCRIPT_UNTIL(s->loop, b.times == 1);
    CU_ASSERT_TRUE(b.code == RV_E_UNAVAILABLE && !b.maybe_sent && strstr(b.message, "failed (status 5)") != NULL);
    s->kube_config->exec->pause_ms = 60000;
    CU_ASSERT_EQUAL(script_count(w.server), 13);
    kube_client_free(second);
    kube_send(s->client, &get, on_done, &c); /* answered all the same when the client ends, or when the plugin has */
    CU_ASSERT_EQUAL(c.times, 0);
    s->client = kube_client_free(s->client);
    CU_ASSERT_TRUE(c.times == 1 && c.code != 0);
    CU_ASSERT_EQUAL(unlink(rv_buf_cstr(&path)), 0);
    (void)unlink(rv_buf_cstr(&calls));
    end(&w);
}

/* A client gives back all that it took, also from the one whose credentials it shares. */
static void given_back(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    size_t before = 0;
    for (int i = 0; i < 60; i++) {
        if (i == 30) before = heap_in_use(); /* the allocator has kept what it keeps */
        struct answer a = {0};
        struct kube_client *c =
            kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.credentials_of = s->client}, NULL);
        kube_send(c, &get, on_done, &a);
        kube_client_free(c);
        CU_ASSERT_TRUE(a.times == 1 && a.code == RV_E_SHUTDOWN);
        loop_turn(s->loop, 0); /* it frees timers */
    }
    CU_ASSERT_TRUE(heap_in_use() < before + 30 * 24);
    end(&w);
}

/* The environment's proxy, as kubectl takes it. */
static void proxies(void) {
    static const struct {
        const char *row, *server, *name, *except, *line; /* line NULL: not by the proxy */
        const char *url;                                 /* proxy-url */
    } rows[] = {
        {"capitals", "http://api.invalid", "HTTP_PROXY", NULL, "GET http://api.invalid/x", NULL},
        {"small", "http://api.invalid", "http_proxy", "other.invalid", "GET http://api.invalid/x", NULL},
        {"tls", "https://api.invalid", "HTTPS_PROXY", NULL, "CONNECT api.invalid:443", NULL},
        {"of another scheme", "http://api.invalid", "HTTPS_PROXY", NULL, NULL, NULL},
        {"not for it", "http://api.invalid", "HTTP_PROXY", "x, .invalid", NULL, NULL},
        {"not for addresses", "http://192.0.2.1:1", "HTTP_PROXY", "192.0.2.0/24", NULL, NULL},
        {"not for this machine", "http://127.0.0.2:1", "HTTP_PROXY", NULL, NULL, NULL},
        {"the kubeconfig's own", "http://api.invalid", "NONE", ".invalid", "GET http://api.invalid/x", "yes"},
    };
    static const char *const names[] = {"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "NONE"};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w = begin();
        struct supervisor *s = &w.stage->s;
        struct answer a = {0};
        rv_autobuf struct rv_buf text = {0};
        rv_buf_addf(&text,
                    "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
                    "clusters: [{name: k, cluster: {server: \"%s\"%s%s%s}}]\n",
                    rows[i].server, rows[i].url != NULL ? ", proxy-url: \"" : "",
                    rows[i].url != NULL ? script_url(w.server) : "", rows[i].url != NULL ? "\"" : "");
        setenv(rows[i].name, script_url(w.server), 1);
        if (rows[i].except != NULL) setenv("NO_PROXY", rows[i].except, 1);
        s->client = kube_client_free(s->client);
        kube_config_free(s->kube_config);
        s->kube_config = kube_config_parse(rv_buf_str(&text), "test", NULL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s->kube_config);
        s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){0}, NULL);
        for (size_t k = 0; k < RV_ARRAY_LEN(names); k++) unsetenv(names[k]);
        script_on(w.server, &(struct script_answer){.body = "{}", .status = rows[i].server[4] == 's' ? 403 : 200});
        struct kube_request_opts o = get;
        o.timeout_ms = rows[i].line == NULL ? 300 : 0;
        kube_send(s->client, &o, on_done, &a);
        SCRIPT_UNTIL(s->loop, a.times == 1);
        CHECK_ROW(script_count(w.server) == (rows[i].line != NULL), rows[i].row);
        CHECK_ROW(rows[i].line == NULL || strcmp(script_last(w.server)->line, rows[i].line) == 0, rows[i].row);
        end(&w);
    }
}

/* One connection: the others wait in order, urgent ones before them. */
static void queue(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    s->client = kube_client_free(s->client);
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.max_connections = 1}, NULL);
    script_on(w.server, &(struct script_answer){.body = "{}", .times = 5});
    rv_autobuf struct rv_buf order = {0};
    struct answer a[6];
    struct kube_request *r[6];
    for (size_t i = 0; i < 6; i++) {
        a[i] = (struct answer){.order = &order, .letter = "abcDEf"[i]};
        struct kube_request_opts o = get;
        o.urgent = a[i].letter < 'a';
        r[i] = kube_send(s->client, &o, on_done, &a[i]);
    }
    struct kube_stats st;
    kube_client_stats(s->client, &st);
    CU_ASSERT_TRUE(st.in_flight == 1 && st.queued == 5);
    kube_cancel(r[2]); /* in the middle of the queue */
    SCRIPT_UNTIL(s->loop, order.n == 5);
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&order), "aDEbf"));
    CU_ASSERT_EQUAL(a[2].times, 0);
    kube_client_stats(s->client, &st);
    CU_ASSERT_TRUE(st.in_flight == 0 && st.queued == 0);
    end(&w);
}

static void cancel(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    s->client = kube_client_free(s->client);
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.max_connections = 1}, NULL);
    script_on(w.server, &(struct script_answer){.how = SCRIPT_SILENT});
    script_on(w.server, &(struct script_answer){.body = "{}", .times = 2});
    struct answer a = {0}, b = {0}, c = {0}, d = {0};
    struct kube_request *running = kube_send(s->client, &get, on_done, &a);
    kube_send(s->client, &get, on_done, &b);
    struct kube_request *last = kube_send(s->client, &get, on_done, &c);
    SCRIPT_UNTIL(s->loop, script_count(w.server) == 1);
    kube_cancel(last); /* the end of the queue: the next one goes behind b */
    kube_send(s->client, &get, on_done, &d);
    kube_cancel(running); /* makes room */
    SCRIPT_UNTIL(s->loop, b.times == 1 && d.times == 1);
    CU_ASSERT_TRUE(a.times == 0 && c.times == 0);
    kube_cancel(NULL);
    end(&w);
}

struct asks_again {
    struct answer first, second;
    struct kube_client *client;
};

static void ask_again(void *arg, const struct kube_response *r) {
    struct asks_again *x = arg;
    on_done(&x->first, r);
    kube_send(x->client, &get, on_done, &x->second);
}

/* At the end everything is answered, also what is asked from within an answer. */
static void shutdown_answers(void) {
    struct fixture w = begin();
    struct supervisor *s = &w.stage->s;
    s->client = kube_client_free(s->client);
    s->client = kube_client_new(s->loop, s->kube_config, &(struct kube_client_opts){.max_connections = 1}, NULL);
    script_on(w.server, &(struct script_answer){.how = SCRIPT_SILENT});
    struct answer a = {0};
    struct asks_again b = {.client = s->client};
    kube_send(s->client, &get, on_done, &a);
    kube_send(s->client, &get, ask_again, &b);
    SCRIPT_UNTIL(s->loop, script_count(w.server) == 1);
    s->client = kube_client_free(s->client);
    CU_ASSERT_TRUE(a.times == 1 && a.code == RV_E_SHUTDOWN && a.maybe_sent);
    CU_ASSERT_TRUE(b.first.times == 1 && b.first.code == RV_E_SHUTDOWN && !b.first.maybe_sent);
    CU_ASSERT_TRUE(b.second.times == 1 && b.second.code == RV_E_SHUTDOWN);
    end(&w);
}

/* curl limits headers, but not trailers: what a proxied Ray head sends behind its body would be kept. */
static void large_trailers(void) {
    struct fixture w = begin();
    struct answer a = {0};
    rv_autobuf struct rv_buf lines = {0};
    for (size_t i = 0; i < 70; i++) rv_buf_addf(&lines, "X-%zu: %01000d\r\n", i, 0);
    script_on(w.server, &(struct script_answer){.body = "{}", .how = SCRIPT_STREAM});
    kube_send(w.stage->s.client, &get, on_done, &a);
    SCRIPT_UNTIL(w.stage->s.loop, script_streaming(w.server));
    script_end_with(w.server, rv_buf_cstr(&lines));
    SCRIPT_UNTIL(w.stage->s.loop, a.times == 1);
    CU_ASSERT_EQUAL(a.code, RV_E_TOO_BIG);
    end(&w);
}

static const struct suite_test tests[] = {{"requests", requests},
                                          {"large trailers", large_trailers},
                                          {"given back", given_back},
                                          {"failures", failures},
                                          {"dead connection", dead_connection},
                                          {"nobody there", nobody_there},
                                          {"unauthorized", unauthorized},
                                          {"unauthorized together", unauthorized_together},
                                          {"proxies", proxies},
                                          {"queue", queue},
                                          {"cancel", cancel},
                                          {"shutdown", shutdown_answers}};
SUITE_MAIN("client", tests)
