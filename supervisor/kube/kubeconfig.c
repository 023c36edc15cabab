/* kubeconfig.c - which server and which credentials: kubeconfig files by kubectl's rules, or the pod's own (see
 * kube.h).
 *
 * Several files in $KUBECONFIG are merged: for each name the first file that has it wins. Relative paths inside a file
 * are relative to that file. */
#include "config.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "yaml_tree.h"

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
enum { PEM_MAX = 1 << 20 };

static char *text_or_null(struct rv_node *n) {
    struct rv_str s = rv_node_text(n);
    return s.n != 0 ? rv_strdup(s) : NULL;
}

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
    rv_buf_free(&c->ca);
    rv_buf_free(&c->client_cert);
    wipe_buf(&c->client_key);
    wipe_text(c->token);
    wipe_text(c->basic);
    free(c->token_file);
    if (c->exec != NULL) {
        strings_free(c->exec->argv);
        strings_free(c->exec->env);
        free(c->exec->api_version);
        free(c->exec->install_hint);
        free(c->exec);
    }
    free(c);
    return NULL;
}

const char *kube_config_server(const struct kube_config *c) { return c->server; }
const char *kube_config_namespace(const struct kube_config *c) { return c->ns; }

/* ---- base64 --------------------------------------------------------------------------------------------- */

static int base64_digit(char c) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c != 0 ? strchr(alphabet, c) : NULL;
    return p != NULL ? (int)(p - alphabet) : -1;
}

static int base64_decode(struct rv_str s, struct rv_buf *out) {
    uint32_t word = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '=' || s.p[i] == '\n' || s.p[i] == '\r' || s.p[i] == ' ') continue;
        int d = base64_digit(s.p[i]);
        if (d < 0) return -EINVAL;
        word = word << 6 | (uint32_t)d;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        rv_buf_addc(out, (uint8_t)(word >> bits));
    }
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

struct source { /* one kubeconfig file */
    const char *path;
    struct rv_node *root;
};

struct files {
    struct rv_arena *arena;
    struct source list[16];
    size_t n;
};

static int load_file(struct files *f, const char *path, struct rv_error *err) {
    if (f->n == RV_ARRAY_LEN(f->list))
        return rv_error_set(err, RV_E_CONFIG, "KUBECONFIG names more than %zu files", RV_ARRAY_LEN(f->list));
    struct rv_node *root = yaml_tree_load(f->arena, path, err);
    if (root == NULL) return err != NULL ? err->code : RV_E_CONFIG;
    if (rv_node_type(root) != RV_MAP)
        return rv_error_set(err, RV_E_CONFIG, "%s:1: a kubeconfig is a mapping with clusters, users and contexts",
                            path);
    f->list[f->n++] = (struct source){rv_arena_str(f->arena, rv_str(path)).p, root};
    return 0;
}

static int load_paths(struct files *f, const char *paths, struct rv_error *err) {
    for (const char *p = paths; *p != 0;) {
        size_t n = strcspn(p, ":");
        if (n != 0) {
            rv_autofree char *path = rv_strdup((struct rv_str){p, n});
            bool several = strchr(paths, ':') != NULL;
            if (!(several && access(path, F_OK) != 0)) { /* of several files, some may be missing */
                int r = load_file(f, path, err);
                if (r != 0) return r;
            }
        }
        p += n + (p[n] == ':');
    }
    return 0;
}

/* The entry of that name in the list (clusters, users, contexts), with the file it stands in. */
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

/* `<key>-data` as base64, or the file that `<key>` names. */
static int load_pem(const struct source *in, struct rv_node *map, const char *key, struct rv_buf *out,
                    struct rv_error *err) {
    rv_autobuf struct rv_buf data_key = {0};
    rv_buf_addf(&data_key, "%s-data", key);
    struct rv_str data = rv_node_text(rv_node_get(map, rv_buf_cstr(&data_key)));
    if (data.n != 0) {
        if (base64_decode(data, out) == 0) return 0;
        return rv_error_set(err, RV_E_CONFIG, "%s: %s is not base64", in->path, rv_buf_cstr(&data_key));
    }
    struct rv_str path = rv_node_text(rv_node_get(map, key));
    if (path.n == 0) return 0;
    rv_autofree char *full = beside(in, path);
    return file_read(full, PEM_MAX, out, err);
}

/* ---- parts ---------------------------------------------------------------------------------------------- */

static int read_cluster(struct kube_config *c, const struct source *in, struct rv_node *cluster, struct rv_error *err) {
    c->server = text_or_null(rv_node_get(cluster, "server"));
    if (c->server == NULL ||
        (!rv_str_starts(rv_str(c->server), "https://") && !rv_str_starts(rv_str(c->server), "http://")))
        return rv_error_set(err, RV_E_CONFIG, "%s: the cluster's server must be an http:// or https:// URL", in->path);
    for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--) c->server[n - 1] = 0;
    c->insecure = rv_node_to_bool(rv_node_get(cluster, "insecure-skip-tls-verify"), false);
    c->tls_server_name = text_or_null(rv_node_get(cluster, "tls-server-name"));
    c->proxy = text_or_null(rv_node_get(cluster, "proxy-url"));
    return load_pem(in, cluster, "certificate-authority", &c->ca, err);
}

static char **string_list(struct rv_node *array, struct rv_str first) {
    size_t n = 0, len = rv_node_len(array);
    char **list = rv_alloc_array(len + 2, sizeof *list);
    if (first.n != 0) list[n++] = rv_strdup(first);
    for (size_t i = 0; i < len; i++) list[n++] = rv_strdup(rv_node_text(rv_node_at(array, i)));
    return list;
}

static int read_exec(struct kube_config *c, const struct source *in, struct rv_node *exec, struct rv_error *err) {
    struct rv_str command = rv_node_text(rv_node_get(exec, "command")),
                  version = rv_node_text(rv_node_get(exec, "apiVersion"));
    if (command.n == 0) return rv_error_set(err, RV_E_CONFIG, "%s: users[].user.exec.command is missing", in->path);
    if (!rv_str_is(version, "client.authentication.k8s.io/v1") &&
        !rv_str_is(version, "client.authentication.k8s.io/v1beta1"))
        return rv_error_set(err, RV_E_CONFIG,
                            "%s: users[].user.exec.apiVersion must be client.authentication.k8s.io/v1 or v1beta1",
                            in->path);
    c->exec = rv_alloc(sizeof *c->exec);
    c->exec->api_version = rv_strdup(version);
    c->exec->install_hint = text_or_null(rv_node_get(exec, "installHint"));
    /* A command with a slash is relative to the file, like every path. */
    rv_autofree char *full = memchr(command.p, '/', command.n) != NULL ? beside(in, command) : rv_strdup(command);
    c->exec->argv = string_list(rv_node_get(exec, "args"), rv_str(full));
    struct rv_node *env = rv_node_get(exec, "env");
    c->exec->env = rv_alloc_array(rv_node_len(env) + 1, sizeof *c->exec->env);
    for (size_t i = 0; i < rv_node_len(env); i++) {
        rv_autobuf struct rv_buf b = {0};
        struct rv_node *e = rv_node_at(env, i);
        rv_buf_addf(&b, RV_STR_FMT "=" RV_STR_FMT, RV_STR_ARG(rv_node_text(rv_node_get(e, "name"))),
                    RV_STR_ARG(rv_node_text(rv_node_get(e, "value"))));
        c->exec->env[i] = rv_strdup(rv_buf_str(&b));
    }
    return 0;
}

static int read_user(struct kube_config *c, const struct source *in, struct rv_node *user, struct rv_error *err) {
    int r = load_pem(in, user, "client-certificate", &c->client_cert, err);
    if (r == 0) r = load_pem(in, user, "client-key", &c->client_key, err);
    if (r != 0) return r;
    c->token = text_or_null(rv_node_get(user, "token"));
    struct rv_str token_file = rv_node_text(rv_node_get(user, "tokenFile"));
    if (token_file.n != 0) c->token_file = beside(in, token_file);
    struct rv_str name = rv_node_text(rv_node_get(user, "username")),
                  password = rv_node_text(rv_node_get(user, "password"));
    if (name.n != 0) {
        rv_autobuf struct rv_buf b = {0};
        rv_buf_addf(&b, RV_STR_FMT ":" RV_STR_FMT, RV_STR_ARG(name), RV_STR_ARG(password));
        c->basic = rv_strdup(rv_buf_str(&b));
        explicit_bzero(b.p, b.cap);
    }
    if (rv_node_get(user, "auth-provider") != NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "%s: users[].user.auth-provider was removed from Kubernetes: use an exec plugin", in->path);
    struct rv_node *exec = rv_node_get(user, "exec");
    return rv_node_type(exec) == RV_MAP ? read_exec(c, in, exec, err) : 0;
}

static int resolve(struct kube_config *c, struct files *f, const char *context, struct rv_error *err) {
    struct rv_str name = rv_str(context);
    for (size_t i = 0; name.n == 0 && i < f->n; i++)
        name = rv_node_text(rv_node_get(f->list[i].root, "current-context"));
    const char *first = f->n != 0 ? f->list[0].path : "kubeconfig";
    if (name.n == 0) return rv_error_set(err, RV_E_CONFIG, "%s: no current-context: name one with --context", first);
    struct source *in = NULL;
    struct rv_node *ctx = find_entry(f, "contexts", "context", name, &in);
    if (ctx == NULL)
        return rv_error_set(err, RV_E_CONFIG, "%s: there is no context \"" RV_STR_FMT "\"", first, RV_STR_ARG(name));
    struct rv_str cluster = rv_node_text(rv_node_get(ctx, "cluster")), user = rv_node_text(rv_node_get(ctx, "user"));
    c->ns = text_or_null(rv_node_get(ctx, "namespace"));
    struct rv_node *entry = find_entry(f, "clusters", "cluster", cluster, &in);
    if (entry == NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "%s: context \"" RV_STR_FMT "\" names cluster \"" RV_STR_FMT "\", which is not there",
                            first, RV_STR_ARG(name), RV_STR_ARG(cluster));
    int r = read_cluster(c, in, entry, err);
    if (r != 0 || user.n == 0) return r;
    entry = find_entry(f, "users", "user", user, &in);
    if (entry == NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "%s: context \"" RV_STR_FMT "\" names user \"" RV_STR_FMT "\", who is not there", first,
                            RV_STR_ARG(name), RV_STR_ARG(user));
    return read_user(c, in, entry, err);
}

/* ---- in a pod ------------------------------------------------------------------------------------------- */

static bool in_pod(void) { return getenv("KUBERNETES_SERVICE_HOST") != NULL && access(POD_DIR "/token", R_OK) == 0; }

static int pod_config(struct kube_config *c, struct rv_error *err) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    rv_autobuf struct rv_buf b = {0};
    if (host == NULL) return rv_error_set(err, RV_E_CONFIG, "KUBERNETES_SERVICE_HOST is not set");
    bool v6 = strchr(host, ':') != NULL;
    rv_buf_addf(&b, "https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port != NULL ? port : "443");
    c->server = rv_strdup(rv_buf_str(&b));
    c->token_file = rv_strdup(RV_STR(POD_DIR "/token"));
    rv_buf_clear(&b);
    if (file_read(POD_DIR "/namespace", 4096, &b, NULL) == 0) {
        while (b.n > 0 && (b.p[b.n - 1] == '\n' || b.p[b.n - 1] == ' ')) b.n--;
        c->ns = rv_strdup(rv_buf_str(&b));
    }
    return file_read(POD_DIR "/ca.crt", PEM_MAX, &c->ca, err);
}

static int load_any(struct kube_config *c, struct files *f, const struct kube_config_opts *o, struct rv_error *err) {
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    const char *paths = o->kubeconfig != NULL && o->kubeconfig[0] != 0 ? o->kubeconfig
                        : env != NULL && env[0] != 0                   ? env
                                                                       : NULL;
    if (paths == NULL && in_pod()) return pod_config(c, err);
    rv_autobuf struct rv_buf fallback = {0};
    rv_buf_addf(&fallback, "%s/.kube/config", home != NULL ? home : "");
    if (paths == NULL && access(rv_buf_cstr(&fallback), R_OK) != 0)
        return rv_error_set(
            err, RV_E_CONFIG,
            "no Kubernetes cluster is named: set kubernetes.kubeconfig, KUBECONFIG or ~/.kube/config, or run in a pod");
    int r = load_paths(f, paths != NULL ? paths : rv_buf_cstr(&fallback), err);
    return r != 0 ? r : resolve(c, f, o->context, err);
}

struct kube_config *kube_config_load(const struct kube_config_opts *o, struct rv_error *err) {
    struct kube_config *c = rv_alloc(sizeof *c);
    struct files f = {.arena = rv_arena_new()};
    int r = load_any(c, &f, o, err);
    rv_arena_free(f.arena);
    if (r != 0) return kube_config_free(c);
    if (c->ns == NULL) c->ns = rv_strdup(RV_STR("default"));
    return c;
}
