/* wire.h - a connection to the dashboard, with or without TLS (Mbed TLS), with a time limit on every step. It blocks,
 * because the program does one thing at a time. */
#ifndef SUBMITTER_WIRE_H
#define SUBMITTER_WIRE_H

#include <sys/types.h>

#include "options.h"

struct wire;
/* Returns NULL and sets err on failure. `o` is borrowed. */
struct wire *wire_open(const struct options *o, uint32_t timeout_ms, struct rv_error *err);
struct wire *wire_close(struct wire *w);
void wire_timeout(struct wire *w, uint32_t ms);
int wire_write(struct wire *w, const void *p, size_t n, struct rv_error *err);
/* Returns the number of bytes, 0 at the end, RV_E_TIMEOUT or RV_E_UNAVAILABLE. A signal that ends the program also ends
 * this call. */
ssize_t wire_read(struct wire *w, void *p, size_t n, struct rv_error *err);

#endif
