/* Credentials that change: token files are read again, exec plugins are asked again, and what fails keeps what is
 * there. Time is an argument. */
#include "supervisor/kube/config.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/base/fd_limit.h"
#include "tests/unit/sdk/heap.h"
#include "tests/unit/sdk/suite.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1790000000) * SECOND) /* 2026-09-21T14:13:20Z */

static char dir[64];

static char *in_dir(const char *name) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s/%s", dir, name);
    return rv_strdup(rv_buf_str(&b));
}

static void write_file(const char *name, const char *text) {
    rv_autofree char *path = in_dir(name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0700) != 0) exit(2);
}

static bool header_is(const struct kube_auth *a, const char *want) {
    const char *have = kube_auth_header(a);
    bool same = (have == NULL || want == NULL) ? have == want : strcmp(have, want) == 0;
    if (!same) printf("\n    header \"%s\"", have != NULL ? have : "(none)");
    return same;
}

static void fixed_credentials(void) {
    static const struct {
        const char *token, *basic, *want;
    } rows[] = {{NULL, NULL, NULL},
                {(const char *)"abc\n", NULL, "Bearer abc"},
                {NULL, "user:pass", "Basic dXNlcjpwYXNz"},
                {"t", "user:pass", "Bearer t"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autofree char *token = rows[i].token != NULL ? rv_strdup(rv_str(rows[i].token)) : NULL,
                         *basic = rows[i].basic != NULL ? rv_strdup(rv_str(rows[i].basic)) : NULL;
        struct kube_config c = {.token = token, .basic = basic};
        struct kube_auth *a = kube_auth_new(&c, NULL);
        CU_ASSERT_TRUE(header_is(a, NULL));
        CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
        CU_ASSERT_TRUE(header_is(a, rows[i].want));
        CU_ASSERT_EQUAL(kube_auth_refresh(a, START, true, NULL), 0); /* rejected: there is no other */
        CU_ASSERT_TRUE(header_is(a, rows[i].want));
        kube_auth_free(a);
    }
}

static void token_file(void) {
    rv_autofree char *path = in_dir("token");
    struct kube_config c = {.token_file = path};
    struct kube_auth *a = kube_auth_new(&c, NULL);
    struct rv_error err = {0};
    CU_ASSERT_NOT_EQUAL(kube_auth_refresh(a, START, false, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
    write_file("token", "one\r\n");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, true, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer one"));
    write_file("token", "two");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 59 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer one")); /* looked at once a minute */
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 60 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer two"));
    write_file("token", "three");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 61 * SECOND, true, NULL), 0); /* rejected: at once */
    CU_ASSERT_TRUE(header_is(a, "Bearer three"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 300 * SECOND, false, NULL), 0); /* the old one may still do */
    CU_ASSERT_TRUE(header_is(a, "Bearer three"));
    kube_auth_free(a);
}

/* With both, the file counts once it could be read; until then the token. */
static void token_and_file(void) {
    rv_autofree char *path = in_dir("token"), *token = rv_strdup(RV_STR("fixed"));
    struct kube_config c = {.token_file = path, .token = token};
    struct kube_auth *a = kube_auth_new(&c, NULL);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer fixed"));
    write_file("token", "rotated");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 60 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer rotated"));
    CU_ASSERT_EQUAL(unlink(path), 0);
    kube_auth_free(a);
}

/* The plugin's script counts its calls in the file "calls" and leaves what it was told in "info". */
static void write_plugin(const char *status) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b,
                "#!/bin/sh\ncd %s\necho x >> calls\nprintf %%s \"$KUBERNETES_EXEC_INFO\" > info\n"
                "[ \"$1$A\" = argvalue ] || exit 9\n"
                "echo '{\"kind\":\"ExecCredential\",\"status\":%s}'\n",
                dir, status);
    write_file("plugin", rv_buf_cstr(&b));
}

static size_t calls(void) {
    rv_autofree char *path = in_dir("calls");
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size / 2 : 0;
}

struct exec_case {
    char *argv[3], *env[2];
    struct exec_plugin e;
    struct kube_config c;
};

static void exec_case(struct exec_case *x) {
    *x =
        (struct exec_case){.argv = {in_dir("plugin"), rv_strdup(RV_STR("arg"))}, .env = {rv_strdup(RV_STR("A=value"))}};
    x->e = (struct exec_plugin){
        .argv = x->argv, .env = x->env, .api_version = rv_strdup(RV_STR("client.authentication.k8s.io/v1"))};
    x->c = (struct kube_config){.server = rv_strdup(RV_STR("https://a")), .exec = &x->e};
    rv_autofree char *path = in_dir("calls");
    (void)unlink(path);
}

static void exec_case_free(struct exec_case *x) {
    free(x->argv[0]);
    free(x->argv[1]);
    free(x->env[0]);
    free(x->e.api_version);
    free(x->c.server);
}

static void exec_plugin(void) {
    struct exec_case x;
    exec_case(&x);
    struct kube_auth *a = kube_auth_new(&x.c, NULL);
    write_plugin("{\"token\":\"one\",\"expirationTimestamp\":\"2026-09-21T14:15:20Z\"}"); /* START + 120 s */
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer one"));
    write_plugin("{\"token\":\"two\"}");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 89 * SECOND, false, NULL), 0);
    CU_ASSERT_EQUAL(calls(), 1);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 90 * SECOND, false, NULL), 0); /* half a minute before it expires */
    CU_ASSERT_TRUE(header_is(a, "Bearer two"));
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 90000 * SECOND, false, NULL), 0);
    CU_ASSERT_EQUAL(calls(), 2); /* no expiry: until it is rejected */
    write_plugin("{\"token\":\"three\"}");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, true, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer three"));
    CU_ASSERT_EQUAL(kube_auth_generation(a), 0);
    kube_auth_free(a);
    exec_case_free(&x);
}

/* It has the limit of descriptors that the supervisor was started with (soon after it was started itself). */
static void exec_descriptors(void) {
    struct exec_case x;
    struct rlimit r;
    exec_case(&x);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = 77;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &r), 0);
    CU_ASSERT_EQUAL(fd_limit_raise(), r.rlim_max);
    struct kube_auth *a = kube_auth_new(&x.c, NULL);
    write_file("plugin", "#!/bin/sh\nuntil [ $(ulimit -Sn) = 77 ]; do sleep 0.01; done\n"
                         "echo '{\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'\n");
    CU_ASSERT_TRUE(kube_auth_refresh(a, START, false, NULL) == 0 && header_is(a, "Bearer t"));
    kube_auth_free(a);
    exec_case_free(&x);
}

/* Tokens of less than half a minute, and such as have expired by our clock. */
static void exec_short_lives(void) {
    static const struct {
        const char *expires;
        int64_t quiet, again; /* seconds after START: still kept, asked again */
    } rows[] = {{"2026-09-21T14:13:40Z", 9, 10}, {"2026-09-21T14:13:21Z", 0, 1}, {"2026-09-21T14:13:00Z", 4, 5}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct exec_case x;
        rv_autobuf struct rv_buf status = {0};
        exec_case(&x);
        struct kube_auth *a = kube_auth_new(&x.c, NULL);
        rv_buf_addf(&status, "{\"token\":\"t\",\"expirationTimestamp\":\"%s\"}", rows[i].expires);
        write_plugin(rv_buf_cstr(&status));
        CHECK_ROW(kube_auth_refresh(a, START, false, NULL) == 0 && header_is(a, "Bearer t"), rows[i].expires);
        CHECK_ROW(kube_auth_refresh(a, START + rows[i].quiet * SECOND, false, NULL) == 0 && calls() == 1,
                  rows[i].expires);
        CHECK_ROW(kube_auth_refresh(a, START + rows[i].again * SECOND, false, NULL) == 0 && calls() == 2,
                  rows[i].expires);
        kube_auth_free(a);
        exec_case_free(&x);
    }
}

static void exec_certificates(void) {
    struct exec_case x;
    exec_case(&x);
    struct kube_auth *a = kube_auth_new(&x.c, NULL);
    write_plugin("{\"clientCertificateData\":\"CERT\",\"clientKeyData\":\"KEY\"}");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    unsigned first = kube_auth_generation(a);
    CU_ASSERT_TRUE(first > 0 && header_is(a, NULL));
    CU_ASSERT_TRUE(kube_auth_cert(a).n == 4 && memcmp(kube_auth_cert(a).p, "CERT", 4) == 0);
    CU_ASSERT_TRUE(kube_auth_key(a).n == 3 && memcmp(kube_auth_key(a).p, "KEY", 3) == 0);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, true, NULL), 0); /* the same again */
    CU_ASSERT_EQUAL(kube_auth_generation(a), first);
    write_plugin("{\"clientCertificateData\":\"CERT2\",\"clientKeyData\":\"KEY\"}");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, true, NULL), 0);
    CU_ASSERT_TRUE(kube_auth_generation(a) > first);
    kube_auth_free(a);
    exec_case_free(&x);
}

static void exec_failures(void) {
    static const struct {
        const char *script, *says;
    } rows[] = {
        {"#!/bin/sh\nexit 3\n", "failed (status 3): run it by hand"},
        {"#!/bin/sh\nkill -9 $$\n", "failed (status 137)"},
        {"#!/bin/sh\necho no\n", "credential plugin"},
        {"#!/bin/sh\necho '{}'\n", "neither a token nor a certificate"},
        {"#!/bin/sh\nprintf '%s' '{\"status\":{\"token\":\"t\\r\\nX-Remote-User: admin\"}}'\n", "cannot be a header"},
        {"#!/bin/sh\necho '{\"status\":{\"token\":7}}'\n", "neither a token nor a certificate"},
        {NULL, "cannot be started: No such file or directory. get it there"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct exec_case x;
        struct rv_error err = {0};
        exec_case(&x);
        rv_autofree char *hint = rv_strdup(RV_STR("get it there"));
        x.e.install_hint = hint;
        (void)unlink(x.argv[0]);
        if (rows[i].script != NULL) write_file("plugin", rows[i].script);
        struct kube_auth *a = kube_auth_new(&x.c, NULL);
        CHECK_ROW(kube_auth_refresh(a, START, false, &err) != 0 && kube_auth_header(a) == NULL, rows[i].says);
        CHECK_ROW(strstr(err.text, rows[i].says) != NULL, rows[i].says);
        if (strstr(err.text, rows[i].says) == NULL) printf("\n    says: %s", err.text);
        write_plugin("{\"token\":\"later\"}");
        CHECK_ROW(kube_auth_refresh(a, START + SECOND, false, NULL) == 0 && calls() == 0, rows[i].says); /* a pause */
        CHECK_ROW(kube_auth_refresh(a, START + 5 * SECOND, false, NULL) == 0 && header_is(a, "Bearer later"),
                  rows[i].says);
        kube_auth_free(a);
        exec_case_free(&x);
    }
}

/* A failure later on keeps the credential that there was. */
static void exec_keeps(void) {
    struct exec_case x;
    exec_case(&x);
    struct kube_auth *a = kube_auth_new(&x.c, NULL);
    write_plugin("{\"token\":\"one\",\"expirationTimestamp\":\"2026-09-21T14:15:20Z\"}");
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    write_file("plugin", "#!/bin/sh\nexit 1\n");
    CU_ASSERT_NOT_EQUAL(kube_auth_refresh(a, START + 100 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(header_is(a, "Bearer one"));
    kube_auth_free(a);
    exec_case_free(&x);
}

/* ---- beside the loop ------------------------------------------------------------------------------------ */

static void count_call(void *arg) { ++*(unsigned *)arg; }

#define UNTIL(l, condition)                                                                                            \
    for (int64_t end_ = clock_monotonic() + 20 * SECOND; !(condition) && clock_monotonic() < end_;) loop_turn(l, 20)

/* A slow plugin holds nobody up, and runs once, however many ask. */
static void exec_beside_the_loop(void) {
    struct exec_case x;
    struct rv_error err = {0};
    unsigned told = 0;
    exec_case(&x);
    struct loop *l = loop_new(NULL);
    struct kube_auth *a = kube_auth_new(&x.c, l);
    struct kube_auth_listener *listener = kube_auth_listen(a, count_call, &told);
    write_plugin("{\"token\":\"one\"}' && while [ ! -e go ]; do sleep 0.01; done && echo '");
    int64_t now = clock_wall();
    for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(kube_auth_check(a, now, &err), KUBE_AUTH_WAIT);
    for (int i = 0; i < 5; i++) loop_turn(l, 10);
    CU_ASSERT_TRUE(told == 0 && kube_auth_child(a) > 0 && kube_auth_header(a) == NULL);
    write_file("go", "");
    UNTIL(l, told != 0);
    CU_ASSERT_TRUE(told == 1 && calls() == 1 && kube_auth_child(a) == 0);
    CU_ASSERT_EQUAL(kube_auth_check(a, now, &err), KUBE_AUTH_READY);
    CU_ASSERT_TRUE(header_is(a, "Bearer one"));
    /* Refused: many say so of the same credential. One run, and meanwhile nobody uses it. */
    rv_autofree char *go = in_dir("go");
    (void)unlink(go);
    write_plugin("{\"token\":\"two\"}");
    unsigned serial = kube_auth_serial(a);
    now += 10 * SECOND;
    for (int i = 0; i < 5; i++) CU_ASSERT_TRUE(kube_auth_rejected(a, serial, now));
    CU_ASSERT_EQUAL(kube_auth_check(a, now, &err), KUBE_AUTH_WAIT);
    UNTIL(l, told != 1);
    CU_ASSERT_TRUE(header_is(a, "Bearer two") && calls() == 2);
    CU_ASSERT_TRUE(kube_auth_rejected(a, serial, now));               /* there are others already */
    CU_ASSERT_FALSE(kube_auth_rejected(a, kube_auth_serial(a), now)); /* nor do those help: not again at once */
    CU_ASSERT_EQUAL(calls(), 2);
    CU_ASSERT_EQUAL(kube_auth_check(a, now, &err), KUBE_AUTH_READY);
    kube_auth_unlisten(listener);
    kube_auth_free(a);
    loop_free(l);
    exec_case_free(&x);
}

/* What is about to expire serves while the next is fetched; what has expired does not. */
static void exec_expires(void) {
    struct exec_case x;
    struct rv_error err = {0};
    exec_case(&x);
    struct loop *l = loop_new(NULL);
    struct kube_auth *a = kube_auth_new(&x.c, l);
    write_plugin("{\"token\":\"one\",\"expirationTimestamp\":\"2026-09-21T14:15:20Z\"}"); /* START + 120 s */
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    write_file("plugin", "#!/bin/sh\nexit 4\n");
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 100 * SECOND, &err), KUBE_AUTH_READY);
    CU_ASSERT_TRUE(kube_auth_child(a) > 0);
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 121 * SECOND, &err), KUBE_AUTH_WAIT);
    UNTIL(l, kube_auth_child(a) == 0);
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 119 * SECOND, &err), KUBE_AUTH_READY);
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 121 * SECOND, &err), KUBE_AUTH_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "status 4"));
    kube_auth_free(a);
    loop_free(l);
    exec_case_free(&x);
}

/* Whatever it does, it comes to an end, in the loop and where it is waited for. */
static void exec_misbehaves(void) {
    static const struct {
        const char *script, *says; /* says NULL: it succeeds */
    } rows[] = {
        {"#!/bin/sh\nsleep 100\n", "gave no answer within 300 ms"},
        {"#!/bin/sh\ntrap '' TERM\nsleep 100 & sleep 100\n", "gave no answer within 300 ms"},
        {"#!/bin/sh\necho '{\"status\":{\"token\":\"t\"}}'\nexec >&-\nsleep 100\n", "did not end within 300 ms"},
        {"#!/bin/sh\nyes\n", "printed more than 262144 bytes"},
        {"#!/bin/sh\necho '{\"status\":{\"token\":\"t\"}}'\nsleep 3 &\n", NULL}}; /* a child keeps its output */
    for (size_t i = 0; i < 2 * RV_ARRAY_LEN(rows); i++) {
        const char *says = rows[i / 2].says, *row = says != NULL ? says : "leaves a child";
        struct exec_case x;
        struct rv_error err = {0};
        exec_case(&x);
        x.e.timeout_ms = says != NULL ? 300 : 20000;
        if (says != NULL && strstr(says, "printed") != NULL) x.e.timeout_ms = 20000;
        write_file("plugin", rows[i / 2].script);
        struct loop *l = loop_new(NULL);
        struct kube_auth *a = kube_auth_new(&x.c, l);
        int64_t now = clock_wall();
        if (i % 2 == 0) {
            CHECK_ROW(kube_auth_check(a, now, &err) == KUBE_AUTH_WAIT, row);
            pid_t pid = kube_auth_child(a);
            UNTIL(l, kube_auth_child(a) == 0);
            CHECK_ROW(kill(pid, 0) != 0, row); /* reaped */
            CHECK_ROW(kube_auth_check(a, now, &err) == (says != NULL ? KUBE_AUTH_FAILED : KUBE_AUTH_READY), row);
        } else {
            CHECK_ROW((kube_auth_refresh(a, now, false, &err) == 0) == (says == NULL), row);
        }
        CHECK_ROW(says == NULL || strstr(err.text, says) != NULL, row);
        CHECK_ROW(header_is(a, says == NULL ? "Bearer t" : NULL), row);
        if (says != NULL && strstr(err.text, says) == NULL) printf("\n    says: %s", err.text);
        kube_auth_free(a);
        loop_free(l);
        exec_case_free(&x);
    }
    struct exec_case x; /* freed while it runs */
    exec_case(&x);
    write_file("plugin", rows[0].script);
    struct loop *l = loop_new(NULL);
    struct kube_auth *a = kube_auth_new(&x.c, l);
    CU_ASSERT_EQUAL(kube_auth_check(a, clock_wall(), &(struct rv_error){0}), KUBE_AUTH_WAIT);
    pid_t pid = kube_auth_child(a);
    kube_auth_free(a);
    CU_ASSERT_NOT_EQUAL(kill(pid, 0), 0);
    loop_free(l);
    exec_case_free(&x);
}

/* Certificates in files are read again once a minute, or when TLS failed with them. */
static void certificate_files(void) {
    rv_autofree char *ca = in_dir("ca"), *cert = in_dir("cert"), *key = in_dir("key");
    struct kube_config c = {.ca_file = ca, .cert_file = cert, .key_file = key};
    rv_buf_adds(&c.ca, "-----BEGIN A1");
    rv_buf_adds(&c.client_cert, "-----BEGIN B1");
    rv_buf_adds(&c.client_key, "-----BEGIN C1");
    write_file("ca", "-----BEGIN A1");
    write_file("cert", "-----BEGIN B2");
    write_file("key", "half a ke");
    struct kube_auth *a = kube_auth_new(&c, NULL);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 59 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(kube_auth_generation(a) == 0 && kube_auth_cert(a).p == c.client_cert.p);
    CU_ASSERT_EQUAL(kube_auth_refresh(a, START + 60 * SECOND, false, NULL), 0);
    CU_ASSERT_TRUE(kube_auth_generation(a) == 1 && memcmp(kube_auth_cert(a).p, "-----BEGIN B2", 13) == 0);
    CU_ASSERT_TRUE(kube_auth_key(a).p == c.client_key.p && kube_auth_ca(a).p == c.ca.p);
    write_file("key", "-----BEGIN C2");
    kube_auth_distrust_files(a);
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 61 * SECOND, NULL), KUBE_AUTH_READY);
    CU_ASSERT_TRUE(kube_auth_generation(a) == 2 && memcmp(kube_auth_key(a).p, "-----BEGIN C2", 13) == 0);
    kube_auth_distrust_files(a); /* nothing new: the same generation */
    CU_ASSERT_EQUAL(kube_auth_check(a, START + 62 * SECOND, NULL), KUBE_AUTH_READY);
    CU_ASSERT_EQUAL(kube_auth_generation(a), 2);
    kube_auth_free(a);
    rv_buf_free(&c.ca);
    rv_buf_free(&c.client_cert);
    rv_buf_free(&c.client_key);
}

static void what_the_plugin_is_told(void) {
    rv_autoarena struct rv_arena *arena = rv_arena_new();
    rv_autofree char *path = in_dir("info"), *config = rv_strdup(RV_STR("{\"audience\":\"x\"}"));
    for (int with = 0; with < 2; with++) {
        struct exec_case x;
        exec_case(&x);
        write_plugin("{\"token\":\"t\"}");
        x.e.with_cluster = with != 0;
        x.e.cluster_config = config;
        rv_buf_adds(&x.c.ca, "PEM");
        struct kube_auth *a = kube_auth_new(&x.c, NULL);
        CU_ASSERT_EQUAL(kube_auth_refresh(a, START, false, NULL), 0);
        kube_auth_free(a);
        rv_buf_free(&x.c.ca);
        char text[1024] = "";
        FILE *f = fopen(path, "re");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        CU_ASSERT_TRUE(fread(text, 1, sizeof text - 1, f) > 0);
        fclose(f);
        struct rv_val v = from_json(arena, text);
        CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "apiVersion"), "client.authentication.k8s.io/v1"));
        CU_ASSERT_TRUE(rv_str_is(rv_path_str(v, "kind"), "ExecCredential"));
        CU_ASSERT_FALSE(rv_path_bool(v, "spec.interactive", true));
        struct rv_val cluster = rv_val_path(v, "spec.cluster");
        CU_ASSERT_EQUAL(rv_val_present(cluster), with != 0);
        if (with != 0)
            CU_ASSERT_TRUE(json_is(cluster, "{\"server\":\"https://a\",\"certificate-authority-data\":\"UEVN\","
                                            "\"config\":{\"audience\":\"x\"}}"));
        exec_case_free(&x);
    }
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static const char *secret; /* NULL: nobody looks */
static unsigned found_freed;
void __real_free(void *p);
void __wrap_free(void *p);

/* The linker puts it in the place of free(): a block that is freed must not have the secret any more. */
void __wrap_free(void *p) {
    if (p != NULL && secret != NULL) found_freed += memmem(p, malloc_usable_size(p), secret, strlen(secret)) != NULL;
    __real_free(p);
}

enum held { TOKEN_FILE, TOKEN, EXEC_TOKEN, EXEC_CERTIFICATE, CERTIFICATE_FILE };

/* Fetches a credential, the same again, and another one. Then it is dropped. */
static void use_secret(enum held held) {
    static const char *const texts[] = {"-----BEGIN s3cr3t one", "-----BEGIN s3cr3t one", "-----BEGIN s3cr3t one",
                                        "-----BEGIN s3cr3t two"};
    struct exec_case x;
    exec_case(&x);
    rv_autofree char *path = in_dir("token"), *token = rv_strdup(rv_str(texts[0]));
    struct kube_config files = {.token_file = held == TOKEN_FILE ? path : NULL,
                                .token = held == TOKEN ? token : NULL,
                                .ca_file = held == CERTIFICATE_FILE ? path : NULL,
                                .cert_file = held == CERTIFICATE_FILE ? path : NULL,
                                .key_file = held == CERTIFICATE_FILE ? path : NULL};
    bool exec = held == EXEC_TOKEN || held == EXEC_CERTIFICATE;
    struct kube_auth *a = kube_auth_new(exec ? &x.c : &files, NULL);
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) {
        rv_autobuf struct rv_buf status = {0};
        rv_buf_addf(&status,
                    held == EXEC_TOKEN ? "{\"token\":\"%s\"}"
                                       : "{\"clientCertificateData\":\"C\",\"clientKeyData\":\"%s\"}",
                    texts[i]);
        if (exec)
            write_plugin(rv_buf_cstr(&status));
        else
            write_file("token", texts[i]);
        secret = "s3cr3t";
        CU_ASSERT_EQUAL(kube_auth_refresh(a, START + (int64_t)i * 100 * SECOND, held != CERTIFICATE_FILE, NULL), 0);
        secret = NULL;
    }
    secret = "s3cr3t";
    kube_auth_free(a);
    secret = NULL;
    exec_case_free(&x);
    (void)unlink(path);
}

static void wiped(void) {
    static const char *const names[] = {"token file", "token", "token of a plugin", "certificate of a plugin",
                                        "certificate file"};
    for (enum held held = TOKEN_FILE; held <= CERTIFICATE_FILE; held++) {
        found_freed = 0;
        use_secret(held);
        CHECK_ROW(found_freed == 0, names[held]);
        for (int i = 0; i < 20; i++) use_secret(held); /* the allocator has kept what it keeps */
        size_t before = heap_in_use();
        for (int i = 0; i < 20; i++) use_secret(held);
        CHECK_ROW(heap_in_use() < before + 20 * 24, names[held]); /* and is given back */
    }
}

static const struct suite_test tests[] = {{"wiped", wiped},
                                          {"fixed credentials", fixed_credentials},
                                          {"token file", token_file},
                                          {"token and file", token_and_file},
                                          {"exec plugin", exec_plugin},
                                          {"exec descriptors", exec_descriptors},
                                          {"exec short lives", exec_short_lives},
                                          {"exec certificates", exec_certificates},
                                          {"exec failures", exec_failures},
                                          {"exec keeps", exec_keeps},
                                          {"exec beside the loop", exec_beside_the_loop},
                                          {"exec expires", exec_expires},
                                          {"exec misbehaves", exec_misbehaves},
                                          {"certificate files", certificate_files},
                                          {"what the plugin is told", what_the_plugin_is_told}};

int main(void) {
    snprintf(dir, sizeof dir, "/tmp/rv-auth-XXXXXX");
    if (mkdtemp(dir) == NULL) return 2;
    int r = suite_run("auth", tests, RV_ARRAY_LEN(tests));
    static const char *const files[] = {"plugin", "calls", "info", "token", "go", "ca", "cert", "key"};
    for (size_t i = 0; i < RV_ARRAY_LEN(files); i++) {
        rv_autofree char *path = in_dir(files[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return r;
}
