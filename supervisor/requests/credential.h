/* credential.h - the header line of a credential, which is named by a Secret and a key in it. */
#ifndef REQUESTS_CREDENTIAL_H
#define REQUESTS_CREDENTIAL_H

#include "rayvisor/plugin.h"

/* Appends the line, such as "Authorization: Bearer x", to `line`, which the caller wipes. Returns false if the Secret
 * has no such key, or if its value cannot be a header. */
bool credential_line(const struct rv_http_request *h, struct rv_val secret, struct rv_buf *line);

#endif
