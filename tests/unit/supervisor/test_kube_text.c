/* The pure parts of the Kubernetes client: paths, what answers mean, the bytes of a watch. */
#include <stdlib.h>

#include "supervisor/kube/status.h"
#include "supervisor/kube/watch_stream.h"
#include "tests/unit/sdk/suite.h"

static void paths(void) {
    static const struct {
        const char *api, *ns, *resource, *name, *sub, *want;
    } rows[] = {
        {"v1", "", "pods", "", "", "/api/v1/pods"},
        {"v1", "a", "pods", "b", "", "/api/v1/namespaces/a/pods/b"},
        {"ray.io/v1", "a", "rayclusters", "b", "status", "/apis/ray.io/v1/namespaces/a/rayclusters/b/status"},
        {"v1", "", "nodes", "n", "", "/api/v1/nodes/n"},
        {"v1", "a/../b", "pods", "x?y#z", "", "/api/v1/namespaces/a%2F..%2Fb/pods/x%3Fy%23z"},
        {"v1", "..", "pods", ".", "", "/api/v1/namespaces/%2E%2E/pods/%2E"},
        {"v1", "a", "pods", "\xc3\xa4 b%2e", "", "/api/v1/namespaces/a/pods/%C3%A4%20b%252e"},
        {"a/b/c", "", "x", "", "", "/apis/a/b%2Fc/x"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autofree char *p = kube_path(rv_str(rows[i].api), rv_str(rows[i].ns), rv_str(rows[i].resource),
                                        rv_str(rows[i].name), rv_str(rows[i].sub), NULL);
        CHECK_ROW(strcmp(p, rows[i].want) == 0, rows[i].want);
    }
    rv_autofree char *q = kube_path(RV_STR("v1"), RV_STR("n"), RV_STR("pods"), RV_STR(""), RV_STR(""), "limit", "5",
                                    "labelSelector", "a=b,c in (d&e)", NULL);
    CU_ASSERT_STRING_EQUAL(q, "/api/v1/namespaces/n/pods?limit=5&labelSelector=a%3Db%2Cc%20in%20%28d%26e%29");
    char *name = rv_alloc(5001);
    memset(name, 'n', 5000);
    rv_autofree char *big = kube_path(RV_STR("v1"), RV_STR(""), RV_STR("pods"), rv_str(name), RV_STR(""), NULL);
    CU_ASSERT_EQUAL(strlen(big), sizeof "/api/v1/pods/" - 1 + 5000);
    free(name);
}

static void answers(void) {
    static const struct {
        unsigned http;
        const char *body;
        int code;
        int64_t retry_after;
        const char *message;
    } rows[] = {
        {200, "", 0, 0, ""},
        {201, "{}", 0, 0, ""},
        {400, "{\"message\":\"bad\"}", RV_E_INVALID, 0, "bad"},
        {401, "Unauthorized", RV_E_UNAUTHORIZED, 0, ""},
        {403, "{\"reason\":\"Forbidden\"}", RV_E_FORBIDDEN, 0, ""},
        {404, "404 page not found", RV_E_NOT_FOUND, 0, ""},
        {405, "", RV_E_INVALID, 0, ""},
        {408, "", RV_E_TIMEOUT, 0, ""},
        {409, "{\"reason\":\"AlreadyExists\",\"message\":\"m\"}", RV_E_EXISTS, 0, "m"},
        {409, "{\"reason\":\"Conflict\"}", RV_E_CONFLICT, 0, ""},
        {409, "", RV_E_CONFLICT, 0, ""},
        {410, "{\"reason\":\"Expired\"}", RV_E_GONE, 0, ""},
        {413, "", RV_E_TOO_BIG, 0, ""},
        {422, "{\"reason\":\"Invalid\"}", RV_E_INVALID, 0, ""},
        {429, "{\"details\":{\"retryAfterSeconds\":2}}", RV_E_THROTTLED, 2000, ""},
        {429, "{\"details\":{\"retryAfterSeconds\":-2}}", RV_E_THROTTLED, 0, ""},
        {429, "{\"details\":{\"retryAfterSeconds\":86400}}", RV_E_THROTTLED, 0, ""},
        {500, "{\"message\":[1],\"reason\":2}", RV_E_UNAVAILABLE, 0, ""},
        {502, "<html>", RV_E_UNAVAILABLE, 0, ""},
        {503, "{\"details\":null}", RV_E_UNAVAILABLE, 0, ""},
        {504, "{\"reason\":\"Timeout\"}", RV_E_TIMEOUT, 0, ""},
        {302, "", RV_E_INVALID, 0, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf room = {0};
        struct kube_response r = {0};
        kube_status_read((struct rv_bytes){(const uint8_t *)rows[i].body, strlen(rows[i].body)}, &room, &r);
        CHECK_ROW(kube_status_code(rows[i].http, r.reason) == rows[i].code, rows[i].body);
        CHECK_ROW(r.retry_after_ms == rows[i].retry_after && rv_str_is(r.message, rows[i].message), rows[i].body);
    }
    rv_autobuf struct rv_buf room = {0};
    static const char asks[] = "{\"details\":{\"retryAfterSeconds\":2}}";
    struct kube_response r = {.retry_after_ms = 7000}; /* the header said so */
    kube_status_read((struct rv_bytes){(const uint8_t *)asks, sizeof asks - 1}, &room, &r);
    CU_ASSERT_EQUAL(r.retry_after_ms, 7000);
}

/* ---- the bytes of a watch ------------------------------------------------------------------------------- */

static void note(void *arg, const struct watch_event *e) {
    static const char letters[] = {'p', 'd', 'b'};
    rv_buf_addf(arg, "%c" RV_STR_FMT " ", letters[e->type], RV_STR_ARG(e->version));
}

#define OBJECT(version) "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"" version "\"},\"spec\":{}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"

static void watch_bytes(void) {
    static const struct {
        const char *row, *bytes, *events;
        int code;
        const char *why;
    } rows[] = {
        {"a life",
         EVENT("ADDED", OBJECT("1")) EVENT("MODIFIED", OBJECT("2")) EVENT("BOOKMARK", OBJECT("3"))
             EVENT("DELETED", OBJECT("4")),
         "p1 p2 b3 d4 ", 0, ""},
        {"nothing", "", "", 0, ""},
        {"empty lines", "\n\r\n  \n" EVENT("ADDED", OBJECT("1")) "\n", "p1 ", 0, ""},
        {"a line without an end", EVENT("ADDED", OBJECT("1")) "{\"type\":\"ADDED\",\"object\":{", "p1 ", 0, ""},
        {"another order", "{\"object\":" OBJECT("1") ",\"type\":\"ADDED\"}\n", "p1 ", 0, ""},
        {"blanks", "{ \"type\": \"ADDED\", \"object\": " OBJECT("1") " }  \r\n", "p1 ", 0, ""},
        {"a further field", "{\"type\":\"ADDED\",\"object\":" OBJECT("1") ",\"x\":1}\n", "p1 ", 0, ""},
        {"a proxy's page", EVENT("ADDED", OBJECT("1")) "<html>\n" EVENT("ADDED", OBJECT("2")), "p1 ", RV_E_PARSE, ""},
        {"half an object", EVENT("ADDED", "{\"a\":"), "", RV_E_PARSE, ""},
        {"no object", "{\"type\":\"ADDED\"}\n", "", RV_E_PARSE, "without type or object"},
        {"no version", EVENT("ADDED", "{\"metadata\":{}}"), "", RV_E_PARSE, "no resourceVersion"},
        {"no map", EVENT("ADDED", "[]"), "", RV_E_PARSE, "without type or object"},
        {"unknown type", EVENT("RENAMED", OBJECT("1")), "", RV_E_PARSE, "unknown type"},
        {"expired", EVENT("ADDED", OBJECT("1")) EVENT("ERROR", "{\"code\":410,\"message\":\"too old\"}"), "p1 ",
         RV_E_GONE, "too old"},
        {"expired by name", EVENT("ERROR", "{\"reason\":\"Expired\"}"), "", RV_E_GONE, ""},
        {"throttled", EVENT("ERROR", "{\"code\":429,\"message\":\"slow\"}"), "", RV_E_THROTTLED, "slow"},
        {"broken inside", EVENT("ERROR", "{\"code\":500,\"message\":\"etcd\"}"), "", RV_E_UNAVAILABLE, "etcd"},
        {"a broken error", EVENT("ERROR", "{"), "", RV_E_PARSE, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t step = 1; step < 400; step = step * 3 + 1) {
            struct watch_stream s = {0};
            rv_autobuf struct rv_buf seen = {0};
            size_t n = strlen(rows[i].bytes);
            int r = 0;
            for (size_t at = 0; at < n && r == 0; at += step)
                r = watch_stream_feed(&s, NULL, rows[i].bytes + at, n - at < step ? n - at : step, note, &seen);
            CHECK_ROW(r == rows[i].code && rv_str_is(rv_buf_str(&seen), rows[i].events), rows[i].row);
            CHECK_ROW(strstr(s.why, rows[i].why) != NULL, rows[i].row);
            watch_stream_clear(&s); /* another answer begins afresh */
            rv_buf_clear(&seen);
            static const char next[] = EVENT("ADDED", OBJECT("9"));
            CHECK_ROW(watch_stream_feed(&s, NULL, next, sizeof next - 1, note, &seen) == 0, rows[i].row);
            CHECK_ROW(rv_str_is(rv_buf_str(&seen), "p9 ") && s.why[0] == 0, rows[i].row);
            watch_stream_free(&s);
        }
}

static void keep_object(void *arg, const struct watch_event *e) { rv_json_write(e->object, arg); }

static void watch_projection(void) {
    static const char *const paths[] = {"metadata.name", "metadata.resourceVersion"};
    static const char line[] = EVENT("ADDED", "{\"metadata\":{\"name\":\"a\",\"labels\":{},\"resourceVersion\":\"1\"},"
                                              "\"spec\":{\"big\":[1,2,3]}}");
    struct rv_projection *p = rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL);
    struct watch_stream s = {0};
    rv_autobuf struct rv_buf json = {0};
    CU_ASSERT_EQUAL(watch_stream_feed(&s, p, line, sizeof line - 1, keep_object, &json), 0);
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&json), "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"1\"}}"));
    watch_stream_free(&s);
    rv_projection_free(p);
}

static void a_line_without_end(void) {
    struct watch_stream s = {0};
    char *bytes = rv_alloc(1 << 20);
    memset(bytes, 'a', 1 << 20);
    int r = 0, fed = 0;
    for (; r == 0 && fed < 64; fed++) r = watch_stream_feed(&s, NULL, bytes, 1 << 20, note, NULL);
    CU_ASSERT_TRUE(r == RV_E_PARSE && fed == 17 && strstr(s.why, "16 MiB") != NULL);
    watch_stream_free(&s);
    free(bytes);
}

static const struct suite_test tests[] = {{"paths", paths},
                                          {"answers", answers},
                                          {"watch bytes", watch_bytes},
                                          {"watch projection", watch_projection},
                                          {"a line without end", a_line_without_end}};
SUITE_MAIN("kube text", tests)
