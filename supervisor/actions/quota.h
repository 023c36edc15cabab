/* quota.h - the limits of one plugin (`limits` of its entry in the configuration), and how much of them it uses.
 *
 * Requests to the API server are counted separately from actions that wait for others (HTTP requests and timers, see
 * msg_verb_waits()). So a Ray head that hangs blocks no write. */
#ifndef ACTIONS_QUOTA_H
#define ACTIONS_QUOTA_H

#include "ipc/base/rate_limit.h"
#include "rayvisor/base.h"

struct executor_client;
struct quota {
    struct quota *next;
    const struct executor_client *client;
    struct rate_limit rate; /* limits.actionsPerSecond */
    size_t open[2];         /* actions without a result; [1] are those that wait for others */
    size_t bytes;           /* stored bytes of these actions */
    size_t reading;         /* bytes that are reserved for bodies that are being read */
};
/* The quota of the client. It is made on the first call. NULL for the client NULL, which is the supervisor itself. */
struct quota *quota_of(struct quota **list, const struct executor_client *c);
void quota_forget(struct quota **list, const struct executor_client *c);
void quota_free_all(struct quota **list);
/* Returns NULL, or why too many such actions are open. Our own host keeps the limits that it was told, so a host that
 * exceeds them is not ours. */
enum { QUOTA_BYTES_MAX = 16 << 20 /* a single action may be larger */ };
bool quota_bytes_exceeded(const struct quota *a, size_t bytes); /* bytes: of the newest action */
const char *quota_exceeded(const struct quota *a, uint32_t verb);

#endif
