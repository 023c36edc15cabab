/* store.h - the cache: the newest known state of every object that some plugin reads, each as one packed msgpack blob.
 *
 * A collection has one resource, namespace and selector, and the union of the projections of the plugins that read it.
 * One watch feeds it, and so does the write-through of answers of the API server. Every change gets the next rev of the
 * store and is reported to the listeners in order. These rules keep it correct:
 *   - An older resourceVersion (compared as a decimal number, same uid) never replaces a newer one.
 *   - A new list does not remove objects that were written through after the list's own resourceVersion.
 *   - A deletion is remembered until a list confirms it, so a late watch event cannot bring the object back.
 *   - If an object is the same after projection, only its resourceVersion is updated and nothing is reported. It is
 *     reported when a write with the previous version is refused because of it (store_refused). */
#ifndef RV_STORE_H
#define RV_STORE_H

#include "ipc/base/blob.h"
#include "rayvisor/json.h"

struct store;
struct store_collection;

struct store_object {
    struct store_collection *collection;
    struct rv_str ns, name, uid, resource_version;
    uint64_t rev;
    struct blob *blob; /* projected msgpack, shared with the lanes */
    bool edited;       /* while a change is reported: the object is new or has another generation */
};

/* Compares decimal numbers of any length. The result is negative if a is older. Versions that are no numbers compare as
 * equal; then the order of arrival decides. */
int store_version_cmp(struct rv_str a, struct rv_str b);

struct store *store_new(void);
struct store *store_free(struct store *s);

/* Collections are shared: the same resource, namespace and selector give the same collection, with the union of the
 * projections. *ret_widened is true if it now keeps more fields, so that the caller must list again. Collections are
 * reference-counted. */
struct store_collection_opts {
    const char *api_version, *resource, *kind;
    const char *ns, *selector;
    const struct rv_projection *projection; /* NULL keeps everything */
};
struct store_collection *store_collection_get(struct store *s, const struct store_collection_opts *o, bool *ret_widened,
                                              struct rv_error *err);
/* The last user's call drops all objects without reporting them. */
void store_collection_unref(struct store_collection *c);
const struct rv_projection *store_collection_projection(const struct store_collection *c);
const char *store_collection_resource(const struct store_collection *c);
const char *store_collection_api_version(const struct store_collection *c);
const char *store_collection_kind(const struct store_collection *c);
size_t store_collection_count(const struct store_collection *c);

/* Functions for the watch. `value` is a projected object that has kept its basic metadata. */
void store_put(struct store_collection *c, struct rv_val value);
void store_remove(struct store_collection *c, struct rv_str ns, struct rv_str name, struct rv_str uid,
                  struct rv_str resource_version);
/* `rewound`: the server's history has gone back, because it was restored from a backup. Its list is used although its
 * versions are older. */
void store_replace_begin(struct store_collection *c, bool rewound);
void store_replace_put(struct store_collection *c, struct rv_val value);
/* The object is in the list and stays as it is. */
void store_replace_keep(struct store_collection *c, struct rv_str ns, struct rv_str name);
/* Removes the objects that were not in the list. */
void store_replace_end(struct store_collection *c, struct rv_str list_version);
bool store_collection_synced(const struct store_collection *c);
/* Write-through: stores the object of an answer of the API server in every collection of that resource whose namespace
 * and selector match. `read_with` is the projection with which the object was read. A collection with the same
 * projection stores it as it is. Any other collection needs the whole object (read with NULL).
 *
 * store_reads_with() says with which projection to read an answer about an object of that kind, so that it is read only
 * once. It is the projection of the one collection that is concerned. It is NULL if there is none or more than one. */
void store_written(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_val object,
                   const struct rv_projection *read_with);
const struct rv_projection *store_reads_with(const struct store *s, struct rv_str api_version, struct rv_str resource,
                                             struct rv_str ns);
void store_written_deleted(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                           struct rv_str name, struct rv_str uid);
/* A write was refused because the object has changed since the writer read it (with uid and version, which may be
 * empty). If a newer version was stored without a report, it is reported now. Otherwise the writer would use the old
 * version for ever. Returns false if the cache has the same version as the writer. Then only reading the object again
 * helps. */
bool store_refused(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                   struct rv_str name, struct rv_str uid, struct rv_str version);

/* Reading. */
const struct store_object *store_find(const struct store_collection *c, struct rv_str ns, struct rv_str name);
typedef void (*store_each_fn)(void *arg, const struct store_object *o);
void store_each(const struct store_collection *c, store_each_fn fn, void *arg);
/* Calls fn with each object of a resource, in whatever collections it is (with one of several more than once). ns: its
 * namespace; empty for all. Returns false if no collection is of that resource. */
bool store_each_of(const struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                   store_each_fn fn, void *arg);
uint64_t store_rev(const struct store *s);

/* Listeners are called for every change, synchronously, in the order of rev. */
struct store_listener;
typedef void (*store_change_fn)(void *arg, const struct store_object *o, bool deleted);
struct store_listener *store_listen(struct store_collection *c, store_change_fn fn, void *arg);
struct store_listener *store_unlisten(struct store_listener *l);

/* Called for every change of every collection, before its listeners. There is one; NULL ends it. */
void store_observe(struct store *s, store_change_fn fn, void *arg);

struct store_stats {
    uint64_t objects, blob_bytes, changes, unchanged, stale;
};
void store_stats(const struct store *s, struct store_stats *ret);

#endif
