/* The cache: what it keeps, what it announces, and in which order things may come without making it lie. */
#include "supervisor/store/store.h"

#include "tests/unit/sdk/suite.h"

struct fixture {
    struct rv_arena *arena;
    struct store *store;
    struct store_collection *pods;
    struct store_listener *listener;
    struct rv_buf told; /* "+a@3 " changed, "-a@4 " deleted */
    uint64_t last_rev;
};

static void on_change(void *arg, const struct store_object *o, bool deleted) {
    struct fixture *w = arg;
    rv_buf_addf(&w->told, "%c" RV_STR_FMT "@" RV_STR_FMT " ", deleted ? '-' : '+', RV_STR_ARG(o->name),
                RV_STR_ARG(o->resource_version));
    CU_ASSERT_TRUE(o->rev > w->last_rev && o->rev == store_rev(w->store)); /* one more for each change */
    CU_ASSERT_PTR_NOT_NULL(o->blob);                                       /* the last state also of what is deleted */
    w->last_rev = o->rev;
}

static struct store_collection *collection(struct fixture *w, const char *ns, const char *selector,
                                           const struct rv_projection *p) {
    bool widened;
    struct store_collection_opts o = {"v1", "pods", "Pod", ns, selector, p};
    return store_collection_get(w->store, &o, &widened, NULL);
}

static void begin(struct fixture *w) {
    *w = (struct fixture){.arena = rv_arena_new(), .store = store_new()};
    w->pods = collection(w, NULL, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->pods);
    w->listener = store_listen(w->pods, on_change, w);
}

static void end(struct fixture *w) {
    store_unlisten(w->listener);
    store_collection_unref(w->pods);
    store_free(w->store);
    rv_buf_free(&w->told);
    rv_arena_free(w->arena);
}

static struct rv_val object(struct fixture *w, const char *name, const char *uid, int version, const char *spec) {
    return from_json(w->arena, rv_arena_fmt(w->arena,
                                            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
                                            "\"namespace\":\"d\",\"uid\":\"%s\",\"resourceVersion\":\"%d\"},\"spec\":"
                                            "\"%s\"}",
                                            name, uid, version, spec)
                                   .p);
}

/* Steps, one after another; returns what was announced. */
static bool told(struct fixture *w, const char *want) {
    bool same = rv_str_is(rv_buf_str(&w->told), want);
    if (!same) printf("\n    told \"%s\"", rv_buf_cstr(&w->told));
    rv_buf_clear(&w->told);
    return same;
}

static const struct store_object *find(struct fixture *w, const char *name) {
    return store_find(w->pods, RV_STR("d"), rv_str(name));
}

static void remove_it(struct fixture *w, const char *name, const char *uid, int version) {
    store_remove(w->pods, RV_STR("d"), rv_str(name), rv_str(uid), rv_arena_fmt(w->arena, "%d", version));
}

/* One step: p put, w written through, r removed by the watch, d deleted by us, g gone without a known uid. Then what is
 * told. The object is "a". */
static void orders(void) {
    static const struct {
        const char *row;
        struct {
            char what;
            const char *uid;
            int version;
            const char *spec;
        } steps[4];
        const char *want;
        const char *kept; /* its version; NULL: not there */
    } rows[] = {
        {"put", {{'p', "u", 5, "x"}}, "+a@5 ", "5"},
        {"put twice", {{'p', "u", 5, "x"}, {'p', "u", 5, "x"}}, "+a@5 ", "5"},
        {"newer", {{'p', "u", 5, "x"}, {'p', "u", 6, "y"}}, "+a@5 +a@6 ", "6"},
        {"older", {{'p', "u", 6, "x"}, {'p', "u", 5, "y"}}, "+a@6 ", "6"},
        {"decimal, not text", {{'p', "u", 9, "x"}, {'p', "u", 10, "y"}}, "+a@9 +a@10 ", "10"},
        {"only the version", {{'p', "u", 5, "x"}, {'p', "u", 6, "x"}}, "+a@5 ", "6"},
        {"made again", {{'p', "u", 5, "x"}, {'p', "v", 9, "x"}}, "+a@5 +a@9 ", "9"},
        {"removed", {{'p', "u", 5, "x"}, {'r', "u", 6, ""}}, "+a@5 -a@6 ", NULL},
        {"removed twice", {{'p', "u", 5, "x"}, {'r', "u", 6, ""}, {'r', "u", 6, ""}}, "+a@5 -a@6 ", NULL},
        {"an old removal", {{'p', "u", 5, "x"}, {'r', "u", 4, ""}}, "+a@5 ", "5"},
        {"removal of a namesake", {{'p', "v", 9, "x"}, {'r', "u", 10, ""}}, "+a@9 ", "9"},
        {"a late event", {{'p', "u", 5, "x"}, {'r', "u", 8, ""}, {'p', "u", 7, "y"}}, "+a@5 -a@8 ", NULL},
        {"out of the selection and back",
         {{'p', "u", 5, "x"}, {'r', "u", 8, ""}, {'p', "u", 9, "y"}},
         "+a@5 -a@8 +a@9 ",
         "9"},
        {"written, then its event", {{'w', "u", 5, "x"}, {'p', "u", 5, "x"}}, "+a@5 ", "5"},
        {"written, then an old event", {{'w', "u", 5, "x"}, {'p', "u", 4, "w"}}, "+a@5 ", "5"},
        {"deleted by us", {{'p', "u", 5, "x"}, {'d', "u", 0, ""}}, "+a@5 -a@5 ", NULL},
        {"deleted by us, then its events",
         {{'p', "u", 5, "x"}, {'d', "u", 0, ""}, {'p', "u", 6, "y"}, {'r', "u", 7, ""}},
         "+a@5 -a@5 ",
         NULL},
        {"deleted by us, then made again",
         {{'p', "u", 5, "x"}, {'d', "u", 0, ""}, {'p', "v", 8, "y"}},
         "+a@5 -a@5 +a@8 ",
         "8"},
        {"another incarnation deleted", {{'p', "v", 9, "x"}, {'d', "u", 0, ""}}, "+a@9 ", "9"},
        {"not found by the server", {{'p', "u", 5, "x"}, {'g', "", 0, ""}}, "+a@5 -a@5 ", NULL},
        {"removed without having been", {{'r', "u", 5, ""}, {'d', "u", 0, ""}}, "", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        begin(&w);
        for (size_t k = 0; k < RV_ARRAY_LEN(rows[i].steps) && rows[i].steps[k].what != 0; k++) {
            const char *uid = rows[i].steps[k].uid;
            int version = rows[i].steps[k].version;
            struct rv_val o = object(&w, "a", uid, version, rows[i].steps[k].spec);
            if (rows[i].steps[k].what == 'p')
                store_put(w.pods, o);
            else if (rows[i].steps[k].what == 'w')
                store_written(w.store, RV_STR("v1"), RV_STR("pods"), o, NULL);
            else if (rows[i].steps[k].what == 'r')
                remove_it(&w, "a", uid, version);
            else
                store_written_deleted(w.store, RV_STR("v1"), RV_STR("pods"), RV_STR("d"), RV_STR("a"), rv_str(uid));
        }
        const struct store_object *o = find(&w, "a");
        CHECK_ROW(told(&w, rows[i].want), rows[i].row);
        CHECK_ROW(rows[i].kept == NULL ? o == NULL : o != NULL && rv_str_is(o->resource_version, rows[i].kept),
                  rows[i].row);
        CHECK_ROW(store_collection_count(w.pods) == (rows[i].kept != NULL), rows[i].row);
        end(&w);
    }
}

/* A new version without a change is not announced, but kept, with the same rev. */
static void quiet(void) {
    struct fixture w;
    begin(&w);
    store_put(w.pods, object(&w, "a", "u", 5, "x"));
    uint64_t rev = find(&w, "a")->rev;
    store_put(w.pods, object(&w, "a", "u", 6, "x"));
    CU_ASSERT_TRUE(find(&w, "a")->rev == rev && store_rev(w.store) == rev);
    CU_ASSERT_TRUE(rv_str_is(find(&w, "a")->resource_version, "6"));
    struct rv_bytes b = blob_bytes(find(&w, "a")->blob);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str((struct rv_val){b.p, b.n}, "metadata.resourceVersion"), "6"));
    struct store_stats st;
    store_stats(w.store, &st);
    CU_ASSERT_TRUE(st.objects == 1 && st.unchanged == 1 && st.changes == 1 && st.blob_bytes == b.n);
    end(&w);
}

/* A version that was only noted is told once somebody was refused for the one before. */
static void refused(void) {
    struct fixture w;
    begin(&w);
    struct rv_str v1 = RV_STR("v1"), pods = RV_STR("pods"), d = RV_STR("d"), a = RV_STR("a"), none = {NULL, 0};
    store_put(w.pods, object(&w, "a", "u1", 3, "x"));
    CU_ASSERT_TRUE(told(&w, "+a@3 "));
    CU_ASSERT_FALSE(store_refused(w.store, v1, pods, d, a, none, RV_STR("3"))); /* nothing newer is known */
    store_put(w.pods, object(&w, "a", "u1", 5, "x"));
    store_put(w.pods, object(&w, "a", "u1", 6, "x"));
    CU_ASSERT_TRUE(told(&w, ""));
    CU_ASSERT_TRUE(store_refused(w.store, v1, pods, d, a, none, RV_STR("3")));
    CU_ASSERT_TRUE(told(&w, "+a@6 "));
    CU_ASSERT_TRUE(store_refused(w.store, v1, pods, d, a, none, RV_STR("3"))); /* told already */
    CU_ASSERT_FALSE(store_refused(w.store, v1, pods, d, a, RV_STR("u1"), none));
    CU_ASSERT_TRUE(store_refused(w.store, v1, pods, d, a, RV_STR("u0"), none));          /* it is another */
    CU_ASSERT_TRUE(store_refused(w.store, v1, RV_STR("jobs"), d, a, none, RV_STR("3"))); /* nobody reads it */
    CU_ASSERT_TRUE(told(&w, ""));
    store_put(w.pods, object(&w, "a", "u1", 7, "y")); /* a change of content tells of the version, too */
    CU_ASSERT_TRUE(told(&w, "+a@7 "));
    CU_ASSERT_TRUE(store_refused(w.store, v1, pods, d, a, none, RV_STR("3")));
    CU_ASSERT_TRUE(told(&w, ""));
    end(&w);
}

static void relist(void) {
    struct fixture w;
    begin(&w);
    CU_ASSERT_FALSE(store_collection_synced(w.pods));
    store_replace_begin(w.pods, false);
    store_replace_put(w.pods, object(&w, "a", "u1", 5, "x"));
    store_replace_put(w.pods, object(&w, "b", "u2", 6, "x"));
    store_replace_put(w.pods, object(&w, "c", "u3", 7, "x"));
    CU_ASSERT_FALSE(store_collection_synced(w.pods));
    store_replace_end(w.pods, RV_STR("10"));
    CU_ASSERT_TRUE(store_collection_synced(w.pods) && told(&w, "+a@5 +b@6 +c@7 "));
    remove_it(&w, "c", "u3", 11);
    CU_ASSERT_TRUE(told(&w, "-c@11 "));
    /* The next list: a is unchanged, b is gone, d is new. While it is read, e is made and a stale c comes by. */
    store_replace_begin(w.pods, false);
    store_replace_put(w.pods, object(&w, "a", "u1", 5, "x"));
    store_replace_put(w.pods, object(&w, "c", "u3", 7, "x"));
    store_written(w.store, RV_STR("v1"), RV_STR("pods"), object(&w, "e", "u5", 25, "x"), NULL);
    store_replace_put(w.pods, object(&w, "d", "u4", 15, "x"));
    CU_ASSERT_TRUE(told(&w, "+e@25 +d@15 "));
    store_replace_end(w.pods, RV_STR("20"));
    CU_ASSERT_TRUE(told(&w, "-b@20 "));
    CU_ASSERT_TRUE(find(&w, "a") != NULL && find(&w, "b") == NULL && find(&w, "c") == NULL && find(&w, "e") != NULL);
    /* Not in the next list either, and that is newer than what was written: gone. */
    store_replace_begin(w.pods, false);
    store_replace_put(w.pods, object(&w, "a", "u1", 5, "x"));
    store_replace_end(w.pods, RV_STR("30"));
    CU_ASSERT_EQUAL(store_collection_count(w.pods), 1);
    end(&w);
}

/* The server was restored from a backup: its list is older than what we have, and right. */
static void rewound(void) {
    struct fixture w;
    begin(&w);
    store_replace_begin(w.pods, false);
    store_replace_put(w.pods, object(&w, "a", "u1", 90, "new"));
    store_replace_put(w.pods, object(&w, "b", "u2", 95, "new"));
    store_replace_put(w.pods, object(&w, "c", "u3", 7, "x"));
    store_replace_end(w.pods, RV_STR("100"));
    store_written_deleted(w.store, RV_STR("v1"), RV_STR("pods"), RV_STR("d"), RV_STR("c"), RV_STR("u3"));
    CU_ASSERT_TRUE(told(&w, "+a@90 +b@95 +c@7 -c@7 "));
    store_replace_begin(w.pods, true);
    store_replace_put(w.pods, object(&w, "a", "u1", 10, "old"));
    store_replace_put(w.pods, object(&w, "c", "u3", 7, "x")); /* back from the dead */
    store_written(w.store, RV_STR("v1"), RV_STR("pods"), object(&w, "e", "u5", 25, "x"), NULL);
    store_replace_put(w.pods, object(&w, "e", "u5", 15, "y")); /* as ever: read before it was written */
    store_replace_end(w.pods, RV_STR("20"));
    CU_ASSERT_TRUE(told(&w, "+a@10 +c@7 +e@25 -b@95 "));
    store_put(w.pods, object(&w, "a", "u1", 9, "older")); /* from here on the usual order counts */
    CU_ASSERT_TRUE(told(&w, ""));
    end(&w);
}

/* What was written before the list's version and is not in it was deleted by somebody. */
static void written_and_listed_away(void) {
    struct fixture w;
    begin(&w);
    store_replace_begin(w.pods, false);
    store_written(w.store, RV_STR("v1"), RV_STR("pods"), object(&w, "a", "u", 5, "x"), NULL);
    store_replace_end(w.pods, RV_STR("10"));
    CU_ASSERT_TRUE(told(&w, "+a@5 -a@10 "));
    end(&w);
}

/* Collections by namespace and selector: a write reaches those that it concerns, a change of labels moves it. */
static void selections(void) {
    struct fixture w;
    begin(&w);
    struct store_collection *other = collection(&w, "other", NULL, NULL),
                            *red = collection(&w, NULL, "color=red", NULL);
    struct rv_val o = from_json(w.arena, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u\","
                                         "\"resourceVersion\":\"5\",\"labels\":{\"color\":\"red\"}}}");
    store_written(w.store, RV_STR("v1"), RV_STR("pods"), o, NULL);
    CU_ASSERT_TRUE(store_collection_count(w.pods) == 1 && store_collection_count(red) == 1);
    CU_ASSERT_EQUAL(store_collection_count(other), 0);
    store_written(w.store, RV_STR("v1"), RV_STR("services"), o, NULL); /* another resource */
    store_written(w.store, RV_STR("v2"), RV_STR("pods"), o, NULL);
    CU_ASSERT_EQUAL(store_collection_count(w.pods), 1);
    store_written(w.store, RV_STR("v1"), RV_STR("pods"),
                  from_json(w.arena, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u\","
                                     "\"resourceVersion\":\"6\",\"labels\":{\"color\":\"blue\"}}}"),
                  NULL);
    CU_ASSERT_TRUE(store_collection_count(w.pods) == 1 && store_collection_count(red) == 0);
    struct rv_error err = {0};
    bool widened;
    struct store_collection_opts bad = {.api_version = "v1", .resource = "pods", .selector = "a in ("};
    CU_ASSERT_PTR_NULL(store_collection_get(w.store, &bad, &widened, &err));
    CU_ASSERT_TRUE(err.text[0] != 0);
    store_collection_unref(other);
    store_collection_unref(red);
    end(&w);
}

/* Who comes later and reads more shares the collection, which is not complete until it was listed again. */
static void widening(void) {
    static const char *const name[] = {"metadata"}, *const spec[] = {"spec"};
    struct rv_projection *a = rv_projection_new(name, 1, NULL), *b = rv_projection_new(spec, 1, NULL);
    struct fixture w;
    begin(&w);
    bool widened;
    struct store_collection_opts o = {"v1", "pods", "Pod", "d", "x=y", a};
    struct store_collection *first = store_collection_get(w.store, &o, &widened, NULL);
    CU_ASSERT_FALSE(widened);
    store_replace_begin(first, false);
    store_replace_end(first, RV_STR("1"));
    CU_ASSERT_TRUE(store_collection_synced(first));
    o.projection = b;
    struct store_collection *second = store_collection_get(w.store, &o, &widened, NULL);
    CU_ASSERT_TRUE(second == first && widened && !store_collection_synced(first));
    rv_autobuf struct rv_buf mp = {0};
    CU_ASSERT_EQUAL(rv_json_to_mp(RV_STR("{\"metadata\":{\"name\":\"n\"},\"spec\":1,\"status\":2}"),
                                  store_collection_projection(first), &mp, NULL),
                    0);
    CU_ASSERT_TRUE(json_is((struct rv_val){mp.p, mp.n}, "{\"metadata\":{\"name\":\"n\"},\"spec\":1}"));
    store_collection_unref(first);
    CU_ASSERT_EQUAL(store_collection_count(second), 0); /* still there for the other */
    store_collection_unref(second);
    rv_projection_free(a);
    rv_projection_free(b);
    end(&w);
}

/* Who reads no more than is kept already changes nothing: it would cost a list for each plugin that is replaced. */
static void not_widened(void) {
    static const char *const two[] = {"metadata", "spec.a"}, *const one[] = {"spec.a"}, *const more[] = {"spec"};
    struct rv_projection *wide = rv_projection_new(two, 2, NULL), *same = rv_projection_new(two, 2, NULL),
                         *narrow = rv_projection_new(one, 1, NULL), *wider = rv_projection_new(more, 1, NULL);
    const struct {
        const char *row;
        const struct rv_projection *projection;
        bool widened;
    } rows[] = {{"the same again", same, false},    {"a part of it", narrow, false},
                {"more of one field", wider, true}, {"that once more", wider, false},
                {"everything", NULL, true},         {"a part of everything", narrow, false}};
    struct fixture w;
    begin(&w);
    struct store_collection_opts o = {"v1", "pods", "Pod", "d", "x=y", wide};
    bool widened;
    struct store_collection *c = store_collection_get(w.store, &o, &widened, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        store_replace_begin(c, false);
        store_replace_end(c, RV_STR("1"));
        o.projection = rows[i].projection;
        CHECK_ROW(store_collection_get(w.store, &o, &widened, NULL) == c, rows[i].row);
        CHECK_ROW(widened == rows[i].widened && store_collection_synced(c) == !widened, rows[i].row);
    }
    for (size_t i = 0; i <= RV_ARRAY_LEN(rows); i++) store_collection_unref(c);
    rv_projection_free(wide);
    rv_projection_free(same);
    rv_projection_free(narrow);
    rv_projection_free(wider);
    end(&w);
}

/* A write-through keeps only what the projection keeps, like the watch. */
static void written_is_projected(void) {
    static const char *const paths[] = {"metadata.name", "metadata.namespace", "metadata.uid",
                                        "metadata.resourceVersion"};
    struct rv_projection *p = rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL);
    struct fixture w;
    begin(&w);
    struct store_collection *c = collection(&w, "d", NULL, p);
    store_written(w.store, RV_STR("v1"), RV_STR("pods"), object(&w, "a", "u", 5, "long"), NULL);
    const struct store_object *o = store_find(c, RV_STR("d"), RV_STR("a"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    struct rv_bytes b = blob_bytes(o->blob);
    CU_ASSERT_FALSE(rv_val_present(rv_val_path((struct rv_val){b.p, b.n}, "spec")));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str((struct rv_val){b.p, b.n}, "metadata.uid"), "u"));
    store_collection_unref(c);
    rv_projection_free(p);
    end(&w);
}

/* An answer that was read as the only collection reads is taken as it is; with two, it is read whole for both. */
static void read_once(void) {
    static const char *const paths[] = {"metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels",
                                        "metadata.resourceVersion"};
    struct rv_projection *p = rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL);
    struct fixture w = {.arena = rv_arena_new(), .store = store_new()};
    struct rv_str v1 = RV_STR("v1"), pods = RV_STR("pods");
    CU_ASSERT_PTR_NULL(store_reads_with(w.store, v1, pods, RV_STR("d")));
    struct store_collection *red = collection(&w, NULL, "color=red", p);
    const struct rv_projection *with = store_reads_with(w.store, v1, pods, RV_STR("d"));
    CU_ASSERT_PTR_EQUAL(with, store_collection_projection(red));
    CU_ASSERT_PTR_NULL(store_reads_with(w.store, v1, RV_STR("services"), RV_STR("d")));
    rv_autobuf struct rv_buf mp = {0};
    static const char text[] =
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"u\",\"resourceVersion\":\"5\","
        "\"labels\":{\"color\":\"red\"}},\"spec\":1}";
    CU_ASSERT_EQUAL(rv_json_to_mp(rv_str(text), with, &mp, NULL), 0);
    store_written(w.store, v1, pods, (struct rv_val){mp.p, mp.n}, with);
    const struct store_object *o = store_find(red, RV_STR("d"), RV_STR("a"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_EQUAL(blob_bytes(o->blob).n, mp.n);
    struct store_collection *all = collection(&w, "d", NULL, NULL), *other = collection(&w, "other", NULL, NULL);
    CU_ASSERT_PTR_NULL(store_reads_with(w.store, v1, pods, RV_STR("d")));
    CU_ASSERT_PTR_EQUAL(store_reads_with(w.store, v1, pods, RV_STR("elsewhere")), with);
    store_written(w.store, v1, pods, object(&w, "b", "v", 6, "whole"), NULL);
    CU_ASSERT_TRUE(store_collection_count(all) == 1 && store_collection_count(red) == 1);
    store_collection_unref(red);
    store_collection_unref(all);
    store_collection_unref(other);
    store_free(w.store);
    rv_projection_free(p);
    rv_arena_free(w.arena);
}

static void count_one(void *arg, const struct store_object *o) {
    CU_ASSERT_TRUE(o->blob != NULL);
    ++*(size_t *)arg;
}

/* Thousands: the table grows, all are found, tombstones do not stay for ever. */
static void many(void) {
    enum { N = 20000 };
    struct fixture w;
    begin(&w);
    store_unlisten(w.listener);
    w.listener = NULL;
    for (int i = 0; i < N; i++) {
        char name[24];
        snprintf(name, sizeof name, "pod-%d", i);
        store_put(w.pods, object(&w, name, "u", i + 1, "x"));
        if (i % 1000 == 0) rv_arena_reset(w.arena);
    }
    size_t seen = 0;
    store_each(w.pods, count_one, &seen);
    CU_ASSERT_TRUE(seen == N && store_collection_count(w.pods) == N);
    for (int i = 0; i < N; i += 2) {
        char name[24];
        snprintf(name, sizeof name, "pod-%d", i);
        remove_it(&w, name, "u", N + i);
    }
    seen = 0;
    store_each(w.pods, count_one, &seen);
    CU_ASSERT_TRUE(seen == N / 2 && store_collection_count(w.pods) == N / 2);
    CU_ASSERT_TRUE(find(&w, "pod-1") != NULL && find(&w, "pod-2") == NULL && find(&w, "pod-19999") != NULL);
    store_replace_begin(w.pods, false);
    store_replace_end(w.pods, RV_STR("99999"));
    struct store_stats st;
    store_stats(w.store, &st);
    CU_ASSERT_TRUE(store_collection_count(w.pods) == 0 && st.objects == 0 && st.blob_bytes == 0);
    end(&w);
}

static void nameless(void) {
    struct fixture w;
    begin(&w);
    store_put(w.pods, from_json(w.arena, "{\"metadata\":{\"resourceVersion\":\"1\"}}"));
    store_put(w.pods, from_json(w.arena, "{}"));
    CU_ASSERT_TRUE(store_collection_count(w.pods) == 0 && told(&w, ""));
    end(&w);
}

static void count_object(void *arg, const struct store_object *o) { *(size_t *)arg += o->name.n != 0; }

/* All objects of a resource, however many collections have it. */
static void each_of(void) {
    static const struct {
        const char *api_version, *resource, *ns;
        bool any;
        size_t n;
    } rows[] = {{"v1", "pods", "", true, 3},  {"v1", "pods", "d", true, 3}, {"v1", "pods", "e", true, 0},
                {"v1", "jobs", "", false, 0}, {"v2", "pods", "", false, 0}, {"v1", "configmaps", "", true, 1}};
    struct fixture w;
    begin(&w);
    bool widened;
    struct store_collection_opts o = {"v1", "configmaps", "ConfigMap", NULL, NULL, NULL};
    struct store_collection *maps = store_collection_get(w.store, &o, &widened, NULL);
    for (int i = 0; i < 4; i++) store_put(w.pods, object(&w, (const char[]){(char)('a' + i), 0}, "u", i + 1, "x"));
    store_put(maps, object(&w, "m", "um", 9, "x"));
    remove_it(&w, "d", "u", 20);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        size_t n = 0;
        bool any = store_each_of(w.store, rv_str(rows[i].api_version), rv_str(rows[i].resource), rv_str(rows[i].ns),
                                 count_object, &n);
        CHECK_ROW(any == rows[i].any && n == rows[i].n, rows[i].resource);
    }
    store_collection_unref(maps);
    end(&w);
}

static void versions(void) {
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {{"1", "2", -1},
                {"2", "2", 0},
                {"10", "9", 1},
                {"9", "10", -1},
                {"0010", "9", 1},
                {"9", "0010", -1},
                {"007", "7", 0},
                {"0", "000", 0},
                {"0", "1", -1},
                {"1", "0", 1},
                {"", "1", -1},
                {"", "", 0},
                {"", "0", 0},
                {"120", "119", 1},
                {"18446744073709551616", "9", 1},
                /* What is no number has no order. */
                {"a", "1", 0},
                {"1", "a", 0},
                {"1/", "2", 0},
                {"2", "1/", 0},
                {"1:", "2", 0},
                {"2", "1:", 0},
                {"-1", "1", 0},
                {"1", "1 ", 0},
                {"x1", "22", 0},
                {"22", "x1", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        int order = store_version_cmp(rv_str(rows[i].a), rv_str(rows[i].b));
        CHECK_ROW((order > 0) - (order < 0) == rows[i].order, rows[i].a);
    }
}

static const struct suite_test tests[] = {{"versions", versions},
                                          {"each of", each_of},
                                          {"orders", orders},
                                          {"quiet", quiet},
                                          {"refused", refused},
                                          {"relist", relist},
                                          {"rewound", rewound},
                                          {"written and listed away", written_and_listed_away},
                                          {"selections", selections},
                                          {"widening", widening},
                                          {"not widened", not_widened},
                                          {"written is projected", written_is_projected},
                                          {"an answer is read once", read_once},
                                          {"many", many},
                                          {"nameless", nameless}};
SUITE_MAIN("store", tests)
