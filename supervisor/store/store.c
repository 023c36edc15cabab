/* store.c - the cache (see store.h).
 *
 * A collection is a hash table by namespace and name. An entry and its texts are one allocation. The object itself is a
 * blob with a reference count, which the lanes send without copying. A deleted object leaves a small tombstone with the
 * version of the deletion, so that no older event can bring it back. Tombstones are dropped when the next list is
 * complete, and their number is bounded. */
#include "store.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"
#include "rayvisor/k8s.h"

enum { TOMBSTONES_MAX = 10000 };

struct node {
    struct hash_table_link link; /* by namespace and name */
    bool seen;                   /* in the list that is being read */
    bool tombstone;              /* only the texts and the version are valid */
    bool written;                /* written through since the last list began */
    bool unreported;             /* its version is newer than the one that listeners know */
    /* A tombstone of an object that the API server has deleted; without it the object may only have left the selection.
     */
    bool final;
    struct store_object o;
    char text[]; /* texts of a tombstone; those of other entries are in their blob */
};

struct store_listener {
    struct store_collection *collection;
    store_change_fn fn;
    void *arg;
    struct store_listener *next;
    bool dead;
};

struct store_collection {
    struct store *store;
    struct store_collection *next;
    unsigned refs;
    char *api_version, *resource, *kind, *ns, *selector_text;
    struct rv_selector *selector;
    struct rv_projection *projection; /* NULL keeps everything */
    struct hash_table nodes;
    size_t live, tombstones;
    bool synced, replacing, rewound;
    struct store_listener *listeners;
    unsigned announcing;
};

struct store {
    struct store_collection *collections;
    uint64_t rev;
    struct store_stats stats;
    store_change_fn observe;
    void *observe_arg;
};

struct store *store_new(void) {
    return rv_alloc(sizeof(struct store));
}

/* ---- collections ---------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) { return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0; }
static char *dup_or_null(const char *s) { return s != NULL && s[0] != 0 ? rv_strdup(rv_str(s)) : NULL; }
static const char *none_if_empty(const char *s) { return s != NULL && s[0] != 0 ? s : NULL; }

static struct store_collection *find_collection(struct store *s, const struct store_collection_opts *o) {
    for (struct store_collection *c = s->collections; c != NULL; c = c->next)
        if (same_text(c->api_version, o->api_version) && same_text(c->resource, o->resource) &&
            same_text(c->ns, none_if_empty(o->ns)) && same_text(c->selector_text, none_if_empty(o->selector)))
            return c;
    return NULL;
}

struct store_collection *store_collection_get(struct store *s, const struct store_collection_opts *o, bool *ret_widened,
                                              struct rv_error *err) {
    struct store_collection *c = find_collection(s, o);
    *ret_widened = false;
    if (c != NULL) {
        c->refs++;
        if (rv_projection_covers(c->projection, o->projection)) return c; /* the stored objects are complete for both */
        struct rv_projection *both = rv_projection_union(c->projection, o->projection);
        rv_projection_free(c->projection);
        c->projection = both;
        c->synced = false; /* the stored objects lack fields that the new reader needs */
        *ret_widened = true;
        return c;
    }
    struct rv_selector *selector = rv_selector_parse(rv_str(o->selector), err);
    if (selector == NULL) return NULL;
    c = rv_alloc(sizeof *c);
    *c = (struct store_collection){.store = s, .refs = 1, .selector = selector, .next = s->collections};
    c->api_version = dup_or_null(o->api_version);
    c->resource = dup_or_null(o->resource);
    c->kind = dup_or_null(o->kind);
    c->ns = dup_or_null(o->ns);
    c->selector_text = dup_or_null(o->selector);
    c->projection = o->projection != NULL ? rv_projection_union(o->projection, o->projection) : NULL;
    s->collections = c;
    return c;
}

static void account(struct store *s, const struct blob *blob, int sign) {
    uint64_t n = blob_bytes(blob).n;
    s->stats.blob_bytes = sign > 0 ? s->stats.blob_bytes + n : s->stats.blob_bytes - n;
    s->stats.objects = sign > 0 ? s->stats.objects + 1 : s->stats.objects - 1;
}

static struct node *node_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct node, link); }

static void node_free(struct store_collection *c, struct node *n) {
    if (n->o.blob != NULL) {
        account(c->store, n->o.blob, -1);
        blob_unref(n->o.blob);
    }
    free(n);
}

static void collection_free(struct store_collection *c) {
    for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);)
        node_free(c, node_at(w.link));
    for (struct store_listener *l = c->listeners, *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    hash_table_free(&c->nodes);
    rv_selector_free(c->selector);
    rv_projection_free(c->projection);
    free(c->api_version);
    free(c->resource);
    free(c->kind);
    free(c->ns);
    free(c->selector_text);
    free(c);
}

void store_collection_unref(struct store_collection *c) {
    if (c == NULL || --c->refs > 0) return;
    for (struct store_collection **p = &c->store->collections; *p != NULL; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            break;
        }
    collection_free(c);
}

struct store *store_free(struct store *s) {
    if (s == NULL) return NULL;
    for (struct store_collection *c = s->collections, *next; c != NULL; c = next) {
        next = c->next;
        collection_free(c);
    }
    free(s);
    return NULL;
}

const struct rv_projection *store_collection_projection(const struct store_collection *c) { return c->projection; }
const char *store_collection_resource(const struct store_collection *c) { return c->resource; }
const char *store_collection_api_version(const struct store_collection *c) { return c->api_version; }
const char *store_collection_kind(const struct store_collection *c) { return c->kind; }
size_t store_collection_count(const struct store_collection *c) { return c->live; }
bool store_collection_synced(const struct store_collection *c) { return c->synced; }

/* ---- nodes ---------------------------------------------------------------------------------------------- */

static struct node *find_node(const struct store_collection *c, struct rv_str ns, struct rv_str name) {
    for (struct hash_table_link *l = hash_table_find(&c->nodes, hash_key(ns, name)); l != NULL;
         l = hash_table_find_next(l))
        if (rv_str_eq(node_at(l)->o.ns, ns) && rv_str_eq(node_at(l)->o.name, name)) return node_at(l);
    return NULL;
}

struct identity {
    struct rv_str ns, name, uid, version;
};

static struct identity identity_of(struct rv_val value) {
    struct rv_val m = rv_val_get(value, "metadata");
    return (struct identity){rv_path_str(m, "namespace"), rv_path_str(m, "name"), rv_path_str(m, "uid"),
                             rv_path_str(m, "resourceVersion")};
}

static struct rv_str put_text(char **to, struct rv_str s) {
    struct rv_str t = {*to, s.n};
    if (s.n != 0) memcpy(*to, s.p, s.n);
    *to += s.n;
    return t;
}

/* Makes the tombstone of a deleted object. */
static struct node *tombstone_new(struct store_collection *c, const struct identity *id) {
    struct node *n = rv_alloc(sizeof *n + id->ns.n + id->name.n + id->uid.n + id->version.n);
    char *to = n->text;
    n->o.collection = c;
    n->o.ns = put_text(&to, id->ns);
    n->o.name = put_text(&to, id->name);
    n->o.uid = put_text(&to, id->uid);
    n->o.resource_version = put_text(&to, id->version);
    n->tombstone = true;
    return n;
}

/* The same view in a copy of the bytes. */
static struct rv_str moved(struct rv_str s, struct rv_val from, struct rv_bytes to) {
    return s.n != 0 ? (struct rv_str){(const char *)to.p + ((const uint8_t *)s.p - from.p), s.n} : s;
}

/* Makes the entry of an object. Its texts point into its value. */
static struct node *node_new(struct store_collection *c, const struct identity *id, struct rv_val value) {
    struct node *n = rv_alloc(sizeof *n);
    n->o.blob = blob_new((struct rv_bytes){value.p, value.n});
    struct rv_bytes copy = blob_bytes(n->o.blob);
    n->o.collection = c;
    n->o.ns = moved(id->ns, value, copy);
    n->o.name = moved(id->name, value, copy);
    n->o.uid = moved(id->uid, value, copy);
    n->o.resource_version = moved(id->version, value, copy);
    return n;
}

int store_version_cmp(struct rv_str a, struct rv_str b) {
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] < '0' || a.p[i] > '9') return 0;
    for (size_t i = 0; i < b.n; i++)
        if (b.p[i] < '0' || b.p[i] > '9') return 0;
    while (a.n > 0 && a.p[0] == '0') a = (struct rv_str){a.p + 1, a.n - 1};
    while (b.n > 0 && b.p[0] == '0') b = (struct rv_str){b.p + 1, b.n - 1};
    if (a.n != b.n) return a.n < b.n ? -1 : 1;
    return a.n != 0 ? memcmp(a.p, b.p, a.n) : 0;
}

static void announce(struct store_collection *c, const struct store_object *o, bool deleted) {
    const struct store *s = c->store;
    if (s->observe != NULL) s->observe(s->observe_arg, o, deleted);
    c->announcing++;
    for (struct store_listener *l = c->listeners; l != NULL; l = l->next)
        if (!l->dead) l->fn(l->arg, o, deleted);
    c->announcing--;
}

static bool blob_same(const struct blob *old, struct rv_val value) {
    struct rv_bytes b = blob_bytes(old);
    return b.n == value.n && memcmp(b.p, value.p, b.n) == 0;
}

/* Returns true if the projected object differs from the stored one in more than its resourceVersion. */
static bool changed(const struct node *old, struct rv_val value) {
    if (blob_same(old->o.blob, value)) return false;
    struct rv_bytes b = blob_bytes(old->o.blob);
    struct rv_iter x = rv_iter((struct rv_val){b.p, b.n}), y = rv_iter(value);
    if (x.left != y.left) return true;
    while (rv_iter_next(&x) && rv_iter_next(&y)) {
        if (!rv_str_eq(x.key, y.key)) return true;
        if (x.val.n == y.val.n && memcmp(x.val.p, y.val.p, x.val.n) == 0) continue;
        if (!rv_str_is(x.key, "metadata")) return true;
        struct rv_iter p = rv_iter(x.val), q = rv_iter(y.val);
        if (p.left != q.left) return true;
        while (rv_iter_next(&p) && rv_iter_next(&q))
            if (!rv_str_eq(p.key, q.key) || (!rv_val_equal(p.val, q.val) && !rv_str_is(p.key, "resourceVersion")))
                return true;
    }
    return false;
}

static void node_add(struct store_collection *c, struct node *n) {
    hash_table_add(&c->nodes, &n->link, hash_key(n->o.ns, n->o.name));
    if (n->tombstone)
        c->tombstones++;
    else
        c->live++;
}

static void node_drop(struct store_collection *c, struct node *n) {
    hash_table_remove(&c->nodes, &n->link);
    if (n->tombstone)
        c->tombstones--;
    else
        c->live--;
    node_free(c, n);
}

static int64_t generation_of(const struct node *n) {
    struct rv_bytes b = blob_bytes(n->o.blob);
    return rv_path_int((struct rv_val){b.p, b.n}, "metadata.generation", 0);
}

static bool is_edited(const struct node *old, const struct node *n) {
    if (old == NULL || old->tombstone || !rv_str_eq(old->o.uid, n->o.uid)) return true;
    return generation_of(old) != generation_of(n);
}

static void put(struct store_collection *c, struct rv_val value, bool written, bool seen) {
    struct identity id = identity_of(value);
    if (id.name.n == 0) return;
    struct node *old = find_node(c, id.ns, id.name);
    bool quiet = false;
    if (old != NULL) {
        int order = store_version_cmp(id.version, old->o.resource_version);
        if (order < 0 && c->rewound && !old->written) order = 1; /* the old version belongs to another history */
        if (seen && !old->tombstone) old->seen = true;
        bool dead = old->tombstone && (order == 0 || (old->final && id.uid.n != 0 && rv_str_eq(id.uid, old->o.uid)));
        if (order < 0 || dead) {
            c->store->stats.stale++;
            return;
        }
        quiet = !old->tombstone && rv_str_eq(id.uid, old->o.uid) && !changed(old, value);
        if (quiet) {
            c->store->stats.unchanged++;
            if (order == 0) return;
        }
    }
    struct node *n = node_new(c, &id, value);
    n->o.rev = quiet ? old->o.rev : ++c->store->rev;
    n->seen = seen || (old != NULL && old->seen);
    n->written = written;
    n->unreported = quiet;
    n->o.edited = !quiet && is_edited(old, n);
    account(c->store, n->o.blob, 1);
    if (old != NULL) node_drop(c, old);
    node_add(c, n);
    if (quiet) return;
    c->store->stats.changes++;
    announce(c, &n->o, false);
}

static void drop_tombstones(struct store_collection *c) {
    for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);)
        if (node_at(w.link)->tombstone) node_drop(c, node_at(w.link));
}

/* Replaces the object by a tombstone and informs the listeners. */
static void make_tombstone(struct store_collection *c, struct node *old, struct rv_str version, bool final) {
    struct identity id = {old->o.ns, old->o.name, old->o.uid,
                          store_version_cmp(version, old->o.resource_version) > 0 ? version : old->o.resource_version};
    struct node *n = tombstone_new(c, &id);
    n->final = final;
    n->o.rev = ++c->store->rev;
    n->o.blob = NULL;
    if (c->tombstones >= TOMBSTONES_MAX) drop_tombstones(c);
    struct store_object gone = old->o;
    blob_ref(gone.blob);
    node_drop(c, old);
    node_add(c, n);
    gone.ns = n->o.ns;
    gone.name = n->o.name;
    gone.uid = n->o.uid;
    gone.resource_version = n->o.resource_version;
    gone.rev = n->o.rev;
    c->store->stats.changes++;
    announce(c, &gone, true);
    blob_unref(gone.blob);
}

/* ---- feeding -------------------------------------------------------------------------------------------- */

void store_put(struct store_collection *c, struct rv_val value) { put(c, value, false, c->replacing); }

void store_remove(struct store_collection *c, struct rv_str ns, struct rv_str name, struct rv_str uid,
                  struct rv_str resource_version) {
    struct node *n = find_node(c, ns, name);
    if (n == NULL || n->tombstone) return;
    if (uid.n != 0 && !rv_str_eq(n->o.uid, uid)) return; /* another object has taken the name in the meantime */
    if (store_version_cmp(resource_version, n->o.resource_version) < 0) return;
    make_tombstone(c, n, resource_version, false);
}

void store_replace_begin(struct store_collection *c, bool rewound) {
    c->replacing = true;
    c->rewound = rewound;
    if (rewound) drop_tombstones(c); /* deleted objects may exist again */
    for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);)
        node_at(w.link)->seen = node_at(w.link)->written = false;
}

void store_replace_put(struct store_collection *c, struct rv_val value) { put(c, value, false, true); }

void store_replace_keep(struct store_collection *c, struct rv_str ns, struct rv_str name) {
    struct node *n = find_node(c, ns, name);
    if (n != NULL && !n->tombstone) n->seen = true;
}

/* Returns true for an object that has been deleted: the list does not have it, and it was not written after the
 * list. */
static bool list_lacks(const struct node *n, struct rv_str list_version) {
    bool newer = n->written && store_version_cmp(n->o.resource_version, list_version) > 0;
    return !n->tombstone && !n->seen && !newer;
}

void store_replace_end(struct store_collection *c, struct rv_str list_version) {
    /* The deletion changes the table, so it happens after the walk. */
    struct node **gone = rv_alloc_array(c->live, sizeof *gone);
    size_t n = 0;
    for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);)
        if (list_lacks(node_at(w.link), list_version)) gone[n++] = node_at(w.link);
    for (size_t i = 0; i < n; i++) make_tombstone(c, gone[i], list_version, false);
    free(gone);
    drop_tombstones(c);
    c->replacing = c->rewound = false;
    c->synced = true;
}

static bool concerns(const struct store_collection *c, struct rv_str api_version, struct rv_str resource,
                     struct rv_str ns) {
    return rv_str_is(api_version, c->api_version) && rv_str_is(resource, c->resource) &&
           (c->ns == NULL || rv_str_is(ns, c->ns));
}

/* Drops fields that the projection does not keep. It goes through JSON, because projections work on JSON. */
static bool project(const struct store_collection *c, struct rv_val full, struct rv_buf *out) {
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(full, &json);
    return rv_json_to_mp(rv_buf_str(&json), c->projection, out, NULL) == 0;
}

const struct rv_projection *store_reads_with(const struct store *s, struct rv_str api_version, struct rv_str resource,
                                             struct rv_str ns) {
    const struct store_collection *one = NULL;
    for (const struct store_collection *c = s->collections; c != NULL; c = c->next) {
        if (!concerns(c, api_version, resource, ns)) continue;
        if (one != NULL) return NULL;
        one = c;
    }
    return one != NULL ? one->projection : NULL;
}

void store_written(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_val object,
                   const struct rv_projection *read_with) {
    struct identity id = identity_of(object);
    struct rv_val labels = rv_val_path(object, "metadata.labels");
    for (struct store_collection *c = s->collections; c != NULL; c = c->next) {
        if (!concerns(c, api_version, resource, id.ns)) continue;
        if (!rv_selector_matches(c->selector, labels)) {
            store_remove(c, id.ns, id.name, id.uid, id.version);
            continue;
        }
        rv_autobuf struct rv_buf b = {0};
        if (c->projection == read_with)
            put(c, object, true, false);
        else if (project(c, object, &b))
            put(c, (struct rv_val){b.p, b.n}, true, false);
    }
}

void store_written_deleted(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                           struct rv_str name, struct rv_str uid) {
    for (struct store_collection *c = s->collections; c != NULL; c = c->next) {
        if (!concerns(c, api_version, resource, ns)) continue;
        struct node *n = find_node(c, ns, name);
        if (n != NULL && !n->tombstone && (uid.n == 0 || rv_str_eq(n->o.uid, uid)))
            make_tombstone(c, n, n->o.resource_version, true);
    }
}

bool store_refused(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                   struct rv_str name, struct rv_str uid, struct rv_str version) {
    bool newer = true;
    for (struct store_collection *c = s->collections; c != NULL; c = c->next) {
        if (!concerns(c, api_version, resource, ns)) continue;
        struct node *n = find_node(c, ns, name);
        if (n == NULL || n->tombstone) continue;
        if (rv_str_eq(n->o.resource_version, version) || (version.n == 0 && rv_str_eq(n->o.uid, uid))) newer = false;
        if (!n->unreported) continue;
        n->unreported = false;
        n->o.rev = ++s->rev;
        s->stats.changes++;
        announce(c, &n->o, false);
    }
    return newer;
}

/* ---- reading and listening ------------------------------------------------------------------------------ */

const struct store_object *store_find(const struct store_collection *c, struct rv_str ns, struct rv_str name) {
    struct node *n = find_node(c, ns, name);
    return n != NULL && !n->tombstone ? &n->o : NULL;
}

void store_each(const struct store_collection *c, store_each_fn fn, void *arg) {
    for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);)
        if (!node_at(w.link)->tombstone) fn(arg, &node_at(w.link)->o);
}

bool store_each_of(const struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                   store_each_fn fn, void *arg) {
    bool any = false;
    for (const struct store_collection *c = s->collections; c != NULL; c = c->next) {
        if (!rv_str_is(api_version, c->api_version) || !rv_str_is(resource, c->resource)) continue;
        any = true;
        for (struct hash_table_walk w = hash_table_walk(&c->nodes); hash_table_walk_next(&w);) {
            const struct node *n = node_at(w.link);
            if (!n->tombstone && (ns.n == 0 || rv_str_eq(ns, n->o.ns))) fn(arg, &n->o);
        }
    }
    return any;
}

uint64_t store_rev(const struct store *s) { return s->rev; }
void store_stats(const struct store *s, struct store_stats *ret) { *ret = s->stats; }

void store_observe(struct store *s, store_change_fn fn, void *arg) {
    s->observe = fn;
    s->observe_arg = arg;
}

struct store_listener *store_listen(struct store_collection *c, store_change_fn fn, void *arg) {
    struct store_listener *l = rv_alloc(sizeof *l);
    *l = (struct store_listener){.collection = c, .fn = fn, .arg = arg, .next = c->listeners};
    c->listeners = l;
    return l;
}

struct store_listener *store_unlisten(struct store_listener *l) {
    if (l == NULL) return NULL;
    for (struct store_listener **p = &l->collection->listeners; *p != NULL; p = &(*p)->next)
        if (*p == l) {
            *p = l->next;
            break;
        }
    free(l); /* this is never called from within an announcement, because lanes end in a turn of their own */
    return NULL;
}
