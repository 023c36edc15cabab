/* news.c - see news.h.
 *
 * The pace is an average of the latest answers, the newest counting for a fifth. Without answers for half a second
 * nothing is known: then one item goes as a probe, and its own answer is the next measurement. */
#include "event_queue.h"

#include <stdlib.h>

enum { ITEMS_MAX = 20000 };
#define MS INT64_C(1000000)
#define SLOW (30 * MS)
#define UNKNOWN_AFTER (500 * MS)
#define WAIT_MAX (60000 * MS)

struct news {
    struct news_item *first, **last;
    size_t n;
    int64_t pace, measured;
};

struct news *news_new(void) {
    struct news *n = rv_alloc(sizeof *n);
    n->last = &n->first;
    return n;
}

struct news *news_free(struct news *n) {
    free(n);
    return NULL;
}

bool news_push(struct news *n, struct news_item *item, int64_t now) {
    if (n->n >= ITEMS_MAX) return false;
    item->next = NULL;
    item->since = now;
    *n->last = item;
    n->last = &item->next;
    n->n++;
    return true;
}

void news_measure(struct news *n, int64_t took, int64_t now) {
    n->pace = n->pace == 0 ? took : n->pace + (took - n->pace) / 5;
    n->measured = now;
}

static bool may_go(struct news *n, int64_t now) {
    if (now - n->first->since >= WAIT_MAX || n->pace < SLOW) return true;
    if (now - n->measured < UNKNOWN_AFTER) return false;
    n->measured = now; /* one probe */
    return true;
}

struct news_item *news_pop(struct news *n, int64_t now, bool hurry) {
    struct news_item *item = n->first;
    if (item == NULL || (!hurry && !may_go(n, now))) return NULL;
    n->first = item->next;
    if (n->first == NULL) n->last = &n->first;
    n->n--;
    return item;
}

size_t news_count(const struct news *n) { return n->n; }
