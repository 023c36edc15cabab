/* made.h - clusters from JSON for the builders' tests. `made()` reads one; the rest keeps the tables short. */
#ifndef TESTS_RAYCLUSTER_MADE_H
#define TESTS_RAYCLUSTER_MADE_H

#include "plugins/ray/cluster.h"
#include "tests/unit/sdk/suite.h"

/* Single quotes in the text stand for double ones, so that the tables can be read. */
static inline struct rv_val quoted(struct rv_arena *a, const char *text) {
    struct rv_str s = rv_arena_str(a, rv_str(text));
    char *p = rv_arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] == '\'' ? '"' : s.p[i];
    return from_json(a, p);
}

/* The settings that an operator has who changed none. */
#define MADE_SETTINGS                                                                                                  \
    {                                                                                                                  \
        .init_container_injection = true, .probes_injection = true, .cluster_domain = { "cluster.local", 13 }          \
    }

/* A cluster n/c with uid u. `meta` and `spec` are what stands inside the braces; meta begins with a comma or is "". */
static inline void made(struct rv_arena *a, const char *meta, const char *spec, const struct rc_settings *settings,
                        struct rc_cluster *ret) {
    struct rv_str text =
        rv_arena_fmt(a, "{'metadata':{'name':'c','namespace':'n','uid':'u'%s},'spec':{%s}}", meta, spec);
    struct rv_val v = quoted(a, text.p);
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    rc_cluster_read(ret, v, settings);
}

/* Keys of labels, annotations and resources have dots, so the last key stands behind a bar. */
static inline struct rv_val made_at(struct rv_arena *a, struct rv_val object, const char *path) {
    const char *bar = strchr(path, '|');
    if (bar == NULL) return path[0] != 0 ? rv_val_path(object, path) : object;
    struct rv_str front = rv_arena_str(a, (struct rv_str){path, (size_t)(bar - path)});
    return rv_val_get(rv_val_path(object, front.p), bar + 1);
}

/* want: JSON with single quotes; NULL: must be absent. */
static inline void made_is(struct rv_arena *a, const char *row, struct rv_val got, const char *want) {
    struct rv_val value = want != NULL ? quoted(a, want) : RV_VAL_ABSENT;
    CHECK_ROW(want == NULL || rv_val_present(value), row);
    bool same = want == NULL ? !rv_val_present(got) : rv_val_equal(got, value);
    rv_autobuf struct rv_buf text = {0};
    if (!same && rv_val_present(got)) rv_json_write(got, &text);
    if (!same) printf("\n    got %s", text.n != 0 ? rv_buf_cstr(&text) : "nothing");
    CHECK_ROW(same, row);
}

/* The names of a list's elements: "a b c". */
static inline struct rv_str made_names(struct rv_arena *a, struct rv_val list) {
    rv_autobuf struct rv_buf out = {0};
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        rv_buf_addf(&out, "%s" RV_STR_FMT, out.n != 0 ? " " : "", RV_STR_ARG(rv_path_str(it.val, "name")));
    return rv_arena_str(a, rv_buf_str(&out));
}

static inline void made_named(struct rv_arena *a, const char *row, struct rv_val list, const char *want) {
    struct rv_str got = made_names(a, list);
    if (!rv_str_is(got, want)) printf("\n    got  " RV_STR_FMT "\n    want %s", RV_STR_ARG(got), want);
    CHECK_ROW(rv_str_is(got, want), row);
}

#endif
