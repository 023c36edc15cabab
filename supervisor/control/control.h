/* control.h - the local control socket that rayvisorctl talks to: one JSON line in, one JSON document out. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "supervisor/supervisor.h"

struct control *control_new(struct supervisor *s, int (*reload)(struct supervisor *s, struct rv_error *err),
                            struct rv_error *err);
struct control *control_free(struct control *c);

#endif
