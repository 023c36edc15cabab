/* dataplane.h - requests of clients: through a Service as kube-proxy would send them, or through a route as a gateway
 * would, to Serve's proxy in a pod. */
#ifndef RV_SANDBOX_SIM_DATAPLANE_H
#define RV_SANDBOX_SIM_DATAPLANE_H

#include "sim.h"

/* POST /request: 0 with the answer in out, or with *ret_pending when the request is not over yet; RV_E_INVALID. */
int sim_dataplane(struct sim *m, struct rv_val body, struct rv_buf *out, struct sim_pending **ret_pending,
                  struct rv_error *err);

#endif
