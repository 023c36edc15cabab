/* status.h - what an answer of the API server means: the HTTP status and the Status object in its body as one of our
 * codes, and how long the server asks to wait. Pure functions. */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include "kube.h"

/* 0 for 2xx, else RV_E_*. reason: Status.reason, which tells an AlreadyExists from a Conflict. */
int kube_status_code(unsigned http, struct rv_str reason);
/* Fills reason, message and retry_after_ms (unless a header gave it) from a Status body, whatever the body is. The
 * texts point into *room. */
void kube_status_read(struct rv_bytes body, struct rv_buf *room, struct kube_response *r);

#endif
