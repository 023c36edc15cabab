/* file.h - reading a whole file of bounded size. */
#ifndef RV_IPC_BASE_FILE_H
#define RV_IPC_BASE_FILE_H

#include "rayvisor/base.h"

/* Appends the whole file to out. RV_E_TOO_BIG where it has more than max bytes; an -errno where it cannot be read. */
int rv_file_read(const char *path, size_t max, struct rv_buf *out, struct rv_error *err);

#endif
