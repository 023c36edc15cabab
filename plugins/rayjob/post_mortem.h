/* post_mortem.h - what is known of a job that failed, as one Event about the RayJob: how its containers ended and the
 * last lines of its log (setting postMortem).
 *
 * It is an Event, because that is an object with a TTL which the API server itself keeps, which `kubectl describe`
 * shows, and for which the plugin needs no other right than it has. A ConfigMap could hold more than 1 KiB, but the
 * operator would need the right to make and delete ConfigMaps everywhere, and would have to delete what is left of jobs
 * that are gone. */
#ifndef RAYJOB_POST_MORTEM_H
#define RAYJOB_POST_MORTEM_H

#include "pass.h"

/* Call it when the pass has decided the phase. If an attempt has just failed, Ray is asked for its log, and the Event
 * comes with the answer; without one it comes at once. */
void post_mortem(struct job_pass *p);
void post_mortem_take_log(struct job_pass *p, const struct rv_result *r);

#endif
