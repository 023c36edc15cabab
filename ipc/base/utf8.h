/* utf8.h - UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * Text from outside is made fit for messages and logs here: msgpack strings and JSON must be UTF-8, and a text that is
 * cut must not be cut inside a character. */
#ifndef RV_IPC_BASE_UTF8_H
#define RV_IPC_BASE_UTF8_H

#include "rayvisor/base.h"

/* Bytes of the well-formed sequence at the start of s; 0 when there is none. */
size_t rv_utf8_sequence(struct rv_str s);
/* The code point at the start of s, which is not empty, and its length; -1 and 1 when there is none. */
int32_t rv_utf8_decode(struct rv_str s, size_t *ret_length);
bool rv_utf8_valid(struct rv_str s);
/* At most max bytes of s, ending at a character's end and before the first malformed byte. */
struct rv_str rv_utf8_clip(struct rv_str s, size_t max);

#endif
