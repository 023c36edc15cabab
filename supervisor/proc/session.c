/* session.c - the lane of a plugin: it sends objects, results and questions, and receives actions and answers (see
 * plugin_internal.h). */
#include "plugin_internal.h"
#include "supervisor/once/once.h"
#include "supervisor/zoneinfo/zoneinfo.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/random.h"
#include "ipc/base/utf8.h"
#include "supervisor/leadership.h"
#include "supervisor/trail/trail.h"

enum {
    SYNC_MS = 120000,
    UNFINISHED_MS = 60000,
    CREDIT_MESSAGES = 1024,
    CREDIT_BYTES = 8 << 20,
    /* more than the credit and the results can ever be, if the host reads them */
    UNREAD_MAX = 32 << 20,
    UNREAD_MESSAGES = 16384, /* and as many as actions may be open */
    BREACHES_MAX = 1000,
    LOG_TEXT_MAX = 4096
};

static void violation(struct plugin *p, enum death_cause cause, const char *message, const char *reason);

/* Credit bounds objects and bodies. What costs no credit is small, but results of actions that were refused at once
 * come as fast as the host asks. */
static bool too_much_waits(const struct plugin *p) {
    int64_t most = UNREAD_MESSAGES + p->config->max_in_flight + p->config->max_http;
    return lane_queued_bytes(p->lane) > UNREAD_MAX || (int64_t)lane_queued(p->lane) > most;
}

/* Sends a message. Messages that a host does not read are queued here, up to a limit. A host that exceeds it is
 * stopped. */
static void send_to_host(struct plugin *p, struct msg *m, struct blob *payload) {
    if (p->lane == NULL || (p->killed && too_much_waits(p))) return;
    lane_send_blob(p->lane, m, payload);
    if (!p->killed && too_much_waits(p))
        violation(p, DEATH_HANG, "a host does not read what it is told: it is stopped", "too much waits for it");
}

/* ---- telling -------------------------------------------------------------------------------------------- */

static struct store_collection *collection_of(const struct plugin *p, size_t i) {
    return feed_collection(p->kinds[i].feed);
}

/* A kind may have several collections, one for each namespace. */
static struct blob *outbox_fetch(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name,
                                 struct msg_object *ret) {
    struct plugin *p = arg;
    for (size_t i = 0; i < p->kind_n; i++) {
        if (p->kinds[i].kind != kind) continue;
        const struct store_object *o = store_find(collection_of(p, i), ns, name);
        if (o == NULL) continue;
        *ret = (struct msg_object){kind, o->ns, o->name, o->uid, o->resource_version, o->rev};
        return o->blob;
    }
    return NULL;
}

static void outbox_send(void *arg, struct msg *m, struct blob *payload) {
    struct plugin *p = arg;
    send_to_host(p, m, payload);
}

static void queue_change(struct listened *l, const struct store_object *o, bool deleted) {
    struct plugin *p = l->plugin;
    if (p->outbox == NULL || (p->state != LIFE_SYNCING && p->state != LIFE_READY && p->state != LIFE_DRAINING) ||
        p->snapshot_waits)
        return;
    if (deleted)
        outbox_deleted(p->outbox, l->kind,
                       &(struct msg_object){l->kind, o->ns, o->name, o->uid, o->resource_version, o->rev});
    else
        outbox_changed(p->outbox, l->kind, o->ns, o->name);
}

static void on_change(void *arg, const struct store_object *o, bool deleted) {
    struct listened *l = arg;
    struct plugin *p = l->plugin;
    if (l->kind == 0) trail_object(p->s->trail, store_collection_kind(o->collection), o, deleted);
    if (l->kind == 0 && o->edited && !deleted && p->state == LIFE_READY)
        coalesce_edited(&p->s->coalesce, clock_monotonic());
    queue_change(l, o, deleted);
    if (deleted)
        executor_object_gone(p->s->executor, rv_str(store_collection_api_version(o->collection)),
                             rv_str(store_collection_resource(o->collection)), o);
    quarantine_object_changed(l->plugin->quarantine, l->kind, o, deleted);
}

/* Waits for the writes of the previous process. While one is in flight, its outcome is unknown. A plugin that decides
 * without it would make the same objects again. */
static void end_snapshot(struct plugin *p) {
    int64_t now = clock_monotonic();
    if (executor_unfinished(p->s->executor, plugin_name(p))) {
        if (p->end_waits_until == 0) p->end_waits_until = now + UNFINISHED_MS * INT64_C(1000000);
        if (now < p->end_waits_until) return;
        log_warn("writes of the process before are still under way: no longer waited for", "plugin", plugin_name(p));
    }
    p->end_waits_until = 0;
    outbox_snapshot_end(p->outbox, p->snapshot_rev);
}

bool session_pump(void *arg) {
    struct supervisor *s = arg;
    for (struct plugin *p = s->plugins; p != NULL; p = p->next) {
        if (p->outbox == NULL || p->lane == NULL || p->snapshot_waits) continue;
        if (p->end_waits_until != 0) end_snapshot(p);
        outbox_pump(p->outbox);
    }
    return false;
}

static void queue_object(void *arg, const struct store_object *o) {
    struct listened *l = arg;
    outbox_changed(l->plugin->outbox, l->kind, o->ns, o->name);
}

void session_quarantine(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, bool on) {
    struct plugin *p = arg;
    struct msg m = {.type = MSG_QUARANTINE, .explain = {.kind = kind, .key = {ns, name}, .on = on ? 1 : 0}};
    if (!plugin_listens(p)) return;
    /* The key is released because the object has changed. The new state is sent first, or the plugin would die on the
     * old one again. */
    if (!on && p->outbox != NULL) outbox_flush_object(p->outbox, kind, ns, name);
    lane_send(p->lane, &m);
}

static const struct store_object *find_object(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name) {
    return session_find(arg, kind, ns, name);
}

static void snapshot_if_complete(struct plugin *p) {
    if (!p->snapshot_waits) return;
    for (size_t i = 0; i < p->kind_n; i++)
        if (!feed_synced(p->kinds[i].feed)) return;
    p->snapshot_waits = false;
    uint64_t rev = store_rev(p->s->store);
    outbox_snapshot_begin(p->outbox, rev);
    quarantine_refresh(p->quarantine, find_object, p);
    quarantine_each_key(p->quarantine, session_quarantine, p);
    for (size_t i = 0; i < p->kind_n; i++) store_each(collection_of(p, i), queue_object, &p->kinds[i]);
    p->stands_by = leadership_stands_by(p->s);
    p->snapshot_rev = rev;
    /* no answer is expected */
    if (p->stands_by)
        loop_timer_disarm(p->deadline);
    else
        end_snapshot(p);
}

void plugin_lead(struct plugin *p) {
    if (!p->stands_by) return;
    p->stands_by = false;
    loop_timer_arm(p->deadline, SYNC_MS);
    end_snapshot(p);
}

void plugin_collections_changed(struct plugin *p) { snapshot_if_complete(p); }

/* Read again for each process, because the tzdata package is upgraded more often than an operator. */
static void read_time_zones(struct plugin *p, struct rv_buf *out) {
    struct rv_error err = {0};
    if (zoneinfo_pack(ZONEINFO_DIR, out, &err) == 0) return;
    rv_buf_clear(out);
    log_warn("no time zone database on this machine: the plugin uses the one that it was built with", "plugin",
             plugin_name(p), "reason", err.text);
}

void session_welcome(struct plugin *p) {
    rv_autobuf struct rv_buf kinds = {0}, zones = {0};
    uint8_t seed[32];
    random_bytes(seed, sizeof seed);
    once_encode_kinds(p->config->manifest, &kinds);
    if (p->config->manifest->time_zones) read_time_zones(p, &zones);
    struct msg m = {.type = MSG_WELCOME,
                    .welcome = {.epoch = p->s->epoch,
                                .instance = p->instance,
                                .credit_messages = CREDIT_MESSAGES,
                                .credit_bytes = CREDIT_BYTES,
                                .heartbeat_ms = (uint32_t)p->s->config->heartbeat_ms,
                                .seed = {seed, sizeof seed},
                                .kinds = {kinds.p, kinds.n},
                                .settings = {p->settings.in_force.p, p->settings.in_force.n},
                                .max_in_flight = (uint32_t)p->config->max_in_flight,
                                .max_http = (uint32_t)p->config->max_http,
                                .time_zones = {zones.p, zones.n}}};
    lane_send(p->lane, &m);
    outbox_credit(p->outbox, CREDIT_MESSAGES, CREDIT_BYTES);
    metrics_table_mark(p->metrics);
    p->snapshot_waits = true;
    loop_timer_arm(p->deadline, SYNC_MS);
    snapshot_if_complete(p);
}

void session_result(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                    const struct msg_result *r) {
    struct plugin *p = arg;
    if (p->lane == NULL || p->instance != instance) return;
    const struct manifest *m = p->config->manifest;
    for (uint32_t k = 0; k < m->kind_n; k++)
        if (rv_str_eq(m->kinds[k].api_version, api_version) && rv_str_eq(m->kinds[k].resource, resource))
            outbox_flush_object(p->outbox, k, r->r.ns, r->r.name);
    p->answered = clock_monotonic();
    struct msg out = {.type = MSG_RESULT, .result = *r, .payload = r->r.body};
    outbox_result(p->outbox, &out);
}

bool session_knows(const void *arg, struct rv_str ns, struct rv_str name) {
    return session_find(arg, 0, ns, name) != NULL;
}

int64_t session_generation(const void *arg, struct rv_str ns, struct rv_str name) {
    const struct store_object *o = session_find(arg, 0, ns, name);
    struct rv_bytes b = o != NULL ? blob_bytes(o->blob) : (struct rv_bytes){NULL, 0};
    return rv_path_int((struct rv_val){b.p, b.n}, "metadata.generation", 0);
}

size_t session_result_bytes(const void *arg) {
    const struct plugin *p = arg;
    return p->outbox != NULL ? outbox_result_bytes(p->outbox) : 0;
}

/* ---- hearing -------------------------------------------------------------------------------------------- */

static void refuse_host(struct plugin *p, const char *why) {
    struct msg m = {.type = MSG_REFUSE, .text = {RV_E_ABI, rv_str(why)}};
    log_error("plugin refused", "plugin", plugin_name(p), "reason", why);
    plugin_note(p, rv_str(why));
    p->unfit = true;
    lane_send(p->lane, &m);
}

/* Stops the host. Nothing that it sends is used any more. */
static void violation(struct plugin *p, enum death_cause cause, const char *message, const char *reason) {
    log_error(message, "plugin", plugin_name(p), "reason", reason);
    plugin_note(p, rv_str(reason));
    lane_drop_input(p->lane);
    if (!p->killed) plugin_set_kill_cause(p, cause);
    plugin_event(p, LIFE_ON_VIOLATION);
}

static bool token_right(const struct plugin *p, struct rv_bytes token) {
    unsigned different = 0;
    if (token.n != PLUGIN_TOKEN_SIZE) return false;
    for (size_t i = 0; i < PLUGIN_TOKEN_SIZE; i++) different |= (unsigned)(token.p[i] ^ p->token[i]);
    return different == 0;
}

bool session_fits(const struct manifest *m, const struct msg_hello *h, struct rv_buf *why) {
    if (h->protocol != MSG_VERSION || h->abi_major != (uint32_t)m->abi)
        rv_buf_addf(why, "its manifest says ABI %lld, the library has %u.%u", (long long)m->abi, h->abi_major,
                    h->abi_minor);
    else if (!rv_str_eq(h->plugin, m->name))
        rv_buf_addf(why, "the library is plugin \"%.*s\", its manifest is of \"" RV_STR_FMT "\"",
                    (int)(h->plugin.n < 64 ? h->plugin.n : 64), h->plugin.p, RV_STR_ARG(m->name));
    else if (!rv_str_eq(h->plugin_version, m->version))
        rv_buf_addf(why, "the library has version %.*s, its manifest %.*s: install both together",
                    (int)(h->plugin_version.n < 32 ? h->plugin_version.n : 32), h->plugin_version.p,
                    (int)(m->version.n < 32 ? m->version.n : 32), m->version.p);
    return why->n == 0;
}

static void on_hello(struct plugin *p, const struct msg_hello *h) {
    rv_autobuf struct rv_buf why = {0};
    if (p->greeted || !token_right(p, h->token)) {
        violation(p, DEATH_PROTOCOL, "a process without the right token spoke on the lane: it is stopped",
                  p->greeted ? "a second HELLO" : "HELLO with a wrong token");
        return;
    }
    p->greeted = true;
    explicit_bzero(p->token, sizeof p->token);
    p->live = (h->can & MSG_CAN_SETTINGS) != 0;
    p->judges = (h->can & MSG_CAN_VALIDATE) != 0;
    if (!session_fits(p->config->manifest, h, &why)) {
        refuse_host(p, rv_buf_cstr(&why));
        return;
    }
    p->pong_at = clock_monotonic();
    p->welcome = p->state == LIFE_STARTING; /* it may have been asked to stop in the meantime */
    plugin_event(p, LIFE_ON_HELLO);
}

static struct rv_str log_text(struct rv_str s) { return utf8_clip(s, LOG_TEXT_MAX); }

static void on_log(struct plugin *p, const struct msg_log *l) {
    struct rv_field fields[32];
    size_t n = 0, bytes = 0;
    enum rv_log_level level =
        l->level < RV_LOG_DEBUG || l->level > RV_LOG_ERROR ? RV_LOG_INFO : (enum rv_log_level)l->level;
    if (!log_enabled(level)) return;
    fields[n++] = (struct rv_field){RV_STR("plugin"), p->config->name};
    if (l->key.name.n != 0) {
        fields[n++] = (struct rv_field){RV_STR("namespace"), log_text(l->key.ns)};
        fields[n++] = (struct rv_field){RV_STR("name"), log_text(l->key.name)};
    }
    for (struct rv_iter it = rv_iter(l->fields); n < RV_ARRAY_LEN(fields) && rv_iter_next(&it);)
        if (!host_field_reserved(it.key))
            fields[n++] = (struct rv_field){log_text(it.key), log_text(rv_val_str(it.val))};
    for (size_t i = 0; i < n; i++) bytes += fields[i].key.n + fields[i].value.n;
    struct rv_str message = log_text(l->message);
    if (log_limit_allows(&p->log_limit, p->config->name, message.n + bytes, clock_monotonic()))
        log_write_fields(level, message, fields, n);
}

static void on_explanation(struct plugin *p, const struct msg_explain *e) {
    for (struct pending_explain **q = &p->explains; *q != NULL; q = &(*q)->next) {
        struct pending_explain *found = *q;
        if (found->corr != e->corr) continue;
        *q = found->next;
        found->done(found->arg, e);
        free(found);
        return;
    }
}

static void fail_explains(struct plugin *p) {
    while (p->explains != NULL) {
        struct pending_explain *e = p->explains;
        p->explains = e->next;
        e->done(e->arg, NULL);
        free(e);
    }
}

static void refuse_action(struct plugin *p, uint64_t id, int code, const char *reason, const char *message) {
    struct msg out = {.type = MSG_RESULT,
                      .result = {id, {.code = code, .reason = rv_str(reason), .message = rv_str(message)}}};
    send_to_host(p, &out, NULL);
}

/* No host of ours does this. One that does it again and again is stopped. */
static void breach(struct plugin *p, const char *message, const char *reason) {
    if (++p->breaches > BREACHES_MAX) violation(p, DEATH_PROTOCOL, message, reason);
}

static void refuse_repeated(struct plugin *p, uint64_t id) {
    static const char text[] = "a host used the id of an action again: refused";
    p->repeated++;
    if (log_limit_allows(&p->log_limit, p->config->name, sizeof text, clock_monotonic()))
        log_error(text, "plugin", plugin_name(p));
    refuse_action(p, id, RV_E_PROTOCOL, "RepeatedActionId", "the id of an action must be greater than those before it");
    breach(p, "a host uses the ids of its actions again and again: it is stopped", "the ids of actions only grow");
}

/* The id says which result belongs to which action. An action with an old id is never carried out. */
static void on_action(struct plugin *p, const struct msg *m) {
    uint64_t id = m->action.id;
    if (id <= p->last_action) {
        refuse_repeated(p, id);
        return;
    }
    p->last_action = id;
    if (leadership_stands_by(p->s))
        refuse_action(p, id, RV_E_UNAVAILABLE, "Standby", "another instance leads");
    else if (executor_submit(p->s->executor, &p->client, p->instance, m) == EXECUTOR_OVER_LIMIT)
        breach(p, "a host has more actions open than it may, again and again: it is stopped",
               "its limits were told to it");
}

/* It is the last message of a host. */
static void on_failed(struct plugin *p, const struct msg_text *m) {
    if (p->failed) {
        violation(p, DEATH_PROTOCOL, "a host says more than once that it cannot run: it is stopped", "a second FAILED");
        return;
    }
    p->failed = true;
    rv_autofree char *text = rv_strdup(log_text(m->text));
    log_error("plugin cannot run", "plugin", plugin_name(p), "reason", text);
    plugin_note(p, rv_str(text));
    p->unfit = p->unfit || m->code == RV_E_ABI || m->code == RV_E_CONFIG;
}

static void on_message(void *arg, const struct msg *m) {
    struct plugin *p = arg;
    if (!p->welcome && m->type != MSG_HELLO && m->type != MSG_FAILED && m->type != MSG_DRAINED) {
        violation(p, DEATH_PROTOCOL, "a message came before the handshake: its host is stopped",
                  msg_type_name(m->type));
        return;
    }
    switch (m->type) {
    case MSG_HELLO:
        on_hello(p, &m->hello);
        break;
    case MSG_SYNCED:
        plugin_event(p, LIFE_ON_SYNCED);
        break;
    case MSG_CREDIT:
        outbox_credit(p->outbox, m->credit.messages, m->credit.bytes);
        executor_wake(p->s->executor);
        break;
    case MSG_ACTION:
        on_action(p, m);
        break;
    case MSG_LOG:
        on_log(p, &m->log);
        break;
    case MSG_METRIC:
        metrics_table_set(p->metrics, &m->metric);
        break;
    case MSG_PONG:
        /* A PONG is the only sign of life. A host that sends all the time may still read nothing. */
        if ((int64_t)m->ping.t > p->pong_at && (int64_t)m->ping.t <= clock_monotonic()) p->pong_at = (int64_t)m->ping.t;
        p->gauges = m->ping;
        /* It has reconciled all its keys once. */
        if (p->state == LIFE_READY && m->ping.queued == 0) metrics_table_sweep(p->metrics);
        break;
    case MSG_PASS:
        trail_pass(p->s->trail, p->config, &m->pass, session_knows(p, m->pass.key.ns, m->pass.key.name));
        break;
    case MSG_ADOPTED:
        settings_answer(p, &m->text);
        break;
    case MSG_EXPLANATION:
        on_explanation(p, &m->explain);
        break;
    case MSG_VERDICT:
        verdict_arrived(p, &m->verdict);
        break;
    case MSG_DRAINED:
        plugin_event(p, LIFE_ON_DRAINED);
        break;
    case MSG_FAILED:
        on_failed(p, &m->text);
        break;
    default:
        break;
    }
}

static void on_bad(void *arg, const struct rv_error *err) {
    violation(arg, DEATH_PROTOCOL, "malformed message from a plugin's host: it is stopped", err->text);
}

void plugin_explain(struct plugin *p, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg) {
    if (!plugin_listens(p)) {
        done(arg, NULL);
        return;
    }
    /* By default, users name a namespace. An object of a cluster-scoped kind has none. */
    struct rv_str none = {NULL, 0};
    if (session_find(p, 0, ns, name) == NULL && session_find(p, 0, none, name) != NULL) ns = none;
    struct pending_explain *e = rv_alloc(sizeof *e);
    *e = (struct pending_explain){p->explains, ++p->corr, done, arg};
    p->explains = e;
    struct msg m = {.type = MSG_EXPLAIN, .explain = {.corr = e->corr, .key = {ns, name}}};
    lane_send(p->lane, &m);
}

void plugin_explain_cancel(struct plugin *p, const void *arg) {
    for (struct pending_explain **q = &p->explains; *q != NULL;) {
        struct pending_explain *found = *q;
        if (found->arg != arg) {
            q = &found->next;
            continue;
        }
        *q = found->next;
        free(found);
    }
}

/* ---- its watches ----------------------------------------------------------------------------------------- */

static void join_feed(struct plugin *p, size_t kind, const char *ns) {
    struct rv_error err = {0};
    struct listened *l = &p->kinds[p->kind_n];
    *l =
        (struct listened){p, (uint32_t)kind, feed_join(p->s->feeds, &p->config->manifest->kinds[kind], ns, &err), NULL};
    if (l->feed == NULL) {
        log_error("cannot watch what a plugin reads", "plugin", plugin_name(p), "reason", err.text);
        return;
    }
    l->listener = store_listen(feed_collection(l->feed), on_change, l);
    p->kind_n++;
}

/* In the namespaces that are watched, or in those of them in which the plugin may read. */
void session_join_feeds(struct plugin *p) {
    const struct manifest *m = p->config->manifest;
    size_t most = 0;
    for (size_t k = 0; k < m->kind_n; k++) {
        const struct schema_texts *ns = config_reads_in(p->s->config, p->config, k);
        most += ns->n != 0 ? ns->n : 1;
    }
    p->kind_n = 0;
    p->kinds = rv_alloc_array(most, sizeof *p->kinds);
    for (size_t k = 0; k < m->kind_n; k++) {
        const struct schema_texts *ns = config_reads_in(p->s->config, p->config, k);
        if (!manifest_when(&m->kinds[k].when, &p->config->settings)) continue;
        if (ns->n == 0) join_feed(p, k, NULL);
        for (size_t i = 0; i < ns->n; i++) {
            rv_autofree char *one = rv_strdup(ns->list[i]);
            join_feed(p, k, one);
        }
    }
}

static void leave_feeds(struct listened *kinds, size_t n) {
    for (size_t i = 0; i < n; i++) {
        store_unlisten(kinds[i].listener);
        feed_leave(kinds[i].feed);
    }
    free(kinds);
}

void session_leave_feeds(struct plugin *p) {
    leave_feeds(p->kinds, p->kind_n);
    p->kinds = NULL;
    p->kind_n = 0;
}

void session_rejoin_feeds(struct plugin *p) {
    struct listened *old = p->kinds;
    size_t n = p->kind_n;
    session_join_feeds(p);
    leave_feeds(old, n);
}

const struct store_object *session_find(const struct plugin *p, uint32_t kind, struct rv_str ns, struct rv_str name) {
    for (size_t i = 0; i < p->kind_n; i++) {
        const struct store_object *o = p->kinds[i].kind == kind ? store_find(collection_of(p, i), ns, name) : NULL;
        if (o != NULL) return o;
    }
    return NULL;
}

/* ---- the lane -------------------------------------------------------------------------------------------- */

int session_open(struct plugin *p, const char *path, struct rv_error *err) {
    p->snapshot_waits = false;
    p->pong_at = clock_monotonic();
    p->last_action = 0;
    p->breaches = 0;
    p->greeted = p->welcome = p->failed = false;
    p->lane = lane_bind(p->s->lanes, p->s->loop, path, &(struct lane_callbacks){on_message, on_bad, p}, err);
    if (p->lane == NULL) return err->code;
    p->outbox = outbox_new(&(struct outbox_opts){outbox_fetch, outbox_send, p});
    random_bytes(p->token, sizeof p->token);
    return 0;
}

void session_close(struct plugin *p) {
    log_limit_report_suppressed(&p->log_limit, p->config->name, clock_monotonic(), true);
    p->lane = lane_free(p->lane);
    p->outbox = outbox_free(p->outbox);
    p->end_waits_until = 0;
    p->snapshot_waits = p->stands_by = false; /* the outbox is gone, so lists that complete later must not use it */
    p->gauges = (struct msg_ping){0};
    fail_explains(p);
    verdicts_fail(p);
}
