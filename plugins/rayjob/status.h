/* status.h - the end of a pass: counters, retries, conditions, and one patch of all differences (status.c); and the
 * results of the previous pass's actions (action_results.c). */
#ifndef RAYJOB_STATUS_H
#define RAYJOB_STATUS_H

#include "pass.h"

void status_write(struct job_pass *p);
/* Handles the results of the previous pass's actions and the answers of Ray: events and failures. */
void action_results_take(struct job_pass *p);

#endif
