/* memo.c - see memo.h. */
#include "memo.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

struct memo {
    struct hash_table_link link;
    char *ns, *name, *uid;
    _Alignas(max_align_t) unsigned char user[];
};

struct memo_table {
    struct hash_table table;
    size_t memo_size;
    void (*init)(void *memo);
    void (*release)(void *memo);
};

struct memo_table *memo_table_new(size_t memo_size, void (*init)(void *memo), void (*release)(void *memo)) {
    struct memo_table *t = rv_alloc(sizeof *t);
    t->memo_size = memo_size;
    t->init = init;
    t->release = release;
    return t;
}

static void drop(struct memo_table *t, struct memo *m) {
    if (t->release != NULL) t->release(m->user);
    hash_table_remove(&t->table, &m->link);
    free(m->ns);
    free(m->name);
    free(m->uid);
    free(m);
}

struct memo_table *memo_table_free(struct memo_table *t) {
    if (t == NULL) return NULL;
    for (struct hash_table_walk w = hash_table_walk(&t->table); hash_table_walk_next(&w);)
        drop(t, RV_CONTAINER(w.link, struct memo, link));
    hash_table_free(&t->table);
    free(t);
    return NULL;
}

static struct memo *find(const struct memo_table *t, const struct rv_key *key) {
    uint32_t hash = hash_key(key->ns, key->name);
    for (struct hash_table_link *l = hash_table_find(&t->table, hash); l != NULL; l = hash_table_find_next(l)) {
        struct memo *m = RV_CONTAINER(l, struct memo, link);
        if (rv_str_is(key->ns, m->ns) && rv_str_is(key->name, m->name)) return m;
    }
    return NULL;
}

void *memo_ensure(struct memo_table *t, const struct rv_key *key, struct rv_str uid) {
    struct memo *m = find(t, key);
    if (m != NULL && rv_str_is(uid, m->uid)) return m->user;
    if (m != NULL) drop(t, m);
    m = rv_alloc(sizeof *m + t->memo_size);
    m->ns = rv_strdup(key->ns);
    m->name = rv_strdup(key->name);
    m->uid = rv_strdup(uid);
    hash_table_add(&t->table, &m->link, hash_key(key->ns, key->name));
    if (t->init != NULL) t->init(m->user);
    return m->user;
}

void *memo_find(struct memo_table *t, const struct rv_key *key) {
    struct memo *m = find(t, key);
    return m != NULL ? m->user : NULL;
}

struct rv_str memo_uid(const void *memo) {
    return rv_str(((const struct memo *)(const void *)((const char *)memo - offsetof(struct memo, user)))->uid);
}

void memo_each(struct memo_table *t, void (*fn)(void *arg, const struct rv_key *key, void *memo), void *arg) {
    for (struct hash_table_walk w = hash_table_walk(&t->table); hash_table_walk_next(&w);) {
        struct memo *m = RV_CONTAINER(w.link, struct memo, link);
        fn(arg, &(struct rv_key){rv_str(m->ns), rv_str(m->name)}, m->user);
    }
}

void memo_drop(struct memo_table *t, const struct rv_key *key) {
    struct memo *m = find(t, key);
    if (m != NULL) drop(t, m);
}
