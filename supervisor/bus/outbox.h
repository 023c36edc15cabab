/* outbox.h - what a plugin has still to be told: the set of changed objects in order, and control messages.
 *
 * An object stands in the set once, however often it changes; its newest state is fetched when it is sent. So a slow
 * plugin costs at most one small entry per object and always catches up with the newest state. Objects spend credit,
 * which the host gives back; control messages go at once. A result goes after the object that its own action changed
 * (read your writes): that object jumps the queue, credit or not. The body of a result costs its bytes: results with a
 * body wait for credit, in order, while results without one go at once.
 */
#ifndef BUS_OUTBOX_H
#define BUS_OUTBOX_H

#include "ipc/protocol/lane.h"

struct outbox;
struct outbox_opts {
    /* The newest state: its blob (lent) and versions, or NULL when there is none. */
    struct rv_blob *(*fetch)(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, struct msg_object *ret);
    /* To the lane. payload may be NULL. */
    void (*send)(void *arg, struct msg *m, struct rv_blob *payload);
    void *arg;
};
struct outbox *outbox_new(const struct outbox_opts *o);
struct outbox *outbox_free(struct outbox *b);

enum { OUTBOX_MESSAGES_MAX = 65536, OUTBOX_BYTES_MAX = 16 << 20 };
void outbox_credit(struct outbox *b, uint32_t messages, uint32_t bytes); /* adds, up to those */
/* An object of a kind changed or went (then uid and rev say which incarnation). */
void outbox_changed(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name);
void outbox_deleted(struct outbox *b, uint32_t kind, const struct msg_object *gone);
/* Before a result: tells the object now if it is still to be told. */
void outbox_flush_object(struct outbox *b, uint32_t kind, struct rv_str ns, struct rv_str name);
/* m: a RESULT, lent; its payload is the body. */
void outbox_result(struct outbox *b, struct msg *m);
size_t outbox_result_bytes(const struct outbox *b); /* of the bodies that wait */
/* Snapshot: forget what is queued, say SNAP_BEGIN; then outbox_changed() for every object; then outbox_snapshot_end(),
 * whose SNAP_END goes out once everything queued up to now is told. */
void outbox_snapshot_begin(struct outbox *b, uint64_t rev);
void outbox_snapshot_end(struct outbox *b, uint64_t rev);
/* Sends what credit allows. */
void outbox_pump(struct outbox *b);
size_t outbox_depth(const struct outbox *b);
uint64_t outbox_merged(const struct outbox *b); /* changes that were folded into a waiting one */

#endif
