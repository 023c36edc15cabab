/* other_operator.h - sees whether another operator for the same kinds works beside this one: it renews a Lease of a
 * known name, in whatever namespace. Two operators on the same objects make pods twice and undo each other's writes.
 *
 * A Lease counts from when a renewal of it was seen, by our clock, for as long as it says itself that it lasts; one
 * that is seen for the first time also where its renewal is that new by its own clock. */
#ifndef KUBE_OTHER_OPERATOR_H
#define KUBE_OTHER_OPERATOR_H

#include "kube.h"

enum other_operator_state {
    OTHER_OPERATOR_UNKNOWN, /* not looked yet */
    OTHER_OPERATOR_NONE,    /* or nobody lets us look */
    OTHER_OPERATOR_ACTIVE
};
struct other_operator_opts {
    const char *lease;                 /* its name */
    struct rv_str own_ns, own_lease;   /* ours, which is no other's; may be empty */
    const struct rv_str *namespaces;   /* where to look */
    size_t n;                          /* 0: in all, and where that is forbidden in `home` */
    struct rv_str home;                /* the operator's namespace */
    int64_t pause_ms, active_pause_ms; /* between two looks, and while one is active */
    void (*on_change)(void *arg);      /* of the state */
    /* Each look that did not tell all; NULL: one did, after some that did not. */
    void (*on_failure)(void *arg, const struct kube_response *r);
    void *arg;
};
struct other_operator;
struct other_operator *other_operator_start(struct loop *l, struct kube_client *c,
                                            const struct other_operator_opts *o); /* texts are copied */
struct other_operator *other_operator_free(struct other_operator *w);
enum other_operator_state other_operator_state(const struct other_operator *w);
/* Of the one that is or was active last; "": none ever. */
const char *other_operator_holder(const struct other_operator *w);
const char *other_operator_namespace(const struct other_operator *w);

#endif
