/* test_abi.c - the growth rules of rayvisor/plugin.h: every struct that crosses is read and written as far as both
 * sides know it, with a plugin that is older and one that is newer than the host. */
#include "plugins/host/engine.h"
#include "script.h"

#include <stdlib.h>

enum { NEWER_BYTES = 32, CANARY = 0x5a };

/* A plugin in a real engine. Its one pass is the test's function. */
struct fixture {
    struct rv_arena *arena;
    struct engine *engine;
    const struct rv_host_api *api;
    struct rv_host *host;
    void (*pass)(struct fixture *w);
    int passes, actions, asked;
    uint32_t can;
    uint64_t verdicts;
    struct msg_verdict verdict; /* the last one; its texts are in the arena */
    struct rv_error failed;
};
static struct fixture *fixture; /* the plugin ABI gives init nothing to find the test by */

static int32_t init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)err;
    fixture->api = api;
    fixture->host = h;
    *ret_state = fixture;
    return 0;
}

static void reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct fixture *w = state;
    CU_ASSERT_TRUE(rv_str_is(key->name, "a") && out->size == sizeof *out);
    w->passes++;
    if (w->pass != NULL) w->pass(w);
}

static void on_send(void *arg, struct msg *m) {
    struct fixture *w = arg;
    if (m->type == MSG_ACTION) w->actions++;
    if (m->type == MSG_HELLO) w->can = m->hello.can;
    if (m->type == MSG_VERDICT) {
        w->verdict = m->verdict;
        w->verdict.message = rv_arena_str(w->arena, m->verdict.message);
        w->verdict.warnings = rv_arena_str(w->arena, m->verdict.warnings);
        w->verdicts++;
    }
    if (m->type == MSG_FAILED) rv_error_set(&w->failed, m->text.code, RV_STR_FMT, RV_STR_ARG(m->text.text));
}

static const struct rv_plugin plugin = {.size = sizeof plugin,
                                        .magic = RV_ABI_MAGIC,
                                        .abi_major = RV_ABI_MAJOR,
                                        .name = "test",
                                        .version = "1",
                                        .init = init,
                                        .reconcile = reconcile};

static const struct engine_time now = {INT64_C(1000000000), INT64_C(5000000000)};

static void tell(struct fixture *w, struct msg m) { CU_ASSERT_EQUAL(engine_message(w->engine, now, &m, NULL), 0); }

static struct fixture *begin(const struct rv_plugin *p) {
    struct fixture *w = fixture = rv_alloc(sizeof *w);
    w->arena = rv_arena_new();
    w->engine = engine_new(&(struct engine_opts){.plugin = p, .send = on_send, .arg = w});
    engine_start(w->engine, now, (struct rv_bytes){script_seed, 32}, 1);
    return w;
}

static void end(struct fixture *w) {
    engine_free(w->engine);
    rv_arena_free(w->arena);
    free(w);
}

/* Runs the pass over the object "a", which has two children. */
static struct fixture *run(const struct rv_plugin *p, void (*pass)(struct fixture *)) {
    struct fixture *w = begin(p);
    w->pass = pass;
    tell(w, script_welcome(w->arena));
    tell(w, script_snap(MSG_SNAP_BEGIN, 1));
    tell(w, script_object(w->arena, 0, "a", "", 1));
    tell(w, script_object(w->arena, 1, "child-1", "a", 2));
    tell(w, script_object(w->arena, 1, "child-2", "a", 3));
    tell(w, script_snap(MSG_SNAP_END, 3));
    engine_tick(w->engine, now);
    CU_ASSERT_EQUAL(w->passes, 1);
    return w;
}

/* ---- what the plugin hands over ---------------------------------------------------------------------------- */

static int32_t call_act(struct fixture *w, const void *p) { return w->api->act(w->host, p); }
static int32_t call_event(struct fixture *w, const void *p) { return w->api->event(w->host, p); }
static int32_t call_http(struct fixture *w, const void *p) { return w->api->http(w->host, p); }
static int32_t call_list(struct fixture *w, const void *p) {
    int64_t n = w->api->list(w->host, p, NULL, NULL);
    return n >= 0 ? 0 : (int32_t)n;
}

static const struct rv_action action = {.size = sizeof action, .verb = RV_VERB_TIMER};
static const struct rv_event event = {
    .size = sizeof event, .reason = {"R", 1}, .kind = {"Pod", 3}, .name = {"n", 1}, .controller = {"c", 1}};
static const struct rv_http_request http = {.size = sizeof http, .method = {"GET", 3}, .url = {"http://x/", 9}};
static const struct rv_query query = {.size = sizeof query, .kind = 1};

static const struct given {
    const char *name;
    int32_t (*call)(struct fixture *w, const void *p);
    const void *whole;
    size_t size, older; /* older: without the fields that are not needed */
} givens[] = {
    {"action", call_act, &action, sizeof action, offsetof(struct rv_action, api_version)},
    {"event", call_event, &event, sizeof event, offsetof(struct rv_event, controller)},
    {"http", call_http, &http, sizeof http, offsetof(struct rv_http_request, secret_ns)},
    {"query", call_list, &query, sizeof query, offsetof(struct rv_query, owner_uid)},
};

/* The struct with this size, in memory of exactly that many bytes, so that a sanitizer sees every read behind it. The
 * bytes that the host does not know have the value `rest`. */
static int32_t call_sized(struct fixture *w, const struct given *g, size_t size, int rest) {
    uint8_t *p = rv_alloc(size);
    uint32_t said = (uint32_t)size;
    memset(p, rest, size);
    memcpy(p, g->whole, size < g->size ? size : g->size);
    memcpy(p, &said, sizeof said);
    int32_t r = g->call(w, p);
    free(p);
    return r;
}

static void hand_over(struct fixture *w) {
    for (size_t i = 0; i < RV_ARRAY_LEN(givens); i++) {
        const struct given *g = &givens[i];
        CHECK_ROW(call_sized(w, g, g->size, 0) == 0, g->name);
        CHECK_ROW(call_sized(w, g, g->older, 0) == 0, g->name);
        CHECK_ROW(call_sized(w, g, g->size + NEWER_BYTES, 0) == 0, g->name);
        CHECK_ROW(call_sized(w, g, g->size + NEWER_BYTES, 1) == RV_E_ABI, g->name);
        CHECK_ROW(call_sized(w, g, sizeof(uint32_t), 0) == RV_E_INVALID, g->name);
        uint32_t absurd[64] = {UINT32_MAX};
        CHECK_ROW(g->call(w, absurd) == RV_E_INVALID, g->name);
        CHECK_ROW(g->call(w, NULL) == RV_E_INVALID, g->name);
    }
}

static void structs_that_are_handed_over(void) {
    struct fixture *w = run(&plugin, hand_over);
    CU_ASSERT_EQUAL(w->actions, 2 + 4); /* as many as the welcome has room for: events; timers and HTTP */
    end(w);
}

/* What an older query does not have narrows nothing; a newer one that asks for nothing new is as one of today. */
static void query_sizes(struct fixture *w) {
    struct rv_query q = {.size = offsetof(struct rv_query, owner_uid), .kind = 1, .owner_uid = RV_STR("nobody")};
    CU_ASSERT_EQUAL(w->api->list(w->host, &q, NULL, NULL), 2);
    q.size = sizeof q;
    CU_ASSERT_EQUAL(w->api->list(w->host, &q, NULL, NULL), 0);
}

static bool one_only(void *arg, const struct rv_object *o) {
    CU_ASSERT_TRUE(o->size == sizeof *o && o->kind == 1);
    ++*(int *)arg;
    return false;
}

static void list_stops(struct fixture *w) {
    struct rv_query rows[] = {{.size = sizeof(struct rv_query), .kind = 1},
                              {.size = sizeof(struct rv_query), .kind = 1, .owner_uid = RV_STR("uid-a")}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        int seen = 0;
        CU_ASSERT_EQUAL(w->api->list(w->host, &rows[i], NULL, NULL), 2);
        CU_ASSERT_TRUE(w->api->list(w->host, &rows[i], one_only, &seen) == 1 && seen == 1);
    }
}

static void queries(void) {
    end(run(&plugin, query_sizes));
    end(run(&plugin, list_stops));
}

/* ---- what the host fills --------------------------------------------------------------------------------------- */

static void get_sizes(struct fixture *w) {
    static const struct {
        const char *name;
        size_t size, known; /* known: as far as it is written */
    } rows[] = {{"older", offsetof(struct rv_object, value), offsetof(struct rv_object, value)},
                {"much older", offsetof(struct rv_object, uid), offsetof(struct rv_object, uid)},
                {"today's", sizeof(struct rv_object), sizeof(struct rv_object)},
                {"newer", sizeof(struct rv_object) + NEWER_BYTES, sizeof(struct rv_object)}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        union {
            struct rv_object o;
            uint8_t bytes[sizeof(struct rv_object) + NEWER_BYTES];
        } u;
        memset(&u, CANARY, sizeof u);
        u.o.size = (uint32_t)rows[i].size;
        CHECK_ROW(w->api->get(w->host, 0, RV_STR("ns"), RV_STR("none"), &u.o) == RV_E_NOT_FOUND, rows[i].name);
        CHECK_ROW(u.o.size == rows[i].size, rows[i].name);
        CHECK_ROW(w->api->get(w->host, 0, RV_STR("ns"), RV_STR("a"), &u.o) == 0, rows[i].name);
        CHECK_ROW(u.o.size == rows[i].known && rv_str_is(u.o.name, "a"), rows[i].name);
        CHECK_ROW(RV_HAS(&u.o, value) == (rows[i].known == sizeof u.o), rows[i].name);
        for (size_t k = rows[i].known; k < sizeof u.bytes; k++) CHECK_ROW(u.bytes[k] == CANARY, rows[i].name);
    }
    struct rv_object unsized = {0};
    CU_ASSERT_EQUAL(w->api->get(w->host, 0, RV_STR("ns"), RV_STR("a"), &unsized), RV_E_INVALID);
    CU_ASSERT_TRUE(unsized.name.n == 0 && w->api->get(w->host, 0, RV_STR("ns"), RV_STR("a"), NULL) == RV_E_INVALID);
}

static void objects_copied(struct fixture *w) {
    struct rv_object have = {.size = sizeof have}, to = {.size = offsetof(struct rv_object, value)};
    CU_ASSERT_EQUAL(w->api->get(w->host, 0, RV_STR("ns"), RV_STR("a"), &have), 0);
    rv_object_copy(&to, &have);
    CU_ASSERT_TRUE(to.size == offsetof(struct rv_object, value) && rv_str_is(to.uid, "uid-a") && to.value.n == 0);
}

static void structs_that_are_filled(void) {
    end(run(&plugin, get_sizes));
    end(run(&plugin, objects_copied));
}

static void ask_twice(struct fixture *w) {
    for (uint64_t tag = 1; tag <= 2 && w->passes == 1; tag++) {
        struct rv_action a = {.size = sizeof a, .verb = RV_VERB_TIMER, .tag = tag};
        CU_ASSERT_EQUAL(w->api->act(w->host, &a), 0);
    }
    if (w->passes == 1) {
        CU_ASSERT_PTR_NULL(w->api->result(w->host, 0));
        return;
    }
    for (uint64_t i = 0; i < 2; i++) {
        const struct rv_result *r = w->api->result(w->host, i);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r);
        CU_ASSERT_TRUE(r->size == sizeof *r && r->tag == i + 1 && RV_HAS(r, trailers));
        CU_ASSERT_EQUAL(rv_result_grpc_status(r), i == 0 ? 5 : -1);
    }
    CU_ASSERT_PTR_NULL(w->api->result(w->host, 2));
}

/* One at a time: no stride that two sides could see differently. */
static void results(void) {
    struct fixture *w = run(&plugin, ask_twice);
    for (uint64_t id = 1; id <= 2; id++) {
        struct msg m = script_result(id, 0);
        if (id == 1) m.result.r.trailers = from_json(w->arena, "{\"grpc-status\":\"5\"}");
        tell(w, m);
    }
    engine_tick(w->engine, now);
    CU_ASSERT_EQUAL(w->passes, 2);
    end(w);
}

/* ---- the descriptor ---------------------------------------------------------------------------------------------- */

static void descriptors(void) {
    static const size_t sizes[] = {offsetof(struct rv_plugin, map), offsetof(struct rv_plugin, kinds),
                                   offsetof(struct rv_plugin, validate), sizeof plugin, sizeof plugin + NEWER_BYTES};
    for (size_t i = 0; i < RV_ARRAY_LEN(sizes); i++) {
        struct rv_plugin *p = rv_alloc(sizes[i]);
        memset(p, CANARY, sizes[i]);
        memcpy(p, &plugin, sizes[i] < sizeof plugin ? sizes[i] : sizeof plugin);
        p->size = (uint32_t)sizes[i];
        end(run(p, NULL));
        free(p);
    }
}

/* ---- what a plugin says about an object that is not there yet ------------------------------------------------------
 */

static void validate(void *state, const struct rv_object *object, const struct rv_object *before,
                     struct rv_verdict *ret) {
    struct fixture *w = state;
    struct rv_action timer = {.size = sizeof timer, .verb = RV_VERB_TIMER};
    w->asked++;
    CU_ASSERT_TRUE(object->size == sizeof *object && object->kind == 0 && rv_str_is(object->name, "new"));
    CU_ASSERT_TRUE(ret->size == sizeof *ret && ret->refused == 0);
    CU_ASSERT_EQUAL(w->api->act(w->host, &timer), RV_E_INVALID); /* it only says what it thinks */
    CU_ASSERT_EQUAL(w->api->event(w->host, &event), RV_E_INVALID);
    CU_ASSERT_EQUAL(w->api->http(w->host, &http), RV_E_INVALID);
    struct rv_str mode = rv_path_str(object->value, "data.mode");
    ret->refused = rv_str_is(mode, "bad") || rv_str_is(mode, "silent");
    if (rv_str_is(mode, "bad")) ret->message = w->api->keep(w->host, RV_STR("data.mode is bad"));
    if (rv_val_present(before->value)) ret->warnings = w->api->keep(w->host, rv_path_str(before->value, "data.mode"));
    if (rv_str_is(mode, "long")) {
        rv_autobuf struct rv_buf b = {0};
        for (int i = 0; i < 20000; i++) rv_buf_adds(&b, "x");
        ret->refused = 1;
        ret->message = ret->warnings = w->api->keep(w->host, rv_buf_str(&b));
    }
}

static void ask(struct fixture *w, const char *pair) {
    struct rv_val v = from_json(w->arena, pair);
    tell(w, (struct msg){.type = MSG_VALIDATE,
                         .validate = {++w->verdicts, RV_STR("ns"), RV_STR("new"), RV_STR("")},
                         .payload = {v.p, v.n}});
    w->verdicts--;
}

static void verdicts(void) {
    static const struct {
        const char *pair, *message, *warnings;
        bool refused;
    } rows[] = {{"[{\"data\":{\"mode\":\"good\"}}]", "", "", false},
                {"[{\"data\":{\"mode\":\"bad\"}}]", "data.mode is bad", "", true},
                {"[{\"data\":{\"mode\":\"silent\"}}]", "the controller refuses it and gives no reason", "", true},
                {"[{\"data\":{\"mode\":\"good\"}},{\"data\":{\"mode\":\"was\"}}]", "", "was", false},
                {"[]", "", "", false}};
    struct rv_plugin p = plugin;
    p.validate = validate;
    struct fixture *w = begin(&p);
    CU_ASSERT_EQUAL(w->can, MSG_CAN_VALIDATE);
    tell(w, script_welcome(w->arena));
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) { /* before SNAP_END: as in an instance that stands by */
        ask(w, rows[i].pair);
        CHECK_ROW(w->verdicts == i + 1 && w->verdict.corr == i + 1, rows[i].pair);
        CHECK_ROW((w->verdict.refused == 1) == rows[i].refused, rows[i].pair);
        CHECK_ROW(rv_str_is(w->verdict.message, rows[i].message), rows[i].pair);
        CHECK_ROW(rv_str_is(w->verdict.warnings, rows[i].warnings), rows[i].pair);
    }
    ask(w, "[{\"data\":{\"mode\":\"long\"}}]");
    CU_ASSERT_TRUE(w->verdict.message.n == MSG_VERDICT_MESSAGE && w->verdict.warnings.n == MSG_VERDICT_WARNINGS);
    struct rv_action timer = {.size = sizeof timer, .verb = RV_VERB_TIMER};
    CU_ASSERT_EQUAL(w->api->act(w->host, &timer), 0); /* afterwards it may ask again */
    CU_ASSERT_TRUE(w->asked == 6 && w->passes == 0);
    end(w);
}

/* One that was built before there was such a question: nobody asks, and one who does is told that all is well. */
static void older_plugin_is_not_asked(void) {
    struct rv_plugin *p = rv_alloc(sizeof *p);
    memset(p, CANARY, sizeof *p);
    memcpy(p, &plugin, offsetof(struct rv_plugin, validate));
    p->size = offsetof(struct rv_plugin, validate);
    struct fixture *w = begin(p);
    CU_ASSERT_EQUAL(w->can, 0);
    tell(w, script_welcome(w->arena));
    ask(w, "[{\"data\":{\"mode\":\"bad\"}}]");
    CU_ASSERT_TRUE(w->verdicts == 1 && w->verdict.refused == 0 && w->asked == 0);
    end(w);
    free(p);
}

/* ---- kinds ---------------------------------------------------------------------------------------------------------
 */

static const char wire[] = "[{\"a\":\"v1\",\"r\":\"configmaps\",\"k\":\"ConfigMap\",\"f\":1,\"l\":\"\",\"n\":\"toy\"},"
                           "{\"a\":\"v1\",\"r\":\"pods\",\"k\":\"Pod\",\"f\":2,\"l\":\"\",\"n\":\"head\"}]";

static void kinds_that_fit_or_not(void) {
#define TOY                                                                                                            \
    { "toy", "v1", "configmaps", "ConfigMap" }
#define HEAD                                                                                                           \
    { "head", "v1", "pods", "Pod" }
    static const struct {
        const char *name, *says; /* NULL: they fit */
        struct rv_kind kinds[3];
        uint64_t n;
    } rows[] = {
        {"the same", NULL, {TOY, HEAD}, 2},
        {"another order", "kind 0 is head (v1 pods, Pod) in the library and toy (v1 configmaps", {HEAD, TOY}, 2},
        {"another name", "kind 1 is worker", {TOY, {"worker", "v1", "pods", "Pod"}}, 2},
        {"another version", "kind 1 is head (v2 pods", {TOY, {"head", "v2", "pods", "Pod"}}, 2},
        {"another resource", "kind 1 is head (v1 pets", {TOY, {"head", "v1", "pets", "Pod"}}, 2},
        {"another kind", "kind 1 is head (v1 pods, Pet)", {TOY, {"head", "v1", "pods", "Pet"}}, 2},
        {"one is missing", "the manifest lacks kind 2, head", {TOY, HEAD, HEAD}, 3},
        {"one too many", "does not know kind 1 of the manifest, head", {TOY}, 1},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_plugin p = plugin;
        p.kinds = rows[i].kinds;
        p.kind_n = rows[i].n;
        struct fixture *w = begin(&p);
        struct msg welcome = script_welcome(w->arena);
        welcome.welcome.kinds = from_json(w->arena, wire);
        tell(w, welcome);
        bool fits = rows[i].says == NULL;
        CHECK_ROW((engine_state(w->engine) == ENGINE_SYNCING) == fits && (w->api != NULL) == fits, rows[i].name);
        CHECK_ROW(w->failed.code == (fits ? 0 : RV_E_ABI), rows[i].name);
        CHECK_ROW(fits || strstr(w->failed.text, rows[i].says) != NULL, rows[i].name);
        CHECK_ROW(fits || strstr(w->failed.text, "build it anew") != NULL, rows[i].name);
        end(w);
    }
}

static const struct suite_test tests[] = {
    {"structs that are handed over", structs_that_are_handed_over},
    {"queries", queries},
    {"structs that are filled", structs_that_are_filled},
    {"results", results},
    {"descriptors", descriptors},
    {"verdicts", verdicts},
    {"an older plugin is not asked", older_plugin_is_not_asked},
    {"kinds that fit or not", kinds_that_fit_or_not},
};
SUITE_MAIN("abi", tests)
