/* rayvisorctl sandbox, as it is installed, with other programs in the places of the cluster and the operator. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static char root[64]; /* of the installation; the sandbox's folder is in it */

struct outcome {
    int status;
    char out[8192];
};

/* A shell command with standard output and standard error together. %R stands for the root. */
static struct outcome shell(const char *command) {
    struct outcome o = {0};
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = command; *c != 0; c++) {
        bool here = c[0] == '%' && c[1] == 'R';
        if (here) rv_buf_adds(&b, root);
        if (!here) rv_buf_addc(&b, (uint8_t)*c);
        c += here;
    }
    FILE *p = popen(rv_buf_cstr(&b), "re"); /* NOLINT(cert-env33-c): fixed text */
    if (p == NULL) abort();
    size_t n = fread(o.out, 1, sizeof o.out - 1, p);
    o.out[n] = 0;
    int status = pclose(p);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

#define CTL "RAYVISOR_SANDBOX_DIR=%R/s %R/bin/rayvisorctl sandbox "
#define ALL " 2>&1"

/* want: with %R as above, and %d for a number. Checks the whole output. */
static bool says(const char *out, const char *want) {
    const char *o = out, *w = want;
    while (*w != 0) {
        if (w[0] == '%' && w[1] == 'R') {
            if (strncmp(o, root, strlen(root)) != 0) break;
            o += strlen(root), w += 2;
        } else if (w[0] == '%' && w[1] == 'd') {
            size_t digits = strspn(o, "0123456789");
            if (digits == 0) break;
            o += digits, w += 2;
        } else if (*o++ != *w++) {
            w--;
            break;
        }
    }
    bool same = *w == 0 && *o == 0;
    if (!same) printf("\n    it says\n%s    not\n%s", out, want);
    return same;
}

static pid_t pid_of(const char *part) {
    char path[128], text[16] = "";
    snprintf(path, sizeof path, "%s/s/%s.pid", root, part);
    FILE *f = fopen(path, "re");
    if (f == NULL) return 0;
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    return (pid_t)strtol(text, NULL, 10);
}

/* A process that has ended has no arguments any more, even while nobody has waited for it. */
static bool runs(pid_t pid) {
    char path[64], c;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *f = fopen(path, "re");
    bool any = f != NULL && fread(&c, 1, 1, f) == 1;
    if (f != NULL) fclose(f);
    return any;
}

static void write_text(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *f = fopen(path, "we");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) abort();
}

static void run_rows(const char *const (*rows)[2], const int *status, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct outcome o = shell(rows[i][0]);
        CHECK_ROW(o.status == status[i], rows[i][0]);
        CHECK_ROW(says(o.out, rows[i][1]), rows[i][0]);
    }
}

/* ---- where nothing runs ------------------------------------------------------------------------------------------ */

static void nothing_runs(void) {
    static const char *const rows[][2] = {
        {CTL "status" ALL, "cluster   not running\noperator  not running\nfolder    %R/s\n"
                           "rayvisorctl: the sandbox is not up; start it with: %R/bin/rayvisorctl sandbox up\n"},
        {CTL "status -o json 2>/dev/null",
         "{\"cluster\":{\"running\":false,\"pid\":0,\"ready\":false},\"operator\":{\"running\":false,\"pid\":0,"
         "\"ready\":false},\"ready\":false,\"folder\":\"%R/s\"}\n"},
        {"PATH=/nonexistent:%R/bin:/usr/bin " CTL "status 2>&1 >/dev/null",
         "rayvisorctl: the sandbox is not up; start it with: rayvisorctl sandbox up\n"},
        {"PATH=%R/bin/more:/usr/bin " CTL "status 2>&1 >/dev/null",
         "rayvisorctl: the sandbox is not up; start it with: %R/bin/rayvisorctl sandbox up\n"},
        {CTL "down" ALL, "The sandbox is down.\n"},
        {CTL "down -o json" ALL, "{\"ok\":true}\n"},
        {CTL "kubeconfig" ALL, "%R/s/cluster/kubeconfig\n"},
        {CTL "kubeconfig -o json" ALL, "{\"kubeconfig\":\"%R/s/cluster/kubeconfig\"}\n"},
        {"XDG_RUNTIME_DIR=/run/x " CTL "kubeconfig" ALL, "%R/s/cluster/kubeconfig\n"},
        {"RAYVISOR_SANDBOX_DIR= XDG_RUNTIME_DIR=/run/x %R/bin/rayvisorctl sandbox kubeconfig" ALL,
         "/run/x/rayvisor-sandbox/cluster/kubeconfig\n"},
        {"env -u RAYVISOR_SANDBOX_DIR XDG_RUNTIME_DIR= %R/bin/rayvisorctl sandbox kubeconfig" ALL,
         "/tmp/rayvisor-sandbox-%d/cluster/kubeconfig\n"},
    };
    static const int status[] = {1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0};
    run_rows(rows, status, RV_ARRAY_LEN(rows));
}

/* ---- up ---------------------------------------------------------------------------------------------------------- */

#define UP_TEXT                                                                                                        \
    "The sandbox cluster and the operator are running.\n\n"                                                            \
    "  export KUBECONFIG=%R/s/cluster/kubeconfig RAYVISOR_SANDBOX_DIR=%R/s\n"                                          \
    "  kubectl get nodes\n  %R/bin/rayvisorctl status\n\n"                                                             \
    "Logs: %R/s/*.log   Stop: %R/bin/rayvisorctl sandbox down\n"
#define STATUS_TEXT(cluster, daemon) "cluster   " cluster "\noperator  " daemon "\nfolder    %R/s\n"
#define READY "pid %d, ready"

static void up_and_down(void) {
    struct outcome o = shell(CTL "up" ALL);
    pid_t cluster = pid_of("cluster"), operator_pid = pid_of("operator");
    CU_ASSERT_TRUE(o.status == 0 && says(o.out, UP_TEXT));
    CU_ASSERT_TRUE(cluster > 1 && operator_pid > 1 && cluster != operator_pid);
    o = shell(CTL "status" ALL);
    CU_ASSERT_TRUE(o.status == 0 && says(o.out, STATUS_TEXT(READY, READY)));
    o = shell(CTL "status -o json" ALL);
    CU_ASSERT_TRUE(o.status == 0 &&
                   says(o.out, "{\"cluster\":{\"running\":true,\"pid\":%d,\"ready\":true},\"operator\":"
                               "{\"running\":true,\"pid\":%d,\"ready\":true},\"ready\":true,"
                               "\"folder\":\"%R/s\"}\n"));
    /* what runs is left alone */
    o = shell(CTL "up -o json" ALL);
    CU_ASSERT_TRUE(o.status == 0 && says(o.out, "{\"kubeconfig\":\"%R/s/cluster/kubeconfig\",\"folder\":\"%R/s\","
                                                "\"controlSocket\":\"%R/s/run/control.sock\"}\n"));
    CU_ASSERT_TRUE(pid_of("cluster") == cluster && pid_of("operator") == operator_pid);
    o = shell(CTL "up --config %R/share/rayvisor/rayvisor.yaml" ALL);
    CU_ASSERT_TRUE(o.status == 1 && strstr(o.out, "the sandbox's operator runs already") != NULL);
    /* an operator that is gone is started again, the cluster is not */
    (void)kill(operator_pid, SIGKILL);
    do o = shell(CTL "status" ALL);
    while (strstr(o.out, "operator  not running") == NULL);
    CU_ASSERT_TRUE(o.status == 1 && strstr(o.out, "the sandbox is not up") != NULL);
    CU_ASSERT_EQUAL(shell(CTL "up" ALL).status, 0);
    CU_ASSERT_TRUE(pid_of("cluster") == cluster && pid_of("operator") != operator_pid);
    /* a cluster that is gone takes the operator with it, which knows the old one */
    operator_pid = pid_of("operator");
    (void)kill(cluster, SIGKILL);
    do o = shell(CTL "status" ALL);
    while (strstr(o.out, "cluster   not running") == NULL);
    CU_ASSERT_EQUAL(shell(CTL "up" ALL).status, 0);
    CU_ASSERT_TRUE(pid_of("cluster") != cluster && pid_of("operator") != operator_pid);
    CU_ASSERT_FALSE(runs(operator_pid));
    cluster = pid_of("cluster");
    operator_pid = pid_of("operator");
    o = shell(CTL "down" ALL);
    CU_ASSERT_TRUE(o.status == 0 && says(o.out, "The sandbox is down.\n"));
    CU_ASSERT_TRUE(!runs(cluster) && !runs(operator_pid));
    CU_ASSERT_TRUE(pid_of("cluster") == 0 && pid_of("operator") == 0); /* no file is left */
}

/* A pid file of before the machine's last start may name any process. */
static void a_stranger(void) {
    char text[16];
    pid_t stranger = fork();
    if (stranger == 0) {
        for (;;) pause();
    }
    snprintf(text, sizeof text, "%d", (int)stranger);
    write_text("s/cluster.pid", text);
    write_text("s/operator.pid", "1");
    struct outcome o = shell(CTL "status 2>/dev/null");
    CU_ASSERT_TRUE(o.status == 1 && says(o.out, STATUS_TEXT("not running", "not running")));
    CU_ASSERT_EQUAL(shell(CTL "down" ALL).status, 0);
    CU_ASSERT_EQUAL(waitpid(stranger, NULL, WNOHANG), 0);
    (void)kill(stranger, SIGKILL);
    (void)waitpid(stranger, NULL, 0);
}

/* ---- what goes wrong --------------------------------------------------------------------------------------------- */

static void refusals(void) {
    static const char *const rows[][2] = {
        {"mkdir -p %R/s; chmod 755 %R/s; " CTL "up" ALL,
         "rayvisorctl: %R/s is not a folder that only you can enter; remove it, or name another with "
         "RAYVISOR_SANDBOX_DIR\n"},
        {"chmod 700 %R/s; ln -s s %R/link; RAYVISOR_SANDBOX_DIR=%R/link %R/bin/rayvisorctl sandbox up" ALL,
         "rayvisorctl: %R/link is not a folder that only you can enter; remove it, or name another with "
         "RAYVISOR_SANDBOX_DIR\n"},
        {"RAYVISOR_SANDBOX_DIR=%R/no/such %R/bin/rayvisorctl sandbox up" ALL,
         "rayvisorctl: cannot make %R/no/such: No such file or directory\n"},
        {CTL "up --config %R/none.yaml" ALL, "rayvisorctl: cannot read %R/none.yaml: No such file or directory\n"},
        {"echo invalid >%R/invalid.yaml; " CTL "up --config %R/invalid.yaml" ALL,
         "invalid\nrayvisorctl: the configuration %R/invalid.yaml is not valid (see above)\n"},
        {"chmod 644 %R/bin/rayvisor-sandbox; " CTL "up" ALL,
         "rayvisorctl: cannot start %R/bin/rayvisor-sandbox: Permission denied\n"},
        {"chmod 755 %R/bin/rayvisor-sandbox; mv %R/share/rayvisor/crds %R/away; " CTL "up" ALL,
         "rayvisorctl: the installation is incomplete: CRDs, default configuration or rayvisord are not where "
         "rayvisorctl looks (%R/bin)\n"},
        {"mv %R/away %R/share/rayvisor/crds; mv %R/sbin/rayvisord %R/away; " CTL "up" ALL,
         "rayvisorctl: the installation is incomplete: CRDs, default configuration or rayvisord are not where "
         "rayvisorctl looks (%R/bin)\n"},
        {"mv %R/away %R/sbin/rayvisord; " CTL "status 2>/dev/null", STATUS_TEXT("not running", "not running")},
    };
    static const int status[] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    run_rows(rows, status, RV_ARRAY_LEN(rows));
}

/* Another configuration is the operator's, whatever the current folder is. */
static void own_configurations(void) {
    write_text("own.yaml", "dies");
    struct outcome o = shell("cd %R; RAYVISOR_SANDBOX_DIR=%R/s bin/rayvisorctl sandbox up --config own.yaml" ALL);
    CU_ASSERT_TRUE(o.status == 1);
    CU_ASSERT_TRUE(says(o.out, "dies\n--- the end of operator.log ---\nit died of its configuration\n\n"
                               "rayvisorctl: operator did not become ready; its log is %R/s/operator.log\n"));
    write_text("own.yaml", "good");
    o = shell("cd %R; RAYVISOR_SANDBOX_DIR=%R/s bin/rayvisorctl sandbox up --config own.yaml 2>/dev/null");
    CU_ASSERT_TRUE(o.status == 0 && says(o.out, UP_TEXT));
    o = shell("tr '\\0' ' ' </proc/$(cat %R/s/operator.pid)/cmdline");
    CU_ASSERT_TRUE(says(o.out,
                        "%R/bin/../sbin/rayvisord --config %R/own.yaml --kubeconfig %R/s/cluster/kubeconfig "
                        "--runtime-dir %R/s/run --http-bind 127.0.0.1:0 --proxy-http --allow-address 127.0.0.0/8 "));
    CU_ASSERT_EQUAL(shell(CTL "down" ALL).status, 0);
}

/* What is to be typed can be typed: in quotes where a shell needs them. */
static void a_folder_to_be_quoted(void) {
    static const char command[] = "RAYVISOR_SANDBOX_DIR=\"%R/it's\" %R/bin/rayvisorctl sandbox ";
    char up[128], down[128];
    snprintf(up, sizeof up, "%sup" ALL, command);
    snprintf(down, sizeof down, "%sdown" ALL, command);
    struct outcome o = shell(up);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.out, "/it'\\''s/cluster/kubeconfig' RAYVISOR_SANDBOX_DIR='/"));
    CU_ASSERT_EQUAL(shell(down).status, 0);
}

static const struct suite_test tests[] = {{"nothing runs", nothing_runs},
                                          {"up and down", up_and_down},
                                          {"a stranger", a_stranger},
                                          {"refusals", refusals},
                                          {"own configurations", own_configurations},
                                          {"a folder to be quoted", a_folder_to_be_quoted}};

int main(void) {
    snprintf(root, sizeof root, "/tmp/rv-sandbox-XXXXXX");
    if (mkdtemp(root) == NULL) return 2;
    struct outcome o =
        shell("mkdir -p %R/bin %R/sbin %R/share/rayvisor/crds && cp " RAYVISORCTL " %R/bin/rayvisorctl && "
              "cp " FAKE_PARTS " %R/bin/rayvisor-sandbox && cp " FAKE_PARTS " %R/sbin/rayvisord && "
              "echo good >%R/share/rayvisor/rayvisor.yaml" ALL);
    if (o.status != 0) fprintf(stderr, "%s", o.out);
    int r = o.status != 0 ? 2 : suite_run("sandbox", tests, RV_ARRAY_LEN(tests));
    (void)shell(CTL "down" ALL);
    (void)shell("rm -rf %R");
    return r;
}
