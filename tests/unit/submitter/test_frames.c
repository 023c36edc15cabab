/* test_frames.c - WebSocket frames in whatever pieces they come, and those that no server may send. */
#include "plugins/rayjob/submitter/frames.h"
#include "tests/unit/sdk/suite.h"

struct seen {
    struct rv_buf data, ping, close;
    int closes;
};

static void note(void *arg, enum frames_event e, const uint8_t *p, size_t n) {
    struct seen *s = arg;
    rv_buf_add(e == FRAMES_DATA ? &s->data : e == FRAMES_PING ? &s->ping : &s->close, p, n);
    s->closes += e == FRAMES_CLOSE;
}

static void seen_free(struct seen *s) {
    rv_buf_free(&s->data);
    rv_buf_free(&s->ping);
    rv_buf_free(&s->close);
}

static void add_frame(struct rv_buf *b, uint8_t first, const char *text, size_t n) {
    rv_buf_addc(b, first);
    if (n < 126) {
        rv_buf_addc(b, (uint8_t)n);
    } else if (n < 65536) {
        const uint8_t head[] = {126, (uint8_t)(n >> 8), (uint8_t)n};
        rv_buf_add(b, head, sizeof head);
    } else {
        const uint8_t head[] = {127, 0, 0, 0, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        rv_buf_add(b, head, sizeof head);
    }
    rv_buf_add(b, text, n);
}

/* The same bytes in pieces of every size give the same. */
static void test_pieces(void) {
    static char big[70000];
    rv_autobuf struct rv_buf b = {0};
    memset(big, 'x', sizeof big);
    add_frame(&b, 0x81, "one ", 4);
    add_frame(&b, 0x01, "two", 3); /* in two fragments, with a ping between them */
    add_frame(&b, 0x89, "ping", 4);
    add_frame(&b, 0x80, " three", 6);
    add_frame(&b, 0x82, "", 0);
    add_frame(&b, 0x81, big, 300);
    add_frame(&b, 0x81, big, sizeof big);
    add_frame(&b, 0x88, "\x03\xe8", 2);
    for (size_t piece = 1; piece < b.n; piece = piece < 20 ? piece + 1 : piece * 3) {
        struct frames f = {0};
        struct seen s = {0};
        int r = 0;
        for (size_t at = 0; at < b.n && r == 0; at += piece)
            r = frames_feed(&f, b.p + at, b.n - at < piece ? b.n - at : piece, note, &s);
        CU_ASSERT_EQUAL(r, 0);
        CU_ASSERT_EQUAL(s.data.n, 4 + 3 + 6 + 300 + sizeof big);
        CU_ASSERT_EQUAL(memcmp(s.data.p, "one two threexxx", 16), 0);
        CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&s.ping), "ping") && s.closes == 1 && s.close.n == 2);
        seen_free(&s);
    }
}

static void test_refused(void) {
    static const struct {
        const char *what;
        uint8_t bytes[12];
        size_t n;
    } rows[] = {{"masked", {0x81, 0x81}, 2},
                {"reserved bit", {0xc1, 0x00}, 2},
                {"unknown opcode", {0x83, 0x00}, 2},
                {"unknown control", {0x8b, 0x00}, 2},
                {"long ping", {0x89, 126, 1, 0}, 4},
                {"ping in fragments", {0x09, 0x00}, 2},
                {"negative length", {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct frames f = {0};
        struct seen s = {0};
        CHECK_ROW(frames_feed(&f, rows[i].bytes, rows[i].n, note, &s) == RV_E_PARSE, rows[i].what);
        seen_free(&s);
    }
}

static void test_write(void) {
    static const uint8_t want[] = {0x8a, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3}, mask[] = {1, 2, 3, 4};
    rv_autobuf struct rv_buf b = {0};
    frames_write(&b, FRAMES_OP_PONG, (const uint8_t *)"abc", 3, mask);
    CU_ASSERT_TRUE(b.n == sizeof want && memcmp(b.p, want, sizeof want) == 0);
}

static const struct suite_test tests[] = {{"in pieces", test_pieces}, {"refused", test_refused}, {"ours", test_write}};
SUITE_MAIN("frames", tests)
