/* test_utf8.c - UTF-8: which bytes are well-formed, which code point they are, and where a text may be cut. */
#include "ipc/base/utf8.h"
#include "tests/unit/sdk/suite.h"

static void sequences(void) {
    static const struct {
        const char *bytes;
        size_t want;
    } rows[] = {
        {"a", 1},
        {"\xc3\xa9", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\x80", 0},
        {"\xc0\xaf", 0},
        {"\xc1\xbf", 0},
        {"\xc3", 0},
        {"\xc3(", 0},
        {"\xe0\x80\xaf", 0},
        {"\xed\xa0\x80", 0},
        {"\xe2\x82", 0},
        {"\xe2\x82(", 0},
        {"\xf0\x80\x80\x80", 0},
        {"\xf4\x90\x80\x80", 0},
        {"\xf5\x80\x80\x80", 0},
        {"\xf0\x9f\x98", 0},
        {"\xff", 0},
        {"", 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(utf8_sequence(rv_str(rows[i].bytes)) == rows[i].want, rows[i].bytes);
}

static void decoding(void) {
    static const struct {
        const char *bytes;
        int32_t want;
        size_t length;
    } rows[] = {
        {"a", 'a', 1},
        {"\x7f", 0x7f, 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xef\xbf\xbf", 0xffff, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
        {"\xed\xa0\x80", -1, 1},
        {"\xc3", -1, 1},
        {"\x80", -1, 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        size_t length;
        CHECK_ROW(utf8_decode(rv_str(rows[i].bytes), &length) == rows[i].want, rows[i].bytes);
        CHECK_ROW(length == rows[i].length, rows[i].bytes);
    }
}

static void clipping(void) {
    static const struct {
        const char *text;
        size_t max, want;
    } rows[] = {{"hello", 10, 5},
                {"hello", 3, 3},
                {"caf\xc3\xa9", 5, 5},
                {"caf\xc3\xa9", 4, 3},
                {"ok\xffnot", 10, 2},
                {"12345678\xff", 9, 8},
                {"123456789\xc3\xa9", 11, 11},
                {"123456789\xc3\xa9", 10, 9},
                {"\xf0\x9f\x98\x80", 3, 0},
                {"", 4, 0},
                {"abc", 0, 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(utf8_clip(rv_str(rows[i].text), rows[i].max).n == rows[i].want, rows[i].text);
    CU_ASSERT_TRUE(utf8_valid(RV_STR("caf\xc3\xa9")));
    CU_ASSERT_FALSE(utf8_valid(RV_STR("caf\xc3")));
    CU_ASSERT_TRUE(utf8_valid((struct rv_str){NULL, 0}));
}

static const struct suite_test tests[] = {{"sequences", sequences}, {"decoding", decoding}, {"clipping", clipping}};
SUITE_MAIN("utf8", tests)
