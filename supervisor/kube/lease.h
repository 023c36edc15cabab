/* lease.h - leader election with one Lease object (coordination.k8s.io), as other operators use it.
 *
 * The holder renews the Lease once in every retry period. If it fails to do so for the renew deadline, it has lost the
 * Lease and must stop acting. Another instance takes over when it has seen no renewal for the whole duration, by its
 * own clock, or at once if the holder has released the Lease. The deadline is shorter than the duration. So two
 * instances never hold it together, as long as their clocks run at the same speed. Time asleep counts
 * (CLOCK_BOOTTIME). */
#ifndef KUBE_LEASE_H
#define KUBE_LEASE_H

#include "kube.h"

enum lease_change {
    LEASE_WON,      /* this instance may act */
    LEASE_LOST,     /* stop acting now; the lease does nothing any more */
    LEASE_FOLLOWED, /* another instance holds it: lease_holder() */
};
struct lease_opts {
    const char *ns, *name, *identity;
    int64_t duration_ms, renew_ms, retry_ms; /* duration must exceed renew, and renew must exceed retry */
    void (*on_change)(void *arg, enum lease_change c);
    /* Called for each answer that did not help. `verb` is "get", "create" or "patch". It is called with NULL, NULL when
     * an answer helps again. */
    void (*on_failure)(void *arg, const char *verb, const struct kube_response *r);
    void *arg;
};
struct lease;
/* The texts are copied. */
struct lease *lease_start(struct loop *l, struct kube_client *c, const struct lease_opts *o);
struct lease *lease_free(struct lease *l);
/* Releases the Lease, if it is held. `done` is called when the server has answered, or after a short while. It is never
 * called from within. */
void lease_release(struct lease *l, void (*done)(void *arg), void *arg);
/* True if the Lease is held and the last renewal is recent enough. Check it before every action. */
bool lease_holds(const struct lease *l);
const char *lease_holder(const struct lease *l); /* "" if nobody holds it or if that is not known yet */
/* True if anybody has ever held it; otherwise no instance can be acting. */
bool lease_had_holder(const struct lease *l);
int64_t lease_renewed(const struct lease *l); /* wall clock of our last renewal, ns; 0 if none */

#endif
