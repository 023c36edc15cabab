/* kubeconfig.c - finds the server and the credentials: in kubeconfig files by kubectl's rules, or in a pod (see
 * kube.h).
 *
 * Several files in $KUBECONFIG are merged. The first file that has a name decides about it. A relative path in a file
 * is relative to that file. */
#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/base64.h"
#include "ipc/base/file.h"
#include "ipc/base/nearest.h"
#include "ipc/base/yaml.h"
#include "peers.h"

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
enum { PEM_MAX = 1 << 20, FILE_MAX = 8 << 20 };

static void wipe_text(char *s) {
    if (s == NULL) return;
    explicit_bzero(s, strlen(s));
    free(s);
}

static void wipe_buf(struct rv_buf *b) {
    if (b->p != NULL) explicit_bzero(b->p, b->cap);
    rv_buf_free(b);
}

static void strings_free(char **list) {
    for (char **s = list; s != NULL && *s != NULL; s++) free(*s);
    free(list);
}

struct kube_config *kube_config_free(struct kube_config *c) {
    if (c == NULL) return NULL;
    free(c->server);
    free(c->ns);
    free(c->tls_server_name);
    free(c->proxy);
    free(c->env_proxy);
    free(c->no_proxy);
    rv_buf_free(&c->ca);
    rv_buf_free(&c->client_cert);
    wipe_buf(&c->client_key);
    wipe_text(c->token);
    wipe_text(c->basic);
    free(c->token_file);
    free(c->ca_file);
    free(c->cert_file);
    free(c->key_file);
    kube_peers_free(c->peers);
    if (c->exec != NULL) {
        strings_free(c->exec->argv);
        strings_free(c->exec->env);
        free(c->exec->api_version);
        free(c->exec->install_hint);
        free(c->exec->cluster_config);
        free(c->exec);
    }
    free(c);
    return NULL;
}

const char *kube_config_server(const struct kube_config *c) { return c->server; }
const char *kube_config_namespace(const struct kube_config *c) { return c->ns; }
struct kube_peers *kube_config_peers(const struct kube_config *c) {
    return c->peers;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

struct source { /* one kubeconfig file */
    const char *path;
    struct rv_node *root;
    struct yaml_marks marks;
};

struct files {
    struct rv_arena *arena;
    struct source list[16];
    size_t n;
};

static int add_text(struct files *f, struct rv_str text, const char *path, struct rv_error *err) {
    if (f->n == RV_ARRAY_LEN(f->list))
        return rv_error_set(err, RV_E_CONFIG, "KUBECONFIG names more than %zu files", RV_ARRAY_LEN(f->list));
    struct source *in = &f->list[f->n];
    *in = (struct source){.path = rv_arena_str(f->arena, rv_str(path)).p};
    struct yaml_opts o = {.name = path, .max_depth = 64, .marks = &in->marks};
    in->root = yaml_tree(f->arena, text, &o, err);
    if (in->root == NULL) return RV_E_CONFIG;
    if (rv_node_type(in->root) == RV_NULL) in->root = rv_node_map(f->arena);
    if (rv_node_type(in->root) != RV_MAP)
        return rv_error_set(err, RV_E_CONFIG, "%s:1: a kubeconfig is a mapping with clusters, users and contexts",
                            path);
    f->n++;
    return 0;
}

static int load_file(struct files *f, const char *path, struct rv_error *err) {
    struct rv_buf text = {0};
    int r = file_read(path, FILE_MAX, &text, err);
    if (r == 0) r = add_text(f, rv_buf_str(&text), path, err);
    wipe_buf(&text);
    return r;
}

static int load_paths(struct files *f, const char *paths, struct rv_error *err) {
    for (const char *p = paths; *p != 0;) {
        size_t n = strcspn(p, ":");
        if (n != 0) {
            rv_autofree char *path = rv_strdup((struct rv_str){p, n});
            bool several = strchr(paths, ':') != NULL;
            if (!(several && access(path, F_OK) != 0)) { /* if $KUBECONFIG names several files, some may be missing */
                int r = load_file(f, path, err);
                if (r != 0) return r;
            }
        }
        p += n + (p[n] == ':');
    }
    return 0;
}

/* The entry of that name in a list (clusters, users, contexts), and the file that it is in. */
static struct rv_node *find_entry(struct files *f, const char *list, const char *field, struct rv_str name,
                                  struct source **ret_in) {
    for (size_t i = 0; i < f->n; i++) {
        struct rv_node *e = rv_node_find(rv_node_get(f->list[i].root, list), "name", name);
        if (e == NULL) continue;
        *ret_in = &f->list[i];
        return rv_node_get(e, field);
    }
    return NULL;
}

static char *beside(const struct source *in, struct rv_str path) {
    if (path.n != 0 && path.p[0] == '/') return rv_strdup(path);
    rv_autofree char *copy = rv_strdup(rv_str(in->path));
    struct rv_buf b = {0};
    rv_buf_addf(&b, "%s/" RV_STR_FMT, dirname(copy), RV_STR_ARG(path));
    char *full = rv_strdup(rv_buf_str(&b));
    rv_buf_free(&b);
    return full;
}

/* ---- what entries say ----------------------------------------------------------------------------------- */

/* Sets an error about a node: file, line and a sentence. */
RV_PRINTF(4, 5)
static int node_error(const struct source *in, const struct rv_node *at, struct rv_error *err, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    size_t line = yaml_line(&in->marks, at);
    if (line == 0) return rv_error_set(err, RV_E_CONFIG, "%s: %s", in->path, rv_buf_cstr(&b));
    return rv_error_set(err, RV_E_CONFIG, "%s:%zu: %s", in->path, line, rv_buf_cstr(&b));
}

/* The text under a key; empty if it is absent or null. As in kubectl, an unquoted 1234 or true is not text. */
static int get_text(const struct source *in, struct rv_node *map, const char *key, struct rv_str *ret,
                    struct rv_error *err) {
    struct rv_node *n = rv_node_get(map, key);
    *ret = rv_node_text(n);
    if (n == NULL || rv_node_type(n) == RV_NULL || rv_node_type(n) == RV_STRING) return 0;
    return node_error(in, n, err, "%s must be text: put it in quotes", key);
}

static int get_bool(const struct source *in, struct rv_node *map, const char *key, bool *ret, struct rv_error *err) {
    struct rv_node *n = rv_node_get(map, key);
    *ret = rv_node_to_bool(n, false);
    if (n == NULL || rv_node_type(n) == RV_NULL || rv_node_type(n) == RV_BOOL) return 0;
    return node_error(in, n, err, "%s must be true or false", key);
}

struct text_field {
    const char *key;
    char **to; /* *to is a heap copy, or NULL if the text is empty */
};

static int get_texts(const struct source *in, struct rv_node *map, const struct text_field *fields, size_t n,
                     struct rv_error *err) {
    for (size_t i = 0; i < n; i++) {
        struct rv_str s;
        int r = get_text(in, map, fields[i].key, &s, err);
        if (r != 0) return r;
        if (s.n != 0) *fields[i].to = rv_strdup(s);
    }
    return 0;
}

/* Reads PEM from `<key>-data`, which is base64, or from the file that `<key>` names. */
static int load_pem(const struct source *in, struct rv_node *map, const char *key, struct rv_buf *out, char **file,
                    struct rv_error *err) {
    static const char begin[] = "-----BEGIN ";
    rv_autobuf struct rv_buf data_key = {0};
    rv_buf_addf(&data_key, "%s-data", key);
    struct rv_str data, path;
    int r = get_text(in, map, rv_buf_cstr(&data_key), &data, err);
    if (r == 0) r = get_text(in, map, key, &path, err);
    if (r != 0 || (data.n == 0 && path.n == 0)) return r;
    struct rv_node *at = rv_node_get(map, data.n != 0 ? rv_buf_cstr(&data_key) : key);
    if (data.n != 0) {
        if (base64_decode(data, BASE64_STANDARD, out) != 0)
            return node_error(in, at, err, "%s is not base64", rv_buf_cstr(&data_key));
    } else {
        struct rv_error why = {0};
        *file = beside(in, path);
        if (file_read(*file, PEM_MAX, out, &why) != 0) return node_error(in, at, err, "%s: %s", key, why.text);
    }
    if (out->n != 0 && memmem(out->p, out->n, begin, sizeof begin - 1) != NULL) return 0;
    return node_error(in, at, err, "%s is not PEM: it has no \"-----BEGIN \" line", key);
}

static bool has_scheme(const char *url, const char *const *schemes) {
    for (; *schemes != NULL; schemes++)
        if (rv_str_starts(rv_str(url), *schemes) && url[strlen(*schemes)] != 0) return true;
    return false;
}

static int read_cluster(struct kube_config *c, const struct source *in, struct rv_node *cluster, struct rv_error *err) {
    static const char *const web[] = {"https://", "http://", NULL}, *const proxies[] = {"http://", "https://",
                                                                                        "socks5://", "socks5h://",
                                                                                        NULL};
    const struct text_field fields[] = {
        {"server", &c->server}, {"tls-server-name", &c->tls_server_name}, {"proxy-url", &c->proxy}};
    int r = get_texts(in, cluster, fields, RV_ARRAY_LEN(fields), err);
    if (r != 0) return r;
    if (c->server == NULL || !has_scheme(c->server, web))
        return node_error(in, c->server != NULL ? rv_node_get(cluster, "server") : cluster, err,
                          "the cluster's server must be an http:// or https:// URL");
    for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--) c->server[n - 1] = 0;
    if (c->proxy != NULL && !has_scheme(c->proxy, proxies))
        return node_error(in, rv_node_get(cluster, "proxy-url"), err,
                          "proxy-url must be an http://, https:// or socks5:// URL");
    r = get_bool(in, cluster, "insecure-skip-tls-verify", &c->insecure, err);
    if (r == 0) r = load_pem(in, cluster, "certificate-authority", &c->ca, &c->ca_file, err);
    if (r == 0 && c->insecure && c->ca.n != 0)
        r = node_error(in, rv_node_get(cluster, "insecure-skip-tls-verify"), err,
                       "insecure-skip-tls-verify and a certificate-authority exclude each other: remove one");
    return r;
}

/* ---- exec plugins --------------------------------------------------------------------------------------- */

static bool is_list(const struct rv_node *n) {
    return n == NULL || rv_node_type(n) == RV_ARRAY || rv_node_type(n) == RV_NULL;
}

static int exec_args(struct kube_config *c, const struct source *in, struct rv_node *exec, struct rv_error *err) {
    struct rv_node *args = rv_node_get(exec, "args"), *env = rv_node_get(exec, "env");
    if (!is_list(args)) return node_error(in, args, err, "exec.args must be a list of texts");
    if (!is_list(env)) return node_error(in, env, err, "exec.env must be a list of name and value");
    size_t n = rv_node_len(args), at = 1;
    struct rv_str command = rv_node_text(rv_node_get(exec, "command"));
    c->exec->argv = rv_alloc_array(n + 2, sizeof *c->exec->argv);
    /* A command with a slash is relative to the file, like every other path. */
    c->exec->argv[0] = memchr(command.p, '/', command.n) != NULL ? beside(in, command) : rv_strdup(command);
    for (size_t i = 0; i < n; i++) {
        struct rv_node *arg = rv_node_at(args, i);
        if (rv_node_type(arg) != RV_STRING)
            return node_error(in, arg, err, "exec.args must be texts: put them in quotes");
        c->exec->argv[at++] = rv_strdup(rv_node_text(arg));
    }
    n = rv_node_len(env);
    c->exec->env = rv_alloc_array(n + 1, sizeof *c->exec->env);
    for (size_t i = 0; i < n; i++) {
        struct rv_node *e = rv_node_at(env, i);
        struct rv_str name, value;
        int r = get_text(in, e, "name", &name, err);
        if (r == 0) r = get_text(in, e, "value", &value, err);
        if (r != 0) return r;
        if (name.n == 0) return node_error(in, e, err, "exec.env needs a name");
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b, RV_STR_FMT "=" RV_STR_FMT, RV_STR_ARG(name), RV_STR_ARG(value));
        c->exec->env[i] = rv_strdup(rv_buf_str(&b));
    }
    return 0;
}

/* The data for credential plugins in the cluster's entry. */
static char *cluster_config(struct rv_node *cluster) {
    struct rv_node *e =
        rv_node_find(rv_node_get(cluster, "extensions"), "name", RV_STR("client.authentication.k8s.io/exec"));
    if (rv_node_get(e, "extension") == NULL) return NULL;
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0};
    rv_json_write(rv_node_freeze(a, rv_node_get(e, "extension")), &json);
    return rv_strdup(rv_buf_str(&json));
}

static int read_exec(struct kube_config *c, const struct source *in, struct rv_node *exec, struct rv_node *cluster,
                     struct rv_error *err) {
    struct rv_str command, version, mode;
    c->exec = rv_alloc(sizeof *c->exec);
    const struct text_field hint = {"installHint", &c->exec->install_hint};
    int r = get_text(in, exec, "command", &command, err);
    if (r == 0) r = get_text(in, exec, "apiVersion", &version, err);
    if (r == 0) r = get_text(in, exec, "interactiveMode", &mode, err);
    if (r == 0) r = get_texts(in, exec, &hint, 1, err);
    if (r == 0) r = get_bool(in, exec, "provideClusterInfo", &c->exec->with_cluster, err);
    if (r != 0) return r;
    if (command.n == 0) return node_error(in, exec, err, "users[].user.exec.command is missing");
    if (!rv_str_is(version, "client.authentication.k8s.io/v1") &&
        !rv_str_is(version, "client.authentication.k8s.io/v1beta1"))
        return node_error(in, version.n != 0 ? rv_node_get(exec, "apiVersion") : exec, err,
                          "users[].user.exec.apiVersion must be client.authentication.k8s.io/v1 or v1beta1");
    if (mode.n != 0 && !rv_str_is(mode, "Never") && !rv_str_is(mode, "IfAvailable"))
        return node_error(in, rv_node_get(exec, "interactiveMode"), err,
                          "users[].user.exec.interactiveMode must be Never or IfAvailable: nobody sits here");
    c->exec->api_version = rv_strdup(version);
    if (c->exec->with_cluster) c->exec->cluster_config = cluster_config(cluster);
    return exec_args(c, in, exec, err);
}

/* ---- users ---------------------------------------------------------------------------------------------- */

/* Refuses fields that cannot be ignored safely. The error says what to use instead. */
static int refuse_unsupported(const struct source *in, struct rv_node *user, struct rv_error *err) {
    static const struct {
        const char *key, *instead;
    } table[] = {
        {"auth-provider", "was removed from Kubernetes: use an exec plugin"},
        {"as", "(impersonation) is not supported: use an account of its own"},
        {"as-uid", "(impersonation) is not supported: use an account of its own"},
        {"as-groups", "(impersonation) is not supported: use an account of its own"},
        {"as-user-extra", "(impersonation) is not supported: use an account of its own"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(table); i++) {
        struct rv_node *n = rv_node_get(user, table[i].key);
        if (n != NULL && rv_node_type(n) != RV_NULL)
            return node_error(in, n, err, "users[].user.%s %s", table[i].key, table[i].instead);
    }
    return 0;
}

static int read_basic(struct kube_config *c, const struct source *in, struct rv_node *user, struct rv_error *err) {
    struct rv_str name, password;
    int r = get_text(in, user, "username", &name, err);
    if (r == 0) r = get_text(in, user, "password", &password, err);
    if (r != 0 || name.n == 0) return r;
    struct rv_buf b = {0};
    rv_buf_addf(&b, RV_STR_FMT ":" RV_STR_FMT, RV_STR_ARG(name), RV_STR_ARG(password));
    c->basic = rv_strdup(rv_buf_str(&b));
    wipe_buf(&b);
    return 0;
}

static int read_user(struct kube_config *c, const struct source *in, struct rv_node *user, struct rv_node *cluster,
                     struct rv_error *err) {
    const struct text_field token = {"token", &c->token};
    struct rv_str token_file;
    int r = refuse_unsupported(in, user, err);
    if (r == 0) r = load_pem(in, user, "client-certificate", &c->client_cert, &c->cert_file, err);
    if (r == 0) r = load_pem(in, user, "client-key", &c->client_key, &c->key_file, err);
    if (r == 0 && (c->client_cert.n != 0) != (c->client_key.n != 0))
        r = node_error(in, user, err, "client-certificate and client-key need each other: %s is missing",
                       c->client_key.n == 0 ? "client-key" : "client-certificate");
    if (r == 0) r = get_texts(in, user, &token, 1, err);
    if (r == 0) r = get_text(in, user, "tokenFile", &token_file, err);
    if (r == 0) r = read_basic(c, in, user, err);
    if (r != 0) return r;
    if (token_file.n != 0) c->token_file = beside(in, token_file);
    struct rv_node *exec = rv_node_get(user, "exec");
    if (exec == NULL || rv_node_type(exec) == RV_NULL) return 0;
    if (rv_node_type(exec) != RV_MAP) return node_error(in, exec, err, "users[].user.exec must be a mapping");
    return read_exec(c, in, exec, cluster, err);
}

/* ---- the context ---------------------------------------------------------------------------------------- */

static int no_context(struct files *f, const char *first, struct rv_str name, struct rv_error *err) {
    rv_autobuf struct rv_buf hint = {0};
    struct nearest near = nearest_begin(name);
    for (size_t i = 0; i < f->n; i++) {
        struct rv_node *list = rv_node_get(f->list[i].root, "contexts");
        for (size_t k = 0; k < rv_node_len(list); k++)
            nearest_offer(&near, rv_node_text(rv_node_get(rv_node_at(list, k), "name")));
    }
    nearest_hint(&near, &hint);
    return rv_error_set(err, RV_E_CONFIG, "%s: there is no context \"" RV_STR_FMT "\"" RV_STR_FMT, first,
                        RV_STR_ARG(name), RV_STR_ARG(rv_buf_str(&hint)));
}

static int resolve(struct kube_config *c, struct files *f, const char *context, struct rv_error *err) {
    struct rv_str name = rv_str(context), cluster, user;
    for (size_t i = 0; name.n == 0 && i < f->n; i++)
        name = rv_node_text(rv_node_get(f->list[i].root, "current-context"));
    const char *first = f->n != 0 ? f->list[0].path : "kubeconfig";
    if (name.n == 0) return rv_error_set(err, RV_E_CONFIG, "%s: no current-context: name one with --context", first);
    struct source *in = NULL;
    struct rv_node *ctx = find_entry(f, "contexts", "context", name, &in);
    if (ctx == NULL) return no_context(f, first, name, err);
    const struct text_field ns = {"namespace", &c->ns};
    int r = get_texts(in, ctx, &ns, 1, err);
    if (r == 0) r = get_text(in, ctx, "cluster", &cluster, err);
    if (r == 0) r = get_text(in, ctx, "user", &user, err);
    if (r != 0) return r;
    struct source *from = in;
    struct rv_node *entry = find_entry(f, "clusters", "cluster", cluster, &from), *cluster_entry = entry;
    if (entry == NULL)
        return node_error(in, ctx, err,
                          "context \"" RV_STR_FMT "\" names cluster \"" RV_STR_FMT "\", which is not there",
                          RV_STR_ARG(name), RV_STR_ARG(cluster));
    r = read_cluster(c, from, entry, err);
    if (r != 0 || user.n == 0) return r;
    from = in;
    entry = find_entry(f, "users", "user", user, &from);
    if (entry == NULL)
        return node_error(in, ctx, err, "context \"" RV_STR_FMT "\" names user \"" RV_STR_FMT "\", who is not there",
                          RV_STR_ARG(name), RV_STR_ARG(user));
    return read_user(c, from, entry, cluster_entry, err);
}

/* ---- in a pod ------------------------------------------------------------------------------------------- */

static char *pod_file(const char *dir, const char *name) {
    struct rv_buf b = {0};
    rv_buf_addf(&b, "%s/%s", dir != NULL ? dir : POD_DIR, name);
    char *path = rv_strdup(rv_buf_str(&b));
    rv_buf_free(&b);
    return path;
}

static bool in_pod(const char *dir) {
    rv_autofree char *token = pod_file(dir, "token");
    return getenv("KUBERNETES_SERVICE_HOST") != NULL && access(token, R_OK) == 0;
}

static int pod_config(struct kube_config *c, const char *dir, struct rv_error *err) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    rv_autobuf struct rv_buf b = {0};
    if (host == NULL) return rv_error_set(err, RV_E_CONFIG, "KUBERNETES_SERVICE_HOST is not set");
    bool v6 = strchr(host, ':') != NULL;
    rv_buf_addf(&b, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port != NULL ? port : "443");
    c->server = rv_strdup(rv_buf_str(&b));
    c->token_file = pod_file(dir, "token");
    c->ca_file = pod_file(dir, "ca.crt");
    rv_autofree char *ns = pod_file(dir, "namespace");
    rv_buf_clear(&b);
    if (file_read(ns, 4096, &b, NULL) == 0) {
        while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == ' ')) b.n--;
        if (b.n > 0) c->ns = rv_strdup(rv_buf_str(&b));
    }
    return file_read(c->ca_file, PEM_MAX, &c->ca, err);
}

static int load_any(struct kube_config *c, struct files *f, const struct kube_config_opts *o, struct rv_error *err) {
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    const char *paths = o->kubeconfig != NULL && o->kubeconfig[0] != 0 ? o->kubeconfig
                        : env != NULL && env[0] != 0                   ? env
                                                                       : NULL;
    if (paths == NULL && in_pod(o->pod_dir)) return pod_config(c, o->pod_dir, err);
    rv_autobuf struct rv_buf fallback = {0};
    rv_buf_addf(&fallback, "%s/.kube/config", home != NULL ? home : "");
    if (paths == NULL && access(rv_buf_cstr(&fallback), R_OK) != 0)
        return rv_error_set(
            err, RV_E_CONFIG,
            "no Kubernetes cluster is named: set kubernetes.kubeconfig, KUBECONFIG or ~/.kube/config, or run in a pod");
    int r = load_paths(f, paths != NULL ? paths : rv_buf_cstr(&fallback), err);
    return r != 0 ? r : resolve(c, f, o->context, err);
}

/* ---- proxies -------------------------------------------------------------------------------------------- */

static const char *either(const char *a, const char *b) {
    const char *v = getenv(a);
    if (v == NULL || v[0] == 0) v = getenv(b);
    return v != NULL && v[0] != 0 ? v : NULL;
}

static bool is_loopback(const char *server) {
    const char *host = strstr(server, "://") + 3; /* the URL was checked when it was read */
    size_t n = strcspn(host, "/");
    struct rv_str h = {host, host[0] == '[' ? n : strcspn(host, ":/")};
    return rv_str_is(h, "localhost") || rv_str_starts(h, "127.") || rv_str_starts(h, "[::1]");
}

/* Reads the environment as kubectl does: HTTPS_PROXY or HTTP_PROXY by the scheme of the server, and NO_PROXY, in upper
 * or lower case. Connections to this machine use no proxy. */
static void read_environment(struct kube_config *c) {
    bool tls = rv_str_starts(rv_str(c->server), "https://");
    const char *proxy = tls ? either("HTTPS_PROXY", "https_proxy") : either("HTTP_PROXY", "http_proxy"),
               *except = either("NO_PROXY", "no_proxy");
    if (c->proxy != NULL || proxy == NULL || is_loopback(c->server)) return;
    c->env_proxy = rv_strdup(rv_str(proxy));
    if (except != NULL) c->no_proxy = rv_strdup(rv_str(except));
}

/* Both ways of reading end here. */
static struct kube_config *config_done(struct kube_config *c, struct files *f, int r) {
    rv_arena_free(f->arena);
    if (r != 0) return kube_config_free(c);
    if (c->ns == NULL) c->ns = rv_strdup(RV_STR("default"));
    read_environment(c);
    c->peers = kube_peers_new();
    return c;
}

struct kube_config *kube_config_load(const struct kube_config_opts *o, struct rv_error *err) {
    struct kube_config *c = rv_alloc(sizeof *c);
    struct files f = {.arena = rv_arena_new()};
    return config_done(c, &f, load_any(c, &f, o, err));
}

struct kube_config *kube_config_parse(struct rv_str text, const char *name, const char *context, struct rv_error *err) {
    struct kube_config *c = rv_alloc(sizeof *c);
    struct files f = {.arena = rv_arena_new()};
    int r = add_text(&f, text, name, err);
    return config_done(c, &f, r != 0 ? r : resolve(c, &f, context, err));
}
