/* random.c - see random.h. */
#include "random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *out, size_t n) {
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else if (errno != EINTR) {
            fputs("rayvisor: the kernel gives no random bytes\n", stderr);
            abort();
        }
    }
}

uint32_t random_u32(void) {
    uint32_t r;
    random_bytes(&r, sizeof r);
    return r;
}
