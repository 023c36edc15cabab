/* event_queue.h - Kubernetes events give way to other requests. While the API server is slow to answer, events wait
 * here, for a minute at most, so that they never delay a write.
 *
 * The queue only links items, which belong to the caller. Times are monotonic nanoseconds. */
#ifndef ACTIONS_EVENT_QUEUE_H
#define ACTIONS_EVENT_QUEUE_H

#include "rayvisor/base.h"

struct event_queue_item { /* embed it */
    struct event_queue_item *next;
    int64_t since;
    size_t bytes;
    uint32_t owner;
};
struct event_queue;
struct event_queue *event_queue_new(void);
struct event_queue *event_queue_free(struct event_queue *q); /* the items are the caller's: pop them first */
/* Of how many bytes the item is, and a hash of whose. False: there are too many already, or too many bytes of its
 * owner; the item was not taken. */
bool event_queue_push(struct event_queue *q, struct event_queue_item *item, size_t bytes, uint32_t owner, int64_t now);
/* How long the API server took to answer a request. */
void event_queue_measure(struct event_queue *q, int64_t took, int64_t now);
/* The oldest item, if it may go now; urgent: whatever the server's pace. */
struct event_queue_item *event_queue_pop(struct event_queue *q, int64_t now, bool urgent);
size_t event_queue_count(const struct event_queue *q);
/* When to ask again, if something waits. */
enum { EVENT_QUEUE_ASK_AGAIN_MS = 200 };

#endif
