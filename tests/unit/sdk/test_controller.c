/* test_controller.c - the layer for controllers (rayvisor/controller.h), below a host that is a table of functions. */
#include "rayvisor/controller.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

enum { KIND_TOY, KIND_PART };
static const struct rv_kind kinds[] = {{"toy", "example.com/v1", "toys", "Toy"},
                                       {"part", "v1", "configmaps", "ConfigMap"}};

struct rv_host { /* the layer sees only its name */
    struct rv_arena *arena;
    struct rv_object toy;      /* without a value: there is none */
    struct rv_object parts[3]; /* the last: of no namespace */
    struct rv_result results[4];
    size_t result_n;
    struct rv_val settings;
    char acted[512], event[256], explained[256], woken[64];
    struct rv_val body;
    int32_t act_code;
    int64_t now;
};

/* ---- the host ------------------------------------------------------------------------------------------------ */

static int32_t host_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    const struct rv_object *all[] = {&h->toy, &h->parts[0], &h->parts[1], &h->parts[2]};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) {
        if (!rv_val_present(all[i]->value) || all[i]->kind != kind || !rv_str_eq(all[i]->name, name)) continue;
        if (!rv_str_eq(ns, all[i]->ns)) continue;
        CU_ASSERT_EQUAL(ret->size, sizeof *ret);
        *ret = *all[i];
        return 0;
    }
    return RV_E_NOT_FOUND;
}

static int64_t host_list(struct rv_host *h, const struct rv_query *q, rv_list_fn fn, void *arg) {
    int64_t n = 0;
    CU_ASSERT_TRUE(q->size == sizeof *q && q->owner_uid.n != 0 && rv_str_is(q->ns, "ns"));
    for (size_t i = 0; i < 2; i++) {
        if (!rv_val_present(h->parts[i].value) || q->kind != KIND_PART) continue;
        n++;
        if (fn != NULL && !fn(arg, &h->parts[i])) break;
    }
    return n;
}

static int32_t host_act(struct rv_host *h, const struct rv_action *a) {
    CU_ASSERT_EQUAL(a->size, sizeof *a);
    if (h->act_code != 0) return h->act_code;
    struct rv_str copy = rv_arena_str(h->arena, (struct rv_str){(const char *)a->body.p, a->body.n});
    h->body = (struct rv_val){(const uint8_t *)copy.p, copy.n};
    snprintf(h->acted, sizeof h->acted,
             "%u " RV_STR_FMT " " RV_STR_FMT " " RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT " uid=" RV_STR_FMT
             " tag=%llu grace=%lld",
             a->verb, RV_STR_ARG(a->api_version), RV_STR_ARG(a->resource), RV_STR_ARG(a->subresource),
             RV_STR_ARG(a->ns), RV_STR_ARG(a->name), RV_STR_ARG(a->pre_uid), (unsigned long long)a->tag,
             (long long)a->grace_seconds);
    return 0;
}

static int32_t host_event(struct rv_host *h, const struct rv_event *e) {
    CU_ASSERT_EQUAL(e->size, sizeof *e);
    snprintf(h->event, sizeof h->event,
             "%u " RV_STR_FMT " " RV_STR_FMT " " RV_STR_FMT " " RV_STR_FMT " " RV_STR_FMT "/" RV_STR_FMT " " RV_STR_FMT
             " by " RV_STR_FMT,
             e->warning, RV_STR_ARG(e->reason), RV_STR_ARG(e->action), RV_STR_ARG(e->api_version), RV_STR_ARG(e->kind),
             RV_STR_ARG(e->name), RV_STR_ARG(e->uid), RV_STR_ARG(e->note), RV_STR_ARG(e->controller));
    return 0;
}

static const struct rv_result *host_result(struct rv_host *h, uint64_t i) {
    return i < h->result_n ? &h->results[i] : NULL;
}
static void host_requeue(struct rv_host *h, const struct rv_key *key, int64_t delay_ms) {
    snprintf(h->woken, sizeof h->woken, RV_STR_FMT "/" RV_STR_FMT " %lld", RV_STR_ARG(key->ns), RV_STR_ARG(key->name),
             (long long)delay_ms);
}
static int64_t host_now(struct rv_host *h) { return h->now; }
static struct rv_val host_settings(struct rv_host *h) { return h->settings; }
static void host_explain(struct rv_host *h, struct rv_str line) {
    snprintf(h->explained, sizeof h->explained, RV_STR_FMT, RV_STR_ARG(line));
}
static struct rv_str host_keep(struct rv_host *h, struct rv_str text) { return rv_arena_str(h->arena, text); }

static const struct rv_host_api api = {.size = sizeof api,
                                       .get = host_get,
                                       .list = host_list,
                                       .act = host_act,
                                       .event = host_event,
                                       .result = host_result,
                                       .requeue = host_requeue,
                                       .now = host_now,
                                       .settings = host_settings,
                                       .explain = host_explain,
                                       .keep = host_keep};

/* ---- a controller -------------------------------------------------------------------------------------------- */

struct memo {
    int passes, limit;
    char *text;
};
struct state {
    int limit;
};

static void (*test)(struct rv_pass *p); /* what a pass does */
static int gone_calls, memos_released, states_released;

static void reconcile(struct rv_pass *p) {
    struct memo *m = p->memo;
    if (m->passes++ == 0) m->text = rv_strdup(p->key.name);
    if (test != NULL) test(p);
}
static void gone(struct rv_pass *p) {
    gone_calls++;
    CU_ASSERT_TRUE(((struct memo *)p->memo)->text != NULL && !rv_val_present(p->object.value));
    CU_ASSERT_EQUAL(rv_pass_owned(p, KIND_PART, NULL, NULL), 0);
}
static int ends, ends_with_plugin, started;
static char ended_uid[16];
static void memo_init(void *memo) { ((struct memo *)memo)->limit = 5; }
static void memo_end(const struct rv_pass *p, bool plugin_ends) {
    CU_ASSERT_TRUE(((const struct memo *)p->memo)->text != NULL && !rv_val_present(p->object.value));
    CU_ASSERT_TRUE(rv_str_is(p->key.name, ((const struct memo *)p->memo)->text) && rv_str_eq(p->key.ns, p->object.ns));
    snprintf(ended_uid, sizeof ended_uid, RV_STR_FMT, RV_STR_ARG(p->object.uid));
    ends += !plugin_ends;
    ends_with_plugin += plugin_ends;
}
static void begin_state(void *state, const struct rv_host_api *a, struct rv_host *h) {
    CU_ASSERT_TRUE(((struct state *)state)->limit == 0 && a != NULL && h != NULL);
    started++;
}
static void memo_release(void *memo) {
    memos_released++;
    free(((struct memo *)memo)->text);
}
static int32_t configure(void *state, struct rv_val settings, struct rv_error *err) {
    int64_t limit = rv_path_int(settings, "limit", 0);
    if (limit < 0) return rv_error_set(err, RV_E_CONFIG, "limit is below 0");
    ((struct state *)state)->limit = (int)limit;
    return 0;
}
static void release(void *state) {
    (void)state;
    states_released++;
}
static void map(const struct rv_pass *c, const struct rv_object *o, bool deleted) {
    rv_controller_wake(c, o->ns, deleted ? RV_STR("gone") : RV_STR("changed"));
}

static const struct rv_controller controller = {.reconcile = reconcile,
                                                .gone = gone,
                                                .state_size = sizeof(struct state),
                                                .configure = configure,
                                                .release = release,
                                                .memo_size = sizeof(struct memo),
                                                .start = begin_state,
                                                .memo_init = memo_init,
                                                .memo_end = memo_end,
                                                .memo_release = memo_release,
                                                .map = map,
                                                .name = "toys",
                                                .kinds = kinds};

static struct rv_object object(struct rv_arena *a, uint32_t kind, const char *name, const char *uid, const char *json) {
    return (struct rv_object){.size = sizeof(struct rv_object),
                              .kind = kind,
                              .ns = RV_STR("ns"),
                              .name = rv_str(name),
                              .uid = rv_str(uid),
                              .resource_version = RV_STR("7"),
                              .value = from_json(a, json)};
}

static struct rv_host begin(void) {
    struct rv_arena *a = rv_arena_new();
    gone_calls = memos_released = states_released = ends = ends_with_plugin = started = 0;
    test = NULL;
    struct rv_host h = {.arena = a,
                        .toy = object(a, KIND_TOY, "t", "u-t",
                                      "{\"metadata\":{\"finalizers\":[\"a/b\",\"c/d\"]},"
                                      "\"status\":{\"phase\":\"old\",\"n\":1}}"),
                        .parts = {object(a, KIND_PART, "p-1", "u-1", "{}"), object(a, KIND_PART, "p-2", "u-2", "{}"),
                                  object(a, KIND_PART, "p-3", "u-3", "{}")},
                        .settings = from_json(a, "{\"limit\":3}"),
                        .now = INT64_C(5000000000)};
    h.parts[2].ns = RV_STR("");
    return h;
}

static void *start(struct rv_host *h) {
    void *instance = NULL;
    CU_ASSERT_EQUAL_FATAL(rv_controller_init(&controller, &api, h, &instance, NULL), 0);
    return instance;
}

static struct rv_outcome pass(void *instance, void (*fn)(struct rv_pass *p)) {
    struct rv_outcome out = {.size = sizeof out};
    struct rv_key key = {RV_STR("ns"), RV_STR("t")};
    test = fn;
    rv_controller_reconcile(instance, &key, &out);
    return out;
}

/* One pass from start to end; the host shows what it did. */
static struct rv_outcome once(struct rv_host *h, void (*fn)(struct rv_pass *p)) {
    void *instance = start(h);
    struct rv_outcome out = pass(instance, fn);
    rv_controller_fini(instance);
    rv_arena_free(h->arena);
    return out;
}

/* ---- tests ----------------------------------------------------------------------------------------------------- */

static bool first_only(void *arg, const struct rv_object *o) {
    *(struct rv_str *)arg = o->name;
    return false;
}

static void read_all(struct rv_pass *p) {
    struct rv_object o;
    struct rv_str name = {NULL, 0};
    CU_ASSERT_TRUE(rv_str_is(p->object.uid, "u-t") && p->now == INT64_C(5000000000));
    CU_ASSERT_TRUE(rv_path_int(p->settings, "limit", 0) == 3 && ((struct state *)p->state)->limit == 3);
    CU_ASSERT_TRUE(rv_pass_get(p, KIND_PART, RV_STR("p-2"), &o) && rv_str_is(o.uid, "u-2"));
    CU_ASSERT_TRUE(!rv_pass_get(p, KIND_PART, RV_STR("p-9"), &o) && !rv_val_present(o.value));
    CU_ASSERT_EQUAL(rv_pass_owned(p, KIND_PART, NULL, NULL), 2);
    CU_ASSERT_TRUE(rv_pass_owned(p, KIND_PART, first_only, &name) == 1 && rv_str_is(name, "p-1"));
    CU_ASSERT_TRUE(rv_pass_has_finalizer(p, "c/d") && !rv_pass_has_finalizer(p, "c"));
}

static void reading(void) {
    struct rv_host h = begin();
    CU_ASSERT_EQUAL(once(&h, read_all).code, RV_DONE);
}

static void first_failure(struct rv_pass *p) {
    const struct rv_result *r = rv_pass_failure(p);
    CU_ASSERT_TRUE(r != NULL && r->tag == 3 && rv_pass_result(p, 3) != NULL && rv_pass_result(p, 4) == NULL);
}
static void no_failure(struct rv_pass *p) { CU_ASSERT_PTR_NULL(rv_pass_failure(p)); }

static void failures(void) {
    struct rv_host h = begin();
    h.results[0] = (struct rv_result){.size = sizeof(struct rv_result), .tag = 1};
    h.results[1] =
        (struct rv_result){.size = sizeof(struct rv_result), .tag = 2, .verb = RV_VERB_DELETE, .code = RV_E_NOT_FOUND};
    h.results[2] = (struct rv_result){
        .size = sizeof(struct rv_result), .tag = 3, .verb = RV_VERB_MERGE_PATCH, .code = RV_E_NOT_FOUND};
    h.results[3] = (struct rv_result){.size = sizeof(struct rv_result), .tag = 4, .code = RV_E_CONFLICT};
    h.result_n = 4;
    once(&h, first_failure);
    h = begin();
    h.results[0] = (struct rv_result){.size = sizeof(struct rv_result), .verb = RV_VERB_DELETE, .code = RV_E_NOT_FOUND};
    h.result_n = 1;
    once(&h, no_failure);
}

static struct rv_node *named(struct rv_pass *p) { return rv_pass_new_object(p, KIND_PART, RV_STR("new")); }
static void create(struct rv_pass *p) { CU_ASSERT_TRUE(rv_pass_create(p, KIND_PART, 5, named(p))); }
static void apply(struct rv_pass *p) { CU_ASSERT_TRUE(rv_pass_apply(p, KIND_PART, 6, named(p))); }
static void patch(struct rv_pass *p) {
    struct rv_object o;
    struct rv_node *n = rv_node_map(p->arena);
    rv_node_set_int(p->arena, n, "x", 1);
    CU_ASSERT_TRUE(rv_pass_get(p, KIND_PART, RV_STR("p-1"), &o) && rv_pass_patch(p, &o, 7, n));
}
/* Of a cluster-scoped kind: no namespace is named, although the key has one. */
static void create_scoped(struct rv_pass *p) {
    struct rv_node *n = named(p);
    rv_node_remove(rv_node_get(n, "metadata"), "namespace");
    CU_ASSERT_TRUE(rv_pass_create(p, KIND_PART, 14, n));
}
static void patch_scoped(struct rv_pass *p) {
    struct rv_object o;
    struct rv_node *n = rv_node_map(p->arena);
    rv_node_set_int(p->arena, n, "x", 1);
    CU_ASSERT_TRUE(rv_pass_get(p, KIND_PART, RV_STR("p-3"), &o) && rv_pass_patch(p, &o, 15, n));
}
static void delete_scoped(struct rv_pass *p) {
    struct rv_object o;
    CU_ASSERT_TRUE(rv_pass_get(p, KIND_PART, RV_STR("p-3"), &o) && rv_pass_delete(p, &o, 16));
}
static void delete (struct rv_pass *p) {
    struct rv_object o;
    CU_ASSERT_TRUE(rv_pass_get(p, KIND_PART, RV_STR("p-2"), &o) && rv_pass_delete(p, &o, 8));
}
static void status(struct rv_pass *p) {
    struct rv_node *want = rv_node_map(p->arena);
    rv_node_set_cstr(p->arena, want, "phase", "new");
    CU_ASSERT_TRUE(rv_pass_status(p, 9, want));
}
static void same_status(struct rv_pass *p) {
    CU_ASSERT_FALSE(rv_pass_status(p, 9, rv_node_from(p->arena, rv_val_get(p->object.value, "status"))));
}
static void add_finalizer(struct rv_pass *p) { CU_ASSERT_TRUE(rv_pass_set_finalizer(p, "e/f", true, 10)); }
static void drop_finalizer(struct rv_pass *p) { CU_ASSERT_TRUE(rv_pass_set_finalizer(p, "a/b", false, 11)); }
static void same_finalizers(struct rv_pass *p) {
    CU_ASSERT_FALSE(rv_pass_set_finalizer(p, "a/b", true, 12));
    CU_ASSERT_FALSE(rv_pass_set_finalizer(p, "e/f", false, 12));
}
static void anything(struct rv_pass *p) {
    struct rv_action a = {.verb = RV_VERB_GET,
                          .api_version = RV_STR("v1"),
                          .resource = RV_STR("secrets"),
                          .name = RV_STR("s"),
                          .tag = 13};
    CU_ASSERT_TRUE(rv_pass_act(p, &a));
}

static void requests(void) {
    static const char part[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"new\",\"namespace\":"
        "\"ns\",\"ownerReferences\":[{\"apiVersion\":\"example.com/v1\",\"kind\":\"Toy\",\"name\":"
        "\"t\",\"uid\":\"u-t\",\"controller\":true,\"blockOwnerDeletion\":true}]}}";
    static const struct {
        const char *name;
        void (*fn)(struct rv_pass *p);
        const char *acted, *body; /* NULL: none */
    } rows[] = {
        {"create", create, "1 v1 configmaps  ns/new uid= tag=5 grace=-1", part},
        {"apply", apply, "2 v1 configmaps  ns/new uid= tag=6 grace=-1", part},
        {"patch", patch, "3 v1 configmaps  ns/p-1 uid=u-1 tag=7 grace=-1", "{\"x\":1}"},
        {"delete", delete, "5 v1 configmaps  ns/p-2 uid=u-2 tag=8 grace=-1", NULL},
        {"create of a cluster-scoped kind", create_scoped, "1 v1 configmaps  /new uid= tag=14", NULL},
        {"patch of a cluster-scoped kind", patch_scoped, "3 v1 configmaps  /p-3 uid=u-3 tag=15", NULL},
        {"delete of a cluster-scoped kind", delete_scoped, "5 v1 configmaps  /p-3 uid=u-3 tag=16", NULL},
        {"status", status, "3 example.com/v1 toys status ns/t uid=u-t tag=9",
         "{\"status\":{\"phase\":\"new\",\"n\":null}}"},
        {"same status", same_status, "", NULL},
        {"add finalizer", add_finalizer, "3 example.com/v1 toys  ns/t uid=u-t tag=10 grace=-1",
         "{\"metadata\":{\"finalizers\":[\"a/b\",\"c/d\",\"e/f\"],\"resourceVersion\":\"7\"}}"},
        {"drop finalizer", drop_finalizer, "3 example.com/v1 toys  ns/t uid=u-t tag=11 grace=-1",
         "{\"metadata\":{\"finalizers\":[\"c/d\"],\"resourceVersion\":\"7\"}}"},
        {"same finalizers", same_finalizers, "", NULL},
        {"anything", anything, "7 v1 secrets  ns/s uid= tag=13 grace=0", NULL},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_host h = begin();
        void *instance = start(&h);
        CHECK_ROW(pass(instance, rows[i].fn).code == RV_DONE, rows[i].name);
        CHECK_ROW(strncmp(h.acted, rows[i].acted, strlen(rows[i].acted)) == 0, rows[i].name);
        CHECK_ROW((h.acted[0] == 0) == (rows[i].acted[0] == 0), rows[i].name);
        if (rows[i].body != NULL) CHECK_ROW(json_is(h.body, rows[i].body), rows[i].name);
        rv_controller_fini(instance);
        rv_arena_free(h.arena);
    }
}

static void refused_request(struct rv_pass *p) {
    CU_ASSERT_FALSE(rv_pass_create(p, KIND_PART, 5, named(p)));
    rv_pass_retry(p, "a second message");
}

/* A request that cannot be made is not forgotten. */
static void malformed(void) {
    struct rv_host h = begin();
    h.act_code = RV_E_INVALID;
    void *instance = start(&h);
    struct rv_outcome out = pass(instance, refused_request);
    CU_ASSERT_EQUAL(out.code, RV_RETRY);
    CU_ASSERT_TRUE(rv_str_is(out.message, "the request about configmaps new is malformed: object is invalid"));
    rv_controller_fini(instance);
    rv_arena_free(h.arena);
}

static void say(struct rv_pass *p) {
    rv_pass_explain(p, "waiting for %d parts", 2);
    rv_pass_event(p, true, "Broken", "Build", "part %s is broken", "x");
}

static void saying(void) {
    struct rv_host h = begin();
    once(&h, say);
    CU_ASSERT_STRING_EQUAL(h.explained, "waiting for 2 parts");
    CU_ASSERT_STRING_EQUAL(h.event, "1 Broken Build example.com/v1 Toy t/u-t part x is broken by toys-controller");
}

static void wakes(struct rv_pass *p) {
    rv_pass_wake_after(p, 90);
    rv_pass_wake_at(p, p->now + 80000001);
    rv_pass_wake_after(p, 100);
}
static void wake_past(struct rv_pass *p) { rv_pass_wake_at(p, p->now - 5); }
static void terminal(struct rv_pass *p) {
    rv_pass_wake_after(p, 90);
    rv_pass_terminal(p, "never %d", 1);
}
static void both(struct rv_pass *p) {
    rv_pass_terminal(p, "first");
    rv_pass_retry(p, "second");
}

static void outcomes(void) {
    static const struct {
        const char *name;
        void (*fn)(struct rv_pass *p);
        int32_t code;
        int64_t after;
        const char *message;
    } rows[] = {{"nothing", NULL, RV_DONE, 0, ""},
                {"the earliest, rounded up", wakes, RV_AFTER, 81, ""},
                {"a time that has passed", wake_past, RV_AFTER, 1, ""},
                {"terminal", terminal, RV_TERMINAL, 90, "never 1"},
                {"both", both, RV_RETRY, 0, "first"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_host h = begin();
        void *instance = start(&h);
        struct rv_outcome out = pass(instance, rows[i].fn);
        CHECK_ROW(out.code == rows[i].code && out.after_ms == rows[i].after, rows[i].name);
        CHECK_ROW(rv_str_is(out.message, rows[i].message), rows[i].name);
        rv_controller_fini(instance);
        rv_arena_free(h.arena);
    }
}

static int seen;
static void count_passes(struct rv_pass *p) { seen = ((const struct memo *)p->memo)->passes; }

static void sum_limits(void *arg, const struct rv_key *key, void *memo) {
    CU_ASSERT_TRUE(rv_str_is(key->ns, "ns") && rv_str_is(key->name, ((const struct memo *)memo)->text));
    *(int *)arg += ((const struct memo *)memo)->limit;
}
static void walk_memos(struct rv_pass *p) {
    seen = 0;
    rv_controller_each_memo(p, sum_limits, &seen);
}

/* A memo belongs to one incarnation and goes with it. */
static void memos(void) {
    struct rv_host h = begin();
    void *instance = start(&h);
    for (int i = 1; i <= 3; i++) {
        pass(instance, count_passes);
        CU_ASSERT_EQUAL(seen, i);
    }
    h.toy.uid = RV_STR("u-other");
    pass(instance, count_passes);
    CU_ASSERT_TRUE(seen == 1 && memos_released == 1 && gone_calls == 0);
    CU_ASSERT_TRUE(started == 1 && ends == 1 && strcmp(ended_uid, "u-t") == 0);
    struct rv_val value = h.toy.value;
    h.toy.value = RV_VAL_ABSENT;
    CU_ASSERT_EQUAL(pass(instance, count_passes).code, RV_DONE);
    CU_ASSERT_TRUE(memos_released == 2 && gone_calls == 1);
    CU_ASSERT_TRUE(ends == 2 && strcmp(ended_uid, "u-other") == 0);
    pass(instance, count_passes); /* there is nothing left to be gone */
    CU_ASSERT_TRUE(memos_released == 2 && gone_calls == 1);
    h.toy.value = value;
    char name[16];                   /* the object's as well, after the loop */
    for (int i = 0; i < 1000; i++) { /* many keys, each with its own */
        snprintf(name, sizeof name, "t-%d", i);
        struct rv_outcome out = {.size = sizeof out};
        struct rv_key key = {RV_STR("ns"), rv_str(name)};
        h.toy.name = key.name;
        rv_controller_reconcile(instance, &key, &out);
        CU_ASSERT_EQUAL(seen, 1);
    }
    test = walk_memos;
    struct rv_outcome out = {.size = sizeof out};
    rv_controller_reconcile(instance, &(struct rv_key){RV_STR("ns"), h.toy.name}, &out);
    CU_ASSERT_EQUAL(seen, 5000);
    rv_controller_fini(instance);
    CU_ASSERT_TRUE(memos_released == 1002 && states_released == 1 && ends == 2 && ends_with_plugin == 1000);
    rv_arena_free(h.arena);
}

static void settings(void) {
    struct rv_host h = begin();
    struct rv_error err = {0};
    void *instance = start(&h);
    h.settings = from_json(h.arena, "{\"limit\":-1}");
    CU_ASSERT_EQUAL(rv_controller_settings(instance, &err), RV_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(err.text, "limit is below 0");
    h.settings = from_json(h.arena, "{\"limit\":3}");
    CU_ASSERT_EQUAL(rv_controller_settings(instance, NULL), 0);
    rv_controller_map(instance, &h.parts[0], 0);
    CU_ASSERT_STRING_EQUAL(h.woken, "ns/changed 0");
    rv_controller_map(instance, &h.parts[0], 1);
    CU_ASSERT_STRING_EQUAL(h.woken, "ns/gone 0");
    rv_controller_fini(instance);
    h.settings = from_json(h.arena, "{\"limit\":-1}");
    CU_ASSERT_EQUAL(rv_controller_init(&controller, &api, &h, &instance, &err), RV_E_CONFIG);
    struct rv_host_api old = api;
    old.size = offsetof(struct rv_host_api, keep);
    CU_ASSERT_EQUAL(rv_controller_init(&controller, &old, &h, &instance, &err), RV_E_ABI);
    rv_arena_free(h.arena);
}

static const struct suite_test tests[] = {
    {"reading", reading}, {"failures", failures}, {"requests", requests}, {"malformed", malformed},
    {"saying", saying},   {"outcomes", outcomes}, {"memos", memos},       {"settings", settings},
};
SUITE_MAIN("controller", tests)
