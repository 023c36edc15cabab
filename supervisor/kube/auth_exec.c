/* auth_exec.c - see auth_exec.h. All memory that held a credential is wiped. */
#include "auth_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/base64.h"
#include "ipc/base/fd_limit.h"
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"

enum { OUTPUT_MAX = 256 << 10, DEFAULT_MS = 30000 };
#define MS INT64_C(1000000)
extern char **environ;

struct auth_exec {
    const char *name; /* the name of the command */
    auth_exec_fn done;
    void *arg;
    pid_t pid;
    int out, pidfd;
    struct loop_watch *out_watch, *pid_watch;
    struct loop_timer *timer;
    int64_t deadline, limit_ms;
    struct rv_buf output;
    /* `lingers`: the process still ran after it had closed its output, until the time was up. */
    bool late, lingers, too_much;
};

static char **merged_environment(const struct exec_plugin *e, char *info) {
    size_t n = 0, extra = 0, at = 0;
    while (environ[n] != NULL) n++;
    while (e->env[extra] != NULL) extra++;
    char **env = rv_alloc_array(n + extra + 2, sizeof *env);
    for (size_t i = 0; i < n; i++) env[at++] = environ[i];
    for (size_t i = 0; i < extra; i++) env[at++] = e->env[i];
    env[at] = info;
    return env;
}

static void add_field(struct jsonw *w, const char *key, const char *value) {
    if (value != NULL) jsonw_text(w, key, value);
}

static void add_cluster(const struct kube_config *c, struct rv_bytes ca, struct jsonw *w) {
    jsonw_begin_object(w, "cluster");
    add_field(w, "server", c->server);
    add_field(w, "tls-server-name", c->tls_server_name);
    add_field(w, "proxy-url", c->proxy);
    if (c->insecure) jsonw_bool(w, "insecure-skip-tls-verify", true);
    if (ca.n != 0) {
        rv_autobuf struct rv_buf text = {0};
        base64_encode(ca, BASE64_STANDARD, &text);
        jsonw_str(w, "certificate-authority-data", rv_buf_str(&text));
    }
    if (c->exec->cluster_config != NULL) jsonw_raw(w, "config", rv_str(c->exec->cluster_config));
    jsonw_end_object(w);
}

/* Writes the ExecCredential that the plugin finds in its environment. */
static void exec_info(const struct kube_config *c, struct rv_bytes ca, struct rv_buf *b) {
    struct jsonw w = {.out = b};
    rv_buf_adds(b, "KUBERNETES_EXEC_INFO=");
    jsonw_begin_object(&w, NULL);
    add_field(&w, "apiVersion", c->exec->api_version);
    jsonw_text(&w, "kind", "ExecCredential");
    jsonw_begin_object(&w, "spec");
    jsonw_bool(&w, "interactive", false);
    if (c->exec->with_cluster) add_cluster(c, ca, &w);
    jsonw_end_object(&w);
    jsonw_end_object(&w);
}

static int spawn_plugin(const struct kube_config *c, struct rv_bytes ca, int out, pid_t *ret_pid,
                        struct rv_error *err) {
    const struct exec_plugin *e = c->exec;
    rv_autobuf struct rv_buf info = {0};
    exec_info(c, ca, &info);
    rv_autofree char *text = rv_strdup(rv_buf_str(&info));
    rv_autofree char **env = merged_environment(e, text);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE); /* this process ignores SIGPIPE, but a shell of the plugin must not */
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setpgroup(&attr, 0); /* so that killing the group also kills the children of the plugin */
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int r = posix_spawnp(ret_pid, e->argv[0], &fa, &attr, e->argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    if (r == 0) fd_limit_restore(*ret_pid); /* posix_spawn cannot change the limit */
    if (r == 0) return 0;
    return rv_error_set(err, -r, "credential plugin %s cannot be started: %s%s%s", e->argv[0], strerror(r),
                        e->install_hint != NULL ? ". " : "", e->install_hint != NULL ? e->install_hint : "");
}

/* ---- a run ---------------------------------------------------------------------------------------------- */

pid_t auth_exec_pid(const struct auth_exec *e) { return e->pid; }

static void free_run(struct auth_exec *e) {
    loop_watch_free(e->out_watch);
    loop_watch_free(e->pid_watch);
    loop_timer_free(e->timer);
    if (e->out >= 0) close(e->out);
    if (e->pidfd >= 0) close(e->pidfd);
    if (e->output.p != NULL) explicit_bzero(e->output.p, e->output.cap);
    rv_buf_free(&e->output);
    free(e);
}

static void kill_all(const struct auth_exec *e) {
    (void)kill(-e->pid, SIGKILL);
    (void)kill(e->pid, SIGKILL);
}

/* Reads the available output. The buffer has its full size from the start, because growing would leave copies of the
 * credential behind. */
static void read_output(struct auth_exec *e) {
    while (e->out >= 0 && !e->too_much) {
        rv_buf_reserve(&e->output, OUTPUT_MAX + 1 - e->output.n);
        ssize_t n = read(e->out, e->output.p + e->output.n, OUTPUT_MAX + 1 - e->output.n);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n > 0) e->output.n += (size_t)n;
        e->too_much = e->output.n > OUTPUT_MAX;
        if (n <= 0 || e->too_much) { /* the output has ended, or it is too large */
            e->out_watch = loop_watch_free(e->out_watch);
            rv_closep(&e->out);
        }
    }
    if (e->too_much) kill_all(e);
}

static int judge(const struct auth_exec *e, int status, struct rv_error *err) {
    if (e->too_much)
        return rv_error_set(err, RV_E_TOO_BIG, "credential plugin %s printed more than %d bytes", e->name, OUTPUT_MAX);
    if (e->lingers)
        return rv_error_set(err, RV_E_TIMEOUT, "credential plugin %s closed its output but did not end within %lld ms",
                            e->name, (long long)e->limit_ms);
    if (e->late)
        return rv_error_set(err, RV_E_TIMEOUT, "credential plugin %s gave no answer within %lld ms", e->name,
                            (long long)e->limit_ms);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return rv_error_set(err, RV_E_CONFIG, "credential plugin %s failed (status %d): run it by hand to see why",
                            e->name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

/* Returns true if the process has ended. This also ends the run. */
static bool end_if_over(struct auth_exec *e) {
    int status = 0;
    if (waitpid(e->pid, &status, WNOHANG) == 0) return false; /* WNOHANG: no signal interrupts it */
    struct rv_error err = {0};
    read_output(e);
    bool failed = judge(e, status, &err) != 0;
    e->done(e->arg, rv_buf_str(&e->output), failed ? &err : NULL);
    free_run(e);
    return true;
}

static void on_output(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    read_output(arg);
}

static void on_end(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    (void)end_if_over(arg);
}

static void on_late(void *arg) {
    struct auth_exec *e = arg;
    e->late = true;
    e->lingers = e->out < 0;
    kill_all(e); /* the end of the process is reported by its descriptor */
}

static int watch_run(struct auth_exec *e, struct loop *loop, struct rv_error *err) {
    e->pidfd = (int)syscall(SYS_pidfd_open, e->pid, 0);
    if (e->pidfd < 0)
        return rv_error_set(err, -errno, "cannot watch credential plugin %s: %s", e->name, strerror(errno));
    if (loop == NULL) return 0;
    e->out_watch = loop_fd(loop, e->out, LOOP_READ, on_output, e);
    e->pid_watch = loop_fd(loop, e->pidfd, LOOP_READ, on_end, e);
    e->timer = loop_timer(loop, on_late, e);
    loop_timer_arm(e->timer, e->limit_ms);
    return 0;
}

struct auth_exec *auth_exec_start(struct loop *loop, const struct kube_config *c, struct rv_bytes ca, auth_exec_fn done,
                                  void *arg, struct rv_error *err) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
        return NULL;
    }
    struct auth_exec *e = rv_alloc(sizeof *e);
    *e = (struct auth_exec){.name = c->exec->argv[0], .done = done, .arg = arg, .out = fds[0], .pidfd = -1};
    e->limit_ms = c->exec->timeout_ms != 0 ? c->exec->timeout_ms : DEFAULT_MS;
    e->deadline = clock_monotonic() + e->limit_ms * MS;
    int r = spawn_plugin(c, ca, fds[1], &e->pid, err);
    close(fds[1]);
    if (r != 0) {
        free_run(e);
        return NULL;
    }
    (void)fcntl(e->out, F_SETFL, O_NONBLOCK);
    if (watch_run(e, loop, err) == 0) return e;
    auth_exec_cancel(e);
    return NULL;
}

void auth_exec_wait(struct auth_exec *e) {
    while (!end_if_over(e)) {
        int64_t left = (e->deadline - clock_monotonic()) / MS + 1;
        struct pollfd p[] = {{.fd = e->pidfd, .events = POLLIN}, {.fd = e->out, .events = POLLIN}};
        if (left <= 0 && !e->late) on_late(e);
        (void)poll(p, RV_ARRAY_LEN(p), left > 0 ? (int)left : -1);
        read_output(e);
    }
}

void auth_exec_cancel(struct auth_exec *e) {
    if (e == NULL) return;
    kill_all(e);
    while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR) continue;
    free_run(e);
}
