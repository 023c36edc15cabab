/* msg.c - encodes and decodes messages as msgpack (see msg.h; ipc/README.md is the specification).
 *
 * One table for each message type lists its keys: the short name in the message, the kind of value, its place in the C
 * struct, and whether it is required. Encoding, decoding and copying all use this table, so they always agree. */
#include "msg.h"

#include <errno.h>

enum field_kind { F_INT32, F_UINT32, F_INT64, F_UINT64, F_DOUBLE, F_STR, F_BIN, F_VAL_MAP, F_VAL_ARRAY };

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    bool required;
};

#define F(member, wire, kind, required)                                                                                \
    { wire, kind, offsetof(struct msg, member), required }
#define END                                                                                                            \
    { NULL, F_INT32, 0, false }

static const struct field hello_fields[] = {F(hello.token, "tok", F_BIN, true),
                                            F(hello.protocol, "proto", F_UINT32, true),
                                            F(hello.abi_major, "major", F_UINT32, true),
                                            F(hello.abi_minor, "minor", F_UINT32, true),
                                            F(hello.plugin, "p", F_STR, true),
                                            F(hello.plugin_version, "v", F_STR, true),
                                            F(hello.pid, "pid", F_INT64, true),
                                            F(hello.can, "can", F_UINT32, false),
                                            END};
static const struct field welcome_fields[] = {
    F(welcome.epoch, "epoch", F_UINT64, true),        F(welcome.instance, "inst", F_UINT64, true),
    F(welcome.credit_messages, "cm", F_UINT32, true), F(welcome.credit_bytes, "cb", F_UINT32, true),
    F(welcome.heartbeat_ms, "hb", F_UINT32, true),    F(welcome.seed, "seed", F_BIN, true),
    F(welcome.kinds, "kinds", F_VAL_ARRAY, true),     F(welcome.settings, "set", F_VAL_MAP, true),
    F(welcome.max_in_flight, "mif", F_UINT32, true),  F(welcome.max_http, "mht", F_UINT32, false),
    F(welcome.time_zones, "tz", F_VAL_MAP, false),    END};
static const struct field object_fields[] = {F(object.kind, "k", F_UINT32, true),
                                             F(object.ns, "ns", F_STR, true),
                                             F(object.name, "n", F_STR, true),
                                             F(object.uid, "uid", F_STR, true),
                                             F(object.resource_version, "rv", F_STR, false),
                                             F(object.rev, "rev", F_UINT64, true),
                                             END};
static const struct field snap_fields[] = {F(snap.rev, "rev", F_UINT64, true), END};
static const struct field no_fields[] = {END};
static const struct field credit_fields[] = {F(credit.messages, "m", F_UINT32, true),
                                             F(credit.bytes, "b", F_UINT32, true), END};
static const struct field text_fields[] = {F(text.code, "code", F_INT32, true), F(text.text, "text", F_STR, true), END};
static const struct field action_fields[] = {F(action.id, "id", F_UINT64, true),
                                             F(action.key.ns, "kns", F_STR, false),
                                             F(action.key.name, "kn", F_STR, false),
                                             F(action.a.verb, "verb", F_UINT32, true),
                                             F(action.a.flags, "fl", F_UINT32, false),
                                             F(action.a.timeout_ms, "to", F_UINT32, false),
                                             F(action.a.api_version, "api", F_STR, false),
                                             F(action.a.resource, "res", F_STR, false),
                                             F(action.a.subresource, "sub", F_STR, false),
                                             F(action.a.ns, "ns", F_STR, false),
                                             F(action.a.name, "n", F_STR, false),
                                             F(action.a.pre_uid, "puid", F_STR, false),
                                             F(action.a.pre_version, "prv", F_STR, false),
                                             F(action.a.selector, "sel", F_STR, false),
                                             F(action.a.propagation, "prop", F_STR, false),
                                             F(action.a.grace_seconds, "grace", F_INT64, false),
                                             F(action.a.delay_ms, "delay", F_INT64, false),
                                             F(action.event.warning, "ew", F_UINT32, false),
                                             F(action.event.reason, "er", F_STR, false),
                                             F(action.event.action, "ea", F_STR, false),
                                             F(action.event.note, "en", F_STR, false),
                                             F(action.event.api_version, "eapi", F_STR, false),
                                             F(action.event.kind, "ek", F_STR, false),
                                             F(action.event.ns, "ens", F_STR, false),
                                             F(action.event.name, "enm", F_STR, false),
                                             F(action.event.uid, "eu", F_STR, false),
                                             F(action.event.controller, "ec", F_STR, false),
                                             F(action.http.method, "hm", F_STR, false),
                                             F(action.http.url, "hu", F_STR, false),
                                             F(action.http.content_type, "hc", F_STR, false),
                                             F(action.http.max_bytes, "hx", F_UINT32, false),
                                             F(action.http.http2, "h2", F_UINT32, false),
                                             F(action.http.secret_ns, "sns", F_STR, false),
                                             F(action.http.secret_name, "sn", F_STR, false),
                                             F(action.http.secret_key, "sk", F_STR, false),
                                             F(action.http.auth_header, "ah", F_STR, false),
                                             F(action.http.auth_prefix, "ap", F_STR, false),
                                             F(action.http.client_secret, "cs", F_STR, false),
                                             END};
static const struct field result_fields[] = {F(result.id, "id", F_UINT64, true),
                                             F(result.r.code, "code", F_INT32, true),
                                             F(result.r.http_status, "http", F_UINT32, false),
                                             F(result.r.name, "n", F_STR, false),
                                             F(result.r.uid, "uid", F_STR, false),
                                             F(result.r.resource_version, "rv", F_STR, false),
                                             F(result.r.reason, "why", F_STR, false),
                                             F(result.r.message, "msg", F_STR, false),
                                             F(result.r.retry_after_ms, "ra", F_INT64, false),
                                             F(result.r.json, "json", F_UINT32, false),
                                             F(result.r.trailers, "tr", F_VAL_MAP, false),
                                             END};
static const struct field settings_fields[] = {F(settings.settings, "set", F_VAL_MAP, true), END};
static const struct field log_fields[] = {F(log.level, "l", F_INT32, true),     F(log.message, "m", F_STR, true),
                                          F(log.key.ns, "kns", F_STR, false),   F(log.key.name, "kn", F_STR, false),
                                          F(log.fields, "f", F_VAL_MAP, false), END};
static const struct field metric_fields[] = {F(metric.name, "n", F_STR, true), F(metric.type, "t", F_UINT32, true),
                                             F(metric.value, "v", F_DOUBLE, true),
                                             F(metric.labels, "l", F_VAL_MAP, false), END};
static const struct field ping_fields[] = {
    F(ping.t, "t", F_UINT64, true),        F(ping.queued, "q", F_UINT64, false),
    F(ping.waiting, "w", F_UINT64, false), F(ping.in_flight, "f", F_UINT64, false),
    F(ping.objects, "o", F_UINT64, false), END};
static const struct field explain_fields[] = {
    F(explain.corr, "c", F_UINT64, false),    F(explain.key.ns, "kns", F_STR, true),
    F(explain.key.name, "kn", F_STR, true),   F(explain.state, "s", F_INT32, false),
    F(explain.lines, "t", F_STR, false),      F(explain.next_ms, "next", F_INT64, false),
    F(explain.retries, "r", F_UINT32, false), F(explain.decided, "at", F_INT64, false),
    F(explain.began, "b", F_INT64, false),    F(explain.on, "on", F_INT32, false),
    F(explain.kind, "k", F_UINT32, false),    END};
static const struct field pass_fields[] = {F(pass.key.ns, "kns", F_STR, true),
                                           F(pass.key.name, "kn", F_STR, true),
                                           F(pass.cause, "c", F_UINT32, true),
                                           F(pass.kind, "k", F_UINT32, false),
                                           F(pass.name, "n", F_STR, false),
                                           F(pass.changes, "ch", F_UINT32, false),
                                           F(pass.quiet, "q", F_UINT32, false),
                                           F(pass.actions, "a", F_UINT32, false),
                                           F(pass.outcome, "o", F_INT32, false),
                                           F(pass.next_ms, "next", F_INT64, false),
                                           F(pass.waited_us, "w", F_UINT64, false),
                                           F(pass.said, "t", F_STR, false),
                                           END};
static const struct field validate_fields[] = {F(validate.corr, "c", F_UINT64, true), F(validate.ns, "ns", F_STR, true),
                                               F(validate.name, "n", F_STR, true), F(validate.uid, "uid", F_STR, false),
                                               END};
static const struct field verdict_fields[] = {
    F(verdict.corr, "c", F_UINT64, true), F(verdict.refused, "r", F_UINT32, false),
    F(verdict.message, "t", F_STR, false), F(verdict.warnings, "w", F_STR, false), END};

enum payload_rule { PAYLOAD_NONE, PAYLOAD_VALUE, PAYLOAD_ANY };

/* The largest body of a message. The limits for messages from a host are what our own host needs. So a foreign host
 * cannot make the supervisor store more. */
enum { BODY_ALL = MSG_MAX_BODY, BODY_ACTION = 64 << 10, BODY_FIELDS = 160 << 10, BODY_SMALL = 16 << 10 };

static const struct shape {
    unsigned type;
    const char *name;
    bool from_host;
    enum payload_rule payload;
    const struct field *fields;
    size_t most;
} shapes[] = {
    {MSG_HELLO, "HELLO", true, PAYLOAD_NONE, hello_fields, BODY_SMALL},
    {MSG_WELCOME, "WELCOME", false, PAYLOAD_NONE, welcome_fields, BODY_ALL},
    {MSG_SNAP_BEGIN, "SNAP_BEGIN", false, PAYLOAD_NONE, snap_fields, BODY_ALL},
    {MSG_OBJECT, "OBJECT", false, PAYLOAD_VALUE, object_fields, BODY_ALL},
    {MSG_DELETED, "DELETED", false, PAYLOAD_NONE, object_fields, BODY_ALL},
    {MSG_SNAP_END, "SNAP_END", false, PAYLOAD_NONE, snap_fields, BODY_ALL},
    {MSG_SYNCED, "SYNCED", true, PAYLOAD_NONE, no_fields, BODY_SMALL},
    {MSG_CREDIT, "CREDIT", true, PAYLOAD_NONE, credit_fields, BODY_SMALL},
    {0}, /* 9 was never used: a lane has no gaps that a second snapshot would fill */
    {MSG_ACTION, "ACTION", true, PAYLOAD_ANY, action_fields, BODY_ACTION},
    {MSG_RESULT, "RESULT", false, PAYLOAD_ANY, result_fields, BODY_ALL},
    {MSG_SETTINGS, "SETTINGS", false, PAYLOAD_NONE, settings_fields, BODY_ALL},
    {MSG_LOG, "LOG", true, PAYLOAD_NONE, log_fields, BODY_FIELDS},
    {MSG_METRIC, "METRIC", true, PAYLOAD_NONE, metric_fields, BODY_FIELDS},
    {MSG_PING, "PING", false, PAYLOAD_NONE, ping_fields, BODY_ALL},
    {MSG_PONG, "PONG", true, PAYLOAD_NONE, ping_fields, BODY_SMALL},
    {MSG_EXPLAIN, "EXPLAIN", false, PAYLOAD_NONE, explain_fields, BODY_ALL},
    {MSG_EXPLANATION, "EXPLANATION", true, PAYLOAD_NONE, explain_fields, BODY_SMALL},
    {MSG_DRAIN, "DRAIN", false, PAYLOAD_NONE, no_fields, BODY_ALL},
    {MSG_DRAINED, "DRAINED", true, PAYLOAD_NONE, no_fields, BODY_SMALL},
    {MSG_QUARANTINE, "QUARANTINE", false, PAYLOAD_NONE, explain_fields, BODY_ALL},
    {MSG_REFUSE, "REFUSE", false, PAYLOAD_NONE, text_fields, BODY_ALL},
    {MSG_FAILED, "FAILED", true, PAYLOAD_NONE, text_fields, BODY_SMALL},
    {MSG_ADOPTED, "ADOPTED", true, PAYLOAD_NONE, text_fields, BODY_SMALL},
    {MSG_PASS, "PASS", true, PAYLOAD_NONE, pass_fields, BODY_SMALL},
    {MSG_VALIDATE, "VALIDATE", false, PAYLOAD_VALUE, validate_fields, BODY_ALL},
    {MSG_VERDICT, "VERDICT", true, PAYLOAD_NONE, verdict_fields, BODY_SMALL},
};

static const struct shape *shape_of(unsigned type) {
    const struct shape *s = type >= 1 && type <= RV_ARRAY_LEN(shapes) ? &shapes[type - 1] : NULL;
    return s != NULL && s->name != NULL ? s : NULL;
}

const char *msg_type_name(unsigned type) {
    const struct shape *s = shape_of(type);
    return s != NULL ? s->name : "unknown";
}

/* ---- encoding ------------------------------------------------------------------------------------------- */

static const void *at(const struct msg *m, const struct field *f) { return (const char *)m + f->offset; }

/* Optional fields whose value is zero are left out. */
static bool is_zero(const struct msg *m, const struct field *f) {
    switch (f->kind) {
    case F_INT32:
    case F_UINT32:
        return *(const uint32_t *)at(m, f) == 0;
    case F_INT64:
    case F_UINT64:
        return *(const uint64_t *)at(m, f) == 0;
    case F_DOUBLE:
        return false;
    case F_STR:
        return ((const struct rv_str *)at(m, f))->n == 0;
    case F_BIN:
        return ((const struct rv_bytes *)at(m, f))->n == 0;
    case F_VAL_MAP:
    case F_VAL_ARRAY:
        return ((const struct rv_val *)at(m, f))->n == 0;
    }
    return true;
}

static void put_value(const struct msg *m, const struct field *f, struct rv_buf *b) {
    const void *p = at(m, f);
    switch (f->kind) {
    case F_INT32:
        rv_mp_int(b, *(const int32_t *)p);
        return;
    case F_UINT32:
        rv_mp_uint(b, *(const uint32_t *)p);
        return;
    case F_INT64:
        rv_mp_int(b, *(const int64_t *)p);
        return;
    case F_UINT64:
        rv_mp_uint(b, *(const uint64_t *)p);
        return;
    case F_DOUBLE:
        rv_mp_float(b, *(const double *)p);
        return;
    case F_STR:
        rv_mp_str(b, *(const struct rv_str *)p);
        return;
    case F_BIN:
        rv_mp_bin(b, *(const struct rv_bytes *)p);
        return;
    case F_VAL_MAP:
    case F_VAL_ARRAY:
        break;
    }
    const struct rv_val *v = p;
    if (v->n != 0)
        rv_mp_val(b, *v);
    else if (f->kind == F_VAL_MAP)
        rv_mp_map(b, 0);
    else
        rv_mp_array(b, 0);
}

void msg_encode(const struct msg *m, struct rv_buf *header, struct rv_buf *body) {
    rv_mp_array(header, 4);
    rv_mp_uint(header, MSG_VERSION);
    rv_mp_uint(header, m->type);
    rv_mp_uint(header, m->seq);
    rv_mp_uint(header, m->flags);
    const struct shape *s = shape_of(m->type);
    const struct field *fields = s != NULL ? s->fields : no_fields;
    size_t n = 0;
    for (const struct field *f = fields; f->key != NULL; f++) n += f->required || !is_zero(m, f);
    rv_mp_map(body, n);
    for (const struct field *f = fields; f->key != NULL; f++) {
        if (!f->required && is_zero(m, f)) continue;
        rv_mp_cstr(body, f->key);
        put_value(m, f, body);
    }
}

/* ---- decoding ------------------------------------------------------------------------------------------- */

static uint64_t as_uint(struct rv_val v) {
    if (rv_val_type(v) == RV_INT) return (uint64_t)rv_val_int(v, 0);
    uint64_t u = 0; /* RV_UINT takes nine bytes */
    for (size_t i = 1; i < v.n; i++) u = u << 8 | v.p[i];
    return u;
}

static bool uint_in(struct rv_val v, uint64_t max) {
    enum rv_type t = rv_val_type(v);
    return (t == RV_UINT || (t == RV_INT && rv_val_int(v, -1) >= 0)) && as_uint(v) <= max;
}

static bool int_in(struct rv_val v, int64_t min, int64_t max) {
    if (rv_val_type(v) != RV_INT) return false;
    int64_t i = rv_val_int(v, 0);
    return i >= min && i <= max;
}

/* Stores one value. Returns false if its type or range is wrong. */
static bool get_value(struct msg *m, const struct field *f, struct rv_val v) {
    void *p = (char *)m + f->offset;
    enum rv_type t = rv_val_type(v);
    switch (f->kind) {
    case F_INT32:
        return int_in(v, INT32_MIN, INT32_MAX) && (*(int32_t *)p = (int32_t)rv_val_int(v, 0), true);
    case F_UINT32:
        return uint_in(v, UINT32_MAX) && (*(uint32_t *)p = (uint32_t)as_uint(v), true);
    case F_INT64:
        return int_in(v, INT64_MIN, INT64_MAX) && (*(int64_t *)p = rv_val_int(v, 0), true);
    case F_UINT64:
        return uint_in(v, UINT64_MAX) && (*(uint64_t *)p = as_uint(v), true);
    case F_DOUBLE:
        return (t == RV_FLOAT || t == RV_INT) && (*(double *)p = rv_val_float(v, 0), true);
    case F_STR:
        return t == RV_STRING && (*(struct rv_str *)p = rv_val_str(v), true);
    case F_BIN:
        return t == RV_BIN && (*(struct rv_bytes *)p = rv_val_bin(v), true);
    case F_VAL_MAP:
        return t == RV_MAP && (*(struct rv_val *)p = v, true);
    case F_VAL_ARRAY:
        return t == RV_ARRAY && (*(struct rv_val *)p = v, true);
    }
    return false;
}

static int decode_header(struct rv_bytes header, struct msg *m, struct rv_error *err) {
    if (header.n > MSG_MAX_HEADER) return rv_error_set(err, RV_E_TOO_BIG, "message header of %zu bytes", header.n);
    int r = rv_mp_check(header, err);
    if (r != 0) return rv_error_wrap(err, r, "message header");
    struct rv_val h = {header.p, header.n};
    uint64_t words[4];
    if (rv_val_type(h) != RV_ARRAY || rv_val_len(h) < 4)
        return rv_error_set(err, RV_E_PROTOCOL, "message header is no array of four numbers");
    for (size_t i = 0; i < 4; i++) {
        struct rv_val v = rv_val_at(h, i);
        if (!uint_in(v, i == 2 ? UINT64_MAX : UINT32_MAX))
            return rv_error_set(err, RV_E_PROTOCOL, "message header: element %zu is no unsigned number", i);
        words[i] = as_uint(v);
    }
    if (words[0] != MSG_VERSION)
        return rv_error_set(err, RV_E_PROTOCOL, "protocol version %llu, this side speaks %d",
                            (unsigned long long)words[0], MSG_VERSION);
    m->type = (unsigned)words[1];
    m->seq = words[2];
    m->flags = (unsigned)words[3];
    return 0;
}

static int decode_fields(const struct shape *s, struct rv_val body, struct msg *m, struct rv_error *err) {
    for (const struct field *f = s->fields; f->key != NULL; f++) {
        struct rv_val v = rv_val_get(body, f->key);
        if (!rv_val_present(v) && !f->required) continue;
        if (!rv_val_present(v))
            return rv_error_set(err, RV_E_PROTOCOL, "%s message: required key \"%s\" is missing", s->name, f->key);
        if (!get_value(m, f, v))
            return rv_error_set(err, RV_E_PROTOCOL, "%s message: key \"%s\" has a value of type %s or out of range",
                                s->name, f->key, rv_type_name(rv_val_type(v)));
    }
    return 0;
}

/* The payload is also the body of the action, the request or the result. */
static void set_bodies(struct msg *m) {
    if (m->type == MSG_ACTION) m->action.a.body = m->action.http.body = m->payload;
    if (m->type == MSG_RESULT) m->result.r.body = m->payload;
}

static void set_sizes(struct msg *m) {
    set_bodies(m);
    if (m->type == MSG_ACTION) {
        m->action.a.size = sizeof m->action.a;
        m->action.event.size = sizeof m->action.event;
        m->action.http.size = sizeof m->action.http;
        m->action.http.timeout_ms = m->action.a.timeout_ms;
        m->action.http.flags = m->action.a.flags;
        m->action.a.tag = m->action.http.tag = 0;
    } else if (m->type == MSG_RESULT) {
        m->result.r.size = sizeof m->result.r;
    }
}

/* Only actions that send something have a payload. The payload of a timer would be stored for nothing. */
static bool takes_payload(const struct shape *s, const struct msg *m) {
    if (m->type != MSG_ACTION) return s->payload != PAYLOAD_NONE;
    return (m->action.a.verb >= RV_VERB_CREATE && m->action.a.verb <= RV_VERB_JSON_PATCH) ||
           m->action.a.verb == RV_VERB_HTTP;
}

/* The payload of an action is msgpack, except for HTTP requests, whose body may be anything. The body of a result is
 * msgpack if the result says so. */
static bool payload_is_value(const struct shape *s, const struct msg *m) {
    if (s->payload == PAYLOAD_VALUE) return true;
    if (m->payload.n == 0) return false;
    if (m->type == MSG_ACTION) return m->action.a.verb != RV_VERB_HTTP;
    return m->type == MSG_RESULT && m->result.r.json != 0;
}

int msg_decode(struct rv_bytes header, struct rv_bytes body, struct rv_bytes payload, bool from_host, struct msg *ret,
               struct rv_error *err) {
    struct msg m = {0};
    int r = decode_header(header, &m, err);
    if (r != 0) return r;
    const struct shape *s = shape_of(m.type);
    if (s == NULL) {
        if ((m.flags & MSG_MUST_UNDERSTAND) != 0)
            return rv_error_set(err, RV_E_PROTOCOL, "message of unknown type %u that must be understood", m.type);
        *ret = m;
        return 0;
    }
    if (s->from_host != from_host) return rv_error_set(err, RV_E_PROTOCOL, "%s message from the wrong side", s->name);
    if (body.n > s->most || payload.n > MSG_MAX_PAYLOAD)
        return rv_error_set(err, RV_E_TOO_BIG, "%s message of %zu + %zu bytes", s->name, body.n, payload.n);
    r = rv_mp_check(body, err);
    if (r != 0) return rv_error_wrap(err, r, "%s message", s->name);
    struct rv_val map = {body.p, body.n};
    if (rv_val_type(map) != RV_MAP) return rv_error_set(err, RV_E_PROTOCOL, "%s message: the body is no map", s->name);
    m.payload = payload;
    r = decode_fields(s, map, &m, err);
    if (r != 0) return r;
    if (payload.n != 0 && !takes_payload(s, &m))
        return rv_error_set(err, RV_E_PROTOCOL, "%s message with a payload", s->name);
    r = payload_is_value(s, &m) ? rv_mp_check(payload, err) : 0;
    if (r != 0) return rv_error_wrap(err, r, "%s payload", s->name);
    set_sizes(&m);
    *ret = m;
    return 0;
}

/* ---- copying -------------------------------------------------------------------------------------------- */

static struct rv_bytes lent_by(const struct msg *m, const struct field *f) {
    const void *p = at(m, f);
    switch (f->kind) {
    case F_STR:
        return (struct rv_bytes){(const uint8_t *)((const struct rv_str *)p)->p, ((const struct rv_str *)p)->n};
    case F_BIN:
        return *(const struct rv_bytes *)p;
    case F_VAL_MAP:
    case F_VAL_ARRAY:
        return (struct rv_bytes){((const struct rv_val *)p)->p, ((const struct rv_val *)p)->n};
    default:
        return (struct rv_bytes){NULL, 0};
    }
}

static void set_lent(struct msg *m, const struct field *f, struct rv_bytes bytes) {
    void *p = (char *)m + f->offset;
    if (f->kind == F_STR) *(struct rv_str *)p = (struct rv_str){(const char *)bytes.p, bytes.n};
    if (f->kind == F_BIN) *(struct rv_bytes *)p = bytes;
    if (f->kind == F_VAL_MAP || f->kind == F_VAL_ARRAY) *(struct rv_val *)p = (struct rv_val){bytes.p, bytes.n};
}

/* Copies the bytes to *to. Moves *to behind them and behind the NUL, which is already there. */
static struct rv_bytes move_to(char **to, struct rv_bytes b) {
    if (b.n == 0) return (struct rv_bytes){NULL, 0};
    struct rv_bytes copy = {(const uint8_t *)*to, b.n};
    memcpy(*to, b.p, b.n);
    *to += b.n + 1;
    return copy;
}

size_t msg_lent_bytes(const struct msg *m) {
    const struct shape *s = shape_of(m->type);
    size_t n = m->payload.n + 1;
    for (const struct field *f = s != NULL ? s->fields : no_fields; f->key != NULL; f++)
        n += lent_by(m, f).n != 0 ? lent_by(m, f).n + 1 : 0;
    return n;
}

char *msg_own(struct msg *m) {
    const struct shape *s = shape_of(m->type);
    const struct field *fields = s != NULL ? s->fields : no_fields;
    char *bytes = rv_alloc(msg_lent_bytes(m)), *to = bytes;
    for (const struct field *f = fields; f->key != NULL; f++) set_lent(m, f, move_to(&to, lent_by(m, f)));
    m->payload = move_to(&to, m->payload);
    set_bodies(m);
    return bytes;
}

bool msg_kind_at(struct rv_val kinds, size_t i, struct msg_kind *ret) {
    struct rv_val k = rv_val_at(kinds, i);
    if (rv_val_type(k) != RV_MAP) return false;
    *ret = (struct msg_kind){rv_path_str(k, "a"), rv_path_str(k, "r"),
                             rv_path_str(k, "k"), (uint32_t)rv_path_int(k, "f", 0),
                             rv_path_str(k, "l"), rv_path_str(k, "n")};
    return ret->resource.n != 0;
}
