/* store.h - the cache: the newest known state of every object that some plugin reads, as one packed msgpack blob each.
 *
 * A collection is one (resource, namespace, selector) with the union of the projections of the plugins that read it; it
 * is fed by one watch and by write-through of API answers. Every change gets the store's next rev and is told to the
 * listeners in order. Rules that keep it true:
 *   - an older resourceVersion (decimal compare, same uid) never replaces a newer one;
 *   - a relist does not remove what was written through after the list's own resourceVersion;
 *   - a deletion is remembered until the list catches up, so a late watch event cannot resurrect the object;
 *   - an identical blob (after projection) bumps the resourceVersion but is not announced, until a write with the
 * version before is refused for it (store_refused).
 */
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
    struct rv_blob *blob; /* projected msgpack; shared with the lanes */
    bool edited;          /* while a change is told: it is new, or has another generation than before */
};

/* Decimal comparison of any length: negative when a is older. Versions that are no numbers compare as equal: then the
 * order of arrival decides. */
int store_version_cmp(struct rv_str a, struct rv_str b);

struct store *store_new(void);
struct store *store_free(struct store *s);

/* Collections are shared: the same resource, ns and selector gives the same one with the projections united
 * (*ret_widened tells that more is now kept than before, so the caller must relist). Refcounted by users. */
struct store_collection_opts {
    const char *api_version, *resource, *kind;
    const char *ns, *selector;
    const struct rv_projection *projection; /* NULL: everything */
};
struct store_collection *store_collection_get(struct store *s, const struct store_collection_opts *o, bool *ret_widened,
                                              struct rv_error *err);
void store_collection_unref(struct store_collection *c); /* the last one drops all objects, unannounced */
const struct rv_projection *store_collection_projection(const struct store_collection *c);
const char *store_collection_resource(const struct store_collection *c);
const char *store_collection_api_version(const struct store_collection *c);
const char *store_collection_kind(const struct store_collection *c);
size_t store_collection_count(const struct store_collection *c);

/* Feeding (watch). value is a projected object that kept its metadata basics. */
void store_put(struct store_collection *c, struct rv_val value);
void store_remove(struct store_collection *c, struct rv_str ns, struct rv_str name, struct rv_str uid,
                  struct rv_str resource_version);
/* rewound: the server's history began again further back (restored from a backup): what its list says counts, although
 * the versions in it are older. */
void store_replace_begin(struct store_collection *c, bool rewound);
void store_replace_put(struct store_collection *c, struct rv_val value);
void store_replace_keep(struct store_collection *c, struct rv_str ns,
                        struct rv_str name);                                    /* is in the list: stays as it is */
void store_replace_end(struct store_collection *c, struct rv_str list_version); /* removes what was not seen */
bool store_collection_synced(const struct store_collection *c);
/* Feeding (write-through of an API answer). Goes into every collection of that resource whose namespace and selector
 * match. read_with is the projection the object was read with: a collection that keeps the same takes it as it is, any
 * other needs it whole (read with NULL). store_reads_with says how to read an answer about an object of that kind so
 * that it is read once: the projection of the one collection it concerns, NULL where there is none or more than one. */
void store_written(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_val object,
                   const struct rv_projection *read_with);
const struct rv_projection *store_reads_with(const struct store *s, struct rv_str api_version, struct rv_str resource,
                                             struct rv_str ns);
void store_written_deleted(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                           struct rv_str name, struct rv_str uid);
/* A write was refused because the object is no longer what the writer knew (uid, version; either may be empty): a
 * version that was noted without announcing it is announced now, or the writer would try with the old one for ever.
 * False when what is kept here is what the writer knew: then only reading the object again helps. */
bool store_refused(struct store *s, struct rv_str api_version, struct rv_str resource, struct rv_str ns,
                   struct rv_str name, struct rv_str uid, struct rv_str version);

/* Reading. */
const struct store_object *store_find(const struct store_collection *c, struct rv_str ns, struct rv_str name);
typedef void (*store_each_fn)(void *arg, const struct store_object *o);
void store_each(const struct store_collection *c, store_each_fn fn, void *arg);
uint64_t store_rev(const struct store *s);

/* Listening: called for every change, synchronously, in rev order. */
struct store_listener;
typedef void (*store_change_fn)(void *arg, const struct store_object *o, bool deleted);
struct store_listener *store_listen(struct store_collection *c, store_change_fn fn, void *arg);
struct store_listener *store_unlisten(struct store_listener *l);

struct store_stats {
    uint64_t objects, blob_bytes, changes, unchanged, stale;
};
void store_stats(const struct store *s, struct store_stats *ret);

#endif
