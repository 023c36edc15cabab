/* metrics_table.c - see metrics_table.h. It is a hash table by name and labels, because a plugin may have three series
 * for each of thousands of objects. */
#include "metrics_table.h"

#include <math.h>
#include <stdlib.h>

#include "ipc/base/table.h"
#include "keyed_hash.h"

enum { SERIES_MAX = 100000, NAMES_MAX = 1000, BYTES_MAX = 16 << 20, LABEL_MAX = 256, LABELS_MAX = 4096 };

struct metric_name;

struct series {
    struct hash_table_link link; /* by name and labels */
    struct metric_name *of;
    size_t at;    /* in its name's list */
    char *labels; /* as they are printed */
    double value;
    /* `stale`: the present host has not reported it yet. */
    bool counter, stale;
};

/* The data that all series of a name share. Prometheus refuses a page on which a name has two types. */
struct metric_name {
    struct hash_table_link link;
    bool counter;
    size_t series;         /* that it has */
    struct numbered *list; /* in the order in which they came */
    size_t n, cap;
    char text[];
};
/* A place in a page that is printed in parts is a number: what it belonged to may be gone when the page goes on. */
struct numbered {
    uint64_t number;
    struct series *s; /* NULL: it is gone */
};

struct metrics_table {
    struct hash_table table, names;
    struct keyed_hash hash; /* plugins choose names and labels, so they could make them collide */
    size_t bytes;           /* of series and names */
    uint64_t number;        /* of the next series */
    bool marked;            /* some series may be stale */
};

struct metrics_table *metrics_table_new(void) {
    struct metrics_table *t = rv_alloc(sizeof *t);
    t->hash = keyed_hash_new();
    return t;
}

static struct series *series_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct series, link); }

static struct metric_name *name_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct metric_name, link); }

static uint32_t name_hash(const struct metrics_table *t, struct rv_str name) {
    return (uint32_t)keyed_hash(&t->hash, name);
}

static struct metric_name *find_name(const struct metrics_table *t, struct rv_str name) {
    for (struct hash_table_link *l = hash_table_find(&t->names, name_hash(t, name)); l != NULL;
         l = hash_table_find_next(l))
        if (rv_str_is(name, name_at(l)->text)) return name_at(l);
    return NULL;
}

static size_t series_bytes(struct rv_str labels) { return sizeof(struct series) + sizeof(struct numbered) + labels.n; }

static void name_free(struct metric_name *n) {
    free(n->list);
    free(n);
}

/* What is gone leaves a gap, and gaps are closed when they are the greater part. */
static void name_remove(struct metric_name *n, const struct series *s) {
    size_t live = 0;
    n->list[s->at].s = NULL;
    if (--n->series * 2 > n->n || n->n < 64) return;
    for (size_t i = 0; i < n->n; i++) {
        if (n->list[i].s == NULL) continue;
        n->list[i].s->at = live;
        n->list[live++] = n->list[i];
    }
    n->n = live;
}

static void name_add(struct metric_name *n, struct series *s, uint64_t number) {
    if (n->n == n->cap) {
        n->cap = n->cap != 0 ? n->cap * 2 : 4;
        n->list = rv_realloc_array(n->list, n->cap, sizeof *n->list);
    }
    s->of = n;
    s->at = n->n;
    n->list[n->n++] = (struct numbered){number, s};
    n->series++;
}

static void series_free(struct series *s) {
    free(s->labels);
    free(s);
}

struct metrics_table *metrics_table_free(struct metrics_table *t) {
    if (t == NULL) return NULL;
    for (struct hash_table_walk w = hash_table_walk(&t->table); hash_table_walk_next(&w);)
        series_free(series_at(w.link));
    for (struct hash_table_walk w = hash_table_walk(&t->names); hash_table_walk_next(&w);) name_free(name_at(w.link));
    hash_table_free(&t->table);
    hash_table_free(&t->names);
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
        /* There is no escape for these characters. */
        else
            rv_buf_addc(out, (unsigned char)c < ' ' ? ' ' : (uint8_t)c);
    }
    rv_buf_addc(out, '"');
}

/* Prometheus reserves label names that begin with two underscores: "__name__" is the name of the metric. */
static bool label_ok(struct rv_str key) {
    return name_ok(key) && !rv_str_starts(key, "__") && !rv_str_is(key, "plugin");
}

/* Prints the labels. Returns false if Prometheus would refuse them or if they are too many. The label "plugin" is added
 * by the supervisor, so a plugin may not use it. */
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
    for (struct hash_table_link *l = hash_table_find(&t->table, hash); l != NULL; l = hash_table_find_next(l)) {
        struct series *s = series_at(l);
        if (rv_str_is(name, s->of->text) && rv_str_is(labels, s->labels)) return s;
    }
    return NULL;
}

static void drop_series(struct metrics_table *t, struct series *s) {
    struct metric_name *n = s->of;
    hash_table_remove(&t->table, &s->link);
    t->bytes -= series_bytes(rv_str(s->labels));
    name_remove(n, s);
    if (n->series == 0) {
        t->bytes -= sizeof *n + strlen(n->text);
        hash_table_remove(&t->names, &n->link);
        name_free(n);
    }
    series_free(s);
}

/* The entry of the name, which is made if there is none. NULL if the name has another type or if there are too many
 * names. */
static struct metric_name *ensure_name(struct metrics_table *t, struct rv_str name, bool counter) {
    struct metric_name *n = find_name(t, name);
    if (n != NULL) return n->counter == counter ? n : NULL;
    if (t->names.n >= NAMES_MAX) return NULL;
    n = rv_alloc(sizeof *n + name.n + 1);
    memcpy(n->text, name.p, name.n);
    n->counter = counter;
    t->bytes += sizeof *n + name.n;
    hash_table_add(&t->names, &n->link, name_hash(t, name));
    return n;
}

/* NULL if there are too many series, or if the name has another type. */
static struct series *add_series(struct metrics_table *t, uint32_t hash, struct rv_str name, struct rv_str labels,
                                 bool counter) {
    if (t->table.n >= SERIES_MAX || t->bytes + series_bytes(labels) + name.n > BYTES_MAX) return NULL;
    struct metric_name *n = ensure_name(t, name, counter);
    if (n == NULL) return NULL;
    struct series *s = rv_alloc(sizeof *s);
    s->labels = rv_strdup(labels);
    s->counter = counter;
    name_add(n, s, t->number++);
    t->bytes += series_bytes(labels);
    hash_table_add(&t->table, &s->link, hash);
    return s;
}

void metrics_table_set(struct metrics_table *t, const struct msg_metric *m) {
    rv_autobuf struct rv_buf labels = {0};
    if (!name_ok(m->name) || !print_labels(m->labels, &labels)) return;
    if (m->type == 0 && !(isfinite(m->value) && m->value >= 0)) return; /* a counter can only grow */
    uint32_t hash = (uint32_t)keyed_hash_pair(&t->hash, m->name, rv_buf_str(&labels));
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
    for (struct hash_table_walk w = hash_table_walk(&t->table); hash_table_walk_next(&w);)
        series_at(w.link)->stale = !series_at(w.link)->counter;
    t->marked = t->table.n > 0;
}

void metrics_table_sweep(struct metrics_table *t) {
    if (!t->marked) return;
    t->marked = false;
    for (struct hash_table_walk w = hash_table_walk(&t->table); hash_table_walk_next(&w);)
        if (series_at(w.link)->stale) drop_series(t, series_at(w.link));
}

void metrics_table_drop_gauges(struct metrics_table *t) {
    metrics_table_mark(t);
    metrics_table_sweep(t);
}

/* ---- a page --------------------------------------------------------------------------------------------- */

/* Returns true if the name is exported without a prefix. These are names that users' dashboards know, from plugins
 * whose manifests list them. */
static bool may_name(const struct metrics_source *m, const char *name) {
    for (size_t i = 0; m->prefixes != NULL && i < m->prefixes->n; i++)
        if (strncmp(name, m->prefixes->list[i].p, m->prefixes->list[i].n) == 0) return true;
    return false;
}

/* ,a="b",c="d" as {"a":"b","c":"d"}. What is escaped in Prometheus' texts is escaped in the same way in JSON. */
static void labels_as_json(const char *labels, struct rv_buf *out) {
    rv_buf_addc(out, '{');
    for (const char *p = labels; *p == ',';) {
        const char *equals = strchr(p, '='), *end = equals != NULL ? equals + 2 : NULL;
        if (end == NULL) break;
        while (*end != '"' && *end != 0) end += *end == '\\' && end[1] != 0 ? 2 : 1;
        rv_buf_addf(out, "%s\"%.*s\":%.*s\"", p != labels ? "," : "", (int)(equals - p - 1), p + 1,
                    (int)(end - equals - 1), equals + 1);
        p = *end != 0 ? end + 1 : end;
    }
    rv_buf_addc(out, '}');
}

void metrics_table_each(const struct metrics_table *t, const char *prefix,
                        void (*fn)(void *arg, const char *name, struct rv_str labels, double value), void *arg) {
    rv_autobuf struct rv_buf labels = {0};
    for (struct hash_table_walk w = hash_table_walk(&t->names); hash_table_walk_next(&w);) {
        const struct metric_name *n = name_at(w.link);
        if (n->counter || strncmp(n->text, prefix, strlen(prefix)) != 0) continue;
        for (size_t i = 0; i < n->n; i++) {
            if (n->list[i].s == NULL) continue;
            rv_buf_clear(&labels);
            labels_as_json(n->list[i].s->labels, &labels);
            fn(arg, n->text, rv_buf_str(&labels), n->list[i].s->value);
        }
    }
}

struct page_name {
    char *text;
    char *help;          /* NULL: its plugin's manifest does not say */
    bool as_is, counter; /* counter: the type that the first of the list gives it */
    size_t base;         /* of a part of a histogram: so much of the text names the whole; 0: it is no part */
    size_t source;
};

struct metrics_walk {
    struct page_name *names;
    char **plugins; /* in their order at the beginning */
    size_t n, plugin_n;
    size_t at, plugin_at; /* the place: this name, of this plugin, from this number on */
    uint64_t number;
    bool typed; /* its TYPE is printed */
};

/* Of the three counters NAME_bucket, NAME_sum and NAME_count: the length of NAME. 0 for all others. */
static size_t histogram_base(const struct metrics_table *t, const struct metric_name *m) {
    static const char *const parts[] = {"_bucket", "_count", "_sum"};
    struct rv_str name = rv_str(m->text);
    size_t base = 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++)
        if (rv_str_ends(name, parts[i])) base = name.n - strlen(parts[i]);
    if (base == 0 || !m->counter || find_name(t, (struct rv_str){name.p, base}) != NULL) return 0;
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) {
        rv_autobuf struct rv_buf part = {0};
        rv_buf_addf(&part, "%.*s%s", (int)base, m->text, parts[i]);
        const struct metric_name *other = find_name(t, rv_buf_str(&part));
        if (other == NULL || !other->counter) return 0;
    }
    return base;
}

static char *help_of(const struct metrics_source *m, struct rv_str name) {
    for (size_t i = 0; i < m->help_n; i++)
        if (rv_str_eq(m->help[i].name, name)) return rv_strdup(m->help[i].text);
    return NULL;
}

/* The name whose type and meaning are printed. */
static struct rv_str family(const struct page_name *m) {
    struct rv_str text = rv_str(m->text);
    if (m->base != 0 && m->base < text.n) text.n = m->base;
    return text;
}

static bool same_family(const struct page_name *a, const struct page_name *b) {
    return a->as_is == b->as_is && rv_str_eq(family(a), family(b));
}

static void page_name_clear(struct page_name *m) {
    free(m->text);
    free(m->help);
}

static int by_name(const void *a, const void *b) {
    const struct page_name *x = a, *y = b;
    int c = rv_str_cmp(family(x), family(y));
    if (c == 0) c = x->as_is - y->as_is;
    if (c == 0) c = strcmp(x->text, y->text);
    return c != 0 ? c : (x->source > y->source) - (x->source < y->source);
}

/* Each name once, with the type of the first source that has it. */
static void sort_names(struct metrics_walk *w) {
    size_t kept = 0;
    qsort(w->names, w->n, sizeof *w->names, by_name);
    for (size_t i = 0; i < w->n; i++) {
        struct page_name *last = kept != 0 ? &w->names[kept - 1] : NULL;
        bool same = last != NULL && same_family(last, &w->names[i]);
        /* Another plugin's metric has the histogram's name: no two types. */
        bool clash = same && (last->base == 0) != (w->names[i].base == 0);
        if (clash || (same && strcmp(last->text, w->names[i].text) == 0))
            page_name_clear(&w->names[i]);
        else
            w->names[kept++] = w->names[i];
    }
    w->n = kept;
}

struct metrics_walk *metrics_walk_new(const struct metrics_source *list, size_t n) {
    struct metrics_walk *w = rv_alloc(sizeof *w);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) total += list[i].table->names.n;
    w->names = rv_alloc_array(total, sizeof *w->names);
    w->plugins = rv_alloc_array(n, sizeof *w->plugins);
    w->plugin_n = n;
    for (size_t i = 0; i < n; i++) {
        w->plugins[i] = rv_strdup(rv_str(list[i].plugin));
        for (struct hash_table_walk t = hash_table_walk(&list[i].table->names); hash_table_walk_next(&t);) {
            const struct metric_name *m = name_at(t.link);
            struct page_name *p = &w->names[w->n++];
            *p = (struct page_name){.text = rv_strdup(rv_str(m->text)),
                                    .as_is = may_name(&list[i], m->text),
                                    .counter = m->counter,
                                    .base = histogram_base(list[i].table, m),
                                    .source = i};
            p->help = help_of(&list[i], family(p));
        }
    }
    sort_names(w);
    return w;
}

struct metrics_walk *metrics_walk_free(struct metrics_walk *w) {
    if (w == NULL) return NULL;
    for (size_t i = 0; i < w->n; i++) page_name_clear(&w->names[i]);
    for (size_t i = 0; i < w->plugin_n; i++) free(w->plugins[i]);
    free(w->names);
    free(w->plugins);
    free(w);
    return NULL;
}

static void print_sample(struct metrics_walk *w, const struct series *s, struct rv_buf *out) {
    const struct page_name *m = &w->names[w->at];
    const char *prefix = m->as_is ? "" : "rayvisor_plugin_";
    struct rv_str name = family(m);
    if (!w->typed && m->help != NULL)
        rv_buf_addf(out, "# HELP %s" RV_STR_FMT " %s\n", prefix, RV_STR_ARG(name), m->help);
    if (!w->typed)
        rv_buf_addf(out, "# TYPE %s" RV_STR_FMT " %s\n", prefix, RV_STR_ARG(name),
                    m->base != 0 ? "histogram"
                    : m->counter ? "counter"
                                 : "gauge");
    w->typed = true;
    if (!m->as_is)
        rv_buf_addf(out, "%s%s{plugin=\"%s\"%s} %.17g\n", prefix, m->text, w->plugins[w->plugin_at], s->labels,
                    s->value);
    else /* the labels begin with a comma */
        rv_buf_addf(out, "%s{%s} %.17g\n", m->text, s->labels[0] != 0 ? s->labels + 1 : "", s->value);
}

/* What the present table of this plugin has of this name; NULL: nothing that belongs here. */
static const struct metric_name *find_here(const struct metrics_walk *w, const struct metrics_source *list, size_t n) {
    const struct page_name *m = &w->names[w->at];
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].plugin, w->plugins[w->plugin_at]) != 0) continue;
        const struct metric_name *found = find_name(list[i].table, rv_str(m->text));
        bool same = found != NULL && found->counter == m->counter && may_name(&list[i], m->text) == m->as_is;
        return same && histogram_base(list[i].table, found) == m->base ? found : NULL;
    }
    return NULL;
}

/* The first series with that number or a greater one. */
static size_t place_of(const struct metric_name *m, uint64_t number) {
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->list[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void next_name(struct metrics_walk *w) {
    w->at++;
    w->plugin_at = 0;
    w->typed &= w->at < w->n && same_family(&w->names[w->at - 1], &w->names[w->at]);
}

bool metrics_walk_more(struct metrics_walk *w, const struct metrics_source *list, size_t n, size_t bytes,
                       struct rv_buf *out) {
    for (; w->at < w->n; next_name(w))
        for (; w->plugin_at < w->plugin_n; w->plugin_at++, w->number = 0) {
            const struct metric_name *m = find_here(w, list, n);
            for (size_t i = m != NULL ? place_of(m, w->number) : 0; m != NULL && i < m->n; i++) {
                if (out->n >= bytes) return true;
                if (m->list[i].s != NULL) print_sample(w, m->list[i].s, out);
                w->number = m->list[i].number + 1;
            }
        }
    return false;
}
