/* frames.c - see frames.h. */
#include "frames.h"

enum {
    OP_CONTINUATION = 0,
    OP_TEXT = 1,
    OP_BINARY = 2,
    OP_PING = 9,
    CONTROL = 8,
    FIN = 0x80,
    RESERVED = 0x70,
    MASKED = 0x80
};

/* How many bytes the head has, as far as the bytes so far show. */
static size_t head_length(const struct frames *f) {
    if (f->head_n < 2) return 2;
    uint8_t n = f->head[1] & 0x7f;
    return n < 126 ? 2 : n == 126 ? 4 : 10;
}

static int open_payload(struct frames *f) {
    size_t bytes = head_length(f) - 2;
    f->op = f->head[0] & 0x0f;
    f->left = bytes == 0 ? f->head[1] & 0x7f : 0;
    for (size_t i = 0; i < bytes; i++) f->left = f->left << 8 | f->head[2 + i];
    bool control = f->op >= CONTROL, known = f->op <= OP_BINARY || (f->op >= CONTROL && f->op <= FRAMES_OP_PONG);
    if ((f->head[0] & RESERVED) != 0 || (f->head[1] & MASKED) != 0 || !known) return RV_E_PARSE;
    if (control && (f->left > sizeof f->control || (f->head[0] & FIN) == 0)) return RV_E_PARSE;
    if (f->left >> 63 != 0) return RV_E_PARSE;
    f->in_payload = true;
    f->control_n = 0;
    return 0;
}

static void close_payload(struct frames *f, frames_fn fn, void *arg) {
    f->in_payload = false;
    f->head_n = 0;
    if (f->op == OP_PING) fn(arg, FRAMES_PING, f->control, f->control_n);
    if (f->op == FRAMES_OP_CLOSE) fn(arg, FRAMES_CLOSE, f->control, f->control_n);
}

static size_t take_payload(struct frames *f, const uint8_t *p, size_t n, frames_fn fn, void *arg) {
    size_t take = n < f->left ? n : (size_t)f->left;
    if (f->op < CONTROL && take > 0) fn(arg, FRAMES_DATA, p, take);
    if (f->op >= CONTROL) {
        memcpy(f->control + f->control_n, p, take);
        f->control_n += take;
    }
    f->left -= take;
    return take;
}

int frames_feed(struct frames *f, const uint8_t *p, size_t n, frames_fn fn, void *arg) {
    for (size_t at = 0; at < n || (f->in_payload && f->left == 0);) {
        if (f->in_payload) {
            at += take_payload(f, p + at, n - at, fn, arg);
            if (f->left == 0) close_payload(f, fn, arg);
            continue;
        }
        f->head[f->head_n++] = p[at++];
        if (f->head_n < 2 || f->head_n < head_length(f)) continue;
        int r = open_payload(f);
        if (r != 0) return r;
    }
    return 0;
}

void frames_write(struct rv_buf *out, uint8_t op, const uint8_t *p, size_t n, const uint8_t mask[4]) {
    if (n > 125) n = 125; /* a client of logs sends only control frames */
    rv_buf_addc(out, FIN | op);
    rv_buf_addc(out, (uint8_t)(MASKED | n));
    rv_buf_add(out, mask, 4);
    for (size_t i = 0; i < n; i++) rv_buf_addc(out, p[i] ^ mask[i % 4]);
}
