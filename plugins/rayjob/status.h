/* status.h - the end of a pass: counters, retries, conditions, and the one patch of what differs (status.c); what
 * became of the last pass's actions (action_results.c). */
#ifndef RAYJOB_STATUS_H
#define RAYJOB_STATUS_H

#include "pass.h"

void status_write(struct job_pass *p);
/* Events and failures of the last pass's actions, and Ray's answers. */
void action_results_take(struct job_pass *p);

#endif
