/* gcs.h - what Ray's global control store says and is told, as gRPC messages (spec: gcs.proto).
 *
 * What comes back is outside data: whatever runs in the head may have written it. Everything is bounded, and what is
 * not whole is refused as a whole: a reply that was cut must never look like a cluster without nodes.
 */
#ifndef AUTOSCALER_GCS_H
#define AUTOSCALER_GCS_H

#include "plugins/autoscaler/model.h"

#define GCS_SERVICE "/ray.rpc.autoscaler.AutoscalerStateService/"

enum {
    GCS_REPLY_BYTES = 16 << 20, /* of an answer */
    GCS_TREE_BYTES = 128 << 20, /* of what an answer is unpacked to */
    GCS_NAME_BYTES = 4096,      /* of a name, a label, a detail */
    GCS_ENTRIES = 1024,         /* resources or labels of one node or request */
    GCS_NODES = 50000,
    GCS_NODE_ID = 28, /* bytes of a node id: a drain of one of another length ends the server's process */
};

enum gcs_status { GCS_UNSPECIFIED = 0, GCS_RUNNING, GCS_DEAD, GCS_IDLE, GCS_DRAINING }; /* as on the wire */

struct gcs_node {
    struct rv_str id;    /* bytes, of Ray's choice */
    struct rv_str pod;   /* may be empty: nobody's pod */
    struct rv_str group; /* as the node calls itself */
    enum gcs_status status;
    bool head;
    int64_t idle_ms;
    struct as_resources total, available;
    struct as_labels labels; /* the dynamic ones last */
    struct rv_str activity;  /* why Ray says that it is not idle; for people */
};

struct gcs_state {
    int64_t version;
    struct rv_str session;
    const struct gcs_node *nodes;
    size_t n_nodes;
    const struct as_demand *demands, *held;
    size_t n_demands, n_held;
    const struct as_gang *gangs;
    size_t n_gangs;
};

/* The state of a reply's body, which is one gRPC message; it lives in the arena. RV_E_PARSE or RV_E_TOO_BIG. */
int gcs_read_state(struct rv_arena *a, struct rv_bytes body, struct gcs_state *ret, struct rv_error *err);

/* The body of GetClusterResourceState. It always says that no version was seen: one that is larger than the server's
 * ends the server's process. */
void gcs_write_query(struct rv_buf *out);

enum gcs_drain_reason { GCS_DRAIN_IDLE = 1, GCS_DRAIN_PREEMPTION = 2 };
/* deadline_ms: of the epoch; 0: none. Ray refuses one that is negative, so it is never sent. */
void gcs_write_drain(struct rv_buf *out, struct rv_str node_id, enum gcs_drain_reason reason, struct rv_str message,
                     int64_t deadline_ms);
int gcs_read_drain(struct rv_arena *a, struct rv_bytes body, bool *ret_accepted, struct rv_str *ret_why,
                   struct rv_error *err);

/* What `ray status` and the dashboard show. */
struct gcs_pending {
    struct rv_str group, pod, details;
};
struct gcs_launching {
    struct rv_str group;
    int64_t count;
};
struct gcs_failed {
    struct rv_str group, reason;
    int64_t count, since_s;
};
struct gcs_report {
    int64_t seen, version; /* version: only one that is larger than the last counts */
    const struct gcs_launching *launching;
    size_t n_launching;
    const struct gcs_pending *pending;
    size_t n_pending;
    const struct gcs_failed *failed;
    size_t n_failed;
    /* Never what is merely capped: where Ray is told to give up early, it cancels the tasks named here. */
    const struct as_request *const *infeasible;
    size_t n_infeasible;
    const struct as_gang *const *infeasible_gangs;
    size_t n_infeasible_gangs;
    const struct as_demand *infeasible_held;
    size_t n_infeasible_held;
};
void gcs_write_report(struct rv_buf *out, struct rv_arena *a, const struct gcs_report *report);

/* The one message of a gRPC body: one that is not compressed, whole, and alone. */
int gcs_unframe(struct rv_bytes body, struct rv_bytes *ret_message, struct rv_error *err);

/* The name of a gRPC status code ("UNAVAILABLE"). */
const char *gcs_status_name(int32_t code);

#endif
