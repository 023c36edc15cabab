/* own_answer.h - requests to Ray that have come to an operator itself: by what its answer is known, and the
 * destinations that led there, to which nothing is sent for a while.
 *
 * The address filter judges the address of a connection. Of a Service with a cluster IP that is the cluster IP, and a
 * tenant who may write EndpointSlices chooses what stands behind it, the operator's own port among others. That port
 * knows our requests (web.c) and answers none of them but with this answer. Anybody can write such an answer, but only
 * from where requests to him are led, so he only keeps them away from himself. */
#ifndef REQUESTS_OWN_ANSWER_H
#define REQUESTS_OWN_ANSWER_H

#include "rayvisor/base.h"
#include "supervisor/kube/peers.h"

/* The User-Agent of requests to Ray, on each way that they take. */
#define OWN_ANSWER_USER_AGENT "rayvisord-to-ray"
#define OWN_ANSWER_STATUS "421 Misdirected Request"
#define OWN_ANSWER_TYPE "text/vnd.rayvisor.own-request"
/* What such a destination is, to follow its name in a message. */
#define OWN_ANSWER_IS                                                                                                  \
    "where the operator itself answers, and requests for Ray never go there (where does the head Service lead?)"

enum { OWN_ANSWER_HOLD_MS = 300000, OWN_ANSWER_HELD_MAX = 256 };

bool own_answer_is(unsigned status, struct rv_str content_type);
/* The same for what a server sends first to a client that expects HTTP/2. */
bool own_answer_begins(struct rv_bytes bytes);

/* Destinations that led to an operator: a name, and the address that it had then. A name whose address has changed is
 * another destination. Beyond the bound the oldest one is forgotten, and costs one more such request. */
struct held_target {
    char *name;
    struct kube_peer peer;
    int64_t until; /* mono ns */
};
struct held_targets {
    struct held_target *list;
    size_t n, oldest;
};
void held_targets_add(struct held_targets *h, const char *name, const struct kube_peer *peer);
bool held_targets_have(const struct held_targets *h, const char *name, const struct kube_peer *peer);
void held_targets_free(struct held_targets *h);

#endif
