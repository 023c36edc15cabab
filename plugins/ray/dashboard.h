/* dashboard.h - requests to the Ray dashboard of a cluster. The supervisor makes them, so nothing here waits: the
 * answer comes as a result, with the request's tag. What comes back is outside data.
 *
 * One place knows the URL, how a cluster's token is referred to, the time limits, and in which words a failure is told.
 * The same failure has the same words each time, because every change of them would be a write of a status. */
#ifndef RAY_DASHBOARD_H
#define RAY_DASHBOARD_H

#include "cluster.h"
#include "context.h"

struct rc_dashboard_request {
    struct rv_str address;            /* host:port, as rc_dashboard_address() gives it */
    const struct rc_cluster *cluster; /* whose token is sent when it asks for one; NULL: none */
    const char *method;               /* "GET", "POST", "PUT", "DELETE" */
    struct rv_str path;               /* "/api/jobs/..." */
    struct rv_str body;               /* JSON, or empty */
    uint32_t timeout_ms;              /* 0: the supervisor's own limit */
    uint32_t max_bytes;               /* of the answer; 0: 1 MiB */
    bool idempotent;                  /* doing it twice is as good as doing it once */
    uint64_t tag;
};

/* False: the host did not take the request, and x->retry is set. */
bool rc_dashboard_send(struct rc_context *x, const struct rc_dashboard_request *r);

/* "<service>.<ns>.svc.<domain>:<port>" of the cluster's head. Empty when its service has no port named "dashboard". */
struct rv_str rc_dashboard_address(struct rv_arena *a, const struct rc_cluster *c);
#define RC_DASHBOARD_PORT_NAME "dashboard"

/* ---- answers ---- */

/* HTTP status 2xx. */
bool rc_dashboard_ok(const struct rv_result *r);
/* The request never left: there is no credential, no grant, or too many were under way. It says nothing of Ray. */
bool rc_dashboard_not_asked(const struct rv_result *r);
/* The answer's body contains these words. */
bool rc_dashboard_mentions(const struct rv_result *r, const char *words);
/* What went wrong, in words that stay the same while the failure does. */
struct rv_str rc_dashboard_failure(struct rv_arena *a, const struct rv_result *r);

#endif
