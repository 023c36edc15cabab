/* states.h - the states of a RayJob: one function for each, and what several of them need. */
#ifndef RAYJOB_STATES_H
#define RAYJOB_STATES_H

#include "pass.h"

/* One step of the machine, from the state that p->now has (states.c). */
void states_step(struct job_pass *p);
void running_step(struct job_pass *p); /* running.c: Running */
void ending_step(struct job_pass *p);  /* ending.c: Complete and Failed */
void ending_clear(struct job_pass *p); /* ending.c: Suspending and Retrying */

/* ---- what several states need (states.c) ---- */
void states_fail(struct job_pass *p, const char *reason, struct rv_str message);
bool states_deadlines(struct job_pass *p, bool pre_running); /* true: it has failed */
bool states_deadline_over(struct job_pass *p); /* activeDeadlineSeconds, whatever that means for the job */
/* The user wants it suspended, and it may be: true, and that is the next state. */
bool states_suspended(struct job_pass *p);
/* Creates the cluster if there is none. False: there is nothing to go on with yet. */
bool states_need_cluster(struct job_pass *p);
/* Creates the submitter Job if the mode has one and there is none. False: it is not there yet. */
bool states_need_submitter(struct job_pass *p);
/* May something be created? Not right after a failure. */
bool states_may_try(struct job_pass *p);
/* Tells once why a thing that is wanted is not there. */
void states_stuck(struct job_pass *p, const char *reason, struct rv_str text);

/* ---- deletions (ending.c) ---- */
/* Clusters of ours that the status does not name. */
void ending_strays(struct job_pass *p);
/* Volcano's group of the job, with its cluster and its submitter. */
void ending_group(struct job_pass *p, bool wanted);
/* The RayJob has a deletionTimestamp. */
void ending_deleted(struct job_pass *p);

#endif
