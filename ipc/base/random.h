/* random.h - random bytes from the kernel, for tokens, serial numbers and names. A plugin never uses them. Its random
 * numbers come from a seed that is recorded with its other inputs. */
#ifndef RV_IPC_BASE_RANDOM_H
#define RV_IPC_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Fills `out`. Aborts the process if the kernel has no random bytes, because nothing may continue with bytes that can
 * be guessed. */
void random_bytes(void *out, size_t n);
/* A random number, for jitter. */
uint32_t random_u32(void);

#endif
