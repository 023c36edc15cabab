/* fuzz_plugin.h - the plugin that fuzzed engines run: what it asks for depends on its key and on how often it was
 * called, so that every verb and outcome comes up, and two runs of the same inputs ask for the same. */
#ifndef TESTS_FUZZ_PLUGIN_H
#define TESTS_FUZZ_PLUGIN_H

#include "rayvisor/plugin.h"

struct fuzz_state {
    const struct rv_host_api *api;
    struct rv_host *host;
    uint32_t calls;
};

static int32_t fuzz_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    (void)err;
    static struct fuzz_state one; /* a recording may end without the last call, which would free it */
    struct fuzz_state *s = &one;
    *s = (struct fuzz_state){api, h, 0};
    *ret_state = s;
    return 0;
}

static void fuzz_fini(void *state) { ((struct fuzz_state *)state)->calls = 0; }

static void fuzz_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct fuzz_state *s = state;
    bool first = s->api->result(s->host, 0) == NULL;
    uint32_t mood = s->calls++ + (key->name.n != 0 ? (uint8_t)key->name.p[0] : 0);
    struct rv_object o = {.size = sizeof o};
    struct rv_action a = {.size = sizeof a,
                          .verb = mood % 11,
                          .flags = mood >> 1 & 1,
                          .api_version = RV_STR("v1"),
                          .resource = RV_STR("pods"),
                          .ns = key->ns,
                          .name = key->name,
                          .delay_ms = 1};
    if (s->api->get(s->host, 0, key->ns, key->name, &o) == 0) a.body = (struct rv_bytes){o.value.p, o.value.n};
    if (first) (void)s->api->act(s->host, &a);
    struct rv_query q = {.size = sizeof q, .kind = mood % 3, .owner_uid = o.uid};
    if (a.body.n == 0) q.owner_uid = (struct rv_str){NULL, 0};
    (void)s->api->list(s->host, &q, NULL, NULL);
    s->api->explain(s->host, key->name);
    s->api->requeue(s->host, key, (int64_t)(mood % 7));
    out->code = (int32_t)(mood % 5);
    out->after_ms = (int64_t)mood;
    out->message = s->api->keep(s->host, key->ns);
}

static void fuzz_map(void *state, const struct rv_object *object, int32_t deleted) {
    struct fuzz_state *s = state;
    (void)deleted;
    s->api->requeue(s->host, &(struct rv_key){object->ns, object->name}, 0);
}

static int32_t fuzz_settings(void *state, struct rv_error *err) {
    struct fuzz_state *s = state;
    return s->calls % 2 == 0 ? 0 : rv_error_set(err, RV_E_CONFIG, "no");
}

static const struct rv_plugin fuzz_plugin = {.size = sizeof fuzz_plugin,
                                             .magic = RV_ABI_MAGIC,
                                             .abi_major = RV_ABI_MAJOR,
                                             .abi_minor = RV_ABI_MINOR,
                                             .name = "fuzz",
                                             .version = "1",
                                             .init = fuzz_init,
                                             .reconcile = fuzz_reconcile,
                                             .map = fuzz_map,
                                             .settings_changed = fuzz_settings,
                                             .fini = fuzz_fini};

#endif
