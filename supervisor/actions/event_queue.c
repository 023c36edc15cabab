/* event_queue.c - see event_queue.h.
 *
 * The pace is an average of the latest response times; the newest one counts for a fifth. After half a second without
 * an answer the pace is unknown. Then one event is sent, and its response time is the next measurement. */
#include "event_queue.h"

#include <stdlib.h>

/* Owners that share a slot share its bytes. */
enum { ITEMS_MAX = 20000, OWNERS = 64, OWNER_BYTES_MAX = 8 << 20 };
#define MS INT64_C(1000000)
#define SLOW (30 * MS)
#define UNKNOWN_AFTER (500 * MS)
#define WAIT_MAX (60000 * MS)

struct event_queue {
    struct event_queue_item *first, **last;
    size_t n, bytes[OWNERS];
    int64_t pace, measured;
};

struct event_queue *event_queue_new(void) {
    struct event_queue *q = rv_alloc(sizeof *q);
    q->last = &q->first;
    return q;
}

struct event_queue *event_queue_free(struct event_queue *q) {
    free(q);
    return NULL;
}

bool event_queue_push(struct event_queue *q, struct event_queue_item *item, size_t bytes, uint32_t owner, int64_t now) {
    size_t *of_owner = &q->bytes[owner % OWNERS];
    if (q->n >= ITEMS_MAX || *of_owner + bytes > OWNER_BYTES_MAX) return false;
    *of_owner += bytes;
    item->bytes = bytes;
    item->owner = owner;
    item->next = NULL;
    item->since = now;
    *q->last = item;
    q->last = &item->next;
    q->n++;
    return true;
}

void event_queue_measure(struct event_queue *q, int64_t took, int64_t now) {
    q->pace = q->pace == 0 ? took : q->pace + (took - q->pace) / 5;
    q->measured = now;
}

static bool may_go(struct event_queue *q, int64_t now) {
    if (now - q->first->since >= WAIT_MAX || q->pace < SLOW) return true;
    if (now - q->measured < UNKNOWN_AFTER) return false;
    q->measured = now; /* the one event that measures the pace */
    return true;
}

struct event_queue_item *event_queue_pop(struct event_queue *q, int64_t now, bool urgent) {
    struct event_queue_item *item = q->first;
    if (item == NULL || (!urgent && !may_go(q, now))) return NULL;
    q->first = item->next;
    if (q->first == NULL) q->last = &q->first;
    q->n--;
    q->bytes[item->owner % OWNERS] -= item->bytes;
    return item;
}

size_t event_queue_count(const struct event_queue *q) { return q->n; }
