/* blob.h - immutable bytes with a reference count. The cache, the outboxes and the lanes share one copy of an object.
 *
 * A reference may be taken and dropped on any thread (ZeroMQ drops some on its own thread). */
#ifndef RV_IPC_BASE_BLOB_H
#define RV_IPC_BASE_BLOB_H

#include "rayvisor/base.h"

struct rv_blob;
struct rv_blob *rv_blob_new(struct rv_bytes bytes); /* copies the bytes; the caller owns one reference */
struct rv_blob *rv_blob_ref(struct rv_blob *b);
struct rv_blob *rv_blob_unref(struct rv_blob *b); /* accepts NULL; always returns NULL */
struct rv_bytes rv_blob_bytes(const struct rv_blob *b);

#endif
