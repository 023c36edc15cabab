/* event_queue.h - Kubernetes events give way to work. While the API server is slow to answer they wait, at most a
 * minute, so that telling what was done never delays what is to be done.
 *
 * The queue only links items; they belong to the caller. Times are monotonic nanoseconds. */
#ifndef ACTIONS_NEWS_H
#define ACTIONS_NEWS_H

#include "rayvisor/base.h"

struct news_item { /* embed it */
    struct news_item *next;
    int64_t since;
};
struct news;
struct news *news_new(void);
struct news *news_free(struct news *n); /* the items are the caller's: pop them first */
/* False: there are too many already; the item was not taken. */
bool news_push(struct news *n, struct news_item *item, int64_t now);
/* How long the API server took to answer a request. */
void news_measure(struct news *n, int64_t took, int64_t now);
/* The oldest item, if it may go now; hurry: whatever the server's pace. */
struct news_item *news_pop(struct news *n, int64_t now, bool hurry);
size_t news_count(const struct news *n);
/* When to ask again, if something waits. */
enum { NEWS_ASK_AGAIN_MS = 200 };

#endif
