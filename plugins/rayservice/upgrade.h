/* upgrade.h - how a RayService gets from one cluster to the next: a pure function from what is observed to what is to
 * be done. It knows no objects and no API, so tests can drive it through any story.
 *
 * Two clusters may stand beside each other: the active one, which serves, and the pending one, which is to replace it.
 * A step is taken only on proof: `proven` says that an answer of Serve which is newer than the last change of that
 * cluster's configuration or capacity shows every application running, with a replica of each deployment. Traffic
 * follows readiness: a cluster without a ready endpoint gets none while the other has one.
 *
 * Each pass takes at most one step (a change of capacity, or of weights, or a promotion). Its successor is decided from
 * new observations, after a restart too: everything it needs is in the object. */
#ifndef RAYSERVICE_UPGRADE_H
#define RAYSERVICE_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

enum up_strategy { UP_NONE, UP_NEW, UP_INCREMENTAL };

/* One of the two clusters, as observed. */
struct up_side {
    bool named;      /* the status names it */
    bool exists;     /* it is there, and not being deleted */
    bool deleting;   /* it is being deleted: its name cannot be used again */
    bool same;       /* made of the cluster spec that is wanted now */
    bool extends;    /* the spec that is wanted now only adds worker groups to it */
    bool suspended;  /* by a queue manager or a user: nothing can be expected of it */
    bool head_ready; /* Serve on it can be talked to */
    bool untold;     /* its capacity cannot be changed: Serve on it does not answer, or its configuration is unknown */
    bool running;    /* the last answer: all applications are RUNNING */
    bool proven;     /* see above */
    int32_t pods;    /* ready pods that take requests */
    int32_t endpoints; /* of them, those that traffic can be sent to by now: not before the control plane knows them */
    int32_t capacity;  /* target_capacity that it was given; 100 where none was */
    int32_t traffic;   /* percent */
    int64_t moved;     /* wall ns of the last change of traffic, 0 never */
};

struct up_view {
    enum up_strategy strategy;
    bool may_replace;  /* a new cluster may be made for a new spec */
    bool rolling_back; /* as the status says */
    bool given_up;     /* this very spec was tried and did not come up in time */
    bool sliced;       /* shares are those of endpoints, there is no Gateway */
    bool shares_act;   /* as far as is known: the Gateway and its route are programmed, our EndpointSlice is in force */
    bool quota_blocks; /* a ResourceQuota has no room for a second cluster */
    bool crowded;      /* an old cluster is still draining: a third one is not made beside it */
    bool rolls_back;   /* what happens at the deadline; false: it is only reported */
    int32_t surge, step;
    int64_t interval_ns, now;
    int64_t deadline; /* wall ns: until then the step that is waited for must have come; 0 none */
    struct up_side active, pending;
};

/* What is waited for. One word each in status.upgrade.step. */
enum up_step {
    UP_IDLE,            /* nothing to upgrade */
    UP_INITIALIZING,    /* the first cluster comes up */
    UP_BLOCKED,         /* no quota for a second cluster */
    UP_CLEARING,        /* an old cluster must go before */
    UP_STARTING,        /* the pending cluster comes up */
    UP_QUEUED,          /* the pending cluster is suspended */
    UP_DEPLOYING,       /* its applications come up, at the capacity that it has */
    UP_WAITING_GATEWAY, /* shares have no effect yet; UP_WAITING_SLICE without a Gateway */
    UP_WAITING_SLICE,
    UP_SHIFTING, /* the next share of traffic moves when the interval is over */
    UP_SCALING,  /* capacities are being changed */
    UP_PROMOTING,
    UP_ROLLING_BACK,
    UP_LATE, /* past the deadline, which is only reported */
    UP_GIVEN_UP,
};
const char *up_step_name(enum up_step s);

enum up_rollback { UP_ROLLBACK_KEEP, UP_ROLLBACK_CLEAR, UP_ROLLBACK_REVERTED, UP_ROLLBACK_OTHER, UP_ROLLBACK_LATE };

struct up_plan {
    enum up_step step;
    bool prepare;        /* a new name for the pending cluster; one that has a name becomes superfluous */
    bool create_pending; /* the cluster of that name */
    bool update_active, update_pending; /* worker groups are added in place */
    bool promote;                       /* the pending cluster becomes the active one */
    bool drop_pending;                  /* the pending cluster becomes superfluous */
    bool give_up;                       /* this spec is not tried again */
    bool serve_active_frozen;           /* the active cluster keeps the configuration that it has */
    bool serve_pending_frozen;
    bool stable_pending; /* the stable Services follow the pending cluster */
    enum up_rollback rollback;
    int32_t capacity_active, capacity_pending; /* to be sent where they differ from what is observed... */
    bool assume_active, assume_pending;        /* ...or taken as given, because there is nobody to tell */
    int32_t traffic_active, traffic_pending;
    int64_t wake; /* wall ns: when time alone changes the decision, 0 never */
};

void up_decide(const struct up_view *v, struct up_plan *ret);

#endif
