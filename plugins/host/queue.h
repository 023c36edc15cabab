/* queue.h - which key is reconciled next, and when again.
 *
 * A key stands in the queue once however often it changes. While it has actions in flight it waits; changes then only
 * mark it dirty. Failures back off exponentially per key (5 ms doubling to 5 min, with jitter), success resets. Live
 * changes go before the first snapshot's backlog. Quarantined keys are held until released.
 */
#ifndef HOST_QUEUE_H
#define HOST_QUEUE_H

#include "ipc/base/table.h"
#include "ipc/protocol/msg.h"

enum { QUEUE_BACKOFF_MIN_MS = 5, QUEUE_BACKOFF_MAX_MS = 300000 };

struct result_node {
    struct result_node *next;
    struct rv_result r; /* its texts point behind this struct */
};

struct queue_key {
    /* -- the queue's own -- */
    struct rv_table_link link;
    struct queue_key *fifo_next;
    size_t heap_at; /* 0: not delayed */
    int64_t due;    /* mono ns, while delayed */
    bool queued, dirty, running, held;
    /* -- the engine's -- */
    bool routine; /* nothing is awaited: it is looked at again only because time passes */
    bool retry;   /* the last pass asked for back-off as well as for actions */
    uint32_t failures, passes, in_flight, result_n;
    struct result_node *results, **results_last;
    int64_t decided; /* wall ns of the last pass */
    int64_t passed;  /* mono ns of it */
    char *explain;   /* what the last pass said; NULL nothing */
    struct rv_str ns, name;
    char text[];
};

struct queue;
struct queue *queue_new(void);
struct queue *queue_free(struct queue *q);

struct queue_key *queue_find(struct queue *q, const struct rv_key *key);
struct queue_key *queue_ensure(struct queue *q, const struct rv_key *key);
/* Something changed: to be reconciled as soon as may be. low: behind all live changes. */
void queue_add(struct queue *q, struct queue_key *k, bool low);
/* Not before `due` (mono ns); an earlier plan stays. */
void queue_delay(struct queue *q, struct queue_key *k, int64_t due);
/* The next key to run, marked running; NULL when none is ready. */
struct queue_key *queue_next(struct queue *q, int64_t now);
/* The key waits for results: stays running. When they are in: */
void queue_continue(struct queue *q, struct queue_key *k);
/* The round is over. A dirty key is queued again. */
void queue_done(struct queue *q, struct queue_key *k);
void queue_forget(struct queue *q, struct queue_key *k);
void queue_hold(struct queue *q, struct queue_key *k, bool hold);
int64_t queue_deadline(const struct queue *q); /* 0: ready now; INT64_MAX: nothing planned */
/* Milliseconds to wait after that many failures in a row; r is a random word. */
int64_t queue_backoff_ms(uint32_t failures, uint64_t r);

struct queue_stats {
    size_t keys, ready, delayed, running;
};
struct queue_stats queue_stats(const struct queue *q);

#endif
