/* mp.h - the msgpack format at byte level, for the files of this folder. Internal.
 *
 * mp_head() decodes one element's head: its type, its scalar or its count, and how many bytes the head takes.
 * mp_size() is the fast skip that lookups live on. mp_keys_* collect the keys of maps that are still open, so that
 * the msgpack checker and the JSON reader find duplicates the same way. */
#ifndef RV_IPC_BASE_MP_H
#define RV_IPC_BASE_MP_H

#include "rayvisor/value.h"

struct mp_head {
    enum rv_type type;
    size_t head;  /* bytes of the head itself */
    size_t body;  /* bytes of payload behind it (strings, bin) */
    size_t count; /* elements of an array, entries of a map */
    union {
        int64_t i;
        uint64_t u;
        double f;
        bool b;
    };
};

/* Decodes the head at p with n bytes left. 0, RV_E_PARSE (truncated, reserved byte) or -EPROTONOSUPPORT (extension
 * type). Only the head's own bytes are guaranteed to be there, not the payload. */
int mp_head(const uint8_t *p, size_t n, struct mp_head *ret);

/* Bytes of the whole value at p; 0 when it does not fit into n. Iterative. */
size_t mp_size(const uint8_t *p, size_t n);

/* One key, by its place in the bytes that hold it (which may move as a whole). */
struct mp_key {
    size_t at;
    uint32_t n, tag;
};

/* A stack of keys: maps that are open push theirs, and pop them when they close. {0} is empty. */
struct mp_keys {
    struct mp_key *v;
    size_t n, cap;
};
void mp_keys_push(struct mp_keys *keys, const uint8_t *base, size_t at, size_t n);
/* Are the keys from index `from` on all different? Pops them. At most n log n comparisons. */
bool mp_keys_pop_unique(struct mp_keys *keys, size_t from, const uint8_t *base);
void mp_keys_free(struct mp_keys *keys);

#endif
