/* control.c - the commands of the control socket (see control.h). */
#include "control.h"

#include <stdlib.h>

#include "documents.h"
#include "explain.h"
#include "history.h"
#include "ipc/base/nearest.h"
#include "session.h"
#include "supervisor/leadership.h"
#include "supervisor/proc/metrics_table.h"
#include "supervisor/proc/plugin.h"
#include "supervisor/twin/twin.h"

struct control {
    struct supervisor *s;
    int (*reload)(struct supervisor *s, struct rv_error *err);
    struct control_socket *socket;
    struct explain_calls explain;
};

/* ---- the plugins, as explain asks them ------------------------------------------------------------------ */

static void *next_plugin(void *arg, void *plugin) {
    const struct supervisor *s = arg;
    return plugin != NULL ? plugin_next(plugin) : s->plugins;
}
static const struct config_plugin *config_of(const void *plugin) { return plugin_config(plugin); }
static void ask_plugin(void *plugin, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg) {
    plugin_explain(plugin, ns, name, done, arg);
}
static void cancel_plugin(void *plugin, const void *arg) { plugin_explain_cancel(plugin, arg); }
static void each_quarantine(const void *plugin, void (*fn)(void *arg, const struct quarantine_info *q), void *arg) {
    plugin_quarantines(plugin, fn, arg);
}

static const char *why_not(const void *plugin, struct rv_buf *scratch) {
    struct plugin_info i;
    plugin_info(plugin, &i);
    rv_buf_clear(scratch);
    rv_buf_addf(scratch, "%s%s%s", i.state, i.why[0] != 0 ? ": " : "", i.why);
    return rv_buf_cstr(scratch);
}

/* ---- commands ------------------------------------------------------------------------------------------- */

static void do_status(struct control *c, struct client *session, struct rv_val q) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    (void)q;
    jsonw_begin_object(&w, NULL);
    document_status(c->s, &w);
    document_plugins(c->s, &w);
    jsonw_end_object(&w);
    control_session_answer(session, rv_buf_str(&b));
}

static void do_plugins(struct control *c, struct client *session, struct rv_val q) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    (void)q;
    jsonw_begin_object(&w, NULL);
    document_plugins(c->s, &w);
    jsonw_end_object(&w);
    control_session_answer(session, rv_buf_str(&b));
}

static void do_explain(struct control *c, struct client *session, struct rv_val q) {
    rv_autobuf struct rv_buf scratch = {0};
    if (leadership_stands_by(c->s))
        control_session_fail(session, leadership_whom_to_ask(c->s, &scratch), NULL);
    else
        explain_begin(session, &c->explain, q);
}

static void do_twin(struct control *c, struct client *session, struct rv_val q) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    if (c->s->twin == NULL) {
        control_session_fail(session, "this operator is no twin: with \"mode: twin\" it writes nothing and compares",
                             NULL);
        return;
    }
    jsonw_begin_object(&w, NULL);
    twin_write(c->s->twin,
               &(struct twin_filter){rv_path_str(q, "kind"), rv_path_str(q, "namespace"), rv_path_str(q, "name")}, &w);
    jsonw_end_object(&w);
    control_session_answer(session, rv_buf_str(&b));
}

static void do_history(struct control *c, struct client *session, struct rv_val q) {
    rv_autobuf struct rv_buf scratch = {0}, text = {0};
    if (history_answer(session, c->s, q)) return;
    if (leadership_stands_by(c->s)) {
        control_session_fail(session, leadership_whom_to_ask(c->s, &scratch), NULL);
        return;
    }
    rv_buf_addf(&text,
                "nothing is known of " RV_STR_FMT "/" RV_STR_FMT " in namespace " RV_STR_FMT
                ": no plugin did anything for it, or that was long ago (history in the configuration)",
                RV_STR_ARG(rv_path_str(q, "kind")), RV_STR_ARG(rv_path_str(q, "name")),
                RV_STR_ARG(rv_path_str(q, "namespace")));
    control_session_fail(session, rv_buf_cstr(&text), NULL);
}

struct series {
    struct jsonw *w;
    struct rv_str plugin;
};

static void write_series(void *arg, const char *name, struct rv_str labels, double value) {
    const struct series *s = arg;
    jsonw_begin_object(s->w, NULL);
    jsonw_text(s->w, "name", name);
    jsonw_str(s->w, "plugin", s->plugin);
    jsonw_raw(s->w, "labels", labels);
    rv_buf_addf(jsonw_value(s->w, "value"), "%.17g", value);
    jsonw_end_object(s->w);
}

/* What plugins report under the shared prefix of those who know of leaks (plugins/ray/leak.h). */
static void do_leaks(struct control *c, struct client *session, struct rv_val q) {
    static const char prefix[] = "rayvisor_leaked_";
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    (void)q;
    jsonw_begin_object(&w, NULL);
    jsonw_bool(&w, "standsBy", leadership_stands_by(c->s));
    jsonw_begin_array(&w, "series");
    for (const struct plugin *p = c->s->plugins; p != NULL; p = plugin_next(p)) {
        const struct manifest *m = plugin_config(p)->manifest;
        for (size_t i = 0; i < m->metrics.n; i++)
            if (rv_str_is(m->metrics.list[i], prefix))
                metrics_table_each(plugin_metrics(p), prefix, write_series,
                                   &(struct series){&w, plugin_config(p)->name});
    }
    jsonw_end_array(&w);
    jsonw_end_object(&w);
    control_session_answer(session, rv_buf_str(&b));
}

static void do_reload(struct control *c, struct client *session, struct rv_val q) {
    struct rv_error err = {0};
    (void)q;
    if (c->reload(c->s, &err) != 0)
        control_session_fail(session, err.text, NULL);
    else
        control_session_answer(session, RV_STR("{\"ok\":true}"));
}

static void do_release(struct control *c, struct client *session, struct rv_val q) {
    struct rv_str plugin = rv_path_str(q, "plugin");
    for (struct plugin *p = c->s->plugins; p != NULL; p = plugin_next(p)) {
        if (!rv_str_eq(plugin_config(p)->name, plugin)) continue;
        bool was = plugin_release(p, rv_path_str(q, "namespace"), rv_path_str(q, "name"));
        control_session_answer(session, was ? RV_STR("{\"ok\":true,\"wasQuarantined\":true}")
                                            : RV_STR("{\"ok\":true,\"wasQuarantined\":false}"));
        return;
    }
    rv_autobuf struct rv_buf text = {0}, names = {0};
    struct nearest near = nearest_begin(plugin);
    for (const struct plugin *p = c->s->plugins; p != NULL; p = plugin_next(p)) {
        nearest_offer(&near, plugin_config(p)->name);
        rv_buf_addf(&names, "%s" RV_STR_FMT, names.n != 0 ? ", " : "", RV_STR_ARG(plugin_config(p)->name));
    }
    rv_buf_addf(&text, "there is no plugin \"" RV_STR_FMT "\"", RV_STR_ARG(plugin));
    nearest_hint(&near, &text);
    rv_buf_addf(&text, "%s There are: %s", near.best.n != 0 ? "" : ".", names.n != 0 ? rv_buf_cstr(&names) : "none");
    control_session_fail(session, rv_buf_cstr(&text), NULL);
}

static const struct {
    const char *name;
    void (*fn)(struct control *c, struct client *session, struct rv_val q);
} commands[] = {{"status", do_status}, {"plugins", do_plugins}, {"explain", do_explain}, {"history", do_history},
                {"leaks", do_leaks},   {"reload", do_reload},   {"release", do_release}, {"twin", do_twin}};

static void on_request(void *arg, struct client *session, struct rv_val q) {
    struct rv_str cmd = rv_path_str(q, "cmd");
    for (size_t i = 0; i < RV_ARRAY_LEN(commands); i++)
        if (rv_str_is(cmd, commands[i].name)) {
            commands[i].fn(arg, session, q);
            return;
        }
    control_session_fail(
        session, "unknown command: there are status, plugins, explain, history, leaks, reload, release, twin", NULL);
}

struct control *control_new(struct supervisor *s, int (*reload)(struct supervisor *s, struct rv_error *err),
                            struct rv_error *err) {
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, RV_STR_FMT "/control.sock", RV_STR_ARG(s->config->runtime_dir));
    struct control *c = rv_alloc(sizeof *c);
    *c = (struct control){.s = s,
                          .reload = reload,
                          .explain = {next_plugin, config_of, ask_plugin, cancel_plugin, each_quarantine, why_not, s}};
    c->socket = control_socket_new(s->loop, rv_buf_cstr(&path), on_request, c, err);
    return c->socket != NULL ? c : control_free(c);
}

struct control *control_free(struct control *c) {
    if (c == NULL) return NULL;
    control_socket_free(c->socket);
    free(c);
    return NULL;
}
