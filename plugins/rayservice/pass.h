/* pass.h - one reconcile pass over a RayService: what was seen, what the status will be, what was asked for.
 *
 * A pass changes `now`, a copy of the status; whatever differs at its end is written in one patch. Names are in the
 * status before anything of that name is created, so every action may be repeated. */
#ifndef RAYSERVICE_PASS_H
#define RAYSERVICE_PASS_H

#include "memo.h"
#include "plugins/ray/context.h"
#include "plugins/ray/keep_object.h"
#include "rayservice_kinds.h"
#include "service.h"

/* What an action was for; comes back in its result's tag, as its low byte. */
enum action_tag {
    TAG_OTHER,
    TAG_STATUS,
    TAG_FINALIZER,
    TAG_CLUSTER_CREATE,
    TAG_CLUSTER_UPDATE,
    TAG_CLUSTER_DELETE,
    TAG_SERVICE_CREATE,
    TAG_SERVICE_UPDATE,
    TAG_SERVICE_DELETE,
    TAG_GATEWAY_CREATE,
    TAG_GATEWAY_UPDATE,
    TAG_GATEWAY_DELETE,
    TAG_ROUTE_CREATE,
    TAG_ROUTE_UPDATE,
    TAG_ROUTE_DELETE,
    TAG_SLICE_CREATE,
    TAG_SLICE_UPDATE,
    TAG_SLICE_DELETE,
    TAG_LABEL,
    TAG_APPS,    /* HTTP: how are the applications? */
    TAG_SUBMIT,  /* HTTP: this is the configuration */
    TAG_PROXY,   /* HTTP: does the head's proxy answer? */
    TAG_METRICS, /* HTTP: how many requests does this pod have? */
};

/* One of the two clusters, as it is there. */
struct observed_cluster {
    struct rv_object cluster; /* size 0: none */
    struct rc_cluster c;
    struct rs_likeness likeness;
    struct rv_object head; /* its pod; size 0: none */
    size_t heads;
    struct rv_str head_ip;
    bool head_ready, deleting, suspended;
    int64_t pods;      /* ready pods that take requests */
    int64_t endpoints; /* of its own serve Service, where it has one */
    bool has_service;
    bool frozen;  /* keeps the configuration that it accepted */
    bool current; /* has the configuration that it should have */
    struct rv_str want_config;
    char want_hash[33];
};

struct service_pass {
    struct rc_context ctx;
    struct rv_arena *arena; /* that of ctx */
    const struct rs_service *s;
    struct service_memo *memo;
    struct rs_state was, now;
    int64_t time; /* wall ns */
    char goal[33];
    struct observed_cluster side[SIDES];
    struct rv_node *config; /* NULL: it cannot be read; config_error says why */
    struct rv_str config_error;
    struct up_view view;
    struct up_plan plan;
    /* beside the clusters */
    int64_t stable_endpoints;
    bool stable_there, gateway_ready, route_ready, quota_blocks;
    struct rv_str gateway_why, quota_why, peak;
    size_t superfluous; /* clusters of ours that the status does not name */
    /* the outcome */
    const char *stuck_reason; /* what went wrong with an action; NULL: nothing */
    struct rv_str stuck;
    struct rv_node *conditions; /* as they will be; NULL until status.c or suspend.c begins with them */
};

static inline bool cluster_there(const struct observed_cluster *s) { return s->cluster.size != 0; }
static inline struct rs_side *side_now(struct service_pass *p, int side) {
    return side == ACTIVE ? &p->now.active : &p->now.pending;
}

/* ---- observe.c: what is there ---- */
void observe(struct service_pass *p);
void observe_view(struct service_pass *p); /* after the results were taken: the decision's input */
/* Why the cluster is not there yet, in one line with the pod in the way; empty: no reason known. */
struct rv_str observed_obstacle(struct service_pass *p, const struct observed_cluster *s);
bool is_owned(const struct service_pass *p, const struct rv_object *o);
bool takes_requests(struct rv_val pod); /* it is ready, and not being deleted */

/* ---- serve_requests.c: Serve on each cluster ---- */
void serve_requests_take_result(struct service_pass *p, const struct rv_result *r);
void serve_requests_begin(struct service_pass *p);  /* before the results are taken */
void serve_requests_submit(struct service_pass *p); /* configuration and capacity, where they are not as wanted */
void serve_requests_ask(struct service_pass *p);    /* what is due, where nothing is submitted */
struct serve_memo *serve_memo_of(struct service_pass *p, int side);
bool submit_wanted(struct service_pass *p, int side);
/* Serve on one of the clusters was asked, for the first time in this process, and has not answered yet. */
bool serve_unheard(struct service_pass *p);
/* What keeps Serve on that cluster from running as wanted, in its own words where it said any; empty: nothing known. */
struct rv_str serve_says(struct service_pass *p, int side);
/* Asks a pod itself. False: the host did not take the request. */
bool pod_request(struct service_pass *p, struct rv_str ip, int64_t port, const char *path, uint32_t max_bytes,
                 uint64_t tag);

/* ---- carrying out ---- */
void steps_take(struct service_pass *p);
/* May something be written? Not at once after a failure. Says when to look again. */
bool may_write(struct service_pass *p);
void owned_objects_keep(struct service_pass *p);
bool owned_objects_use_gateway(const struct service_pass *p); /* routes are kept: asked for, or left from before */
void owned_objects_observe(struct service_pass *p);           /* the Gateway and its route, for the decision */
/* One object beside the clusters: created, or brought back to what is wanted. owner: whose it is; without a kind the
 * RayService's. True: it is there as wanted. */
struct owned_kind {
    uint32_t kind;
    const char *api_version, *resource;
    rc_drift_fn *drift;
    uint64_t create_tag, update_tag;
};
extern const struct owned_kind owned_service, owned_slice;
bool owned_object_keep(struct service_pass *p, const struct owned_kind *k, struct rv_node *want, struct rc_owner owner);
void slicing_keep(struct service_pass *p, struct rv_node *service);
void slicing_end(struct service_pass *p); /* the Service selects its pods again */
void retire_clusters(struct service_pass *p);
void retire_all(struct service_pass *p); /* the RayService is being deleted */
void retire_result(struct service_pass *p, const struct rv_result *r);
bool suspend_step(struct service_pass *p); /* true: nothing else is to be done */
void quota_check(struct service_pass *p);
void quota_describe(struct service_pass *p); /* what a second cluster needs: p->peak */

/* ---- saying ---- */
void status_condition(struct service_pass *p, const char *type, const char *status, const char *reason,
                      struct rv_str message);
void status_begin(struct service_pass *p);
void status_conditions(struct service_pass *p);
void status_write(struct service_pass *p);
struct rv_str status_line(struct service_pass *p); /* where the upgrade stands */
void action_results_take(struct service_pass *p);
void metrics_update(struct service_pass *p);
void metrics_remove(const struct rc_context *x, const struct service_memo *m);

#endif
