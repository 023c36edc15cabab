/* test_value.c - the checker, the readers, equality, hashing and the writers of rayvisor/value.h. */
#include "rayvisor/value.h"

#include "suite.h"

#include <math.h>
#include <stdlib.h>

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_check_table(void) {
    const struct {
        const char *name;
        const uint8_t *p;
        size_t n;
        int want;
    } rows[] = {
        {"nil", BYTES(0xc0), 0},
        {"empty map", BYTES(0x80), 0},
        {"map a=1", BYTES(0x81, 0xa1, 'a', 1), 0},
        {"bin", BYTES(0xc4, 2, 0xff, 0xfe), 0},
        {"float32", BYTES(0xca, 0x3f, 0xc0, 0, 0), 0},
        {"trailing byte", BYTES(0xc0, 0xc0), RV_E_PARSE},
        {"reserved byte", BYTES(0xc1), RV_E_PARSE},
        {"fixext", BYTES(0xd4, 1, 1), RV_E_PARSE},
        {"ext8", BYTES(0xc7, 1, 1, 1), RV_E_PARSE},
        {"five-byte array32", BYTES(0xdd, 0xff, 0xff, 0xff, 0xff), RV_E_PARSE},
        {"five-byte map32", BYTES(0xdf, 0x80, 0, 0, 0), RV_E_PARSE},
        {"str32 of 4 GiB", BYTES(0xdb, 0xff, 0xff, 0xff, 0xff, 'x'), RV_E_PARSE},
        {"map needs two values per entry", BYTES(0x82, 0xa1, 'a', 1), RV_E_PARSE},
        {"integer key", BYTES(0x81, 1, 1), RV_E_PARSE},
        {"nil key", BYTES(0x81, 0xc0, 1), RV_E_PARSE},
        {"map as key", BYTES(0x81, 0x80, 1), RV_E_PARSE},
        {"duplicate key", BYTES(0x82, 0xa1, 'a', 1, 0xa1, 'a', 2), RV_E_PARSE},
        {"duplicate key, other width", BYTES(0x82, 0xa1, 'a', 1, 0xd9, 1, 'a', 2), RV_E_PARSE},
        {"same key in two maps", BYTES(0x92, 0x81, 0xa1, 'a', 1, 0x81, 0xa1, 'a', 2), 0},
        {"same key above and below", BYTES(0x81, 0xa1, 'a', 0x81, 0xa1, 'a', 1), 0},
        {"two empty keys", BYTES(0x82, 0xa0, 1, 0xa0, 2), RV_E_PARSE},
        {"overlong UTF-8", BYTES(0xa2, 0xc0, 0x80), RV_E_PARSE},
        {"overlong UTF-8 of 3", BYTES(0xa3, 0xe0, 0x9f, 0xbf), RV_E_PARSE},
        {"encoded surrogate", BYTES(0xa3, 0xed, 0xa0, 0x80), RV_E_PARSE},
        {"above U+10FFFF", BYTES(0xa4, 0xf4, 0x90, 0x80, 0x80), RV_E_PARSE},
        {"cut UTF-8", BYTES(0xa1, 0xe2), RV_E_PARSE},
        {"lone continuation", BYTES(0xa1, 0x80), RV_E_PARSE},
        {"bad byte after eight good", BYTES(0xa9, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 0xff), RV_E_PARSE},
        {"good UTF-8", BYTES(0xa7, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, 0x80, 'x'), 0},
        {"empty", NULL, 0, RV_E_PARSE},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        int got = rv_mp_check((struct rv_bytes){rows[i].p, rows[i].n}, &err);
        CHECK_ROW(got == rows[i].want, rows[i].name);
        CHECK_ROW((got == 0) == (err.text[0] == 0), rows[i].name);
    }
}

static int check_buf(const struct rv_buf *b) { return rv_mp_check(rv_buf_bytes(b), NULL); }

static void test_check_depth(void) {
    rv_autobuf struct rv_buf b = {0};
    for (int i = 0; i < RV_MP_MAX_DEPTH; i++) rv_mp_array(&b, 1);
    size_t headers = b.n;
    rv_mp_nil(&b);
    CU_ASSERT_EQUAL(check_buf(&b), 0);
    struct rv_val v = {b.p, b.n};
    CU_ASSERT_TRUE(rv_val_equal(v, v));
    b.n = headers;
    rv_mp_array(&b, 1);
    rv_mp_nil(&b);
    CU_ASSERT_EQUAL(check_buf(&b), RV_E_TOO_BIG);
}

static void test_check_nodes(void) {
    rv_autobuf struct rv_buf b = {0};
    rv_mp_array(&b, RV_MP_MAX_NODES);
    for (int i = 0; i < RV_MP_MAX_NODES; i++) rv_buf_addc(&b, 0xc0);
    CU_ASSERT_EQUAL(check_buf(&b), RV_E_TOO_BIG);
}

static void big_map(struct rv_buf *b, size_t n, size_t from, bool reversed) {
    rv_mp_map(b, n);
    for (size_t i = 0; i < n; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%zu", from + (reversed ? n - 1 - i : i));
        rv_mp_cstr(b, key);
        rv_mp_int(b, (int64_t)(from + (reversed ? n - 1 - i : i)));
    }
}

static void test_check_large_maps(void) {
    rv_autobuf struct rv_buf b = {0};
    big_map(&b, 100000, 0, false);
    CU_ASSERT_EQUAL(check_buf(&b), 0);
    /* The same with the last key repeated: the head says one more. */
    rv_autobuf struct rv_buf twice = {0};
    rv_mp_map(&twice, 100001);
    rv_buf_add(&twice, b.p + 5, b.n - 5);
    rv_mp_cstr(&twice, "key-77");
    rv_mp_nil(&twice);
    CU_ASSERT_EQUAL(check_buf(&twice), RV_E_PARSE);
}

static const char sample[] =
    "{\"metadata\":{\"name\":\"a\",\"labels\":{\"ray.io/cluster\":\"c\",\"7\":\"seven\"}},\"spec\":{\"replicas\":3,"
    "\"big\":18446744073709551615,\"low\":-9223372036854775808,\"half\":0.5,\"on\":true,\"nothing\":null,"
    "\"containers\":[{\"image\":\"i0\"},{\"image\":\"i1\",\"args\":[[1],[2,3]]}]}}";

/* Every proper prefix of a message is refused, and no reader runs over the end of a cut one. */
static void test_truncation(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, sample);
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    for (size_t n = 0; n < v.n; n++) {
        rv_autofree uint8_t *cut = rv_alloc(n);
        memcpy(cut, v.p, n);
        CU_ASSERT_NOT_EQUAL(rv_mp_check((struct rv_bytes){cut, n}, NULL), 0);
        struct rv_val w = {cut, n};
        (void)rv_val_path(w, "spec.containers[1].args[1][1]");
        (void)rv_val_hash(w);
    }
    CU_ASSERT_EQUAL(rv_mp_check((struct rv_bytes){v.p, v.n}, NULL), 0);
}

static void test_paths(void) {
    static const struct {
        const char *path, *want; /* JSON; NULL: absent */
    } rows[] = {
        {"metadata.name", "\"a\""},
        {"metadata.labels[ray.io/cluster]", "\"c\""},
        {"metadata.labels[7]", "\"seven\""},
        {"metadata.labels.7", "\"seven\""},
        {"spec.containers[1].image", "\"i1\""},
        {"spec.containers[1].args[1][1]", "3"},
        {"spec.containers[2]", NULL},
        {"spec.containers[-1]", NULL},
        {"spec.containers[99999999999999999999]", NULL},
        {"spec.containers.image", NULL},
        {"spec.replicas.deeper", NULL},
        {"spec.nothing", "null"},
        {"spec.nothing.more", NULL},
        {"spec.absent", NULL},
        {"spec..on", NULL},
        {"spec.on.", NULL},
        {".spec", NULL},
        {"spec[on", NULL},
        {"spec[on]x", NULL},
        {"spec[on]", "true"},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, sample);
    CU_ASSERT_TRUE(json_is(rv_val_path(v, ""), sample));
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_val got = rv_val_path(v, rows[i].path);
        CHECK_ROW(rv_val_present(got) == (rows[i].want != NULL), rows[i].path);
        if (rows[i].want != NULL) CHECK_ROW(json_is(got, rows[i].want), rows[i].path);
    }
    CU_ASSERT_FALSE(rv_val_present(rv_val_path(RV_VAL_ABSENT, "a.b[0]")));
}

static void test_scalars(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, sample);
    CU_ASSERT_EQUAL(rv_path_int(v, "spec.replicas", -1), 3);
    CU_ASSERT_EQUAL(rv_path_int(v, "spec.low", -1), INT64_MIN);
    CU_ASSERT_EQUAL(rv_path_int(v, "spec.big", -1), -1);
    CU_ASSERT_EQUAL(rv_val_type(rv_val_path(v, "spec.big")), RV_UINT);
    CU_ASSERT_EQUAL(rv_path_int(v, "spec.half", -1), -1);
    CU_ASSERT_EQUAL(rv_val_float(rv_val_path(v, "spec.half"), 0), 0.5);
    CU_ASSERT_EQUAL(rv_val_float(rv_val_path(v, "spec.replicas"), 0), 3.0);
    CU_ASSERT_TRUE(rv_path_bool(v, "spec.on", false));
    CU_ASSERT_TRUE(rv_path_bool(v, "spec.replicas", true));
    CU_ASSERT_FALSE(rv_val_set(rv_val_path(v, "spec.nothing")));
    CU_ASSERT_TRUE(rv_val_present(rv_val_path(v, "spec.nothing")));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "metadata.name"), "a"));
    CU_ASSERT_PTR_NULL(rv_path_str(v, "spec.replicas").p);
    CU_ASSERT_TRUE(rv_str_is(rv_val_str_or(rv_val_path(v, "spec.replicas"), "no"), "no"));
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(v, "spec.containers")), 2);
    CU_ASSERT_EQUAL(rv_val_len(rv_val_path(v, "metadata.name")), 0);
    CU_ASSERT_STRING_EQUAL(rv_type_name(RV_MAP), "map");
}

static void test_writers_round_trip(void) {
    static const int64_t ints[] = {0,  1,   127, 128,  255,  256,    65535,  65536,       UINT32_MAX,  INT64_MAX,
                                   -1, -32, -33, -128, -129, -32768, -32769, -2147483648, -2147483649, INT64_MIN};
    for (size_t i = 0; i < RV_ARRAY_LEN(ints); i++) {
        rv_autobuf struct rv_buf b = {0};
        rv_mp_int(&b, ints[i]);
        CU_ASSERT_EQUAL(check_buf(&b), 0);
        CU_ASSERT_EQUAL(rv_val_int((struct rv_val){b.p, b.n}, 42), ints[i]);
    }
    static const size_t lengths[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
    for (size_t i = 0; i < RV_ARRAY_LEN(lengths); i++) {
        rv_autofree char *text = rv_alloc(lengths[i]);
        memset(text, 'x', lengths[i]);
        rv_autobuf struct rv_buf b = {0};
        rv_mp_array(&b, 2);
        rv_mp_str(&b, (struct rv_str){text, lengths[i]});
        rv_mp_bin(&b, (struct rv_bytes){(const uint8_t *)text, lengths[i]});
        CU_ASSERT_EQUAL(check_buf(&b), 0);
        struct rv_val v = {b.p, b.n};
        CU_ASSERT_EQUAL(rv_val_str(rv_val_at(v, 0)).n, lengths[i]);
        CU_ASSERT_EQUAL(rv_val_bin(rv_val_at(v, 1)).n, lengths[i]);
    }
    rv_autobuf struct rv_buf b = {0};
    rv_mp_val(&b, RV_VAL_ABSENT);
    CU_ASSERT_EQUAL(rv_val_type((struct rv_val){b.p, b.n}), RV_NULL);
}

static void test_equality_and_hash(void) {
    static const struct {
        const char *a, *b;
        bool equal;
    } rows[] = {
        {"1", "1.0", true},
        {"1", "1e0", true},
        {"1", "true", false},
        {"0", "null", false},
        {"0", "-0.0", true},
        {"\"1\"", "1", false},
        {"9007199254740993", "9007199254740992.0", false},
        {"9007199254740992", "9007199254740992.0", true},
        {"18446744073709551615", "18446744073709551616.0", false},
        {"9223372036854775808", "9223372036854775808.0", true},
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2.0],\"a\":1}", true},
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[2,1],\"a\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
        {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":{\"x\":1,\"y\":2},\"b\":{}}", "{\"b\":{},\"a\":{\"y\":2,\"x\":1}}", true},
        {"{\"a\":\"b\"}", "{\"b\":\"a\"}", false},
        {"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
        {"[]", "{}", false},
        {"[[]]", "[]", false},
        {"\"\"", "null", false},
    };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_val x = from_json(a, rows[i].a), y = from_json(a, rows[i].b);
        struct rv_hash p = rv_val_hash(x), q = rv_val_hash(y);
        CHECK_ROW(rv_val_equal(x, y) == rows[i].equal && rv_val_equal(y, x) == rows[i].equal, rows[i].a);
        CHECK_ROW((p.hi == q.hi && p.lo == q.lo) == rows[i].equal, rows[i].a);
    }
}

static void test_equality_of_large_maps(void) {
    rv_autobuf struct rv_buf x = {0}, y = {0}, z = {0};
    big_map(&x, 50000, 0, false);
    big_map(&y, 50000, 0, true);
    big_map(&z, 50000, 1, true);
    struct rv_val a = {x.p, x.n}, b = {y.p, y.n}, c = {z.p, z.n};
    CU_ASSERT_TRUE(rv_val_equal(a, b));
    CU_ASSERT_FALSE(rv_val_equal(a, c));
    struct rv_hash p = rv_val_hash(a), q = rv_val_hash(b), r = rv_val_hash(c);
    CU_ASSERT_TRUE(p.hi == q.hi && p.lo == q.lo);
    CU_ASSERT_FALSE(p.hi == r.hi && p.lo == r.lo);
}

static void test_iteration(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, "{\"x\":1,\"y\":[4,5]}");
    struct rv_iter it = rv_iter(v);
    CU_ASSERT_TRUE(rv_iter_next(&it) && rv_str_is(it.key, "x") && rv_val_int(it.val, 0) == 1);
    CU_ASSERT_TRUE(rv_iter_next(&it) && rv_str_is(it.key, "y") && rv_val_len(it.val) == 2);
    CU_ASSERT_FALSE(rv_iter_next(&it));
    CU_ASSERT_FALSE(rv_iter_next(&it));
    it = rv_iter(RV_VAL_ABSENT);
    CU_ASSERT_FALSE(rv_iter_next(&it));
    it = rv_iter(rv_val_get(v, "x"));
    CU_ASSERT_FALSE(rv_iter_next(&it));
}

static const struct suite_test tests[] = {
    {"check: table", test_check_table},
    {"check: depth", test_check_depth},
    {"check: nodes", test_check_nodes},
    {"check: large maps", test_check_large_maps},
    {"truncation at every byte", test_truncation},
    {"paths", test_paths},
    {"scalars", test_scalars},
    {"writers round trip", test_writers_round_trip},
    {"equality and hash", test_equality_and_hash},
    {"equality of large maps", test_equality_of_large_maps},
    {"iteration", test_iteration},
};
SUITE_MAIN("sdk value", tests)
