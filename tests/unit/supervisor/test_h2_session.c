/* The framing of HTTP/2 requests: what a server's frames, good and malformed, make of a request. */
#include "supervisor/requests/h2_session.h"
#include "supervisor/requests/h2_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/sanitizer.h"
#include "tests/unit/sdk/heap.h"
#include "tests/unit/sdk/suite.h"

enum { DATA, HEADERS, RST = 3, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, WHOLE = END_STREAM | END_HEADERS };

struct frame {
    uint8_t type, flags;
    uint32_t id;
    const char *payload;
    size_t n;
};
#define P(text) (text), sizeof(text) - 1
#define STATUS_200 "\x88"
#define GRPC_STATUS(v) "\x00\x0bgrpc-status\x01" v
#define HELLO                                                                                                          \
    { SETTINGS, 0, 0, P("") }

static void add_frame(struct rv_buf *b, const struct frame *f) {
    const uint8_t head[9] = {
        (uint8_t)(f->n >> 16),  (uint8_t)(f->n >> 8),   (uint8_t)f->n,         f->type,       f->flags,
        (uint8_t)(f->id >> 24), (uint8_t)(f->id >> 16), (uint8_t)(f->id >> 8), (uint8_t)f->id};
    rv_buf_add(b, head, sizeof head);
    rv_buf_add(b, f->payload, f->n);
}

static const struct h2_request request = {.method = {"POST", 4},
                                          .scheme = {"http", 4},
                                          .authority = {"head:6379", 9},
                                          .path = {"/a.B/C", 6},
                                          .content_type = {"application/grpc", 16},
                                          .body = {(const uint8_t *)"\0\0\0\0\0", 5},
                                          .max_bytes = 16};

/* What the client sends; also brings what it has to say to the point where it says it. */
static void pump(struct h2_session *s, struct rv_buf *sent) {
    rv_autobuf struct rv_buf out = {0};
    h2_session_output(s, sent != NULL ? sent : &out, SIZE_MAX);
}

static void receive(struct h2_session *s, const struct frame *f, size_t n, size_t step) {
    rv_autobuf struct rv_buf b = {0};
    for (size_t i = 0; i < n; i++)
        if (f[i].payload != NULL) add_frame(&b, &f[i]);
    for (size_t at = 0; at < b.n; at += step)
        h2_session_receive(s, (struct rv_bytes){b.p + at, b.n - at < step ? b.n - at : step});
}

static const struct {
    const char *row;
    struct frame frames[6];
    enum h2_end end;
    unsigned status;
    const char *body, *trailers, *why;
} rows[] = {
    {"an answer with trailers",
     {HELLO,
      {HEADERS, END_HEADERS, 1, P(STATUS_200)},
      {DATA, 0, 1, P("hello")},
      {HEADERS, WHOLE, 1, P(GRPC_STATUS("0"))}},
     H2_ANSWERED,
     200,
     "hello",
     "{\"grpc-status\":\"0\"}",
     NULL},
    {"no body",
     {HELLO, {HEADERS, WHOLE, 1, P(STATUS_200 GRPC_STATUS("5"))}},
     H2_ANSWERED,
     200,
     "",
     "{\"grpc-status\":\"5\"}",
     NULL},
    {"a trailer counts before a header of the same name",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200 GRPC_STATUS("5"))}, {HEADERS, WHOLE, 1, P(GRPC_STATUS("7"))}},
     H2_ANSWERED,
     200,
     "",
     "{\"grpc-status\":\"7\"}",
     NULL},
    {"other headers are left out",
     {HELLO, {HEADERS, WHOLE, 1, P(STATUS_200 "\x00\x01x\x01y")}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"not found", {HELLO, {HEADERS, WHOLE, 1, P("\x8d")}}, H2_ANSWERED, 404, "", "", NULL},
    {"an interim answer first",
     {HELLO,
      {HEADERS, END_HEADERS, 1,
       P("\x08\x03"
         "103")},
      {HEADERS, END_HEADERS, 1, P(STATUS_200)},
      {DATA, END_STREAM, 1, P("x")}},
     H2_ANSWERED,
     200,
     "x",
     "",
     NULL},
    {"padding",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {DATA, END_STREAM | 8, 1, P("\x02hi\0\0")}},
     H2_ANSWERED,
     200,
     "hi",
     "",
     NULL},
    {"headers in two frames",
     {HELLO, {HEADERS, END_STREAM, 1, P("")}, {CONTINUATION, END_HEADERS, 1, P(STATUS_200)}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"a setting that nobody knows",
     {{SETTINGS, 0, 0, P("\xff\xff\0\0\0\1")}, {HEADERS, WHOLE, 1, P(STATUS_200)}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"a frame that nobody knows",
     {HELLO, {99, 0, 0, P("abc")}, {HEADERS, WHOLE, 1, P(STATUS_200)}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"just not too big",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {DATA, END_STREAM, 1, P("0123456789abcdef")}},
     H2_ANSWERED,
     200,
     "0123456789abcdef",
     "",
     NULL},
    {"too big",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {DATA, 0, 1, P("0123456789abcdefg")}},
     H2_TOO_BIG,
     200,
     "",
     "",
     "larger"},
    {"too big in two",
     {HELLO,
      {HEADERS, END_HEADERS, 1, P(STATUS_200)},
      {DATA, 0, 1, P("0123456789abcdef")},
      {DATA, END_STREAM, 1, P("g")}},
     H2_TOO_BIG,
     200,
     "",
     "",
     "larger"},
    {"refused", {HELLO, {RST, 0, 1, P("\0\0\0\7")}}, H2_NOT_PROCESSED, 0, "", "", "REFUSED_STREAM"},
    {"reset", {HELLO, {RST, 0, 1, P("\0\0\0\2")}}, H2_RESET, 0, "", "", "INTERNAL_ERROR"},
    {"reset in the middle",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {RST, 0, 1, P("\0\0\0\2")}},
     H2_RESET,
     200,
     "",
     "",
     "INTERNAL_ERROR"},
    {"reset without an error and without an answer", {HELLO, {RST, 0, 1, P("\0\0\0\0")}}, H2_RESET, 0, "", "", "reset"},
    {"goes away before it",
     {HELLO, {GOAWAY, 0, 0, P("\0\0\0\0\0\0\0\x0btoo_many_pings")}},
     H2_NOT_PROCESSED,
     0,
     "",
     "",
     "ENHANCE_YOUR_CALM: too_many_pings"},
    {"goes away after it",
     {HELLO, {GOAWAY, 0, 0, P("\0\0\0\1\0\0\0\0")}, {HEADERS, WHOLE, 1, P(STATUS_200)}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"odd bytes in a goodbye",
     {HELLO, {GOAWAY, 0, 0, P("\0\0\0\0\0\0\0\0a\n\xff")}},
     H2_NOT_PROCESSED,
     0,
     "",
     "",
     "NO_ERROR: a??"},
    {"no status", {HELLO, {HEADERS, WHOLE, 1, P(GRPC_STATUS("0"))}}, H2_RESET, 0, "", "", "PROTOCOL_ERROR"},
    {"a status that is none",
     {HELLO,
      {HEADERS, WHOLE, 1,
       P("\x08\x02"
         "2x")}},
     H2_RESET,
     0,
     "",
     "",
     "PROTOCOL_ERROR"},
    {"two statuses", {HELLO, {HEADERS, WHOLE, 1, P(STATUS_200 STATUS_200)}}, H2_RESET, 200, "", "", "PROTOCOL_ERROR"},
    {"a pseudo header among the trailers",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {HEADERS, WHOLE, 1, P(STATUS_200)}},
     H2_RESET,
     200,
     "",
     "",
     "PROTOCOL_ERROR"},
    {"a header name in capitals",
     {HELLO, {HEADERS, WHOLE, 1, P(STATUS_200 "\x00\x01X\x01y")}},
     H2_RESET,
     200,
     "",
     "",
     "PROTOCOL_ERROR"},
    {"data before headers", {HELLO, {DATA, END_STREAM, 1, P("x")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"less than the length that was said",
     {HELLO,
      {HEADERS, END_HEADERS, 1,
       P(STATUS_200 "\x0f\x0d\x01"
                    "9")},
      {DATA, END_STREAM, 1, P("x")}},
     H2_RESET,
     200,
     "x",
     "",
     "PROTOCOL_ERROR"},
    {"data for a stream that is not there", {HELLO, {DATA, END_STREAM, 7, P("x")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"no settings first", {{HEADERS, WHOLE, 1, P(STATUS_200)}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"a push",
     {HELLO, {SETTINGS, ACK, 0, P("")}, {PUSH, END_HEADERS, 1, P("\0\0\0\2\x82")}},
     H2_LOST,
     0,
     "",
     "",
     "no HTTP/2"},
    {"a push before the settings were read",
     {HELLO,
      {PUSH, END_HEADERS, 1, P("\0\0\0\2\x82\x86\x84\x41\x01h")},
      {HEADERS, END_HEADERS, 2, P(STATUS_200)},
      {DATA, END_STREAM, 2, P("pushed")},
      {HEADERS, WHOLE, 1, P(STATUS_200)}},
     H2_ANSWERED,
     200,
     "",
     "",
     NULL},
    {"headers that cannot be unpacked",
     {HELLO, {HEADERS, WHOLE, 1, P("\xff\xff\xff\xff\xff\xff")}},
     H2_LOST,
     0,
     "",
     "",
     "no HTTP/2"},
    {"an index that is not there", {HELLO, {HEADERS, WHOLE, 1, P("\xfe")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"settings of an odd length", {{SETTINGS, 0, 0, P("\0")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"a ping of an odd length", {HELLO, {PING, 0, 0, P("1234567")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"a continuation of nothing",
     {HELLO, {CONTINUATION, END_HEADERS, 1, P(STATUS_200)}},
     H2_LOST,
     0,
     "",
     "",
     "no HTTP/2"},
    {"something between headers",
     {HELLO, {HEADERS, 0, 1, P(STATUS_200)}, {PING, 0, 0, P("12345678")}},
     H2_LOST,
     200,
     "",
     "",
     "no HTTP/2"},
    {"padding longer than the frame",
     {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}, {DATA, 8, 1, P("\x09hi")}},
     H2_LOST,
     200,
     "",
     "",
     "no HTTP/2"},
    {"an answer of HTTP/1", {{'P' - 0, 0x2f, 0, P("1.1 400 Bad Request\r\n\r\n")}}, H2_LOST, 0, "", "", "no HTTP/2"},
    {"a window that overflows", {HELLO, {WINDOW, 0, 0, P("\x7f\xff\xff\xff")}}, H2_LOST, 0, "", "", "no HTTP/2"},
};

static struct h2_stream *play(struct h2_session *s, size_t i, size_t step) {
    CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &request, (void *)(uintptr_t)&rows[i]));
    pump(s, NULL);
    receive(s, rows[i].frames, RV_ARRAY_LEN(rows[i].frames), step);
    pump(s, NULL);
    struct h2_stream *t = h2_session_next_ended(s);
    if (t == NULL && h2_session_is_over(s)) {
        h2_session_lose(s, h2_session_why(s));
        t = h2_session_next_ended(s);
    }
    return t;
}

static bool as_wanted(const struct h2_stream *t, size_t i) {
    rv_autobuf struct rv_buf map = {0}, text = {0};
    if (t == NULL || t->user != &rows[i] || t->end != rows[i].end || t->status != rows[i].status) {
        if (t != NULL) printf("\n    end %d, status %u, %s", (int)t->end, t->status, t->why);
        return false;
    }
    trailers_write(&t->trailers, &map);
    if (map.n != 0) rv_json_write((struct rv_val){map.p, map.n}, &text);
    bool why = rows[i].why == NULL ? t->why[0] == 0 : strstr(t->why, rows[i].why) != NULL;
    if (!why) printf("\n    why: %s", t->why);
    if (t->end == H2_ANSWERED && strcmp(rv_buf_cstr(&text), rows[i].trailers) != 0)
        printf("\n    %s", rv_buf_cstr(&text));
    return why && rv_str_is(rv_buf_str(&t->body), rows[i].body) &&
           (t->end != H2_ANSWERED || strcmp(rv_buf_cstr(&text), rows[i].trailers) == 0);
}

/* Whole, and in the smallest pieces that nghttp2 lets pass for CONTINUATION frames: the same. */
static void what_comes_back(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++)
        for (size_t step = 2; step <= 4096; step += 4094) {
            struct h2_session *s = h2_session_new();
            struct h2_stream *t = play(s, i, step);
            CHECK_ROW(as_wanted(t, i), rows[i].row);
            CHECK_ROW(h2_session_next_ended(s) == NULL, rows[i].row);
            h2_stream_free(t);
            h2_session_free(s);
        }
}

static void given_back(void) {
    size_t before = 0;
    for (int round = 0; round < 4; round++) {
        if (round == 2) before = heap_in_use(); /* the allocator has kept what it keeps */
        for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
            struct h2_session *s = h2_session_new();
            h2_stream_free(play(s, i, 4096));
            h2_session_free(s);
        }
    }
    CU_ASSERT_TRUE(heap_in_use() < before + 1024);
}

static void what_goes_out(void) {
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    rv_autobuf struct rv_buf sent = {0};
    struct h2_session *s = h2_session_new();
    struct h2_request r = request;
    r.credential = "X-Ray-Authorization: Bearer t0ken";
    CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &r, NULL));
    pump(s, &sent);
    CU_ASSERT_TRUE(sent.n > sizeof preface && memcmp(sent.p, preface, sizeof preface - 1) == 0);
    /* HEADERS of stream 1, complete, and DATA that ends it */
    CU_ASSERT_PTR_NOT_NULL(memmem(sent.p, sent.n, "\x01\x04\0\0\0\x01", 6));
    CU_ASSERT_PTR_NOT_NULL(memmem(sent.p, sent.n, "\0\0\x05\0\x01\0\0\0\x01\0\0\0\0\0", 14));
    CU_ASSERT_PTR_NULL(memmem(sent.p, sent.n, "X-Ray", 5)); /* names in lower case */
    /* A second one refers to the first one's fields, but says the credential again: it is in no table. */
    rv_autobuf struct rv_buf again = {0};
    CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &r, NULL));
    pump(s, &again);
    CU_ASSERT_TRUE(again.n < 100 && again.n > 30);
    h2_session_free(s);
}

/* What a connection and a request take from a URL. */
static void targets(void) {
    static const struct {
        const char *url;
        bool ok, tls, is_name;
        const char *host_port, *host, *authority, *path;
    } urls[] = {{"http://head:6379/a.B/C", true, false, true, "head:6379", "head", "head:6379", "/a.B/C"},
                {"https://head/a", true, true, true, "head:443", "head", "head", "/a"},
                {"http://head", true, false, true, "head:80", "head", "head", "/"},
                {"http://head/a/../b?c=%20&d", true, false, true, "head:80", "head", "head", "/a/../b?c=%20&d"},
                {"http://127.0.0.1:1/", true, false, false, "127.0.0.1:1", "127.0.0.1", "127.0.0.1:1", "/"},
                {"https://[fd00::1]:8/x", true, true, false, "[fd00::1]:8", "fd00::1", "[fd00::1]:8", "/x"},
                {"ftp://head/a", false, false, false, NULL, NULL, NULL, NULL},
                {"head:6379", false, false, false, NULL, NULL, NULL, NULL},
                {"http://", false, false, false, NULL, NULL, NULL, NULL},
                {"", false, false, false, NULL, NULL, NULL, NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(urls); i++) {
        struct h2_target t;
        bool ok = h2_target_parse(rv_str(urls[i].url), &t);
        CHECK_ROW(ok == urls[i].ok, urls[i].url);
        if (ok && urls[i].ok) {
            CHECK_ROW(t.tls == urls[i].tls && t.is_name == urls[i].is_name, urls[i].url);
            CHECK_ROW(strcmp(t.host_port, urls[i].host_port) == 0 && strcmp(t.host, urls[i].host) == 0, urls[i].url);
            CHECK_ROW(strcmp(t.authority, urls[i].authority) == 0 && strcmp(t.path, urls[i].path) == 0, urls[i].url);
            if (strcmp(t.host_port, urls[i].host_port) != 0) printf("\n    %s", t.host_port);
        }
        h2_target_free(&t);
    }
}

static void what_no_server_takes(void) {
    static const struct {
        const char *row, *path, *type, *credential;
        bool ok;
    } bad[] = {{"as usual", "/a?b=%20", "application/grpc", "A-b: c d", true},
               {"no credential", "/a", "", NULL, true},
               {"a line's end in the path", "/a\nb", "", NULL, false},
               {"a line's end in the type", "/a", "a\r\nb", NULL, false},
               {"a pseudo header as credential", "/a", "", ":path: /b", false},
               {"a credential without a name", "/a", "", ": b", false},
               {"a credential that is no line", "/a", "", "abc", false},
               {"a name with a space", "/a", "", "a b: c", false},
               {"a value with a line's end", "/a", "", "a: b\nc", false}};
    for (size_t i = 0; i < RV_ARRAY_LEN(bad); i++) {
        struct h2_request r = request;
        r.path = rv_str(bad[i].path);
        r.content_type = rv_str(bad[i].type);
        r.credential = bad[i].credential;
        CHECK_ROW((h2_request_problem(&r) == NULL) == bad[i].ok, bad[i].row);
    }
}

static void headers_are_bounded(void) {
    char value[4000];
    struct h2_session *s = h2_session_new();
    memset(value, 'v', sizeof value);
    rv_autobuf struct rv_buf in = {0}, fields = {0};
    rv_buf_adds(&fields, STATUS_200);
    for (int i = 0; i < 9; i++) {
        rv_buf_add(&fields, "\x00\x06grpc-x\x7f\xa1\x1e", 11); /* 4000 */
        rv_buf_add(&fields, value, sizeof value);
    }
    CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &request, NULL));
    pump(s, NULL);
    add_frame(&in, &(struct frame)HELLO);
    add_frame(&in, &(struct frame){HEADERS, END_STREAM, 1, (const char *)fields.p, 16000});
    add_frame(&in, &(struct frame){CONTINUATION, 0, 1, (const char *)fields.p + 16000, 16000});
    add_frame(&in, &(struct frame){CONTINUATION, END_HEADERS, 1, (const char *)fields.p + 32000, fields.n - 32000});
    h2_session_receive(s, rv_buf_bytes(&in));
    pump(s, NULL);
    struct h2_stream *t = h2_session_next_ended(s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_TRUE(t->end == H2_TOO_BIG && strstr(t->why, "headers") != NULL);
    CU_ASSERT_TRUE(h2_session_accepts(s)); /* the connection is still good */
    h2_stream_free(t);
    h2_session_free(s);
}

/* Of the names and values of the headers, as many bytes as are allowed and one more. */
static void headers_fill_the_bound(void) {
    for (size_t over = 0; over < 2; over++) {
        struct h2_session *s = h2_session_new();
        rv_autobuf struct rv_buf in = {0}, fields = {0};
        size_t n = H2_HEADERS_MAX - strlen(":status200") - strlen("x") + over;
        rv_buf_adds(&fields, STATUS_200);
        rv_buf_add(&fields, "\x00\x01x\x7f", 4);
        for (size_t rest = n - 127; fields.p[fields.n - 1] >= 0x7f; rest >>= 7) /* HPACK: 7 bits in each byte */
            rv_buf_addc(&fields, (uint8_t)(rest >= 128 ? (rest & 127) | 128 : rest));
        for (size_t i = 0; i < n; i++) rv_buf_addc(&fields, 'v');
        CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &request, NULL));
        pump(s, NULL);
        add_frame(&in, &(struct frame)HELLO);
        add_frame(&in, &(struct frame){HEADERS, END_STREAM, 1, (const char *)fields.p, 16384});
        add_frame(&in, &(struct frame){CONTINUATION, 0, 1, (const char *)fields.p + 16384, 16000});
        add_frame(&in, &(struct frame){CONTINUATION, END_HEADERS, 1, (const char *)fields.p + 32384, fields.n - 32384});
        h2_session_receive(s, rv_buf_bytes(&in));
        pump(s, NULL);
        struct h2_stream *t = h2_session_next_ended(s);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        CU_ASSERT_EQUAL(t->end, over != 0 ? H2_TOO_BIG : H2_ANSWERED);
        h2_stream_free(t);
        h2_session_free(s);
    }
}

/* Dropped before it went out, while it waits, and after it has ended: nobody hears of it, and no memory is left. */
static void dropped(void) {
    static const struct frame answer[] = {HELLO, {HEADERS, WHOLE, 1, P(STATUS_200)}};
    for (int when = 0; when < 3; when++) {
        struct h2_session *s = h2_session_new();
        rv_autobuf struct rv_buf sent = {0};
        struct h2_stream *t = h2_session_submit(s, &request, NULL);
        if (when == 0) h2_stream_drop(t);
        pump(s, &sent);
        if (when == 1) h2_stream_drop(t);
        if (when == 1) pump(s, &sent);
        receive(s, answer, when == 0 ? 1 : 2, 4096);
        if (when == 2) h2_stream_drop(t);
        pump(s, NULL);
        CU_ASSERT_PTR_NULL(h2_session_next_ended(s));
        CU_ASSERT_EQUAL(memmem(sent.p, sent.n, "\x03\0\0\0\0\x01\0\0\0\x08", 10) != NULL, when == 1); /* RST, CANCEL */
        CU_ASSERT_TRUE(h2_session_accepts(s));
        struct h2_stream *next = h2_session_submit(s, &request, NULL);
        CU_ASSERT_PTR_NOT_NULL(next);
        pump(s, NULL);
        receive(s, (const struct frame[]){{HEADERS, WHOLE, 3, P(STATUS_200)}}, 1, 4096);
        pump(s, NULL);
        CU_ASSERT_PTR_EQUAL(h2_session_next_ended(s), next);
        h2_stream_free(next);
        h2_session_free(s);
    }
}

/* An answer may end before the request: what is left of it is not sent, which a request that was sent needs not say. */
static void answered_early(void) {
    static uint8_t large[100000];
    for (int all = 0; all < 2; all++) {
        rv_autobuf struct rv_buf sent = {0};
        struct h2_session *s = h2_session_new();
        struct h2_request r = request;
        r.body = (struct rv_bytes){large, all != 0 ? 5 : sizeof large};
        struct h2_stream *t = h2_session_submit(s, &r, NULL);
        pump(s, &sent);
        receive(s, (const struct frame[]){HELLO, {HEADERS, WHOLE, 1, P(STATUS_200)}}, 2, 4096);
        pump(s, &sent);
        CU_ASSERT_PTR_EQUAL(h2_session_next_ended(s), t);
        CU_ASSERT_TRUE(t->end == H2_ANSWERED && h2_session_accepts(s));
        CU_ASSERT_EQUAL(memmem(sent.p, sent.n, "\0\0\4\x03\0\0\0\0\x01\0\0\0\0", 13) != NULL, all == 0);
        h2_stream_free(t);
        h2_session_free(s);
    }
}

/* More than the server allows at once wait in the session; what was not sent may be sent elsewhere. */
static void more_than_the_server_allows(void) {
    static const struct frame one_at_a_time[] = {{SETTINGS, 0, 0, P("\0\3\0\0\0\1")}};
    struct h2_session *s = h2_session_new();
    pump(s, NULL);
    receive(s, one_at_a_time, 1, 4096);
    for (int i = 0; i < 3; i++) CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &request, NULL));
    pump(s, NULL);
    h2_session_lose(s, "cut");
    size_t lost = 0, unsent = 0;
    for (struct h2_stream *t; (t = h2_session_next_ended(s)) != NULL;) {
        lost += t->end == H2_LOST;
        unsent += t->end == H2_NOT_PROCESSED;
        CU_ASSERT_STRING_EQUAL(t->why, "cut");
        h2_stream_free(t);
    }
    CU_ASSERT_TRUE(lost == 1 && unsent == 2);
    CU_ASSERT_TRUE(!h2_session_accepts(s) && h2_session_submit(s, &request, NULL) == NULL && h2_session_is_over(s));
    h2_session_free(s);
}

/* Frames that are no part of an answer: a thousand after each request, or four megabytes, then the connection ends. */
static void frames_without_end(void) {
    static char large[16384];
    const struct {
        const char *row;
        struct frame frame;
        int few, more;
    } kinds[] = {{"pings", {PING, 0, 0, P("12345678")}, 900, 200},
                 {"settings", {SETTINGS, 0, 0, P("")}, 900, 200},
                 {"empty data", {DATA, 0, 1, P("")}, 900, 200},
                 {"windows", {WINDOW, 0, 0, P("\0\0\0\1")}, 900, 200},
                 {"unknown ones", {0x2a, 0, 0, large, sizeof large}, 200, 100},
                 {"an answer that is too large", {DATA, 0, 1, large, sizeof large}, 200, 100}};
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++) {
        struct h2_session *s = h2_session_new();
        static const struct frame begin[] = {HELLO, {HEADERS, END_HEADERS, 1, P(STATUS_200)}};
        CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s, &request, NULL));
        pump(s, NULL);
        receive(s, begin, 2, 100);
        for (int n = 0; n < kinds[i].few + kinds[i].more; n++) {
            if (n == kinds[i].few) CHECK_ROW(!h2_session_is_over(s), kinds[i].row);
            receive(s, &kinds[i].frame, 1, sizeof large);
            pump(s, NULL); /* nghttp2 itself bounds answers that nobody takes */
        }
        CHECK_ROW(h2_session_is_over(s) && strstr(h2_session_why(s), "belong to no answer") != NULL, kinds[i].row);
        h2_session_free(s);
    }
}

static long resident_bytes(void) {
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    CU_ASSERT_FATAL(f != NULL && fscanf(f, "%ld %ld", &all, &resident) == 2);
    fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

/* Thousands of connections are kept. What nghttp2 reserves for the next frame is given back while there is none: with
 * it a session would take 15 KiB. */
static void idle_sessions_are_small(void) {
    enum { MANY = 1000, EACH = 13 << 10 };
    static struct h2_session *s[MANY];
    if (RV_ADDRESS_SANITIZER || RV_THREAD_SANITIZER) return; /* their own memory counts */
    long before = resident_bytes();
    for (size_t i = 0; i < MANY; i++) {
        s[i] = h2_session_new();
        CU_ASSERT_PTR_NOT_NULL(h2_session_submit(s[i], &request, NULL));
        pump(s[i], NULL);
    }
    long each = (resident_bytes() - before) / MANY;
    CU_ASSERT_TRUE(each < EACH);
    if (each >= EACH) printf("\n    %ld bytes", each);
    for (size_t i = 0; i < MANY; i++) h2_session_free(s[i]);
}

static const struct suite_test tests[] = {{"what comes back", what_comes_back},
                                          {"frames without end", frames_without_end},
                                          {"what goes out", what_goes_out},
                                          {"what no server takes", what_no_server_takes},
                                          {"targets", targets},
                                          {"given back", given_back},
                                          {"headers are bounded", headers_are_bounded},
                                          {"answered early", answered_early},
                                          {"headers fill the bound", headers_fill_the_bound},
                                          {"dropped", dropped},
                                          {"idle sessions are small", idle_sessions_are_small},
                                          {"more than the server allows", more_than_the_server_allows}};
SUITE_MAIN("h2 session", tests)
