/* spawn.h - starts a host process. It inherits only the descriptors that it is given. An error of exec is reported to
 * the caller. */
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
/* Returns a pidfd of the child, which the caller closes. Negative on failure, including a failure of exec. */
int spawn_host(const struct spawn_opts *o, pid_t *ret_pid, struct rv_error *err);

/* The memory that the process uses now: resident and swapped memory and its page tables, because a process can make
 * these large without touching memory. Returns 0 if it cannot be read. */
uint64_t process_memory_bytes(pid_t pid);

#endif
