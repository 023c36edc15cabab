/* Kubernetes events: a new one is written, a repeat becomes a series, noise is bounded. */
#include "supervisor/actions/recorder.h"

#include "tests/unit/sdk/suite.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1790000000) * SECOND)

static struct rv_event event(const char *name, const char *note) {
    return (struct rv_event){.size = sizeof(struct rv_event),
                             .warning = 1,
                             .reason = RV_STR("FailedCreate"),
                             .action = RV_STR("Create"),
                             .note = rv_str(note),
                             .api_version = RV_STR("ray.io/v1"),
                             .kind = RV_STR("RayCluster"),
                             .ns = RV_STR("team"),
                             .name = rv_str(name),
                             .uid = RV_STR("u-1"),
                             .controller = RV_STR("raycluster-controller")};
}

static bool body_is(const struct recorder_request *q, const char *path, const char *want) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autofree char *text = rv_strdup((struct rv_str){(const char *)q->body.p, q->body.n});
    struct rv_str have = rv_path_str(from_json(a, text), path);
    if (!rv_str_is(have, want)) printf("\n    %s is \"" RV_STR_FMT "\"", path, RV_STR_ARG(have));
    return rv_str_is(have, want);
}

static void a_new_event(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    struct rv_event e = event("c", "quota");
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "POST");
    CU_ASSERT_STRING_EQUAL(q.path, "/apis/events.k8s.io/v1/namespaces/team/events");
    CU_ASSERT_TRUE(body_is(&q, "regarding.name", "c") && body_is(&q, "regarding.uid", "u-1"));
    CU_ASSERT_TRUE(body_is(&q, "regarding.apiVersion", "ray.io/v1") && body_is(&q, "type", "Warning"));
    CU_ASSERT_TRUE(body_is(&q, "reason", "FailedCreate") && body_is(&q, "note", "quota"));
    CU_ASSERT_TRUE(body_is(&q, "reportingController", "raycluster-controller"));
    CU_ASSERT_TRUE(body_is(&q, "metadata.namespace", "team"));
    e.ns = RV_STR(""); /* of a cluster-wide object */
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_TRUE(body_is(&q, "metadata.namespace", "default"));
    recorder_free(r);
}

static void repeats(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    struct rv_event e = event("c", "quota"), other = event("c", "image");
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_FALSE(recorder_event(r, &e, START + 1 * SECOND, &q)); /* said just now */
    CU_ASSERT_TRUE(recorder_event(r, &other, START + 2 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "POST"); /* another note is another event */
    CU_ASSERT_TRUE(recorder_event(r, &e, START + 60 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "PATCH");
    CU_ASSERT_STRING_EQUAL(q.content_type, "application/merge-patch+json");
    CU_ASSERT_PTR_NOT_NULL(strstr(q.path, "/events/c."));
    CU_ASSERT_PTR_NOT_NULL(memmem(q.body.p, q.body.n, "\"count\":3", 9)); /* the silent one counts */
    CU_ASSERT_TRUE(recorder_event(r, &e, START + 500 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "POST"); /* more than six minutes later: a new series */
    recorder_free(r);
}

static void an_expired_series_begins_anew(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    struct rv_event e = event("c", "quota");
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_TRUE(recorder_event(r, &e, START + 20 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "PATCH");
    recorder_lost(r, &e); /* 404 */
    CU_ASSERT_TRUE(recorder_event(r, &e, START + 40 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "POST");
    recorder_free(r);
}

static void noise_is_bounded(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    unsigned written = 0;
    char note[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(note, sizeof note, "note %d", i);
        struct rv_event e = event("loud", note);
        written += recorder_event(r, &e, START, &q);
    }
    CU_ASSERT_EQUAL(written, 25);
    struct rv_event quiet = event("quiet", "hello"), later = event("loud", "later");
    CU_ASSERT_TRUE(recorder_event(r, &quiet, START, &q)); /* others are not affected */
    CU_ASSERT_FALSE(recorder_event(r, &later, START + 5 * SECOND, &q));
    CU_ASSERT_TRUE(recorder_event(r, &later, START + 60 * SECOND, &q));
    CU_ASSERT_STRING_EQUAL(q.method, "POST");
    recorder_free(r);
}

static void long_notes_are_cut_between_characters(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    char note[2001];
    for (size_t i = 0; i < 1000; i++) memcpy(note + 2 * i, "\xc3\xbc", 2); /* ü */
    note[2000] = 0;
    memmove(note + 1, note, 1999); /* an odd start, so that the limit falls within a character */
    note[0] = 'x';
    note[1999] = 0;
    struct rv_event e = event("c", note);
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autofree char *text = rv_strdup((struct rv_str){(const char *)q.body.p, q.body.n});
    struct rv_val v = from_json(a, text); /* strict about UTF-8 */
    CU_ASSERT_EQUAL(rv_path_str(v, "note").n, 1023);
    recorder_free(r);
}

/* kubectl shows a plugin's words on a terminal. */
static void what_a_terminal_obeys_is_escaped(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    struct rv_event e = event("c", "two\nlines \x1b[2J\xc2\x9b \xe2\x80\xae");
    e.reason = RV_STR("R\xe2\x80\xae");
    e.action = RV_STR("A\n");
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_TRUE(body_is(&q, "note", "two\nlines \\u001b[2J\\u009b \\u202e"));
    CU_ASSERT_TRUE(body_is(&q, "reason", "R\\u202e") && body_is(&q, "action", "A\\n"));
    e = event("d", "x"); /* what kubectl shows in the columns beside the note */
    e.kind = RV_STR("Pod\x1b[2J");
    e.api_version = RV_STR("v1\x1b");
    e.uid = RV_STR("u\xc2\x9b");
    e.controller = RV_STR("toy\r");
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_TRUE(body_is(&q, "regarding.kind", "Pod\\u001b[2J") && body_is(&q, "regarding.apiVersion", "v1\\u001b"));
    CU_ASSERT_TRUE(body_is(&q, "regarding.uid", "u\\u009b") && body_is(&q, "reportingController", "toy\\u000d"));
    recorder_free(r);
}

/* The API server refuses an event with longer ones: it would be lost. */
static void long_words_are_cut(void) {
    struct recorder *r = recorder_new();
    struct recorder_request q;
    char word[60001], cut[129];
    memset(word, 'w', sizeof word - 1);
    word[sizeof word - 1] = 0;
    memcpy(cut, word, sizeof cut - 1);
    cut[sizeof cut - 1] = 0;
    struct rv_event e = event("c", "x");
    e.reason = e.action = e.controller = e.kind = rv_str(word);
    CU_ASSERT_TRUE(recorder_event(r, &e, START, &q));
    CU_ASSERT_TRUE(body_is(&q, "reason", cut) && body_is(&q, "action", cut));
    CU_ASSERT_TRUE(body_is(&q, "reportingController", cut) && body_is(&q, "regarding.kind", cut));
    recorder_free(r);
}

static const struct suite_test tests[] = {{"a new event", a_new_event},
                                          {"repeats", repeats},
                                          {"an expired series begins anew", an_expired_series_begins_anew},
                                          {"noise is bounded", noise_is_bounded},
                                          {"long notes", long_notes_are_cut_between_characters},
                                          {"long words", long_words_are_cut},
                                          {"unseen characters", what_a_terminal_obeys_is_escaped}};
SUITE_MAIN("recorder", tests)
