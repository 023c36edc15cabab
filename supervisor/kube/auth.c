/* auth.c - credentials that change: token files and exec plugins (see config.h). With client.c the only file that sees
 * a token. Everything that held one is wiped.
 *
 * An exec plugin runs without a shell, with our environment plus its own, for at most ten seconds; its ExecCredential
 * names the time at which it is asked again. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rayvisor/k8s.h"
#include "yaml_tree.h"

enum { TOKEN_MAX = 64 << 10, EXEC_SECONDS = 10 };
#define SECOND INT64_C(1000000000)
extern char **environ;

struct kube_auth {
    const struct kube_config *config;
    struct rv_buf header, cert, key;
    int64_t fresh_until; /* wall ns; 0: never asked */
    unsigned generation;
};

static void wipe(struct rv_buf *b) {
    if (b->p != NULL) explicit_bzero(b->p, b->cap);
    rv_buf_free(b);
}

struct kube_auth *kube_auth_new(const struct kube_config *c) {
    struct kube_auth *a = rv_alloc(sizeof *a);
    a->config = c;
    return a;
}

struct kube_auth *kube_auth_free(struct kube_auth *a) {
    if (a == NULL) return NULL;
    wipe(&a->header);
    wipe(&a->cert);
    wipe(&a->key);
    free(a);
    return NULL;
}

static void set_bearer(struct kube_auth *a, struct rv_str token) {
    while (token.n > 0 && (token.p[token.n - 1] == '\n' || token.p[token.n - 1] == '\r' || token.p[token.n - 1] == ' '))
        token.n--;
    wipe(&a->header);
    if (token.n == 0) return;
    rv_buf_adds(&a->header, "Bearer ");
    rv_buf_add_str(&a->header, token);
    (void)rv_buf_cstr(&a->header);
}

static int from_file(struct kube_auth *a, int64_t now, struct rv_error *err) {
    struct rv_buf b = {0};
    int r = file_read(a->config->token_file, TOKEN_MAX, &b, err);
    if (r == 0) set_bearer(a, rv_buf_str(&b));
    wipe(&b);
    if (r != 0 && a->header.n == 0 && a->config->token != NULL) set_bearer(a, rv_str(a->config->token));
    if (r != 0 && a->header.n != 0) r = 0; /* keep what there is; the server decides */
    a->fresh_until = now + 60 * SECOND;
    return r;
}

/* ---- exec plugins --------------------------------------------------------------------------------------- */

static char **merged_environment(const struct exec_plugin *e, char *info) {
    size_t n = 0, extra = 0, at = 0;
    while (environ[n] != NULL) n++;
    while (e->env[extra] != NULL) extra++;
    char **env = rv_alloc_array(n + extra + 2, sizeof *env);
    for (size_t i = 0; i < n; i++) env[at++] = environ[i];
    for (size_t i = 0; i < extra; i++) env[at++] = e->env[i];
    env[at] = info;
    return env;
}

static void add_field(struct rv_buf *b, const char *key, const char *value) {
    if (value == NULL) return;
    rv_buf_addf(b, "%s\"%s\":", b->p[b->n - 1] == '{' ? "" : ",", key);
    rv_json_quote(rv_str(value), b);
}

/* The ExecCredential that a plugin finds in its environment. */
static void exec_info(const struct kube_config *c, struct rv_buf *b) {
    rv_buf_adds(b, "KUBERNETES_EXEC_INFO={");
    add_field(b, "apiVersion", c->exec->api_version);
    rv_buf_adds(b, ",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false");
    if (c->exec->with_cluster) {
        rv_buf_adds(b, ",\"cluster\":{");
        add_field(b, "server", c->server);
        add_field(b, "tls-server-name", c->tls_server_name);
        add_field(b, "proxy-url", c->proxy);
        if (c->insecure) rv_buf_adds(b, ",\"insecure-skip-tls-verify\":true");
        if (c->ca.n != 0) {
            rv_autobuf struct rv_buf mp = {0};
            rv_mp_bin(&mp, rv_buf_bytes(&c->ca));
            rv_buf_adds(b, ",\"certificate-authority-data\":");
            rv_json_write((struct rv_val){mp.p, mp.n}, b); /* base64 */
        }
        if (c->exec->cluster_config != NULL) rv_buf_addf(b, ",\"config\":%s", c->exec->cluster_config);
        rv_buf_adds(b, "}");
    }
    rv_buf_adds(b, "}}");
}

static int spawn_plugin(const struct kube_config *c, int out, pid_t *ret_pid, struct rv_error *err) {
    const struct exec_plugin *e = c->exec;
    rv_autobuf struct rv_buf info = {0};
    exec_info(c, &info);
    rv_autofree char *text = rv_strdup(rv_buf_str(&info));
    rv_autofree char **env = merged_environment(e, text);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int r = posix_spawnp(ret_pid, e->argv[0], &fa, &attr, e->argv, env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    if (r == 0) return 0;
    return rv_error_set(err, -r, "credential plugin %s cannot be started: %s%s%s", e->argv[0], strerror(r),
                        e->install_hint != NULL ? ". " : "", e->install_hint != NULL ? e->install_hint : "");
}

static int collect(pid_t pid, int fd, struct rv_buf *out, const char *name, struct rv_error *err) {
    int64_t end = rv_mono_now() + EXEC_SECONDS * SECOND;
    bool open = true;
    while (open && out->n <= (size_t)TOKEN_MAX * 4) {
        int64_t left = (end - rv_mono_now()) / 1000000;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)left) <= 0) break;
        rv_buf_reserve(out, 4096);
        ssize_t n = read(fd, out->p + out->n, 4096);
        if (n > 0)
            out->n += (size_t)n;
        else
            open = false;
    }
    int status = 0;
    if (open) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (open)
        return rv_error_set(err, RV_E_TIMEOUT, "credential plugin %s gave no answer within %d s", name, EXEC_SECONDS);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return rv_error_set(err, RV_E_CONFIG, "credential plugin %s failed (status %d): run it by hand to see why",
                            name, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

static void set_if_different(struct kube_auth *a, struct rv_buf *b, struct rv_str s) {
    if (rv_str_eq(rv_buf_str(b), s)) return;
    wipe(b);
    rv_buf_add_str(b, s);
    a->generation++;
}

static int take_credential(struct kube_auth *a, struct rv_buf *json, int64_t now, struct rv_error *err) {
    const char *name = a->config->exec->argv[0];
    struct rv_buf mp = {0};
    if (rv_json_to_mp(rv_buf_str(json), NULL, &mp, err) != 0) return rv_error_wrap(err, "credential plugin %s", name);
    struct rv_val v = {mp.p, mp.n}, status = rv_val_get(v, "status");
    struct rv_str token = rv_path_str(status, "token"), expires = rv_path_str(status, "expirationTimestamp");
    set_bearer(a, token);
    set_if_different(a, &a->cert, rv_path_str(status, "clientCertificateData"));
    set_if_different(a, &a->key, rv_path_str(status, "clientKeyData"));
    int64_t until;
    a->fresh_until = rv_time_parse(expires, &until) == 0 ? until - 30 * SECOND : INT64_MAX;
    if (a->fresh_until <= now) a->fresh_until = now + 5 * SECOND;
    bool empty = token.n == 0 && a->cert.n == 0;
    wipe(&mp);
    return empty ? rv_error_set(err, RV_E_CONFIG, "credential plugin %s gave neither a token nor a certificate", name)
                 : 0;
}

static int from_exec(struct kube_auth *a, int64_t now, struct rv_error *err) {
    int fds[2];
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0) return rv_error_set(err, -errno, "cannot make a pipe: %s", strerror(errno));
    int r = spawn_plugin(a->config, fds[1], &pid, err);
    close(fds[1]);
    struct rv_buf out = {0};
    if (r == 0) r = collect(pid, fds[0], &out, a->config->exec->argv[0], err);
    if (r == 0) r = take_credential(a, &out, now, err);
    close(fds[0]);
    wipe(&out);
    if (r != 0) a->fresh_until = now + 5 * SECOND; /* not in a hot loop */
    return r;
}

/* ---- the header ----------------------------------------------------------------------------------------- */

static void set_basic(struct kube_auth *a) {
    rv_autobuf struct rv_buf mp = {0};
    struct rv_buf quoted = {0};
    rv_mp_bin(&mp, (struct rv_bytes){(const uint8_t *)a->config->basic, strlen(a->config->basic)});
    rv_json_write((struct rv_val){mp.p, mp.n}, &quoted); /* base64 in quotes */
    rv_buf_adds(&a->header, "Basic ");
    rv_buf_add(&a->header, quoted.p + 1, quoted.n - 2);
    (void)rv_buf_cstr(&a->header);
    explicit_bzero(mp.p, mp.cap);
    wipe(&quoted);
}

int kube_auth_refresh(struct kube_auth *a, int64_t now_ns, bool rejected, struct rv_error *err) {
    const struct kube_config *c = a->config;
    if (!rejected && a->fresh_until != 0 && now_ns < a->fresh_until) return 0;
    if (c->exec != NULL)
        return rejected && now_ns + 5 * SECOND < a->fresh_until && a->fresh_until != INT64_MAX && a->header.n == 0
                   ? 0
                   : from_exec(a, now_ns, err);
    if (c->token_file != NULL) return from_file(a, now_ns, err);
    a->fresh_until = INT64_MAX;
    if (a->header.n != 0) return 0;
    if (c->token != NULL)
        set_bearer(a, rv_str(c->token));
    else if (c->basic != NULL)
        set_basic(a);
    return 0;
}

const char *kube_auth_header(const struct kube_auth *a) { return a->header.n != 0 ? (const char *)a->header.p : NULL; }
struct rv_bytes kube_auth_cert(const struct kube_auth *a) {
    return rv_buf_bytes(&a->cert);
}
struct rv_bytes kube_auth_key(const struct kube_auth *a) {
    return rv_buf_bytes(&a->key);
}
unsigned kube_auth_generation(const struct kube_auth *a) { return a->generation; }
