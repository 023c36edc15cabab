/* features.c - see features.h. */
#include "features.h"

#include "cluster.h"
#include "fields.h"

static int autoscaler_version(struct rv_val options) {
    struct rv_str version = rv_path_str(options, "version");
    return rv_str_is(version, "v2") ? 2 : rv_str_is(version, "v1") ? 1 : 0;
}

static void fault_tolerance(struct rc_features *f, const struct rc_cluster *c) {
    f->ft_options = rv_val_get(c->spec, "gcsFaultToleranceOptions");
    bool options = rv_val_set(f->ft_options);
    f->ft = options || rv_str_ieq(rc_annotation(c, RC_ANNOTATION_FT_ENABLED), "true");
    f->ft_rocksdb = options && rv_str_is(rv_path_str(f->ft_options, "backend"), "rocksdb");
    f->ft_redis = f->ft && !f->ft_rocksdb;
}

static void authentication(struct rc_features *f, const struct rc_cluster *c) {
    struct rv_val auth = rv_val_get(c->spec, "authOptions");
    struct rv_str mode = rv_path_str(auth, "mode");
    f->token = rv_str_is(mode, "token");
    f->kubernetes_token = rv_path_bool(auth, "enableK8sTokenAuth", false);
    f->token_secret = rv_path_str(auth, "secretName");
    f->own_secret = rv_val_set(auth) && !rv_str_is(mode, "disabled") && !f->kubernetes_token && f->token_secret.n == 0;
}

/* The plugin speaks to version 2 of Ray's control store. */
static enum rc_autoscaler_mode autoscaler_mode(const struct rc_features *f, const struct rc_cluster *c) {
    if (!f->autoscaling) return RC_AUTOSCALER_NONE;
    struct rv_str mode = rc_annotation(c, RC_ANNOTATION_AUTOSCALER);
    if (mode.n == 0) mode = c->settings->autoscaler_mode;
    bool can = f->autoscaler != 1;
    if (rv_str_is(mode, "operator") && can) return RC_AUTOSCALER_OPERATOR;
    return rv_str_is(mode, "shadow") && can ? RC_AUTOSCALER_SHADOW : RC_AUTOSCALER_SIDECAR;
}

void rc_features_read(struct rc_features *f, const struct rc_cluster *c) {
    *f = (struct rc_features){.autoscaling = rv_path_bool(c->spec, "enableInTreeAutoscaling", false),
                              .autoscaler_options = rv_val_get(c->spec, "autoscalerOptions"),
                              .collector = RV_VAL_ABSENT};
    if (f->autoscaling) f->autoscaler = autoscaler_version(f->autoscaler_options);
    fault_tolerance(f, c);
    authentication(f, c);
    f->tls = rc_gate(c->settings, RC_GATE_MTLS, false) && rv_path_bool(c->spec, "tlsOptions.enabled", false);
    f->mode = autoscaler_mode(f, c);
    if (rc_gate(c->settings, RC_GATE_HISTORY, false)) {
        struct rv_val collector = rv_val_path(c->spec, "historyServerOptions.collectorOptions");
        if (rv_val_set(collector)) f->collector = collector;
    }
    for (struct rv_iter it = rv_iter(rc_groups(c)); rv_iter_next(&it);)
        f->multi_host |= rv_path_int(it.val, "numOfHosts", 1) > 1;
}
