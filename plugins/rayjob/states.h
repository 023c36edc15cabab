/* states.h - the states of a RayJob: one function for each, and what several of them share. */
#ifndef RAYJOB_STATES_H
#define RAYJOB_STATES_H

#include "pass.h"

/* Takes one step, from the state in p->now (states.c). */
void states_step(struct job_pass *p);
void running_step(struct job_pass *p); /* running.c: Running */
void ending_step(struct job_pass *p);  /* ending.c: Complete and Failed */
void ending_clear(struct job_pass *p); /* ending.c: Suspending and Retrying */

/* ---- what several states need (states.c) ---- */
void states_fail(struct job_pass *p, const char *reason, struct rv_str message);
/* Returns true if the job has failed because of a deadline. */
bool states_deadlines(struct job_pass *p, bool pre_running);
bool states_deadline_over(struct job_pass *p); /* activeDeadlineSeconds has passed, whatever that means for the job */
/* Returns true if the user wants the job suspended and it may be. This is then the next state. */
bool states_suspended(struct job_pass *p);
/* Creates the cluster if there is none. Returns false if it cannot be used yet. */
bool states_need_cluster(struct job_pass *p);
/* Creates the submitter Job if the mode has one and it does not exist. Returns false if it does not exist yet. */
bool states_need_submitter(struct job_pass *p);
/* Returns true if something may be created. Right after a failure it may not. */
bool states_may_try(struct job_pass *p);
/* Reports once why a wanted object does not exist. */
void states_stuck(struct job_pass *p, const char *reason, struct rv_str text);

/* ---- deletions (ending.c) ---- */
/* Deletes clusters of ours that the status does not name. */
void ending_strays(struct job_pass *p);
/* Keeps Volcano's pod group for the job, with its cluster and its submitter. */
void ending_group(struct job_pass *p, bool wanted);
/* Handles a RayJob that is being deleted. */
void ending_deleted(struct job_pass *p);

#endif
