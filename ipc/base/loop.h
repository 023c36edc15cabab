/* loop.h - the event loop of the supervisor, the host and the sandbox. It has epoll, a heap of timers, signals, and a
 * hook that runs before each sleep. Edge-triggered sources such as ZMQ_FD must be checked in that hook.
 *
 * One thread owns a loop. A callback may add, change and remove any source, including its own. A removed source is
 * never called again. Its memory is freed at the end of the turn. */
#ifndef RV_IPC_BASE_LOOP_H
#define RV_IPC_BASE_LOOP_H

#include "rayvisor/base.h"

struct coalesce;
struct loop;
struct loop *loop_new(struct rv_error *err);
struct loop *loop_free(struct loop *l);
void loop_run(struct loop *l);                       /* runs until loop_stop() */
void loop_turn(struct loop *l, int64_t max_wait_ms); /* runs one turn; 0 does not block, -1 waits without limit */
void loop_stop(struct loop *l);
/* Under steady load many small wake-ups cost more than the work that they bring. The loop then lets `ms` milliseconds
 * pass before it waits again, as a network card does. A burst of up to 64 turns is not slowed, and one turn is regained
 * every `ms`. The loop is not slowed while coalesce_at_once(coalesce) is true (coalesce.h). `coalesce` is borrowed;
 * NULL means that it is never true. */
void loop_coalesce(struct loop *l, int64_t ms, const struct coalesce *coalesce);

/* Clocks in ns. loop_now() is CLOCK_MONOTONIC as read at the start of the turn. clock_monotonic(), clock_boot() and
 * clock_wall() read CLOCK_MONOTONIC, CLOCK_BOOTTIME (which also counts while the machine sleeps) and CLOCK_REALTIME at
 * each call. */
int64_t loop_now(const struct loop *l);
int64_t clock_wall(void);
int64_t clock_monotonic(void);
int64_t clock_boot(void);
int64_t clock_left_ms(int64_t until); /* milliseconds until that clock_monotonic(), rounded up; 0 if it has passed */

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_ERROR = 4 };
struct loop_watch;
typedef void (*loop_watch_fn)(void *arg, int fd, unsigned events);
/* The caller keeps the descriptor and closes it. */
struct loop_watch *loop_fd(struct loop *l, int fd, unsigned events, loop_watch_fn fn, void *arg);
void loop_watch_set(struct loop_watch *w, unsigned events);
struct loop_watch *loop_watch_free(struct loop_watch *w);

struct loop_timer;
typedef void (*loop_timer_fn)(void *arg);
/* Makes a timer, which is not armed yet. It can be armed any number of times. */
struct loop_timer *loop_timer(struct loop *l, loop_timer_fn fn, void *arg);
void loop_timer_arm(struct loop_timer *t, int64_t delay_ms);
void loop_timer_disarm(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);
struct loop_timer *loop_timer_free(struct loop_timer *t);

typedef void (*loop_signal_fn)(void *arg, int signo);
int loop_signals(struct loop *l, const int *signals, size_t n, loop_signal_fn fn, void *arg, struct rv_error *err);

/* A hook that is called before each sleep. It returns true when it did work or has more to do. The loop then does not
 * block. */
struct loop_prepare;
typedef bool (*loop_prepare_fn)(void *arg);
struct loop_prepare *loop_prepare(struct loop *l, loop_prepare_fn fn, void *arg);
struct loop_prepare *loop_prepare_free(struct loop_prepare *p);
/* May be called within a prepare hook: all hooks run once more before the loop sleeps. */
void loop_again(struct loop *l);

/* Runs fn once at the end of this turn. */
void loop_defer(struct loop *l, loop_timer_fn fn, void *arg);

#endif
