/* config.h - one resolved context of a kubeconfig, for client.c and auth.c. Internal to this folder. */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <sys/types.h>

#include "kube.h"

struct exec_plugin {
    /* `env` has entries NAME=value and ends with NULL. */
    char **argv, **env;
    char *api_version, *install_hint;
    bool with_cluster;            /* the plugin wants information about the cluster */
    char *cluster_config;         /* JSON from the cluster's entry for the plugin, or NULL */
    int64_t timeout_ms, pause_ms; /* 0 means 30 s for a run, and 5 s between two runs that did not help */
};

struct kube_config {
    char *server, *ns, *tls_server_name, *proxy;
    char *env_proxy, *no_proxy; /* from the environment; used if the kubeconfig names no proxy */
    bool insecure;
    struct rv_buf ca, client_cert, client_key; /* PEM */
    char *ca_file, *cert_file, *key_file;      /* the files from which they were read, or NULL */
    /* An exec plugin has the first priority, then the token file, the token, and the user with a password. */
    char *token, *token_file, *basic;
    struct exec_plugin *exec;
    struct kube_peers *peers;
};

/* Parses the text of one kubeconfig file. `name` is its path, which is used in errors and for relative paths. `context`
 * NULL means the current context. Returns NULL and sets err on an error. */
struct kube_config *kube_config_parse(struct rv_str text, const char *name, const char *context, struct rv_error *err);

/* ---- auth.c ---------------------------------------------------------------------------------------------- */

/* The present credentials. Files of tokens, certificates, keys and CAs are read again once a minute. An exec plugin
 * runs again shortly before its credential expires, without blocking the loop. */
struct kube_auth;
struct kube_auth *kube_auth_new(const struct kube_config *c,
                                /* With loop NULL, only kube_auth_refresh() fetches credentials. */
                                struct loop *loop);
struct kube_auth *kube_auth_free(struct kube_auth *a);

/* Call it before each use. READY: use the present credentials. WAIT: they are being fetched, and listeners are called
 * when that has ended. FAILED: there are none, and err says why; after a pause they are fetched again. */
enum kube_auth_state { KUBE_AUTH_READY, KUBE_AUTH_WAIT, KUBE_AUTH_FAILED };
enum kube_auth_state kube_auth_check(struct kube_auth *a, int64_t now_ns, struct rv_error *err);
/* The server has refused the credentials with this serial. Returns true if another try makes sense, because there are
 * or will be other credentials. */
bool kube_auth_rejected(struct kube_auth *a, unsigned serial, int64_t now_ns);
/* TLS has failed, perhaps because the certificate files have changed. They are read again at the next use. */
void kube_auth_distrust_files(struct kube_auth *a);
struct kube_auth_listener;
struct kube_auth_listener *kube_auth_listen(struct kube_auth *a, void (*fn)(void *arg), void *arg);
struct kube_auth_listener *kube_auth_unlisten(struct kube_auth_listener *l);
/* The same, but blocking while an exec plugin runs. For the start of the process. */
int kube_auth_refresh(struct kube_auth *a, int64_t now_ns, bool rejected, struct rv_error *err);

const char *kube_auth_header(const struct kube_auth *a); /* "Bearer ..."; NULL if there is none */
/* PEM; empty if there is none. Valid until the generation changes. */
struct rv_bytes kube_auth_ca(const struct kube_auth *a);
struct rv_bytes kube_auth_cert(const struct kube_auth *a);
struct rv_bytes kube_auth_key(const struct kube_auth *a);
unsigned kube_auth_generation(const struct kube_auth *a); /* changes when one of these three changes */
unsigned kube_auth_serial(const struct kube_auth *a);     /* counts the credentials from an exec plugin */
/* What an exec plugin has printed: an ExecCredential. */
int kube_auth_take_exec(struct kube_auth *a, struct rv_str json, int64_t now_ns, struct rv_error *err);
pid_t kube_auth_child(const struct kube_auth *a); /* the pid of the running exec plugin, or 0 */

#endif
