/* rayvisord as a process: its command line, what it refuses to start with, reloads, and how it stops. Its API server is
 * one that nobody answers for, so that all plugins only wait. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static char dir[64];

struct outcome {
    int status;
    char out[16384];
};

/* A shell command in the test's folder, standard output and standard error together. */
static struct outcome shell(const char *command) {
    struct outcome o = {0};
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "cd %s && { %s\n} 2>&1", dir, command);
    FILE *p = popen(rv_buf_cstr(&b), "re"); /* NOLINT(cert-env33-c): fixed text */
    if (p == NULL) abort();
    size_t n = 0, got;
    while ((got = fread(o.out + n, 1, sizeof o.out - 1 - n, p)) > 0) n += got;
    o.out[n] = 0;
    int status = pclose(p);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

static void put(const char *name, const char *text) {
    char path[128], fresh[136];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *f = fopen(fresh, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || rename(fresh, path) != 0) abort();
}

#define RAYVISORD_HERE RAYVISORD " --config c.yaml "
#define START RAYVISORD_HERE "--kubeconfig k.yaml --http-bind 127.0.0.1:0 "
#define CTL RAYVISORCTL " --socket run/control.sock "
#define NO_PLUGINS "plugins: []\n"

struct row {
    const char *command;
    int status;
    const char *says;
};

static void check_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct outcome o = shell(rows[i].command);
        bool said = strstr(o.out, rows[i].says) != NULL;
        CHECK_ROW(o.status == rows[i].status, rows[i].command);
        CHECK_ROW(said, rows[i].command);
        if (!said || o.status != rows[i].status) printf("\n    %d: %s", o.status, o.out);
    }
}

/* ---- command line ------------------------------------------------------------------------------------------------ */

static void command_line(void) {
    static const struct row rows[] = {
        {RAYVISORD " --version", 0, "rayvisord " RV_VERSION "\n"},
        {RAYVISORD " --help", 0, "usage: rayvisord --config FILE"},
        {RAYVISORD " --help >/dev/null", 0, ""},
        {RAYVISORD, 64, "usage: rayvisord --config FILE"},
        {RAYVISORD " --check-config", 64, "usage: rayvisord --config FILE"},
        {RAYVISORD_HERE "more", 64, "usage: rayvisord --config FILE"},
        {RAYVISORD_HERE "--chek-config", 64, "there is no option --chek-config: did you mean \"--check-config\"?"},
        {RAYVISORD_HERE "--namespace", 64, "--namespace needs a value"},
        {RAYVISORD " --config none.yaml --check-config", 78, "rayvisord: cannot read none.yaml: No such"},
        {RAYVISORD_HERE "--check-config", 0, "c.yaml: valid\n"},
        {"echo 'plugns: []' >bad.yaml; " RAYVISORD " --config bad.yaml --check-config", 78, "bad.yaml:1:1: "},
        {RAYVISORD_HERE "--print-rbac | grep -c 'namespace: rayvisor-system$'", 0, ""},
        {RAYVISORD_HERE "--print-rbac --namespace other | grep -c 'namespace: other$'", 0, ""},
        {RAYVISORD_HERE "--print-rbac --namespace other | grep -c rayvisor-system", 1, "0\n"},
        /* the plugin itself is asked */
        {"echo 'plugins: [{name: raycluster, enabled: true}]' >p.yaml; " RAYVISORD " --config p.yaml --check-config", 0,
         "p.yaml: valid\n"},
        {"echo 'plugins: [{name: raycluster, enabled: true, settings: {tolerations: 7}}]' >p.yaml; " RAYVISORD
         " --config p.yaml --check-config",
         78, "p.yaml"},
        {"echo 'plugins: [{name: raycluster, enabled: true}]' >p.yaml; echo 'hostBinary: /nonexistent/host' "
         ">>p.yaml; " RAYVISORD " --config p.yaml --check-config",
         78, "/nonexistent/host"},
        {"echo 'plugins: [{name: raycluster, enabled: false}]' >p.yaml; echo 'hostBinary: /nonexistent/host' "
         ">>p.yaml; " RAYVISORD " --config p.yaml --check-config",
         0, "p.yaml: valid\n"},
    };
    put("c.yaml", NO_PLUGINS);
    check_rows(rows, RV_ARRAY_LEN(rows));
}

/* ---- what it does not start with --------------------------------------------------------------------------------- */

static void refusals(void) {
    static const struct row rows[] = {
        {"ln -s . link; " START "--runtime-dir link", 78, "runtimeDir link is a link, not a folder"},
        {"echo >file; " START "--runtime-dir file", 78, "runtimeDir file is something else, not a folder"},
        {"mkdir -m 700 open; chmod 770 open; " START "--runtime-dir open", 78,
         "runtimeDir open can be written by others (mode 0770)"},
        {"chmod 702 open; " START "--runtime-dir open", 78, "runtimeDir open can be written by others (mode 0702)"},
        {START "--runtime-dir file/below", 78, "cannot make runtimeDir file/below: Not a directory"},
        {RAYVISORD_HERE "--kubeconfig none.yaml --runtime-dir run", 78, "none.yaml"},
        {START "--runtime-dir run --context other", 78, "other"},
        {RAYVISORD_HERE "--kubeconfig k.yaml --runtime-dir run --http-bind 192.0.2.1:80", 78, "192.0.2.1:80"},
        {"rm -rf a; " RAYVISORD_HERE "--kubeconfig none.yaml --runtime-dir a/b/c; stat -c %a a/b a/b/c", 0,
         "755\n700\n"},
    };
    put("c.yaml", NO_PLUGINS);
    check_rows(rows, RV_ARRAY_LEN(rows));
    if (geteuid() != 0) return; /* nobody else can make a folder somebody else's */
    static const struct row others = {"mkdir -m 700 theirs; chown 1 theirs; " START "--runtime-dir theirs", 78,
                                      "runtimeDir theirs belongs to user 1, and this is user 0"};
    check_rows(&others, 1);
}

/* ---- a daemon that runs -------------------------------------------------------------------------------------------
 */

static pid_t start(const char *config) {
    put("c.yaml", config);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int log = chdir(dir) == 0 ? open("log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
        if (log >= 0 && dup2(log, 2) == 2)
            execl(RAYVISORD, RAYVISORD, "--config", "c.yaml", "--kubeconfig", "k.yaml", "--http-bind", "127.0.0.1:0",
                  "--runtime-dir", "run", NULL);
        _exit(126);
    }
    return pid;
}

/* Until the command says that, for as long as anything could take. */
static bool until(const char *command, const char *says) {
    struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 2000; i++, nanosleep(&pause, NULL))
        if (strstr(shell(command).out, says) != NULL) return true;
    printf("\n    %s never says %s", command, says);
    return false;
}

static int ended(pid_t pid) {
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool logged(const char *words) { return strstr(shell("cat log").out, words) != NULL; }

static void stops(void) {
    static const struct {
        int signal;
        const char *name;
    } rows[] = {{SIGTERM, "\"SIGTERM\""}, {SIGINT, "\"SIGINT\""}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        pid_t pid = start("plugins: [{name: raycluster, enabled: true}]\n");
        CHECK_ROW(until(CTL "plugins", "raycluster       " RV_VERSION), rows[i].name);
        kill(pid, rows[i].signal);
        CHECK_ROW(ended(pid) == 0, rows[i].name);
        CHECK_ROW(logged("stopping: plugins finish") && logged(rows[i].name) && logged("\"stopped\""), rows[i].name);
        CHECK_ROW(!logged("actions are unfinished"), rows[i].name);
    }
}

/* Of one runtimeDir there is one. */
static void a_second_one(void) {
    pid_t pid = start(NO_PLUGINS);
    CU_ASSERT_TRUE(until(CTL "status", ": ready"));
    struct outcome o = shell(START "--runtime-dir run");
    CU_ASSERT_EQUAL(o.status, 78);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.out, "\"cannot start\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(shell(CTL "status").out, ": ready"));
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(ended(pid), 0);
}

#define OFF(name) "{name: " name ", enabled: false}"
#define TWO OFF("raycluster") ", " OFF("rayjob")

/* One file after the other, each told by rayvisorctl reload. */
static void reloads(void) {
    static const struct {
        const char *config, *says; /* says NULL: it is taken */
        const char *ask, *answer, *not ;
    } rows[] = {
        {"plugins: [" TWO "]\n", NULL, "plugins", "rayjob", "mtls"},
        {"plugins: [" OFF("rayjob") "]\n", NULL, "plugins", "rayjob", "raycluster"},
        {"plugins: [" TWO ", " OFF("mtls") "]\n", NULL, "plugins", "mtls", NULL},
        {"plugins: [\n", "c.yaml:", "status", "the configuration file is refused", NULL},
        {"plugins: [" TWO "]\n", NULL, "status", ": ready", "refused"},
        {"plugins: [" TWO "]\nruntimeDir: /run/other\n", NULL, "status", ": ready", NULL}, /* the command line counts */
        {"plugins: [" TWO "]\nhostBinary: /x\n", "hostBinary takes effect at a restart only", "status", "hostBinary",
         NULL},
        {"plugins: [" TWO "]\nleaderElection: {enabled: true, namespace: n}\n", "leaderElection takes effect", "status",
         "leaderElection", NULL},
        {"plugins: [" TWO "]\nleaderElection: {namespace: n}\n", "leaderElection takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nleaderElection: {name: other}\n", "leaderElection takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nleaderElection: {leaseSeconds: 60}\n", "leaderElection takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nleaderElection: {renewSeconds: 7}\n", "leaderElection takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nleaderElection: {retrySeconds: 1}\n", "leaderElection takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nkubernetes: {context: d}\n", "kubernetes.context takes effect", "plugins", "rayjob",
         NULL},
        {"plugins: [" TWO "]\nkubernetes: {namespaces: [a]}\n", "kubernetes.namespaces takes effect", "plugins",
         "rayjob", NULL},
        {"plugins: [" TWO "]\nkubernetes: {maxConnections: 3}\n", "kubernetes.maxConnections takes effect", "plugins",
         "rayjob", NULL},
        {"plugins: [{name: rayjob, enabled: true, settings: {x: 1}}]\n", "c.yaml", "plugins", "raycluster", NULL},
        {"plugins: [" OFF("raycluster") ", {name: rayjob, enabled: true}]\n", NULL,
         "plugins -o json | grep -c "
         "'\"enabled\": true'",
         "1", NULL},
        {"plugins: [" OFF("raycluster") ", {name: rayjob, enabled: true, limits: {maxInFlight: 3}}]\n", NULL,
         "plugins -o json | grep -c '\"enabled\": true'", "1", NULL},
        {"plugins: [" TWO "]\n", NULL, "status", ": ready", "refused"},
    };
    pid_t pid = start("plugins: [" OFF("raycluster") "]\n");
    CU_ASSERT_TRUE(until(CTL "status", ": ready"));
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char ask[256];
        put("c.yaml", rows[i].config);
        struct outcome o = shell(CTL "reload");
        CHECK_ROW(o.status == (rows[i].says != NULL ? 1 : 0), rows[i].config);
        CHECK_ROW(strstr(o.out, rows[i].says != NULL ? rows[i].says : "configuration reloaded\n") != NULL,
                  rows[i].config);
        snprintf(ask, sizeof ask, CTL "%s", rows[i].ask);
        CHECK_ROW(until(ask, rows[i].answer), rows[i].config);
        CHECK_ROW(rows[i].not == NULL || strstr(shell(ask).out, rows[i].not ) == NULL, rows[i].config);
    }
    CU_ASSERT_TRUE(logged("\"plugin removed from the configuration\"") && logged("\"plugin added\"") &&
                   logged("\"plugin switched off\"") && logged("\"plugin replaced: its configuration changed\""));
    CU_ASSERT_FALSE(logged("its library is another file"));
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(ended(pid), 0);
}

/* Without anybody's word: SIGHUP, and a file that is written or replaced. */
static void follows_its_file(void) {
    pid_t pid = start(NO_PLUGINS);
    CU_ASSERT_TRUE(until(CTL "status", ": ready"));
    put("other.yaml", "plugins: [" OFF("mtls") "]\n"); /* another file of the folder is none of its */
    put("c.yaml", "plugins: [" OFF("raycluster") "]\n");
    CU_ASSERT_TRUE(until(CTL "plugins", "raycluster"));
    CU_ASSERT_EQUAL(shell("echo 'plugins: [" OFF("rayjob") "]' >c.yaml").status, 0);
    CU_ASSERT_TRUE(until(CTL "plugins", "rayjob"));
    CU_ASSERT_EQUAL(shell("echo 'plugins: [' >c.yaml; true").status, 0);
    CU_ASSERT_TRUE(until(CTL "status", "the configuration file is refused"));
    CU_ASSERT_PTR_NOT_NULL(strstr(shell(CTL "plugins").out, "rayjob"));
    kill(pid, SIGTERM);
    CU_ASSERT_EQUAL(ended(pid), 0);
}

static const struct suite_test tests[] = {
    {"command line", command_line}, {"refusals", refusals}, {"stops", stops},
    {"a second one", a_second_one}, {"reloads", reloads},   {"follows its file", follows_its_file}};

int main(void) {
    snprintf(dir, sizeof dir, "/tmp/rv-daemon-XXXXXX");
    if (mkdtemp(dir) == NULL) return 2;
    put("k.yaml", "current-context: c\ncontexts: [{name: c, context: {cluster: k}}, {name: d, context: {cluster: k}}]\n"
                  "clusters: [{name: k, cluster: {server: \"http://127.0.0.1:1\"}}]\n");
    int r = suite_run("rayvisord", tests, RV_ARRAY_LEN(tests));
    (void)shell("rm -rf $PWD");
    return r;
}
