/* failures.h - reports requests that fail. Many usually fail at once, so the log gets one line for all of them (see
 * trouble.h). */
#ifndef ACTIONS_FAILURES_H
#define ACTIONS_FAILURES_H

#include "rayvisor/plugin.h"
#include "supervisor/kube/kube.h"

struct failures;
struct failures *failures_new(struct rv_loop *l, int64_t quiet_ms); /* as in trouble_opts */
struct failures *failures_free(struct failures *f);
/* Of every answer. Told are transient failures, over with the first other answer, and conflicts: of those only more
 * than now and then. */
void failures_answer(struct failures *f, const struct rv_action *a, const struct kube_response *r, bool transient);

#endif
