/* test_faults.c - fault rules as tables: what is refused, what matches, how often, in which order; and the counters. */
#include "deploy/sandbox/http/stats.h"
#include "rayvisor/json.h"

#include <CUnit/Basic.h>
#include <stdio.h>

static int add(struct sb_faults *f, const char *text, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    unsigned id = 0;
    CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(text), NULL, &b, NULL), 0);
    return sb_faults_add(f, (struct rv_val){b.p, b.n}, &id, err);
}

static const struct {
    const char *rule, *why; /* NULL: accepted */
} rules[] = {
    {"{\"action\":{\"status\":500}}", NULL},
    {"{\"match\":{},\"action\":{\"status\":429,\"retryAfter\":1},\"probability\":0.5,\"count\":3}", NULL},
    {"{\"action\":{\"dropConnection\":\"before\"}}", NULL},
    {"{\"action\":{\"truncate\":1,\"stall\":true,\"garbage\":false,\"duplicateEvents\":true,\"delayMs\":5}}", NULL},
    {"{\"action\":{\"status\":409,\"reason\":\"AlreadyExists\",\"message\":\"m\"}}", NULL},
    {"{}", "action: say"},
    {"{\"action\":{}}", "action: say"},
    {"{\"action\":{\"explode\":1}}", "there is no \"explode\""},
    {"{\"action\":{\"status\":200}}", "action.status"},
    {"{\"action\":{\"status\":\"500\"}}", "action.status"},
    {"{\"action\":{\"stall\":1}}", "action.stall"},
    {"{\"action\":{\"dropConnection\":\"later\"}}", "action.dropConnection"},
    {"{\"action\":{\"status\":500},\"match\":{\"resources\":\"pods\"}}", "there is no \"resources\""},
    {"{\"action\":{\"status\":500},\"match\":{\"verb\":1}}", "match.verb"},
    {"{\"action\":{\"status\":500},\"match\":[]}", "match"},
    {"{\"action\":{\"status\":500},\"probability\":0}", "probability"},
    {"{\"action\":{\"status\":500},\"probability\":1.5}", "probability"},
    {"{\"action\":{\"status\":500},\"count\":0}", "count"},
    {"{\"action\":{\"status\":500},\"times\":1}", "no \"times\""},
};

static void test_rules(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++) {
        struct sb_faults *f = sb_faults_new();
        struct rv_error err = {0};
        int e = add(f, rules[i].rule, &err);
        bool ok = rules[i].why == NULL ? e == 0 : e == RV_E_INVALID && strstr(err.text, rules[i].why) != NULL;
        if (!ok) fprintf(stderr, "%s: %d %s\n", rules[i].rule, e, err.text);
        CU_ASSERT(ok);
        sb_faults_free(f);
    }
}

#define T(text)                                                                                                        \
    { text, sizeof(text) - 1 }
static const struct sb_fault_call call = {T("create"), T(""),       T("pods"),        T("status"),
                                          T("ns"),     T("web-17"), T("rayvisor/0.1")};

static const struct {
    const char *match;
    bool hit;
} matches[] = {
    {"{}", true},
    {"{\"verb\":\"create\"}", true},
    {"{\"verb\":\"creat\"}", false},
    {"{\"group\":\"\"}", true},
    {"{\"group\":\"ray.io\"}", false},
    {"{\"resource\":\"pods\",\"subresource\":\"status\"}", true},
    {"{\"subresource\":\"\"}", false},
    {"{\"namespace\":\"n\"}", false},
    {"{\"name\":\"web-\"}", true},
    {"{\"name\":\"web-171\"}", false},
    {"{\"userAgent\":\"rayvisor\",\"verb\":\"create\",\"namespace\":\"ns\"}", true},
    {"{\"userAgent\":\"kubectl\"}", false},
};

static void test_matches(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(matches); i++) {
        struct sb_faults *f = sb_faults_new();
        struct sb_fault got = {0};
        char text[256];
        snprintf(text, sizeof text, "{\"match\":%s,\"action\":{\"status\":500}}", matches[i].match);
        CU_ASSERT_EQUAL_FATAL(add(f, text, NULL), 0);
        bool hit = sb_faults_pick(f, &call, &got);
        if (hit != matches[i].hit) fprintf(stderr, "%s\n", text);
        CU_ASSERT_EQUAL(hit, matches[i].hit);
        CU_ASSERT_EQUAL(got.status, hit ? 500 : 0);
        sb_faults_free(f);
    }
}

/* The first rule with something left is what happens; then the next one. */
static void test_order_and_count(void) {
    struct sb_faults *f = sb_faults_new();
    static const int64_t want[] = {409, 409, 503, 503};
    add(f, "{\"action\":{\"status\":409},\"count\":2}", NULL);
    add(f, "{\"action\":{\"status\":503}}", NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(want); i++) {
        struct sb_fault got = {0};
        CU_ASSERT(sb_faults_pick(f, &call, &got));
        CU_ASSERT_EQUAL(got.status, want[i]);
    }
    rv_autobuf struct rv_buf out = {0};
    sb_faults_write(f, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "{\"id\":1,\"hits\":2,\"left\":0,"));
    struct sb_fault got = {0};
    CU_ASSERT(sb_faults_remove(f, 2));
    CU_ASSERT_FALSE(sb_faults_remove(f, 2));
    CU_ASSERT_FALSE(sb_faults_pick(f, &call, &got));
    add(f, "{\"action\":{\"status\":500}}", NULL); /* the list's end is still its end */
    CU_ASSERT(sb_faults_pick(f, &call, &got));
    sb_faults_free(f);
}

static void test_probability(void) {
    size_t hits[2] = {0};
    for (size_t round = 0; round < 2; round++) {
        struct sb_faults *f = sb_faults_new();
        add(f, "{\"action\":{\"status\":500},\"probability\":0.25}", NULL);
        for (int i = 0; i < 10000; i++) {
            struct sb_fault got = {0};
            hits[round] += sb_faults_pick(f, &call, &got);
        }
        sb_faults_free(f);
    }
    CU_ASSERT(hits[0] > 2200 && hits[0] < 2800);
    CU_ASSERT_EQUAL(hits[0], hits[1]); /* the same requests meet the same faults */
}

static void test_stats(void) {
    static const char *const want[] = {
        "\"requests\":{\"create pods/status\":2,\"get -\":1}",
        "\"answers\":{\"201\":2}",
        "\"rayvisor/0.1\":{\"total\":2,\"writes\":2,\"requests\":{\"create pods/status\":2}}",
        "\"none\":{\"total\":1,\"writes\":0,",
        "\"watches\":{\"open\":1,\"opened\":2,\"events\":3,",
        "\"bytes\":{\"in\":15,\"out\":60}",
        "\"writes\":2,\"faults\":1"};
    struct sb_stats *t = sb_stats_new();
    const struct sb_fault_call discovery = {.verb = RV_STR("get")};
    for (int i = 0; i < 2; i++) {
        sb_stats_request(t, &call, 5);
        sb_stats_answer(t, 201, 20);
        sb_stats_watch(t, "pods", 1);
    }
    sb_stats_request(t, &discovery, 5);
    sb_stats_watch(t, "pods", -1);
    sb_stats_events(t, 3);
    sb_stats_bytes_out(t, 20);
    sb_stats_fault(t);
    rv_autobuf struct rv_buf out = {0};
    sb_stats_write(t, &(struct jsonw){.out = &out});
    for (size_t i = 0; i < RV_ARRAY_LEN(want); i++) {
        bool there = strstr(rv_buf_cstr(&out), want[i]) != NULL;
        if (!there) fprintf(stderr, "%s is not in %s\n", want[i], rv_buf_cstr(&out));
        CU_ASSERT(there);
    }
    sb_stats_reset(t);
    rv_buf_clear(&out);
    sb_stats_write(t, &(struct jsonw){.out = &out});
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\"requests\":{},\"answers\":{},\"userAgents\":{},"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\"open\":1,\"opened\":0"));
    sb_stats_free(t);
}

/* However many different ones come, the table is bounded and nothing is lost. */
static void test_many_agents(void) {
    struct sb_stats *t = sb_stats_new();
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "agent-%d (linux)", i);
        const struct sb_fault_call c = {.verb = RV_STR("list"), .resource = RV_STR("pods"), .user_agent = rv_str(name)};
        sb_stats_request(t, &c, 0);
    }
    rv_autobuf struct rv_buf out = {0};
    sb_stats_write(t, &(struct jsonw){.out = &out});
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\"agent-62\":{\"total\":1,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "\"other\":{\"total\":137,"));
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&out), "\"agent-63\""));
    sb_stats_free(t);
}

int main(void) {
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("faults", NULL, NULL);
    CU_add_test(s, "rules", test_rules);
    CU_add_test(s, "matches", test_matches);
    CU_add_test(s, "order and count", test_order_and_count);
    CU_add_test(s, "probability", test_probability);
    CU_add_test(s, "stats", test_stats);
    CU_add_test(s, "many agents", test_many_agents);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
