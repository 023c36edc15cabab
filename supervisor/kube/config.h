/* config.h - a resolved kubeconfig context, as client.c and auth.c see it. Internal to this folder. */
#ifndef KUBE_CONFIG_H
#define KUBE_CONFIG_H

#include "supervisor/kube/kube.h"

struct exec_plugin {
    char **argv, **env; /* env: NAME=value, NULL-terminated */
    char *api_version, *install_hint;
    bool with_cluster;    /* the plugin is told which cluster it is for */
    char *cluster_config; /* JSON that the cluster entry keeps for it, or NULL */
};

struct kube_config {
    char *server, *ns, *tls_server_name, *proxy;
    bool insecure;
    struct rv_buf ca, client_cert, client_key; /* PEM */
    char *token, *token_file, *basic;          /* exec counts first, then the file, the token, user and password */
    struct exec_plugin *exec;
};

/* One kubeconfig file as text; name is its path, for errors and relative paths. context: NULL for the current one. */
struct kube_config *kube_config_parse(struct rv_str text, const char *name, const char *context, struct rv_error *err);

/* auth.c: the current Authorization header's value ("Bearer ..."), or NULL when there is none. Re-reads token files
 * that are a minute old and runs the exec plugin when its credential has expired. */
struct kube_auth;
struct kube_auth *kube_auth_new(const struct kube_config *c);
struct kube_auth *kube_auth_free(struct kube_auth *a);
int kube_auth_refresh(struct kube_auth *a, int64_t now_ns, bool rejected, struct rv_error *err);
const char *kube_auth_header(const struct kube_auth *a);
/* Client certificate and key that an exec plugin gave; empty when none. */
struct rv_bytes kube_auth_cert(const struct kube_auth *a);
struct rv_bytes kube_auth_key(const struct kube_auth *a);
unsigned kube_auth_generation(const struct kube_auth *a); /* changes when certificate or key do */

#endif
