/* trailers.h - what an answer says behind its body, which is where a gRPC server reports how a call ended.
 *
 * A server that has no answer sends the same fields as headers, so headers that begin with "grpc-" are kept as well.
 * The number and the size of what is kept are bounded; the rest is left out. The first value of a name counts. */
#ifndef REQUESTS_TRAILERS_H
#define REQUESTS_TRAILERS_H

#include "rayvisor/value.h"

enum { TRAILERS_MAX = 16, TRAILER_NAME_MAX = 63, TRAILER_VALUE_MAX = 4096 };

/* {0} is empty. */
struct trailers {
    size_t n;
    struct rv_buf names; /* each in lower case and ended by a NUL */
    struct rv_buf pairs; /* msgpack: name and value in turn */
};
void trailers_add(struct trailers *t, struct rv_str name, struct rv_str value);
/* The same for a header: only those that begin with "grpc-". */
void trailers_add_header(struct trailers *t, struct rv_str name, struct rv_str value);
/* Adds what `more` has and t has not. */
void trailers_merge(struct trailers *t, const struct trailers *more);
void trailers_write(const struct trailers *t, struct rv_buf *out); /* a map of strings; nothing when there is none */
void trailers_free(struct trailers *t);

#endif
