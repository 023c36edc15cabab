/* history.c - see history.h. */
#include "history.h"

#include <stdlib.h>

#include "supervisor/trail/trail.h"

/* Results come when they end, but are shown where their actions began. */
struct found {
    struct happening *list;
    size_t n;
};

static void add(void *arg, const struct happening *it) {
    struct found *f = arg;
    f->list = rv_realloc_array(f->list, f->n + 1, sizeof *f->list);
    f->list[f->n++] = *it;
}

static int by_time(const void *a, const void *b) {
    const struct happening *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void write_found(const struct found *f, int64_t gone, struct jsonw *w) {
    const struct happening *first = &f->list[0];
    jsonw_begin_object(w, NULL);
    jsonw_text(w, "kind", first->kind);
    jsonw_str(w, "namespace", first->ns);
    jsonw_str(w, "name", first->name);
    if (gone >= 0)
        jsonw_int(w, "deletedSecondsAgo", gone / INT64_C(1000000000));
    else
        jsonw_val(w, "deletedSecondsAgo", RV_VAL_ABSENT);
    jsonw_begin_array(w, "entries");
    for (size_t i = 0; i < f->n; i++) {
        jsonw_begin_object(w, NULL);
        happening_write(&f->list[i], w);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
    jsonw_end_object(w);
}

bool history_answer(struct client *c, const struct supervisor *s, struct rv_val q) {
    if (s->trail == NULL) return false;
    const struct history *h = trail_history(s->trail);
    struct rv_str kind = rv_path_str(q, "kind"), ns = rv_path_str(q, "namespace"), name = rv_path_str(q, "name");
    struct found f = {0};
    int64_t gone = -1, now = clock_monotonic();
    /* People name a namespace by default; an object of a cluster-scoped kind has none. */
    if (history_each(h, kind, ns, name, now, &gone, add, &f) == 0)
        (void)history_each(h, kind, RV_STR(""), name, now, &gone, add, &f);
    if (f.n == 0) return false;
    qsort(f.list, f.n, sizeof *f.list, by_time);
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    write_found(&f, gone, &w);
    control_session_answer(c, rv_buf_str(&b));
    free(f.list);
    return true;
}
