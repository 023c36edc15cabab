/* escapes.h - checks the \u escapes of JSON text that arrives in chunks. Internal.
 *
 * yajl decodes a lone surrogate to '?' or to bytes that are not UTF-8. It also joins a high surrogate with whatever
 * escape comes next. This check sees the raw text and refuses these cases. All other checks of escapes are left to
 * yajl. */
#ifndef RV_IPC_BASE_ESCAPES_H
#define RV_IPC_BASE_ESCAPES_H

#include "rayvisor/base.h"

struct escapes { /* {0} is the state at the start of a document */
    enum { ESCAPES_TEXT, ESCAPES_BACKSLASH, ESCAPES_HEX } state;
    bool high; /* the low half of a surrogate pair must come next */
    unsigned digits, code;
};

/* Checks the next n bytes. Returns false if they contain a surrogate without its other half. */
bool escapes_feed(struct escapes *e, const uint8_t *p, size_t n);

#endif
