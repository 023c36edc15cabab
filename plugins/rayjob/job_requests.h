/* job_requests.h - the requests to Ray about the job: get its state, submit it, stop it. Their answers decide when they
 * are repeated. */
#ifndef RAYJOB_JOB_REQUESTS_H
#define RAYJOB_JOB_REQUESTS_H

#include "pass.h"

void request_job_info(struct job_pass *p);
void request_job_submission(struct job_pass *p);
/* Tells Ray to stop the job, again and again until Ray has answered or the time is over. Returns false if nothing is
 * left to do. */
bool request_job_stop(struct job_pass *p, int64_t until);
/* Asks for the log of the job, for a post-mortem. Returns false if the host did not take the request. */
bool request_job_log(struct job_pass *p);
void job_requests_take_result(struct job_pass *p, const struct rv_result *r);

#endif
