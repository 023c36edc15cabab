/* test_loop.c - the order of callbacks, and what callbacks may do to the loop while it runs. No test checks a
 * duration. */
#include "ipc/base/loop.h"
#include "tests/unit/sdk/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct trace {
    struct loop *loop;
    char text[256];
    size_t n;
    struct loop_timer *timers[8];
    struct loop_watch *watches[2];
    struct loop_prepare *prepare;
    int left;
};

struct tick {
    struct trace *trace;
    char name;
    int kills; /* index of the timer that it frees; -1 for none */
};

static void add(struct trace *t, char c) {
    if (t->n + 1 < sizeof t->text) t->text[t->n++] = c;
}

static void on_tick(void *arg) {
    struct tick *k = arg;
    add(k->trace, k->name);
    if (k->kills >= 0) k->trace->timers[k->kills] = loop_timer_free(k->trace->timers[k->kills]);
}

static void timers_in_order(void) {
    struct trace t = {.loop = loop_new(NULL)};
    struct tick ticks[5];
    static const int64_t delays[] = {3, 1, 0, 1, 2};
    for (int i = 0; i < 5; i++) {
        ticks[i] = (struct tick){&t, (char)('a' + i), -1};
        t.timers[i] = loop_timer(t.loop, on_tick, &ticks[i]);
        loop_timer_arm(t.timers[i], delays[i] * 5);
    }
    loop_timer_disarm(t.timers[4]);
    CU_ASSERT_FALSE(loop_timer_armed(t.timers[4]));
    while (loop_timer_armed(t.timers[0])) loop_turn(t.loop, 50);
    CU_ASSERT_STRING_EQUAL(t.text, "cbda");
    for (int i = 0; i < 5; i++) loop_timer_free(t.timers[i]);
    loop_free(t.loop);
}

/* A timer frees itself and the timer that is due after it. */
static void timers_die_in_callbacks(void) {
    struct trace t = {.loop = loop_new(NULL)};
    struct tick ticks[] = {{&t, 'a', 1}, {&t, 'b', -1}, {&t, 'c', 2}};
    for (int i = 0; i < 3; i++) {
        t.timers[i] = loop_timer(t.loop, on_tick, &ticks[i]);
        loop_timer_arm(t.timers[i], 0);
    }
    while (t.timers[2] != NULL) loop_turn(t.loop, 50);
    loop_turn(t.loop, 0);
    CU_ASSERT_STRING_EQUAL(t.text, "ac");
    loop_timer_free(t.timers[0]);
    loop_free(t.loop);
}

static void many_timers(void) {
    enum { MANY = 2000 };
    struct trace t = {.loop = loop_new(NULL)};
    struct tick k = {&t, '.', -1};
    struct loop_timer **timers = rv_alloc_array(MANY, sizeof(struct loop_timer *));
    unsigned seed = 1;
    for (int i = 0; i < MANY; i++) {
        timers[i] = loop_timer(t.loop, on_tick, &k);
        loop_timer_arm(timers[i], (int64_t)((seed = seed * 1103515245 + 12345) % 20));
        if (seed % 3 == 0) loop_timer_arm(timers[i / 2], 5);
        if (seed % 5 == 0) loop_timer_disarm(timers[i / 3]);
    }
    for (int armed = 1; armed > 0;) {
        loop_turn(t.loop, 50);
        armed = 0;
        for (int i = 0; i < MANY; i++) armed += loop_timer_armed(timers[i]);
    }
    CU_ASSERT_TRUE(t.n > 100);
    for (int i = 0; i < MANY; i++) loop_timer_free(timers[i]);
    free(timers);
    loop_free(t.loop);
}

/* Both descriptors are ready in the same turn. The first one to be called removes the other. */
static void on_fd(void *arg, int fd, unsigned events) {
    struct trace *t = arg;
    CU_ASSERT_TRUE((events & LOOP_READ) != 0);
    add(t, 'r');
    for (int i = 0; i < 2; i++) t->watches[i] = loop_watch_free(t->watches[i]);
    (void)fd;
}

static void watches_die_in_callbacks(void) {
    struct trace t = {.loop = loop_new(NULL)};
    int a[2] = {-1, -1}, b[2] = {-1, -1};
    CU_ASSERT_FATAL(pipe(a) == 0 && pipe(b) == 0);
    CU_ASSERT_EQUAL(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
    t.watches[0] = loop_fd(t.loop, a[0], LOOP_READ, on_fd, &t);
    t.watches[1] = loop_fd(t.loop, b[0], LOOP_READ, on_fd, &t);
    loop_turn(t.loop, 1000);
    loop_turn(t.loop, 0);
    CU_ASSERT_STRING_EQUAL(t.text, "r");
    for (int i = 0; i < 2; i++) close(a[i]), close(b[i]);
    loop_free(t.loop);
}

static void on_writable(void *arg, int fd, unsigned events) {
    struct trace *t = arg;
    (void)fd;
    add(t, (events & LOOP_WRITE) != 0 ? 'w' : 'r');
}

static void interest_changes(void) {
    struct trace t = {.loop = loop_new(NULL)};
    int s[2];
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    struct loop_watch *w = loop_fd(t.loop, s[0], LOOP_READ, on_writable, &t);
    loop_turn(t.loop, 0);
    loop_watch_set(w, LOOP_WRITE);
    loop_turn(t.loop, 1000);
    loop_watch_set(w, LOOP_READ);
    CU_ASSERT_EQUAL(write(s[1], "x", 1), 1);
    loop_turn(t.loop, 1000);
    CU_ASSERT_STRING_EQUAL(t.text, "wr");
    CU_ASSERT_PTR_NULL(loop_fd(t.loop, -1, LOOP_READ, on_writable, &t));
    loop_watch_free(w);
    close(s[0]);
    close(s[1]);
    loop_free(t.loop);
}

static bool on_prepare(void *arg) {
    struct trace *t = arg;
    add(t, 'p');
    if (--t->left == 0) t->prepare = loop_prepare_free(t->prepare);
    return true;
}

static void deferred_again(void *arg) {
    struct trace *t = arg;
    add(t, 'D');
}

static void deferred(void *arg) {
    struct trace *t = arg;
    add(t, 'd');
    for (int i = 0; i < 40; i++) loop_defer(t->loop, deferred_again, t); /* makes the list grow and move */
}

static void hooks(void) {
    struct trace t = {.loop = loop_new(NULL), .left = 2};
    t.prepare = loop_prepare(t.loop, on_prepare, &t);
    loop_defer(t.loop, deferred, &t);
    loop_turn(t.loop, -1); /* would hang if the loop ignored the hook's answer */
    loop_turn(t.loop, -1);
    loop_turn(t.loop, 0);
    CU_ASSERT_EQUAL(t.n, 3 + 40);
    CU_ASSERT_EQUAL(strncmp(t.text, "pdpDDD", 6), 0);
    loop_free(t.loop);
}

static void count_one(void *arg) { ++*(unsigned *)arg; }

/* With coalescing the loop still waits, and what arrives meanwhile ends the wait. */
static void coalesced(void) {
    struct trace t = {.loop = loop_new(NULL)};
    loop_coalesce(t.loop, 1, NULL);
    for (int i = 0; i < 3; i++) {
        int64_t from = clock_monotonic();
        loop_turn(t.loop, 20);
        int64_t took = clock_monotonic() - from;
        CU_ASSERT_TRUE(took >= 19000000);
    }
    unsigned fired = 0;
    struct loop_timer *timer = loop_timer(t.loop, count_one, &fired);
    loop_timer_arm(timer, 5);
    int64_t from = clock_monotonic();
    while (fired == 0) loop_turn(t.loop, 10000);
    CU_ASSERT_TRUE(clock_monotonic() - from >= 4000000 && clock_monotonic() - from < INT64_C(5000000000));
    loop_timer_free(timer);
    loop_free(t.loop);
}

static void on_signal(void *arg, int signo) {
    struct trace *t = arg;
    add(t, signo == SIGUSR1 ? '1' : '2');
    if (signo == SIGUSR2) loop_stop(t->loop);
}

static void signals(void) {
    struct trace t = {.loop = loop_new(NULL)};
    const int which[] = {SIGUSR1, SIGUSR2};
    CU_ASSERT_EQUAL(loop_signals(t.loop, which, 2, on_signal, &t, NULL), 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    loop_run(t.loop);
    CU_ASSERT_STRING_EQUAL(t.text, "12");
    loop_free(t.loop);
}

static const struct suite_test tests[] = {
    {"coalesced", coalesced},
    {"timers fire in order", timers_in_order},
    {"timers die in callbacks", timers_die_in_callbacks},
    {"many timers", many_timers},
    {"watches die in callbacks", watches_die_in_callbacks},
    {"interest changes", interest_changes},
    {"hooks", hooks},
    {"signals", signals},
};
SUITE_MAIN("loop", tests)
