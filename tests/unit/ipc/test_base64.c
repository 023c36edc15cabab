/* test_base64.c - base64 in both alphabets, and texts that are not base64. */
#include "ipc/base/base64.h"
#include "tests/unit/sdk/suite.h"

static struct rv_bytes bytes_of(struct rv_str s) { return (struct rv_bytes){(const uint8_t *)s.p, s.n}; }

static void both_ways(void) {
    const struct {
        struct rv_str plain;
        const char *standard, *url;
    } rows[] = {
        {RV_STR(""), "", ""},
        {RV_STR("f"), "Zg==", "Zg"},
        {RV_STR("fo"), "Zm8=", "Zm8"},
        {RV_STR("foo"), "Zm9v", "Zm9v"},
        {RV_STR("foob"), "Zm9vYg==", "Zm9vYg"},
        {RV_STR("fooba"), "Zm9vYmE=", "Zm9vYmE"},
        {RV_STR("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {RV_STR("\xfb\xff\x00\xfe"), "+/8A/g==", "-_8A_g"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (int form = BASE64_STANDARD; form <= BASE64_URL; form++) {
            const char *want = form == BASE64_STANDARD ? rows[i].standard : rows[i].url;
            rv_autobuf struct rv_buf text = {0}, back = {0};
            base64_encode(bytes_of(rows[i].plain), (enum base64_form)form, &text);
            CHECK_ROW(rv_str_is(rv_buf_str(&text), want), want);
            CHECK_ROW(base64_decode(rv_buf_str(&text), (enum base64_form)form, &back) == 0, want);
            CHECK_ROW(rv_str_eq(rv_buf_str(&back), rows[i].plain), want);
        }
}

static void reading(void) {
    const struct {
        struct rv_str text;
        const char *want; /* NULL if the text is refused */
    } rows[] = {
        {RV_STR("Zm9v"), "foo"},    {RV_STR("Zm\r\n9v \n"), "foo"}, {RV_STR("Zg"), "f"},    {RV_STR("Zg="), "f"},
        {RV_STR("Zg=\n="), "f"},    {RV_STR("Zg==="), NULL},        {RV_STR("Z"), NULL},    {RV_STR("Zm9vY"), NULL},
        {RV_STR("Zg==Zg=="), NULL}, {RV_STR("Zm9\0v"), NULL},       {RV_STR("Zm-v"), NULL}, {RV_STR("Zm9v!"), NULL},
        {RV_STR("\xff"), NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf out = {0};
        rv_buf_adds(&out, "kept");
        int r = base64_decode(rows[i].text, BASE64_STANDARD, &out);
        CHECK_ROW((r == 0) == (rows[i].want != NULL), rows[i].text.p);
        CHECK_ROW(rv_str_starts(rv_buf_str(&out), "kept"), rows[i].text.p);
        CHECK_ROW(strcmp(rv_buf_cstr(&out) + 4, rows[i].want != NULL ? rows[i].want : "") == 0, rows[i].text.p);
    }
}

static const struct suite_test tests[] = {{"both ways", both_ways}, {"reading", reading}};
SUITE_MAIN("base64", tests)
