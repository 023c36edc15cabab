/* fd_limit.c - the limit of descriptors (see fd_limit.h). */
#include "fd_limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

static struct {
    bool raised;
    struct rlimit before;
} limit;

uint64_t fd_limit_raise(void) {
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0) return 0;
    struct rlimit all = {now.rlim_max, now.rlim_max};
    if (now.rlim_cur == now.rlim_max || setrlimit(RLIMIT_NOFILE, &all) != 0) return now.rlim_cur;
    if (!limit.raised) limit.before = now;
    limit.raised = true;
    return all.rlim_cur;
}

void fd_limit_restore(pid_t pid) {
    if (limit.raised) (void)prlimit(pid, RLIMIT_NOFILE, &limit.before, NULL);
}
