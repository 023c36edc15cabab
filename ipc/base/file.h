/* file.h - reads a whole file of bounded size. */
#ifndef RV_IPC_BASE_FILE_H
#define RV_IPC_BASE_FILE_H

#include "rayvisor/base.h"

/* Appends the whole file to out. Returns RV_E_TOO_BIG if it has more than max bytes, and -errno if it cannot be
 * read. */
int file_read(const char *path, size_t max, struct rv_buf *out, struct rv_error *err);

#endif
