/* withhold.h - what a twin does with an action (supervisor/README.md, "Twin"): reads pass, and everything else is
 * withheld and compared with what is there. */
#ifndef ACTIONS_WITHHOLD_H
#define ACTIONS_WITHHOLD_H

#include "executor_internal.h"

/* Returns true if the action is withheld. Its result is MSG_WITHHELD, and comes when the object has been compared. */
bool withhold_op(struct op *op);
/* Whether a request to Ray changes nothing: a GET or HEAD, or a gRPC call that is called Get... */
bool withhold_passes_http(const struct rv_http_request *r);

#endif
