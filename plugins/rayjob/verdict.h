/* verdict.h - what the end of the submitter says about a job whose Ray cannot be asked.
 *
 * The submitter's end decides whether the RayJob is Complete or Failed, because nothing else is known. It decides the
 * job's own status only where Ray itself has told the submitter: our command ends with a question to Ray, and its exit
 * code is the answer. A command of the user's may end as it likes, so it proves nothing. */
#ifndef RAYJOB_VERDICT_H
#define RAYJOB_VERDICT_H

#include "pass.h"

/* Ends the job if its submitter has ended. Otherwise it says what the job waits for. */
void verdict_take(struct job_pass *p);

#endif
