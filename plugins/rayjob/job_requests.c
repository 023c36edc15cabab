/* job_requests.c - see job_requests.h (spec section 6.2). The supervisor makes the requests, so a head that does not
 * answer delays only its own job. Answers come from outside: anything but the words that Ray uses counts as no
 * answer. */
#include "job_requests.h"

#include "builders.h"
#include "fields.h"
#include "observe.h"
#include "plugins/ray/backoff.h"
#include "plugins/ray/dashboard.h"
#include "post_mortem.h"

enum { LOG_MS = 5000, SUBMIT_MS = 10000, POLL_SLOWEST_S = 15, STOP_AGAIN_S = 2 };

/* After a failure the next request comes at growing intervals, with a random part, so that not all jobs ask at once. */
static void schedule_next_poll(struct job_pass *p) {
    struct job_memo *m = p->memo;
    uint32_t in_a_row = m->failures > m->refusals ? m->failures : m->refusals;
    int64_t pause =
        in_a_row > 0 ? rc_spread_pause(&p->ctx, in_a_row, RJ_POLL_S, POLL_SLOWEST_S) : RJ_POLL_S * RC_SECOND;
    m->next_poll = p->time + pause;
}

static void request(struct job_pass *p, const char *method, struct rv_str path, struct rv_str body, uint64_t tag) {
    struct rc_dashboard_request r = {.address = p->now.dashboard,
                                     .cluster = has_cluster(p) ? &p->c : NULL,
                                     .method = method,
                                     .path = path,
                                     .body = body,
                                     .timeout_ms = tag == TAG_SUBMIT ? SUBMIT_MS : 0, /* Ray first looks for an agent */
                                     .idempotent = true,                              /* a submission contains its id */
                                     .tag = tag};
    if (!rc_dashboard_send(&p->ctx, &r)) p->memo->has_asked = true; /* no answer will come */
}

static struct rv_str job_path(struct job_pass *p, const char *rest) {
    return rv_arena_fmt(p->arena, "/api/jobs/" RV_STR_FMT "%s", RV_STR_ARG(p->now.job_id), rest);
}

void request_job_info(struct job_pass *p) {
    p->memo->asked_after_end = p->submitter.finished;
    request(p, "GET", job_path(p, ""), RV_STR(""), TAG_INFO);
}

void request_job_submission(struct job_pass *p) {
    request(p, "POST", RV_STR("/api/jobs/"), rj_request(p->arena, p->j, p->now.job_id), TAG_SUBMIT);
}

bool request_job_stop(struct job_pass *p, int64_t until) {
    if (p->memo->stopped || p->time >= until || cannot_ask_ray(p)) return false;
    if (p->time >= p->memo->next_stop) {
        p->memo->next_stop = p->time + STOP_AGAIN_S * RC_SECOND;
        request(p, "POST", job_path(p, "/stop"), RV_STR(""), TAG_STOP);
    }
    ctx_wake(&p->ctx, p->memo->next_stop < until ? p->memo->next_stop : until);
    return true;
}

bool request_job_log(struct job_pass *p) {
    struct rc_dashboard_request r = {.address = p->now.dashboard,
                                     .cluster = &p->c,
                                     .method = "GET",
                                     .path = job_path(p, "/logs"),
                                     .timeout_ms = LOG_MS, /* the job's end waits for it */
                                     .idempotent = true,
                                     .tag = TAG_LOG};
    return rc_dashboard_send(&p->ctx, &r);
}

/* ---- answers -------------------------------------------------------------------------------------------------------
 */

/* Ray itself says that it has no such job. A proxy on the way to Ray would answer 404 in other words. */
static bool has_no_job(const struct rv_result *r) {
    return r->code == 0 && r->http_status == 404 &&
           (rc_dashboard_mentions(r, "job") || rc_dashboard_mentions(r, "Job"));
}

/* True for a failure on our side, which says nothing about Ray. */
static enum answer no_answer(const struct rv_result *r) {
    return rc_dashboard_not_sent(r) ? ANSWER_NOT_SENT : ANSWER_ERROR;
}

static void info_result(struct job_pass *p, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (rc_dashboard_ok(r) && r->json && rv_val_type(v) == RV_MAP && rj_job_status_known(rv_path_str(v, "status"))) {
        p->info = ANSWER_KNOWN;
        p->info_value = v;
        p->memo->refusals = 0; /* it was accepted, although that answer was lost */
    } else if (has_no_job(r)) {
        p->info = ANSWER_UNKNOWN_JOB;
    } else {
        p->info = no_answer(r);
        p->ray_error = rc_dashboard_ok(r) ? RV_STR("its answer is not that of a Ray dashboard")
                                          : rc_dashboard_failure(p->arena, r);
    }
    bool answered = p->info == ANSWER_KNOWN || p->info == ANSWER_UNKNOWN_JOB;
    p->memo->has_asked = true;
    p->memo->failures = answered ? 0 : p->memo->failures + 1;
    schedule_next_poll(p);
}

/* If Ray already has the job, it names the id; an earlier request of ours may have submitted it. Ray always refuses a
 * request that it cannot read and a runtime environment that is invalid. The head wraps errors of its agent into an
 * error of its own. */
static void submit_result(struct job_pass *p, const struct rv_result *r) {
    bool there =
             r->code == 0 && r->http_status >= 400 && rc_dashboard_mentions(r, "Please use a different submission_id"),
         wrong = r->code == 0 &&
                 (r->http_status == 400 || r->http_status == 422 ||
                  (r->http_status == 500 && rc_dashboard_mentions(r, "Request failed with status code 400")));
    p->submitted = rc_dashboard_ok(r) || there ? ANSWER_KNOWN : wrong ? ANSWER_REFUSED : no_answer(r);
    p->memo->has_asked = true;
    p->memo->refusals = p->submitted == ANSWER_KNOWN ? 0 : p->memo->refusals + 1;
    if (p->submitted != ANSWER_KNOWN) p->ray_error = rc_dashboard_failure(p->arena, r);
    schedule_next_poll(p);
    if (p->submitted == ANSWER_KNOWN) p->memo->next_poll = p->time + RC_SECOND;
}

void job_requests_take_result(struct job_pass *p, const struct rv_result *r) {
    if (r->tag == TAG_LOG) post_mortem_take_log(p, r);
    if (r->tag == TAG_INFO) info_result(p, r);
    if (r->tag == TAG_SUBMIT) submit_result(p, r);
    if (r->tag == TAG_STOP) p->memo->stopped = rc_dashboard_ok(r) || has_no_job(r);
}
