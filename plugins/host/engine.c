/* engine.c - the state machine of the host (see engine.h). */
#include "cause.h"
#include "engine_internal.h"

#include "ipc/base/backoff.h"
#include "ipc/base/utf8.h"

#include <errno.h>
#include <stdlib.h>

/* RESTLESS_FAILURES: so many failures in a row have a back-off of about a second; each further run doubles it. */
enum {
    PASSES_PER_TICK = 64,
    /* The least time between two passes over an object with many changes, unless SOON_BURST allows another. */
    SOON_MS = 250,
    SOON_BURST = 64, /* how many passes because of secondary changes may run at once ... */
    /* ... and one more after this time. It is also the least time between two passes while changes are handled at once.
     */
    SOON_EACH_MS = 20,
    PASSES_IN_A_ROW = 1000,
    FLOOD = 10000,
    RESTLESS_FAILURES = 9,
    EXPLAIN_MAX = 2048,
    /* A pass that was planned for so late does not wait for anything; it only checks that nothing has changed. */
    ROUTINE_MS = 60000,
    MESSAGE_MAX = 1024,
    /* After a pass of which an action was withheld, unless something changes. */
    WITHHELD_MIN_MS = 2000,
    WITHHELD_MAX_MS = 60000,
    WITHHELD_SOONEST_MS = 1000,
    WITHHELD_PASSES = 20 /* so many of them in a row may follow at once, because of other results */
};

static const int64_t MS = 1000000;

/* ---- small things --------------------------------------------------------------------------------------- */

/* xoshiro256**. It is not for secrets: it makes names of pods and spreads retries, and a replay must repeat it. */
uint64_t engine_random(struct engine *e) {
    uint64_t *s = e->rng, r = s[1] * 5, t = s[1] << 17;
    r = (r << 7 | r >> 57) * 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return r;
}

int64_t engine_due(const struct engine *e, int64_t delay_ms) {
    static const int64_t longest = INT64_C(1000000000); /* eleven days; it also keeps the product in range */
    int64_t ms = delay_ms < 0 ? 0 : delay_ms < longest ? delay_ms : longest;
    return e->now.mono + ms * MS;
}

void engine_send(struct engine *e, struct msg *m) { e->o.send(e->o.arg, m); }

static void send_simple(struct engine *e, unsigned type) { engine_send(e, &(struct msg){.type = type}); }

static void fail(struct engine *e, int code, const char *text) {
    e->state = ENGINE_FAILED;
    rv_error_set(&e->failure, code, RV_STR_FMT, RV_STR_ARG(utf8_clip(rv_str(text), sizeof e->failure.text - 8)));
    engine_send(e, &(struct msg){.type = MSG_FAILED, .text = {code, rv_str(e->failure.text)}});
}

static struct rv_str uid_of(struct engine *e, const struct rv_key *key) {
    struct rv_object o;
    return mirror_get(e->mirror, 0, key->ns, key->name, &o) == 0 ? o.uid : (struct rv_str){NULL, 0};
}

static void call_begin(struct engine *e, uint32_t call, const struct rv_key *key) {
    rv_arena_reset(e->scratch);
    if (e->o.flight != NULL)
        flight_begin(e->o.flight, call, 0, key, key != NULL ? uid_of(e, key) : (struct rv_str){NULL, 0}, e->now.mono);
}

static void call_end(struct engine *e) { flight_end(e->o.flight); }

/* ---- actions in flight ---------------------------------------------------------------------------------- */

static struct open_action *action_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct open_action, link); }

static struct open_action *open_find(struct engine *e, uint64_t id) {
    for (struct hash_table_link *l = hash_table_find(&e->open, (uint32_t)id); l != NULL; l = hash_table_find_next(l))
        if (action_at(l)->id == id) return action_at(l);
    return NULL;
}

static void log_outcome(struct engine *e, const struct rv_key *key, int32_t level, struct rv_str text) {
    if (text.n == 0) return;
    struct msg m = {.type = MSG_LOG, .log = {.level = level, .message = utf8_clip(text, MESSAGE_MAX), .key = *key}};
    engine_send(e, &m);
}

static struct action_slots *slots_of(struct engine *e, uint32_t verb) {
    return &e->slots[msg_verb_waits(verb) ? 1 : 0];
}

static void hold(struct action_slots *slots, struct open_action *o, const struct msg *m) {
    struct held_action *h = rv_alloc(sizeof *h);
    h->action = o;
    msg_encode(m, &h->header, &h->body);
    rv_buf_add(&h->payload, m->payload.p, m->payload.n);
    *slots->held_last = h;
    slots->held_last = &h->next;
}

static void send_action(struct engine *e, struct action_slots *slots, struct open_action *o, struct msg *m) {
    o->id = m->action.id = ++e->next_id;
    hash_table_add(&e->open, &o->link, (uint32_t)o->id);
    slots->sent++;
    engine_send(e, m);
}

void engine_submit(struct engine *e, struct msg *m, bool detached, uint64_t tag) {
    const struct rv_action *a = &m->action.a;
    struct rv_str resource = a->resource, ns = a->ns;
    struct open_action *o = rv_alloc(sizeof *o + resource.n + ns.n);
    o->tag = tag;
    o->verb = a->verb;
    o->resource_n = (uint32_t)resource.n;
    o->ns_n = (uint32_t)ns.n;
    if (resource.n != 0) memcpy(o->text, resource.p, resource.n);
    if (ns.n != 0) memcpy(o->text + resource.n, ns.p, ns.n);
    if (e->current != NULL) {
        m->action.key = (struct rv_key){e->current->ns, e->current->name};
        if (++e->submitted == FLOOD)
            log_outcome(e, &m->action.key, RV_LOG_WARN,
                        RV_STR("a flood: this pass asks for more than 10000 actions, which are done a few at a time"));
        if (!detached) {
            o->key = e->current;
            e->current->in_flight++;
            e->key_actions++;
        }
    }
    e->open_n++;
    struct action_slots *slots = slots_of(e, a->verb);
    if (slots->sent < slots->limit)
        send_action(e, slots, o, m);
    else
        hold(slots, o, m);
}

/* Sends the first action that waits and frees its slot in the list. */
static void pop_held(struct action_slots *slots) {
    struct held_action *h = slots->held;
    slots->held = h->next;
    if (slots->held == NULL) slots->held_last = &slots->held;
    rv_buf_free(&h->header);
    rv_buf_free(&h->body);
    rv_buf_free(&h->payload);
    free(h);
}

static void release_held(struct engine *e, struct action_slots *slots) {
    while (slots->held != NULL && slots->sent < slots->limit) {
        const struct held_action *h = slots->held;
        struct msg m; /* our own bytes, so they can be decoded */
        if (msg_decode(rv_buf_bytes(&h->header), rv_buf_bytes(&h->body), rv_buf_bytes(&h->payload), true, &m, NULL) ==
            0)
            send_action(e, slots, h->action, &m);
        pop_held(slots);
    }
}

static struct rv_str move_text(char **to, struct rv_str s) {
    struct rv_str moved = {*to, s.n};
    if (s.n != 0) memcpy(*to, s.p, s.n);
    *to += s.n;
    return moved;
}

/* A result that owns its texts, in the form in which the plugin reads it in the next pass. */
static struct result_node *keep_result(const struct open_action *a, const struct rv_result *r) {
    size_t n = (size_t)a->resource_n + a->ns_n + r->name.n + r->uid.n + r->resource_version.n + r->reason.n +
               r->message.n + r->trailers.n + r->body.n;
    struct result_node *k = rv_alloc(sizeof *k + n);
    char *to = (char *)(k + 1);
    k->r = *r;
    k->r.size = sizeof k->r;
    k->r.tag = a->tag;
    k->r.verb = a->verb;
    k->r.resource = move_text(&to, (struct rv_str){a->text, a->resource_n});
    k->r.ns = move_text(&to, (struct rv_str){a->text + a->resource_n, a->ns_n});
    k->r.name = move_text(&to, r->name);
    k->r.uid = move_text(&to, r->uid);
    k->r.resource_version = move_text(&to, r->resource_version);
    k->r.reason = move_text(&to, r->reason);
    k->r.message = move_text(&to, r->message);
    k->r.trailers = (struct rv_val){(const uint8_t *)to, r->trailers.n};
    if (r->trailers.n != 0) memcpy(to, r->trailers.p, r->trailers.n);
    to += r->trailers.n;
    k->r.body = (struct rv_bytes){(const uint8_t *)to, r->body.n};
    if (r->body.n != 0) memcpy(to, r->body.p, r->body.n);
    return k;
}

/* An action was withheld, which the plugin is not told: it would take it for a failure. The next pass sees the newest
 * state, when something changes or after a pause. The pause is shorter if the plugin asked for a time. */
static void rest_withheld(struct engine *e, struct queue_key *k) {
    static const struct backoff_pause pause = {.first = WITHHELD_MIN_MS, .most = WITHHELD_MAX_MS, .below = 20};
    if (k->dirty) k->withheld_rounds = 0;
    if (k->withheld_rounds < UINT32_MAX) k->withheld_rounds++;
    int64_t ms = backoff_pause(pause, k->withheld_rounds, engine_random(e));
    if (k->after_ms >= 0 && k->after_ms < ms)
        ms = k->after_ms > WITHHELD_SOONEST_MS ? k->after_ms : WITHHELD_SOONEST_MS;
    k->passes = k->failures = 0;
    k->withheld = k->retry = k->round = false;
    queue_done(e->queue, k);
    queue_delay(e->queue, k, e->now.mono + ms * MS);
}

/* All results have arrived. If the pass failed, the key waits for its back-off. A key that never comes to rest has to
 * wait as well, or it would use all the time of the host. */
static void continue_key(struct engine *e, struct queue_key *k) {
    bool restless = k->passes > PASSES_IN_A_ROW;
    if (k->withheld && (k->result_n == 0 || k->passes > WITHHELD_PASSES)) {
        rest_withheld(e, k);
        return;
    }
    if (!restless && !k->retry) {
        cause_add(e, k, MSG_CAUSE_RESULTS);
        queue_continue(e->queue, k);
        return;
    }
    if (restless) k->passes = 0;
    k->dirty = k->retry = k->round = false;
    k->failures = restless && k->failures < RESTLESS_FAILURES ? RESTLESS_FAILURES : k->failures + 1;
    queue_done(e->queue, k);
    queue_delay(e->queue, k, e->now.mono + queue_backoff_ms(k->failures, engine_random(e)) * MS);
}

static void add_result(struct queue_key *k, struct result_node *r) {
    *k->results_last = r;
    k->results_last = &r->next;
    k->result_n++;
}

static void on_result(struct engine *e, const struct msg *m) {
    struct open_action *a = open_find(e, m->result.id);
    if (a == NULL) return; /* it has been answered before; only the first result counts */
    hash_table_remove(&e->open, &a->link);
    e->open_n--;
    struct queue_key *k = a->key;
    if (k != NULL) {
        if (m->result.r.code == MSG_WITHHELD)
            k->withheld = true;
        else
            add_result(k, keep_result(a, &m->result.r));
        if (--k->in_flight == 0) continue_key(e, k);
    }
    struct action_slots *slots = slots_of(e, a->verb);
    free(a);
    slots->sent--;
    release_held(e, slots);
}

/* ---- changes to keys ------------------------------------------------------------------------------------ */

static void touch(struct engine *e, struct rv_str ns, struct rv_str name) {
    if (name.n == 0) return;
    struct queue_key *k = queue_ensure(e->queue, &(struct rv_key){ns, name});
    cause_note_change(e, k);
    queue_add(e->queue, k, e->state == ENGINE_SYNCING);
}

/* A part of the object has changed. If there are few such changes, the object is reconciled at once. If there are many,
 * an object that was reconciled a moment ago waits for further changes. A pod that starts changes half a dozen
 * times. */
static void touch_coalesced(struct engine *e, struct rv_str ns, struct rv_str name) {
    struct queue_key *k = queue_find(e->queue, &(struct rv_key){ns, name});
    int64_t apart = coalesce_at_once(&e->coalesce, e->now.mono) ? SOON_EACH_MS : SOON_MS;
    int64_t due = k != NULL ? k->passed + apart * MS : 0;
    bool at_once = rate_limit_take(&e->soon, e->now.mono, (double)SOON_EACH_MS * (double)MS, SOON_BURST);
    if (at_once || e->state != ENGINE_READY || k == NULL || k->running || k->queued || due <= e->now.mono)
        touch(e, ns, name);
    else if (!k->held) {
        cause_note_change(e, k);
        queue_delay(e->queue, k, due);
    }
}

/* Finds the primary object that controls this one, by kind and name of its controller reference. */
static void touch_owner(struct engine *e, const struct rv_object *o) {
    struct msg_kind primary;
    if (!msg_kind_at(e->kinds, 0, &primary)) return;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false) || !rv_str_eq(rv_path_str(it.val, "kind"), primary.kind))
            continue;
        touch_coalesced(e, o->ns, rv_path_str(it.val, "name"));
    }
}

static struct kept_off **find_kept_off(struct engine *e, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct kept_off **p = &e->kept_off;
    while (*p != NULL && !((*p)->kind == kind && rv_str_is(ns, (*p)->ns) && rv_str_is(name, (*p)->name)))
        p = &(*p)->next;
    return p;
}

static void drop_kept_off(struct kept_off **p) {
    struct kept_off *k = *p;
    *p = k->next;
    free(k->ns);
    free(k->name);
    free(k);
}

/* Asks the plugin which keys an object concerns. */
static void ask_map(struct engine *e, const struct rv_object *o, bool deleted) {
    if (e->o.plugin->map == NULL || !e->plugin_running || *find_kept_off(e, o->kind, o->ns, o->name) != NULL) return;
    rv_arena_reset(e->scratch);
    flight_begin(e->o.flight, FLIGHT_MAP, o->kind, &(struct rv_key){o->ns, o->name}, o->uid, e->now.mono);
    e->o.plugin->map(e->plugin_state, o, deleted);
    call_end(e);
}

static void map_object(struct engine *e, const struct rv_object *o, bool deleted) {
    uint32_t flags = o->kind < e->kind_n ? e->kind_flags[o->kind] : 0;
    struct msg_kind k;
    e->mapped = o;
    e->mapped_gone = deleted;
    if ((flags & MSG_KIND_PRIMARY) != 0) touch(e, o->ns, o->name);
    if ((flags & MSG_KIND_MAP_OWNER) != 0) touch_owner(e, o);
    if ((flags & MSG_KIND_MAP_LABEL) != 0 && msg_kind_at(e->kinds, o->kind, &k))
        touch_coalesced(e, o->ns, rv_val_str(rv_val_getn(rv_val_path(o->value, "metadata.labels"), k.index_label)));
    if ((flags & MSG_KIND_MAP_PLUGIN) != 0) ask_map(e, o, deleted);
    e->mapped = NULL;
}

static int64_t generation_of(const struct rv_object *o) { return rv_path_int(o->value, "metadata.generation", 0); }

static void on_change(void *arg, const struct rv_object *before, const struct rv_object *now) {
    struct engine *e = arg;
    bool primary = now != NULL && (e->kind_flags[now->kind] & MSG_KIND_PRIMARY) != 0;
    if (primary && e->state == ENGINE_READY && (before == NULL || generation_of(before) != generation_of(now)))
        coalesce_edited(&e->coalesce, e->now.mono);
    if (now != NULL) map_object(e, now, false);
    /* A new object under the same name, or a new owner, also concerns the key of the old owner. If both keys are the
     * same, it is queued once. */
    if (before != NULL && (now == NULL || (e->kind_flags[before->kind] & MSG_KIND_PRIMARY) == 0))
        map_object(e, before, now == NULL);
}

static void give_credit(struct engine *e, uint32_t messages, size_t bytes) {
    e->used_messages += messages;
    e->used_bytes += (uint32_t)bytes;
    if (e->used_messages * 2 < e->credit_messages && e->used_bytes / 2 < e->credit_bytes / 4) return;
    engine_send(e, &(struct msg){.type = MSG_CREDIT, .credit = {e->used_messages, e->used_bytes}});
    e->used_messages = e->used_bytes = 0;
}

/* Returns the credit of bodies that a pass has read or that nobody will read. It never returns more than came. */
static void return_credit(struct engine *e, size_t bytes) {
    if (bytes > e->result_bytes) bytes = e->result_bytes;
    if (bytes == 0) return;
    e->result_bytes -= bytes;
    give_credit(e, 0, bytes);
}

/* ---- messages ------------------------------------------------------------------------------------------- */

static void load_settings(struct engine *e, struct rv_val settings) {
    rv_mp_val(&e->settings_bytes, settings);
    e->settings = (struct rv_val){e->settings_bytes.p, e->settings_bytes.n};
}

static bool same_kind(const struct rv_kind *built, const struct msg_kind *k) {
    return rv_str_is(k->name, built->name) && rv_str_is(k->api_version, built->api_version) &&
           rv_str_is(k->resource, built->resource) && rv_str_is(k->kind, built->kind);
}

/* The plugin's code has the numbers of its kinds as constants. With another manifest it would take one kind for
 * another. */
static bool kinds_fit(struct engine *e) {
    const struct rv_plugin *p = e->o.plugin;
    rv_autobuf struct rv_buf why = {0};
    struct msg_kind k = {0};
    if (p->kinds == NULL) return true; /* only in tests; load.c refuses a plugin without kinds */
    for (size_t i = 0; i < p->kind_n && why.n == 0; i++) {
        const struct rv_kind *built = &p->kinds[i];
        if (!msg_kind_at(e->kinds, i, &k))
            rv_buf_addf(&why, "the manifest lacks kind %zu, %s", i, built->name);
        else if (!same_kind(built, &k))
            rv_buf_addf(&why,
                        "kind %zu is %s (%s %s, %s) in the library and " RV_STR_FMT " (" RV_STR_FMT " " RV_STR_FMT
                        ", " RV_STR_FMT ") in the manifest",
                        i, built->name, built->api_version, built->resource, built->kind, RV_STR_ARG(k.name),
                        RV_STR_ARG(k.api_version), RV_STR_ARG(k.resource), RV_STR_ARG(k.kind));
    }
    if (why.n == 0 && msg_kind_at(e->kinds, p->kind_n, &k))
        rv_buf_addf(&why, "the library does not know kind %zu of the manifest, " RV_STR_FMT, (size_t)p->kind_n,
                    RV_STR_ARG(k.name));
    if (why.n == 0) return true;
    rv_buf_adds(&why, ": install the manifest that the library was built with, or build it anew");
    fail(e, RV_E_ABI, rv_buf_cstr(&why));
    return false;
}

static void on_welcome(struct engine *e, const struct msg *m) {
    const struct msg_welcome *w = &m->welcome;
    rv_mp_val(&e->welcome, w->kinds);
    size_t kinds_n = e->welcome.n;
    rv_mp_val(&e->welcome, w->time_zones);
    e->kinds = (struct rv_val){e->welcome.p, kinds_n};
    e->time_zones = (struct rv_val){e->welcome.p + kinds_n, e->welcome.n - kinds_n};
    load_settings(e, w->settings);
    struct msg_kind k;
    for (size_t i = 0; i < RV_ARRAY_LEN(e->kind_flags) && msg_kind_at(e->kinds, i, &k); i++) {
        e->kind_flags[i] = k.flags;
        e->kind_n = i + 1;
    }
    if (w->seed.n < sizeof e->rng || e->kind_n == 0) {
        fail(e, RV_E_PROTOCOL, "WELCOME without kinds or with a seed of less than 32 bytes");
        return;
    }
    if (!kinds_fit(e)) return;
    memcpy(e->rng, w->seed.p, sizeof e->rng);
    e->rng[0] |= 1; /* the generator must not start with zeros only */
    mirror_set_kinds(e->mirror, e->kinds);
    e->slots[0].limit = w->max_in_flight != 0 ? w->max_in_flight : 256;
    e->slots[1].limit = w->max_http != 0 ? w->max_http : 256;
    e->credit_messages = w->credit_messages;
    e->credit_bytes = w->credit_bytes;
    e->state = ENGINE_SYNCING;
    struct rv_error err = {0};
    call_begin(e, FLIGHT_INIT, NULL);
    int r = e->o.plugin->init(&e->api, &e->host, &e->plugin_state, &err);
    call_end(e);
    if (r == 0)
        e->plugin_running = true;
    else
        fail(e, r, err.text[0] != 0 ? err.text : "the plugin's init failed without a reason");
}

static bool touch_primary(void *arg, const struct rv_object *o) {
    struct engine *e = arg;
    struct queue_key *k = queue_ensure(e->queue, &(struct rv_key){o->ns, o->name});
    cause_add(e, k, MSG_CAUSE_SETTINGS);
    queue_add(e->queue, k, e->state == ENGINE_SYNCING);
    return true;
}

/* The bytes of the old settings stay until the plugin has accepted the new ones, because it may point into them. */
static void on_settings(struct engine *e, const struct msg *m) {
    struct rv_error err = {0};
    struct rv_buf old = e->settings_bytes;
    int r = e->o.plugin->settings_changed != NULL
                ? 0
                : rv_error_set(&err, RV_E_CONFIG, "this plugin takes new settings only at its start");
    if (r == 0) {
        e->settings_bytes = (struct rv_buf){0};
        load_settings(e, m->settings.settings);
        call_begin(e, FLIGHT_SETTINGS, NULL);
        r = e->o.plugin->settings_changed(e->plugin_state, &err);
        call_end(e);
        struct rv_buf *gone = r == 0 ? &old : &e->settings_bytes;
        rv_buf_free(gone);
        if (r != 0) e->settings_bytes = old;
        e->settings = (struct rv_val){e->settings_bytes.p, e->settings_bytes.n};
    }
    if (r == 0) mirror_list(e->mirror, &(struct rv_query){.size = sizeof(struct rv_query)}, touch_primary, e);
    if (r != 0 && err.text[0] == 0) rv_error_set(&err, r, "refused without a reason");
    engine_send(e, &(struct msg){.type = MSG_ADOPTED, .text = {r, utf8_clip(rv_str(err.text), MESSAGE_MAX)}});
}

static void on_explain(struct engine *e, const struct msg *m) {
    struct queue_key *k = queue_find(e->queue, &m->explain.key);
    struct msg out = {.type = MSG_EXPLANATION,
                      .explain = {.corr = m->explain.corr, .key = m->explain.key, .next_ms = -1}};
    if (k != NULL) {
        out.explain.state = k->held                          ? MSG_KEY_QUARANTINED
                            : k->running                     ? MSG_KEY_WAITING
                            : k->queued                      ? MSG_KEY_QUEUED
                            : k->heap_at != 0 && !k->routine ? MSG_KEY_DELAYED
                                                             : MSG_KEY_IDLE;
        out.explain.lines = rv_str(k->explain);
        out.explain.retries = k->failures;
        out.explain.decided = k->decided;
        out.explain.began = k->began;
        if (k->heap_at != 0) out.explain.next_ms = k->due > e->now.mono ? (k->due - e->now.mono) / MS : 0;
    }
    engine_send(e, &out);
}

static void on_ping(struct engine *e, const struct msg *m) {
    struct queue_stats s = queue_stats(e->queue);
    engine_send(e, &(struct msg){.type = MSG_PONG,
                                 .ping = {m->ping.t, s.ready, s.delayed, e->open_n, mirror_count(e->mirror)}});
}

static void keep_off(struct engine *e, uint32_t kind, const struct rv_key *key, bool on) {
    struct kept_off **p = find_kept_off(e, kind, key->ns, key->name);
    struct rv_object o;
    if (on && *p == NULL) {
        struct kept_off *k = rv_alloc(sizeof *k);
        *k = (struct kept_off){e->kept_off, kind, rv_strdup(key->ns), rv_strdup(key->name)};
        e->kept_off = k;
    } else if (!on && *p != NULL) {
        drop_kept_off(p);
        if (mirror_get(e->mirror, kind, key->ns, key->name, &o) == 0) map_object(e, &o, false);
    }
}

static void on_quarantine(struct engine *e, const struct msg *m) {
    const struct msg_explain *q = &m->explain;
    if (q->kind == 0) {
        struct queue_key *k = queue_ensure(e->queue, &q->key);
        if (k->held && q->on == 0) cause_add(e, k, MSG_CAUSE_RELEASED);
        queue_hold(e->queue, k, q->on != 0);
    } else
        keep_off(e, q->kind, &q->key, q->on != 0);
}

static void on_snapshot_end(struct engine *e) {
    mirror_snapshot_end(e->mirror, on_change, e);
    if (e->state != ENGINE_SYNCING) return;
    e->state = ENGINE_READY;
    send_simple(e, MSG_SYNCED);
}

static void drained_if_done(struct engine *e) {
    if (e->state != ENGINE_DRAINING || e->open_n > 0) return;
    e->state = ENGINE_DRAINED;
    if (e->plugin_running && e->o.plugin->fini != NULL) {
        call_begin(e, FLIGHT_FINI, NULL);
        e->o.plugin->fini(e->plugin_state);
        call_end(e);
    }
    e->plugin_running = false;
    send_simple(e, MSG_DRAINED);
}

int engine_message(struct engine *e, struct engine_time now, const struct msg *m, struct rv_error *err) {
    e->now = now;
    bool handshake = m->type == MSG_WELCOME || m->type == MSG_REFUSE;
    if (e->state == ENGINE_FAILED || e->state == ENGINE_DRAINED) return 0;
    if (m->type > MSG_VALIDATE) return 0; /* a message of a later version that need not be understood */
    if (handshake != (e->state == ENGINE_HELLO) && m->type != MSG_PING && m->type != MSG_DRAIN)
        return rv_error_set(err, RV_E_PROTOCOL, "%s message %s the handshake", msg_type_name(m->type),
                            handshake ? "after" : "before");
    struct rv_val value = {m->payload.p, m->payload.n};
    switch (m->type) {
    case MSG_WELCOME:
        on_welcome(e, m);
        break;
    case MSG_REFUSE:
        e->state = ENGINE_FAILED;
        rv_error_set(&e->failure, m->text.code, RV_STR_FMT, RV_STR_ARG(m->text.text));
        break;
    case MSG_SNAP_BEGIN:
        mirror_snapshot_begin(e->mirror);
        break;
    case MSG_OBJECT:
        if (m->object.kind >= e->kind_n)
            return rv_error_set(err, RV_E_PROTOCOL, "object of kind %u, there are %zu", m->object.kind, e->kind_n);
        mirror_put(e->mirror, &m->object, value, on_change, e);
        give_credit(e, 1, m->payload.n);
        break;
    case MSG_DELETED:
        if (m->object.kind >= e->kind_n)
            return rv_error_set(err, RV_E_PROTOCOL, "deletion of kind %u, there are %zu", m->object.kind, e->kind_n);
        mirror_delete(e->mirror, &m->object, on_change, e);
        give_credit(e, 1, 0);
        break;
    case MSG_SNAP_END:
        on_snapshot_end(e);
        break;
    case MSG_RESULT:
        e->result_bytes += m->payload.n;
        on_result(e, m);
        if (e->state != ENGINE_READY) return_credit(e, e->result_bytes);
        break;
    case MSG_SETTINGS:
        on_settings(e, m);
        break;
    case MSG_PING:
        on_ping(e, m);
        break;
    case MSG_EXPLAIN:
        on_explain(e, m);
        break;
    case MSG_QUARANTINE:
        if (m->explain.kind >= e->kind_n)
            return rv_error_set(err, RV_E_PROTOCOL, "quarantine of kind %u, there are %zu", m->explain.kind, e->kind_n);
        on_quarantine(e, m);
        break;
    case MSG_VALIDATE:
        verdict_answer(e, m);
        break;
    case MSG_DRAIN:
        e->state = ENGINE_DRAINING;
        break;
    default:
        break;
    }
    drained_if_done(e);
    return 0;
}

/* ---- passes --------------------------------------------------------------------------------------------- */

/* Takes the results of the key. The array of pointers is in the scratch arena, because the size of a result may grow.
 * The nodes live until the end of the pass. */
static struct result_node *take_results(struct engine *e, struct queue_key *k) {
    struct result_node *nodes = k->results;
    e->results = rv_arena_alloc(e->scratch, k->result_n * sizeof *e->results);
    e->results_n = 0;
    for (const struct result_node *r = nodes; r != NULL; r = r->next) e->results[e->results_n++] = &r->r;
    k->results = NULL;
    k->results_last = &k->results;
    k->result_n = 0;
    return nodes;
}

/* The reason of a failed pass is shown with its decisions, even if the plugin did not explain it. */
static void explain_failure(struct engine *e, const struct rv_outcome *out) {
    struct rv_str why = utf8_clip(out->message, MESSAGE_MAX);
    if (out->code == RV_DONE || out->code == RV_AFTER || why.n == 0) return;
    if (e->explain.n != 0 && memmem(e->explain.p, e->explain.n, why.p, why.n) != NULL) return;
    rv_buf_addf(&e->explain, "%s%s: ", e->explain.n != 0 ? "\n" : "",
                out->code == RV_TERMINAL ? "given up until it changes" : "failed, and is tried again");
    for (size_t i = 0; i < why.n; i++)
        rv_buf_addc(&e->explain, why.p[i] == '\n' || why.p[i] == 0 ? ' ' : (uint8_t)why.p[i]);
}

/* Returns whether it is something else than the last time. */
static bool store_explain(struct engine *e, struct queue_key *k) {
    e->explain.n = utf8_clip(rv_buf_str(&e->explain), EXPLAIN_MAX).n;
    const char *text = rv_buf_cstr(&e->explain);
    if (k->explain != NULL && strcmp(k->explain, text) == 0) return false;
    free(k->explain);
    k->explain = rv_strdup(rv_str(text));
    struct rv_key key = {k->ns, k->name};
    if (e->o.explained != NULL) e->o.explained(e->o.arg, &key, rv_str(text));
    return true;
}

static void apply_outcome(struct engine *e, struct queue_key *k, const struct rv_outcome *out) {
    struct rv_key key = {k->ns, k->name};
    struct rv_object o;
    k->passes = k->withheld_rounds = 0;
    k->round = false;
    k->routine = out->code == RV_DONE || (out->code == RV_AFTER && out->after_ms >= ROUTINE_MS);
    if (out->code == RV_DONE || out->code == RV_AFTER || out->code == RV_TERMINAL)
        k->failures = 0;
    else if (k->failures < UINT32_MAX)
        k->failures++;
    if (out->code == RV_TERMINAL) log_outcome(e, &key, RV_LOG_WARN, out->message);
    if (k->failures > 0) log_outcome(e, &key, k->failures > 3 ? RV_LOG_WARN : RV_LOG_INFO, out->message);
    bool gone = mirror_get(e->mirror, 0, key.ns, key.name, &o) != 0;
    if (gone && k->failures == 0 && out->code != RV_AFTER && !k->dirty && !k->held) {
        queue_forget(e->queue, k);
        return;
    }
    if (k->failures > 0) {
        /* Changes during the pass lead to another pass soon. But a key that keeps failing waits for its back-off,
         * because its own writes may be those changes. */
        int64_t ms = queue_backoff_ms(k->failures, engine_random(e));
        if (k->dirty && ms > 1000) ms = 1000;
        k->dirty = false;
        queue_done(e->queue, k);
        queue_delay(e->queue, k, e->now.mono + ms * MS);
        return;
    }
    queue_done(e->queue, k);
    if (out->code == RV_AFTER) queue_delay(e->queue, k, engine_due(e, out->after_ms));
}

static void pass(struct engine *e, struct queue_key *k) {
    struct rv_key key = {k->ns, k->name};
    struct rv_outcome out = {.size = sizeof out};
    size_t bytes = 0;
    call_begin(e, FLIGHT_RECONCILE, &key);
    struct result_node *nodes = take_results(e, k);
    if (!k->round) k->began = e->now.mono;
    k->round = true;
    k->withheld = false;
    struct queue_cause cause = cause_take(k);
    coalesce_changed(&e->coalesce, e->now.mono, k->link.hash);
    e->current = k;
    e->key_actions = e->submitted = 0;
    rv_buf_clear(&e->explain);
    e->o.plugin->reconcile(e->plugin_state, &key, &out);
    e->current = NULL;
    call_end(e);
    k->decided = e->now.wall;
    k->passed = e->now.mono;
    explain_failure(e, &out);
    cause_tell_pass(e, k, &cause, &out, store_explain(e, k));
    free(cause.name);
    for (struct result_node *next; nodes != NULL; nodes = next) {
        next = nodes->next;
        bytes += nodes->r.body.n;
        free(nodes);
    }
    return_credit(e, bytes);
    e->results = NULL;
    e->results_n = 0;
    if (k->in_flight == 0) {
        apply_outcome(e, k, &out);
        return;
    }
    /* The key continues when the results have arrived: continue_key(). */
    k->retry = out.code != RV_DONE && out.code != RV_AFTER && out.code != RV_TERMINAL;
    k->after_ms = out.code == RV_AFTER ? out.after_ms : -1;
    if (++k->passes == PASSES_IN_A_ROW + 1)
        log_outcome(e, &key, RV_LOG_WARN,
                    RV_STR("1000 passes in a row each asked for more actions: this key now waits"));
}

void engine_tick(struct engine *e, struct engine_time now) {
    e->now = now;
    for (int i = 0; i < PASSES_PER_TICK && e->state == ENGINE_READY; i++) {
        struct queue_key *k = queue_next(e->queue, now.mono);
        if (k == NULL) {
            /* These bodies belong to keys that wait for more results, and those results may wait for this credit. */
            return_credit(e, e->result_bytes);
            break;
        }
        pass(e, k);
    }
}

int64_t engine_deadline(const struct engine *e) {
    if (e->state != ENGINE_READY) return INT64_MAX;
    /* Credit must be returned, or a key is ready. */
    return e->result_bytes > 0 ? e->now.mono : queue_deadline(e->queue);
}
const struct coalesce *engine_coalesce(const struct engine *e) { return &e->coalesce; }
enum engine_state engine_state(const struct engine *e) { return e->state; }
const struct rv_error *engine_failure(const struct engine *e) { return &e->failure; }

/* ---- life ----------------------------------------------------------------------------------------------- */

struct engine *engine_new(const struct engine_opts *o) {
    struct engine *e = rv_alloc(sizeof *e);
    e->o = *o;
    /* A plugin that was built with an older header has a shorter struct. The missing fields are NULL. */
    memcpy(&e->plugin, o->plugin, o->plugin->size < sizeof e->plugin ? o->plugin->size : sizeof e->plugin);
    e->o.plugin = &e->plugin;
    e->host.engine = e;
    e->mirror = mirror_new();
    e->queue = queue_new();
    e->scratch = rv_arena_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(e->slots); i++)
        e->slots[i] = (struct action_slots){.limit = 1, .held_last = &e->slots[i].held};
    api_fill(&e->api);
    return e;
}

struct engine *engine_free(struct engine *e) {
    if (e == NULL) return NULL;
    for (struct hash_table_walk w = hash_table_walk(&e->open); hash_table_walk_next(&w);) free(action_at(w.link));
    hash_table_free(&e->open);
    for (size_t i = 0; i < RV_ARRAY_LEN(e->slots); i++)
        while (e->slots[i].held != NULL) {
            free(e->slots[i].held->action);
            pop_held(&e->slots[i]);
        }
    while (e->kept_off != NULL) drop_kept_off(&e->kept_off);
    queue_free(e->queue);
    mirror_free(e->mirror);
    rv_arena_free(e->scratch);
    rv_buf_free(&e->welcome);
    rv_buf_free(&e->settings_bytes);
    rv_buf_free(&e->explain);
    free(e);
    return NULL;
}

void engine_start(struct engine *e, struct engine_time now, struct rv_bytes token, int64_t pid) {
    e->now = now;
    const struct rv_plugin *p = e->o.plugin;
    struct msg m = {.type = MSG_HELLO,
                    .hello = {token, MSG_VERSION, p->abi_major, p->abi_minor, rv_str(p->name), rv_str(p->version), pid,
                              (p->settings_changed != NULL ? MSG_CAN_SETTINGS : 0U) |
                                  (p->validate != NULL ? MSG_CAN_VALIDATE : 0U)}};
    engine_send(e, &m);
}
