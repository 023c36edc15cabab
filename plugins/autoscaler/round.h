/* round.h - one cluster in one pass of the controller.
 *
 *   plugin.c        the passes: what is due now
 *   round.c         an answer: decide, drain, patch
 *   gcs_requests.c  requests to the control store, and their answers
 *   report.c        events, explanations, metrics, Ray's own status
 *   ready.c         the condition AutoscalerReady
 *   shadow.c        beside a sidecar: compare
 *
 * Nothing in the memo is needed to be right: it is empty after a restart. It makes things quicker or quieter, and what
 * it lacks is doubt, which keeps nodes alive.
 */
#ifndef AUTOSCALER_ROUND_H
#define AUTOSCALER_ROUND_H

#include "autoscaler_kinds.h"
#include "plugins/autoscaler/meter.h"
#include "plugins/autoscaler/plan.h"
#include "plugins/ray/leak.h"
#include "rayvisor/controller.h"

enum tag {
    TAG_POLL = 1,
    TAG_PATCH,
    TAG_DELETE,
    TAG_REPORT,
    TAG_PREEMPT,
    TAG_READY,
    TAG_DRAIN = 1000 /* and up: which one */
};

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

struct settings {
    struct rc_settings shared;
    int64_t poll_ns, active_poll_ns, active_ns, release_ns;
    uint32_t timeout_ms;
    int64_t max_launches, polls_per_second, notice_ns;
    bool node_taints;
};

/* The plugin's memory: what all clusters share. */
struct shared {
    struct settings settings;
    uint32_t polled; /* clusters that are asked */
    struct meter polls, reactions;
};

/* A pod about which something was done; found again by its uid. */
struct noted {
    char *uid;
    int64_t at;
};

struct noted_list {
    struct noted *items;
    uint32_t n, cap;
};

struct memo {
    char *session; /* the control store's last one; NULL before the first answer */
    int64_t next_poll, last_good, last_change, last_report, waits_since;
    int64_t asked_at;     /* the question that is under way, or the last one */
    int64_t met_at;       /* the last question whose answer had no demand that needs new nodes; 0 */
    int64_t demand_since; /* demand that needs new nodes came after this moment, and no patch has been taken yet; 0 */
    int64_t version;      /* of the last answer: it only grows while the control store's process lives */
    int64_t write_failed; /* when the API server did not take a write, and none since; 0: it did */
    int64_t ready_failed; /* when the condition could not be written; 0 */
    uint32_t good;        /* answers in a row without doubt */
    uint32_t failures;    /* in a row */
    uint64_t usage;       /* hash of what the last answer said is in use and waits */
    uint64_t reported;    /* hash of the last report */
    uint64_t told_unmet;  /* hash of what was last said to be unmet */
    int64_t joined;       /* workers of the last answer */
    bool frozen_said, mode_said, gauge;
    bool polled; /* counted among those that are asked */
    struct noted_list drained, preempted;
    struct noted_list busy;           /* nodes that are shown, and since when they have been seen in use */
    struct noted_list polled_leaving; /* pods that are being taken away, for which Ray was asked at once */
    char **draining; /* uids of the drains that are under way, by their tag; NULL when there are none */
    uint32_t n_draining;
    int64_t *differs_since; /* shadow mode: of each group, since when the sidecar has another number; 0: it has ours */
    size_t n_differs;
    uint64_t agreed, differed;
    struct leak_memo leak; /* as in the metrics: workers that are idle */
    struct rv_buf said;    /* the lines that explain the last decision: each pass shows them again */
};

struct round {
    struct rv_pass *pass;
    struct rv_arena *arena;
    const struct settings *settings;
    struct shared *shared;
    struct memo *memo;
    struct rc_cluster cluster;
    struct rc_cluster runs; /* as its head runs (live_head.h) */
    struct seen seen;
    bool *drained; /* of each pod */
    bool sidecar;  /* the head pod has one: it writes, and we do not */
    bool shadow;
    const struct gcs_state *gcs;
    const struct as_decision *decision;
    struct plan plan;
};

/* gcs_requests.c */
bool gcs_request_poll(struct round *r);
bool gcs_request_drain(struct round *r, size_t index, const struct seen_pod *pod, struct rv_str node_id,
                       struct rv_str why);
void gcs_request_preempt(struct round *r, const struct seen_pod *pod, struct rv_str node_id, struct rv_str why);
void gcs_request_report(struct round *r);
/* Is it a good answer? Otherwise *ret_why says in words what it was. */
bool gcs_answer_is_good(struct rv_arena *a, const struct rv_result *res, struct rv_str *ret_why);

/* round.c */
void round_answer(struct round *r, const struct rv_result *res);
void round_drained(struct round *r); /* results of drains: into the memo */
bool round_patch(struct round *r);   /* the patch that the plan asks for, if it asks for one */
/* How often a quiet cluster is asked when so many are: few are asked often, and many together at a bounded rate. */
int64_t round_quiet_ns(const struct settings *s, uint32_t polled);

/* ready.c: the condition, written if it changes */
void ready_set(struct round *r, bool ready, const char *reason, struct rv_str message);
void ready_remove(struct round *r);
void ready_beside_sidecar(struct round *r); /* that one scales: the condition only says so when it should not */
void ready_result(struct round *r);

/* shadow.c */
void shadow_compare(struct round *r);
void shadow_gone(const struct rv_pass *p); /* the cluster is deleted: its counters go */

/* report.c */
void report_begin(struct round *r); /* what was said before is over */
void report_line(struct round *r, const char *fmt, ...) RV_PRINTF(2, 3);
void report_again(struct round *r);                                         /* all lines, at the end of a pass */
void report_frozen(struct round *r, const char *reason, struct rv_str why); /* reason: of the condition */
void report_decision(struct round *r);
void report_nodes(struct round *r);
void report_state(struct round *r, const char *state);                /* metric: one of a few words */
void report_polled(const struct rv_pass *p, struct memo *m, bool is); /* counts the clusters that are asked */
void report_gone(const struct rv_pass *p, struct memo *m);
void report_count(const struct rv_pass *p, const char *name, double value, const char *label, const char *label_value);

/* memo.c */
/* When it was noted; 0: it was not. */
int64_t noted_at(const struct noted_list *l, struct rv_str uid);
void noted_add(struct noted_list *l, struct rv_str uid, int64_t at);
bool noted_has(const struct noted_list *l, struct rv_str uid);
void noted_drop(struct noted_list *l, struct rv_str uid);
void noted_keep(struct noted_list *l, const struct seen *s); /* forgets those whose pods are gone */
void memo_release(void *memo);
void memo_new_drains(struct memo *m, size_t room);    /* those that were under way are over; room for so many */
int64_t *memo_differs(struct memo *m, size_t groups); /* differs_since, with room for so many groups */
void memo_forget(struct memo *m);                     /* a new session: nothing that was known counts */

#endif
