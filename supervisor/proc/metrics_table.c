/* metrics_table.c - see metrics_table.h. A hash table by name and labels: a plugin may have three series for each of
 * thousands of objects. */
#include "metrics_table.h"

#include <stdlib.h>

#include "rayvisor/json.h"

enum { SERIES_MAX = 100000, LABEL_MAX = 256, FIRST_SIZE = 64 };
/* Names that users' dashboards know are exported as they are. */
static const char contract[] = "kuberay_";

struct series {
    struct series *next;
    uint32_t hash;
    char *name, *labels; /* labels as they are printed */
    double value;
    bool counter;
};

struct metrics_table {
    struct series **buckets;
    size_t size, n;
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

static bool print_labels(struct rv_val labels, struct rv_buf *out) {
    for (struct rv_iter it = rv_iter(labels); rv_iter_next(&it);) {
        struct rv_str v = rv_val_str(it.val);
        if (!name_ok(it.key) || v.n > LABEL_MAX) return false;
        rv_buf_addf(out, "," RV_STR_FMT "=", RV_STR_ARG(it.key));
        rv_json_quote(v, out); /* the same escapes as Prometheus wants */
    }
    return true;
}

static uint32_t hash_of(struct rv_str name, struct rv_str labels) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.n; i++) h = (h ^ (uint8_t)name.p[i]) * 16777619u;
    for (size_t i = 0; i < labels.n; i++) h = (h ^ (uint8_t)labels.p[i]) * 16777619u;
    return h ^ h >> 15;
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
    uint32_t hash = hash_of(m->name, rv_buf_str(&labels));
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
        *s = (struct series){NULL, hash, rv_strdup(m->name), rv_strdup(rv_buf_str(&labels)), 0, m->type == 0};
        *p = s;
        if (++t->n > t->size) grow(t);
    }
    s->value = m->type == 0 ? s->value + m->value : m->value;
}

static void print_contract(const struct series *s, struct rv_buf *out) {
    struct rv_str labels = rv_str(s->labels); /* each begins with a comma */
    if (labels.n > 0) labels = (struct rv_str){labels.p + 1, labels.n - 1};
    rv_buf_addf(out, "%s{" RV_STR_FMT "} %.17g\n", s->name, RV_STR_ARG(labels), s->value);
}

void metrics_table_print(const struct metrics_table *t, const char *plugin, struct rv_buf *out) {
    for (size_t b = 0; b < t->size; b++)
        for (const struct series *s = t->buckets[b]; s != NULL; s = s->next) {
            if (rv_str_starts(rv_str(s->name), contract))
                print_contract(s, out);
            else
                rv_buf_addf(out, "rayvisor_plugin_%s{plugin=\"%s\"%s} %.17g\n", s->name, plugin, s->labels, s->value);
        }
}
