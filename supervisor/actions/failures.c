/* failures.c - see failures.h. */
#include "failures.h"

#include <stdlib.h>

#include "ipc/base/rate_limit.h"
#include "policy.h"
#include "supervisor/failure_log.h"

enum { CONFLICTS_USUAL = 5 };

struct failures {
    struct failure_log *failed;  /* requests that are sent again */
    struct failure_log *refused; /* writes that were refused because others have written */
    struct rate_limit conflicts;
    bool failing; /* no other answer has come since the failure; it may be a long time until the next request */
};

static bool still_failing(void *arg) { return ((const struct failures *)arg)->failing; }

struct failures *failures_new(struct loop *l, int64_t quiet_ms) {
    struct failures *f = rv_alloc(sizeof *f);
    f->failed =
        failure_log_new(&(struct failure_log_opts){.loop = l,
                                                   .begins = "requests to the API server fail and are tried again",
                                                   .lasts = "requests to the API server still fail",
                                                   .over = "requests to the API server work again",
                                                   .quiet_ms = quiet_ms,
                                                   .persists = still_failing,
                                                   .arg = f});
    f->refused =
        failure_log_new(&(struct failure_log_opts){.loop = l,
                                                   .begins = "writes are refused again and again: conflicts",
                                                   .lasts = "writes are still refused again and again: conflicts",
                                                   .over = "writes are no longer refused for conflicts"});
    return f;
}

struct failures *failures_free(struct failures *f) {
    if (f == NULL) return NULL;
    failure_log_free(f->failed);
    failure_log_free(f->refused);
    free(f);
    return NULL;
}

/* Now and then two writers change the same object. This is usual. One conflict every other second is not. */
static bool is_usual(struct failures *f) {
    return rate_limit_take(&f->conflicts, clock_monotonic(), 2e9, CONFLICTS_USUAL);
}

void failures_answer(struct failures *f, const struct rv_action *a, const struct kube_response *r, bool transient) {
    rv_autobuf struct rv_buf of = {0}, reason = {0};
    bool conflict = r->code == RV_E_CONFLICT;
    f->failing = transient;
    if (conflict ? is_usual(f) : !transient) return;
    rv_buf_addf(&of, "%s " RV_STR_FMT, policy_verb(a->verb), RV_STR_ARG(a->resource));
    if (r->http_status != 0) rv_buf_addf(&reason, "HTTP %u ", r->http_status);
    rv_buf_add(&reason, r->message.p, r->message.n);
    failure_log_report(conflict ? f->refused : f->failed, rv_buf_str(&of), rv_buf_str(&reason));
}
