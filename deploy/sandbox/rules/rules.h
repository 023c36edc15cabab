/* rules.h - the rules of a Kubernetes API server as one table, for the storage. */
#ifndef RV_SANDBOX_RULES_H
#define RV_SANDBOX_RULES_H

#include "deploy/sandbox/storage.h"

extern const struct sb_rules sb_kubernetes_rules;

/* True if a PUT must name the version that it replaces. */
bool sb_needs_version(const struct sb_resource *r);

#endif
