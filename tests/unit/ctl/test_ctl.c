/* rayvisorctl as a user sees it: what it asks, what it prints for a canned answer, and its exit status. A child process
 * plays rayvisord. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/visible.h"
#include "tests/unit/sdk/suite.h"

static const char *program = RAYVISORCTL;
static char dir[64], socket_path[96], asked_path[96];

static int listen_there(void) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", socket_path);
    (void)unlink(socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&un, sizeof un) != 0 || listen(fd, 4) != 0) abort();
    return fd;
}

/* Reads one line, notes it, answers. */
static void serve(int listener, const char *answer) {
    int fd = accept(listener, NULL, NULL);
    char line[4096];
    size_t n = 0;
    FILE *f = fopen(asked_path, "we");
    while (f != NULL && n < sizeof line && read(fd, line + n, 1) == 1 && line[n] != '\n') n++;
    if (f == NULL || fwrite(line, 1, n, f) != n || fclose(f) != 0) _exit(1);
    for (size_t at = 0, size = strlen(answer); at < size;) {
        ssize_t sent = write(fd, answer + at, size - at);
        if (sent <= 0) _exit(1);
        at += (size_t)sent;
    }
    _exit(0);
}

struct outcome {
    int status;
    char out[8192], asked[4096];
};

static void read_file(const char *path, char *to, size_t size) {
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(to, 1, size - 1, f) : 0;
    to[n] = 0;
    if (f != NULL) fclose(f);
}

/* answer NULL: nobody listens. Standard output and standard error together. */
static struct outcome run(const char *args, const char *answer) {
    struct outcome o = {0};
    (void)unlink(asked_path);
    pid_t child = 0;
    int listener = answer != NULL ? listen_there() : -1;
    if (answer != NULL) {
        fflush(NULL);
        child = fork();
        if (child == 0) serve(listener, answer);
        close(listener);
    } else {
        (void)unlink(socket_path);
    }
    rv_autobuf struct rv_buf command = {0};
    rv_buf_addf(&command, "RAYVISOR_RUNTIME_DIR=%s %s %s 2>&1", dir, program, args);
    FILE *p = popen(rv_buf_cstr(&command), "re"); /* NOLINT(cert-env33-c): fixed text */
    if (p == NULL) abort();
    o.out[fread(o.out, 1, sizeof o.out - 1, p)] = 0;
    int status = pclose(p);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (child > 0) {
        (void)kill(child, SIGKILL); /* a question that was never asked */
        (void)waitpid(child, NULL, 0);
    }
    read_file(asked_path, o.asked, sizeof o.asked);
    return o;
}

#define PLUGINS                                                                                                        \
    "\"plugins\":[{\"name\":\"raycluster\",\"version\":\"1.2.0\",\"state\":\"ready\",\"pid\":41,\"objects\":12,"       \
    "\"queued\":3,\"restarts\":1,\"memoryBytes\":2097152,\"lastExit\":\"signal 9\",\"quarantined\":[{\"kind\":"        \
    "\"RayCluster\",\"namespace\":\"n\",\"name\":\"bad\",\"since\":\"2026-01-01T00:00:00Z\",\"reason\":\"signal "      \
    "11\"}]},"                                                                                                         \
    "{\"name\":\"off\",\"version\":\"0.1\",\"state\":\"disabled\",\"pid\":0,\"lastExit\":\"\"}]"
#define PLUGIN_TABLE                                                                                                   \
    "PLUGIN           VERSION    STATE      PID       OBJECTS   QUEUED  RESTARTS   MEMORY  LAST EXIT\n"                \
    "raycluster       1.2.0      ready      41             12        3         1   2048Ki  signal 9\n"                 \
    "  quarantined: RayCluster n/bad since 2026-01-01T00:00:00Z (signal 11)\n"                                         \
    "off              0.1        disabled   0               0        0         0      0Ki  \n"
#define STATUS(ready, reason)                                                                                          \
    "{\"version\":\"0.1.0\",\"pid\":7,\"uptimeSeconds\":90,\"ready\":" ready ",\"reason\":\"" reason                   \
    "\",\"kubernetes\":{\"server\":\"https://a:6443\",\"watches\":[{\"resource\":\"pods\",\"namespace\":\"\","         \
    "\"selector\":\"ray.io/x=y\",\"state\":\"watching\",\"objects\":5,\"why\":\"\"},{\"resource\":\"jobs\","           \
    "\"namespace\":\"team\",\"selector\":\"\",\"state\":\"back-off\",\"objects\":0,\"why\":\"HTTP 500\"}]},"           \
    "\"store\":{\"objects\":5,\"bytes\":10240,\"rev\":9},\"actions\":{\"queued\":1,\"inFlight\":2,\"done\":30,"        \
    "\"failed\":4,\"denied\":5}," PLUGINS "}\n"
#define STATUS_TABLE(state)                                                                                            \
    "rayvisord 0.1.0, pid 7, up 90 s: " state "\n"                                                                     \
    "API server https://a:6443; 5 objects, 10 KiB cached; actions: 1 queued, 2 in flight, 30 done, 4 failed, 5 "       \
    "denied\n\n" PLUGIN_TABLE "\n"                                                                                     \
    "WATCH            NAMESPACE      SELECTOR                                     STATE       OBJECTS  REASON\n"       \
    "pods             all            ray.io/x=y                                   watching          5  \n"             \
    "jobs             team                                                        back-off          0  HTTP 500\n"
#define BESIDE(line)                                                                                                   \
    "rayvisord , pid 0, up 0 s: ready\n" line                                                                          \
    "API server ; 0 objects, 0 KiB cached; actions: 0 queued, 0 in flight, 0 done, 0 failed, 0 denied\n\n"             \
    "PLUGIN           VERSION    STATE      PID       OBJECTS   QUEUED  RESTARTS   MEMORY  LAST EXIT\n\n"              \
    "WATCH            NAMESPACE      SELECTOR                                     STATE       OBJECTS  REASON\n"
#define VIEW(found)                                                                                                    \
    "\"found\":" found ",\"plugin\":\"raycluster\",\"kind\":\"RayCluster\",\"namespace\":\"n\",\"name\":\"demo\","     \
    "\"state\":\"delayed\",\"decidedAt\":\"2026-01-01T00:00:00.000001Z\",\"nextMs\":1500,\"retries\":2,\"lines\":["    \
    "\"head pod is not ready\",\"waits for 2 workers\"]"
#define EXPLAINED(found)                                                                                               \
    "{" VIEW(found) ",\"plugins\":[{" VIEW(                                                                            \
        found) "},{\"plugin\":\"mtls\",\"kind\":\"RayCluster\",\"found\":false},"                                      \
               "{\"plugin\":\"networkpolicy\",\"kind\":\"RayCluster\",\"found\":false,\"error\":\"it hangs\"},"        \
               "{\"plugin\":\"other\",\"kind\":\"RayCluster\",\"found\":true,\"state\":\"quarantined\",\"nextMs\":-1," \
               "\"decidedAt\":\"\",\"lines\":[\"it died\"]}]}\n"

#define LEAK(name, value)                                                                                              \
    "{\"name\":\"rayvisor_leaked_" name                                                                                \
    "\",\"labels\":{\"namespace\":\"team\",\"cluster\":\"c\",\"reason\":\"idle\"},"                                    \
    "\"value\":" value "}"
static void commands(void) {
    static const struct {
        const char *args, *answer, *asked, *out;
        int status;
    } rows[] = {
        {"status", STATUS("true", ""), "{\"cmd\":\"status\"}", STATUS_TABLE("ready"), 0},
        {"status", STATUS("false", "waiting"), "{\"cmd\":\"status\"}",
         STATUS_TABLE("not ready: waiting") "rayvisorctl: not ready\n", 1},
        {"status",
         "{\"ready\":true,\"leadership\":{\"otherOperator\":{\"active\":true,\"standsByBecause\":\"another operator, "
         "k_1, works beside it\"}}}",
         "{\"cmd\":\"status\"}", BESIDE("stands by: another operator, k_1, works beside it\n"), 0},
        {"status",
         "{\"ready\":true,\"leadership\":{\"otherOperator\":{\"active\":true,\"holder\":\"k_1\",\"namespace\":\"n\","
         "\"lease\":\"l\"}}}",
         "{\"cmd\":\"status\"}", BESIDE("acts although another operator, k_1, renews Lease n/l\n"), 0},
        {"plugins", "{" PLUGINS "}\n", "{\"cmd\":\"plugins\"}", PLUGIN_TABLE, 0},
        {"-o table plugins", "{\"plugins\":[]}\n", "{\"cmd\":\"plugins\"}",
         "PLUGIN           VERSION    STATE      PID       OBJECTS   QUEUED  RESTARTS   MEMORY  LAST EXIT\n", 0},
        {"explain raycluster/demo -n n", EXPLAINED("true"),
         "{\"cmd\":\"explain\",\"kind\":\"raycluster\",\"namespace\":\"n\",\"name\":\"demo\"}",
         "RayCluster n/demo (plugin raycluster): delayed, failed 2 times in a row, looked at again in 1.5 s at the "
         "latest\nlast decided at 2026-01-01T00:00:00.000001Z:\n  - head pod is not ready\n  - waits for 2 workers\n"
         "RayCluster n/demo (plugin mtls): not known to it\n"
         "RayCluster n/demo (plugin networkpolicy): it hangs\n"
         "RayCluster n/demo (plugin other): quarantined\nlast decided at (not yet):\n  - it died\n",
         0},
        {"explain raycluster/demo", EXPLAINED("false"),
         "{\"cmd\":\"explain\",\"kind\":\"raycluster\",\"namespace\":\"default\",\"name\":\"demo\"}",
         "rayvisorctl: plugin raycluster knows no raycluster/demo in namespace default\n", 1},
        {"explain 'a\"b/c\\d'", "{\"error\":\"no\"}\n",
         "{\"cmd\":\"explain\",\"kind\":\"a\\\"b\",\"namespace\":\"default\",\"name\":\"c\\\\d\"}", "rayvisorctl: no\n",
         1},
        {"explain RayCronJobs.ray.io demo -n n", "{\"error\":\"no\"}\n",
         "{\"cmd\":\"explain\",\"kind\":\"raycronjob\",\"namespace\":\"n\",\"name\":\"demo\"}", "rayvisorctl: no\n", 1},
        {"history rc/demo -n n",
         "{\"kind\":\"RayCluster\",\"namespace\":\"n\",\"name\":\"demo\",\"deletedSecondsAgo\":7,\"entries\":[{"
         "\"time\":\"2026-01-01T00:00:00.000001Z\",\"what\":\"result\",\"plugin\":\"p\",\"verb\":\"get\",\"resource\":"
         "\"pods\",\"target\":\"x\",\"code\":\"OK\",\"httpStatus\":200,\"tookMs\":1.5,\"waitedMs\":0}]}\n",
         "{\"cmd\":\"history\",\"kind\":\"raycluster\",\"namespace\":\"n\",\"name\":\"demo\"}",
         "RayCluster n/demo, deleted 7 s ago\n"
         "00:00:00.000  p             get pods x: OK (200) in 1.5 ms, waited 0.0 ms\n",
         0},
        {"history rj/x", "{\"error\":\"nothing is known\"}\n",
         "{\"cmd\":\"history\",\"kind\":\"rayjob\",\"namespace\":\"default\",\"name\":\"x\"}",
         "rayvisorctl: nothing is known\n", 1},
        {"leaks", "{\"standsBy\":false,\"series\":[]}\n", "{\"cmd\":\"leaks\"}",
         "no cluster is known to hold anything for nothing\n", 0},
        {"leaks -n other", "{\"series\":[" LEAK("gpus", "4") "]}\n", "{\"cmd\":\"leaks\"}",
         "no cluster is known to hold anything for nothing\n", 0},
        {"leaks -n team", /* which has not begun */
         "{\"series\":[" LEAK("gpus", "4") "," LEAK("cpus", "1.5") "," LEAK("since_timestamp_seconds", "9e9") "]}\n",
         "{\"cmd\":\"leaks\"}",
         "NAMESPACE        CLUSTER                          WHY        SINCE        GPUS   CPUS  GPU-MINUTES  "
         "CPU-MINUTES\n"
         "team             c                                idle       0 s             4    1.5          0.0          "
         "0.0\n"
         "all                                                                                           0.0          "
         "0.0\n",
         0},
        {"leaks", "{\"standsBy\":true,\"series\":[]}\n", "{\"cmd\":\"leaks\"}",
         "rayvisorctl: this instance stands by, and knows of no leaks: ask the one that leads\n", 1},
        {"tap", "{\"tap\":{\"open\":false,\"refused\":\"no such folder\"}}\n", "{\"cmd\":\"status\"}",
         "rayvisorctl: there is no tap: no such folder\n", 1},
        {"reload", "{\"ok\":true}\n", "{\"cmd\":\"reload\"}", "configuration reloaded\n", 0},
        {"reload", "{\"error\":\"f.yaml:1:2: no\"}\n", "{\"cmd\":\"reload\"}", "rayvisorctl: f.yaml:1:2: no\n", 1},
        {"release toy n/bad", "{\"ok\":true,\"wasQuarantined\":true}\n",
         "{\"cmd\":\"release\",\"plugin\":\"toy\",\"namespace\":\"n\",\"name\":\"bad\"}", "released\n", 0},
        {"release toy n/bad", "{\"ok\":true,\"wasQuarantined\":false}\n",
         "{\"cmd\":\"release\",\"plugin\":\"toy\",\"namespace\":\"n\",\"name\":\"bad\"}", "it was not quarantined\n",
         0},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct outcome o = run(rows[i].args, rows[i].answer);
        CHECK_ROW(o.status == rows[i].status, rows[i].args);
        CHECK_ROW(strcmp(o.asked, rows[i].asked) == 0, rows[i].args);
        CHECK_ROW(strcmp(o.out, rows[i].out) == 0, rows[i].args);
        if (strcmp(o.out, rows[i].out) != 0) printf("\n%s\n---\n%s", o.out, rows[i].out);
    }
}

/* What is said only where there is something to say: by its lines. */
static void more_lines(void) {
#define A_STATUS(more) "{\"version\":\"1\",\"ready\":true,\"reason\":\"\"," more "}\n"
#define A_PLUGIN(more) "{\"plugins\":[{\"name\":\"p\",\"state\":\"failed\"," more "}]}\n"
#define DEATH(n) "{\"at\":\"t" n "\",\"how\":\"signal 9\",\"cause\":\"crash\"}"
#define AN_EXPLANATION(more)                                                                                           \
    "{\"found\":true,\"plugins\":[{\"plugin\":\"p\",\"kind\":\"K\",\"found\":true," more "}]}\n"
    static const struct {
        const char *args, *answer, *says, *says_not;
    } rows[] = {
        {"status", A_STATUS("\"configuration\":{\"refused\":\"f:1:2: no\"}"),
         "\nthe configuration file is refused, the one before stays in force until the next start: f:1:2: no\n", NULL},
        {"status", A_STATUS("\"configuration\":{\"valid\":true}"), "ready\n", "refused"},
        {"status", A_STATUS("\"leadership\":{\"enabled\":true,\"leader\":true,\"holder\":\"me\"}"), "\nleads as me\n",
         "stands by"},
        {"status", A_STATUS("\"leadership\":{\"enabled\":true,\"leader\":false,\"holder\":\"you\"}"),
         "\nstands by: you leads\n", "leads as"},
        {"status", A_STATUS("\"leadership\":{\"enabled\":true,\"leader\":false,\"holder\":\"\"}"),
         "\nstands by: nobody leads yet\n", "leads as"},
        {"status", A_STATUS("\"leadership\":{\"enabled\":false,\"leader\":true,\"holder\":\"me\"}"), "API server",
         "leads"},
        {"status", A_STATUS("\"httpPort\":8080"), "\nhealth and metrics on port 8080 (", NULL},
        {"status", A_STATUS("\"httpPort\":0"), "API server", "health and metrics"},
        {"plugins", A_PLUGIN("\"reason\":\"misfit: ABI 9\""), "\n  failed: misfit: ABI 9\n", "died"},
        {"plugins", A_PLUGIN("\"reason\":\"\""), "\np ", "failed:"},
        {"plugins", A_PLUGIN("\"settingsRefused\":\"no\""), "\n  settings refused: no\n", NULL},
        {"plugins", A_PLUGIN("\"settingsRefused\":\"\""), "\np ", "refused"},
        {"plugins", A_PLUGIN("\"deaths\":[{\"at\":\"t1\",\"how\":\"exit status 3\",\"cause\":\"crash\"}]"),
         "\n  died t1: exit status 3 (crash)\n", NULL},
        {"plugins",
         A_PLUGIN("\"deaths\":[{\"at\":\"t1\",\"how\":\"signal 9\",\"cause\":\"hang\",\"while\":\"reconcile\","
                  "\"key\":\"n/x\"}]"),
         "\n  died t1: signal 9 (hang) in reconcile of n/x\n", NULL},
        {"plugins",
         A_PLUGIN(
             "\"deaths\":[" DEATH("1") "," DEATH("2") "," DEATH("3") "," DEATH("4") "," DEATH("5") "," DEATH("6") "]"),
         "died t5:", "died t6:"},
        {"explain k/x", AN_EXPLANATION("\"state\":\"settled\",\"nextMs\":1500"), "p): settled\n", "looked at again"},
        {"explain k/x", AN_EXPLANATION("\"state\":\"delayed\",\"nextMs\":0"),
         "p): delayed, looked at again in 0.0 s at the latest\n", "failed"},
        {"explain k/x", AN_EXPLANATION("\"state\":\"delayed\",\"nextMs\":-1,\"retries\":1"),
         "p): delayed, failed 1 times in a row\n", "looked at again"},
        {"explain k/x", AN_EXPLANATION("\"state\":\"idle\",\"error\":\"it hangs\""), "p): it hangs\n", "idle"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct outcome o = run(rows[i].args, rows[i].answer);
        bool said = o.status == 0 && strstr(o.out, rows[i].says) != NULL &&
                    (rows[i].says_not == NULL || strstr(o.out, rows[i].says_not) == NULL);
        CHECK_ROW(said, rows[i].answer);
        if (!said) printf("\n    %s", o.out);
    }
}

/* -o json: the answer itself, with the same exit status. */
static void as_json(void) {
    static const struct {
        const char *args, *answer;
        int status;
    } rows[] = {{"status -o json", STATUS("true", ""), 0},
                {"status -o json", STATUS("false", "waiting"), 1},
                {"-ojson plugins", "{" PLUGINS "}", 0},
                {"explain a/b --output=json", EXPLAINED("true"), 0},
                {"explain a/b -o json", EXPLAINED("false"), 1},
                {"reload -o json", "{\"ok\":true}", 0},
                {"release a b/c -o json", "{\"ok\":true,\"wasQuarantined\":false}", 0}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct outcome o = run(rows[i].args, rows[i].answer);
        char *complaint = strstr(o.out, "rayvisorctl: "); /* on standard error, which may come first */
        CHECK_ROW(o.status == rows[i].status && (complaint != NULL) == (rows[i].status != 0), rows[i].args);
        char *begin = strchr(o.out, '{');
        if (complaint != NULL && complaint > begin) *complaint = 0;
        CHECK_ROW(begin != NULL && rv_val_equal(from_json(a, begin), from_json(a, rows[i].answer)), rows[i].args);
    }
}

/* Nothing that a plugin, a manifest or an object's name says is obeyed by a terminal or turns a line around, in
 * whatever place of an answer it stands; and it forges no line. */
#define EVIL "\\u001b]0;x\\u0007\\u009b2J\\u202e\\u2066\\u200f\\u2028\\u007f\\rX\\nforged"
static void unseen(void) {
    static const struct {
        const char *args, *answer;
    } rows[] = {
        {"status", "{\"version\":\"" EVIL "\",\"reason\":\"" EVIL "\",\"configuration\":{\"refused\":\"" EVIL
                   "\"},\"leadership\":{\"enabled\":true,\"holder\":\"" EVIL "\"},\"kubernetes\":{\"server\":\"" EVIL
                   "\",\"watches\":[{\"resource\":\"" EVIL "\",\"namespace\":\"" EVIL "\",\"selector\":\"" EVIL
                   "\",\"state\":\"" EVIL "\",\"why\":\"" EVIL "\"}]}}"},
        {"plugins",
         "{\"plugins\":[{\"name\":\"" EVIL "\",\"version\":\"" EVIL "\",\"state\":\"" EVIL "\",\"lastExit\":\"" EVIL
         "\",\"reason\":\"" EVIL "\",\"settingsRefused\":\"" EVIL "\",\"quarantined\":[{\"kind\":\"" EVIL
         "\",\"name\":\"" EVIL "\",\"reason\":\"" EVIL "\"}],\"deaths\":[{\"how\":\"" EVIL "\",\"cause\":\"" EVIL
         "\",\"while\":\"" EVIL "\",\"key\":\"" EVIL "\"}]}]}"},
        {"explain a/b",
         "{\"found\":true,\"plugins\":[{\"plugin\":\"" EVIL "\",\"kind\":\"" EVIL "\",\"found\":true,\"state\":\"" EVIL
         "\",\"decidedAt\":\"" EVIL "\",\"lines\":[\"" EVIL "\"]},{\"error\":\"" EVIL "\"}]}"},
        {"explain a/b", "{\"found\":false,\"plugin\":\"" EVIL "\"}"},
        {"history a/b",
         "{\"kind\":\"" EVIL "\",\"name\":\"" EVIL "\",\"entries\":[{\"time\":\"" EVIL
         "\",\"what\":\"pass\",\"plugin\":\"" EVIL "\",\"causes\":[\"related\"],\"related\":{\"kind\":\"" EVIL
         "\",\"name\":\"" EVIL "\"},\"said\":[\"" EVIL "\"]}]}"},
        {"leaks", "{\"series\":[{\"name\":\"rayvisor_leaked_gpus\",\"labels\":{\"namespace\":\"" EVIL
                  "\",\"cluster\":\"" EVIL "\",\"reason\":\"" EVIL "\"},\"value\":1}]}"},
        {"reload", "{\"error\":\"" EVIL "\"}"},
        {"release a b/c", "{\"error\":\"" EVIL "\"}"},
    };
    for (size_t i = 0; i < 2 * RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf args = {0};
        rv_buf_addf(&args, "%s%s", rows[i / 2].args, i % 2 == 0 ? "" : " -o json");
        struct outcome o = run(rv_buf_cstr(&args), rows[i / 2].answer);
        CHECK_ROW(strstr(o.out, "]0;x") != NULL, o.out);
        char *rest = o.out;
        for (const char *line; (line = strsep(&rest, "\n")) != NULL;) {
            CHECK_ROW(visible_already(rv_str(line)), line);
            CHECK_ROW(i % 2 == 1 || strncmp(line, "rayvisorctl:", 12) == 0 || strncmp(line, "forged", 6) != 0, line);
        }
    }
}

static void failures(void) {
    static const struct {
        const char *args, *answer, *says;
        int status;
    } rows[] = {
        {"status", NULL, "no rayvisord answers at", 1},
        {"--socket /nonexistent/x status", NULL, "/nonexistent/x", 1},
        {"status", "", "rayvisord's answer", 1},
        {"status", "<html>", "rayvisord's answer", 1},
        {"status", "{\"version\":", "rayvisord's answer", 1},
        {"", NULL, "usage: rayvisorctl", 64},
        {"dance", NULL, "usage: rayvisorctl", 64},
        {"--tango status", NULL, "usage: rayvisorctl", 64},
        {"-h", NULL, "usage: rayvisorctl", 0},
        {"--help", NULL, "usage: rayvisorctl", 0},
        {"help", NULL, "help COMMAND", 0},
        {"dance --help", NULL, "usage: rayvisorctl", 64},
        {"statsu", NULL, "there is no command \"statsu\": did you mean \"status\"?", 64},
        {"help explian", NULL, "there is no command \"explian\": did you mean \"explain\"?", 64},
        {"--nmespace x status", NULL, "there is no option --nmespace: did you mean \"--namespace\"?", 64},
        {"status --socket", NULL, "--socket needs a value", 64},
        {"-o yaml status", NULL, "--output is \"yaml\"; accepted are table and json", 64},
        {"sandbox dwon", NULL, "kubeconfig: did you mean \"down\"?", 64},
        {"sandbox down --config f", NULL, "--config belongs to sandbox up", 64},
        {"status -n x", NULL, "status takes no --namespace", 64},
        {"reload --config f", NULL, "reload takes no --config", 64},
        {"why rc/x --socket f", NULL, "why takes no --socket", 64},
        {"-o jsno status", NULL, "accepted are table and json: did you mean \"json\"?", 64},
        {"completion", NULL, "completion takes one of bash, zsh and fish", 64},
        {"completion bsh", NULL, "completion takes one of bash, zsh and fish: did you mean \"bash\"?", 64},
        {"completion bash -o json", NULL, "completion prints a text: there is no -o json of it", 64},
        {"--version", NULL, "rayvisorctl " RV_VERSION "\n", 0},
        {"--version -o json", NULL, "{\"version\":\"" RV_VERSION "\"}\n", 0},
        {"--verison", NULL, "did you mean \"--version\"?", 64},
        {"explain raycluster/", NULL, "KIND/NAME", 64},
        {"explain /demo", NULL, "KIND/NAME", 64},
        {"explain raycluster demo more", NULL, "KIND/NAME", 64},
        {"help dance", NULL, "no command \"dance\"", 64},
        {"explain --help", NULL, "usage: rayvisorctl explain KIND/NAME [-n NAMESPACE]\n\nwhat each plugin last", 0},
        {"status -h -o json", NULL, "usage: rayvisorctl status\n", 0},
        {"explain", NULL, "KIND/NAME", 64},
        {"explain raycluster", NULL, "KIND/NAME", 64},
        {"explain a/b c/d", NULL, "KIND/NAME", 64},
        {"release toy", NULL, "PLUGIN NAMESPACE/NAME", 64},
        {"release toy bad", NULL, "PLUGIN NAMESPACE/NAME", 64},
        {"status now", NULL, "status takes no arguments", 64},
        {"reload all", NULL, "reload takes no arguments", 64},
        {"sandbox sideways", NULL, "up, down, status and kubeconfig", 64},
        {"version", NULL, "rayvisorctl " RV_VERSION "\n", 0},
        {"version -o json", NULL, "{\"version\":\"" RV_VERSION "\"}\n", 0},
        {"help -o json", NULL, "no -o json of it", 64},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct outcome o = run(rows[i].args, rows[i].answer);
        CHECK_ROW(o.status == rows[i].status && strstr(o.out, rows[i].says) != NULL, rows[i].args);
        if (strstr(o.out, rows[i].says) == NULL) printf("\n    %s", o.out);
        CHECK_ROW(rows[i].answer != NULL || o.asked[0] == 0, rows[i].args);
    }
    rv_autobuf struct rv_buf longest = {0};
    rv_buf_adds(&longest, "--socket /");
    for (int i = 0; i < 120; i++) rv_buf_addc(&longest, 'x');
    rv_buf_adds(&longest, " status");
    CU_ASSERT_PTR_NOT_NULL(strstr(run(rv_buf_cstr(&longest), NULL).out, "too long"));
}

/* All names of a kind mean the kind; what is none of ours is left to the plugins. */
static void names_of_kinds(void) {
    static const char *const rows[][2] = {{"rc", "raycluster"},
                                          {"RC", "raycluster"},
                                          {"rayclusters", "raycluster"},
                                          {"RayCluster", "raycluster"},
                                          {"rj", "rayjob"},
                                          {"rayjobs.ray.io", "rayjob"},
                                          {"rayjobs.v1.ray.io", "rayjob"},
                                          {"rs", "rayservice"},
                                          {"RayServices", "rayservice"},
                                          {"rcj", "raycronjob"},
                                          {"raycronjobs", "raycronjob"},
                                          {"configmaps", "configmaps"},
                                          {"rc.example.com", "rc.example.com"}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char args[64], want[96];
        snprintf(args, sizeof args, "explain %s/x", rows[i][0]);
        snprintf(want, sizeof want, "\"kind\":\"%s\"", rows[i][1]);
        CHECK_ROW(strstr(run(args, "{\"error\":\"no\"}\n").asked, want) != NULL, rows[i][0]);
    }
}

/* As kubectl starts it, every text has the words that were typed. */
static void under_kubectl(void) {
    static const struct {
        const char *args, *says;
        int status;
    } rows[] = {
        {"", "usage: kubectl rayvisor [", 64},
        {"help", "usage: kubectl rayvisor [", 0},
        {"--version", "kubectl rayvisor " RV_VERSION "\n", 0},
        {"help explain", "usage: kubectl rayvisor explain KIND/NAME", 0},
        {"help explain", "kubectl rayvisor explain raycluster/demo -n team-a", 0},
        {"explain", "kubectl rayvisor: say what to explain as KIND/NAME, for example: kubectl rayvisor explain ", 64},
        {"dance", "there is no command \"dance\": kubectl rayvisor help lists them", 64},
        {"--nmespace x", "kubectl rayvisor: there is no option --nmespace", 64},
        {"status", "kubectl rayvisor: no rayvisord answers at", 1},
    };
    program = KUBECTL_RAYVISOR;
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct outcome o = run(rows[i].args, NULL);
        CHECK_ROW(o.status == rows[i].status && strstr(o.out, rows[i].says) != NULL, rows[i].args);
        CHECK_ROW(strstr(o.out, "rayvisorctl") == NULL, rows[i].args);
    }
    program = RAYVISORCTL;
}

/* What a shell is told for the words behind the program's name, the last of which is being typed. */
static void completions(void) {
    static const struct {
        const char *words, *answer, *out;
    } rows[] = {
        {"sa", NULL, "sandbox\tan embedded cluster with an operator on this machine\n:4\n"},
        {"no", NULL, ":4\n"},
        {"-o json relea", NULL, "release\tend the quarantine of an object\n:4\n"},
        {"sandbox ''", NULL, "up\ndown\nstatus\nkubeconfig\n:4\n"},
        {"sandbox up ''", NULL, ":4\n"},
        {"completion z", NULL, "zsh\n:4\n"},
        {"help vers", NULL, "version\tthe version of rayvisorctl\n:4\n"},
        {"explain rayc", NULL, "raycluster/\nraycronjob/\n:4\n"},
        {"explain -n x rayj", NULL, "rayjob/\n:4\n"},
        {"status ''", NULL, ":4\n"},
        {"status -o ''", NULL, "table\njson\n:4\n"},
        {"status --output = j", NULL, "json\n:4\n"},
        {"status --output =", NULL, "table\njson\n:4\n"},
        {"status --na", NULL, ":4\n"},
        {"explain --na", NULL, "--namespace\tthe namespace of the object\n:4\n"},
        {"sandbox up --config ''", NULL, ":0\n"},
        {"status --socket /x", NULL, ":0\n"},
        {"release ''", "{\"plugins\":[{\"name\":\"raycluster\"},{\"name\":\"rayjob\"}]}", "raycluster\nrayjob\n:4\n"},
        {"release rayj", "{\"plugins\":[{\"name\":\"raycluster\"},{\"name\":\"rayjob\"}]}", "rayjob\n:4\n"},
        {"release ''", NULL, ":4\n"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b, "__complete %s", rows[i].words);
        struct outcome o = run(rv_buf_cstr(&b), rows[i].answer);
        CHECK_ROW(o.status == 0 && strcmp(o.out, rows[i].out) == 0, rows[i].words);
        if (strcmp(o.out, rows[i].out) != 0) printf("\n    %s", o.out);
    }
}

/* Every command that the list names says more about itself, both ways, and asks nobody. */
static void help(void) {
    struct outcome list = run("help", NULL);
    unsigned n = 0;
    for (char *line = strstr(list.out, "\n\n") + 2, *next; line[0] == ' '; line = next + 1, n++) {
        char name[32] = "", args[64], want[96];
        next = strchr(line, '\n');
        CU_ASSERT_EQUAL_FATAL(sscanf(line, " %31s", name), 1); /* NOLINT(cert-err34-c) */
        snprintf(want, sizeof want, "usage: rayvisorctl %s", name);
        for (int way = 0; way < 2; way++) {
            snprintf(args, sizeof args, way == 0 ? "help %s" : "%s --help", name);
            struct outcome o = run(args, NULL);
            CHECK_ROW(o.status == 0 && strncmp(o.out, want, strlen(want)) == 0 && strlen(o.out) > 60, args);
        }
    }
    CU_ASSERT_TRUE(n >= 8);
}

/* An answer larger than any buffer on the way. */
static void a_long_answer(void) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, "{\"plugins\":[");
    for (int i = 0; i < 20000; i++) rv_buf_addf(&b, "%s{\"name\":\"p%d\",\"restarts\":%d}", i > 0 ? "," : "", i, i);
    rv_buf_adds(&b, "]}\n");
    struct outcome o = run("plugins | tail -n 1", rv_buf_cstr(&b));
    CU_ASSERT_TRUE(strncmp(o.out, "p19999 ", 7) == 0 && strstr(o.out, " 19999 ") != NULL);
}

static const struct suite_test tests[] = {{"commands", commands},
                                          {"more lines", more_lines},
                                          {"as json", as_json},
                                          {"failures", failures},
                                          {"help", help},
                                          {"a long answer", a_long_answer},
                                          {"unseen characters", unseen},
                                          {"names of kinds", names_of_kinds},
                                          {"under kubectl", under_kubectl},
                                          {"completions", completions}};

int main(void) {
    snprintf(dir, sizeof dir, "/tmp/rv-ctl-XXXXXX");
    if (mkdtemp(dir) == NULL) return 2;
    snprintf(socket_path, sizeof socket_path, "%s/control.sock", dir);
    snprintf(asked_path, sizeof asked_path, "%s/asked", dir);
    int r = suite_run("ctl", tests, RV_ARRAY_LEN(tests));
    (void)unlink(asked_path);
    (void)unlink(socket_path);
    (void)rmdir(dir);
    return r;
}
