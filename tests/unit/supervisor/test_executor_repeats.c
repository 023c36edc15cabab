/* Writes that another manager undoes, and events: what is sent of what is asked for again and again. */
#include "executor_fixture.h"
#include "rayvisor/k8s.h"

#include <stdio.h>
#include <stdlib.h>

/* What another manager undoes is looked at after three times, told on the object that the plugin works on, and not sent
 * again for a while; what differs from it goes on. */
static void undone_again_and_again(void) {
    static const char looked[] =
        "{\"metadata\":{\"name\":\"p\",\"namespace\":\"n\",\"uid\":\"u1\",\"resourceVersion\":\"9\",\"labels\":{\"a\":"
        "\"theirs\"},\"managedFields\":[{\"manager\":\"kuberay-operator\",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":"
        "{\"f:a\":{}}}}}]}}";
    static const char *const versions[] = {POD("p", "4", ""), POD("p", "6", ""), POD("p", "8", "")};
    struct fixture *w = fixture_new();
    struct ask a = {.verb = RV_VERB_MERGE_PATCH, .name = "p", .body = "{\"metadata\":{\"labels\":{\"a\":\"ours\"}}}"};
    for (a.id = 0; a.id < 3; a.id++) {
        script_on(w->server, &(struct script_answer){.when = "PATCH", .body = versions[a.id]});
        fixture_ask(w, &w->a, &a);
        CU_ASSERT_EQUAL(fixture_result(w, &w->a, a.id)->code, 0);
    }
    script_on(w->server, &(struct script_answer){.when = "GET /api/v1/namespaces/n/pods/p", .body = looked});
    script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}"});
    fixture_ask(w, &w->a, &a);
    const struct seen_result *r = fixture_result(w, &w->a, 3);
    CU_ASSERT_TRUE(r->code == RV_E_THROTTLED && strcmp(r->reason, "WriteUndone") == 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(r->message, "another manager, kuberay-operator, undoes what is written to pods p"));
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w->server)->body, "\"WriteUndone\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(script_last(w->server)->body, "(metadata.labels.a)"));
    for (a.id = 4; a.id < 20; a.id++) { /* nothing more is sent, and nothing more is told */
        fixture_ask(w, &w->a, &a);
        CU_ASSERT_EQUAL(fixture_result(w, &w->a, a.id)->code, RV_E_THROTTLED);
    }
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(script_count(w->server), 5);
    script_on(w->server, &(struct script_answer){.when = "PATCH", .body = versions[2]});
    a.body = "{\"metadata\":{\"labels\":{\"b\":\"ours\"}}}";
    fixture_ask(w, &w->a, &a);
    CU_ASSERT_EQUAL(fixture_result(w, &w->a, 20)->code, 0);
    struct executor_stats st;
    executor_stats(w->executor, &st);
    CU_ASSERT_EQUAL(st.undone, 1);
    fixture_free(w);
}

/* The same event again and again, more often than may wait: one event object, whatever is dropped of its repeats. */
static void flooded(void) {
    struct fixture *w = fixture_new();
    const struct rv_event e = {
        .kind = RV_STR("Pod"), .ns = RV_STR("n"), .name = RV_STR("p"), .reason = RV_STR("Flood")};
    script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}", .times = 9});
    executor_event(w->executor, &e);
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    /* A slow build needs longer than the pause between two counts of one event, so a count may be written. */
    script_on(w->server, &(struct script_answer){.when = "PATCH /apis/events", .body = "{}", .times = 9});
    for (int i = 0; i < 30000; i++) executor_event(w->executor, &e);
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    executor_event(w->executor, &e);
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_EQUAL(script_count_of(w->server, "POST"), 1);
    fixture_free(w);
}

/* An event tells when it happened, however long it waited for its turn. */
static void dated(void) {
    struct fixture *w = fixture_new();
    struct rv_event e = {.kind = RV_STR("Pod"), .ns = RV_STR("n"), .name = RV_STR("p"), .reason = RV_STR("First")};
    w->stage->s.config->qps = 2; /* the second waits half a second */
    w->stage->s.config->burst = 1;
    script_on(w->server, &(struct script_answer){.when = "POST /apis/events", .body = "{}", .times = 2});
    executor_event(w->executor, &e);
    e.reason = RV_STR("Second");
    int64_t asked = clock_wall(), told = 0;
    executor_event(w->executor, &e);
    int64_t limit = asked + 100 * INT64_C(1000000);
    SCRIPT_UNTIL(w->stage->s.loop, executor_idle(w->executor));
    CU_ASSERT_TRUE(clock_wall() > limit);
    const char *at = strstr(script_last(w->server)->body, "\"eventTime\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at += strlen("\"eventTime\":\"");
    CU_ASSERT_EQUAL(rv_time_parse((struct rv_str){at, strcspn(at, "\"")}, &told), 0);
    CU_ASSERT_TRUE(told > asked - 1000000 && told < limit);
    fixture_free(w);
}

static const struct suite_test tests[] = {{"undone again and again", undone_again_and_again},
                                          {"flooded", flooded},
                                          {"events tell when they happened", dated}};
SUITE_MAIN("executor: what is asked for again and again", tests)
