/* outbox.c - the coalescing outbox (see outbox.h). */
#include "outbox.h"

#include <stdlib.h>

#include "ipc/base/hash.h"

struct entry {
    struct entry *hash_next, *prev, *next;
    uint32_t hash, kind;
    uint64_t order; /* when it was queued, to know when a snapshot is through */
    bool deleted;
    uint64_t gone_rev;
    struct rv_str ns, name;
    char *gone_uid;
    char text[];
};

struct outbox {
    struct outbox_opts o;
    struct entry **buckets, *first, *last;
    size_t size, n;
    int64_t messages, bytes; /* credit left; may go below zero by a flush */
    uint64_t order, merged, snapshot_order, snapshot_rev;
    bool snapshot_open;
};

struct outbox *outbox_new(const struct outbox_opts *o) {
    struct outbox *b = rv_alloc(sizeof *b);
    b->o = *o;
    b->size = 64;
    b->buckets = rv_alloc_array(b->size, sizeof(struct entry *));
    return b;
}

static void entry_free(struct entry *e) {
    free(e->gone_uid);
    free(e);
}

static void clear(struct outbox *b) {
    for (struct entry *e = b->first, *next; e != NULL; e = next) {
        next = e->next;
        entry_free(e);
    }
    memset(b->buckets, 0, b->size * sizeof(struct entry *));
    b->first = b->last = NULL;
    b->n = 0;
}

struct outbox *outbox_free(struct outbox *b) {
    if (b == NULL) return NULL;
    clear(b);
    free(b->buckets);
    free(b);
    return NULL;
}

static struct entry **slot(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    uint32_t hash = rv_hash_kind_key(kind, ns, name);
    struct entry **p = &b->buckets[hash & (b->size - 1)];
    while (*p != NULL &&
           !((*p)->hash == hash && (*p)->kind == kind && rv_str_eq((*p)->ns, ns) && rv_str_eq((*p)->name, name)))
        p = &(*p)->hash_next;
    return p;
}

static void grow(struct outbox *b) {
    free(b->buckets);
    b->size *= 2;
    b->buckets = rv_alloc_array(b->size, sizeof(struct entry *));
    for (struct entry *e = b->first; e != NULL; e = e->next) {
        struct entry **head = &b->buckets[e->hash & (b->size - 1)];
        e->hash_next = *head;
        *head = e;
    }
}

static struct entry *queue(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct entry **p = slot(b, kind, ns, name), *e = *p;
    if (e != NULL) {
        b->merged++;
        return e;
    }
    e = rv_alloc(sizeof *e + ns.n + name.n);
    if (ns.n != 0) memcpy(e->text, ns.p, ns.n);
    if (name.n != 0) memcpy(e->text + ns.n, name.p, name.n);
    e->ns = (struct rv_str){e->text, ns.n};
    e->name = (struct rv_str){e->text + ns.n, name.n};
    e->kind = kind;
    e->hash = rv_hash_kind_key(kind, ns, name);
    e->order = ++b->order;
    e->prev = b->last;
    if (b->last != NULL)
        b->last->next = e;
    else
        b->first = e;
    b->last = e;
    *p = e;
    if (++b->n > b->size) grow(b);
    return e;
}

static void take_out(struct outbox *b, struct entry *e) {
    struct entry **p = slot(b, e->kind, e->ns, e->name);
    *p = e->hash_next;
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        b->first = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    else
        b->last = e->prev;
    b->n--;
}

void outbox_changed(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    (void)queue(b, kind, ns, name);
}

void outbox_deleted(struct outbox *b, uint32_t kind, const struct msg_object *gone) {
    struct entry *e = queue(b, kind, gone->ns, gone->name);
    e->deleted = true;
    e->gone_rev = gone->rev;
    free(e->gone_uid);
    e->gone_uid = rv_strdup(gone->uid);
}

/* Deleted and created again meanwhile: both are told, in this order. */
static void tell(struct outbox *b, struct entry *e) {
    struct msg_object o = {.ns = e->ns, .name = e->name};
    struct rv_blob *blob = b->o.fetch(b->o.arg, e->kind, e->ns, e->name, &o);
    o.kind = e->kind;
    if (e->deleted) {
        struct msg m = {
            .type = MSG_DELETED,
            .object = {.kind = e->kind, .ns = e->ns, .name = e->name, .uid = rv_str(e->gone_uid), .rev = e->gone_rev}};
        b->messages--;
        b->o.send(b->o.arg, &m, NULL);
    }
    if (blob == NULL) return; /* changed, then went: its deletion is or will be an entry */
    struct msg m = {.type = MSG_OBJECT, .object = o};
    b->messages--;
    b->bytes -= (int64_t)rv_blob_bytes(blob).n;
    b->o.send(b->o.arg, &m, blob);
}

void outbox_flush_object(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct entry *e = *slot(b, kind, ns, name);
    if (e == NULL) return;
    take_out(b, e);
    tell(b, e);
    entry_free(e);
}

void outbox_credit(struct outbox *b, uint32_t messages, uint32_t bytes) {
    b->messages += messages;
    b->bytes += bytes;
    outbox_pump(b);
}

void outbox_snapshot_begin(struct outbox *b, uint64_t rev) {
    clear(b);
    b->snapshot_open = false;
    struct msg m = {.type = MSG_SNAP_BEGIN, .snap = {rev}};
    b->o.send(b->o.arg, &m, NULL);
}

void outbox_snapshot_end(struct outbox *b, uint64_t rev) {
    b->snapshot_open = true;
    b->snapshot_order = b->order;
    b->snapshot_rev = rev;
    outbox_pump(b);
}

void outbox_pump(struct outbox *b) {
    while (b->first != NULL && b->messages > 0 && b->bytes > 0) {
        struct entry *e = b->first;
        take_out(b, e); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
        tell(b, e);
        entry_free(e);
    }
    if (!b->snapshot_open || (b->first != NULL && b->first->order <= b->snapshot_order))
        return; /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
    b->snapshot_open = false;
    struct msg m = {.type = MSG_SNAP_END, .snap = {b->snapshot_rev}};
    b->o.send(b->o.arg, &m, NULL);
}

size_t outbox_depth(const struct outbox *b) { return b->n; }
uint64_t outbox_merged(const struct outbox *b) { return b->merged; }
