/* metrics.c - the supervisor's metrics in the Prometheus text format. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/actions/executor.h"
#include "supervisor/admission/admission.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/health.h"
#include "supervisor/leadership.h"
#include "supervisor/proc/metrics_table.h"
#include "supervisor/proc/plugin.h"
#include "supervisor/trail/trail.h"
#include "supervisor/twin/twin.h"
#include "supervisor/unattended.h"
#include "web.h"

static void print_head(struct rv_buf *b, const char *name, const char *type, const char *help) {
    rv_buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

struct label {
    const char *name;
    struct rv_str value;
};

static void print_sample(struct rv_buf *b, const char *name, const struct label *labels, size_t n, uint64_t v) {
    rv_buf_adds(b, name);
    for (size_t i = 0; i < n; i++) {
        rv_buf_addf(b, "%c%s=", i == 0 ? '{' : ',', labels[i].name);
        metrics_quote(labels[i].value, b);
    }
    rv_buf_addf(b, "%s %" PRIu64 "\n", n != 0 ? "}" : "", v);
}

static void print_of_plugin(struct rv_buf *b, const char *name, const struct plugin *p, uint64_t v) {
    print_sample(b, name, &(struct label){"plugin", plugin_config(p)->name}, 1, v);
}

static void print_single(struct rv_buf *b, const char *name, const char *type, const char *help, uint64_t v) {
    print_head(b, name, type, help);
    print_sample(b, name, NULL, 0, v);
}

struct deaths {
    struct rv_buf *b;
    struct rv_str plugin;
};

static void print_death(void *arg, const char *cause, uint64_t n) {
    struct deaths *d = arg;
    const struct label labels[] = {{"plugin", d->plugin}, {"cause", rv_str(cause)}};
    print_sample(d->b, "rayvisor_plugin_deaths_total", labels, RV_ARRAY_LEN(labels), n);
}

static void note_last(void *arg, const struct death_info *d) {
    int64_t *last = arg;
    if (*last == 0) *last = d->at; /* the newest death comes first */
}

static void count_quarantine(void *arg, const struct quarantine_info *q) {
    (void)q;
    ++*(uint64_t *)arg;
}

typedef uint64_t (*gauge_fn)(const struct plugin_info *i);
static uint64_t g_ready(const struct plugin_info *i) { return i->ready; }
static uint64_t g_queued(const struct plugin_info *i) { return i->queued; }
static uint64_t g_flight(const struct plugin_info *i) { return i->in_flight; }
static uint64_t g_objects(const struct plugin_info *i) { return i->objects; }
static uint64_t g_outbox(const struct plugin_info *i) { return i->outbox; }
static uint64_t g_merged(const struct plugin_info *i) { return i->merged; }
static uint64_t g_repeated(const struct plugin_info *i) { return i->repeated; }
static uint64_t g_memory(const struct plugin_info *i) { return i->memory; }

static void plugin_gauges(struct supervisor *s, struct rv_buf *b) {
    static const struct {
        const char *name, *type, *help;
        gauge_fn fn;
    } gauges[] = {
        {"rayvisor_plugin_ready", "gauge", "1 when the plugin reconciles", g_ready},
        {"rayvisor_plugin_keys_waiting", "gauge", "keys queued or delayed", g_queued},
        {"rayvisor_plugin_actions_open", "gauge", "actions without a result", g_flight},
        {"rayvisor_plugin_objects", "gauge", "objects mirrored into the plugin", g_objects},
        {"rayvisor_plugin_outbox", "gauge", "changed objects not yet told", g_outbox},
        {"rayvisor_plugin_merged_total", "counter", "changes folded into a waiting one", g_merged},
        {"rayvisor_plugin_repeated_actions_total", "counter", "actions refused because of an id used before",
         g_repeated},
        {"rayvisor_plugin_memory_bytes", "gauge", "resident memory of the plugin's process", g_memory},
    };
    for (size_t k = 0; k < RV_ARRAY_LEN(gauges); k++) {
        print_head(b, gauges[k].name, gauges[k].type, gauges[k].help);
        for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
            struct plugin_info i;
            plugin_info(p, &i);
            print_of_plugin(b, gauges[k].name, p, gauges[k].fn(&i));
        }
    }
    print_head(b, "rayvisor_plugin_deaths_total", "counter", "ends of the plugin's process that were not asked for");
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p))
        plugin_deaths(p, print_death, &(struct deaths){b, plugin_config(p)->name});
    print_head(b, "rayvisor_plugin_last_death_timestamp_seconds", "gauge", "when its process last ended so; 0 never");
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
        int64_t last = 0;
        plugin_each_death(p, note_last, &last);
        print_of_plugin(b, "rayvisor_plugin_last_death_timestamp_seconds", p, (uint64_t)(last / INT64_C(1000000000)));
    }
    print_head(b, "rayvisor_plugin_quarantined", "gauge", "objects kept from the plugin because it died on them");
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
        uint64_t n = 0;
        plugin_quarantines(p, count_quarantine, &n);
        print_of_plugin(b, "rayvisor_plugin_quarantined", p, n);
    }
}

static void print_count(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n) {
    const struct label labels[] = {{"plugin", rv_str(plugin)}, {"verb", rv_str(verb)}, {"code", rv_str(code)}};
    print_sample(arg, "rayvisor_actions_total", labels, RV_ARRAY_LEN(labels), n);
}

static void print_feed(void *arg, const struct feed_info *i) {
    const struct label labels[] = {{"resource", rv_str(i->resource)},
                                   {"namespace", rv_str(i->ns)},
                                   {"selector", rv_str(i->selector)},
                                   {"state", rv_str(i->state)}};
    print_sample(arg, "rayvisor_watch_objects", labels, RV_ARRAY_LEN(labels), i->objects);
}

/* ---- how long things took */

struct latency_print {
    struct rv_buf *b;
    const char *name, *labels[2]; /* the second one is NULL if there is only one */
};

static void print_bucket(const struct latency_print *p, const struct latency_series *s, const char *le, uint64_t n) {
    const struct label labels[] = {{p->labels[0], s->a}, {"le", rv_str(le)}, {p->labels[1], s->b}};
    rv_autobuf struct rv_buf name = {0};
    rv_buf_addf(&name, "%s_bucket", p->name);
    print_sample(p->b, rv_buf_cstr(&name), labels, p->labels[1] != NULL ? 3 : 2, n);
}

static void print_latency(void *arg, const struct latency_series *s) {
    const struct latency_print *p = arg;
    uint64_t n = 0;
    for (size_t i = 0; i < LATENCY_BOUNDS; i++) {
        char le[24];
        snprintf(le, sizeof le, "%g", latency_bounds[i]);
        print_bucket(p, s, le, n += s->counts[i]);
    }
    print_bucket(p, s, "+Inf", s->n);
    rv_autobuf struct rv_buf labels = {0};
    rv_buf_addf(&labels, "{%s=", p->labels[0]);
    metrics_quote(s->a, &labels);
    if (p->labels[1] != NULL) {
        rv_buf_addf(&labels, ",%s=", p->labels[1]);
        metrics_quote(s->b, &labels);
    }
    rv_buf_addf(p->b, "%s_sum%s} %.6f\n%s_count%s} %" PRIu64 "\n", p->name, rv_buf_cstr(&labels), (double)s->us / 1e6,
                p->name, rv_buf_cstr(&labels), s->n);
}

static void print_trail(const struct supervisor *s, struct rv_buf *b) {
    static const struct {
        const char *name, *help, *labels[2];
    } of[LATENCY_COUNT] = {
        [LATENCY_ACTION] = {"rayvisor_action_duration_seconds",
                            "from the first request of an action to its last answer, retries included",
                            {"verb", "resource"}},
        [LATENCY_TURN] = {"rayvisor_action_queue_seconds",
                          "from a plugin's request of an action until its turn came",
                          {"plugin", NULL}},
        [LATENCY_PASS] = {"rayvisor_pass_queue_seconds",
                          "from a change until the plugin reconciled, of passes that decided something",
                          {"plugin", NULL}},
    };
    if (s->trail == NULL) return;
    for (size_t i = 0; i < LATENCY_COUNT; i++) {
        print_head(b, of[i].name, "histogram", of[i].help);
        latencies_each(trail_latencies(s->trail), (enum latency_of)i, print_latency,
                       &(struct latency_print){b, of[i].name, {of[i].labels[0], of[i].labels[1]}});
    }
    struct history_stats h = history_stats(trail_history(s->trail));
    uint64_t told;
    const char *refused, *tap = trail_tap(s->trail, &told, &refused);
    print_single(b, "rayvisor_history_objects", "gauge", "objects of which the history knows something", h.objects);
    print_single(b, "rayvisor_history_entries", "gauge", "things that happened to them and are still known", h.entries);
    print_single(b, "rayvisor_history_bytes", "gauge", "memory of the history", h.bytes);
    print_single(b, "rayvisor_history_dropped_total", "counter", "entries that went because of its bounds", h.dropped);
    print_single(b, "rayvisor_tap_open", "gauge", "1 while observers may listen to the tap", tap != NULL);
    print_single(b, "rayvisor_tap_messages_total", "counter", "numbers that the tap has used", told);
}

static void print_unattended(void *arg, const struct unattended_info *i) {
    const struct label labels[] = {{"resource", i->resource}, {"namespace", rv_str(i->ns)}};
    print_sample(arg, "rayvisor_unattended_objects", labels, RV_ARRAY_LEN(labels), i->objects);
}

struct sources {
    struct metrics_source *list;
    size_t n;
};

static struct sources sources_of(const struct supervisor *s) {
    struct sources r = {0};
    for (const struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) r.n++;
    r.list = rv_alloc_array(r.n, sizeof *r.list);
    r.n = 0;
    for (const struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) {
        const struct manifest *m = plugin_config(p)->manifest;
        r.list[r.n++] = (struct metrics_source){plugin_config(p)->name.p, plugin_metrics(p), &m->metrics,
                                                m->metric_help, m->metric_help_n};
    }
    return r;
}

static void print_clients(const struct supervisor *s, struct rv_buf *b) {
    struct clients_stats c;
    web_stats(s->web, &c);
    print_single(b, "rayvisor_http_connections", "gauge", "connections to http.bind", c.open);
    print_single(b, "rayvisor_http_connections_cut_off_total", "counter",
                 "connections to http.bind that were ended to make room, or because they took too long", c.cut_off);
    print_single(b, "rayvisor_http_own_requests_total", "counter",
                 "requests for Ray that were led to this operator (by Services of whom?) and were not answered",
                 web_own_requests(s->web));
}

static void print_difference(void *arg, struct rv_str plugin, struct rv_str resource, struct rv_str field,
                             bool explained, uint64_t n) {
    const struct label labels[] = {{"plugin", plugin},
                                   {"resource", resource},
                                   {"field", field},
                                   {"explained", explained ? RV_STR("true") : RV_STR("false")}};
    print_sample(arg, "rayvisor_twin_differences", labels, RV_ARRAY_LEN(labels), n);
}

static void print_twin(const struct supervisor *s, uint64_t withheld, struct rv_buf *b) {
    struct twin_stats t;
    int64_t now = clock_wall();
    if (s->twin == NULL) return;
    twin_stats(s->twin, &t);
    print_single(b, "rayvisor_twin_withheld_total", "counter", "actions that were withheld, events included", withheld);
    print_single(b, "rayvisor_twin_compared_total", "counter", "comparisons of an action with what is there",
                 t.compared);
    print_single(b, "rayvisor_twin_left_out_total", "counter",
                 "comparisons that could not be made or kept, for lack of room or because a read failed", t.left_out);
    print_head(b, "rayvisor_twin_differences", "gauge", "differences now that are older than the grace, by field");
    twin_each_count(s->twin, print_difference, b);
    print_single(b, "rayvisor_twin_unexplained", "gauge", "differences now that nothing explains", t.unexplained);
    print_single(b, "rayvisor_twin_unexplained_total", "counter", "differences that nothing explained, since the start",
                 t.became_unexplained);
    print_single(b, "rayvisor_twin_last_unexplained_timestamp_seconds", "gauge",
                 "when there was an unexplained difference last; 0 never since the start",
                 (uint64_t)(t.last_unexplained / INT64_C(1000000000)));
    print_single(b, "rayvisor_twin_clean_seconds", "gauge", "for how long there has been no unexplained difference",
                 t.clean_since != 0 && now > t.clean_since ? (uint64_t)((now - t.clean_since) / INT64_C(1000000000))
                                                           : 0);
}

static void print_admission(const struct supervisor *s, struct rv_buf *b) {
    static const char name[] = "rayvisor_admission_reviews_total";
    if (s->admission == NULL) return;
    print_head(b, name, "counter", "questions of the API server to the validating webhook, by what became of them");
    for (int o = 0; o < ADMISSION_OUTCOME_COUNT; o++)
        print_sample(b, name, &(struct label){"outcome", rv_str(admission_outcome_name((enum admission_outcome)o))}, 1,
                     admission_count(s->admission, (enum admission_outcome)o));
    int64_t ends = admission_ends(s->admission);
    print_single(b, "rayvisor_admission_certificate_end_timestamp_seconds", "gauge",
                 "when the webhook's certificate ends; 0: it has none yet", ends > 0 ? (uint64_t)ends : 0);
}

/* What is the supervisor's own is bounded by its configuration, and made at once. */
static void print_own(struct supervisor *s, struct rv_buf *b) {
    struct store_stats st;
    struct kube_stats k;
    struct executor_stats x;
    store_stats(s->store, &st);
    kube_client_stats(s->client, &k);
    executor_stats(s->executor, &x);
    print_head(b, "rayvisor_build_info", "gauge", "always 1");
    print_sample(b, "rayvisor_build_info", &(struct label){"version", RV_STR(RV_VERSION)}, 1, 1);
    print_single(b, "rayvisor_leader", "gauge", "1 when this instance acts, 0 when it stands by or is a twin",
                 !leadership_stands_by(s) && s->config->mode != MODE_TWIN);
    print_single(b, "rayvisor_other_operator_active", "gauge",
                 "1 while another operator for the same kinds renews its Lease beside this one",
                 leadership_beside_another(s));
    print_single(b, "rayvisor_config_valid", "gauge",
                 "1 when the configuration file is in force, 0 when it or a plugin's settings in it were refused",
                 health_config_refused(s) == NULL);
    print_single(b, "rayvisor_config_refused_timestamp_seconds", "gauge",
                 "since when the configuration file is refused; 0: it is not",
                 s->config_refused != NULL ? (uint64_t)(s->config_refused_since / INT64_C(1000000000)) : 0);
    print_single(b, "rayvisor_twin", "gauge", "1 where this operator writes nothing and compares", s->twin != NULL);
    print_twin(s, x.withheld, b);
    plugin_gauges(s, b);
    print_head(b, "rayvisor_actions_total", "counter", "actions by outcome");
    executor_each_count(s->executor, print_count, b);
    print_single(b, "rayvisor_actions_queued", "gauge", "actions that wait for their turn", x.queued);
    print_single(b, "rayvisor_actions_in_flight", "gauge", "actions sent and not answered", x.in_flight);
    print_single(b, "rayvisor_actions_denied_total", "counter", "actions refused by policy", x.denied);
    print_single(b, "rayvisor_writes_undone_total", "counter",
                 "writes held back because another manager undoes them again and again", x.undone);
    print_single(b, "rayvisor_actions_retries_total", "counter", "actions sent again", x.retries);
    print_head(b, "rayvisor_unattended_objects", "gauge", "objects of a kind that no enabled plugin works on");
    unattended_each(s, print_unattended, b);
    print_single(b, "rayvisor_unattended_events_total", "counter", "events that said so on an object",
                 unattended_events(s));
    print_single(b, "rayvisor_store_objects", "gauge", "objects in the cache", st.objects);
    print_single(b, "rayvisor_store_bytes", "gauge", "bytes of their packed values", st.blob_bytes);
    print_single(b, "rayvisor_store_changes_total", "counter", "changes announced", st.changes);
    print_single(b, "rayvisor_store_unchanged_total", "counter", "changes of fields that nobody reads", st.unchanged);
    print_single(b, "rayvisor_store_stale_total", "counter", "older states that were dropped", st.stale);
    print_single(b, "rayvisor_api_requests_total", "counter", "requests to the API server", k.requests);
    print_single(b, "rayvisor_api_failures_total", "counter", "requests that failed", k.failures);
    print_single(b, "rayvisor_api_throttled_total", "counter", "answers with status 429", k.throttled);
    print_single(b, "rayvisor_api_received_bytes_total", "counter", "bytes of answers", k.bytes_in);
    print_single(b, "rayvisor_watch_events_total", "counter", "watch events", k.events);
    print_single(b, "rayvisor_watch_lists_total", "counter", "lists begun, the first ones included", k.relists);
    print_single(b, "rayvisor_watch_failures_total", "counter", "lists and watches that failed", k.watches_failed);
    print_head(b, "rayvisor_watch_objects", "gauge", "objects by watch and its state");
    feeds_each(s->feeds, print_feed, b);
    print_clients(s, b);
    print_admission(s, b);
    print_trail(s, b);
}

struct metrics_page {
    struct metrics_walk *reported; /* by plugins */
    bool begun;
};

struct metrics_page *metrics_page_new(const struct supervisor *s) {
    struct metrics_page *p = rv_alloc(sizeof *p);
    struct sources now = sources_of(s);
    p->reported = metrics_walk_new(now.list, now.n);
    free(now.list);
    return p;
}

struct metrics_page *metrics_page_free(struct metrics_page *p) {
    if (p == NULL) return NULL;
    metrics_walk_free(p->reported);
    free(p);
    return NULL;
}

bool metrics_page_more(struct metrics_page *p, struct supervisor *s, size_t bytes, struct rv_buf *out) {
    if (!p->begun) print_own(s, out);
    p->begun = true;
    struct sources now = sources_of(s);
    bool more = metrics_walk_more(p->reported, now.list, now.n, out->n + bytes, out);
    free(now.list);
    return more;
}
