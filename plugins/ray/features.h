/* features.h - which of the optional features a RayCluster uses. They are read once and used by every builder.
 *
 * The rules are the reference's (spec 1.4, 1.5, 9). An annotation or an options object may switch a feature on, and
 * some features need a feature gate. The validation refuses contradictions before anything here is used. */
#ifndef RAYCLUSTER_FEATURES_H
#define RAYCLUSTER_FEATURES_H

#include "rayvisor/value.h"

struct rc_cluster;

/* Who scales a cluster with enableInTreeAutoscaling. In shadow mode the sidecar scales, and the plugin autoscaler only
 * observes. */
enum rc_autoscaler_mode { RC_AUTOSCALER_NONE, RC_AUTOSCALER_SIDECAR, RC_AUTOSCALER_SHADOW, RC_AUTOSCALER_OPERATOR };

struct rc_features {
    bool autoscaling;
    int autoscaler; /* the version: 1, 2, or 0 if Ray decides */
    enum rc_autoscaler_mode mode;
    bool ft; /* GCS fault tolerance of any kind */
    bool ft_rocksdb, ft_redis;
    /* authOptions.mode is token; and its tokens are those of the API server. */
    bool token, kubernetes_token;
    bool own_secret; /* the operator creates the token's Secret */
    bool tls;
    bool multi_host;
    struct rv_val ft_options, autoscaler_options, collector; /* absent if not given */
    struct rv_str token_secret;                              /* the name that the user gave; empty for our own */
};

/* True if the head pod has a container that scales. */
static inline bool rc_has_sidecar(const struct rc_features *f) {
    return f->mode == RC_AUTOSCALER_SIDECAR || f->mode == RC_AUTOSCALER_SHADOW;
}

void rc_features_read(struct rc_features *f, const struct rc_cluster *c);

#endif
