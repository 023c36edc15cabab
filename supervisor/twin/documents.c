/* documents.c - the twin's documents and counts (see twin.h). */
#include <stdlib.h>

#include "rayvisor/k8s.h"
#include "twin_internal.h"

enum { WRITTEN_MAX = 1000, KINDS_MAX = 200 };

static const struct twin_key *key_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct twin_key, link); }

static bool is_counted(const struct twin *t, const struct twin_field *f, int64_t now) {
    return now - f->since >= t->o.grace_ms * INT64_C(1000000);
}

/* ---- the document ------------------------------------------------------------------------------------------ */

static void write_time(struct jsonw *w, const char *key, int64_t wall) {
    char text[32];
    rv_time_format(wall, text);
    jsonw_text(w, key, wall != 0 ? text : "");
}

static const char *what_of(const struct want *w) {
    static const char *const verbs[] = {NULL,  "create", "apply",  "patch", "patch", "delete", "delete collection",
                                        "get", "event",  "request"};
    return w->made_uid != NULL ? "made" : w->verb < RV_ARRAY_LEN(verbs) ? verbs[w->verb] : "";
}

static void write_field(const struct twin *t, const struct want *w, const struct twin_field *f, struct jsonw *out) {
    int64_t now = clock_monotonic();
    jsonw_begin_object(out, NULL);
    jsonw_text(out, "kind", w->key->kind);
    jsonw_text(out, "namespace", w->key->ns);
    jsonw_text(out, "name", w->key->name);
    jsonw_text(out, "plugin", w->key->plugin_name);
    jsonw_text(out, "verb", what_of(w));
    jsonw_text(out, "apiVersion", w->api_version);
    jsonw_text(out, "resource", w->resource);
    jsonw_text(out, "subresource", w->subresource);
    jsonw_text(out, "object", w->name);
    jsonw_text(out, "field", f->path);
    jsonw_text(out, "ours", f->ours);
    jsonw_text(out, "theirs", f->theirs);
    jsonw_text(out, "state", !is_counted(t, f, now) ? "young" : f->reason != NULL ? "explained" : "unexplained");
    jsonw_text(out, "reason", f->reason);
    jsonw_int(out, "ageSeconds", (now - f->since) / INT64_C(1000000000));
    jsonw_end_object(out);
}

static bool fits(const struct twin_key *k, const struct twin_filter *f) {
    return (f->kind.n == 0 || rv_str_is(f->kind, k->kind)) && (f->ns.n == 0 || rv_str_is(f->ns, k->ns)) &&
           (f->name.n == 0 || rv_str_is(f->name, k->name));
}

/* The unexplained ones come first, because the list is bounded. Returns how many there are. */
static size_t write_some(const struct twin *t, const struct twin_filter *f, bool unexplained, size_t room,
                         struct jsonw *out) {
    size_t n = 0;
    for (struct hash_table_walk i = hash_table_walk(&t->keys); hash_table_walk_next(&i);) {
        const struct twin_key *k = key_at(i.link);
        for (const struct want *w = fits(k, f) ? k->wants : NULL; w != NULL; w = w->next)
            for (size_t j = 0; j < w->field_n; j++)
                if ((w->fields[j].reason == NULL) == unexplained && n++ < room) write_field(t, w, &w->fields[j], out);
    }
    return n;
}

void twin_write(const struct twin *t, const struct twin_filter *f, struct jsonw *w) {
    const struct twin_stats *s = &t->stats;
    jsonw_int(w, "graceSeconds", t->o.grace_ms / 1000);
    jsonw_uint(w, "compared", s->compared);
    jsonw_uint(w, "explained", s->explained);
    jsonw_uint(w, "unexplained", s->unexplained);
    jsonw_uint(w, "young", s->young);
    jsonw_uint(w, "leftOut", s->left_out);
    write_time(w, "lastUnexplained", s->last_unexplained);
    write_time(w, "cleanSince", s->clean_since);
    jsonw_int(w, "cleanSeconds", s->clean_since != 0 ? (clock_wall() - s->clean_since) / INT64_C(1000000000) : 0);
    jsonw_begin_array(w, "differences");
    size_t n = write_some(t, f, true, WRITTEN_MAX, w);
    n += write_some(t, f, false, n < WRITTEN_MAX ? WRITTEN_MAX - n : 0, w);
    jsonw_end_array(w);
    jsonw_uint(w, "notShown", n > WRITTEN_MAX ? n - WRITTEN_MAX : 0);
}

/* ---- counts ------------------------------------------------------------------------------------------------ */

struct count {
    const char *plugin, *resource;
    struct rv_buf field;
    bool explained;
    uint64_t n;
};

/* Entries of lists have the names that users chose; those of maps such as labels do not. */
static void general(struct rv_str path, struct rv_buf *out) {
    bool map = false;
    rv_buf_clear(out);
    for (size_t i = 0; i < path.n; i++) {
        bool closes = path.p[i] == '[' && !map;
        rv_buf_addc(out, (uint8_t)path.p[i]);
        struct rv_str so_far = rv_buf_str(out);
        map = rv_str_ends(so_far, "labels") || rv_str_ends(so_far, "annotations");
        while (closes && i + 1 < path.n && path.p[i + 1] != ']') i++;
    }
}

static void add(struct count *counts, size_t *n, const struct count *like) {
    size_t i = 0;
    while (i < *n && !(counts[i].explained == like->explained && strcmp(counts[i].plugin, like->plugin) == 0 &&
                       strcmp(counts[i].resource, like->resource) == 0 &&
                       rv_str_eq(rv_buf_str(&counts[i].field), rv_buf_str(&like->field))))
        i++;
    if (i == KINDS_MAX) return;
    if (i == *n) {
        counts[(*n)++] = *like;
        counts[i].field = (struct rv_buf){0};
        rv_buf_add_str(&counts[i].field, rv_buf_str(&like->field));
    }
    counts[i].n++;
}

void twin_each_count(const struct twin *t, twin_count_fn fn, void *arg) {
    rv_autofree struct count *counts = rv_alloc_array(KINDS_MAX, sizeof *counts);
    rv_autobuf struct rv_buf field = {0};
    int64_t now = clock_monotonic();
    size_t n = 0;
    for (struct hash_table_walk i = hash_table_walk(&t->keys); hash_table_walk_next(&i);)
        for (const struct want *w = key_at(i.link)->wants; w != NULL; w = w->next)
            for (size_t j = 0; j < w->field_n; j++) {
                if (!is_counted(t, &w->fields[j], now)) continue;
                general(rv_str(w->fields[j].path), &field);
                add(counts, &n,
                    &(struct count){w->key->plugin_name, w->resource, field, w->fields[j].reason != NULL, 0});
            }
    for (size_t i = 0; i < n; i++) {
        fn(arg, rv_str(counts[i].plugin), rv_str(counts[i].resource), rv_buf_str(&counts[i].field), counts[i].explained,
           counts[i].n);
        rv_buf_free(&counts[i].field);
    }
}
