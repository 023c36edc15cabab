/* queue.c - the work queue (see queue.h). */
#include "queue.h"

#include <stdlib.h>

#include "ipc/base/backoff.h"
#include "ipc/base/hash.h"

struct fifo {
    struct queue_key *first, **last;
    size_t n;
};

struct queue {
    struct hash_table keys; /* by namespace and name */
    struct fifo live, low;
    struct queue_key **heap;
    size_t heap_n, heap_cap, running;
};

struct queue *queue_new(void) {
    struct queue *q = rv_alloc(sizeof *q);
    q->live.last = &q->live.first;
    q->low.last = &q->low.first;
    return q;
}

static struct queue_key *key_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct queue_key, link); }

static void key_free(struct queue_key *k) {
    for (struct result_node *r = k->results, *next; r != NULL; r = next) {
        next = r->next;
        free(r);
    }
    free(k->explain);
    free(k->cause.name);
    free(k);
}

struct queue *queue_free(struct queue *q) {
    if (q == NULL) return NULL;
    for (struct hash_table_walk w = hash_table_walk(&q->keys); hash_table_walk_next(&w);) key_free(key_at(w.link));
    hash_table_free(&q->keys);
    free(q->heap);
    free(q);
    return NULL;
}

struct queue_key *queue_find(struct queue *q, const struct rv_key *key) {
    uint32_t hash = hash_key(key->ns, key->name);
    for (struct hash_table_link *l = hash_table_find(&q->keys, hash); l != NULL; l = hash_table_find_next(l))
        if (rv_str_eq(key_at(l)->ns, key->ns) && rv_str_eq(key_at(l)->name, key->name)) return key_at(l);
    return NULL;
}

struct queue_key *queue_ensure(struct queue *q, const struct rv_key *key) {
    struct queue_key *k = queue_find(q, key);
    if (k != NULL) return k;
    k = rv_alloc(sizeof *k + key->ns.n + key->name.n);
    if (key->ns.n != 0) memcpy(k->text, key->ns.p, key->ns.n);
    if (key->name.n != 0) memcpy(k->text + key->ns.n, key->name.p, key->name.n);
    k->ns = (struct rv_str){k->text, key->ns.n};
    k->name = (struct rv_str){k->text + key->ns.n, key->name.n};
    k->results_last = &k->results;
    hash_table_add(&q->keys, &k->link, hash_key(key->ns, key->name));
    return k;
}

/* ---- ready ---------------------------------------------------------------------------------------------- */

static void fifo_push(struct fifo *f, struct queue_key *k) {
    k->fifo_next = NULL;
    *f->last = k;
    f->last = &k->fifo_next;
    f->n++;
}

static struct queue_key *fifo_pop(struct fifo *f) {
    struct queue_key *k = f->first;
    if (k == NULL) return NULL;
    f->first = k->fifo_next;
    if (f->first == NULL) f->last = &f->first;
    f->n--;
    return k;
}

static void fifo_remove(struct fifo *f, struct queue_key *k) {
    for (struct queue_key **p = &f->first; *p != NULL; p = &(*p)->fifo_next) {
        if (*p != k) continue;
        *p = k->fifo_next;
        if (*p == NULL) f->last = p;
        f->n--;
        return;
    }
}

/* ---- delayed -------------------------------------------------------------------------------------------- */

static void heap_put(struct queue *q, size_t i, struct queue_key *k) {
    q->heap[i] = k;
    k->heap_at = i + 1;
}

static void heap_fix(struct queue *q, size_t i) {
    struct queue_key *k = q->heap[i];
    for (; i > 0 && k->due < q->heap[(i - 1) / 2]->due; i = (i - 1) / 2) heap_put(q, i, q->heap[(i - 1) / 2]);
    for (size_t child; (child = 2 * i + 1) < q->heap_n; i = child) {
        if (child + 1 < q->heap_n && q->heap[child + 1]->due < q->heap[child]->due) child++;
        if (q->heap[child]->due >= k->due) break;
        heap_put(q, i, q->heap[child]);
    }
    heap_put(q, i, k);
}

static void heap_remove(struct queue *q, struct queue_key *k) {
    if (k->heap_at == 0) return;
    size_t i = k->heap_at - 1;
    struct queue_key *last = q->heap[--q->heap_n];
    k->heap_at = 0;
    if (last == k) return;
    heap_put(q, i, last);
    heap_fix(q, i);
}

/* ---- the queue ------------------------------------------------------------------------------------------ */

void queue_add(struct queue *q, struct queue_key *k, bool low) {
    k->dirty = true;
    if (k->queued || k->running || k->held) return;
    heap_remove(q, k);
    k->queued = true;
    fifo_push(low ? &q->low : &q->live, k);
}

void queue_delay(struct queue *q, struct queue_key *k, int64_t due) {
    if (k->queued) return;
    if (k->heap_at != 0) {
        if (due >= k->due) return;
        k->due = due;
        heap_fix(q, k->heap_at - 1);
        return;
    }
    if (q->heap_n == q->heap_cap) {
        q->heap_cap = q->heap_cap == 0 ? 64 : q->heap_cap * 2;
        q->heap = rv_realloc_array(q->heap, q->heap_cap, sizeof(struct queue_key *));
    }
    k->due = due;
    heap_put(q, q->heap_n++, k);
    heap_fix(q, q->heap_n - 1);
}

struct queue_key *queue_next(struct queue *q, int64_t now) {
    while (q->heap_n > 0 && q->heap[0]->due <= now) {
        struct queue_key *k = q->heap[0];
        heap_remove(q, k);
        queue_add(q, k, false);
    }
    struct queue_key *k = fifo_pop(&q->live);
    if (k == NULL) k = fifo_pop(&q->low);
    if (k == NULL) return NULL;
    k->queued = k->dirty = false;
    k->running = true;
    q->running++;
    return k;
}

void queue_continue(struct queue *q, struct queue_key *k) {
    if (!k->running || k->queued) return;
    k->running = false;
    q->running--;
    queue_add(q, k, false);
}

void queue_done(struct queue *q, struct queue_key *k) {
    k->running = false;
    q->running--;
    if (k->dirty) queue_add(q, k, false);
}

void queue_forget(struct queue *q, struct queue_key *k) {
    heap_remove(q, k);
    if (k->queued) {
        fifo_remove(&q->live, k);
        fifo_remove(&q->low, k);
    }
    if (k->running) q->running--;
    hash_table_remove(&q->keys, &k->link);
    key_free(k);
}

void queue_hold(struct queue *q, struct queue_key *k, bool hold) {
    if (k->held == hold) return;
    k->held = hold;
    if (!hold) {
        k->failures = 0;
        queue_add(q, k, false);
        return;
    }
    heap_remove(q, k);
    if (!k->queued) return;
    fifo_remove(&q->live, k);
    fifo_remove(&q->low, k);
    k->queued = false;
}

int64_t queue_deadline(const struct queue *q) {
    if (q->live.n + q->low.n > 0) return 0;
    return q->heap_n > 0 ? q->heap[0]->due : INT64_MAX;
}

int64_t queue_backoff_ms(uint32_t failures, uint64_t r) {
    if (failures == 0) return 0;
    static const struct backoff_pause pause = {
        .first = QUEUE_BACKOFF_MIN_MS, .most = QUEUE_BACKOFF_MAX_MS, .below = 20};
    return backoff_pause(pause, failures, r);
}

struct queue_stats queue_stats(const struct queue *q) {
    return (struct queue_stats){q->keys.n, q->live.n + q->low.n, q->heap_n, q->running};
}
