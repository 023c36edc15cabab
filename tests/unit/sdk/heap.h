/* heap.h - how much memory is allocated, for tests of what is given back. Without glibc's allocator it is always 0;
 * then the leak checker of the sanitizer looks. */
#ifndef TESTS_SDK_HEAP_H
#define TESTS_SDK_HEAP_H

#include <malloc.h>
#include <stddef.h>

static inline size_t heap_in_use(void) {
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd; /* small blocks and mapped ones */
}

#endif
