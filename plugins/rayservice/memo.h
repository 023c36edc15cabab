/* memo.h - what the controller remembers of one RayService between two passes. Nothing of it is needed for correctness:
 * a process that begins without it asks everything again. */
#ifndef RAYSERVICE_MEMO_H
#define RAYSERVICE_MEMO_H

#include "plugins/ray/backoff.h"

enum { ACTIVE, PENDING, SIDES };

/* What Serve on one of the two clusters answered. */
struct serve_memo {
    char *cluster;
    /* answers about applications */
    int64_t next_ask;     /* wall ns */
    uint32_t failures;    /* questions in a row without an answer */
    bool answered, fresh; /* fresh: the answer is newer than the last change of configuration or capacity */
    bool any, running, healthy;
    /* Of the spec's configuration, and of the one that it accepted, where the last answer shows that it runs; else
     * empty */
    char shown_hash[33], shown_kept[33];
    int64_t capacity;
    struct rv_buf apps; /* as status.applicationStatuses */
    char *waits, *error;
    /* submissions */
    int64_t next_submit;
    uint32_t refusals;
    char *refused;         /* what Serve said against it */
    char refused_hash[33]; /* of the configuration that it said it of */
    char sent_hash[33];    /* in flight, as is: */
    char *sent;
    int64_t sent_capacity;
    bool awaits;     /* a submission was sent in this pass */
    bool unanswered; /* the last submission: it may have been taken, which the next answer about applications shows */
    bool doubted;    /* Serve may run something else than it accepted as far as the status knows: the answer to a
                        submission was lost, or to one of a process before this one */
    /* the head's proxy */
    int64_t next_probe;
    uint32_t refused_probes, silent_probes; /* since it last answered */
    bool proxy_known, proxy_ok;
    bool proxy_answered; /* ever, in this life of the head */
    /* changes of these are asked about at once */
    char *head_uid;
    int64_t restarts, pods_ready;
    bool head_was_ready;
};

void serve_memo_forget(struct serve_memo *m);
void serve_memo_outdate(struct serve_memo *m); /* what was answered proves nothing any more */

struct service_memo {
    struct serve_memo serve[SIDES];
    int64_t invalid_reported, config_reported; /* generations for which the events were sent, -1 none */
    struct rc_backoff creation;
    /* The last action that failed, as a condition's reason and message; NULL: none did since. It is told until the next
     * try has shown what became of it. */
    const char *failed;
    char *failed_why;
    bool tried_again;
    /* draining (retire.c) */
    int64_t next_drain, ongoing; /* ongoing requests of the cluster that is next to go; -1 unknown */
    int64_t ongoing_sum, drained_at;
    uint32_t drain_left, drain_asked, drain_failed;
    bool drain_blind;                     /* no pod of it tells its requests */
    int reported_ready, reported_upgrade; /* by the metrics, -1 none */
};

void service_memo_failed(struct service_memo *m, const char *reason, struct rv_str why); /* reason NULL: no more */

/* For the memo table of the controller. */
void service_memo_init(void *memo);
void service_memo_release(void *memo);

#endif
