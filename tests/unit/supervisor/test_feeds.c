/* Watches that several read: what is said of those that cannot be read, and what a cached object is worth. */
#include "supervisor/bus/feeds.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct stage *stage;
    struct script_server *server;
    struct feeds *feeds;
    unsigned synced;
    int log[2];
    char logged[16384];
};

static void on_synced(void *arg) { ((struct fixture *)arg)->synced++; }

static struct fixture *begin(void) {
    struct fixture *w = rv_alloc(sizeof *w);
    w->stage = stage_new("plugins: []\n", "http://127.0.0.1:1");
    CU_ASSERT_TRUE_FATAL(w->stage != NULL && pipe2(w->log, O_NONBLOCK | O_CLOEXEC) == 0);
    w->server = script_new(w->stage->s.loop);
    CU_ASSERT_TRUE_FATAL(stage_connect(w->stage, script_url(w->server)));
    log_setup(LOG_TEXT, RV_LOG_INFO, w->log[1], "test");
    w->feeds = w->stage->s.feeds = feeds_new(&w->stage->s);
    feeds_on_synced(w->feeds, on_synced, w);
    return w;
}

static void end(struct fixture *w) {
    w->stage->s.feeds = feeds_free(w->feeds);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    script_free(w->server);
    stage_free(w->stage);
    log_setup(LOG_TEXT, RV_LOG_INFO, 2, "test");
    close(w->log[0]);
    close(w->log[1]);
    free(w);
}

/* What was logged since the last call. */
static const char *logged(struct fixture *w) {
    ssize_t n = read(w->log[0], w->logged, sizeof w->logged - 1);
    w->logged[n > 0 ? n : 0] = 0;
    return w->logged;
}

#define UNTIL(condition) SCRIPT_UNTIL(w->stage->s.loop, condition)
#define LIST(items) "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" items "]}"
#define POD(name)                                                                                                      \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"u-" name "\",\"resourceVersion\":\"3\"}}"

static struct feed *join(struct fixture *w, const char *selector, const char *ns, bool optional) {
    struct rv_error err = {0};
    struct feed *f = feed_join(w->feeds,
                               &(struct manifest_kind){.api_version = RV_STR("v1"),
                                                       .resource = RV_STR("pods"),
                                                       .kind = RV_STR("Pod"),
                                                       .selector = rv_str(selector),
                                                       .optional = optional},
                               ns, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    return f;
}

static void on(struct fixture *w, const char *when, unsigned status, const char *body, enum script_how how) {
    script_on(w->server,
              &(struct script_answer){.when = when, .status = status, .body = body, .how = how, .times = 50});
}

struct search {
    const char *state;
    bool found;
};

static void find_state(void *arg, const struct feed_info *i) {
    struct search *s = arg;
    s->found = s->found || strcmp(i->state, s->state) == 0;
}

/* Is any in that state? */
static bool is(const struct fixture *w, const char *state) {
    struct search s = {state, false};
    feeds_each(w->feeds, find_state, &s);
    return s.found;
}

/* ---- what is kept of an object ---------------------------------------------------------------------------------- */

#define FULL                                                                                                           \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u\","          \
    "\"resourceVersion\":\"3\",\"labels\":{\"index\":\"1\",\"key\":\"2\",\"named\":\"3\",\"rest\":\"4\"},"             \
    "\"ownerReferences\":[{\"kind\":\"K\",\"name\":\"o\",\"uid\":\"v\",\"controller\":true,\"x\":1}]},\"spec\":{"      \
    "\"a\":1,\"b\":2}}"
#define LABELS(text) "\"labels\":{" text "}"
#define OWNER "{\"kind\":\"K\",\"name\":\"o\",\"uid\":\"v\",\"controller\":true"

/* The fields that the manifest names, what identifies an object, and the labels by which it is chosen. */
static void kept_fields(void) {
    static const struct {
        const char *row, *fields[3], *index, *selector, *labels, *owners;
        bool spec_b;
    } rows[] = {
        {"all",
         {NULL},
         "index",
         "key=2",
         LABELS("\"index\":\"1\",\"key\":\"2\",\"named\":\"3\",\"rest\":\"4\""),
         OWNER ",\"x\":1}",
         true},
        {"no label is named: all are kept",
         {"spec.a"},
         "",
         "",
         LABELS("\"index\":\"1\",\"key\":\"2\",\"named\":\"3\",\"rest\":\"4\""),
         OWNER ",\"x\":1}",
         false},
        {"one is named",
         {"spec.a", "metadata.labels[named]"},
         "",
         "",
         LABELS("\"named\":\"3\""),
         OWNER ",\"x\":1}",
         false},
        {"and the index",
         {"spec.a", "metadata.labels[named]"},
         "index",
         "",
         LABELS("\"index\":\"1\",\"named\":\"3\""),
         OWNER ",\"x\":1}",
         false},
        {"and the selector",
         {"spec.a", "metadata.labels[named]"},
         "",
         "key=2,rest",
         LABELS("\"key\":\"2\",\"named\":\"3\",\"rest\":\"4\""),
         OWNER ",\"x\":1}",
         false},
        {"parts of owners",
         {"spec.a", "metadata.ownerReferences[].name"},
         "",
         "",
         LABELS("\"index\":\"1\",\"key\":\"2\",\"named\":\"3\",\"rest\":\"4\""),
         OWNER "}",
         false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        struct rv_error err = {0};
        struct rv_str fields[3];
        struct manifest_kind k = {.api_version = RV_STR("v1"),
                                  .resource = RV_STR("pods"),
                                  .kind = RV_STR("Pod"),
                                  .selector = rv_str(rows[i].selector),
                                  .index_label = rv_str(rows[i].index)};
        for (; k.fields.n < 3 && rows[i].fields[k.fields.n] != NULL; k.fields.n++)
            fields[k.fields.n] = rv_str(rows[i].fields[k.fields.n]);
        k.fields.list = fields;
        on(w, "watch=1", 200, "", SCRIPT_SILENT);
        on(w, "pods", 200, LIST(FULL), SCRIPT_WHOLE);
        struct feed *f = feed_join(w->feeds, &k, NULL, &err);
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        UNTIL(w->synced == 1);
        const struct store_object *o = store_find(feed_collection(f), RV_STR("n"), RV_STR("p"));
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        rv_autobuf struct rv_buf text = {0};
        struct rv_bytes value = blob_bytes(o->blob);
        rv_json_write((struct rv_val){value.p, value.n}, &text);
        const char *have = rv_buf_cstr(&text);
        CHECK_ROW(strstr(have, rows[i].labels) != NULL, rows[i].row);
        CHECK_ROW(strstr(have, rows[i].owners) != NULL, rows[i].row);
        CHECK_ROW((strstr(have, "\"b\":2") != NULL) == rows[i].spec_b && strstr(have, "\"a\":1") != NULL, rows[i].row);
        end(w);
    }
}

/* ---- objects that cannot be read ------------------------------------------------------------------------------- */

/* It is named once, and the others are there. */
static void too_deep(void) {
    struct fixture *w = begin();
    rv_autobuf struct rv_buf list = {0};
    rv_buf_adds(&list, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[" POD(
                           "one") ",{\"metadata\":{\"name\":\"deep\","
                                  "\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":\"4\"},\"spec\":");
    for (int i = 0; i < 300; i++) rv_buf_adds(&list, "{\"a\":");
    rv_buf_adds(&list, "1");
    for (int i = 0; i < 300; i++) rv_buf_adds(&list, "}");
    rv_buf_adds(&list, "}," POD("two") "]}");
    on(w, "watch=1", 200, "", SCRIPT_SILENT);
    on(w, "pods", 200, rv_buf_cstr(&list), SCRIPT_WHOLE);
    struct feed *f = join(w, "", NULL, false);
    UNTIL(w->synced == 1);
    const char *text = logged(w), *told = strstr(text, "nested too deeply");
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_PTR_NULL(strstr(told + 1, "nested too deeply"));
    CU_ASSERT_PTR_NOT_NULL(strstr(told, "resource=pods namespace=n name=deep"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "resource mirrored resource=pods objects=2"));
    CU_ASSERT_PTR_NOT_NULL(store_find(feed_collection(f), RV_STR("n"), RV_STR("two")));
    CU_ASSERT_PTR_NULL(store_find(feed_collection(f), RV_STR("n"), RV_STR("deep")));
    end(w);
}

/* ---- watches that do not work ------------------------------------------------------------------------------------ */

static void states(void) {
    static const struct {
        unsigned status;
        bool optional;
        const char *state, *waits_for; /* NULL: for nothing, and that is told */
        const char *level, *advice;
    } rows[] = {
        {401, false, "unauthorized", "(unauthorized): ", "warn", "does not accept our credentials"},
        {403, false, "forbidden", "(forbidden): ", "warn", "grant list and watch"},
        {403, true, "forbidden", "(forbidden): ", "warn", "grant list and watch"},
        {404, false, "missing", "(missing): ", "warn", "install its CustomResourceDefinition"},
        {404, true, "missing", NULL, "info", NULL},
        {500, false, "back-off", "(back-off): ", NULL, NULL},
        {500, true, "back-off", "(back-off): ", NULL, NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        rv_autobuf struct rv_buf room = {0};
        on(w, "pods", rows[i].status, "{\"kind\":\"Status\",\"message\":\"said so\"}", SCRIPT_WHOLE);
        struct feed *f = join(w, "x=y", NULL, rows[i].optional);
        UNTIL(is(w, rows[i].state));
        const char *why = feeds_waits_for(w->feeds, &room), *wants = rows[i].waits_for, *text = logged(w);
        CHECK_ROW((why == NULL) == (wants == NULL), rows[i].state);
        if (why != NULL && wants != NULL) CHECK_ROW(strstr(why, wants) != NULL, rows[i].state);
        if (why != NULL) CHECK_ROW(strstr(why, "complete list of pods (") != NULL, why);
        CHECK_ROW(feed_synced(f) == (wants == NULL) && feeds_all_synced(w->feeds) == (wants == NULL), rows[i].state);
        CHECK_ROW(w->synced == (wants == NULL ? 1 : 0), rows[i].state);
        const char *line = strstr(text, "watch state resource=pods");
        CHECK_ROW((line != NULL) == (rows[i].level != NULL), rows[i].state);
        if (rows[i].level != NULL) CHECK_ROW(strstr(text, rows[i].level) != NULL, text);
        CHECK_ROW((strstr(text, "install") != NULL || strstr(text, "grant") != NULL ||
                   strstr(text, "accept") != NULL) == (rows[i].advice != NULL),
                  rows[i].state);
        if (rows[i].advice != NULL) CHECK_ROW(strstr(text, rows[i].advice) != NULL, text);
        end(w);
    }
}

/* Of a kind that is not installed one line is enough, however many namespaces ask for it and however often. Who can do
 * without it does not wait while it is asked for again. */
static void missing_is_told_once(void) {
    struct fixture *w = begin();
    unsigned lines = 0, waits = 0;
    on(w, "pods", 404, "{}", SCRIPT_WHOLE);
    struct feed *a = join(w, "", "one", true), *b = join(w, "", "two", true);
    UNTIL(feed_synced(a) && feed_synced(b));
    int64_t give_up = clock_monotonic() + INT64_C(20000000000);
    while (script_count(w->server) < 5 && clock_monotonic() < give_up) {
        loop_turn(w->stage->s.loop, 20);
        waits += !feed_synced(a) || !feed_synced(b);
    }
    CU_ASSERT_TRUE(script_count(w->server) >= 5);
    CU_ASSERT_EQUAL(waits, 0);
    CU_ASSERT_EQUAL(w->synced, 2);
    for (const char *at = logged(w); (at = strstr(at, "state=missing")) != NULL; at++) lines++;
    CU_ASSERT_EQUAL(lines, 1);
    end(w);
}

/* As soon as one reader cannot do without it. */
static void optional_for_some(void) {
    struct fixture *w = begin();
    on(w, "pods", 404, "{}", SCRIPT_WHOLE);
    struct feed *f = join(w, "x=y", NULL, true);
    UNTIL(is(w, "missing"));
    CU_ASSERT_TRUE(feed_synced(f));
    CU_ASSERT_PTR_EQUAL(join(w, "x=y", NULL, true), f);
    UNTIL(is(w, "missing")); /* it is listed again for each reader */
    CU_ASSERT_TRUE(feed_synced(f));
    CU_ASSERT_PTR_EQUAL(join(w, "x=y", NULL, false), f);
    UNTIL(is(w, "missing"));
    CU_ASSERT_FALSE(feed_synced(f));
    CU_ASSERT_FALSE(feeds_all_synced(w->feeds));
    end(w);
}

/* The one first of which it is known why. */
static void what_is_waited_for(void) {
    for (int order = 0; order < 2; order++) {
        struct fixture *w = begin();
        rv_autobuf struct rv_buf room = {0};
        on(w, "Selector=a", 200, "", SCRIPT_SILENT);
        on(w, "Selector=b", 403, "{}", SCRIPT_WHOLE);
        CU_ASSERT_PTR_NULL(feeds_waits_for(w->feeds, &room));
        (void)join(w, order == 0 ? "a" : "b", order == 0 ? NULL : "team", false);
        (void)join(w, order == 0 ? "b" : "a", order == 0 ? "team" : NULL, false);
        UNTIL(is(w, "forbidden"));
        CU_ASSERT_PTR_NOT_NULL(
            strstr(feeds_waits_for(w->feeds, &room), "list of pods in namespace team (forbidden): "));
        end(w);
    }
}

/* ---- what a cached object is worth ------------------------------------------------------------------------------- */

/* A watch that has just begun may still be told that it comes too late. */
static void stale_objects(void) {
    static const struct {
        const char *api_version, *kind, *ns, *name, *uid;
        bool found;
    } rows[] = {{"v1", "Pod", "n", "one", "u-one", true},  {"v2", "Pod", "n", "one", "u-one", false},
                {"v1", "Job", "n", "one", "u-one", false}, {"v1", "Pod", "m", "one", "u-one", false},
                {"v1", "Pod", "n", "two", "u-one", false}, {"v1", "Pod", "n", "one", "u-two", false},
                {"v1", "Pod", "n", "all", "u-all", true}}; /* an owner of no namespace */
    struct fixture *w = begin();
    on(w, "watch=1", 200, "", SCRIPT_SILENT);
    on(w, "pods", 200,
       LIST(POD("one") ",{\"metadata\":{\"name\":\"all\",\"uid\":\"u-all\",\"resourceVersion\":\"3\"}}"), SCRIPT_WHOLE);
    (void)join(w, "", NULL, false);
    UNTIL(w->synced == 1);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const struct store_object *o = feeds_find_stale(w->feeds, rv_str(rows[i].api_version), rv_str(rows[i].kind),
                                                        rv_str(rows[i].ns), rv_str(rows[i].name), rv_str(rows[i].uid));
        CHECK_ROW((o != NULL) == rows[i].found, rows[i].name);
    }
    end(w);
}

static const struct suite_test tests[] = {{"kept fields", kept_fields},
                                          {"too deep", too_deep},
                                          {"states", states},
                                          {"a missing kind is told of once", missing_is_told_once},
                                          {"optional for some", optional_for_some},
                                          {"what is waited for", what_is_waited_for},
                                          {"stale objects", stale_objects}};
SUITE_MAIN("feeds", tests)
