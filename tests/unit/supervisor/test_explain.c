/* What several plugins say of one object, over the control socket; the test plays the plugins, of which some keep
 * silent. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervisor/control/explain.h"
#include "tests/support/stage.h"
#include "tests/unit/sdk/suite.h"

enum manner { ANSWERS, NOT_RUNNING, SILENT, LATER, IGNORANT, PUT_AWAY };

struct said { /* what stands for a plugin */
    struct said *next;
    struct config_plugin config;
    enum manner manner;
    plugin_explain_fn done;
    void *arg;
    unsigned cancelled;
};

static struct manifest_kind kind, other_kinds[2];
static struct manifest manifest = {.kinds = &kind, .kind_n = 1}, other_manifest = {.kinds = other_kinds, .kind_n = 2};

/* ---- the plugins, as explain asks them -------------------------------------------------------------------- */

static void *next_plugin(void *arg, void *plugin) { return plugin != NULL ? ((const struct said *)plugin)->next : arg; }
static const struct config_plugin *config_of(const void *plugin) { return &((const struct said *)plugin)->config; }
static void each_quarantine(const void *plugin, void (*fn)(void *arg, const struct quarantine_info *q), void *arg) {
    if (((const struct said *)plugin)->manner != PUT_AWAY) return;
    fn(arg, &(struct quarantine_info){RV_STR("Pod"), 1, "n", "demo", "signal 6", 3});
    fn(arg, &(struct quarantine_info){kind.kind, 0, "n", "demo", "signal 11", 5});
}

static const char *why_not(const void *plugin, struct rv_buf *room) {
    rv_buf_clear(room);
    rv_buf_adds(room, ((const struct said *)plugin)->manner == NOT_RUNNING ? "misfit: ABI 9" : "ready");
    return rv_buf_cstr(room);
}

static void say(struct said *p, plugin_explain_fn done, void *arg) {
    rv_autofree char *line = rv_strdup(p->config.name);
    done(arg, &(struct msg_explain){.key = {RV_STR("n"), RV_STR("demo")},
                                    .state = p->manner == IGNORANT ? MSG_KEY_UNKNOWN : MSG_KEY_IDLE,
                                    .lines = rv_str(line),
                                    .next_ms = -1});
}

static void ask_plugin(void *plugin, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg) {
    struct said *p = plugin;
    CU_ASSERT_TRUE(rv_str_is(ns, "n") && rv_str_is(name, "demo"));
    if (p->manner == NOT_RUNNING)
        done(arg, NULL);
    else if (p->manner == ANSWERS || p->manner == IGNORANT)
        say(p, done, arg);
    else
        p->done = done, p->arg = arg;
}

static void cancel_plugin(void *plugin, const void *arg) {
    struct said *p = plugin;
    CU_ASSERT_TRUE(p->done != NULL && p->arg == arg);
    p->done = NULL;
    p->cancelled++;
}

/* ---- the tests ---------------------------------------------------------------------------------------------- */

struct fixture {
    struct stage *t;
    struct control_socket *socket;
    struct explain_calls calls;
    struct said p[4];
};

static void on_request(void *arg, struct client *session, struct rv_val q) {
    explain_begin(session, &((const struct fixture *)arg)->calls, q);
}

/* Plugins a, b, c for RayClusters and d for RayJobs. */
static void begin(struct fixture *w, enum manner a, enum manner b, enum manner c) {
    static const char *const names[] = {"a", "b", "c", "d"};
    kind = (struct manifest_kind){.kind = RV_STR("RayCluster"), .resource = RV_STR("rayclusters")};
    other_kinds[0] = (struct manifest_kind){.kind = RV_STR("RayJob"), .resource = RV_STR("rayjobs")};
    other_kinds[1] = (struct manifest_kind){.kind = RV_STR("Pod"), .resource = RV_STR("pods")};
    const enum manner manners[] = {a, b, c, ANSWERS};
    struct rv_error err = {0};
    *w = (struct fixture){.t = stage_new("", "http://127.0.0.1:1")};
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->t);
    for (size_t i = 0; i < RV_ARRAY_LEN(w->p); i++)
        w->p[i] = (struct said){
            .next = i + 1 < RV_ARRAY_LEN(w->p) ? &w->p[i + 1] : NULL,
            .config = {.name = rv_str(names[i]), .enabled = true, .manifest = i < 3 ? &manifest : &other_manifest},
            .manner = manners[i]};
    w->calls =
        (struct explain_calls){next_plugin, config_of, ask_plugin, cancel_plugin, each_quarantine, why_not, w->p};
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/control.sock", w->t->dir);
    w->socket = control_socket_new(w->t->s.loop, rv_buf_cstr(&path), on_request, w, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->socket);
}

static void end(struct fixture *w) {
    w->socket = control_socket_free(w->socket);
    stage_free(w->t);
}

static int ask(struct fixture *w, const char *line) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s/control.sock", w->t->dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&un, sizeof un) != 0) abort();
    CU_ASSERT_EQUAL(send(fd, line, strlen(line), MSG_NOSIGNAL), (ssize_t)strlen(line));
    for (int i = 0; i < 20; i++) loop_turn(w->t->s.loop, 1);
    return fd;
}

#define EXPLAIN "{\"cmd\":\"explain\",\"kind\":\"raycluster\",\"namespace\":\"n\",\"name\":\"demo\"}\n"

/* Its whole answer; closes fd. */
static struct rv_val answer(struct fixture *w, int fd, struct rv_arena *a) {
    rv_autobuf struct rv_buf out = {0};
    ssize_t n = -1;
    for (int i = 0; i < 3000 && n != 0; i++) {
        rv_buf_reserve(&out, 4096);
        n = recv(fd, out.p + out.n, 4096, 0);
        if (n > 0) out.n += (size_t)n;
        if (n < 0) loop_turn(w->t->s.loop, 10);
    }
    close(fd);
    CU_ASSERT_EQUAL_FATAL(n, 0);
    return from_json(a, rv_buf_cstr(&out));
}

static void all_are_asked(void) {
    static const struct {
        const char *row;
        enum manner a, b, c;
        const char *plugin, *state, *error; /* at the top: of which plugin, and what it says */
    } rows[] = {
        {"all know", ANSWERS, ANSWERS, ANSWERS, "a", "settled", ""},
        {"the last knows", NOT_RUNNING, IGNORANT, ANSWERS, "c", "settled", ""},
        {"nobody knows", NOT_RUNNING, IGNORANT, IGNORANT, "b", "unknown", ""},
        {"nobody runs", NOT_RUNNING, NOT_RUNNING, NOT_RUNNING, "a", "",
         "the plugin is not running, so it cannot say (misfit: ABI 9)"},
        {"put away", NOT_RUNNING, PUT_AWAY, IGNORANT, "b", "quarantined", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autoarena struct rv_arena *a = rv_arena_new();
        begin(&w, rows[i].a, rows[i].b, rows[i].c);
        struct rv_val v = answer(&w, ask(&w, EXPLAIN), a), views = rv_val_get(v, "plugins");
        CHECK_ROW(rv_str_is(rv_path_str(v, "plugin"), rows[i].plugin), rows[i].row);
        CHECK_ROW(rv_str_is(rv_path_str(v, "state"), rows[i].state), rows[i].row);
        CHECK_ROW(rv_str_is(rv_path_str(v, "error"), rows[i].error), rows[i].row);
        CHECK_ROW(rv_val_len(views) == 3, rows[i].row);
        CHECK_ROW(rv_str_is(rv_path_str(views, "[0].plugin"), "a") && rv_str_is(rv_path_str(views, "[2].plugin"), "c"),
                  rows[i].row);
        end(&w);
    }
}

/* Who asks about a kind that nobody reconciles is told what to ask about. */
static void other_kinds_of(void) {
    static const struct {
        const char *kind, *says;
        bool off; /* plugin d */
    } rows[] = {
        {"rayclustr", "reconciles rayclustr: did you mean \"RayCluster\"? There are: RayCluster, RayCluster", false},
        {"pods", "reconciles pods; d looks at it for its objects, so ask about its RayJob", false},
        {"rayjob", "reconciles rayjob; d would, and it is switched off", true},
        {"deployment", "reconciles deployment. There are: RayCluster", false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct fixture w;
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf q = {0};
        begin(&w, ANSWERS, ANSWERS, ANSWERS);
        w.p[3].config.enabled = !rows[i].off;
        rv_buf_addf(&q, "{\"cmd\":\"explain\",\"kind\":\"%s\",\"namespace\":\"n\",\"name\":\"demo\"}\n", rows[i].kind);
        rv_autofree char *said = rv_strdup(rv_path_str(answer(&w, ask(&w, rv_buf_cstr(&q)), a), "error"));
        if (strstr(said, rows[i].says) == NULL) printf("\n    said: %s", said);
        CHECK_ROW(strstr(said, rows[i].says) != NULL, rows[i].kind);
        end(&w);
    }
}

/* One answers later, one never does: what the others say comes all the same, and the place is free again. */
static void the_silent(void) {
    struct fixture w;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    begin(&w, SILENT, LATER, ANSWERS);
    int fds[16];
    for (size_t i = 0; i < RV_ARRAY_LEN(fds); i++) {
        fds[i] = ask(&w, EXPLAIN);
        say(&w.p[1], w.p[1].done, w.p[1].arg);
        w.p[1].done = NULL;
        if (i + 1 < RV_ARRAY_LEN(fds)) { /* these lose patience themselves */
            close(fds[i]);
            for (int n = 0; n < 20; n++) loop_turn(w.t->s.loop, 1);
            CU_ASSERT_TRUE(w.p[0].cancelled == i + 1 && w.p[0].done == NULL);
        }
    }
    struct rv_val v = answer(&w, fds[15], a);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "plugin"), "b") && rv_path_bool(v, "found", false));
    CU_ASSERT_TRUE(rv_str_starts(rv_path_str(v, "plugins[0].error"), "the plugin did not answer"));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "plugins[2].lines[0]"), "c"));
    CU_ASSERT_EQUAL(w.p[0].cancelled, 16);
    end(&w);
}

/* The socket goes before the plugins do: what is still open is taken back. */
static void the_end(void) {
    struct fixture w;
    begin(&w, SILENT, ANSWERS, SILENT);
    int fd = ask(&w, EXPLAIN);
    CU_ASSERT_TRUE(w.p[0].done != NULL && w.p[2].done != NULL);
    end(&w);
    CU_ASSERT_TRUE(w.p[0].done == NULL && w.p[2].done == NULL && w.p[1].cancelled == 0);
    close(fd);
}

static const struct suite_test tests[] = {{"all are asked", all_are_asked},
                                          {"other kinds", other_kinds_of},
                                          {"the silent", the_silent},
                                          {"the end", the_end}};
SUITE_MAIN("explain", tests)
