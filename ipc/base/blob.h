/* blob.h - immutable bytes with a reference count. The cache, the outboxes and the lanes share one copy of an object.
 *
 * A reference may be taken and dropped on any thread (ZeroMQ drops some on its own thread). */
#ifndef RV_IPC_BASE_BLOB_H
#define RV_IPC_BASE_BLOB_H

#include "rayvisor/base.h"

struct blob;
struct blob *blob_new(struct rv_bytes bytes); /* copies the bytes; the caller owns one reference */
struct blob *blob_ref(struct blob *b);
struct blob *blob_unref(struct blob *b); /* accepts NULL; always returns NULL */
struct rv_bytes blob_bytes(const struct blob *b);

#endif
