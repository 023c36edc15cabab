/* leadership.h - leader election between several rayvisords. One acts, and the others stand by. A standby has filled
 * its cache, and its plugins have every object, but no key is reconciled: a host reconciles nothing before SNAP_END,
 * which is held back. So a take-over costs the time of the lease and needs no list. */
#ifndef SUPERVISOR_LEADERSHIP_H
#define SUPERVISOR_LEADERSHIP_H

#include "ipc/base/json_writer.h"
#include "supervisor.h"

struct leadership_callbacks {
    void (*begin)(void *arg);              /* this instance acts from now on */
    void (*pause)(void *arg);              /* another operator came: it stands by again, and begins anew later */
    void (*other)(void *arg, bool active); /* another operator came, or went */
    /* Another instance may act at any moment: the process must end without any further action. */
    void (*lost)(void *arg);
    void *arg;
};
/* Nothing to do where leaderElection is not enabled and otherOperator.action is ignore: then this instance acts. */
int leadership_start(struct supervisor *s, const struct leadership_callbacks *on, struct rv_error *err);
void leadership_free(struct supervisor *s);
/* Call it when all work is done. Releases the lease, so that another instance can take it at once, and then calls
 * `done`. */
void leadership_release(struct supervisor *s, void (*done)(void *arg), void *arg);

/* True if requests may be sent to the API server. It is asked before every action, because a process that was stopped
 * for a while does not know yet that its lease has expired. */
bool leadership_acts(const struct supervisor *s);
/* Why perhaps no instance acts: no holder was ever seen. NULL if that is not so, or if there is no election. */
const char *leadership_not_ready(const struct supervisor *s, struct rv_buf *scratch);
bool leadership_stands_by(const struct supervisor *s);
/* Why it stands by although it is elected: another operator (kube/other_operator.h). NULL: it does not. */
const char *leadership_held_back(const struct supervisor *s, struct rv_buf *scratch);
bool leadership_beside_another(const struct supervisor *s); /* whether or not it stands by for it */
/* The event that says that it came, or went, about its Lease. The note lies in *note. */
void leadership_about_other(const struct supervisor *s, struct rv_event *e, struct rv_buf *note);
/* What a standby answers if it is asked about decisions: which instance to ask instead. */
const char *leadership_whom_to_ask(const struct supervisor *s, struct rv_buf *scratch);
/* Writes {"enabled":true,"leader":false,"holder":"a_1","identity":"b_2"}. */
void leadership_write(const struct supervisor *s, const char *key, struct jsonw *w);

#endif
