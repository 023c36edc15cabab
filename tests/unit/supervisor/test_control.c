/* The control socket of a supervisor whose plugins are not running: commands, and clients that behave badly. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/control/control.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

static unsigned reloads;

static int reload(struct supervisor *s, struct rv_error *err) {
    (void)s;
    return ++reloads % 2 != 0 ? 0 : rv_error_set(err, RV_E_CONFIG, "f.yaml:3:1: \"x\" is unknown");
}

static struct stage *begin(void) {
    struct stage *t =
        stage_new("plugins: [{name: raycluster, enabled: true, limits: {maxInFlight: 3}}]\n", "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_TRUE_FATAL(stage_open_control(t, reload));
    return t;
}

static void end(struct stage *t) {
    stage_close_control(t);
    stage_free(t);
}

static int dial(const struct stage *t) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/control.sock", t->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof un) != 0) abort();
    return fd;
}

/* Reads until the other side closes. Gives up after a thousand turns. */
static bool drain(struct stage *t, int fd, struct rv_buf *out) {
    for (int i = 0; i < 1000; i++) {
        rv_buf_reserve(out, 4096);
        ssize_t n = recv(fd, out->p + out->n, 4096, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
        if (n > 0) out->n += (size_t)n;
        if (n < 0) loop_turn(t->s.loop, 10);
    }
    return false;
}

static struct rv_val ask(struct stage *t, struct rv_arena *a, const char *line) {
    rv_autobuf struct rv_buf out = {0};
    int fd = dial(t);
    CU_ASSERT_EQUAL(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
    CU_ASSERT_TRUE(drain(t, fd, &out));
    close(fd);
    CU_ASSERT_TRUE(out.n > 0 && out.p[out.n - 1] == '\n');
    return from_json(a, rv_buf_cstr(&out));
}

static void questions(void) {
    static const struct {
        const char *line, *path, *want;
    } rows[] = {
        {"{\"cmd\":\"status\"}\n", "version", RV_VERSION},
        {"{\"cmd\":\"status\"}\n", "reason", "plugin raycluster is disabled"},
        {"{\"cmd\":\"status\"}\n", "kubernetes.server", "http://127.0.0.1:1"},
        {"{\"cmd\":\"status\"}\n", "plugins[0].name", "raycluster"},
        {"{\"cmd\":\"plugins\"}\n", "plugins[0].state", "disabled"},
        {"{\"cmd\":\"explain\",\"kind\":\"raycluster\",\"namespace\":\"n\",\"name\":\"x\"}\n", "error",
         "the plugin is not running, so it cannot say (disabled)"},
        {"{\"cmd\":\"explain\",\"kind\":\"RayClusters\",\"namespace\":\"n\",\"name\":\"x\"}\n", "error",
         "the plugin is not running, so it cannot say (disabled)"},
        {"{\"cmd\":\"explain\",\"kind\":\"po\",\"name\":\"x\"}\n", "error",
         "no plugin that runs reconciles po. There are: RayCluster"},
        {"{\"cmd\":\"explain\",\"kind\":\"raycluster\"}\n", "error", "explain needs kind and name"},
        {"{\"cmd\":\"release\",\"plugin\":\"nobody\"}\n", "error",
         "there is no plugin \"nobody\". There are: raycluster"},
        {"{\"cmd\":\"release\",\"plugin\":\"raycluser\"}\n", "error",
         "there is no plugin \"raycluser\": did you mean \"raycluster\"? There are: raycluster"},
        {"{\"cmd\":\"status\"}\n", "configuration.refused", "f.yaml:1:1: unknown key"},
        {"{\"cmd\":\"dance\"}\n", "error",
         "unknown command: there are status, plugins, explain, history, leaks, reload, release"},
        {"{\"cmd\":7}\n", "error",
         "unknown command: there are status, plugins, explain, history, leaks, reload, release"},
        {"[]\n", "error", "unknown command: there are status, plugins, explain, history, leaks, reload, release"},
    };
    struct stage *t = begin();
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autofree char *refused = rv_strdup(RV_STR("f.yaml:1:1: unknown key"));
    t->s.config_refused = refused;
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_str have = rv_path_str(ask(t, a, rows[i].line), rows[i].path);
        CHECK_ROW(rv_str_is(have, rows[i].want), rows[i].line);
        if (!rv_str_is(have, rows[i].want)) printf("\n    says " RV_STR_FMT, RV_STR_ARG(have));
    }
    struct rv_val v = ask(t, a, "GET / HTTP/1.0\r\n\r\n");
    CU_ASSERT_TRUE(rv_str_starts(rv_path_str(v, "error"), "the request is not JSON: "));
    v = ask(t, a, "{\"cmd\":\"release\",\"plugin\":\"raycluster\",\"namespace\":\"n\",\"name\":\"x\"}\n");
    CU_ASSERT_TRUE(rv_path_bool(v, "ok", false) && !rv_path_bool(v, "wasQuarantined", true));
    reloads = 0;
    CU_ASSERT_TRUE(rv_path_bool(ask(t, a, "{\"cmd\":\"reload\"}\n"), "ok", false));
    CU_ASSERT_TRUE(
        rv_str_is(rv_path_str(ask(t, a, "{\"cmd\":\"reload\"}\n"), "error"), "f.yaml:3:1: \"x\" is unknown"));
    CU_ASSERT_EQUAL(reloads, 2);
    v = rv_val_path(ask(t, a, "{\"cmd\":\"plugins\"}\n"), "plugins[0].grants");
    CU_ASSERT_TRUE(rv_val_len(v) > 3); /* "all": what its manifest asks for */
    end(t);
}

/* One question in pieces, one whose asker shuts its side, two in one write: the first counts. */
static void pieces(void) {
    struct stage *t = begin();
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf out = {0};
    static const char line[] = "{\"cmd\":\"release\",\"plugin\":\"nobody\"}\n{\"cmd\":\"status\"}\n";
    int fd = dial(t);
    for (size_t i = 0; i < sizeof line - 1; i++) {
        if (send(fd, line + i, 1, MSG_NOSIGNAL) != 1) break; /* it has its line and closed */
        loop_turn(t->s.loop, 0);
    }
    shutdown(fd, SHUT_WR);
    CU_ASSERT_TRUE(drain(t, fd, &out));
    CU_ASSERT_TRUE(json_is(from_json(a, rv_buf_cstr(&out)),
                           "{\"error\":\"there is no plugin \\\"nobody\\\". There are: raycluster\"}"));
    close(fd);
    rv_buf_clear(&out);
    fd = dial(t); /* no line end */
    CU_ASSERT_EQUAL(send(fd, line, 10, MSG_NOSIGNAL), 10);
    shutdown(fd, SHUT_WR);
    CU_ASSERT_TRUE(drain(t, fd, &out) && out.n == 0);
    close(fd);
    end(t);
}

static void bad_clients(void) {
    struct stage *t = begin();
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf out = {0};
    int fds[200];
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) { /* who only connects holds a place until another one needs it */
        fds[i] = dial(t);
        loop_turn(t->s.loop, 10);
    }
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(ask(t, a, "{\"cmd\":\"status\"}\n"), "version"), RV_VERSION));
    CU_ASSERT_TRUE(drain(t, fds[0], &out) && out.n == 0);
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) close(fds[i]);
    for (int i = 0; i < 20; i++) loop_turn(t->s.loop, 1);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(ask(t, a, "{\"cmd\":\"status\"}\n"), "version"), RV_VERSION));
    char *big = rv_alloc(200 << 10); /* a line that does not end */
    memset(big, 'a', 200 << 10);
    int fd = dial(t);
    for (int i = 0; i < 100 && send(fd, big, 8192, MSG_NOSIGNAL) > 0; i++) loop_turn(t->s.loop, 0);
    CU_ASSERT_TRUE(drain(t, fd, &out) && out.n == 0);
    close(fd);
    free(big);
    fd = dial(t); /* gone before its answer */
    CU_ASSERT_TRUE(send(fd, "{\"cmd\":\"status\"}\n", 17, MSG_NOSIGNAL) == 17);
    close(fd);
    for (int i = 0; i < 20; i++) loop_turn(t->s.loop, 1);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(ask(t, a, "{\"cmd\":\"status\"}\n"), "version"), RV_VERSION));
    fd = dial(t); /* still connected when the supervisor ends */
    loop_turn(t->s.loop, 10);
    end(t);
    close(fd);
}

/* The socket is ours alone, one instance has it, and what a crash left is taken over. */
static void the_socket(void) {
    struct stage *t = begin();
    struct rv_error err = {0};
    struct stat st;
    char path[96];
    snprintf(path, sizeof path, "%s/control.sock", t->dir);
    CU_ASSERT_TRUE(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
    CU_ASSERT_PTR_NULL(control_new(&t->s, reload, &err));
    CU_ASSERT_TRUE(err.code == -EADDRINUSE && strstr(err.text, "another rayvisord serves") != NULL);
    CU_ASSERT_EQUAL(stat(path, &st), 0); /* and the other one still has it */
    control_free(t->s.control);
    CU_ASSERT_NOT_EQUAL(stat(path, &st), 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    int left = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(bind(left, (struct sockaddr *)&un, sizeof un), 0);
    close(left); /* a crash: the file stays, nobody listens */
    t->s.control = control_new(&t->s, reload, &err);
    CU_ASSERT_PTR_NOT_NULL(t->s.control);
    end(t);
}

static const struct suite_test tests[] = {
    {"questions", questions}, {"pieces", pieces}, {"bad clients", bad_clients}, {"the socket", the_socket}};
SUITE_MAIN("control", tests)
