/* pass.h - one reconcile pass over a RayService: what was seen, what the status will be, what was asked for.
 *
 * A pass changes `now`, a copy of the status; whatever differs at its end is written in one patch. Names are in the
 * status before anything of that name is created, so every action may be repeated. */
#ifndef RAYSERVICE_PASS_H
#define RAYSERVICE_PASS_H

#include "rayservice_kinds.h"
#include "service.h"

/* What an action was for; comes back in its result's tag. The low byte is one of these, the next one a side. */
enum pass_tag {
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
enum { ACTIVE, PENDING, SIDES };

/* What was heard of Serve on one cluster since this process began. Never needed for correctness: without it everything
 * is asked again. */
struct heard {
    char *cluster;
    /* answers about applications */
    int64_t next_ask;            /* wall ns */
    uint32_t failures;           /* questions in a row without an answer */
    bool asked, answered, fresh; /* fresh: the answer is newer than the last change of configuration or capacity */
    bool any, running, healthy, in_force;
    int64_t capacity;
    struct rv_buf apps; /* as status.applicationStatuses */
    char *waits, *error;
    /* submissions */
    int64_t next_submit;
    uint32_t refusals;
    char *refused;         /* what Serve said against it */
    char refused_hash[33]; /* of the configuration that it said it of */
    char sent_hash[33];    /* in flight, as is: */
    char *sent;
    int64_t sent_capacity;
    /* the head's proxy */
    int64_t next_probe;
    uint32_t misses;
    bool proxy_known, proxy_ok;
    /* changes of these are asked about at once */
    char *head_uid;
    int64_t restarts, pods_ready;
    bool head_was_ready;
};

struct memo {
    struct memo *next;
    char *ns, *name, *uid;
    struct heard heard[SIDES];
    int64_t said_invalid, said_config; /* generations for which the events were sent, -1 none */
    uint32_t rejected;                 /* actions in a row that failed */
    int64_t next_try;                  /* wall ns: nothing is created before */
    /* draining (retire.c) */
    int64_t next_drain, ongoing; /* ongoing requests of the cluster that is next to go; -1 unknown */
    int64_t ongoing_sum, drained_at;
    uint32_t drain_left, drain_asked, drain_failed;
    bool drain_blind;             /* no pod of it tells its requests */
    int told_ready, told_upgrade; /* by the metrics, -1 none */
};

/* One of the two clusters, as it is there. */
struct seen {
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

struct pass {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const struct rs_service *s;
    struct memo *memo;
    struct rs_state was, now;
    int64_t time; /* wall ns */
    char goal[33];
    struct seen side[SIDES];
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
    bool retry, hold; /* hold: nothing but the status is written any more */
    struct rv_str invalid;
    int64_t wake;             /* wall ns of the earliest reason to look again, 0 none */
    const char *stuck_reason; /* what went wrong with an action; NULL: nothing */
    struct rv_str stuck;
    struct rv_node *conditions; /* as they will be; NULL until status.c or suspend.c begins with them */
};

static inline bool seen_there(const struct seen *s) { return s->cluster.size != 0; }
static inline struct rs_side *side_now(struct pass *p, int side) {
    return side == ACTIVE ? &p->now.active : &p->now.pending;
}

/* ---- asking and saying (pass.c) ---- */
void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag);
void pass_delete(struct pass *p, const char *api_version, const char *resource, const struct rv_object *o,
                 uint64_t tag);
void pass_patch(struct pass *p, uint32_t verb, const char *api_version, const char *resource, const struct rv_object *o,
                struct rv_node *body, uint64_t tag);
void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note);
void pass_explain(struct pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
void pass_wake(struct pass *p, int64_t when); /* look again at this moment at the latest */
struct rv_str pass_new_name(struct pass *p);  /* for a cluster */
bool pass_has_finalizer(const struct pass *p);
void pass_finalizer(struct pass *p, bool present);
bool pass_may_try(struct pass *p); /* may something be created? Not at once after a failure. */
/* Objects beside the clusters: created, or brought back to what is wanted. True: it is there as wanted. */
struct ensure {
    unsigned kind;
    const char *api_version, *resource;
    uint64_t create, update;
};
bool pass_ensure(struct pass *p, const struct ensure *e, struct rv_node *want, struct rv_str owner_uid);

/* ---- what is there (see.c) ---- */
void see(struct pass *p);
void see_view(struct pass *p); /* after the results were taken: the decision's input */
/* Why the cluster is not there yet, in one line with the pod in the way; empty: no reason known. */
struct rv_str see_obstacle(struct pass *p, const struct seen *s);
bool see_owned(const struct pass *p, const struct rv_object *o);

/* ---- Serve (dashboard.c, answers.c) ---- */
void dashboard_result(struct pass *p, const struct rv_result *r);
void dashboard_ask(struct pass *p);    /* what is due */
void dashboard_submit(struct pass *p); /* configuration and capacity, where they are not as wanted */
struct heard *heard_of(struct pass *p, int side);
void heard_forget(struct heard *h);
void heard_changed(struct heard *h); /* what was answered proves nothing any more */
bool submit_wanted(struct pass *p, int side);

/* ---- carrying out (steps.c, beside.c, slicing.c, retire.c, suspend.c, quota.c) ---- */
void steps_take(struct pass *p);
void beside_keep(struct pass *p);
bool beside_uses_gateway(const struct pass *p); /* routes are kept: asked for, or left from before */
void beside_see(struct pass *p);                /* the Gateway and its route, for the decision */
void slicing_keep(struct pass *p, struct rv_node *service);
void slicing_end(struct pass *p); /* the Service selects its pods again */
void retire_clusters(struct pass *p);
void retire_all(struct pass *p); /* the RayService is being deleted */
void retire_result(struct pass *p, const struct rv_result *r);
bool suspend_step(struct pass *p); /* true: nothing else is to be done */
void quota_check(struct pass *p);
void quota_describe(struct pass *p); /* what a second cluster needs: p->peak */

/* ---- status.c, events.c, metrics.c ---- */
void status_condition(struct pass *p, const char *type, const char *status, const char *reason, struct rv_str message);
void status_begin(struct pass *p);
void status_conditions(struct pass *p);
void status_write(struct pass *p);
struct rv_str status_line(struct pass *p); /* where the upgrade stands */
void events_take_results(struct pass *p);
void metrics_tell(struct pass *p);
void metrics_forget(const struct rv_host_api *api, struct rv_host *h, struct memo *m);

#endif
