/* memo.c - see memo.h. */
#include "memo.h"

#include <stdlib.h>

#include "ipc/base/hash.h"

static struct rc_memo **find(struct rc_memo_table *t, struct rv_str ns, struct rv_str name) {
    struct rc_memo **m = &t->buckets[rv_hash_key(ns, name) % RV_ARRAY_LEN(t->buckets)];
    while (*m != NULL && !(rv_str_is(ns, (*m)->ns) && rv_str_is(name, (*m)->name))) m = &(*m)->next;
    return m;
}

static void drop(struct rc_memo_table *t, struct rc_memo **m) {
    struct rc_memo *gone = *m;
    *m = gone->next;
    if (t->end != NULL) t->end(t->arg, gone);
    free(gone->ns);
    free(gone->name);
    free(gone->uid);
    free(gone);
}

void *rc_memo_of(struct rc_memo_table *t, struct rv_str ns, struct rv_str name, struct rv_str uid) {
    struct rc_memo **m = find(t, ns, name);
    if (*m != NULL && rv_str_is(uid, (*m)->uid)) return *m;
    if (*m != NULL) drop(t, m); /* of an object of this name that is gone */
    struct rc_memo *fresh = rv_alloc(t->size), **bucket = &t->buckets[rv_hash_key(ns, name) % RV_ARRAY_LEN(t->buckets)];
    *fresh = (struct rc_memo){.next = *bucket, .ns = rv_strdup(ns), .name = rv_strdup(name), .uid = rv_strdup(uid)};
    *bucket = fresh;
    if (t->begin != NULL) t->begin(t->arg, fresh);
    return fresh;
}

void rc_memo_drop(struct rc_memo_table *t, struct rv_str ns, struct rv_str name) {
    struct rc_memo **m = find(t, ns, name);
    if (*m != NULL) drop(t, m);
}

void rc_memo_drop_all(struct rc_memo_table *t) {
    for (size_t i = 0; i < RV_ARRAY_LEN(t->buckets); i++)
        while (t->buckets[i] != NULL) drop(t, &t->buckets[i]);
}

void rc_memo_each(struct rc_memo_table *t, void (*fn)(void *arg, void *memo), void *arg) {
    for (size_t i = 0; i < RV_ARRAY_LEN(t->buckets); i++)
        for (struct rc_memo *m = t->buckets[i]; m != NULL; m = m->next) fn(arg, m);
}
