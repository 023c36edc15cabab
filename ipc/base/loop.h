/* loop.h - the event loop of the supervisor, the host and the sandbox. It has epoll, a heap of timers, signals, and a
 * hook that runs before each sleep. Edge-triggered sources such as ZMQ_FD must be checked in that hook.
 *
 * One thread owns a loop. A callback may add, change and remove any source, including its own. A removed source is
 * never called again. Its memory is freed at the end of the turn. */
#ifndef RV_IPC_BASE_LOOP_H
#define RV_IPC_BASE_LOOP_H

#include "rayvisor/base.h"

struct rv_coalesce;
struct rv_loop;
struct rv_loop *rv_loop_new(struct rv_error *err);
struct rv_loop *rv_loop_free(struct rv_loop *l);
void rv_loop_run(struct rv_loop *l);                       /* runs until rv_loop_stop() */
void rv_loop_turn(struct rv_loop *l, int64_t max_wait_ms); /* runs one turn; 0 does not block, -1 waits without limit */
void rv_loop_stop(struct rv_loop *l);
/* Under steady load many small wake-ups cost more than the work that they bring. The loop then lets `ms` milliseconds
 * pass before it waits again, as a network card does. A burst of up to 64 turns is not slowed, and one turn is regained
 * every `ms`. The loop is not slowed while rv_coalesce_at_once(coalesce) is true (coalesce.h). `coalesce` is borrowed;
 * NULL means that it is never true. */
void rv_loop_coalesce(struct rv_loop *l, int64_t ms, const struct rv_coalesce *coalesce);

/* Clocks in ns. rv_loop_now() is CLOCK_MONOTONIC as read at the start of the turn. rv_mono_now(), rv_boot_now() and
 * rv_wall_now() read CLOCK_MONOTONIC, CLOCK_BOOTTIME (which also counts while the machine sleeps) and CLOCK_REALTIME at
 * each call. */
int64_t rv_loop_now(const struct rv_loop *l);
int64_t rv_wall_now(void);
int64_t rv_mono_now(void);
int64_t rv_boot_now(void);
int64_t rv_mono_left_ms(int64_t until); /* milliseconds until that rv_mono_now(), rounded up; 0 if it has passed */

enum { RV_LOOP_READ = 1, RV_LOOP_WRITE = 2, RV_LOOP_ERROR = 4 };
struct rv_watch;
typedef void (*rv_watch_fn)(void *arg, int fd, unsigned events);
/* The caller keeps the descriptor and closes it. */
struct rv_watch *rv_loop_fd(struct rv_loop *l, int fd, unsigned events, rv_watch_fn fn, void *arg);
void rv_watch_set(struct rv_watch *w, unsigned events);
struct rv_watch *rv_watch_free(struct rv_watch *w);

struct rv_timer;
typedef void (*rv_timer_fn)(void *arg);
/* Makes a timer, which is not armed yet. It can be armed any number of times. */
struct rv_timer *rv_loop_timer(struct rv_loop *l, rv_timer_fn fn, void *arg);
void rv_timer_arm(struct rv_timer *t, int64_t delay_ms);
void rv_timer_disarm(struct rv_timer *t);
bool rv_timer_armed(const struct rv_timer *t);
struct rv_timer *rv_timer_free(struct rv_timer *t);

typedef void (*rv_signal_fn)(void *arg, int signo);
int rv_loop_signals(struct rv_loop *l, const int *signals, size_t n, rv_signal_fn fn, void *arg, struct rv_error *err);

/* A hook that is called before each sleep. It returns true when it did work or has more to do. The loop then does not
 * block. */
struct rv_prepare;
typedef bool (*rv_prepare_fn)(void *arg);
struct rv_prepare *rv_loop_prepare(struct rv_loop *l, rv_prepare_fn fn, void *arg);
struct rv_prepare *rv_prepare_free(struct rv_prepare *p);
/* May be called within a prepare hook: all hooks run once more before the loop sleeps. */
void rv_loop_again(struct rv_loop *l);

/* Runs fn once at the end of this turn. */
void rv_loop_defer(struct rv_loop *l, rv_timer_fn fn, void *arg);

#endif
