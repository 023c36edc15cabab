/* test_keep_object.c - one owned object, as a controller keeps it, on a host that records the requests. */
#include "plugins/ray/keep_object.h"
#include "tests/unit/sdk/suite.h"

struct rv_host {
    struct rv_arena *arena;
    const char *there; /* the object that the mirror has, as JSON; NULL: none */
    struct rv_buf asked;
    int32_t answer; /* of act() */
};

static int32_t host_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    (void)kind;
    if (h->there == NULL || !rv_str_is(ns, "n") || !rv_str_is(name, "o")) return RV_E_NOT_FOUND;
    struct rv_val v = from_json(h->arena, h->there);
    *ret = (struct rv_object){.size = sizeof *ret,
                              .ns = ns,
                              .name = name,
                              .uid = RV_STR("object-uid"),
                              .resource_version = rv_path_str(v, "metadata.resourceVersion"),
                              .value = v};
    return 0;
}

static int32_t host_act(struct rv_host *h, const struct rv_action *a) {
    static const char *const verbs[] = {
        [RV_VERB_CREATE] = "create", [RV_VERB_MERGE_PATCH] = "patch", [RV_VERB_DELETE] = "delete"};
    if (h->answer != 0) return h->answer;
    rv_buf_addf(&h->asked, "%s " RV_STR_FMT "/" RV_STR_FMT " uid=" RV_STR_FMT " tag=%d ", verbs[a->verb],
                RV_STR_ARG(a->resource), RV_STR_ARG(a->name), RV_STR_ARG(a->pre_uid), (int)a->tag);
    rv_json_write((struct rv_val){a->body.p, a->body.n}, &h->asked);
    return 0;
}

static int64_t host_now(struct rv_host *h) {
    (void)h;
    return 1000;
}

static struct rv_str host_keep(struct rv_host *h, struct rv_str text) { return rv_arena_str(h->arena, text); }

static const struct rv_host_api api = {
    .size = sizeof api, .get = host_get, .act = host_act, .now = host_now, .keep = host_keep};

/* What differs of `spec`, which is all ours. */
static struct rv_node *drift_of_spec(struct rv_arena *a, struct rv_val have, struct rv_node *want) {
    struct rv_node *spec = rv_node_get(want, "spec"), *patch = rv_node_map(a);
    if (rv_val_equal(rv_node_freeze(a, spec), rv_val_get(have, "spec"))) return NULL;
    rv_node_set(a, patch, "spec", spec);
    return patch;
}

#define WANT "{\"metadata\":{\"name\":\"o\"},\"spec\":{\"a\":1}}"
#define OWNED(uid, owner)                                                                                              \
    "\"ownerReferences\":[{\"kind\":\"RayService\",\"name\":\"" owner "\",\"uid\":\"" uid "\",\"controller\":true}]"
#define THERE(meta, spec) "{\"metadata\":{\"name\":\"o\",\"resourceVersion\":\"7\"," meta "},\"spec\":" spec "}"

static void test_keep(void) {
    static const struct {
        const char *name, *there;
        bool may_not_create;
        enum rc_kept want;
        const char *asked;
    } rows[] = {
        {"missing", NULL, false, RC_KEPT_CREATING, "create services/o uid= tag=1 " WANT},
        {"missing, and it may not be made", NULL, true, RC_KEPT_CREATING, ""},
        {"as wanted", THERE(OWNED("u", "s"), "{\"a\":1}"), false, RC_KEPT_AS_WANTED, ""},
        {"differs", THERE(OWNED("u", "s"), "{\"a\":2}"), false, RC_KEPT_PATCHING,
         "patch services/o uid=object-uid tag=2 {\"spec\":{\"a\":1}}"},
        {"of a service of this name that is gone", THERE(OWNED("old", "s"), "{\"a\":2}"), false, RC_KEPT_GOING, ""},
        {"being deleted", THERE(OWNED("u", "s") ",\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"", "{\"a\":2}"), false,
         RC_KEPT_GOING, ""},
        {"of another service", THERE(OWNED("x", "t"), "{\"a\":2}"), false, RC_KEPT_OTHERS, ""},
        {"of nobody", THERE("\"labels\":{}", "{\"a\":2}"), false, RC_KEPT_OTHERS, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_host h = {.arena = a, .there = rows[i].there};
        struct rc_context x = {.api = &api,
                               .host = &h,
                               .arena = a,
                               .kind = "RayService",
                               .ns = RV_STR("n"),
                               .name = RV_STR("s"),
                               .uid = RV_STR("u")};
        struct rc_wanted w = {.api_version = "v1",
                              .resource = "services",
                              .object = rv_node_from(a, from_json(a, WANT)),
                              .drift = drift_of_spec,
                              .create_tag = 1,
                              .patch_tag = 2,
                              .may_create = !rows[i].may_not_create};
        CHECK_ROW(rc_keep_object(&x, &w) == rows[i].want, rows[i].name);
        CHECK_ROW(rv_str_is(rv_buf_str(&h.asked), rows[i].asked), rows[i].name);
        CHECK_ROW(!x.retry, rows[i].name);
        rv_buf_free(&h.asked);
    }
}

/* Of an object that hangs on another one of ours, as a slice on its service. Held back, it is only looked at. */
static void test_keep_of_another(void) {
    static const struct {
        const char *name, *there;
        bool hold;
        enum rc_kept want;
        const char *asked;
    } rows[] = {
        {"differs", THERE(OWNED("u", "s"), "{\"a\":2}"), false, RC_KEPT_OTHERS, ""},
        {"of its owner", THERE(OWNED("v", "t"), "{\"a\":2}"), false, RC_KEPT_PATCHING,
         "patch services/o uid=object-uid tag=2 {\"spec\":{\"a\":1}}"},
        {"of its owner, and nothing may be asked", THERE(OWNED("v", "t"), "{\"a\":2}"), true, RC_KEPT_PATCHING, ""},
        {"of its owner, as wanted", THERE(OWNED("v", "t"), "{\"a\":1}"), true, RC_KEPT_AS_WANTED, ""},
        {"of an owner of that name that is gone", THERE(OWNED("w", "t"), "{\"a\":2}"), false, RC_KEPT_GOING, ""},
        {"missing", NULL, false, RC_KEPT_CREATING, "create services/o uid= tag=1 " WANT},
        {"missing, and nothing may be asked", NULL, true, RC_KEPT_CREATING, ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_host h = {.arena = a, .there = rows[i].there};
        struct rc_context x = {.api = &api,
                               .host = &h,
                               .arena = a,
                               .kind = "RayService",
                               .ns = RV_STR("n"),
                               .name = RV_STR("s"),
                               .uid = RV_STR("u")};
        struct rc_wanted w = {.api_version = "v1",
                              .resource = "services",
                              .object = rv_node_from(a, from_json(a, WANT)),
                              .owner = {"RayService", RV_STR("t"), RV_STR("v")},
                              .drift = drift_of_spec,
                              .create_tag = 1,
                              .patch_tag = 2,
                              .may_create = true,
                              .hold = rows[i].hold};
        CHECK_ROW(rc_keep_object(&x, &w) == rows[i].want, rows[i].name);
        CHECK_ROW(rv_str_is(rv_buf_str(&h.asked), rows[i].asked), rows[i].name);
        rv_buf_free(&h.asked);
    }
}

/* Something changes the object back: the patch is sent again only when the object has changed. */
static void test_futile(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_host h = {.arena = a, .there = THERE(OWNED("u", "s"), "{\"a\":2}")};
    struct rc_context x = {
        .api = &api, .host = &h, .arena = a, .kind = "RayService", .ns = RV_STR("n"), .uid = RV_STR("u")};
    struct rc_patch_memo memo = {0};
    struct rc_wanted w = {.api_version = "v1",
                          .resource = "services",
                          .object = rv_node_from(a, from_json(a, WANT)),
                          .drift = drift_of_spec,
                          .memo = &memo};
    CU_ASSERT_EQUAL(rc_keep_object(&x, &w), RC_KEPT_PATCHING);
    rc_patch_answered(&memo, a, RV_STR("7"));
    CU_ASSERT_EQUAL(rc_keep_object(&x, &w), RC_KEPT_FUTILE);
    h.there = "{\"metadata\":{\"name\":\"o\",\"resourceVersion\":\"8\"," OWNED("u", "s") "},\"spec\":{\"a\":2}}";
    CU_ASSERT_EQUAL(rc_keep_object(&x, &w), RC_KEPT_PATCHING);
    rv_buf_free(&h.asked);
}

static void test_rejected(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_host h = {.arena = a, .answer = RV_E_INVALID};
    struct rc_context x = {.api = &api, .host = &h, .arena = a, .ns = RV_STR("n")};
    CU_ASSERT_FALSE(ctx_delete(&x, "v1", "pods", RV_STR("p"), RV_STR("u"), 3));
    CU_ASSERT_TRUE(x.retry);
}

static void test_finalizer(void) {
    static const struct {
        const char *meta;
        bool present;
        const char *want;
    } rows[] = {
        {"{\"resourceVersion\":\"4\"}", true, "{\"metadata\":{\"finalizers\":[\"f\"],\"resourceVersion\":\"4\"}}"},
        {"{\"resourceVersion\":\"4\",\"finalizers\":[\"a\",\"f\",\"b\"]}", false,
         "{\"metadata\":{\"finalizers\":[\"a\",\"b\"],\"resourceVersion\":\"4\"}}"},
        {"{\"resourceVersion\":\"4\",\"finalizers\":[\"a\"]}", true,
         "{\"metadata\":{\"finalizers\":[\"a\",\"f\"],\"resourceVersion\":\"4\"}}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_host h = {.arena = a};
        struct rc_context x = {
            .api = &api, .host = &h, .arena = a, .ns = RV_STR("n"), .name = RV_STR("s"), .uid = RV_STR("u")};
        struct rv_val meta = from_json(a, rows[i].meta);
        CHECK_ROW(ctx_set_finalizer(&x, "rayservices", meta, "f", rows[i].present, 5), rows[i].want);
        struct rv_str want = rv_arena_fmt(a, "patch rayservices/s uid=u tag=5 %s", rows[i].want);
        if (!rv_str_eq(rv_buf_str(&h.asked), want)) printf("\n    got %s", rv_buf_cstr(&h.asked));
        CHECK_ROW(rv_str_eq(rv_buf_str(&h.asked), want), rows[i].want);
        rv_buf_free(&h.asked);
    }
}

static void test_wake(void) {
    struct rv_host h = {0};
    struct rc_context x = {.api = &api, .host = &h};
    CU_ASSERT_EQUAL(ctx_wake_ms(&x), 0);
    ctx_wake(&x, 1000 + 5000000);
    ctx_wake(&x, 1000 + 9000000); /* the earliest counts */
    CU_ASSERT_EQUAL(ctx_wake_ms(&x), 6);
    ctx_wake(&x, 7); /* it is past */
    CU_ASSERT_EQUAL(ctx_wake_ms(&x), 1);
}

static const struct suite_test tests[] = {{"an owned object", test_keep},
                                          {"an object of another owner", test_keep_of_another},
                                          {"a patch that does not help", test_futile},
                                          {"a request that the host does not take", test_rejected},
                                          {"finalizers", test_finalizer},
                                          {"when to look again", test_wake}};
SUITE_MAIN("owned objects", tests)
