/* op_trail.h - tells the trail (supervisor/trail) what becomes of an action. */
#ifndef ACTIONS_OP_TRAIL_H
#define ACTIONS_OP_TRAIL_H

#include "executor_internal.h"

void op_trail_asked(struct op *op); /* a plugin asks for it. A Kubernetes event is all but done with that */
void op_trail_ended(struct op *op, const struct rv_result *r);

#endif
