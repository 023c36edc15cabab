/* Metrics that plugins report: what a scraper would stumble over never reaches it. */
#include "supervisor/proc/metrics_table.h"

#include <math.h>
#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

static void set(struct metrics_table *t, struct rv_arena *a, const char *name, uint32_t type, double value,
                const char *labels) {
    struct msg_metric m = {.name = rv_str(name), .type = type, .value = value, .labels = from_json(a, labels)};
    metrics_table_set(t, &m);
}

/* The whole page, in parts of about so many bytes. */
static void print_all(const struct metrics_source *list, size_t n, size_t part, struct rv_buf *out) {
    struct metrics_walk *w = metrics_walk_new(list, n);
    while (metrics_walk_more(w, list, n, out->n + part, out)) continue;
    metrics_walk_free(w);
}

static bool printed(const struct metrics_source *list, size_t n, const char *want) {
    rv_autobuf struct rv_buf b = {0};
    print_all(list, n, SIZE_MAX / 2, &b);
    bool same = rv_str_is(rv_buf_str(&b), want);
    if (!same) printf("\n%s", rv_buf_cstr(&b));
    return same;
}

static size_t count(const char *text, const char *what) {
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
    return n;
}

enum { COUNTER, GAUGE, REMOVED };

/* Which names a scraper takes. */
static void names(void) {
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {{"a", true},   {"z", true},    {"A", true},    {"Z", true},    {"_", true},
                {"a0", true},  {"a9", true},   {"a_b", true},  {"", false},    {"0a", false},
                {"9", false},  {"a-b", false}, {"a b", false}, {"a:b", false}, {"a`", false},
                {"a{", false}, {"a@", false},  {"a[", false},  {"a/", false},  {"\xc3\xa4", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        struct metrics_table *t = metrics_table_new();
        const struct metrics_source source = {.plugin = "toy", .table = t};
        set(t, a, rows[i].name, GAUGE, 1, "{}");
        print_all(&source, 1, SIZE_MAX / 2, &out);
        CHECK_ROW((out.n != 0) == rows[i].ok, rows[i].name);
        metrics_table_free(t);
    }
    for (size_t n = 126; n <= 128; n++) { /* the longest */
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        char name[129] = {0};
        struct metrics_table *t = metrics_table_new();
        const struct metrics_source source = {.plugin = "toy", .table = t};
        memset(name, 'a', n);
        set(t, a, name, GAUGE, 1, "{}");
        print_all(&source, 1, SIZE_MAX / 2, &out);
        CU_ASSERT_EQUAL(out.n != 0, n < 128);
        metrics_table_free(t);
    }
}

static void kinds(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new(), *u = metrics_table_new();
    static struct rv_str own[] = {{"kuberay_cluster_", 16}, {"kuberay_plain", 13}};
    static const struct schema_texts prefixes = {own, 2, true};
    static const struct manifest_metric_help help[] = {{{"kuberay_cluster_info", 20}, {"one for each cluster", 20}},
                                                       {{"load", 4}, {"how busy it is", 14}}};
    const struct metrics_source both[] = {
        {.plugin = "toy", .table = t, .prefixes = &prefixes, .help = help, .help_n = 2},
        {.plugin = "other", .table = u}};
    CU_ASSERT_TRUE(printed(both, 2, ""));
    set(t, a, "jobs", COUNTER, 2, "{\"ns\":\"b\"}");
    set(t, a, "jobs", COUNTER, 3, "{\"ns\":\"b\"}");
    set(t, a, "jobs", COUNTER, 1, "{\"ns\":\"a\"}");
    set(t, a, "jobs", COUNTER, -1, "{\"ns\":\"a\"}"); /* a counter only grows */
    set(t, a, "jobs", COUNTER, NAN, "{\"ns\":\"a\"}");
    set(t, a, "load", GAUGE, 7, "{}");
    set(t, a, "load", GAUGE, 0.5, "{}");
    set(t, a, "old", GAUGE, 1, "{}");
    set(t, a, "old", REMOVED, 0, "{}");
    set(t, a, "never", REMOVED, 0, "{}");
    set(t, a, "kuberay_cluster_info", GAUGE, 1, "{\"name\":\"x\"}");
    set(t, a, "kuberay_plain", GAUGE, -3, "{}");
    set(u, a, "jobs", COUNTER, 9, "{}");
    set(u, a, "kuberay_cluster_info", COUNTER, 8, "{}"); /* not its name */
    set(u, a, "load", COUNTER, 6, "{}");                 /* of another type than before */
    set(t, a, "load", COUNTER, 6, "{\"a\":\"b\"}");
    set(t, a, "load", COUNTER, 6, "{}");
    CU_ASSERT_TRUE(printed(both, 2,
                           "# TYPE rayvisor_plugin_jobs counter\n"
                           "rayvisor_plugin_jobs{plugin=\"toy\",ns=\"b\"} 5\n"
                           "rayvisor_plugin_jobs{plugin=\"toy\",ns=\"a\"} 1\n"
                           "rayvisor_plugin_jobs{plugin=\"other\"} 9\n"
                           "# TYPE rayvisor_plugin_kuberay_cluster_info counter\n"
                           "rayvisor_plugin_kuberay_cluster_info{plugin=\"other\"} 8\n"
                           "# HELP kuberay_cluster_info one for each cluster\n"
                           "# TYPE kuberay_cluster_info gauge\n"
                           "kuberay_cluster_info{name=\"x\"} 1\n"
                           "# TYPE kuberay_plain gauge\n"
                           "kuberay_plain{} -3\n"
                           "# HELP rayvisor_plugin_load how busy it is\n"
                           "# TYPE rayvisor_plugin_load gauge\n"
                           "rayvisor_plugin_load{plugin=\"toy\"} 0.5\n"));
    metrics_table_free(t);
    metrics_table_free(u);
}

/* Three counters that belong together are one histogram, whatever stands between them in the alphabet. */
static void histograms(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new(), *u = metrics_table_new();
    static const struct manifest_metric_help help[] = {{{"wait", 4}, {"how long", 8}}};
    const struct metrics_source both[] = {{.plugin = "toy", .table = t, .help = help, .help_n = 1},
                                          {.plugin = "other", .table = u}};
    set(t, a, "wait_bucket", COUNTER, 1, "{\"le\":\"1\"}");
    set(t, a, "wait_bucket", COUNTER, 2, "{\"le\":\"+Inf\"}");
    set(t, a, "wait_busy", GAUGE, 7, "{}");
    set(t, a, "wait_sum", COUNTER, 2.5, "{}");
    set(u, a, "wait_count", COUNTER, 9, "{}"); /* alone, and of another type than the first one's */
    set(t, a, "lone_sum", COUNTER, 1, "{}");
    rv_autobuf struct rv_buf b = {0};
    print_all(both, 2, SIZE_MAX / 2, &b);
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&b), "histogram")); /* a part is missing */
    set(t, a, "wait_count", COUNTER, 2, "{}");
    const char *want = "# TYPE rayvisor_plugin_lone_sum counter\n"
                       "rayvisor_plugin_lone_sum{plugin=\"toy\"} 1\n"
                       "# HELP rayvisor_plugin_wait how long\n"
                       "# TYPE rayvisor_plugin_wait histogram\n"
                       "rayvisor_plugin_wait_bucket{plugin=\"toy\",le=\"1\"} 1\n"
                       "rayvisor_plugin_wait_bucket{plugin=\"toy\",le=\"+Inf\"} 2\n"
                       "rayvisor_plugin_wait_count{plugin=\"toy\"} 2\n"
                       "rayvisor_plugin_wait_sum{plugin=\"toy\"} 2.5\n"
                       "# TYPE rayvisor_plugin_wait_busy gauge\n"
                       "rayvisor_plugin_wait_busy{plugin=\"toy\"} 7\n";
    CU_ASSERT_TRUE(printed(both, 1, want));
    for (size_t part = 1; part < 200; part += 37) { /* in parts as well */
        rv_buf_clear(&b);
        print_all(both, 1, part, &b);
        CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&b), want);
    }
    set(u, a, "wait", GAUGE, 3, "{}"); /* another plugin's: one of the two is left out */
    rv_buf_clear(&b);
    print_all(both, 2, SIZE_MAX / 2, &b);
    CU_ASSERT_EQUAL(count(rv_buf_cstr(&b), "# TYPE rayvisor_plugin_wait "), 1);
    set(t, a, "wait", GAUGE, 4, "{}"); /* its own: then they are counters */
    rv_buf_clear(&b);
    print_all(both, 1, SIZE_MAX / 2, &b);
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&b), "histogram"));
    metrics_table_free(t);
    metrics_table_free(u);
}

static void another_host(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new();
    const struct metrics_source one = {.plugin = "toy", .table = t};
    rv_autobuf struct rv_buf name = {0};
    set(t, a, "done", COUNTER, 2, "{}");
    set(t, a, "info", GAUGE, 1, "{\"name\":\"gone\"}");
    set(t, a, "info", GAUGE, 1, "{\"name\":\"there\"}");
    for (int i = 0; i < 300; i++) {
        name.n = 0;
        rv_buf_addf(&name, "{\"name\":\"n%d\"}", i);
        set(t, a, "info", GAUGE, 1, rv_buf_cstr(&name));
    }
    metrics_table_sweep(t); /* nobody began anew */
    metrics_table_mark(t);
    set(t, a, "info", GAUGE, 2, "{\"name\":\"there\"}");
    set(t, a, "info", GAUGE, 3, "{\"name\":\"new\"}");
    metrics_table_sweep(t);
    metrics_table_sweep(t);
    CU_ASSERT_TRUE(printed(&one, 1,
                           "# TYPE rayvisor_plugin_done counter\n"
                           "rayvisor_plugin_done{plugin=\"toy\"} 2\n"
                           "# TYPE rayvisor_plugin_info gauge\n"
                           "rayvisor_plugin_info{plugin=\"toy\",name=\"there\"} 2\n"
                           "rayvisor_plugin_info{plugin=\"toy\",name=\"new\"} 3\n"));
    metrics_table_free(t);
}

static void refused(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new();
    const struct metrics_source one = {.plugin = "toy", .table = t};
    rv_autobuf struct rv_buf big = {0}, wide = {0}, name = {0};
    rv_buf_adds(&big, "{\"a\":\"");
    for (int i = 0; i < 257; i++) rv_buf_addc(&big, 'x');
    rv_buf_adds(&big, "\"}");
    rv_buf_adds(&wide, "{\"l\":\"\"");
    for (int i = 0; i < 1000; i++) rv_buf_addf(&wide, ",\"l%d\":\"xxxx\"", i);
    rv_buf_adds(&wide, "}");
    for (int i = 0; i < 128; i++) rv_buf_addc(&name, 'n');
    const struct {
        const char *name, *labels;
    } rows[] = {{"", "{}"},
                {"a b", "{}"},
                {"1a", "{}"},
                {"a{x=\"1\"} 1\nb", "{}"},
                {"caf\xc3\xa9", "{}"},
                {rv_buf_cstr(&name), "{}"},
                {"a", "{\"x y\":\"1\"}"},
                {"a", "{\"\":\"1\"}"},
                {"a", "{\"__name__\":\"kuberay_cluster_info\"}"},
                {"a", "{\"plugin\":\"other\"}"}, /* twice the same label: the whole page would be refused */
                {"a", rv_buf_cstr(&big)},
                {"a", rv_buf_cstr(&wide)}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        set(t, a, rows[i].name, GAUGE, 1, rows[i].labels);
        CHECK_ROW(printed(&one, 1, ""), rows[i].labels);
    }
    set(t, a, "a", GAUGE, 1, "{\"x\":\"q\\\"b\\\\n\\nt\\tc\\u0001\"}");
    CU_ASSERT_TRUE(printed(&one, 1,
                           "# TYPE rayvisor_plugin_a gauge\n"
                           "rayvisor_plugin_a{plugin=\"toy\",x=\"q\\\"b\\\\n\\nt c \"} 1\n"));
    metrics_table_free(t);
}

static void many(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new();
    const struct metrics_source one = {.plugin = "toy", .table = t};
    for (int i = 0; i < 100010; i++) {
        set(t, a, "m", GAUGE, i, rv_arena_fmt(a, "{\"i\":\"%d\"}", i).p);
        if (i % 1000 == 0) rv_arena_reset(a);
    }
    rv_autobuf struct rv_buf b = {0};
    print_all(&one, 1, 1 << 16, &b);
    size_t lines = 0;
    for (size_t i = 0; i < b.n; i++) lines += b.p[i] == '\n';
    CU_ASSERT_EQUAL(lines, 1 + 100000); /* bounded */
    set(t, a, "m", REMOVED, 0, "{\"i\":\"5\"}");
    set(t, a, "late", GAUGE, 1, "{}");
    rv_buf_clear(&b);
    print_all(&one, 1, 1 << 16, &b);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&b), "rayvisor_plugin_late{plugin=\"toy\"} 1\n"));
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&b), "{plugin=\"toy\",i=\"5\"}"));
    metrics_table_free(t);
}

/* Large ones: bounded in bytes, and all of it is free again. */
static void large(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new();
    const struct metrics_source one = {.plugin = "toy", .table = t};
    rv_autobuf struct rv_buf labels = {0}, out = {0};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5000; i++) {
            rv_buf_clear(&labels);
            rv_buf_addf(&labels, "{\"i\":\"%d\"", i);
            for (int k = 0; k < 15; k++) rv_buf_addf(&labels, ",\"l%d\":\"%0250d\"", k, i);
            rv_buf_adds(&labels, "}");
            set(t, a, rv_arena_fmt(a, "m%d", i % 900).p, GAUGE, i, rv_buf_cstr(&labels));
            rv_arena_reset(a);
        }
        rv_buf_clear(&out);
        print_all(&one, 1, 1 << 16, &out);
        CU_ASSERT_TRUE(out.n > (8 << 20) && out.n < (20 << 20));
        metrics_table_drop_gauges(t);
        rv_buf_clear(&out);
        print_all(&one, 1, 1 << 16, &out);
        CU_ASSERT_EQUAL(out.n, 0);
    }
    for (int i = 0; i < 1200; i++) set(t, a, rv_arena_fmt(a, "n%d", i).p, COUNTER, 1, "{}");
    print_all(&one, 1, 1 << 16, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&out), "n999{"));
    CU_ASSERT_PTR_NULL(strstr(rv_buf_cstr(&out), "n1000{"));
    metrics_table_free(t);
}

/* A page that is taken slowly: parts are small whatever the table holds, series and whole plugins may go in between,
 * and what stays is on it once. */
static void in_parts(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct metrics_table *t = metrics_table_new(), *u = metrics_table_new();
    const struct metrics_source both[] = {{.plugin = "toy", .table = t}, {.plugin = "other", .table = u}};
    rv_autobuf struct rv_buf page = {0}, part = {0};
    for (int i = 0; i < 4000; i++) {
        set(t, a, "m", GAUGE, 1, rv_arena_fmt(a, "{\"i\":\"%d.\"}", i).p);
        set(u, a, i % 2 == 0 ? "m" : "z", GAUGE, 1, rv_arena_fmt(a, "{\"i\":\"%d.\"}", i).p);
    }
    struct metrics_walk *w = metrics_walk_new(both, 2);
    bool more = true;
    for (int turn = 0; more; turn++) {
        rv_buf_clear(&part);
        more = metrics_walk_more(w, both, turn < 80 ? 2 : 1, 4096, &part);
        CU_ASSERT_TRUE(part.n < 4096 + 256);
        rv_buf_add(&page, part.p, part.n);
        for (int i = 0; turn == 1 && i < 3000; i++) /* those that were printed, and others */
            set(t, a, "m", REMOVED, 0, rv_arena_fmt(a, "{\"i\":\"%d.\"}", i).p);
        if (turn == 1) set(t, a, "m", GAUGE, 1, "{\"i\":\"new\"}");
        if (turn == 80) u = metrics_table_free(u);
    }
    metrics_walk_free(w);
    const char *text = rv_buf_cstr(&page);
    CU_ASSERT_EQUAL(count(text, "# TYPE rayvisor_plugin_m gauge"), 1);
    CU_ASSERT_EQUAL(count(text, "{plugin=\"toy\",i=\"new\"}"), 1);
    CU_ASSERT_EQUAL(count(text, "{plugin=\"toy\",i=\"2999.\"}"), 0);
    for (int i = 3000; i < 4000; i += 97)
        CU_ASSERT_EQUAL(count(text, rv_arena_fmt(a, "{plugin=\"toy\",i=\"%d.\"}", i).p), 1);
    metrics_table_free(t);
    metrics_table_free(u);
}

static void add_line(void *arg, const char *name, struct rv_str labels, double value) {
    rv_autobuf struct rv_buf mp = {0};
    CU_ASSERT_EQUAL(rv_json_to_mp(labels, NULL, &mp, NULL), 0);
    rv_buf_addf(arg, "%s " RV_STR_FMT " %g\n", name, RV_STR_ARG(labels), value);
}

/* Gauges by the beginning of their name; labels as JSON, whatever is in them. */
static void by_prefix(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf out = {0};
    struct metrics_table *t = metrics_table_new();
    metrics_table_each(t, "leaked_", add_line, &out);
    set(t, a, "leaked_gpus", GAUGE, 4, "{\"a\":\"x\\\"y\\\\,b=\",\"b\":\"two\\nlines\"}");
    set(t, a, "leaked_gpus", GAUGE, 1, "{}");
    set(t, a, "leaked_gpus", GAUGE, 9, "{\"a\":\"gone\"}");
    set(t, a, "leaked_gpus", REMOVED, 0, "{\"a\":\"gone\"}");
    set(t, a, "leaked_total", COUNTER, 1, "{}");
    set(t, a, "leak", GAUGE, 1, "{}");
    metrics_table_each(t, "leaked_", add_line, &out);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&out), "leaked_gpus {\"a\":\"x\\\"y\\\\,b=\",\"b\":\"two\\nlines\"} 4\n"
                                              "leaked_gpus {} 1\n");
    metrics_table_free(t);
}

static const struct suite_test tests[] = {{"by prefix", by_prefix},
                                          {"in parts", in_parts},
                                          {"large", large},
                                          {"names", names},
                                          {"kinds", kinds},
                                          {"histograms", histograms},
                                          {"another host", another_host},
                                          {"refused", refused},
                                          {"many", many}};
SUITE_MAIN("metrics", tests)
