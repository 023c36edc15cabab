/* The hash with a key: the values that its authors have published, and that the key and the border of texts count. */
#include "supervisor/proc/keyed_hash.h"

#include "tests/unit/sdk/suite.h"

static void published_values(void) {
    static const struct {
        const char *row;
        size_t n;
        uint64_t hash;
    } rows[] = {{"nothing", 0, UINT64_C(0x726fdb47dd0e0e31)},
                {"a byte", 1, UINT64_C(0x74f839c593dc67fd)},
                {"less than two words", 15, UINT64_C(0xa129ca6149be45e5)}};
    const struct keyed_hash k = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    char text[16];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)i;
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        CHECK_ROW(keyed_hash(&k, (struct rv_str){text, rows[i].n}) == rows[i].hash, rows[i].row);
}

static void what_counts(void) {
    struct keyed_hash k = keyed_hash_new(), other = keyed_hash_new();
    CU_ASSERT_NOT_EQUAL(keyed_hash(&k, RV_STR("a")), keyed_hash(&other, RV_STR("a")));
    CU_ASSERT_EQUAL(keyed_hash_pair(&k, RV_STR("ab"), RV_STR("c")), keyed_hash_pair(&k, RV_STR("ab"), RV_STR("c")));
    CU_ASSERT_NOT_EQUAL(keyed_hash_pair(&k, RV_STR("ab"), RV_STR("c")), keyed_hash_pair(&k, RV_STR("a"), RV_STR("bc")));
}

static const struct suite_test tests[] = {{"published values", published_values}, {"what counts", what_counts}};

SUITE_MAIN("keyed hash", tests)
