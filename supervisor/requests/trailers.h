/* trailers.h - the trailers of an answer. A gRPC server reports there how a call ended.
 *
 * A server without an answer sends the same fields as headers. So headers that begin with "grpc-" are kept as well. The
 * number and the size of the fields are bounded, and further ones are left out. The first value of a name counts. */
#ifndef REQUESTS_TRAILERS_H
#define REQUESTS_TRAILERS_H

#include "rayvisor/value.h"

enum { TRAILERS_MAX = 16, TRAILER_NAME_MAX = 63, TRAILER_VALUE_MAX = 4096 };

/* {0} has no trailers. */
struct trailers {
    size_t n;
    struct rv_buf names; /* each name is in lower case and ends with a NUL */
    struct rv_buf pairs; /* msgpack: names and values in turn */
};
void trailers_add(struct trailers *t, struct rv_str name, struct rv_str value);
/* The same for a header. Only headers that begin with "grpc-" are added. */
void trailers_add_header(struct trailers *t, struct rv_str name, struct rv_str value);
/* Adds the fields of `more` that t does not have. */
void trailers_merge(struct trailers *t, const struct trailers *more);
/* Writes a map of strings; writes nothing if there are none. */
void trailers_write(const struct trailers *t, struct rv_buf *out);
void trailers_free(struct trailers *t);

#endif
