/* report_log.h - the last lines of the operator's log, where they can be found. */
#ifndef CTL_REPORT_LOG_H
#define CTL_REPORT_LOG_H

#include "api.h"

/* Those of the sandbox's operator, if the socket is the sandbox's; otherwise those of the operator's pods. `api` may be
 * NULL. The text is not masked. */
int report_log(struct ctl_context *c, struct api *api, struct rv_str *ret, struct rv_error *err);

#endif
