/* Blame: twice within an hour puts a key away; a change, a release or a new build frees it. The test
 * notes the events. */
#include "supervisor/proc/quarantine.h"

#include "tests/unit/sdk/suite.h"

static unsigned events, put_away, released;
static char last_note[512], last_name[64], last_kind[64];
static uint32_t last_index;

static void on_event(void *arg, const struct rv_event *e) {
    (void)arg;
    events++;
    CU_ASSERT_TRUE(rv_str_is(e->reason, "Quarantined") && e->warning == 1);
    snprintf(last_note, sizeof last_note, "%.*s", (int)e->note.n, e->note.p);
    snprintf(last_kind, sizeof last_kind, "%.*s", (int)e->kind.n, e->kind.p);
    snprintf(last_name, sizeof last_name, "%.*s", (int)e->name.n, e->name.p);
}

static void on_key(void *arg, uint32_t index, struct rv_str ns, struct rv_str name, bool on) {
    (void)arg;
    last_index = index;
    (void)ns;
    (void)name;
    if (on)
        put_away++;
    else
        released++;
}

static struct manifest_kind kinds[2];
static struct manifest manifest;
static struct config_plugin config;

static struct quarantine *fresh(void) {
    events = put_away = released = 0;
    kinds[0] = (struct manifest_kind){.api_version = RV_STR("ray.io/v1"), .kind = RV_STR("RayCluster")};
    kinds[1] = (struct manifest_kind){.api_version = RV_STR("v1"), .kind = RV_STR("Pod")};
    manifest = (struct manifest){.kinds = kinds, .kind_n = 2};
    config = (struct config_plugin){.name = RV_STR("toy"), .manifest = &manifest};
    return quarantine_new(&config, &(struct quarantine_callbacks){on_key, on_event, NULL});
}

/* An object with a generation (-1: none), a resourceVersion and a uid. */
static struct store_object object(const char *uid, int generation, const char *version) {
    rv_autobuf struct rv_buf json = {0}, mp = {0};
    rv_buf_adds(&json, "{\"metadata\":{");
    if (generation >= 0) rv_buf_addf(&json, "\"generation\":%d", generation);
    rv_buf_adds(&json, "}}");
    CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_buf_str(&json), NULL, &mp, NULL), 0);
    return (struct store_object){.ns = RV_STR("ns"),
                                 .name = RV_STR("bad"),
                                 .uid = rv_str(uid),
                                 .resource_version = rv_str(version),
                                 .blob = blob_new(rv_buf_bytes(&mp))};
}

static void count(void *arg, const struct quarantine_info *i) {
    ++*(unsigned *)arg;
    CU_ASSERT_STRING_EQUAL(i->name, "bad");
    CU_ASSERT_STRING_EQUAL(i->ns, "ns");
    CU_ASSERT_TRUE(i->since > 0);
}

static unsigned held(const struct quarantine *q) {
    unsigned n = 0;
    quarantine_each(q, count, &n);
    return n;
}

static void twice(void) {
    struct quarantine *q = fresh();
    struct store_object o = object("u1", 3, "10");
    quarantine_blame(q, 0, &o, "signal 6");
    CU_ASSERT_EQUAL(held(q), 0);
    CU_ASSERT_EQUAL(events, 0);
    quarantine_blame(q, 0, &o, "signal 11");
    CU_ASSERT_EQUAL(held(q), 1);
    CU_ASSERT_EQUAL(put_away, 1);
    CU_ASSERT_EQUAL(events, 1);
    CU_ASSERT_STRING_EQUAL(last_name, "bad");
    CU_ASSERT_PTR_NOT_NULL(strstr(last_note, "signal 11"));
    CU_ASSERT_PTR_NOT_NULL(strstr(last_note, "rayvisorctl release toy ns/bad"));
    quarantine_blame(q, 0, &o, "signal 6"); /* said once */
    CU_ASSERT_EQUAL(events, 1);
    blob_unref(o.blob);
    quarantine_free(q);
}

/* What happens to an object that is put away at generation 3, resourceVersion 10, uid u1. */
static void changes(void) {
    static const struct {
        const char *row, *uid;
        int before, after;
        const char *version;
        bool deleted, frees;
    } rows[] = {
        {"a status write", "u1", 3, 3, "11", false, false},
        {"a new generation", "u1", 3, 4, "11", false, true},
        {"made again", "u2", 3, 3, "12", false, true},
        {"deleted", "u1", 3, 3, "11", true, true},
        {"a kind without generations", "u1", -1, -1, "11", false, true},
        {"the same again", "u1", -1, -1, "10", false, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct quarantine *q = fresh();
        struct store_object o = object("u1", rows[i].before, "10"),
                            now = object(rows[i].uid, rows[i].after, rows[i].version);
        quarantine_blame(q, 0, &o, "x");
        quarantine_blame(q, 0, &o, "x");
        quarantine_object_changed(q, 0, &now, rows[i].deleted);
        CHECK_ROW(held(q) == (rows[i].frees ? 0 : 1), rows[i].row);
        CHECK_ROW(released == (rows[i].frees ? 1 : 0), rows[i].row);
        blob_unref(o.blob);
        blob_unref(now.blob);
        quarantine_free(q);
    }
}

static struct store_object from(const char *json) {
    rv_autobuf struct rv_buf mp = {0};
    CU_ASSERT_EQUAL_FATAL(rv_json_to_mp(rv_str(json), NULL, &mp, NULL), 0);
    struct store_object o = object("u1", 1, "10");
    blob_unref(o.blob);
    o.blob = blob_new(rv_buf_bytes(&mp));
    return o;
}

/* Labels and annotations change without a new generation; they count as far as the plugin reads them. */
static void metadata_changes(void) {
    static struct rv_str names_some[] = {{"metadata.annotations[a]", 23}}, names_none[] = {{"spec", 4}},
                         names_metadata[] = {{"metadata", 8}};
    static const struct {
        const char *row, *now;
        struct rv_str *field; /* NULL: it reads everything */
        bool frees;
    } rows[] = {
        {"a label", "{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"2\"},\"annotations\":{\"a\":\"1\"}}}", NULL,
         true},
        {"a label, always read", "{\"metadata\":{\"generation\":3,\"labels\":{},\"annotations\":{\"a\":\"1\"}}}",
         names_none, true},
        {"an annotation", "{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":\"2\"}}}",
         NULL, true},
        {"no annotation any more", "{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"1\"}}}", names_some, true},
        {"of all metadata", "{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"1\"}}}", names_metadata, true},
        {"one that it does not read", "{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"1\"}}}", names_none, false},
        {"the status",
         "{\"metadata\":{\"annotations\":{\"a\":\"1\"},\"generation\":3,\"labels\":{\"l\":\"1\"}},\"status\":{\"x\":1}"
         "}",
         NULL, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct quarantine *q = fresh();
        kinds[0].fields = (struct schema_texts){rows[i].field, rows[i].field != NULL, true};
        struct store_object
            o = from("{\"metadata\":{\"generation\":3,\"labels\":{\"l\":\"1\"},\"annotations\":{\"a\":\"1\"}}}"),
            now = from(rows[i].now);
        quarantine_blame(q, 0, &o, "x");
        quarantine_blame(q, 0, &o, "x");
        quarantine_object_changed(q, 0, &now, false);
        CHECK_ROW(held(q) == (rows[i].frees ? 0 : 1), rows[i].row);
        blob_unref(o.blob);
        blob_unref(now.blob);
        quarantine_free(q);
    }
}

static void one_blame_is_forgotten_by_a_change(void) {
    struct quarantine *q = fresh();
    struct store_object o = object("u1", 1, "1"), edited = object("u1", 2, "2"), other = object("u9", 1, "3");
    quarantine_blame(q, 0, &o, "x");
    quarantine_object_changed(q, 0, &edited, false);
    quarantine_blame(q, 0, &edited, "x");
    CU_ASSERT_EQUAL(held(q), 0);
    quarantine_blame(q, 0, &other, "x"); /* another incarnation starts at one */
    CU_ASSERT_EQUAL(held(q), 0);
    CU_ASSERT_EQUAL(released, 0);
    blob_unref(o.blob);
    blob_unref(edited.blob);
    blob_unref(other.blob);
    quarantine_free(q);
}

static void by_hand_and_by_a_new_build(void) {
    struct quarantine *q = fresh();
    struct store_object o = object("u1", 1, "1");
    CU_ASSERT_FALSE(quarantine_release(q, o.ns, o.name));
    quarantine_blame(q, 0, &o, "x");
    CU_ASSERT_FALSE(quarantine_release(q, o.ns, o.name)); /* blamed, but not put away */
    quarantine_blame(q, 0, &o, "x");
    CU_ASSERT_TRUE(quarantine_release(q, o.ns, o.name));
    CU_ASSERT_EQUAL(held(q), 0);
    quarantine_blame(q, 0, &o, "x");
    quarantine_blame(q, 0, &o, "x");
    quarantine_clear(q);
    CU_ASSERT_EQUAL(held(q), 0);
    CU_ASSERT_EQUAL(released, 2);
    blob_unref(o.blob);
    quarantine_free(q);
}

static struct store_object *there; /* what a look at the store finds */
static const struct store_object *look(void *arg, uint32_t index, struct rv_str ns, struct rv_str name) {
    (void)arg;
    CU_ASSERT_TRUE(index == 0 && rv_str_is(ns, "ns") && rv_str_is(name, "bad"));
    return there;
}

/* The plugin was off for a while, and nobody told us what happened meanwhile. */
static void unseen_changes(void) {
    static const struct {
        const char *row, *uid;
        int generation;
        bool gone, frees;
    } rows[] = {{"nothing", "u1", 3, false, false},
                {"edited", "u1", 4, false, true},
                {"made again", "u2", 3, false, true},
                {"deleted", "u1", 3, true, true}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct quarantine *q = fresh();
        struct store_object o = object("u1", 3, "10"), now = object(rows[i].uid, rows[i].generation, "11");
        there = rows[i].gone ? NULL : &now;
        quarantine_blame(q, 0, &o, "x");
        quarantine_blame(q, 0, &o, "x");
        quarantine_refresh(q, look, NULL);
        CHECK_ROW(held(q) == (rows[i].frees ? 0 : 1), rows[i].row);
        CHECK_ROW(released == (rows[i].frees ? 1 : 0), rows[i].row);
        blob_unref(o.blob);
        blob_unref(now.blob);
        quarantine_free(q);
    }
}

/* A pod of the same name on which map() died: it is put away as what it is, and the other goes on. */
static void of_another_kind(void) {
    struct quarantine *q = fresh();
    struct store_object o = object("u1", 1, "1");
    CU_ASSERT_EQUAL(quarantine_blame(q, 1, &o, "x"), BLAME_NOTED);
    CU_ASSERT_EQUAL(quarantine_blame(q, 0, &o, "x"), BLAME_NOTED);
    CU_ASSERT_EQUAL(quarantine_blame(q, 1, &o, "x"), BLAME_PUT_AWAY);
    CU_ASSERT_EQUAL(quarantine_blame(q, 1, &o, "x"), BLAME_NOTED);
    CU_ASSERT_TRUE(last_index == 1 && put_away == 1 && held(q) == 1);
    CU_ASSERT_STRING_EQUAL(last_kind, "Pod");
    quarantine_object_changed(q, 0, &o, true);
    CU_ASSERT_EQUAL(held(q), 1);
    CU_ASSERT_TRUE(quarantine_release(q, o.ns, o.name));
    CU_ASSERT_TRUE(last_index == 1 && released == 1 && held(q) == 0);
    (void)quarantine_blame(q, 1, &o, "x");
    (void)quarantine_blame(q, 1, &o, "x");
    manifest.kind_n = 1;
    quarantine_reconfigure(q, &config);
    CU_ASSERT_EQUAL(held(q), 0);
    blob_unref(o.blob);
    quarantine_free(q);
}

static const struct suite_test tests[] = {{"twice", twice},
                                          {"metadata changes", metadata_changes},
                                          {"changes", changes},
                                          {"one blame is forgotten by a change", one_blame_is_forgotten_by_a_change},
                                          {"unseen changes", unseen_changes},
                                          {"of another kind", of_another_kind},
                                          {"by hand and by a new build", by_hand_and_by_a_new_build}};
SUITE_MAIN("quarantine", tests)
