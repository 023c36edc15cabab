/* test_msg.c - every message type: round trip, every truncation, every wrong type, every missing key. */
#include "ipc/protocol/msg.h"
#include "tests/unit/sdk/suite.h"

#include <stdlib.h>

enum { TYPES = MSG_VERDICT };

static const uint8_t token[32] = {9, 8, 7};
static const uint8_t empty_map[] = {0x80};

static bool from_host(unsigned type) {
#define MSG_X_H true
#define MSG_X_S false
#define MSG_X(name, number, who)                                                                                       \
    if (type == (number)) return MSG_X_##who;
    MSG_TYPES(MSG_X)
    return false;
}

static struct msg sample_from_host(struct rv_arena *a, unsigned type) {
    struct msg m = {.type = type};
    switch (type) {
    case MSG_HELLO:
        m.hello = (struct msg_hello){{token, 32}, 1, 1, 2, RV_STR("toy"), RV_STR("1.0"), 4711, 1};
        break;
    case MSG_CREDIT:
        m.credit = (struct msg_credit){12, UINT32_MAX};
        break;
    case MSG_ACTION:
        m.action = (struct msg_action){.id = UINT64_MAX,
                                       .key = {RV_STR("ns"), RV_STR("key")},
                                       .a = {.verb = RV_VERB_DELETE,
                                             .flags = 1,
                                             .timeout_ms = 5,
                                             .api_version = RV_STR("v1"),
                                             .resource = RV_STR("pods"),
                                             .subresource = RV_STR("status"),
                                             .ns = RV_STR("ns"),
                                             .name = RV_STR("n"),
                                             .pre_uid = RV_STR("u"),
                                             .pre_version = RV_STR("7"),
                                             .selector = RV_STR("a=b"),
                                             .propagation = RV_STR("Orphan"),
                                             .grace_seconds = -1,
                                             .delay_ms = 9},
                                       .event = {.warning = 1,
                                                 .reason = RV_STR("R"),
                                                 .action = RV_STR("A"),
                                                 .note = RV_STR("N"),
                                                 .api_version = RV_STR("v1"),
                                                 .kind = RV_STR("Pod"),
                                                 .ns = RV_STR("ns"),
                                                 .name = RV_STR("n"),
                                                 .uid = RV_STR("u"),
                                                 .controller = RV_STR("c")},
                                       .http = {.method = RV_STR("GET"),
                                                .url = RV_STR("http://x/"),
                                                .content_type = RV_STR("t"),
                                                .max_bytes = 3,
                                                .http2 = 1,
                                                .secret_ns = RV_STR("s"),
                                                .secret_name = RV_STR("s"),
                                                .secret_key = RV_STR("k"),
                                                .auth_header = RV_STR("h"),
                                                .auth_prefix = RV_STR("p"),
                                                .client_secret = RV_STR("c")}};
        break;
    case MSG_LOG:
        m.log = (struct msg_log){2, RV_STR("said"), {RV_STR("ns"), RV_STR("n")}, from_json(a, "{\"k\":\"v\"}")};
        break;
    case MSG_METRIC:
        m.metric = (struct msg_metric){RV_STR("m"), 1, 1.5, from_json(a, "{\"k\":\"v\"}")};
        break;
    case MSG_PONG:
        m.ping = (struct msg_ping){UINT64_MAX, 1, 2, 3, 4};
        break;
    case MSG_EXPLANATION:
        m.explain =
            (struct msg_explain){7, 0, {RV_STR("ns"), RV_STR("n")}, MSG_KEY_DELAYED, RV_STR("a\nb"), -1, 3, 99, 98, 1};
        break;
    case MSG_PASS:
        m.pass = (struct msg_pass){
            {RV_STR("ns"), RV_STR("n")}, 6, 1, RV_STR("pod"), 2, 3, 4, RV_AFTER, 5, 6, RV_STR("a\nb")};
        break;
    case MSG_VERDICT:
        m.verdict = (struct msg_verdict){7, 1, RV_STR("spec.x is wrong"), RV_STR("a\nb")};
        break;
    case MSG_FAILED:
    case MSG_ADOPTED:
        m.text = (struct msg_text){RV_E_ABI, RV_STR("why")};
        break;
    default: /* SYNCED and DRAINED have no fields */
        break;
    }
    return m;
}

static struct msg sample_from_supervisor(struct rv_arena *a, unsigned type) {
    struct msg m = {.type = type};
    switch (type) {
    case MSG_VALIDATE:
        m.validate = (struct msg_validate){7, RV_STR("ns"), RV_STR("n"), RV_STR("u")};
        m.payload = (struct rv_bytes){empty_map, 1};
        break;
    case MSG_WELCOME:
        m.welcome = (struct msg_welcome){UINT64_MAX,
                                         2,
                                         3,
                                         4,
                                         5,
                                         {token, 32},
                                         from_json(a, "[{\"r\":\"pods\"}]"),
                                         from_json(a, "{\"n\":1}"),
                                         6,
                                         7,
                                         from_json(a, "{\"zones\":{}}")};
        break;
    case MSG_OBJECT:
        m.payload = (struct rv_bytes){empty_map, 1};
        /* fallthrough */
        __attribute__((fallthrough));
    case MSG_DELETED:
        m.object = (struct msg_object){3, RV_STR("ns"), RV_STR("n"), RV_STR("uid"), RV_STR("17"), UINT64_MAX};
        break;
    case MSG_SNAP_BEGIN:
    case MSG_SNAP_END:
        m.snap.rev = 77;
        break;
    case MSG_RESULT:
        m.result.id = 5;
        m.result.r = (struct rv_result){.code = RV_E_CONFLICT,
                                        .http_status = 409,
                                        .name = RV_STR("n"),
                                        .uid = RV_STR("u"),
                                        .resource_version = RV_STR("8"),
                                        .reason = RV_STR("Conflict"),
                                        .message = RV_STR("m"),
                                        .retry_after_ms = 1000,
                                        .json = 1,
                                        .trailers = from_json(a, "{\"grpc-status\":\"5\"}")};
        break;
    case MSG_SETTINGS:
        m.settings.settings = from_json(a, "{\"n\":1}");
        break;
    case MSG_PING:
        m.ping = (struct msg_ping){1, 1, 1, 1, 1};
        break;
    case MSG_EXPLAIN:
    case MSG_QUARANTINE:
        m.explain = (struct msg_explain){7, 2, {RV_STR("ns"), RV_STR("n")}, 1, RV_STR("x"), 1, 1, 1, 1, 1};
        break;
    case MSG_REFUSE:
        m.text = (struct msg_text){RV_E_ABI, RV_STR("why")};
        break;
    default: /* DRAIN */
        break;
    }
    return m;
}

/* A message of the type with a value in every field. */
static struct msg sample(struct rv_arena *a, unsigned type) {
    struct msg m = from_host(type) ? sample_from_host(a, type) : sample_from_supervisor(a, type);
    m.seq = 12345678901;
    return m;
}

struct wire {
    struct rv_buf header, body;
};

static void wire_free(struct wire *w) {
    rv_buf_free(&w->header);
    rv_buf_free(&w->body);
}

static int decode(const struct wire *w, struct rv_bytes payload, bool side, struct msg *ret) {
    struct rv_error err = {0};
    int r = msg_decode(rv_buf_bytes(&w->header), rv_buf_bytes(&w->body), payload, side, ret, &err);
    CU_ASSERT_TRUE(r == 0 || (err.code == r && err.text[0] != 0)); /* every refusal has a reason */
    return r;
}

static bool same(const struct rv_buf *a, const struct rv_buf *b) {
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

static void round_trips(void) {
    for (unsigned type = 1; type <= TYPES; type++) {
        if (type == 9) continue; /* not used any more */
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct msg m = sample(a, type), got;
        rv_cleanup(wire_free) struct wire w = {0}, again = {0};
        msg_encode(&m, &w.header, &w.body);
        CHECK_ROW(decode(&w, m.payload, from_host(type), &got) == 0, msg_type_name(type));
        CHECK_ROW(got.type == type && got.seq == m.seq, msg_type_name(type));
        msg_encode(&got, &again.header, &again.body);
        CHECK_ROW(same(&w.header, &again.header) && same(&w.body, &again.body), msg_type_name(type));
        CHECK_ROW(decode(&w, m.payload, !from_host(type), &got) == RV_E_PROTOCOL, msg_type_name(type));
    }
}

/* A copy stays the same when the original is freed, and its texts end with a NUL. */
static void copies(void) {
    for (unsigned type = 1; type <= TYPES; type++) {
        if (type == 9) continue; /* not used any more */
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct msg m = sample(a, type), got;
        rv_cleanup(wire_free) struct wire w = {0}, lent = {0}, again = {0};
        msg_encode(&m, &w.header, &w.body);
        rv_buf_add(&lent.header, w.header.p, w.header.n);
        rv_buf_add(&lent.body, w.body.p, w.body.n);
        rv_autobuf struct rv_buf payload = {0};
        rv_buf_add(&payload, m.payload.p, m.payload.n);
        CHECK_ROW(decode(&lent, rv_buf_bytes(&payload), from_host(type), &got) == 0, msg_type_name(type));
        rv_autofree char *bytes = msg_own(&got);
        CHECK_ROW(bytes != NULL, msg_type_name(type));
        memset(lent.body.p, 0xff, lent.body.n);
        if (payload.n != 0) memset(payload.p, 0xff, payload.n);
        msg_encode(&got, &again.header, &again.body);
        CHECK_ROW(same(&w.header, &again.header) && same(&w.body, &again.body), msg_type_name(type));
        CHECK_ROW(got.payload.n == m.payload.n, msg_type_name(type));
        CHECK_ROW(m.payload.n == 0 || memcmp(got.payload.p, m.payload.p, m.payload.n) == 0, msg_type_name(type));
        if (type == MSG_ACTION) {
            CU_ASSERT_PTR_EQUAL(got.action.a.body.p, got.payload.p);
            CU_ASSERT_PTR_EQUAL(got.action.http.body.p, got.payload.p);
            CU_ASSERT_STRING_EQUAL(got.action.a.resource.p, "pods");
        }
        if (type == MSG_RESULT) CU_ASSERT_PTR_EQUAL(got.result.r.body.p, got.payload.p);
    }
}

/* Frames are copied to their exact size, so a sanitizer sees any read after the end. */
static void truncations(void) {
    for (unsigned type = 1; type <= TYPES; type++) {
        if (type == 9) continue; /* not used any more */
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct msg m = sample(a, type), got;
        rv_cleanup(wire_free) struct wire w = {0};
        msg_encode(&m, &w.header, &w.body);
        for (size_t n = 0; n < w.header.n + w.body.n; n++) {
            size_t header_n = n < w.header.n ? n : w.header.n, body_n = n < w.header.n ? w.body.n : n - w.header.n;
            uint8_t *header = rv_alloc(header_n), *body = rv_alloc(body_n);
            memcpy(header, w.header.p, header_n);
            memcpy(body, w.body.p, body_n);
            CHECK_ROW(msg_decode((struct rv_bytes){header, header_n}, (struct rv_bytes){body, body_n}, m.payload,
                                 from_host(type), &got, NULL) != 0,
                      msg_type_name(type));
            free(header);
            free(body);
        }
    }
}

/* The body with one entry left out (if replacement is absent) or replaced. */
static void rewrite(struct rv_val body, size_t index, struct rv_val replacement, struct rv_buf *out) {
    size_t i = 0;
    rv_mp_map(out, rv_val_len(body) - !rv_val_present(replacement));
    for (struct rv_iter it = rv_iter(body); rv_iter_next(&it); i++) {
        if (i == index && !rv_val_present(replacement)) continue;
        rv_mp_str(out, it.key);
        rv_mp_val(out, i == index ? replacement : it.val);
    }
}

static void keys(void) {
    static const uint8_t yes[] = {0xc3};
    unsigned required = 0, optional = 0;
    for (unsigned type = 1; type <= TYPES; type++) {
        if (type == 9) continue; /* not used any more */
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct msg m = sample(a, type), zero = {.type = type}, got;
        rv_cleanup(wire_free) struct wire w = {0}, least = {0};
        msg_encode(&m, &w.header, &w.body);
        /* Keys that are written even if they are zero, because they are required. */
        msg_encode(&zero, &least.header, &least.body);
        struct rv_val body = {w.body.p, w.body.n}, need = {least.body.p, least.body.n};
        size_t i = 0;
        for (struct rv_iter it = rv_iter(body); rv_iter_next(&it); i++) {
            rv_cleanup(wire_free) struct wire wrong = {0}, without = {0};
            rv_buf_add(&wrong.header, w.header.p, w.header.n);
            rv_buf_add(&without.header, w.header.p, w.header.n);
            rewrite(body, i, (struct rv_val){yes, 1}, &wrong.body);
            rewrite(body, i, RV_VAL_ABSENT, &without.body);
            bool must = rv_val_present(rv_val_getn(need, it.key));
            *(must ? &required : &optional) += 1;
            CHECK_ROW(decode(&wrong, m.payload, from_host(type), &got) == RV_E_PROTOCOL, msg_type_name(type));
            CHECK_ROW(decode(&without, m.payload, from_host(type), &got) == (must ? RV_E_PROTOCOL : 0),
                      msg_type_name(type));
        }
    }
    CU_ASSERT_TRUE(required > 30 && optional > 40);
}

static void unknown_things(void) {
    struct msg got;
    rv_cleanup(wire_free) struct wire w = {0}, extra = {0};
    msg_encode(&(struct msg){.type = 99, .seq = 3}, &w.header, &w.body);
    CU_ASSERT_EQUAL(decode(&w, (struct rv_bytes){NULL, 0}, true, &got), 0);
    CU_ASSERT_TRUE(got.type == 99 && got.seq == 3);
    rv_buf_clear(&w.header);
    rv_buf_clear(&w.body);
    msg_encode(&(struct msg){.type = 99, .seq = 3, .flags = MSG_MUST_UNDERSTAND}, &w.header, &w.body);
    CU_ASSERT_EQUAL(decode(&w, (struct rv_bytes){NULL, 0}, true, &got), RV_E_PROTOCOL);
    CU_ASSERT_STRING_EQUAL(msg_type_name(99), "unknown");
    CU_ASSERT_STRING_EQUAL(msg_type_name(0), "unknown");
    rv_buf_clear(&w.body);
    msg_encode(&(struct msg){.type = MSG_DRAIN, .seq = 1}, &extra.header, &w.body);
    rv_mp_map(&extra.body, 1); /* a key that a later version may add */
    rv_mp_cstr(&extra.body, "later");
    rv_mp_nil(&extra.body);
    CU_ASSERT_EQUAL(decode(&extra, (struct rv_bytes){NULL, 0}, false, &got), 0);
}

static void headers(void) {
    static const struct {
        const char *json;
        bool good;
    } rows[] = {
        {"[1,19,1,0]", true},     {"[1,19,1,0,\"more\"]", true}, {"[2,19,1,0]", false}, {"[1,19,1]", false},
        {"[1,19,-1,0]", false},   {"[1,\"19\",1,0]", false},     {"{}", false},         {"[1,4294967296,1,0]", false},
        {"[1,19,1,null]", false}, {"[1,0,1,0]", true},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_val h = from_json(a, rows[i].json);
        struct msg got;
        int r = msg_decode((struct rv_bytes){h.p, h.n}, (struct rv_bytes){empty_map, 1}, (struct rv_bytes){NULL, 0},
                           false, &got, NULL);
        CHECK_ROW((r == 0) == rows[i].good, rows[i].json);
    }
    uint8_t big[MSG_MAX_HEADER + 1] = {0};
    struct msg got;
    CU_ASSERT_EQUAL(msg_decode((struct rv_bytes){big, sizeof big}, (struct rv_bytes){empty_map, 1},
                               (struct rv_bytes){NULL, 0}, false, &got, NULL),
                    RV_E_TOO_BIG);
}

/* Which messages may have a payload, and when it must be msgpack. */
static void payloads(void) {
    static const uint8_t junk[] = {0xc1};
    static const struct {
        unsigned type;
        uint32_t verb, json;
        struct rv_bytes payload;
        bool good;
    } rows[] = {
        {MSG_OBJECT, 0, 0, {NULL, 0}, false},
        {MSG_OBJECT, 0, 0, {junk, 1}, false},
        {MSG_DELETED, 0, 0, {empty_map, 1}, false},
        {MSG_PING, 0, 0, {empty_map, 1}, false},
        {MSG_ACTION, RV_VERB_CREATE, 0, {junk, 1}, false},
        {MSG_ACTION, RV_VERB_CREATE, 0, {empty_map, 1}, true},
        {MSG_ACTION, RV_VERB_HTTP, 0, {junk, 1}, true},
        {MSG_RESULT, 0, 0, {junk, 1}, true},
        {MSG_RESULT, 0, 1, {junk, 1}, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct msg m = sample(a, rows[i].type), got;
        if (m.type == MSG_ACTION) m.action.a.verb = rows[i].verb;
        if (m.type == MSG_RESULT) m.result.r.json = rows[i].json;
        rv_cleanup(wire_free) struct wire w = {0};
        msg_encode(&m, &w.header, &w.body);
        CHECK_ROW((decode(&w, rows[i].payload, from_host(m.type), &got) == 0) == rows[i].good, msg_type_name(m.type));
    }
}

static void kinds(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = from_json(a, "[{\"a\":\"v1\",\"r\":\"pods\",\"k\":\"Pod\",\"f\":4,\"l\":\"x\"},7]");
    struct msg_kind k;
    CU_ASSERT_TRUE(msg_kind_at(v, 0, &k));
    CU_ASSERT_TRUE(rv_str_is(k.resource, "pods") && k.flags == MSG_KIND_MAP_LABEL && rv_str_is(k.index_label, "x"));
    CU_ASSERT_FALSE(msg_kind_at(v, 1, &k));
    CU_ASSERT_FALSE(msg_kind_at(v, 2, &k));
}

static const struct suite_test tests[] = {
    {"round trips", round_trips},       {"copies", copies},   {"truncations", truncations}, {"keys", keys},
    {"unknown things", unknown_things}, {"headers", headers}, {"payloads", payloads},       {"kinds", kinds},
};
SUITE_MAIN("msg", tests)
