/* The tally of deaths: what is kept, in which order, and how an end is described. */
#include "supervisor/proc/deaths.h"

#include <signal.h>

#include "tests/unit/sdk/suite.h"

static void described(void) {
    static const struct {
        int status;
        const char *text;
    } rows[] = {{SIGABRT, "signal 6 (Aborted)"},
                {SIGKILL, "signal 9 (Killed)"},
                {3 << 8, "exit status 3"},
                {0, "exit status 0"},
                {-1, "not started"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char how[96];
        death_describe(rows[i].status, how, sizeof how);
        CHECK_ROW(strcmp(how, rows[i].text) == 0, rows[i].text);
    }
}

struct seen {
    struct death_info info[64];
    char keys[64][32];
    size_t n;
};

static void see(void *arg, const struct death_info *i) {
    struct seen *s = arg;
    s->info[s->n] = *i;
    snprintf(s->keys[s->n++], sizeof s->keys[0], "%s", i->key);
}

static void empty(void) {
    struct deaths *d = deaths_new();
    struct seen s = {0};
    deaths_each(d, see, &s);
    CU_ASSERT_TRUE(s.n == 0 && deaths_total(d) == 0 && deaths_last(d)[0] == 0 && deaths_since(d, -1) == 0);
    deaths_free(d);
}

/* 40 deaths, one per second, of which one in four is a hang: the last 32 are there, newest first. */
static void ring(void) {
    struct deaths *d = deaths_new();
    struct seen s = {0};
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "ns/k%d", i);
        deaths_add(d, i % 4 == 0 ? DEATH_HANG : DEATH_EXIT, i % 4 == 0 ? SIGABRT : i << 8, "reconcile", key, false,
                   i * 1000);
    }
    deaths_each(d, see, &s);
    CU_ASSERT_EQUAL_FATAL(s.n, 32);
    CU_ASSERT_STRING_EQUAL(s.keys[0], "ns/k39");
    CU_ASSERT_STRING_EQUAL(s.keys[31], "ns/k8");
    CU_ASSERT_TRUE(s.info[0].status == 39 && s.info[0].signal == 0 && strcmp(s.info[0].cause, "exit") == 0);
    CU_ASSERT_TRUE(s.info[3].status == -1 && s.info[3].signal == SIGABRT && strcmp(s.info[3].cause, "hang") == 0);
    CU_ASSERT_TRUE(s.info[0].at > 0 && s.info[0].at >= s.info[31].at);
    CU_ASSERT_STRING_EQUAL(deaths_last(d), "exit status 39");
    CU_ASSERT_EQUAL(deaths_total(d), 40);
    CU_ASSERT_EQUAL(deaths_count(d, DEATH_HANG), 10);
    CU_ASSERT_EQUAL(deaths_count(d, DEATH_EXIT), 30);
    CU_ASSERT_EQUAL(deaths_count(d, DEATH_SIGNAL), 0);
    CU_ASSERT_EQUAL(deaths_since(d, 35000), 4); /* 36 to 39 */
    CU_ASSERT_EQUAL(deaths_since(d, -1), 32);
    deaths_free(d);
}

/* What it died of on an object is dealt with; only a plugin that does so on one after the other is at fault itself. */
static void what_speaks_against_it(void) {
    static const struct {
        int own, blamed;
        unsigned against;
    } rows[] = {{0, 0, 0}, {3, 0, 3}, {0, 6, 0}, {2, 20, 2}, {0, 21, 1}, {6, 26, 12}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char row[32];
        struct deaths *d = deaths_new();
        for (int n = 0; n < rows[i].own + rows[i].blamed; n++)
            deaths_add(d, DEATH_SIGNAL, SIGABRT, "reconcile", "ns/k", n >= rows[i].own, 1000);
        snprintf(row, sizeof row, "%d and %d", rows[i].own, rows[i].blamed);
        CHECK_ROW(deaths_since(d, 0) == rows[i].against, row);
        CHECK_ROW(deaths_since(d, 1000) == 0, row);
        deaths_free(d);
    }
}

static const struct suite_test tests[] = {
    {"described", described}, {"empty", empty}, {"ring", ring}, {"what speaks against it", what_speaks_against_it}};
SUITE_MAIN("deaths", tests)
