/* test_base.c - views, errors, buffers and arenas (rayvisor/base.h). */
#include "rayvisor/base.h"

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void test_strings(void) {
    struct rv_str s = RV_STR("ray.io/v1"), none = {NULL, 0};
    CU_ASSERT_TRUE(rv_str_starts(s, "ray.") && rv_str_starts(s, "") && !rv_str_starts(s, "ray.io/v1x"));
    CU_ASSERT_TRUE(rv_str_ends(s, "/v1") && rv_str_ends(s, "") && !rv_str_ends(none, "x"));
    CU_ASSERT_TRUE(rv_str_ieq(RV_STR("Content-Type"), "content-type") && !rv_str_ieq(s, "ray"));
    CU_ASSERT_TRUE(rv_str_eq(none, RV_STR("")) && rv_str_is(none, ""));
    CU_ASSERT_TRUE(rv_str_cmp(RV_STR("a"), RV_STR("ab")) < 0 && rv_str_cmp(RV_STR("b"), RV_STR("ab")) > 0);
    CU_ASSERT_TRUE(rv_str_cmp(RV_STR("\xff"), RV_STR("a")) > 0 && rv_str_cmp(none, none) == 0);
    rv_autofree char *copy = rv_strdup((struct rv_str){"abcdef", 3});
    CU_ASSERT_STRING_EQUAL(copy, "abc");
}

static void test_to_int(void) {
    static const struct {
        const char *text;
        int code;
        int64_t value;
    } rows[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"42", 0, 42},
        {"9223372036854775807", 0, INT64_MAX},
        {"-9223372036854775808", 0, INT64_MIN},
        {"9223372036854775808", -ERANGE, 0},
        {"-9223372036854775809", -ERANGE, 0},
        {"99999999999999999999999", -ERANGE, 0},
        {"", -EINVAL, 0},
        {"-", -EINVAL, 0},
        {"+1", -EINVAL, 0},
        {" 1", -EINVAL, 0},
        {"1 ", -EINVAL, 0},
        {"1x", -EINVAL, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        int64_t v = 77;
        int code = rv_str_to_int(rv_str(rows[i].text), INT64_MIN, INT64_MAX, &v);
        CHECK_ROW(code == rows[i].code, rows[i].text);
        CHECK_ROW(v == (code == 0 ? rows[i].value : 77), rows[i].text); /* written on success only */
    }
    int64_t v;
    CU_ASSERT_EQUAL(rv_str_to_int(RV_STR("11"), 0, 10, &v), -ERANGE);
    CU_ASSERT_EQUAL(rv_str_to_int(RV_STR("-1"), 0, 10, &v), -ERANGE);
}

static void test_errors(void) {
    struct rv_error err = {0};
    CU_ASSERT_EQUAL(rv_error_set(NULL, -EIO, "nobody listens"), -EIO);
    CU_ASSERT_EQUAL(rv_error_set(&err, RV_E_CONFIG, "line %d", 7), RV_E_CONFIG);
    CU_ASSERT_EQUAL(rv_error_wrap(&err, RV_E_CONFIG, "file %s", "x"), RV_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(err.text, "file x: line 7");
    CU_ASSERT_EQUAL(rv_error_wrap(NULL, RV_E_CONFIG, "nobody listens"), RV_E_CONFIG);
    for (int i = 0; i < 100; i++) rv_error_wrap(&err, RV_E_CONFIG, "context number %d", i);
    CU_ASSERT_EQUAL(strlen(err.text), sizeof err.text - 1);
    CU_ASSERT_STRING_EQUAL(err.text + strlen(err.text) - 3, "...");
    CU_ASSERT_STRING_EQUAL(rv_error_name(RV_E_GONE), "GONE");
    CU_ASSERT_STRING_EQUAL(rv_error_name(-ECONNREFUSED), "ECONNREFUSED");
    CU_ASSERT_STRING_EQUAL(rv_error_text(RV_E_NOT_FOUND), "object not found");
    CU_ASSERT_STRING_EQUAL(rv_error_text(0), "success");
    CU_ASSERT_STRING_EQUAL(rv_error_text(-2999), "unknown error");
    CU_ASSERT_STRING_EQUAL(rv_error_text(12345), "unknown error");
}

static void test_buffers(void) {
    rv_autobuf struct rv_buf b = {0};
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&b), "");
    rv_buf_add(&b, NULL, 0);
    for (int i = 0; i < 1000; i++) rv_buf_addf(&b, "%03d", i);
    rv_buf_addc(&b, '!');
    CU_ASSERT_EQUAL(b.n, 3001);
    rv_buf_consume(&b, 2997);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&b), "999!");
    rv_buf_consume(&b, 100);
    CU_ASSERT_EQUAL(b.n, 0);
    rv_buf_adds(&b, "x");
    rv_buf_add_str(&b, RV_STR("yz"));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&b), "xyz"));
    rv_buf_free(&b);
    CU_ASSERT_TRUE(b.p == NULL && b.n == 0 && b.cap == 0);
}

static bool all_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0) return false;
    return true;
}

static void test_arenas(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    for (int round = 0; round < 3; round++) { /* after a reset memory is zeroed again */
        for (size_t size = 0; size < 20000; size += 617) {
            uint8_t *p = rv_arena_alloc(a, size);
            CU_ASSERT_EQUAL((uintptr_t)p % 16, 0);
            CU_ASSERT_TRUE(all_zero(p, size));
            memset(p, 0xaa, size);
        }
        rv_arena_reset(a);
    }
    struct rv_str s = rv_arena_str(a, (struct rv_str){"abcdef", 3});
    CU_ASSERT_TRUE(s.n == 3 && s.p[3] == 0);
    CU_ASSERT_TRUE(rv_str_is(rv_arena_fmt(a, "%s-%d", "x", 5), "x-5"));
    struct rv_str full = rv_arena_fmt(a, "%016d", 1); /* as long as an allocation is rounded up to */
    memset(rv_arena_alloc(a, 16), 'x', 16);
    CU_ASSERT_TRUE(full.n == 16 && full.p[16] == 0);
    CU_ASSERT_PTR_NULL(rv_arena_free(NULL));
}

static void test_scopes(void) {
    char *p = rv_alloc(1), *q = RV_TAKE(p);
    CU_ASSERT_PTR_NULL(p);
    rv_freep(&q);
    CU_ASSERT_PTR_NULL(q);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;
    rv_closep(&fd);
    CU_ASSERT_EQUAL(fd, -1);
    CU_ASSERT_EQUAL(fcntl(number, F_GETFD), -1);
    rv_closep(&fd);                                     /* nothing left to close */
    int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3); /* 0 is a descriptor as any other */
    fd = STDIN_FILENO;
    rv_closep(&fd);
    CU_ASSERT_EQUAL(fcntl(STDIN_FILENO, F_GETFD), -1);
    if (kept >= 0) {
        CU_ASSERT_EQUAL(dup2(kept, STDIN_FILENO), STDIN_FILENO);
        close(kept);
    }
}

static const struct suite_test tests[] = {
    {"strings", test_strings}, {"to_int", test_to_int}, {"errors", test_errors},
    {"buffers", test_buffers}, {"arenas", test_arenas}, {"scopes", test_scopes},
};
SUITE_MAIN("sdk base", tests)
