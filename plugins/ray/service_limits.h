/* service_limits.h - what a user's template of a Service may not have unless the setting allowExternalServices says so.
 *
 * The operator makes Services for users who may make Ray objects only. With externalIPs they would take traffic that is
 * others', and with type ExternalName a name of the cluster would lead wherever they like. LoadBalancer and NodePort
 * are allowed, as in the reference. */
#ifndef RAY_SERVICE_LIMITS_H
#define RAY_SERVICE_LIMITS_H

#include "cluster.h"

/* spec: of the template, which stands at path. True when it is refused: *out has a sentence that names the field and
 * what is accepted. */
bool rc_service_refused(const struct rc_settings *s, const char *path, struct rv_val spec, struct rv_buf *out);
/* The same of a cluster's head Service: headGroupSpec.headService and headGroupSpec.serviceType. */
bool rc_head_service_refused(const struct rc_cluster *c, struct rv_buf *out);

#endif
