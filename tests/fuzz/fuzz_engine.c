/* fuzz_engine.c - an engine under a supervisor that says anything in any order. Each three bytes are one step: what,
 * about which object, and a number. Whatever comes, the engine keeps to its side: it sends only readable messages, no
 * action id twice and no more actions of either sort at a time than allowed, and never runs when it has nothing to do.
 */
#include "plugins/host/engine.h"

#include "fuzz_plugin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IN_FLIGHT = 3, SETTLE_TICKS = 10000 };

struct fixture {
    struct engine *engine;
    struct engine_time now;
    uint64_t seq, last_id, rev;
    uint64_t open[2]; /* bit n: the nth newest action has no result; [1]: of those that wait for others than the API
                         server */
};

static void on_send(void *arg, struct msg *m) {
    struct fixture *w = arg;
    rv_autobuf struct rv_buf header = {0}, body = {0};
    struct msg again;
    m->seq = ++w->seq;
    msg_encode(m, &header, &body);
    if (msg_decode(rv_buf_bytes(&header), rv_buf_bytes(&body), m->payload, true, &again, NULL) != 0) abort();
    if (m->type != MSG_ACTION) return;
    if (m->action.id != w->last_id + 1) abort(); /* new ids, in order */
    w->last_id = m->action.id;
    bool waits = msg_verb_waits(m->action.a.verb);
    w->open[0] = w->open[0] << 1 | !waits;
    w->open[1] = w->open[1] << 1 | waits;
    if (__builtin_popcountll(w->open[waits]) > IN_FLIGHT) abort();
}

static struct rv_val kinds(struct rv_buf *b) {
    static const uint32_t flags[] = {MSG_KIND_PRIMARY, MSG_KIND_MAP_OWNER | MSG_KIND_MAP_LABEL, MSG_KIND_MAP_PLUGIN};
    rv_mp_array(b, RV_ARRAY_LEN(flags));
    for (size_t i = 0; i < RV_ARRAY_LEN(flags); i++) {
        rv_mp_map(b, 4);
        rv_mp_cstr(b, "r");
        rv_mp_cstr(b, "pods");
        rv_mp_cstr(b, "k");
        rv_mp_cstr(b, "Pod");
        rv_mp_cstr(b, "f");
        rv_mp_uint(b, flags[i]);
        rv_mp_cstr(b, "l");
        rv_mp_cstr(b, "app");
    }
    return (struct rv_val){b->p, b->n};
}

/* {"metadata":{"labels":{"app":name},"ownerReferences":[{"kind":"Pod","name":name,"uid":name,"controller":true}]}} */
static void object_value(struct rv_buf *b, struct rv_str owner) {
    rv_mp_map(b, 1);
    rv_mp_cstr(b, "metadata");
    rv_mp_map(b, 2);
    rv_mp_cstr(b, "labels");
    rv_mp_map(b, 1);
    rv_mp_cstr(b, "app");
    rv_mp_str(b, owner);
    rv_mp_cstr(b, "ownerReferences");
    rv_mp_array(b, 1);
    rv_mp_map(b, 4);
    rv_mp_cstr(b, "kind");
    rv_mp_cstr(b, "Pod");
    rv_mp_cstr(b, "name");
    rv_mp_str(b, owner);
    rv_mp_cstr(b, "uid");
    rv_mp_str(b, owner);
    rv_mp_cstr(b, "controller");
    rv_mp_bool(b, true);
}

static void answer(struct fixture *w, uint64_t back, struct msg *m) {
    uint64_t bit = back % 8;
    if (w->last_id <= bit) return;
    for (size_t i = 0; i < RV_ARRAY_LEN(w->open); i++) w->open[i] &= ~(UINT64_C(1) << bit);
    m->result.id = w->last_id - bit;
    m->result.r = (struct rv_result){.size = sizeof m->result.r, .code = back % 3 == 0 ? RV_E_DENIED : 0};
}

static void step(struct fixture *w, uint8_t what, uint8_t which, uint8_t number) {
    static const unsigned types[] = {
        MSG_OBJECT,   MSG_OBJECT,   MSG_OBJECT, MSG_DELETED, MSG_RESULT,     MSG_RESULT, MSG_WELCOME, MSG_SNAP_BEGIN,
        MSG_SNAP_END, MSG_SETTINGS, MSG_PING,   MSG_EXPLAIN, MSG_QUARANTINE, MSG_DRAIN,  MSG_REFUSE,  99};
    static const uint8_t seed[32] = {1}, empty[] = {0x80};
    rv_autobuf struct rv_buf b = {0};
    char name[2] = {(char)('a' + which % 6), 0};
    struct msg m = {.type = types[what % RV_ARRAY_LEN(types)]};
    switch (m.type) {
    case MSG_OBJECT:
        object_value(&b, RV_STR("a"));
        m.payload = rv_buf_bytes(&b);
        /* fallthrough */
        __attribute__((fallthrough));
    case MSG_DELETED:
        m.object = (struct msg_object){which / 6 % 4, RV_STR("ns"), rv_str(name),
                                       rv_str(name),  RV_STR("1"),  number < 200 ? ++w->rev : number};
        break;
    case MSG_RESULT:
        answer(w, number, &m);
        break;
    case MSG_WELCOME:
        m.welcome = (struct msg_welcome){
            1, 1, 2, 100, 1, {seed, number < 240 ? 32 : 8}, kinds(&b), {empty, 1}, IN_FLIGHT, IN_FLIGHT, {empty, 1}};
        break;
    case MSG_SETTINGS:
        m.settings.settings = (struct rv_val){empty, 1};
        break;
    case MSG_EXPLAIN:
    case MSG_QUARANTINE:
        m.explain = (struct msg_explain){.kind = which / 6 % 4, .key = {RV_STR("ns"), rv_str(name)}, .on = number & 1};
        break;
    default:
        break;
    }
    (void)engine_message(w->engine, w->now, &m, NULL);
    w->now.mono += (int64_t)number * 1000000;
    if (number % 2 == 0) engine_tick(w->engine, w->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t token[32] = {0};
    struct fixture w = {.now = {1, 1}};
    w.engine = engine_new(&(struct engine_opts){.plugin = &fuzz_plugin, .send = on_send, .arg = &w});
    engine_start(w.engine, w.now, (struct rv_bytes){token, sizeof token}, 1);
    for (size_t i = 0; i + 3 <= size && i < 3000; i += 3) step(&w, data[i], data[i + 1], data[i + 2]);
    /* With nothing coming in, it comes to rest until its next deadline. */
    int ticks = 0;
    for (; engine_deadline(w.engine) <= w.now.mono && ticks < SETTLE_TICKS; ticks++) engine_tick(w.engine, w.now);
    if (ticks == SETTLE_TICKS) abort();
    step(&w, 13, 0, 1); /* DRAIN, and everything answered */
    for (uint64_t id = 1; id <= w.last_id + 1000; id++) {
        struct msg m = {.type = MSG_RESULT, .result = {id, {.size = sizeof m.result.r}}};
        w.open[0] = w.open[1] = 0;
        (void)engine_message(w.engine, w.now, &m, NULL);
    }
    engine_free(w.engine);
    return 0;
}
