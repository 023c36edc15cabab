/* plugin_fixture.c - see plugin_fixture.h. */
#include "plugin_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/actions/executor.h"
#include "supervisor/bus/feeds.h"

enum { TOKEN_SIZE = 32 };

/* ---- the process ---------------------------------------------------------------------------------------- */

static void on_signal(int signo) {
    static const char why[] = "{\"level\":\"error\",\"msg\":\"cannot start\",\"reason\":\"no such thing\"}\n";
    if (signo == PUPPET_MISFIT && write(2, why, sizeof why - 1) < 0) _exit(1);
    _exit(signo == PUPPET_FAILS ? 3 : signo == PUPPET_MISFIT ? 78 : 0);
}

/* Written whole or not at all: the test waits for the file. */
static void note(const char *library, const char *what, const char *bytes, size_t n) {
    char part[160], whole[160];
    snprintf(part, sizeof part, "%s.part", library);
    snprintf(whole, sizeof whole, "%s.%s.%d", library, what, (int)getpid());
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) != 0 || rename(part, whole) != 0) _exit(1);
}

void puppet_main(int argc, char **argv) {
    char token[TOKEN_SIZE];
    rv_autobuf struct rv_buf text = {0};
    if (argc < 5 || strcmp(argv[1], "--lane") != 0) return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(PUPPET_FAILS, on_signal);
    (void)signal(PUPPET_MISFIT, on_signal);
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer makes an exit of it */
    (void)signal(SIGABRT, SIG_DFL);
    for (int i = 1; i < argc; i++) rv_buf_addf(&text, "%s\n", argv[i]);
    if (read(3, token, sizeof token) != (ssize_t)sizeof token) _exit(1);
    note(argv[4], "arguments", rv_buf_cstr(&text), text.n);
    note(argv[4], "token", token, sizeof token);
    for (;;) pause();
}

static bool read_note(const struct plugin_fixture *w, const char *what, struct rv_buf *ret) {
    char path[160];
    snprintf(path, sizeof path, "%s/toy.so.%s.%d", w->dir, what, fixture_info(w).pid);
    rv_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    rv_buf_clear(ret);
    rv_buf_reserve(ret, 4096);
    ssize_t n = read(fd, ret->p, 4096);
    ret->n = n > 0 ? (size_t)n : 0;
    return n > 0;
}

const char *fixture_arguments(struct plugin_fixture *w, struct rv_buf *room) {
    UNTIL(w, read_note(w, "arguments", room));
    return rv_buf_cstr(room);
}

/* ---- the supervisor ------------------------------------------------------------------------------------- */

#define OBJECT(name)                                                                                                   \
    "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"uid-" name "\",\"resourceVersion\":\"5\"}}"

static void write_file(const char *dir, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) abort();
}

static void write_plugin(const char *dir) {
    write_file(dir, "toy.yaml",
               "name: toy\nversion: 1.2.3\nabi: 3\ndescription: a plugin that a test plays\n"
               "primary: {name: config, apiVersion: v1, resource: configmaps, kind: ConfigMap}\n"
               "reads:\n"
               "  - {name: pod, apiVersion: v1, resource: pods, kind: Pod, map: owner, fields: [metadata.name]}\n"
               "writes:\n  - {apiVersion: v1, resource: configmaps, verbs: [create]}\n"
               "settings:\n  - {name: greeting, type: string, default: hi, help: h}\n");
    write_file(dir, "toy.so", "");
}

static void entry(const char *dir, const char *more, struct rv_buf *out) {
    rv_buf_addf(out,
                "pluginDirs: [%s]\nheartbeat: {intervalMs: 50, timeoutMs: 60000}\n"
                "plugins: [{name: toy, enabled: true, grants: all%s}]\n",
                dir, more);
}

static void on_synced(void *arg) {
    struct supervisor *s = arg;
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) plugin_collections_changed(p);
}

static void answer_lists(struct script_server *s) {
    static const struct script_answer all[] = {
        {.when = "pods?limit",
         .body = "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" OBJECT("pod") "]}",
         .times = 9},
        {.when = "configmaps?limit",
         .body = "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[" OBJECT("a") "," OBJECT("b") "]}",
         .times = 9},
        {.when = "pods?watch", .how = SCRIPT_SILENT, .times = 9},
        {.when = "configmaps?watch", .how = SCRIPT_STREAM, .times = 9}};
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) script_on(s, &all[i]);
}

struct plugin_fixture *plugin_fixture_new(const char *more) {
    struct plugin_fixture *w = rv_alloc(sizeof *w);
    rv_autobuf struct rv_buf text = {0};
    snprintf(w->dir, sizeof w->dir, "/tmp/rv-plugin-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(w->dir));
    write_plugin(w->dir);
    entry(w->dir, more, &text);
    w->stage = stage_new(rv_buf_cstr(&text), "http://127.0.0.1:1");
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->stage);
    w->s = &w->stage->s;
    w->server = script_new(w->s->loop);
    answer_lists(w->server);
    CU_ASSERT_TRUE_FATAL(stage_connect(w->stage, script_url(w->server)));
    w->s->lanes = lane_context_new();
    w->s->host_binary = rv_strdup(RV_STR("/proc/self/exe"));
    w->s->epoch = 77;
    w->s->config_path = "stage.yaml";
    CU_ASSERT_TRUE_FATAL(stage_open_control(w->stage, NULL));
    feeds_on_synced(w->s->feeds, on_synced, w->s);
    w->p = w->s->plugins;
    w->context = lane_context_new();
    return w;
}

static void disconnect(struct plugin_fixture *w) {
    w->lane = lane_free(w->lane);
    for (size_t i = 0; i < w->received_n; i++) free(w->heard[i].own);
    w->received_n = w->at = 0;
}

void plugin_fixture_free(struct plugin_fixture *w) {
    char command[96];
    int pid = fixture_info(w).pid;
    if (pid != 0) kill(pid, SIGKILL);
    disconnect(w);
    stage_close_control(w->stage);
    w->s->client = kube_client_free(w->s->client);
    script_free(w->server);
    lane_context_free(w->context);
    lane_context_free(w->s->lanes);
    free(w->s->host_binary);
    stage_free(w->stage);
    config_free(w->other);
    snprintf(command, sizeof command, "rm -r %s", w->dir);
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
    free(w);
}

const struct config_plugin *plugin_fixture_edit(struct plugin_fixture *w, const char *more) {
    struct rv_error err = {0};
    rv_autobuf struct rv_buf text = {0};
    CU_ASSERT_PTR_NULL_FATAL(w->other);
    entry(w->dir, more, &text);
    w->other = config_parse(rv_buf_str(&text), "other.yaml", &w->s->env, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->other);
    return &w->other->plugins[0];
}

struct plugin_info fixture_info(const struct plugin_fixture *w) {
    struct plugin_info i;
    plugin_info(w->p, &i);
    return i;
}

bool fixture_state(const struct plugin_fixture *w, const char *state) {
    return strcmp(fixture_info(w).state, state) == 0;
}

/* ---- the lane ------------------------------------------------------------------------------------------- */

static void on_message(void *arg, const struct msg *m) {
    struct plugin_fixture *w = arg;
    if ((m->type == MSG_PING || m->type == MSG_RESULT) && w->received_n > RECEIVED_MAX / 2) return; /* without end */
    if (w->received_n == RECEIVED_MAX) abort();
    struct received_msg *h = &w->heard[w->received_n++];
    h->m = *m;
    h->own = msg_own(&h->m);
}

static void on_bad(void *arg, const struct rv_error *err) {
    (void)arg;
    printf("\n    bad message: %s", err->text);
    CU_FAIL("the supervisor sent a bad message");
}

void fixture_connect(struct plugin_fixture *w) {
    char path[128];
    disconnect(w);
    snprintf(path, sizeof path, "%s/toy.%d/lane", w->stage->dir, (int)fixture_info(w).instance);
    w->lane = lane_connect(w->context, w->s->loop, path, &(struct lane_callbacks){on_message, on_bad, w}, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(w->lane);
    CU_ASSERT_TRUE_FATAL(lane_wait_connected(w->lane, 10000));
}

void fixture_spawn(struct plugin_fixture *w) {
    plugin_start(w->p);
    CU_ASSERT_TRUE_FATAL(fixture_info(w).pid > 0);
    CU_ASSERT_TRUE(fixture_state(w, "starting"));
    fixture_connect(w);
}

void fixture_send(struct plugin_fixture *w, struct msg m) { lane_send(w->lane, &m); }

static bool came(struct plugin_fixture *w, unsigned type) {
    while (w->at < w->received_n && w->heard[w->at].m.type != type) w->at++;
    return w->at < w->received_n;
}

const struct msg *fixture_receive(struct plugin_fixture *w, unsigned type) {
    UNTIL(w, came(w, type));
    CU_ASSERT_TRUE_FATAL(w->at < w->received_n);
    return &w->heard[w->at++].m;
}

struct msg fixture_hello(struct plugin_fixture *w, struct rv_buf *token) {
    UNTIL(w, read_note(w, "token", token));
    return (struct msg){.type = MSG_HELLO,
                        .hello = {.token = rv_buf_bytes(token),
                                  .protocol = MSG_VERSION,
                                  .abi_major = 3,
                                  .plugin = RV_STR("toy"),
                                  .plugin_version = RV_STR("1.2.3"),
                                  .pid = 1,
                                  .can = MSG_CAN_SETTINGS}};
}

void fixture_greet(struct plugin_fixture *w) {
    rv_autobuf struct rv_buf token = {0};
    fixture_send(w, fixture_hello(w, &token));
    (void)fixture_receive(w, MSG_SNAP_END);
    fixture_send(w, (struct msg){.type = MSG_SYNCED});
    UNTIL(w, fixture_state(w, "ready"));
}

void fixture_ready(struct plugin_fixture *w) {
    fixture_spawn(w);
    fixture_greet(w);
}

void fixture_die(struct plugin_fixture *w, int signo, uint32_t call, const char *name) {
    char path[64];
    int pid = fixture_info(w).pid;
    snprintf(path, sizeof path, "/proc/%d/fd/4", pid);
    rv_autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
    struct flight *f = flight_map(fd, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    rv_autobuf struct rv_buf uid = {0}, token = {0};
    UNTIL(w, read_note(w, "token", &token)); /* it knows its signals by then */
    if (name != NULL) {
        struct rv_key key = {RV_STR("ns"), rv_str(name)};
        rv_buf_addf(&uid, "uid-%s", name);
        flight_begin(f, call, 0, &key, rv_buf_str(&uid), 1);
    } else if (call != FLIGHT_IDLE) {
        flight_begin(f, call, 0, &(struct rv_key){{0}, {0}}, (struct rv_str){0}, 1);
    }
    flight_unmap(f);
    kill(pid, signo);
    UNTIL(w, fixture_info(w).pid != pid);
}

static void first_death(void *arg, const struct death_info *i) {
    struct death_info *ret = arg;
    if (ret->cause == NULL) *ret = *i;
}

struct death_info fixture_death(const struct plugin_fixture *w) {
    struct death_info d = {0};
    plugin_each_death(w->p, first_death, &d);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d.cause);
    return d;
}
