/* control.h - the local control socket, which rayvisorctl uses: one line of JSON in, one JSON document out. */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "supervisor/supervisor.h"

struct control *control_new(struct supervisor *s, int (*reload)(struct supervisor *s, struct rv_error *err),
                            struct rv_error *err);
struct control *control_free(struct control *c);

#endif
