/* loop.c - epoll, a binary heap of timers, signalfd and prepare hooks (see loop.h).
 *
 * A source that is removed while the loop runs goes to a list and is freed at the end of the turn. So a callback may
 * remove itself, and an event that was already fetched for a removed source is recognised and dropped. */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "coalesce.h"
#include "rate_limit.h"

enum { EVENTS_PER_TURN = 64, COALESCE_BURST = 64 };

struct loop_watch {
    struct loop *loop;
    int fd;
    unsigned events;
    loop_watch_fn fn;
    void *arg;
    bool dead;
    struct loop_watch *next_dead;
};

struct loop_timer {
    struct loop *loop;
    int64_t due;
    uint64_t order; /* timers with equal times fire in the order in which they were armed */
    size_t at;      /* index in the heap + 1; 0 means not armed */
    loop_timer_fn fn;
    void *arg;
    bool dead;
    struct loop_timer *next_dead;
};

struct loop_prepare {
    struct loop *loop;
    loop_prepare_fn fn;
    void *arg;
    bool dead;
    struct loop_prepare *next;
};

struct deferred {
    loop_timer_fn fn;
    void *arg;
};

struct loop {
    int64_t coalesce_ns; /* see loop_coalesce() */
    struct rate_limit turns;
    const struct coalesce *coalesce;
    bool again; /* a prepare hook asked to run all hooks once more before the loop sleeps */
    int epoll_fd, signal_fd;
    bool stopped;
    int64_t now;
    uint64_t order;
    struct loop_timer **heap;
    size_t heap_n, heap_cap;
    struct loop_prepare *prepares;
    struct loop_watch *dead_watches, *signal_watch;
    struct loop_timer *dead_timers;
    struct deferred *deferred;
    size_t deferred_n, deferred_cap;
    loop_signal_fn on_signal;
    void *signal_arg;
};

/* ---- clocks --------------------------------------------------------------------------------------------- */

static int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall(void) { return clock_ns(CLOCK_REALTIME); }
int64_t clock_monotonic(void) { return clock_ns(CLOCK_MONOTONIC); }
int64_t clock_boot(void) { return clock_ns(CLOCK_BOOTTIME); }
int64_t clock_left_ms(int64_t until) {
    int64_t ns = until - clock_monotonic();
    return ns <= 0 ? 0 : (ns + 999999) / 1000000;
}
int64_t loop_now(const struct loop *l) { return l->now; }

/* ---- timers --------------------------------------------------------------------------------------------- */

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b) {
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_put(struct loop *l, size_t i, struct loop_timer *t) {
    l->heap[i] = t;
    t->at = i + 1;
}

static void heap_up(struct loop *l, size_t i) {
    struct loop_timer *t = l->heap[i];
    while (i > 0 && timer_before(t, l->heap[(i - 1) / 2])) {
        heap_put(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(l, i, t);
}

static void heap_down(struct loop *l, size_t i) {
    struct loop_timer *t = l->heap[i];
    for (size_t child; (child = 2 * i + 1) < l->heap_n; i = child) {
        if (child + 1 < l->heap_n && timer_before(l->heap[child + 1], l->heap[child])) child++;
        if (!timer_before(l->heap[child], t)) break;
        heap_put(l, i, l->heap[child]);
    }
    heap_put(l, i, t);
}

struct loop_timer *loop_timer(struct loop *l, loop_timer_fn fn, void *arg) {
    struct loop_timer *t = rv_alloc(sizeof *t);
    *t = (struct loop_timer){.loop = l, .fn = fn, .arg = arg};
    return t;
}

bool loop_timer_armed(const struct loop_timer *t) { return t->at != 0; }

void loop_timer_disarm(struct loop_timer *t) {
    if (t->at == 0) return;
    struct loop *l = t->loop;
    size_t i = t->at - 1;
    struct loop_timer *last = l->heap[--l->heap_n];
    t->at = 0;
    if (last == t) return;
    heap_put(l, i, last);
    heap_up(l, i);
    heap_down(l, last->at - 1);
}

void loop_timer_arm(struct loop_timer *t, int64_t delay_ms) {
    struct loop *l = t->loop;
    loop_timer_disarm(t);
    if (delay_ms < 0) delay_ms = 0;
    if (delay_ms > INT64_C(1000000000000)) delay_ms = INT64_C(1000000000000);
    t->due = clock_monotonic() + delay_ms * 1000000;
    t->order = l->order++;
    if (l->heap_n == l->heap_cap) {
        l->heap_cap = l->heap_cap == 0 ? 16 : l->heap_cap * 2;
        l->heap = rv_realloc_array(l->heap, l->heap_cap, sizeof(struct loop_timer *));
    }
    heap_put(l, l->heap_n++, t);
    heap_up(l, l->heap_n - 1);
}

struct loop_timer *loop_timer_free(struct loop_timer *t) {
    if (t == NULL || t->dead) return NULL;
    loop_timer_disarm(t);
    t->dead = true;
    t->next_dead = t->loop->dead_timers;
    t->loop->dead_timers = t;
    return NULL;
}

static bool run_timers(struct loop *l) {
    bool ran = false;
    /* Runs only timers that were armed before this turn. A callback that arms its timer with 0 is called in the next
     * turn. */
    uint64_t limit = l->order;
    while (l->heap_n > 0 && l->heap[0]->due <= l->now && l->heap[0]->order < limit && !l->stopped) {
        struct loop_timer *t = l->heap[0];
        loop_timer_disarm(t);
        t->fn(t->arg);
        ran = true;
    }
    return ran;
}

/* ---- descriptors ---------------------------------------------------------------------------------------- */

static uint32_t to_epoll(unsigned events) {
    return ((events & LOOP_READ) != 0 ? (uint32_t)EPOLLIN | (uint32_t)EPOLLRDHUP : 0) |
           ((events & LOOP_WRITE) != 0 ? (uint32_t)EPOLLOUT : 0);
}

struct loop_watch *loop_fd(struct loop *l, int fd, unsigned events, loop_watch_fn fn, void *arg) {
    struct loop_watch *w = rv_alloc(sizeof *w);
    *w = (struct loop_watch){.loop = l, .fd = fd, .events = events, .fn = fn, .arg = arg};
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0) {
        free(w);
        return NULL;
    }
    return w;
}

void loop_watch_set(struct loop_watch *w, unsigned events) {
    if (w->dead || w->events == events) return;
    w->events = events;
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = w};
    (void)epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);
}

struct loop_watch *loop_watch_free(struct loop_watch *w) {
    if (w == NULL || w->dead) return NULL;
    /* This fails if the descriptor is already closed, because the kernel has then forgotten it. The failure is
     * harmless. */
    (void)epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->dead = true;
    w->next_dead = w->loop->dead_watches;
    w->loop->dead_watches = w;
    return NULL;
}

static bool run_events(struct loop *l, int timeout_ms) {
    struct epoll_event events[EVENTS_PER_TURN];
    int n = epoll_wait(l->epoll_fd, events, EVENTS_PER_TURN, timeout_ms);
    l->now = clock_monotonic();
    for (int i = 0; i < n && !l->stopped; i++) {
        struct loop_watch *w = events[i].data.ptr;
        if (w->dead) continue;
        unsigned got = 0;
        if ((events[i].events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) got |= LOOP_READ;
        if ((events[i].events & EPOLLOUT) != 0) got |= LOOP_WRITE;
        if ((events[i].events & EPOLLERR) != 0) got |= LOOP_ERROR;
        w->fn(w->arg, w->fd, got);
    }
    return n > 0;
}

/* ---- hooks ---------------------------------------------------------------------------------------------- */

struct loop_prepare *loop_prepare(struct loop *l, loop_prepare_fn fn, void *arg) {
    struct loop_prepare *p = rv_alloc(sizeof *p);
    *p = (struct loop_prepare){.loop = l, .fn = fn, .arg = arg, .next = l->prepares};
    l->prepares = p;
    return p;
}

struct loop_prepare *loop_prepare_free(struct loop_prepare *p) {
    if (p != NULL) p->dead = true;
    return NULL;
}

static bool run_prepares(struct loop *l) {
    bool more = false;
    l->again = false;
    for (struct loop_prepare *p = l->prepares; p != NULL; p = p->next)
        if (!p->dead && p->fn(p->arg)) more = true;
    return more || l->again;
}

void loop_again(struct loop *l) { l->again = true; }

void loop_defer(struct loop *l, loop_timer_fn fn, void *arg) {
    if (l->deferred_n == l->deferred_cap) {
        l->deferred_cap = l->deferred_cap == 0 ? 16 : l->deferred_cap * 2;
        l->deferred = rv_realloc_array(l->deferred, l->deferred_cap, sizeof *l->deferred);
    }
    l->deferred[l->deferred_n++] = (struct deferred){fn, arg};
}

static void run_deferred(struct loop *l) {
    size_t n = l->deferred_n;
    if (n == 0) return;
    for (size_t i = 0; i < n; i++) l->deferred[i].fn(l->deferred[i].arg);
    memmove(l->deferred, l->deferred + n, (l->deferred_n - n) * sizeof *l->deferred);
    l->deferred_n -= n;
}

static void free_later(struct loop *l) {
    for (struct loop_watch *w; (w = l->dead_watches) != NULL;) {
        l->dead_watches = w->next_dead;
        free(w);
    }
    for (struct loop_timer *t; (t = l->dead_timers) != NULL;) {
        l->dead_timers = t->next_dead;
        free(t);
    }
    for (struct loop_prepare **p = &l->prepares; *p != NULL;) {
        struct loop_prepare *gone = *p;
        if (gone->dead) {
            *p = gone->next;
            free(gone);
        } else {
            p = &gone->next;
        }
    }
}

/* ---- signals -------------------------------------------------------------------------------------------- */

static void signal_ready(void *arg, int fd, unsigned events) {
    struct loop *l = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) l->on_signal(l->signal_arg, (int)info.ssi_signo);
}

int loop_signals(struct loop *l, const int *signals, size_t n, loop_signal_fn fn, void *arg, struct rv_error *err) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++) sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return rv_error_set(err, -errno, "cannot block signals: %s", strerror(errno));
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) return rv_error_set(err, -errno, "cannot make a signalfd: %s", strerror(errno));
    l->signal_fd = fd;
    l->on_signal = fn;
    l->signal_arg = arg;
    l->signal_watch = loop_fd(l, fd, LOOP_READ, signal_ready, l);
    if (l->signal_watch == NULL) return rv_error_set(err, -errno, "cannot watch the signalfd: %s", strerror(errno));
    return 0;
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

struct loop *loop_new(struct rv_error *err) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) {
        rv_error_set(err, -errno, "cannot make an epoll descriptor: %s", strerror(errno));
        return NULL;
    }
    struct loop *l = rv_alloc(sizeof *l);
    l->epoll_fd = fd;
    l->signal_fd = -1;
    l->now = clock_monotonic();
    return l;
}

struct loop *loop_free(struct loop *l) {
    if (l == NULL) return NULL;
    loop_watch_free(l->signal_watch);
    for (struct loop_prepare *p = l->prepares; p != NULL; p = p->next) p->dead = true;
    free_later(l);
    rv_closep(&l->signal_fd);
    rv_closep(&l->epoll_fd);
    free(l->heap);
    free(l->deferred);
    free(l);
    return NULL;
}

static int turn_timeout(const struct loop *l, int64_t max_wait_ms) {
    if (l->deferred_n > 0 || l->stopped) return 0;
    int64_t wait = max_wait_ms;
    if (l->heap_n > 0) {
        int64_t ms = clock_left_ms(l->heap[0]->due);
        if (wait < 0 || ms < wait) wait = ms;
    }
    return wait > INT32_MAX ? INT32_MAX : (int)wait;
}

/* Tokens for waiting come with time, and each wait takes one. When none is left, the loop sleeps before it looks again.
 * Everything that arrives in between is then handled together. */
static void sleep_to_coalesce(struct loop *l) {
    int64_t now = clock_monotonic();
    if (rate_limit_take(&l->turns, now, (double)l->coalesce_ns, COALESCE_BURST)) return;
    if (l->coalesce != NULL && coalesce_at_once(l->coalesce, now)) return;
    struct timespec pause = {0, (long)l->coalesce_ns};
    (void)nanosleep(&pause, NULL);
}

/* Events that are ready are never delayed. Only a wait that the next small event would end is made a little longer. */
static void wait_for_events(struct loop *l, int timeout_ms) {
    if (timeout_ms == 0 || l->coalesce_ns == 0) {
        run_events(l, timeout_ms);
        return;
    }
    if (run_events(l, 0) || l->stopped) return;
    sleep_to_coalesce(l);
    run_events(l, turn_timeout(l, timeout_ms));
}

void loop_coalesce(struct loop *l, int64_t ms, const struct coalesce *coalesce) {
    l->coalesce = coalesce;
    l->coalesce_ns = ms * 1000000;
    l->turns = (struct rate_limit){COALESCE_BURST, clock_monotonic()};
}

void loop_turn(struct loop *l, int64_t max_wait_ms) {
    bool more = run_prepares(l);
    wait_for_events(l, more ? 0 : turn_timeout(l, max_wait_ms));
    run_timers(l);
    run_deferred(l);
    free_later(l);
}

void loop_run(struct loop *l) {
    l->stopped = false;
    while (!l->stopped) loop_turn(l, -1);
}

void loop_stop(struct loop *l) { l->stopped = true; }
