/* edits.h - edits of a RayJob that this attempt does not follow. A cluster and a submission are made once for each
 * attempt; what they were made of is marked in the status, and a condition tells of an edit since. */
#ifndef RAYJOB_EDITS_H
#define RAYJOB_EDITS_H

#include "pass.h"

/* Marks what is about to be made. Called while the cluster, or the submission, is still to come. */
void edits_mark(struct job_pass *p, bool cluster, bool submission);
/* Which edits have no effect now, and when they will, as a sentence; empty: there are none. */
struct rv_str edits_not_followed(struct job_pass *p);

#endif
