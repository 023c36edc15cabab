/* rayrules.h - faults of Ray clusters, by rule. The newest rule that matches and sets the value is used. */
#ifndef RV_SANDBOX_SIM_RAYRULES_H
#define RV_SANDBOX_SIM_RAYRULES_H

#include "raynode.h"
#include "ruleset.h"

enum rayrule_text {
    RULE_DASHBOARD,
    RULE_CONSTRUCTOR_ERROR,
    RULE_STATUS,
    RULE_MESSAGE,
    RULE_PROXY,
    RULE_PATH,
    RULE_TEXTS
};
enum rayrule_number {
    RULE_CONSTRUCTOR_MS,
    RULE_REQUEST_MS,
    RULE_MS,
    RULE_HTTP_STATUS,
    RULE_BYTES,
    RULE_COUNT,
    RULE_NUMBERS
};
struct rayrule {
    struct sim_rule rule;
    char *ns, *prefix, *app;       /* NULL matches any */
    char *texts[RULE_TEXTS];       /* NULL if not set */
    int64_t numbers[RULE_NUMBERS]; /* negative if not set */
};

extern const struct sim_rule_type rayrules_type;

/* app NULL means the cluster as a whole. */
const char *rayrules_text(const struct ray_head *h, const char *app, enum rayrule_text what);
int64_t rayrules_number(const struct ray_head *h, const char *app, enum rayrule_number what, int64_t otherwise);
/* The rule that changes this request to a dashboard; it is counted. NULL if there is none. */
const struct rayrule *rayrules_dashboard(struct ray_head *h, struct rv_str path);

#endif
