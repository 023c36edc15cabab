/* memo.c - see memo.h. */
#include "memo.h"

#include <stdlib.h>

#include "ipc/base/hash.h"

static struct rc_memo *find(const struct rc_memo_table *t, struct rv_str ns, struct rv_str name) {
    for (struct rv_table_link *l = rv_table_find(&t->table, rv_hash_key(ns, name)); l; l = rv_table_find_next(l)) {
        struct rc_memo *m = RV_CONTAINER(l, struct rc_memo, link);
        if (rv_str_is(ns, m->ns) && rv_str_is(name, m->name)) return m;
    }
    return NULL;
}

static void drop(struct rc_memo_table *t, struct rc_memo *m) {
    rv_table_remove(&t->table, &m->link);
    if (t->end != NULL) t->end(t->arg, m);
    free(m->ns);
    free(m->name);
    free(m->uid);
    free(m);
}

void *rc_memo_of(struct rc_memo_table *t, struct rv_str ns, struct rv_str name, struct rv_str uid) {
    struct rc_memo *m = find(t, ns, name);
    if (m != NULL && rv_str_is(uid, m->uid)) return m;
    if (m != NULL) drop(t, m); /* of an object of this name that is gone */
    m = rv_alloc(t->size);
    *m = (struct rc_memo){.ns = rv_strdup(ns), .name = rv_strdup(name), .uid = rv_strdup(uid)};
    rv_table_add(&t->table, &m->link, rv_hash_key(ns, name));
    if (t->begin != NULL) t->begin(t->arg, m);
    return m;
}

void rc_memo_drop(struct rc_memo_table *t, struct rv_str ns, struct rv_str name) {
    struct rc_memo *m = find(t, ns, name);
    if (m != NULL) drop(t, m);
}

void rc_memo_drop_all(struct rc_memo_table *t) {
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);)
        drop(t, RV_CONTAINER(w.link, struct rc_memo, link));
    rv_table_free(&t->table);
    t->table = (struct rv_table){0};
}

void rc_memo_each(struct rc_memo_table *t, void (*fn)(void *arg, void *memo), void *arg) {
    for (struct rv_table_walk w = rv_table_walk(&t->table); rv_table_walk_next(&w);)
        fn(arg, RV_CONTAINER(w.link, struct rc_memo, link));
}
