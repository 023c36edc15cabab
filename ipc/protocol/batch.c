/* batch.c - see batch.h. */
#include "batch.h"

enum { PARTS = 3, HEAD = 5 }; /* HEAD is the length of an array 32 head, whose count can be raised in place */

static void count_one_more(struct rv_buf *b) {
    uint32_t n = 0;
    for (int i = 1; i < HEAD; i++) n = n << 8 | b->p[i];
    n += PARTS;
    for (int i = HEAD - 1; i >= 1; i--, n >>= 8) b->p[i] = (uint8_t)n;
}

void batch_add(struct rv_buf *batch, struct rv_bytes header, struct rv_bytes body, const struct rv_bytes *payload) {
    if (batch->n == 0) rv_buf_add(batch, "\xdd\0\0\0\0", HEAD);
    count_one_more(batch);
    rv_mp_bin(batch, header);
    rv_mp_bin(batch, body);
    if (payload != NULL)
        rv_mp_bin(batch, *payload);
    else
        rv_mp_nil(batch);
}

/* Checks the whole batch before any message of it is used. */
int batch_iter(struct rv_bytes frame, struct rv_bytes behind, struct batch_iter *ret, struct rv_error *err) {
    struct rv_error why = {0};
    struct rv_val v = {frame.p, frame.n};
    if (rv_mp_check(frame, &why) != 0) return rv_error_set(err, RV_E_PROTOCOL, "batch: %s", why.text);
    size_t n = rv_val_len(v), i = 0;
    if (rv_val_type(v) != RV_ARRAY || n == 0 || n % PARTS != 0)
        return rv_error_set(err, RV_E_PROTOCOL, "a batch is an array of header, body and payload for each message");
    bool wants = false;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it); i++) {
        wants = rv_val_type(it.val) == RV_NULL && i == n - 1;
        if (rv_val_type(it.val) != RV_BIN && !wants)
            return rv_error_set(err, RV_E_PROTOCOL, "batch: element %zu is a %s, not bin", i,
                                rv_type_name(rv_val_type(it.val)));
    }
    if (wants != (behind.p != NULL))
        return rv_error_set(err, RV_E_PROTOCOL,
                            wants ? "the last payload of a batch is missing: fewer frames than it says"
                                  : "more frames than the batch says");
    *ret = (struct batch_iter){.it = rv_iter(v), .behind = behind};
    return 0;
}

bool batch_next(struct batch_iter *b) {
    struct rv_bytes *const parts[PARTS] = {&b->header, &b->body, &b->payload};
    for (size_t i = 0; i < PARTS; i++) {
        if (!rv_iter_next(&b->it)) return false;
        *parts[i] = rv_val_type(b->it.val) == RV_NULL ? b->behind : rv_val_bin(b->it.val);
    }
    return true;
}
