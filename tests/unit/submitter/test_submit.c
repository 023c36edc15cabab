/* rayvisor-submit as a process: wrong arguments, what it asks a dashboard, and how it ends. A child process plays Ray.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static char dir[64];

struct outcome {
    int status;
    char out[8192];
};

static struct outcome shell(const char *command) {
    struct outcome o = {0};
    FILE *p = popen(command, "re"); /* NOLINT(cert-env33-c): fixed text */
    if (p == NULL) abort();
    o.out[fread(o.out, 1, sizeof o.out - 1, p)] = 0;
    int status = pclose(p);
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return o;
}

/* ---- arguments --------------------------------------------------------------------------------------------------- */

#define ENV "RAY_DASHBOARD_ADDRESS=h:8265 RAY_JOB_SUBMISSION_ID=j "

static void arguments(void) {
    static const struct {
        const char *env, *args;
        int status;
        const char *says;
    } rows[] = {
        {"", "--help", 0, "usage: rayvisor-submit"},
        {"", "", 64, "RAY_DASHBOARD_ADDRESS is not set"},
        {"RAY_DASHBOARD_ADDRESS= ", "", 64, "RAY_DASHBOARD_ADDRESS is not set"},
        {"RAY_DASHBOARD_ADDRESS=h ", "", 64, "RAY_JOB_SUBMISSION_ID is not set"},
        {"RAY_DASHBOARD_ADDRESS=h RAY_JOB_SUBMISSION_ID= ", "", 64, "RAY_JOB_SUBMISSION_ID is not set"},
        {"RAY_DASHBOARD_ADDRESS=h RAY_JOB_SUBMISSION_ID=a/b ", "", 64, "has a character that no id has: a/b"},
        {"RAY_DASHBOARD_ADDRESS=h RAY_JOB_SUBMISSION_ID=a%b ", "", 64, "has a character that no id has: a%b"},
        {"RAY_DASHBOARD_ADDRESS=h:0 RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL: h:0"},
        {"RAY_DASHBOARD_ADDRESS=h:65536 RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL"},
        {"RAY_DASHBOARD_ADDRESS=h:x RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL"},
        {"RAY_DASHBOARD_ADDRESS=http:// RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL"},
        {"RAY_DASHBOARD_ADDRESS=u@h:1 RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL"},
        {"RAY_DASHBOARD_ADDRESS='a b:1' RAY_JOB_SUBMISSION_ID=j ", "", 64, "is not host:port or a URL"},
        {ENV, "--runtime-env-json '{'", 64, "--runtime-env-json: "},
        {ENV, "--runtime-env-json '[]'", 64, "a JSON object is expected for --runtime-env-json"},
        {ENV, "--metadata-json 7", 64, "a JSON object is expected for --metadata-json"},
        {ENV, "--entrypoint-num-cpus x", 64, "a number is expected for --entrypoint-num-cpus"},
        {ENV, "--entrypoint-num-cpus 1x", 64, "a number is expected for --entrypoint-num-cpus"},
        {ENV, "--entrypoint-num-gpus -1", 64, "a number is expected for --entrypoint-num-gpus"},
        {ENV, "--entrypoint-num-gpus 1e9", 64, "a number is expected for --entrypoint-num-gpus"},
        {ENV, "--no-such-flag", 64, "no-such-flag"},
        {ENV "RAY_AUTH_TOKEN_PATH=/nonexistent ", "", 64, "cannot read the token in /nonexistent"},
        {ENV "RAY_AUTH_TOKEN=\"$(printf 'a\\nb')\" ", "", 64, "the token has control characters"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char command[512];
        snprintf(command, sizeof command, "env -i %s" SUBMIT " %s 2>&1", rows[i].env, rows[i].args);
        if (strchr(rows[i].env, '$') != NULL)
            snprintf(command, sizeof command, "%s" SUBMIT " %s 2>&1", rows[i].env, rows[i].args);
        struct outcome o = shell(command);
        bool same = o.status == rows[i].status && strstr(o.out, rows[i].says) != NULL;
        if (!same) printf("\n    %d: %s", o.status, o.out);
        CHECK_ROW(same, command);
    }
}

/* ---- a dashboard ------------------------------------------------------------------------------------------------- */

#define WHOLE(status, body) "HTTP/1.1 " status " x\r\nConnection: close\r\n\r\n" body
#define STATUS(word, more) WHOLE("200", "{\"status\":\"" word "\"" more "}")
#define UPGRADED "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
/* frames: text of up to 125 bytes, a ping, the end */
#define TEXT(length, text) "\x81" length text
#define PING "\x89\x02hi"
#define CLOSE "\x88\x02\x03\xe8"

/* One connection after the other; requests go to a file, one after the other. */
static void serve(int listener, const char *const *answers) {
    char path[96], request[8192];
    snprintf(path, sizeof path, "%s/asked", dir);
    FILE *f = fopen(path, "we");
    if (f == NULL) _exit(1);
    for (; *answers != NULL; answers++) {
        int fd = accept(listener, NULL, NULL);
        size_t n = 0;
        for (ssize_t got; (got = recv(fd, request + n, sizeof request - 1 - n, 0)) > 0;) {
            n += (size_t)got;
            request[n] = 0;
            const char *body = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
            if (body != NULL && (length == NULL || strlen(body + 4) >= (size_t)strtoul(length + 16, NULL, 10))) break;
        }
        fprintf(f, "%.*s\n", (int)n, request);
        fflush(f);
        if (send(fd, *answers, strlen(*answers), MSG_NOSIGNAL) < 0) _exit(1);
        shutdown(fd, SHUT_WR);
        while (recv(fd, request, sizeof request, 0) > 0) continue;
        close(fd);
    }
    _exit(0);
}

static struct outcome run(const char *env, const char *args, const char *const *answers, char *asked, size_t size) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof in;
    char command[1024], path[96];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&in, length) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&in, &length) != 0)
        abort();
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) serve(listener, answers);
    close(listener);
    snprintf(command, sizeof command,
             "env -i RAY_DASHBOARD_ADDRESS=http://127.0.0.1:%d/ray/ RAY_JOB_SUBMISSION_ID=j %s timeout 20 " SUBMIT
             " %s 2>&1",
             ntohs(in.sin_port), env, args);
    struct outcome o = shell(command);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    snprintf(path, sizeof path, "%s/asked", dir);
    FILE *f = fopen(path, "re");
    asked[f != NULL ? fread(asked, 1, size - 1, f) : 0] = 0;
    if (f != NULL) fclose(f);
    return o;
}

static void histories(void) {
    static const struct {
        const char *row, *answers[8];
        int status;
        const char *says, *posts; /* posts NULL: it submits nothing */
    } rows[] = {
        {"submitted",
         {WHOLE("404", "no"), WHOLE("200", "{}"), UPGRADED TEXT("\x06", "line\n\n") CLOSE, STATUS("SUCCEEDED", ""),
          NULL},
         0,
         "rayvisor-submit: job j submitted\nline\n\nrayvisor-submit: job j succeeded\n",
         "POST /ray/api/jobs/ "},
        {"there already",
         {STATUS("RUNNING", ""), UPGRADED PING TEXT("\x02", "a\n") CLOSE, STATUS("SUCCEEDED", ",\"message\":\"m\""),
          NULL},
         0,
         "a\nrayvisor-submit: job j succeeded\n",
         NULL},
        {"it fails",
         {STATUS("PENDING", ""), UPGRADED CLOSE, STATUS("FAILED", ",\"message\":\"why\""), NULL},
         1,
         "rayvisor-submit: job j failed: why\n",
         NULL},
        {"it fails without a word",
         {STATUS("PENDING", ""), UPGRADED CLOSE, STATUS("FAILED", ""), NULL},
         1,
         "rayvisor-submit: job j failed\n",
         NULL},
        {"it is stopped",
         {STATUS("RUNNING", ""), UPGRADED CLOSE, STATUS("STOPPED", ""), NULL},
         2,
         "rayvisor-submit: job j was stopped\n",
         NULL},
        {"refused",
         {WHOLE("404", "no"), WHOLE("400", "ValueError: no such env"), NULL},
         69,
         "rayvisor-submit: the job was not accepted: HTTP status 400: ValueError: no such env\n",
         "POST /ray/api/jobs/ "},
        {"refused, and taken the next time",
         {WHOLE("404", "no"), WHOLE("500", "busy"), WHOLE("404", "no"), WHOLE("200", "{}"), UPGRADED CLOSE,
          STATUS("SUCCEEDED", ""), NULL},
         0,
         "rayvisor-submit: the job was not accepted: HTTP status 500: busy\nrayvisor-submit: job j submitted\n"
         "rayvisor-submit: job j succeeded\n",
         "POST /ray/api/jobs/ "},
        {"too many at once",
         {WHOLE("404", "no"), WHOLE("429", "busy"), WHOLE("404", "no"), WHOLE("200", "{}"), UPGRADED CLOSE,
          STATUS("SUCCEEDED", ""), NULL},
         0,
         "rayvisor-submit: the job was not accepted: HTTP status 429: busy\nrayvisor-submit: job j submitted\n"
         "rayvisor-submit: job j succeeded\n",
         "POST /ray/api/jobs/ "},
        {"only the answer was lost",
         {WHOLE("404", "no"), WHOLE("503", "gone"), STATUS("RUNNING", ""), UPGRADED CLOSE, STATUS("SUCCEEDED", ""),
          NULL},
         0,
         "rayvisor-submit: the job was not accepted: HTTP status 503: gone\nrayvisor-submit: job j submitted\n"
         "rayvisor-submit: job j succeeded\n",
         "POST /ray/api/jobs/ "},
        {"somebody was faster",
         {WHOLE("404", "no"), WHOLE("500", "Please use a different submission_id."), UPGRADED CLOSE,
          STATUS("SUCCEEDED", ""), NULL},
         0,
         "rayvisor-submit: job j submitted\nrayvisor-submit: job j succeeded\n",
         "POST /ray/api/jobs/ "},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        char asked[16384];
        struct outcome o = run("", "-- x", rows[i].answers, asked, sizeof asked);
        bool same = o.status == rows[i].status && strcmp(o.out, rows[i].says) == 0;
        if (!same) printf("\n    %d: %s", o.status, o.out);
        CHECK_ROW(same, rows[i].row);
        CHECK_ROW((strstr(asked, "POST ") != NULL) == (rows[i].posts != NULL), rows[i].row);
        CHECK_ROW(rows[i].posts == NULL || strstr(asked, rows[i].posts) != NULL, rows[i].row);
        CHECK_ROW(rv_str_starts(rv_str(asked), "GET /ray/api/jobs/j HTTP/1.1\r\nHost: 127.0.0.1:"), rows[i].row);
    }
}

/* An answer may have 4 MiB. */
static void the_largest_answer(void) {
    enum { MOST = 4 << 20 };
    static const char head[] = WHOLE("200", ""), json[] = "{\"status\":\"SUCCEEDED\"}";
    rv_autobuf struct rv_buf b = {0};
    rv_buf_adds(&b, head);
    rv_buf_adds(&b, json);
    while (b.n < sizeof head - 1 + MOST) rv_buf_addc(&b, ' ');
    const char *const answers[] = {STATUS("RUNNING", ""), UPGRADED CLOSE, rv_buf_cstr(&b), NULL};
    char asked[16384];
    CU_ASSERT_EQUAL(run("", "-- x", answers, asked, sizeof asked).status, 0);
}

/* What is asked for, and with which token. */
static void the_request(void) {
    static const char *const answers[] = {WHOLE("404", ""), WHOLE("200", "{}"), UPGRADED CLOSE, STATUS("SUCCEEDED", ""),
                                          NULL};
    static const char body[] =
        "{\"entrypoint\":\"python x.py --n 1\",\"entrypoint_num_cpus\":2,\"entrypoint_resources\":{\"a\":1},"
        "\"metadata\":{\"k\":\"v\"},\"runtime_env\":{\"pip\":[]},\"submission_id\":\"j\"}";
    char asked[16384];
    struct outcome o = run("RAY_AUTH_TOKEN=secret",
                           "--runtime-env-json '{\"pip\":[]}' --metadata-json '{\"k\":\"v\"}' --entrypoint-num-cpus 2 "
                           "--entrypoint-num-gpus 0 --entrypoint-resources '{\"a\":1}' -- python x.py --n 1",
                           answers, asked, sizeof asked);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    CU_ASSERT_EQUAL(o.status, 0);
    const char *post = strstr(asked, "POST "), *end = post != NULL ? strstr(post, "\r\n\r\n") : NULL;
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    rv_autofree char *sent = rv_strdup((struct rv_str){end + 4, strcspn(end + 4, "\n")});
    if (!rv_val_equal(from_json(a, sent), from_json(a, body))) printf("\n    %s", sent);
    CU_ASSERT_TRUE(rv_val_equal(from_json(a, sent), from_json(a, body)));
    unsigned tokens = 0;
    for (const char *p = asked; (p = strstr(p, "x-ray-authorization: Bearer secret\r\n")) != NULL; p++) tokens++;
    CU_ASSERT_EQUAL(tokens, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(asked, "GET /ray/api/jobs/j/logs/tail HTTP/1.1\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(asked, "Sec-WebSocket-Version: 13\r\n"));
}

static const struct suite_test tests[] = {{"arguments", arguments},
                                          {"histories", histories},
                                          {"the largest answer", the_largest_answer},
                                          {"the request", the_request}};

int main(void) {
    snprintf(dir, sizeof dir, "/tmp/rv-submit-XXXXXX");
    if (mkdtemp(dir) == NULL) return 2;
    int r = suite_run("rayvisor-submit", tests, RV_ARRAY_LEN(tests));
    char path[96];
    snprintf(path, sizeof path, "%s/asked", dir);
    (void)unlink(path);
    (void)rmdir(dir);
    return r;
}
