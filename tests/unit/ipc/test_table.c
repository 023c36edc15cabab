/* test_table.c - the hash table (finding, growing, removing during a walk) and its hash functions. */
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"
#include "tests/unit/sdk/suite.h"

struct thing {
    struct hash_table_link link;
    unsigned value, seen;
};

static struct thing *find(const struct hash_table *t, uint32_t hash, unsigned value) {
    for (struct hash_table_link *l = hash_table_find(t, hash); l != NULL; l = hash_table_find_next(l)) {
        struct thing *x = RV_CONTAINER(l, struct thing, link);
        if (x->value == value) return x;
    }
    return NULL;
}

/* With spread 1 every hash occurs once. With spread 7 several hashes share a head and several links have one hash. */
static void against_an_array(void) {
    static const unsigned spreads[] = {1, 7, 64, 1000};
    enum { N = 1000 };
    for (size_t s = 0; s < RV_ARRAY_LEN(spreads); s++) {
        struct hash_table t = {0};
        struct thing *all = rv_alloc_array(N, sizeof *all);
        CU_ASSERT_PTR_NULL(hash_table_find(&t, 0));
        for (unsigned i = 0; i < N; i++) {
            all[i].value = i;
            hash_table_add(&t, &all[i].link, i / spreads[s] * 64);
        }
        CU_ASSERT_EQUAL(t.n, N);
        for (unsigned i = 0; i < N; i++) CU_ASSERT_PTR_EQUAL(find(&t, i / spreads[s] * 64, i), &all[i]);
        CU_ASSERT_PTR_NULL(find(&t, 1, 0));
        for (unsigned i = 0; i < N; i += 3) {
            hash_table_remove(&t, &all[i].link);
            hash_table_remove(&t, &all[i].link); /* it is in no table now */
        }
        CU_ASSERT_EQUAL(t.n, N - (N + 2) / 3);
        for (unsigned i = 0; i < N; i++) CU_ASSERT_EQUAL(find(&t, i / spreads[s] * 64, i) != NULL, i % 3 != 0);
        for (struct hash_table_walk w = hash_table_walk(&t); hash_table_walk_next(&w);) {
            struct thing *x = RV_CONTAINER(w.link, struct thing, link);
            x->seen++;
            if (x->value % 2 == 0) hash_table_remove(&t, w.link);
        }
        for (unsigned i = 0; i < N; i++) {
            CU_ASSERT_EQUAL(all[i].seen, i % 3 != 0);
            CU_ASSERT_EQUAL(find(&t, i / spreads[s] * 64, i) != NULL, i % 3 != 0 && i % 2 != 0);
        }
        hash_table_free(&t);
        hash_table_free(&t);
        CU_ASSERT_EQUAL(t.n, 0);
        free(all);
    }
}

static void last_is_first(void) {
    struct hash_table t = {0};
    struct thing a = {.value = 1}, b = {.value = 2};
    hash_table_add(&t, &a.link, 5);
    hash_table_add(&t, &b.link, 5);
    CU_ASSERT_PTR_EQUAL(hash_table_find(&t, 5), &b.link);
    CU_ASSERT_PTR_EQUAL(hash_table_find_next(&b.link), &a.link);
    CU_ASSERT_PTR_NULL(hash_table_find_next(&a.link));
    hash_table_free(&t);
}

static void empty_walk(void) {
    struct hash_table t = {0};
    struct hash_table_walk w = hash_table_walk(&t);
    CU_ASSERT_FALSE(hash_table_walk_next(&w));
    CU_ASSERT_FALSE(hash_table_walk_next(&w));
}

/* Values that the authors of FNV-1a publish. A mistyped constant would give others. */
static void hashes(void) {
    CU_ASSERT_EQUAL(hash_bytes(HASH_BEGIN, RV_STR("")), 0x811c9dc5u);
    CU_ASSERT_EQUAL(hash_bytes(HASH_BEGIN, RV_STR("a")), 0xe40c292cu);
    CU_ASSERT_EQUAL(hash_bytes(HASH_BEGIN, RV_STR("foobar")), 0xbf9cf968u);
    CU_ASSERT_EQUAL(hash64_bytes(RV_HASH64_BEGIN, RV_STR("")), UINT64_C(0xcbf29ce484222325));
    CU_ASSERT_EQUAL(hash64_bytes(RV_HASH64_BEGIN, RV_STR("a")), UINT64_C(0xaf63dc4c8601ec8c));
    CU_ASSERT_EQUAL(hash64_bytes(RV_HASH64_BEGIN, RV_STR("foobar")), UINT64_C(0x85944171f73967e8));
    CU_ASSERT_NOT_EQUAL(hash_key(RV_STR("ab"), RV_STR("c")), hash_key(RV_STR("a"), RV_STR("bc")));
    CU_ASSERT_NOT_EQUAL(hash_kind_key(0, RV_STR("a"), RV_STR("b")), hash_kind_key(1, RV_STR("a"), RV_STR("b")));
    const struct rv_str one[] = {RV_STR("ab"), RV_STR("c")}, two[] = {RV_STR("a"), RV_STR("bc")};
    CU_ASSERT_NOT_EQUAL(hash64_texts(one, 2), hash64_texts(two, 2));
    CU_ASSERT_NOT_EQUAL(hash64_texts(one, 2), hash64_texts(one, 1));
}

static const struct suite_test tests[] = {{"against an array", against_an_array},
                                          {"last is first", last_is_first},
                                          {"empty walk", empty_walk},
                                          {"hashes", hashes}};
SUITE_MAIN("table", tests)
