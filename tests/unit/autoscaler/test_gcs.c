/* test_gcs.c - messages of the control store: replies that Ray's own classes wrote (tests/fuzz/corpus/gcs), and our
 * requests, byte for byte what Ray's own classes write. */
#include "plugins/autoscaler/gcs.h"
#include "tests/unit/sdk/suite.h"

static struct rv_bytes read_file(struct rv_arena *a, const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/fuzz/corpus/gcs/%s", name);
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    uint8_t *p = rv_arena_alloc(a, 65536);
    size_t n = fread(p, 1, 65536, f);
    fclose(f);
    return (struct rv_bytes){p, n};
}

static void check_nodes(const struct gcs_state *s) {
    static const struct {
        const char *pod, *group;
        enum gcs_status status;
        bool head;
        int64_t idle_ms;
        size_t total, available, labels;
    } rows[] = {{"c1-head-x", "headgroup", GCS_RUNNING, true, 0, 4, 3, 0},
                {"c1-workers-abcde", "workers", GCS_IDLE, false, 50679, 2, 2, 3},
                {"c1-workers-fghij", "workers", GCS_DEAD, false, 0, 0, 0, 0},
                {"", "", GCS_RUNNING, false, 0, 1, 1, 0},
                {"c1-workers-klmno", "workers", GCS_DRAINING, false, 0, 1, 0, 0}};
    CU_ASSERT_EQUAL_FATAL(s->n_nodes, RV_ARRAY_LEN(rows));
    for (size_t i = 0; i < s->n_nodes; i++) {
        const struct gcs_node *n = &s->nodes[i];
        CHECK_ROW(rv_str_is(n->pod, rows[i].pod) && rv_str_is(n->group, rows[i].group), rows[i].pod);
        CHECK_ROW(n->status == rows[i].status && n->head == rows[i].head, rows[i].pod);
        CHECK_ROW(n->idle_ms == rows[i].idle_ms && n->id.n == 28, rows[i].pod);
        CHECK_ROW(n->total.n == rows[i].total && n->available.n == rows[i].available, rows[i].pod);
        CHECK_ROW(n->labels.n == rows[i].labels, rows[i].pod);
    }
    CU_ASSERT_TRUE(rv_str_is(s->nodes[1].labels.items[2].key, "_PG_4a92")); /* dynamic labels win: they come last */
    CU_ASSERT_TRUE(rv_str_is(s->nodes[1].activity, "Busy workers on node."));
    CU_ASSERT_EQUAL(s->nodes[3].available.items[0].amount, 5000);
}

static void test_state(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct gcs_state s;
    CU_ASSERT_EQUAL_FATAL(gcs_read_state(a, read_file(a, "state"), &s, NULL), 0);
    CU_ASSERT_EQUAL(s.version, 7);
    CU_ASSERT_TRUE(rv_str_is(s.session, "session_2026-11-30_02-00-00_000001_1"));
    check_nodes(&s);
    CU_ASSERT_EQUAL_FATAL(s.n_demands, 2);
    CU_ASSERT_EQUAL(s.demands[1].count, 3);
    CU_ASSERT_EQUAL(s.demands[0].request.resources.n, 2);
    const struct as_match *m = &s.demands[0].request.selectors[0].matches[0];
    CU_ASSERT_TRUE(rv_str_is(m->key, "zone") && m->op == AS_IN && m->n_values == 2);
    CU_ASSERT_EQUAL(s.demands[1].request.selectors[0].n, 0);
    CU_ASSERT_EQUAL_FATAL(s.n_gangs, 2);
    CU_ASSERT_EQUAL(s.gangs[0].n, 2); /* bundles come twice, and count once */
    CU_ASSERT_TRUE(rv_str_is(s.gangs[0].requests[0].apart.items[0].key, "_PG_4a92"));
    CU_ASSERT_TRUE(rv_str_is(s.gangs[1].requests[0].together.items[0].key, "_PG_old"));
    CU_ASSERT_EQUAL(s.n_held, 1);
    CU_ASSERT_EQUAL(s.held[0].count, 5);
}

/* What is not one whole message is never a cluster without nodes. */
static void test_refused(void) {
    static const struct {
        const char *file, *words;
        size_t most; /* read no more than that */
    } rows[] = {{"cut", "should have", 0},           {"compressed", "compressed", 0},
                {"two-messages", "should have", 0},  {"no-state", "has no state", 0},
                {"state", "at least 5", 4},          {"state", "at least 5", 0},
                {"drain-refused", "has no state", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_bytes body = read_file(a, rows[i].file);
        if (strcmp(rows[i].words, "at least 5") == 0) body.n = rows[i].most;
        struct gcs_state s = {.version = 99};
        struct rv_error err = {0};
        CHECK_ROW(gcs_read_state(a, body, &s, &err) != 0, rows[i].file);
        CHECK_ROW(strstr(err.text, rows[i].words) != NULL, err.text);
        CHECK_ROW(s.version == 99, rows[i].file);
    }
}

/* A state without nodes is a message; that it has no head is for the caller to see. */
static void test_empty(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct gcs_state s;
    CU_ASSERT_EQUAL(gcs_read_state(a, read_file(a, "empty-state"), &s, NULL), 0);
    CU_ASSERT_EQUAL(s.n_nodes, 0);
}

static void frame(struct rv_buf *b, const struct rv_buf *message) {
    uint8_t head[5] = {0, (uint8_t)(message->n >> 24), (uint8_t)(message->n >> 16), (uint8_t)(message->n >> 8),
                       (uint8_t)message->n};
    rv_buf_add(b, head, sizeof head);
    rv_buf_add(b, message->p, message->n);
}

/* Field `tag` of two bytes each, n times, inside the state. */
static void state_of(struct rv_buf *out, uint8_t tag, size_t n) {
    rv_autobuf struct rv_buf inner = {0}, message = {0};
    for (size_t i = 0; i < n; i++) {
        rv_buf_addc(&inner, tag);
        rv_buf_addc(&inner, 0);
    }
    rv_buf_addc(&message, 0x0a);
    for (size_t v = inner.n;; v >>= 7) {
        rv_buf_addc(&message, (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)));
        if (v <= 0x7f) break;
    }
    rv_buf_add(&message, inner.p, inner.n);
    frame(out, &message);
}

static void test_bounds(void) {
    static const struct {
        const char *what;
        uint8_t tag;
        size_t n;
        bool taken;
    } rows[] = {{"50,000 nodes", 3 << 3 | 2, 50000, true},
                {"too many nodes", 3 << 3 | 2, 50001, false},
                {"5 million empty nodes", 3 << 3 | 2, 5000000, false},
                {"5 million empty gangs", 5 << 3 | 2, 5000000, false},
                {"requests that ask for nothing", 4 << 3 | 2, 1000, true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        struct gcs_state s;
        state_of(&b, rows[i].tag, rows[i].n);
        CHECK_ROW((gcs_read_state(a, rv_buf_bytes(&b), &s, NULL) == 0) == rows[i].taken, rows[i].what);
    }
}

static void test_drain(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    bool accepted = false;
    struct rv_str why;
    CU_ASSERT_EQUAL(gcs_read_drain(a, read_file(a, "drain-accepted"), &accepted, &why, NULL), 0);
    CU_ASSERT_TRUE(accepted);
    CU_ASSERT_EQUAL(gcs_read_drain(a, read_file(a, "drain-refused"), &accepted, &why, NULL), 0);
    CU_ASSERT_FALSE(accepted);
    CU_ASSERT_TRUE(rv_str_is(why, "The node to be idle terminated is no longer idle."));
    CU_ASSERT_NOT_EQUAL(gcs_read_drain(a, read_file(a, "cut"), &accepted, &why, NULL), 0);
}

static bool hex_is(const struct rv_buf *b, const char *want) {
    rv_autobuf struct rv_buf got = {0};
    for (size_t i = 0; i < b->n; i++) rv_buf_addf(&got, "%02x", b->p[i]);
    bool same = rv_str_is(rv_buf_str(&got), want);
    if (!same) printf("\n    got %s", rv_buf_cstr(&got));
    return same;
}

static void test_written(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf b = {0};
    gcs_write_query(&b);
    CU_ASSERT_TRUE(hex_is(&b, "0000000000")); /* no version: a large one would end the server */
    rv_buf_clear(&b);
    gcs_write_drain(&b, RV_STR("ab"), GCS_DRAIN_PREEMPTION, RV_STR("hi"), 1700000000000);
    CU_ASSERT_TRUE(hex_is(&b, "00000000110a02616210021a0268692080d095ffbc31"));
    rv_buf_clear(&b);
    gcs_write_drain(&b, RV_STR("ab"), GCS_DRAIN_IDLE, RV_STR("idle"), -5);
    CU_ASSERT_TRUE(hex_is(&b, "000000000c0a02616210011a0469646c65"));
    const struct as_resource cpu9 = {RV_STR("CPU"), 9 * AS_UNIT}, cpu15 = {RV_STR("CPU"), 15000},
                             gpu = {RV_STR("GPU"), AS_UNIT};
    const struct rv_str q = RV_STR("q");
    const struct as_match match = {RV_STR("zone"), AS_NOT_IN, &q, 1};
    const struct as_selector selector = {&match, 1};
    const struct as_label apart = {RV_STR("_PG_1"), RV_STR("")};
    const struct as_request nine = {{&cpu9, 1}, &selector, 1, {0}, {0}},
                            bundle = {{&cpu15, 1}, NULL, 0, {&apart, 1}, {0}};
    const struct as_request *infeasible[] = {&nine};
    const struct as_gang gang = {&bundle, 1, RV_STR("d")}, *gangs[] = {&gang};
    const struct as_demand held = {{{&gpu, 1}, NULL, 0, {0}, {0}}, 2};
    const struct gcs_launching launching = {RV_STR("w"), 3};
    const struct gcs_pending pending = {RV_STR("w"), RV_STR("pod-1"), RV_STR("starting")};
    const struct gcs_failed failed = {RV_STR("w"), RV_STR("quota"), 1, 5};
    const struct gcs_report report = {7, 1700000000000, &launching, 1,     &pending, 1,     &failed,
                                      1, infeasible,    1,          gangs, 1,        &held, 1};
    rv_buf_clear(&b);
    gcs_write_report(&b, a, &report);
    CU_ASSERT_TRUE(hex_is(
        &b, "00000000be0abb0108071080d095ffbc311a080a01771201771803221f0a0e0a034350551100000000000022401a0d0a0b0a047a6f"
            "6e6510021a01712a3f0a1b0a0e0a0343505511000000000000f83f12090a070a055f50475f311201641a1d0a1b0a0e0a0343505511"
            "000000000000f83f12090a070a055f50475f3132160a140a100a0e0a0347505511000000000000f03f10023a170a01771201771a05"
            "706f642d312a087374617274696e6742130a01771201771801220571756f746128053005"));
}

static void test_status_names(void) {
    CU_ASSERT_STRING_EQUAL(gcs_status_name(0), "OK");
    CU_ASSERT_STRING_EQUAL(gcs_status_name(14), "UNAVAILABLE");
    CU_ASSERT_STRING_EQUAL(gcs_status_name(16), "UNAUTHENTICATED");
    CU_ASSERT_STRING_EQUAL(gcs_status_name(17), "UNKNOWN_CODE");
    CU_ASSERT_STRING_EQUAL(gcs_status_name(-1), "NONE");
}

static const struct suite_test tests[] = {{"state", test_state},
                                          {"refused", test_refused},
                                          {"empty", test_empty},
                                          {"bounds", test_bounds},
                                          {"drain", test_drain},
                                          {"written", test_written},
                                          {"status names", test_status_names}};
SUITE_MAIN("gcs", tests)
