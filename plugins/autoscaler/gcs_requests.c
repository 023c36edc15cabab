/* gcs_requests.c - requests to the cluster's control store. Each is one HTTP/2 request that the supervisor makes. */
#include "ipc/base/hash.h"
#include "plugins/autoscaler/round.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/start_params.h"

enum { SMALL_ANSWER = 64 << 10 };

/* With mTLS all certificates of a cluster come from its own issuer. That of the workers does: it lets us ask, and
 * unlike the head's it is no server's, so nobody could pose as the head with it. */
static void identify(struct round *r, struct rv_http_request *q) {
    if (!r->runs.f.tls) return;
    q->secret_ns = r->runs.ns;
    q->client_secret = rv_arena_fmt(r->arena, "ray-worker-secret-" RV_STR_FMT, RV_STR_ARG(r->runs.name));
}

static bool send(struct round *r, const char *method, const struct rv_buf *body, uint32_t max_bytes, uint32_t flags,
                 uint64_t tag) {
    struct rv_arena *a = r->arena;
    struct rv_str host =
        rc_name_fqdn(a, rc_head_service_name(a, &r->runs), r->runs.ns, r->settings->shared.cluster_domain);
    struct rv_http_request q = {.size = sizeof q,
                                .flags = flags | RV_HTTP_KEEP_CREDENTIAL,
                                .timeout_ms = r->settings->timeout_ms,
                                .max_bytes = max_bytes,
                                .tag = tag,
                                .method = RV_STR("POST"),
                                .url = rv_arena_fmt(a, "%s://" RV_STR_FMT ":" RV_STR_FMT GCS_SERVICE "%s",
                                                    r->runs.f.tls ? "https" : "http", RV_STR_ARG(host),
                                                    RV_STR_ARG(rc_gcs_port(&r->runs)), method),
                                .content_type = RV_STR("application/grpc"),
                                .body = rv_buf_bytes(body),
                                .http2 = 1};
    identify(r, &q);
    if (r->runs.f.token) { /* this header, not Ray's own: the control store takes no other */
        q.secret_ns = r->runs.ns;
        q.secret_name = rc_token_secret(a, &r->runs);
        q.secret_key = RV_STR("auth_token");
        q.auth_header = RV_STR("authorization");
        q.auth_prefix = RV_STR("Bearer ");
    }
    return r->pass->api->http(r->pass->host, &q) == 0;
}

bool gcs_request_poll(struct round *r) {
    rv_autobuf struct rv_buf body = {0};
    gcs_write_query(&body);
    return send(r, "GetClusterResourceState", &body, GCS_REPLY_BYTES, 0, TAG_POLL);
}

bool gcs_request_drain(struct round *r, size_t index, const struct seen_pod *pod, struct rv_str node_id,
                       struct rv_str why) {
    rv_autobuf struct rv_buf body = {0};
    (void)pod;
    gcs_write_drain(&body, node_id, GCS_DRAIN_IDLE, why, 0);
    return send(r, "DrainNode", &body, SMALL_ANSWER, 0, TAG_DRAIN + index);
}

/* Its deletion says when it ends. Before that, Kubernetes tells the moment from which it may be deleted, and after that
 * it has its grace. A moment that has passed says nothing any more. */
static int64_t deadline_of(const struct round *r, const struct seen_pod *pod) {
    int64_t now = r->pass->now;
    if (pod->deleting && pod->gone_at > 0) return pod->gone_at;
    return pod->reclaimed_at > now ? pod->reclaimed_at : now + r->settings->notice_ns;
}

void gcs_request_preempt(struct round *r, const struct seen_pod *pod, struct rv_str node_id, struct rv_str why) {
    rv_autobuf struct rv_buf body = {0};
    int64_t deadline = deadline_of(r, pod);
    gcs_write_drain(&body, node_id, GCS_DRAIN_PREEMPTION, why, deadline / MS);
    (void)send(r, "DrainNode", &body, SMALL_ANSWER, RV_ACTION_DETACHED, TAG_PREEMPT);
}

/* ---- what Ray shows of us ------------------------------------------------------------------------------- */

static void list_pending(struct round *r, struct gcs_report *report) {
    struct gcs_pending *out = rv_arena_alloc(r->arena, r->seen.n_pods * sizeof *out);
    for (size_t i = 0; i < r->seen.n_pods; i++) {
        const struct seen_pod *p = &r->seen.pods[i];
        if (p->head || p->deleting || p->ended || p->node >= 0 || p->was_node) continue;
        out[report->n_pending++] =
            (struct gcs_pending){p->group, p->name, p->problem.n != 0 ? p->problem : RV_STR("starting")};
    }
    report->pending = out;
}

static void list_launching(struct round *r, struct gcs_report *report) {
    struct gcs_launching *out = rv_arena_alloc(r->arena, r->seen.n_groups * sizeof *out);
    for (size_t g = 0; g < r->seen.n_groups; g++)
        if (r->plan.launches[g] > 0)
            out[report->n_launching++] = (struct gcs_launching){r->seen.groups[g].name, r->plan.launches[g]};
    report->launching = out;
}

/* Only what no group could ever hold: Ray may cancel what is named here. */
static void list_infeasible(struct round *r, struct gcs_report *report) {
    const struct as_decision *d = r->decision;
    const struct as_request **requests = rv_arena_alloc(r->arena, d->n_unmet * sizeof *requests);
    const struct as_gang **gangs = rv_arena_alloc(r->arena, d->n_unmet_gangs * sizeof *gangs);
    for (size_t i = 0; i < d->n_unmet; i++)
        if (!d->unmet[i].capped) requests[report->n_infeasible++] = d->unmet[i].request;
    for (size_t i = 0; i < d->n_unmet_gangs; i++)
        if (!d->unmet_gangs[i].capped) gangs[report->n_infeasible_gangs++] = d->unmet_gangs[i].gang;
    report->infeasible = requests;
    report->infeasible_gangs = gangs;
    if (!d->held_unmet || d->held_capped) return;
    report->infeasible_held = r->seen.state.held;
    report->n_infeasible_held = r->seen.state.n_held;
}

void gcs_request_report(struct round *r) {
    enum { AGAIN_S = 30 };
    struct gcs_report report = {.seen = r->gcs->version};
    list_pending(r, &report);
    list_launching(r, &report);
    list_infeasible(r, &report);
    rv_autobuf struct rv_buf body = {0};
    struct gcs_report same = report;
    same.seen = 0; /* the version moves on by itself */
    gcs_write_report(&body, r->arena, &same);
    uint64_t hash = hash64_bytes(RV_HASH64_BEGIN, rv_buf_str(&body));
    int64_t now = r->pass->now;
    if (hash == r->memo->reported && now - r->memo->last_report < AGAIN_S * SECOND) return;
    r->memo->reported = hash;
    r->memo->last_report = now;
    report.version = now / MS;
    rv_buf_clear(&body);
    gcs_write_report(&body, r->arena, &report);
    (void)send(r, "ReportAutoscalingState", &body, SMALL_ANSWER, RV_ACTION_DETACHED, TAG_REPORT);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

/* What somebody must put right is said in full: a Secret that is missing, certificates that do not fit together. */
static bool explains_itself(const struct rv_result *res) {
    return res->message.n != 0 &&
           (res->code == RV_E_CREDENTIAL || memmem(res->message.p, res->message.n, ": TLS: ", 7) != NULL);
}

bool gcs_answer_is_good(struct rv_arena *a, const struct rv_result *res, struct rv_str *ret_why) {
    if (res->code != 0) {
        *ret_why = explains_itself(res) ? res->message : rv_arena_fmt(a, "%s", rv_error_text(res->code));
        return false;
    }
    if (res->http_status != 200) {
        *ret_why = rv_arena_fmt(a, "HTTP status %u", res->http_status);
        return false;
    }
    int32_t status = rv_result_grpc_status(res); /* errors come with HTTP status 200; without one it is no answer */
    if (status == 0) return true;
    *ret_why = status < 0 ? RV_STR("the answer has no gRPC status")
                          : rv_arena_fmt(a, "gRPC status %s", gcs_status_name(status));
    return false;
}
