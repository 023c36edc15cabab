/* logs.h - what a container of a simulated pod is said to have printed: nothing runs, so its log tells its life. */
#ifndef RV_SANDBOX_LOGS_H
#define RV_SANDBOX_LOGS_H

#include "http.h"

/* A log that is being followed: a watch of one pod whose events are turned into lines. */
struct sb_log {
    char *pod, *container;
    bool timestamps;
    size_t lines; /* sent already */
};
struct sb_log *sb_log_free(struct sb_log *l);

/* GET .../pods/NAME/log. Text in the response's body; with follow=true r->log is made and more is to come. */
void sb_handle_log(struct sb_request *q, const struct sb_route *t, struct sb_response *r);
/* What is new after a change of a pod. *ret_over: nothing more will come. */
void sb_log_more(struct sb_log *l, const struct sb_object *pod, bool deleted, struct rv_buf *out, bool *ret_over);

#endif
