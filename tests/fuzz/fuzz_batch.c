/* fuzz_batch.c - the frames of a hostile peer. Byte 0: how many of the last bytes are the frame behind the batch (0:
 * there is none). What is accepted has its parts within the frames and survives being put together again. */
#include "ipc/protocol/batch.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct rv_bytes part, struct rv_bytes a, struct rv_bytes b) {
    bool in_a = part.p >= a.p && part.p + part.n <= a.p + a.n,
         in_b = b.p != NULL && part.p >= b.p && part.p + part.n <= b.p + b.n;
    if (part.n != 0 && !in_a && !in_b) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t last = data[0] < size - 1 ? data[0] : size - 1;
    struct rv_bytes frame = {data + 1, size - 1 - last}, behind = {last != 0 ? data + size - last : NULL, last};
    struct batch_iter it, again;
    struct rv_error err = {0};
    int r = batch_iter(frame, behind, &it, &err);
    if (r != 0) {
        if (err.code != r || err.text[0] == 0) abort();
        return 0;
    }
    rv_autobuf struct rv_buf copy = {0};
    size_t n = 0;
    while (batch_next(&it)) {
        within(it.header, frame, behind);
        within(it.body, frame, behind);
        within(it.payload, frame, behind);
        batch_add(&copy, it.header, it.body, &it.payload);
        n++;
    }
    if (n == 0 || batch_iter(rv_buf_bytes(&copy), (struct rv_bytes){NULL, 0}, &again, NULL) != 0) abort();
    while (batch_next(&again)) n--;
    if (n != 0) abort();
    return 0;
}
