/* fd_limit.h - the limit of open descriptors. The supervisor needs thousands for its connections. Its children get the
 * limit that it was started with, because their select() may know no descriptor above 1023. */
#ifndef RV_IPC_BASE_FD_LIMIT_H
#define RV_IPC_BASE_FD_LIMIT_H

#include <stdint.h>
#include <sys/types.h>

uint64_t fd_limit_raise(void); /* raises the soft limit to the hard one; returns the limit in force, 0 if unknown */
/* Sets the limit back to what it was before fd_limit_raise(). pid 0 means this process. May be called between fork
 * and exec. */
void fd_limit_restore(pid_t pid);

#endif
