/* What a credential plugin prints. Whatever it is, it ends in one header line and PEM, or in one error that names the
 * plugin; and there is always a time at which it is asked again. */
#include "supervisor/kube/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char kubeconfig[] =
    "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
    "clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]\n"
    "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: plugin}}}]\n"
    "contexts: [{name: c, context: {cluster: k, user: u}}]\n";

static void must(bool ok) {
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const int64_t now = INT64_C(1700000000000000000);
    struct rv_error err = {0};
    struct kube_config *c = kube_config_parse(rv_str(kubeconfig), "kubeconfig", NULL, &err);
    must(c != NULL);
    struct kube_auth *a = kube_auth_new(c, NULL);
    int code = kube_auth_take_exec(a, (struct rv_str){(const char *)data, size}, now, &err);
    const char *header = kube_auth_header(a);
    must(code == 0 || strstr(err.text, "plugin") != NULL);
    must(code != 0 || header != NULL || kube_auth_cert(a).n != 0);
    must(header == NULL || rv_str_starts(rv_str(header), "Bearer "));
    for (const char *h = header; h != NULL && *h != 0; h++) must((unsigned char)*h >= ' ' && *h != 0x7f);
    must(kube_auth_cert(a).n <= size && kube_auth_key(a).n <= size);
    kube_auth_free(a);
    kube_config_free(c);
    return 0;
}
