/* outbox.h - what still has to be sent to a plugin: the set of changed objects in order, results and control messages.
 *
 * An object is in the set once, however often it changes. Its newest state is fetched when it is sent. So a slow plugin
 * costs at most one small entry for each object and always gets the newest state. An object uses credit, which the host
 * returns. Control messages are sent at once. A result is sent after the object that its own action changed (read your
 * writes); that object is sent first, even without credit. A result with a body uses credit for its bytes and waits, in
 * order. A result without a body is sent at once. */
#ifndef BUS_OUTBOX_H
#define BUS_OUTBOX_H

#include "ipc/protocol/lane.h"

struct outbox;
struct outbox_opts {
    /* Returns the newest state: its blob (borrowed) and its versions. Returns NULL if there is none. */
    struct blob *(*fetch)(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, struct msg_object *ret);
    /* Sends to the lane. payload may be NULL. */
    void (*send)(void *arg, struct msg *m, struct blob *payload);
    void *arg;
};
struct outbox *outbox_new(const struct outbox_opts *o);
struct outbox *outbox_free(struct outbox *b);

enum { OUTBOX_MESSAGES_MAX = 65536, OUTBOX_BYTES_MAX = 16 << 20 };
void outbox_credit(struct outbox *b, uint32_t messages, uint32_t bytes); /* adds credit, up to the initial amount */
/* An object of a kind has changed or has been deleted (then uid and rev say which object). */
void outbox_changed(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name);
void outbox_deleted(struct outbox *b, uint32_t kind, const struct msg_object *gone);
/* Call it before a result: if the object is still waiting, it is sent now. */
void outbox_flush_object(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name);
/* m is a RESULT, which is borrowed. Its payload is the body. */
void outbox_result(struct outbox *b, struct msg *m);
size_t outbox_result_bytes(const struct outbox *b); /* the bytes of waiting bodies */
/* A snapshot: outbox_snapshot_begin() drops what is queued and sends SNAP_BEGIN. Then call outbox_changed() for every
 * object and outbox_snapshot_end(). SNAP_END is sent after everything that is queued up to then. */
void outbox_snapshot_begin(struct outbox *b, uint64_t rev);
void outbox_snapshot_end(struct outbox *b, uint64_t rev);
/* Sends as much as the credit allows. */
void outbox_pump(struct outbox *b);
size_t outbox_depth(const struct outbox *b);
uint64_t outbox_merged(const struct outbox *b); /* changes of objects that were already waiting */

#endif
