/* test_visible.c - what a terminal or a log shows of text from outside. */
#include "ipc/base/utf8.h"
#include "ipc/base/visible.h"
#include "tests/unit/sdk/suite.h"

static void texts(void) {
    static const struct {
        const char *text, *line, *lines, *quoted;
    } rows[] = {
        {"plain", "plain", "plain", "plain"},
        {"", "", "", ""},
        {"two\nlines\tand", "two\\nlines\\u0009and", "two\nlines\tand", "two\\nlines\\u0009and"},
        {"a\"b\\c", "a\"b\\c", "a\"b\\c", "a\\\"b\\\\c"},
        {"\x1b[31mred", "\\u001b[31mred", "\\u001b[31mred", "\\u001b[31mred"},
        {"\x7f\r\a", "\\u007f\\u000d\\u0007", "\\u007f\\u000d\\u0007", "\\u007f\\u000d\\u0007"},
        {"\xc2\x80\xc2\x9f", "\\u0080\\u009f", "\\u0080\\u009f", "\\u0080\\u009f"},
        {"\xc2\xa0", "\xc2\xa0", "\xc2\xa0", "\xc2\xa0"},
        {"\xe2\x80\xaa\xe2\x80\xae", "\\u202a\\u202e", "\\u202a\\u202e", "\\u202a\\u202e"},
        {"\xe2\x81\xa6\xe2\x81\xa9", "\\u2066\\u2069", "\\u2066\\u2069", "\\u2066\\u2069"},
        {"\xe2\x80\x8b\xe2\x80\x8e\xe2\x80\x8f", "\\u200b\\u200e\\u200f", "\\u200b\\u200e\\u200f",
         "\\u200b\\u200e\\u200f"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029", "\\u2028\\u2029", "\\u2028\\u2029"},
        {"\xef\xbb\xbf", "\\ufeff", "\\ufeff", "\\ufeff"},
        {"\xf3\xa0\x81\x81", "\\udb40\\udc41", "\\udb40\\udc41", "\\udb40\\udc41"},
        {"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80",
         "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"},
        {"\xff"
         "a\xc3",
         "?a?", "?a?", "?a?"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        const char *const want[] = {rows[i].line, rows[i].lines, rows[i].quoted};
        for (size_t how = 0; how < RV_ARRAY_LEN(want); how++) {
            rv_autobuf struct rv_buf b = {0};
            visible_text(rv_str(rows[i].text), (enum visible_text)how, &b);
            CHECK_ROW(strcmp(rv_buf_cstr(&b), want[how]) == 0, rv_buf_cstr(&b));
        }
        CHECK_ROW(visible_already(rv_str(rows[i].text)) == (strcmp(rows[i].text, rows[i].line) == 0), rows[i].text);
    }
}

/* Whatever the bytes: the result is visible, and what is visible is not changed. */
static void any_bytes(void) {
    uint32_t state = 1;
    for (int round = 0; round < 20000; round++) {
        char bytes[12];
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 1664525 + 1013904223;
            bytes[i] = (char)("\xe2\x80\xae\x1b\xc2\x9b\xf3\xa0"
                              "a\n\"\\"[state >> 28 & 7] ^
                              (char)((state >> 20 & 15) == 0 ? state >> 8 & 255 : 0));
        }
        rv_autobuf struct rv_buf once = {0}, twice = {0};
        visible_text((struct rv_str){bytes, sizeof bytes}, VISIBLE_LINE, &once);
        visible_text(rv_buf_str(&once), VISIBLE_LINE, &twice);
        CU_ASSERT_FATAL(visible_already(rv_buf_str(&once)) && utf8_valid(rv_buf_str(&once)));
        CU_ASSERT_FATAL(rv_str_eq(rv_buf_str(&once), rv_buf_str(&twice)));
    }
}

/* JSON stays the same document; a document of visible texts has other texts and the same shape. */
static void documents(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0}, shown = {0}, other = {0};
    struct rv_val v = from_json(a, "{\"k\\u001b\":[\"\\u202e\",1,true,null,{\"x\\ny\":\"\\u009b\"}],\"n\":-2.5}");
    rv_json_write_pretty(v, &json);
    visible_text(rv_buf_str(&json), VISIBLE_LINES, &shown);
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&shown), "\xe2\x80\xae"));
    CU_ASSERT_TRUE(rv_val_equal(v, from_json(a, rv_buf_cstr(&shown))));
    visible_value(v, &other);
    CU_ASSERT_EQUAL_FATAL(rv_mp_check(rv_buf_bytes(&other), NULL), 0);
    struct rv_val want =
        from_json(a, "{\"k\\\\u001b\":[\"\\\\u202e\",1,true,null,{\"x\\\\ny\":\"\\\\u009b\"}],\"n\":-2.5}");
    CU_ASSERT_TRUE(rv_val_equal(want, (struct rv_val){other.p, other.n}));
}

static const struct suite_test tests[] = {{"texts", texts}, {"any bytes", any_bytes}, {"documents", documents}};
SUITE_MAIN("visible", tests)
