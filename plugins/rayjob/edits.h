/* edits.h - edits of a RayJob that the present attempt does not follow. A cluster and a submission are created once for
 * each attempt. The status has a mark of what they were created from, and a condition reports later edits. */
#ifndef RAYJOB_EDITS_H
#define RAYJOB_EDITS_H

#include "pass.h"

/* Sets the marks of what is about to be created. Called while the cluster, or the submission, does not exist yet. */
void edits_mark(struct job_pass *p, bool cluster, bool submission);
/* True if what is submitted was changed after this attempt had submitted. */
bool edits_of_submission(struct job_pass *p);
/* A sentence that says which edits have no effect now, and when they will; empty if there are none. */
struct rv_str edits_not_followed(struct job_pass *p);

#endif
