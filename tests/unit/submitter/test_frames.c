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
                {"the last opcode for data", {0x87, 0x00}, 2},
                {"the last control", {0x8f, 0x00}, 2},
                {"long ping", {0x89, 126, 0, 126}, 4},
                {"long close", {0x88, 126, 0, 126}, 4},
                {"ping in fragments", {0x09, 0x00}, 2},
                {"close in fragments", {0x08, 0x00}, 2},
                {"negative length", {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct frames f = {0};
        struct seen s = {0};
        CHECK_ROW(frames_feed(&f, rows[i].bytes, rows[i].n, note, &s) == RV_E_PARSE, rows[i].what);
        seen_free(&s);
    }
}

/* The longest control frames, and a pong, which nobody is told of. */
static void test_control(void) {
    rv_autobuf struct rv_buf b = {0};
    char text[125];
    struct frames f = {0};
    struct seen s = {0};
    memset(text, 'c', sizeof text);
    add_frame(&b, 0x89, text, sizeof text);
    add_frame(&b, 0x8a, text, sizeof text);
    add_frame(&b, 0x88, text, sizeof text);
    CU_ASSERT_EQUAL(frames_feed(&f, b.p, b.n, note, &s), 0);
    CU_ASSERT_TRUE(s.ping.n == 125 && s.close.n == 125 && s.closes == 1 && s.data.n == 0);
    seen_free(&s);
}

/* A length is read from all of its bytes, and messages of many fragments go on. */
static void test_lengths(void) {
    static const struct {
        const char *what;
        uint8_t head[10];
        size_t head_n;
        uint64_t left;
    } rows[] = {{"125", {0x82, 125}, 2, 125},
                {"two bytes", {0x82, 126, 0x12, 0x34}, 4, 0x1234},
                {"eight bytes", {0x82, 127, 0x7f, 1, 2, 3, 4, 5, 6, 7}, 10, UINT64_C(0x7f01020304050607)},
                {"a fragment that goes on", {0x00, 1}, 2, 1}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct frames f = {0};
        struct seen s = {0};
        CHECK_ROW(frames_feed(&f, rows[i].head, rows[i].head_n - 1, note, &s) == 0 && !f.in_payload, rows[i].what);
        CHECK_ROW(frames_feed(&f, rows[i].head + rows[i].head_n - 1, 1, note, &s) == 0, rows[i].what);
        CHECK_ROW(f.in_payload && f.left == rows[i].left, rows[i].what);
        seen_free(&s);
    }
}

static void test_write(void) {
    static const uint8_t want[] = {0x8a, 0x83, 1, 2, 3, 4, 'a' ^ 1, 'b' ^ 2, 'c' ^ 3}, mask[] = {1, 2, 3, 4};
    rv_autobuf struct rv_buf b = {0};
    frames_write(&b, FRAMES_OP_PONG, (const uint8_t *)"abc", 3, mask);
    CU_ASSERT_TRUE(b.n == sizeof want && memcmp(b.p, want, sizeof want) == 0);
    for (size_t n = 124; n <= 126; n++) { /* what is longer than a control frame is cut */
        uint8_t text[126] = {0};
        rv_buf_clear(&b);
        frames_write(&b, FRAMES_OP_PONG, text, n, mask);
        CU_ASSERT_EQUAL(b.n, 2 + sizeof mask + (n > 125 ? 125 : n));
    }
}

static const struct suite_test tests[] = {{"in pieces", test_pieces},
                                          {"refused", test_refused},
                                          {"control", test_control},
                                          {"lengths", test_lengths},
                                          {"ours", test_write}};
SUITE_MAIN("frames", tests)
