/* dashboard.c - asking Serve on each cluster's head, and telling it what to run
 * (spec section 5). Requests are made by the supervisor: nothing here waits,
 * and a head that does not answer costs its own service's time only.
 *
 * How often is asked depends on what is expected: soon after a change and while
 * an upgrade waits, seldom when all is quiet, more and more seldom when nobody
 * answers. */
#include <stdio.h>
#include <stdlib.h>

#include "fields.h"
#include "pass.h"
#include "plugins/ray/names.h"
#include "plugins/ray/objects.h"
#include "rayvisor/json.h"

enum {
    SOON_MS = 500,
    PROBE_SOON_MS = 1000,
    SLOWEST_S = 15,
    SUBMIT_SLOWEST_S = 60,
    SUBMIT_MS = 10000,
    ANSWER_BYTES = 4 << 20,
    MISSES = 3 /* probes in a row without an answer until a head that served takes
                  no more requests */
};
#define MS INT64_C(1000000)

/* ---- what was heard
 * ----------------------------------------------------------------------------------------------
 */

void heard_forget(struct heard *h) {
    free(h->cluster);
    free(h->waits);
    free(h->error);
    free(h->refused);
    free(h->sent);
    free(h->head_uid);
    rv_buf_free(&h->apps);
    *h = (struct heard){.capacity = -1};
}

void heard_changed(struct heard *h) {
    h->fresh = false;
    h->next_ask = 0;
}

static void keep_text(char **at, struct rv_str text) {
    free(*at);
    *at = text.n != 0 ? rv_strdup(text) : NULL;
}

/* The memory of a cluster follows its name: a promotion makes the pending one
 * the active one. */
struct heard *heard_of(struct pass *p, int side) {
    struct memo *m = p->memo;
    struct rv_str name = side_now(p, side)->name;
    struct heard *mine = &m->heard[side], *other = &m->heard[!side];
    if (mine->cluster != NULL && rv_str_is(name, mine->cluster)) return mine;
    if (name.n != 0 && other->cluster != NULL && rv_str_is(name, other->cluster)) {
        struct heard swap = *mine;
        *mine = *other;
        *other = swap;
        return mine;
    }
    heard_forget(mine);
    if (name.n != 0) mine->cluster = rv_strdup(name);
    return mine;
}

/* ---- requests
 * ----------------------------------------------------------------------------------------------------
 */

static int64_t dashboard_port(struct pass *p, const struct rc_cluster *c) {
    struct rv_val service = rv_node_freeze(p->arena, rc_head_service(p->arena, c));
    for (struct rv_iter it = rv_iter(rv_val_path(service, "spec.ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "dashboard")) return rv_path_int(it.val, "port", RC_PORT_DASHBOARD);
    return 0;
}

static bool to_dashboard(struct pass *p, const struct seen *s, struct rv_http_request *r, const char *path) {
    int64_t port = dashboard_port(p, &s->c);
    if (port == 0) return false;
    r->url = rv_arena_fmt(p->arena, "http://" RV_STR_FMT ":%lld%s",
                          RV_STR_ARG(rc_name_fqdn(p->arena, rc_head_service_name(p->arena, &s->c), p->s->ns,
                                                  p->s->settings->cluster.cluster_domain)),
                          (long long)port, path);
    if (!s->c.f.token) return true;
    r->secret_ns = p->s->ns;
    r->secret_name = rc_token_secret(p->arena, &s->c);
    r->secret_key = RV_STR("auth_token");
    r->auth_header = RV_STR("x-ray-authorization");
    r->auth_prefix = RV_STR("Bearer ");
    return true;
}

static void send(struct pass *p, int side, enum pass_tag tag, struct rv_http_request *r) {
    r->size = sizeof *r;
    r->tag = (uint64_t)tag | (uint64_t)side << 8;
    if (p->api->http(p->host, r) != 0) p->retry = true;
}

static void ask_apps(struct pass *p, int side) {
    struct rv_http_request r = {.method = RV_STR("GET"), .max_bytes = ANSWER_BYTES};
    if (!to_dashboard(p, &p->side[side], &r, "/api/serve/applications/?api_type=declarative")) {
        p->stuck_reason = "NoDashboardPort";
        p->stuck = RV_STR("the head service has no port called dashboard");
        return;
    }
    heard_of(p, side)->asked = true;
    send(p, side, TAG_APPS, &r);
}

static void ask_proxy(struct pass *p, int side) {
    const struct seen *s = &p->side[side];
    struct rv_http_request r = {.method = RV_STR("GET"), .max_bytes = 4096};
    bool v6 = memchr(s->head_ip.p, ':', s->head_ip.n) != NULL;
    r.url = rv_arena_fmt(p->arena, "http://%s" RV_STR_FMT "%s:%lld/-/healthz", v6 ? "[" : "", RV_STR_ARG(s->head_ip),
                         v6 ? "]" : "", (long long)rs_serve_port(&s->c));
    send(p, side, TAG_PROXY, &r);
}

/* A new head, or one that was restarted, knows nothing; other changes may mean
 * that something happened. */
static void notice_changes(const struct seen *s, struct heard *h) {
    int64_t restarts = rv_path_int(s->head.value, "status.containerStatuses[0].restartCount", 0);
    bool other = h->head_uid == NULL ? s->head.size != 0 : !rv_str_is(s->head.uid, h->head_uid);
    if (other || restarts != h->restarts || (s->head_ready && !h->head_was_ready)) {
        heard_changed(h);
        h->failures = 0;
        h->next_probe = 0;
    }
    if (s->pods != h->pods_ready) {
        h->next_ask = 0;
        h->next_probe = 0;
    }
    if (other) {
        keep_text(&h->head_uid, s->head.uid);
        h->proxy_known = false;
        h->misses = 0;
    }
    h->restarts = restarts;
    h->pods_ready = s->pods;
    h->head_was_ready = s->head_ready;
}

static void ask_side(struct pass *p, int side) {
    const struct seen *s = &p->side[side];
    struct heard *h = heard_of(p, side);
    if (!seen_there(s) || s->deleting) return;
    notice_changes(s, h);
    if (s->head_ready) {
        if (p->time >= h->next_ask)
            ask_apps(p, side);
        else
            pass_wake(p, h->next_ask);
    }
    if (s->head_ip.n == 0 || p->s->exclude_head) return;
    if (!s->head_ready && !rv_str_is(rv_path_str(s->head.value, "status.phase"), "Running")) return;
    if (p->time >= h->next_probe)
        ask_proxy(p, side);
    else
        pass_wake(p, h->next_probe);
}

void dashboard_ask(struct pass *p) {
    for (int side = 0; side < SIDES; side++) ask_side(p, side);
}

/* ---- configuration and capacity
 * ----------------------------------------------------------------------------------
 */

static int64_t want_capacity(const struct pass *p, int side) {
    return side == ACTIVE ? p->plan.capacity_active : p->plan.capacity_pending;
}

/* Which capacity goes into the configuration: none where none was ever asked
 * for. */
static int64_t told_capacity(const struct pass *p, int side) {
    return p->s->strategy == UP_INCREMENTAL ? want_capacity(p, side) : -1;
}

static bool config_differs(struct pass *p, int side) {
    struct seen *s = &p->side[side];
    struct rs_side *now = side_now(p, side);
    s->want_config = s->frozen ? now->config : p->s->config;
    if (s->frozen && now->config_hash.n != 0)
        snprintf(s->want_hash, sizeof s->want_hash, RV_STR_FMT, RV_STR_ARG(now->config_hash));
    else
        rs_config_hash(p->s->config, s->want_hash);
    if (s->frozen && now->config_hash.n == 0) return false;
    return !rv_str_is(now->config_hash, s->want_hash);
}

/* Does Serve work with another capacity than it was told, as far as was heard?
 * The user's own counts where none of ours is wanted. */
static bool capacity_differs(struct pass *p, int side) {
    const struct heard *h = heard_of(p, side);
    int64_t told = side_now(p, side)->capacity;
    if (p->s->strategy == UP_INCREMENTAL) return h->fresh && h->capacity >= 0 && told >= 0 && h->capacity != told;
    bool own = rv_node_get(p->config, "target_capacity") != NULL;
    return (told >= 0 && told < 100) || (!own && h->fresh && h->capacity >= 0 && h->capacity != 100);
}

bool submit_wanted(struct pass *p, int side) {
    const struct heard *h = heard_of(p, side);
    const struct up_side *v = side == ACTIVE ? &p->view.active : &p->view.pending;
    return config_differs(p, side) || want_capacity(p, side) != v->capacity || capacity_differs(p, side) ||
           (h->fresh && !h->any);
}

/* What is to be sent; NULL: it is not known, or cannot be read. */
static struct rv_node *config_to_send(struct pass *p, int side) {
    const struct seen *s = &p->side[side];
    char spec[33];
    rs_config_hash(p->s->config, spec);
    if (strcmp(spec, s->want_hash) == 0) return p->config;
    return s->want_config.n != 0 ? rs_config_parse(p->arena, s->want_config, NULL) : NULL;
}

/* Was it accepted before, by whomever? Then nothing is sent again. */
static bool adopt(struct pass *p, int side) {
    struct heard *h = heard_of(p, side);
    struct rs_side *now = side_now(p, side);
    if (now->config_hash.n != 0 || !h->in_force || p->side[side].frozen) return false;
    now->config_hash = rv_arena_str(p->arena, rv_str(p->side[side].want_hash));
    now->config = p->s->config.n <= RS_CONFIG_KEPT_MAX ? p->s->config : RV_STR("");
    if (p->s->strategy == UP_INCREMENTAL && now->capacity < 0 && h->capacity >= 0) now->capacity = h->capacity;
    return true;
}

static void submit(struct pass *p, int side, struct rv_node *config) {
    struct heard *h = heard_of(p, side);
    struct rv_http_request r = {.method = RV_STR("PUT"),
                                .content_type = RV_STR("application/json"),
                                .timeout_ms = SUBMIT_MS,
                                .max_bytes = 64 << 10};
    struct rv_str body = rs_config_body(p->arena, config, told_capacity(p, side));
    if (!to_dashboard(p, &p->side[side], &r, "/api/serve/applications/")) return;
    r.body = (struct rv_bytes){(const uint8_t *)body.p, body.n};
    memcpy(h->sent_hash, p->side[side].want_hash, sizeof h->sent_hash);
    keep_text(&h->sent, p->side[side].want_config);
    h->sent_capacity = want_capacity(p, side);
    send(p, side, TAG_SUBMIT, &r);
}

static void submit_side(struct pass *p, int side) {
    struct seen *s = &p->side[side];
    struct heard *h = heard_of(p, side);
    bool assumed = side == ACTIVE ? p->plan.assume_active : p->plan.assume_pending;
    if (!seen_there(s) || s->deleting || !s->head_ready || !h->fresh || assumed) return;
    if (!submit_wanted(p, side) || adopt(p, side)) return;
    struct rv_node *config = config_to_send(p, side);
    if (config == NULL) return;
    if (strcmp(h->refused_hash, s->want_hash) != 0) {
        h->refusals = 0; /* another configuration: it is tried at once */
        h->next_submit = 0;
    }
    if (p->time < h->next_submit) {
        pass_wake(p, h->next_submit);
        return;
    }
    submit(p, side, config);
}

void dashboard_submit(struct pass *p) {
    for (int side = 0; side < SIDES; side++) submit_side(p, side);
}

/* ---- answers
 * -----------------------------------------------------------------------------------------------------
 */

static int64_t back_off(struct pass *p, uint32_t failures, int64_t slowest_s) {
    int64_t seconds = 1;
    uint8_t random;
    for (uint32_t i = 1; i < failures && seconds < slowest_s; i++) seconds *= 2;
    if (seconds > slowest_s) seconds = slowest_s;
    p->api->random(p->host, &random, sizeof random);
    return p->time + seconds * RC_SECOND * (896 + random) / 1024;
}

/* Is something expected to change? */
static bool expectant(struct pass *p, const struct heard *h) {
    return p->now.pending.name.n != 0 || !h->running || !rs_condition_is(&p->now, RS_READY, "True");
}

static struct rv_str words_of(struct pass *p, const struct rv_result *r) {
    enum { MOST = 400 };
    rv_autobuf struct rv_buf b = {0};
    if (r->code != 0) return r->code == RV_E_TIMEOUT || r->message.n == 0 ? rv_str(rv_error_text(r->code)) : r->message;
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    if (r->json) {
        rv_json_write((struct rv_val){r->body.p, r->body.n}, &b);
        text = rv_arena_str(p->arena, rv_buf_str(&b));
        rv_buf_clear(&b);
    }
    while (text.n > 0 && (uint8_t)text.p[text.n - 1] <= ' ') text.n--;
    if (text.n > MOST) text = (struct rv_str){text.p + text.n - MOST, MOST}; /* a traceback ends with its reason */
    for (size_t i = 0; i < text.n; i++)
        rv_buf_addc(&b, text.p[i] >= 0x20 && text.p[i] < 0x7f ? (uint8_t)text.p[i] : ' ');
    return rv_arena_fmt(p->arena, "HTTP status %u%s" RV_STR_FMT, r->http_status, b.n != 0 ? ": " : "",
                        RV_STR_ARG(rv_buf_str(&b)));
}

static bool success(const struct rv_result *r) { return r->code == 0 && r->http_status >= 200 && r->http_status < 300; }

static void apps_result(struct pass *p, int side, const struct rv_result *r) {
    struct heard *h = heard_of(p, side);
    struct rs_answer answer;
    struct rv_val body = {r->body.p, r->body.n};
    bool ok = success(r) && r->json && rs_answer_read(p->arena, body, &answer);
    if (!ok) {
        h->failures++;
        h->fresh = false;
        h->next_ask = back_off(p, h->failures, SLOWEST_S);
        keep_text(&h->error, success(r) ? RV_STR("its answer is not that of Ray Serve") : words_of(p, r));
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
    h->in_force = p->config != NULL && rs_answer_is_of(p->arena, body, p->config);
    rv_buf_clear(&h->apps);
    rv_node_encode(answer.apps, &h->apps);
    h->next_ask = p->time + (expectant(p, h) ? SOON_MS * MS : p->s->settings->quiet_poll_s * RC_SECOND);
    struct rv_str apps = rv_arena_str(p->arena, rv_buf_str(&h->apps));
    if (answer.any) side_now(p, side)->apps = (struct rv_val){(const uint8_t *)apps.p, apps.n};
}

static void accepted(struct pass *p, int side) {
    struct heard *h = heard_of(p, side);
    struct rs_side *now = side_now(p, side);
    struct rv_str text = rv_arena_str(p->arena, rv_str(h->sent != NULL ? h->sent : ""));
    now->config_hash = rv_arena_str(p->arena, rv_str(h->sent_hash));
    now->config = text.n <= RS_CONFIG_KEPT_MAX ? text : RV_STR("");
    keep_text(&h->sent, RV_STR(""));
    if (p->s->strategy == UP_INCREMENTAL)
        now->capacity = h->sent_capacity;
    else
        now->capacity = -1;
    h->refusals = 0;
    keep_text(&h->refused, RV_STR(""));
    h->next_submit = p->time + 2 * RC_SECOND;
    heard_changed(h);
    h->next_ask = p->time + 100 * MS;
}

static void submit_result(struct pass *p, int side, const struct rv_result *r) {
    struct heard *h = heard_of(p, side);
    if (success(r)) {
        bool only_capacity = rv_str_is(side_now(p, side)->config_hash, h->sent_hash);
        accepted(p, side);
        pass_event(p, false,
                   only_capacity && p->s->strategy == UP_INCREMENTAL ? "UpdatedServeTargetCapacity"
                                                                     : "UpdatedServeApplications",
                   "Update",
                   rv_arena_fmt(p->arena, "Serve on RayCluster " RV_STR_FMT "/" RV_STR_FMT " accepted %s %lld %%",
                                RV_STR_ARG(p->s->ns), RV_STR_ARG(side_now(p, side)->name),
                                only_capacity ? "the target capacity of" : "the configuration, capacity",
                                (long long)h->sent_capacity));
        return;
    }
    struct rv_str why = words_of(p, r);
    bool news = h->refused == NULL || !rv_str_is(why, h->refused);
    h->refusals++;
    h->next_submit = back_off(p, h->refusals + 1, SUBMIT_SLOWEST_S);
    memcpy(h->refused_hash, h->sent_hash, sizeof h->refused_hash);
    keep_text(&h->refused, why);
    bool moved = rv_str_is(side_now(p, side)->config_hash, h->sent_hash) && p->s->strategy == UP_INCREMENTAL;
    if (news)
        pass_event(p, true, moved ? "FailedToUpdateTargetCapacity" : "FailedToUpdateServeApplications", "Update",
                   rv_arena_fmt(p->arena,
                                "Serve on RayCluster " RV_STR_FMT "/" RV_STR_FMT " did not take %s: " RV_STR_FMT,
                                RV_STR_ARG(p->s->ns), RV_STR_ARG(side_now(p, side)->name),
                                moved ? "the target capacity" : "the configuration", RV_STR_ARG(why)));
}

/* A head that served is taken out only after several misses: one slow answer is
 * no reason to lose its share. */
static void proxy_result(struct pass *p, int side, const struct rv_result *r) {
    struct heard *h = heard_of(p, side);
    const struct seen *s = &p->side[side];
    bool ok = r->code == 0 && r->http_status == 200;
    h->misses = ok ? 0 : h->misses + 1;
    bool served =
        rv_str_is(rv_val_str(rv_val_get(rv_val_path(s->head.value, "metadata.labels"), RC_LABEL_SERVE)), "true");
    if (ok || !served || h->misses >= MISSES) {
        h->proxy_known = true;
        h->proxy_ok = ok;
    }
    bool settled = ok && !expectant(p, h);
    if (settled)
        h->next_probe = p->time + p->s->settings->quiet_poll_s * RC_SECOND;
    else if (ok)
        h->next_probe = p->time + 2 * RC_SECOND;
    else
        h->next_probe = h->misses < MISSES ? p->time + PROBE_SOON_MS * MS : back_off(p, h->misses - MISSES + 1, 5);
}

void dashboard_result(struct pass *p, const struct rv_result *r) {
    int side = (int)(r->tag >> 8 & 1);
    switch ((enum pass_tag)(r->tag & 0xff)) {
    case TAG_APPS:
        apps_result(p, side, r);
        return;
    case TAG_SUBMIT:
        submit_result(p, side, r);
        return;
    case TAG_PROXY:
        proxy_result(p, side, r);
        return;
    default:
        retire_result(p, r);
    }
}
