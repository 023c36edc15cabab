/* status.c - the document about the supervisor itself (see documents.h). */
#include <unistd.h>

#include "documents.h"
#include "rayvisor/k8s.h"
#include "supervisor/actions/executor.h"
#include "supervisor/admission/admission.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/health.h"
#include "supervisor/http/web.h"
#include "supervisor/leadership.h"
#include "supervisor/trail/trail.h"
#include "supervisor/unattended.h"

static void write_feed(void *arg, const struct feed_info *i) {
    struct jsonw *w = arg;
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "resource", i->resource);
    jsonw_text(w, "namespace", i->ns);
    jsonw_text(w, "selector", i->selector);
    jsonw_text(w, "state", i->state);
    jsonw_uint(w, "objects", i->objects);
    jsonw_text(w, "why", i->why);
    jsonw_end_object(w);
}

static void write_kubernetes(const struct supervisor *s, struct jsonw *w) {
    jsonw_begin_object(w, "kubernetes");
    jsonw_text(w, "server", kube_config_server(s->kube_config));
    jsonw_begin_array(w, "watches");
    feeds_each(s->feeds, write_feed, w);
    jsonw_end_array(w);
    jsonw_end_object(w);
}

static void write_unattended(void *arg, const struct unattended_info *i) {
    struct jsonw *w = arg;
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "kind", i->kind);
    jsonw_str(w, "resource", i->resource);
    jsonw_str(w, "plugin", i->plugin);
    jsonw_text(w, "namespace", i->ns);
    jsonw_text(w, "state", i->state);
    jsonw_uint(w, "objects", i->objects);
    jsonw_end_object(w);
}

static void write_store(const struct supervisor *s, struct jsonw *w) {
    struct store_stats st;
    store_stats(s->store, &st);
    jsonw_begin_object(w, "store");
    jsonw_uint(w, "objects", st.objects);
    jsonw_uint(w, "bytes", st.blob_bytes);
    jsonw_uint(w, "rev", store_rev(s->store));
    jsonw_end_object(w);
}

static void write_actions(const struct supervisor *s, struct jsonw *w) {
    struct executor_stats x;
    executor_stats(s->executor, &x);
    jsonw_begin_object(w, "actions");
    jsonw_uint(w, "queued", x.queued);
    jsonw_uint(w, "inFlight", x.in_flight);
    jsonw_uint(w, "done", x.done);
    jsonw_uint(w, "failed", x.failed);
    jsonw_uint(w, "denied", x.denied);
    if (s->config->mode == MODE_TWIN) jsonw_uint(w, "withheld", x.withheld);
    jsonw_end_object(w);
}

static void write_config(const struct supervisor *s, struct jsonw *w) {
    char since[32];
    const char *refused = health_config_refused(s);
    jsonw_begin_object(w, "configuration");
    jsonw_text(w, "file", s->config_path);
    jsonw_bool(w, "valid", refused == NULL);
    if (refused != NULL) jsonw_text(w, "refused", refused);
    if (s->config_refused != NULL) {
        rv_time_format(s->config_refused_since, since);
        jsonw_text(w, "refusedSince", since);
    }
    jsonw_end_object(w);
}

static void write_trail(const struct supervisor *s, struct jsonw *w) {
    uint64_t told;
    const char *refused, *endpoint = trail_tap(s->trail, &told, &refused);
    jsonw_begin_object(w, "tap");
    jsonw_bool(w, "open", endpoint != NULL);
    if (endpoint != NULL) jsonw_text(w, "endpoint", endpoint);
    if (endpoint != NULL) jsonw_uint(w, "told", told);
    if (refused != NULL) jsonw_text(w, "refused", refused);
    jsonw_end_object(w);
    if (s->trail == NULL) return;
    struct history_stats h = history_stats(trail_history(s->trail));
    jsonw_begin_object(w, "history");
    jsonw_uint(w, "objects", h.objects);
    jsonw_uint(w, "entries", h.entries);
    jsonw_uint(w, "bytes", h.bytes);
    jsonw_uint(w, "dropped", h.dropped);
    jsonw_end_object(w);
}

void document_status(const struct supervisor *s, struct jsonw *w) {
    rv_autobuf struct rv_buf scratch = {0};
    const char *why = health_not_ready(s, &scratch);
    jsonw_text(w, "version", RV_VERSION);
    jsonw_text(w, "mode", s->config->mode == MODE_TWIN ? "twin" : "operate");
    jsonw_int(w, "pid", getpid());
    jsonw_int(w, "uptimeSeconds", (clock_monotonic() - s->started) / INT64_C(1000000000));
    jsonw_bool(w, "ready", why == NULL);
    jsonw_text(w, "reason", why);
    write_config(s, w);
    jsonw_uint(w, "httpPort", web_port(s->web));
    if (web_probe_port(s->web) != 0) jsonw_uint(w, "probePort", web_probe_port(s->web));
    if (s->admission != NULL) jsonw_uint(w, "admissionPort", admission_port(s->admission));
    leadership_write(s, "leadership", w);
    write_kubernetes(s, w);
    jsonw_begin_array(w, "unattended");
    unattended_each(s, write_unattended, w);
    jsonw_end_array(w);
    write_store(s, w);
    write_actions(s, w);
    write_trail(s, w);
}
