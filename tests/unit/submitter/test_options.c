/* test_options.c - what the submitter makes of its environment and flags. Which are wrong is in test_submit.c. */
#include "plugins/rayjob/submitter/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static int read_options(struct options *o, const char *const *args) {
    char *argv[12] = {rv_strdup(RV_STR("rayvisor-submit"))};
    int argc = 1;
    for (; *args != NULL; args++) argv[argc++] = rv_strdup(rv_str(*args));
    optind = 0;               /* getopt begins anew */
    *o = (struct options){0}; /* options_read() makes the arena */
    int r = options_read(o, argc, argv);
    for (int i = 0; i < argc; i++) free(argv[i]);
    return r;
}

static void addresses(void) {
    static const struct {
        const char *address, *host, *path;
        uint16_t port;
        bool tls;
    } rows[] = {{"h:8265", "h", "", 8265, false},
                {"h", "h", "", 80, false},
                {"http://h", "h", "", 80, false},
                {"https://h", "h", "", 443, true},
                {"https://h:8443", "h", "", 8443, true},
                {"http://h:1/", "h", "", 1, false},
                {"http://h:65535/ray/x//", "h", "/ray/x", 65535, false},
                {"h/ray", "h", "/ray", 80, false},
                {"127.0.0.1:80", "127.0.0.1", "", 80, false},
                {"[::1]:8265", "::1", "", 8265, false},
                {"http://[fd00::2]", "fd00::2", "", 80, false},
                {"https://[fd00::2]/a", "fd00::2", "/a", 443, true},
                {"https://[fd00::2]:7/a", "fd00::2", "/a", 7, true}};
    setenv("RAY_JOB_SUBMISSION_ID", "j", 1);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct options o;
        setenv("RAY_DASHBOARD_ADDRESS", rows[i].address, 1);
        CHECK_ROW(read_options(&o, (const char *const[]){"--", "x", NULL}) == 0, rows[i].address);
        CHECK_ROW(rv_str_is(o.host, rows[i].host) && rv_str_is(o.path, rows[i].path), rows[i].address);
        CHECK_ROW(o.port == rows[i].port && o.tls == rows[i].tls, rows[i].address);
        rv_arena_free(o.arena);
    }
}

static void requests(void) {
    static const struct {
        const char *args[10], *request;
    } rows[] = {
        {{"--", "x", NULL}, "{\"entrypoint\":\"x\",\"submission_id\":\"j\"}"},
        {{"x", "--y", NULL}, "{\"entrypoint\":\"x --y\",\"submission_id\":\"j\"}"},
        {{"--entrypoint-num-cpus", "0.5", "--", "x", NULL},
         "{\"entrypoint\":\"x\",\"entrypoint_num_cpus\":0.5,\"submission_id\":\"j\"}"},
        {{"--entrypoint-num-gpus", "999999999", "--", "x", NULL},
         "{\"entrypoint\":\"x\",\"entrypoint_num_gpus\":999999999,\"submission_id\":\"j\"}"},
        {{"--entrypoint-num-gpus", "0", "--", "x", NULL}, "{\"entrypoint\":\"x\",\"submission_id\":\"j\"}"},
        {{"--metadata-json", "{\"a\":\"b\"}", "--", "x", NULL},
         "{\"entrypoint\":\"x\",\"metadata\":{\"a\":\"b\"},\"submission_id\":\"j\"}"},
    };
    setenv("RAY_DASHBOARD_ADDRESS", "h:1", 1);
    setenv("RAY_JOB_SUBMISSION_ID", "j", 1);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct options o;
        CHECK_ROW(read_options(&o, rows[i].args) == 0, rows[i].request);
        struct rv_val have = rv_node_freeze(o.arena, o.request), want = from_json(o.arena, rows[i].request);
        CHECK_ROW(rv_val_equal(have, want), rows[i].request);
        if (!rv_val_equal(have, want)) (void)json_is(have, rows[i].request);
        CHECK_ROW(!o.insecure && o.ca_file == NULL && o.token.n == 0, rows[i].request);
        rv_arena_free(o.arena);
    }
}

static void tls_and_tokens(void) {
    char path[] = "/tmp/rv-token-XXXXXX";
    int fd = mkstemp(path);
    struct options o;
    CU_ASSERT_TRUE_FATAL(fd >= 0 && write(fd, "from-file\n", 10) == 10);
    CU_ASSERT_EQUAL(read_options(&o, (const char *const[]){"--insecure", "--", "x", NULL}), 0);
    CU_ASSERT_TRUE(o.insecure);
    rv_arena_free(o.arena);
    CU_ASSERT_EQUAL(read_options(&o, (const char *const[]){"--ca-file", "/ca", "--", "x", NULL}), 0);
    CU_ASSERT_TRUE(!o.insecure && o.ca_file != NULL);
    rv_arena_free(o.arena);
    setenv("RAY_AUTH_TOKEN_PATH", path, 1);
    CU_ASSERT_EQUAL(read_options(&o, (const char *const[]){"--", "x", NULL}), 0);
    CU_ASSERT_TRUE(rv_str_is(o.token, "from-file"));
    rv_arena_free(o.arena);
    setenv("RAY_AUTH_TOKEN", "from-env", 1);
    CU_ASSERT_EQUAL(read_options(&o, (const char *const[]){"--", "x", NULL}), 0);
    CU_ASSERT_TRUE(rv_str_is(o.token, "from-env"));
    rv_arena_free(o.arena);
    unsetenv("RAY_AUTH_TOKEN");
    unsetenv("RAY_AUTH_TOKEN_PATH");
    close(fd);
    CU_ASSERT_EQUAL(unlink(path), 0);
}

static const struct suite_test tests[] = {
    {"addresses", addresses}, {"requests", requests}, {"TLS and tokens", tls_and_tokens}};
SUITE_MAIN("submit options", tests)
