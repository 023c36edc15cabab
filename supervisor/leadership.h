/* leadership.h - of several rayvisords one acts, and none while another operator does the same work; the others stand
 * by: their caches are warm and their plugins loaded with every object, but no key is reconciled (a host reconciles
 * nothing before SNAP_END, and that is held back). So taking over costs what the lease costs, and no list. */
#ifndef SUPERVISOR_LEADERSHIP_H
#define SUPERVISOR_LEADERSHIP_H

#include "ipc/base/json_writer.h"
#include "supervisor.h"

struct leadership_callbacks {
    void (*begin)(void *arg);              /* this instance acts from now on */
    void (*pause)(void *arg);              /* another operator came: it stands by again, and begins anew later */
    void (*other)(void *arg, bool active); /* another operator came, or went */
    void (*lost)(void *arg); /* another one may act any moment: the process has to end without doing anything more */
    void *arg;
};
/* Nothing to do where leaderElection is not enabled and otherOperator.action is ignore: then this instance acts. */
int leadership_start(struct supervisor *s, const struct leadership_callbacks *on, struct rv_error *err);
void leadership_free(struct supervisor *s);
/* Everything is done: gives the lease up, so that another one begins at once; then done. */
void leadership_release(struct supervisor *s, void (*done)(void *arg), void *arg);

/* May anything be sent to the API server? Asked before every action: a process that was stopped for a while does not
 * know yet that its time is over. */
bool leadership_acts(const struct supervisor *s);
/* Why nobody may be acting: no holder was ever seen. NULL: that is not so, or there is no election. */
const char *leadership_not_ready(const struct supervisor *s, struct rv_buf *room);
bool leadership_stands_by(const struct supervisor *s);
/* Why it stands by although it is elected: another operator (kube/other_operator.h). NULL: it does not. */
const char *leadership_held_back(const struct supervisor *s, struct rv_buf *room);
bool leadership_beside_another(const struct supervisor *s); /* whether or not it stands by for it */
/* The event that says that it came, or went, about its Lease. The note lies in *note. */
void leadership_about_other(const struct supervisor *s, struct rv_event *e, struct rv_buf *note);
/* What to tell who asks a standby what was decided: whom to ask instead. */
const char *leadership_whom_to_ask(const struct supervisor *s, struct rv_buf *room);
/* {"enabled":true,"leader":false,"holder":"a_1","identity":"b_2"} */
void leadership_write(const struct supervisor *s, const char *key, struct jsonw *w);

#endif
