/* test_plugin.c - a plugin from its handshake to its end: what it is told, what is believed of what it says, and what
 * becomes of it. The test plays its host (plugin_fixture.h). */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/base/sanitizer.h"
#include "plugin_fixture.h"
#include "supervisor/proc/metrics_table.h"
#include "supervisor/proc/recordings.h"

static bool has_line(const char *text, const char *line) {
    rv_autobuf struct rv_buf b = {0}, all = {0};
    rv_buf_addf(&b, "\n%s\n", line);
    rv_buf_addf(&all, "\n%s", text);
    return strstr(rv_buf_cstr(&all), rv_buf_cstr(&b)) != NULL;
}

/* ---- the beginning -------------------------------------------------------------------------------------- */

static void check_welcome(const struct msg_welcome *m) {
    struct msg_kind primary, second;
    unsigned set = 0;
    CU_ASSERT_EQUAL(m->epoch, 77);
    CU_ASSERT_EQUAL(m->instance, 1);
    CU_ASSERT_EQUAL(m->credit_messages, 1024);
    CU_ASSERT_EQUAL(m->credit_bytes, 8 << 20);
    CU_ASSERT_EQUAL(m->heartbeat_ms, 50);
    CU_ASSERT_EQUAL(m->max_in_flight, 3);
    CU_ASSERT_EQUAL_FATAL(m->seed.n, 32);
    for (size_t i = 0; i < m->seed.n; i++) set += m->seed.p[i] != 0;
    CU_ASSERT_TRUE(set > 16);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(m->settings, "greeting"), "hi"));
    CU_ASSERT_FALSE(rv_val_present(m->time_zones)); /* the manifest does not ask */
    CU_ASSERT_TRUE_FATAL(msg_kind_at(m->kinds, 0, &primary) && msg_kind_at(m->kinds, 1, &second));
    CU_ASSERT_EQUAL(rv_val_len(m->kinds), 2);
    CU_ASSERT_EQUAL(primary.flags, MSG_KIND_PRIMARY);
    CU_ASSERT_TRUE(rv_str_is(primary.api_version, "v1") && rv_str_is(primary.resource, "configmaps"));
    CU_ASSERT_TRUE(rv_str_is(primary.kind, "ConfigMap") && rv_str_is(primary.name, "config"));
    CU_ASSERT_TRUE(msg_kind_at(m->kinds, 1, &second));
    CU_ASSERT_EQUAL(second.flags, MSG_KIND_MAP_OWNER);
    CU_ASSERT_TRUE(rv_str_is(second.resource, "pods") && rv_str_is(second.name, "pod"));
}

static void handshake(void) {
    struct plugin_fixture *w = plugin_fixture_new(", limits: {maxInFlight: 3, memory: 96Mi}");
    rv_autobuf struct rv_buf token = {0}, room = {0};
    char parent[24];
    CU_ASSERT_TRUE(plugin_stopped(w->p) && fixture_state(w, "disabled"));
    fixture_spawn(w);
    const char *arguments = fixture_arguments(w, &room);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    CU_ASSERT_TRUE(has_line(arguments, parent));
    CU_ASSERT_TRUE(has_line(arguments, "--max-memory"));
    CU_ASSERT_TRUE(strstr(arguments, "/toy.1/lane\n") != NULL && strstr(arguments, "/toy.so\n") != NULL);
    CU_ASSERT_FALSE(has_line(arguments, "--record"));
    fixture_send(w, fixture_hello(w, &token));
    check_welcome(&fixture_receive(w, MSG_WELCOME)->welcome);
    CU_ASSERT_TRUE(fixture_state(w, "syncing") && !plugin_stopped(w->p));
    uint64_t rev = fixture_receive(w, MSG_SNAP_BEGIN)->snap.rev;
    unsigned kinds[2] = {0};
    for (int i = 0; i < 3; i++) {
        const struct msg *m = fixture_receive(w, MSG_OBJECT);
        CU_ASSERT_FATAL(m->object.kind < 2);
        kinds[m->object.kind]++;
        CU_ASSERT_TRUE(rv_str_is(m->object.ns, "ns") && rv_str_starts(m->object.uid, "uid-"));
        CU_ASSERT_TRUE(rv_str_is(m->object.resource_version, "5") && m->object.rev <= rev && m->payload.n != 0);
    }
    CU_ASSERT_TRUE(kinds[0] == 2 && kinds[1] == 1);
    CU_ASSERT_EQUAL(fixture_receive(w, MSG_SNAP_END)->snap.rev, rev);
    CU_ASSERT_FALSE(fixture_info(w).ready);
    fixture_send(w, (struct msg){.type = MSG_SYNCED});
    UNTIL(w, fixture_state(w, "ready"));
    struct plugin_info info = fixture_info(w);
    CU_ASSERT_TRUE(info.ready && info.enabled && info.restarts == 0 && info.instance == 1);
    CU_ASSERT_TRUE(plugin_takes_settings(w->p));
    plugin_fixture_free(w);
}

/* What changes in the cluster is told, and each object once. */
static void changes(void) {
#define EVENT(type, name, version)                                                                                     \
    "{\"type\":\"" type "\",\"object\":{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"uid-" name  \
    "\",\"resourceVersion\":\"" version "\"},\"data\":{\"x\":\"" version "\"}}}\n"
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    UNTIL(w, script_streaming(w->server));
    script_say(w->server, EVENT("MODIFIED", "a", "10"));
    const struct msg *m = fixture_receive(w, MSG_OBJECT);
    CU_ASSERT_TRUE(m->object.kind == 0 && rv_str_is(m->object.name, "a"));
    CU_ASSERT_TRUE(rv_str_is(m->object.resource_version, "10"));
    script_say(w->server, EVENT("DELETED", "b", "11"));
    m = fixture_receive(w, MSG_DELETED);
    CU_ASSERT_TRUE(m->object.kind == 0 && rv_str_is(m->object.name, "b") && rv_str_is(m->object.uid, "uid-b"));
    plugin_fixture_free(w);
}

/* A host that is not what its manifest says is told why, and is not tried again as it is. */
static void misfits(void) {
    static const struct {
        const char *row, *plugin, *version, *says;
        uint32_t protocol, abi;
    } rows[] = {{"another ABI", "toy", "1.2.3", "ABI 3, the library has 2.0", MSG_VERSION, 2},
                {"another protocol", "toy", "1.2.3", "ABI 3, the library has 3.0", MSG_VERSION + 1, 3},
                {"another plugin", "other", "1.2.3", "plugin \"other\"", MSG_VERSION, 3},
                {"another version", "toy", "1.2.4", "version 1.2.4, its manifest 1.2.3", MSG_VERSION, 3}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct plugin_fixture *w = plugin_fixture_new("");
        rv_autobuf struct rv_buf token = {0};
        fixture_spawn(w);
        struct msg m = fixture_hello(w, &token);
        m.hello.protocol = rows[i].protocol;
        m.hello.abi_major = rows[i].abi;
        m.hello.plugin = rv_str(rows[i].plugin);
        m.hello.plugin_version = rv_str(rows[i].version);
        fixture_send(w, m);
        const struct msg *refused = fixture_receive(w, MSG_REFUSE);
        CHECK_ROW(refused->text.code == RV_E_ABI, rows[i].row);
        CHECK_ROW(memmem(refused->text.text.p, refused->text.text.n, rows[i].says, strlen(rows[i].says)) != NULL,
                  rows[i].row);
        fixture_die(w, PUPPET_FAILS, FLIGHT_IDLE, NULL);
        CHECK_ROW(fixture_state(w, "misfit") && fixture_info(w).restarts == 0, rows[i].row);
        plugin_fixture_free(w);
    }
}

/* Who breaks the protocol is killed, whatever it says next. */
static void violations(void) {
    enum what { WRONG_TOKEN, SHORT_TOKEN, EARLY, TWICE, MALFORMED };
    static const struct {
        const char *row;
        enum what what;
    } rows[] = {{"a wrong token", WRONG_TOKEN},
                {"half a token", SHORT_TOKEN},
                {"an action before the handshake", EARLY},
                {"a second HELLO", TWICE},
                {"what only a supervisor says", MALFORMED}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct plugin_fixture *w = plugin_fixture_new("");
        rv_autobuf struct rv_buf token = {0};
        fixture_spawn(w);
        struct msg m = fixture_hello(w, &token);
        if (rows[i].what == WRONG_TOKEN) token.p[31] ^= 1;
        if (rows[i].what == SHORT_TOKEN) m.hello.token.n = 16;
        if (rows[i].what == EARLY) m = (struct msg){.type = MSG_SYNCED};
        if (rows[i].what == MALFORMED) m = (struct msg){.type = MSG_DRAIN};
        fixture_send(w, m);
        if (rows[i].what == TWICE) fixture_send(w, m);
        UNTIL(w, fixture_info(w).restarts == 1);
        CHECK_ROW(strcmp(fixture_death(w).cause, "protocol") == 0, rows[i].row);
        CHECK_ROW(fixture_state(w, "backoff"), rows[i].row);
        plugin_fixture_free(w);
    }
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static void deaths(void) {
    static const struct {
        const char *row;
        int signo;
        uint32_t call;
        const char *name, *cause, *doing, *key;
        int signal, status;
    } rows[] = {
        {"while it was idle", SIGSEGV, FLIGHT_IDLE, NULL, "signal", "", "", SIGSEGV, -1},
        {"in a pass", SIGABRT, FLIGHT_RECONCILE, "a", "signal", "reconcile", "ns/a", SIGABRT, -1},
        {"in init", PUPPET_FAILS, FLIGHT_INIT, NULL, "exit", "init", "", 0, 3},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct plugin_fixture *w = plugin_fixture_new("");
        fixture_ready(w);
        fixture_die(w, rows[i].signo, rows[i].call, rows[i].name);
        struct death_info d = fixture_death(w);
        CHECK_ROW(strcmp(d.cause, rows[i].cause) == 0, rows[i].row);
        CHECK_ROW(strcmp(d.doing, rows[i].doing) == 0 && strcmp(d.key, rows[i].key) == 0, rows[i].row);
        CHECK_ROW(d.signal == rows[i].signal && d.status == rows[i].status, rows[i].row);
        CHECK_ROW(fixture_state(w, "backoff") && fixture_info(w).restarts == 1, rows[i].row);
        UNTIL(w, fixture_info(w).pid != 0); /* it is started again */
        CHECK_ROW(fixture_info(w).instance == 2, rows[i].row);
        fixture_connect(w);
        fixture_greet(w);
        plugin_fixture_free(w);
    }
}

static void count_quarantine(void *arg, const struct quarantine_info *q) {
    unsigned *n = arg;
    CU_ASSERT_TRUE(strcmp(q->ns, "ns") == 0 && strcmp(q->name, "a") == 0 && q->kind_index == 0);
    ++*n;
}

static unsigned quarantined(const struct plugin_fixture *w) {
    unsigned n = 0;
    plugin_quarantines(w->p, count_quarantine, &n);
    return n;
}

/* The object that two processes died of is put away, so that the third one lives; until somebody takes it up again. */
static void put_away(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    fixture_die(w, SIGSEGV, FLIGHT_RECONCILE, "a");
    CU_ASSERT_EQUAL(quarantined(w), 0);
    UNTIL(w, fixture_info(w).pid != 0);
    fixture_connect(w);
    fixture_greet(w);
    fixture_die(w, SIGSEGV, FLIGHT_RECONCILE, "a");
    CU_ASSERT_EQUAL(quarantined(w), 1);
    UNTIL(w, fixture_info(w).pid != 0);
    fixture_connect(w);
    rv_autobuf struct rv_buf token = {0};
    fixture_send(w, fixture_hello(w, &token));
    const struct msg *m = fixture_receive(w, MSG_QUARANTINE);
    CU_ASSERT_TRUE(m->explain.on == 1 && m->explain.kind == 0 && rv_str_is(m->explain.key.name, "a"));
    (void)fixture_receive(w, MSG_SNAP_END);
    fixture_send(w, (struct msg){.type = MSG_SYNCED});
    UNTIL(w, fixture_state(w, "ready"));
    CU_ASSERT_FALSE(plugin_release(w->p, RV_STR("ns"), RV_STR("b")));
    CU_ASSERT_TRUE(plugin_release(w->p, RV_STR("ns"), RV_STR("a")));
    CU_ASSERT_EQUAL(fixture_receive(w, MSG_QUARANTINE)->explain.on, 0);
    CU_ASSERT_EQUAL(quarantined(w), 0);
    plugin_fixture_free(w);
}

static void touch(const struct plugin_fixture *w) {
    char path[96];
    snprintf(path, sizeof path, "%s/toy.so", w->dir);
    FILE *f = fopen(path, "we");
    CU_ASSERT_FATAL(f != NULL && fputs("another build", f) > 0 && fclose(f) == 0);
}

/* It says that its configuration is wrong: no other try before something changes. */
static void waits_for_its_library(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_spawn(w);
    CU_ASSERT_FALSE(plugin_library_changed(w->p));
    touch(w);
    CU_ASSERT_TRUE(plugin_library_changed(w->p));
    fixture_die(w, PUPPET_MISFIT, FLIGHT_INIT, NULL);
    CU_ASSERT_TRUE(fixture_state(w, "misfit") && fixture_info(w).restarts == 0);
    CU_ASSERT_STRING_EQUAL(fixture_info(w).why, "no such thing"); /* as it has logged, for no message of it came */
    CU_ASSERT_FALSE(plugin_library_changed(w->p));                /* there is no process that runs the one before */
    plugin_reconfigure(w->p, plugin_config(w->p));
    CU_ASSERT_TRUE(fixture_state(w, "starting"));
    fixture_die(w, PUPPET_MISFIT, FLIGHT_INIT, NULL);
    plugin_reconfigure(w->p, plugin_config(w->p)); /* the same library */
    CU_ASSERT_TRUE(fixture_state(w, "misfit"));
    plugin_fixture_free(w);
}

static void on_stopped(void *arg) { ++*(unsigned *)arg; }

static void stops(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    unsigned stopped = 0;
    plugin_stop(w->p, on_stopped, &stopped); /* nothing runs */
    CU_ASSERT_EQUAL(stopped, 1);
    fixture_ready(w);
    plugin_stop(w->p, on_stopped, &stopped);
    (void)fixture_receive(w, MSG_DRAIN);
    CU_ASSERT_TRUE(fixture_state(w, "draining") && stopped == 1);
    fixture_send(w, (struct msg){.type = MSG_DRAINED});
    fixture_die(w, SIGTERM, FLIGHT_IDLE, NULL);
    CU_ASSERT_TRUE(stopped == 2 && plugin_stopped(w->p) && fixture_info(w).restarts == 0);
    plugin_start(w->p);
    CU_ASSERT_TRUE(fixture_info(w).instance == 2 && fixture_state(w, "starting"));
    plugin_fixture_free(w);
}

static void cannot_start(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    free(w->s->host_binary);
    w->s->host_binary = rv_strdup(RV_STR("/nonexistent/host"));
    plugin_start(w->p);
    struct plugin_info i = fixture_info(w);
    CU_ASSERT_TRUE(fixture_state(w, "backoff") && i.pid == 0 && i.restarts == 1);
    struct death_info d = fixture_death(w);
    CU_ASSERT_TRUE(strcmp(d.cause, "exit") == 0 && d.status == -1 && d.signal == 0);
    plugin_fixture_free(w);
}

/* Killed for what it does: it says nothing any more, or it grows. */
static void hangs(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    w->s->config->heartbeat_timeout_ms = 200;
    UNTIL(w, fixture_info(w).restarts == 1);
    struct death_info d = fixture_death(w);
    CU_ASSERT_TRUE(strcmp(d.cause, "hang") == 0 && d.signal == SIGABRT);
    plugin_fixture_free(w);
}

static void grows(void) {
    struct plugin_fixture *w = plugin_fixture_new(", limits: {memory: 64Ki}"); /* no process is so small */
    plugin_start(w->p);
    UNTIL(w, fixture_info(w).restarts == 1);
    struct death_info d = fixture_death(w);
    CU_ASSERT_TRUE(strcmp(d.cause, "memory") == 0 && d.signal == SIGKILL);
    plugin_fixture_free(w);
}

/* ---- what it says --------------------------------------------------------------------------------------- */

static void heartbeat(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    uint64_t t = fixture_receive(w, MSG_PING)->ping.t;
    CU_ASSERT_TRUE(fixture_receive(w, MSG_PING)->ping.t > t);
    fixture_send(
        w, (struct msg){.type = MSG_PONG, .ping = {.t = t, .queued = 1, .waiting = 2, .in_flight = 4, .objects = 8}});
    UNTIL(w, fixture_info(w).objects == 8);
    struct plugin_info i = fixture_info(w);
    CU_ASSERT_TRUE(i.queued == 3 && i.in_flight == 4 && i.memory > 0);
    plugin_fixture_free(w);
}

static struct msg timer(uint64_t id) {
    return (struct msg){.type = MSG_ACTION,
                        .action = {.id = id,
                                   .key = {RV_STR("ns"), RV_STR("a")},
                                   .a = {.size = sizeof(struct rv_action), .verb = RV_VERB_TIMER, .delay_ms = 1}}};
}

/* Each action has one result, and one id is not used twice. */
static void actions(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    fixture_send(w, timer(5));
    const struct msg_result *r = &fixture_receive(w, MSG_RESULT)->result;
    CU_ASSERT_TRUE(r->id == 5 && r->r.code == 0);
    for (uint64_t id = 5; id >= 4; id--) {
        fixture_send(w, timer(id));
        r = &fixture_receive(w, MSG_RESULT)->result;
        CU_ASSERT_TRUE(r->id == id && r->r.code == RV_E_PROTOCOL && rv_str_is(r->r.reason, "RepeatedActionId"));
    }
    CU_ASSERT_EQUAL(fixture_info(w).repeated, 2);
    fixture_send(w, timer(6));
    CU_ASSERT_EQUAL(fixture_receive(w, MSG_RESULT)->result.r.code, 0);
    plugin_fixture_free(w);
}

static bool it_is_stopped(struct plugin_fixture *w) {
    UNTIL(w, fixture_info(w).restarts == 1);
    return strcmp(fixture_death(w).cause, "protocol") == 0;
}

/* A thousand actions with used ids are refused, then the host is stopped: no host of ours sends one. */
static void ids_used_again_and_again(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    fixture_send(w, timer(5));
    for (int i = 0; i < 1001; i++) fixture_send(w, timer(5));
    CU_ASSERT_TRUE(it_is_stopped(w) && fixture_info(w).repeated == 1001);
    plugin_fixture_free(w);
}

/* That it cannot run is the last thing that a host says. Each time it would be a line of the log. */
static void cannot_run_twice(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    for (int i = 0; i < 2; i++)
        fixture_send(w, (struct msg){.type = MSG_FAILED, .text = {RV_E_UNAVAILABLE, RV_STR("no such thing")}});
    CU_ASSERT_TRUE(it_is_stopped(w));
    plugin_fixture_free(w);
}

static void metrics(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autobuf struct rv_buf text = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_ready(w);
    fixture_send(w,
                 (struct msg){.type = MSG_METRIC, .metric = {RV_STR("toys"), 1 /* a gauge */, 4, from_json(a, "{}")}});
    fixture_send(w, timer(1)); /* in its order: the metric is known when the result comes */
    (void)fixture_receive(w, MSG_RESULT);
    const struct metrics_source toy = {.plugin = "toy", .table = plugin_metrics(w->p)};
    struct metrics_walk *walk = metrics_walk_new(&toy, 1);
    CU_ASSERT_FALSE(metrics_walk_more(walk, &toy, 1, SIZE_MAX, &text));
    metrics_walk_free(walk);
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_buf_cstr(&text), "toys"));
    plugin_fixture_free(w);
}

struct told {
    unsigned times;
    char lines[64];
};

static void on_told(void *arg, const struct msg_explain *e) {
    struct told *t = arg;
    t->times++;
    snprintf(t->lines, sizeof t->lines, RV_STR_FMT, RV_STR_ARG(e != NULL ? e->lines : RV_STR("nothing")));
}

static void explains(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    struct told t[4] = {0};
    plugin_explain(w->p, RV_STR("ns"), RV_STR("a"), on_told, &t[0]);
    CU_ASSERT_TRUE(t[0].times == 1 && strcmp(t[0].lines, "nothing") == 0); /* it does not run */
    fixture_ready(w);
    for (int i = 1; i < 4; i++) plugin_explain(w->p, RV_STR("ns"), RV_STR("a"), on_told, &t[i]);
    uint64_t first = fixture_receive(w, MSG_EXPLAIN)->explain.corr;
    const struct msg_explain *e = &fixture_receive(w, MSG_EXPLAIN)->explain;
    CU_ASSERT_TRUE(e->corr != first && rv_str_is(e->key.ns, "ns") && rv_str_is(e->key.name, "a"));
    plugin_explain_cancel(w->p, &t[1]);
    const uint64_t answered[] = {first, e->corr, e->corr, 999};
    for (size_t i = 0; i < RV_ARRAY_LEN(answered); i++)
        fixture_send(w, (struct msg){.type = MSG_EXPLANATION,
                                     .explain = {.corr = answered[i], .key = e->key, .lines = RV_STR("all is well")}});
    UNTIL(w, t[2].times == 1);
    CU_ASSERT_STRING_EQUAL(t[2].lines, "all is well");
    fixture_die(w, SIGSEGV, FLIGHT_IDLE, NULL);
    CU_ASSERT_TRUE(t[3].times == 1 && strcmp(t[3].lines, "nothing") == 0); /* nobody is left to answer */
    CU_ASSERT_TRUE(t[1].times == 0 && t[2].times == 1);
    plugin_fixture_free(w);
}

/* ---- settings ------------------------------------------------------------------------------------------- */

static bool greets(const struct plugin_fixture *w, const char *greeting) {
    return rv_str_is(rv_path_str(fixture_info(w).settings, "greeting"), greeting);
}

static struct msg adopted(int32_t code, const char *text) {
    return (struct msg){.type = MSG_ADOPTED, .text = {code, rv_str(text)}};
}

static void settings_taken(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    fixture_send(w, adopted(0, "")); /* nobody asked */
    fixture_send(w, timer(1));       /* when it has its result, what came before was heard */
    (void)fixture_receive(w, MSG_RESULT);
    plugin_reconfigure(w->p, plugin_fixture_edit(w, ", settings: {greeting: hello}"));
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(fixture_receive(w, MSG_SETTINGS)->settings.settings, "greeting"), "hello"));
    CU_ASSERT_TRUE(greets(w, "hi")); /* not yet */
    fixture_send(w, adopted(0, ""));
    UNTIL(w, greets(w, "hello"));
    CU_ASSERT_PTR_NULL(fixture_info(w).settings_refused);
    plugin_fixture_free(w);
}

static void settings_refused(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    plugin_reconfigure(w->p, plugin_fixture_edit(w, ", settings: {greeting: rude}"));
    (void)fixture_receive(w, MSG_SETTINGS);
    fixture_send(w, adopted(RV_E_CONFIG, "greeting is rude"));
    UNTIL(w, fixture_info(w).settings_refused != NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture_info(w).settings_refused, "stage.yaml:3:72: plugin toy does not take"));
    CU_ASSERT_PTR_NOT_NULL(strstr(fixture_info(w).settings_refused, "greeting is rude"));
    CU_ASSERT_TRUE(greets(w, "hi"));
    plugin_reconfigure(w->p, plugin_config(w->p)); /* a reload asks once more */
    (void)fixture_receive(w, MSG_SETTINGS);
    CU_ASSERT_PTR_NULL(fixture_info(w).settings_refused);
    plugin_fixture_free(w);
}

/* Its process ends before it answers: of that call, they are refused; of another one, the next process has them. */
static void settings_unanswered(void) {
    static const struct {
        uint32_t call;
        const char *then;
    } rows[] = {{FLIGHT_SETTINGS, "hi"}, {FLIGHT_INIT, "hello"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct plugin_fixture *w = plugin_fixture_new("");
        fixture_ready(w);
        plugin_reconfigure(w->p, plugin_fixture_edit(w, ", settings: {greeting: hello}"));
        (void)fixture_receive(w, MSG_SETTINGS);
        fixture_die(w, SIGSEGV, rows[i].call, NULL);
        CHECK_ROW(greets(w, rows[i].then), rows[i].then);
        CHECK_ROW((fixture_info(w).settings_refused != NULL) == (i == 0), rows[i].then);
        plugin_fixture_free(w);
    }
}

/* Who has not started yet shows the settings with which it will. */
static void settings_before_the_start(void) {
    struct plugin_fixture *w = plugin_fixture_new(", settings: {greeting: first}");
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(fixture_info(w).settings, "greeting"), "first"));
    plugin_fixture_free(w);
}

/* Who is being stopped is not started again to stand by, and stays stopped for whoever waits for it. */
static void stopped_rather_than_standing_by(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    unsigned stopped = 0;
    plugin_stand_by(w->p); /* there is no process yet */
    CU_ASSERT_TRUE(fixture_state(w, "disabled"));
    fixture_ready(w);
    plugin_stop(w->p, on_stopped, &stopped);
    plugin_stand_by(w->p);
    fixture_die(w, SIGTERM, FLIGHT_IDLE, NULL);
    CU_ASSERT_TRUE(stopped == 1 && fixture_state(w, "disabled"));
    plugin_fixture_free(w);
}

/* The copy of a library that could be started is removed when it is not wanted any more. */
static void copies_are_removed(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autobuf struct rv_buf dir = {0}, file = {0};
    unsigned stopped = 0;
    rv_buf_addf(&dir, RV_STR_FMT "/toy.kept", RV_STR_ARG(w->s->config->runtime_dir));
    rv_buf_addf(&file, "%s/toy.so", rv_buf_cstr(&dir));
    fixture_ready(w);
    CU_ASSERT_EQUAL(access(rv_buf_cstr(&file), R_OK), 0);
    plugin_stop(w->p, on_stopped, &stopped);
    fixture_die(w, SIGTERM, FLIGHT_IDLE, NULL);
    plugin_replace(w->p, plugin_fixture_edit(w, ""));
    CU_ASSERT_NOT_EQUAL(access(rv_buf_cstr(&file), F_OK), 0);
    CU_ASSERT_NOT_EQUAL(access(rv_buf_cstr(&dir), F_OK), 0);
    plugin_fixture_free(w);
}

/* What is configured anew begins with it, and without what was held against the plugin before. What it reads is kept
 * already, and is not listed again. */
static void replaced(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    unsigned stopped = 0;
    fixture_ready(w);
    plugin_stop(w->p, on_stopped, &stopped);
    fixture_die(w, SIGTERM, FLIGHT_IDLE, NULL);
    CU_ASSERT_EQUAL(stopped, 1);
    plugin_replace(w->p, plugin_fixture_edit(w, ", settings: {greeting: anew}"));
    CU_ASSERT_TRUE(fixture_state(w, "starting") && greets(w, "anew"));
    fixture_connect(w);
    fixture_greet(w);
    CU_ASSERT_EQUAL(script_count_of(w->server, "configmaps?limit"), 1);
    CU_ASSERT_EQUAL(script_count_of(w->server, "pods?limit"), 1);
    plugin_fixture_free(w);
}

/* ---- recordings ----------------------------------------------------------------------------------------- */

static void recorded(void) {
    char more[96], dir[] = "/tmp/rv-records-XXXXXX", command[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(more, sizeof more, ", record: %s/made, limits: {recording: 1Mi, memory: 128Mi}", dir);
    struct plugin_fixture *w = plugin_fixture_new(more);
    rv_autobuf struct rv_buf room = {0};
    fixture_spawn(w);
    const char *arguments = fixture_arguments(w, &room);
    CU_ASSERT_TRUE(has_line(arguments, "--record") && has_line(arguments, "--record-max"));
    CU_ASSERT_TRUE(has_line(arguments, "1048576") && strstr(arguments, "/made/toy.") != NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(arguments, RV_ADDRESS_SANITIZER ? "--max-memory\n0\n" : "--max-memory\n134217728\n"));
    plugin_fixture_free(w);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
}

static bool is_there(const char *dir, const char *file) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, F_OK) == 0;
}

/* Four are kept with the next one, and nobody else's are touched. */
static void recordings_kept(void) {
    static const char *const files[] = {"toy.20260101T000000.000.1.rec", "toy.20260102T000000.000.1.rec",
                                        "toy.20260103T000000.000.1.rec", "toy.20260104T000000.000.1.rec",
                                        "toy.20260105T000000.000.1.rec", "toys.20260101T000000.000.1.rec",
                                        "toy.20260101T000000.000.1.txt"};
    char dir[] = "/tmp/rv-records-XXXXXX", path[96], command[64];
    struct rv_error err = {0};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    for (size_t i = 0; i < RV_ARRAY_LEN(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        FILE *f = fopen(path, "we");
        CU_ASSERT_FATAL(f != NULL && fclose(f) == 0);
    }
    rv_autofree char *next = recordings_next(dir, "toy", 12, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(next);
    CU_ASSERT_TRUE(strncmp(next, dir, strlen(dir)) == 0 && rv_str_ends(rv_str(next), ".12.rec"));
    for (size_t i = 0; i < RV_ARRAY_LEN(files); i++) CHECK_ROW(is_there(dir, files[i]) == (i >= 2), files[i]);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own */
    CU_ASSERT_PTR_NULL(recordings_next("/proc/nowhere", "toy", 1, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "cannot make the folder /proc/nowhere"));
}

static const struct suite_test tests[] = {{"handshake", handshake},
                                          {"changes", changes},
                                          {"misfits", misfits},
                                          {"violations", violations},
                                          {"deaths", deaths},
                                          {"put away", put_away},
                                          {"waits for its library", waits_for_its_library},
                                          {"stops", stops},
                                          {"cannot start", cannot_start},
                                          {"hangs", hangs},
                                          {"grows", grows},
                                          {"heartbeat", heartbeat},
                                          {"actions", actions},
                                          {"ids used again and again", ids_used_again_and_again},
                                          {"cannot run twice", cannot_run_twice},
                                          {"metrics", metrics},
                                          {"explains", explains},
                                          {"settings taken", settings_taken},
                                          {"settings refused", settings_refused},
                                          {"settings unanswered", settings_unanswered},
                                          {"replaced", replaced},
                                          {"recorded", recorded},
                                          {"recordings kept", recordings_kept},
                                          {"settings before the start", settings_before_the_start},
                                          {"copies are removed", copies_are_removed},
                                          {"stopped rather than standing by", stopped_rather_than_standing_by}};

int main(int argc, char **argv) {
    puppet_main(argc, argv);
    return suite_run("plugin", tests, RV_ARRAY_LEN(tests));
}
