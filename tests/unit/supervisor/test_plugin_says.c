/* test_plugin_says.c - what a plugin's own words become: its log lines, and why it cannot run. The test plays its host.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "plugin_fixture.h"

static int log_pipe[2];
static char logged_text[65536];

static void listen_to_log(enum rv_log_level level) {
    CU_ASSERT_EQUAL_FATAL(pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC), 0);
    log_setup(LOG_TEXT, level, log_pipe[1], "test");
}

static void stop_listening(void) {
    log_setup(LOG_TEXT, RV_LOG_INFO, 2, "test");
    close(log_pipe[0]);
    close(log_pipe[1]);
}

/* What was logged since the last call. */
static const char *logged(void) {
    ssize_t n = read(log_pipe[0], logged_text, sizeof logged_text - 1);
    logged_text[n > 0 ? n : 0] = 0;
    return logged_text;
}

/* Until it has been heard: what is asked for after it has its answer. */
static void wait_heard(struct plugin_fixture *w, uint64_t id) {
    fixture_send(w, (struct msg){.type = MSG_ACTION,
                                 .action = {.id = id,
                                            .key = {RV_STR("ns"), RV_STR("a")},
                                            .a = {.size = sizeof(struct rv_action), .verb = RV_VERB_TIMER}}});
    (void)fixture_receive(w, MSG_RESULT);
}

static void log_lines(void) {
    static const struct {
        int32_t level;
        const char *key, *fields, *line, *not ; /* line: NULL when nothing is logged */
    } rows[] = {
        {RV_LOG_INFO, NULL, "{}", " info  test: said plugin=toy\n", NULL},
        {RV_LOG_WARN, NULL, "{}", " warn  test: said plugin=toy\n", NULL},
        {RV_LOG_ERROR, NULL, "{}", " error test: said plugin=toy\n", NULL},
        {RV_LOG_ERROR + 1, NULL, "{}", " info  test: said plugin=toy\n", NULL},
        {RV_LOG_DEBUG - 1, NULL, "{}", " info  test: said plugin=toy\n", NULL},
        {RV_LOG_DEBUG, NULL, "{}", NULL, "said"},
        {RV_LOG_INFO, "a", "{}", " said plugin=toy namespace=ns name=a\n", NULL},
        {RV_LOG_INFO, "a", "{\"x\":\"1\",\"y\":\"two words\"}", " name=a x=1 y=\"two words\"\n", NULL},
        {RV_LOG_INFO, NULL, "{\"x\":\"1\"}", " plugin=toy x=1\n", "namespace"},
        /* where a line is from only the supervisor says */
        {RV_LOG_INFO, NULL, "{\"plugin\":\"other\",\"x\":\"1\",\"component\":\"rayvisord\",\"host\":\"h\"}",
         " plugin=toy x=1\n", "other"},
        {RV_LOG_INFO, NULL, "{\"#x\":\"1\",\"#plugin\":\"other\",\"#host\":\"other\"}", " plugin=toy x=1\n", "other"},
    };
    struct plugin_fixture *w = plugin_fixture_new("");
    fixture_ready(w);
    listen_to_log(RV_LOG_INFO);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_key key = {RV_STR(""), RV_STR("")};
        if (rows[i].key != NULL) key = (struct rv_key){RV_STR("ns"), rv_str(rows[i].key)};
        fixture_send(w, (struct msg){.type = MSG_LOG,
                                     .log = {rows[i].level, RV_STR("said"), key, from_json(a, rows[i].fields)}});
        wait_heard(w, i + 1);
        const char *text = logged();
        bool as_wanted = (rows[i].line == NULL || strstr(text, rows[i].line) != NULL) &&
                         (rows[i].not == NULL || strstr(text, rows[i].not ) == NULL);
        CHECK_ROW(as_wanted, rows[i].fields);
        if (!as_wanted) printf("\n    %s", text);
    }
    stop_listening();
    plugin_fixture_free(w);
}

/* Of more fields than a line has room for, the first are logged. */
static void many_fields(void) {
    struct plugin_fixture *w = plugin_fixture_new("");
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf fields = {0};
    fixture_ready(w);
    for (int i = 0; i < 60; i++) rv_buf_addf(&fields, "%s\"f%02d\":\"v\"", i == 0 ? "{" : ",", i);
    rv_buf_adds(&fields, "}");
    listen_to_log(RV_LOG_INFO);
    fixture_send(
        w, (struct msg){
               .type = MSG_LOG,
               .log = {RV_LOG_INFO, RV_STR("said"), {RV_STR("ns"), RV_STR("a")}, from_json(a, rv_buf_cstr(&fields))}});
    wait_heard(w, 1);
    const char *text = logged();
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "plugin=toy namespace=ns name=a f00=v f01=v "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " f28=v\n"));
    stop_listening();
    plugin_fixture_free(w);
}

/* Whoever says why he cannot run is believed; whether he is tried again says the kind of failure. */
static void cannot_run(void) {
    static const struct {
        int32_t code;
        const char *state;
    } rows[] = {{RV_E_ABI, "misfit"}, {RV_E_CONFIG, "misfit"}, {RV_E_UNAVAILABLE, "backoff"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct plugin_fixture *w = plugin_fixture_new("");
        fixture_ready(w);
        fixture_send(w, (struct msg){.type = MSG_FAILED, .text = {rows[i].code, RV_STR("no such thing")}});
        wait_heard(w, 1);
        fixture_die(w, PUPPET_FAILS, FLIGHT_RECONCILE, "a");
        if (!fixture_state(w, rows[i].state)) printf("\n    it is %s", fixture_info(w).state);
        CHECK_ROW(fixture_state(w, rows[i].state), rows[i].state);
        CHECK_ROW(strstr(fixture_info(w).why, "no such thing") != NULL, rows[i].state);
        plugin_fixture_free(w);
    }
}

static const struct suite_test tests[] = {
    {"log lines", log_lines}, {"cannot run", cannot_run}, {"many fields", many_fields}};

int main(int argc, char **argv) {
    puppet_main(argc, argv);
    return suite_run("what a plugin says", tests, RV_ARRAY_LEN(tests));
}
