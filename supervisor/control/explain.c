/* explain.c - see explain.h. */
#include "explain.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/nearest.h"
#include "rayvisor/k8s.h"

enum { EXPLAIN_MS = 3000 };

/* The answer of one plugin about the object. */
struct view {
    struct explain *owner;
    void *plugin;      /* NULL when it has answered */
    char *name, *kind; /* the names of the plugin and of the object's kind, when it has answered */
    char *error;       /* why there is no answer */
    bool found;
    unsigned state;
    char *ns, *object, *lines;
    int64_t decided, next_ms;
    unsigned retries;
};

/* One question. It lives as long as its session. */
struct explain {
    struct client *session;
    const struct explain_calls *calls;
    struct view *views;
    /* `waits` is the number of views without an answer. */
    size_t n, waits;
};

static void explain_gone(void *arg) {
    struct explain *e = arg;
    for (size_t i = 0; i < e->n; i++) {
        struct view *v = &e->views[i]; /* views is NULL if no plugin was asked */
        if (v->plugin != NULL) e->calls->cancel(v->plugin, v);
        free(v->error);
        free(v->name);
        free(v->kind);
        free(v->ns);
        free(v->object);
        free(v->lines);
    }
    free(e->views);
    free(e);
}

/* ---- the document --------------------------------------------------------------------------------------- */

static void write_view(struct jsonw *w, const struct view *v) {
    static const char *const states[] = {"unknown", "queued", "waiting", "delayed", "settled", "quarantined"};
    char at[40] = "";
    jsonw_text(w, "plugin", v->name);
    jsonw_text(w, "kind", v->kind);
    jsonw_bool(w, "found", v->found);
    if (v->error != NULL) {
        jsonw_text(w, "error", v->error);
        return;
    }
    if (v->decided != 0) rv_time_format_micro(v->decided, at);
    jsonw_text(w, "namespace", v->ns);
    jsonw_text(w, "name", v->object);
    jsonw_text(w, "state", v->state < RV_ARRAY_LEN(states) ? states[v->state] : "unknown");
    jsonw_text(w, "decidedAt", at);
    jsonw_int(w, "nextMs", v->next_ms);
    jsonw_uint(w, "retries", v->retries);
    jsonw_lines(w, "lines", rv_str(v->lines));
}

/* Writes the view of the plugin that knows most, which may be the only one, and then all views. */
static void answer(struct explain *e) {
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    const struct view *best = e->views;
    for (const struct view *v = e->views; v < e->views + e->n; v++)
        if (v->found > best->found || (v->found == best->found && (v->error != NULL) < (best->error != NULL))) best = v;
    jsonw_begin_object(&w, NULL);
    write_view(&w, best);
    jsonw_begin_array(&w, "plugins");
    for (const struct view *v = e->views; v < e->views + e->n; v++) {
        jsonw_begin_object(&w, NULL);
        write_view(&w, v);
        jsonw_end_object(&w);
    }
    jsonw_end_array(&w);
    jsonw_end_object(&w);
    control_session_answer(e->session, rv_buf_str(&b));
}

/* ---- views ---------------------------------------------------------------------------------------------- */

static void end_view(struct view *v) {
    const struct config_plugin *c = v->owner->calls->config(v->plugin);
    v->name = rv_strdup(c->name);
    v->kind = rv_strdup(c->manifest->kinds[0].kind);
    v->plugin = NULL;
    v->owner->waits--;
}

static void fail_view(struct view *v, const char *why) {
    rv_autobuf struct rv_buf scratch = {0}, text = {0};
    rv_buf_addf(&text, "%s (%s)", why, v->owner->calls->why(v->plugin, &scratch));
    end_view(v);
    v->error = rv_strdup(rv_buf_str(&text));
}

/* A plugin that is ready although something is wrong runs what it had before (supervisor/proc/kept.h). */
static char *lines_of(const struct view *v, struct rv_str lines) {
    static const char ready[] = "ready: ";
    rv_autobuf struct rv_buf scratch = {0}, text = {0};
    const char *why = v->owner->calls->why(v->plugin, &scratch);
    rv_buf_add_str(&text, lines);
    if (rv_str_starts(rv_str(why), ready))
        rv_buf_addf(&text, "%sthe plugin runs a copy of the library that it had before: %s", text.n != 0 ? "\n" : "",
                    why + sizeof ready - 1);
    return rv_strdup(rv_buf_str(&text));
}

static void fill_view(struct view *v, const struct msg_explain *e) {
    char *lines = lines_of(v, e->lines);
    end_view(v);
    v->found = e->state != MSG_KEY_UNKNOWN;
    v->state = (unsigned)e->state;
    v->ns = rv_strdup(e->key.ns);
    v->object = rv_strdup(e->key.name);
    v->lines = lines;
    v->decided = e->decided;
    v->next_ms = e->next_ms;
    v->retries = e->retries;
}

static void on_explained(void *arg, const struct msg_explain *e) {
    struct view *v = arg;
    struct explain *owner = v->owner;
    if (e == NULL)
        fail_view(v, "the plugin is not running, so it cannot say");
    else
        fill_view(v, e);
    if (owner->waits == 0) answer(owner);
}

static void answer_without_the_silent(void *arg) {
    struct explain *e = arg;
    for (struct view *v = e->views; v < e->views + e->n; v++) {
        if (v->plugin == NULL) continue;
        e->calls->cancel(v->plugin, v);
        fail_view(v, "the plugin did not answer within three seconds");
    }
    answer(e);
}

struct quarantine_search {
    struct rv_str ns, name;
    char text[200];
    int64_t since;
};

static void match_quarantine(void *arg, const struct quarantine_info *i) {
    struct quarantine_search *s = arg;
    if (i->kind_index != 0 || (i->ns[0] != 0 && !rv_str_is(s->ns, i->ns)) || !rv_str_is(s->name, i->name)) return;
    s->since = i->since;
    snprintf(s->text, sizeof s->text,
             "quarantined: the plugin died while working on it (%.100s); it waits for a change", i->reason);
}

/* The supervisor itself knows about quarantined objects, even while the plugin is being restarted. */
static bool view_quarantined(struct view *v, struct rv_str ns, struct rv_str name) {
    struct quarantine_search s = {.ns = ns, .name = name};
    v->owner->calls->quarantines(v->plugin, match_quarantine, &s);
    if (s.since == 0) return false;
    fill_view(v, &(struct msg_explain){.key = {ns, name},
                                       .state = MSG_KEY_QUARANTINED,
                                       .lines = rv_str(s.text),
                                       .next_ms = -1,
                                       .decided = s.since});
    return true;
}

/* ---- the question --------------------------------------------------------------------------------------- */

/* "raycluster", "RayCluster" and "rayclusters" all name the kind. */
static bool names_kind(struct rv_str asked, const struct manifest_kind *k) {
    rv_autofree char *text = rv_strdup(asked);
    if (rv_str_ieq(k->kind, text) || rv_str_ieq(k->resource, text)) return true;
    return k->resource.n == asked.n + 1 && k->resource.p[asked.n] == 's' &&
           rv_str_ieq((struct rv_str){k->resource.p, asked.n}, text);
}

/* Finds the plugins whose primary kind it is. All of them decide something about the object. */
static void find_views(struct explain *e, struct rv_str kind) {
    const struct explain_calls *calls = e->calls;
    for (void *p = calls->next(calls->arg, NULL); p != NULL; p = calls->next(calls->arg, p)) {
        const struct config_plugin *c = calls->config(p);
        if (!c->enabled || !names_kind(kind, &c->manifest->kinds[0])) continue;
        e->views = rv_realloc_array(e->views, e->n + 1, sizeof *e->views);
        e->views[e->n++] = (struct view){.owner = e, .plugin = p};
    }
}

/* Says what to ask about instead: the primary objects of the plugins that only read the kind, or, for an unknown kind,
 * the known kinds. */
static void refuse_kind(struct client *s, const struct explain_calls *calls, struct rv_str kind) {
    rv_autobuf struct rv_buf text = {0}, kinds = {0}, hint = {0};
    struct nearest near = nearest_begin(kind);
    rv_buf_addf(&text, "no plugin that runs reconciles " RV_STR_FMT, RV_STR_ARG(kind));
    for (void *p = calls->next(calls->arg, NULL); p != NULL; p = calls->next(calls->arg, p)) {
        const struct config_plugin *c = calls->config(p);
        const struct manifest *m = c->manifest;
        bool reads = false;
        for (size_t i = 1; i < m->kind_n; i++) reads = reads || names_kind(kind, &m->kinds[i]);
        if (names_kind(kind, &m->kinds[0]))
            rv_buf_addf(&text, "; " RV_STR_FMT " would, and it is switched off (enabled: false)", RV_STR_ARG(c->name));
        else if (reads && c->enabled)
            rv_buf_addf(&text, "; " RV_STR_FMT " looks at it for its objects, so ask about its " RV_STR_FMT,
                        RV_STR_ARG(c->name), RV_STR_ARG(m->kinds[0].kind));
        if (!c->enabled) continue;
        nearest_offer(&near, m->kinds[0].kind);
        rv_buf_addf(&kinds, "%s" RV_STR_FMT, kinds.n != 0 ? ", " : "", RV_STR_ARG(m->kinds[0].kind));
    }
    nearest_hint(&near, &hint);
    rv_buf_addf(&text, "%s There are: %s", hint.n != 0 ? rv_buf_cstr(&hint) : ".",
                kinds.n != 0 ? rv_buf_cstr(&kinds) : "none");
    control_session_fail(s, rv_buf_cstr(&text), NULL);
}

void explain_begin(struct client *s, const struct explain_calls *calls, struct rv_val request) {
    struct rv_str kind = rv_path_str(request, "kind"), ns = rv_path_str(request, "namespace"),
                  name = rv_path_str(request, "name");
    if (kind.n == 0 || name.n == 0) {
        control_session_fail(s, "explain needs kind and name", NULL);
        return;
    }
    struct explain *e = rv_alloc(sizeof *e);
    *e = (struct explain){.session = s, .calls = calls};
    find_views(e, kind);
    if (e->n == 0) {
        explain_gone(e);
        refuse_kind(s, calls, kind);
        return;
    }
    client_wait(s, EXPLAIN_MS, &(struct client_wait){answer_without_the_silent, explain_gone, e});
    e->waits = e->n + 1; /* one more, so that an answer that comes at once is not the last */
    for (struct view *v = e->views; v < e->views + e->n; v++)
        if (!view_quarantined(v, ns, name)) calls->ask(v->plugin, ns, name, on_explained, v);
    if (--e->waits == 0) answer(e);
}
