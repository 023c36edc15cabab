/* test_json.c - JSON in and out, projections, lists (rayvisor/json.h). */
#include "rayvisor/json.h"

#include "suite.h"

#include <errno.h>

static int convert(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, struct rv_error *err) {
    int r = rv_json_to_mp(text, p, out, err);
    if (r == 0) CU_ASSERT_EQUAL(rv_mp_check(rv_buf_bytes(out), NULL), 0);
    if (r != 0) CU_ASSERT_EQUAL(out->n, 0);
    return r;
}

static void test_round_trip(void) {
    static const struct {
        const char *in, *out; /* out NULL: the same */
    } rows[] = {
        {"null", NULL},
        {"true", NULL},
        {"[]", NULL},
        {"{}", NULL},
        {"\"\"", NULL},
        {" [ 1 , 2 ] \n", "[1,2]"},
        {"[0,-1,127,128,-32,-33,255,256,65535,65536,4294967295,4294967296]", NULL},
        {"[9223372036854775807,9223372036854775808,18446744073709551615,-9223372036854775808]", NULL},
        {"[18446744073709551616,-9223372036854775809]", "[1.8446744073709552e+19,-9.223372036854776e+18]"},
        {"[0.1,1.5,-2.25,1e-7,1.7976931348623157e308]", "[0.1,1.5,-2.25,1e-07,1.7976931348623157e+308]"},
        {"[1.0,1e3,-0,1e-400]", "[1,1000,0,0]"},
        {"[0.30000000000000004,5e-324]", "[0.30000000000000004,4.94065645841247e-324]"},
        {"{\"b\":1,\"a\":{\"\":null}}", NULL},
        {"\"a\\u0000b\"", NULL},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f\"", "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u001f\x7f\""},
        {"\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\"\xc3\xa9\"", NULL},
        {"{\"\\u0061\":1}", "{\"a\":1}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0};
        CHECK_ROW(convert(rv_str(rows[i].in), NULL, &b, NULL) == 0, rows[i].in);
        CHECK_ROW(json_is((struct rv_val){b.p, b.n}, rows[i].out != NULL ? rows[i].out : rows[i].in), rows[i].in);
    }
}

static void test_refused(void) {
    static const char *const rows[] = {
        "",
        " ",
        "nul",
        "[1,",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{} x",
        "1 2",
        "[01]",
        "[1.]",
        "[.5]",
        "[+1]",
        "[NaN]",
        "[1e400]",
        "[-1e400]",
        "\"\\x\"",
        "\"\n\"",
        "\"abc",
        "'a'",
        "/* c */ 1",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\n\"",
        "\"\\ud83d\\ud83d\\ude00\"",
        "\"\\u12\"",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"x\":{\"b\":1,\"c\":2,\"b\":{}}}",
        "\xef\xbb\xbf{}",
        "]",
        "{\"\xff\":1}",
        "{\"\\udead\":1}",
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0};
        struct rv_error err = {0};
        CHECK_ROW(convert(rv_str(rows[i]), NULL, &b, &err) == RV_E_PARSE, rows[i]);
        CHECK_ROW(strstr(err.text, "byte") != NULL || strstr(err.text, "early") != NULL, rows[i]);
    }
}

static const char sample[] =
    "{\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\\ud83d\\ude00b\",\"managedFields\":[{\"x\":[1,2,{}]}],\"n\":"
    "-12.5e3},\"spec\":{\"c\":[{\"image\":\"\xc3\xa9\",\"n\":18446744073709551615},{\"image\":\"y\"},[],null]},"
    "\"t\":true,\"many\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}";

/* However the text is cut, the value is the same; every proper prefix is refused. */
/* The place of a mistake, with what is around it. */
static void test_places(void) {
    static const struct {
        const char *in, *says;
    } rows[] = {{"{\"a\":x}", "near byte 6 (\"{\"a\":x}\")"},
                {"[0123456789abcdefghijklmnopqrstuvwxyz]", "(\"[0123456789abcdefghijklm\")"},
                {"[1,2,3,4,5,6,7,8,9,10,11,12,13,x,14,15,16,17,18,19]", "(\"0,11,12,13,x,14,15,16,17\")"},
                {"[\"\xc3\xa4\", x]", "(\"[\"..\", x]\")"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        rv_autobuf struct rv_buf b = {0};
        CHECK_ROW(convert(rv_str(rows[i].in), NULL, &b, &err) == RV_E_PARSE, rows[i].in);
        CHECK_ROW(strstr(err.text, rows[i].says) != NULL, rows[i].in);
        if (strstr(err.text, rows[i].says) == NULL) printf("\n    %s", err.text);
    }
}

static void test_chunks(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val whole = from_json(a, sample), v = RV_VAL_ABSENT;
    size_t n = strlen(sample);
    struct rv_json_reader *r = rv_json_reader_new(NULL, NULL, NULL, NULL);
    for (size_t cut = 0; cut <= n; cut++) {
        CU_ASSERT_EQUAL(rv_json_reader_feed(r, sample, cut, NULL), 0);
        CU_ASSERT_EQUAL(rv_json_reader_feed(r, sample + cut, n - cut, NULL), 0);
        CU_ASSERT_EQUAL(rv_json_reader_finish(r, &v, NULL), 0);
        struct rv_str got = {(const char *)v.p, v.n}, want = {(const char *)whole.p, whole.n};
        CU_ASSERT_TRUE(rv_str_eq(got, want)); /* byte for byte */
        rv_json_reader_reset(r);
        if (cut == n) continue;
        int code = rv_json_reader_feed(r, sample, cut, NULL);
        if (code == 0) code = rv_json_reader_finish(r, &v, NULL);
        CU_ASSERT_EQUAL(code, RV_E_PARSE);
        CU_ASSERT_EQUAL(rv_json_reader_feed(r, "1", 1, NULL), RV_E_PARSE); /* stays failed until it is reset */
        rv_json_reader_reset(r);
    }
    for (size_t i = 0; i < n; i++) CU_ASSERT_EQUAL(rv_json_reader_feed(r, sample + i, 1, NULL), 0);
    CU_ASSERT_EQUAL(rv_json_reader_finish(r, &v, NULL), 0);
    CU_ASSERT_TRUE(rv_val_equal(v, whole));
    rv_json_reader_free(r);
}

static void nested(struct rv_buf *b, unsigned depth, bool skipped) {
    if (skipped) rv_buf_adds(b, "{\"drop\":");
    for (unsigned i = skipped ? 1 : 0; i < depth; i++) rv_buf_adds(b, i % 2 == 0 ? "[" : "{\"a\":");
    rv_buf_adds(b, "1");
    for (unsigned i = depth; i > (skipped ? 1U : 0U); i--) rv_buf_adds(b, (i - 1) % 2 == 0 ? "]" : "}");
    if (skipped) rv_buf_adds(b, "}");
}

static void test_depth(void) {
    const char *path = "keep";
    struct rv_projection *p = rv_projection_new(&path, 1, NULL);
    for (int skipped = 0; skipped < 2; skipped++)
        for (unsigned depth = RV_MP_MAX_DEPTH; depth <= RV_MP_MAX_DEPTH + 1; depth++) {
            rv_autobuf struct rv_buf text = {0}, out = {0};
            nested(&text, depth, skipped != 0);
            int want = depth > RV_MP_MAX_DEPTH ? RV_E_TOO_BIG : 0;
            CU_ASSERT_EQUAL(convert(rv_buf_str(&text), skipped ? p : NULL, &out, NULL), want);
        }
    rv_projection_free(p);
}

/* Where depth is clipped the rest is whole, and each element says for itself. */
static void test_clip(void) {
    static const struct rv_json_limits limits = {.max_depth = 5, .clip = true};
    static const struct {
        const char *text, *want;
        bool clipped;
    } rows[] = {
        {"[[[[[1]]]]]", "[[[[[1]]]]]", false},
        {"[[[[[[1],2]]]]]", "[[[[[null,2]]]]]", true},
        {"{\"a\":[[[[{\"x\":[[1]]}]]]],\"b\":1}", "{\"a\":[[[[null]]]],\"b\":1}", true},
        {"{\"a\":[[[[{},[]]]]],\"b\":1}", "{\"a\":[[[[null,null]]]],\"b\":1}", true},
    };
    struct rv_json_reader *r = rv_json_reader_new(NULL, &limits, NULL, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_val v = RV_VAL_ABSENT;
        CHECK_ROW(rv_json_reader_feed(r, rows[i].text, strlen(rows[i].text), NULL) == 0, rows[i].text);
        CHECK_ROW(rv_json_reader_finish(r, &v, NULL) == 0 && json_is(v, rows[i].want), rows[i].text);
        CHECK_ROW(rv_json_reader_clipped(r) == rows[i].clipped, rows[i].text);
        rv_json_reader_reset(r);
        CHECK_ROW(!rv_json_reader_clipped(r), rows[i].text);
    }
    rv_json_reader_free(r);
    const char *path = "keep"; /* what is left out may be as deep as it likes */
    struct rv_projection *p = rv_projection_new(&path, 1, NULL);
    static const char dropped[] = "{\"drop\":[[[[[[[[1]]]]]]]],\"keep\":2}";
    struct rv_val v = RV_VAL_ABSENT;
    r = rv_json_reader_new(p, &limits, NULL, NULL);
    CU_ASSERT_EQUAL(rv_json_reader_feed(r, dropped, sizeof dropped - 1, NULL), 0);
    CU_ASSERT_TRUE(rv_json_reader_finish(r, &v, NULL) == 0 && json_is(v, "{\"keep\":2}"));
    CU_ASSERT_FALSE(rv_json_reader_clipped(r));
    rv_json_reader_free(r);
    rv_projection_free(p);
}

static void test_sizes(void) {
    rv_autobuf struct rv_buf text = {0}, out = {0};
    rv_buf_adds(&text, "{\"metadata\":{\"annotations\":{\"big\":\"");
    for (int i = 0; i < 3 << 19; i++) rv_buf_addc(&text, 'x'); /* the API server's limit for one object */
    rv_buf_adds(&text, "\"}}}");
    CU_ASSERT_EQUAL(convert(rv_buf_str(&text), NULL, &out, NULL), 0);
    CU_ASSERT_EQUAL(rv_path_str((struct rv_val){out.p, out.n}, "metadata.annotations.big").n, 3 << 19);
    struct rv_json_limits limits = {.max_bytes = 1 << 20};
    struct rv_json_reader *r = rv_json_reader_new(NULL, &limits, NULL, NULL);
    CU_ASSERT_EQUAL(rv_json_reader_feed(r, text.p, text.n, NULL), RV_E_TOO_BIG);
    rv_json_reader_free(r);
    rv_buf_clear(&text);
    rv_buf_clear(&out);
    rv_buf_addc(&text, '[');
    for (int i = 0; i < RV_MP_MAX_NODES; i++) rv_buf_adds(&text, "1,");
    rv_buf_adds(&text, "1]");
    CU_ASSERT_EQUAL(convert(rv_buf_str(&text), NULL, &out, NULL), RV_E_TOO_BIG);
}

static void test_large_maps(void) {
    rv_autobuf struct rv_buf text = {0}, out = {0};
    for (int i = 0; i < 70000; i++) rv_buf_addf(&text, "%c\"key-%d\":[%d]", i == 0 ? '{' : ',', i, i);
    size_t n = text.n;
    rv_buf_addc(&text, '}');
    CU_ASSERT_EQUAL(convert(rv_buf_str(&text), NULL, &out, NULL), 0);
    struct rv_val v = {out.p, out.n};
    CU_ASSERT_EQUAL(rv_val_len(v), 70000);
    CU_ASSERT_EQUAL(rv_val_int(rv_val_at(rv_val_get(v, "key-69999"), 0), 0), 69999);
    text.n = n;
    rv_buf_adds(&text, ",\"key-5\":0}");
    rv_buf_clear(&out);
    CU_ASSERT_EQUAL(convert(rv_buf_str(&text), NULL, &out, NULL), RV_E_PARSE);
}

/* What is stored is the smallest form: one byte for the head of a small container. */
static void test_compact(void) {
    rv_autobuf struct rv_buf b = {0};
    CU_ASSERT_EQUAL(convert(RV_STR("{\"a\":[1,{\"b\":-1}]}"), NULL, &b, NULL), 0);
    CU_ASSERT_EQUAL(b.n, 9);
}

static void project(const struct rv_projection *p, const char *in, const char *want) {
    rv_autobuf struct rv_buf b = {0};
    CU_ASSERT_EQUAL(convert(rv_str(in), p, &b, NULL), 0);
    CHECK_ROW(json_is((struct rv_val){b.p, b.n}, want), in);
}

static void test_projection(void) {
    static const struct {
        const char *paths[3], *in, *out;
    } rows[] = {
        {{"metadata.name"},
         "{\"kind\":\"P\",\"metadata\":{\"name\":\"a\",\"x\":{}},\"s\":1}",
         "{\"metadata\":{\"name\":\"a\"}}"},
        {{"s.c[].n", "t"},
         "{\"s\":{\"c\":[{\"n\":1,\"m\":2},{\"m\":[]},{}],\"d\":3},\"t\":[1,{}]}",
         "{\"s\":{\"c\":[{\"n\":1},{},{}]},\"t\":[1,{}]}"},
        {{"a", "a.b"}, "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}"},
        {{"a.b", "a"}, "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}"},
        {{"l[ray.io/x]"}, "{\"l\":{\"ray.io/x\":1,\"ray.io/y\":2}}", "{\"l\":{\"ray.io/x\":1}}"},
        {{"a[][].b"}, "{\"a\":[[{\"b\":1,\"c\":1}],[]]}", "{\"a\":[[{\"b\":1}],[]]}"},
        {{"a.b"}, "{\"a\":null}", "{\"a\":null}"},
        {{"a.b"}, "{\"a\":[1,null,\"s\",[2],{\"b\":1}]}", "{\"a\":[]}"}, /* an object was expected */
        {{"a[].b"}, "{\"a\":{\"b\":1,\"c\":[2]}}", "{\"a\":{}}"},
        {{"a.b"}, "{\"a\":7}", "{\"a\":7}"},
        {{"metadata"}, "{\"metadata\":{\"managedFields\":[{}],\"name\":\"n\"}}", "{\"metadata\":{\"name\":\"n\"}}"},
        {{"metadata.managedFields"}, "{\"metadata\":{\"managedFields\":[{}]}}", "{\"metadata\":{}}"},
        {{NULL},
         "{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\",\"a\":\"b\"}},"
         "\"spec\":{\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"\"}}}",
         "{\"metadata\":{\"annotations\":{\"a\":\"b\"}},"
         "\"spec\":{\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"\"}}}"},
        {{NULL},
         "{\"metadata\":{\"managedFields\":1,\"name\":\"n\"},\"spec\":{\"metadata\":{\"managedFields\":1}}}",
         "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"metadata\":{\"managedFields\":1}}}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        size_t n = 0;
        while (n < 3 && rows[i].paths[n] != NULL) n++;
        struct rv_projection *p = rv_projection_new(rows[i].paths, n, NULL);
        rv_autobuf struct rv_buf b = {0};
        CHECK_ROW(convert(rv_str(rows[i].in), p, &b, NULL) == 0, rows[i].in);
        CHECK_ROW(json_is((struct rv_val){b.p, b.n}, rows[i].out), rows[i].in);
        rv_projection_free(p);
    }
    /* Whoever asks for no projection (an API server stores what it was sent) gets the copy of what was applied last. */
    project(NULL, "{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}}}",
            "{\"metadata\":{\"annotations\":{\"kubectl.kubernetes.io/last-applied-configuration\":\"{}\"}}}");
    static const char *const bad[] = {"a..b", ".a", "a.", "a[", "a[0].b", "a[-3]"};
    for (size_t i = 0; i < RV_ARRAY_LEN(bad); i++) {
        struct rv_error err = {0};
        CHECK_ROW(rv_projection_new(&bad[i], 1, &err) == NULL, bad[i]);
        CHECK_ROW(err.code == RV_E_CONFIG, bad[i]);
    }
}

static void test_projection_algebra(void) {
    const char *one = "a.b", *two = "c[].d";
    struct rv_projection *p = rv_projection_new(&one, 1, NULL), *q = rv_projection_new(&two, 1, NULL);
    struct rv_projection *both = rv_projection_union(p, q), *all = rv_projection_union(p, NULL);
    struct rv_projection *watch = rv_projection_watch(p), *open = rv_projection_watch(NULL);
    rv_projection_free(p); /* the results are independent */
    rv_projection_free(q);
    const char *in = "{\"a\":{\"b\":1,\"x\":1},\"c\":[{\"d\":1,\"e\":1}],\"f\":1}";
    project(both, in, "{\"a\":{\"b\":1},\"c\":[{\"d\":1}]}");
    project(all, in, in);
    project(
        watch,
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"K\",\"a\":{\"b\":1,\"x\":2},\"metadata\":{\"name\":\"n\","
        "\"resourceVersion\":\"5\"}}}",
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"K\",\"a\":{\"b\":1},\"metadata\":{\"resourceVersion\":\"5\"}}}");
    project(open, "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"metadata\":{\"managedFields\":[]}}}",
            "{\"type\":\"ERROR\",\"object\":{\"code\":410,\"metadata\":{}}}");
    rv_projection_free(both);
    rv_projection_free(all);
    rv_projection_free(watch);
    rv_projection_free(open);
}

static struct rv_projection *of(const char *path) {
    return path == NULL ? NULL : path[0] == 0 ? rv_projection_new(NULL, 0, NULL) : rv_projection_new(&path, 1, NULL);
}

static void test_projection_covers(void) {
    static const struct {
        const char *name, *a, *b; /* paths; NULL: no projection, "": one that keeps everything */
        bool covers;
    } rows[] = {{"the same", "a.b", "a.b", true},
                {"what lies below", "a", "a.b[].c", true},
                {"what lies above", "a.b", "a", false},
                {"another field", "a.b", "a.c", false},
                {"elements", "a[].b", "a[].b.c", true},
                {"elements, another field", "a[].b", "a[].c", false},
                {"all has all", "", "a", true},
                {"none has all", NULL, "a.b", true},
                {"a part has not all", "a", "", false},
                {"a part has not what none keeps", "a", NULL, false},
                {"all has what none keeps", "", NULL, true},
                {"none has itself", NULL, NULL, true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_projection *a = of(rows[i].a), *b = of(rows[i].b);
        CHECK_ROW(rv_projection_covers(a, b) == rows[i].covers, rows[i].name);
        rv_projection_free(a);
        rv_projection_free(b);
    }
}

struct items {
    struct rv_buf seen; /* JSON of the items, one per line */
    int n, stop_at;
};

static int on_item(void *arg, struct rv_val item) {
    struct items *it = arg;
    CU_ASSERT_EQUAL(rv_mp_check((struct rv_bytes){item.p, item.n}, NULL), 0);
    rv_json_write(item, &it->seen);
    rv_buf_addc(&it->seen, ';');
    return ++it->n == it->stop_at ? -ECANCELED : 0;
}

static int feed_list(struct items *it, const struct rv_projection *p, const char *text, size_t step,
                     struct rv_buf *rest) {
    struct rv_json_reader *r = rv_json_reader_new(p, NULL, on_item, it);
    size_t n = strlen(text);
    int code = 0;
    for (size_t at = 0; code == 0 && at < n; at += step)
        code = rv_json_reader_feed(r, text + at, n - at < step ? n - at : step, NULL);
    struct rv_val v;
    if (code == 0) code = rv_json_reader_finish(r, &v, NULL);
    if (code == 0) rv_json_write(v, rest);
    rv_json_reader_free(r);
    return code;
}

static void test_lists(void) {
    static const struct {
        const char *in, *items, *rest;
        int code;
    } rows[] = {
        {"{\"kind\":\"L\",\"metadata\":{\"continue\":\"c\"},\"items\":[{\"a\":1,\"b\":2,\"metadata\":{"
         "\"managedFields\":"
         "[]}},{\"a\":[]},{}],\"z\":1}",
         "{\"a\":1};{\"a\":[]};{};", "{\"kind\":\"L\",\"metadata\":{\"continue\":\"c\"},\"z\":1}", 0},
        {"{\"items\":[]}", "", "{}", 0},
        {"{\"items\":null,\"k\":1}", "", "{\"k\":1}", 0},
        {"{\"kind\":\"Status\",\"code\":410}", "", "{\"kind\":\"Status\",\"code\":410}", 0},
        {"{\"x\":{\"items\":[1]}}", "", "{\"x\":{\"items\":[1]}}", 0},
        {"{\"items\":[1,null,\"s\"]}", "1;null;\"s\";", "{}", 0},
        {"{\"items\":{\"a\":1}}", "", "", RV_E_PARSE},
        {"{\"items\":7}", "", "", RV_E_PARSE},
        {"{\"items\":[{\"a\":1}],\"items\":[]}", "{\"a\":1};", "", RV_E_PARSE},
        {"{\"items\":[{\"a\":1},", "{\"a\":1};", "", RV_E_PARSE},
    };
    const char *path = "a";
    struct rv_projection *p = rv_projection_new(&path, 1, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t step = 1; step < 200; step += 66) {
            struct items it = {.stop_at = -1};
            rv_autobuf struct rv_buf rest = {0};
            CHECK_ROW(feed_list(&it, p, rows[i].in, step, &rest) == rows[i].code, rows[i].in);
            CHECK_ROW(rv_str_is(rv_buf_str(&it.seen), rows[i].items), rows[i].in);
            CHECK_ROW(rv_str_is(rv_buf_str(&rest), rows[i].rest), rows[i].in);
            rv_buf_free(&it.seen);
        }
    rv_projection_free(p);
    struct items it = {.stop_at = 2};
    rv_autobuf struct rv_buf rest = {0};
    CU_ASSERT_EQUAL(feed_list(&it, NULL, rows[0].in, 1000, &rest), -ECANCELED);
    CU_ASSERT_EQUAL(it.n, 2);
    rv_buf_free(&it.seen);
}

/* The limit of a list is on its elements, not on their sum. */
static void test_list_limits(void) {
    struct rv_json_limits limits = {.max_bytes = 200000};
    for (int huge = 0; huge < 2; huge++) {
        struct items it = {.stop_at = -1};
        struct rv_json_reader *r = rv_json_reader_new(NULL, &limits, on_item, &it);
        rv_autobuf struct rv_buf text = {0};
        rv_buf_adds(&text, "{\"items\":[0");
        for (int i = 0; i < 20; i++) {
            rv_buf_adds(&text, ",{\"s\":\"");
            for (int k = 0; k < (huge ? 400000 : 40000); k++) rv_buf_addc(&text, 'x');
            rv_buf_adds(&text, "\"}");
        }
        rv_buf_adds(&text, "]}");
        CU_ASSERT_EQUAL(rv_json_reader_feed(r, text.p, text.n, NULL), huge ? RV_E_TOO_BIG : 0);
        CU_ASSERT_EQUAL(it.n, huge ? 1 : 21);
        rv_json_reader_free(r);
        rv_buf_free(&it.seen);
    }
}

static void test_writer(void) {
    rv_autobuf struct rv_buf mp = {0}, out = {0};
    rv_mp_array(&mp, 5);
    rv_mp_bin(&mp, (struct rv_bytes){(const uint8_t *)"\xff\x00\x10", 3});
    rv_mp_bin(&mp, (struct rv_bytes){(const uint8_t *)"ab", 2});
    rv_mp_bin(&mp, (struct rv_bytes){(const uint8_t *)"a", 1});
    rv_mp_float(&mp, 1.0 / 0.0); /* JSON has no word for it */
    rv_mp_uint(&mp, UINT64_MAX);
    CU_ASSERT_TRUE(json_is((struct rv_val){mp.p, mp.n}, "[\"/wAQ\",\"YWI=\",\"YQ==\",null,18446744073709551615]"));
    CU_ASSERT_TRUE(json_is(RV_VAL_ABSENT, "null"));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_json_write_pretty(from_json(a, "{\"a\":[1,{}],\"b\":[]}"), &out);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&out), "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}\n");
    rv_buf_clear(&out);
    rv_json_quote(RV_STR("a\"b\n"), &out);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&out), "\"a\\\"b\\n\"");
}

static const struct suite_test tests[] = {
    {"places", test_places},
    {"round trip", test_round_trip},
    {"refused", test_refused},
    {"chunks and truncation", test_chunks},
    {"depth", test_depth},
    {"clip", test_clip},
    {"sizes", test_sizes},
    {"large maps", test_large_maps},
    {"compact", test_compact},
    {"projection", test_projection},
    {"projection algebra", test_projection_algebra},
    {"does one projection cover another", test_projection_covers},
    {"lists", test_lists},
    {"list limits", test_list_limits},
    {"writer", test_writer},
};
SUITE_MAIN("sdk json", tests)
