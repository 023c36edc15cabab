/* web.h - /healthz, /livez, /readyz and /metrics over HTTP. GET and HEAD only, no state, one request to a connection.
 *
 * http.bind answers all of them. http.probeBind, where it is set, answers all but /metrics on a port of its own, so
 * that whoever floods the first keeps no probe from its answer. Who may hold how much of either: clients.h. */
#ifndef HTTP_WEB_H
#define HTTP_WEB_H

#include "supervisor/clients.h"
#include "supervisor/supervisor.h"

struct web *web_new(struct supervisor *s, struct rv_error *err);
/* The port that it listens on, because http.bind may say 0 for any; 0 for NULL. */
unsigned web_port(const struct web *w);
unsigned web_probe_port(const struct web *w);
void web_stats(const struct web *w, struct clients_stats *ret); /* of http.bind */
uint64_t web_own_requests(const struct web *w);                 /* that have come to both ports (own_answer.h) */
struct web *web_free(struct web *w);

/* The metrics page, a part at a time; in between plugins may come and go. */
struct metrics_page;
struct metrics_page *metrics_page_new(const struct supervisor *s);
struct metrics_page *metrics_page_free(struct metrics_page *p);
/* Adds about so many bytes; false: that was the rest. */
bool metrics_page_more(struct metrics_page *p, struct supervisor *s, size_t bytes, struct rv_buf *out);

#endif
