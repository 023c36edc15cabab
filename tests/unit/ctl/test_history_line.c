/* test_history_line.c - what happened as lines for people. */
#include "supervisor/ctl/history_line.h"

#include "tests/unit/sdk/suite.h"

static void test_lines(void) {
#define AT "\"time\":\"2026-11-30T15:04:05.123456Z\","
#define KEY "\"kind\":\"RayCluster\",\"namespace\":\"team\",\"name\":\"demo\","
    static const struct {
        const char *entry;
        bool with_object;
        const char *want;
    } rows[] = {
        {"{" AT KEY
         "\"what\":\"pass\",\"plugin\":\"raycluster\",\"causes\":[\"related\",\"results\"],\"related\":{\"kind\":"
         "\"Pod\",\"name\":\"demo-head\",\"deleted\":true,\"changes\":3},\"waitedMs\":0.042,\"quietBefore\":2,"
         "\"actions\":1,\"outcome\":\"after\",\"nextMs\":5000,\"said\":[\"makes the head\",\"waits\"]}",
         false,
         "15:04:05.123  raycluster    reconciled because Pod demo-head deleted and 2 more changes; results are there: "
         "1 "
         "action, again in 5.0 s, waited 0.0 ms (2 passes before it changed nothing)\n"
         "                - makes the head\n                - waits\n"},
        {"{" AT KEY
         "\"what\":\"pass\",\"plugin\":\"raycluster\",\"causes\":[\"backoff\"],\"waitedMs\":2000,\"actions\":2,"
         "\"outcome\":\"retry\"}",
         false, "15:04:05.123  raycluster    reconciled because tried again: 2 actions, failed, waited 2.0 s\n"},
        {"{" AT KEY "\"what\":\"result\",\"plugin\":\"raycluster\",\"verb\":\"create\",\"resource\":\"pods\","
         "\"target\":\"demo-head\",\"code\":\"CONFLICT\",\"httpStatus\":409,\"retries\":1,\"waitedMs\":1.5,\"tookMs\":"
         "20.25,"
         "\"text\":\"it is there\"}",
         true,
         "15:04:05.123  raycluster    RayCluster team/demo: create pods demo-head: CONFLICT (409) in 20.2 ms, waited "
         "1.5 ms, "
         "sent 2 times: it is there\n"},
        {"{" AT KEY
         "\"what\":\"result\",\"plugin\":\"raycluster\",\"verb\":\"event\",\"target\":\"demo\",\"code\":\"OK\","
         "\"waitedMs\":0,\"tookMs\":0,\"text\":\"Created: the pod\"}",
         false, "15:04:05.123  raycluster    event Created: the pod\n"},
        {"{" AT KEY "\"what\":\"request\",\"plugin\":\"rayjob\",\"verb\":\"http\",\"target\":\"GET http://x/api\"}",
         false, "15:04:05.123  rayjob        http GET http://x/api\n"},
        {"{" AT "\"kind\":\"Pod\",\"namespace\":\"team\",\"name\":\"p\",\"what\":\"change\",\"resourceVersion\":\"7\","
         "\"deleted\":false}",
         true, "15:04:05.123                Pod team/p: changed (version 7)\n"},
        {"{}", false, "                \n"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf b = {0};
        history_line(from_json(a, rows[i].entry), rows[i].with_object, &b);
        CHECK_ROW(strcmp(rv_buf_cstr(&b), rows[i].want) == 0, rows[i].entry);
        if (strcmp(rv_buf_cstr(&b), rows[i].want) != 0) printf("\n    got %s", rv_buf_cstr(&b));
    }
}

static const struct suite_test tests[] = {{"what happened, as lines", test_lines}};
SUITE_MAIN("history lines", tests)
