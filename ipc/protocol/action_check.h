/* action_check.h - is an action one request about what it says, or could its texts make another request of it?
 *
 * A name that is empty, or has a '/', '%' or ':' in it, turns the path of a request into that of another one: of a
 * list, of a subresource, of a proxy. So names, namespaces, resources and subresources must be names as Kubernetes has
 * them. The host asks here before it sends an action, and the supervisor before it looks at the grants, because a host
 * may be anybody's. */
#ifndef RV_IPC_PROTOCOL_ACTION_CHECK_H
#define RV_IPC_PROTOCOL_ACTION_CHECK_H

#include "msg.h"

/* 0, or RV_E_INVALID with a text that says what is wrong. */
int action_check(const struct msg_action *m, struct rv_error *err);

#endif
