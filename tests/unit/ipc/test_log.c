/* test_log.c - one line per event, for any value. */
#include "ipc/base/log.h"
#include "ipc/base/visible.h"
#include "tests/unit/sdk/suite.h"

#include <unistd.h>

/* Reads back through a pipe what a call wrote. */
static size_t read_line(int fd, char *to, size_t room) {
    ssize_t n = read(fd, to, room - 1);
    to[n > 0 ? n : 0] = 0;
    return n > 0 ? (size_t)n : 0;
}

static void json_lines(void) {
    static const struct {
        const char *value, *want;
    } rows[] = {
        {"plain", "plain"},
        {"two\nlines", "two\nlines"},
        {"\"quoted\\\"", "\"quoted\\\""},
        {"bell\a\x7f", "bell\a\x7f"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"broken \xff\xc3", "broken ??"},
        {"", ""},
    };
    int p[2];
    char line[1024];
    CU_ASSERT_FATAL(pipe(p) == 0);
    log_setup(LOG_JSON, RV_LOG_INFO, p[1], "test");
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        log_warn("it happened", "key", rows[i].value, "left-out", NULL);
        size_t n = read_line(p[0], line, sizeof line);
        rv_autoarena struct rv_arena *a = rv_arena_new();
        CHECK_ROW(n > 0 && strchr(line, '\n') == line + n - 1, rows[i].value);
        struct rv_val v = from_json(a, line);
        CHECK_ROW(rv_str_is(rv_path_str(v, "key"), rows[i].want), rows[i].value);
        CHECK_ROW(rv_str_is(rv_path_str(v, "level"), "warn") && rv_str_is(rv_path_str(v, "msg"), "it happened"),
                  rows[i].value);
        CHECK_ROW(rv_str_is(rv_path_str(v, "component"), "test"), rows[i].value);
        CHECK_ROW(!rv_val_present(rv_val_get(v, "left-out")), rows[i].value);
        CHECK_ROW(rv_path_str(v, "time").n == sizeof "2026-01-01T00:00:00.000000Z" - 1, rows[i].value);
    }
    close(p[0]);
    close(p[1]);
}

/* Only a value that is marked as a number, and is one, has no quotes. */
static void numbers(void) {
    static const struct {
        const char *key, *value, *want;
    } rows[] = {
        {"#n", "12", ",\"n\":12}"},     {"#n", "-3", ",\"n\":-3}"},
        {"#n", "0.25", ",\"n\":0.25}"}, {"#n", "0", ",\"n\":0}"},
        {"n", "12", ",\"n\":\"12\"}"},  {"#n", "012", ",\"n\":\"012\"}"},
        {"#n", "1.", ",\"n\":\"1.\"}"}, {"#n", "", ",\"n\":\"\"}"},
        {"#n", "-", ",\"n\":\"-\"}"},   {"#n", "1,\"x\":2", ",\"n\":\"1,\\\"x\\\":2\"}"},
        {"#", "1", ",\"#\":\"1\"}"},    {"#n", "1e9", ",\"n\":\"1e9\"}"},
    };
    int p[2];
    char line[1024];
    CU_ASSERT_FATAL(pipe(p) == 0);
    log_setup(LOG_JSON, RV_LOG_INFO, p[1], "");
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        log_warn("m", rows[i].key, rows[i].value);
        (void)read_line(p[0], line, sizeof line);
        CHECK_ROW(strstr(line, rows[i].want) != NULL, rows[i].value);
    }
    log_setup(LOG_TEXT, RV_LOG_INFO, p[1], "");
    log_warn("m", "#times", "7");
    (void)read_line(p[0], line, sizeof line);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " m times=7\n"));
    close(p[0]);
    close(p[1]);
}

static void text_lines(void) {
    int p[2];
    char line[1024];
    CU_ASSERT_FATAL(pipe(p) == 0);
    log_setup(LOG_TEXT, RV_LOG_INFO, p[1], "test");
    log_info("it\nhappened", "a", "plain", "b", "with space", "c", "x=\ny");
    (void)read_line(p[0], line, sizeof line);
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " info  test: it\\nhappened a=plain b=\"with space\" c=\"x=\\ny\"\n"));
    log_debug("not enabled");
    log_error("enabled");
    (void)read_line(p[0], line, sizeof line);
    CU_ASSERT_PTR_NULL(strstr(line, "not enabled"));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, " error test: enabled\n"));
    close(p[0]);
    close(p[1]);
}

/* No field forges another one, or what the line begins with: a name stands once. */
static void repeated_keys(void) {
    static const struct {
        const char *keys[3], *json, *text;
    } rows[] = {
        {{"a", "b", "c"}, "\"a\":\"0\",\"b\":\"1\",\"c\":\"2\"}", " m a=0 b=1 c=2\n"},
        {{"a", "a", "a"}, "\"a\":\"0\",\"a_2\":\"1\",\"a_3\":\"2\"}", " m a=0 a_2=1 a_3=2\n"},
        {{"a", "a", "a_2"}, "\"a\":\"0\",\"a_2_2\":\"1\",\"a_2\":\"2\"}", " m a=0 a_2_2=1 a_2=2\n"},
        {{"a", "#a", "b"}, "\"a\":\"0\",\"a_2\":1,\"b\":\"2\"}", " m a=0 a_2=1 b=2\n"},
        {{"time", "level", "#msg"},
         "\"time_1\":\"0\",\"level_2\":\"1\",\"msg_3\":2}",
         " m time_1=0 level_2=1 msg_3=2\n"},
        {{"component", "plugin", "plugin"},
         "\"component_1\":\"0\",\"plugin\":\"1\",\"plugin_3\":\"2\"}",
         " m component_1=0 plugin=1 plugin_3=2\n"},
        {{"", "", "x y"}, "\"\":\"0\",\"_2\":\"1\",\"x y\":\"2\"}", " m \"\"=0 _2=1 \"x y\"=2\n"},
        {{"a=1 b", "c\nd",
          "e\xe2\x80\xae"
          "f"},
         "\"a=1 b\":\"0\",\"c\\nd\":\"1\",\"e\\u202ef\":\"2\"}",
         " m \"a=1 b\"=0 \"c\\nd\"=1 \"e\\u202ef\"=2\n"},
    };
    int p[2];
    char line[1024];
    CU_ASSERT_FATAL(pipe(p) == 0);
    for (size_t i = 0; i < 2 * RV_ARRAY_LEN(rows); i++) {
        const char *const *keys = rows[i / 2].keys;
        log_setup(i % 2 == 0 ? LOG_JSON : LOG_TEXT, RV_LOG_INFO, p[1], "test");
        log_warn("m", keys[0], "0", keys[1], "1", keys[2], "2");
        (void)read_line(p[0], line, sizeof line);
        CHECK_ROW(strstr(line, i % 2 == 0 ? rows[i / 2].json : rows[i / 2].text) != NULL, line);
    }
    close(p[0]);
    close(p[1]);
}

/* In neither format does a line hold what a terminal obeys or what turns text around, wherever it came in. */
static void unseen(void) {
    static const char *const texts[] = {"\x1b[2J",      "\xc2\x9b[2J",  "\xe2\x80\xae", "\xe2\x81\xa6",
                                        "\xe2\x80\x8f", "\xe2\x80\xa8", "\x7f",         "\r"};
    int p[2];
    char line[1024];
    CU_ASSERT_FATAL(pipe(p) == 0);
    for (size_t i = 0; i < 2 * RV_ARRAY_LEN(texts); i++) {
        struct rv_str text = rv_str(texts[i / 2]);
        log_setup(i % 2 == 0 ? LOG_JSON : LOG_TEXT, RV_LOG_INFO, p[1], "test");
        log_write_fields(RV_LOG_WARN, text, &(struct rv_field){text, text}, 1);
        size_t n = read_line(p[0], line, sizeof line);
        CHECK_ROW(n > 1 && visible_already((struct rv_str){line, n - 1}), line);
    }
    close(p[0]);
    close(p[1]);
}

static void levels(void) {
    static const struct {
        const char *text;
        int code;
        enum rv_log_level level;
    } rows[] = {{"trace", 0, RV_LOG_DEBUG}, {"debug", 0, RV_LOG_DEBUG}, {"info", 0, RV_LOG_INFO},
                {"warn", 0, RV_LOG_WARN},   {"error", 0, RV_LOG_ERROR}, {"loud", -1, RV_LOG_INFO},
                {"", -1, RV_LOG_INFO}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        enum rv_log_level got = RV_LOG_INFO;
        CHECK_ROW((log_level_parse(rv_str(rows[i].text), &got) == 0) == (rows[i].code == 0), rows[i].text);
        CHECK_ROW(got == rows[i].level, rows[i].text);
    }
}

static const struct suite_test tests[] = {{"JSON", json_lines},
                                          {"numbers", numbers},
                                          {"text", text_lines},
                                          {"levels", levels},
                                          {"repeated keys", repeated_keys},
                                          {"unseen characters", unseen}};
SUITE_MAIN("log", tests)
