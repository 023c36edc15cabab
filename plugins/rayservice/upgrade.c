/* upgrade.c - see upgrade.h. */
#include "upgrade.h"

enum { FULL = 100 };
/* After a change of shares: when they act at the earliest; so long one waits for a Gateway to say that they do. */
#define SHARES_ACT_NS INT64_C(5000000000)
#define SHARES_TOLD_NS INT64_C(60000000000)

static const char *const step_names[] = {
    [UP_IDLE] = "Idle",
    [UP_INITIALIZING] = "Initializing",
    [UP_BLOCKED] = "BlockedByQuota",
    [UP_CLEARING] = "WaitingForOldCluster",
    [UP_STARTING] = "StartingCluster",
    [UP_QUEUED] = "Queued",
    [UP_DEPLOYING] = "DeployingApplications",
    [UP_WAITING_GATEWAY] = "WaitingForGateway",
    [UP_WAITING_SLICE] = "WaitingForEndpointSlice",
    [UP_SHIFTING] = "ShiftingTraffic",
    [UP_SCALING] = "ChangingCapacity",
    [UP_PROMOTING] = "Promoting",
    [UP_ROLLING_BACK] = "RollingBack",
    [UP_LATE] = "DeadlineExceeded",
    [UP_GIVEN_UP] = "GivenUp",
};

const char *up_step_name(enum up_step s) { return step_names[s]; }

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t most(int32_t a, int32_t b) { return a > b ? a : b; }
static bool alive(const struct up_side *s) { return s->exists && s->pods > 0; }
static bool serves(const struct up_side *s) { return alive(s) && s->endpoints > 0; }

static void wake_at(struct up_plan *p, int64_t when) {
    if (p->wake == 0 || when < p->wake) p->wake = when;
}

static void set_traffic(struct up_plan *p, int32_t pending) {
    p->traffic_pending = pending;
    p->traffic_active = FULL - pending;
}

static void begin(const struct up_view *v, struct up_plan *p) {
    *p = (struct up_plan){.capacity_active = v->active.capacity,
                          .capacity_pending = v->pending.capacity,
                          .traffic_active = v->active.traffic,
                          .traffic_pending = v->pending.traffic};
}

/* ---- one cluster ------------------------------------------------------------------------------------------------- */

/* Only an active cluster, and it is there. */
static void alone(const struct up_view *v, struct up_plan *p) {
    p->traffic_active = FULL;
    p->capacity_active = FULL;
    if (v->rolling_back) p->rollback = UP_ROLLBACK_CLEAR;
    if (v->active.same) return;
    if (v->active.extends) {
        p->update_active = true;
        return;
    }
    p->step = v->given_up ? UP_GIVEN_UP : UP_IDLE;
    p->serve_active_frozen = v->given_up;
    if (!v->may_replace || v->given_up) return;
    p->step = v->quota_blocks ? UP_BLOCKED : UP_STARTING;
    p->serve_active_frozen = true; /* its configuration may have been edited together with the spec */
    p->prepare = p->step == UP_STARTING;
}

/* Only a pending cluster: the first one ever, or all that is left of two. */
static void first(const struct up_view *v, struct up_plan *p) {
    const struct up_side *b = &v->pending;
    bool wanted = b->same || b->extends || !v->may_replace, left = v->active.named && alive(b) && b->traffic > 0;
    p->step = b->suspended ? UP_QUEUED : UP_INITIALIZING;
    p->capacity_pending = FULL;
    p->assume_pending = !b->exists;
    if (v->rolling_back) p->rollback = UP_ROLLBACK_CLEAR;
    if (v->active.named) set_traffic(p, left ? FULL : 0);
    p->stable_pending = left;
    if (b->deleting || (b->exists && !wanted && !left)) {
        p->prepare = true;
    } else if (!b->exists) {
        p->create_pending = true;
    } else {
        p->update_pending = !b->same && b->extends;
        /* The last one that serves is not given away for a spec that nothing was made of yet. */
        p->promote = wanted ? b->proven && b->capacity == FULL : left;
    }
    if (!p->promote) return;
    set_traffic(p, FULL);
    p->stable_pending = true;
}

/* ---- two clusters ------------------------------------------------------------------------------------------------ */

static bool is_rollback(const struct up_view *v, struct up_plan *p) {
    if (v->given_up) {
        if (!v->rolling_back) p->rollback = UP_ROLLBACK_LATE;
        return true;
    }
    if (v->active.same) {
        if (!v->rolling_back) p->rollback = UP_ROLLBACK_REVERTED;
        return true;
    }
    bool anew = !v->pending.exists && !v->rolling_back; /* it will be made of the spec that is wanted now */
    if (v->pending.same || v->pending.extends || anew) {
        if (v->rolling_back) p->rollback = UP_ROLLBACK_CLEAR;
        return false;
    }
    if (!v->rolling_back) p->rollback = UP_ROLLBACK_OTHER;
    return true;
}

/* Traffic goes where somebody takes it, whatever the plan is: true when it had to. Only to one that has proven once
 * that it answers. */
static bool follow_readiness(const struct up_view *v, struct up_plan *p) {
    const struct up_side *a = &v->active, *b = &v->pending;
    if (b->traffic > 0 && !alive(b) && alive(a)) {
        set_traffic(p, 0);
        p->capacity_active = FULL;
        return true;
    }
    if (a->traffic > 0 && !alive(a) && serves(b) && (b->proven || b->traffic > 0)) {
        set_traffic(p, FULL);
        p->capacity_pending = FULL;
        return true;
    }
    return false;
}

static bool interval_over(const struct up_view *v, int64_t moved, struct up_plan *p) {
    if (moved == 0 || v->now - moved >= v->interval_ns) return true;
    wake_at(p, moved + v->interval_ns);
    return false;
}

/* Proxies and Gateways act on shares some time after they were written, and what still comes to a cluster without a
 * replica waits for ever. So its last capacity goes some seconds after the last change of shares. */
static bool may_lower(const struct up_view *v, const struct up_side *s, int64_t moved, struct up_plan *p) {
    int64_t after = v->shares_act ? SHARES_ACT_NS : SHARES_TOLD_NS;
    if (s->capacity > v->surge || moved == 0 || v->now - moved >= after) return true;
    wake_at(p, moved + after);
    return false;
}

/* A cluster whose Serve cannot be told anything is taken for told: nothing may wait for it for ever. */
static void lower(const struct up_view *v, const struct up_side *s, int64_t moved, struct up_plan *p) {
    bool active = s == &v->active;
    if (!may_lower(v, s, moved, p)) return;
    *(active ? &p->capacity_active : &p->capacity_pending) = most(0, s->capacity - v->surge);
    *(active ? &p->assume_active : &p->assume_pending) = !s->head_ready || s->untold;
}

/* Could its traffic be served with the capacity that lower() would leave? It could not where an upgrade and a rollback
 * have followed each other in the middle of a step, or the surge was edited. */
static bool has_to_spare(const struct up_view *v, const struct up_side *s) {
    return s->traffic <= most(0, s->capacity - v->surge);
}

/* More capacity for one side; both together have no more than the surge allows. */
static int32_t raised(const struct up_view *v, const struct up_side *s, const struct up_side *other) {
    int32_t room = FULL + v->surge - (other->exists && other->head_ready ? other->capacity : 0);
    return most(s->capacity, least(FULL, least(s->capacity + v->surge, room)));
}

static void forward(const struct up_view *v, struct up_plan *p) {
    const struct up_side *a = &v->active, *b = &v->pending;
    p->serve_active_frozen = true;
    if (b->suspended) {
        p->step = UP_QUEUED;
    } else if (!b->head_ready) {
        p->step = UP_STARTING;
    } else if (!v->shares_act) {
        p->step = v->sliced ? UP_WAITING_SLICE : UP_WAITING_GATEWAY;
    } else if (b->traffic < b->capacity) {
        p->step = b->proven && serves(b) ? UP_SHIFTING : UP_DEPLOYING;
        if (p->step == UP_SHIFTING && interval_over(v, b->moved, p))
            set_traffic(p, least(FULL, least(b->traffic + v->step, b->capacity)));
    } else if (b->capacity < FULL && (a->capacity + b->capacity <= FULL || !has_to_spare(v, a))) {
        p->step = UP_SCALING;
        p->capacity_pending = raised(v, b, a);
    } else if (!b->proven) {
        p->step = UP_DEPLOYING;
    } else if (a->capacity > 0) {
        p->step = UP_SCALING;
        lower(v, a, b->moved, p);
    } else {
        p->step = UP_PROMOTING;
        p->promote = b->capacity == FULL && b->traffic == FULL;
    }
}

/* The active cluster takes back what it gave, in the same steps. Where the pending one takes nothing, at once. */
static void backward(const struct up_view *v, struct up_plan *p) {
    const struct up_side *a = &v->active, *b = &v->pending;
    p->step = UP_ROLLING_BACK;
    p->serve_active_frozen = !a->same;
    p->serve_pending_frozen = true;
    if (a->capacity == FULL && a->traffic == FULL &&
        (!b->exists || !b->head_ready || (b->capacity == 0 && b->traffic == 0))) {
        p->drop_pending = true;
    } else if (a->traffic < a->capacity) {
        bool able = a->proven || (!a->head_ready && alive(a)), other = alive(b);
        if (able && interval_over(v, other ? a->moved : 0, p))
            set_traffic(p, FULL - least(FULL, other ? least(a->traffic + v->step, a->capacity) : a->capacity));
    } else if (a->capacity + b->capacity > FULL && b->exists && b->head_ready && has_to_spare(v, b)) {
        lower(v, b, a->moved, p);
    } else if (a->capacity < FULL) {
        p->capacity_active = raised(v, a, b);
    } else {
        lower(v, b, a->moved, p);
    }
}

/* The pending cluster is not there. Its share was lost with it. */
static void renew_pending(const struct up_view *v, struct up_plan *p) {
    p->step = UP_STARTING;
    set_traffic(p, 0);
    p->capacity_active = FULL;
    p->capacity_pending = v->strategy == UP_INCREMENTAL ? 0 : FULL;
    p->assume_pending = true;
    p->serve_active_frozen = true;
    if (v->pending.deleting)
        p->prepare = true;
    else
        p->create_pending = true;
}

static void incremental(const struct up_view *v, struct up_plan *p) {
    bool back = is_rollback(v, p);
    if (!v->pending.exists && !back) {
        renew_pending(v, p);
        return;
    }
    p->update_pending = !back && !v->pending.same && v->pending.extends;
    if (follow_readiness(v, p)) {
        p->step = back ? UP_ROLLING_BACK : UP_DEPLOYING;
        p->serve_active_frozen = !back || !v->active.same;
        p->serve_pending_frozen = back;
        return;
    }
    if (back)
        backward(v, p);
    else
        forward(v, p);
}

/* May the whole traffic go to the pending cluster at once? */
static bool may_switch(const struct up_view *v) {
    const struct up_side *a = &v->active, *b = &v->pending;
    return b->proven && b->capacity == FULL && (serves(b) || !alive(a));
}

/* Back to the active cluster, when it has all its capacity again. */
static void abandon(const struct up_view *v, struct up_plan *p) {
    p->step = UP_ROLLING_BACK;
    p->serve_active_frozen = !v->active.same;
    p->serve_pending_frozen = true;
    p->drop_pending = v->active.capacity == FULL && v->active.traffic == FULL;
}

/* All at once. Whatever shares an incremental upgrade left behind are undone first: the active cluster has everything
 * until the pending one has proven that it can take everything. */
static void at_once(const struct up_view *v, struct up_plan *p) {
    const struct up_side *a = &v->active, *b = &v->pending;
    bool keep_shares = b->traffic > 0 && alive(b) && !alive(a);
    p->capacity_active = FULL;
    p->capacity_pending = FULL;
    if (v->rolling_back) p->rollback = UP_ROLLBACK_CLEAR;
    if (!keep_shares && (a->capacity == FULL || !alive(b))) set_traffic(p, 0);
    if (v->given_up || a->same) {
        abandon(v, p);
        return;
    }
    bool stale = b->exists && !b->same && !b->extends && v->may_replace;
    if (stale && b->moved != 0 && !keep_shares) { /* it may have requests: a third one would stand beside two */
        abandon(v, p);
        return;
    }
    if (!b->exists || stale) {
        renew_pending(v, p);
        if (stale) {
            p->create_pending = false;
            p->prepare = true;
        }
        return;
    }
    p->serve_active_frozen = true;
    p->update_pending = !b->same && b->extends;
    p->step = b->suspended ? UP_QUEUED : b->head_ready ? UP_DEPLOYING : UP_STARTING;
    p->promote = may_switch(v);
    if (p->promote) {
        p->step = UP_PROMOTING;
        set_traffic(p, FULL);
    }
}

static void check_deadline(const struct up_view *v, struct up_plan *p) {
    bool waits = p->step != UP_ROLLING_BACK && p->step != UP_QUEUED && p->step != UP_IDLE && !p->promote;
    if (v->deadline == 0 || !waits || v->given_up || p->prepare) return; /* a new cluster has its own deadline */
    if (v->now < v->deadline) {
        wake_at(p, v->deadline);
        return;
    }
    p->give_up = v->rolls_back;
    if (!p->give_up) p->step = UP_LATE;
}

/* ---- who gets what comes to the stable address
 * ------------------------------------------------------------------- */

static bool stable_pending(const struct up_view *v, const struct up_plan *p) {
    bool a = alive(&v->active), b = alive(&v->pending);
    if (p->promote) return true;
    if (a != b) return b && v->pending.traffic > 0;
    return p->traffic_pending > p->traffic_active;
}

/* A third cluster is not made beside two that are there. */
static void check_crowd(const struct up_view *v, struct up_plan *p) {
    if (!p->prepare || !v->crowded || (!v->pending.exists && !v->active.exists)) return;
    p->prepare = false;
    p->step = UP_CLEARING;
}

void up_decide(const struct up_view *v, struct up_plan *ret) {
    begin(v, ret);
    bool both = v->active.named && v->active.exists && v->pending.named;
    if (!v->pending.named && !(v->active.named && v->active.exists)) {
        ret->step = UP_INITIALIZING;
        ret->prepare = true;
    } else if (!v->pending.named) {
        alone(v, ret);
        if (ret->step == UP_BLOCKED) check_deadline(v, ret);
    } else if (!both) {
        first(v, ret);
    } else {
        if (v->strategy == UP_INCREMENTAL)
            incremental(v, ret);
        else
            at_once(v, ret);
        ret->stable_pending = stable_pending(v, ret);
        check_deadline(v, ret);
    }
    check_crowd(v, ret);
}
