/* text.h - the two quotings of the contract: shell words and JSON. Programs in users' images read them, so the bytes
 * are those of the reference operator. */
#ifndef RAYJOB_TEXT_H
#define RAYJOB_TEXT_H

#include "rayvisor/value.h"

/* Double-quoted with the escapes of the contract (spec 4.5): `$`, backtick and `!` stay for the shell. */
void rj_quote(struct rv_buf *out, struct rv_str s);
/* Compact JSON, keys sorted, `<`, `>` and `&` as \u003c...: byte for byte what the reference writes. */
void rj_json(struct rv_buf *out, struct rv_val v);

#endif
