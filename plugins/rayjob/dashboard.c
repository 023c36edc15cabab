/* dashboard.c - asking Ray about the job (spec section 6.2). Requests are made by the supervisor: nothing here waits,
 * and a head that does not answer costs its own job's time only. What comes back is outside data: anything but the
 * words that Ray knows counts as no answer. */
#include "builders.h"
#include "fields.h"
#include "pass.h"

enum { SUBMIT_MS = 10000, ANSWER_BYTES = 1 << 20, POLL_SLOWEST_S = 15, STOP_AGAIN_S = 2 };

/* After a failure the next question comes later and later, and never from all jobs at once. */
static void pace(struct pass *p) {
    struct memo *m = p->memo;
    uint32_t in_a_row = m->failures > m->refusals ? m->failures : m->refusals;
    int64_t seconds = RJ_POLL_S;
    for (uint32_t i = 1; i < in_a_row && seconds < POLL_SLOWEST_S; i++) seconds *= 2;
    if (seconds > POLL_SLOWEST_S) seconds = POLL_SLOWEST_S;
    uint8_t random = 128;
    if (in_a_row > 0) p->api->random(p->host, &random, sizeof random);
    m->next_poll = p->time + seconds * RC_SECOND * (896 + random) / 1024;
}

/* Questions have the supervisor's own time limit, which is longer on the way through the API server. */
static void request(struct pass *p, const char *method, struct rv_str path, struct rv_str body, uint64_t tag) {
    struct rv_str host = p->now.dashboard;
    struct rv_http_request r = {
        .size = sizeof r,
        .timeout_ms = tag == TAG_SUBMIT ? SUBMIT_MS : 0, /* Ray looks for an agent first */
        .max_bytes = ANSWER_BYTES,
        .tag = tag,
        .method = rv_str(method),
        .url = rv_arena_fmt(p->arena, "http://" RV_STR_FMT RV_STR_FMT, RV_STR_ARG(host), RV_STR_ARG(path)),
        .body = {(const uint8_t *)body.p, body.n}};
    if (rv_str_is(r.method, "POST")) r.content_type = RV_STR("application/json");
    if (see_cluster(p) && p->c.f.token) {
        r.secret_ns = p->j->ns;
        r.secret_name = rc_token_secret(p->arena, &p->c);
        r.secret_key = RV_STR("auth_token");
        r.auth_header = RV_STR("x-ray-authorization");
        r.auth_prefix = RV_STR("Bearer ");
    }
    if (p->api->http(p->host, &r) == 0) return;
    p->retry = true;
    p->memo->heard = true; /* there is nobody to wait for */
}

static struct rv_str job_path(struct pass *p, const char *rest) {
    return rv_arena_fmt(p->arena, "/api/jobs/" RV_STR_FMT "%s", RV_STR_ARG(p->now.job_id), rest);
}

void dashboard_ask(struct pass *p) {
    p->memo->asked_after_end = p->submitter.finished;
    request(p, "GET", job_path(p, ""), RV_STR(""), TAG_INFO);
}

void dashboard_submit(struct pass *p) {
    request(p, "POST", RV_STR("/api/jobs/"), rj_request(p->arena, p->j, p->now.job_id), TAG_SUBMIT);
}

bool dashboard_stop(struct pass *p, int64_t until) {
    if (p->memo->stopped || p->time >= until || see_cluster_mute(p)) return false;
    if (p->time >= p->memo->next_stop) {
        p->memo->next_stop = p->time + STOP_AGAIN_S * RC_SECOND;
        request(p, "POST", job_path(p, "/stop"), RV_STR(""), TAG_STOP);
    }
    pass_wake(p, p->memo->next_stop < until ? p->memo->next_stop : until);
    return true;
}

/* ---- answers -------------------------------------------------------------------------------------------------------
 */

/* What can be read of it; of a traceback, or of one in another, the last line that says something. */
static struct rv_str excerpt(struct pass *p, const struct rv_result *r) {
    enum { MOST = 300 };
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    while (text.n > 0 && ((uint8_t)text.p[text.n - 1] <= ' ' || text.p[text.n - 1] == '.')) text.n--;
    const char *line = rv_str_starts(text, "Traceback") ? memrchr(text.p, '\n', text.n) : NULL;
    if (line != NULL) text = (struct rv_str){line + 1, (size_t)(text.p + text.n - line) - 1};
    for (size_t i = 0; i < text.n && i < MOST; i++)
        rv_buf_addc(&b, text.p[i] >= 0x20 && text.p[i] < 0x7f ? (uint8_t)text.p[i] : ' ');
    return rv_arena_str(p->arena, rv_buf_str(&b));
}

/* The same trouble in the same words, whatever it took this time: each change of them is a write of the status. */
static struct rv_str steady(struct pass *p, struct rv_str s) {
    static const char after[] = " after ", unit[] = " ms";
    const char *at = s.n != 0 ? memmem(s.p, s.n, after, strlen(after)) : NULL,
               *end = at != NULL ? memmem(at, s.n - (size_t)(at - s.p), unit, strlen(unit)) : NULL;
    if (end == NULL) return rv_arena_str(p->arena, s);
    end += strlen(unit);
    return rv_arena_fmt(p->arena, "%.*s%.*s", (int)(at - s.p), s.p, (int)(s.p + s.n - end), end);
}

static struct rv_str what_went_wrong(struct pass *p, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (r->code == RV_E_TIMEOUT || (r->code != 0 && r->message.n == 0)) return rv_str(rv_error_text(r->code));
    if (r->code != 0) return steady(p, r->message);
    struct rv_str text = r->json ? rv_arena_str(p->arena, rv_path_str(v, "msg")) : excerpt(p, r);
    return rv_arena_fmt(p->arena, "HTTP status %u%s" RV_STR_FMT, r->http_status, text.n != 0 ? ": " : "",
                        RV_STR_ARG(text));
}

static bool success(const struct rv_result *r) { return r->code == 0 && r->http_status >= 200 && r->http_status < 300; }

static bool mentions(const struct rv_result *r, const char *words) {
    return r->body.n != 0 && memmem(r->body.p, r->body.n, words, strlen(words)) != NULL;
}

/* Ray's own words that it has no such job. Whoever stands between here and Ray says 404 of other things. */
static bool has_no_job(const struct rv_result *r) {
    return r->code == 0 && r->http_status == 404 && (mentions(r, "job") || mentions(r, "Job"));
}

/* Trouble of ours, which says nothing of Ray? */
static enum answer no_answer(const struct rv_result *r) {
    return r->code == RV_E_CREDENTIAL || r->code == RV_E_DENIED || r->code == RV_E_THROTTLED ? ANSWER_NOT_ASKED
                                                                                             : ANSWER_ERROR;
}

static void info_result(struct pass *p, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (success(r) && r->json && rv_val_type(v) == RV_MAP && rj_job_status_known(rv_path_str(v, "status"))) {
        p->info = ANSWER_KNOWN;
        p->info_value = v;
        p->memo->refusals = 0; /* it was taken, though the answer to that was lost */
    } else if (has_no_job(r)) {
        p->info = ANSWER_UNKNOWN_JOB;
    } else {
        p->info = no_answer(r);
        p->ray_error = success(r) ? RV_STR("its answer is not that of a Ray dashboard") : what_went_wrong(p, r);
    }
    bool answered = p->info == ANSWER_KNOWN || p->info == ANSWER_UNKNOWN_JOB;
    p->memo->heard = true;
    p->memo->failures = answered ? 0 : p->memo->failures + 1;
    pace(p);
}

/* Ray names the id when it has the job already: then somebody was faster, perhaps we ourselves. What it says of a
 * request that it cannot read, or of a runtime environment that is none, it will always say; the head wraps what its
 * agent finds wrong into an error of its own. */
static void submit_result(struct pass *p, const struct rv_result *r) {
    bool there = r->code == 0 && r->http_status >= 400 && mentions(r, "Please use a different submission_id"),
         wrong = r->code == 0 && (r->http_status == 400 || r->http_status == 422 ||
                                  (r->http_status == 500 && mentions(r, "Request failed with status code 400")));
    p->submitted = success(r) || there ? ANSWER_KNOWN : wrong ? ANSWER_REFUSED : no_answer(r);
    p->memo->heard = true;
    p->memo->refusals = p->submitted == ANSWER_KNOWN ? 0 : p->memo->refusals + 1;
    if (p->submitted != ANSWER_KNOWN) p->ray_error = what_went_wrong(p, r);
    pace(p);
    if (p->submitted == ANSWER_KNOWN) p->memo->next_poll = p->time + RC_SECOND;
}

void dashboard_result(struct pass *p, const struct rv_result *r) {
    if (r->tag == TAG_INFO) info_result(p, r);
    if (r->tag == TAG_SUBMIT) submit_result(p, r);
    if (r->tag == TAG_STOP) p->memo->stopped = success(r) || has_no_job(r);
}
