/* serve_requests.c - asking Serve on each cluster's head, and telling it what to run (spec section 5). Requests are
 * made by the supervisor: nothing here waits, and a head that does not answer costs its own service's time only.
 *
 * How often is asked depends on what is expected: soon after a change and while an upgrade waits, seldom when all is
 * quiet, more and more seldom when nobody answers. */
#include <stdio.h>
#include <stdlib.h>

#include "fields.h"
#include "ipc/base/hash.h"
#include "pass.h"
#include "plugins/ray/dashboard.h"

enum {
    SOON_MS = 500,
    PROBE_SOON_MS = 1000,
    SLOWEST_S = 15,
    SUBMIT_SLOWEST_S = 60,
    SUBMIT_MS = 10000,
    FIRST_SUBMIT_MS = 30000, /* Serve is started before it answers, which takes long on a busy head */
    PROBE_SLOWEST_S = 5,
    ANSWER_BYTES = 4 << 20,
    REFUSAL_BYTES = 64 << 10,
    PROXY_BYTES = 4096,
    /* Probes since the last good one until a head that served takes no more requests. */
    REFUSALS = 3,
    SILENCES = 6
};
#define MS INT64_C(1000000)

/* ---- what was answered ------------------------------------------------------------------------------------------- */

static void keep_text(char **at, struct rv_str text) {
    free(*at);
    *at = text.n != 0 ? rv_strdup(text) : NULL;
}

/* The memory of a cluster follows its name: a promotion makes the pending one the active one. */
struct serve_memo *serve_memo_of(struct service_pass *p, int side) {
    struct service_memo *m = p->memo;
    struct rv_str name = side_now(p, side)->name;
    struct serve_memo *mine = &m->serve[side], *other = &m->serve[!side];
    if (mine->cluster != NULL && rv_str_is(name, mine->cluster)) return mine;
    if (name.n != 0 && other->cluster != NULL && rv_str_is(name, other->cluster)) {
        struct serve_memo swap = *mine;
        *mine = *other;
        *other = swap;
        return mine;
    }
    serve_memo_forget(mine);
    if (name.n != 0) mine->cluster = rv_strdup(name);
    return mine;
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* The tag holds the name of the cluster that was asked, as a hash: a promotion may make it the other side meanwhile. */
static uint64_t tag_of(enum action_tag tag, struct rv_str cluster) {
    return (uint64_t)tag | (uint64_t)hash_bytes(HASH_BEGIN, cluster) << 32;
}

/* Which side was asked? SIDES: neither, its cluster is superfluous by now. */
static int side_of(struct service_pass *p, const struct rv_result *r) {
    int side = ACTIVE;
    while (side < SIDES && (side_now(p, side)->name.n == 0 ||
                            tag_of((enum action_tag)(r->tag & 0xff), side_now(p, side)->name) != r->tag))
        side++;
    return side;
}

/* A request to the dashboard of one cluster. False: it was not made. */
static bool request(struct service_pass *p, int side, enum action_tag tag, const char *path, struct rv_str body) {
    const struct rc_cluster *c = &p->side[side].c;
    bool submits = tag == TAG_SUBMIT;
    struct rc_dashboard_request r = {.address = rc_dashboard_address(p->arena, c),
                                     .cluster = c,
                                     .method = submits ? "PUT" : "GET",
                                     .path = rv_str(path),
                                     .body = body,
                                     .timeout_ms = !submits                      ? 0
                                                   : serve_memo_of(p, side)->any ? SUBMIT_MS
                                                                                 : FIRST_SUBMIT_MS,
                                     .max_bytes = submits ? REFUSAL_BYTES : ANSWER_BYTES,
                                     .tag = tag_of(tag, side_now(p, side)->name)};
    if (r.address.n != 0) return rc_dashboard_send(&p->ctx, &r);
    p->stuck_reason = "NoDashboardPort";
    p->stuck = RV_STR("the head service has no port called dashboard");
    return false;
}

bool pod_request(struct service_pass *p, struct rv_str ip, int64_t port, const char *path, uint32_t max_bytes,
                 uint64_t tag) {
    bool v6 = memchr(ip.p, ':', ip.n) != NULL;
    struct rv_http_request r = {.size = sizeof r,
                                .method = RV_STR("GET"),
                                .max_bytes = max_bytes,
                                .tag = tag,
                                .url = rv_arena_fmt(p->arena, "http://%s" RV_STR_FMT "%s:%lld%s", v6 ? "[" : "",
                                                    RV_STR_ARG(ip), v6 ? "]" : "", (long long)port, path)};
    return p->ctx.api->http(p->ctx.host, &r) == 0;
}

static void ask_apps(struct service_pass *p, int side) {
    (void)request(p, side, TAG_APPS, "/api/serve/applications/?api_type=declarative", RV_STR(""));
}

static void ask_proxy(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    if (!pod_request(p, s->head_ip, rs_serve_port(&s->c), "/-/healthz", PROXY_BYTES,
                     tag_of(TAG_PROXY, side_now(p, side)->name)))
        p->ctx.retry = true;
}

/* A new head, or one that was restarted, knows nothing; other changes may mean that something happened. */
static void notice_changes(const struct observed_cluster *s, struct serve_memo *h) {
    int64_t restarts = rv_path_int(s->head.value, "status.containerStatuses[0].restartCount", 0);
    bool other = h->head_uid == NULL ? s->head.size != 0 : !rv_str_is(s->head.uid, h->head_uid);
    if (other || restarts != h->restarts || (s->head_ready && !h->head_was_ready)) {
        serve_memo_outdate(h);
        h->failures = 0;
        h->next_probe = 0;
    }
    if (other || restarts != h->restarts) {
        h->proxy_answered = false;
        h->refused_probes = h->silent_probes = 0;
    }
    if (s->pods != h->pods_ready) {
        h->next_ask = 0;
        h->next_probe = 0;
    }
    if (other) {
        keep_text(&h->head_uid, s->head.uid);
        h->proxy_known = false;
    }
    h->restarts = restarts;
    h->pods_ready = s->pods;
    h->head_was_ready = s->head_ready;
}

/* ---- configuration and capacity ---------------------------------------------------------------------------------- */

static int64_t want_capacity(const struct service_pass *p, int side) {
    return side == ACTIVE ? p->plan.capacity_active : p->plan.capacity_pending;
}

/* Which capacity goes into the configuration: none where none was ever asked for. */
static int64_t told_capacity(const struct service_pass *p, int side) {
    return p->s->strategy == UP_INCREMENTAL ? want_capacity(p, side) : -1;
}

static bool config_differs(struct service_pass *p, int side) {
    struct observed_cluster *s = &p->side[side];
    struct rs_side *now = side_now(p, side);
    s->want_config = s->frozen ? now->config : p->s->config;
    if (s->frozen && now->config_hash.n != 0)
        snprintf(s->want_hash, sizeof s->want_hash, RV_STR_FMT, RV_STR_ARG(now->config_hash));
    else
        rs_config_hash(p->s->config, s->want_hash);
    if (s->frozen && now->config_hash.n == 0) return false;
    return !rv_str_is(now->config_hash, s->want_hash);
}

/* Does Serve work with another capacity than it was told, as far as was heard? The user's own counts where none of ours
 * is wanted. */
static bool capacity_differs(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    int64_t told = side_now(p, side)->capacity;
    if (p->s->strategy == UP_INCREMENTAL) return h->fresh && h->capacity >= 0 && told >= 0 && h->capacity != told;
    bool own = rv_node_get(p->config, "target_capacity") != NULL;
    return (told >= 0 && told < 100) || (!own && h->fresh && h->capacity >= 0 && h->capacity != 100);
}

/* Does the last answer show the configuration that it should have? */
static bool shown(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    const char *want = p->side[side].want_hash;
    return strcmp(h->shown_hash, want) == 0 || strcmp(h->shown_kept, want) == 0;
}

/* The status says that it was accepted, and Serve shows another. A kept configuration is not compared. */
static bool overtaken(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    return h->doubted && h->fresh && h->any && !p->side[side].frozen && p->config != NULL && !shown(p, side);
}

bool submit_wanted(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    const struct up_side *v = side == ACTIVE ? &p->view.active : &p->view.pending;
    return config_differs(p, side) || want_capacity(p, side) != v->capacity || capacity_differs(p, side) ||
           (h->fresh && !h->any) || overtaken(p, side);
}

/* What is to be sent; NULL: it is not known, or cannot be read. */
static struct rv_node *config_to_send(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    char spec[33];
    rs_config_hash(p->s->config, spec);
    if (strcmp(spec, s->want_hash) == 0) return p->config;
    return s->want_config.n != 0 ? rs_config_parse(p->arena, s->want_config, NULL) : NULL;
}

/* Does Serve work with the capacity that it should have? */
static bool has_capacity(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    int64_t own = rv_node_to_int(rv_node_get(p->config, "target_capacity"), 100), want = want_capacity(p, side);
    if (p->s->strategy != UP_INCREMENTAL) want = own;
    return h->capacity == want || (h->capacity < 0 && want == 100);
}

/* Answers tell of applications and of the capacity. Does nothing else differ from what Serve accepted before? */
static bool only_told_differs(struct service_pass *p, int side) {
    const struct rs_side *now = side_now(p, side);
    if (rv_str_is(now->config_hash, p->side[side].want_hash)) return true;
    struct rv_node *kept = now->config.n != 0 ? rs_config_parse(p->arena, now->config, NULL) : NULL,
                   *want = config_to_send(p, side);
    return kept != NULL && want != NULL &&
           rs_config_same_beside_apps(p->arena, kept, want, p->s->strategy == UP_INCREMENTAL);
}

static void accepted(struct service_pass *p, int side, const char *hash, struct rv_str config, int64_t capacity) {
    struct rs_side *now = side_now(p, side);
    bool only_capacity = rv_str_is(now->config_hash, hash), shares = p->s->strategy == UP_INCREMENTAL;
    now->config_hash = rv_arena_str(p->arena, rv_str(hash));
    now->config = config.n <= RS_CONFIG_KEPT_MAX ? config : RV_STR("");
    now->capacity = shares ? capacity : -1;
    ctx_event(
        &p->ctx, false, only_capacity && shares ? "UpdatedServeTargetCapacity" : "UpdatedServeApplications", "Update",
        rv_arena_fmt(p->arena, "Serve on RayCluster " RV_STR_FMT "/" RV_STR_FMT " accepted %s %lld %%",
                     RV_STR_ARG(p->s->ns), RV_STR_ARG(now->name),
                     only_capacity ? "the target capacity of" : "the configuration, capacity", (long long)capacity));
}

/* Was it accepted before, by whomever? Then nothing is sent again. An operator that died after it sent something did
 * not hear that it was accepted. */
static bool adopt(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    const struct observed_cluster *s = &p->side[side];
    struct rs_side *now = side_now(p, side);
    if (!shown(p, side)) return false;
    if (now->config_hash.n != 0) {
        if (!has_capacity(p, side) || !only_told_differs(p, side)) return false;
        accepted(p, side, s->want_hash, s->want_config, want_capacity(p, side));
        return true;
    }
    if (s->frozen) return false;
    now->config_hash = rv_arena_str(p->arena, rv_str(s->want_hash));
    now->config = p->s->config.n <= RS_CONFIG_KEPT_MAX ? p->s->config : RV_STR("");
    if (p->s->strategy == UP_INCREMENTAL && now->capacity < 0 && h->capacity >= 0) now->capacity = h->capacity;
    return true;
}

static void submit(struct service_pass *p, int side, struct rv_node *config) {
    struct serve_memo *h = serve_memo_of(p, side);
    struct rv_str body = rs_config_body(p->arena, config, told_capacity(p, side));
    memcpy(h->sent_hash, p->side[side].want_hash, sizeof h->sent_hash);
    keep_text(&h->sent, p->side[side].want_config);
    h->sent_capacity = want_capacity(p, side);
    h->awaits = request(p, side, TAG_SUBMIT, "/api/serve/applications/", body);
}

/* That the applications are updated where they run does not depend on Serve's answer, so it is said before it. */
static void explain_update(struct service_pass *p, int side) {
    if (side_now(p, side)->config_hash.n == 0 || p->side[side].frozen || !config_differs(p, side)) return;
    ctx_explain(&p->ctx,
                "spec.serveConfigV2 was changed: the applications on RayCluster " RV_STR_FMT " are updated in place",
                RV_STR_ARG(side_now(p, side)->name));
}

static void submit_side(struct service_pass *p, int side) {
    struct observed_cluster *s = &p->side[side];
    struct serve_memo *h = serve_memo_of(p, side);
    bool assumed = side == ACTIVE ? p->plan.assume_active : p->plan.assume_pending;
    if (!cluster_there(s) || s->deleting) return;
    notice_changes(s, h);
    explain_update(p, side);
    if (!s->head_ready || !h->fresh || assumed) return;
    if (!submit_wanted(p, side) || adopt(p, side)) return;
    struct rv_node *config = config_to_send(p, side);
    if (config == NULL) return;
    if (strcmp(h->refused_hash, s->want_hash) != 0) {
        h->refusals = 0; /* another configuration: it is tried at once */
        h->next_submit = 0;
    }
    if (p->time < h->next_submit) {
        ctx_wake(&p->ctx, h->next_submit);
        return;
    }
    submit(p, side, config);
}

void serve_requests_submit(struct service_pass *p) {
    for (int side = 0; side < SIDES; side++) submit_side(p, side);
}

/* ---- questions -------------------------------------------------------------------------------------------------- */

static void ask_side(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    struct serve_memo *h = serve_memo_of(p, side);
    if (!cluster_there(s) || s->deleting) return;
    if (s->head_ready && !h->awaits) { /* an answer beside a submission might be older than it: it proves nothing */
        if (p->time >= h->next_ask)
            ask_apps(p, side);
        else
            ctx_wake(&p->ctx, h->next_ask);
    }
    if (s->head_ip.n == 0 || p->s->exclude_head) return;
    if (!s->head_ready && !rv_str_is(rv_path_str(s->head.value, "status.phase"), "Running")) return;
    if (p->time >= h->next_probe)
        ask_proxy(p, side);
    else
        ctx_wake(&p->ctx, h->next_probe);
}

void serve_requests_ask(struct service_pass *p) {
    for (int side = 0; side < SIDES; side++) ask_side(p, side);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* Is something expected to change? */
static bool expectant(struct service_pass *p, const struct serve_memo *h) {
    return p->now.pending.name.n != 0 || !h->running || !rs_condition_is(&p->now, RS_READY, "True");
}

/* Nobody answers: where nothing is expected it is asked no more often than one that answers. */
static int64_t slowest_s(struct service_pass *p, const struct serve_memo *h) {
    int64_t quiet = p->s->settings->quiet_poll_s;
    return expectant(p, h) || quiet < SLOWEST_S ? SLOWEST_S : quiet;
}

static void taken(struct service_pass *p, int side) {
    struct serve_memo *h = serve_memo_of(p, side);
    accepted(p, side, h->sent_hash, rv_arena_str(p->arena, rv_str(h->sent != NULL ? h->sent : "")), h->sent_capacity);
    keep_text(&h->sent, RV_STR(""));
    keep_text(&h->refused, RV_STR(""));
    h->refusals = 0;
    h->unanswered = h->doubted = false;
    h->next_submit = p->time + 2 * RC_SECOND;
}

/* Nobody said whether the last submission was taken: what Serve shows does. */
static void find_taken(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    bool same = h->capacity == h->sent_capacity || (h->capacity < 0 && h->sent_capacity == 100);
    bool as_sent = strcmp(h->shown_hash, h->sent_hash) == 0 && (p->s->strategy != UP_INCREMENTAL || same);
    if (h->unanswered && as_sent) taken(p, side);
}

static void keep_shown(struct service_pass *p, int side, struct rv_val body) {
    struct serve_memo *h = serve_memo_of(p, side);
    const struct rs_side *now = side_now(p, side);
    char spec[33];
    rs_config_hash(p->s->config, spec);
    h->shown_hash[0] = h->shown_kept[0] = 0;
    if (p->config != NULL && rs_answer_is_of(p->arena, body, p->config)) memcpy(h->shown_hash, spec, sizeof spec);
    if (now->config.n == 0 || rv_str_is(now->config_hash, spec)) return;
    struct rv_node *kept = rs_config_parse(p->arena, now->config, NULL);
    if (kept != NULL && rs_answer_is_of(p->arena, body, kept))
        snprintf(h->shown_kept, sizeof h->shown_kept, RV_STR_FMT, RV_STR_ARG(now->config_hash));
}

static void apps_result(struct service_pass *p, int side, const struct rv_result *r) {
    struct serve_memo *h = serve_memo_of(p, side);
    struct rs_answer answer;
    struct rv_val body = {r->body.p, r->body.n};
    bool ok = rc_dashboard_ok(r) && r->json && rs_answer_read(p->arena, body, &answer);
    if (!ok) {
        h->failures++;
        h->fresh = false;
        h->next_ask = p->time + rc_spread_pause(&p->ctx, h->failures, 1, slowest_s(p, h));
        keep_text(&h->error, rc_dashboard_ok(r) ? RV_STR("its answer is not that of Ray Serve")
                                                : rc_dashboard_failure(p->arena, r));
        return;
    }
    keep_text(&h->error, RV_STR(""));
    keep_text(&h->waits, answer.waits);
    h->failures = 0;
    h->answered = h->fresh = true;
    h->any = answer.any;
    h->running = answer.running;
    h->healthy = answer.healthy;
    h->capacity = answer.capacity;
    keep_shown(p, side, body);
    find_taken(p, side);
    rv_buf_clear(&h->apps);
    rv_node_encode(answer.apps, &h->apps);
    h->next_ask = p->time + (expectant(p, h) ? SOON_MS * MS : p->s->settings->quiet_poll_s * RC_SECOND);
    struct rv_str apps = rv_arena_str(p->arena, rv_buf_str(&h->apps));
    if (answer.any) side_now(p, side)->apps = (struct rv_val){(const uint8_t *)apps.p, apps.n};
}

/* Serve answers a submission with nothing. Anything else that calls itself a success is somebody's in between. */
static bool is_unclear(const struct rv_result *r) {
    return r->code == RV_E_TIMEOUT || (rc_dashboard_ok(r) && r->body.n != 0);
}

static void submit_failed(struct service_pass *p, int side, struct rv_str why) {
    struct serve_memo *h = serve_memo_of(p, side);
    bool is_new = h->refused == NULL || !rv_str_is(why, h->refused);
    keep_text(&h->refused, why);
    h->unanswered = false;
    bool moved = rv_str_is(side_now(p, side)->config_hash, h->sent_hash) && p->s->strategy == UP_INCREMENTAL;
    if (is_new)
        ctx_event(&p->ctx, true, moved ? "FailedToUpdateTargetCapacity" : "FailedToUpdateServeApplications", "Update",
                  rv_arena_fmt(p->arena,
                               "Serve on RayCluster " RV_STR_FMT "/" RV_STR_FMT " did not take %s: " RV_STR_FMT,
                               RV_STR_ARG(p->s->ns), RV_STR_ARG(side_now(p, side)->name),
                               moved ? "the target capacity" : "the configuration", RV_STR_ARG(why)));
}

/* It is sent again after a pause, and not before Serve has said what it runs. */
/* A submission of the previous pass has no result: a twin withholds it. What Serve was said to run before that proves
 * nothing, and another operator may have submitted it. */
void serve_requests_begin(struct service_pass *p) {
    const struct rv_result *r;
    bool answered[SIDES + 1] = {false};
    for (uint64_t i = 0; (r = ctx_result(&p->ctx, i)) != NULL; i++)
        if ((r->tag & 0xff) == TAG_SUBMIT) answered[side_of(p, r)] = true;
    for (int side = 0; side < SIDES; side++) {
        struct serve_memo *h = serve_memo_of(p, side);
        if (h->awaits && !answered[side]) {
            serve_memo_outdate(h);
            h->next_ask = 0;
        }
        h->awaits = false;
    }
}

static void submit_result(struct service_pass *p, int side, const struct rv_result *r) {
    struct serve_memo *h = serve_memo_of(p, side);
    if (rc_dashboard_ok(r) && !is_unclear(r)) {
        taken(p, side);
        serve_memo_outdate(h);
        h->next_ask = p->time + 100 * MS;
        return;
    }
    h->doubted = true;
    h->refusals++;
    h->next_submit = p->time + rc_spread_pause(&p->ctx, h->refusals + 1, 1, SUBMIT_SLOWEST_S);
    memcpy(h->refused_hash, h->sent_hash, sizeof h->refused_hash);
    if (!is_unclear(r)) {
        submit_failed(p, side, rc_dashboard_failure(p->arena, r));
        return;
    }
    h->unanswered = true;
    serve_memo_outdate(h);
    h->next_ask = p->time + SOON_MS * MS;
}

static bool unheard(struct service_pass *p, int side) {
    const struct observed_cluster *s = &p->side[side];
    const struct serve_memo *h = serve_memo_of(p, side);
    return cluster_there(s) && !s->deleting && s->head_ready && !h->answered && h->failures == 0;
}

bool serve_unheard(struct service_pass *p) { return unheard(p, ACTIVE) || unheard(p, PENDING); }

struct rv_str serve_says(struct service_pass *p, int side) {
    const struct serve_memo *h = serve_memo_of(p, side);
    if (h->refused != NULL) return rv_arena_fmt(p->arena, "Serve did not take the configuration: %s", h->refused);
    if (h->unanswered)
        return RV_STR("waiting for Serve's answer: the configuration was sent, and Serve has not said yet that it has "
                      "taken it");
    if (h->error != NULL) return rv_arena_fmt(p->arena, "Serve does not answer: %s", h->error);
    return h->waits != NULL ? rv_arena_str(p->arena, rv_str(h->waits)) : RV_STR("");
}

/* ---- the head's proxy -------------------------------------------------------------------------------------------- */

enum probe { PROBE_GOOD, PROBE_REFUSED, PROBE_SILENT };

/* Nobody listens, or who listens says that he is not well. A time-out says neither: a proxy under load answers late. */
static enum probe probe_of(const struct rv_result *r) {
    if (r->code == 0) return r->http_status == 200 ? PROBE_GOOD : PROBE_REFUSED;
    return r->code == RV_E_UNAVAILABLE ? PROBE_REFUSED : PROBE_SILENT;
}

/* A head that served is taken out after several probes that were refused. Where it is only silent, after more of them,
 * and only while another pod of its cluster takes requests: a slow answer is better than none. */
static void judge_proxy(struct service_pass *p, int side, enum probe probe) {
    struct serve_memo *h = serve_memo_of(p, side);
    const struct observed_cluster *s = &p->side[side];
    struct rv_val labels = rv_val_path(s->head.value, "metadata.labels");
    bool good = probe == PROBE_GOOD, served = rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_SERVE)), "true"),
         others = s->pods > (served && takes_requests(s->head.value)), refused = h->refused_probes >= REFUSALS,
         silent = h->silent_probes >= SILENCES && others;
    bool last = !served && !others && !refused && probe == PROBE_SILENT && h->proxy_answered;
    if (served && !good && !refused && !silent) return;
    h->proxy_known = true;
    h->proxy_ok = good || last;
    if (last) h->silent_probes = 0;
}

static void proxy_result(struct service_pass *p, int side, const struct rv_result *r) {
    struct serve_memo *h = serve_memo_of(p, side);
    enum probe probe = probe_of(r);
    h->refused_probes += probe == PROBE_REFUSED;
    h->silent_probes += probe == PROBE_SILENT;
    if (probe == PROBE_GOOD) {
        h->proxy_answered = true;
        h->refused_probes = h->silent_probes = 0;
    }
    judge_proxy(p, side, probe);
    uint32_t missed = h->refused_probes + h->silent_probes;
    if (probe != PROBE_GOOD)
        h->next_probe =
            p->time + (missed < SILENCES ? PROBE_SOON_MS * MS
                                         : rc_spread_pause(&p->ctx, missed - SILENCES + 1, 1, PROBE_SLOWEST_S));
    else
        h->next_probe = p->time + (expectant(p, h) ? 2 : p->s->settings->quiet_poll_s) * RC_SECOND;
}

void serve_requests_take_result(struct service_pass *p, const struct rv_result *r) {
    static void (*const take[])(struct service_pass * p, int side, const struct rv_result *r) = {
        [TAG_APPS] = apps_result, [TAG_SUBMIT] = submit_result, [TAG_PROXY] = proxy_result};
    uint64_t tag = r->tag & 0xff;
    if (tag >= RV_ARRAY_LEN(take) || take[tag] == NULL) {
        retire_result(p, r);
        return;
    }
    int side = side_of(p, r);
    if (side < SIDES) take[tag](p, side, r);
}
