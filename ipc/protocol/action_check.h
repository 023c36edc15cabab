/* action_check.h - checks that the texts of an action cannot turn it into another request.
 *
 * A name that is empty or contains '/', '%' or ':' turns the path of a request into the path of another one: a list, a
 * subresource or a proxy. So names, namespaces, resources and subresources must be valid Kubernetes names. The host
 * checks an action before it sends it. The supervisor checks it again before it looks at the grants, because it does
 * not trust the host. */
#ifndef RV_IPC_PROTOCOL_ACTION_CHECK_H
#define RV_IPC_PROTOCOL_ACTION_CHECK_H

#include "msg.h"

/* Returns 0, or RV_E_INVALID with a text that says what is wrong. */
int action_check(const struct msg_action *m, struct rv_error *err);

#endif
