/* mirror.h - the plugin's copy of the objects it reads: newest state of each, found by name, by controller owner and by
 * one indexed label.
 *
 * One allocation per object holds the entry, its names and its packed value; memory per object is a headline figure.
 * Three intrusive hash tables share the entries. A snapshot marks what it brings; sweeping afterwards removes what it
 * did not.
 */
#ifndef HOST_MIRROR_H
#define HOST_MIRROR_H

#include "ipc/protocol/msg.h"

struct mirror;
struct mirror *mirror_new(void);
struct mirror *mirror_free(struct mirror *m);
/* Tells the mirror of a kind: its index label ("" none) and how many kinds there are. */
void mirror_set_kinds(struct mirror *m, struct rv_val kinds);

/* Called with the object as it was (may be NULL) and as it is (NULL when deleted); both lent. */
typedef void (*mirror_change_fn)(void *arg, const struct rv_object *before, const struct rv_object *now);
/* A state older than what is there (by rev) is ignored. */
void mirror_put(struct mirror *m, const struct msg_object *o, struct rv_val value, mirror_change_fn fn, void *arg);
void mirror_delete(struct mirror *m, const struct msg_object *o, mirror_change_fn fn, void *arg);
void mirror_snapshot_begin(struct mirror *m);
void mirror_snapshot_end(struct mirror *m, mirror_change_fn fn, void *arg); /* sweeps */

int mirror_get(struct mirror *m, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret);
/* How many match, up to the one at which fn said false. */
uint64_t mirror_list(struct mirror *m, const struct rv_query *q, rv_list_fn fn, void *arg);
size_t mirror_count(const struct mirror *m);

#endif
