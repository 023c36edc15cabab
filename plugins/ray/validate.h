/* validate.h - what the two files of the validation share: validate.c (metadata, groups, autoscaler, strategy) and
 * validate_features.c (fault tolerance, history server, authentication, network policy, TLS). Internal. */
#ifndef RAYCLUSTER_VALIDATE_H
#define RAYCLUSTER_VALIDATE_H

#include "cluster.h"
#include "reject.h"

struct check {
    const struct rc_cluster *c;
    struct rv_buf *out;
};

/* Every rule returns true when it has rejected something. */
/* What a feature needs of rayVersion. True when it rejected. */
bool check_need_version(struct check *k, const char *what, int64_t major, int64_t minor);
/* The env entry of that name, or absent. */
struct rv_val check_env(struct rv_val container, const char *name);
bool check_non_empty(struct rv_val map, const char *key);

bool check_fault_tolerance(struct check *k);
bool check_history(struct check *k);
bool check_authentication(struct check *k);
bool check_network_policy(struct check *k);
bool check_tls(struct check *k);

#endif
