/* once.c - see once.h. */
#include "once.h"
#include "ipc/base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/loop.h"
#include "ipc/protocol/flight_recorder.h"
#include "ipc/protocol/msg.h"
#include "spawn.h"

enum { WORDS_MAX = 16 };

/* A file without a name. */
static int material(struct rv_bytes given, struct rv_error *err) {
    int fd = memfd_create("rayvisor-given", MFD_CLOEXEC);
    size_t at = 0;
    while (fd >= 0 && at < given.n) {
        ssize_t n = write(fd, given.p + at, given.n - at);
        if (n <= 0 && errno != EINTR) break;
        if (n > 0) at += (size_t)n;
    }
    if (fd >= 0 && at == given.n && lseek(fd, 0, SEEK_SET) == 0) return fd;
    rv_closep(&fd);
    return rv_error_set(err, -errno, "cannot make a file in memory: %s", strerror(errno));
}

/* Returns false if the time is over. */
static bool read_output(int fd, const struct once *o, struct rv_buf *out) {
    int64_t end = clock_monotonic() + o->timeout_ms * INT64_C(1000000);
    for (char chunk[65536];;) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = clock_left_ms(end);
        if (left <= 0 || poll(&p, 1, (int)left) == 0) return false;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0) return true;
        if (n > 0 && out->n < o->most) rv_buf_add(out, chunk, (size_t)n);
    }
}

static char *word(const char *text) { return (char *)(uintptr_t)text; }

static int start(const struct once *o, int out, pid_t *ret_pid, struct rv_error *err) {
    char parent[24], *argv[WORDS_MAX] = {word(o->host)};
    size_t n = 1;
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    for (size_t i = 0; o->words[i] != NULL && n + 5 < WORDS_MAX; i++) argv[n++] = word(o->words[i]);
    char *const more[] = {word("--sandbox"), word(o->sandbox), word("--parent"), parent};
    for (size_t i = 0; i < RV_ARRAY_LEN(more); i++) argv[n++] = more[i];
    rv_autoclose int given = material(o->given, err);
    rv_autoclose int flight = flight_create(err);
    if (given < 0 || flight < 0) return err->code;
    return spawn_host(&(struct spawn_opts){argv, out, given, flight}, ret_pid, err);
}

int once_run(const struct once *o, struct rv_buf *said, struct once_end *ret, struct rv_error *err) {
    int ends[2];
    pid_t pid = 0;
    *ret = (struct once_end){0};
    if (pipe2(ends, O_CLOEXEC) != 0) return rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    rv_autoclose int from = ends[0];
    rv_autoclose int pidfd = start(o, ends[1], &pid, err);
    close(ends[1]);
    if (pidfd < 0) return pidfd;
    ret->ended = read_output(from, o, said);
    if (!ret->ended) (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    while (waitpid(pid, &ret->status, 0) < 0 && errno == EINTR) continue;
    return 0;
}

struct rv_str once_last_line(const struct rv_buf *said, const char *begin) {
    struct rv_str found = {NULL, 0}, rest = rv_buf_str(said);
    for (struct rv_str line; lines_next(&rest, &line);)
        if (rv_str_starts(line, begin)) found = (struct rv_str){line.p + strlen(begin), line.n - strlen(begin)};
    return found;
}

void once_encode_kinds(const struct manifest *m, struct rv_buf *out) {
    static const uint32_t map_flags[] = {MSG_KIND_MAP_OWNER, MSG_KIND_MAP_LABEL, MSG_KIND_MAP_PLUGIN};
    rv_mp_array(out, m->kind_n);
    for (size_t i = 0; i < m->kind_n; i++) {
        const struct manifest_kind *k = &m->kinds[i];
        rv_mp_map(out, 6);
        rv_mp_cstr(out, "a");
        rv_mp_str(out, k->api_version);
        rv_mp_cstr(out, "r");
        rv_mp_str(out, k->resource);
        rv_mp_cstr(out, "k");
        rv_mp_str(out, k->kind);
        rv_mp_cstr(out, "f");
        rv_mp_uint(out, i == 0 ? (uint32_t)MSG_KIND_PRIMARY : map_flags[k->map]);
        rv_mp_cstr(out, "l");
        rv_mp_str(out, k->index_label);
        rv_mp_cstr(out, "n");
        rv_mp_str(out, k->name);
    }
}
