/* recordings.h - the files into which a plugin's host records what goes in and out (ipc/README.md section 11): named by
 * time, each up to a size, the newest four kept. A recording can be replayed from its beginning only, so a full one
 * is followed by a fresh process, not by a second file of the same one. */
#ifndef PROC_RECORDINGS_H
#define PROC_RECORDINGS_H

#include "rayvisor/base.h"

enum { RECORDINGS_KEPT = 4 };
/* Makes the folder where it is missing, drops what is too many, and names the next file. NULL, with the reason, when
 * the folder cannot be used. The result is the caller's. */
char *recordings_next(const char *dir, const char *plugin, uint64_t instance, struct rv_error *err);

#endif
