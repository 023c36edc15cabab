/* failures.h - requests that fail are many at once: the log tells of them in one line (see trouble.h). */
#ifndef ACTIONS_FAILURES_H
#define ACTIONS_FAILURES_H

#include "rayvisor/plugin.h"
#include "supervisor/kube/kube.h"

struct failures;
struct failures *failures_new(struct rv_loop *l);
struct failures *failures_free(struct failures *f);
/* One that is tried again, or a conflict: of those only more than now and then are told. */
void failures_report(struct failures *f, const struct rv_action *a, const struct kube_response *r);

#endif
