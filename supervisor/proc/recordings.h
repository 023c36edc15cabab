/* recordings.h - the files into which a plugin's host records its inputs and outputs (ipc/README.md section 11). Their
 * names contain the time. Each has a maximum size, and the newest four are kept. A recording can be replayed only from
 * its beginning. So when a file is full, the next one needs a new process. */
#ifndef PROC_RECORDINGS_H
#define PROC_RECORDINGS_H

#include "rayvisor/base.h"

enum { RECORDINGS_KEPT = 4 };
/* Makes the folder if it is missing, removes old files, and returns the name of the next file, which the caller frees.
 * Returns NULL and sets err if the folder cannot be used. */
char *recordings_next(const char *dir, const char *plugin, uint64_t instance, struct rv_error *err);

#endif
