/* mirror.h - the plugin's copy of the objects that it reads. It has the newest state of each and finds objects by name,
 * by controller owner and by one indexed label.
 *
 * An object has one allocation, which holds the entry, its names and its packed value, because there may be very many
 * objects. Three intrusive hash tables share the entries. A snapshot marks the objects that it contains, and sweeping
 * afterwards removes the others. */
#ifndef HOST_MIRROR_H
#define HOST_MIRROR_H

#include "ipc/protocol/msg.h"

struct mirror;
struct mirror *mirror_new(void);
struct mirror *mirror_free(struct mirror *m);
/* Sets the kinds: how many there are, and the index label of each ("" for none). */
void mirror_set_kinds(struct mirror *m, struct rv_val kinds);

/* Called with the object before the change (may be NULL) and after it (NULL if it was deleted). Both are borrowed. */
typedef void (*mirror_change_fn)(void *arg, const struct rv_object *before, const struct rv_object *now);
/* A state that is older (by rev) than the stored one is ignored. */
void mirror_put(struct mirror *m, const struct msg_object *o, struct rv_val value, mirror_change_fn fn, void *arg);
void mirror_delete(struct mirror *m, const struct msg_object *o, mirror_change_fn fn, void *arg);
void mirror_snapshot_begin(struct mirror *m);
/* Removes the objects that the snapshot did not contain. */
void mirror_snapshot_end(struct mirror *m, mirror_change_fn fn, void *arg);

int mirror_get(struct mirror *m, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret);
/* Returns the number of matches up to the object at which fn returned false. */
uint64_t mirror_list(struct mirror *m, const struct rv_query *q, rv_list_fn fn, void *arg);
size_t mirror_count(const struct mirror *m);

#endif
