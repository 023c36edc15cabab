/* client.c - see client.h. */
#include "client.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc/base/visible.h"

enum { TIMEOUT_S = 10, ANSWER_MAX = 64 << 20 };

static int connect_to(const char *path, struct rv_error *err) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof un.sun_path) return rv_error_set(err, -ENAMETOOLONG, "socket path is too long: %s", path);
    memcpy(un.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return rv_error_set(err, -errno, "cannot make a socket: %s", strerror(errno));
    struct timeval t = {.tv_sec = TIMEOUT_S};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    if (connect(fd, (struct sockaddr *)&un, sizeof un) == 0) return fd;
    int code = -errno;
    close(fd);
    return rv_error_set(err, code, "no rayvisord answers at %s: %s. Is it running? --socket names another socket", path,
                        strerror(-code));
}

int ctl_ask(const char *socket_path, struct rv_str request, struct rv_buf *out, struct rv_error *err) {
    rv_autoclose int fd = connect_to(socket_path, err);
    if (fd < 0) return fd;
    rv_autobuf struct rv_buf line = {0}, json = {0};
    rv_buf_add_str(&line, request);
    rv_buf_addc(&line, '\n');
    for (size_t at = 0; at < line.n;) {
        ssize_t n = send(fd, line.p + at, line.n - at, MSG_NOSIGNAL);
        if (n <= 0) return rv_error_set(err, -EIO, "cannot talk to rayvisord: %s", strerror(errno));
        at += (size_t)n;
    }
    for (;;) {
        rv_buf_reserve(&json, 65536);
        ssize_t n = read(fd, json.p + json.n, 65536);
        if (n < 0) return rv_error_set(err, -EIO, "rayvisord did not answer within %d s", TIMEOUT_S);
        if (n == 0) break;
        json.n += (size_t)n;
        if (json.n > ANSWER_MAX)
            return rv_error_set(err, RV_E_TOO_BIG, "the answer is larger than %d bytes", ANSWER_MAX);
    }
    int r = rv_json_to_mp(rv_buf_str(&json), NULL, out, err);
    if (r != 0) return rv_error_wrap(err, r, "rayvisord's answer");
    struct rv_str complaint = rv_path_str((struct rv_val){out->p, out->n}, "error");
    if (complaint.n == 0) return 0;
    rv_autobuf struct rv_buf shown = {0};
    visible_text(complaint, VISIBLE_LINE, &shown);
    return rv_error_set(err, RV_E_INVALID, "%s", rv_buf_cstr(&shown));
}
