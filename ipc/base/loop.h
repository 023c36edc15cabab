/* loop.h - the event loop of the supervisor, the host and the sandbox: epoll, a timer heap, signals, and a hook
 * before sleeping (which is where edge-triggered sources such as ZMQ_FD must be looked at).
 *
 * One thread owns a loop. Callbacks may add, change and remove any source including their own; a removed source
 * is never called again, and its memory goes at the end of the turn.
 */
#ifndef RV_IPC_BASE_LOOP_H
#define RV_IPC_BASE_LOOP_H

#include "rayvisor/base.h"

struct rv_coalesce;
struct rv_loop;
struct rv_loop *rv_loop_new(struct rv_error *err);
struct rv_loop *rv_loop_free(struct rv_loop *l);
void rv_loop_run(struct rv_loop *l);                       /* until rv_loop_stop */
void rv_loop_turn(struct rv_loop *l, int64_t max_wait_ms); /* one turn; 0 does not block, -1 waits */
void rv_loop_stop(struct rv_loop *l);
/* Under steady load many small wake-ups cost more than the work that they bring. The loop then lets `ms` pass before it
 * waits again, as a network card does. Bursts of up to 64 turns are not slowed; one turn is regained every `ms`.
 * Nothing is slowed while *hurry says "at once" (coalesce.h). It is lent; NULL means that it never says so. */
void rv_loop_gather(struct rv_loop *l, int64_t ms, const struct rv_coalesce *hurry);

/* Clocks, in ns. now() is CLOCK_MONOTONIC read at the start of the turn; wall() is CLOCK_REALTIME, read afresh. */
int64_t rv_loop_now(const struct rv_loop *l);
int64_t rv_wall_now(void);
int64_t rv_mono_now(void);
int64_t rv_mono_left_ms(int64_t until); /* from now to that rv_mono_now(), rounded up; 0: it is over */

enum { RV_LOOP_READ = 1, RV_LOOP_WRITE = 2, RV_LOOP_ERROR = 4 };
struct rv_watch;
typedef void (*rv_watch_fn)(void *arg, int fd, unsigned events);
struct rv_watch *rv_loop_fd(struct rv_loop *l, int fd, unsigned events, rv_watch_fn fn,
                            void *arg); /* fd stays the caller's */
void rv_watch_set(struct rv_watch *w, unsigned events);
struct rv_watch *rv_watch_free(struct rv_watch *w);

struct rv_timer;
typedef void (*rv_timer_fn)(void *arg);
/* A timer object that can be armed again and again; made disarmed. */
struct rv_timer *rv_loop_timer(struct rv_loop *l, rv_timer_fn fn, void *arg);
void rv_timer_arm(struct rv_timer *t, int64_t delay_ms);
void rv_timer_disarm(struct rv_timer *t);
bool rv_timer_armed(const struct rv_timer *t);
struct rv_timer *rv_timer_free(struct rv_timer *t);

typedef void (*rv_signal_fn)(void *arg, int signo);
int rv_loop_signals(struct rv_loop *l, const int *signals, size_t n, rv_signal_fn fn, void *arg, struct rv_error *err);

/* Called before each sleep; returns true when it did work or has more to do (the loop then does not block). */
struct rv_prepare;
typedef bool (*rv_prepare_fn)(void *arg);
struct rv_prepare *rv_loop_prepare(struct rv_loop *l, rv_prepare_fn fn, void *arg);
struct rv_prepare *rv_prepare_free(struct rv_prepare *p);
/* Called within a prepare hook: all hooks run once more before the loop sleeps. */
void rv_loop_again(struct rv_loop *l);

/* Runs fn once at the end of this turn. */
void rv_loop_defer(struct rv_loop *l, rv_timer_fn fn, void *arg);

#endif
