/* dashboard.h - requests to the Ray dashboard of a cluster. The supervisor makes them, so nothing here waits: the
 * answer comes as a result with the tag of the request. Answers are data from outside.
 *
 * One place knows the URL, how a cluster's token is referred to, the time limits, and the text of each failure. The
 * same failure always has the same text, because every change of it would be a write of a status. */
#ifndef RAY_DASHBOARD_H
#define RAY_DASHBOARD_H

#include "cluster.h"
#include "context.h"

struct rc_dashboard_request {
    struct rv_str address;            /* host:port, as rc_dashboard_address() gives it */
    const struct rc_cluster *cluster; /* its token is sent if it requires one; NULL if none */
    const char *method;               /* "GET", "POST", "PUT", "DELETE" */
    struct rv_str path;               /* "/api/jobs/..." */
    struct rv_str body;               /* JSON, or empty */
    uint32_t timeout_ms;              /* 0 means the supervisor's own limit */
    uint32_t max_bytes;               /* of the answer; 0: 1 MiB */
    bool idempotent;                  /* the request may be done twice */
    uint64_t tag;
};

/* Returns false and sets x->retry if the host did not accept the request. */
bool rc_dashboard_send(struct rc_context *x, const struct rc_dashboard_request *r);

/* "<service>.<ns>.svc.<domain>:<port>" of the cluster's head. Empty if its service has no port named "dashboard". */
struct rv_str rc_dashboard_address(struct rv_arena *a, const struct rc_cluster *c);
#define RC_DASHBOARD_PORT_NAME "dashboard"

/* ---- answers ---- */

/* HTTP status 2xx. */
bool rc_dashboard_ok(const struct rv_result *r);
/* True if the request was not sent, because there is no credential, no grant, or too many were in flight. It says
 * nothing about Ray. */
bool rc_dashboard_not_sent(const struct rv_result *r);
/* True if the body of the answer contains these words. */
bool rc_dashboard_mentions(const struct rv_result *r, const char *words);
/* What went wrong, as a text that stays the same while the failure lasts. */
struct rv_str rc_dashboard_failure(struct rv_arena *a, const struct rv_result *r);

#endif
