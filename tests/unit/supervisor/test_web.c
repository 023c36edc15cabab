/* The HTTP endpoints, and the feeds that readiness depends on: a supervisor without processes, a scripted API server,
 * and a client of a few lines. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "supervisor/bus/feeds.h"
#include "supervisor/http/web.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

#define LIST(version) "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[]}"

struct fixture {
    struct stage *stage;
    struct script_server *server;
    unsigned port, synced;
};

static void on_synced(void *arg) { ((struct fixture *)arg)->synced++; }

/* A port that is free now. */
static unsigned free_port(void) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&in, size) != 0 || getsockname(fd, (struct sockaddr *)&in, &size) != 0)
        abort();
    close(fd);
    return ntohs(in.sin_port);
}

static int no_reload(struct supervisor *s, struct rv_error *err) {
    (void)s;
    return rv_error_set(err, RV_E_CONFIG, "not here");
}

static struct fixture *begin(bool plugin) {
    struct fixture *w = rv_alloc(sizeof *w);
    char config[256];
    w->port = free_port();
    snprintf(config, sizeof config, "http: {bind: \"127.0.0.1:%u\"}\nplugins: [{name: raycluster, enabled: %s}]\n",
             w->port, plugin ? "true" : "false");
    w->stage = stage_new(config, "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage);
    w->server = script_new(w->stage->s.loop);
    CU_ASSERT_TRUE(stage_connect(w->stage, script_url(w->server)));
    CU_ASSERT_TRUE_FATAL(stage_open_control(w->stage, no_reload));
    feeds_on_synced(w->stage->s.feeds, on_synced, w);
    struct rv_error err = {0};
    w->stage->s.web = web_new(&w->stage->s, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage->s.web);
    return w;
}

static void end(struct fixture *w) {
    web_free(w->stage->s.web);
    stage_close_control(w->stage);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    CU_ASSERT_EQUAL(script_unexpected(w->server), 0);
    script_free(w->server);
    stage_free(w->stage);
    free(w);
}

/* A whole exchange; the answer with its head. */
static void ask(struct fixture *w, const char *request, struct rv_buf *out) {
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)w->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&in, sizeof in) != 0) abort();
    if (send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) abort();
    rv_buf_clear(out);
    for (int i = 0; i < 1000; i++) {
        rv_buf_reserve(out, 65536);
        ssize_t n = recv(fd, out->p + out->n, 65536, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n > 0) out->n += (size_t)n;
        if (n < 0) loop_turn(w->stage->s.loop, 10);
    }
    close(fd);
    (void)rv_buf_cstr(out);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void endpoints(void) {
    static const struct {
        const char *request, *status, *body;
    } rows[] = {
        {GET("/healthz"), "200", "\r\n\r\nok\n"},
        {GET("/livez"), "200", "\r\n\r\nok\n"},
        {GET("/readyz"), "503", "\r\n\r\nplugin raycluster is disabled\n"},
        {GET("/readyz?verbose"), "503", "plugin raycluster is disabled\n"},
        {GET("/"), "404", "there are /livez, /readyz and /metrics\n"},
        {GET("/../etc/passwd"), "404", ""},
        {"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200", "\r\n\r\n"},
        {"POST /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", "405", "only GET"},
        {"DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "405", "only GET"},
        {GET("/metrics"), "200", "\nrayvisor_build_info{version=\"" RV_VERSION "\"} 1\n"},
        {GET("/metrics"), "200", "\nrayvisor_config_valid 1\n"},
        {GET("/metrics"), "200", "\nrayvisor_plugin_ready{plugin=\"raycluster\"} 0\n"},
        {GET("/metrics"), "200", "Content-Type: text/plain; version=0.0.4\r\n"},
        {GET("/metrics"), "200", "Transfer-Encoding: chunked\r\n"},
        {GET("/metrics"), "200", "\r\n0\r\n\r\n"},
        {"GET /metrics HTTP/1.0\r\n\r\n", "200", "\r\n\r\n# HELP"},
        {"HEAD /metrics HTTP/1.1\r\n\r\n", "200", "\r\n\r\n"},
        {"GET /livez HTTP/1.0\n\n", "200", "\r\n\r\nok\n"},
        {"GET /livez HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", "200", "\r\n\r\nok\n"},
        {"GET /livez HTTP/2.0\r\n\r\n", "400", ""},
        {"GET /livez\r\n\r\n", "400", ""},
        {"GET /metrics HTTP/1.1\r\nHost: x\r\nuser-Agent: rayvisord-to-ray\r\n\r\n", "421", "come to the operator"},
        {"POST /api/jobs/ HTTP/1.1\r\nUser-Agent: rayvisord-to-ray\r\n\r\n", "421",
         "\r\nContent-Type: text/vnd.rayvisor.own-request\r\n"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "421", "\r\nContent-Type: text/vnd.rayvisor.own-request\r\n"},
        {"GET /livez HTTP/1.1\r\nX: user-agent: rayvisord-to-ray\r\n\r\n", "200", "ok"},
        {"GET  HTTP/1.1\r\n\r\n", "400", ""},
        {"\r\n\r\n", "400", ""},
        {"\x16\x03\x01 tls\n\n", "400", ""},
    };
    struct fixture *w = begin(true);
    rv_autobuf struct rv_buf out = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        ask(w, rows[i].request, &out);
        CHECK_ROW(out.n > 12 && strncmp((const char *)out.p + 9, rows[i].status, 3) == 0, rows[i].request);
        CHECK_ROW(strstr(rv_buf_cstr(&out), rows[i].body) != NULL, rows[i].request);
    }
    end(w);
}

static struct manifest_kind kind(const char *selector, struct rv_str *fields, size_t n) {
    return (struct manifest_kind){.api_version = RV_STR("v1"),
                                  .resource = RV_STR("pods"),
                                  .kind = RV_STR("Pod"),
                                  .selector = rv_str(selector),
                                  .fields = {fields, n, n != 0}};
}

/* A request that does not end, and who reads nothing: both are answered and let go, and others do not wait for them. */
static void bad_clients(void) {
    struct fixture *w = begin(false);
    rv_autobuf struct rv_buf out = {0}, huge = {0};
    rv_buf_adds(&huge, "GET /livez HTTP/1.1\r\n");
    while (huge.n < 9000) rv_buf_adds(&huge, "X-Header: of some length\r\n");
    ask(w, rv_buf_cstr(&huge), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "431"));
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)w->port)};
    int fds[400];
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fds[i], (struct sockaddr *)&in, sizeof in) != 0) abort();
        if (i % 3 == 1) (void)send(fds[i], "GET /met", 8, MSG_NOSIGNAL);
        if (i % 3 == 2) (void)send(fds[i], GET("/metrics"), sizeof GET("/metrics") - 1, MSG_NOSIGNAL);
        loop_turn(w->stage->s.loop, 0);
        if (i % 50 != 0) continue;
        ask(w, GET("/livez"), &out);
        CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "200 OK"));
    }
    struct clients_stats st;
    web_stats(w->stage->s.web, &st);
    CU_ASSERT_TRUE(st.open <= 64 && st.cut_off > 100);
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) close(fds[i]);
    end(w);
}

/* The probes' own port: everything but the metrics. */
static void probes(void) {
    struct fixture *w = begin(true);
    rv_autobuf struct rv_buf out = {0};
    struct rv_error err = {0};
    web_free(w->stage->s.web);
    w->stage->s.config->probe_bind = RV_STR("127.0.0.1:0");
    w->stage->s.web = web_new(&w->stage->s, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage->s.web);
    CU_ASSERT_EQUAL(web_port(w->stage->s.web), w->port);
    w->port = web_probe_port(w->stage->s.web);
    ask(w, GET("/livez"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "200 OK"));
    ask(w, GET("/readyz"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "plugin raycluster is disabled"));
    ask(w, GET("/metrics"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "404"));
    end(w);
}

/* Every sample line belongs to the metric whose type stands above it, and none comes twice. */
static void well_formed(void) {
    struct fixture *w = begin(true);
    struct manifest_kind one = kind("x=y", NULL, 0), two = kind("z", NULL, 0);
    struct rv_error err = {0};
    rv_autobuf struct rv_buf out = {0};
    script_on(w->server, &(struct script_answer){.how = SCRIPT_SILENT, .times = 2});
    CU_ASSERT_PTR_NOT_NULL(feed_join(w->stage->s.feeds, &one, NULL, &err)); /* told apart by their selectors */
    CU_ASSERT_PTR_NOT_NULL(feed_join(w->stage->s.feeds, &two, NULL, &err));
    ask(w, "GET /metrics HTTP/1.0\r\n\r\n", &out);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *seen = rv_node_map(a);
    struct rv_str metric = {NULL, 0}, rest = rv_str(strstr(rv_buf_cstr(&out), "\r\n\r\n") + 4);
    size_t samples = 0;
    while (rest.n > 0) {
        const char *nl = memchr(rest.p, '\n', rest.n);
        struct rv_str line = {rest.p, nl != NULL ? (size_t)(nl - rest.p) : rest.n};
        rest = (struct rv_str){line.p + line.n + (nl != NULL), rest.n - line.n - (nl != NULL)};
        if (rv_str_starts(line, "# TYPE ")) metric = (struct rv_str){line.p + 7, strcspn(line.p + 7, " ")};
        if (line.n == 0 || line.p[0] == '#') continue;
        struct rv_str name = {line.p, strcspn(line.p, "{ ")},
                      series = {line.p, (size_t)((const char *)memrchr(line.p, ' ', line.n) - line.p)};
        CU_ASSERT_TRUE(rv_str_eq(name, metric));
        CU_ASSERT_PTR_NULL(rv_node_getn(seen, series));
        rv_node_setn(a, seen, series, rv_node_bool(a, true));
        samples++;
    }
    CU_ASSERT_TRUE(samples > 20);
    end(w);
}

/* It is told where people and alerts look, and the operator, which goes on, is as ready as it was. */
static void refused_configuration(void) {
    struct fixture *w = begin(true);
    rv_autobuf struct rv_buf out = {0};
    rv_autofree char *why = rv_strdup(RV_STR("f.yaml:1:1: unknown key"));
    w->stage->s.config_refused = why;
    w->stage->s.config_refused_since = INT64_C(5000000000);
    ask(w, GET("/readyz"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out),
                                  "plugin raycluster is disabled; but the configuration file is refused, "
                                  "the one before stays in force: f.yaml:1:1: unknown key\n"));
    rv_buf_clear(&out);
    ask(w, GET("/metrics"), &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\nrayvisor_config_valid 0\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\nrayvisor_config_refused_timestamp_seconds 5\n"));
    w->stage->s.config_refused = NULL;
    end(w);
}

static bool ready(struct fixture *w, const char *why) {
    rv_autobuf struct rv_buf out = {0};
    ask(w, GET("/readyz"), &out);
    bool is = strstr(rv_buf_cstr(&out), " 200 ") != NULL;
    if (!is) CU_ASSERT_TRUE(why != NULL && strstr(rv_buf_cstr(&out), why) != NULL);
    return is;
}

static void count_feed(void *arg, const struct feed_info *i) {
    rv_buf_addf(arg, "%s %s %s %zu; ", i->resource, i->selector, i->state, i->objects);
}

static void find_state(void *arg, const struct feed_info *i) { *(const char **)arg = i->state; }

static bool feeds_are(struct fixture *w, const char *want) {
    rv_autobuf struct rv_buf b = {0};
    feeds_each(w->stage->s.feeds, count_feed, &b);
    bool same = rv_str_is(rv_buf_str(&b), want);
    if (!same) printf("\n    feeds %s", rv_buf_cstr(&b));
    return same;
}

#define WAITING "waiting for the first complete list"
#define UNTIL(condition) SCRIPT_UNTIL(w->stage->s.loop, condition)

/* Ready when every watch has its first list; shared by those who read the same; listed again when one reads more, and
 * until then not complete for whoever came. */
static void feeds(void) {
    static const char head[] = "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[",
                      rest[] =
                          "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"3\"},"
                          "\"spec\":{\"a\":1,\"b\":2},\"status\":3}]}";
    struct fixture *w = begin(false);
    struct supervisor *s = &w->stage->s;
    struct rv_str spec = RV_STR("spec.a"), status = RV_STR("status");
    struct manifest_kind narrow = kind("x=y", &spec, 1), wide = kind("x=y", &status, 1), other = kind("z", &spec, 1);
    struct rv_error err = {0};
    script_on(w->server, &(struct script_answer){.when = "watch=1", .how = SCRIPT_SILENT, .times = 4});
    script_on(w->server, &(struct script_answer){.when = "x%3Dy", .body = head, .how = SCRIPT_STREAM, .times = 2});
    script_on(w->server, &(struct script_answer){.when = "Selector=z", .body = LIST("9")});
    CU_ASSERT_TRUE(ready(w, NULL));
    struct feed *a = feed_join(s->feeds, &narrow, NULL, &err);
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(a != NULL && !feed_synced(a) && !ready(w, WAITING) && feeds_are(w, "pods x=y listing 0; "));
    script_say(w->server, rest);
    script_end(w->server);
    UNTIL(w->synced == 1);
    CU_ASSERT_TRUE(feed_synced(a) && ready(w, NULL) && feeds_are(w, "pods x=y watching 1; "));
    struct feed *b = feed_join(s->feeds, &wide, NULL, &err);
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(b == a && !feed_synced(b) && !ready(w, WAITING));
    script_say(w->server, rest);
    script_end(w->server);
    UNTIL(w->synced == 2);
    const struct store_object *o = store_find(feed_collection(a), RV_STR("n"), RV_STR("p"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    struct rv_bytes bytes = blob_bytes(o->blob);
    CU_ASSERT_TRUE(json_is(rv_val_get((struct rv_val){bytes.p, bytes.n}, "spec"), "{\"a\":1}"));
    CU_ASSERT_EQUAL(rv_path_int((struct rv_val){bytes.p, bytes.n}, "status", 0), 3);
    struct feed *c = feed_join(s->feeds, &other, "team", &err);
    UNTIL(w->synced == 3);
    CU_ASSERT_TRUE(c != NULL && c != a && strstr(script_last(w->server)->line, "/namespaces/team/pods") != NULL);
    CU_ASSERT_TRUE(feeds_are(w, "pods z watching 0; pods x=y watching 1; "));
    feed_leave(a);
    CU_ASSERT_TRUE(feeds_are(w, "pods z watching 0; pods x=y watching 1; ")); /* b still reads it */
    feed_leave(b);
    CU_ASSERT_TRUE(feeds_are(w, "pods z watching 0; "));
    feed_leave(NULL);
    struct manifest_kind bad = kind("a in (", NULL, 0);
    CU_ASSERT_TRUE(feed_join(s->feeds, &bad, NULL, &err) == NULL && err.text[0] != 0);
    end(w);
}

/* What a person has to do something about is named as what it is, where the operator says why it is not ready. */
static void refused_watches(void) {
    static const struct {
        unsigned status;
        const char *state, *says;
    } rows[] = {{401, "unauthorized", "the API server does not accept our credentials: the token or certificate"},
                {403, "forbidden", "grant list and watch on this resource"},
                {404, "missing", "install its CustomResourceDefinition"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin(false);
        rv_autobuf struct rv_buf want = {0};
        struct manifest_kind k = kind("x=y", NULL, 0);
        struct rv_error err = {0};
        for (int n = 0; n < 4; n++)
            script_on(w->server, &(struct script_answer){.when = "pods", .status = rows[i].status, .body = "{}"});
        struct feed *a = feed_join(w->stage->s.feeds, &k, NULL, &err);
        rv_buf_addf(&want, "pods x=y %s 0; ", rows[i].state);
        const char *state = "";
        UNTIL((feeds_each(w->stage->s.feeds, find_state, &state), strcmp(state, rows[i].state) == 0));
        CHECK_ROW(feeds_are(w, rv_buf_cstr(&want)), rows[i].state);
        CHECK_ROW(!ready(w, rows[i].says), rows[i].state);
        feed_leave(a);
        end(w);
    }
}

/* A manifest that names single labels and parts of the owners gets these, and what the supervisor looks at itself. */
static void parts(void) {
    static const char list[] =
        "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[{\"metadata\":{\"name\":\"p\",\"uid\":\"u\","
        "\"resourceVersion\":\"3\","
        "\"labels\":{\"k8s.io/"
        "a\":\"1\",\"b\":\"2\",\"x\":\"y\"},\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"K\","
        "\"name\":\"n\",\"uid\":\"o\",\"controller\":true,\"blockOwnerDeletion\":true}]}}]}";
    struct fixture *w = begin(false);
    struct rv_str fields[] = {RV_STR("metadata.labels[k8s.io/a]"), RV_STR("metadata.ownerReferences[].uid")};
    struct manifest_kind k = kind("x=y", fields, 2);
    struct rv_error err = {0};
    script_on(w->server, &(struct script_answer){.when = "watch=1", .how = SCRIPT_SILENT});
    script_on(w->server, &(struct script_answer){.when = "x%3Dy", .body = list});
    struct feed *a = feed_join(w->stage->s.feeds, &k, NULL, &err);
    UNTIL(w->synced == 1);
    const struct store_object *o = store_find(feed_collection(a), RV_STR(""), RV_STR("p"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    struct rv_bytes bytes = blob_bytes(o->blob);
    struct rv_val meta = rv_val_get((struct rv_val){bytes.p, bytes.n}, "metadata");
    CU_ASSERT_TRUE(json_is(rv_val_get(meta, "labels"), "{\"k8s.io/a\":\"1\",\"x\":\"y\"}"));
    CU_ASSERT_TRUE(json_is(rv_val_get(meta, "ownerReferences"),
                           "[{\"kind\":\"K\",\"name\":\"n\",\"uid\":\"o\",\"controller\":true}]"));
    feed_leave(a);
    end(w);
}

static const struct suite_test tests[] = {{"endpoints", endpoints},
                                          {"refused configuration", refused_configuration},
                                          {"well formed", well_formed},
                                          {"bad clients", bad_clients},
                                          {"probes", probes},
                                          {"feeds", feeds},
                                          {"refused watches", refused_watches},
                                          {"parts", parts}};
SUITE_MAIN("web", tests)
