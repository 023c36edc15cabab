/* fuzz_frames.c - a WebSocket stream has the same result as a whole and byte by byte. */
#include "plugins/rayjob/submitter/frames.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void note(void *arg, enum frames_event e, const uint8_t *p, size_t n) {
    struct rv_buf *b = arg;
    if (e != FRAMES_DATA) rv_buf_addc(b, (uint8_t)e);
    rv_buf_add(b, p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct frames whole = {0}, bytes = {0};
    rv_autobuf struct rv_buf a = {0}, b = {0};
    int r = frames_feed(&whole, data, size, note, &a), q = 0;
    for (size_t i = 0; i < size && q == 0; i++) q = frames_feed(&bytes, data + i, 1, note, &b);
    if (r != q || !rv_str_eq(rv_buf_str(&a), rv_buf_str(&b))) abort();
    return 0;
}
