/* dataplane.h - requests of clients to Serve's proxy in a pod: through a Service as kube-proxy sends them, or through a
 * route as a gateway does. */
#ifndef RV_SANDBOX_SIM_DATAPLANE_H
#define RV_SANDBOX_SIM_DATAPLANE_H

#include "sim.h"

/* POST /request. Returns 0 with the answer in out, or with *ret_pending if the request has not ended yet, or
 * RV_E_INVALID. */
int sim_dataplane(struct sim *m, struct rv_val body, struct rv_buf *out, struct sim_pending **ret_pending,
                  struct rv_error *err);

#endif
