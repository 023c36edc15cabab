/* quota.h - the limits of one plugin (`limits` of its entry in the configuration) and how much of them it uses.
 *
 * Requests to the API server are counted apart from what waits for others (HTTP requests and timers, see
 * msg_verb_waits()), so that a Ray head that hangs holds up no write. */
#ifndef ACTIONS_QUOTA_H
#define ACTIONS_QUOTA_H

#include "ipc/base/rate_limit.h"
#include "rayvisor/base.h"

struct executor_client;
struct quota {
    struct quota *next;
    const struct executor_client *client;
    struct rv_rate_limit rate; /* limits.actionsPerSecond */
    size_t open[2];            /* actions without a result; [1]: that wait for others */
    size_t bytes;              /* of these actions, as they are kept */
    size_t reading;            /* bytes: room that is set aside for bodies that are being read */
};
/* The client's quota, which is made when it asks for the first time. NULL for NULL, the supervisor itself. */
struct quota *quota_of(struct quota **list, const struct executor_client *c);
void quota_forget(struct quota **list, const struct executor_client *c);
void quota_free_all(struct quota **list);
/* NULL, or why too many actions like this one are open. Our host keeps the limits that it was told, so a host that
 * exceeds them is not ours. */
enum { QUOTA_BYTES_MAX = 16 << 20 /* the first action may be larger */ };
bool quota_bytes_exceeded(const struct quota *a, size_t bytes); /* bytes: of the action that came last */
const char *quota_exceeded(const struct quota *a, uint32_t verb);

#endif
