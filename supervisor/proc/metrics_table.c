/* metrics_table.c - see metrics_table.h. A hash table by name and labels: a plugin may have three series for each of
 * thousands of objects. */
#include "metrics_table.h"

#include <math.h>
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

enum { SERIES_MAX = 100000, LABEL_MAX = 256, LABELS_MAX = 4096 };
/* Names that users' dashboards know are exported as they are. */
static const char contract[] = "kuberay_";

struct series {
    struct rv_table_link link; /* by name and labels */
    char *name, *labels;       /* labels as they are printed */
    double value;
    bool counter, stale; /* stale: not yet reported by the present host */
};

struct metrics_table {
    struct rv_table table;
    bool marked; /* some may be stale */
};

struct metrics_table *metrics_table_new(void) {
    return rv_alloc(sizeof(struct metrics_table));
}

static struct series *series_at(struct rv_table_link *l) { return RV_CONTAINER(l, struct series, link); }

static void series_free(struct series *s) {
    free(s->name);
    free(s->labels);
    free(s);
}

struct metrics_table *metrics_table_free(struct metrics_table *t) {
    if (t == NULL) return NULL;
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);) series_free(series_at(w.link));
    rv_table_free(&t->table);
    free(t);
    return NULL;
}

static bool name_ok(struct rv_str s) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return s.n > 0 && s.n < 128;
}

void metrics_quote(struct rv_str value, struct rv_buf *out) {
    rv_buf_addc(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '"' || c == '\\')
            rv_buf_addf(out, "\\%c", c);
        else if (c == '\n')
            rv_buf_adds(out, "\\n");
        else
            rv_buf_addc(out, (unsigned char)c < ' ' ? ' ' : (uint8_t)c); /* there is no escape for these */
    }
    rv_buf_addc(out, '"');
}

/* False: a scraper would stumble over them, or they are too many. The label "plugin" is ours. */
static bool print_labels(struct rv_val labels, struct rv_buf *out) {
    for (struct rv_iter it = rv_iter(labels); rv_iter_next(&it);) {
        struct rv_str v = rv_val_str(it.val);
        if (!name_ok(it.key) || v.n > LABEL_MAX || out->n > LABELS_MAX || rv_str_is(it.key, "plugin")) return false;
        rv_buf_addf(out, "," RV_STR_FMT "=", RV_STR_ARG(it.key));
        metrics_quote(v, out);
    }
    return true;
}

static struct series *find_series(const struct metrics_table *t, uint32_t hash, struct rv_str name,
                                  struct rv_str labels) {
    for (struct rv_table_link *l = rv_table_find(&t->table, hash); l != NULL; l = rv_table_find_next(l)) {
        struct series *s = series_at(l);
        if (rv_str_is(name, s->name) && rv_str_is(labels, s->labels)) return s;
    }
    return NULL;
}

static void drop_series(struct metrics_table *t, struct series *s) {
    rv_table_remove(&t->table, &s->link);
    series_free(s);
}

void metrics_table_set(struct metrics_table *t, const struct msg_metric *m) {
    rv_autobuf struct rv_buf labels = {0};
    if (!name_ok(m->name) || !print_labels(m->labels, &labels)) return;
    if (m->type == 0 && !(isfinite(m->value) && m->value >= 0)) return; /* a counter only grows */
    uint32_t hash = rv_hash_key(m->name, rv_buf_str(&labels));
    struct series *s = find_series(t, hash, m->name, rv_buf_str(&labels));
    if (m->type == 2) {
        if (s != NULL) drop_series(t, s);
        return;
    }
    if (s == NULL) {
        if (t->table.n >= SERIES_MAX) return;
        s = rv_alloc(sizeof *s);
        s->name = rv_strdup(m->name);
        s->labels = rv_strdup(rv_buf_str(&labels));
        s->counter = m->type == 0;
        rv_table_add(&t->table, &s->link, hash);
    }
    s->value = m->type == 0 ? s->value + m->value : m->value;
    s->stale = false;
}

void metrics_table_mark(struct metrics_table *t) {
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);)
        series_at(w.link)->stale = !series_at(w.link)->counter;
    t->marked = t->table.n > 0;
}

void metrics_table_sweep(struct metrics_table *t) {
    if (!t->marked) return;
    t->marked = false;
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);)
        if (series_at(w.link)->stale) drop_series(t, series_at(w.link));
}

struct sample {
    const struct series *s;
    const char *plugin;
};

static int by_name(const void *a, const void *b) {
    const struct sample *x = a, *y = b;
    int c = strcmp(x->s->name, y->s->name);
    if (c == 0) c = strcmp(x->plugin, y->plugin);
    return c != 0 ? c : strcmp(x->s->labels, y->s->labels);
}

static void print_sample(const struct sample *x, bool first, struct rv_buf *out) {
    const struct series *s = x->s;
    bool as_is = rv_str_starts(rv_str(s->name), contract);
    const char *prefix = as_is ? "" : "rayvisor_plugin_";
    if (first) rv_buf_addf(out, "# TYPE %s%s %s\n", prefix, s->name, s->counter ? "counter" : "gauge");
    if (!as_is)
        rv_buf_addf(out, "%s%s{plugin=\"%s\"%s} %.17g\n", prefix, s->name, x->plugin, s->labels, s->value);
    else /* labels begin with a comma */
        rv_buf_addf(out, "%s{%s} %.17g\n", s->name, s->labels[0] != 0 ? s->labels + 1 : "", s->value);
}

void metrics_tables_print(const struct metrics_source *list, size_t n, struct rv_buf *out) {
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++) total += list[i].table->table.n;
    if (total == 0) return;
    struct sample *all = rv_alloc_array(total, sizeof *all);
    for (size_t i = 0; i < n; i++)
        for (struct rv_table_walk w = rv_table_walk(&list[i].table->table); rv_table_walk_next(&w);)
            all[at++] = (struct sample){series_at(w.link), list[i].plugin};
    qsort(all, total, sizeof *all, by_name);
    for (size_t i = 0; i < total; i++)
        print_sample(&all[i], i == 0 || strcmp(all[i - 1].s->name, all[i].s->name) != 0, out);
    free(all);
}
