/* answer.h - what became of a plugin's HTTP request, the same for each way that requests take. */
#ifndef REQUESTS_ANSWER_H
#define REQUESTS_ANSWER_H

#include "rayvisor/json.h"
#include "rayvisor/plugin.h"

enum { HTTP_DEFAULT_MS = 2000, HTTP_MAX_MS = 120000, HTTP_DEFAULT_BYTES = 1 << 20, HTTP_MAX_BYTES = 16 << 20 };

struct http_answer { /* lent for the time of the call */
    int code;
    unsigned status;
    bool json; /* body was converted to msgpack */
    struct rv_bytes body;
    struct rv_str message;
    struct rv_val trailers; /* map of strings */
};
typedef void (*http_answer_fn)(void *arg, const struct http_answer *a);

/* Is there room for a body of at most n bytes of a request's answer? arg: the request's. False: the body is not read,
 * and asked about again, until the way that it takes is told to go on, or the request's time-out. NULL: there always
 * is. */
typedef bool (*http_admit_fn)(void *arg, size_t n);

/* Sets the body. One of JSON becomes msgpack in `mp`; one that is no JSON after all makes the answer RV_E_PARSE. */
void http_answer_body(struct http_answer *a, struct rv_bytes body, bool json, struct rv_buf *mp, struct rv_error *err);

/* How long a request may take and how large its answer may be, bounded. */
static inline unsigned http_request_ms(const struct rv_http_request *r, unsigned usual) {
    return r->timeout_ms == 0 ? usual : r->timeout_ms < HTTP_MAX_MS ? r->timeout_ms : HTTP_MAX_MS;
}
static inline size_t http_request_max_bytes(const struct rv_http_request *r) {
    return r->max_bytes == 0 ? HTTP_DEFAULT_BYTES : r->max_bytes < HTTP_MAX_BYTES ? r->max_bytes : HTTP_MAX_BYTES;
}
/* May it be sent again when nobody knows whether it has arrived? */
static inline bool http_request_repeatable(const struct rv_http_request *r) {
    return rv_str_is(r->method, "GET") || (r->flags & RV_HTTP_IDEMPOTENT) != 0;
}

#endif
