/* test_flight_recorder.c - the flight recorder: a record is read back as written, and no page of a dying host does
 * harm. */
#include "ipc/protocol/flight_recorder.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct rv_key key = {{"ns", 2}, {"name", 4}};

static void round_trip(void) {
    int fd = flight_create(NULL);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_NOT_EQUAL(ftruncate(fd, 0), 0); /* sealed, so the host cannot shrink the page and make the reader fault */
    struct flight *host = flight_map(fd, NULL), *supervisor = flight_map(fd, NULL);
    close(fd);
    struct flight_record r;
    flight_read(supervisor, &r);
    CU_ASSERT_EQUAL(r.call, FLIGHT_IDLE);
    flight_begin(host, FLIGHT_RECONCILE, 3, &key, RV_STR("uid-1"), 42);
    flight_read(supervisor, &r);
    CU_ASSERT_EQUAL(r.call, FLIGHT_RECONCILE);
    CU_ASSERT_EQUAL(r.kind, 3);
    CU_ASSERT_EQUAL(r.since_ns, 42);
    CU_ASSERT_STRING_EQUAL(r.ns, "ns");
    CU_ASSERT_STRING_EQUAL(r.name, "name");
    CU_ASSERT_STRING_EQUAL(r.uid, "uid-1");
    flight_end(host);
    flight_read(supervisor, &r);
    CU_ASSERT_EQUAL(r.call, FLIGHT_IDLE);
    flight_begin(host, FLIGHT_INIT, 0, NULL, (struct rv_str){NULL, 0}, 1);
    flight_read(supervisor, &r);
    CU_ASSERT_EQUAL(r.call, FLIGHT_INIT);
    CU_ASSERT_STRING_EQUAL(r.name, "");
    flight_begin(NULL, FLIGHT_INIT, 0, NULL, (struct rv_str){NULL, 0}, 1); /* no recorder: nothing happens */
    flight_end(NULL);
    flight_unmap(host);
    flight_unmap(supervisor);
}

static void long_names(void) {
    int fd = flight_create(NULL);
    struct flight *f = flight_map(fd, NULL);
    close(fd);
    char text[1000];
    memset(text, 'x', sizeof text);
    text[3] = '\n';
    struct rv_str s = {text, sizeof text};
    flight_begin(f, FLIGHT_MAP, 0, &(struct rv_key){s, s}, s, 1);
    struct flight_record r;
    flight_read(f, &r);
    CU_ASSERT_EQUAL(strlen(r.ns), FLIGHT_NS - 1);
    CU_ASSERT_EQUAL(strlen(r.name), FLIGHT_NAME - 1);
    CU_ASSERT_EQUAL(strlen(r.uid), FLIGHT_UID - 1);
    CU_ASSERT_EQUAL(r.name[3], '?'); /* so it cannot forge a line where it is printed */
    flight_unmap(f);
}

/* Every 32-bit word of a valid page is set to hostile values, and the page is cut at every length. */
static void hostile_pages(void) {
    static const uint32_t values[] = {0, 1, 63, 64, 255, 256, 257, 4096, UINT32_MAX, INT32_MAX};
    int fd = flight_create(NULL);
    struct flight *f = flight_map(fd, NULL);
    uint8_t *page = mmap(NULL, FLIGHT_PAGE, PROT_READ, MAP_SHARED, fd, 0), *copy = rv_alloc(FLIGHT_PAGE);
    CU_ASSERT_FATAL(page != MAP_FAILED);
    close(fd);
    flight_begin(f, FLIGHT_RECONCILE, 0, &key, RV_STR("uid"), 7);
    struct flight_record r;
    unsigned known = 0;
    for (size_t at = 0; at < 64; at += 4)
        for (size_t i = 0; i < RV_ARRAY_LEN(values); i++) {
            memcpy(copy, page, FLIGHT_PAGE);
            memcpy(copy + at, &values[i], 4);
            flight_parse(copy, FLIGHT_PAGE, &r);
            CU_ASSERT_TRUE(r.call <= FLIGHT_VALIDATE);
            CU_ASSERT_TRUE(memchr(r.ns, 0, sizeof r.ns) != NULL && memchr(r.name, 0, sizeof r.name) != NULL);
            known += r.call == FLIGHT_RECONCILE;
        }
    CU_ASSERT_TRUE(known > 0);
    for (size_t n = 0; n < FLIGHT_PAGE; n += 7) {
        uint8_t *exact = rv_alloc(n);
        memcpy(exact, page, n);
        flight_parse(exact, n, &r);
        free(exact);
    }
    munmap(page, FLIGHT_PAGE);
    free(copy);
    flight_unmap(f);
}

static void names(void) {
    CU_ASSERT_STRING_EQUAL(flight_call_name(FLIGHT_RECONCILE), "reconcile");
    CU_ASSERT_STRING_EQUAL(flight_call_name(999), "unknown");
}

static const struct suite_test tests[] = {
    {"round trip", round_trip}, {"long names", long_names}, {"hostile pages", hostile_pages}, {"names", names}};
SUITE_MAIN("flight recorder", tests)
