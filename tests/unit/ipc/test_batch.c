/* test_batch.c - messages in one frame: writing, reading, and frames that are not a batch. */
#include "ipc/protocol/batch.h"
#include "tests/unit/sdk/suite.h"

#define BYTES(text)                                                                                                    \
    (struct rv_bytes) { (const uint8_t *)(text), sizeof(text) - 1 }

static bool same(struct rv_bytes a, struct rv_bytes b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void there_and_back(void) {
    enum { MANY = 70000 }; /* more elements than 16 bits can count */
    rv_autobuf struct rv_buf b = {0};
    for (int i = 0; i < MANY; i++) batch_add(&b, BYTES("header"), BYTES(""), &BYTES("payload"));
    batch_add(&b, BYTES("last"), BYTES("body"), NULL);
    struct batch_iter it;
    CU_ASSERT_EQUAL(batch_iter(rv_buf_bytes(&b), BYTES("behind"), &it, NULL), 0);
    for (int i = 0; i < MANY; i++)
        if (!batch_next(&it) || !same(it.header, BYTES("header")) || it.body.n != 0 ||
            !same(it.payload, BYTES("payload")))
            CU_FAIL_FATAL("a message is not what was sent");
    CU_ASSERT_TRUE(batch_next(&it) && same(it.header, BYTES("last")) && same(it.body, BYTES("body")));
    CU_ASSERT_TRUE(same(it.payload, BYTES("behind")));
    CU_ASSERT_FALSE(batch_next(&it));
    CU_ASSERT_NOT_EQUAL(batch_iter(rv_buf_bytes(&b), (struct rv_bytes){NULL, 0}, &it, NULL), 0);
}

static void refused(void) {
    static const struct {
        const char *what, *why;
        struct rv_bytes frame, behind;
    } rows[] = {
        {"nothing", "batch", {NULL, 0}, {NULL, 0}},
        {"no messages", "array of header", {(const uint8_t *)"\x90", 1}, {NULL, 0}},
        {"a map", "array of header", {(const uint8_t *)"\x80", 1}, {NULL, 0}},
        {"two parts", "array of header", {(const uint8_t *)"\x92\xc4\0\xc4\0", 5}, {NULL, 0}},
        {"text for a part", "element 1 is a string", {(const uint8_t *)"\x93\xc4\0\xa0\xc4\0", 6}, {NULL, 0}},
        {"nil for a header", "element 0 is a null", {(const uint8_t *)"\x93\xc0\xc4\0\xc4\0", 6}, {NULL, 0}},
        {"nil, not the last",
         "element 2 is a null",
         {(const uint8_t *)"\x96\xc4\0\xc4\0\xc0\xc4\0\xc4\0\xc4\0", 12},
         {NULL, 0}},
        {"cut off", "batch: ", {(const uint8_t *)"\x93\xc4\0\xc4\0\xc4\1", 7}, {NULL, 0}},
        {"no frame behind", "fewer frames", {(const uint8_t *)"\x93\xc4\0\xc4\0\xc0", 6}, {NULL, 0}},
        {"a frame behind", "more frames", {(const uint8_t *)"\x93\xc4\0\xc4\0\xc4\0", 7}, {(const uint8_t *)"x", 1}},
        {"something after it", "batch: ", {(const uint8_t *)"\x93\xc4\0\xc4\0\xc4\0\xc0", 8}, {NULL, 0}},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct batch_iter it;
        struct rv_error err = {0};
        CHECK_ROW(batch_iter(rows[i].frame, rows[i].behind, &it, &err) == RV_E_PROTOCOL, rows[i].what);
        CHECK_ROW(strstr(err.text, rows[i].why) != NULL, rows[i].what);
    }
}

static const struct suite_test tests[] = {{"there and back", there_and_back}, {"refused", refused}};
SUITE_MAIN("ipc batch", tests)
