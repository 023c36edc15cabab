/* utf8.h - text from outside made fit for messages and logs: msgpack strings and JSON lines must be UTF-8, and a text
 * that is cut must not be cut inside a character. */
#ifndef RV_IPC_BASE_UTF8_H
#define RV_IPC_BASE_UTF8_H

#include "rayvisor/base.h"

/* Bytes of the well-formed UTF-8 sequence at the start of s; 0 when there is none. */
size_t rv_utf8_sequence(struct rv_str s);
bool rv_utf8_valid(struct rv_str s);
/* At most max bytes of s, ending at a character's end and before the first malformed byte. */
struct rv_str rv_utf8_clip(struct rv_str s, size_t max);

#endif
