/* get.c - the command `get`: the objects of the four kinds in one table, each with what it waits for. */
#include <stdio.h>

#include "api.h"
#include "colour.h"
#include "document.h"
#include "hint.h"
#include "ipc/base/loop.h"
#include "ipc/base/utf8.h"
#include "ipc/base/visible.h"
#include "plugins/ray/timestamp.h"
#include "rayvisor/tree.h"

enum { WAITS_MAX = 90 };

struct row {
    const struct ctl_kind *kind;
    struct rv_val object;
    struct say say;
};

struct rows {
    struct ctl_context *c;
    struct api *api;
    int64_t now;
    struct row *list;
    size_t n;
    bool wide;
};

/* ---- the cells -------------------------------------------------------------------------------------------------- */

static struct rv_str text_or_dash(struct rv_str s) { return s.n != 0 ? s : RV_STR("-"); }

static struct rv_str cell_namespace(struct rows *t, const struct row *r) {
    (void)t;
    return rv_path_str(r->object, "metadata.namespace");
}

static struct rv_str cell_name(struct rows *t, const struct row *r) {
    return rv_arena_fmt(t->c->arena, "%s/" RV_STR_FMT, r->kind->singular,
                        RV_STR_ARG(rv_path_str(r->object, "metadata.name")));
}

static struct rv_str cell_status(struct rows *t, const struct row *r) {
    (void)t;
    return say_status_word(r->kind, r->object);
}

static struct rv_str counted(struct rv_arena *a, long long n, const char *what) {
    return rv_arena_fmt(a, "%lld %s%s", n, what, n == 1 ? "" : "s");
}

/* Workers of a cluster, endpoints of a service, the job of a RayJob, running jobs of a RayCronJob. */
static struct rv_str cell_ready(struct rows *t, const struct row *r) {
    struct rv_arena *a = t->c->arena;
    struct rv_val s = rv_val_get(r->object, "status");
    if (r->kind == &ctl_kinds[CTL_RAYCLUSTER])
        return rv_arena_fmt(a, "%lld/%lld workers", (long long)rv_path_int(s, "readyWorkerReplicas", 0),
                            (long long)rv_path_int(s, "desiredWorkerReplicas", 0));
    if (r->kind == &ctl_kinds[CTL_RAYSERVICE])
        return counted(a, (long long)rv_path_int(s, "numServeEndpoints", 0), "endpoint");
    if (r->kind == &ctl_kinds[CTL_RAYJOB]) return text_or_dash(rv_path_str(s, "jobStatus"));
    return counted(a, (long long)rv_val_len(rv_val_get(s, "active")), "job");
}

static struct rv_str cell_age(struct rows *t, const struct row *r) {
    return say_duration(t->c->arena, t->now - rc_time(rv_path_str(r->object, "metadata.creationTimestamp")));
}

static struct rv_str cell_cluster(struct rows *t, const struct row *r) {
    struct rv_str active = rv_path_str(r->object, "status.activeServiceStatus.rayClusterName");
    (void)t;
    return text_or_dash(active.n != 0 ? active : rv_path_str(r->object, "status.rayClusterName"));
}

/* A RayJob and a RayService have a copy of their cluster's status. */
static struct rv_str of_cluster(const struct row *r, const char *field) {
    static const char *const places[] = {"status", "status.rayClusterStatus",
                                         "status.activeServiceStatus.rayClusterStatus"};
    struct rv_str s = {0};
    for (size_t i = 0; i < RV_ARRAY_LEN(places) && s.n == 0; i++)
        s = rv_val_str(rv_val_get(rv_val_path(r->object, places[i]), field));
    return text_or_dash(s);
}

static struct rv_str cell_cpus(struct rows *t, const struct row *r) { return (void)t, of_cluster(r, "desiredCPU"); }
static struct rv_str cell_gpus(struct rows *t, const struct row *r) { return (void)t, of_cluster(r, "desiredGPU"); }
static struct rv_str cell_memory(struct rows *t, const struct row *r) {
    return (void)t, of_cluster(r, "desiredMemory");
}

static struct rv_str cell_next(struct rows *t, const struct row *r) {
    if (r->say.next == 0) return RV_STR("-");
    return rv_arena_fmt(t->c->arena, RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(say_time(t->c->arena, r->say.next, t->now)),
                        RV_STR_ARG(r->say.then));
}

static struct rv_str cell_waits(struct rows *t, const struct row *r) {
    struct rv_str text = r->say.state == SAY_WELL ? RV_STR("-") : r->say.text;
    if (t->wide || text.n <= WAITS_MAX) return text;
    return rv_arena_fmt(t->c->arena, RV_STR_FMT "...", RV_STR_ARG(utf8_clip(text, WAITS_MAX)));
}

static const struct column {
    const char *title;
    bool wide, all_namespaces; /* only with -o wide, only with -A */
    struct rv_str (*cell)(struct rows *t, const struct row *r);
} columns[] = {
    {"NAMESPACE", false, true, cell_namespace},
    {"NAME", false, false, cell_name},
    {"STATUS", false, false, cell_status},
    {"READY", false, false, cell_ready},
    {"AGE", false, false, cell_age},
    {"CLUSTER", true, false, cell_cluster},
    {"CPUS", true, false, cell_cpus},
    {"GPUS", true, false, cell_gpus},
    {"MEMORY", true, false, cell_memory},
    {"NEXT", true, false, cell_next},
    {"WAITS FOR", false, false, cell_waits},
};
enum { COLUMN_N = RV_ARRAY_LEN(columns) };

/* ---- the table -------------------------------------------------------------------------------------------------- */

static struct rv_str shown(struct rows *t, struct rv_str s) {
    rv_autobuf struct rv_buf b = {0};
    visible_text(s, VISIBLE_LINE, &b);
    return rv_arena_str(t->c->arena, rv_buf_str(&b));
}

static void print_row(const struct rv_str *cells, const size_t *widths, enum colour colour) {
    printf("%s", colour == COLOUR_NONE ? "" : colour_code(stdout, colour));
    for (size_t i = 0; i < COLUMN_N; i++) {
        bool last = i + 1 == COLUMN_N;
        if (widths[i] == 0) continue;
        printf("%-*.*s%s", last ? 0 : (int)widths[i], RV_STR_ARG(cells[i]), last ? "" : "  ");
    }
    printf("%s\n", colour == COLOUR_NONE ? "" : colour_code(stdout, COLOUR_NONE));
}

static void print_table(struct rows *t) {
    size_t widths[COLUMN_N] = {0};
    struct rv_str(*cells)[COLUMN_N] = rv_arena_alloc(t->c->arena, (t->n + 1) * sizeof *cells);
    for (size_t i = 0; i < COLUMN_N; i++) {
        const struct column *k = &columns[i];
        if ((k->wide && !t->wide) || (k->all_namespaces && !t->c->all_namespaces)) continue;
        cells[0][i] = rv_str(k->title);
        widths[i] = cells[0][i].n;
        for (size_t r = 0; r < t->n; r++) {
            cells[r + 1][i] = shown(t, k->cell(t, &t->list[r]));
            if (cells[r + 1][i].n > widths[i]) widths[i] = cells[r + 1][i].n;
        }
    }
    print_row(cells[0], widths, COLOUR_NONE);
    for (size_t r = 0; r < t->n; r++) print_row(cells[r + 1], widths, colour_of(t->list[r].say.state));
}

static void set_time(struct rv_arena *a, struct rv_node *m, const char *key, int64_t at) {
    if (at != 0) rv_node_set_str(a, m, key, rc_time_text(a, at));
}

static struct rv_node *describe(struct rows *t, const struct row *r) {
    struct rv_arena *a = t->c->arena;
    struct rv_node *m = rv_node_map(a);
    rv_node_set_cstr(a, m, "kind", r->kind->kind);
    rv_node_set_str(a, m, "namespace", rv_path_str(r->object, "metadata.namespace"));
    rv_node_set_str(a, m, "name", rv_path_str(r->object, "metadata.name"));
    rv_node_set_str(a, m, "status", cell_status(t, r));
    rv_node_set_str(a, m, "ready", cell_ready(t, r));
    rv_node_set_str(a, m, "cluster", cell_cluster(t, r));
    rv_node_set_str(a, m, "cpus", cell_cpus(t, r));
    rv_node_set_str(a, m, "gpus", cell_gpus(t, r));
    rv_node_set_str(a, m, "memory", cell_memory(t, r));
    rv_node_set_str(a, m, "created", rv_path_str(r->object, "metadata.creationTimestamp"));
    rv_node_set_cstr(a, m, "state", say_state_word(r->say.state));
    rv_node_set_str(a, m, "text", r->say.text);
    set_time(a, m, "since", r->say.since);
    if (r->say.next == 0) return m;
    struct rv_node *next = rv_node_ensure_map(a, m, "next");
    set_time(a, next, "at", r->say.next);
    rv_node_set_str(a, next, "then", r->say.then);
    return m;
}

static struct rv_val document(struct rows *t) {
    struct rv_arena *a = t->c->arena;
    struct rv_node *m = rv_node_map(a), *items = rv_node_ensure_array(a, m, "items");
    for (size_t i = 0; i < t->n; i++) rv_node_append(a, items, describe(t, &t->list[i]));
    return rv_node_freeze(a, m);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static void add(struct rows *t, const struct ctl_kind *k, const struct rv_val *objects, size_t n) {
    struct row *all = rv_arena_alloc(t->c->arena, (t->n + n) * sizeof *all);
    if (t->n > 0) memcpy(all, t->list, t->n * sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[t->n + i] = (struct row){k, objects[i], say_object(t->c->arena, k, objects[i], t->now)};
    t->list = all;
    t->n += n;
}

static int read_kind(struct rows *t, const struct ctl_kind *k, const char *name) {
    const struct api_what what = {
        .api_version = "ray.io/v1", .resource = k->resource, .ns = t->c->all_namespaces ? NULL : api_namespace(t->api)};
    struct rv_val object;
    struct api_list list;
    int r = name != NULL ? api_get(t->api, &what, rv_str(name), &object, &t->c->err)
                         : api_list(t->api, &what, &list, &t->c->err);
    if (r == 0) add(t, k, name != NULL ? &object : list.items, name != NULL ? 1 : list.n);
    return r;
}

/* Without a kind: all of them. One that is not installed is no error then. */
static int read_all(struct rows *t) {
    struct rv_error first = {0};
    for (const struct ctl_kind *k = ctl_kinds; k < ctl_kinds + CTL_KIND_N; k++) {
        int r = read_kind(t, k, NULL);
        if (r != 0 && r != RV_E_NOT_FOUND && first.code == 0) first = t->c->err;
    }
    t->c->err = first;
    return first.code;
}

/* KIND, KIND/NAME or KIND NAME. */
static int read_named(struct rows *t) {
    struct ctl_context *c = t->c;
    struct rv_str kind = rv_str(c->argv[0]);
    const char *name = NULL;
    int r = c->argc > 1 || strchr(c->argv[0], '/') != NULL ? ctl_object_argument(c, "get", &kind, &name) : 0;
    const struct ctl_kind *k = r == 0 ? ctl_kind_need(kind, &c->err) : NULL;
    if (k == NULL) return -CTL_USAGE;
    if (name != NULL && c->all_namespaces)
        return rv_error_set(&c->err, -CTL_USAGE, "an object by name is in one namespace: leave --all-namespaces out");
    r = read_kind(t, k, name);
    if (r == RV_E_NOT_FOUND && name != NULL) hint_object(c, t->api, k, api_namespace(t->api), rv_str(name), &c->err);
    return r;
}

int ctl_get(struct ctl_context *c) {
    api_auto struct api *api = api_open(c, API_MS);
    if (api == NULL) return c->err.code;
    struct rows t = {.c = c, .api = api, .now = clock_wall(), .wide = strcmp(c->output, "wide") == 0};
    int r = c->argc > 0 ? read_named(&t) : read_all(&t);
    if (r != 0 && t.n == 0) return r;
    if (document_print(c, document(&t))) return r;
    if (t.n > 0)
        print_table(&t);
    else
        fprintf(stderr, "nothing found in %s%s\n", c->all_namespaces ? "any namespace" : "namespace ",
                c->all_namespaces ? "" : api_namespace(api));
    return r;
}
