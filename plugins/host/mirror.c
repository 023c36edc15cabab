/* mirror.c - the mirror of objects, with three intrusive hash tables (see mirror.h). */
#include "mirror.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"
#include "rayvisor/k8s.h"

enum index { BY_NAME, BY_OWNER, BY_LABEL, INDEXES };
enum text { NS, NAME, UID, VERSION, TEXTS };

struct entry {
    struct hash_table_link links[INDEXES];
    uint32_t kind;
    uint32_t value_n;
    struct {
        uint32_t at, n;
    } texts[TEXTS]; /* positions in `data` */
    uint64_t rev;
    bool marked;
    char data[]; /* the value, followed by the texts that it does not contain */
};

struct mirror {
    struct hash_table tables[INDEXES];
    struct rv_str labels[64]; /* by kind */
    struct rv_arena *arena;
    bool snapshot;
    /* Deletions are deferred while a list callback runs. This is simple, because callbacks never change the mirror. */
};

/* ---- entries -------------------------------------------------------------------------------------------- */

static struct entry *entry_at(struct hash_table_link *l, enum index i) {
    return RV_CONTAINER(l - i, struct entry, links);
}

static struct rv_str entry_text(const struct entry *e, enum text t) {
    return (struct rv_str){e->data + e->texts[t].at, e->texts[t].n};
}

static struct rv_object entry_object(const struct entry *e) {
    return (struct rv_object){
        .size = sizeof(struct rv_object),
        .kind = e->kind,
        .ns = entry_text(e, NS),
        .name = entry_text(e, NAME),
        .uid = entry_text(e, UID),
        .resource_version = entry_text(e, VERSION),
        .value = {(const uint8_t *)e->data, e->value_n},
    };
}

static struct rv_str label_of(const struct mirror *m, uint32_t kind, struct rv_val value) {
    if (kind >= RV_ARRAY_LEN(m->labels) || m->labels[kind].n == 0) return (struct rv_str){NULL, 0};
    return rv_val_str(rv_val_getn(rv_val_path(value, "metadata.labels"), m->labels[kind]));
}

static struct entry *entry_new(const struct msg_object *o, struct rv_val value) {
    static const char *const keys[TEXTS] = {"namespace", "name", "uid", "resourceVersion"};
    const struct rv_str texts[TEXTS] = {o->ns, o->name, o->uid, o->resource_version};
    struct rv_val meta = rv_val_get(value, "metadata");
    struct rv_str held[TEXTS];
    size_t total = sizeof(struct entry) + value.n;
    for (int i = 0; i < TEXTS; i++) {
        held[i] = rv_path_str(meta, keys[i]);
        if (!rv_str_eq(held[i], texts[i])) total += texts[i].n; /* each has at most MSG_MAX_* bytes */
    }
    struct entry *e = rv_alloc(total);
    e->kind = o->kind;
    e->rev = o->rev;
    e->value_n = (uint32_t)value.n;
    if (value.n != 0) memcpy(e->data, value.p, value.n);
    size_t end = value.n;
    for (int i = 0; i < TEXTS; i++) {
        bool inside = texts[i].n != 0 && rv_str_eq(held[i], texts[i]);
        e->texts[i].n = (uint32_t)texts[i].n;
        e->texts[i].at = (uint32_t)(inside ? (size_t)((const uint8_t *)held[i].p - value.p) : end);
        if (inside || texts[i].n == 0) continue;
        memcpy(e->data + end, texts[i].p, texts[i].n);
        end += texts[i].n;
    }
    return e;
}

static void entry_link(struct mirror *m, struct entry *e) {
    struct rv_object o = entry_object(e);
    struct rv_str owner = rv_meta_controller_uid(o.value), label = label_of(m, e->kind, o.value);
    hash_table_add(&m->tables[BY_NAME], &e->links[BY_NAME], hash_kind_key(e->kind, o.ns, o.name));
    if (owner.n != 0)
        hash_table_add(&m->tables[BY_OWNER], &e->links[BY_OWNER], hash_kind_key(e->kind, owner, RV_STR("")));
    if (label.n != 0) hash_table_add(&m->tables[BY_LABEL], &e->links[BY_LABEL], hash_kind_key(e->kind, o.ns, label));
}

static void entry_unlink(struct mirror *m, struct entry *e) {
    for (int i = 0; i < INDEXES; i++) hash_table_remove(&m->tables[i], &e->links[i]);
}

static struct entry *entry_find(const struct mirror *m, uint32_t kind, struct rv_str ns, struct rv_str name) {
    uint32_t hash = hash_kind_key(kind, ns, name);
    for (struct hash_table_link *l = hash_table_find(&m->tables[BY_NAME], hash); l != NULL;
         l = hash_table_find_next(l)) {
        struct entry *e = entry_at(l, BY_NAME);
        if (e->kind == kind && rv_str_eq(entry_text(e, NS), ns) && rv_str_eq(entry_text(e, NAME), name)) return e;
    }
    return NULL;
}

/* ---- the mirror ----------------------------------------------------------------------------------------- */

struct mirror *mirror_new(void) {
    struct mirror *m = rv_alloc(sizeof *m);
    m->arena = rv_arena_new();
    return m;
}

static void each_entry(struct mirror *m, void (*fn)(struct mirror *, struct entry *, void *), void *arg) {
    for (struct hash_table_walk w = hash_table_walk(&m->tables[BY_NAME]); hash_table_walk_next(&w);)
        fn(m, entry_at(w.link, BY_NAME), arg);
}

static void drop(struct mirror *m, struct entry *e, void *arg) {
    (void)m;
    (void)arg;
    free(e);
}

struct mirror *mirror_free(struct mirror *m) {
    if (m == NULL) return NULL;
    each_entry(m, drop, NULL);
    for (int i = 0; i < INDEXES; i++) hash_table_free(&m->tables[i]);
    rv_arena_free(m->arena);
    free(m);
    return NULL;
}

void mirror_set_kinds(struct mirror *m, struct rv_val kinds) {
    struct msg_kind k;
    for (size_t i = 0; i < RV_ARRAY_LEN(m->labels) && msg_kind_at(kinds, i, &k); i++)
        m->labels[i] = rv_arena_str(m->arena, k.index_label);
}

void mirror_put(struct mirror *m, const struct msg_object *o, struct rv_val value, mirror_change_fn fn, void *arg) {
    struct entry *old = entry_find(m, o->kind, o->ns, o->name);
    if (old != NULL && old->rev >= o->rev) {
        old->marked = m->snapshot; /* an old state, but it shows that the object exists */
        return;
    }
    struct entry *e = entry_new(o, value);
    e->marked = m->snapshot;
    struct rv_object before = {0}, now;
    if (old != NULL) {
        before = entry_object(old);
        entry_unlink(m, old);
    }
    entry_link(m, e);
    now = entry_object(e);
    fn(arg, old != NULL ? &before : NULL, &now);
    free(old);
}

static void remove_entry(struct mirror *m, struct entry *e, mirror_change_fn fn, void *arg) {
    struct rv_object before = entry_object(e);
    entry_unlink(m, e);
    fn(arg, &before, NULL);
    free(e);
}

void mirror_delete(struct mirror *m, const struct msg_object *o, mirror_change_fn fn, void *arg) {
    struct entry *e = entry_find(m, o->kind, o->ns, o->name);
    if (e != NULL && e->rev < o->rev) remove_entry(m, e, fn, arg);
}

static void unmark(struct mirror *m, struct entry *e, void *arg) {
    (void)m;
    (void)arg;
    e->marked = false;
}

void mirror_snapshot_begin(struct mirror *m) {
    each_entry(m, unmark, NULL);
    m->snapshot = true;
}

struct sweep {
    mirror_change_fn fn;
    void *arg;
};

static void sweep_entry(struct mirror *m, struct entry *e, void *arg) {
    struct sweep *s = arg;
    if (!e->marked) remove_entry(m, e, s->fn, s->arg);
}

void mirror_snapshot_end(struct mirror *m, mirror_change_fn fn, void *arg) {
    if (!m->snapshot) return;
    m->snapshot = false;
    each_entry(m, sweep_entry, &(struct sweep){fn, arg});
}

int mirror_get(struct mirror *m, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret) {
    struct entry *e = entry_find(m, kind, ns, name);
    if (e == NULL) return RV_E_NOT_FOUND;
    *ret = entry_object(e);
    return 0;
}

static bool query_matches(const struct entry *e, const struct rv_object *o, const struct rv_query *q) {
    if (e->kind != q->kind) return false;
    if (q->ns.n != 0 && !rv_str_eq(o->ns, q->ns)) return false;
    if (q->owner_uid.n != 0 && !rv_str_eq(rv_meta_controller_uid(o->value), q->owner_uid)) return false;
    return q->label.n == 0 ||
           rv_str_eq(rv_val_str(rv_val_getn(rv_val_path(o->value, "metadata.labels"), q->label)), q->label_value);
}

struct listing {
    const struct rv_query *q;
    rv_list_fn fn;
    void *arg;
    uint64_t n;
};

/* Returns false to stop. */
static bool list_entry(struct listing *l, const struct entry *e) {
    struct rv_object o = entry_object(e);
    if (!query_matches(e, &o, l->q)) return true;
    l->n++;
    return l->fn == NULL || l->fn(l->arg, &o);
}

static void list_hash(const struct mirror *m, enum index i, uint32_t hash, struct listing *to) {
    for (struct hash_table_link *l = hash_table_find(&m->tables[i], hash), *next; l != NULL; l = next) {
        next = hash_table_find_next(l);
        if (!list_entry(to, entry_at(l, i))) break;
    }
}

uint64_t mirror_list(struct mirror *m, const struct rv_query *q, rv_list_fn fn, void *arg) {
    struct listing l = {.q = q, .fn = fn, .arg = arg};
    bool labelled = q->ns.n != 0 && q->label.n != 0 && q->label_value.n != 0 && q->kind < RV_ARRAY_LEN(m->labels) &&
                    rv_str_eq(m->labels[q->kind], q->label);
    if (q->owner_uid.n != 0)
        list_hash(m, BY_OWNER, hash_kind_key(q->kind, q->owner_uid, RV_STR("")), &l);
    else if (labelled)
        list_hash(m, BY_LABEL, hash_kind_key(q->kind, q->ns, q->label_value), &l);
    else
        for (struct hash_table_walk w = hash_table_walk(&m->tables[BY_NAME]); hash_table_walk_next(&w);)
            if (!list_entry(&l, entry_at(w.link, BY_NAME))) break;
    return l.n;
}

size_t mirror_count(const struct mirror *m) { return m->tables[BY_NAME].n; }
