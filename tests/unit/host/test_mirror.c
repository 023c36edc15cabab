/* test_mirror.c - the plugin's copy of the objects, its indexes, and how a snapshot corrects it. */
#include "ipc/base/hash.h"
#include "plugins/host/mirror.h"
#include "script.h"

#include <stdlib.h>

struct changes {
    unsigned added, changed, gone;
};

static void on_change(void *arg, const struct rv_object *before, const struct rv_object *now) {
    struct changes *c = arg;
    *(before == NULL ? &c->added : now == NULL ? &c->gone : &c->changed) += 1;
}

static void put(struct mirror *m, struct changes *c, struct msg o) {
    mirror_put(m, &o.object, (struct rv_val){o.payload.p, o.payload.n}, on_change, c);
}

static void put_get_delete(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct mirror *m = mirror_new();
    struct changes c = {0};
    struct rv_object o = {.size = sizeof o};
    put(m, &c, script_object(a, 0, "x", "one", 5));
    put(m, &c, script_object(a, 0, "x", "old", 4)); /* overtaken: ignored */
    put(m, &c, script_object(a, 0, "x", "one", 5)); /* told twice: no change */
    CU_ASSERT_TRUE(c.added == 1 && c.changed == 0);
    CU_ASSERT_EQUAL(mirror_get(m, 0, RV_STR("ns"), RV_STR("x"), &o), 0);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(o.value, "data.mode"), "one") && rv_str_is(o.uid, "uid-x"));
    put(m, &c, script_object(a, 0, "x", "two", 6));
    CU_ASSERT_EQUAL(c.changed, 1);
    CU_ASSERT_EQUAL(mirror_get(m, 1, RV_STR("ns"), RV_STR("x"), &o), RV_E_NOT_FOUND);
    struct msg late = script_deleted(a, 0, "x", 6), gone = script_deleted(a, 0, "x", 7);
    mirror_delete(m, &late.object, on_change, &c);
    CU_ASSERT_EQUAL(mirror_count(m), 1);
    mirror_delete(m, &gone.object, on_change, &c);
    mirror_delete(m, &gone.object, on_change, &c);
    CU_ASSERT_TRUE(c.gone == 1 && mirror_count(m) == 0);
    mirror_free(m);
}

static int by_hash(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b; /* its first member */
    return (x > y) - (x < y);
}

static void name_of(uint32_t i, char ret[24]) {
    snprintf(ret, 24, "x%08x%08x", i * UINT32_C(2654435761), (i ^ 0x5bd1e995u) * UINT32_C(2246822519));
}

/* Two names of the same hash, which is not unlikely among some hundred thousand. */
static void same_hash(void) {
    enum { NAMES = 300000 };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct mirror *m = mirror_new();
    struct changes c = {0};
    struct pair {
        uint32_t hash, number;
    } *all = rv_alloc_array(NAMES, sizeof *all);
    char one[24] = "", two[24] = "";
    for (uint32_t i = 0; i < NAMES; i++) {
        name_of(i, one);
        all[i] = (struct pair){hash_kind_key(0, RV_STR("ns"), rv_str(one)), i};
    }
    qsort(all, NAMES, sizeof *all, by_hash);
    size_t at = 1;
    while (at < NAMES && all[at].hash != all[at - 1].hash) at++;
    CU_ASSERT_TRUE_FATAL(at < NAMES);
    name_of(all[at - 1].number, one);
    name_of(all[at].number, two);
    free(all);
    put(m, &c, script_object(a, 0, one, "first", 5));
    put(m, &c, script_object(a, 0, two, "second", 6));
    struct rv_object o = {.size = sizeof o};
    CU_ASSERT_TRUE(mirror_count(m) == 2 && c.added == 2);
    CU_ASSERT_TRUE(mirror_get(m, 0, RV_STR("ns"), rv_str(one), &o) == 0);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(o.value, "data.mode"), "first"));
    CU_ASSERT_TRUE(mirror_get(m, 0, RV_STR("ns"), rv_str(two), &o) == 0);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(o.value, "data.mode"), "second"));
    struct msg gone = script_deleted(a, 0, one, 7);
    mirror_delete(m, &gone.object, on_change, &c);
    CU_ASSERT_TRUE(mirror_get(m, 0, RV_STR("ns"), rv_str(one), &o) == RV_E_NOT_FOUND);
    CU_ASSERT_TRUE(mirror_get(m, 0, RV_STR("ns"), rv_str(two), &o) == 0);
    mirror_free(m);
}

static bool count_one(void *arg, const struct rv_object *o) {
    *(uint64_t *)arg += o->name.n != 0;
    return true;
}

static bool count_one_only(void *arg, const struct rv_object *o) {
    (void)count_one(arg, o);
    return false;
}

static void indexes(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct mirror *m = mirror_new();
    struct changes c = {0};
    mirror_set_kinds(m, from_json(a, "[{\"r\":\"configmaps\"},{\"r\":\"pods\",\"l\":\"app\"}]"));
    for (uint64_t i = 0; i < 1000; i++) {
        struct rv_str name = rv_arena_fmt(a, "p%u", (unsigned)i);
        struct msg o = script_object(a, 1, name.p, i % 10 == 0 ? "a" : "b", i + 1);
        struct rv_val v = from_json(a, rv_arena_fmt(a,
                                                    "{\"metadata\":{\"labels\":{\"app\":\"%s\"},\"ownerReferences\":[{"
                                                    "\"uid\":\"uid-%s\",\"controller\":true}]}}",
                                                    i % 4 == 0 ? "x" : "y", i % 10 == 0 ? "a" : "b")
                                           .p);
        o.payload = (struct rv_bytes){v.p, v.n};
        put(m, &c, o);
    }
    const struct {
        const char *what;
        struct rv_query q;
        uint64_t want;
    } rows[] = {
        {"all", {.kind = 1}, 1000},
        {"other kind", {.kind = 0}, 0},
        {"other namespace", {.kind = 1, .ns = RV_STR("elsewhere")}, 0},
        {"owner", {.kind = 1, .owner_uid = RV_STR("uid-a")}, 100},
        {"owner and label",
         {.kind = 1, .owner_uid = RV_STR("uid-a"), .label = RV_STR("app"), .label_value = RV_STR("x")},
         50},
        {"indexed label", {.kind = 1, .ns = RV_STR("ns"), .label = RV_STR("app"), .label_value = RV_STR("x")}, 250},
        {"label, any namespace", {.kind = 1, .label = RV_STR("app"), .label_value = RV_STR("x")}, 250},
        {"label that is not there",
         {.kind = 1, .ns = RV_STR("ns"), .label = RV_STR("app"), .label_value = RV_STR("z")},
         0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        uint64_t seen = 0;
        CHECK_ROW(mirror_list(m, &rows[i].q, count_one, &seen) == rows[i].want && seen == rows[i].want, rows[i].what);
        CHECK_ROW(mirror_list(m, &rows[i].q, NULL, NULL) == rows[i].want, rows[i].what);
        uint64_t first = 0;
        CHECK_ROW(mirror_list(m, &rows[i].q, count_one_only, &first) == (rows[i].want > 0) && first <= 1, rows[i].what);
    }
    mirror_free(m);
}

/* A snapshot takes away what it does not bring, keeps what it brings unchanged, and adds what is new. */
static void snapshots(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct mirror *m = mirror_new();
    struct changes c = {0};
    for (int i = 0; i < 4; i++) put(m, &c, script_object(a, 0, (const char *const[]){"a", "b", "c", "d"}[i], "", 10));
    c = (struct changes){0};
    mirror_snapshot_begin(m);
    put(m, &c, script_object(a, 0, "a", "", 10));
    put(m, &c, script_object(a, 0, "b", "new", 11));
    put(m, &c, script_object(a, 0, "c", "", 9)); /* told late, but there */
    put(m, &c, script_object(a, 0, "e", "", 12));
    mirror_snapshot_end(m, on_change, &c);
    CU_ASSERT_TRUE(c.added == 1 && c.changed == 1 && c.gone == 1 && mirror_count(m) == 4);
    mirror_snapshot_end(m, on_change, &c); /* without a beginning: nothing is swept */
    CU_ASSERT_EQUAL(mirror_count(m), 4);
    mirror_free(m);
}

/* Lost and repeated events, then a snapshot: the mirror ends as the truth is. */
static void convergence(void) {
    enum { NAMES = 16, STEPS = 3000 };
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct mirror *m = mirror_new();
    struct changes c = {0};
    uint64_t truth[NAMES] = {0}, rev = 0; /* rev of the newest state, 0 gone */
    unsigned seed = 7;
    const char *names[NAMES];
    for (int i = 0; i < NAMES; i++) names[i] = rv_arena_fmt(a, "n%d", i).p;
    for (int step = 0; step < STEPS; step++) {
        seed = seed * 1103515245 + 12345;
        unsigned i = seed >> 16 & (NAMES - 1), what = seed >> 24 & 7;
        truth[i] = what == 0 ? 0 : ++rev;
        for (unsigned told = 0; told < (seed >> 28 & 3); told++) { /* lost, once, or several times */
            struct msg gone = script_deleted(a, 0, names[i], rev + 1);
            if (truth[i] != 0)
                put(m, &c, script_object(a, 0, names[i], "", truth[i]));
            else
                mirror_delete(m, &gone.object, on_change, &c);
        }
        if (what == 0) rev++;
    }
    mirror_snapshot_begin(m);
    size_t alive = 0;
    for (int i = 0; i < NAMES; i++)
        if (truth[i] != 0) put(m, &c, script_object(a, 0, names[i], "", truth[i])), alive++;
    mirror_snapshot_end(m, on_change, &c);
    CU_ASSERT_TRUE(alive > 0 && mirror_count(m) == alive);
    for (int i = 0; i < NAMES; i++) {
        struct rv_object o;
        bool there = mirror_get(m, 0, RV_STR("ns"), rv_str(names[i]), &o) == 0;
        int64_t version = 0;
        if (there) CU_ASSERT_EQUAL(rv_str_to_int(o.resource_version, 0, INT64_MAX, &version), 0);
        CU_ASSERT_TRUE(there == (truth[i] != 0) && (uint64_t)version == truth[i]);
    }
    mirror_free(m);
}

static const struct suite_test tests[] = {{"same hash", same_hash},
                                          {"put, get, delete", put_get_delete},
                                          {"indexes", indexes},
                                          {"snapshots", snapshots},
                                          {"convergence", convergence}};
SUITE_MAIN("mirror", tests)
