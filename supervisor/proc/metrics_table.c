/* metrics_table.c - see metrics_table.h. A hash table by name and labels: a plugin may have three series for each of
 * thousands of objects. */
#include "metrics_table.h"

#include <math.h>
#include <stdlib.h>

#include "ipc/base/hash.h"

enum { SERIES_MAX = 100000, LABEL_MAX = 256, LABELS_MAX = 4096, FIRST_SIZE = 64 };
/* Names that users' dashboards know are exported as they are. */
static const char contract[] = "kuberay_";

struct series {
    struct series *next;
    uint32_t hash;
    char *name, *labels; /* labels as they are printed */
    double value;
    bool counter, stale; /* stale: not yet reported by the present host */
};

struct metrics_table {
    struct series **buckets;
    size_t size, n;
    bool marked; /* some may be stale */
};

struct metrics_table *metrics_table_new(void) {
    struct metrics_table *t = rv_alloc(sizeof *t);
    t->size = FIRST_SIZE;
    t->buckets = rv_alloc_array(t->size, sizeof(struct series *));
    return t;
}

static void series_free(struct series *s) {
    free(s->name);
    free(s->labels);
    free(s);
}

struct metrics_table *metrics_table_free(struct metrics_table *t) {
    if (t == NULL) return NULL;
    for (size_t b = 0; b < t->size; b++)
        for (struct series *s = t->buckets[b], *next; s != NULL; s = next) {
            next = s->next;
            series_free(s);
        }
    free(t->buckets);
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

static struct series **find(struct metrics_table *t, uint32_t hash, struct rv_str name, struct rv_str labels) {
    struct series **p = &t->buckets[hash & (t->size - 1)];
    while (*p != NULL && !((*p)->hash == hash && rv_str_is(name, (*p)->name) && rv_str_is(labels, (*p)->labels)))
        p = &(*p)->next;
    return p;
}

static void grow(struct metrics_table *t) {
    size_t size = t->size * 2;
    struct series **buckets = rv_alloc_array(size, sizeof(struct series *));
    for (size_t b = 0; b < t->size; b++)
        for (struct series *s = t->buckets[b], *next; s != NULL; s = next) {
            next = s->next;
            s->next = buckets[s->hash & (size - 1)];
            buckets[s->hash & (size - 1)] = s;
        }
    free(t->buckets);
    t->buckets = buckets;
    t->size = size;
}

void metrics_table_set(struct metrics_table *t, const struct msg_metric *m) {
    rv_autobuf struct rv_buf labels = {0};
    if (!name_ok(m->name) || !print_labels(m->labels, &labels)) return;
    if (m->type == 0 && !(isfinite(m->value) && m->value >= 0)) return; /* a counter only grows */
    uint32_t hash = rv_hash_key(m->name, rv_buf_str(&labels));
    struct series **p = find(t, hash, m->name, rv_buf_str(&labels)), *s = *p;
    if (m->type == 2) {
        if (s == NULL) return;
        *p = s->next;
        t->n--;
        series_free(s);
        return;
    }
    if (s == NULL) {
        if (t->n >= SERIES_MAX) return;
        s = rv_alloc(sizeof *s);
        *s = (struct series){NULL, hash, rv_strdup(m->name), rv_strdup(rv_buf_str(&labels)), 0, m->type == 0, false};
        *p = s;
        if (++t->n > t->size) grow(t);
    }
    s->value = m->type == 0 ? s->value + m->value : m->value;
    s->stale = false;
}

void metrics_table_mark(struct metrics_table *t) {
    for (size_t b = 0; b < t->size; b++)
        for (struct series *s = t->buckets[b]; s != NULL; s = s->next) s->stale = !s->counter;
    t->marked = t->n > 0;
}

void metrics_table_sweep(struct metrics_table *t) {
    if (!t->marked) return;
    t->marked = false;
    for (size_t b = 0; b < t->size; b++)
        for (struct series **p = &t->buckets[b], *s = *p; s != NULL; s = *p) {
            if (!s->stale) {
                p = &s->next;
                continue;
            }
            *p = s->next;
            t->n--;
            series_free(s);
        }
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
    for (size_t i = 0; i < n; i++) total += list[i].table->n;
    if (total == 0) return;
    struct sample *all = rv_alloc_array(total, sizeof *all);
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < list[i].table->size; b++)
            for (const struct series *s = list[i].table->buckets[b]; s != NULL; s = s->next)
                all[at++] = (struct sample){s, list[i].plugin};
    qsort(all, total, sizeof *all, by_name);
    for (size_t i = 0; i < total; i++)
        print_sample(&all[i], i == 0 || strcmp(all[i - 1].s->name, all[i].s->name) != 0, out);
    free(all);
}
