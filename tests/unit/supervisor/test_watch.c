/* One list and watch against a scripted server: pages, events, and everything that can go wrong between them. The cache
 * must end up right, from the right version on. */
#include <stdlib.h>

#include "supervisor/kube/kube.h"
#include "tests/support/script_server.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct stage *stage;
    struct script_server *server;
    struct store_collection *pods;
    struct kube_watch *watch;
    unsigned synced, states;
    enum kube_watch_state state;
    char why[256];
    struct rv_buf unreadable; /* "d/x " for each */
    struct rv_buf history;    /* a letter for each state: l w b f m */
};

static void on_synced(void *arg) { ((struct fixture *)arg)->synced++; }

static void on_state(void *arg, enum kube_watch_state s, const char *why) {
    struct fixture *w = arg;
    w->state = s;
    w->states++;
    if (why[0] != 0) snprintf(w->why, sizeof w->why, "%s", why);
    rv_buf_addc(&w->history, (uint8_t) "lwbfm"[s]);
}

static void on_unreadable(void *arg, struct rv_str ns, struct rv_str name) {
    rv_buf_addf(&((struct fixture *)arg)->unreadable, RV_STR_FMT "/" RV_STR_FMT " ", RV_STR_ARG(ns), RV_STR_ARG(name));
}

static struct fixture *begin(void) {
    struct fixture *w = rv_alloc(sizeof *w);
    w->stage = stage_new("", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage);
    w->server = script_new(w->stage->s.loop);
    CU_ASSERT_TRUE(stage_connect(w->stage, script_url(w->server)));
    bool widened;
    struct store_collection_opts o = {.api_version = "v1", .resource = "pods", .kind = "Pod"};
    w->pods = store_collection_get(w->stage->s.store, &o, &widened, NULL);
    return w;
}

static void start_with(struct fixture *w, struct kube_watch_opts o) {
    o.api_version = "v1";
    o.resource = "pods";
    o.into = w->pods;
    o.backoff_min_ms = 1;
    o.backoff_max_ms = 2;
    o.on_synced = on_synced;
    o.on_state = on_state;
    o.on_unreadable = on_unreadable;
    o.arg = w;
    w->watch = kube_watch_start(w->stage->s.client, &o);
}

static void start(struct fixture *w) { start_with(w, (struct kube_watch_opts){0}); }

static void end(struct fixture *w) {
    CU_ASSERT_EQUAL(script_unexpected(w->server), 0);
    kube_watch_free(w->watch);
    store_collection_unref(w->pods);
    w->stage->s.client = kube_client_free(w->stage->s.client);
    script_free(w->server);
    stage_free(w->stage);
    rv_buf_free(&w->history);
    rv_buf_free(&w->unreadable);
    free(w);
}

#define OBJECT(name, version)                                                                                          \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" version   \
    "\"},\"spec\":\"" version "\"}"
#define LIST(version, more, items)                                                                                     \
    "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version "\"" more "},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define LISTING "GET /api/v1/pods?limit="
#define WATCHING "GET /api/v1/pods?watch=1"

static void on(struct fixture *w, const char *when, const char *body, enum script_how how) {
    script_on(w->server, &(struct script_answer){.when = when, .body = body, .how = how});
}

static bool kept(struct fixture *w, const char *name, const char *version) {
    const struct store_object *o = store_find(w->pods, RV_STR("d"), rv_str(name));
    return version == NULL ? o == NULL : o != NULL && rv_str_is(o->resource_version, version);
}

static bool asked_from(const struct fixture *w, const char *version) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "&resourceVersion=%s&", version);
    return strstr(script_last(w->server)->line, rv_buf_cstr(&b)) != NULL;
}

#define UNTIL(condition) SCRIPT_UNTIL(w->stage->s.loop, condition)

static void listing(void) {
    struct fixture *w = begin();
    on(w, "/api/v1/namespaces/n/pods?limit=2&labelSelector=x%3Dy",
       LIST("10", ",\"continue\":\"to/ken\"", OBJECT("a", "3") "," OBJECT("b", "4")), SCRIPT_WHOLE);
    on(w, "/api/v1/namespaces/n/pods?limit=2&labelSelector=x%3Dy&continue=to%2Fken", LIST("10", "", OBJECT("c", "5")),
       SCRIPT_WHOLE);
    on(w, "watch=1", NULL, SCRIPT_STREAM);
    start_with(w, (struct kube_watch_opts){.ns = "n", .selector = "x=y", .page_size = 2});
    CU_ASSERT_FALSE(kube_watch_synced(w->watch));
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(w->synced == 1 && kube_watch_synced(w->watch) && store_collection_synced(w->pods));
    CU_ASSERT_TRUE(kept(w, "a", "3") && kept(w, "b", "4") && kept(w, "c", "5"));
    CU_ASSERT_TRUE(strstr(script_at(w->server, 1)->line, "continue=to%2Fken") != NULL);
    CU_ASSERT_TRUE(asked_from(w, "10") && strstr(script_last(w->server)->line, "allowWatchBookmarks=true") != NULL);
    CU_ASSERT_TRUE(strstr(script_last(w->server)->line, "&labelSelector=x%3Dy") != NULL);
    CU_ASSERT_TRUE(strstr(script_last(w->server)->line, "timeoutSeconds=") != NULL);
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lw"));
    struct kube_stats st;
    kube_client_stats(w->stage->s.client, &st);
    CU_ASSERT_TRUE(st.relists == 1 && st.watches_started == 1 && st.watches_failed == 0);
    end(w);
}

static void events(void) {
    struct fixture *w = begin();
    on(w, LISTING, LIST("10", "", OBJECT("a", "3") "," OBJECT("b", "4")), SCRIPT_WHOLE);
    script_on(w->server, &(struct script_answer){.when = WATCHING, .how = SCRIPT_STREAM, .times = 2});
    start(w);
    UNTIL(script_streaming(w->server));
    script_say(w->server, EVENT("ADDED", OBJECT("c", "11")) EVENT("MODIFIED", OBJECT("a", "12")) "{\"type\":\"DEL");
    UNTIL(kept(w, "c", "11") && kept(w, "a", "12"));
    CU_ASSERT_TRUE(kept(w, "b", "4"));
    script_say(w->server, "ETED\",\"object\":" OBJECT("b", "13") "}");
    script_say(w->server, "\n" EVENT("BOOKMARK", "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"40\"}}"));
    UNTIL(kept(w, "b", NULL));
    CU_ASSERT_EQUAL(w->synced, 1);
    script_end(w->server); /* as servers do every few minutes */
    UNTIL(script_count(w->server) == 3);
    CU_ASSERT_TRUE(asked_from(w, "40"));                      /* from the bookmark, without a list */
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lw")); /* nobody is told of it */
    struct kube_stats st;
    kube_client_stats(w->stage->s.client, &st);
    CU_ASSERT_TRUE(st.events == 3 && st.bookmarks == 1 && st.relists == 1);
    end(w);
}

/* How the first watch ends, and what follows: a watch from version 11, or another list. */
static void ends(void) {
    static const struct {
        const char *row;
        const char *say;
        bool cut, relists;
        const char *why;
    } rows[] = {
        {"cut within a chunk", NULL, true, false, "watch failed"},
        {"garbage", "<html>\n", false, false, "watch failed"},
        {"half an event, then cut", "{\"type\":\"ADDED\",\"object\":{\"metadata\":", true, false, "watch failed"},
        {"no version", EVENT("ADDED", "{\"metadata\":{\"name\":\"x\"}}"), false, false, "has no resourceVersion"},
        {"unknown type", EVENT("HELLO", OBJECT("x", "12")), false, false, "unknown type"},
        {"expired", EVENT("ERROR", "{\"code\":410,\"message\":\"too old resource version\"}"), false, true, "410"},
        {"throttled", EVENT("ERROR", "{\"code\":429,\"message\":\"too many watches\"}"), false, false,
         "watch failed: too many watches"},
        {"etcd", EVENT("ERROR", "{\"code\":500,\"message\":\"etcd went\"}"), false, false, "watch failed: etcd went"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        on(w, LISTING, LIST("10", "", OBJECT("a", "3")), SCRIPT_WHOLE);
        on(w, WATCHING, EVENT("ADDED", OBJECT("b", "11")), SCRIPT_STREAM);
        if (rows[i].relists) on(w, LISTING, LIST("20", "", OBJECT("b", "11")), SCRIPT_WHOLE);
        on(w, WATCHING, NULL, SCRIPT_STREAM);
        start(w);
        UNTIL(kept(w, "b", "11"));
        if (rows[i].say != NULL) script_say(w->server, rows[i].say);
        if (rows[i].cut) script_cut(w->server);
        UNTIL(script_count(w->server) == (rows[i].relists ? 4 : 3));
        CHECK_ROW(asked_from(w, rows[i].relists ? "20" : "11"), rows[i].row);
        CHECK_ROW(kept(w, "a", rows[i].relists ? NULL : "3") && kept(w, "b", "11"), rows[i].row);
        CHECK_ROW(strstr(w->why, rows[i].why) != NULL, rows[i].row);
        CHECK_ROW(rv_str_is(rv_buf_str(&w->history), rows[i].relists ? "lwblw" : "lwbw"), rows[i].row);
        CHECK_ROW(w->synced == 1, rows[i].row);
        if (strstr(w->why, rows[i].why) == NULL) printf("\n    why: %s", w->why);
        end(w);
    }
}

/* How the first answer to a list or to a watch fails; then all is well. */
static void refusals(void) {
    static const struct {
        const char *row;
        struct script_answer first;
        const char *history, *why;
    } rows[] = {
        {"list: garbage", {.when = LISTING, .body = "<html>"}, "lblw", "list failed"},
        {"list: cut", {.when = LISTING, .body = "{\"items\":[" OBJECT("x", "1"), .how = SCRIPT_CUT}, "lblw", "list"},
        {"list: cut short", {.when = LISTING, .body = "{\"items\":["}, "lblw", "malformed"},
        {"list: another document",
         {.when = LISTING, .body = "{\"kind\":\"Status\",\"status\":\"Success\"}"},
         "lblw",
         "no metadata.resourceVersion"},
        {"list: an array", {.when = LISTING, .body = "[]"}, "lblw", "malformed"},
        {"list: hung up", {.when = LISTING, .how = SCRIPT_HANGUP}, "lblw", "list failed"},
        {"list: 500", {.when = LISTING, .status = 500, .body = "{\"message\":\"etcd\"}"}, "lblw", "HTTP 500 etcd"},
        {"list: 410", {.when = LISTING, .status = 410}, "lblw", "HTTP 410"},
        {"watch: 410", {.when = WATCHING, .status = 410}, "lwblw", "410"},
        {"watch: 500", {.when = WATCHING, .status = 500}, "lwbw", "HTTP 500"},
        {"watch: ended at once", {.when = WATCHING, .body = ""}, "lwbw", "the server ended it at once"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        script_on(w->server, &rows[i].first);
        script_on(w->server,
                  &(struct script_answer){.when = LISTING, .body = LIST("10", "", OBJECT("a", "3")), .times = 2});
        on(w, WATCHING, NULL, SCRIPT_STREAM);
        start(w);
        UNTIL(script_streaming(w->server));
        CHECK_ROW(rv_str_is(rv_buf_str(&w->history), rows[i].history), rows[i].row);
        CHECK_ROW(strstr(w->why, rows[i].why) != NULL, rows[i].row);
        CHECK_ROW(kept(w, "a", "3") && kept(w, "x", NULL) && w->synced == 1, rows[i].row);
        if (strstr(w->why, rows[i].why) == NULL || !rv_str_is(rv_buf_str(&w->history), rows[i].history))
            printf("\n    why: %s, history %s", w->why, rv_buf_cstr(&w->history));
        end(w);
    }
}

#define TEN(x) x x x x x x x x x x
#define DEEP(name, version)                                                                                            \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"d\",\"uid\":\"u-" name "\",\"resourceVersion\":\"" version   \
    "\"},\"spec\":" TEN(TEN("[")) TEN(TEN("]")) "}"

/* One object that cannot be read stops neither a list nor a watch: it is told once, and stays as it was. */
static void too_deep(void) {
    struct fixture *w = begin();
    on(w, LISTING, LIST("10", "", OBJECT("a", "3") "," DEEP("x", "4") "," OBJECT("b", "5")), SCRIPT_WHOLE);
    on(w, WATCHING, NULL, SCRIPT_STREAM);
    start(w);
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(kept(w, "a", "3") && kept(w, "b", "5") && kept(w, "x", NULL) && w->synced == 1);
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->unreadable), "d/x "));
    script_say(w->server, EVENT("MODIFIED", DEEP("x", "11")) EVENT("MODIFIED", DEEP("a", "12")));
    script_say(w->server,
               EVENT("MODIFIED", DEEP("a", "13")) EVENT("DELETED", DEEP("b", "14")) EVENT("ADDED", OBJECT("c", "15")));
    UNTIL(kept(w, "c", "15"));
    CU_ASSERT_TRUE(kept(w, "a", "3") && kept(w, "b", NULL) && kept(w, "x", NULL));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->unreadable), "d/x d/a "));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lw"));
    script_say(w->server, EVENT("ERROR", "{\"code\":410}")); /* the next list has a, but still cannot say how it is */
    on(w, LISTING, LIST("20", "", DEEP("a", "13") "," OBJECT("c", "15")), SCRIPT_WHOLE);
    on(w, WATCHING, EVENT("MODIFIED", OBJECT("a", "21")), SCRIPT_STREAM);
    UNTIL(kept(w, "a", "21"));
    CU_ASSERT_TRUE(kept(w, "c", "15") && rv_str_is(rv_buf_str(&w->unreadable), "d/x d/a "));
    end(w);
}

#define TOO_NEW "Too large resource version: 100, current: 20"

/* A server that was restored from a backup does not know our place in history, whichever way it says so; what it has
 * now counts. One that only lags behind is asked again. */
static void history_went_back(void) {
    static const struct {
        const char *row;
        struct script_answer first;
        unsigned times;
        bool silent;
    } rows[] = {
        {"504", {.when = WATCHING, .status = 504, .body = "{\"message\":\"" TOO_NEW "\",\"code\":504}"}, 3, false},
        {"an event",
         {.when = WATCHING, .body = EVENT("ERROR", "{\"code\":504,\"message\":\"" TOO_NEW "\"}")},
         3,
         false},
        {"silence", {.when = WATCHING, .how = SCRIPT_STREAM}, 3, true},
        {"forgotten", {.when = WATCHING, .status = 410}, 1, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        struct script_answer first = rows[i].first;
        first.times = rows[i].times;
        on(w, LISTING, LIST("100", "", OBJECT("a", "90") "," OBJECT("b", "95")), SCRIPT_WHOLE);
        script_on(w->server, &first);
        script_on(w->server,
                  &(struct script_answer){.when = LISTING, .body = LIST("20", "", OBJECT("a", "10")), .times = 2});
        on(w, WATCHING, EVENT("ADDED", OBJECT("c", "21")), SCRIPT_STREAM);
        start_with(w, (struct kube_watch_opts){.stall_ms = rows[i].silent ? 400 : 0});
        UNTIL(kept(w, "c", "21"));
        CHECK_ROW(kept(w, "a", "10") && kept(w, "b", NULL) && asked_from(w, "20"), rows[i].row);
        CHECK_ROW(script_count_of(w->server, "watch=1") == rows[i].times + 1, rows[i].row);
        CHECK_ROW(w->synced == 1 && strstr(w->why, "went back") != NULL, rows[i].row);
        if (!rows[i].silent) {
            end(w);
            continue;
        }
        script_on(w->server, &(struct script_answer){.when = NULL, .how = SCRIPT_SILENT, .times = 100});
        end(w);
    }
    struct fixture *w = begin(); /* lags behind, and then no more: no list */
    on(w, LISTING, LIST("100", "", OBJECT("a", "90")), SCRIPT_WHOLE);
    script_on(w->server, &(struct script_answer){
                             .when = WATCHING, .status = 504, .body = "{\"message\":\"" TOO_NEW "\"}", .times = 2});
    on(w, WATCHING, EVENT("ADDED", OBJECT("c", "101")), SCRIPT_STREAM);
    start(w);
    UNTIL(kept(w, "c", "101"));
    CU_ASSERT_TRUE(kept(w, "a", "90") && script_count_of(w->server, "limit=") == 1);
    end(w);
}

/* A relist that fails, even with an answer that could be taken for an empty list, leaves the cache as it was. */
static void failed_relist(void) {
    struct fixture *w = begin();
    on(w, LISTING, LIST("10", "", OBJECT("a", "3")), SCRIPT_WHOLE);
    on(w, WATCHING, EVENT("ERROR", "{\"code\":410}"), SCRIPT_STREAM);
    on(w, LISTING, "{\"kind\":\"Status\"}", SCRIPT_WHOLE);
    on(w, LISTING, LIST("30", ",\"continue\":\"x\"", OBJECT("z", "4")), SCRIPT_WHOLE);
    on(w, LISTING, "{\"items\":[", SCRIPT_WHOLE);
    on(w, LISTING, NULL, SCRIPT_SILENT);
    start(w);
    UNTIL(script_count(w->server) == 6);
    CU_ASSERT_TRUE(kept(w, "a", "3") && strstr(script_last(w->server)->line, "continue") == NULL);
    end(w);
}

/* A token that expires between two pages: the list begins again, and not in a hot loop. */
static void expired_pages(void) {
    struct fixture *w = begin();
    script_on(w->server, &(struct script_answer){.when = "continue=x", .status = 410, .times = 2});
    script_on(w->server, &(struct script_answer){.when = LISTING,
                                                 .body = LIST("9", ",\"continue\":\"x\"", OBJECT("old", "3")),
                                                 .times = 2});
    on(w, LISTING, LIST("10", "", OBJECT("a", "3")), SCRIPT_WHOLE);
    on(w, WATCHING, NULL, SCRIPT_STREAM);
    start(w);
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lblblw"));
    CU_ASSERT_TRUE(kept(w, "a", "3") && kept(w, "old", NULL) && asked_from(w, "10") && w->synced == 1);
    end(w);
}

static void throttled(void) {
    struct fixture *w = begin();
    script_on(w->server, &(struct script_answer){.when = LISTING, .status = 429, .headers = "Retry-After: 1\r\n"});
    on(w, LISTING, LIST("10", "", ""), SCRIPT_WHOLE);
    on(w, WATCHING, NULL, SCRIPT_STREAM);
    int64_t from = clock_monotonic();
    start(w);
    UNTIL(script_streaming(w->server));
    CU_ASSERT_TRUE(clock_monotonic() - from >= INT64_C(1000000000)); /* not before it may, whatever the back-off */
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lblw") && w->synced == 1);
    end(w);
}

static void not_allowed(void) {
    static const struct {
        unsigned http;
        enum kube_watch_state state;
    } rows[] = {{403, KUBE_WATCH_FORBIDDEN}, {401, KUBE_WATCH_UNAUTHORIZED}, {404, KUBE_WATCH_MISSING}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture *w = begin();
        script_on(w->server, &(struct script_answer){.status = rows[i].http,
                                                     .body = "{\"message\":\"because\"}",
                                                     .times = rows[i].http == 401 ? 2 : 1});
        start(w);
        UNTIL(w->states == 2);
        CU_ASSERT_TRUE(w->state == rows[i].state && strstr(w->why, "because") != NULL && w->synced == 0);
        end(w);
    }
}

/* More and more seldom, and it is read when it is there at last. */
static void missing_backs_off(void) {
    enum { FIRST = 20, TRIES = 5, MS = 1000000 };
    struct fixture *w = begin();
    script_on(w->server, &(struct script_answer){.when = LISTING, .status = 404, .body = "{}", .times = TRIES});
    on(w, LISTING, LIST("10", "", OBJECT("a", "3")), SCRIPT_WHOLE);
    on(w, WATCHING, NULL, SCRIPT_STREAM);
    int64_t from = clock_monotonic();
    start_with(w, (struct kube_watch_opts){.missing_min_ms = FIRST, .missing_max_ms = 10000});
    UNTIL(w->synced == 1);
    int64_t took = clock_monotonic() - from, least = (int64_t)FIRST * ((1 << TRIES) - 1) * MS; /* 20 + 40 + ... */
    CU_ASSERT_TRUE(took >= least && took < 10 * least);
    CU_ASSERT_TRUE(kept(w, "a", "3"));
    end(w);
}

/* No byte for too long: a connection that is dead without saying so. */
static void stalls(void) {
    struct fixture *w = begin();
    on(w, LISTING, NULL, SCRIPT_SILENT);
    on(w, LISTING, LIST("10", "", ""), SCRIPT_WHOLE);
    on(w, WATCHING, EVENT("ADDED", OBJECT("a", "11")), SCRIPT_STREAM);
    on(w, WATCHING, NULL, SCRIPT_SILENT);
    on(w, WATCHING, NULL, SCRIPT_SILENT);
    start_with(w, (struct kube_watch_opts){.stall_ms = 50});
    UNTIL(script_count(w->server) == 5);
    CU_ASSERT_TRUE(asked_from(w, "11") && strstr(w->why, "watch stalled") != NULL);
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lblwbwbw") && w->synced == 1);
    end(w);
}

static void byte_by_byte(void) {
    struct fixture *w = begin();
    on(w, LISTING, LIST("10", "", ""), SCRIPT_WHOLE);
    on(w, WATCHING, NULL, SCRIPT_STREAM);
    start(w);
    UNTIL(script_streaming(w->server));
    static const char line[] = EVENT("ADDED", OBJECT("slow", "11"));
    for (size_t i = 0; i < sizeof line - 1; i++) {
        script_say(w->server, (char[]){line[i], 0});
        loop_turn(w->stage->s.loop, 0);
    }
    UNTIL(kept(w, "slow", "11"));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&w->history), "lw"));
    end(w);
}

static const struct suite_test tests[] = {{"listing", listing},
                                          {"events", events},
                                          {"ends", ends},
                                          {"refusals", refusals},
                                          {"too deep", too_deep},
                                          {"a missing resource is asked for more seldom", missing_backs_off},
                                          {"history went back", history_went_back},
                                          {"failed relist", failed_relist},
                                          {"expired pages", expired_pages},
                                          {"throttled", throttled},
                                          {"not allowed", not_allowed},
                                          {"stalls", stalls},
                                          {"byte by byte", byte_by_byte}};
SUITE_MAIN("watch", tests)
