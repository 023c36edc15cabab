/* metrics_table.c - see metrics_table.h. */
#include "metrics_table.h"

#include <stdlib.h>

#include "rayvisor/json.h"

enum { SERIES_MAX = 10000, LABEL_MAX = 256 };

struct series {
    struct series *next;
    char *name, *labels; /* labels as they are printed */
    double value;
    bool counter;
};

struct metrics_table {
    struct series *list;
    size_t n;
};

struct metrics_table *metrics_table_new(void) {
    return rv_alloc(sizeof(struct metrics_table));
}

static void series_free(struct series *s) {
    free(s->name);
    free(s->labels);
    free(s);
}

struct metrics_table *metrics_table_free(struct metrics_table *t) {
    if (t == NULL) return NULL;
    for (struct series *s = t->list, *next; s != NULL; s = next) {
        next = s->next;
        series_free(s);
    }
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

void metrics_table_set(struct metrics_table *t, const struct msg_metric *m) {
    rv_autobuf struct rv_buf labels = {0};
    if (!name_ok(m->name) || !print_labels(m->labels, &labels)) return;
    struct series **p = &t->list;
    while (*p != NULL && !(rv_str_is(m->name, (*p)->name) && rv_str_is(rv_buf_str(&labels), (*p)->labels)))
        p = &(*p)->next;
    struct series *s = *p;
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
        *s = (struct series){t->list, rv_strdup(m->name), rv_strdup(rv_buf_str(&labels)), 0, m->type == 0};
        t->list = s;
        t->n++;
    }
    s->value = m->type == 0 ? s->value + m->value : m->value;
}

void metrics_table_print(const struct metrics_table *t, const char *plugin, struct rv_buf *out) {
    for (const struct series *s = t->list; s != NULL; s = s->next)
        rv_buf_addf(out, "rayvisor_plugin_%s{plugin=\"%s\"%s} %.17g\n", s->name, plugin, s->labels, s->value);
}
