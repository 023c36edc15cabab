/* A server's bytes in a session that has three requests, one of them dropped half way. The first byte says in how many
 * pieces the bytes come. Every request that was not dropped ends exactly once, within its bounds. */
#include "supervisor/requests/h2_session.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 3, MAX_BYTES = 64 };

struct run {
    struct h2_session *s;
    unsigned ended[REQUESTS];
};

static void must(bool ok) {
    if (!ok) abort();
}

static void take_ended(struct run *r) {
    for (struct h2_stream *t; (t = h2_session_next_ended(r->s)) != NULL;) {
        unsigned *times = t->user;
        rv_autobuf struct rv_buf map = {0};
        must(++*times == 1);
        must(t->body.n <= MAX_BYTES && t->trailers.n <= TRAILERS_MAX);
        must(t->end != H2_ANSWERED || (t->status >= 200 && t->status <= 999));
        must((t->end == H2_ANSWERED) == (t->why[0] == 0));
        trailers_write(&t->trailers, &map);
        must(map.n == 0 || rv_mp_check(rv_buf_bytes(&map), NULL) == 0);
        h2_stream_free(t);
    }
}

static void pump(struct run *r) {
    rv_autobuf struct rv_buf out = {0};
    h2_session_output(r->s, &out, 65536);
    take_ended(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 100000) return 0;
    struct run r = {.s = h2_session_new()};
    struct h2_stream *streams[REQUESTS];
    struct h2_request q = {.method = RV_STR("POST"),
                           .scheme = RV_STR("http"),
                           .authority = RV_STR("h:1"),
                           .path = RV_STR("/a"),
                           .body = {(const uint8_t *)"12345", 5},
                           .max_bytes = MAX_BYTES};
    for (size_t i = 0; i < REQUESTS; i++) must((streams[i] = h2_session_submit(r.s, &q, &r.ended[i])) != NULL);
    pump(&r);
    size_t step = 1 + (size_t)data[0] * 16, half = 1 + size / 2;
    bool dropped = false;
    for (size_t at = 1; at < size; at += step) {
        if (at >= half && !dropped && r.ended[1] == 0) {
            h2_stream_drop(streams[1]);
            dropped = true;
        }
        h2_session_receive(r.s, (struct rv_bytes){data + at, size - at < step ? size - at : step});
        pump(&r);
    }
    h2_session_lose(r.s, "cut");
    take_ended(&r);
    for (size_t i = 0; i < REQUESTS; i++) must(r.ended[i] == (i == 1 && dropped ? 0 : 1));
    h2_session_free(r.s);
    return 0;
}
