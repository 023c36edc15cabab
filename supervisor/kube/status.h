/* status.h - what an answer of the API server means: the HTTP status and the Status object in its body as one of our
 * codes, and how long to wait before the next try. Pure functions. */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include "kube.h"

/* 0 for 2xx, else RV_E_*. reason: Status.reason, which tells an AlreadyExists from a Conflict. */
int kube_status_code(unsigned http, struct rv_str reason);
/* Fills reason, message and retry_after_ms (unless a header gave it) from a Status body, whatever the body is. The
 * texts point into *room. */
void kube_status_read(struct rv_bytes body, struct rv_buf *room, struct kube_response *r);
/* The pause after so many failures in a row (from 1): doubled each time up to max, and jitter: in [d, 2d). */
int64_t kube_backoff_ms(unsigned min_ms, unsigned max_ms, unsigned failures, uint32_t random);

#endif
