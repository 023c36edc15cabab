/* test_documents.c - what the control socket tells of a plugin that runs, and of one that died. */
#include <stdio.h>

#include "plugin_fixture.h"
#include "supervisor/actions/executor.h"
#include "supervisor/control/documents.h"

static struct rv_val document(struct rv_arena *a, const struct supervisor *s,
                              void (*write)(const struct supervisor *s, struct jsonw *w)) {
    rv_autobuf struct rv_buf text = {0};
    struct jsonw w = {.out = &text};
    jsonw_begin_object(&w, NULL);
    write(s, &w);
    jsonw_end_object(&w);
    struct rv_val v = from_json(a, rv_buf_cstr(&text));
    CU_ASSERT_TRUE_FATAL(rv_val_present(v));
    return v;
}

/* A number as text, a truth value as true or false. */
static struct rv_str shown(struct rv_arena *a, struct rv_val v) {
    rv_autobuf struct rv_buf text = {0};
    if (rv_val_str(v).n != 0) return rv_val_str(v);
    if (rv_val_type(v) == RV_STRING) return RV_STR("");
    if (rv_val_present(v)) rv_json_write(v, &text);
    return rv_arena_str(a, rv_buf_str(&text));
}

struct row {
    const char *path, *want; /* want NULL: any text but an empty one and 0 */
};

static void check(struct rv_arena *a, struct rv_val v, const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct rv_str have = shown(a, rv_val_path(v, rows[i].path));
        bool ok = rows[i].want != NULL ? rv_str_is(have, rows[i].want) : have.n != 0 && !rv_str_is(have, "0");
        if (!ok) printf("\n    " RV_STR_FMT, RV_STR_ARG(have));
        CHECK_ROW(ok, rows[i].path);
    }
}

static void a_plugin_that_runs(void) {
    static const struct row rows[] = {{"plugins[0].name", "toy"},
                                      {"plugins[0].version", "1.2.3"},
                                      {"plugins[0].description", "a plugin that a test plays"},
                                      {"plugins[0].enabled", "true"},
                                      {"plugins[0].state", "ready"},
                                      {"plugins[0].pid", NULL},
                                      {"plugins[0].restarts", "0"},
                                      {"plugins[0].memoryBytes", NULL},
                                      {"plugins[0].queued", "3"},
                                      {"plugins[0].inFlight", "4"},
                                      {"plugins[0].objects", "8"},
                                      {"plugins[0].quarantined", "[]"},
                                      {"plugins[0].deaths", "[]"},
                                      {"plugins[0].settings.greeting", "hi"},
                                      {"plugins[0].settingsRefused", ""},
                                      {"plugins[0].grants", "[\"v1/configmaps: create\"]"},
                                      {"plugins[1]", ""}};
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_ready(w);
    fixture_send(w, (struct msg){.type = MSG_PONG, .ping = {.queued = 1, .waiting = 2, .in_flight = 4, .objects = 8}});
    UNTIL(w, fixture_info(w).objects == 8 && fixture_info(w).memory > 0);
    struct rv_val v = document(a, w->s, document_plugins);
    check(a, v, rows, RV_ARRAY_LEN(rows));
    int64_t uptime = rv_path_int(v, "plugins[0].uptimeSeconds", -1); /* a busy machine takes its time */
    CU_ASSERT_TRUE(uptime >= 0 && uptime <= 60);
    CU_ASSERT_FALSE(rv_val_present(rv_val_path(v, "plugins[0].settingsRefused")));
    CU_ASSERT_FALSE(rv_val_present(rv_val_path(v, "plugins[0].reason")));
    plugin_fixture_free(w);
}

static void settings_refused(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_ready(w);
    plugin_reconfigure(w->p, plugin_fixture_edit(w, ", settings: {greeting: rude}"));
    (void)fixture_receive(w, MSG_SETTINGS);
    fixture_send(w, (struct msg){.type = MSG_ADOPTED, .text = {RV_E_CONFIG, RV_STR("greeting is rude")}});
    UNTIL(w, fixture_info(w).settings_refused != NULL);
    static const struct row rows[] = {{"plugins[0].settingsRefused", NULL}, {"plugins[0].settings.greeting", "hi"}};
    check(a, document(a, w->s, document_plugins), rows, RV_ARRAY_LEN(rows));
    plugin_fixture_free(w);
}

static void deaths_and_quarantine(void) {
    static const struct row rows[] = {{"plugins[0].restarts", "2"},
                                      {"plugins[0].state", "backoff"},
                                      {"plugins[0].pid", "0"},
                                      {"plugins[0].lastExit", NULL},
                                      {"plugins[0].deaths[0].at", NULL},
                                      {"plugins[0].deaths[0].cause", "signal"},
                                      {"plugins[0].deaths[0].signal", "11"},
                                      {"plugins[0].deaths[0].how", NULL},
                                      {"plugins[0].deaths[0].exitStatus", ""},
                                      {"plugins[0].deaths[0].while", "reconcile"},
                                      {"plugins[0].deaths[0].key", "ns/a"},
                                      {"plugins[0].deaths[1].exitStatus", "3"},
                                      {"plugins[0].deaths[1].signal", ""},
                                      {"plugins[0].deaths[2]", ""},
                                      {"plugins[0].quarantined[0].kind", "ConfigMap"},
                                      {"plugins[0].quarantined[0].namespace", "ns"},
                                      {"plugins[0].quarantined[0].name", "a"},
                                      {"plugins[0].quarantined[0].since", NULL},
                                      {"plugins[0].quarantined[0].reason", NULL},
                                      {"plugins[0].quarantined[1]", ""}};
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_ready(w);
    fixture_die(w, PUPPET_FAILS, FLIGHT_RECONCILE, "a");
    UNTIL(w, fixture_info(w).pid != 0);
    fixture_connect(w);
    fixture_greet(w);
    fixture_die(w, SIGSEGV, FLIGHT_RECONCILE, "a");
    check(a, document(a, w->s, document_plugins), rows, RV_ARRAY_LEN(rows));
    plugin_fixture_free(w);
}

static void the_supervisor(void) {
    static const struct row rows[] = {{"version", RV_VERSION},
                                      {"pid", NULL},
                                      {"leadership.enabled", "false"},
                                      {"leadership.leader", "true"},
                                      {"kubernetes.server", NULL},
                                      {"kubernetes.watches[0].state", "watching"},
                                      {"kubernetes.watches[0].why", ""},
                                      {"kubernetes.watches[0].namespace", ""},
                                      {"kubernetes.watches[0].selector", ""},
                                      {"kubernetes.watches[0].resource", NULL},
                                      {"kubernetes.watches[0].objects", NULL},
                                      {"kubernetes.watches[1].state", "watching"},
                                      {"kubernetes.watches[2]", ""},
                                      {"store.objects", "3"},
                                      {"store.bytes", NULL},
                                      {"store.rev", NULL},
                                      {"actions.queued", "0"},
                                      {"actions.inFlight", "0"},
                                      {"actions.done", NULL},
                                      {"actions.failed", NULL},
                                      {"actions.denied", "1"}};
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    fixture_ready(w);
    UNTIL(w, script_count_of(w->server, "?watch") == 2);
    struct msg m = {.type = MSG_ACTION,
                    .action = {.id = 1,
                               .key = {RV_STR("ns"), RV_STR("a")},
                               .a = {.size = sizeof(struct rv_action), .verb = RV_VERB_TIMER, .delay_ms = 1}}};
    fixture_send(w, m);
    (void)fixture_receive(w, MSG_RESULT);
    m.action.id = 2;
    m.action.a = (struct rv_action){.size = sizeof(struct rv_action),
                                    .verb = RV_VERB_DELETE,
                                    .api_version = RV_STR("v1"),
                                    .resource = RV_STR("secrets"),
                                    .ns = RV_STR("ns"),
                                    .name = RV_STR("a")};
    fixture_send(w, m);
    CU_ASSERT_EQUAL(fixture_receive(w, MSG_RESULT)->result.r.code, RV_E_DENIED);
    UNTIL(w, executor_idle(w->s->executor));
    check(a, document(a, w->s, document_status), rows, RV_ARRAY_LEN(rows));
    plugin_fixture_free(w);
}

static const struct suite_test tests[] = {{"a plugin that runs", a_plugin_that_runs},
                                          {"settings refused", settings_refused},
                                          {"deaths and quarantine", deaths_and_quarantine},
                                          {"the supervisor", the_supervisor}};

int main(int argc, char **argv) {
    puppet_main(argc, argv);
    return suite_run("documents", tests, RV_ARRAY_LEN(tests));
}
