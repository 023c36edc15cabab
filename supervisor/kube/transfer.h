/* transfer.h - one HTTP exchange on the client's curl multi handle: what requests and watches are made of. Internal.
 *
 * A transfer that streams hands its body over as it comes; one that does not collects it. Exactly one call of on_done
 * ends it. */
#ifndef KUBE_TRANSFER_H
#define KUBE_TRANSFER_H

#include "config.h"

struct kube_transfer;
struct kube_transfer_opts {
    const char *header; /* a further line, copied and wiped; NULL: none */
    const char *method, *path, *content_type;
    const char *accept; /* NULL: application/json. A literal: not copied */
    struct rv_bytes body;
    unsigned timeout_ms; /* 0 = none */
    size_t max_body;
    bool once; /* as in kube_request_opts */
    /* Streaming, for 2xx answers only: non-zero ends the transfer with that code. */
    int (*on_data)(void *arg, const void *bytes, size_t n);
    /* Collecting: is there room for a body of at most n bytes? While there is none the body is not read, and it is
     * asked again after kube_transfer_resume(). NULL: there always is. */
    bool (*admit)(void *arg, size_t n);
    void (*on_done)(void *arg, const struct kube_response *r);
    void *arg;
};
/* Starts at once, beside the request pool. */
struct kube_transfer *kube_transfer_start(struct kube_client *c, const struct kube_transfer_opts *o);
/* Ends it without on_done. Not from within on_data. */
void kube_transfer_cancel(struct kube_transfer *t);
/* There may be room for its body now. Not from within a callback. */
void kube_transfer_resume(struct kube_transfer *t);

struct rv_loop *kube_client_loop(const struct kube_client *c);
struct kube_stats *kube_client_counters(struct kube_client *c);

#endif
