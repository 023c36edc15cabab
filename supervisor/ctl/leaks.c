/* leaks.c - rayvisorctl leaks: clusters that hold GPUs and CPUs and do nothing with them, as plugins report them
 * (rayvisor_leaked_*). */
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/loop.h"
#include "rayvisor/k8s.h"
#include "say.h"

struct leak {
    struct rv_str ns, cluster, reason;
    double gpus, cpus, since; /* since: seconds since 1970 */
};

struct leaks {
    struct leak *list;
    size_t n;
};

/* The three series of one leak have the same labels. */
static struct leak *leak_of(struct leaks *l, struct rv_val labels) {
    struct leak x = {.ns = rv_path_str(labels, "namespace"),
                     .cluster = rv_path_str(labels, "cluster"),
                     .reason = rv_path_str(labels, "reason")};
    for (size_t i = 0; i < l->n; i++)
        if (rv_str_eq(l->list[i].ns, x.ns) && rv_str_eq(l->list[i].cluster, x.cluster) &&
            rv_str_eq(l->list[i].reason, x.reason))
            return &l->list[i];
    l->list = rv_realloc_array(l->list, l->n + 1, sizeof *l->list);
    l->list[l->n] = x;
    return &l->list[l->n++];
}

static void collect(struct leaks *l, struct rv_val series, const char *ns) {
    for (struct rv_iter it = rv_iter(series); rv_iter_next(&it);) {
        struct rv_val labels = rv_val_get(it.val, "labels");
        if (ns != NULL && !rv_str_is(rv_path_str(labels, "namespace"), ns)) continue;
        struct leak *x = leak_of(l, labels);
        struct rv_str name = rv_path_str(it.val, "name");
        double value = rv_val_float(rv_val_get(it.val, "value"), 0);
        if (rv_str_is(name, "rayvisor_leaked_gpus")) x->gpus = value;
        if (rv_str_is(name, "rayvisor_leaked_cpus")) x->cpus = value;
        if (rv_str_is(name, "rayvisor_leaked_since_timestamp_seconds")) x->since = value;
    }
}

static double minutes(const struct leak *x, int64_t now) {
    double m = ((double)now / 1e9 - x->since) / 60;
    return m > 0 ? m : 0;
}

/* What costs most comes first. */
static int by_cost(const void *a, const void *b) {
    const struct leak *x = a, *y = b;
    double now = (double)clock_wall() / 1e9;
    double gx = x->gpus * (now - x->since), gy = y->gpus * (now - y->since), cx = x->cpus * (now - x->since),
           cy = y->cpus * (now - y->since);
    if (gx < gy || gx > gy) return gx < gy ? 1 : -1;
    return (cx < cy) - (cx > cy);
}

static void write_json(struct ctl_context *c, const struct leaks *l, int64_t now) {
    rv_autobuf struct rv_buf b = {0}, mp = {0};
    struct jsonw w = {.out = &b};
    char at[32];
    jsonw_begin_array(&w, NULL);
    for (const struct leak *x = l->list; x < l->list + l->n; x++) {
        rv_time_format((int64_t)x->since * INT64_C(1000000000), at);
        jsonw_begin_object(&w, NULL);
        jsonw_str(&w, "namespace", x->ns);
        jsonw_str(&w, "cluster", x->cluster);
        jsonw_str(&w, "reason", x->reason);
        jsonw_text(&w, "since", at);
        rv_buf_addf(jsonw_value(&w, "gpus"), "%g", x->gpus);
        rv_buf_addf(jsonw_value(&w, "cpus"), "%g", x->cpus);
        rv_buf_addf(jsonw_value(&w, "gpuMinutes"), "%.1f", x->gpus * minutes(x, now));
        rv_buf_addf(jsonw_value(&w, "cpuMinutes"), "%.1f", x->cpus * minutes(x, now));
        jsonw_end_object(&w);
    }
    jsonw_end_array(&w);
    if (rv_json_to_mp(rv_buf_str(&b), NULL, &mp, NULL) == 0) (void)print_json(c, (struct rv_val){mp.p, mp.n});
}

static void print_table(struct ctl_context *c, const struct leaks *l, int64_t now) {
    double gpu = 0, cpu = 0;
    if (l->n == 0) {
        puts("no cluster is known to hold anything for nothing");
        return;
    }
    printf("%-16s %-32s %-10s %-10s %6s %6s %12s %12s\n", "NAMESPACE", "CLUSTER", "WHY", "SINCE", "GPUS", "CPUS",
           "GPU-MINUTES", "CPU-MINUTES");
    for (const struct leak *x = l->list; x < l->list + l->n; x++) {
        double m = minutes(x, now);
        struct rv_str age = say_duration(c->arena, (int64_t)(m * 60e9));
        printf("%-16.*s %-32.*s %-10.*s %-10.*s %6g %6g %12.1f %12.1f\n", (int)x->ns.n, x->ns.p, (int)x->cluster.n,
               x->cluster.p, (int)x->reason.n, x->reason.p, (int)age.n, age.p, x->gpus, x->cpus, x->gpus * m,
               x->cpus * m);
        gpu += x->gpus * m;
        cpu += x->cpus * m;
    }
    printf("%-84s %12.1f %12.1f\n", "all", gpu, cpu);
}

int ctl_leaks(struct ctl_context *c) {
    struct rv_val v;
    struct leaks l = {0};
    int r = ask_supervisor(c, "{\"cmd\":\"leaks\"}", &v);
    if (r == 0 && rv_path_bool(v, "standsBy", false))
        r = rv_error_set(&c->err, RV_E_UNAVAILABLE,
                         "this instance stands by, and knows of no leaks: ask the one that leads");
    if (r != 0) return r;
    collect(&l, rv_val_get(v, "series"), c->ns);
    if (l.n > 1) qsort(l.list, l.n, sizeof *l.list, by_cost);
    if (ctl_is_json(c))
        write_json(c, &l, clock_wall());
    else
        print_table(c, &l, clock_wall());
    free(l.list);
    return 0;
}
