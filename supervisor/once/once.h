/* once.h - runs a host program for one answer: it is given bytes on descriptor 3, and says something on its standard
 * output. The call blocks for a bounded time. */
#ifndef PROC_ONCE_H
#define PROC_ONCE_H

#include "supervisor/config/config.h"

struct once {
    const char *host;         /* the path of the host program */
    const char *const *words; /* its arguments; a NULL ends them. --sandbox and --parent are added */
    const char *sandbox;      /* off, best-effort or enforce */
    struct rv_bytes given;
    int64_t timeout_ms;
    size_t most; /* bytes of output that are kept */
};
struct once_end {
    bool ended; /* else the time was over, and it was killed */
    int status; /* of waitpid() */
};
/* `said` gets the output, of which the last whole line may be cut. Returns an error only if it could not be started. */
int once_run(const struct once *o, struct rv_buf *said, struct once_end *ret, struct rv_error *err);
/* The last line that begins with `begin`, without that beginning. */
struct rv_str once_last_line(const struct rv_buf *said, const char *begin);
/* The kinds of a manifest as a host is given them (ipc/README.md, WELCOME, key `kinds`). */
void once_encode_kinds(const struct manifest *m, struct rv_buf *out);

#endif
