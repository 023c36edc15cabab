/* event_queue.h - Kubernetes events have a lower priority than other requests. While the API server is slow to answer,
 * events wait in this queue, for a minute at most. So they never delay a write.
 *
 * The queue only links items, which belong to the caller. Times are monotonic, in ns. */
#ifndef ACTIONS_EVENT_QUEUE_H
#define ACTIONS_EVENT_QUEUE_H

#include "rayvisor/base.h"

struct event_queue_item { /* embed it in the caller's struct */
    struct event_queue_item *next;
    int64_t since;
    size_t bytes;
    uint32_t owner;
};
struct event_queue;
struct event_queue *event_queue_new(void);
struct event_queue *event_queue_free(struct event_queue *q); /* first pop the items, which belong to the caller */
/* `bytes` is the size of the item, and `owner` is a hash of its owner. Returns false, and does not take the item, if
 * there are too many items or too many bytes of its owner. */
bool event_queue_push(struct event_queue *q, struct event_queue_item *item, size_t bytes, uint32_t owner, int64_t now);
/* Reports how long the API server took to answer a request. */
void event_queue_measure(struct event_queue *q, int64_t took, int64_t now);
/* Returns the oldest item if it may be sent now. `urgent` ignores the server's pace. */
struct event_queue_item *event_queue_pop(struct event_queue *q, int64_t now, bool urgent);
size_t event_queue_count(const struct event_queue *q);
/* If items wait, ask again after this time. */
enum { EVENT_QUEUE_ASK_AGAIN_MS = 200 };

#endif
