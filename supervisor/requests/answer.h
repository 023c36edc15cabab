/* answer.h - the answer to a plugin's HTTP request. It is the same for each way that a request takes. */
#ifndef REQUESTS_ANSWER_H
#define REQUESTS_ANSWER_H

#include "rayvisor/json.h"
#include "rayvisor/plugin.h"

enum { HTTP_DEFAULT_MS = 2000, HTTP_MAX_MS = 120000, HTTP_DEFAULT_BYTES = 1 << 20, HTTP_MAX_BYTES = 16 << 20 };

struct http_answer { /* borrowed for the time of the call */
    int code;
    unsigned status;
    bool tls;  /* it failed in TLS: a client certificate may be outdated */
    bool json; /* the body has been converted to msgpack */
    struct rv_bytes body;
    struct rv_str message;
    struct rv_val trailers; /* a map of strings */
};
typedef void (*http_answer_fn)(void *arg, const struct http_answer *a);

/* May a body of at most n bytes be read now? `arg` is that of the request. If it returns false, the body is not read.
 * The question is asked again after a resume call, until the request's time-out. NULL means always. */
typedef bool (*http_admit_fn)(void *arg, size_t n);

/* Sets the body. A JSON body is converted to msgpack in `mp`. If it is not valid JSON, the answer is RV_E_PARSE. */
void http_answer_body(struct http_answer *a, struct rv_bytes body, bool json, struct rv_buf *mp, struct rv_error *err);

/* How long a request may take and how large its answer may be, within bounds. */
static inline unsigned http_request_ms(const struct rv_http_request *r, unsigned usual) {
    return r->timeout_ms == 0 ? usual : r->timeout_ms < HTTP_MAX_MS ? r->timeout_ms : HTTP_MAX_MS;
}
static inline size_t http_request_max_bytes(const struct rv_http_request *r) {
    return r->max_bytes == 0 ? HTTP_DEFAULT_BYTES : r->max_bytes < HTTP_MAX_BYTES ? r->max_bytes : HTTP_MAX_BYTES;
}
/* True if the request may be sent again when nobody knows whether it has arrived. */
static inline bool http_request_repeatable(const struct rv_http_request *r) {
    return rv_str_is(r->method, "GET") || (r->flags & RV_HTTP_IDEMPOTENT) != 0;
}

#endif
