/* fuzz_zmtp.c - ZMTP bytes of a hostile host. The first byte says in how many pieces they come, the next three the
 * bounds. Cutting them into pieces makes no difference. Accepted bytes are within the bounds, which this file counts in
 * another way than zmtp_proxy.c. */
#include "ipc/protocol/zmtp_proxy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD = 4, GREETING = 64 };

static void must(bool ok) {
    if (!ok) abort();
}

static int read_in(const struct zmtp_bounds *b, const uint8_t *p, size_t n, size_t step) {
    struct zmtp_reader r = {0};
    struct rv_error err = {0};
    int code = 0;
    for (size_t at = 0; at < n && code == 0; at += step) {
        code = zmtp_read(&r, b, p + at, n - at < step ? n - at : step, &err);
        must(code == 0 || (code == RV_E_PROTOCOL && err.text[0] != 0));
        must(code != 0 || (r.left <= b->frame && r.frames <= b->frames && r.commands <= b->commands));
    }
    return code;
}

/* Counts the accepted bytes, frame by frame. */
static void count(const struct zmtp_bounds *b, const uint8_t *p, size_t n) {
    size_t frames = 0;
    uint64_t commands = 0;
    for (size_t at = GREETING; at < n;) {
        uint8_t flags = p[at];
        size_t head = (flags & 2) != 0 ? 9 : 2;
        if (n - at < head) return;
        uint64_t bytes = 0;
        for (size_t i = 1; i < head; i++) bytes = bytes << 8 | p[at + i];
        must((flags & ~7) == 0 && bytes <= b->frame);
        if ((flags & 4) != 0)
            must(++commands <= b->commands);
        else
            must(++frames <= b->frames);
        if ((flags & 5) == 0) frames = 0;
        if (bytes > n - at - head) return;
        at += head + (size_t)bytes;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEAD || size > 20000) return 0;
    const struct zmtp_bounds b = {data[1] % 8, (uint64_t)data[2] * 8, data[3] % 4};
    const uint8_t *p = data + HEAD;
    size_t n = size - HEAD;
    int whole = read_in(&b, p, n, n != 0 ? n : 1);
    must(read_in(&b, p, n, 1) == whole && read_in(&b, p, n, 1 + (size_t)data[0]) == whole);
    if (whole == 0 && n > GREETING) count(&b, p, n);
    return 0;
}
