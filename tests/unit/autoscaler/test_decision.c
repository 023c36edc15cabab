/* test_decision.c - decisions by hand: what is launched, removed and kept for which reason, and what cannot be had. */
#include "tests/unit/autoscaler/states.h"
#include "tests/unit/sdk/suite.h"

#include <math.h>

/* One worker group of 4 CPU, and the parts that most rows need. */
#define GROUP(more) "\"groups\":[{\"name\":\"w\",\"resources\":{\"CPU\":4}" more "}]"
#define HEAD "{\"name\":\"head\",\"group\":\"head\",\"total\":{\"CPU\":0},\"idle_ms\":900000}"
#define BUSY(n) "{\"name\":\"" n "\",\"group\":\"w\",\"total\":{\"CPU\":4},\"available\":{\"CPU\":1}}"
#define IDLE(n, ms)                                                                                                    \
    "{\"name\":\"" n "\",\"group\":\"w\",\"total\":{\"CPU\":4},\"available\":{\"CPU\":4},\"idle_ms\":" #ms "}"
#define START(n) "{\"name\":\"" n "\",\"group\":\"w\",\"phase\":\"starting\"}"
#define CPUS(cpu, count) "{\"resources\":{\"CPU\":" #cpu "},\"selectors\":[[]],\"count\":" #count "}"
#define HOST(n, replica, ms)                                                                                           \
    "{\"name\":\"" n "\",\"group\":\"w\",\"total\":{\"CPU\":4},\"available\":{\"CPU\":4},\"replica\":\"" replica       \
    "\",\"idle_ms\":" #ms "}"
#define ZONE(op, value) "\"selectors\":[[{\"key\":\"zone\",\"op\":" #op ",\"values\":[\"" value "\"]}]]"

#define TWO                                                                                                            \
    "\"groups\":[{\"name\":\"a\",\"stuck\":true,\"priority\":9,\"resources\":{\"CPU\":4}},{\"name\":\"b\","            \
    "\"resources\":{\"CPU\":4}}]"
#define BLOCKED "{\"name\":\"x\",\"group\":\"a\",\"phase\":\"blocked\"}"

struct row {
    const char *what, *state, *want[3]; /* parts of the decision */
};

static void run_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        struct as_state s = state_from_json(a, rv_str(rows[i].state));
        struct as_decision d;
        as_decide(a, &s, &d);
        decision_to_json(&s, &d, &out);
        for (size_t j = 0; j < RV_ARRAY_LEN(rows[i].want) && rows[i].want[j] != NULL; j++) {
            bool found = strstr(rv_buf_cstr(&out), rows[i].want[j]) != NULL;
            if (!found) printf("\n    %s: no %s in %s", rows[i].what, rows[i].want[j], rv_buf_cstr(&out));
            CU_ASSERT_TRUE(found);
        }
    }
}

static void test_scale_up(void) {
    static const struct row rows[] = {
        {"nothing to do", "{" GROUP("") ",\"nodes\":[" HEAD "]}", {"{\"launch\":{},\"remove\":{}"}},
        {"a minimum", "{" GROUP(",\"min\":3") ",\"nodes\":[" HEAD "," BUSY("a") "]}", {"\"launch\":{\"w\":2}"}},
        {"a minimum above the maximum", "{" GROUP(",\"min\":5,\"max\":2") ",\"nodes\":[" HEAD "]}", {"{\"w\":2}"}},
        {"tasks", "{" GROUP("") ",\"nodes\":[" HEAD "],\"demands\":[" CPUS(1, 10) "]}", {"\"launch\":{\"w\":3}"}},
        {"what is free is used first",
         "{" GROUP("") ",\"nodes\":[" HEAD "," BUSY("a") "],\"demands\":[" CPUS(1, 5) "]}",
         {"\"launch\":{\"w\":1}", "\"unmet\":[]"}},
        {"a node that starts counts once",
         "{" GROUP("") ",\"nodes\":[" HEAD "," START("a") "],\"demands\":[" CPUS(1, 4) "]}",
         {"\"launch\":{}", "\"unmet\":[]"}},
        {"one that leaves does not",
         "{" GROUP("") ",\"nodes\":[" HEAD
                       ",{\"name\":\"a\",\"group\":\"w\",\"phase\":\"leaving\"}],\"demands\":[" CPUS(1, 4) "]}",
         {"\"launch\":{\"w\":1}", "leaves already"}},
        {"a node that no pod is has room",
         "{" GROUP("") ",\"nodes\":[" HEAD
                       ",{\"name\":\"\",\"phase\":\"unmanaged\",\"total\":{\"CPU\":8},\"available\":{"
                       "\"CPU\":8},\"idle_ms\":900000}],\"demands\":[" CPUS(8, 1) "]}",
         {"\"launch\":{}", "\"unmet\":[]", "is no pod of this RayCluster"}},
        {"the maximum of the group",
         "{" GROUP(",\"max\":2") ",\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 5) "]}",
         {"\"launch\":{\"w\":2}", "\"unmet\":[[0,3,true]]"}},
        {"the maximum of the cluster",
         "{" GROUP("") ",\"max_nodes\":3,\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 5) "]}",
         {"\"launch\":{\"w\":2}", "\"unmet\":[[0,3,true]]"}},
        {"the most of one round",
         "{" GROUP("") ",\"max_launches\":2,\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 5) "]}",
         {"\"launch\":{\"w\":2}", "\"unmet\":[[0,3,true]]"}},
        {"the most of one round, for a minimum of whole replicas",
         "{" GROUP(",\"min\":8,\"hosts\":2") ",\"max_launches\":5,\"nodes\":[" HEAD "]}",
         {"\"launch\":{\"w\":4}"}},
        {"too large for any node",
         "{" GROUP("") ",\"nodes\":[" HEAD "],\"demands\":[" CPUS(5, 2) "]}",
         {"\"launch\":{}", "\"unmet\":[[0,2,false]]"}},
        {"tenths are whole", /* in binary fractions the third 0.1 does not fit */
         "{\"groups\":[{\"name\":\"w\",\"resources\":{\"CPU\":0.3}}],\"nodes\":[" HEAD
         "],\"demands\":[" CPUS(0.1, 3) "]}",
         {"\"launch\":{\"w\":1}"}},
        {"GPU nodes are spared",
         "{\"groups\":[{\"name\":\"g\",\"resources\":{\"CPU\":4,\"GPU\":1}},{\"name\":\"c\",\"resources\":{\"CPU\":4}}]"
         ","
         "\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 2) "]}",
         {"\"launch\":{\"c\":2}"}},
        {"priority among equals",
         "{\"groups\":[{\"name\":\"a\",\"resources\":{\"CPU\":4}},{\"name\":\"b\",\"priority\":1,\"resources\":{"
         "\"CPU\":4}}],"
         "\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 2) "]}",
         {"\"launch\":{\"b\":2}"}},
        {"a group without room in the Kubernetes cluster comes last",
         "{\"groups\":[{\"name\":\"a\",\"stuck\":true,\"priority\":9,\"resources\":{\"CPU\":4}},{\"name\":\"b\","
         "\"resources\":{\"CPU\":4}}],\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 2) "]}",
         {"\"launch\":{\"b\":2}"}},
        {"the cheaper of two that do",
         "{\"groups\":[{\"name\":\"a\",\"price\":5,\"resources\":{\"CPU\":8}},{\"name\":\"b\",\"price\":1,"
         "\"resources\":{"
         "\"CPU\":4}}],\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 2) "]}",
         {"\"launch\":{\"b\":2}", "\"price\":2"}},
        {"whole replicas",
         "{" GROUP(",\"hosts\":4,\"max\":8") ",\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 5) "]}",
         {"\"launch\":{\"w\":8}", "\"unmet\":[]"}},
        {"no half replica",
         "{" GROUP(",\"hosts\":4,\"max\":8") ",\"max_nodes\":8,\"nodes\":[" HEAD "],\"demands\":[" CPUS(4, 5) "]}",
         {"\"launch\":{\"w\":4}", "\"unmet\":[[0,1,true]]"}},
    };
    run_rows(rows, RV_ARRAY_LEN(rows));
}

static void test_selectors(void) {
#define ZONES                                                                                                          \
    "\"groups\":[{\"name\":\"a\",\"resources\":{\"CPU\":4},\"labels\":{\"zone\":\"a\"}},{\"name\":\"n\","              \
    "\"resources\":{\"CPU\":4}}],\"nodes\":[" HEAD "]"
    static const struct row rows[] = {
        {"in", "{" ZONES ",\"demands\":[{\"resources\":{\"CPU\":1}," ZONE(1, "a") "}]}", {"\"launch\":{\"a\":1}"}},
        {"in, nobody", "{" ZONES ",\"demands\":[{\"resources\":{\"CPU\":1}," ZONE(1, "b") "}]}", {"[[0,1,false]]"}},
        {"not in, a missing label passes",
         "{" ZONES ",\"demands\":[{\"resources\":{\"CPU\":1}," ZONE(2, "a") "}]}",
         {"\"launch\":{\"n\":1}"}},
        {"an operator that nobody knows",
         "{" ZONES ",\"demands\":[{\"resources\":{\"CPU\":1}," ZONE(7, "a") "}]}",
         {"[[0,1,false]]"}},
        {"the second selector",
         "{" ZONES
         ",\"demands\":[{\"resources\":{\"CPU\":1},\"selectors\":[[{\"key\":\"zone\",\"op\":1,\"values\":[\"x\"]}]"
         ",[{\"key\":\"zone\",\"op\":1,\"values\":[\"a\"]}]]}]}",
         {"\"launch\":{\"a\":1}"}},
    };
    run_rows(rows, RV_ARRAY_LEN(rows));
}

static void test_gangs(void) {
#define BUNDLE(label) "{\"resources\":{\"CPU\":2},\"selectors\":[[]]," label "}"
#define APART "\"apart\":{\"_PG_1\":\"\"}"
#define TOGETHER "\"together\":{\"_PG_1\":\"\"}"
#define GANG3(label) "\"gangs\":[{\"requests\":[" BUNDLE(label) "," BUNDLE(label) "," BUNDLE(label) "]}]"
    static const struct row rows[] = {
        {"packed freely", "{" GROUP("") ",\"nodes\":[" HEAD "]," GANG3("\"count\":1") "}", {"\"launch\":{\"w\":2}"}},
        {"apart", "{" GROUP("") ",\"nodes\":[" HEAD "]," GANG3(APART) "}", {"\"launch\":{\"w\":3}", "\"gangs\":[]"}},
        {"apart from what is placed already",
         "{" GROUP("") ",\"nodes\":[" HEAD
                       ",{\"name\":\"a\",\"group\":\"w\",\"total\":{\"CPU\":4},\"available\":{\"CPU\":4}"
                       ",\"labels\":{\"_PG_1\":\"\"}}],\"gangs\":[{\"requests\":[" BUNDLE(APART) "]}]}",
         {"\"launch\":{\"w\":1}"}},
        {"together is too large for a node",
         "{" GROUP("") ",\"nodes\":[" HEAD "]," GANG3(TOGETHER) "}",
         {"\"launch\":{}", "\"gangs\":[[0,false]]"}},
        {"together",
         "{\"groups\":[{\"name\":\"w\",\"resources\":{\"CPU\":6}}],\"nodes\":[" HEAD "]," GANG3(TOGETHER) "}",
         {"\"launch\":{\"w\":1}"}},
        {"all or nothing",
         "{" GROUP(",\"max\":2") ",\"nodes\":[" HEAD "]," GANG3(APART) "}",
         {"\"launch\":{}", "\"gangs\":[[0,true]]"}},
        {"one that fits beside one that does not",
         "{" GROUP(",\"max\":2") ",\"nodes\":[" HEAD "],\"gangs\":[{\"requests\":[" BUNDLE(APART) "," BUNDLE(
             APART) "," BUNDLE(APART) "]},{\"requests\":[" BUNDLE("\"count\":1") "]}]}",
         {"\"launch\":{\"w\":1}", "\"gangs\":[[0,true]]"}},
        {"idle nodes stay for a gang that fits on them",
         "{" GROUP("") ",\"nodes\":[" HEAD "," IDLE("a", 900000) "," IDLE(
             "b", 900000) "],\"gangs\":[{\"requests\":[" BUNDLE(APART) "," BUNDLE(APART) "]}]}",
         {"\"remove\":{}", "what waits will run on it"}},
    };
    run_rows(rows, RV_ARRAY_LEN(rows));
}

static void test_held(void) {
    static const struct row rows[] = {
        {"held capacity is made",
         "{" GROUP("") ",\"nodes\":[" HEAD "],\"held\":[" CPUS(1, 9) "]}",
         {"\"launch\":{\"w\":3}", "\"held\":\"ok\""}},
        {"a busy node holds as much as an idle one",
         "{" GROUP("") ",\"nodes\":[" HEAD "," BUSY("a") "],\"held\":[" CPUS(4, 1) "]}",
         {"\"launch\":{}"}},
        {"what is held stays",
         "{" GROUP("") ",\"nodes\":[" HEAD "," IDLE("a", 900000) "],\"held\":[" CPUS(1, 1) "]}",
         {"\"remove\":{}", "holds its capacity"}},
        {"all or nothing, capped",
         "{" GROUP(",\"max\":1") ",\"nodes\":[" HEAD "],\"held\":[" CPUS(4, 2) "]}",
         {"\"launch\":{}", "\"held\":\"capped\""}},
        {"all or nothing, infeasible",
         "{" GROUP("") ",\"nodes\":[" HEAD "],\"held\":[" CPUS(4, 1) "," CPUS(9, 1) "]}",
         {"\"launch\":{}", "\"held\":\"infeasible\""}},
    };
    run_rows(rows, RV_ARRAY_LEN(rows));
}

static void test_scale_down(void) {
    static const struct row rows[] = {
        {"idle for long enough",
         "{" GROUP("") ",\"nodes\":[" HEAD "," IDLE("a", 60001) "," IDLE("b", 60000) "," BUSY("c") "]}",
         {"\"remove\":{\"a\":\"idle\"}", "\"b\":\"is idle, but not for long", "\"c\":\"is in use"}},
        {"no time-out", "{" GROUP(",\"idle_ms\":-1") ",\"nodes\":[" HEAD "," IDLE("a", 900000) "]}", {"\"remove\":{}"}},
        {"a time-out of 0 needs more than 0",
         "{" GROUP(",\"idle_ms\":0") ",\"nodes\":[" HEAD "," IDLE("a", 0) "," IDLE("b", 1) "]}",
         {"\"remove\":{\"b\":\"idle\"}", "\"a\":\"is in use"}},
        {"never below the minimum; the longest idle goes",
         "{" GROUP(",\"min\":1") ",\"nodes\":[" HEAD "," IDLE("a", 70000) "," IDLE("b", 90000) "]}",
         {"\"remove\":{\"b\":\"idle\"}", "its group is at its minimum"}},
        {"one that waits keeps one node",
         "{" GROUP("") ",\"nodes\":[" HEAD "," IDLE("a", 90000) "," IDLE("b", 90000) "],\"demands\":[" CPUS(4, 1) "]}",
         {"\"remove\":{\"b\":\"idle\"}", "\"launch\":{}"}},
        {"a starting pod is not removed for being idle",
         "{" GROUP("") ",\"nodes\":[" HEAD "," START("a") "]}",
         {"\"remove\":{}", "has not joined"}},
        {"a pod that cannot be placed: another group does its work, then it goes",
         "{" TWO ",\"nodes\":[" HEAD "," BLOCKED "],\"demands\":[" CPUS(4, 1) "]}",
         {"\"launch\":{\"b\":1},\"remove\":{}", "nothing else does its work yet"}},
        {"not before that other node runs",
         "{" TWO ",\"nodes\":[" HEAD "," BLOCKED ",{\"name\":\"y\",\"group\":\"b\",\"phase\":\"starting\"}],"
         "\"demands\":[" CPUS(4, 1) "]}",
         {"\"launch\":{},\"remove\":{}"}},
        {"it goes when nothing waits",
         "{" TWO ",\"nodes\":[" HEAD "," BLOCKED "]}",
         {"\"remove\":{\"x\":\"blocked\"}"}},
        {"but not below the minimum",
         "{\"groups\":[{\"name\":\"a\",\"min\":1,\"resources\":{\"CPU\":4}}],\"nodes\":[" HEAD "," BLOCKED "]}",
         {"\"launch\":{},\"remove\":{}"}},
        {"it stands in line when no other group can",
         "{\"groups\":[{\"name\":\"a\",\"max\":1,\"resources\":{\"CPU\":4}}],\"nodes\":[" HEAD "," BLOCKED
         "],\"demands\":[" CPUS(4, 1) "]}",
         {"\"launch\":{},\"remove\":{}", "\"unmet\":[]", "nothing else does its work yet"}},
        {"more of it stands in line too",
         "{\"groups\":[{\"name\":\"a\",\"stuck\":true,\"resources\":{\"CPU\":4}}],\"nodes\":[" HEAD "," BLOCKED
         "],\"demands\":[" CPUS(4, 3) "]}",
         {"\"launch\":{\"a\":2},\"remove\":{}"}},
        {"above the maximum: without Ray first",
         "{" GROUP(",\"max\":1") ",\"nodes\":[" HEAD "," IDLE("a", 90000) "," START("b") "," BUSY("c") "]}",
         {"\"remove\":{\"a\":\"group max\",\"b\":\"group max\"}"}},
        {"above the maximum of the cluster, the head stays",
         "{" GROUP("") ",\"max_nodes\":2,\"nodes\":[" HEAD "," IDLE("a", 5) "," BUSY("b") "]}",
         {"\"remove\":{\"a\":\"max\"}", "is the head"}},
        {"a removed group",
         "{" GROUP("") ",\"nodes\":[" HEAD ",{\"name\":\"x\",\"group\":\"gone\",\"total\":{\"CPU\":4}}," BUSY("a") "]}",
         {"\"remove\":{\"x\":\"no group\"}"}},
        {"what goes has no room for what waits",
         "{" GROUP(",\"max\":1") ",\"nodes\":[" HEAD
                                 "," IDLE("a", 90000) "," BUSY("b") "],\"demands\":[" CPUS(4, 1) "]}",
         {"\"remove\":{\"a\":\"group max\"}", "\"unmet\":[[0,1,true]]"}},
        {"a replica goes whole",
         "{" GROUP(",\"hosts\":2") ",\"nodes\":[" HEAD "," HOST("a0", "a", 90000) "," HOST("a1", "a", 90000) "," HOST(
             "b0", "b", 90000) "," HOST("b1", "b", 0) "]}",
         {"\"remove\":{\"a0\":\"idle\",\"a1\":\"idle\"}", "\"b0\":\"is idle, but another host"}},
        {"and stays whole for a minimum",
         "{" GROUP(",\"hosts\":2,\"min\":2") ",\"nodes\":[" HEAD "," HOST("a0", "a", 90000) "," HOST(
             "a1", "a", 90000) "," HOST("b0", "b", 99000) "," HOST("b1", "b", 99000) "]}",
         {"\"remove\":{\"b0\":\"idle\",\"b1\":\"idle\"}", "its group is at its minimum"}},
        {"above the maximum, a replica goes whole",
         "{" GROUP(",\"hosts\":2,\"max\":2") ",\"nodes\":[" HEAD "," HOST("a0", "a", 90000) "," HOST(
             "a1", "a", 0) "," HOST("b0", "b", 0) "," HOST("b1", "b", 0) "]}",
         {"\"remove\":{\"a0\":\"group max\",\"a1\":\"group max\"}"}},
    };
    run_rows(rows, RV_ARRAY_LEN(rows));
}

static void test_why_not(void) {
    static const struct {
        const char *group, *request, *want;
    } rows[] = {
        {"{\"resources\":{\"CPU\":4}}", "{\"resources\":{\"CPU\":4},\"selectors\":[[]]}", ""},
        {"{\"resources\":{\"CPU\":4}}", "{\"resources\":{\"GPU\":1}}", "it has no GPU"},
        {"{\"resources\":{\"CPU\":4}}", "{\"resources\":{\"CPU\":4.5}}", "CPU: asks for 4.5, a node has 4"},
        {"{\"resources\":{\"CPU\":4}}", "{\"resources\":{\"CPU\":1}," ZONE(1, "a") "}",
         "its nodes have no label zone (only the group's labels count)"},
        {"{\"labels\":{\"zone\":\"b\"}}", "{" ZONE(1, "a") "}", "its nodes have the label zone=b"},
        {"{\"labels\":{\"zone\":\"b\"}}", "{" ZONE(2, "a") "}", ""},
        {"{}", "{\"resources\":{\"node:__internal_implicit_resource_x\":1}}", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_str text = rv_arena_fmt(a, "{\"groups\":[%s],\"demands\":[%s]}", rows[i].group, rows[i].request);
        struct as_state s = state_from_json(a, text);
        struct rv_str got = as_why_not(a, &s.groups[0], &s.demands[0].request);
        CHECK_ROW(rv_str_is(got, rows[i].want), rows[i].request);
    }
}

static void test_amounts(void) {
    static const struct {
        double in;
        int64_t want;
    } rows[] = {{0, 0},
                {-1, 0},
                {1, 10000},
                {0.1, 1000},
                {0.00004, 0},
                {0.00005, 1},
                {2.5, 25000},
                {1e300, INT64_MAX / 2},
                {INFINITY, INT64_MAX / 2},
                {NAN, 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) CU_ASSERT_EQUAL(as_amount(rows[i].in), rows[i].want);
}

/* Equal states give equal decisions, and a decision once applied asks for nothing more. */
static void test_settles(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct as_state s = state_from_json(
        a, RV_STR("{" GROUP(",\"max\":50") ",\"nodes\":[" HEAD "],\"demands\":[" CPUS(1, 37) "," CPUS(3, 9) "]}"));
    struct as_decision first, second;
    as_decide(a, &s, &first);
    as_decide(a, &s, &second);
    CU_ASSERT_EQUAL(first.launches[0].count, second.launches[0].count);
    size_t n = (size_t)first.launches[0].count;
    struct as_node *nodes = rv_arena_alloc(a, (n + 1) * sizeof *nodes);
    nodes[0] = s.nodes[0];
    for (size_t i = 1; i <= n; i++) nodes[i] = (struct as_node){.group = 0, .phase = AS_STARTING};
    s.nodes = nodes;
    s.n_nodes = n + 1;
    as_decide(a, &s, &second);
    CU_ASSERT_EQUAL(second.launches[0].count, 0);
    CU_ASSERT_EQUAL(second.n_unmet, 0);
}

static const struct suite_test tests[] = {{"scale up", test_scale_up},     {"selectors", test_selectors},
                                          {"gangs", test_gangs},           {"held capacity", test_held},
                                          {"scale down", test_scale_down}, {"why not", test_why_not},
                                          {"amounts", test_amounts},       {"settles", test_settles}};
SUITE_MAIN("decision", tests)
