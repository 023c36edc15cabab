/* failures.h - reports requests that fail. Usually many fail at the same time, so the log gets one line for all of them
 * (see failure_log.h). */
#ifndef ACTIONS_FAILURES_H
#define ACTIONS_FAILURES_H

#include "rayvisor/plugin.h"
#include "supervisor/kube/kube.h"

struct failures;
struct failures *failures_new(struct loop *l, int64_t quiet_ms); /* as in failure_log_opts */
struct failures *failures_free(struct failures *f);
/* Call it for every answer. It reports transient failures, which end with the first other answer. It reports conflicts
 * only if there are more than now and then. */
void failures_answer(struct failures *f, const struct rv_action *a, const struct kube_response *r, bool transient);

#endif
