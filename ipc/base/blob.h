/* blob.h - immutable bytes with a reference count: the cache, the outboxes and the lanes share one copy of an object.
 *
 * References may be given back on another thread (ZeroMQ's); everything else belongs to one thread. */
#ifndef RV_IPC_BASE_BLOB_H
#define RV_IPC_BASE_BLOB_H

#include "rayvisor/base.h"

struct rv_blob;
struct rv_blob *rv_blob_new(struct rv_bytes bytes); /* copies */
struct rv_blob *rv_blob_ref(struct rv_blob *b);
struct rv_blob *rv_blob_unref(struct rv_blob *b); /* NULL is allowed; returns NULL */
struct rv_bytes rv_blob_bytes(const struct rv_blob *b);

#endif
