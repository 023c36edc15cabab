/* http.h - one request and one answer (http_parser), each on a connection of its own; and the opening of a
 * WebSocket. */
#ifndef SUBMITTER_HTTP_H
#define SUBMITTER_HTTP_H

#include "wire.h"

struct http_answer {
    unsigned status;
    struct rv_buf body; /* at most HTTP_BODY_MAX bytes; the caller frees it */
};
enum { HTTP_TIMEOUT_MS = 10000, HTTP_BODY_MAX = 4 << 20 };

/* body.p is NULL for a request without a body. Returns 0 if there was an answer with any status. */
int http_ask(const struct options *o, const char *method, const char *path, struct rv_str body, struct http_answer *ret,
             struct rv_error *err);
/* Opens a connection that uses WebSocket from now on. *early gets the bytes that followed the handshake. */
struct wire *http_upgrade(const struct options *o, const char *path, struct rv_buf *early, struct rv_error *err);

#endif
