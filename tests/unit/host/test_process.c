/* test_process.c - the real rayvisor-host with the toy plugin, and this test as its supervisor. */
#include "script.h"

#include "ipc/base/sanitizer.h"
#include "ipc/protocol/flight_recorder.h"
#include "ipc/protocol/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_RECEIVED = 64, PATIENCE_S = 60 };

struct received {
    unsigned type;
    uint64_t id;
    uint32_t verb;
    int32_t code;
    char text[512]; /* an action's object, an event's note, an explanation, a failure */
};

struct run {
    char dir[64], lane_path[96], record_path[96], toy[512], parent[24];
    struct loop *loop;
    struct lane_context *context;
    struct lane *lane;
    struct flight *flight;
    struct rv_arena *arena;
    pid_t pid;
    int status;
    bool bad, exited;
    uint8_t token[32];
    bool token_right;
    struct received received[MAX_RECEIVED];
    size_t n;
};

static void note_text(struct received *h, struct rv_str s) {
    snprintf(h->text, sizeof h->text, RV_STR_FMT, RV_STR_ARG(s));
}

static void on_message(void *arg, const struct msg *m) {
    struct run *r = arg;
    if (r->n == MAX_RECEIVED) return;
    struct received *h = &r->received[r->n++];
    h->type = m->type;
    switch (m->type) {
    case MSG_HELLO:
        note_text(h, m->hello.plugin);
        r->token_right =
            m->hello.token.n == sizeof r->token && memcmp(m->hello.token.p, r->token, sizeof r->token) == 0;
        break;
    case MSG_ACTION:
        h->id = m->action.id;
        h->verb = m->action.a.verb;
        note_text(h, m->action.a.verb == RV_VERB_EVENT ? m->action.event.note : m->action.a.name);
        break;
    case MSG_EXPLANATION:
        note_text(h, m->explain.lines);
        break;
    case MSG_FAILED:
        h->code = m->text.code;
        note_text(h, m->text.text);
        break;
    default:
        break;
    }
}

static void on_bad(void *arg, const struct rv_error *err) {
    struct run *r = arg;
    printf("\n    bad message: %s", err->text);
    r->bad = true;
}

/* A kernel, or a container, that allows no namespaces. */
static void forbid_namespaces(void) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
    if (ctx == NULL || seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 0) != 0 ||
        seccomp_load(ctx) != 0)
        _exit(127);
}

/* In the child: descriptors 3 and 4, an empty environment, exec. */
static void become_host(const char *const *argv, int token, int flight, bool confined) {
    if (confined) forbid_namespaces();
    int a = fcntl(token, F_DUPFD, 20), b = fcntl(flight, F_DUPFD, 20);
    char *const environment[] = {RV_ADDRESS_SANITIZER ? (char[]){"ASAN_OPTIONS=detect_leaks=0"} : NULL, NULL};
    if (dup2(a, 3) == 3 && dup2(b, 4) == 4) execve(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

static void spawn(struct run *r, const char *const *argv, bool confined) {
    int token[2], flight = flight_create(NULL);
    CU_ASSERT_FATAL(flight >= 0 && pipe2(token, O_CLOEXEC) == 0);
    for (size_t i = 0; i < sizeof r->token; i++) r->token[i] = (uint8_t)(i * 7 + 1);
    CU_ASSERT_FATAL(write(token[1], r->token, sizeof r->token) == sizeof r->token);
    r->flight = flight_map(flight, NULL);
    fflush(NULL);
    r->pid = fork();
    CU_ASSERT_FATAL(r->pid >= 0);
    if (r->pid == 0) become_host(argv, token[0], flight, confined);
    close(token[0]);
    close(token[1]);
    close(flight);
}

/* parent: whom the host takes for its supervisor; limit: of its recording; confined: no namespaces for it. */
static struct run *begin_as(const char *toy, const char *sandbox, pid_t parent, const char *limit, bool confined) {
    struct run *r = rv_alloc(sizeof *r);
    snprintf(r->dir, sizeof r->dir, "/tmp/rv-host-XXXXXX");
    CU_ASSERT_FATAL(mkdtemp(r->dir) != NULL);
    snprintf(r->lane_path, sizeof r->lane_path, "%s/lane", r->dir);
    snprintf(r->record_path, sizeof r->record_path, "%s/record", r->dir);
    snprintf(r->toy, sizeof r->toy, "%s/%s.so", TOYS, toy);
    r->arena = rv_arena_new();
    r->loop = loop_new(NULL);
    r->context = lane_context_new();
    r->lane = lane_bind(r->context, r->loop, r->lane_path, &(struct lane_callbacks){on_message, on_bad, r}, NULL);
    CU_ASSERT_FATAL(r->lane != NULL);
    const char *argv[] = {HOST_BINARY, "--lane",       r->lane_path, "--plugin", r->toy,         "--sandbox", sandbox,
                          "--record",  r->record_path, "--parent",   r->parent,  "--record-max", limit,       NULL};
    snprintf(r->parent, sizeof r->parent, "%d", (int)parent);
    spawn(r, argv, confined);
    return r;
}

static struct run *begin(const char *toy, const char *sandbox) { return begin_as(toy, sandbox, getpid(), "0", false); }

static void end(struct run *r) {
    if (!r->exited) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
    }
    lane_free(r->lane);
    lane_context_free(r->context);
    loop_free(r->loop);
    flight_unmap(r->flight);
    rv_arena_free(r->arena);
    unlink(r->record_path);
    rmdir(r->dir);
    free(r);
}

static void say(struct run *r, struct msg m) { lane_send(r->lane, &m); }

static bool check_exit(struct run *r) {
    if (!r->exited) r->exited = waitpid(r->pid, &r->status, WNOHANG) == r->pid;
    return r->exited;
}

/* The next message of that type (from index *at on), waiting for it. NULL when the host ends without it. */
static struct received *hear(struct run *r, unsigned type, size_t *at) {
    int64_t end_at = clock_monotonic() + (int64_t)PATIENCE_S * 1000000000;
    for (int after = 0;; loop_turn(r->loop, 20)) {
        for (; *at < r->n; ++*at)
            if (r->received[*at].type == type) return &r->received[(*at)++];
        if (after > 50 || clock_monotonic() > end_at) return NULL;
        after += check_exit(r); /* its last words may still be on their way through ZeroMQ's thread */
    }
}

static int wait_exit(struct run *r) {
    int64_t end_at = clock_monotonic() + (int64_t)PATIENCE_S * 1000000000;
    while (!check_exit(r) && clock_monotonic() < end_at) loop_turn(r->loop, 20);
    CU_ASSERT_TRUE(r->exited);
    return r->status;
}

/* Handshake and a snapshot of one object. */
static void greet(struct run *r, size_t *at, const char *name, const char *mode) {
    struct received *h = hear(r, MSG_HELLO, at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    CU_ASSERT_TRUE(r->token_right);
    say(r, script_welcome(r->arena));
    say(r, script_snap(MSG_SNAP_BEGIN, 1));
    say(r, script_object(r->arena, 0, name, mode, 1));
    say(r, script_snap(MSG_SNAP_END, 1));
}

static char replayed[65536]; /* what the last replay printed */

static int replay(struct run *r) {
    fflush(NULL);
    FILE *out = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fileno(out), 1);
        execl(HOST_BINARY, HOST_BINARY, "--replay", r->record_path, r->toy, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    waitpid(pid, &status, 0);
    rewind(out);
    replayed[fread(replayed, 1, sizeof replayed - 1, out)] = 0;
    fclose(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void falsify(const char *path) {
    FILE *f = fopen(path, "r+");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    /* Within the last action's payload text: the file still parses. */
    char *bytes = rv_alloc(1 << 20);
    size_t n = fread(bytes, 1, 1 << 20, f);
    char *at = memmem(bytes, n, "good-child", 10);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    fseek(f, at - bytes, SEEK_SET);
    fputc('w', f);
    fclose(f);
    free(bytes);
}

static void life(void) {
    struct run *r = begin("toy", "best-effort");
    size_t at = 0;
    greet(r, &at, "good", "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hear(r, MSG_SYNCED, &at));
    struct received *h = hear(r, MSG_ACTION, &at);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    if (h == NULL) return;
    CU_ASSERT_EQUAL(h->verb, RV_VERB_CREATE);
    CU_ASSERT_STRING_EQUAL(h->text, "good-child");
    say(r, script_object(r->arena, 1, "good-child", "good", 2));
    say(r, script_result(h->id, 0));
    say(r, (struct msg){.type = MSG_PING, .ping = {.t = 5}});
    CU_ASSERT_PTR_NOT_NULL(hear(r, MSG_PONG, &at));
    for (int tries = 0; tries < 1000; tries++) { /* the pass comes after the messages that were waiting */
        say(r, (struct msg){.type = MSG_EXPLAIN, .explain = {.corr = 1, .key = {RV_STR("ns"), RV_STR("good")}}});
        h = hear(r, MSG_EXPLANATION, &at);
        if (h == NULL || strcmp(h->text, "the child is there") == 0) break;
        r->n = at = 0;
    }
    CU_ASSERT_TRUE(h != NULL && strcmp(h->text, "the child is there") == 0);
    say(r, (struct msg){.type = MSG_DRAIN});
    CU_ASSERT_PTR_NOT_NULL(hear(r, MSG_DRAINED, &at));
    CU_ASSERT_EQUAL(wait_exit(r), 0);
    CU_ASSERT_FALSE(r->bad);
    CU_ASSERT_EQUAL(replay(r), 0);
    falsify(r->record_path);
    CU_ASSERT_EQUAL(replay(r), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(replayed, "\"recorded\":\"create configmaps ns/wood-child for ns/good\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(replayed, "\"now\":\"create configmaps ns/good-child for ns/good\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(replayed, "\"recordedMessage\":{\"type\":\"ACTION\",\"body\":"));
    end(r);
}

static void sandbox(void) {
    static const char *const denied[] = {"open", "write", "network", "unix", "kill", "owner", "early socket"};
    static const char *const denied_unsanitized[] = {"connect",     "fork",         "exec",       "limit",
                                                     "code",        "early fork",   "early exec", "early kill",
                                                     "early write", "early filter", "calls",      "early calls"};
    struct run *r = begin("greedy", "best-effort");
    size_t at = 0;
    greet(r, &at, "probe", "probe");
    struct received *h = NULL;
    while ((h = hear(r, MSG_ACTION, &at)) != NULL && h->verb != RV_VERB_EVENT) continue;
    CU_ASSERT_PTR_NOT_NULL_FATAL(h);
    if (h == NULL) return;
    char want[64];
    for (size_t i = 0; i < RV_ARRAY_LEN(denied); i++) {
        snprintf(want, sizeof want, "%s denied", denied[i]);
        CHECK_ROW(strstr(h->text, want) != NULL, denied[i]);
    }
    /* A sanitizer's runtime needs some of these itself. */
    for (size_t i = 0; i < RV_ARRAY_LEN(denied_unsanitized) && !RV_ADDRESS_SANITIZER; i++) {
        snprintf(want, sizeof want, "%s denied", denied_unsanitized[i]);
        CHECK_ROW(strstr(h->text, want) != NULL, denied_unsanitized[i]);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(h->text, "think allowed"));
    CU_ASSERT_NOT_EQUAL(access("/tmp/toy-was-here", F_OK), 0);
    end(r);
}

static void crash(void) {
    static const struct {
        const char *plugin, *mode;
        uint32_t call;
        const char *name, *uid;
    } rows[] = {
        {"toy", "crash", FLIGHT_RECONCILE, "victim", "uid-victim"},
        {"crash-init", "", FLIGHT_INIT, "", ""},
        {"crash-load", "", FLIGHT_LOAD, "", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct run *r = begin(rows[i].plugin, "best-effort");
        size_t at = 0;
        if (rows[i].call != FLIGHT_LOAD) greet(r, &at, "victim", rows[i].mode);
        int status = wait_exit(r);
        CHECK_ROW(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, rows[i].plugin);
        struct flight_record f;
        flight_read(r->flight, &f);
        CHECK_ROW(f.call == rows[i].call, rows[i].plugin);
        CU_ASSERT_STRING_EQUAL(f.name, rows[i].name);
        CU_ASSERT_STRING_EQUAL(f.uid, rows[i].uid);
        end(r);
    }
}

/* Another architecture's calls end the process at once. */
static void old_call(void) {
    static const char *const toys[] = {"old-call", "x32-call"};
    for (size_t i = 0; i < RV_ARRAY_LEN(toys); i++) {
        struct run *r = begin(toys[i], "best-effort");
        int status = wait_exit(r);
        CHECK_ROW(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, toys[i]);
        end(r);
    }
}

static void misfits(void) {
    static const struct {
        const char *plugin, *says; /* NULL: there is no such file */
    } rows[] = {{"old-abi", "ABI 0"}, {"no-kinds", "kinds must be set"}, {"no-such-plugin", NULL}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct run *r = begin(rows[i].plugin, "best-effort");
        size_t at = 0;
        struct received *h = rows[i].says != NULL ? hear(r, MSG_FAILED, &at) : NULL;
        bool said = h != NULL && h->code == RV_E_ABI && strstr(h->text, rows[i].says) != NULL;
        CHECK_ROW(said == (rows[i].says != NULL), rows[i].plugin);
        int status = wait_exit(r);
        CHECK_ROW(WIFEXITED(status) && WEXITSTATUS(status) == 78, rows[i].plugin);
        end(r);
    }
}

static void protocol_errors(void) {
    struct run *r = begin("toy", "off");
    size_t at = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(hear(r, MSG_HELLO, &at));
    say(r, script_snap(MSG_SNAP_BEGIN, 1)); /* before WELCOME */
    int status = wait_exit(r);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 70);
    end(r);
    r = begin("toy", "off");
    at = 0;
    CU_ASSERT_PTR_NOT_NULL_FATAL(hear(r, MSG_HELLO, &at));
    say(r, (struct msg){.type = MSG_REFUSE, .text = {RV_E_ABI, RV_STR("not you")}});
    status = wait_exit(r);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 78);
    end(r);
}

/* Its supervisor died between fork and the death signal: whoever the parent is now, it is not who it should be. */
static void orphan(void) {
    struct run *r = begin_as("toy", "best-effort", getppid(), "0", false);
    int status = wait_exit(r);
    CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 69);
    size_t at = 0;
    CU_ASSERT_PTR_NULL(hear(r, MSG_HELLO, &at));
    end(r);
}

/* Namespaces in the host's own order of trying, and in them a root of one's own. A kernel may allow the one and not the
 * other: pivot_root(2) refuses where the present root is no mount (EINVAL in a chroot). */
static bool make_view(const char *root) {
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0)
        return false;
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("none", root, "tmpfs", 0, "size=64k") == 0 &&
           chdir(root) == 0 && syscall(SYS_pivot_root, ".", ".") == 0;
}

static bool namespaces_allowed(void) {
    char root[] = "/tmp/view-XXXXXX";
    if (mkdtemp(root) == NULL) return false;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(make_view(root) ? 0 : 1);
    int status = -1;
    waitpid(pid, &status, 0);
    rmdir(root);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static ino_t namespace_of(pid_t pid, const char *what) {
    char path[64];
    struct stat st = {0};
    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, what);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* All of it or nothing: where a part is missing the plugin does not run, and it is named. */
static void enforced(void) {
    for (int confined = 0; confined < 2; confined++) {
        struct run *r = begin_as("toy", "enforce", getpid(), "0", confined != 0);
        size_t at = 0;
        if (confined == 0 && namespaces_allowed()) {
            greet(r, &at, "good", "");
            CU_ASSERT_PTR_NOT_NULL(hear(r, MSG_SYNCED, &at));
        } else {
            struct received *h = hear(r, MSG_FAILED, &at);
            CU_ASSERT_TRUE(h != NULL && strstr(h->text, "own-view is not available") != NULL);
            int status = wait_exit(r);
            CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 78);
        }
        end(r);
    }
    struct run *r = begin_as("toy", "best-effort", getpid(), "0", true);
    size_t at = 0;
    greet(r, &at, "good", "");
    CU_ASSERT_PTR_NOT_NULL(hear(r, MSG_SYNCED, &at));
    end(r);
}

/* What the host sees of files, looked at from outside. */
static void view(void) {
    if (geteuid() != 0) { /* a host is undumpable: only root may look into it */
        printf(" (skipped: not root)");
        return;
    }
    struct run *r = begin("toy", "best-effort");
    size_t at = 0;
    greet(r, &at, "good", "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hear(r, MSG_SYNCED, &at));
    bool own = namespaces_allowed();
    if (!own) printf(" (this machine allows no view of its own: only that the plugin runs is tested)");
    CU_ASSERT_TRUE(!own || namespace_of(r->pid, "mnt") != namespace_of(getpid(), "mnt"));
    CU_ASSERT_TRUE(!own || namespace_of(r->pid, "net") != namespace_of(getpid(), "net"));
    char path[96], line[1024];
    snprintf(path, sizeof path, "/proc/%d/mounts", (int)r->pid);
    FILE *f = own ? fopen(path, "re") : NULL;
    unsigned mounts = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        mounts++;
        CHECK_ROW(strstr(line, " ro,") != NULL, line);
    }
    if (f != NULL) fclose(f);
    CU_ASSERT_TRUE(!own || mounts >= 2);
    static const char *const gone[] = {"/etc/passwd", "/proc/self", "/home", "/root", "/dev/null", "/sys/kernel"};
    for (size_t i = 0; own && i < RV_ARRAY_LEN(gone); i++) {
        snprintf(path, sizeof path, "/proc/%d/root%s", (int)r->pid, gone[i]);
        CHECK_ROW(access(path, F_OK) != 0 && errno == ENOENT, gone[i]);
    }
    snprintf(path, sizeof path, "/proc/%d/root/usr/lib", (int)r->pid);
    CU_ASSERT_TRUE(!own || access(path, F_OK) == 0);
    end(r);
}

/* A recording ends at its size, can be replayed up to there, and also when its last record is cut. */
static void recording_limits(void) {
    struct run *r = begin_as("toy", "best-effort", getpid(), "1000", false);
    struct stat st;
    size_t at = 0;
    greet(r, &at, "good", "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(hear(r, MSG_ACTION, &at));
    say(r, (struct msg){.type = MSG_DRAIN});
    for (int i = 0; i < 50; i++) say(r, (struct msg){.type = MSG_PING, .ping = {.t = 5}});
    for (int i = 0; i < 50; i++) CU_ASSERT_PTR_NOT_NULL(hear(r, MSG_PONG, &at));
    CU_ASSERT_TRUE(stat(r->record_path, &st) == 0 && st.st_size >= 1000 && st.st_size < 3000);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    CU_ASSERT_EQUAL(replay(r), 0);
    CU_ASSERT_EQUAL(truncate(r->record_path, st.st_size - 3), 0);
    CU_ASSERT_NOT_EQUAL(replay(r), 78);
    CU_ASSERT_EQUAL(truncate(r->record_path, 2), 0);
    CU_ASSERT_NOT_EQUAL(replay(r), 78);
    end(r);
}

/* The recording's descriptor is the plugin's as well. */
static void recording_that_a_plugin_fills(void) {
    struct run *r = begin_as("toy", "best-effort", getpid(), "1000000", false);
    struct stat st;
    size_t at = 0;
    greet(r, &at, "bad", "scribble");
    int status = wait_exit(r);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    CU_ASSERT_TRUE(stat(r->record_path, &st) == 0 && st.st_size < 32 << 20);
    end(r);
}

static const struct suite_test tests[] = {
    {"life, recording and replay", life},
    {"what the sandbox denies", sandbox},
    {"the flight recorder names the crash", crash},
    {"calls of another architecture", old_call},
    {"a plugin that does not fit", misfits},
    {"a supervisor that makes no sense", protocol_errors},
    {"a host whose supervisor is gone", orphan},
    {"its view of the fixture", view},
    {"a sandbox that is demanded", enforced},
    {"a recording's size", recording_limits},
    {"a recording that a plugin fills", recording_that_a_plugin_fills},
};
SUITE_MAIN("host process", tests)
