/* test_backoff.c - the pauses between tries: doubling, the longest, jitter. */
#include "ipc/base/backoff.h"
#include "tests/unit/sdk/suite.h"

static void pauses(void) {
    static const struct {
        const char *row;
        struct backoff_pause b;
        uint64_t failures;
        int64_t low, high;
    } rows[] = {
        {"none yet", {800, 30000, 0, 100}, 0, 800, 1600},
        {"first", {800, 30000, 0, 100}, 1, 800, 1600},
        {"second", {800, 30000, 0, 100}, 2, 1600, 3200},
        {"fifth", {800, 30000, 0, 100}, 5, 12800, 25600},
        {"the most", {800, 30000, 0, 100}, 7, 30000, 60000},
        {"for ever", {800, 30000, 0, 100}, UINT64_MAX, 30000, 60000},
        {"first above most", {500, 100, 0, 100}, 3, 100, 200},
        {"no pause", {0, 0, 0, 100}, 3, 0, 0},
        {"no pause, for ever", {0, 1000, 0, 100}, UINT64_MAX, 0, 0},
        {"exact", {1, 60, 0, 0}, 4, 8, 8},
        {"below", {200, 30000, 20, 0}, 1, 160, 200},
        {"below, the most", {200, 30000, 20, 0}, 30, 24000, 30000},
        {"around", {1000, 1000, 25, 25}, 1, 750, 1250},
        {"huge", {INT64_MAX / 3, INT64_MAX / 2, 10, 10}, 9, INT64_MAX / 2 / 10 * 9, INT64_MAX / 2 / 10 * 11 + 11},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        int64_t least = INT64_MAX, most = INT64_MIN;
        for (uint64_t r = 0; r < 70000; r++) {
            int64_t wait = backoff_pause(rows[i].b, rows[i].failures, r);
            least = wait < least ? wait : least;
            most = wait > most ? wait : most;
        }
        CHECK_ROW(least >= rows[i].low && least <= rows[i].low + 5, rows[i].row);
        CHECK_ROW(most <= rows[i].high && (rows[i].high > 1000000 || most == rows[i].high), rows[i].row);
        int64_t last = backoff_pause(rows[i].b, rows[i].failures, UINT64_MAX);
        CHECK_ROW(last >= rows[i].low && last <= rows[i].high, rows[i].row);
    }
}

static const struct suite_test tests[] = {{"pauses", pauses}};
SUITE_MAIN("backoff", tests)
