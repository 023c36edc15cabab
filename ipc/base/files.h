/* files.h - how many descriptors this process may have: thousands for the supervisor's connections, and what it was
 * started with for its children, whose select() may know no more than 1024. */
#ifndef RV_IPC_BASE_FILES_H
#define RV_IPC_BASE_FILES_H

#include <stdint.h>
#include <sys/types.h>

uint64_t rv_files_raise(void); /* the soft limit to the hard one; what it is now */
/* As it was before rv_files_raise(). pid 0: of this process; may be called between fork and exec. */
void rv_files_restore(pid_t pid);

#endif
