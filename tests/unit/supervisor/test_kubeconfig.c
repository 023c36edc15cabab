/* Kubeconfig files: what they mean, and for each mistake the file, the line and what is accepted. */
#include "supervisor/kube/config.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

#define PEM "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
#define PEM64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
/* Lines 1 to 3; what follows begins on line 4. */
#define HEAD                                                                                                           \
    "current-context: c\n"                                                                                             \
    "contexts:\n"                                                                                                      \
    "- {name: c, context: {cluster: k, user: u, namespace: team}}\n"
#define CLUSTER "clusters: [{name: k, cluster: {server: \"https://a:6443\"}}]\n"
#define USER(fields) HEAD CLUSTER "users:\n- name: u\n  user:\n" fields

static char dir[64];

static char *in_dir(const char *name) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s/%s", dir, name);
    return rv_strdup(rv_buf_str(&b));
}

static void write_file(const char *name, const char *text) {
    rv_autofree char *path = in_dir(name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) exit(2);
}

static struct kube_config *parse(const char *text, struct rv_error *err) {
    rv_autofree char *path = in_dir("config");
    return kube_config_parse(rv_str(text), path, NULL, err);
}

static bool text_is(const char *have, const char *want) {
    bool same = (have == NULL || want == NULL) ? have == want : strcmp(have, want) == 0;
    if (!same) printf("\n    have \"%s\"", have != NULL ? have : "(null)");
    return same;
}

static void mistakes(void) {
    static const struct {
        const char *text, *place, *says;
    } rows[] = {
        {"- a\n", "config:1:", "a mapping with clusters, users and contexts"},
        {"a: [1\n", "config:2:", ""},
        {"a: 1\na: 2\n", "config:2:", "twice"},
        {"a: &x 1\nb: *x\n", "config:2:", "aliases"},
        {"? [a]\n: b\n", "config:1:", "key must be text"},
        {"a: 1\n", "config:", "no current-context"},
        {"current-context: c\n", "config:", "there is no context \"c\""},
        {"current-context: produktion\ncontexts: [{name: test}, {name: production}]\n",
         "config:", "there is no context \"produktion\": did you mean \"production\"?"},
        {HEAD, "config:3:", "names cluster \"k\", which is not there"},
        {HEAD CLUSTER, "config:3:", "names user \"u\", who is not there"},
        {HEAD "clusters: [{name: k, cluster: {}}]\n", "config:4:", "http:// or https:// URL"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: ftp://a\n", "config:7:", "http:// or https:// URL"},
        {HEAD "clusters:\n- name: k\n  cluster: {server: 6443}\n", "config:6:", "server must be text"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: http://a\n    insecure-skip-tls-verify: \"yes\"\n",
         "config:8:", "true or false"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: http://a\n    proxy-url: tor\n", "config:8:", "socks5://"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    insecure-skip-tls-verify: true\n"
              "    certificate-authority-data: " PEM64 "\n",
         "config:8:", "exclude each other"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    certificate-authority-data: \"*\"\n",
         "config:8:", "not base64"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    certificate-authority-data: QQ==QQ==\n",
         "config:8:", "not base64"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    certificate-authority-data: \"=\"\n",
         "config:8:", "not PEM"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    certificate-authority: gone.pem\n",
         "config:8:", "gone.pem: No such file"},
        {HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    certificate-authority: empty.pem\n",
         "config:8:", "not PEM"},
        {USER("    client-certificate-data: " PEM64 "\n"), "config:8:", "client-key is missing"},
        {USER("    client-key: ca.pem\n"), "config:8:", "client-certificate is missing"},
        {USER("    token: 1234\n"), "config:8:", "token must be text: put it in quotes"},
        {USER("    username: a\n    password: 1234\n"), "config:9:", "password must be text"},
        {USER("    auth-provider: {name: gcp}\n"), "config:8:", "exec plugin"},
        {USER("    token: t\n    as: root\n"), "config:9:", "impersonation"},
        {USER("    as-groups: [a]\n"), "config:8:", "impersonation"},
        {USER("    exec: aws\n"), "config:8:", "must be a mapping"},
        {USER("    exec: {}\n"), "config:8:", "command is missing"},
        {USER("    exec:\n      command: a\n"), "config:9:", "client.authentication.k8s.io/v1 or v1beta1"},
        {USER("    exec:\n      command: a\n      apiVersion: client.authentication.k8s.io/v1alpha1\n"),
         "config:10:", "client.authentication.k8s.io/v1 or v1beta1"},
        {USER("    exec:\n      command: a\n      apiVersion: client.authentication.k8s.io/v1\n"
              "      interactiveMode: Always\n"),
         "config:11:", "Never or IfAvailable"},
        {USER("    exec:\n      command: a\n      apiVersion: client.authentication.k8s.io/v1\n      args: a\n"),
         "config:11:", "list of texts"},
        {USER("    exec:\n      command: a\n      apiVersion: client.authentication.k8s.io/v1\n      args:\n"
              "      - a\n      - 1\n"),
         "config:13:", "put them in quotes"},
        {USER("    exec:\n      command: a\n      apiVersion: client.authentication.k8s.io/v1\n      env:\n"
              "      - {value: b}\n"),
         "config:12:", "needs a name"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_error err = {0};
        struct kube_config *c = parse(rows[i].text, &err);
        CHECK_ROW(c == NULL, rows[i].text);
        CHECK_ROW(strstr(err.text, rows[i].place) != NULL && strstr(err.text, rows[i].says) != NULL, rows[i].text);
        if (strstr(err.text, rows[i].place) == NULL || strstr(err.text, rows[i].says) == NULL)
            printf("\n    says: %s", err.text);
        kube_config_free(c);
    }
}

static struct kube_config *good(const char *text) {
    struct rv_error err = {0};
    struct kube_config *c = parse(text, &err);
    if (c == NULL) printf("\n    %s", err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    return c;
}

static void clusters(void) {
    struct kube_config *c = good(HEAD "clusters:\n- name: other\n  cluster: {server: \"https://no\"}\n- name: k\n"
                                      "  cluster:\n    server: https://a:6443//\n    tls-server-name: b\n"
                                      "    proxy-url: socks5://p:1\n    certificate-authority-data: " PEM64
                                      "\nusers: [{name: u, user: {}}]\n");
    CU_ASSERT_TRUE(text_is(kube_config_server(c), "https://a:6443") && text_is(kube_config_namespace(c), "team"));
    CU_ASSERT_TRUE(text_is(c->tls_server_name, "b") && text_is(c->proxy, "socks5://p:1"));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&c->ca), PEM) && !c->insecure);
    CU_ASSERT_TRUE(c->token == NULL && c->token_file == NULL && c->basic == NULL && c->exec == NULL);
    kube_config_free(c);
    c = good("current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
             "clusters: [{name: k, cluster: {server: \"http://[::1]:1\", insecure-skip-tls-verify: true}}]\n");
    CU_ASSERT_TRUE(c->insecure && text_is(kube_config_namespace(c), "default"));
    kube_config_free(c);
    c = good(HEAD "clusters: [{name: k, cluster: {server: \"https://a\", certificate-authority: ca.pem}}]\n"
                  "users: [{name: u, user: {}}]\n");
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&c->ca), PEM)); /* beside the kubeconfig */
    kube_config_free(c);
}

/* The environment's proxy is for the server's scheme, and never for this machine. */
static void proxies(void) {
    static const struct {
        const char *server;
        bool proxied;
    } rows[] = {{"https://a", true},
                {"https://a:6443/b", true},
                {"https://localhost.example.com", true},
                {"https://localhost", false},
                {"https://localhost:6443", false},
                {"https://localhost/a", false},
                {"https://127.0.0.1:6443", false},
                {"https://127.1.2.3", false},
                {"https://128.0.0.1", true},
                {"https://[::1]", false},
                {"https://[::1]:6443/a", false},
                {"https://[2001:db8::1]:6443", true},
                {"https://[2001:db8::1]/127.0.0.1", true},
                {"http://a", false}};
    setenv("HTTPS_PROXY", "http://proxy:1", 1);
    for (int except = 0; except < 2; except++) {
        if (except != 0) setenv("NO_PROXY", "b", 1);
        for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
            rv_autobuf struct rv_buf text = {0};
            rv_buf_addf(&text,
                        "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
                        "clusters: [{name: k, cluster: {server: \"%s\"}}]\n",
                        rows[i].server);
            struct kube_config *c = good(rv_buf_cstr(&text));
            CHECK_ROW((c->env_proxy != NULL) == rows[i].proxied, rows[i].server);
            CHECK_ROW((c->no_proxy != NULL) == (rows[i].proxied && except != 0), rows[i].server);
            kube_config_free(c);
        }
    }
    unsetenv("HTTPS_PROXY");
    unsetenv("NO_PROXY");
}

static void users(void) {
    struct kube_config *c = good(USER("    client-certificate: ca.pem\n    client-key-data: " PEM64 "\n"));
    CU_ASSERT_TRUE(rv_str_is(rv_buf_str(&c->client_cert), PEM) && rv_str_is(rv_buf_str(&c->client_key), PEM));
    kube_config_free(c);
    c = good(USER("    token: abc\n    tokenFile: t\n"));
    rv_autofree char *file = in_dir("t");
    CU_ASSERT_TRUE(text_is(c->token, "abc") && text_is(c->token_file, file));
    kube_config_free(c);
    c = good(USER("    tokenFile: /abs\n    username: n\n    password: \"1234\"\n"));
    CU_ASSERT_TRUE(text_is(c->token_file, "/abs") && text_is(c->basic, "n:1234"));
    kube_config_free(c);
}

static void exec_plugins(void) {
    struct kube_config *c =
        good(HEAD "clusters:\n- name: k\n  cluster:\n    server: https://a\n    extensions:\n"
                  "    - {name: client.authentication.k8s.io/exec, extension: {audience: x}}\n"
                  "users:\n- name: u\n  user:\n    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n"
                  "      command: bin/get\n      args: [a, \"1\"]\n      env: [{name: A, value: b}, {name: E}]\n"
                  "      interactiveMode: IfAvailable\n      provideClusterInfo: true\n      installHint: try that\n");
    const struct exec_plugin *e = c->exec;
    rv_autofree char *command = in_dir("bin/get");
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_TRUE(text_is(e->argv[0], command) && text_is(e->argv[1], "a") && text_is(e->argv[2], "1"));
    CU_ASSERT_TRUE(text_is(e->argv[3], NULL) && text_is(e->env[0], "A=b") && text_is(e->env[1], "E="));
    CU_ASSERT_TRUE(text_is(e->env[2], NULL) && text_is(e->install_hint, "try that") && e->with_cluster);
    CU_ASSERT_TRUE(text_is(e->cluster_config, "{\"audience\":\"x\"}"));
    kube_config_free(c);
    c = good(USER("    exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}\n"));
    CU_ASSERT_TRUE(text_is(c->exec->argv[0], "aws") && text_is(c->exec->argv[1], NULL)); /* from the PATH */
    kube_config_free(c);
}

/* Several files: the first that has a name wins; files that are not there are passed over. */
static void several_files(void) {
    write_file("one", "current-context: c\nclusters: [{name: k, cluster: {server: \"https://one\"}}]\n");
    write_file("two", HEAD "clusters: [{name: k, cluster: {server: \"https://two\"}}]\n"
                           "users: [{name: u, user: {tokenFile: t}}]\n");
    rv_autobuf struct rv_buf paths = {0};
    rv_buf_addf(&paths, "%s/gone:%s/one::%s/two", dir, dir, dir);
    struct rv_error err = {0};
    struct kube_config *c = kube_config_load(&(struct kube_config_opts){.kubeconfig = rv_buf_cstr(&paths)}, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_TRUE(text_is(kube_config_server(c), "https://one") && text_is(kube_config_namespace(c), "team"));
    kube_config_free(c);
    c = kube_config_load(&(struct kube_config_opts){.kubeconfig = rv_buf_cstr(&paths), .context = "other"}, &err);
    CU_ASSERT_TRUE(c == NULL && strstr(err.text, "there is no context \"other\"") != NULL);
    rv_autofree char *gone = in_dir("gone");
    c = kube_config_load(&(struct kube_config_opts){.kubeconfig = gone}, &err);
    CU_ASSERT_TRUE(c == NULL && strstr(err.text, "gone: No such file") != NULL);
    setenv("KUBECONFIG", rv_buf_cstr(&paths), 1);
    c = kube_config_load(&(struct kube_config_opts){0}, &err);
    CU_ASSERT_TRUE(c != NULL && text_is(kube_config_server(c), "https://one"));
    kube_config_free(c);
    unsetenv("KUBECONFIG");
}

/* A pod's own account, before ~/.kube/config and after KUBECONFIG. */
static void in_a_pod(void) {
    static const struct {
        const char *host, *port, *ns, *server, *want_ns;
    } rows[] = {{"10.0.0.1", "6443", "team\n", "https://10.0.0.1:6443", "team"},
                {"fd00::1", NULL, NULL, "https://[fd00::1]:443", "default"},
                {"kubernetes", "443", "\n", "https://kubernetes:443", "default"}};
    rv_autofree char *pod = in_dir("pod"), *token = in_dir("pod/token"), *ca = in_dir("pod/ca.crt"),
                     *ns = in_dir("pod/namespace");
    struct rv_error err = {0};
    const struct kube_config_opts o = {.pod_dir = pod};
    unsetenv("KUBECONFIG");
    setenv("HOME", "/nowhere", 1);
    CU_ASSERT_EQUAL(mkdir(pod, 0700), 0);
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        setenv("KUBERNETES_SERVICE_HOST", rows[i].host, 1);
        if (rows[i].port != NULL) setenv("KUBERNETES_SERVICE_PORT", rows[i].port, 1);
        CHECK_ROW(kube_config_load(&o, &err) == NULL, rows[i].host); /* no token: no pod */
        CHECK_ROW(strstr(err.text, "or run in a pod") != NULL, rows[i].host);
        write_file("pod/token", "t");
        CHECK_ROW(kube_config_load(&o, &err) == NULL && strstr(err.text, "ca.crt") != NULL, rows[i].host);
        write_file("pod/ca.crt", PEM);
        if (rows[i].ns != NULL) write_file("pod/namespace", rows[i].ns);
        struct kube_config *c = kube_config_load(&o, &err);
        CHECK_ROW(c != NULL, err.text);
        if (c == NULL) continue;
        CHECK_ROW(text_is(kube_config_server(c), rows[i].server), rows[i].host);
        CHECK_ROW(text_is(kube_config_namespace(c), rows[i].want_ns), rows[i].host);
        CHECK_ROW(text_is(c->token_file, token) && text_is(c->ca_file, ca), rows[i].host); /* both are rotated */
        CHECK_ROW(rv_str_is(rv_buf_str(&c->ca), PEM) && !c->insecure, rows[i].host);
        kube_config_free(c);
        (void)unlink(token);
        (void)unlink(ca);
        (void)unlink(ns);
        unsetenv("KUBERNETES_SERVICE_PORT");
    }
    unsetenv("KUBERNETES_SERVICE_HOST");
    CU_ASSERT_EQUAL(rmdir(pod), 0);
}

static void home(void) {
    struct rv_error err = {0};
    unsetenv("KUBERNETES_SERVICE_HOST");
    setenv("HOME", dir, 1);
    struct kube_config *c = kube_config_load(&(struct kube_config_opts){0}, &err);
    CU_ASSERT_TRUE(c == NULL && strstr(err.text, "KUBECONFIG or ~/.kube/config") != NULL);
    rv_autofree char *kube = in_dir(".kube");
    CU_ASSERT_EQUAL(mkdir(kube, 0700), 0);
    write_file(".kube/config", HEAD CLUSTER "users: [{name: u, user: {}}]\n");
    c = kube_config_load(&(struct kube_config_opts){0}, &err);
    CU_ASSERT_TRUE(c != NULL && text_is(kube_config_server(c), "https://a:6443"));
    kube_config_free(c);
}

static const struct suite_test tests[] = {
    {"mistakes", mistakes},         {"clusters", clusters},           {"proxies", proxies}, {"users", users},
    {"exec plugins", exec_plugins}, {"several files", several_files}, {"home", home},       {"in a pod", in_a_pod}};

int main(void) {
    snprintf(dir, sizeof dir, "/tmp/rv-kubeconfig-XXXXXX");
    if (mkdtemp(dir) == NULL) return 2;
    write_file("ca.pem", PEM);
    write_file("empty.pem", "");
    int r = suite_run("kubeconfig", tests, RV_ARRAY_LEN(tests));
    static const char *const files[] = {"ca.pem", "empty.pem", "one", "two", ".kube/config", ".kube"};
    for (size_t i = 0; i < RV_ARRAY_LEN(files); i++) {
        rv_autofree char *path = in_dir(files[i]);
        (void)remove(path);
    }
    (void)rmdir(dir);
    return r;
}
