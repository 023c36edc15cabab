/* controller.h - what the Ray controllers share around a pass of rayvisor/controller.h: its context, whether the object
 * is managed by this operator, and its outcome. */
#ifndef RAY_CONTROLLER_H
#define RAY_CONTROLLER_H

#include "context.h"
#include "rayvisor/controller.h"

/* The context of the pass's object. The controller names its reporter. */
struct rc_context rc_context_of(const struct rv_pass *p);
/* Sets the outcome of the pass. */
void rc_set_outcome(struct rv_pass *p, const struct rv_outcome *out);
/* The outcome of a pass that only its context tells. When an action failed, the moment that was waited for still
 * counts.
 */
void rc_set_outcome_of(struct rv_pass *p, const struct rc_context *x);
/* True if spec.managedBy names another controller. The object must then be ignored. */
bool rc_managed_elsewhere(struct rv_val spec);

#endif
