/* memo.h - what the controller remembers about one RayJob between two passes. Correctness never depends on it, because
 * it is empty after a restart. */
#ifndef RAYJOB_MEMO_H
#define RAYJOB_MEMO_H

#include <stdlib.h>

#include "plugins/ray/backoff.h"
#include "plugins/ray/leak.h"
#include "rayvisor/value.h"

struct job_memo {
    char *selected;             /* the cluster of clusterSelector, for mapping its events; NULL if none */
    int64_t next_poll;          /* wall clock, ns: when Ray is asked again */
    uint32_t failures;          /* requests in a row without an answer */
    uint32_t refusals;          /* submissions in a row that Ray did not accept */
    uint32_t unknown;           /* answers in a row that do not know a job that existed before */
    int64_t unknown_since;      /* wall clock of the first of them, ns */
    bool began;                 /* this process has begun the attempt, */
    bool submitted;             /* and has submitted its job (HTTPMode) */
    char *post_mortem;          /* of an attempt that failed, until Ray has answered with its log; NULL: none */
    char *head_end;             /* how the head on which the job runs, or its container, has ended; NULL if unknown */
    bool has_asked;             /* this process has asked Ray, with or without success */
    bool asked_after_end;       /* the last request was sent after the submitter had ended, */
    bool polled_since_end;      /* and Ray has answered it */
    struct rc_backoff creation; /* back-off after failed actions */
    int64_t next_stop;          /* wall clock, ns: when the request to stop is repeated */
    bool stopped;               /* Ray has answered it */
    int64_t invalid_reported;   /* the generation for which the event was sent; -1 if none */
    struct rv_hash stuck_reported; /* a hash of the last obstacle that an event reported */
    int phase_reported;            /* the phase in the metrics; -1 if none */
    struct leak_memo leak;         /* as in the metrics: a cluster whose job has ended */
    int64_t attempts;              /* attempts that have ended; the metrics may have a series for each */
};

static inline void memo_forget_head(struct job_memo *m) {
    free(m->head_end);
    m->head_end = NULL;
}

#endif
