/* features.h - which of the optional features a RayCluster asks for. They are read once and used by every builder.
 *
 * The rules are the reference's (spec 1.4, 1.5, 9). An annotation or an options object may switch a feature on, and
 * some features need a feature gate. Contradictions were refused by the validation before anything here is acted on. */
#ifndef RAYCLUSTER_FEATURES_H
#define RAYCLUSTER_FEATURES_H

#include "rayvisor/value.h"

struct rc_cluster;

/* Who scales a cluster with enableInTreeAutoscaling. In shadow mode it is the sidecar, and the plugin autoscaler looks
 * on. */
enum rc_autoscaler_mode { RC_AUTOSCALER_NONE, RC_AUTOSCALER_SIDECAR, RC_AUTOSCALER_SHADOW, RC_AUTOSCALER_OPERATOR };

struct rc_features {
    bool autoscaling;
    int autoscaler; /* version: 1, 2, or 0 where Ray decides */
    enum rc_autoscaler_mode mode;
    bool ft; /* GCS fault tolerance, in whichever way */
    bool ft_rocksdb, ft_redis;
    bool token, kubernetes_token; /* authOptions.mode token; its tokens are the API server's */
    bool own_secret;              /* the token's Secret is made by us */
    bool tls;
    bool multi_host;
    struct rv_val ft_options, autoscaler_options, collector; /* absent when not given */
    struct rv_str token_secret;                              /* name as the user gave it; empty: ours */
};

/* Has the head pod a container that scales? */
static inline bool rc_has_sidecar(const struct rc_features *f) {
    return f->mode == RC_AUTOSCALER_SIDECAR || f->mode == RC_AUTOSCALER_SHADOW;
}

void rc_features_read(struct rc_features *f, const struct rc_cluster *c);

#endif
