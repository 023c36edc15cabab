/* mp.h - the msgpack format at byte level, for the files of this folder. Internal.
 *
 * mp_head() decodes one element's head: its type, its scalar or its count, and how many bytes the head takes.
 * Everything else (checking, walking, skipping) is built on it. */
#ifndef SDK_MP_H
#define SDK_MP_H

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

/* Decodes the head at p with n bytes left. 0; -RV_E_PARSE (truncated, reserved byte) or an extension type. Only the
 * head's own bytes are guaranteed to be there, not the payload. */
int mp_head(const uint8_t *p, size_t n, struct mp_head *ret);

/* Bytes of the whole value at p (checked input); 0 when it does not fit into n. Iterative. */
size_t mp_size(const uint8_t *p, size_t n);

#endif
