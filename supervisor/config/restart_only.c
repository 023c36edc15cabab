/* restart_only.c - keys of the configuration that take effect at a restart only (see config.h). */
#include "config.h"

static bool texts_differ(const struct schema_texts *a, const struct schema_texts *b) {
    bool differ = a->n != b->n;
    for (size_t i = 0; !differ && i < a->n; i++) differ = !rv_str_eq(a->list[i], b->list[i]);
    return differ;
}

static bool lead_differs(const struct config_lead *a, const struct config_lead *b) {
    return a->enabled != b->enabled || !rv_str_eq(a->ns, b->ns) || !rv_str_eq(a->name, b->name) ||
           a->duration_s != b->duration_s || a->renew_s != b->renew_s || a->retry_s != b->retry_s;
}

static bool other_differs(const struct config_other *a, const struct config_other *b) {
    return a->action != b->action || !rv_str_eq(a->lease, b->lease) || texts_differ(&a->namespaces, &b->namespaces);
}

static bool tap_differs(const struct config *a, const struct config *b) {
    return a->tap != b->tap || a->tap_queue != b->tap_queue || !rv_str_eq(a->tap_endpoint, b->tap_endpoint);
}

static bool admission_differs(const struct config_admission *a, const struct config_admission *b) {
    return a->enabled != b->enabled || !rv_str_eq(a->bind, b->bind) || !rv_str_eq(a->ns, b->ns) ||
           !rv_str_eq(a->name, b->name) || !rv_str_eq(a->url, b->url) || a->failure_policy != b->failure_policy ||
           a->timeout_s != b->timeout_s || a->rotate_min != b->rotate_min;
}

int config_check_restart(const struct config *a, const struct config *b, struct rv_error *err) {
    const struct {
        const char *key;
        bool differs;
    } fixed[] = {{"mode", a->mode != b->mode},
                 {"runtimeDir", !rv_str_eq(a->runtime_dir, b->runtime_dir)},
                 {"hostBinary", !rv_str_eq(a->host_binary, b->host_binary)},
                 {"http.bind", !rv_str_eq(a->bind, b->bind)},
                 {"http.probeBind", !rv_str_eq(a->probe_bind, b->probe_bind)},
                 {"leaderElection", lead_differs(&a->lead, &b->lead)},
                 {"otherOperator", other_differs(&a->other, &b->other)},
                 {"twin", a->twin_grace_s != b->twin_grace_s},
                 {"tap", tap_differs(a, b)},
                 {"admission", admission_differs(&a->admission, &b->admission)},
                 {"kubernetes.kubeconfig", !rv_str_eq(a->kubeconfig, b->kubeconfig)},
                 {"kubernetes.context", !rv_str_eq(a->context, b->context)},
                 {"kubernetes.namespaces", texts_differ(&a->namespaces, &b->namespaces)},
                 {"kubernetes.maxConnections", a->max_connections != b->max_connections}};
    for (size_t i = 0; i < RV_ARRAY_LEN(fixed); i++)
        if (fixed[i].differs)
            return rv_error_set(err, RV_E_CONFIG,
                                "%s: %s takes effect at a restart only: restart rayvisord, or put the old value back",
                                b->doc.file, fixed[i].key);
    return 0;
}
