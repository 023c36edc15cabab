/* lease.h - one Lease object decides which of several instances acts (coordination.k8s.io, as other operators use it).
 *
 * Who holds it renews it every retry period; who has not managed to for the renew deadline has lost it and must not act
 * any more. Others take it over when they have seen no renewal for its whole duration, by their own clock, or at once
 * when its holder gave it up. The deadline is shorter than the duration, so there is never a moment with two holders
 * as long as clocks run at the same speed; time asleep counts (CLOCK_BOOTTIME).
 */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "kube.h"

enum lease_change {
    LEASE_WON,      /* act */
    LEASE_LOST,     /* stop acting, now; the lease does nothing any more */
    LEASE_FOLLOWED, /* somebody else holds it: lease_holder() */
};
struct lease_opts {
    const char *ns, *name, *identity;
    int64_t duration_ms, renew_ms, retry_ms; /* duration > renew > retry */
    void (*on_change)(void *arg, enum lease_change c);
    /* Each answer that is of no use; verb: "get", "create", "patch". NULL, NULL: one was, after some that were not. */
    void (*on_trouble)(void *arg, const char *verb, const struct kube_response *r);
    void *arg;
};
struct lease;
struct lease *lease_start(struct rv_loop *l, struct kube_client *c, const struct lease_opts *o); /* texts are copied */
struct lease *lease_free(struct lease *l);
/* Gives it up, if it is held; done is called when the server knows, or after a short while. Not from within. */
void lease_release(struct lease *l, void (*done)(void *arg), void *arg);
/* Held, and the last renewal is fresh enough: the question before anything is done. */
bool lease_holds(const struct lease *l);
const char *lease_holder(const struct lease *l); /* "" nobody, or not known yet */
bool lease_had_holder(const struct lease *l);    /* somebody, ever: else nobody may be acting */
int64_t lease_renewed(const struct lease *l);    /* wall ns of our last renewal; 0 none */

#endif
