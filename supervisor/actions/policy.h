/* policy.h - decides whether a plugin may do something. The default is no. An action needs a grant for its resource and
 * its verb and, if the grant lists namespaces, its namespace. An HTTP request needs a URL pattern
 * (supervisor/config/url.h). A credential in it needs a grant for that Secret and key. Before all this the action must
 * be well-formed (ipc/protocol/action_check.h). So the request that is sent is the one that was checked. */
#ifndef ACTIONS_POLICY_H
#define ACTIONS_POLICY_H

#include "ipc/protocol/msg.h"
#include "supervisor/config/config.h"

/* The name of a verb in grants ("create", "patch", ...). */
const char *policy_verb(uint32_t verb);
/* Returns 0, or RV_E_DENIED with a text that says which grant is missing. */
int policy_check(const struct config_plugin *p, const struct msg_action *a, struct rv_error *err);

#endif
