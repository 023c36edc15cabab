/* escapes.h - watches the \u escapes of JSON text that passes in chunks. Internal.
 *
 * yajl decodes a lone surrogate to bytes that are not UTF-8 or to '?', and joins a high surrogate with whatever escape
 * comes next. This sees the raw text and refuses all three. Everything else about escapes is yajl's. */
#ifndef RV_IPC_BASE_ESCAPES_H
#define RV_IPC_BASE_ESCAPES_H

#include "rayvisor/base.h"

struct escapes { /* {0} at the start of a document */
    enum { ESCAPES_TEXT, ESCAPES_BACKSLASH, ESCAPES_HEX } state;
    bool high; /* the low half of a pair must come next */
    unsigned digits, code;
};

/* False when a surrogate without its other half was found. */
bool escapes_feed(struct escapes *e, const uint8_t *p, size_t n);

#endif
