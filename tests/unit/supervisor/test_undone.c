/* Writes that another manager undoes: when the object is looked at, whom it says has done it, and how rarely it is
 * tried. */
#include "supervisor/actions/undone.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

#define SECOND INT64_C(1000000000)
#define WALL INT64_C(1790000000) /* 2026-09-21T14:13:20Z */

#define OBJECT(rv, annotations, fields)                                                                                \
    "{\"metadata\":{\"name\":\"p\",\"uid\":\"u\",\"resourceVersion\":\"" rv "\",\"annotations\":" annotations          \
    ",\"managedFields\":[" fields "]}}"
#define FIELDS(manager, time, fields)                                                                                  \
    "{\"manager\":\"" manager "\",\"operation\":\"Update\",\"time\":\"" time "\",\"fieldsV1\":" fields "}"
#define OWNS_A "{\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:a/b\":{}}}}"
#define OWNS_OTHER "{\"f:status\":{\"f:phase\":{}}}"
#define NOW "2026-09-21T14:13:20Z"
#define LONG_AGO "2026-09-21T10:00:00Z"
#define WANTED "{\"metadata\":{\"annotations\":{\"a/b\":\"ours\"}}}"

struct scenario {
    struct undone *u;
    struct rv_arena *a;
    int64_t now, generation;
    struct rv_action act;
};

static void write_is(struct scenario *s, const char *json) {
    struct rv_val v = from_json(s->a, json);
    s->act = (struct rv_action){.verb = RV_VERB_MERGE_PATCH,
                                .api_version = RV_STR("v1"),
                                .resource = RV_STR("pods"),
                                .ns = RV_STR("n"),
                                .name = RV_STR("p"),
                                .body = {v.p, v.n}};
}

static struct scenario *begin(void) {
    struct scenario *s = rv_alloc(sizeof *s);
    s->u = undone_new();
    s->a = rv_arena_new();
    s->now = SECOND;
    s->generation = 1;
    write_is(s, WANTED);
    return s;
}

static void end(struct scenario *s) {
    undone_free(s->u);
    rv_arena_free(s->a);
    free(s);
}

static enum undone_verdict judge(struct scenario *s) {
    int64_t wait = 0;
    return undone_judge(s->u, &s->act, s->generation, s->now, &wait);
}

static void written(struct scenario *s, const char *version) {
    struct rv_val o =
        from_json(s->a, rv_arena_fmt(s->a, "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"%s\"}}", version).p);
    undone_written(s->u, &s->act, o, s->generation, s->now, WALL * SECOND);
}

/* The field, the manager and the pause: "field by manager, 10 s"; "" it is not undone. */
static struct rv_str look(struct scenario *s, const char *object) {
    struct undone_finding t = {0};
    struct rv_str said = RV_STR("");
    struct rv_val it = rv_val_get(from_json(s->a, rv_arena_fmt(s->a, "{\"it\":%s}", object).p), "it");
    if (undone_look(s->u, &s->act, it, s->now, &t))
        said = rv_arena_fmt(s->a, "%s by %s, %lld s%s", rv_buf_cstr(&t.field), rv_buf_cstr(&t.manager),
                            (long long)t.pause_ms / 1000, t.first ? ", first" : "");
    rv_buf_free(&t.field);
    rv_buf_free(&t.manager);
    return said;
}

static void three_times(struct scenario *s) {
    static const char *const versions[] = {"10", "12", "14"};
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
        written(s, versions[i]);
    }
    CU_ASSERT_EQUAL(judge(s), UNDONE_LOOK);
}

static void who_has_done_it(void) {
    static const struct {
        const char *object, *want;
    } rows[] = {
        {OBJECT("15", "{\"a/b\":\"theirs\"}", FIELDS("kuberay-operator", NOW, OWNS_A)),
         "metadata.annotations[a/b] by kuberay-operator, 10 s, first"},
        {OBJECT("15", "{\"a/b\":\"theirs\"}", FIELDS("rayvisor", NOW, OWNS_OTHER) "," FIELDS("x", NOW, OWNS_A)),
         "metadata.annotations[a/b] by x, 10 s, first"},
        {OBJECT("15", "{}", FIELDS("rayvisor", NOW, OWNS_OTHER) "," FIELDS("remover", NOW, OWNS_OTHER)),
         "metadata.annotations[a/b] by remover, 10 s, first"}, /* taken away: who changed it last */
        {OBJECT("15", "{}", FIELDS("kubelet", LONG_AGO, OWNS_OTHER)), "metadata.annotations[a/b] by , 10 s, first"},
        {OBJECT("15", "{}", ""), "metadata.annotations[a/b] by , 10 s, first"},       /* nobody says who */
        {OBJECT("15", "{\"a/b\":\"ours\"}", FIELDS("kubelet", NOW, OWNS_OTHER)), ""}, /* as it should be */
        {OBJECT("14", "{\"a/b\":\"theirs\"}", FIELDS("x", NOW, OWNS_A)), ""},         /* as it was left */
        {"{\"metadata\":{\"uid\":\"another\",\"resourceVersion\":\"15\"}}", ""},
        {"{}", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin();
        three_times(s);
        struct rv_str said = look(s, rows[i].object);
        CHECK_ROW(rv_str_is(said, rows[i].want), said.n != 0 ? said.p : rows[i].object);
        end(s);
    }
}

/* Conditions of a write are nothing that it writes. */
static void conditions(void) {
    static const struct {
        const char *write, *want;
    } rows[] = {{"{\"metadata\":{\"resourceVersion\":\"3\",\"annotations\":{\"a/b\":\"ours\"}}}", ""},
                {"{\"metadata\":{\"uid\":\"other\",\"annotations\":{\"a/b\":\"ours\"}}}", ""},
                {"{\"metadata\":{\"name\":\"other\"}}", "metadata.name by , 10 s, first"},
                {"{\"spec\":{\"uid\":\"other\"}}", "spec by , 10 s, first"},
                {"{\"uid\":\"other\"}", "uid by , 10 s, first"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin();
        write_is(s, rows[i].write);
        three_times(s);
        struct rv_str said = look(s, OBJECT("15", "{\"a/b\":\"ours\"}", ""));
        CHECK_ROW(rv_str_is(said, rows[i].want), rows[i].write);
        if (!rv_str_is(said, rows[i].want)) printf("\n    says: %s", said.n != 0 ? said.p : "");
        end(s);
    }
}

/* Where we have written something else to it meanwhile, it is another manager's only if that says so. */
static void our_own_turns(void) {
    static const struct {
        const char *object, *want;
    } rows[] = {
        {OBJECT("15", "{\"a/b\":\"not yet\"}", FIELDS("rayvisor", NOW, OWNS_A) "," FIELDS("kubelet", NOW, OWNS_OTHER)),
         ""},
        {OBJECT("15", "{\"a/b\":\"not yet\"}", ""), ""},
        {OBJECT("15", "{\"a/b\":\"theirs\"}", FIELDS("x", NOW, OWNS_A)), "metadata.annotations[a/b] by x, 10 s, first"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin();
        three_times(s);
        write_is(s, "{\"metadata\":{\"annotations\":{\"a/b\":\"not yet\"}}}");
        written(s, "15");
        write_is(s, WANTED);
        struct rv_str said = look(s, rows[i].object);
        CHECK_ROW(rv_str_is(said, rows[i].want), said.n != 0 ? said.p : rows[i].object);
        end(s);
    }
}

/* Told once, tried again after ever longer pauses, and for good in no minute more than once. */
static void pauses(void) {
    static const int64_t want[] = {10, 20, 40, 80, 160, 320, 600, 600};
    struct scenario *s = begin();
    three_times(s);
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(judge(s), UNDONE_LOOK);
        struct rv_str said = look(s, rv_arena_fmt(s->a, OBJECT("%d", "{}", FIELDS("x", NOW, OWNS_OTHER)), 100 + i).p);
        struct rv_str expected =
            rv_arena_fmt(s->a, "metadata.annotations[a/b] by x, %lld s%s", (long long)want[i], i == 0 ? ", first" : "");
        CHECK_ROW(rv_str_eq(said, expected), said.p);
        CU_ASSERT_EQUAL(judge(s), UNDONE_WAIT);
        s->now += want[i] * SECOND - 1000;
        CU_ASSERT_EQUAL(judge(s), UNDONE_WAIT);
        s->now += 2000;
        CU_ASSERT_EQUAL(judge(s), UNDONE_SEND); /* one try */
        written(s, rv_arena_fmt(s->a, "%d", 200 + i).p);
    }
    end(s);
}

static void what_ends_it(void) {
    struct scenario *s = begin();
    three_times(s);
    CU_ASSERT_TRUE(look(s, OBJECT("15", "{}", FIELDS("x", NOW, OWNS_OTHER))).n != 0);
    CU_ASSERT_EQUAL(judge(s), UNDONE_WAIT);
    s->generation = 2; /* the user has changed what the plugin works on */
    CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
    three_times(s);
    s->now += 61 * SECOND; /* so rarely it is no quarrel */
    CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
    end(s);
}

/* What is no quarrel: other writes, writes that change nothing, and those that say for what object they were made are
 * the same write all the same. */
static void which_writes(void) {
    struct scenario *s = begin();
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
        written(s, "10");
    }
    for (int i = 0; i < 10; i++) {
        write_is(s, rv_arena_fmt(s->a, "{\"metadata\":{\"annotations\":{\"a/b\":\"%d\"}}}", i).p);
        CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
        written(s, rv_arena_fmt(s->a, "%d", 20 + i).p);
    }
    for (int i = 0; i < 3; i++) {
        write_is(s,
                 rv_arena_fmt(
                     s->a,
                     "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"%d\",\"annotations\":{\"a/b\":\"again\"}}}", i)
                     .p);
        CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
        written(s, rv_arena_fmt(s->a, "%d", 40 + i).p);
    }
    CU_ASSERT_EQUAL(judge(s), UNDONE_LOOK);
    s->act.verb = RV_VERB_CREATE;
    CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
    s->act.verb = RV_VERB_APPLY;
    CU_ASSERT_EQUAL(judge(s), UNDONE_LOOK);
    s->act.name = RV_STR("another");
    CU_ASSERT_EQUAL(judge(s), UNDONE_SEND);
    end(s);
}

static const struct suite_test tests[] = {{"who has done it", who_has_done_it}, {"conditions", conditions},
                                          {"our own turns", our_own_turns},     {"pauses", pauses},
                                          {"what ends it", what_ends_it},       {"which writes", which_writes}};
SUITE_MAIN("undone", tests)
