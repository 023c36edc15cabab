/* quota.h - a plugin that asks for actions, and its own limits (`limits` of its entry in the configuration).
 *
 * Requests to the API server and what waits for others (HTTP, timers: msg_verb_waits()) have places of their own, so
 * that heads that hang hold up no write. */
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
    size_t reading;            /* bytes: room that is set aside for bodies that are being read */
};
/* The plugin's, made when it asks for the first time. c NULL, the supervisor itself: NULL. */
struct quota *quota_of(struct quota **list, const struct executor_client *c);
void quota_forget(struct quota **list, const struct executor_client *c);
void quota_free_all(struct quota **list);
/* NULL, or why there are more actions like this one open than the host was told: then it is not our host. */
const char *quota_exceeded(const struct quota *a, uint32_t verb);

#endif
