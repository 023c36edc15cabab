/* queue.h - the work queue: which key is reconciled next, and when it is reconciled again.
 *
 * A key is in the queue once, however often it changes. While it has actions in flight, it waits, and changes only mark
 * it dirty. After a failure the key waits for an exponential back-off (5 ms doubling to 5 min, with jitter), which a
 * success resets. Live changes go before the backlog of the first snapshot. Quarantined keys are held until they are
 * released. */
#ifndef HOST_QUEUE_H
#define HOST_QUEUE_H

#include "ipc/base/table.h"
#include "ipc/protocol/msg.h"

enum { QUEUE_BACKOFF_MIN_MS = 5, QUEUE_BACKOFF_MAX_MS = 300000 };

struct result_node {
    struct result_node *next;
    struct rv_result r; /* its texts follow this struct in memory */
};

/* Why a key is to be reconciled: everything that has come since its last pass. */
struct queue_cause {
    uint32_t why; /* MSG_CAUSE_*; 0: nothing but its time */
    uint32_t kind, changes;
    char *name;    /* with kind: the first object that had changed; NULL if there is none */
    int64_t since; /* monotonic, ns: the first cause */
};

struct queue_key {
    /* -- for the queue -- */
    struct hash_table_link link;
    struct queue_key *fifo_next;
    size_t heap_at; /* 0 if it is not delayed */
    int64_t due;    /* monotonic, ns; while it is delayed */
    bool queued, dirty, running, held;
    /* -- for the engine -- */
    bool routine;             /* the next pass comes only because time passes */
    bool retry;               /* the last pass asked for the back-off, and also requested actions */
    bool round;               /* a round has begun: passes that follow each other because results have arrived */
    bool withheld;            /* an action of the last pass was withheld */
    uint32_t withheld_rounds; /* rounds in a row that ended so while nothing changed */
    int64_t after_ms;         /* what the last pass, which also requested actions, asked for; -1 nothing */
    int64_t began;            /* when the last round began, monotonic, ns */
    uint32_t failures, passes, in_flight, result_n;
    struct result_node *results, **results_last;
    int64_t decided; /* time of the last pass, wall clock, ns */
    int64_t passed;  /* the same, monotonic, ns */
    char *explain;   /* what the last pass explained; NULL for nothing */
    struct queue_cause cause;
    uint32_t quiet; /* passes that nobody was told of */
    struct rv_str ns, name;
    char text[];
};

struct queue;
struct queue *queue_new(void);
struct queue *queue_free(struct queue *q);

struct queue_key *queue_find(struct queue *q, const struct rv_key *key);
struct queue_key *queue_ensure(struct queue *q, const struct rv_key *key);
/* Something has changed: reconcile the key as soon as possible. `low` puts it behind all live changes. */
void queue_add(struct queue *q, struct queue_key *k, bool low);
/* Reconciles the key at `due` (monotonic, ns), unless it is planned for an earlier time. */
void queue_delay(struct queue *q, struct queue_key *k, int64_t due);
/* The next key to run, which is marked as running. NULL if none is ready. */
struct queue_key *queue_next(struct queue *q, int64_t now);
/* The key was waiting for results and stays running. They have arrived: */
void queue_continue(struct queue *q, struct queue_key *k);
/* The round has ended. A dirty key is queued again. */
void queue_done(struct queue *q, struct queue_key *k);
void queue_forget(struct queue *q, struct queue_key *k);
void queue_hold(struct queue *q, struct queue_key *k, bool hold);
int64_t queue_deadline(const struct queue *q); /* 0 if a key is ready now; INT64_MAX if nothing is planned */
/* How many milliseconds to wait after that many failures in a row. r is a random number. */
int64_t queue_backoff_ms(uint32_t failures, uint64_t r);

struct queue_stats {
    size_t keys, ready, delayed, running;
};
struct queue_stats queue_stats(const struct queue *q);

#endif
