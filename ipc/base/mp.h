/* mp.h - the msgpack format at the level of bytes, for the files of this folder. Internal.
 *
 * mp_head() decodes the head of one element: its type, its scalar or its count, and the length of the head in bytes.
 * mp_size() is a fast skip, and every lookup uses it. mp_keys_* collect the keys of maps that are still open. The
 * msgpack checker and the JSON reader both find duplicate keys with them. */
#ifndef RV_IPC_BASE_MP_H
#define RV_IPC_BASE_MP_H

#include "rayvisor/value.h"

struct mp_head {
    enum rv_type type;
    size_t head;  /* bytes of the head itself */
    size_t body;  /* bytes of payload after the head (strings and bin) */
    size_t count; /* elements of an array, entries of a map */
    union {
        int64_t i;
        uint64_t u;
        double f;
        bool b;
    };
};

/* Decodes the head at p, where n bytes are left. Returns 0, RV_E_PARSE (truncated or reserved byte) or -EPROTONOSUPPORT
 * (extension type). A return of 0 guarantees that the head is complete. The payload may still be truncated. */
int mp_head(const uint8_t *p, size_t n, struct mp_head *ret);

/* The length of the whole value at p in bytes. Returns 0 if it does not fit into n. Does not recurse. */
size_t mp_size(const uint8_t *p, size_t n);

/* A key, as its position in the buffer. The buffer itself may move. */
struct mp_key {
    size_t at;
    uint32_t n, tag;
};

/* A stack of keys. An open map pushes its keys and pops them when it closes. {0} is empty. */
struct mp_keys {
    struct mp_key *v;
    size_t n, cap;
};
void mp_keys_push(struct mp_keys *keys, const uint8_t *base, size_t at, size_t n);
/* Returns true if the keys from index `from` on are all different, and pops them. It needs n log n comparisons at
 * most. */
bool mp_keys_pop_unique(struct mp_keys *keys, size_t from, const uint8_t *base);
void mp_keys_free(struct mp_keys *keys);

#endif
