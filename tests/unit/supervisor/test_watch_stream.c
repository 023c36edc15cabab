/* test_watch_stream.c - what the lines of a watch become, whole and in pieces, and which lines end the watch. */
#include "supervisor/kube/watch_stream.h"

#include "tests/unit/sdk/suite.h"

struct seen {
    struct rv_buf text; /* "put@VERSION JSON;" for each event */
};

static void note(void *arg, const struct watch_event *e) {
    static const char *const names[] = {[WATCH_PUT] = "put", [WATCH_DELETED] = "gone", [WATCH_BOOKMARK] = "mark"};
    struct seen *s = arg;
    rv_buf_addf(&s->text, "%s@" RV_STR_FMT " ", names[e->type], RV_STR_ARG(e->version));
    rv_json_write(e->object, &s->text);
    rv_buf_adds(&s->text, ";");
}

#define O(version) "{\"metadata\":{\"resourceVersion\":\"" version "\"}}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"

static const struct {
    const char *row, *in, *events;
    int code;
    const char *why;
} rows[] = {
    {"nothing", "", "", 0, ""},
    {"added", EVENT("ADDED", O("1")) "\n", "put@1 " O("1") ";", 0, ""},
    {"modified", EVENT("MODIFIED", O("2")) "\n", "put@2 " O("2") ";", 0, ""},
    {"deleted", EVENT("DELETED", O("3")) "\n", "gone@3 " O("3") ";", 0, ""},
    {"a bookmark", EVENT("BOOKMARK", O("4")) "\n", "mark@4 " O("4") ";", 0, ""},
    {"two lines", EVENT("ADDED", O("1")) "\n" EVENT("DELETED", O("2")) "\n", "put@1 " O("1") ";gone@2 " O("2") ";", 0,
     ""},
    {"empty lines", "\n\r\n  \n" EVENT("ADDED", O("1")) " \r\n", "put@1 " O("1") ";", 0, ""},
    {"not at its end yet", EVENT("ADDED", O("1")), "", 0, ""},
    {"spaces", "{ \"type\": \"ADDED\", \"object\": " O("1") " }\n", "put@1 " O("1") ";", 0, ""},
    {"the object first", "{\"object\":" O("1") ",\"type\":\"ADDED\"}\n", "put@1 " O("1") ";", 0, ""},
    {"something after the object", "{\"type\":\"ADDED\",\"object\":" O("1") ",\"x\":{}}\n", "put@1 " O("1") ";", 0, ""},
    {"something before the object", "{\"type\":\"ADDED\",\"x\":{},\"object\":" O("1") "}\n", "put@1 " O("1") ";", 0,
     ""},
    {"no object", "{\"type\":\"ADDED\"}\n", "", RV_E_PARSE, "without type or object"},
    {"another name than object", "{\"type\":\"ADDED\",\"objekt\":" O("1") "}\n", "", RV_E_PARSE,
     "without type or object"},
    {"an object that is none", EVENT("ADDED", "7") "\n", "", RV_E_PARSE, "without type or object"},
    {"no type", "{\"object\":" O("1") "}\n", "", RV_E_PARSE, "without type or object"},
    {"an empty type", EVENT("", O("1")) "\n", "", RV_E_PARSE, "without type or object"},
    {"an unknown type", EVENT("MOVED", O("1")) "\n", "", RV_E_PARSE, "a watch event of unknown type"},
    {"no version", EVENT("ADDED", "{\"metadata\":{}}") "\n", "", RV_E_PARSE, "no resourceVersion"},
    {"no JSON", "{\"type\":\"ADDED\",\"object\":{]}\n", "", RV_E_PARSE, "JSON"},
    {"only its beginning", "{\"type\":\"}\n", "", RV_E_PARSE, "JSON"},
    {"an array", "[]\n", "", RV_E_PARSE, "without type or object"},
    {"what came before counts", EVENT("ADDED", O("1")) "\nx\n", "put@1 " O("1") ";", RV_E_PARSE, "JSON"},
    {"gone", EVENT("ERROR", "{\"code\":410,\"message\":\"too old\"}") "\n", "", RV_E_GONE, "too old"},
    {"expired", EVENT("ERROR", "{\"code\":500,\"reason\":\"Expired\"}") "\n", "", RV_E_GONE, ""},
    {"throttled", EVENT("ERROR", "{\"code\":429,\"message\":\"later\"}") "\n", "", RV_E_THROTTLED, "later"},
    {"another error", EVENT("ERROR", "{\"code\":500,\"message\":\"broken\"}") "\n", "", RV_E_UNAVAILABLE, "broken"},
    {"an error that says nothing", EVENT("ERROR", "{}") "\n", "", RV_E_UNAVAILABLE, ""},
    {"an error that is no object", EVENT("ERROR", "[") "\n", "", RV_E_PARSE, "JSON"},
};

static void lines(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t step = 1; step <= 1024; step = step < 3 ? step + 1 : step * 5) {
            struct watch_stream s = {0};
            struct seen seen = {0};
            size_t n = strlen(rows[i].in);
            int r = 0;
            for (size_t at = 0; at < n && r == 0; at += step)
                r = watch_stream_feed(&s, NULL, rows[i].in + at, n - at < step ? n - at : step, note, &seen);
            CHECK_ROW(r == rows[i].code, rows[i].row);
            CHECK_ROW(strcmp(rv_buf_cstr(&seen.text), rows[i].events) == 0, rows[i].row);
            CHECK_ROW(rows[i].why[0] == 0 ? s.why[0] == 0 : strstr(s.why, rows[i].why) != NULL, rows[i].row);
            rv_buf_free(&seen.text);
            watch_stream_free(&s);
        }
}

/* After it was cleared, nothing is left of a half line or of a reason. */
static void cleared(void) {
    struct watch_stream s = {0};
    struct seen seen = {0};
    CU_ASSERT_EQUAL(watch_stream_feed(&s, NULL, "x\n", 2, note, &seen), RV_E_PARSE);
    CU_ASSERT_EQUAL(watch_stream_feed(&s, NULL, "{\"ty", 4, note, &seen), 0);
    watch_stream_clear(&s);
    CU_ASSERT_STRING_EQUAL(s.why, "");
    static const char line[] = EVENT("ADDED", O("1")) "\n";
    CU_ASSERT_EQUAL(watch_stream_feed(&s, NULL, line, sizeof line - 1, note, &seen), 0);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&seen.text), "put@1 " O("1") ";");
    rv_buf_free(&seen.text);
    watch_stream_free(&s);
}

/* A line of 16 MiB is the longest, wherever it is cut. */
static void too_long(void) {
    enum { MOST = 16 << 20 };
    static const char head[] = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\"},\"x\":\"",
                      tail[] = "\"}}\n";
    static const struct {
        size_t line;
        bool ends, halved;
        int code;
    } sizes[] = {{MOST, true, false, 0},  {MOST + 1, true, false, RV_E_PARSE},
                 {MOST, true, true, 0},   {MOST + 1, true, true, RV_E_PARSE},
                 {MOST, false, false, 0}, {MOST + 1, false, false, RV_E_PARSE}};
    for (size_t i = 0; i < RV_ARRAY_LEN(sizes); i++) {
        struct watch_stream s = {0};
        struct seen seen = {0};
        rv_autobuf struct rv_buf b = {0};
        rv_buf_adds(&b, head);
        size_t fill = sizes[i].line - strlen(head) - (strlen(tail) - 1);
        rv_buf_reserve(&b, fill);
        memset(b.p + b.n, 'x', fill);
        b.n += fill;
        rv_buf_adds(&b, tail);
        size_t n = b.n - !sizes[i].ends, first = sizes[i].halved ? n / 2 : n;
        int r = watch_stream_feed(&s, NULL, b.p, first, note, &seen);
        if (r == 0) r = watch_stream_feed(&s, NULL, b.p + first, n - first, note, &seen);
        CU_ASSERT_EQUAL(r, sizes[i].code);
        CU_ASSERT_EQUAL(seen.text.n != 0, r == 0 && sizes[i].ends);
        CU_ASSERT_TRUE(r == 0 || strcmp(s.why, "an object of more than 16 MiB") == 0);
        rv_buf_free(&seen.text);
        watch_stream_free(&s);
    }
}

static const struct suite_test tests[] = {{"lines", lines}, {"cleared", cleared}, {"too long", too_long}};
SUITE_MAIN("watch stream", tests)
