/* test_engine.c - a plugin's life, scripted: messages and times in, messages out. No process, no clock. */
#include "plugins/host/engine.h"
#include "script.h"

#include <stdlib.h>

static const int64_t MS = 1000000;

struct sent {
    unsigned type;
    uint64_t id;
    uint32_t verb;
    struct msg_explain explain; /* without its texts */
    struct msg_ping ping;
    struct msg_pass pass; /* the same */
    char related[32];
    char text[128];
};

/* One plugin and its engine. The plugin's behaviour is the test's function. */
struct sim {
    struct rv_arena *arena;
    struct engine *engine;
    struct engine_time now;
    const struct rv_host_api *api;
    struct rv_host *host;
    void (*reconcile)(struct sim *s, const struct rv_key *key, struct rv_outcome *out);
    char passes[2048]; /* the keys' first letters, in order; capital: the object is not there */
    size_t passes_n;
    struct sent *sent;
    size_t sent_n, actions, finished, mapped, credit;
    struct flight *flight;
    int todo, settings_code;
    int32_t result_code;
    uint64_t result_tag, results;
    bool unreadable;
    bool old; /* a plugin built before results had trailers */
    int32_t grpc[2];
};
static struct sim *sim; /* the plugin ABI gives init nothing to find the test by */

static int32_t init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)err;
    sim->api = api;
    sim->host = h;
    *ret_state = sim;
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(api->time_zones(h), "version"), "2026b")); /* known from the beginning on */
    return 0;
}

static int32_t init_fails(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)init(api, h, ret_state, err);
    return rv_error_set(err, RV_E_CONFIG, "no such thing");
}

static void reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct sim *s = state;
    struct rv_object o = {.size = sizeof o};
    const struct rv_result *r;
    bool there = s->api->get(s->host, 0, key->ns, key->name, &o) == 0;
    for (s->results = 0; (r = s->api->result(s->host, s->results)) != NULL; s->results++)
        if (s->results == 0) s->result_code = r->code, s->result_tag = r->tag;
    if (s->passes_n + 1 < sizeof s->passes) s->passes[s->passes_n++] = (char)(key->name.p[0] - (there ? 0 : 32));
    if (s->reconcile != NULL) s->reconcile(s, key, out);
}

static int32_t settings_changed(void *state, struct rv_error *err) {
    struct sim *s = state;
    if (s->settings_code != 0) return rv_error_set(err, s->settings_code, "not these");
    return 0;
}

/* Notes whom it was asked about, and what would be said of it if it died now. */
static void map(void *state, const struct rv_object *o, int32_t deleted) {
    struct sim *s = state;
    struct flight_record f;
    (void)deleted;
    flight_read(s->flight, &f);
    s->mapped++;
    CU_ASSERT_TRUE(f.call == FLIGHT_MAP && f.kind == o->kind && o->kind == 1);
    CU_ASSERT_TRUE(rv_str_is(o->name, f.name) && rv_str_is(o->uid, f.uid));
    s->api->requeue(s->host, &(struct rv_key){RV_STR("ns"), RV_STR("a")}, 0);
}

static void fini(void *state) { ((struct sim *)state)->finished++; }

/* Whatever an engine says must be readable on the other side. */
static void on_send(void *arg, struct msg *m) {
    struct sim *s = arg;
    rv_autobuf struct rv_buf header = {0}, body = {0};
    struct msg again;
    m->seq = s->sent_n + 1;
    msg_encode(m, &header, &body);
    if (msg_decode(rv_buf_bytes(&header), rv_buf_bytes(&body), m->payload, true, &again, NULL) != 0)
        s->unreadable = true;
    s->sent = rv_realloc_array(s->sent, s->sent_n + 1, sizeof *s->sent);
    struct sent *out = &s->sent[s->sent_n++];
    *out = (struct sent){.type = m->type};
    struct rv_str text = {NULL, 0};
    if (m->type == MSG_ACTION) out->id = m->action.id, out->verb = m->action.a.verb, s->actions++;
    if (m->type == MSG_EXPLANATION) out->explain = m->explain, text = m->explain.lines;
    if (m->type == MSG_CREDIT) s->credit += m->credit.bytes;
    if (m->type == MSG_PONG) out->ping = m->ping;
    if (m->type == MSG_PASS) {
        out->pass = m->pass, text = m->pass.said;
        snprintf(out->related, sizeof out->related, RV_STR_FMT, RV_STR_ARG(m->pass.name));
    }
    if (m->type == MSG_LOG) text = m->log.message;
    if (m->type == MSG_FAILED || m->type == MSG_ADOPTED) text = m->text.text;
    snprintf(out->text, sizeof out->text, RV_STR_FMT, RV_STR_ARG(text));
}

static struct sim *begin(const struct rv_plugin *base) {
    struct rv_plugin p = base != NULL ? *base
                                      : (struct rv_plugin){.size = sizeof p,
                                                           .magic = RV_ABI_MAGIC,
                                                           .abi_major = RV_ABI_MAJOR,
                                                           .name = "test",
                                                           .version = "1",
                                                           .init = init,
                                                           .reconcile = reconcile,
                                                           .map = map,
                                                           .settings_changed = settings_changed,
                                                           .fini = fini};
    sim = rv_alloc(sizeof *sim);
    sim->arena = rv_arena_new();
    sim->now = (struct engine_time){1000 * MS, 5000 * MS};
    rv_autoclose int page = flight_create(NULL);
    sim->flight = flight_map(page, NULL);
    sim->engine = engine_new(&(struct engine_opts){.plugin = &p, .flight = sim->flight, .send = on_send, .arg = sim});
    engine_start(sim->engine, sim->now, (struct rv_bytes){script_seed, 32}, 1);
    return sim;
}

static void end(struct sim *s) {
    CU_ASSERT_FALSE(s->unreadable);
    engine_free(s->engine);
    flight_unmap(s->flight);
    rv_arena_free(s->arena);
    free(s->sent);
    free(s);
}

static int tell(struct sim *s, struct msg m) { return engine_message(s->engine, s->now, &m, NULL); }

static void tick(struct sim *s) {
    for (int i = 0; i < 100 && engine_deadline(s->engine) <= s->now.mono; i++) engine_tick(s->engine, s->now);
}

static size_t count(const struct sim *s, unsigned type) {
    size_t n = 0;
    for (size_t i = 0; i < s->sent_n; i++) n += s->sent[i].type == type;
    return n;
}

static const struct sent *last(const struct sim *s, unsigned type) {
    for (size_t i = s->sent_n; i-- > 0;)
        if (s->sent[i].type == type) return &s->sent[i];
    static const struct sent none;
    return &none;
}

/* Ready, with these primary objects (one letter each). */
static struct sim *ready(const char *names, void (*fn)(struct sim *, const struct rv_key *, struct rv_outcome *)) {
    struct sim *s = begin(NULL);
    s->reconcile = fn;
    tell(s, script_welcome(s->arena));
    tell(s, script_snap(MSG_SNAP_BEGIN, 1));
    for (; *names != 0; names++) tell(s, script_object(s->arena, 0, (const char[]){*names, 0}, "", 1));
    tell(s, script_snap(MSG_SNAP_END, 1));
    return s;
}

static void snapshot_then_passes(void) {
    struct sim *s = begin(NULL);
    CU_ASSERT_EQUAL(s->sent[0].type, MSG_HELLO);
    tell(s, script_welcome(s->arena));
    tell(s, script_snap(MSG_SNAP_BEGIN, 1));
    tell(s, script_object(s->arena, 0, "a", "", 1));
    tell(s, script_object(s->arena, 1, "child", "a", 2));
    tell(s, script_object(s->arena, 1, "stray", "b", 3)); /* its owner is not there: reconciled all the same */
    engine_tick(s->engine, s->now);
    CU_ASSERT_STRING_EQUAL(s->passes, ""); /* nothing before everything is known */
    CU_ASSERT_EQUAL(engine_deadline(s->engine), INT64_MAX);
    tell(s, script_snap(MSG_SNAP_END, 3));
    CU_ASSERT_EQUAL(count(s, MSG_SYNCED), 1);
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "aB");
    tell(s, script_object(s->arena, 0, "c", "", 4));
    tell(s, script_object(s->arena, 1, "child", "a", 5));
    tell(s, script_object(s->arena, 1, "child", "a", 6));
    tell(s, script_deleted(s->arena, 0, "c", 7));
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "aBCa"); /* each key once, in its newest state */
    tell(s, script_snap(MSG_SNAP_BEGIN, 8));   /* a resync without "a" */
    tell(s, script_snap(MSG_SNAP_END, 8));
    tick(s);
    CU_ASSERT_EQUAL(strncmp(s->passes, "aBCaA", 5), 0);
    CU_ASSERT_EQUAL(count(s, MSG_SYNCED), 1);
    end(s);
}

static int32_t ask(struct sim *s, uint32_t flags, uint64_t tag) {
    struct rv_action a = {.size = sizeof a, .verb = RV_VERB_TIMER, .flags = flags, .tag = tag};
    return s->api->act(s->host, &a);
}

static void ask_todo(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)key;
    (void)out;
    for (; s->todo > 0; s->todo--) ask(s, 0, (uint64_t)s->todo + 40);
}

static void results(void) {
    struct sim *s = ready("", ask_todo);
    s->todo = 2;
    tell(s, script_object(s->arena, 0, "a", "", 2));
    tick(s);
    CU_ASSERT_TRUE(s->actions == 2 && s->passes_n == 1);
    tell(s, script_object(s->arena, 0, "a", "x", 3)); /* a change meanwhile does not start a second pass */
    tell(s, script_result(1, RV_E_CONFLICT));
    tell(s, script_result(1, 0));  /* answered twice: once counts */
    tell(s, script_result(99, 0)); /* never asked */
    tick(s);
    CU_ASSERT_EQUAL(s->passes_n, 1);
    tell(s, script_result(2, 0));
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 2 && s->results == 2 && s->result_code == RV_E_CONFLICT && s->result_tag == 42);
    CU_ASSERT_EQUAL(engine_deadline(s->engine), INT64_MAX);
    end(s);
}

static void ask_detached(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)key;
    (void)out;
    ask(s, RV_ACTION_DETACHED, 1);
}

static void detached(void) {
    struct sim *s = ready("a", ask_detached);
    tick(s);
    tell(s, script_result(1, RV_E_DENIED));
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 1 && s->actions == 1);
    end(s);
}

/* No more than the limit (4 of these) at a time; the rest goes out in order as room comes. */
static void in_flight_limit(void) {
    struct sim *s = ready("", ask_todo);
    s->todo = 10;
    tell(s, script_object(s->arena, 0, "a", "", 2));
    tick(s);
    CU_ASSERT_EQUAL(s->actions, 4);
    for (uint64_t id = 1; id <= 10; id++) {
        CU_ASSERT_EQUAL(last(s, MSG_ACTION)->id, id + 3 < 10 ? id + 3 : 10);
        tell(s, script_result(id, 0));
    }
    tick(s);
    CU_ASSERT_TRUE(s->actions == 10 && s->passes_n == 2 && s->results == 10);
    end(s);
}

static void ask_todo_for_a(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    struct rv_action a = {.size = sizeof a,
                          .verb = RV_VERB_GET,
                          .api_version = RV_STR("v1"),
                          .resource = RV_STR("configmaps"),
                          .ns = RV_STR("ns"),
                          .name = RV_STR("x")};
    if (rv_str_is(key->name, "a"))
        ask_todo(s, key, out);
    else
        for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(s->api->act(s->host, &a), 0);
}

/* However many wait for what may never answer: the API server is asked at once, in places of its own (2). */
static void heads_that_hang(void) {
    struct sim *s = ready("", ask_todo_for_a);
    s->todo = 10;
    tell(s, script_object(s->arena, 0, "a", "", 2));
    tick(s);
    CU_ASSERT_EQUAL(s->actions, 4);
    tell(s, script_object(s->arena, 0, "b", "", 3));
    tick(s);
    CU_ASSERT_TRUE(s->actions == 6 && last(s, MSG_ACTION)->id == 6 && last(s, MSG_ACTION)->verb == RV_VERB_GET);
    tell(s, script_result(1, RV_E_TIMEOUT)); /* ids ascend in the order in which they are sent */
    CU_ASSERT_TRUE(s->actions == 7 && last(s, MSG_ACTION)->id == 7 && last(s, MSG_ACTION)->verb == RV_VERB_TIMER);
    tell(s, script_result(5, 0));
    CU_ASSERT_TRUE(s->actions == 8 && last(s, MSG_ACTION)->id == 8 && last(s, MSG_ACTION)->verb == RV_VERB_GET);
    for (uint64_t id = 2; id <= 13; id++) tell(s, script_result(id, 0));
    tick(s);
    CU_ASSERT_TRUE(s->actions == 15 &&
                   s->passes_n == 4); /* "a" goes on with ten results, "b" asks for three more, of which two go */
    end(s);
}

static void say_todo(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)key;
    out->code = s->todo;
    out->after_ms = s->todo == RV_AFTER ? s->settings_code : 0;
}

static void outcomes(void) {
    struct sim *s = ready("a", say_todo);
    s->todo = RV_RETRY;
    tick(s);
    int64_t previous = 0;
    for (int i = 0; i < 12; i++) { /* each wait longer than the one before */
        int64_t wait = engine_deadline(s->engine) - s->now.mono;
        CU_ASSERT_TRUE(wait > previous && wait <= (5 << i) * MS);
        previous = wait;
        s->now.mono += wait;
        tick(s);
    }
    tell(s, script_object(s->arena, 0, "a", "x", 2)); /* a change does not wait */
    CU_ASSERT_EQUAL(engine_deadline(s->engine), 0);
    s->todo = RV_DONE;
    tick(s);
    CU_ASSERT_EQUAL(engine_deadline(s->engine), INT64_MAX);
    s->todo = 77; /* anything else counts as a failure, and failures start at the beginning again */
    tell(s, script_object(s->arena, 0, "a", "y", 3));
    tick(s);
    CU_ASSERT_TRUE(engine_deadline(s->engine) - s->now.mono <= 5 * MS);
    s->todo = RV_AFTER;
    s->settings_code = 500;
    s->now.mono = engine_deadline(s->engine);
    tick(s);
    CU_ASSERT_EQUAL(engine_deadline(s->engine), s->now.mono + 500 * MS);
    s->todo = RV_TERMINAL;
    s->now.mono += 500 * MS;
    tick(s);
    CU_ASSERT_EQUAL(engine_deadline(s->engine), INT64_MAX);
    end(s);
}

static void say_forever(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)s;
    (void)key;
    out->code = RV_AFTER;
    out->after_ms = INT64_MAX;
}

static void ask_always(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)key;
    (void)out;
    ask(s, 0, 1);
}

static void no_hot_loop(void) {
    struct sim *s = ready("a", ask_always);
    int rounds = 0;
    for (uint64_t id = 1; rounds < 5000; rounds++, id++) {
        tick(s);
        if (last(s, MSG_ACTION)->id != id) break;
        tell(s, script_result(id, 0));
    }
    CU_ASSERT_EQUAL(rounds, 1001);
    int64_t wait = engine_deadline(s->engine) - s->now.mono;
    CU_ASSERT_TRUE(wait > 500 * MS && wait < 5000 * MS);
    CU_ASSERT_PTR_NOT_NULL(strstr(last(s, MSG_LOG)->text, "1000 passes"));
    CU_ASSERT_EQUAL(count(s, MSG_LOG), 1); /* said once */
    s->now.mono += wait;
    tick(s);
    CU_ASSERT_TRUE(s->results == 1 && s->actions == 1002); /* it goes on, and its results were kept */
    end(s);
    s = ready("a", say_forever);
    tick(s);
    CU_ASSERT_TRUE(engine_deadline(s->engine) > s->now.mono && engine_deadline(s->engine) < INT64_MAX);
    end(s);
}

static struct msg key_message(unsigned type, const char *name, int32_t on) {
    return (struct msg){.type = type, .explain = {.corr = 9, .key = {RV_STR("ns"), rv_str(name)}, .on = on}};
}

static void explain_line(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)out;
    (void)key;
    s->api->explain(s->host, RV_STR("first\nline"));
    s->api->explain(s->host, RV_STR("second"));
}

static void quarantine_and_explain(void) {
    struct sim *s = ready("ab", explain_line);
    tell(s, key_message(MSG_QUARANTINE, "a", 1));
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "b");
    tell(s, key_message(MSG_EXPLAIN, "b", 0));
    CU_ASSERT_STRING_EQUAL(last(s, MSG_EXPLANATION)->text, "first line\nsecond");
    CU_ASSERT_TRUE(last(s, MSG_EXPLANATION)->explain.state == MSG_KEY_IDLE &&
                   last(s, MSG_EXPLANATION)->explain.corr == 9);
    CU_ASSERT_EQUAL(last(s, MSG_EXPLANATION)->explain.decided, s->now.wall);
    tell(s, key_message(MSG_EXPLAIN, "a", 0));
    CU_ASSERT_EQUAL(last(s, MSG_EXPLANATION)->explain.state, MSG_KEY_QUARANTINED);
    tell(s, key_message(MSG_EXPLAIN, "nobody", 0));
    CU_ASSERT_EQUAL(last(s, MSG_EXPLANATION)->explain.state, MSG_KEY_UNKNOWN);
    tell(s, script_object(s->arena, 0, "a", "x", 2));
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "b");
    tell(s, key_message(MSG_QUARANTINE, "a", 0));
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "ba");
    tell(s, (struct msg){.type = MSG_PING, .ping = {.t = 3}});
    CU_ASSERT_TRUE(last(s, MSG_PONG)->ping.t == 3 && last(s, MSG_PONG)->ping.objects == 2);
    end(s);
}

static void credit(void) {
    struct sim *s = ready("", NULL);
    for (uint64_t i = 0; i < 640; i++) tell(s, script_object(s->arena, 0, "a", "", i + 2));
    CU_ASSERT_EQUAL(count(s, MSG_CREDIT), 20); /* half of the 64 at a time */
    end(s);
}

static void tell_body(struct sim *s, uint64_t id, struct rv_bytes body) {
    struct msg m = script_result(id, 0);
    m.payload = m.result.r.body = body;
    tell(s, m);
}

/* The body of a result is given back when a pass has taken it. Where the key waits for more results, it is given back
 * when no key can run, for these may wait for this credit. */
static void credit_for_results(void) {
    struct sim *s = ready("", ask_todo);
    struct rv_bytes body = {rv_arena_alloc(s->arena, 700 << 10), 700 << 10};
    s->todo = 1;
    tell(s, script_object(s->arena, 0, "a", "", 2));
    tick(s);
    tell_body(s, 1, body);
    CU_ASSERT_EQUAL(s->credit, 0);
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 2 && s->results == 1 && s->credit >= body.n);
    size_t before = s->credit;
    s->todo = 3;
    tell(s, script_object(s->arena, 0, "a", "x", 3));
    s->now.mono += 1000 * MS;
    tick(s);
    CU_ASSERT_EQUAL(s->passes_n, 3);
    tell_body(s, 2, body);
    CU_ASSERT_EQUAL(s->credit, before);
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 3 && (s->credit - before) / body.n == 1);
    CU_ASSERT_EQUAL(engine_deadline(s->engine), INT64_MAX); /* not a hot loop */
    tell_body(s, 3, body);
    tell_body(s, 4, body);
    CU_ASSERT_EQUAL((s->credit - before) / body.n, 1);
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 4 && s->results == 3 && (s->credit - before) / body.n == 3);
    tell_body(s, 4, body); /* answered already: nobody will take it */
    tick(s);
    CU_ASSERT_EQUAL((s->credit - before) / body.n, 4);
    end(s);
}

static void draining(void) {
    struct sim *s = ready("", ask_todo);
    s->todo = 1;
    tell(s, script_object(s->arena, 0, "a", "", 2));
    tick(s);
    tell(s, (struct msg){.type = MSG_DRAIN});
    tell(s, script_object(s->arena, 0, "b", "", 3));
    tick(s);
    CU_ASSERT_TRUE(count(s, MSG_DRAINED) == 0 && s->passes_n == 1); /* one action is still out; nothing new starts */
    tell(s, script_result(1, 0));
    CU_ASSERT_TRUE(count(s, MSG_DRAINED) == 1 && s->finished == 1 && engine_state(s->engine) == ENGINE_DRAINED);
    end(s);
}

static void failures(void) {
    struct sim *s = begin(&(struct rv_plugin){.size = offsetof(struct rv_plugin, map),
                                              .magic = RV_ABI_MAGIC,
                                              .abi_major = RV_ABI_MAJOR,
                                              .name = "t",
                                              .version = "1",
                                              .init = init_fails,
                                              .reconcile = reconcile});
    CU_ASSERT_EQUAL(tell(s, (struct msg){.type = 99}), 0);
    CU_ASSERT_EQUAL(tell(s, script_snap(MSG_SNAP_BEGIN, 1)), RV_E_PROTOCOL);
    tell(s, script_welcome(s->arena));
    CU_ASSERT_TRUE(engine_state(s->engine) == ENGINE_FAILED && engine_failure(s->engine)->code == RV_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(last(s, MSG_FAILED)->text, "no such thing");
    end(s);
    s = ready("a", NULL);
    struct msg settings = {.type = MSG_SETTINGS, .settings.settings = from_json(s->arena, "{\"n\":1}")};
    tell(s, settings);
    CU_ASSERT_EQUAL(rv_path_int(s->api->settings(s->host), "n", 0), 1);
    s->settings_code = RV_E_CONFIG;
    settings.settings.settings = from_json(s->arena, "{\"n\":2}");
    tell(s, settings);
    CU_ASSERT_EQUAL(rv_path_int(s->api->settings(s->host), "n", 0), 1); /* refused: the old ones stay */
    CU_ASSERT_STRING_EQUAL(last(s, MSG_ADOPTED)->text, "not these");
    CU_ASSERT_EQUAL(tell(s, script_welcome(s->arena)), RV_E_PROTOCOL);
    CU_ASSERT_EQUAL(tell(s, script_object(s->arena, 3, "a", "", 9)), RV_E_PROTOCOL);
    end(s);
}

/* Requests that make no sense are refused where they are made; texts that do not fit are cut, never sent broken. */
static void hostile_plugin(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    char text[6000];
    for (size_t i = 0; i < sizeof text; i += 2) text[i] = (char)0xc3, text[i + 1] = (char)0xa9;
    struct rv_str odd = {text + 1, sizeof text - 2}, bad = RV_STR("\xff"), lng = {text, sizeof text};
    const struct rv_action actions[] = {
        {.size = sizeof(struct rv_action), .verb = 0},
        {.size = sizeof(struct rv_action), .verb = RV_VERB_EVENT},
        {.size = 4, .verb = RV_VERB_TIMER},
        {.size = sizeof(struct rv_action), .verb = RV_VERB_TIMER, .delay_ms = -1},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_GET,
         .api_version = RV_STR("v1"),
         .resource = RV_STR("pods")},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_GET,
         .api_version = RV_STR("v1"),
         .resource = bad,
         .name = RV_STR("n")},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_GET,
         .api_version = RV_STR("v1"),
         .resource = RV_STR("pods"),
         .name = lng},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_CREATE,
         .api_version = RV_STR("v1"),
         .resource = RV_STR("pods")},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_DELETE_COLLECTION,
         .api_version = RV_STR("v1"),
         .resource = RV_STR("pods")},
        {.size = sizeof(struct rv_action),
         .verb = RV_VERB_CREATE,
         .api_version = RV_STR("v1"),
         .resource = RV_STR("pods"),
         .body = {(const uint8_t *)"\xc1", 1}},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(actions); i++) CU_ASSERT_EQUAL(s->api->act(s->host, &actions[i]), RV_E_INVALID);
    CU_ASSERT_EQUAL(s->api->act(s->host, NULL), RV_E_INVALID);
    struct rv_field fields[] = {{RV_STR("k"), lng}, {bad, bad}, {RV_STR("k"), odd}};
    s->api->log(s->host, 99, (struct rv_str){text, 4097}, fields, 3);
    s->api->log(s->host, -5, odd, NULL, 0);
    for (int i = 0; i < 50; i++) s->api->explain(s->host, lng);
    s->api->metric(s->host, bad, 0, 1, NULL, 0);
    s->api->metric(s->host, RV_STR("good"), 0, 1, fields, 3);
    s->api->requeue(s->host, &(struct rv_key){bad, bad}, 0);
    s->api->requeue(s->host, key, INT64_MAX);
    struct rv_event e = {
        .size = sizeof e, .reason = RV_STR("R"), .kind = RV_STR("Pod"), .name = RV_STR("n"), .note = lng};
    CU_ASSERT_EQUAL(s->api->event(s->host, &e), 0);
    e.reason = bad;
    CU_ASSERT_EQUAL(s->api->event(s->host, &e), RV_E_INVALID);
    struct rv_http_request h = {.size = sizeof h, .method = RV_STR("GET"), .url = bad};
    CU_ASSERT_EQUAL(s->api->http(s->host, &h), RV_E_INVALID);
    out->code = RV_TERMINAL;
    out->message = s->api->keep(s->host, (struct rv_str){text, 1025});
}

static void hostile_requests(void) {
    struct sim *s = ready("a", hostile_plugin);
    tick(s);
    CU_ASSERT_EQUAL(s->actions, 1); /* the one good event */
    tell(s, key_message(MSG_EXPLAIN, "a", 0));
    CU_ASSERT_EQUAL(count(s, MSG_METRIC), 1);
    end(s);
}

/* News of an object's parts: at once while there is little, gathered when there is much; its own at once always. */
static void parts_gathered(void) {
    struct sim *s = ready("ab", NULL);
    uint64_t rev = 2;
    tick(s);
    CU_ASSERT_STRING_EQUAL(s->passes, "ab");
    s->now.mono += 1000 * MS;
    for (int i = 0; i < 400; i++) { /* one every five milliseconds, for two seconds */
        s->now.mono += 5 * MS;
        tell(s, script_object(s->arena, 1, "child", "a", rev++));
        tick(s);
    }
    size_t much = s->passes_n - 2;
    CU_ASSERT_TRUE(much > 64 && much < 200);
    s->now.mono += MS; /* what was put off is not forgotten, */
    tell(s, script_object(s->arena, 1, "child", "a", rev++));
    tick(s);
    size_t before = s->passes_n;
    s->now.mono += 300 * MS;
    tick(s);
    CU_ASSERT_EQUAL(s->passes_n, before + 1);
    tell(s, script_object(s->arena, 0, "a", "", rev++)); /* and the object itself does not wait */
    tick(s);
    CU_ASSERT_EQUAL(s->passes_n, before + 2);
    end(s);
}

/* An object on which map() died is not shown to it until it is released; then it is, as it is now. */
static void kept_from_map(void) {
    struct sim *s = begin(NULL);
    struct msg welcome = script_welcome(s->arena);
    welcome.welcome.kinds = from_json(s->arena, "[{\"a\":\"v1\",\"r\":\"x\",\"k\":\"X\",\"f\":1,\"l\":\"\"},"
                                                "{\"a\":\"v1\",\"r\":\"y\",\"k\":\"Y\",\"f\":8,\"l\":\"\"}]");
    tell(s, welcome);
    struct msg off = key_message(MSG_QUARANTINE, "bad", 1), on = key_message(MSG_QUARANTINE, "bad", 0);
    off.explain.kind = on.explain.kind = 1;
    tell(s, script_snap(MSG_SNAP_BEGIN, 1));
    tell(s, off);
    tell(s, off);
    tell(s, script_object(s->arena, 0, "a", "", 1));
    tell(s, script_object(s->arena, 1, "bad", "a", 1));
    tell(s, script_snap(MSG_SNAP_END, 1));
    tick(s);
    CU_ASSERT_TRUE(s->mapped == 0 && s->passes_n == 1);
    tell(s, script_object(s->arena, 1, "good", "a", 2));
    tell(s, script_object(s->arena, 1, "bad", "a", 3));
    tick(s);
    CU_ASSERT_TRUE(s->mapped == 1 && s->passes_n == 2);
    tell(s, on);
    tick(s);
    CU_ASSERT_TRUE(s->mapped == 2 && s->passes_n == 3);
    tell(s, on);
    tell(s, script_object(s->arena, 1, "bad", "a", 4));
    CU_ASSERT_EQUAL(s->mapped, 4); /* its old state too: it may have named another */
    off.explain.kind = 2;
    CU_ASSERT_EQUAL(tell(s, off), RV_E_PROTOCOL);
    end(s);
}

static void say_mode(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    struct rv_object o = {.size = sizeof o};
    if (s->api->get(s->host, 0, key->ns, key->name, &o) == 0)
        s->api->explain(s->host, rv_path_str(o.value, "data.mode"));
    for (; s->todo > 0; s->todo--) ask(s, 0, 1);
    if (s->settings_code != 0) *out = (struct rv_outcome){sizeof *out, s->settings_code, 700, RV_STR("no luck")};
}

static bool told(const struct sim *s, uint32_t cause, uint32_t actions, const char *said) {
    const struct sent *p = last(s, MSG_PASS);
    bool right = p->pass.cause == cause && p->pass.actions == actions && strcmp(p->text, said) == 0;
    if (!right) printf("\n    cause %u, %u actions, \"%s\"", p->pass.cause, p->pass.actions, p->text);
    return right;
}

/* The supervisor hears why each pass ran, and what came of it; of passes that decide nothing only how many there were.
 */
static void passes_are_told(void) {
    struct sim *s = ready("a", say_mode);
    tick(s);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_START, 0, ""));
    s->now.mono += 1000 * MS;
    tell(s, script_object(s->arena, 0, "a", "x", 2));
    s->now.mono += 3 * MS;
    s->todo = 2;
    tick(s);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_CHANGED, 2, "x") && last(s, MSG_PASS)->pass.waited_us == 3000);
    size_t before = count(s, MSG_PASS);
    tell(s, script_result(1, 0));
    tell(s, script_result(2, 0));
    tick(s);
    s->now.mono += 1000 * MS;
    tell(s, script_object(s->arena, 1, "child", "a", 3));
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 4 && count(s, MSG_PASS) == before); /* nothing new */
    s->now.mono += 1000 * MS;
    tell(s, script_object(s->arena, 1, "second", "a", 4));
    tell(s, script_deleted(s->arena, 1, "child", 5));
    tell(s, script_object(s->arena, 0, "a", "y", 6));
    s->settings_code = RV_AFTER;
    tick(s);
    const struct sent *p = last(s, MSG_PASS);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_RELATED | MSG_CAUSE_CHANGED, 0, "y"));
    CU_ASSERT_STRING_EQUAL(p->related, "second");
    CU_ASSERT_TRUE(p->pass.changes == 2 && p->pass.kind == 1 && p->pass.quiet == 2 && p->pass.next_ms == 700);
    s->now.mono += 701 * MS;
    s->todo = 1;
    s->settings_code = 0;
    tick(s);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_PLANNED, 1, "") && last(s, MSG_PASS)->pass.waited_us == 1000);
    tell(s, script_result(3, 0));
    s->settings_code = RV_RETRY;
    tick(s);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_RESULTS, 0, "y\nfailed, and is tried again: no luck"));
    s->now.mono += 1000 * MS;
    tick(s);
    CU_ASSERT_TRUE(told(s, MSG_CAUSE_BACKOFF, 0, "")); /* each failure, although the words are the same */
    s->settings_code = 0;
    tell(s, script_deleted(s->arena, 1, "second", 7));
    s->now.mono += 1000 * MS;
    tick(s);
    CU_ASSERT_TRUE((last(s, MSG_PASS)->pass.cause & (MSG_CAUSE_RELATED | MSG_CAUSE_GONE)) ==
                   (MSG_CAUSE_RELATED | MSG_CAUSE_GONE));
    end(s);
}

static void ask_two_and_come_again(struct sim *s, const struct rv_key *key, struct rv_outcome *out) {
    (void)key;
    ask(s, 0, 1);
    if (s->todo-- > 0) ask(s, 0, 2);
    out->code = s->settings_code != 0 ? RV_AFTER : RV_DONE;
    out->after_ms = 1500;
}

static int64_t until_next(const struct sim *s) { return (engine_deadline(s->engine) - s->now.mono) / MS; }

static int64_t began(struct sim *s) {
    tell(s, (struct msg){.type = MSG_EXPLAIN, .explain = {.corr = 1, .key = {RV_STR("ns"), RV_STR("a")}}});
    return last(s, MSG_EXPLANATION)->explain.began;
}

/* A twin withholds an action: the plugin does not hear of it, and the next pass comes after a pause, or with a change.
 */
static void withheld(void) {
    struct sim *s = ready("a", ask_two_and_come_again);
    s->todo = 1;
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 1 && s->actions == 2);
    int64_t first = began(s);
    tell(s, script_result(1, MSG_WITHHELD));
    s->now.mono += 5 * MS;
    tell(s, script_result(2, 0)); /* the other result is told at once, in the same round */
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 2 && s->results == 1 && s->result_code == 0 && s->result_tag == 2);
    CU_ASSERT_EQUAL(began(s), first);
    tell(s, script_result(3, MSG_WITHHELD));
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 2 && until_next(s) >= 1600 && until_next(s) <= 2000);
    CU_ASSERT_EQUAL(last(s, MSG_EXPLANATION)->explain.retries, 0);
    s->now.mono += 2000 * MS;
    tick(s);
    CU_ASSERT_TRUE(s->passes_n == 3 && s->results == 0 && began(s) > first);
    tell(s, script_result(4, MSG_WITHHELD));
    CU_ASSERT_TRUE(until_next(s) >= 3200 && until_next(s) <= 4000); /* ever more rarely */
    tell(s, script_object(s->arena, 0, "a", "x", 2));
    tick(s);
    CU_ASSERT_EQUAL(s->passes_n, 4); /* a change is seen at once */
    s->settings_code = 1;
    tell(s, script_object(s->arena, 0, "a", "y", 3));
    tell(s, script_result(5, MSG_WITHHELD));
    tick(s); /* it changed meanwhile */
    CU_ASSERT_EQUAL(s->passes_n, 5);
    tell(s, script_result(6, MSG_WITHHELD));
    CU_ASSERT_TRUE(until_next(s) <= 1500); /* the time that the plugin asked for */
    end(s);
}

/* Its supervisor changed its mind before it said WELCOME. */
static void stopped_before_it_was_welcome(void) {
    struct sim *s = begin(NULL);
    CU_ASSERT_EQUAL(tell(s, (struct msg){.type = MSG_DRAIN}), 0);
    CU_ASSERT_TRUE(count(s, MSG_DRAINED) == 1 && engine_state(s->engine) == ENGINE_DRAINED && s->finished == 0);
    end(s);
}

static const struct suite_test tests[] = {
    {"snapshot, then passes", snapshot_then_passes},
    {"results", results},
    {"detached", detached},
    {"limit of actions in flight", in_flight_limit},
    {"heads that hang hold up no write", heads_that_hang},
    {"outcomes", outcomes},
    {"no hot loop", no_hot_loop},
    {"quarantine and explain", quarantine_and_explain},
    {"kept from map", kept_from_map},
    {"passes are told", passes_are_told},
    {"news of parts are gathered", parts_gathered},
    {"credit", credit},
    {"credit for results", credit_for_results},
    {"draining", draining},
    {"withheld", withheld},
    {"stopped before it was welcome", stopped_before_it_was_welcome},
    {"failures", failures},
    {"hostile requests", hostile_requests},
};
SUITE_MAIN("engine", tests)
