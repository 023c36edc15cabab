/* web.h - /healthz, /readyz and /metrics over HTTP (libmicrohttpd on the supervisor's loop). GET only, no state. */
#ifndef HTTP_WEB_H
#define HTTP_WEB_H

#include "supervisor/supervisor.h"

struct web *web_new(struct supervisor *s, struct rv_error *err);
unsigned web_port(const struct web *w); /* that it listens on: http.bind may say 0 for any. NULL: 0 */
struct web *web_free(struct web *w);
void metrics_print(struct supervisor *s, struct rv_buf *out);

#endif
