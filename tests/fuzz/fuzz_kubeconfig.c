/* fuzz_kubeconfig.c - a kubeconfig: any text gives a server and credentials, or one error that names the file. */
#include "supervisor/kube/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rv_error err = {0};
    struct kube_config *c =
        kube_config_parse((struct rv_str){(const char *)data, size}, "/nonexistent/kubeconfig", NULL, &err);
    if (c == NULL) {
        if (err.code == 0 || strstr(err.text, "/nonexistent/kubeconfig") == NULL) abort();
        return 0;
    }
    if (!rv_str_starts(rv_str(kube_config_server(c)), "http") || kube_config_namespace(c)[0] == 0) abort();
    if (c->insecure && c->ca.n != 0) abort();
    if (c->exec != NULL && (c->exec->argv[0] == NULL || c->exec->env == NULL)) abort();
    kube_config_free(c);
    return 0;
}
