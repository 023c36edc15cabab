/* vendor_driver.c - a scripted host for the example controller: loads the .so given, plays a RayCluster's life to it
 * and checks what it asks for. Exits 0 when all is as expected. */
#include "rayvisor/json.h"
#include "rayvisor/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct rv_host { /* the plugin sees only its name */
    struct rv_arena *arena;
    struct rv_val cluster, map;
    struct rv_buf applied; /* JSON of the last applied object */
    int actions, fail_code;
};

static struct rv_val json(struct rv_host *h, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    if (rv_json_to_mp(rv_str(text), NULL, &b, NULL) != 0) abort();
    struct rv_str copy = rv_arena_str(h->arena, rv_buf_str(&b));
    return (struct rv_val){(const uint8_t *)copy.p, copy.n};
}

static int32_t host_get(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    struct rv_val v = kind == 0 ? h->cluster : h->map;
    if (!rv_val_present(v)) return RV_E_NOT_FOUND;
    ret->kind = kind;
    ret->ns = ns;
    ret->name = name;
    ret->uid = RV_STR("uid-1");
    ret->value = v;
    return 0;
}

static int32_t host_act(struct rv_host *h, const struct rv_action *a) {
    if (a->verb != RV_VERB_APPLY || !rv_str_is(a->resource, "configmaps")) return RV_E_INVALID;
    if (rv_mp_check(a->body, NULL) != 0) return RV_E_INVALID;
    rv_buf_clear(&h->applied);
    rv_json_write((struct rv_val){a->body.p, a->body.n}, &h->applied);
    h->actions++;
    return 0;
}

static const struct rv_result *host_result(struct rv_host *h, uint64_t index) {
    static struct rv_result result;
    result = (struct rv_result){.size = sizeof result, .code = h->fail_code, .message = RV_STR("refused")};
    return index == 0 && h->fail_code != 0 ? &result : NULL;
}

static int64_t host_now(struct rv_host *h) {
    (void)h;
    return 0;
}

static struct rv_val host_settings(struct rv_host *h) { return json(h, "{\"suffix\":\"-summary\"}"); }
static void host_explain(struct rv_host *h, struct rv_str line) { (void)h, (void)line; }
static struct rv_str host_keep(struct rv_host *h, struct rv_str text) { return rv_arena_str(h->arena, text); }

static int failures;

static void expect(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "vendor_driver: %s\n", what);
    failures++;
}

static int reconcile(const struct rv_plugin *p, void *state) {
    struct rv_outcome outcome = {.size = sizeof outcome};
    struct rv_key key = {RV_STR("ns"), RV_STR("demo")};
    p->reconcile(state, &key, &outcome);
    return outcome.code;
}

static void play(const struct rv_plugin *p, void *state, struct rv_host *h) {
    expect(reconcile(p, state) == RV_DONE && h->actions == 0, "a cluster that is gone needs nothing");
    h->cluster = json(h, "{\"spec\":{\"workerGroupSpecs\":[{\"replicas\":2,\"numOfHosts\":4},{\"replicas\":1},{}]},"
                         "\"status\":{\"availableWorkerReplicas\":3,\"state\":\"ready\"}}");
    expect(reconcile(p, state) == RV_DONE && h->actions == 1, "a new cluster gets its summary");
    expect(
        rv_str_is(rv_buf_str(&h->applied),
                  "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"demo-summary\",\"namespace\":"
                  "\"ns\",\"ownerReferences\":[{\"apiVersion\":"
                  "\"ray.io/v1\",\"kind\":\"RayCluster\",\"name\":\"demo\",\"uid\":\"uid-1\",\"controller\":true,"
                  "\"blockOwnerDeletion\":true}],\"labels\":{\"example.com/"
                  "ray-summary\":\"true\"}},\"data\":{\"workersWanted\":\"9\",\"workersAvailable\":\"3\","
                  "\"state\":\"ready\"}}"),
        rv_buf_cstr(&h->applied));
    h->map = json(h, rv_buf_cstr(&h->applied));
    expect(reconcile(p, state) == RV_DONE && h->actions == 1, "a converged cluster costs no write");
    h->cluster = json(h, "{\"spec\":{}}");
    h->fail_code = RV_E_CONFLICT;
    expect(reconcile(p, state) == RV_RETRY && h->actions == 1, "a failed write is tried again later");
    h->fail_code = 0;
    expect(reconcile(p, state) == RV_DONE && h->actions == 2, "a change is written");
    h->cluster = json(h, "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    expect(reconcile(p, state) == RV_DONE && h->actions == 2, "a cluster that goes away needs nothing");
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    void *so = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (so == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    rv_plugin_fn get;
    void *symbol = dlsym(so, RV_PLUGIN_SYMBOL);
    if (symbol == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    memcpy(&get, &symbol, sizeof get);
    const struct rv_plugin *p = get();
    if (p->magic != RV_ABI_MAGIC || p->abi_major != RV_ABI_MAJOR || p->size < sizeof *p) return 1;
    struct rv_host h = {.arena = rv_arena_new()};
    struct rv_host_api api = {.size = sizeof api,
                              .get = host_get,
                              .act = host_act,
                              .result = host_result,
                              .now = host_now,
                              .settings = host_settings,
                              .explain = host_explain,
                              .keep = host_keep};
    void *state = NULL;
    struct rv_error err = {0};
    api.size = offsetof(struct rv_host_api, keep); /* a host that is too old is refused */
    expect(p->init(&api, &h, &state, &err) == RV_E_ABI, "an older host is refused");
    api.size = sizeof api;
    expect(p->init(&api, &h, &state, &err) == 0, "init");
    if (failures == 0) play(p, state, &h);
    p->fini(state);
    rv_buf_free(&h.applied);
    rv_arena_free(h.arena);
    dlclose(so);
    return failures != 0;
}
