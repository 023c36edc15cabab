/* dashboard.c - asking Ray about the job (spec section 6.2). Requests are made by the supervisor: nothing here waits,
 * and a head that does not answer costs its own job's time only. What comes back is outside data: anything but the
 * words that Ray knows counts as no answer. */
#include "fields.h"
#include "pass.h"

enum { REQUEST_MS = 2000, ANSWER_BYTES = 1 << 20, POLL_SLOWEST_S = 15 };

/* After a failure the next question comes later and later, and never from all jobs at once. */
static void pace(struct pass *p, bool answered) {
    struct memo *m = p->memo;
    m->failures = answered ? 0 : m->failures + 1;
    int64_t seconds = RJ_POLL_S;
    for (uint32_t i = 1; i < m->failures && seconds < POLL_SLOWEST_S; i++) seconds *= 2;
    if (seconds > POLL_SLOWEST_S) seconds = POLL_SLOWEST_S;
    uint8_t random = 128;
    if (!answered) p->api->random(p->host, &random, sizeof random);
    m->next_poll = p->time + seconds * RJ_SECOND * (896 + random) / 1024;
}

static void request(struct pass *p, const char *method, struct rv_str path, struct rv_str body, uint64_t tag) {
    struct rv_str host = p->now.dashboard;
    struct rv_http_request r = {
        .size = sizeof r,
        .timeout_ms = REQUEST_MS,
        .max_bytes = ANSWER_BYTES,
        .tag = tag,
        .method = rv_str(method),
        .url = rv_arena_fmt(p->arena, "http://" RV_STR_FMT RV_STR_FMT, RV_STR_ARG(host), RV_STR_ARG(path)),
        .body = {(const uint8_t *)body.p, body.n}};
    if (rv_str_is(r.method, "POST")) r.content_type = RV_STR("application/json");
    if (see_cluster(p) && p->c.f.token && !p->c.f.kubernetes_token) {
        r.secret_ns = p->j->ns;
        r.secret_name = rc_token_secret(p->arena, &p->c);
        r.secret_key = RV_STR("auth_token");
        r.auth_header = RV_STR("x-ray-authorization");
        r.auth_prefix = RV_STR("Bearer ");
    }
    if (p->api->http(p->host, &r, NULL) != 0) p->retry = true;
}

static struct rv_str job_path(struct pass *p, const char *rest) {
    return rv_arena_fmt(p->arena, "/api/jobs/" RV_STR_FMT "%s", RV_STR_ARG(p->now.job_id), rest);
}

void dashboard_ask(struct pass *p) { request(p, "GET", job_path(p, ""), RV_STR(""), TAG_INFO); }

void dashboard_submit(struct pass *p) {
    request(p, "POST", RV_STR("/api/jobs/"), rj_request(p->arena, p->j, p->now.job_id), TAG_SUBMIT);
}

void dashboard_stop(struct pass *p) { request(p, "POST", job_path(p, "/stop"), RV_STR(""), TAG_STOP); }

/* ---- answers -------------------------------------------------------------------------------------------------------
 */

static struct rv_str excerpt(struct pass *p, const struct rv_result *r) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < r->body.n && i < 200; i++)
        rv_buf_addc(&b, r->body.p[i] >= 0x20 && r->body.p[i] < 0x7f ? r->body.p[i] : ' ');
    return rv_arena_str(p->arena, rv_buf_str(&b));
}

static struct rv_str what_went_wrong(struct pass *p, const struct rv_result *r) {
    if (r->code != 0) return r->message.n != 0 ? rv_arena_str(p->arena, r->message) : rv_str(rv_error_text(r->code));
    if (r->json) return rv_arena_fmt(p->arena, "HTTP status %u", r->http_status);
    struct rv_str body = excerpt(p, r);
    return rv_arena_fmt(p->arena, "HTTP status %u: " RV_STR_FMT, r->http_status, RV_STR_ARG(body));
}

static bool success(const struct rv_result *r) { return r->code == 0 && r->http_status >= 200 && r->http_status < 300; }

static void info_result(struct pass *p, const struct rv_result *r) {
    struct rv_val v = {r->body.p, r->body.n};
    if (success(r) && r->json && rv_val_type(v) == RV_MAP && rj_job_status_known(rv_path_str(v, "status"))) {
        p->info = ANSWER_KNOWN;
        p->info_value = v;
    } else if (r->http_status == 404) {
        p->info = ANSWER_UNKNOWN_JOB;
    } else {
        p->info = ANSWER_ERROR;
        p->ray_error = success(r) ? RV_STR("its answer is not that of a Ray dashboard") : what_went_wrong(p, r);
    }
    pace(p, p->info != ANSWER_ERROR);
}

/* Ray names the id when it has the job already: then somebody was faster, perhaps we ourselves. */
static void submit_result(struct pass *p, const struct rv_result *r) {
    static const char known[] = "Please use a different submission_id";
    bool there =
        r->http_status == 500 && r->body.n != 0 && memmem(r->body.p, r->body.n, known, sizeof known - 1) != NULL;
    p->submitted = success(r) || there ? ANSWER_KNOWN : ANSWER_ERROR;
    if (p->submitted == ANSWER_ERROR) p->ray_error = what_went_wrong(p, r);
    pace(p, p->submitted == ANSWER_KNOWN);
    if (p->submitted == ANSWER_KNOWN) p->memo->next_poll = p->time + RJ_SECOND;
}

void dashboard_result(struct pass *p, const struct rv_result *r) {
    if (r->tag == TAG_INFO) info_result(p, r);
    if (r->tag == TAG_SUBMIT) submit_result(p, r);
    if (r->tag == TAG_STOP) p->stop_answered = true;
}
