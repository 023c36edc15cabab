/* failures.h - requests that fail are many at once: the log tells of them in one line (see trouble.h). */
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
