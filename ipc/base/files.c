/* files.c - the limit of descriptors (see files.h). */
#include "files.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

static struct {
    bool raised;
    struct rlimit before;
} files;

uint64_t rv_files_raise(void) {
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0) return 0;
    struct rlimit all = {now.rlim_max, now.rlim_max};
    if (now.rlim_cur == now.rlim_max || setrlimit(RLIMIT_NOFILE, &all) != 0) return now.rlim_cur;
    if (!files.raised) files.before = now;
    files.raised = true;
    return all.rlim_cur;
}

void rv_files_restore(pid_t pid) {
    if (files.raised) (void)prlimit(pid, RLIMIT_NOFILE, &files.before, NULL);
}
