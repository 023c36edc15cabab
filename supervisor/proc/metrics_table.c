/* metrics_table.c - see metrics_table.h. A hash table by name and labels: a plugin may have three series for each of
 * thousands of objects. */
#include "metrics_table.h"

#include <math.h>
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

enum { SERIES_MAX = 100000, NAMES_MAX = 1000, BYTES_MAX = 16 << 20, LABEL_MAX = 256, LABELS_MAX = 4096 };

struct series {
    struct rv_table_link link; /* by name and labels */
    char *name, *labels;       /* labels as they are printed */
    double value;
    bool counter, stale; /* stale: not yet reported by the present host */
};

/* What all series of a name have in common: a scraper takes no page on which a name has two types. */
struct metric_name {
    struct rv_table_link link;
    bool counter;
    size_t series;
    char text[];
};

struct metrics_table {
    struct rv_table table, names;
    size_t bytes; /* of both */
    bool marked;  /* some may be stale */
};

struct metrics_table *metrics_table_new(void) {
    return rv_alloc(sizeof(struct metrics_table));
}

static struct series *series_at(struct rv_table_link *l) { return RV_CONTAINER(l, struct series, link); }

static struct metric_name *name_at(struct rv_table_link *l) { return RV_CONTAINER(l, struct metric_name, link); }

static struct metric_name *find_name(const struct metrics_table *t, struct rv_str name) {
    for (struct rv_table_link *l = rv_table_find(&t->names, rv_hash_key(RV_STR(""), name)); l != NULL;
         l = rv_table_find_next(l))
        if (rv_str_is(name, name_at(l)->text)) return name_at(l);
    return NULL;
}

static size_t series_bytes(const struct series *s) { return sizeof *s + strlen(s->name) + strlen(s->labels); }

static void series_free(struct series *s) {
    free(s->name);
    free(s->labels);
    free(s);
}

struct metrics_table *metrics_table_free(struct metrics_table *t) {
    if (t == NULL) return NULL;
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);) series_free(series_at(w.link));
    for (struct rv_table_walk w = rv_table_walk(&t->names); rv_table_walk_next(&w);) free(name_at(w.link));
    rv_table_free(&t->table);
    rv_table_free(&t->names);
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

/* Prometheus keeps names that begin with two underscores for itself: "__name__" is the name of the metric. */
static bool label_ok(struct rv_str key) {
    return name_ok(key) && !rv_str_starts(key, "__") && !rv_str_is(key, "plugin");
}

/* False: a scraper would stumble over them, or they are too many. The label "plugin" is ours. */
static bool print_labels(struct rv_val labels, struct rv_buf *out) {
    for (struct rv_iter it = rv_iter(labels); rv_iter_next(&it);) {
        struct rv_str v = rv_val_str(it.val);
        if (!label_ok(it.key) || v.n > LABEL_MAX || out->n > LABELS_MAX) return false;
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
    struct metric_name *n = find_name(t, rv_str(s->name));
    rv_table_remove(&t->table, &s->link);
    t->bytes -= series_bytes(s);
    if (--n->series == 0) {
        t->bytes -= sizeof *n + strlen(n->text);
        rv_table_remove(&t->names, &n->link);
        free(n);
    }
    series_free(s);
}

/* The name's entry, made where there is none. NULL: the name has another type, or there are too many. */
static struct metric_name *ensure_name(struct metrics_table *t, struct rv_str name, bool counter) {
    struct metric_name *n = find_name(t, name);
    if (n != NULL) return n->counter == counter ? n : NULL;
    if (t->names.n >= NAMES_MAX) return NULL;
    n = rv_alloc(sizeof *n + name.n + 1);
    memcpy(n->text, name.p, name.n);
    n->counter = counter;
    t->bytes += sizeof *n + name.n;
    rv_table_add(&t->names, &n->link, rv_hash_key(RV_STR(""), name));
    return n;
}

/* NULL: there is no room for another one, or its name has another type. */
static struct series *add_series(struct metrics_table *t, uint32_t hash, struct rv_str name, struct rv_str labels,
                                 bool counter) {
    if (t->table.n >= SERIES_MAX || t->bytes + sizeof(struct series) + name.n + labels.n > BYTES_MAX) return NULL;
    struct metric_name *n = ensure_name(t, name, counter);
    if (n == NULL) return NULL;
    struct series *s = rv_alloc(sizeof *s);
    s->name = rv_strdup(name);
    s->labels = rv_strdup(labels);
    s->counter = counter;
    n->series++;
    t->bytes += series_bytes(s);
    rv_table_add(&t->table, &s->link, hash);
    return s;
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
    if (s == NULL) s = add_series(t, hash, m->name, rv_buf_str(&labels), m->type == 0);
    if (s == NULL || s->counter != (m->type == 0)) return;
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

void metrics_table_drop_gauges(struct metrics_table *t) {
    metrics_table_mark(t);
    metrics_table_sweep(t);
}

struct sample {
    const struct series *s;
    const struct metrics_source *source;
    bool as_is;
};

static int by_name(const void *a, const void *b) {
    const struct sample *x = a, *y = b;
    int c = strcmp(x->s->name, y->s->name);
    if (c == 0) c = x->as_is - y->as_is;
    if (c == 0) c = (x->source > y->source) - (x->source < y->source);
    return c != 0 ? c : strcmp(x->s->labels, y->s->labels);
}

static void print_sample(const struct sample *x, bool first, struct rv_buf *out) {
    const struct series *s = x->s;
    bool as_is = x->as_is;
    const char *prefix = as_is ? "" : "rayvisor_plugin_";
    if (first) rv_buf_addf(out, "# TYPE %s%s %s\n", prefix, s->name, s->counter ? "counter" : "gauge");
    if (!as_is)
        rv_buf_addf(out, "%s%s{plugin=\"%s\"%s} %.17g\n", prefix, s->name, x->source->plugin, s->labels, s->value);
    else /* labels begin with a comma */
        rv_buf_addf(out, "%s{%s} %.17g\n", s->name, s->labels[0] != 0 ? s->labels + 1 : "", s->value);
}

/* Names that users' dashboards know are exported as they are, from the plugins whose manifests claim them. */
static bool may_name(const struct metrics_source *m, const char *name) {
    for (size_t i = 0; m->prefixes != NULL && i < m->prefixes->n; i++)
        if (strncmp(name, m->prefixes->list[i].p, m->prefixes->list[i].n) == 0) return true;
    return false;
}

void metrics_tables_print(const struct metrics_source *list, size_t n, struct rv_buf *out) {
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++) total += list[i].table->table.n;
    if (total == 0) return;
    struct sample *all = rv_alloc_array(total, sizeof *all);
    for (size_t i = 0; i < n; i++)
        for (struct rv_table_walk w = rv_table_walk(&list[i].table->table); rv_table_walk_next(&w);)
            all[at++] = (struct sample){series_at(w.link), &list[i], may_name(&list[i], series_at(w.link)->name)};
    qsort(all, total, sizeof *all, by_name);
    const struct sample *first = NULL; /* of the name; it says the type */
    for (size_t i = 0; i < total; i++) {
        bool another = first == NULL || first->as_is != all[i].as_is || strcmp(first->s->name, all[i].s->name) != 0;
        if (another) first = &all[i];
        if (first->s->counter == all[i].s->counter) print_sample(&all[i], another, out);
    }
    free(all);
}
