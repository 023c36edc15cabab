/* file.c - see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int file_read(const char *path, size_t max, struct rv_buf *out, struct rv_error *err) {
    rv_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rv_error_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
    for (;;) {
        rv_buf_reserve(out, 65536);
        ssize_t n = read(fd, out->p + out->n, 65536);
        if (n < 0) return rv_error_set(err, -errno, "cannot read %s: %s", path, strerror(errno));
        if (n == 0) return 0;
        out->n += (size_t)n;
        if (out->n > max) return rv_error_set(err, RV_E_TOO_BIG, "%s is larger than %zu bytes", path, max);
    }
}
