/* rules.h - the rules of a Kubernetes API server as one table, which a storage is given at its birth. */
#ifndef RV_SANDBOX_RULES_H
#define RV_SANDBOX_RULES_H

#include "deploy/sandbox/storage.h"

extern const struct sb_rules sb_kubernetes_rules;

/* A PUT must say which version it replaces. */
bool sb_needs_version(const struct sb_resource *r);

#endif
