/* poller.c - sends requests to the gRPC server of each ConfigMap with the label poll=yes again and again, as a
 * controller of many Ray heads does. data.url is the method. The setting everyMs is the pause between an answer and the
 * next request. The time until an answer, as a plugin sees it, is exported as metrics, for
 * tests/bench/grpc_heads.py. */
#include <stdlib.h>

#include "poller_kinds.h"
#include "rayvisor/plugin.h"

enum { SAMPLES = 4000, REPORT_EVERY = 500 };

struct poller {
    const struct rv_host_api *api;
    struct rv_host *host;
    int64_t every_ms;
    double took_ms[SAMPLES]; /* the newest ones */
    size_t answered;
};

static int32_t poller_settings(void *state, struct rv_error *err) {
    struct poller *p = state;
    (void)err;
    p->every_ms = rv_path_int(p->api->settings(p->host), "everyMs", 5000);
    p->answered = 0;
    return 0;
}

static int32_t poller_init(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err) {
    struct poller *p = rv_alloc(sizeof *p);
    p->api = api;
    p->host = h;
    *ret_state = p;
    return poller_settings(p, err);
}

static void poller_fini(void *state) { free(state); }

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct poller *p) {
    static const struct {
        const char *name;
        size_t part;
    } quantiles[] = {{"0.5", 500}, {"0.99", 990}, {"1", 1000}};
    size_t n = p->answered < SAMPLES ? p->answered : SAMPLES;
    double *sorted = rv_alloc_array(n, sizeof *sorted);
    memcpy(sorted, p->took_ms, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    for (size_t i = 0; i < RV_ARRAY_LEN(quantiles); i++) {
        struct rv_field label = {RV_STR("quantile"), rv_str(quantiles[i].name)};
        size_t at = n * quantiles[i].part / 1000;
        p->api->metric(p->host, RV_STR("took_ms"), 1, sorted[at < n ? at : n - 1], &label, 1);
    }
    free(sorted);
}

static void note_answer(struct poller *p, const struct rv_result *r) {
    bool ok = r->code == 0 && rv_result_grpc_status(r) == 0;
    p->api->metric(p->host, ok ? RV_STR("answers_total") : RV_STR("failures_total"), 0, 1, NULL, 0);
    if (!ok) return;
    p->took_ms[p->answered++ % SAMPLES] = (double)(p->api->now(p->host) - (int64_t)r->tag) / 1e6;
    if (p->answered % REPORT_EVERY == 0) report(p);
}

static void poller_reconcile(void *state, const struct rv_key *key, struct rv_outcome *out) {
    struct poller *p = state;
    static const uint8_t empty_message[5] = {0};
    struct rv_object o = {.size = sizeof o};
    if (p->api->get(p->host, KIND_CONFIG_MAP, key->ns, key->name, &o) != 0) return;
    const struct rv_result *r = p->api->result(p->host, 0);
    if (r != NULL) {
        note_answer(p, r);
        out->code = RV_AFTER;
        out->after_ms = p->every_ms;
        return;
    }
    struct rv_http_request q = {.size = sizeof q,
                                .flags = RV_HTTP_IDEMPOTENT,
                                .tag = (uint64_t)p->api->now(p->host),
                                .method = RV_STR("POST"),
                                .url = rv_path_str(o.value, "data.url"),
                                .content_type = RV_STR("application/grpc"),
                                .body = {empty_message, sizeof empty_message},
                                .http2 = 1};
    (void)p->api->http(p->host, &q);
}

static const struct rv_plugin poller = {.size = sizeof poller,
                                        .magic = RV_ABI_MAGIC,
                                        .abi_major = RV_ABI_MAJOR,
                                        .abi_minor = RV_ABI_MINOR,
                                        .name = "poller",
                                        .version = "1.0.0",
                                        .kinds = rv_manifest_kinds,
                                        .kind_n = KIND_COUNT,
                                        .init = poller_init,
                                        .reconcile = poller_reconcile,
                                        .settings_changed = poller_settings,
                                        .fini = poller_fini};
RV_PLUGIN(poller)
