/* sandbox.c - limits, Landlock, namespaces and seccomp for a host (see sandbox.h). */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "ipc/base/sanitizer.h"

/* for libraries, thread stacks and some reserve */
#define ADDRESSES_BESIDE (UINT64_C(1) << 30)

int sandbox_mode_parse(const char *text, enum sandbox_mode *ret) {
    static const char *const names[] = {"off", "best-effort", "enforce"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++)
        if (strcmp(text, names[i]) == 0) return *ret = (enum sandbox_mode)i, 0;
    return -EINVAL;
}

/* Records success. Turns a failure into an error if the mode requires it. */
static int part(const struct sandbox_opts *o, const char *name, int code, struct rv_buf *in_force,
                struct rv_error *err) {
    if (code == 0) {
        if (in_force->n != 0) rv_buf_addc(in_force, ',');
        rv_buf_adds(in_force, name);
        return 0;
    }
    if (o->mode != SANDBOX_ENFORCE) return 0;
    return rv_error_set(err, code,
                        "hostSandbox: enforce, but %s is not available here (%s); use best-effort to run without it",
                        name, rv_error_text(code));
}

static int limit(int resource, uint64_t value) {
    struct rlimit l = {(rlim_t)value, (rlim_t)value};
    return setrlimit((__rlimit_resource_t)resource, &l) == 0 ? 0 : -errno;
}

/* ---- Landlock: read and execute below a few folders, nothing else ----------------------------------------- */

static const uint64_t FS_READ = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

static int landlock_allow(int ruleset, const char *path) {
    rv_autoclose int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    struct stat st;
    if (fstat(fd, &st) != 0) return -errno;
    uint64_t dir_only = S_ISDIR(st.st_mode) ? 0 : LANDLOCK_ACCESS_FS_READ_DIR;
    struct landlock_path_beneath_attr rule = {.allowed_access = FS_READ & ~dir_only, .parent_fd = fd};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : -errno;
}

static int landlock(const struct sandbox_opts *o) {
    struct landlock_ruleset_attr attr = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    rv_autoclose int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) return -errno;
    rv_autofree char *copy = rv_strdup(rv_str(o->plugin_path));
    const char *const paths[] = {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", dirname(copy)};
    for (size_t i = 0; i < RV_ARRAY_LEN(paths); i++) {
        int r = landlock_allow(ruleset, paths[i]);
        if (r != 0) return r;
    }
    return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : -errno;
}

/* If the host runs as root, it gives up the privileges of root, because it only computes. */
static int drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

int sandbox_before_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err) {
    /* This needs privileges that a container seldom has. Without them, Landlock and the system call filter forbid the
     * same. It comes first, because new namespaces change what a process may do. */
    int view = o->mode != SANDBOX_OFF ? sandbox_enter_view(o) : 0;
    if (view != 0 && o->mode != SANDBOX_ENFORCE)
        log_info("no view of its own: Landlock and seccomp alone close files and network", "reason", strerror(-view));
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return rv_error_set(err, -errno, "cannot tie this process to its supervisor: %s", strerror(errno));
    /* The parent may have died before that line. */
    if (o->parent != 0 && getppid() != o->parent)
        return rv_error_set(err, -ESRCH, "the supervisor that started this host is gone");
    if (o->mode == SANDBOX_OFF) return 0;
    const struct {
        const char *name;
        int code;
    } parts[] = {
        {"own-view", view},
        {"no-new-privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno},
        {"undumpable", prctl(PR_SET_DUMPABLE, 0) == 0 ? 0 : -errno},
        {"no-core", limit(RLIMIT_CORE, 0)},
        {"descriptor-limit", limit(RLIMIT_NOFILE, 128)},
        {o->max_memory != 0 ? "memory-limit" : NULL, o->max_memory != 0 ? limit(RLIMIT_DATA, o->max_memory) : 0},
        /* This limits page tables: 8 bytes for each page that is only read, which the limit on data does not count. */
        {o->max_memory != 0 && !RV_ADDRESS_SANITIZER ? "address-limit" : NULL,
         o->max_memory != 0 && !RV_ADDRESS_SANITIZER ? limit(RLIMIT_AS, o->max_memory + ADDRESSES_BESIDE) : 0},
        /* A plugin may write into the recording, because its descriptor is open. */
        {o->max_file != 0 ? "file-limit" : NULL, o->max_file != 0 ? limit(RLIMIT_FSIZE, o->max_file) : 0},
        {"landlock", landlock(o)},
        {"no-capabilities", drop_capabilities()},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) {
        if (parts[i].name == NULL) continue; /* not requested */
        int r = part(o, parts[i].name, parts[i].code, in_force, err);
        if (r != 0) return r;
    }
    return 0;
}

/* ---- seccomp ---------------------------------------------------------------------------------------------- */

#if RV_ADDRESS_SANITIZER
/* The leak check needs files and ptrace, which a host does not have. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#endif

static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate), /* for a recording; the flight recorder is sealed against it */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(futex),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(signalfd4),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(getrlimit),
    SCMP_SYS(uname),
    SCMP_SYS(geteuid),
    SCMP_SYS(getuid),
    SCMP_SYS(getegid),
    SCMP_SYS(getgid),
#if RV_ADDRESS_SANITIZER /* its runtime reads /proc and checks for leaks from a clone */
    SCMP_SYS(openat),
    SCMP_SYS(readlink),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(prctl),
    SCMP_SYS(ptrace),
    SCMP_SYS(wait4),
    SCMP_SYS(getdents64),
    SCMP_SYS(readlinkat),
    SCMP_SYS(access),
    SCMP_SYS(pipe2),
    SCMP_SYS(mmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(prlimit64),
#endif
};

/* Calls that only loading needs: for files (Landlock and the view decide which ones) and for executable memory. */
static const int for_loading[] = {
    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(stat),   SCMP_SYS(lstat),
    SCMP_SYS(statx),      SCMP_SYS(readlink),  SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(fstatfs),
    SCMP_SYS(getdents64), SCMP_SYS(mmap),      SCMP_SYS(mprotect),
};

/* Allows files to be read and further filters to be installed. Each thread installs its own filter. It has no
 * privileges any more, so this needs no prctl(). */
static int add_loading_rules(scmp_filter_ctx ctx) {
    const uint64_t writing = O_ACCMODE | O_CREAT | O_TRUNC;
    const struct {
        int call;
        struct scmp_arg_cmp cmp;
    } rules[] = {
        {SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)},
        {SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, writing, O_RDONLY)},
        {SCMP_SYS(seccomp), SCMP_A0(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER, 0)},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rules); i++) {
        int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].cmp);
        if (r != 0 && r != -EDOM && r != -EEXIST) return r;
    }
    return 0;
}

/* Calls that are allowed only with certain arguments. */
static int add_narrow_rules(scmp_filter_ctx ctx) {
    const uint64_t self = (uint64_t)getpid(), main_thread = (uint64_t)gettid();
    const struct {
        int call;
        unsigned arg;
        enum scmp_compare op;
        uint64_t a, b;
    } narrow[] = {
        /* Memory must not be or become executable. */
        {SCMP_SYS(mmap), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
        {SCMP_SYS(mprotect), 2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
        /* abort() may signal only this process. */
        {SCMP_SYS(tgkill), 0, SCMP_CMP_EQ, self, 0},
        {SCMP_SYS(tkill), 0, SCMP_CMP_EQ, main_thread, 0},
        /* A thread of ZeroMQ sets its scheduling to the present values when it starts, which may be now. It aborts if
         * that fails. */
        {SCMP_SYS(sched_setscheduler), 1, SCMP_CMP_EQ, (uint64_t)sched_getscheduler(0), 0},
        /* Only the limits of this process. The supervisor may run as the same user, and its limits could be used to
         * kill it. */
        {SCMP_SYS(prlimit64), 0, SCMP_CMP_EQ, 0, 0},
        /* F_SETOWN is not allowed, because it sends signals to other processes. */
        {SCMP_SYS(fcntl), 1, SCMP_CMP_EQ, F_GETFD, 0},
        {SCMP_SYS(fcntl), 1, SCMP_CMP_EQ, F_SETFD, 0},
        {SCMP_SYS(fcntl), 1, SCMP_CMP_EQ, F_GETFL, 0},
        {SCMP_SYS(fcntl), 1, SCMP_CMP_EQ, F_SETFL, 0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(narrow); i++) {
        struct scmp_arg_cmp cmp = {
            .arg = narrow[i].arg, .op = narrow[i].op, .datum_a = narrow[i].a, .datum_b = narrow[i].b};
        int r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, narrow[i].call, 1, &cmp);
        if (r != 0 && r != -EEXIST) return r;
    }
    return 0;
}

static int add_calls(scmp_filter_ctx ctx, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
        if (r != 0 && r != -EDOM && r != -EEXIST) return r;
    }
    return 0;
}

/* socket() and connect() are not allowed: the lane is connected, and a unix socket can lead to anything. clone() is not
 * allowed: ZeroMQ's threads are running, and a process that was made before the last filter would live on without
 * it. */
static int add_rules(scmp_filter_ctx ctx, bool loading) {
    int r = add_calls(ctx, allowed, RV_ARRAY_LEN(allowed));
    if (r == 0 && loading) r = add_calls(ctx, for_loading, RV_ARRAY_LEN(for_loading));
    if (r == 0 && loading) r = add_loading_rules(ctx);
    return r != 0 ? r : add_narrow_rules(ctx);
}

/* Calls of another architecture (int 0x80, x32) kill the process instead of failing. Their numbers mean something else
 * there, so only an attempt to get around the filter uses them. */
static scmp_filter_ctx new_filter(uint32_t otherwise) {
    scmp_filter_ctx ctx = seccomp_init(otherwise);
    if (ctx != NULL) (void)seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    return ctx;
}

enum whom { ALL_THREADS, THIS_THREAD };

static int load_filter(scmp_filter_ctx ctx, int r, enum whom whom) {
    if (r == 0) r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, whom == ALL_THREADS);
    /* The first filter gives up the privileges. From then on that call is refused. */
    if (r == 0 && whom == THIS_THREAD) r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
    if (r == 0) r = seccomp_load(ctx);
    seccomp_release(ctx);
    return r;
}

/* A call that is not listed fails with EPERM. So a plugin that tries one gets an error, and not a death that looks like
 * a crash. */
static int filter_calls(bool loading) {
    scmp_filter_ctx ctx = new_filter(SCMP_ACT_ERRNO(EPERM));
    if (ctx == NULL) return -ENOMEM;
    return load_filter(ctx, add_rules(ctx, loading), loading ? ALL_THREADS : THIS_THREAD);
}

/* For the thread that loads the plugin: it may install no further filters, because a filter of the plugin could change
 * the result of any call. */
static int refuse_filters(void) {
    static const int calls[] = {SCMP_SYS(seccomp), SCMP_SYS(prctl)};
    scmp_filter_ctx ctx = new_filter(SCMP_ACT_ALLOW);
    int r = ctx != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < RV_ARRAY_LEN(calls) && r == 0 && !RV_ADDRESS_SANITIZER; i++)
        r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    return ctx != NULL ? load_filter(ctx, r, THIS_THREAD) : r;
}

int sandbox_for_load(const struct sandbox_opts *o, struct rv_buf *in_force, struct rv_error *err) {
    if (o->mode == SANDBOX_OFF) return 0;
    int r = part(o, "seccomp-load", filter_calls(true), in_force, err);
    return r != 0 ? r : part(o, "seccomp", filter_calls(false), in_force, err);
}

int sandbox_loading_thread(const struct sandbox_opts *o, struct rv_error *err) {
    rv_autobuf struct rv_buf unused = {0};
    return o->mode == SANDBOX_OFF ? 0 : part(o, "a filter of the loading thread", refuse_filters(), &unused, err);
}

/* ---- trying ------------------------------------------------------------------------------------------------ */

static bool refused(long r) { return r == -1 && errno == EPERM; }

/* The report of what is in force could be wrong for unknown reasons, so it is tested. */
int sandbox_verify(const struct rv_buf *in_force, struct rv_error *err) {
    static const char last[] = ",seccomp";
    size_t n = sizeof last - 1;
    if (RV_ADDRESS_SANITIZER || in_force->n < n || memcmp(in_force->p + in_force->n - n, last, n) != 0) return 0;
    const struct {
        const char *what;
        bool refused;
    } tries[] = {
        {"opening a file", refused(syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_CLOEXEC))},
        {"a socket", refused(syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))},
        {"memory that runs",
         refused(syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))},
        {"another filter", refused(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL))},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(tries); i++)
        if (!tries[i].refused)
            return rv_error_set(err, RV_E_CONFIG, "the sandbox is not in force: %s is not refused", tries[i].what);
    return 0;
}
