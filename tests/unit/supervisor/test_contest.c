/* Objects that another manager deletes as often as they are made, or makes as often as they are deleted. */
#include "supervisor/actions/contest.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

#define SECOND INT64_C(1000000000)
#define WALL INT64_C(1790000000) /* 2026-09-21T14:13:20Z */

struct scenario {
    struct contest *c;
    struct rv_arena *a;
    int64_t now, generation;
    struct rv_action act;
    struct contest_finding finding;
    unsigned uids;
};

static struct scenario *begin(uint32_t verb, const char *name, const char *body) {
    struct scenario *s = rv_alloc(sizeof *s);
    s->c = contest_new();
    s->a = rv_arena_new();
    s->now = 1000 * SECOND;
    s->generation = 1;
    struct rv_val v = from_json(s->a, body);
    s->act = (struct rv_action){.verb = verb,
                                .api_version = RV_STR("v1"),
                                .resource = RV_STR("pods"),
                                .ns = RV_STR("n"),
                                .name = rv_str(name),
                                .body = {v.p, v.n}};
    return s;
}

static void end(struct scenario *s) {
    contest_free(s->c);
    rv_arena_free(s->a);
    free(s);
}

static bool held(struct scenario *s) { return contest_judge(s->c, &s->act, s->generation, s->now, &s->finding); }

#define NAMED "{\"metadata\":{\"name\":\"p\",\"ownerReferences\":[{\"controller\":true,\"uid\":\"%s\"}]}}"
#define DRAWN "{\"metadata\":{\"generateName\":\"p-\",\"name\":\"p-abcde\"}}"

/* Made, and gone after that time; false: it was held back. */
static bool made_and_gone(struct scenario *s, const char *name, int64_t lasts) {
    if (held(s)) return false;
    struct rv_str uid = rv_arena_fmt(s->a, "u%u", ++s->uids);
    struct rv_val o =
        from_json(s->a, rv_arena_fmt(s->a, "{\"metadata\":{\"name\":\"%s\",\"uid\":\"%s\"}}", name, uid.p).p);
    contest_made(s->c, &s->act, o, s->generation, s->now);
    s->now += lasts;
    const struct contest_name n = {s->act.api_version, s->act.resource, s->act.ns, rv_str(name), uid};
    contest_gone(s->c, &n, s->now);
    contest_gone(s->c, &n, s->now); /* another plugin reads it, too */
    return true;
}

static unsigned count_until_held(struct scenario *s, const char *const *names, size_t n, int64_t lasts, int64_t pause) {
    for (unsigned i = 0; i < 20; i++, s->now += pause)
        if (!made_and_gone(s, names[i % n], lasts)) return i;
    return 20;
}

static void what_counts(void) {
    static const struct {
        const char *what, *body, *names[2];
        size_t n;
        int64_t lasts, pause;
        unsigned want; /* 20: it never ends */
    } rows[] = {
        {"deleted at once", "{\"metadata\":{\"name\":\"p\"}}", {"p"}, 1, SECOND / 50, SECOND / 50, 5},
        {"names that are drawn", DRAWN, {"p-abcde", "p-fghij"}, 2, SECOND, SECOND, 5},
        {"after nine seconds", "{\"metadata\":{\"name\":\"p\"}}", {"p"}, 1, 9 * SECOND, SECOND, 5},
        {"it has lasted", "{\"metadata\":{\"name\":\"p\"}}", {"p"}, 1, 11 * SECOND, SECOND, 20},
        {"rarely", "{\"metadata\":{\"name\":\"p\"}}", {"p"}, 1, SECOND, 61 * SECOND, 20},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin(RV_VERB_CREATE, "p", rows[i].body);
        CHECK_ROW(count_until_held(s, rows[i].names, rows[i].n, rows[i].lasts, rows[i].pause) == rows[i].want,
                  rows[i].what);
        end(s);
    }
}

/* A hundred pods that go at once are one time, and what we delete ourselves is none. */
static void what_does_not(void) {
    struct scenario *s = begin(RV_VERB_CREATE, "p-abcde", DRAWN);
    for (int i = 0; i < 100; i++) {
        struct rv_str name = rv_arena_fmt(s->a, "p-%05d", i);
        contest_made(s->c, &s->act,
                     from_json(s->a, rv_arena_fmt(s->a, "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u\"}}", name.p).p), 1,
                     s->now);
    }
    s->now += SECOND;
    for (int i = 0; i < 100; i++)
        contest_gone(s->c,
                     &(struct contest_name){s->act.api_version, s->act.resource, s->act.ns,
                                            rv_arena_fmt(s->a, "p-%05d", i), RV_STR("u")},
                     s->now);
    CU_ASSERT_FALSE(held(s));
    for (int i = 0; i < 10; i++) {
        struct rv_action mine = s->act;
        mine.verb = i % 2 != 0 ? RV_VERB_DELETE : RV_VERB_DELETE_COLLECTION;
        mine.name = i % 2 != 0 ? RV_STR("p-abcde") : RV_STR("");
        CU_ASSERT_FALSE(held(s));
        contest_made(s->c, &s->act, from_json(s->a, "{\"metadata\":{\"name\":\"p-abcde\",\"uid\":\"u\"}}"), 1, s->now);
        struct contest_finding none;
        CU_ASSERT_FALSE(contest_judge(s->c, &mine, 1, s->now, &none));
        s->now += SECOND;
        contest_gone(
            s->c,
            &(struct contest_name){s->act.api_version, s->act.resource, s->act.ns, RV_STR("p-abcde"), RV_STR("u")},
            s->now);
    }
    CU_ASSERT_FALSE(held(s));
    end(s);
}

static void pauses(void) {
    static const int64_t want[] = {10, 20, 40, 80, 160, 320, 600, 600};
    struct scenario *s = begin(RV_VERB_CREATE, "p", "{\"metadata\":{\"name\":\"p\"}}");
    static const char *const names[] = {"p"};
    CU_ASSERT_EQUAL(count_until_held(s, names, 1, SECOND / 10, 1), 5);
    for (size_t i = 0; i < RV_ARRAY_LEN(want); i++) {
        CU_ASSERT_EQUAL(s->finding.first, i == 0);
        CU_ASSERT_EQUAL(s->finding.pause_ms, want[i] * 1000 + 1);
        s->now += want[i] * SECOND - 1000;
        CU_ASSERT_TRUE(held(s));
        CU_ASSERT_FALSE(s->finding.first);
        s->now += 1000;
        CU_ASSERT_TRUE(made_and_gone(s, "p", SECOND)); /* one try */
        CU_ASSERT_TRUE(held(s));
    }
    s->generation = 2; /* the user has changed what the plugin works on */
    CU_ASSERT_FALSE(held(s));
    end(s);
}

/* Objects of another controller: those of a cluster that has been made anew. */
static void another_owner(void) {
    struct scenario *s = begin(RV_VERB_CREATE, "p", "{}");
    for (int i = 0; i < 20; i++) {
        struct rv_val v = from_json(s->a, rv_arena_fmt(s->a, NAMED, i % 2 != 0 ? "a" : "b").p);
        s->act.body = (struct rv_bytes){v.p, v.n};
        if (i < 10) CU_ASSERT_TRUE(made_and_gone(s, "p", SECOND));
    }
    struct rv_val v = from_json(s->a, rv_arena_fmt(s->a, NAMED, "c").p);
    CU_ASSERT_TRUE(held(s));
    s->act.body = (struct rv_bytes){v.p, v.n};
    CU_ASSERT_FALSE(held(s));
    end(s);
}

#define POD_OF(born, managers)                                                                                         \
    "{\"metadata\":{\"name\":\"p-fghij\",\"creationTimestamp\":\"" born "\",\"managedFields\":[" managers "]}}"
#define THEIRS "{\"manager\":\"kubelet\",\"subresource\":\"status\"},{\"manager\":\"kuberay-operator\"}"

/* What another makes anew each time that we delete it. */
static void deletions(void) {
    static const struct {
        const char *object;
        bool held;
    } rows[] = {
        {POD_OF("2026-09-21T14:13:19Z", THEIRS), true},
        {POD_OF("2026-09-21T14:13:19Z", THEIRS ",{\"manager\":\"rayvisor-raycluster\"}"), false}, /* ours */
        {POD_OF("2026-09-21T14:13:19Z", ""), false},                                              /* nobody says so */
        {POD_OF("2026-09-21T14:13:09Z", THEIRS), false},                                          /* it has lasted */
        {"{\"kind\":\"Status\"}", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario *s = begin(RV_VERB_DELETE, "p-fghij", "null");
        struct rv_val o = rv_val_get(from_json(s->a, rv_arena_fmt(s->a, "{\"it\":%s}", rows[i].object).p), "it");
        unsigned n = 0;
        for (; n < 10 && !held(s); n++, s->now += 2 * SECOND)
            contest_deleted(s->c, &s->act, o, 1, s->now, WALL * SECOND);
        CHECK_ROW((n == 5) == rows[i].held, rows[i].object);
        if (rows[i].held) CU_ASSERT_TRUE(rv_str_is(s->finding.manager, "kuberay-operator"));
        for (int k = 0; rows[i].held && k < 8; k++) { /* never held back for long */
            CU_ASSERT_TRUE(held(s));
            CU_ASSERT_TRUE(s->finding.pause_ms <= 60001);
            s->now += s->finding.pause_ms * 1000000;
            CU_ASSERT_FALSE(held(s));
            contest_deleted(s->c, &s->act, o, 1, s->now, WALL * SECOND);
        }
        end(s);
    }
}

static const struct suite_test tests[] = {{"what counts", what_counts},
                                          {"what does not", what_does_not},
                                          {"pauses", pauses},
                                          {"another owner", another_owner},
                                          {"deletions", deletions}};
SUITE_MAIN("contest", tests)
