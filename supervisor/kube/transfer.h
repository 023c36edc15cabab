/* transfer.h - one HTTP exchange on the client's curl multi handle. Requests and watches are built on it. Internal.
 *
 * A streaming transfer passes its body on as it arrives. Any other transfer collects it. Exactly one call of on_done
 * ends a transfer. */
#ifndef KUBE_TRANSFER_H
#define KUBE_TRANSFER_H

#include "config.h"

struct kube_transfer;
struct kube_transfer_opts {
    const char *header; /* one more header line, which is copied and wiped; may be NULL */
    const char *method, *path, *content_type;
    const char *user_agent; /* NULL means the client's own; must be constant text */
    const char *accept;     /* NULL means application/json; must be constant text, because it is not copied */
    struct rv_bytes body;
    unsigned timeout_ms; /* 0 means none */
    size_t max_body;
    bool once; /* as in kube_request_opts */
    /* For streaming, on 2xx answers only. A return other than 0 ends the transfer with that code. */
    int (*on_data)(void *arg, const void *bytes, size_t n);
    /* For collecting: may a body of at most n bytes be read now? If not, the body is not read, and the question is
     * asked again after kube_transfer_resume(). NULL means always. */
    bool (*admit)(void *arg, size_t n);
    void (*on_done)(void *arg, const struct kube_response *r);
    void *arg;
};
/* Starts at once, outside the pool of requests. */
struct kube_transfer *kube_transfer_start(struct kube_client *c, const struct kube_transfer_opts *o);
/* Ends the transfer without on_done. Must not be called from within on_data. */
void kube_transfer_cancel(struct kube_transfer *t);
/* The body may perhaps be read now. Must not be called from within a callback. */
void kube_transfer_resume(struct kube_transfer *t);

struct loop *kube_client_loop(const struct kube_client *c);
struct kube_stats *kube_client_counters(struct kube_client *c);

#endif
