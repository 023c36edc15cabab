/* executor.c - carries out actions (see executor.h). */
#include "executor_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "action_counts.h"
#include "contest.h"
#include "denial_log.h"
#include "event_queue.h"
#include "failures.h"
#include "identify.h"
#include "ipc/base/hash.h"
#include "op_trail.h"
#include "owners.h"
#include "packed_event.h"
#include "policy.h"
#include "rayvisor/k8s.h"
#include "recorder.h"
#include "supervisor/kube/status.h"
#include "supervisor/leadership.h"
#include "supervisor/requests/client_identity.h"
#include "supervisor/requests/credential.h"
#include "supervisor/requests/credential_cache.h"
#include "supervisor/requests/direct.h"
#include "supervisor/requests/proxy.h"
#include "supervisor/store/store.h"
#include "undone.h"
#include "withhold.h"

#define MILLISECOND INT64_C(1000000)
enum { KEY_LOGGED = 253 /* the log shows so many bytes of a plugin's name for a key */ };

static bool pump_queue(void *arg);
static bool counts_in_flight(const struct op *op);

/* ---- ops ------------------------------------------------------------------------------------------------ */

static struct op *op_new(struct executor *x, struct executor_client *c, uint64_t instance, const struct msg *m) {
    struct op *op = rv_alloc(sizeof *op);
    op->x = x;
    op->client = c;
    op->instance = instance;
    op->asked = clock_monotonic();
    op->plugin_name = rv_strdup(c != NULL ? c->config->name : RV_STR("rayvisor"));
    struct msg own = *m;
    op->kept = sizeof *op + msg_lent_bytes(m);
    op->bytes = msg_own(&own); /* thousands may wait, so each has one allocation of exactly the size that it needs */
    op->m = own.action;
    return op;
}

/* Unpacks an event and frees w. Returns NULL if it cannot be decoded; the event is then lost. */
static struct op *op_of_packed_event(struct executor *x, struct packed_event *w) {
    struct msg m;
    struct rv_str plugin;
    struct rv_error err = {0};
    struct op *op = NULL;
    if (packed_event_decode(w, &m, &plugin, &err) == 0) {
        op = op_new(x, NULL, 0, &m);
        free(op->plugin_name);
        op->plugin_name = rv_strdup(plugin);
        op->waited = clock_monotonic() - w->item.since;
    } else {
        log_error("an event that waited cannot be read again: it is lost", "reason", err.text, NULL);
    }
    free(w);
    return op;
}

static void op_free(struct op *op) {
    loop_timer_free(op->timer);
    free(op->bytes);
    free(op->conflict);
    free(op->tls_failure);
    client_identity_free(op->identity);
    free(op->plugin_name);
    free(op);
}

static void link_running(struct op *op) {
    struct executor *x = op->x;
    op->running = true;
    op->next = x->running;
    if (op->next != NULL) op->next->back = &op->next;
    op->back = &x->running;
    x->running = op;
    object_lock_take(x->locks, &op->lock, &op->m.a);
    if (counts_in_flight(op)) x->in_flight++;
}

/* Ends an op. Its result is sent exactly once. */
void end_op(struct op *op, const struct rv_result *r) {
    struct executor *x = op->x;
    struct msg_result out = {op->m.id, *r};
    out.r.size = sizeof out.r;
    out.r.ns = op->m.a.ns;
    if (out.r.name.n == 0) out.r.name = op->m.a.name;
    op_trail_ended(op, r);
    x->stats.done++;
    if (r->code == MSG_WITHHELD)
        x->stats.withheld++;
    else if (r->code != 0)
        x->stats.failed++;
    const char *code = r->code == MSG_WITHHELD ? "WITHHELD" : rv_error_name(r->code);
    action_counts_add(x->counts, op->plugin_name, policy_verb(op->m.a.verb), code);
    if (op->quota != NULL) {
        op->quota->open[msg_verb_waits(op->m.a.verb)]--;
        op->quota->reading -= op->reading_bytes;
        op->quota->bytes -= op->kept;
    }
    if (op->client != NULL)
        op->client->on_result(op->client->arg, op->instance, op->m.a.api_version, op->m.a.resource, &out);
    if (op->running) {
        *op->back = op->next;
        if (op->next != NULL) op->next->back = op->back;
        object_lock_release(&op->lock);
        if (counts_in_flight(op)) x->in_flight--;
    }
    op_free(op);
    x->wake = true;
}

static void end_op_with(struct op *op, int code, const char *message) {
    end_op(op, &(struct rv_result){.code = code, .message = rv_str(message)});
}

/* ---- space for bodies */

static size_t result_bytes(const struct op *op) {
    return op->client->result_bytes(op->client->arg) + op->quota->reading;
}

/* The first body is always accepted, however large it may become. */
static bool admit_body(void *arg, size_t n) {
    struct op *op = arg;
    bool gone = op->client == NULL; /* nobody wants the result; the transfer ends by its time-out */
    size_t used = gone ? 0 : result_bytes(op);
    if (gone || (used != 0 && used + n > RESULT_BYTES_MAX)) {
        op->x->paused = true;
        return false;
    }
    op->reading_bytes = n;
    op->quota->reading += n;
    return true;
}

static bool brings_body(const struct op *op) { return op->m.a.verb == RV_VERB_GET || op->m.a.verb == RV_VERB_HTTP; }

static bool can_read_result(const struct op *op) {
    return op->client == NULL || op->quota == NULL || !brings_body(op) || result_bytes(op) < RESULT_BYTES_MAX;
}

/* ---- other verbs ---------------------------------------------------------------------------------------- */

static void on_event_answer(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    op->request = NULL;
    event_queue_measure(op->x->events, clock_monotonic() - op->sent, clock_monotonic());
    if (r->code != 0) recorder_lost(op->x->recorder, &op->m.event);
    end_op(op, &(struct rv_result){.code = r->code, .http_status = r->http_status, .message = r->message});
}

static void run_event(struct op *op) {
    struct recorder_request q;
    if (!recorder_event(op->x->recorder, &op->m.event, clock_wall() - op->waited, &q)) {
        end_op_with(op, 0, "");
        return;
    }
    struct kube_request_opts o = {.method = q.method, .path = q.path, .content_type = q.content_type, .body = q.body};
    op->request = kube_send(op->x->s->client, &o, on_event_answer, op);
}

static void run_http(struct op *op);

static void release_body(struct op *op) {
    op->quota->reading -= op->reading_bytes;
    op->reading_bytes = 0;
}

/* Ray's answers to a token that it does not take. */
static bool is_refused(const struct http_answer *a) {
    static const char unauthenticated[] = "16"; /* of gRPC, whose HTTP status is 200 */
    return a->status == 401 || a->status == 403 || rv_str_is(rv_path_str(a->trailers, "grpc-status"), unauthenticated);
}

/* The Secret may have changed since it was read. Nothing was carried out, so the request can be sent again. */
static bool try_newer_credential(struct op *op, const struct http_answer *a) {
    if (op->client == NULL || op->m.http.secret_name.n == 0 || !is_refused(a)) return false;
    credential_cache_drop(op->x->credentials, &op->m.http);
    if (!op->kept_credential) return false;
    op->kept_credential = false;
    release_body(op);
    run_http(op);
    return true;
}

static void on_http(void *arg, const struct http_answer *a) {
    struct op *op = arg;
    if (try_newer_credential(op, a)) return;
    if (identify_again(op, a, run_http)) {
        release_body(op);
        return;
    }
    rv_autobuf struct rv_buf text = {0};
    rv_buf_add_str(&text, a->message);
    if (op->x->s->config->proxy_http && op->m.http.http2 != 0 &&
        (a->code == RV_E_UNAVAILABLE || a->code == RV_E_TIMEOUT))
        rv_buf_adds(&text, HTTP_PROXY_NO_HTTP2);
    end_op(op, &(struct rv_result){.code = a->code,
                                   .http_status = a->status,
                                   .body = a->body,
                                   .json = a->json,
                                   .message = rv_buf_str(&text),
                                   .trailers = a->trailers});
}

static void send_http(struct op *op, const char *credential) {
    struct executor *x = op->x;
    if (x->s->config->proxy_http && http_proxy_send(x->proxy, op->m.key.ns, &op->m.http, credential, on_http, op))
        return;
    http_direct_send(x->http, &op->m.http, credential, op->identity, on_http, op);
}

/* No request was sent. The text says so, because a lost answer would look the same. */
static void no_credential(struct op *op, const char *why) {
    const struct rv_http_request *h = &op->m.http;
    rv_autobuf struct rv_buf text = {0};
    rv_buf_addf(&text, "key " RV_STR_FMT " of Secret " RV_STR_FMT "/" RV_STR_FMT " cannot be used: %s",
                RV_STR_ARG(h->secret_key), RV_STR_ARG(h->secret_ns), RV_STR_ARG(h->secret_name), why);
    end_op_with(op, RV_E_CREDENTIAL, rv_buf_cstr(&text));
}

/* The value of the Secret is in one buffer, which is wiped, and for some seconds in the cache. */
static void on_secret(void *arg, const struct kube_response *r) {
    struct op *op = arg;
    op->request = NULL;
    rv_autobuf struct rv_buf mp = {0}, line = {0};
    if (r->code != 0 || rv_json_to_mp((struct rv_str){(const char *)r->body.p, r->body.n}, NULL, &mp, NULL) != 0) {
        no_credential(op, r->code != 0 ? rv_error_text(r->code) : "the answer is no object");
        return;
    }
    if (!credential_line(&op->m.http, (struct rv_val){mp.p, mp.n}, &line))
        no_credential(op, "it has no such key, or its value cannot be a header");
    else {
        credential_cache_put(op->x->credentials, &op->m.http, rv_buf_str(&line), clock_monotonic());
        send_http(op, rv_buf_cstr(&line));
    }
    explicit_bzero(mp.p, mp.cap);
    if (line.p != NULL) explicit_bzero(line.p, line.cap);
}

static void run_http(struct op *op) {
    const struct rv_http_request *h = &op->m.http;
    if (!identify_op(op, run_http)) return;
    if (h->secret_name.n == 0) {
        send_http(op, NULL);
        return;
    }
    const char *kept = credential_cache_find(op->x->credentials, h, clock_monotonic());
    if (kept != NULL) {
        op->kept_credential = true;
        send_http(op, kept);
        return;
    }
    rv_autofree char *path = kube_path(RV_STR("v1"), h->secret_ns, RV_STR("secrets"), h->secret_name, RV_STR(""), NULL);
    op->request =
        kube_send(op->x->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_secret, op);
}

static void on_timer_verb(void *arg) { end_op_with(arg, 0, ""); }

static void run_timer(struct op *op) {
    op->timer = loop_timer(op->x->s->loop, on_timer_verb, op);
    loop_timer_arm(op->timer, op->m.a.delay_ms);
}

/* ---- by verb -------------------------------------------------------------------------------------------- */

void start_op(struct op *op) {
    op->sent = clock_monotonic();
    if (op->begun == 0) op->begun = op->sent;
    if (withhold_op(op)) return;
    switch (op->m.a.verb) {
    case RV_VERB_EVENT:
        run_event(op);
        break;
    case RV_VERB_HTTP:
        run_http(op);
        break;
    case RV_VERB_TIMER:
        run_timer(op);
        break;
    default:
        start_object_op(op);
        break;
    }
}

/* ---- policy --------------------------------------------------------------------------------------------- */

/* Writes an event about the object that the plugin was reconciling, if the plugin has got that object. Otherwise a
 * plugin could have events written about any object. */
void event_about_key(struct op *op, const char *reason, const char *why) {
    const struct executor_client *c = op->client;
    if (op->m.key.name.n == 0 || c == NULL || (c->knows != NULL && !c->knows(c->arg, op->m.key.ns, op->m.key.name)))
        return;
    const struct manifest_kind *k = &c->config->manifest->kinds[0];
    executor_event(op->x, &(struct rv_event){.size = sizeof(struct rv_event),
                                             .warning = 1,
                                             .reason = rv_str(reason),
                                             .action = RV_STR("Reconcile"),
                                             .note = rv_str(why),
                                             .api_version = k->api_version,
                                             .kind = k->kind,
                                             .ns = op->m.key.ns,
                                             .name = op->m.key.name,
                                             .controller = RV_STR("rayvisor")});
}

static void report_denied(struct op *op, const char *why) {
    const struct rv_action *a = &op->m.a;
    rv_autobuf struct rv_buf kind = {0};
    rv_buf_addf(&kind, "%s %.*s/%.*s", policy_verb(a->verb), (int)(a->resource.n < 128 ? a->resource.n : 128),
                a->resource.p, (int)(a->subresource.n < 128 ? a->subresource.n : 128), a->subresource.p);
    if (!denial_log_is_first(op->x->denied, op->plugin_name, rv_buf_cstr(&kind), clock_monotonic())) return;
    struct rv_str ns = rv_name_first(op->m.key.ns, KEY_LOGGED), name = rv_name_first(op->m.key.name, KEY_LOGGED);
    rv_autofree char *logged_ns = rv_strdup(ns), *logged_name = rv_strdup(name);
    log_warn("action refused by policy", "plugin", op->plugin_name, "namespace", logged_ns, "name", logged_name,
             "reason", why);
    event_about_key(op, "ActionDenied", why);
}

/* ---- the fair queue ------------------------------------------------------------------------------------- */

/* Returns whether there is a token. If not, arms the timer for the next one. */
static bool has_token(struct executor *x, struct rate_limit *b, int64_t rate, int64_t burst) {
    if (rate == 0) return true;
    int64_t now = clock_monotonic();
    if (rate_limit_has(b, now, 1e9 / (double)rate, (double)(burst > 0 ? burst : rate))) return true;
    int64_t ms = 1000 / rate + 1;
    /* The timer is armed for the earliest token of all buckets. */
    if (!loop_timer_armed(x->refill) || now + ms * MILLISECOND < x->refill_at) {
        x->refill_at = now + ms * MILLISECOND;
        loop_timer_arm(x->refill, ms);
    }
    return false;
}

static bool counts_in_flight(const struct op *op) { return !msg_verb_waits(op->m.a.verb); }

/* Returns whether this action may start now. If so, it takes the tokens. */
static bool is_ready(void *arg, struct fair_queue_item *item) {
    struct executor *x = arg;
    const struct op *op = (const struct op *)item;
    const struct config *c = x->s->config;
    if (counts_in_flight(op) && x->in_flight >= x->limit) return false;
    if (object_lock_held(x->locks, &op->m.a)) return false; /* actions on one object keep their order */
    if (!can_read_result(op)) return false;
    if (!counts_in_flight(op)) return true;
    struct rate_limit *own = op->quota != NULL ? &op->quota->rate : NULL;
    int64_t own_rate = own != NULL ? op->quota->client->config->actions_per_second : 0;
    if ((own != NULL && !has_token(x, own, own_rate, 0)) || !has_token(x, &x->rate, c->qps, c->burst)) return false;
    if (own_rate != 0) own->tokens -= 1;
    if (c->qps != 0) x->rate.tokens -= 1;
    return true;
}

/* Sends events if the API server is quick and actions leave capacity. At the end it sends all of them. */
static void pump_events(struct executor *x) {
    const struct config *c = x->s->config;
    while (event_queue_count(x->events) > 0 && x->in_flight <= x->limit / 2 &&
           has_token(x, &x->rate, c->qps, c->burst)) {
        struct event_queue_item *i = event_queue_pop(x->events, clock_monotonic(), x->s->stopping);
        if (i == NULL) break;
        if (c->qps != 0) x->rate.tokens -= 1;
        struct op *op = op_of_packed_event(x, (struct packed_event *)i);
        if (op == NULL) continue;
        link_running(op);
        start_op(op);
    }
    if (event_queue_count(x->events) > 0 && !loop_timer_armed(x->event_timer))
        loop_timer_arm(x->event_timer, EVENT_QUEUE_ASK_AGAIN_MS);
}

/* If no more requests may be in flight, only actions that do not count as in flight are considered. */
static struct op *next_op(struct executor *x) {
    if (x->in_flight >= x->limit && x->light == 0) return NULL;
    struct op *op = (struct op *)fair_queue_pop(x->queue, is_ready, x);
    if (op != NULL && !counts_in_flight(op)) x->light--;
    return op;
}

static bool pump_queue(void *arg) {
    struct executor *x = arg;
    if (!x->wake) return false;
    if (!leadership_acts(x->s)) { /* events say why it does not */
        if (!x->s->stopping) pump_events(x);
        return false;
    }
    x->wake = false;
    if (x->paused) {
        x->paused = false;
        http_direct_resume(x->http);
        http_proxy_resume(x->proxy);
    }
    for (struct op *op; (op = next_op(x)) != NULL;) {
        link_running(op);
        start_op(op);
    }
    pump_events(x);
    return false;
}

/* Denies by default. Our own host keeps the limits that it was told, so a host that exceeds them is not ours. */
static enum executor_answer check_op(struct op *op) {
    struct rv_error err = {0};
    if (op->client == NULL || op->quota == NULL) return EXECUTOR_TAKEN;
    if (policy_check(op->client->config, &op->m, &err) != 0) {
        op->x->stats.denied++;
        report_denied(op, err.text);
        end_op_with(op, RV_E_DENIED, err.text);
        return EXECUTOR_REFUSED;
    }
    const char *over = quota_exceeded(op->quota, op->m.a.verb);
    if (over == NULL && !quota_bytes_exceeded(op->quota, op->kept)) return EXECUTOR_TAKEN;
    end_op_with(op, RV_E_THROTTLED, over != NULL ? over : "the actions that are open are too large together");
    return over != NULL ? EXECUTOR_OVER_LIMIT : EXECUTOR_REFUSED;
}

static enum executor_answer refuse_large(struct op *op) {
    end_op_with(op, RV_E_TOO_BIG, "an object or patch may have 4 MiB: the API server takes no larger one");
    return EXECUTOR_REFUSED;
}

/* Nobody waits for an event. Its plugin gets the result at once, and the event is sent later. */
static void take_event(struct op *op) {
    struct executor *x = op->x;
    if (op->client != NULL) {
        struct msg_result done = {.id = op->m.id,
                                  .r = {.size = sizeof done.r, .tag = op->m.a.tag, .verb = op->m.a.verb}};
        op->client->on_result(op->client->arg, op->instance, op->m.a.api_version, op->m.a.resource, &done);
    }
    if (op->quota != NULL) {
        op->quota->open[0]--;
        op->quota->bytes -= op->kept;
    }
    op->quota = NULL;
    op->client = NULL;
    if (x->s->config->mode == MODE_TWIN) { /* the other operator tells its own */
        end_op_with(op, MSG_WITHHELD, "");
        return;
    }
    struct packed_event *w = packed_event_new(&(struct msg){.type = MSG_ACTION, .action = op->m}, op->plugin_name);
    size_t bytes = sizeof *w + w->header_n + w->body_n + w->plugin_n;
    if (event_queue_push(x->events, &w->item, bytes, hash_key(RV_STR(""), rv_str(op->plugin_name)),
                         clock_monotonic())) {
        op_free(op);
        return;
    }
    free(w);
    end_op_with(op, RV_E_THROTTLED, "too many events are waiting");
}

/* No API server takes it: it is answered without being copied. */
static bool is_too_large(const struct msg *m) {
    return m->action.a.verb <= RV_VERB_DELETE_COLLECTION && m->payload.n > OBJECT_BYTES_MAX;
}

enum executor_answer executor_submit(struct executor *x, struct executor_client *c, uint64_t instance,
                                     const struct msg *m) {
    struct msg cut = *m;
    bool too_large = is_too_large(m);
    if (too_large) cut.payload = (struct rv_bytes){NULL, 0};
    struct op *op = op_new(x, c, instance, &cut);
    op->quota = quota_of(&x->quotas, c);
    if (op->quota != NULL) {
        op->quota->open[msg_verb_waits(op->m.a.verb)]++;
        op->quota->bytes += op->kept;
    }
    op_trail_asked(op);
    enum executor_answer answer = too_large ? refuse_large(op) : check_op(op);
    if (answer != EXECUTOR_TAKEN) return answer;
    x->wake = true;
    coalesce_changed(&x->s->coalesce, clock_monotonic(), hash_key(op->m.key.ns, op->m.key.name));
    if (op->m.a.verb == RV_VERB_EVENT) {
        take_event(op);
        return EXECUTOR_TAKEN;
    }
    if (!counts_in_flight(op)) x->light++;
    fair_queue_push(x->queue, c, op->m.key.ns, op->m.key.name, &op->item);
    return EXECUTOR_TAKEN;
}

void executor_event(struct executor *x, const struct rv_event *e) {
    if (x->s->config->mode == MODE_TWIN) return;
    struct msg m = {.type = MSG_ACTION,
                    .action = {.a = {.size = sizeof(struct rv_action), .verb = RV_VERB_EVENT},
                               .event = *e,
                               .key = {e->ns, e->name}}};
    (void)executor_submit(x, NULL, 0, &m);
}

void executor_wake(struct executor *x) {
    if (x != NULL) x->wake = true;
}

static void drop_item(void *arg, struct fair_queue_item *item) {
    struct op *op = (struct op *)item;
    action_counts_add(op->x->counts, op->plugin_name, policy_verb(op->m.a.verb), rv_error_name(RV_E_SHUTDOWN));
    if (!counts_in_flight(op)) op->x->light--;
    ++*(size_t *)arg;
    op_free(op);
}

static void report_dropped(const char *plugin, size_t n) {
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    if (n != 0)
        log_warn("actions that had not been sent are dropped: who asked for them is gone", "plugin", plugin, "#actions",
                 text);
}

size_t executor_open(const struct executor *x, const struct executor_client *c) {
    size_t n = 0;
    for (const struct quota *a = x->quotas; a != NULL; a = a->next)
        if (a->client == c) n = a->open[0] + a->open[1];
    for (const struct op *op = x->running; op != NULL; op = op->next)
        if (op->client == c && op->m.a.verb == RV_VERB_TIMER && n > 0) n--;
    return n;
}

void executor_forget(struct executor *x, struct executor_client *c) {
    if (x == NULL) return; /* at the end of the process the executor is freed first */
    size_t dropped = 0;
    fair_queue_drop(x->queue, c, drop_item, &dropped);
    report_dropped(c->config->name.p, dropped);
    for (struct op *op = x->running, *next; op != NULL; op = next) {
        next = op->next;
        if (op->client != c) continue;
        op->client = NULL; /* a request that was sent is finished, and its answer is written through */
        op->quota = NULL;
        op->reading_bytes = 0;
        if (op->m.a.verb == RV_VERB_TIMER) end_op_with(op, RV_E_SHUTDOWN, ""); /* nobody waits for it */
    }
    quota_forget(&x->quotas, c);
}

bool executor_unfinished(const struct executor *x, const char *plugin) {
    for (const struct op *op = x != NULL ? x->running : NULL; op != NULL; op = op->next)
        if (op->client == NULL && op->m.a.verb < RV_VERB_GET && strcmp(op->plugin_name, plugin) == 0) return true;
    return false;
}

bool executor_idle(const struct executor *x) {
    return fair_queue_count(x->queue) + event_queue_count(x->events) == 0 && x->in_flight == 0;
} /* timers and HTTP requests may be cut off */

void executor_stats(const struct executor *x, struct executor_stats *ret) {
    *ret = x->stats;
    ret->queued = fair_queue_count(x->queue) + event_queue_count(x->events);
    ret->in_flight = x->in_flight;
}

void executor_each_count(const struct executor *x,
                         void (*fn)(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n),
                         void *arg) {
    action_counts_each(x->counts, fn, arg);
}

static void on_refill(void *arg) { executor_wake(arg); }

void executor_reconfigure(struct executor *x) {
    http_direct_allow(x->http, x->s->config->allowed, x->s->config->allowed_n);
}

struct executor *executor_new(struct supervisor *s) {
    struct executor *x = rv_alloc(sizeof *x);
    x->s = s;
    x->queue = fair_queue_new();
    x->locks = object_lock_new();
    x->denied = denial_log_new();
    x->events = event_queue_new();
    x->event_timer = loop_timer(s->loop, on_refill, x);
    x->limit = (size_t)s->config->max_in_flight;
    x->counts = action_counts_new();
    x->owners = owners_new(s);
    x->failures = failures_new(s->loop, 0);
    x->undone = undone_new();
    x->contest = contest_new();
    x->recorder = recorder_new();
    x->credentials = credential_cache_new();
    x->identities = client_identities_new();
    x->proxy = http_proxy_new(s, admit_body);
    x->http =
        http_direct_new(s->loop, kube_config_server(s->kube_config), kube_config_peers(s->kube_config), admit_body);
    executor_reconfigure(x);
    x->refill = loop_timer(s->loop, on_refill, x);
    x->rate.at = clock_monotonic();
    x->prepare = loop_prepare(s->loop, pump_queue, x);
    return x;
}

void executor_object_gone(struct executor *x, struct rv_str api_version, struct rv_str resource,
                          const struct store_object *o) {
    contest_gone(x->contest, &(struct contest_name){api_version, resource, o->ns, o->name, o->uid}, clock_monotonic());
}

void executor_on_pause(struct executor *x, executor_pause_fn fn, void *arg) {
    x->pause = fn;
    x->pause_arg = arg;
}

struct executor *executor_free(struct executor *x) {
    if (x == NULL) return NULL;
    x->credentials = credential_cache_free(x->credentials);
    x->http = http_direct_free(x->http);
    x->proxy = http_proxy_free(x->proxy);
    while (x->running != NULL) {
        struct op *op = x->running;
        kube_cancel(op->request); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
        op->request = NULL;
        end_op_with(op, RV_E_SHUTDOWN, "shutting down");
    }
    size_t dropped = 0;
    fair_queue_drop_all(x->queue, drop_item, &dropped);
    x->identities = client_identities_free(x->identities);
    report_dropped(NULL, dropped);
    fair_queue_free(x->queue);
    object_lock_free(x->locks);
    denial_log_free(x->denied);
    for (struct event_queue_item *i; (i = event_queue_pop(x->events, 0, true)) != NULL;) free(i);
    event_queue_free(x->events);
    loop_timer_free(x->event_timer);
    quota_free_all(&x->quotas);
    recorder_free(x->recorder);
    owners_free(x->owners);
    undone_free(x->undone);
    contest_free(x->contest);
    failures_free(x->failures);
    loop_timer_free(x->refill);
    loop_prepare_free(x->prepare);
    action_counts_free(x->counts);
    free(x);
    return NULL;
}
