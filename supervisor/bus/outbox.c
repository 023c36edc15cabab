/* outbox.c - the messages that wait for a plugin (see outbox.h). */
#include "outbox.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"

struct entry {
    struct hash_table_link link; /* by kind, namespace and name */
    struct entry *prev, *next;
    uint32_t kind;
    uint64_t order; /* the number at which it was queued; says when a snapshot is complete */
    bool deleted;
    uint64_t gone_rev;
    struct rv_str ns, name;
    char *gone_uid;
    char text[];
};

/* A result that waits for credit. Its message is packed, and its body is stored as it will be sent. */
struct waiting_result {
    struct waiting_result *next;
    struct blob *payload;
    uint32_t header_n, body_n;
    uint8_t bytes[];
};

struct outbox {
    struct outbox_opts o;
    struct hash_table entries;
    struct entry *first, *last;
    int64_t messages, bytes; /* credit that is left; a flush may make it negative */
    uint64_t order, merged, snapshot_order, snapshot_rev;
    bool snapshot_open;
    struct waiting_result *results, **results_last;
    size_t result_bytes;
};

struct outbox *outbox_new(const struct outbox_opts *o) {
    struct outbox *b = rv_alloc(sizeof *b);
    b->o = *o;
    b->results_last = &b->results;
    return b;
}

static void entry_free(struct entry *e) {
    free(e->gone_uid);
    free(e);
}

static void clear_entries(struct outbox *b) {
    for (struct entry *e = b->first, *next; e != NULL; e = next) {
        next = e->next;
        entry_free(e);
    }
    hash_table_free(&b->entries);
    b->first = b->last = NULL;
}

static void waiting_result_free(struct waiting_result *r) {
    blob_unref(r->payload);
    free(r);
}

struct outbox *outbox_free(struct outbox *b) {
    if (b == NULL) return NULL;
    clear_entries(b);
    for (struct waiting_result *r = b->results, *next; r != NULL; r = next) {
        next = r->next;
        waiting_result_free(r);
    }
    free(b);
    return NULL;
}

static struct entry *find_entry(const struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    uint32_t hash = hash_kind_key(kind, ns, name);
    for (struct hash_table_link *l = hash_table_find(&b->entries, hash); l != NULL; l = hash_table_find_next(l)) {
        struct entry *e = RV_CONTAINER(l, struct entry, link);
        if (e->kind == kind && rv_str_eq(e->ns, ns) && rv_str_eq(e->name, name)) return e;
    }
    return NULL;
}

static struct entry *queue_entry(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct entry *e = find_entry(b, kind, ns, name);
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
    e->order = ++b->order;
    e->prev = b->last;
    if (b->last != NULL)
        b->last->next = e;
    else
        b->first = e;
    b->last = e;
    hash_table_add(&b->entries, &e->link, hash_kind_key(kind, ns, name));
    return e;
}

static void unlink_entry(struct outbox *b, struct entry *e) {
    hash_table_remove(&b->entries, &e->link);
    if (e->prev != NULL)
        e->prev->next = e->next;
    else
        b->first = e->next;
    if (e->next != NULL)
        e->next->prev = e->prev;
    else
        b->last = e->prev;
}

void outbox_changed(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    (void)queue_entry(b, kind, ns, name);
}

void outbox_deleted(struct outbox *b, uint32_t kind, const struct msg_object *gone) {
    struct entry *e = queue_entry(b, kind, gone->ns, gone->name);
    e->deleted = true;
    e->gone_rev = gone->rev;
    free(e->gone_uid);
    e->gone_uid = rv_strdup(gone->uid);
}

/* If the object was deleted and created again in the meantime, both are sent in this order. */
static void send_entry(struct outbox *b, struct entry *e) {
    struct msg_object o = {.ns = e->ns, .name = e->name};
    struct blob *blob = b->o.fetch(b->o.arg, e->kind, e->ns, e->name, &o);
    o.kind = e->kind;
    if (e->deleted) {
        struct msg m = {
            .type = MSG_DELETED,
            .object = {.kind = e->kind, .ns = e->ns, .name = e->name, .uid = rv_str(e->gone_uid), .rev = e->gone_rev}};
        b->messages--;
        b->o.send(b->o.arg, &m, NULL);
    }
    if (blob == NULL) return; /* changed and then deleted: the deletion has an entry of its own */
    struct msg m = {.type = MSG_OBJECT, .object = o};
    b->messages--;
    b->bytes -= (int64_t)blob_bytes(blob).n;
    b->o.send(b->o.arg, &m, blob);
}

void outbox_flush_object(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name) {
    struct entry *e = find_entry(b, kind, ns, name);
    if (e == NULL) return;
    unlink_entry(b, e);
    send_entry(b, e);
    entry_free(e);
}

/* A host returns the credit that it got. Returning more has no effect. */
void outbox_credit(struct outbox *b, uint32_t messages, uint32_t bytes) {
    b->messages += messages;
    b->bytes += bytes;
    if (b->messages > OUTBOX_MESSAGES_MAX) b->messages = OUTBOX_MESSAGES_MAX;
    if (b->bytes > OUTBOX_BYTES_MAX) b->bytes = OUTBOX_BYTES_MAX;
    outbox_pump(b);
}

void outbox_snapshot_begin(struct outbox *b, uint64_t rev) {
    clear_entries(b);
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

/* ---- results -------------------------------------------------------------------------------------------- */

static void send_result(struct outbox *b, struct msg *m, struct blob *payload) {
    b->bytes -= (int64_t)blob_bytes(payload).n;
    b->o.send(b->o.arg, m, payload);
}

static void queue_result(struct outbox *b, const struct msg *m, struct blob *payload) {
    rv_autobuf struct rv_buf header = {0}, body = {0};
    msg_encode(m, &header, &body);
    struct waiting_result *r = rv_alloc(sizeof *r + header.n + body.n);
    r->payload = blob_ref(payload);
    r->header_n = (uint32_t)header.n;
    r->body_n = (uint32_t)body.n;
    memcpy(r->bytes, header.p, header.n);
    memcpy(r->bytes + header.n, body.p, body.n);
    *b->results_last = r;
    b->results_last = &r->next;
    b->result_bytes += blob_bytes(payload).n;
}

void outbox_result(struct outbox *b, struct msg *m) {
    if (m->payload.n == 0) {
        b->o.send(b->o.arg, m, NULL);
        return;
    }
    struct blob *payload = blob_new(m->payload);
    if (b->results == NULL && b->bytes > 0)
        send_result(b, m, payload);
    else
        queue_result(b, m, payload);
    blob_unref(payload);
}

static void send_first_result(struct outbox *b) {
    struct waiting_result *r = b->results;
    struct rv_bytes header = {r->bytes, r->header_n}, body = {r->bytes + r->header_n, r->body_n};
    struct msg m;
    struct rv_error err = {0};
    b->results = r->next;
    if (b->results == NULL) b->results_last = &b->results;
    b->result_bytes -= blob_bytes(r->payload).n;
    if (msg_decode(header, body, blob_bytes(r->payload), false, &m, &err) == 0) send_result(b, &m, r->payload);
    waiting_result_free(r);
}

size_t outbox_result_bytes(const struct outbox *b) { return b->result_bytes; }

/* ---- credit --------------------------------------------------------------------------------------------- */

/* Sends results and objects in turn, so that neither delays the other. */
void outbox_pump(struct outbox *b) {
    while (b->bytes > 0 && (b->results != NULL || (b->first != NULL && b->messages > 0))) {
        if (b->results != NULL) send_first_result(b);
        if (b->first == NULL || b->messages <= 0 || b->bytes <= 0) continue;
        struct entry *e = b->first;
        unlink_entry(b, e); /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it */
        send_entry(b, e);
        entry_free(e);
    }
    /* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it. */
    if (!b->snapshot_open || (b->first != NULL && b->first->order <= b->snapshot_order)) return;
    b->snapshot_open = false;
    struct msg m = {.type = MSG_SNAP_END, .snap = {b->snapshot_rev}};
    b->o.send(b->o.arg, &m, NULL);
}

size_t outbox_depth(const struct outbox *b) { return b->entries.n; }
uint64_t outbox_merged(const struct outbox *b) { return b->merged; }
