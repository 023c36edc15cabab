/* logs.h - the logs of containers of simulated pods. Nothing runs, so a log only reports the events of the
 * container. */
#ifndef RV_SANDBOX_LOGS_H
#define RV_SANDBOX_LOGS_H

#include "http.h"

/* A log that a client follows: a watch of one pod, whose events become lines. */
struct sb_log {
    char *pod, *container;
    bool timestamps;
    size_t lines; /* lines that were sent */
};
struct sb_log *sb_log_free(struct sb_log *l);

/* GET .../pods/NAME/log. The text is in the response's body. With follow=true, r->log is set and more lines follow. */
void sb_handle_log(struct sb_request *q, const struct sb_route *t, struct sb_response *r);
/* Writes what is new after a change of the pod. *ret_over is true if nothing more will follow. */
void sb_log_more(struct sb_log *l, const struct sb_object *pod, bool deleted, struct rv_buf *out, bool *ret_over);

#endif
