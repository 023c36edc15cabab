/* The control socket: whatever a client writes, it gets one line of JSON or a closed connection, and the supervisor
 * goes on. The whole of it is real, without plugin processes. */
#include "tests/support/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct stage *stage;

static int reload(struct supervisor *s, struct rv_error *err) {
    (void)s;
    return rv_error_set(err, RV_E_CONFIG, "f.yaml:1:1: \"no\"");
}

static void close_stage(void) {
    stage_close_control(stage);
    stage = stage_free(stage);
}

static void open_stage(void) {
    log_setup(LOG_TEXT, RV_LOG_ERROR, STDERR_FILENO, "fuzz");
    stage = stage_new("plugins: [{name: raycluster, enabled: true}]\n", "http://127.0.0.1:1");
    if (stage == NULL || !stage_open_control(stage, reload)) abort();
    atexit(close_stage);
}

static int dial(void) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/control.sock", stage->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&un, sizeof un) != 0) abort();
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (stage == NULL) open_stage();
    if (size > 100 << 10) return 0;
    rv_autobuf struct rv_buf out = {0}, mp = {0};
    int fd = dial();
    for (size_t at = 0; at < size;) { /* in two writes, the second after the first was looked at */
        size_t part = at == 0 ? size / 2 + 1 : size - at;
        ssize_t n = send(fd, data + at, part < size - at ? part : size - at, MSG_NOSIGNAL);
        loop_turn(stage->s.loop, 0);
        if (n < 0 && errno != EAGAIN) break;
        if (n > 0) at += (size_t)n;
    }
    shutdown(fd, SHUT_WR);
    for (;;) {
        rv_buf_reserve(&out, 65536);
        ssize_t n = recv(fd, out.p + out.n, 65536, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) break;
        if (n > 0) out.n += (size_t)n;
        if (n < 0) loop_turn(stage->s.loop, 20);
    }
    close(fd);
    if (out.n == 0) return 0;
    if (out.p[out.n - 1] != '\n' || memchr(out.p, '\n', out.n - 1) != NULL) abort();
    if (rv_json_to_mp(rv_buf_str(&out), NULL, &mp, NULL) != 0) abort();
    return 0;
}
