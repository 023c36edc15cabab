/* status.h - the meaning of an answer of the API server: one code for the HTTP status and the Status object in the
 * body, and the pause that the server asks for. The functions have no side effects. */
#ifndef KUBE_STATUS_H
#define KUBE_STATUS_H

#include "kube.h"

/* Returns 0 for 2xx, otherwise RV_E_*. `reason` is Status.reason, which distinguishes AlreadyExists from Conflict. */
int kube_status_code(unsigned http, struct rv_str reason);
/* Fills reason, message and retry_after_ms from a Status body; a header may already have set retry_after_ms. The body
 * may be anything. The texts point into *scratch. */
void kube_status_read(struct rv_bytes body, struct rv_buf *scratch, struct kube_response *r);

#endif
