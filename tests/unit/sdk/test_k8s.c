/* test_k8s.c - names, quantities, selectors, times, owner references, conditions (rayvisor/k8s.h). The expected values
 * are what apimachinery gives. */
#include "rayvisor/k8s.h"

#include "suite.h"

#define TEN "abcdefghij"
#define SIXTY TEN TEN TEN TEN TEN TEN

static struct rv_str first_ten(struct rv_arena *a, struct rv_str s) { return (void)a, rv_name_first(s, 10); }
static struct rv_str last_ten(struct rv_arena *a, struct rv_str s) { return (void)a, rv_name_last(s, 10); }
static struct rv_str no_digit(struct rv_arena *a, struct rv_str s) { return rv_name_legal_start(a, s, false); }
static struct rv_str digit_too(struct rv_arena *a, struct rv_str s) { return rv_name_legal_start(a, s, true); }
static struct rv_str in_ten(struct rv_arena *a, struct rv_str s) { return rv_name_with_suffix(a, s, "-head", 10); }
static struct rv_str in_three(struct rv_arena *a, struct rv_str s) { return rv_name_with_suffix(a, s, "-head", 3); }

static void names_that_fit(void) {
    static const struct {
        const char *row;
        struct rv_str (*fn)(struct rv_arena *a, struct rv_str s);
        const char *in, *want;
    } rows[] = {
        {"first: short", first_ten, "abc", "abc"},
        {"first: exact", first_ten, TEN, TEN},
        {"first: cut", first_ten, TEN "x", TEN},
        {"last: short", last_ten, "", ""},
        {"last: exact", last_ten, TEN, TEN},
        {"last: cut", last_ten, "x" TEN, TEN},
        {"lower", rv_name_lower, "AZaz09-\xc3\x84", "azaz09-\xc3\x84"},
        {"start: nothing", no_digit, "", ""},
        {"start: letter", no_digit, "Abc", "Abc"},
        {"start: digit", no_digit, "1bc", "rbc"},
        {"start: digit allowed", digit_too, "1bc", "1bc"},
        {"start: dash", digit_too, "-bc", "rbc"},
        {"start: dot", no_digit, ".", "r"},
        {"start: tilde", digit_too, "~a", "ra"},
        {"suffix: room", in_ten, "abc", "abc-head"},
        {"suffix: just", in_ten, "abcde", "abcde-head"},
        {"suffix: cut", in_ten, "abcdef", "abcde-head"},
        {"suffix: no room at all", in_three, "abc", "-head"},
        {"label: as it is", rv_name_to_label_value, "1.a_b-c", "1.a_b-c"},
        {"label: 63", rv_name_to_label_value, SIXTY "abc", SIXTY "abc"},
        {"label: the last 63", rv_name_to_label_value, "x" SIXTY "abc", SIXTY "abc"},
        {"label: cut at a dash", rv_name_to_label_value, "x-" SIXTY "ab", "r" SIXTY "ab"},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(rv_str_is(rows[i].fn(a, rv_str(rows[i].in)), rows[i].want), rows[i].row);
}

static void test_names(void) {
    char l63[64], l64[65], d253[254];
    memset(l63, 'a', 63);
    l63[63] = 0;
    memset(l64, 'a', 64);
    l64[64] = 0;
    memset(d253, 'b', 253);
    d253[253] = 0;
    enum { LABEL = 1, DOMAIN = 2, L1035 = 4, KEY = 8, VALUE = 16 };
    const struct {
        const char *text;
        int valid;
    } rows[] = {
        {"a", LABEL | DOMAIN | L1035 | KEY | VALUE},
        {"a-b", LABEL | DOMAIN | L1035 | KEY | VALUE},
        {"1a", LABEL | DOMAIN | KEY | VALUE},
        {"a.b", DOMAIN | KEY | VALUE},
        {"a..b", KEY | VALUE},
        {"a.", 0},
        {".a", 0},
        {"", VALUE},
        {"A_b", KEY | VALUE},
        {"-a", 0},
        {"a-", 0},
        {"a b", 0},
        {"ray.io/cluster", KEY},
        {"ray.io/", 0},
        {"/cluster", 0},
        {"Ray.io/cluster", 0},
        {"a/b/c", 0},
        {"\xc3\xa9", 0},
        {l63, LABEL | DOMAIN | L1035 | KEY | VALUE},
        {l64, DOMAIN},
        {d253, DOMAIN},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str s = rv_str(rows[i].text);
        int got = (rv_name_dns1123_label(s) == NULL ? LABEL : 0) | (rv_name_dns1123_subdomain(s) == NULL ? DOMAIN : 0) |
                  (rv_name_dns1035_label(s) == NULL ? L1035 : 0) | (rv_name_label_key(s) == NULL ? KEY : 0) |
                  (rv_name_label_value(s) == NULL ? VALUE : 0);
        CHECK_ROW(got == rows[i].valid, rows[i].text);
    }
    char suffix[6];
    rv_name_suffix((const uint8_t[5]){0, 26, 27, 255, 1}, suffix);
    CU_ASSERT_STRING_EQUAL(suffix, "b9bqc");
}

static void test_quantity_format(void) {
    static const struct {
        const char *in, *out; /* out NULL: refused */
    } rows[] = {
        {"0", "0"},           {"0Gi", "0"},
        {"-0", "0"},          {"1", "1"},
        {"1000m", "1"},       {"1500m", "1500m"},
        {"1.5", "1500m"},     {"0.5", "500m"},
        {"1000", "1k"},       {"1024", "1024"},
        {"1500", "1500"},     {"1000000", "1M"},
        {"1e3", "1e3"},       {"1E3", "1e3"},
        {"1500e0", "1500"},   {"1.5e3", "1500"},
        {"15e2", "1500"},     {"1e21", "1e21"},
        {"1e-3", "1e-3"},     {"1e+3", "1e3"},
        {"1Ki", "1Ki"},       {"1024Ki", "1Mi"},
        {"1536Mi", "1536Mi"}, {"0.5Gi", "512Mi"},
        {"1.5Gi", "1536Mi"},  {"512Ki", "512Ki"},
        {"0.5Ki", "512"},     {"1023Ki", "1023Ki"},
        {"5Gi", "5Gi"},       {"-5Gi", "-5Gi"},
        {"+5Gi", "5Gi"},      {"1Ei", "1Ei"},
        {"1E", "1E"},         {"1P", "1P"},
        {"1T", "1T"},         {"1G", "1G"},
        {"100M", "100M"},     {"1u", "1u"},
        {"1n", "1n"},         {"0.1n", "1n"},
        {"-0.1n", "-1n"},     {"1.0000000001", "1000000001n"},
        {"5.", "5"},          {".5", "500m"},
        {"00012", "12"},      {"0.1", "100m"},
        {"1e-10", "1e-9"},    {"0.333333333333333333333333333333333333333333Gi", "357913941333333334n"},
        {"", NULL},           {"Gi", NULL},
        {".", NULL},          {"1 Gi", NULL},
        {" 1", NULL},         {"1gi", NULL},
        {"1K", NULL},         {"1e", NULL},
        {"1e+", NULL},        {"1e+-3", NULL},
        {"1e1.5", NULL},      {"1.2.3", NULL},
        {"1GiB", NULL},       {"--1", NULL},
        {"1mm", NULL},        {"0x10", NULL},
        {"1Eii", NULL},       {"NaN", NULL},
        {"1e3Gi", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_quantity q = {0}, again = {0};
        int r = rv_quantity_parse(rv_str(rows[i].in), &q);
        CHECK_ROW((r == 0) == (rows[i].out != NULL), rows[i].in);
        if (r != 0 || rows[i].out == NULL) continue;
        char text[48];
        rv_quantity_format(q, text);
        if (strcmp(text, rows[i].out) != 0) printf("\n    got %s", text);
        CHECK_ROW(strcmp(text, rows[i].out) == 0, rows[i].in);
        CHECK_ROW(rv_quantity_parse(rv_str(text), &again) == 0 && rv_quantity_cmp(q, again) == 0, rows[i].in);
    }
}

static void test_quantity_arithmetic(void) {
    static const struct {
        const char *a, *b, *sum;
        int cmp;
    } rows[] = {
        {"5Gi", "1Gi", "6Gi", 1},
        {"500m", "1", "1500m", -1},
        {"0", "1Gi", "1Gi", -1},
        {"1Gi", "0", "1Gi", 1},
        {"1000m", "1", "2", 0},
        {"1Ki", "1024", "2Ki", 0},
        {"1Gi", "500m", "1073741824500m", 1},
        {"1Gi", "-1Gi", "0", 1},
        {"1G", "1Gi", "2073741824", -1},
        {"1023", "1", "1024", 1},
        {"512Mi", "512Mi", "1Gi", 0},
        {"1e3", "1", "1001", 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_quantity a = {0}, b = {0};
        char text[48];
        CHECK_ROW(rv_quantity_parse(rv_str(rows[i].a), &a) == 0 && rv_quantity_parse(rv_str(rows[i].b), &b) == 0,
                  rows[i].a);
        CHECK_ROW(rv_quantity_cmp(a, b) == rows[i].cmp && rv_quantity_cmp(b, a) == -rows[i].cmp, rows[i].a);
        rv_quantity_add(&a, b);
        rv_quantity_format(a, text);
        if (strcmp(text, rows[i].sum) != 0) printf("\n    got %s", text);
        CHECK_ROW(strcmp(text, rows[i].sum) == 0, rows[i].a);
    }
    struct rv_quantity q;
    CU_ASSERT_EQUAL(rv_quantity_parse(RV_STR("1500m"), &q), 0);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), 2);
    CU_ASSERT_EQUAL(rv_quantity_to_double(q), 1.5);
    rv_quantity_mul(&q, 3);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), 5);
    CU_ASSERT_EQUAL(rv_quantity_parse(RV_STR("-1500m"), &q), 0);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), -1);
    CU_ASSERT_EQUAL(rv_quantity_parse(RV_STR("1e99999999999999999999"), &q), 0);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), INT64_MAX); /* saturates */
    struct rv_quantity again = q;
    rv_quantity_add(&q, again);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), INT64_MAX);
    CU_ASSERT_EQUAL(rv_quantity_parse(RV_STR("-1e99999999999999999999"), &q), 0);
    CU_ASSERT_EQUAL(rv_quantity_ceil(q), INT64_MIN);
}

static void test_quantity_values(void) {
    static const struct {
        const char *json, *out;
    } rows[] = {{"2", "2"},
                {"\"2\"", "2"},
                {"0.1", "100m"},
                {"1.5", "1500m"},
                {"18446744073709551615", "18446744073709551615"},
                {"1e3", "1k"},
                {"true", NULL},
                {"null", NULL},
                {"[]", NULL},
                {"\"x\"", NULL}};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_quantity q;
        int r = rv_quantity_from_val(from_json(a, rows[i].json), &q);
        CHECK_ROW((r == 0) == (rows[i].out != NULL), rows[i].json);
        if (r != 0) continue;
        char text[48];
        rv_quantity_format(q, text);
        CHECK_ROW(strcmp(text, rows[i].out) == 0, rows[i].json);
    }
    struct rv_quantity q;
    CU_ASSERT_NOT_EQUAL(rv_quantity_from_val(RV_VAL_ABSENT, &q), 0);
}

static void test_selector_text(void) {
    static const struct {
        const char *text, *labels;
        int want; /* 1 matches, 0 does not, -1 refused */
    } rows[] = {
        {"", "{}", 1},
        {"  ", "{\"a\":\"1\"}", 1},
        {"a", "{\"a\":\"\"}", 1},
        {"a", "{}", 0},
        {"!a", "{}", 1},
        {"! a", "{\"a\":\"1\"}", 0},
        {"a=1", "{\"a\":\"1\"}", 1},
        {"a==1", "{\"a\":\"1\"}", 1},
        {" a = 1 , b = 2 ", "{\"a\":\"1\",\"b\":\"2\"}", 1},
        {"a=1,b=2", "{\"a\":\"1\"}", 0},
        {"a=", "{\"a\":\"\"}", 1},
        {"a=", "{}", 0},
        {"a!=1", "{}", 1},
        {"a!=1", "{\"a\":\"2\"}", 1},
        {"a!=1", "{\"a\":\"1\"}", 0},
        {"a in (1,2)", "{\"a\":\"2\"}", 1},
        {"a in (1, 2)", "{\"a\":\"3\"}", 0},
        {"a in(1)", "{\"a\":\"1\"}", 1},
        {"a in (,)", "{\"a\":\"\"}", 1},
        {"a in (1,)", "{\"a\":\"\"}", 1},
        {"a notin (1,2)", "{}", 1},
        {"a notin (1,2)", "{\"a\":\"1\"}", 0},
        {"a notin\t(1)\r\n", "{\"a\":\"2\"}", 1},
        {"in in (in)", "{\"in\":\"in\"}", 1},
        {"notin", "{\"notin\":\"x\"}", 1},
        {"a>1", "{\"a\":\"2\"}", 1},
        {"a > 1", "{\"a\":\"1\"}", 0},
        {"a<1", "{\"a\":\"0\"}", 1},
        {"a<1", "{\"a\":\"x\"}", 0},
        {"a<1", "{}", 0},
        {"ray.io/node-type in (head,worker,redis-cleanup)", "{\"ray.io/node-type\":\"worker\"}", 1},
        {"a=1,a=2", "{\"a\":\"1\"}", 0},
        {"a,", "{}", -1},
        {",a", "{}", -1},
        {"a b", "{}", -1},
        {"a=1 b=2", "{}", -1},
        {"!a=1", "{}", -1},
        {"!", "{}", -1},
        {"a in ()", "{}", -1},
        {"a in (1", "{}", -1},
        {"a in 1", "{}", -1},
        {"a in", "{}", -1},
        {"a notin", "{}", -1},
        {"a!1", "{}", -1},
        {"a=!", "{}", -1},
        {"a>x", "{}", -1},
        {"a>", "{}", -1},
        {"=1", "{}", -1},
        {"a=b c", "{}", -1},
        {"a=-x", "{}", -1},
        {"-a=x", "{}", -1},
        {"a)", "{}", -1},
        {"a=\xc3\xa9", "{}", -1},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct rv_selector *s = rv_selector_parse(rv_str(rows[i].text), &err);
        CHECK_ROW((s == NULL) == (rows[i].want < 0), rows[i].text);
        CHECK_ROW((s == NULL) == (err.code == RV_E_PARSE), rows[i].text);
        if (s == NULL) continue;
        struct rv_val labels = from_json(a, rows[i].labels);
        CHECK_ROW(rv_selector_matches(s, labels) == (rows[i].want == 1), rows[i].text);
        rv_autobuf struct rv_buf text = {0}, once_more = {0};
        rv_selector_print(s, &text);
        struct rv_selector *again = rv_selector_parse(rv_buf_str(&text), NULL);
        CHECK_ROW(again != NULL, rows[i].text);
        if (again != NULL) {
            rv_selector_print(again, &once_more);
            CHECK_ROW(rv_selector_matches(again, labels) == (rows[i].want == 1), rows[i].text);
            CHECK_ROW(rv_str_eq(rv_buf_str(&text), rv_buf_str(&once_more)), rows[i].text);
        }
        rv_selector_free(again);
        rv_selector_free(s);
    }
}

static void note_key(void *arg, struct rv_str key) { rv_buf_addf(arg, RV_STR_FMT " ", RV_STR_ARG(key)); }

static void test_selector_keys(void) {
    rv_autobuf struct rv_buf keys = {0};
    struct rv_selector *s = rv_selector_parse(RV_STR("a=1,x.io/b in (c,d),!e,f,g>3,a!=2"), NULL);
    rv_selector_keys(s, note_key, &keys);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&keys), "a x.io/b e f g a ");
    rv_selector_free(s);
    rv_selector_keys(NULL, note_key, &keys);
    CU_ASSERT_EQUAL(keys.n, 17);
}

static void test_selector_objects(void) {
    static const struct {
        const char *json, *labels;
        int want;
    } rows[] = {
        {"{}", "{\"a\":\"1\"}", 1},
        {"null", "{}", 0},
        {"{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"1\",\"b\":\"2\"}", 1},
        {"{\"matchLabels\":{\"a\":\"1\"}}", "{\"a\":\"2\"}", 0},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\",\"values\":[\"1\",\"2\"]}]}", "{\"a\":\"2\"}", 1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"NotIn\",\"values\":[\"1\"]}]}", "{}", 1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\"}]}", "{}", 0},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"DoesNotExist\",\"values\":[]}]}", "{}", 1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Exists\",\"values\":[\"1\"]}]}", "{}", -1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}", "{}", -1},
        {"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"in\",\"values\":[\"1\"]}]}", "{}", -1},
        {"{\"matchExpressions\":[{\"key\":\"a b\",\"operator\":\"Exists\"}]}", "{}", -1},
        {"{\"matchExpressions\":{\"key\":\"a\"}}", "{}", -1},
        {"{\"matchLabels\":{\"a\":1}}", "{}", -1},
        {"{\"matchLabels\":{\"a\":\"b c\"}}", "{}", -1},
        {"{\"matchLabels\":[]}", "{}", -1},
        {"\"a=b\"", "{}", -1},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct rv_selector *s = rv_selector_from_val(from_json(a, rows[i].json), &err);
        CHECK_ROW((s == NULL) == (rows[i].want < 0), rows[i].json);
        CHECK_ROW((s == NULL) == (err.code == RV_E_INVALID), rows[i].json);
        if (s != NULL)
            CHECK_ROW(rv_selector_matches(s, from_json(a, rows[i].labels)) == (rows[i].want == 1), rows[i].json);
        rv_selector_free(s);
    }
    struct rv_selector *none = rv_selector_from_val(RV_VAL_ABSENT, NULL);
    rv_autobuf struct rv_buf text = {0};
    rv_selector_print(none, &text);
    CU_ASSERT_FALSE(rv_selector_matches(none, from_json(a, "{}")));
    struct rv_selector *printed = rv_selector_parse(rv_buf_str(&text), NULL);
    CU_ASSERT_FALSE(rv_selector_matches(printed, from_json(a, "{\"nothing\":\"x\"}")));
    CU_ASSERT_FALSE(rv_selector_matches(printed, from_json(a, "{}")));
    rv_selector_free(printed);
    rv_selector_free(none);
}

static void test_times(void) {
    static const struct {
        const char *in, *out; /* out NULL: refused */
        int64_t ns;
    } rows[] = {
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", 0},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", 1767323045000000000},
        {"2026-01-02T03:04:05.000006Z", "2026-01-02T03:04:05Z", 1767323045000006000},
        {"2026-01-02T03:04:05.1234567899Z", "2026-01-02T03:04:05Z", 1767323045123456789},
        {"2026-01-02T03:04:05+01:30", "2026-01-02T01:34:05Z", 1767317645000000000},
        {"2026-01-02T03:04:05-01:30", "2026-01-02T04:34:05Z", 1767328445000000000},
        {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z", 1709208000000000000},
        {"1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z", -1000000000},
        {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z", -500000000},
        {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00Z", 951782400000000000},
        {"2023-02-29T00:00:00Z", NULL, 0},
        {"1900-02-29T00:00:00Z", NULL, 0},
        {"2026-13-01T00:00:00Z", NULL, 0},
        {"2026-00-01T00:00:00Z", NULL, 0},
        {"2026-04-31T00:00:00Z", NULL, 0},
        {"2026-01-01T24:00:00Z", NULL, 0},
        {"2026-01-01T00:60:00Z", NULL, 0},
        {"2026-01-01T00:00:60Z", NULL, 0},
        {"2026-01-01T00:00:00", NULL, 0},
        {"2026-01-01t00:00:00Z", NULL, 0},
        {"2026-01-01 00:00:00Z", NULL, 0},
        {"2026-01-01T00:00:00.Z", NULL, 0},
        {"2026-01-01T00:00:00Zx", NULL, 0},
        {"2026-01-01T00:00:00+1:00", NULL, 0},
        {"2026-01-01T00:00:00+24:00", NULL, 0},
        {"26-01-01T00:00:00Z", NULL, 0},
        {"0001-01-01T00:00:00Z", NULL, 0},
        {"9999-01-01T00:00:00Z", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        int64_t ns;
        int r = rv_time_parse(rv_str(rows[i].in), &ns);
        CHECK_ROW((r == 0) == (rows[i].out != NULL), rows[i].in);
        if (r != 0 || rows[i].out == NULL) continue;
        char text[32];
        rv_time_format(ns, text);
        CHECK_ROW(ns == rows[i].ns, rows[i].in);
        CHECK_ROW(strcmp(text, rows[i].out) == 0, rows[i].in);
    }
    char micro[40];
    rv_time_format_micro(1767323045000006999, micro);
    CU_ASSERT_STRING_EQUAL(micro, "2026-01-02T03:04:05.000006Z");
    rv_time_format_micro(-1, micro);
    CU_ASSERT_STRING_EQUAL(micro, "1969-12-31T23:59:59.999999Z");
    rv_time_format_micro(INT64_MAX, micro);
    CU_ASSERT_STRING_EQUAL(micro, "2262-04-11T23:47:16.854775Z");
    rv_time_format_micro(INT64_MIN, micro);
    CU_ASSERT_STRING_EQUAL(micro, "1677-09-21T00:12:43.145224Z");
}

static void test_owners(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n =
        rv_node_from(a, from_json(a, "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"x\",\"controller\":false}]}}"));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), RV_STR("c"), RV_STR("u"));
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayCluster"), RV_STR("c"), RV_STR("u"));
    struct rv_val v = rv_node_freeze(a, n);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(v, "metadata.ownerReferences")), 2);
    CU_ASSERT_TRUE(rv_str_is(rv_meta_controller_uid(v), "u"));
    CU_ASSERT_TRUE(json_is(rv_val_path(v, "metadata.ownerReferences[1]"),
                           "{\"apiVersion\":\"ray.io/v1\",\"kind\":\"RayCluster\",\"name\":\"c\",\"uid\":\"u\","
                           "\"controller\":true,\"blockOwnerDeletion\":true}"));
    CU_ASSERT_EQUAL(rv_meta_controller_uid(from_json(a, "{}")).n, 0);
    CU_ASSERT_FALSE(rv_meta_deleting(v));
    CU_ASSERT_FALSE(rv_meta_deleting(from_json(a, "{\"metadata\":{\"deletionTimestamp\":null}}")));
    CU_ASSERT_TRUE(rv_meta_deleting(from_json(a, "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}")));
}

static void test_conditions(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *list = rv_node_array(a);
    const int64_t second = 1000000000;
    CU_ASSERT_TRUE(rv_condition_set(a, list, "Ready", "False", RV_STR("Init"), RV_STR("m"), 0));
    CU_ASSERT_FALSE(rv_condition_set(a, list, "Ready", "False", RV_STR("Init"), RV_STR("m"), second));
    CU_ASSERT_TRUE(rv_condition_set(a, list, "Ready", "False", RV_STR("Other"), RV_STR("m"), 2 * second));
    struct rv_val v = rv_node_freeze(a, list);
    CU_ASSERT_TRUE(rv_condition_is(v, "Ready", "False"));
    CU_ASSERT_FALSE(rv_condition_is(v, "Ready", "True"));
    CU_ASSERT_FALSE(rv_condition_is(v, "Absent", "True"));
    /* Only a change of status moves the transition time. */
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(rv_condition_find(v, "Ready"), "lastTransitionTime"), "1970-01-01T00:00:00Z"));
    CU_ASSERT_TRUE(rv_condition_set(a, list, "Ready", "True", RV_STR("Other"), RV_STR("m"), 3 * second));
    v = rv_node_freeze(a, list);
    CU_ASSERT_EQUAL(rv_val_len(v), 1);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(rv_condition_find(v, "Ready"), "lastTransitionTime"), "1970-01-01T00:00:03Z"));
    CU_ASSERT_TRUE(rv_condition_remove(list, "Ready"));
    CU_ASSERT_FALSE(rv_condition_remove(list, "Ready"));
    CU_ASSERT_EQUAL(rv_node_len(list), 0);
}

static void test_status_patch(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *patch = rv_node_map(a);
    rv_node_set_cstr(a, patch, "state", "ready");
    struct rv_action act = rv_status_patch(a, RV_STR("ray.io/v1"), RV_STR("rayclusters"),
                                           &(struct rv_key){RV_STR("n"), RV_STR("c")}, RV_STR("u"), patch);
    CU_ASSERT_TRUE(act.size == sizeof act && act.verb == RV_VERB_MERGE_PATCH && act.grace_seconds == 0);
    CU_ASSERT_TRUE(rv_str_is(act.subresource, "status") && rv_str_is(act.resource, "rayclusters"));
    CU_ASSERT_TRUE(rv_str_is(act.ns, "n") && rv_str_is(act.name, "c") && rv_str_is(act.pre_uid, "u"));
    CU_ASSERT_EQUAL(act.pre_version.n, 0);
    struct rv_val body = {act.body.p, act.body.n};
    CU_ASSERT_TRUE(rv_val_len(body) == 1 && rv_str_is(rv_path_str(body, "status.state"), "ready"));
}

static const struct suite_test tests[] = {
    {"names", test_names},
    {"names that fit", names_that_fit},
    {"quantity: canonical form", test_quantity_format},
    {"quantity: arithmetic", test_quantity_arithmetic},
    {"quantity: from values", test_quantity_values},
    {"selector: text", test_selector_text},
    {"selector: keys", test_selector_keys},
    {"selector: objects", test_selector_objects},
    {"times", test_times},
    {"owners", test_owners},
    {"conditions", test_conditions},
    {"status patch", test_status_patch},
};
SUITE_MAIN("sdk k8s", tests)
