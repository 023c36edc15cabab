/* memo.h - what the controller remembers of one RayJob between two passes. It is never needed for correctness: after a
 * restart it is empty. */
#ifndef RAYJOB_MEMO_H
#define RAYJOB_MEMO_H

#include <stdlib.h>

#include "plugins/ray/backoff.h"
#include "rayvisor/value.h"

struct job_memo {
    char *selected;             /* the cluster of clusterSelector, for mapping its events; NULL: none */
    int64_t next_poll;          /* wall ns: when Ray is asked again */
    uint32_t failures;          /* questions in a row without an answer */
    uint32_t refusals;          /* submissions in a row that Ray did not take */
    uint32_t unknown;           /* answers in a row that know nothing of a job that was there */
    int64_t unknown_since;      /* wall ns of the first of them */
    bool began;                 /* this process has begun the attempt, */
    bool submitted;             /* and has submitted its job (HTTPMode) */
    char *head_end;             /* how the head on which the job runs, or its container, has ended; NULL: not known */
    bool heard;                 /* this process has asked Ray, with or without success */
    bool asked_after_end;       /* the last question was put after the submitter had ended, */
    bool polled_since_end;      /* and Ray has answered it */
    struct rc_backoff creation; /* of actions that failed */
    int64_t next_stop;          /* wall ns: when the job is told again to stop */
    bool stopped;               /* Ray has heard that */
    int64_t invalid_told;       /* the generation for which the event was sent; -1: none */
    struct rv_hash stuck_told;  /* hash of the last obstacle that an event told */
    int phase_told;             /* by the metrics; -1: none */
    int64_t attempts;           /* attempts that have ended: the metrics may speak of each */
};

static inline void memo_forget_head(struct job_memo *m) {
    free(m->head_end);
    m->head_end = NULL;
}

#endif
