/* probe.c - see probe.h. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/utf8.h"
#include "plugin_internal.h"
#include "rayvisor/json.h"
#include "spawn.h"

enum { OUTPUT_MAX = 64 << 10 };

/* Writes {"kinds":[...],"settings":{...}} to a file without a name. */
static int material(const struct config_plugin *p, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    rv_mp_map(&b, 2);
    rv_mp_cstr(&b, "kinds");
    session_encode_kinds(p->manifest, &b);
    rv_mp_cstr(&b, "settings");
    rv_mp_val(&b, (struct rv_val){p->settings.p, p->settings.n});
    int fd = memfd_create("rayvisor-check", MFD_CLOEXEC);
    if (fd >= 0 && write(fd, b.p, b.n) == (ssize_t)b.n && lseek(fd, 0, SEEK_SET) == 0) return fd;
    rv_closep(&fd);
    return rv_error_set(err, -errno, "cannot make a file in memory: %s", strerror(errno));
}

/* Reads the output, up to a limit. Returns false if the time is over. */
static bool read_output(int fd, struct rv_buf *out) {
    int64_t end = clock_monotonic() + PROBE_MS * INT64_C(1000000);
    for (char chunk[4096];;) {
        struct pollfd p = {fd, POLLIN, 0};
        int64_t left = clock_left_ms(end);
        if (left <= 0 || poll(&p, 1, (int)left) == 0) return false;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0) return true;
        if (n > 0 && out->n < OUTPUT_MAX) rv_buf_add(out, chunk, (size_t)n);
    }
}

/* The last line that begins with `begin`, without that beginning. */
static struct rv_str last_line(const struct rv_buf *out, const char *begin) {
    struct rv_str found = {NULL, 0}, rest = rv_buf_str(out);
    while (rest.n != 0) {
        const char *end = memchr(rest.p, '\n', rest.n);
        struct rv_str line = {rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n};
        if (rv_str_starts(line, begin)) found = (struct rv_str){line.p + strlen(begin), line.n - strlen(begin)};
        size_t taken = line.n + (end != NULL);
        rest = (struct rv_str){rest.p + taken, rest.n - taken};
    }
    return found;
}

/* Checks what the library says about itself: {"name":"toy","version":"1.0.0","abi":"2.0"} */
static bool fits(const struct manifest *m, const struct rv_buf *out, struct rv_buf *why) {
    rv_autobuf struct rv_buf json = {0}, mp = {0};
    rv_buf_addc(&json, '{');
    rv_buf_add_str(&json, last_line(out, "{"));
    if (rv_json_to_mp(rv_buf_str(&json), NULL, &mp, NULL) != 0) {
        rv_buf_adds(why, "the host did not say what the library is");
        return false;
    }
    struct rv_val v = {mp.p, mp.n};
    rv_autofree char *abi = rv_strdup(rv_path_str(v, "abi"));
    char *dot = NULL;
    struct msg_hello h = {.protocol = MSG_VERSION,
                          .plugin = rv_path_str(v, "name"),
                          .plugin_version = rv_path_str(v, "version"),
                          .abi_major = (uint32_t)strtoul(abi, &dot, 10)};
    if (dot != NULL && *dot == '.') h.abi_minor = (uint32_t)strtoul(dot + 1, NULL, 10);
    return session_fits(m, &h, why);
}

static int fail_at(const struct config *c, const struct config_plugin *p, struct rv_str why, struct rv_error *err) {
    const struct yaml_pos *at = settings_blamed(p, why);
    return rv_error_set(err, RV_E_CONFIG, "%s:%zu:%zu: plugin " RV_STR_FMT " cannot run as configured: " RV_STR_FMT,
                        c->doc.file, at->line, at->column, RV_STR_ARG(p->name), RV_STR_ARG(why));
}

static int start(const struct config *c, const struct config_plugin *p, const char *host, int out, pid_t *ret_pid,
                 struct rv_error *err) {
    char parent[24];
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    char *const argv[] = {(char *)(uintptr_t)host,
                          (char *)(uintptr_t) "--check",
                          p->library,
                          (char *)(uintptr_t) "--as-configured",
                          (char *)(uintptr_t) "--sandbox",
                          (char *)(uintptr_t)config_sandbox_name(c),
                          (char *)(uintptr_t) "--parent",
                          parent,
                          NULL};
    rv_autoclose int given = material(p, err);
    rv_autoclose int flight = flight_create(err);
    if (given < 0 || flight < 0) return err->code;
    return spawn_host(&(struct spawn_opts){argv, out, given, flight}, ret_pid, err);
}

int probe_plugin(const struct config *c, const struct config_plugin *p, const char *host, struct rv_error *err) {
    rv_autobuf struct rv_buf said = {0}, why = {0};
    int ends[2], status = 0;
    pid_t pid = 0;
    if (access(p->library, R_OK) != 0) {
        rv_buf_addf(&why, "%s: %s", p->library, strerror(errno));
        return fail_at(c, p, rv_buf_str(&why), err);
    }
    if (pipe2(ends, O_CLOEXEC) != 0) return rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    rv_autoclose int from = ends[0];
    rv_autoclose int pidfd = start(c, p, host, ends[1], &pid, err);
    close(ends[1]);
    if (pidfd < 0) return pidfd;
    bool ended = read_output(from, &said);
    if (!ended) (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (ended && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return fits(p->manifest, &said, &why) ? 0 : fail_at(c, p, rv_buf_str(&why), err);
    struct rv_str reason = last_line(&said, "rayvisor-host: ");
    char how[128];
    death_describe(status, how, sizeof how);
    if (!ended)
        rv_buf_addf(&why, "its init did not return within %d s", PROBE_MS / 1000);
    else if (reason.n != 0)
        rv_buf_add_str(&why, utf8_clip(reason, 1024));
    else
        rv_buf_addf(&why, "its host died while it was asked: %s", how);
    return fail_at(c, p, rv_buf_str(&why), err);
}
