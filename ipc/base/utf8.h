/* utf8.h - UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * These functions check and cut text from outside. Messages and JSON may contain only UTF-8. A text that is cut must
 * not be cut inside a character. */
#ifndef RV_IPC_BASE_UTF8_H
#define RV_IPC_BASE_UTF8_H

#include "rayvisor/base.h"

/* The length in bytes of the well-formed sequence at the start of s. 0 if there is none. */
size_t utf8_sequence(struct rv_str s);
/* The code point at the start of s, and its length in bytes. s must not be empty. Returns -1 and length 1 if there is
 * no well-formed sequence. */
int32_t utf8_decode(struct rv_str s, size_t *ret_length);
bool utf8_valid(struct rv_str s);
/* A prefix of s of at most max bytes. It ends at the end of a character and before the first malformed byte. */
struct rv_str utf8_clip(struct rv_str s, size_t max);

#endif
