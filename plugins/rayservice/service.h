/* service.h - one RayService as a pass sees it: its spec (views), its status (a copy that the pass changes), settings.
 *
 *   upgrade.c   the decision: from one cluster to the next    validate.c  is it a valid service?
 *   service.c   reading spec, annotations and status          state.c     the status as a tree
 *   clusters.c  the RayCluster of a service                   objects.c   Services, Gateway, routes
 *   slices.c    EndpointSlices that share traffic             serve.c     Serve's configuration and answers
 *   observe.c   what is there                                 steps.c     carrying out the decision
 *   retire.c    old clusters: drain and deletion              suspend.c   spec.suspend
 *   status.c    conditions and the write of the status        quota.c     what a second cluster needs
 *   memo.c      what is remembered between two passes         metrics.c   kuberay_service_*
 *   plugin.c    the controller that the host calls            slicing.c   traffic shared without a Gateway
 *   owned_objects.c   keeping the objects beside the clusters
 *   serve_requests.c  asking Serve and proxies, and telling Serve its configuration
 *   action_results.c  what became of actions
 */
#ifndef RAYSERVICE_SERVICE_H
#define RAYSERVICE_SERVICE_H

#include "plugins/ray/child_cluster.h"
#include "plugins/ray/timestamp.h"
#include "upgrade.h"

/* The manifest's settings (rayservice.yaml). Views into the host's settings value. */
struct rs_settings {
    struct rc_settings cluster; /* for what is built like a RayCluster's objects */
    bool zero_downtime;
    int64_t deadline_s, drain_s;
    bool deadline_rolls_back;
    int64_t quiet_poll_s;
};

enum rs_traffic { RS_VIA_SERVICE, RS_VIA_GATEWAY, RS_VIA_SLICES };

struct rs_service {
    struct rv_val value, meta, spec, status, cluster_spec, options; /* options: upgradeStrategy.clusterUpgradeOptions */
    struct rv_str ns, name, uid, config;
    int64_t generation;
    const struct rs_settings *settings;
    enum up_strategy strategy;
    enum rs_traffic traffic; /* how it is shared between two clusters */
    bool may_replace, suspend, exclude_head;
    int64_t init_timeout_ns, deadline_ns, drain_ns, delay_ns; /* 0: none */
    bool rolls_back;
    struct rv_str serve_name; /* of the stable serve Service */
};

void rs_service_read(struct rs_service *s, struct rv_val value, const struct rs_settings *settings);
struct rv_str rs_annotation(const struct rs_service *s, const char *key);
/* A Go duration ("1h30m", "90s", "1.5h") or whole seconds, above 0. -EINVAL otherwise. */
int rs_duration(struct rv_str text, int64_t *ret_ns);
/* The RayService as the owner of what is made for it. */
struct rc_cluster_owner rs_cluster_owner(const struct rs_service *s);
/* NULL when it is valid; else the event's reason (static), with a sentence in *message. */
const char *rs_validate(const struct rs_service *s, struct rv_buf *message);

/* ---- the status (state.c) ---------------------------------------------------------------------------------------- */

/* What the status says of one of the two clusters. */
struct rs_side {
    struct rv_str name;
    struct rv_val apps, cluster_status; /* applicationStatuses, rayClusterStatus */
    int64_t capacity, traffic;          /* -1: not there */
    struct rv_str moved;                /* RFC 3339, or empty */
    struct rv_str config_hash, config;  /* what Serve on it accepted; config may be empty (too long) */
};

struct rs_retired {
    struct rv_str name, since, until; /* RFC 3339; until: it goes then at the latest */
};
enum { RS_RETIRED_MAX = 16 };

struct rs_state {
    struct rs_side active, pending;
    int64_t endpoints; /* numServeEndpoints */
    struct rv_val conditions;
    struct rv_str step, since, deadline, failed_hash, failed_reason; /* status.upgrade */
    struct rs_retired retired[RS_RETIRED_MAX];
    size_t retired_n;
};

void rs_state_read(struct rs_state *s, struct rv_val status);
/* Without conditions and what is copied from clusters. */
struct rv_node *rs_state_node(struct rv_arena *a, const struct rs_state *s);
static inline bool rs_condition_is(const struct rs_state *s, const char *type, const char *status) {
    return rv_condition_is(s->conditions, type, status);
}

/* ---- the cluster (clusters.c) ------------------------------------------------------------------------------------ */

/* Hash of the wanted cluster spec without what only scales it, as 32 characters; of its first `groups` worker groups
 * (-1: all). */
void rs_goal_hash(const struct rs_service *s, int64_t groups, char ret[33]);
struct rv_node *rs_cluster(struct rv_arena *a, const struct rs_service *s, struct rv_str name, bool first);
/* How an existing cluster stands to the wanted spec. */
struct rs_likeness {
    bool same, extends;
    bool adopted; /* its notes are another operator's, or of another version: they are to be written anew */
};
struct rs_likeness rs_compare(const struct rs_service *s, struct rv_val cluster);
/* Patches of a live cluster, or NULL: the notes that say what it was made of; groups that are new; bounds that were
 * edited. Never `replicas` of a group that is there: they may be an autoscaler's. JSON patches. */
struct rv_node *rs_cluster_notes(struct rv_arena *a, const struct rs_service *s, struct rv_val cluster);
struct rv_node *rs_cluster_groups(struct rv_arena *a, const struct rs_service *s, struct rv_val cluster, bool append);

/* ---- Serve (serve.c) --------------------------------------------------------------------------------------------- */

/* The configuration as a tree. NULL with the reason. */
struct rv_node *rs_config_parse(struct rv_arena *a, struct rv_str text, struct rv_error *err);
/* Body of the PUT. capacity < 0: without target_capacity of ours. */
struct rv_str rs_config_body(struct rv_arena *a, struct rv_node *config, int64_t capacity);
void rs_config_hash(struct rv_str text, char ret[33]);
struct rv_str rs_config_proxies(struct rv_node *config); /* proxy_location, or empty */
/* Do they differ in their applications only (and, where capacity is ours, in target_capacity)? */
bool rs_config_same_beside_apps(struct rv_arena *a, struct rv_node *x, struct rv_node *y, bool capacity_is_ours);

/* What an answer of GET /api/serve/applications/ says. */
struct rs_answer {
    bool any, running, healthy; /* healthy: running, and each deployment has a replica where it should have one */
    int64_t capacity;           /* target_capacity; -1: none */
    struct rv_node *apps;       /* as status.applicationStatuses has them */
    struct rv_str waits;        /* the first application that is not as wanted, in words; empty: none */
};
/* False: that is no answer of Serve. */
bool rs_answer_read(struct rv_arena *a, struct rv_val body, struct rs_answer *ret);
/* Does the answer show exactly the applications of this configuration? */
bool rs_answer_is_of(struct rv_arena *a, struct rv_val body, struct rv_node *config);

/* ---- builders (objects.c, slices.c) ------------------------------------------------------------------------------ */

struct rv_str rs_serve_service_name(struct rv_arena *a, const struct rs_service *s); /* of the stable one */
/* Of the service, selecting the target; target NULL: without a selector. NULL: the head has no port to serve on. */
struct rv_node *rs_serve_service(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *ports_of,
                                 bool selector);
/* Of one cluster, for routes. */
struct rv_node *rs_cluster_serve_service(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c);
int64_t rs_serve_port(const struct rc_cluster *c); /* of the head's proxy */

struct rs_share {
    struct rv_str service; /* empty: no such cluster */
    int64_t weight;
};
struct rv_str rs_gateway_name(struct rv_arena *a, const struct rs_service *s);
struct rv_node *rs_gateway(struct rv_arena *a, const struct rs_service *s); /* NULL: an existing one is used */
/* Namespace and name of the Gateway that routes attach to; *section may be empty. */
void rs_gateway_ref(struct rv_arena *a, const struct rs_service *s, struct rv_str *ns, struct rv_str *name,
                    struct rv_str *section);
struct rv_node *rs_http_route(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c,
                              const struct rs_share shares[2]);
/* NULL: no port of the head is called serve-grpc. */
struct rv_node *rs_grpc_route(struct rv_arena *a, const struct rs_service *s, const struct rc_cluster *c,
                              const struct rs_share shares[2]);

/* How many of each cluster's endpoints take part, so that new connections are shared as nearly as possible by weight
 * (percent to the second). Never none, while there is any. */
void rs_share_endpoints(int64_t have_a, int64_t have_b, int64_t weight_b, int64_t *ret_a, int64_t *ret_b);

#endif
