/* config.h - a resolved kubeconfig context, as client.c and auth.c see it. Internal to this folder. */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include <sys/types.h>

#include "kube.h"

struct exec_plugin {
    char **argv, **env; /* env: NAME=value, NULL-terminated */
    char *api_version, *install_hint;
    bool with_cluster;            /* the plugin is told which cluster it is for */
    char *cluster_config;         /* JSON that the cluster entry keeps for it, or NULL */
    int64_t timeout_ms, pause_ms; /* 0: 30 s; 5 s between two runs that did not help */
};

struct kube_config {
    char *server, *ns, *tls_server_name, *proxy;
    char *env_proxy, *no_proxy; /* of the environment, where the kubeconfig names no proxy */
    bool insecure;
    struct rv_buf ca, client_cert, client_key; /* PEM */
    char *ca_file, *cert_file, *key_file;      /* where they came from, when from files */
    char *token, *token_file, *basic;          /* exec counts first, then the file, the token, user and password */
    struct exec_plugin *exec;
    struct kube_peers *peers;
};

/* One kubeconfig file as text; name is its path, for errors and relative paths. context: NULL for the current one. */
struct kube_config *kube_config_parse(struct rv_str text, const char *name, const char *context, struct rv_error *err);

/* ---- auth.c ---------------------------------------------------------------------------------------------- */

/* The current credentials. Token files are read again once a minute, as are the files of certificates, keys and CAs;
 * the exec plugin is run when its credential is about to expire, beside the loop. */
struct kube_auth;
struct kube_auth *kube_auth_new(const struct kube_config *c,
                                struct rv_loop *loop); /* loop NULL: kube_auth_refresh only */
struct kube_auth *kube_auth_free(struct kube_auth *a);

/* Called before each use. READY: use what there is. WAIT: they are being fetched; listeners are told when that is over.
 * FAILED: there are none, err says why; asked again after a pause. */
enum kube_auth_state { KUBE_AUTH_READY, KUBE_AUTH_WAIT, KUBE_AUTH_FAILED };
enum kube_auth_state kube_auth_check(struct kube_auth *a, int64_t now_ns, struct rv_error *err);
/* The server did not take the credentials of that serial. True: try again, there are or will be others. */
bool kube_auth_rejected(struct kube_auth *a, unsigned serial, int64_t now_ns);
/* TLS failed: the files of certificates may be newer than what we have. */
void kube_auth_distrust_files(struct kube_auth *a);
struct kube_auth_listener;
struct kube_auth_listener *kube_auth_listen(struct kube_auth *a, void (*fn)(void *arg), void *arg);
struct kube_auth_listener *kube_auth_unlisten(struct kube_auth_listener *l);
/* The same at once, blocking while an exec plugin runs: for the start. */
int kube_auth_refresh(struct kube_auth *a, int64_t now_ns, bool rejected, struct rv_error *err);

const char *kube_auth_header(const struct kube_auth *a); /* "Bearer ...", NULL: none */
/* PEM; empty when there is none. Valid until the generation changes. */
struct rv_bytes kube_auth_ca(const struct kube_auth *a);
struct rv_bytes kube_auth_cert(const struct kube_auth *a);
struct rv_bytes kube_auth_key(const struct kube_auth *a);
unsigned kube_auth_generation(const struct kube_auth *a); /* changes when one of the three does */
unsigned kube_auth_serial(const struct kube_auth *a);     /* counts what an exec plugin gave */
/* What an exec plugin has printed: an ExecCredential. */
int kube_auth_take_exec(struct kube_auth *a, struct rv_str json, int64_t now_ns, struct rv_error *err);
pid_t kube_auth_child(const struct kube_auth *a); /* the exec plugin that runs, or 0 */

#endif
