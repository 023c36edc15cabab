/* feeds.h - the watches that keep collections up to date. Plugins that read the same objects share a watch. */
#ifndef BUS_FEEDS_H
#define BUS_FEEDS_H

#include "supervisor/supervisor.h"

struct feeds *feeds_new(struct supervisor *s);
struct feeds *feeds_free(struct feeds *f);
/* Starts or joins the watch of a manifest's kind in one namespace (NULL means all). feeds_on_synced() says when its
 * collection is complete. */
struct feed;
struct feed *feed_join(struct feeds *f, const struct manifest_kind *k, const char *ns, struct rv_error *err);
void feed_leave(struct feed *feed);
/* What of an object of this kind its plugin gets. The caller frees it. NULL: the manifest is wrong. */
struct rv_projection *feed_projection(const struct manifest_kind *k, struct rv_error *err);
struct store_collection *feed_collection(const struct feed *feed);
bool feed_synced(const struct feed *feed);

struct feed_info {
    const char *api_version, *resource, *ns, *selector, *state, *why;
    size_t objects;
};
typedef void (*feed_info_fn)(void *arg, const struct feed_info *i);
void feeds_each(const struct feeds *f, feed_info_fn fn, void *arg);
bool feeds_all_synced(const struct feeds *f);
/* Names a kind whose list is not complete yet. One whose reason is known comes first. NULL if all lists are complete.
 * The text may be in *scratch. */
const char *feeds_waits_for(const struct feeds *f, struct rv_buf *scratch);
/* Finds an object in the cache that may no longer exist: no watch of its kind is up to date, or none has been for
 * longer than a moment. A watch that has just begun may still fail because its version is too old. `ns` is the
 * namespace of the dependents; the owner is in it or in no namespace. Returns NULL if there is no such object, or if a
 * watch of its kind is up to date. */
const struct store_object *feeds_find_stale(const struct feeds *f, struct rv_str api_version, struct rv_str kind,
                                            struct rv_str ns, struct rv_str name, struct rv_str uid);
/* fn is called whenever the list of a feed becomes complete. */
void feeds_on_synced(struct feeds *f, void (*fn)(void *arg), void *arg);

#endif
