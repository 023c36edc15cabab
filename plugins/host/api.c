/* api.c - the services that a plugin calls (rayvisor/plugin.h). Everything that the plugin passes is checked and copied
 * here. */
#include "cause.h"
#include "engine_internal.h"

#include "rayvisor/k8s.h"

#include "ipc/base/utf8.h"
#include "ipc/protocol/action_check.h"

enum {
    NAME_MAX_BYTES = 512,
    TEXT_MAX_BYTES = 8192,
    EXPLAIN_LINE_MAX = 512,
    EXPLAIN_MAX = 4096,
    LOG_MAX_BYTES = 4096,
    STRUCT_MAX_BYTES = 4096
};

/* Every text is sent as msgpack, where it must be UTF-8, in a body of limited size. If a plugin passes anything else,
 * the call fails. Otherwise the host would be killed for a message that the supervisor cannot read. */
static bool texts_ok(const struct rv_str *const *texts, size_t n, size_t max) {
    for (size_t i = 0; i < n; i++)
        if (texts[i]->n > max || !utf8_valid(*texts[i])) return false;
    return true;
}

/* Copies a struct of the plugin, which begins with its size as the plugin's headers know it. If it is shorter than
 * ours, the rest of the copy is zero. If it is longer, the rest must be zero, because it asks for something that this
 * host cannot do. The size in the copy is the host's. Returns 0, RV_E_INVALID if it lacks what every version has, or
 * RV_E_ABI. */
static int copy_in(void *to, size_t known, size_t least, const void *from) {
    uint32_t size;
    const uint8_t *bytes = from;
    if (from == NULL) return RV_E_INVALID;
    memcpy(&size, from, sizeof size);
    if (size < least || size > STRUCT_MAX_BYTES) return RV_E_INVALID;
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0) return RV_E_ABI;
    memset(to, 0, known);
    memcpy(to, from, size < known ? size : known);
    size = (uint32_t)known;
    memcpy(to, &size, sizeof size);
    return 0;
}

/* Copies a struct into one of the plugin's, as far as its size allows. Its size then says how much was written. */
static int copy_out(void *to, const void *from, size_t known) {
    uint32_t size;
    if (to == NULL) return RV_E_INVALID;
    memcpy(&size, to, sizeof size);
    if (size < sizeof size) return RV_E_INVALID;
    if (size > known) size = (uint32_t)known;
    memcpy(to, from, size);
    memcpy(to, &size, sizeof size);
    return 0;
}

static int32_t api_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    struct rv_object o;
    int r = mirror_get(h->engine->mirror, kind, ns, name, &o);
    return r != 0 ? r : copy_out(ret, &o, sizeof o);
}

static int64_t api_list(struct rv_host *h, const struct rv_query *given, rv_list_fn fn, void *arg) {
    struct rv_query q;
    int r = copy_in(&q, sizeof q, offsetof(struct rv_query, ns), given);
    return r != 0 ? r : (int64_t)mirror_list(h->engine->mirror, &q, fn, arg);
}

static bool body_ok(struct rv_bytes body, bool needed) {
    if (body.n == 0) return !needed;
    return body.n <= MSG_MAX_PAYLOAD && rv_mp_check(body, NULL) == 0;
}

static bool action_ok(const struct rv_action *a) {
    const struct rv_str *const names[] = {&a->ns,          &a->name,    &a->resource,    &a->api_version,
                                          &a->subresource, &a->pre_uid, &a->pre_version, &a->propagation};
    const struct rv_str *const texts[] = {&a->selector};
    if (!texts_ok(names, RV_ARRAY_LEN(names), NAME_MAX_BYTES) || !texts_ok(texts, 1, TEXT_MAX_BYTES)) return false;
    bool object = a->api_version.n != 0 && a->resource.n != 0;
    switch (a->verb) {
    case RV_VERB_CREATE:
        return object && body_ok(a->body, true);
    case RV_VERB_APPLY:
    case RV_VERB_MERGE_PATCH:
    case RV_VERB_JSON_PATCH:
        return object && a->name.n != 0 && body_ok(a->body, true);
    case RV_VERB_DELETE:
    case RV_VERB_GET:
        return object && a->name.n != 0 && a->body.n == 0;
    case RV_VERB_DELETE_COLLECTION:
        return object && a->selector.n != 0 && a->body.n == 0; /* an empty selector would delete everything */
    case RV_VERB_TIMER:
        return a->delay_ms >= 0 && a->body.n == 0;
    default:
        return false; /* events and HTTP requests have calls of their own */
    }
}

static int32_t api_act(struct rv_host *h, const struct rv_action *given) {
    struct rv_action a;
    int r = copy_in(&a, sizeof a, offsetof(struct rv_action, tag), given);
    if (r != 0) return r;
    if (!action_ok(&a) || h->engine->judging) return RV_E_INVALID;
    struct msg m = {.type = MSG_ACTION, .action = {.a = a}, .payload = a.body};
    if (action_check(&m.action, NULL) != 0) return RV_E_INVALID;
    engine_submit(h->engine, &m, (a.flags & RV_ACTION_DETACHED) != 0, a.tag);
    return 0;
}

static int32_t api_event(struct rv_host *h, const struct rv_event *given) {
    struct rv_event ev;
    int r = copy_in(&ev, sizeof ev, offsetof(struct rv_event, controller), given);
    if (r != 0) return r;
    const struct rv_str *const names[] = {&ev.reason, &ev.action, &ev.api_version, &ev.kind,
                                          &ev.ns,     &ev.name,   &ev.uid,         &ev.controller};
    if (ev.reason.n == 0 || ev.kind.n == 0 || ev.name.n == 0 || h->engine->judging ||
        !texts_ok(names, RV_ARRAY_LEN(names), NAME_MAX_BYTES))
        return RV_E_INVALID;
    ev.note = utf8_clip(ev.note, TEXT_MAX_BYTES); /* a cut note is better than none */
    struct rv_action a = {.size = sizeof a,
                          .verb = RV_VERB_EVENT,
                          .flags = RV_ACTION_DETACHED,
                          .ns = ev.ns,
                          .api_version = RV_STR("events.k8s.io/v1"),
                          .resource = RV_STR("events")};
    struct msg m = {.type = MSG_ACTION, .action = {.a = a, .event = ev}};
    if (action_check(&m.action, NULL) != 0) return RV_E_INVALID;
    engine_submit(h->engine, &m, true, 0);
    return 0;
}

static int32_t api_http(struct rv_host *h, const struct rv_http_request *given) {
    struct rv_http_request r;
    int copied = copy_in(&r, sizeof r, offsetof(struct rv_http_request, content_type), given);
    if (copied != 0) return copied;
    const struct rv_str *const names[] = {&r.method,     &r.content_type, &r.secret_ns,   &r.secret_name,
                                          &r.secret_key, &r.auth_header,  &r.auth_prefix, &r.client_secret};
    const struct rv_str *const texts[] = {&r.url};
    if (r.method.n == 0 || r.method.n > 16 || r.url.n == 0 || r.body.n > MSG_MAX_PAYLOAD || h->engine->judging ||
        !texts_ok(names, RV_ARRAY_LEN(names), NAME_MAX_BYTES) || !texts_ok(texts, 1, TEXT_MAX_BYTES))
        return RV_E_INVALID;
    struct rv_action a = {.size = sizeof a, .verb = RV_VERB_HTTP, .flags = r.flags, .timeout_ms = r.timeout_ms};
    struct msg m = {.type = MSG_ACTION, .action = {.a = a, .http = r}, .payload = r.body};
    if (action_check(&m.action, NULL) != 0) return RV_E_INVALID;
    engine_submit(h->engine, &m, (r.flags & RV_ACTION_DETACHED) != 0, r.tag);
    return 0;
}

static const struct rv_result *api_result(struct rv_host *h, uint64_t index) {
    return index < h->engine->results_n ? h->engine->results[index] : NULL;
}

static void api_requeue(struct rv_host *h, const struct rv_key *key, int64_t delay_ms) {
    struct engine *e = h->engine;
    if (key == NULL || key->name.n == 0) return;
    const struct rv_str *const names[] = {&key->ns, &key->name};
    if (!texts_ok(names, RV_ARRAY_LEN(names), NAME_MAX_BYTES)) return;
    struct queue_key *k = queue_ensure(e->queue, key);
    if (delay_ms <= 0) cause_note_change(e, k);
    if (delay_ms <= 0)
        queue_add(e->queue, k, e->state == ENGINE_SYNCING);
    else
        queue_delay(e->queue, k, engine_due(e, delay_ms));
}

static int64_t api_now(struct rv_host *h) { return h->engine->now.wall; }

static void api_random(struct rv_host *h, void *out, uint64_t n) {
    uint8_t *p = out;
    while (n > 0) {
        uint64_t word = engine_random(h->engine);
        size_t take = n < sizeof word ? (size_t)n : sizeof word;
        memcpy(p, &word, take);
        p += take;
        n -= take;
    }
}

static struct rv_val api_settings(struct rv_host *h) { return h->engine->settings; }

static struct rv_val api_time_zones(struct rv_host *h) { return h->engine->time_zones; }

static void encode_fields(struct rv_buf *b, const struct rv_field *fields, uint64_t n) {
    rv_mp_map(b, n);
    for (uint64_t i = 0; i < n; i++) {
        rv_mp_str(b, fields[i].key);
        rv_mp_str(b, fields[i].value);
    }
}

enum { FIELDS_MAX = 32 };

/* A message with repeated keys would be refused, so the last one counts. Long texts are cut, and so are texts that are
 * not UTF-8. */
static uint64_t unique_fields(const struct rv_field *fields, uint64_t n, struct rv_field out[FIELDS_MAX]) {
    uint64_t kept = 0;
    for (uint64_t i = 0; i < n && kept < FIELDS_MAX; i++) {
        bool later = false;
        for (uint64_t k = i + 1; k < n && !later; k++) later = rv_str_eq(fields[i].key, fields[k].key);
        if (later || !utf8_valid(fields[i].key) || fields[i].key.n > NAME_MAX_BYTES) continue;
        out[kept++] = (struct rv_field){fields[i].key, utf8_clip(fields[i].value, LOG_MAX_BYTES)};
    }
    return kept;
}

static void api_log(struct rv_host *h, int32_t level, struct rv_str message, const struct rv_field *fields,
                    uint64_t n) {
    struct engine *e = h->engine;
    struct rv_field unique[FIELDS_MAX];
    rv_autobuf struct rv_buf b = {0};
    encode_fields(&b, unique, unique_fields(fields, n, unique));
    struct msg m = {.type = MSG_LOG,
                    .log = {.level = level < RV_LOG_DEBUG   ? RV_LOG_DEBUG
                                     : level > RV_LOG_ERROR ? RV_LOG_ERROR
                                                            : level,
                            .message = utf8_clip(message, LOG_MAX_BYTES),
                            .fields = {b.p, b.n}}};
    if (e->current != NULL) m.log.key = (struct rv_key){e->current->ns, e->current->name};
    engine_send(e, &m);
}

static void api_explain(struct rv_host *h, struct rv_str line) {
    struct rv_buf *b = &h->engine->explain;
    if (h->engine->current == NULL || b->n >= EXPLAIN_MAX) return;
    if (b->n != 0) rv_buf_addc(b, '\n');
    line = utf8_clip(line, EXPLAIN_LINE_MAX);
    for (size_t i = 0; i < line.n; i++) rv_buf_addc(b, line.p[i] == '\n' || line.p[i] == 0 ? ' ' : (uint8_t)line.p[i]);
}

static void api_metric(struct rv_host *h, struct rv_str name, uint32_t type, double value,
                       const struct rv_field *labels, uint64_t n) {
    struct rv_field unique[FIELDS_MAX];
    rv_autobuf struct rv_buf b = {0};
    const struct rv_str *const names[] = {&name};
    if (!texts_ok(names, 1, NAME_MAX_BYTES)) return;
    encode_fields(&b, unique, unique_fields(labels, n, unique));
    engine_send(h->engine, &(struct msg){.type = MSG_METRIC, .metric = {name, type, value, {b.p, b.n}}});
}

static struct rv_str api_keep(struct rv_host *h, struct rv_str text) { return rv_arena_str(h->engine->scratch, text); }

void api_fill(struct rv_host_api *api) {
    *api = (struct rv_host_api){
        .size = sizeof *api,
        .abi_minor = RV_ABI_MINOR,
        .get = api_get,
        .list = api_list,
        .act = api_act,
        .event = api_event,
        .http = api_http,
        .result = api_result,
        .requeue = api_requeue,
        .now = api_now,
        .random = api_random,
        .settings = api_settings,
        .log = api_log,
        .explain = api_explain,
        .metric = api_metric,
        .keep = api_keep,
        .time_zones = api_time_zones,
    };
}
