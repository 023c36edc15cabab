/* identify.h - the client certificate of an HTTP request, which is named by a Secret (rv_http_request.client_secret).
 */
#ifndef ACTIONS_IDENTIFY_H
#define ACTIONS_IDENTIFY_H

#include "executor_internal.h"

struct http_answer;

/* Returns true if op->identity is what the request needs. Otherwise the Secret is read: then `go_on` is called, or the
 * op ends with RV_E_CREDENTIAL. */
bool identify_op(struct op *op, void (*go_on)(struct op *op));
/* The answer says that TLS failed. Reads the Secret again and returns true: if it has changed, `go_on` is called once
 * more. If it has not, the op ends with that answer. */
bool identify_again(struct op *op, const struct http_answer *a, void (*go_on)(struct op *op));

#endif
