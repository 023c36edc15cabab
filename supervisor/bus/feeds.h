/* feeds.h - the watches that keep collections up to date, shared by the plugins that read the same. */
#ifndef BUS_FEEDS_H
#define BUS_FEEDS_H

#include "supervisor/supervisor.h"

struct feeds *feeds_new(struct supervisor *s);
struct feeds *feeds_free(struct feeds *f);
/* Starts or joins the watch of what the manifest's kind names, in one namespace (NULL: all). See
 * feeds_on_synced() for when its collection is complete. */
struct feed;
struct feed *feed_join(struct feeds *f, const struct manifest_kind *k, const char *ns, struct rv_error *err);
void feed_leave(struct feed *feed);
struct store_collection *feed_collection(const struct feed *feed);
bool feed_synced(const struct feed *feed);

struct feed_info {
    const char *api_version, *resource, *ns, *selector, *state, *why;
    size_t objects;
};
typedef void (*feed_info_fn)(void *arg, const struct feed_info *i);
void feeds_each(const struct feeds *f, feed_info_fn fn, void *arg);
bool feeds_all_synced(const struct feeds *f);
/* What is not listed yet, the one first of which it is known why; NULL: everything is. */
const char *feeds_waits_for(const struct feeds *f, struct rv_buf *room);
/* The cached object of that identity, when nobody can be sure that it is still there: no watch of its kind is up to
 * date, or has been for longer than a moment (a watch that has just begun may still be told that it comes too late).
 * ns: where its dependents are; an owner is there or in no namespace. NULL otherwise. */
const struct store_object *feeds_find_stale(const struct feeds *f, struct rv_str api_version, struct rv_str kind,
                                            struct rv_str ns, struct rv_str name, struct rv_str uid);
/* Told whenever any feed becomes complete. */
void feeds_on_synced(struct feeds *f, void (*fn)(void *arg), void *arg);

#endif
