/* plugins.c - the document about the plugins (see documents.h). */
#include "documents.h"
#include "rayvisor/k8s.h"
#include "supervisor/proc/plugin.h"

static void write_quarantine(void *arg, const struct quarantine_info *q) {
    struct jsonw *w = arg;
    char since[32];
    rv_time_format(q->since, since);
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "kind", q->kind);
    jsonw_text(w, "namespace", q->ns);
    jsonw_text(w, "name", q->name);
    jsonw_text(w, "since", since);
    jsonw_text(w, "reason", q->reason);
    jsonw_end_object(w);
}

static void write_death(void *arg, const struct death_info *d) {
    struct jsonw *w = arg;
    char at[32];
    rv_time_format(d->at, at);
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "at", at);
    jsonw_text(w, "cause", d->cause);
    jsonw_text(w, "how", d->how);
    if (d->signal != 0) jsonw_int(w, "signal", d->signal);
    if (d->status >= 0) jsonw_int(w, "exitStatus", d->status);
    jsonw_text(w, "while", d->doing);
    jsonw_text(w, "key", d->key);
    jsonw_end_object(w);
}

static void write_grants(struct jsonw *w, const struct config_plugin *c) {
    jsonw_begin_array(w, "grants");
    for (size_t i = 0; i < c->grant_n; i++) {
        const struct manifest_write *g = &c->grants[i];
        rv_autobuf struct rv_buf text = {0};
        rv_buf_addf(&text, RV_STR_FMT "/" RV_STR_FMT "%s" RV_STR_FMT ":", RV_STR_ARG(g->api_version),
                    RV_STR_ARG(g->resource), g->subresource.n != 0 ? "/" : "", RV_STR_ARG(g->subresource));
        for (size_t v = 0; v < g->verbs.n; v++) rv_buf_addf(&text, " " RV_STR_FMT, RV_STR_ARG(g->verbs.list[v]));
        jsonw_str(w, NULL, rv_buf_str(&text));
    }
    jsonw_end_array(w);
}

static void write_plugin(struct jsonw *w, const struct plugin *p) {
    struct plugin_info i;
    plugin_info(p, &i);
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "name", i.config->name);
    jsonw_str(w, "version", i.config->manifest->version);
    jsonw_str(w, "description", i.config->manifest->description);
    jsonw_bool(w, "enabled", i.enabled);
    jsonw_text(w, "state", i.state);
    if (i.why[0] != 0) jsonw_text(w, "reason", i.why);
    jsonw_int(w, "pid", i.pid);
    jsonw_uint(w, "restarts", i.restarts);
    jsonw_text(w, "lastExit", i.last_exit);
    jsonw_int(w, "uptimeSeconds", i.uptime_s);
    jsonw_uint(w, "memoryBytes", i.memory);
    jsonw_uint(w, "queued", i.queued);
    jsonw_uint(w, "inFlight", i.in_flight);
    jsonw_uint(w, "objects", i.objects);
    jsonw_begin_array(w, "quarantined");
    plugin_quarantines(p, write_quarantine, w);
    jsonw_end_array(w);
    jsonw_begin_array(w, "deaths");
    plugin_each_death(p, write_death, w);
    jsonw_end_array(w);
    jsonw_val(w, "settings", i.settings);
    if (i.settings_refused != NULL) jsonw_text(w, "settingsRefused", i.settings_refused);
    write_grants(w, i.config);
    jsonw_end_object(w);
}

void document_plugins(const struct supervisor *s, struct jsonw *w) {
    jsonw_begin_array(w, "plugins");
    for (const struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) write_plugin(w, p);
    jsonw_end_array(w);
}
