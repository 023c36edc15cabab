/* The outbox against a model: a cache that changes at random, a reader that gives credit at random, actions whose
 * results follow their objects, and snapshots at any moment. In the end the reader's mirror is the cache. */
#include "supervisor/bus/outbox.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

enum { NAMES = 12, GONE = 0 };

/* Versions only grow; GONE means that the object is not there. */
struct fixture {
    struct outbox *box;
    struct blob *blob;
    unsigned version[NAMES], incarnation[NAMES], next; /* the cache */
    unsigned mirror[NAMES], owed;                      /* what the reader has; credit it holds back */
    bool seen[NAMES], snapshot, ready;
    unsigned begins, ends, sent;
    uint64_t results[64]; /* ids of results in the order in which they came */
    size_t result_n, body_bytes;
};

static size_t index_of(struct rv_str name) { return (size_t)(name.p[0] - 'a'); }
static struct rv_str name_of(size_t i) { return (struct rv_str){&"abcdefghijkl"[i], 1}; }

static struct blob *fetch(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, struct msg_object *ret) {
    struct fixture *w = arg;
    size_t i = index_of(name);
    if (w->version[i] == GONE) return NULL;
    *ret = (struct msg_object){.kind = kind, .ns = ns, .name = name_of(i), .rev = w->version[i]};
    return w->blob;
}

static void reader(void *arg, struct msg *m, struct blob *payload) {
    struct fixture *w = arg;
    w->sent++;
    switch (m->type) {
    case MSG_SNAP_BEGIN:
        w->begins++;
        w->snapshot = true;
        memset(w->seen, 0, sizeof w->seen);
        break;
    case MSG_SNAP_END:
        w->ends++;
        CU_ASSERT_TRUE(w->snapshot);
        w->snapshot = false;
        for (size_t i = 0; i < NAMES; i++)
            if (!w->seen[i]) w->mirror[i] = GONE; /* mark and sweep */
        break;
    case MSG_OBJECT:
        CU_ASSERT_PTR_NOT_NULL(payload);
        CU_ASSERT_TRUE(m->object.rev >= w->mirror[index_of(m->object.name)]); /* never back in time */
        w->mirror[index_of(m->object.name)] = (unsigned)m->object.rev;
        w->seen[index_of(m->object.name)] = true;
        w->owed++;
        break;
    case MSG_DELETED:
        w->mirror[index_of(m->object.name)] = GONE;
        w->seen[index_of(m->object.name)] = false;
        w->owed++;
        break;
    case MSG_RESULT:
        w->results[w->result_n++ % RV_ARRAY_LEN(w->results)] = m->result.id;
        w->body_bytes += payload != NULL ? blob_bytes(payload).n : 0;
        CU_ASSERT_TRUE(payload == NULL || rv_str_is(m->result.r.message, "the message"));
        break;
    default:
        CU_FAIL("unexpected message");
    }
}

static void fixture_new(struct fixture *w) {
    *w = (struct fixture){.next = 1};
    w->blob = blob_new((struct rv_bytes){(const uint8_t *)"\x80", 1});
    w->box = outbox_new(&(struct outbox_opts){fetch, reader, w});
}

static void fixture_free(struct fixture *w) {
    outbox_free(w->box);
    blob_unref(w->blob);
}

static void change(struct fixture *w, size_t i) {
    w->version[i] = w->next++;
    outbox_changed(w->box, 0, RV_STR("ns"), name_of(i));
}

static void vanish(struct fixture *w, size_t i) {
    if (w->version[i] == GONE) return;
    struct msg_object gone = {.ns = RV_STR("ns"), .name = name_of(i), .uid = RV_STR("u"), .rev = w->next++};
    w->version[i] = GONE;
    outbox_deleted(w->box, 0, &gone);
}

static void snapshot(struct fixture *w) {
    outbox_snapshot_begin(w->box, w->next);
    for (size_t i = 0; i < NAMES; i++)
        if (w->version[i] != GONE) outbox_changed(w->box, 0, RV_STR("ns"), name_of(i));
    outbox_snapshot_end(w->box, w->next);
}

static bool mirrors(const struct fixture *w) { return memcmp(w->mirror, w->version, sizeof w->mirror) == 0; }

static void coalesces(void) {
    struct fixture w;
    fixture_new(&w);
    for (int i = 0; i < 1000; i++) change(&w, (size_t)i % 3);
    outbox_pump(w.box);
    CU_ASSERT_EQUAL(w.sent, 0); /* no credit yet */
    CU_ASSERT_EQUAL(outbox_depth(w.box), 3);
    CU_ASSERT_EQUAL(outbox_merged(w.box), 997);
    outbox_credit(w.box, 2, 1000);
    CU_ASSERT_EQUAL(w.sent, 2);
    outbox_credit(w.box, 2, 1000);
    CU_ASSERT_EQUAL(w.sent, 3);
    CU_ASSERT_TRUE(mirrors(&w));
    fixture_free(&w);
}

/* A result never comes before the object that its action changed, and what was flushed is not told twice. */
static void flushes_before_results(void) {
    struct fixture w;
    fixture_new(&w);
    for (size_t i = 0; i < NAMES; i++) change(&w, i);
    outbox_flush_object(w.box, 0, RV_STR("ns"), name_of(7)); /* without any credit */
    CU_ASSERT_EQUAL(w.mirror[7], w.version[7]);
    CU_ASSERT_EQUAL(w.sent, 1);
    outbox_flush_object(w.box, 0, RV_STR("ns"), name_of(7));
    outbox_flush_object(w.box, 1, RV_STR("ns"), name_of(6)); /* another kind */
    CU_ASSERT_EQUAL(w.sent, 1);
    outbox_credit(w.box, 100, 1000);
    CU_ASSERT_EQUAL(w.sent, NAMES);
    CU_ASSERT_TRUE(mirrors(&w));
    fixture_free(&w);
}

static void result(struct fixture *w, uint64_t id, size_t body) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_reserve(&b, body);
    memset(b.p, 'x', body);
    struct msg m = {.type = MSG_RESULT,
                    .result = {id, {.size = sizeof(struct rv_result), .message = RV_STR("the message")}},
                    .payload = {b.p, body}};
    outbox_result(w->box, &m);
}

/* Bodies cost their bytes: they wait in order, what has none does not wait behind them, and objects have their turn. */
static void results_cost_credit(void) {
    struct fixture w;
    fixture_new(&w);
    for (uint64_t id = 1; id <= 20; id++) result(&w, id, 100 << 10);
    result(&w, 21, 0);
    CU_ASSERT_TRUE(w.result_n == 1 && w.results[0] == 21);
    CU_ASSERT_EQUAL(outbox_result_bytes(w.box), 20 * (100 << 10));
    change(&w, 0);
    outbox_credit(w.box, 10, 1);
    CU_ASSERT_TRUE(w.result_n == 2 && w.results[1] == 1); /* overdrawn by one */
    outbox_credit(w.box, 0, 150 << 10);
    CU_ASSERT_TRUE(w.result_n == 3 && w.results[2] == 2 && w.mirror[0] == GONE);
    outbox_credit(w.box, 0, 100 << 10);
    CU_ASSERT_TRUE(w.result_n == 4 && w.results[3] == 3);
    outbox_credit(w.box, 0, 200 << 10); /* one result, then the object, then a result */
    CU_ASSERT_TRUE(w.mirror[0] == w.version[0]);
    outbox_credit(w.box, 0, 4 << 20);
    CU_ASSERT_TRUE(w.result_n == 21 && w.results[20] == 20 && w.body_bytes == 20 * (100 << 10));
    CU_ASSERT_EQUAL(outbox_result_bytes(w.box), 0);
    result(&w, 22, 100); /* with credit it goes at once */
    CU_ASSERT_EQUAL(w.results[21], 22);
    for (uint64_t id = 23; id <= 80; id++) result(&w, id, 1 << 20);
    CU_ASSERT_TRUE(outbox_result_bytes(w.box) > 50 << 20); /* what still waits goes with the outbox */
    fixture_free(&w);
}

/* Gone and back: both are told, the deletion first. Changed and gone: only the deletion. */
static void recreations(void) {
    struct fixture w;
    fixture_new(&w);
    change(&w, 0);
    outbox_credit(w.box, 100, 1000);
    outbox_credit(w.box, 0, 0);
    CU_ASSERT_EQUAL(w.sent, 1);
    struct fixture *p = &w;
    w.box = outbox_free(w.box);
    w.box = outbox_new(&(struct outbox_opts){fetch, reader, p});
    vanish(&w, 0);
    change(&w, 0);
    change(&w, 1);
    vanish(&w, 1);
    w.sent = 0;
    outbox_credit(w.box, 100, 1000);
    CU_ASSERT_EQUAL(w.sent, 3);
    CU_ASSERT_TRUE(mirrors(&w));
    fixture_free(&w);
}

/* A fresh reader asks for a snapshot after each of the messages in turn; it always ends with the cache's state. */
static void snapshot_at_every_index(void) {
    for (unsigned cut = 0; cut < 40; cut++) {
        struct fixture w;
        fixture_new(&w);
        for (size_t i = 0; i < NAMES; i++) change(&w, i);
        snapshot(&w);
        for (unsigned step = 0; step < 40; step++) {
            if (step == cut) {
                vanish(&w, step % NAMES);
                snapshot(&w);
            }
            if (step % 3 == 0) change(&w, step % NAMES);
            if (step % 7 == 0) vanish(&w, (step + 5) % NAMES);
            outbox_credit(w.box, 1, 1);
        }
        outbox_credit(w.box, 1000, 1000);
        CU_ASSERT_TRUE(mirrors(&w));
        CU_ASSERT_EQUAL(w.begins, 2);
        CU_ASSERT_TRUE(w.ends >= 1 && !w.snapshot);
        CU_ASSERT_EQUAL(outbox_depth(w.box), 0);
        fixture_free(&w);
    }
}

static void random_fixtures(void) {
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct fixture w;
        unsigned r = seed * 2654435761u;
        fixture_new(&w);
        outbox_credit(w.box, seed % 5, 1000);
        snapshot(&w);
        for (int step = 0; step < 800; step++) {
            r = r * 1103515245u + 12345u;
            size_t i = (r >> 20) % NAMES;
            switch (r >> 16 & 15) {
            case 0:
                snapshot(&w);
                break;
            case 1:
            case 2:
                vanish(&w, i);
                break;
            case 3:
            case 4: /* the reader catches up a little, or not at all for long */
                outbox_credit(w.box, w.owed, w.owed);
                w.owed = 0;
                break;
            case 5: /* an action changed it: object, then result */
                change(&w, i);
                outbox_flush_object(w.box, 0, RV_STR("ns"), name_of(i));
                CU_ASSERT_EQUAL(w.mirror[i], w.version[i]);
                break;
            default:
                change(&w, i);
                break;
            }
            CU_ASSERT_TRUE(outbox_depth(w.box) <= NAMES);
        }
        outbox_credit(w.box, 100000, 100000);
        if (!mirrors(&w)) printf("\n    seed %u", seed);
        CU_ASSERT_TRUE(mirrors(&w));
        CU_ASSERT_FALSE(w.snapshot);
        fixture_free(&w);
    }
}

static const struct suite_test tests[] = {{"coalesces", coalesces},
                                          {"object before result", flushes_before_results},
                                          {"results cost credit", results_cost_credit},
                                          {"recreations", recreations},
                                          {"snapshot at every index", snapshot_at_every_index},
                                          {"random fixtures", random_fixtures}};
SUITE_MAIN("outbox", tests)
