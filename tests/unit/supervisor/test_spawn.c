/* Making processes: what a child gets and what it does not, errors of exec, and what it prints. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/fd_limit.h"
#include "ipc/base/log.h"
#include "supervisor/once/spawn.h"
#include "supervisor/proc/log_limit.h"
#include "supervisor/proc/output.h"
#include "tests/unit/sdk/suite.h"

/* A file without a name that holds the text, at its beginning. */
static int file_of(const char *text) {
    char path[] = "/tmp/rv-spawn-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) abort();
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static void read_back(int fd, char *to, size_t size) {
    (void)lseek(fd, 0, SEEK_SET);
    ssize_t n = read(fd, to, size - 1);
    to[n > 0 ? n : 0] = 0;
}

static void a_child(void) {
    char *const argv[] = {
        (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
        (char *)(uintptr_t) "echo \"token $(cat <&3)\"; echo flight >&4; echo \"in $(cat)\"; echo err >&2;"
                            "for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do"
                            "  [ -e /proc/$$/fd/$i ] && echo \"fd $i\"; done;"
                            "echo \"home $HOME\"; kill -TERM $$; echo alive",
        NULL};
    rv_autoclose int out = file_of(""), token = file_of("secret"), flight = file_of("");
    int keep = open("/dev/null", O_RDONLY); /* not close-on-exec: must not leak either */
    struct rv_error err = {0};
    pid_t pid = 0;
    (void)signal(SIGTERM, SIG_IGN); /* not inherited */
    sigset_t term, old;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, &old);
    int pidfd = spawn_host(&(struct spawn_opts){argv, out, token, flight}, &pid, &err);
    sigset_t after;
    sigprocmask(SIG_SETMASK, &old, &after);
    (void)signal(SIGTERM, SIG_DFL);
    CU_ASSERT_TRUE(pidfd >= 0 && pid > 0 && (fcntl(pidfd, F_GETFD) & FD_CLOEXEC) != 0);
    CU_ASSERT_EQUAL(sigismember(&after, SIGTERM), 1); /* our own mask is as it was */
    CU_ASSERT_EQUAL(sigismember(&after, SIGINT), 0);
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    close(pidfd);
    close(keep);
    char text[512];
    read_back(out, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "token secret\nin \nerr\nfd 0\nfd 1\nfd 2\nfd 3\nfd 4\nhome \n");
    read_back(flight, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "flight\n");
}

/* It blocks no signal and handles each as usual, whatever its parent does. */
static void signals(void) {
    char *const argv[] = {(char *)(uintptr_t) "/bin/grep", (char *)(uintptr_t) "-E",
                          (char *)(uintptr_t) "^Sig(Blk|Ign):", (char *)(uintptr_t) "/proc/self/status", NULL};
    rv_autoclose int out = file_of("");
    struct rv_error err = {0};
    sigset_t some, before;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_BLOCK, &some, &before);
    void (*usual)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t pid = 0;
    int pidfd = spawn_host(&(struct spawn_opts){argv, out, out, out}, &pid, &err);
    CU_ASSERT_TRUE(pidfd >= 0 && waitpid(pid, NULL, 0) == pid);
    close(pidfd);
    (void)signal(SIGPIPE, usual);
    sigset_t now;
    sigprocmask(SIG_SETMASK, &before, &now);
    CU_ASSERT_TRUE(sigismember(&now, SIGUSR1) == 1 && sigismember(&now, SIGUSR2) == 0); /* as it was */
    char text[256];
    read_back(out, text, sizeof text);
    CU_ASSERT_EQUAL(strspn(text, "SigBlkIn:\t0\n"), strlen(text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "SigBlk:"));
}

static void not_there(void) {
    char *const argv[] = {(char *)(uintptr_t) "/nonexistent/host", NULL};
    rv_autoclose int fd = file_of("");
    struct rv_error err = {0};
    pid_t pid = -5;
    CU_ASSERT_EQUAL(spawn_host(&(struct spawn_opts){argv, fd, fd, fd}, &pid, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot run /nonexistent/host: No such file or directory (hostBinary"));
    CU_ASSERT_TRUE(pid == -5 && waitpid(-1, NULL, WNOHANG) == -1); /* no child is left */
}

/* What the supervisor raised for itself is not the child's. */
static void descriptors(void) {
    char *const argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c",
                          (char *)(uintptr_t) "echo $(ulimit -Sn)", NULL};
    rv_autoclose int out = file_of("");
    struct rv_error err = {0};
    struct rlimit r;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = 77;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &r), 0);
    CU_ASSERT_EQUAL(fd_limit_raise(), r.rlim_max);
    pid_t pid = 0;
    int pidfd = spawn_host(&(struct spawn_opts){argv, out, out, out}, &pid, &err);
    CU_ASSERT_TRUE(pidfd >= 0 && waitpid(pid, NULL, 0) == pid);
    close(pidfd);
    char text[64];
    read_back(out, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "77\n");
}

static void memory(void) {
    CU_ASSERT_TRUE(process_memory_bytes(getpid()) > 100000);
    CU_ASSERT_EQUAL(process_memory_bytes(INT32_MAX), 0);
}

/* ---- output --------------------------------------------------------------------------------------------- */

struct pipes {
    struct loop *loop;
    struct host_output *output;
    int in, log;
};

static struct pipes begin(void) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) abort();
    struct pipes p = {.loop = loop_new(NULL), .in = fds[1], .log = file_of("")};
    log_setup(LOG_TEXT, RV_LOG_INFO, p.log, "test");
    p.output = host_output_new(p.loop, fds[0], RV_STR("toy"));
    return p;
}

static void end(struct pipes *p) {
    host_output_free(p->output);
    if (p->in >= 0) close(p->in);
    loop_free(p->loop);
    close(p->log);
    log_setup(LOG_TEXT, RV_LOG_INFO, STDERR_FILENO, "test");
}

static size_t lines_of(const struct pipes *p, const char *what, char *text, size_t size) {
    read_back(p->log, text, size);
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++) n++;
    return n;
}

static void say(struct pipes *p, const char *text) {
    if (write(p->in, text, strlen(text)) != (ssize_t)strlen(text)) abort();
    loop_turn(p->loop, 0);
}

static void lines(void) {
    char text[65536];
    struct pipes p = begin();
    say(&p, "one\ntw");
    CU_ASSERT_EQUAL(lines_of(&p, "host output plugin=toy line=one", text, sizeof text), 1);
    CU_ASSERT_EQUAL(lines_of(&p, "host output", text, sizeof text), 1);
    say(&p, "o\n\n\n"); /* empty lines say nothing */
    CU_ASSERT_EQUAL(lines_of(&p, "line=two", text, sizeof text), 1);
    CU_ASSERT_EQUAL(lines_of(&p, "host output", text, sizeof text), 2);
    /* what the host logs itself is told as our own lines are, with nothing in it that says another origin */
    say(&p, "{\"time\":\"t\",\"level\":\"warn\",\"msg\":\"plugin loaded\",\"component\":\"host\",\"plugin\":\"other\","
            "\"sandbox\":\"a \\\"b\\\"\",\"deep\":{\"x\":1},\"limit\":7}\n");
    CU_ASSERT_EQUAL(lines_of(&p, " warn  test: plugin loaded plugin=toy host=true sandbox=\"a \\\"b\\\"\" limit=7\n",
                             text, sizeof text),
                    1);
    CU_ASSERT_EQUAL(lines_of(&p, "host output", text, sizeof text), 2);
    static const char *const no_records[] = {"{\"level\":\"warn\"}\n", "{\"msg\":\"m\",\"level\":\"loud\"}\n",
                                             "{\"msg\":\n"};
    for (size_t i = 0; i < RV_ARRAY_LEN(no_records); i++) {
        say(&p, no_records[i]);
        CU_ASSERT_EQUAL(lines_of(&p, "host output", text, sizeof text), 3 + i);
    }
    for (int i = 0; i < 20; i++) { /* a line of 20000 bytes is cut */
        char part[1001];
        memset(part, 'x', 1000);
        part[1000] = 0;
        say(&p, part);
    }
    say(&p, "\nlast words");
    CU_ASSERT_EQUAL(lines_of(&p, "host output", text, sizeof text), 6);
    const char *cut = strstr(text, "line=xxx");
    CU_ASSERT_TRUE(cut != NULL && strspn(cut + strlen("line="), "x") == 8192);
    if (write(p.in, " of it", 6) != 6) abort(); /* not looked at yet when it dies */
    close(p.in);
    p.in = -1;
    p.output = host_output_free(p.output);
    CU_ASSERT_EQUAL(lines_of(&p, "line=\"last words of it\"", text, sizeof text), 1);
    end(&p);
}

/* Bytes that are no text stay one log line. */
static void no_text(void) {
    char text[4096];
    struct pipes p = begin();
    say(&p, "a\x1b[31m\r\xff\xfe\"b\n");
    CU_ASSERT_EQUAL(lines_of(&p, "\n", text, sizeof text), 1);
    CU_ASSERT_TRUE(strchr(text, 0x1b) == NULL && strchr(text, '\r') == NULL && strchr(text, (char)0xff) == NULL);
    end(&p);
}

/* Without end: the beginning is told, and how many lines were left out. */
static void flood(void) {
    char text[1 << 18];
    struct pipes p = begin();
    for (int i = 0; i < 200; i++)
        for (int k = 0; k < 20; k++) say(&p, "one of many\n");
    size_t n = lines_of(&p, "line=\"one of many\"", text, sizeof text);
    CU_ASSERT_TRUE(n >= 1000 && n < 3000); /* one more for each hundredth of a second that this took */
    p.output = host_output_free(p.output);
    char want[64];
    snprintf(want, sizeof want, "plugin=toy suppressed=%zu", 4000 - n);
    CU_ASSERT_EQUAL(lines_of(&p, want, text, sizeof text), 1);
    end(&p);
}

/* What was left out is told as soon as there is room again, not with each line. */
static void left_out(void) {
    char text[1 << 18];
    struct pipes p = begin();
    struct log_limit c = {0};
    int64_t now = INT64_C(1000000000000), second = 1000000000;
    size_t allowed = 0;
    while (log_limit_allows(&c, RV_STR("toy"), 1, now)) allowed++;
    CU_ASSERT_EQUAL(allowed, 1000);
    for (int i = 0; i < 4; i++) CU_ASSERT_FALSE(log_limit_allows(&c, RV_STR("toy"), 1, now));
    CU_ASSERT_TRUE(log_limit_allows(&c, RV_STR("toy"), 1, now + second / 10)); /* one of ten */
    CU_ASSERT_EQUAL(lines_of(&p, "suppressed", text, sizeof text), 0);
    CU_ASSERT_TRUE(log_limit_allows(&c, RV_STR("toy"), 1, now + 2 * second));
    CU_ASSERT_EQUAL(
        lines_of(&p, "a plugin logs too much: lines of it are left out plugin=toy suppressed=5\n", text, sizeof text),
        1);
    CU_ASSERT_TRUE(log_limit_allows(&c, RV_STR("toy"), 1, now + 3 * second));
    log_limit_report_suppressed(&c, RV_STR("toy"), now + 3 * second, true);
    CU_ASSERT_EQUAL(lines_of(&p, "suppressed", text, sizeof text), 1);
    /* Bytes: a megabyte at once, then so many a second. */
    c = (struct log_limit){0};
    CU_ASSERT_TRUE(log_limit_allows(&c, RV_STR("toy"), 3 << 20, now));
    CU_ASSERT_FALSE(log_limit_allows(&c, RV_STR("toy"), 1, now + second));
    CU_ASSERT_TRUE(log_limit_allows(&c, RV_STR("toy"), 1, now + 65 * second));
    end(&p);
}

static const struct suite_test tests[] = {{"left out", left_out},   {"signals", signals}, {"a child", a_child},
                                          {"not there", not_there}, {"memory", memory},   {"descriptors", descriptors},
                                          {"lines", lines},         {"no text", no_text}, {"flood", flood}};
SUITE_MAIN("spawn", tests)
