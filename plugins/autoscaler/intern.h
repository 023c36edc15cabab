/* intern.h - equal byte strings become one small number: names of resources and labels, shapes of requests, faces of
 * nodes.
 *
 * Numbers count up from 0 in the order of first sight, and index arrays: that is what the table of ipc/base does not
 * give. Everything lives in the arena. The hash is not the shared FNV: faces are hundreds of bytes, taken by words.
 */
#ifndef AUTOSCALER_INTERN_H
#define AUTOSCALER_INTERN_H

#include "rayvisor/base.h"

#define INTERN_NONE UINT32_MAX

struct intern {
    struct rv_arena *arena;
    struct rv_bytes *keys; /* by number; 16-byte aligned copies */
    uint64_t *hashes;
    uint32_t *slots; /* open addressing: number + 1, 0 for empty */
    uint32_t n, cap, n_slots;
};

static inline struct intern intern_new(struct rv_arena *a) { return (struct intern){.arena = a}; }
/* The number of these bytes, made if there was none. */
uint32_t intern_put(struct intern *t, struct rv_bytes key, bool *ret_new);
uint32_t intern_find(const struct intern *t, struct rv_bytes key); /* INTERN_NONE when absent */

static inline struct rv_bytes intern_text(struct rv_str s) { return (struct rv_bytes){(const uint8_t *)s.p, s.n}; }
static inline struct rv_str intern_name(const struct intern *t, uint32_t number) {
    return (struct rv_str){(const char *)t->keys[number].p, t->keys[number].n};
}

/* An array in an arena that doubles: returns where it is now. */
void *intern_grow(struct rv_arena *a, void *p, uint32_t n, uint32_t *cap, size_t size);

#endif
