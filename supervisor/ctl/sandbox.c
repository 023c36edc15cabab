/* sandbox.c - starts and stops the two processes of a sandbox. They are detached, and their logs and pid files are in
 * one folder (see sandbox.h). */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "ipc/base/json_writer.h"
#include "ipc/base/visible.h"
#include "rayvisor/json.h"

enum { START_S = 20, STOP_S = 25, TAIL = 1500 };

struct rv_str sandbox_dir(struct rv_arena *a) {
    const char *own = getenv("RAYVISOR_SANDBOX_DIR"), *runtime = getenv("XDG_RUNTIME_DIR");
    if (own != NULL && own[0] != 0) return rv_arena_str(a, rv_str(own));
    if (runtime != NULL && runtime[0] != 0) return rv_arena_fmt(a, "%s/rayvisor-sandbox", runtime);
    return rv_arena_fmt(a, "/tmp/rayvisor-sandbox-%u", (unsigned)getuid());
}

static const char *in_dir(struct rv_arena *a, const char *name) {
    return rv_arena_fmt(a, "%s/%s", sandbox_dir(a).p, name).p;
}

const char *sandbox_kubeconfig(struct rv_arena *a) { return in_dir(a, "cluster/kubeconfig"); }

static const char *exe_dir(struct rv_arena *a) {
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    return rv_arena_str(a, rv_str(dirname(path))).p;
}

/* The first of these files that exists, relative to the executable: in a build tree, then in an installation. */
static const char *find_beside(struct rv_arena *a, const char *const *places, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *path = rv_arena_fmt(a, "%s/%s", exe_dir(a), places[i]).p;
        if (access(path, F_OK) == 0) return path;
    }
    return NULL;
}

static void sleep_ms(long ms) {
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* A pid file may be older than the last start of the machine. So only a process that was started for this folder
 * counts. */
static bool belongs_here(struct rv_arena *a, pid_t pid) {
    char args[8192];
    rv_autoclose int fd = open(rv_arena_fmt(a, "/proc/%d/cmdline", (int)pid).p, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, args, sizeof args) : 0;
    struct rv_str dir = sandbox_dir(a);
    return n > 0 && memmem(args, (size_t)n, dir.p, dir.n) != NULL;
}

static pid_t read_pid(struct rv_arena *a, const char *name) {
    char text[32];
    int64_t pid;
    rv_autoclose int fd = open(in_dir(a, name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text) : 0;
    if (n <= 0 || rv_str_to_int((struct rv_str){text, (size_t)n}, 2, INT32_MAX, &pid) != 0) return 0;
    return belongs_here(a, (pid_t)pid) ? (pid_t)pid : 0;
}

/* The folder holds a credential. It may be in /tmp, where anybody could have created it first. */
static int make_dir(struct rv_arena *a, struct rv_error *err) {
    const char *dir = sandbox_dir(a).p;
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return rv_error_set(err, -errno, "cannot make %s: %s", dir, strerror(errno));
    if (lstat(dir, &st) != 0) return rv_error_set(err, -errno, "cannot look at %s: %s", dir, strerror(errno));
    if (S_ISDIR(st.st_mode) && st.st_uid == getuid() && (st.st_mode & 077) == 0) return 0;
    return rv_error_set(err, -EPERM,
                        "%s is not a folder that only you can enter; remove it, or name another with "
                        "RAYVISOR_SANDBOX_DIR",
                        dir);
}

static int start(struct rv_arena *a, const char *name, char *const *argv, struct rv_error *err) {
    const char *log = in_dir(a, rv_arena_fmt(a, "%s.log", name).p);
    rv_autoclose int out = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600),
                     null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (out < 0 || null < 0) return rv_error_set(err, -errno, "cannot write %s: %s", log, strerror(errno));
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    rv_autoclose int from = ends[0];
    pid_t pid = fork();
    if (pid < 0) {
        close(ends[1]);
        return rv_error_set(err, -errno, "cannot start a process: %s", strerror(errno));
    }
    if (pid == 0) {
        (void)setsid();
        (void)dup2(null, 0);
        (void)dup2(out, 1);
        (void)dup2(out, 2);
        execv(argv[0], argv);
        int code = errno;
        _exit(write(ends[1], &code, sizeof code) == sizeof code ? 127 : 126);
    }
    /* The pipe closes when the program has been loaded. Otherwise it contains the reason of the failure. */
    int code = 0;
    close(ends[1]);
    if (read(from, &code, sizeof code) == sizeof code)
        return rv_error_set(err, -code, "cannot start %s: %s", argv[0], strerror(code));
    rv_autoclose int fd =
        open(in_dir(a, rv_arena_fmt(a, "%s.pid", name).p), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char text[16];
    int n = snprintf(text, sizeof text, "%d", (int)pid);
    return fd >= 0 && write(fd, text, (size_t)n) == n
               ? 0
               : rv_error_set(err, -errno, "cannot write the pid file of %s", name);
}

static void show_log(struct rv_arena *a, const char *name) {
    char text[TAIL + 1];
    rv_autoclose int fd = open(in_dir(a, rv_arena_fmt(a, "%s.log", name).p), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    off_t end = lseek(fd, 0, SEEK_END);
    lseek(fd, end > TAIL ? end - TAIL : 0, SEEK_SET);
    ssize_t n = read(fd, text, TAIL);
    rv_autobuf struct rv_buf b = {0};
    visible_text((struct rv_str){text, n > 0 ? (size_t)n : 0}, VISIBLE_LINES, &b);
    if (n > 0) fprintf(stderr, "--- the end of %s.log ---\n%s\n", name, rv_buf_cstr(&b));
}

static bool sandbox_ready(struct rv_arena *a) {
    char text[256];
    rv_autoclose int fd = open(in_dir(a, "cluster.log"), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[n > 0 ? n : 0] = 0;
    return strstr(text, "ready https://") != NULL;
}

static bool operator_ready(struct rv_arena *a) {
    rv_autobuf struct rv_buf out = {0};
    if (ctl_ask(in_dir(a, "run/control.sock"), RV_STR("{\"cmd\":\"status\"}"), &out, NULL) != 0) return false;
    return rv_path_bool((struct rv_val){out.p, out.n}, "ready", false);
}

static int wait_for(struct rv_arena *a, const char *name, bool (*ready)(struct rv_arena *), struct rv_error *err) {
    for (int i = 0; i < START_S * 20; i++) {
        if (ready(a)) return 0;
        /* It is our own child, so its end is seen here. Before its exec it does not look like the program yet. */
        if (waitpid(-1, NULL, WNOHANG) > 0) break;
        sleep_ms(50);
    }
    show_log(a, name);
    return rv_error_set(err, RV_E_TIMEOUT, "%s did not become ready; its log is %s", name,
                        in_dir(a, rv_arena_fmt(a, "%s.log", name).p));
}

static char *arg(const char *s) { return (char *)(uintptr_t)s; }

static int stop(struct rv_arena *a, const char *name, struct rv_error *err) {
    const char *file = rv_arena_fmt(a, "%s.pid", name).p;
    pid_t pid = read_pid(a, file);
    if (pid == 0) return 0;
    kill(pid, SIGTERM);
    for (int i = 0; i < STOP_S * 20; i++) {
        if (read_pid(a, file) == 0) return unlink(in_dir(a, file)), 0;
        sleep_ms(50);
    }
    kill(pid, SIGKILL);
    return rv_error_set(err, RV_E_TIMEOUT, "%s (process %d) did not stop within %d s and was killed", name, (int)pid,
                        STOP_S);
}

static int start_cluster(struct rv_arena *a, const char *crds, struct rv_error *err) {
    const char *binary = rv_arena_fmt(a, "%s/rayvisor-sandbox", exe_dir(a)).p;
    char *const argv[] = {arg(binary), arg("--dir"), arg(in_dir(a, "cluster")), arg("--load"), arg(crds), NULL};
    struct rv_error unused = {0};
    /* An operator that is left over has the address and the objects of a cluster that no longer exists. */
    (void)stop(a, "operator", &unused);
    (void)mkdir(in_dir(a, "cluster"), 0700);
    int r = start(a, "cluster", argv, err);
    return r != 0 ? r : wait_for(a, "cluster", sandbox_ready, err);
}

static int start_operator(struct rv_arena *a, const char *daemon, const char *config, struct rv_error *err) {
    char *const argv[] = {arg(daemon),
                          arg("--config"),
                          arg(config),
                          arg("--kubeconfig"),
                          arg(sandbox_kubeconfig(a)),
                          arg("--runtime-dir"),
                          arg(in_dir(a, "run")),
                          arg("--http-bind"), /* so that it can run beside other programs on this machine */
                          arg("127.0.0.1:0"),
                          arg("--proxy-http"),
                          arg("--allow-address"), /* all of its pods are there */
                          arg("127.0.0.0/8"),
                          NULL};
    return start(a, "operator", argv, err);
}

/* Quotes the text for a shell, if it needs quotes. */
static const char *shell_word(struct rv_arena *a, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%";
    if (text[0] != 0 && text[strspn(text, plain)] == 0) return text;
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addc(&b, '\'');
    for (const char *p = text; *p != 0; p++) {
        if (*p == '\'')
            rv_buf_adds(&b, "'\\''");
        else
            rv_buf_addc(&b, (uint8_t)*p);
    }
    rv_buf_addc(&b, '\'');
    return rv_arena_str(a, rv_buf_str(&b)).p;
}

/* The command that starts this program again: its name if the shell finds it by that, otherwise its path. */
static const char *own_command(struct rv_arena *a) {
    const char *dir = exe_dir(a), *rest = getenv("PATH");
    while (rest != NULL && *rest != 0) {
        size_t n = strcspn(rest, ":");
        if (n == strlen(dir) && strncmp(rest, dir, n) == 0) return "rayvisorctl";
        rest += n + (rest[n] == ':');
    }
    return shell_word(a, rv_arena_fmt(a, "%s/rayvisorctl", dir).p);
}

static void print_up(struct rv_arena *a, bool json) {
    if (!json) {
        const char *ctl = own_command(a), *own = getenv("RAYVISOR_SANDBOX_DIR");
        bool named = own != NULL && own[0] != 0; /* the next command needs the same folder */
        printf("The sandbox cluster and the operator are running.\n\n"
               "  export KUBECONFIG=%s%s%s\n"
               "  kubectl get nodes\n"
               "  %s status\n\n"
               "Logs: %s/*.log   Stop: %s sandbox down\n",
               shell_word(a, sandbox_kubeconfig(a)), named ? " RAYVISOR_SANDBOX_DIR=" : "",
               named ? shell_word(a, own) : "", ctl, shell_word(a, sandbox_dir(a).p), ctl);
        return;
    }
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    jsonw_begin_object(&w, NULL);
    jsonw_text(&w, "kubeconfig", sandbox_kubeconfig(a));
    jsonw_str(&w, "folder", sandbox_dir(a));
    jsonw_text(&w, "controlSocket", in_dir(a, "run/control.sock"));
    jsonw_end_object(&w);
    puts(rv_buf_cstr(&b));
}

/* Checks the configuration before anything is started. The path is made absolute, because the operator watches that
 * file from now on, whatever its folder is. An operator that already runs has the configuration that it was started
 * with. */
static int check_own_config(struct rv_arena *a, const char *daemon, const char **config, struct rv_error *err) {
    rv_autofree char *path = realpath(*config, NULL);
    if (path == NULL) return rv_error_set(err, -errno, "cannot read %s: %s", *config, strerror(errno));
    *config = rv_arena_str(a, rv_str(path)).p;
    if (read_pid(a, "operator.pid") != 0)
        return rv_error_set(err, RV_E_CONFIG,
                            "the sandbox's operator runs already, with the configuration that it was started with: "
                            "%s sandbox down, then up again",
                            own_command(a));
    char *const argv[] = {arg(daemon), arg("--config"), arg(*config), arg("--check-config"), arg("--offline"), NULL};
    pid_t pid = fork();
    int status = 0;
    if (pid == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO); /* its output is not part of our own */
        execv(argv[0], argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return rv_error_set(err, -errno, "cannot start %s: %s", daemon, strerror(errno));
    return status == 0 ? 0 : rv_error_set(err, RV_E_CONFIG, "the configuration %s is not valid (see above)", *config);
}

int sandbox_up(struct rv_arena *a, const char *own_config, bool json, struct rv_error *err) {
    static const char *const crd_places[] = {"../../deploy/crds", "../share/rayvisor/crds"},
                             *const config_places[] = {"../../config/rayvisor.yaml", "../share/rayvisor/rayvisor.yaml"},
                             *const daemon_places[] = {"rayvisord", "../sbin/rayvisord"};
    const char *crds = find_beside(a, crd_places, 2),
               *config = own_config != NULL ? own_config : find_beside(a, config_places, 2),
               *daemon = find_beside(a, daemon_places, 2);
    if (crds == NULL || config == NULL || daemon == NULL)
        return rv_error_set(err, -ENOENT,
                            "the installation is incomplete: CRDs, default configuration or rayvisord are not where "
                            "rayvisorctl looks (%s)",
                            exe_dir(a));
    int r = make_dir(a, err);
    if (r == 0 && own_config != NULL) r = check_own_config(a, daemon, &config, err);
    if (r == 0 && read_pid(a, "cluster.pid") == 0) r = start_cluster(a, crds, err);
    if (r == 0 && read_pid(a, "operator.pid") == 0) r = start_operator(a, daemon, config, err);
    if (r == 0) r = wait_for(a, "operator", operator_ready, err);
    if (r == 0) print_up(a, json);
    return r;
}

int sandbox_down(struct rv_arena *a, bool json, struct rv_error *err) {
    int r = stop(a, "operator", err), q = stop(a, "cluster", err);
    if (r == 0 && q == 0) puts(json ? "{\"ok\":true}" : "The sandbox is down.");
    return r != 0 ? r : q;
}

static void print_part(struct jsonw *w, bool json, const char *name, pid_t pid, bool ready) {
    if (!json && pid == 0) printf("%-9s not running\n", name);
    if (!json && pid != 0) printf("%-9s pid %d, %s\n", name, (int)pid, ready ? "ready" : "not ready");
    jsonw_begin_object(w, name);
    jsonw_bool(w, "running", pid != 0);
    jsonw_int(w, "pid", pid);
    jsonw_bool(w, "ready", ready);
    jsonw_end_object(w);
}

int sandbox_status(struct rv_arena *a, bool json, struct rv_error *err) {
    static const struct {
        const char *name;
        bool (*ready)(struct rv_arena *a);
    } parts[] = {{"cluster", sandbox_ready}, {"operator", operator_ready}};
    rv_autobuf struct rv_buf b = {0};
    struct jsonw w = {.out = &b};
    bool all = true;
    jsonw_begin_object(&w, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) {
        pid_t pid = read_pid(a, rv_arena_fmt(a, "%s.pid", parts[i].name).p);
        bool ready = pid != 0 && parts[i].ready(a);
        all = all && ready;
        print_part(&w, json, parts[i].name, pid, ready);
    }
    jsonw_bool(&w, "ready", all);
    jsonw_str(&w, "folder", sandbox_dir(a));
    jsonw_end_object(&w);
    if (json)
        puts(rv_buf_cstr(&b));
    else
        printf("%-9s %s\n", "folder", sandbox_dir(a).p);
    return all ? 0
               : rv_error_set(err, RV_E_UNAVAILABLE, "the sandbox is not up; start it with: %s sandbox up",
                              own_command(a));
}
