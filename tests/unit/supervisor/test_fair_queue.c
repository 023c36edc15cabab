/* Turns: nobody waits longer than one turn of everybody else, and nothing is lost or given out twice. */
#include "supervisor/actions/fair_queue.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

struct thing {
    struct fair_queue_item item;
    int plugin, key, serial;
    bool blocked;
};

static const int plugins[3] = {0, 1, 2}; /* their addresses stand for plugins */

static bool free_to_go(void *arg, struct fair_queue_item *item) {
    ++*(unsigned *)arg;
    return !((struct thing *)item)->blocked;
}

static void push(struct fair_queue *f, struct thing *t, int plugin, int key, int serial) {
    char name[16];
    int n = snprintf(name, sizeof name, "k%d", key);
    *t = (struct thing){.plugin = plugin, .key = key, .serial = serial};
    fair_queue_push(f, &plugins[plugin], RV_STR("ns"), (struct rv_str){name, (size_t)n}, &t->item);
}

static struct thing *pop(struct fair_queue *f) {
    unsigned asked = 0;
    return (struct thing *)fair_queue_pop(f, free_to_go, &asked);
}

static void plugins_in_turn(void) {
    struct fair_queue *f = fair_queue_new();
    struct thing flood[1000], one;
    for (int i = 0; i < 1000; i++) push(f, &flood[i], 0, i % 10, i);
    push(f, &one, 1, 0, 0);
    bool first = pop(f) == &one, second = pop(f) == &one;
    CU_ASSERT_TRUE(first || second); /* the second at the latest, whatever the other has queued */
    CU_ASSERT_EQUAL(fair_queue_count(f), 999);
    fair_queue_drop_all(f, NULL, NULL);
    fair_queue_free(f);
}

static void keys_in_turn(void) {
    struct fair_queue *f = fair_queue_new();
    struct thing things[300];
    for (int i = 0; i < 297; i++) push(f, &things[i], 0, 0, i);
    for (int i = 297; i < 300; i++) push(f, &things[i], 0, i - 296, 0);
    bool others = true;
    for (int turn = 0; turn < 4; turn++) others = others && pop(f)->key == turn;
    CU_ASSERT_TRUE(others);
    int last = 0;
    for (struct thing *t; (t = pop(f)) != NULL; last = t->serial) CU_ASSERT_TRUE(t->serial == last + 1); /* in order */
    CU_ASSERT_EQUAL(last, 296);
    fair_queue_free(f);
}

static void blocked_heads(void) {
    struct fair_queue *f = fair_queue_new();
    struct thing t[4];
    push(f, &t[0], 0, 0, 0);
    push(f, &t[1], 0, 0, 1); /* behind a blocked one: must not overtake it */
    push(f, &t[2], 0, 1, 0);
    push(f, &t[3], 1, 0, 0);
    t[0].blocked = true;
    struct thing *a = pop(f), *b = pop(f);
    CU_ASSERT_TRUE((a == &t[2] && b == &t[3]) || (a == &t[3] && b == &t[2]));
    unsigned asked = 0;
    CU_ASSERT_PTR_NULL(fair_queue_pop(f, free_to_go, &asked));
    CU_ASSERT_EQUAL(asked, 1); /* looked once, no spinning */
    t[0].blocked = false;
    CU_ASSERT_PTR_EQUAL(pop(f), &t[0]);
    CU_ASSERT_PTR_EQUAL(pop(f), &t[1]);
    CU_ASSERT_PTR_NULL(pop(f));
    fair_queue_free(f);
}

static void count_dropped(void *arg, struct fair_queue_item *item) {
    CU_ASSERT_EQUAL(((struct thing *)item)->plugin, 1);
    ++*(int *)arg;
}

/* Against a plain count of what is inside: random pushes, pops and drops. */
static void model(void) {
    enum { N = 4000 };
    struct thing *things = rv_alloc_array(N, sizeof *things);
    struct fair_queue *f = fair_queue_new();
    int inside[3] = {0}, next_serial[3][7] = {{0}}, expected[3][7] = {{0}}, used = 0;
    unsigned seed = 12345;
    while (used < N) {
        seed = seed * 1103515245u + 12345u;
        unsigned what = seed >> 16 & 15;
        if (what < 9) {
            int p = (int)(seed >> 20 & 0xff) % 3, k = (int)(seed >> 24 & 0x7f) % 7;
            push(f, &things[used++], p, k, next_serial[p][k]++);
            inside[p]++;
        } else if (what < 15) {
            struct thing *t = pop(f);
            CU_ASSERT_EQUAL(t == NULL, inside[0] + inside[1] + inside[2] == 0);
            if (t == NULL) continue;
            inside[t->plugin]--;
            CU_ASSERT_EQUAL(t->serial, expected[t->plugin][t->key]);
            expected[t->plugin][t->key] = t->serial + 1;
        } else {
            int dropped = 0;
            fair_queue_drop(f, &plugins[1], count_dropped, &dropped);
            CU_ASSERT_EQUAL(dropped, inside[1]);
            inside[1] = 0;
            for (int k = 0; k < 7; k++) expected[1][k] = next_serial[1][k];
        }
        CU_ASSERT_EQUAL((int)fair_queue_count(f), inside[0] + inside[1] + inside[2]);
    }
    fair_queue_drop_all(f, NULL, NULL);
    CU_ASSERT_EQUAL(fair_queue_count(f), 0);
    fair_queue_free(f);
    free(things);
}

static const struct suite_test tests[] = {{"plugins in turn", plugins_in_turn},
                                          {"keys in turn", keys_in_turn},
                                          {"blocked heads", blocked_heads},
                                          {"model", model}};
SUITE_MAIN("fair", tests)
