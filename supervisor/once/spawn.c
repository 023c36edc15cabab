/* spawn.c - forks, arranges the descriptors and executes the program (see spawn.h). Between fork and exec it makes only
 * async-signal-safe calls. */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/fd_limit.h"

enum { FD_TOKEN = 3, FD_FLIGHT = 4, FD_SPARE = 10 };

/* Runs in the child and never returns. A successful exec closes the error pipe. */
static void child(const struct spawn_opts *o, int error_fd) {
    static char *const no_environment[] = {NULL};
    sigset_t none;
    sigemptyset(&none);
    for (int s = 1; s < NSIG; s++) (void)signal(s, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    /* The descriptors are moved out of the way first, so that no target number is overwritten before it is used. */
    int null = open("/dev/null", O_RDONLY);
    int out = fcntl(o->output_fd, F_DUPFD, FD_SPARE), token = fcntl(o->token_fd, F_DUPFD, FD_SPARE),
        flight = fcntl(o->flight_fd, F_DUPFD, FD_SPARE);
    int report = fcntl(error_fd, F_DUPFD_CLOEXEC, FD_SPARE);
    bool ok = null >= 0 && out >= 0 && token >= 0 && flight >= 0 && report >= 0 && dup2(null, 0) >= 0 &&
              dup2(out, 1) >= 0 && dup2(out, 2) >= 0 && dup2(token, FD_TOKEN) >= 0 && dup2(flight, FD_FLIGHT) >= 0;
    fd_limit_restore(0);
    if (ok) {
        (void)close_range(FD_FLIGHT + 1, (unsigned)report - 1, 0);
        (void)close_range((unsigned)report + 1, ~0u, 0);
        execve(o->argv[0], o->argv, no_environment);
    }
    int code = errno;
    ssize_t ignored = write(report >= 0 ? report : error_fd, &code, sizeof code);
    (void)ignored;
    _exit(127);
}

int spawn_host(const struct spawn_opts *o, pid_t *ret_pid, struct rv_error *err) {
    int pipe_fds[2], code = 0;
    if (pipe2(pipe_fds, O_CLOEXEC) != 0) return rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    pid_t pid = fork();
    if (pid == 0) child(o, pipe_fds[1]);
    int fork_error = errno;
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        return rv_error_set(err, -fork_error, "cannot start a process: %s", strerror(fork_error));
    }
    ssize_t n = read(pipe_fds[0], &code, sizeof code);
    close(pipe_fds[0]);
    if (n == (ssize_t)sizeof code) {
        waitpid(pid, NULL, 0);
        return rv_error_set(err, -code, "cannot run %s: %s (hostBinary names another)", o->argv[0], strerror(code));
    }
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0) {
        code = errno;
        kill(pid, SIGKILL); /* nobody would notice its end */
        waitpid(pid, NULL, 0);
        return rv_error_set(err, -code, "cannot watch process %d: %s", (int)pid, strerror(code));
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    *ret_pid = pid;
    return fd;
}

/* The value of a line such as "VmRSS:     1234 kB", in bytes. 0 if there is no such line. */
static uint64_t status_bytes(const char *text, const char *name) {
    const char *at = strstr(text, name);
    int64_t kib;
    if (at == NULL) return 0;
    at += strlen(name);
    at += strspn(at, " \t");
    if (rv_str_to_int((struct rv_str){at, strcspn(at, " \n")}, 0, INT64_MAX / 1024, &kib) != 0) return 0;
    return (uint64_t)kib * 1024;
}

uint64_t process_memory_bytes(pid_t pid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    rv_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (n <= 0) return 0;
    text[n] = 0;
    return status_bytes(text, "\nVmRSS:") + status_bytes(text, "\nVmPTE:") + status_bytes(text, "\nVmSwap:");
}
