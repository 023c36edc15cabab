/* spawn.h - starts a host process. It inherits nothing but what it is given, and errors of exec are reported to the
 * caller. */
#ifndef PROC_SPAWN_H
#define PROC_SPAWN_H

#include "rayvisor/base.h"

#include <sys/types.h>

struct spawn_opts {
    char *const *argv;
    int output_fd; /* becomes 1 and 2 */
    int token_fd;  /* becomes 3 */
    int flight_fd; /* becomes 4 */
};
/* pidfd of the child, which the caller closes; negative on failure, also of exec. */
int spawn_host(const struct spawn_opts *o, pid_t *ret_pid, struct rv_error *err);

/* What the process costs now: resident and swapped memory, and its page tables, which a process can make large without
 * touching memory. 0 when that cannot be read. */
uint64_t process_memory_bytes(pid_t pid);

#endif
