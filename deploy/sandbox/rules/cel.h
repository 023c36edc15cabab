/* cel.h - the part of the Common Expression Language that x-kubernetes-validations of our kinds need: self and oldSelf,
 * literals, lists, field selection, has(), size(), comparison, `in`, !, &&, || and parentheses. Anything else is
 * refused when the definition is created, and never ignored. */
#ifndef RV_SANDBOX_CEL_H
#define RV_SANDBOX_CEL_H

#include "rayvisor/tree.h"

/* Checks whether cel_holds() can evaluate the rule. *ret_transition: the rule uses oldSelf. */
int cel_check(struct rv_str rule, bool *ret_transition, struct rv_error *err);
/* Returns false for a rule with an error (such as a missing field). */
bool cel_holds(struct rv_str rule, struct rv_val self, struct rv_val old_self);

#endif
