/* pod_names.c - see pod_names.h. */
#include "pod_names.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "rayvisor/base.h"

/* Names of pods that are gone stay until somebody asks for them. So all are forgotten when there are this many. */
enum { MOST = 8192 };

struct entry {
    struct hash_table_link link;
    char *ns, *address, *name;
};

static struct entry *find(const struct pod_names *n, struct rv_str ns, struct rv_str address) {
    for (struct hash_table_link *l = hash_table_find(&n->table, hash_key(ns, address)); l != NULL;
         l = hash_table_find_next(l)) {
        struct entry *e = RV_CONTAINER(l, struct entry, link);
        if (rv_str_is(ns, e->ns) && rv_str_is(address, e->address)) return e;
    }
    return NULL;
}

static void drop(struct pod_names *n, struct entry *e) {
    hash_table_remove(&n->table, &e->link);
    free(e->ns);
    free(e->address);
    free(e->name);
    free(e);
}

static void drop_all(struct pod_names *n) {
    for (struct hash_table_walk w = hash_table_walk(&n->table); hash_table_walk_next(&w);)
        drop(n, RV_CONTAINER(w.link, struct entry, link));
}

struct rv_str pod_names_get(const struct pod_names *n, struct rv_str ns, struct rv_str address) {
    const struct entry *e = find(n, ns, address);
    return e != NULL ? rv_str(e->name) : RV_STR("");
}

void pod_names_put(struct pod_names *n, struct rv_str ns, struct rv_str address, struct rv_str name) {
    pod_names_forget(n, ns, address);
    if (n->table.n >= MOST) drop_all(n);
    struct entry *e = rv_alloc(sizeof *e);
    e->ns = rv_strdup(ns);
    e->address = rv_strdup(address);
    e->name = rv_strdup(name);
    hash_table_add(&n->table, &e->link, hash_key(ns, address));
}

void pod_names_forget(struct pod_names *n, struct rv_str ns, struct rv_str address) {
    struct entry *e = find(n, ns, address);
    if (e != NULL) drop(n, e);
}

void pod_names_free(struct pod_names *n) {
    drop_all(n);
    hash_table_free(&n->table);
}
