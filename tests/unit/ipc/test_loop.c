/* test_loop.c - the order of callbacks, and what callbacks may do to the loop while it runs. No test checks a
 * duration. */
#include "ipc/base/loop.h"
#include "tests/unit/sdk/suite.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct trace {
    struct rv_loop *loop;
    char text[256];
    size_t n;
    struct rv_timer *timers[8];
    struct rv_watch *watches[2];
    struct rv_prepare *prepare;
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
    if (k->kills >= 0) k->trace->timers[k->kills] = rv_timer_free(k->trace->timers[k->kills]);
}

static void timers_in_order(void) {
    struct trace t = {.loop = rv_loop_new(NULL)};
    struct tick ticks[5];
    static const int64_t delays[] = {3, 1, 0, 1, 2};
    for (int i = 0; i < 5; i++) {
        ticks[i] = (struct tick){&t, (char)('a' + i), -1};
        t.timers[i] = rv_loop_timer(t.loop, on_tick, &ticks[i]);
        rv_timer_arm(t.timers[i], delays[i] * 5);
    }
    rv_timer_disarm(t.timers[4]);
    CU_ASSERT_FALSE(rv_timer_armed(t.timers[4]));
    while (rv_timer_armed(t.timers[0])) rv_loop_turn(t.loop, 50);
    CU_ASSERT_STRING_EQUAL(t.text, "cbda");
    for (int i = 0; i < 5; i++) rv_timer_free(t.timers[i]);
    rv_loop_free(t.loop);
}

/* A timer frees itself and the timer that is due after it. */
static void timers_die_in_callbacks(void) {
    struct trace t = {.loop = rv_loop_new(NULL)};
    struct tick ticks[] = {{&t, 'a', 1}, {&t, 'b', -1}, {&t, 'c', 2}};
    for (int i = 0; i < 3; i++) {
        t.timers[i] = rv_loop_timer(t.loop, on_tick, &ticks[i]);
        rv_timer_arm(t.timers[i], 0);
    }
    while (t.timers[2] != NULL) rv_loop_turn(t.loop, 50);
    rv_loop_turn(t.loop, 0);
    CU_ASSERT_STRING_EQUAL(t.text, "ac");
    rv_timer_free(t.timers[0]);
    rv_loop_free(t.loop);
}

static void many_timers(void) {
    enum { MANY = 2000 };
    struct trace t = {.loop = rv_loop_new(NULL)};
    struct tick k = {&t, '.', -1};
    struct rv_timer **timers = rv_alloc_array(MANY, sizeof(struct rv_timer *));
    unsigned seed = 1;
    for (int i = 0; i < MANY; i++) {
        timers[i] = rv_loop_timer(t.loop, on_tick, &k);
        rv_timer_arm(timers[i], (int64_t)((seed = seed * 1103515245 + 12345) % 20));
        if (seed % 3 == 0) rv_timer_arm(timers[i / 2], 5);
        if (seed % 5 == 0) rv_timer_disarm(timers[i / 3]);
    }
    for (int armed = 1; armed > 0;) {
        rv_loop_turn(t.loop, 50);
        armed = 0;
        for (int i = 0; i < MANY; i++) armed += rv_timer_armed(timers[i]);
    }
    CU_ASSERT_TRUE(t.n > 100);
    for (int i = 0; i < MANY; i++) rv_timer_free(timers[i]);
    free(timers);
    rv_loop_free(t.loop);
}

/* Both descriptors are ready in the same turn. The first one to be called removes the other. */
static void on_fd(void *arg, int fd, unsigned events) {
    struct trace *t = arg;
    CU_ASSERT_TRUE((events & RV_LOOP_READ) != 0);
    add(t, 'r');
    for (int i = 0; i < 2; i++) t->watches[i] = rv_watch_free(t->watches[i]);
    (void)fd;
}

static void watches_die_in_callbacks(void) {
    struct trace t = {.loop = rv_loop_new(NULL)};
    int a[2] = {-1, -1}, b[2] = {-1, -1};
    CU_ASSERT_FATAL(pipe(a) == 0 && pipe(b) == 0);
    CU_ASSERT_EQUAL(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
    t.watches[0] = rv_loop_fd(t.loop, a[0], RV_LOOP_READ, on_fd, &t);
    t.watches[1] = rv_loop_fd(t.loop, b[0], RV_LOOP_READ, on_fd, &t);
    rv_loop_turn(t.loop, 1000);
    rv_loop_turn(t.loop, 0);
    CU_ASSERT_STRING_EQUAL(t.text, "r");
    for (int i = 0; i < 2; i++) close(a[i]), close(b[i]);
    rv_loop_free(t.loop);
}

static void on_writable(void *arg, int fd, unsigned events) {
    struct trace *t = arg;
    (void)fd;
    add(t, (events & RV_LOOP_WRITE) != 0 ? 'w' : 'r');
}

static void interest_changes(void) {
    struct trace t = {.loop = rv_loop_new(NULL)};
    int s[2];
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    struct rv_watch *w = rv_loop_fd(t.loop, s[0], RV_LOOP_READ, on_writable, &t);
    rv_loop_turn(t.loop, 0);
    rv_watch_set(w, RV_LOOP_WRITE);
    rv_loop_turn(t.loop, 1000);
    rv_watch_set(w, RV_LOOP_READ);
    CU_ASSERT_EQUAL(write(s[1], "x", 1), 1);
    rv_loop_turn(t.loop, 1000);
    CU_ASSERT_STRING_EQUAL(t.text, "wr");
    CU_ASSERT_PTR_NULL(rv_loop_fd(t.loop, -1, RV_LOOP_READ, on_writable, &t));
    rv_watch_free(w);
    close(s[0]);
    close(s[1]);
    rv_loop_free(t.loop);
}

static bool on_prepare(void *arg) {
    struct trace *t = arg;
    add(t, 'p');
    if (--t->left == 0) t->prepare = rv_prepare_free(t->prepare);
    return true;
}

static void deferred_again(void *arg) {
    struct trace *t = arg;
    add(t, 'D');
}

static void deferred(void *arg) {
    struct trace *t = arg;
    add(t, 'd');
    for (int i = 0; i < 40; i++) rv_loop_defer(t->loop, deferred_again, t); /* makes the list grow and move */
}

static void hooks(void) {
    struct trace t = {.loop = rv_loop_new(NULL), .left = 2};
    t.prepare = rv_loop_prepare(t.loop, on_prepare, &t);
    rv_loop_defer(t.loop, deferred, &t);
    rv_loop_turn(t.loop, -1); /* would hang if the loop ignored the hook's answer */
    rv_loop_turn(t.loop, -1);
    rv_loop_turn(t.loop, 0);
    CU_ASSERT_EQUAL(t.n, 3 + 40);
    CU_ASSERT_EQUAL(strncmp(t.text, "pdpDDD", 6), 0);
    rv_loop_free(t.loop);
}

static void on_signal(void *arg, int signo) {
    struct trace *t = arg;
    add(t, signo == SIGUSR1 ? '1' : '2');
    if (signo == SIGUSR2) rv_loop_stop(t->loop);
}

static void signals(void) {
    struct trace t = {.loop = rv_loop_new(NULL)};
    const int which[] = {SIGUSR1, SIGUSR2};
    CU_ASSERT_EQUAL(rv_loop_signals(t.loop, which, 2, on_signal, &t, NULL), 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    rv_loop_run(t.loop);
    CU_ASSERT_STRING_EQUAL(t.text, "12");
    rv_loop_free(t.loop);
}

static const struct suite_test tests[] = {
    {"timers fire in order", timers_in_order},
    {"timers die in callbacks", timers_die_in_callbacks},
    {"many timers", many_timers},
    {"watches die in callbacks", watches_die_in_callbacks},
    {"interest changes", interest_changes},
    {"hooks", hooks},
    {"signals", signals},
};
SUITE_MAIN("loop", tests)
