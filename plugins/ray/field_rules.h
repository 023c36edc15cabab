/* field_rules.h - the rules of the validators that concern one field, or two of the same object, as a table.
 *
 * A rule is written once: the validators ask field_rule_holds(), and field_rules_policy() prints the same rows as CEL
 * for a ValidatingAdmissionPolicy. So both cannot differ. Rules that need more (a list of forbidden names, a version, a
 * feature gate, another object's name) are code in the validators and are not in the policy. */
#ifndef RAY_FIELD_RULES_H
#define RAY_FIELD_RULES_H

#include "rayvisor/value.h"

/* What has the field: metadata of each kind, and the parts of a spec wherever they stand. */
enum field_holder {
    HOLDER_CLUSTER_METADATA,
    HOLDER_JOB_METADATA,
    HOLDER_SERVICE_METADATA,
    HOLDER_CRONJOB_METADATA,
    HOLDER_CLUSTER_SPEC,
    HOLDER_GROUP,
    HOLDER_JOB_SPEC,
    HOLDER_SERVICE_SPEC
};

enum field_form {
    FIELD_AT_LEAST,  /* a number, at least `bound`; may be absent */
    FIELD_NO_LONGER, /* a text of at most `bound` characters */
    FIELD_ONE_OF,    /* a text that is empty, absent or one of `words` */
    FIELD_NO_MORE    /* a number (absent: 0) that is not above that of the field `words` (absent: bound) */
};

/* X(NAME, id, holder, field, form, bound, words) */
#define FIELD_RULES(X)                                                                                                 \
    X(CLUSTER_NAME, "cluster-name-length", HOLDER_CLUSTER_METADATA, "name", FIELD_NO_LONGER, 53, "")                   \
    X(JOB_NAME, "job-name-length", HOLDER_JOB_METADATA, "name", FIELD_NO_LONGER, 47, "")                               \
    X(SERVICE_NAME, "service-name-length", HOLDER_SERVICE_METADATA, "name", FIELD_NO_LONGER, 47, "")                   \
    X(CRONJOB_NAME, "cronjob-name-length", HOLDER_CRONJOB_METADATA, "name", FIELD_NO_LONGER, 36, "")                   \
    X(AUTOSCALER_IDLE, "autoscaler-idle-timeout", HOLDER_CLUSTER_SPEC, "autoscalerOptions.idleTimeoutSeconds",         \
      FIELD_AT_LEAST, 0, "")                                                                                           \
    X(GROUP_MIN, "group-min-replicas", HOLDER_GROUP, "minReplicas", FIELD_AT_LEAST, 0, "")                             \
    X(GROUP_MAX, "group-max-replicas", HOLDER_GROUP, "maxReplicas", FIELD_AT_LEAST, 0, "")                             \
    X(GROUP_ORDER, "group-min-above-max", HOLDER_GROUP, "minReplicas", FIELD_NO_MORE, INT32_MAX, "maxReplicas")        \
    X(GROUP_HOSTS, "group-hosts", HOLDER_GROUP, "numOfHosts", FIELD_AT_LEAST, 0, "")                                   \
    X(GROUP_REPLICAS, "group-replicas", HOLDER_GROUP, "replicas", FIELD_AT_LEAST, 0, "")                               \
    X(GROUP_IDLE, "group-idle-timeout", HOLDER_GROUP, "idleTimeoutSeconds", FIELD_AT_LEAST, 0, "")                     \
    X(JOB_TTL, "job-ttl", HOLDER_JOB_SPEC, "ttlSecondsAfterFinished", FIELD_AT_LEAST, 0, "")                           \
    X(JOB_DEADLINE, "job-deadline", HOLDER_JOB_SPEC, "activeDeadlineSeconds", FIELD_AT_LEAST, 1, "")                   \
    X(JOB_PRE_RUNNING, "job-pre-running-deadline", HOLDER_JOB_SPEC, "preRunningDeadlineSeconds", FIELD_AT_LEAST, 1,    \
      "")                                                                                                              \
    X(JOB_BACKOFF, "job-backoff-limit", HOLDER_JOB_SPEC, "backoffLimit", FIELD_AT_LEAST, 0, "")                        \
    X(JOB_MODE, "job-submission-mode", HOLDER_JOB_SPEC, "submissionMode", FIELD_ONE_OF, 0,                             \
      "K8sJobMode HTTPMode InteractiveMode SidecarMode")                                                               \
    X(SERVICE_STRATEGY, "service-upgrade-strategy", HOLDER_SERVICE_SPEC, "upgradeStrategy.type", FIELD_ONE_OF, 0,      \
      "NewClusterWithIncrementalUpgrade NewCluster None")

enum field_rule_name {
#define FIELD_X(name, id, holder, field, form, bound, words) RULE_##name,
    FIELD_RULES(FIELD_X)
#undef FIELD_X
        RULE_COUNT
};

struct field_rule {
    const char *id, *field;
    enum field_holder holder;
    enum field_form form;
    int64_t bound;
    const char *words;
};
extern const struct field_rule field_rules[RULE_COUNT];

/* holder: the value that has the field. */
bool field_rule_holds(enum field_rule_name rule, struct rv_val holder);
/* The same for the text of the field itself. */
bool field_rule_allows(enum field_rule_name rule, struct rv_str text);
/* The field's number as the rule reads it. */
int64_t field_rule_number(enum field_rule_name rule, struct rv_val holder);
/* Prints, as YAML, a ValidatingAdmissionPolicy and its binding for each kind. user: the operator's own name, whose
 * requests are not judged. */
void field_rules_policy(struct rv_str user, struct rv_buf *out);

#endif
