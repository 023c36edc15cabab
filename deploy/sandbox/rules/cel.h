/* cel.h - the part of the Common Expression Language that x-kubernetes-validations of our kinds need: self and oldSelf,
 * literals, lists, field selection, has(), size(), comparison, `in`, !, &&, || and parentheses. Anything else is
 * refused when the definition is created, never ignored. */
#ifndef RV_SANDBOX_CEL_H
#define RV_SANDBOX_CEL_H

#include "rayvisor/tree.h"

/* Is the rule one that cel_holds() can judge? *ret_transition: it looks at oldSelf. */
int cel_check(struct rv_str rule, bool *ret_transition, struct rv_error *err);
/* A rule that errs (a missing field) does not hold. */
bool cel_holds(struct rv_str rule, struct rv_val self, struct rv_val old_self);

#endif
