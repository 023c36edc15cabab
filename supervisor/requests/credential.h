/* credential.h - the header line for a credential that is named as a Secret and a key in it. */
#ifndef REQUESTS_CREDENTIAL_H
#define REQUESTS_CREDENTIAL_H

#include "rayvisor/plugin.h"

/* "Authorization: Bearer x" to the end of line, which the caller wipes. False when the Secret has no such key, or its
 * value cannot be a header. */
bool credential_line(const struct rv_http_request *h, struct rv_val secret, struct rv_buf *line);

#endif
