/* plan.c - the command `plan`: asks the controllers, and prints what comes of it (see plan.h). */
#include <stdio.h>
#include <stdlib.h>

#include "document.h"
#include "ipc/base/loop.h"
#include "ipc/base/visible.h"
#include "plan_print.h"
#include "plan_read.h"
#include "supervisor/plan/plan.h"

/* ROUNDS_MAX: a controller that never has enough. */
enum { ROUNDS_MAX = 64, READS_MAX = 32 };

struct planning {
    struct plan_reading r;
    struct plan_report report;
    char *host;
    uint64_t *seen; /* by plugin: the version of the snapshot that it has seen */
    uint64_t seed;
    int64_t now;
    struct plan_name *absent;
    size_t absent_n;
    struct rv_str plugin; /* that is being asked */
};

/* ---- one controller ---------------------------------------------------------------------------------------------- */

static size_t find_keys(const struct planning *p, const struct manifest_kind *k, struct rv_key *ret) {
    size_t n = 0;
    for (const struct plan_thing *t = p->r.state.first; t != NULL; t = t->next)
        if (t->concerns && rv_val_present(t->now) && rv_str_eq(t->resource, k->resource) &&
            rv_str_eq(t->api_version, k->api_version))
            ret[n++] = (struct rv_key){t->ns, t->name};
    return n;
}

static size_t find_objects(const struct planning *p, struct plan_object *ret) {
    size_t n = 0;
    for (const struct plan_thing *t = p->r.state.first; t != NULL; t = t->next)
        if (rv_val_present(t->now)) ret[n++] = (struct plan_object){t->api_version, t->resource, t->now};
    return n;
}

static void note_absent(struct planning *p, struct rv_val u) {
    struct rv_arena *a = p->r.c->arena;
    struct plan_name *more = rv_arena_alloc(a, (p->absent_n + 1) * sizeof *more);
    if (p->absent_n > 0) memcpy(more, p->absent, p->absent_n * sizeof *more);
    more[p->absent_n++] = (struct plan_name){rv_path_str(u, "apiVersion"), rv_path_str(u, "resource"),
                                             rv_path_str(u, "namespace"), rv_path_str(u, "name")};
    p->absent = more;
}

/* Reads what the plugin asked for and nobody had given. Returns whether there is anything new to say. */
static bool read_more(struct planning *p, struct rv_val answer) {
    struct rv_arena *a = p->r.c->arena;
    bool any = false;
    for (struct rv_iter it = rv_iter(rv_val_get(answer, "unread")); rv_iter_next(&it);) {
        struct rv_error err = {0};
        struct rv_val v;
        const struct api_what what = {.api_version = rv_arena_str(a, rv_path_str(it.val, "apiVersion")).p,
                                      .resource = rv_arena_str(a, rv_path_str(it.val, "resource")).p,
                                      .ns = rv_arena_str(a, rv_path_str(it.val, "namespace")).p};
        int code = api_get(p->r.api, &what, rv_path_str(it.val, "name"), &v, &err);
        if (code == 0)
            (void)plan_read_keep(&p->r, rv_str(what.api_version), rv_str(what.resource), RV_STR(""), v);
        else if (code == RV_E_NOT_FOUND)
            note_absent(p, it.val);
        else
            rv_buf_addf(&p->r.notes, "%s; what depends on it is not planned\n", err.text);
        any |= code == 0 || code == RV_E_NOT_FOUND;
    }
    return any;
}

static int ask(struct planning *p, const struct config_plugin *plugin, struct rv_val *ret) {
    struct ctl_context *c = p->r.c;
    int code = 0;
    for (int i = 0; i < READS_MAX; i++) {
        struct rv_key *keys = rv_arena_alloc(c->arena, p->r.state.n * sizeof *keys);
        struct plan_object *objects = rv_arena_alloc(c->arena, p->r.state.n * sizeof *objects);
        const struct plan_question q = {.config = p->r.config,
                                        .plugin = plugin,
                                        .host = p->host,
                                        .now = p->now,
                                        .seed = ++p->seed,
                                        .keys = keys,
                                        .key_n = find_keys(p, &plugin->manifest->kinds[0], keys),
                                        .objects = objects,
                                        .object_n = find_objects(p, objects),
                                        .absent = p->absent,
                                        .absent_n = p->absent_n};
        *ret = RV_VAL_ABSENT;
        if (q.key_n == 0) return 0;
        code = plan_ask(&q, c->arena, ret, &c->err);
        if (code != 0 || !read_more(p, *ret)) return code;
    }
    return 0;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static int ask_all(struct planning *p) {
    const struct config *c = p->r.config;
    int rounds = 0;
    for (size_t i = 0; i < c->plugin_n; i++) {
        struct rv_val answer;
        if (!c->plugins[i].enabled || p->seen[i] == p->r.state.version) continue;
        if (++rounds > ROUNDS_MAX) {
            rv_buf_addf(&p->r.notes, "the controllers did not come to rest: the plan may not be complete\n");
            return 0;
        }
        int code = ask(p, &c->plugins[i], &answer);
        if (code != 0) return code;
        plan_state_fold(&p->r.state, answer, plan_read_fix, &p->r);
        plan_report_answer(&p->report, &p->r.state, &c->plugins[i], answer);
        p->seen[i] = p->r.state.version;
        i = (size_t)-1; /* what it has made, the others see */
    }
    return 0;
}

static bool refused_documents(struct planning *p) {
    bool any = false;
    for (const struct plan_document *d = p->r.documents; d != NULL; d = d->next) {
        if (d->refused.n == 0) continue;
        plan_report_say(&p->report, rv_str(d->kind->kind), d->ns, d->name, PLAN_REFUSES, d->refused);
        any = true;
    }
    return any;
}

static int make(struct planning *p) {
    struct ctl_context *c = p->r.c;
    const char *file = ctl_value(c, "filename");
    p->r.c = c;
    int code = plan_read_config(&p->r);
    if (code == 0 && file != NULL) code = plan_read_file(&p->r, file);
    if (code == 0) code = plan_read_objects(&p->r);
    if (code != 0) return code;
    p->host = config_find_host(&p->r.places, p->r.config);
    p->seen = rv_arena_alloc(c->arena, (p->r.config->plugin_n + 1) * sizeof *p->seen);
    for (size_t i = 0; i < p->r.config->plugin_n; i++) p->seen[i] = UINT64_MAX;
    p->now = clock_wall();
    return refused_documents(p) ? 0 : ask_all(p);
}

int ctl_plan(struct ctl_context *c) {
    struct planning p = {.r = {.c = c}, .report = {.arena = c->arena}};
    if (c->argc > 0) return rv_error_set(&c->err, -CTL_USAGE, "plan takes no arguments: give the file with -f");
    if (c->all_namespaces && ctl_value(c, "filename") != NULL)
        return rv_error_set(&c->err, -CTL_USAGE, "--all-namespaces and --filename exclude each other");
    p.r.api = api_open(c, API_MS);
    int code = p.r.api != NULL ? make(&p) : c->err.code;
    if (code == 0) {
        p.report.notes = rv_buf_str(&p.r.notes);
        code = plan_report_print(&p.report, &p.r.state, c);
    }
    free(p.host);
    plan_reading_end(&p.r);
    return code;
}
