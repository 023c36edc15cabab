/* words.c - what a decision says, for people. */
#include "plugins/autoscaler/decision.h"

#include <math.h>

int64_t as_amount(double value) {
    if (!(value > 0)) return 0;
    if (value >= (double)(INT64_MAX / AS_UNIT) / 2) return INT64_MAX / 2;
    return (int64_t)llround(value * AS_UNIT);
}

const char *as_verdict_text(enum as_verdict v) {
    static const char *const texts[] = {
        [AS_KEEP_BUSY] = "is in use",
        [AS_KEEP_NOT_LONG] = "is idle, but not for long enough",
        [AS_KEEP_DEMAND] = "is idle, but what waits will run on it",
        [AS_KEEP_HELD] = "is idle, but request_resources() holds its capacity",
        [AS_KEEP_MIN] = "is idle, but its group is at its minimum",
        [AS_KEEP_REPLICA] = "is idle, but another host of its replica is not",
        [AS_KEEP_STARTING] = "has not joined the Ray cluster yet",
        [AS_KEEP_BLOCKED] = "cannot be placed by Kubernetes, and nothing else does its work yet",
        [AS_KEEP_HEAD] = "is the head",
        [AS_KEEP_UNMANAGED] = "is no pod of this RayCluster",
        [AS_KEEP_LEAVING] = "leaves already",
        [AS_REMOVE_IDLE] = "was idle for longer than its group allows",
        [AS_REMOVE_GROUP_MAX] = "is above the maximum of its group",
        [AS_REMOVE_MAX] = "is above the maximum of the cluster",
        [AS_REMOVE_BLOCKED] = "could not be placed by Kubernetes, and others do its work",
        [AS_REMOVE_NO_GROUP] = "belongs to a group that the RayCluster no longer has",
    };
    return texts[v];
}

const char *as_cause_text(enum as_cause c) {
    static const char *const texts[] = {[AS_FOR_MIN] = "the minimum of the group",
                                        [AS_FOR_HELD] = "request_resources()",
                                        [AS_FOR_GANG] = "placement groups",
                                        [AS_FOR_DEMAND] = "tasks and actors",
                                        [AS_CAUSES] = ""};
    return texts[c];
}

static int64_t amount_in(struct as_resources list, struct rv_str name) {
    for (size_t i = 0; i < list.n; i++)
        if (rv_str_eq(list.items[i].name, name)) return list.items[i].amount;
    return rv_str_starts(name, AS_IMPLICIT_PREFIX) ? AS_UNIT : 0;
}

static struct rv_str label_in(struct as_labels list, struct rv_str key) {
    for (size_t i = list.n; i-- > 0;)
        if (rv_str_eq(list.items[i].key, key)) return list.items[i].value;
    return (struct rv_str){NULL, 0};
}

static bool match_holds(const struct as_match *m, struct as_labels labels) {
    struct rv_str have = label_in(labels, m->key);
    bool in = false;
    for (size_t i = 0; have.p != NULL && i < m->n_values; i++) in |= rv_str_eq(m->values[i], have);
    return m->op == AS_IN ? in : m->op == AS_NOT_IN && !in;
}

/* The match of the first selector that does not hold; NULL when any selector holds. */
static const struct as_match *refused(const struct as_request *r, struct as_labels labels) {
    const struct as_match *first = NULL;
    for (size_t i = 0; i < r->n_selectors; i++) {
        const struct as_match *wrong = NULL;
        for (size_t j = 0; j < r->selectors[i].n && wrong == NULL; j++)
            if (!match_holds(&r->selectors[i].matches[j], labels)) wrong = &r->selectors[i].matches[j];
        if (wrong == NULL) return NULL;
        if (first == NULL) first = wrong;
    }
    return first;
}

struct rv_str as_why_not(struct rv_arena *a, const struct as_group *group, const struct as_request *request) {
    for (size_t i = 0; i < request->resources.n; i++) {
        const struct as_resource *need = &request->resources.items[i];
        int64_t have = amount_in(group->resources, need->name);
        if (need->amount <= have) continue;
        if (have == 0) return rv_arena_fmt(a, "it has no " RV_STR_FMT, RV_STR_ARG(need->name));
        return rv_arena_fmt(a, RV_STR_FMT ": asks for %g, a node has %g", RV_STR_ARG(need->name),
                            (double)need->amount / AS_UNIT, (double)have / AS_UNIT);
    }
    const struct as_match *m = refused(request, group->labels);
    if (m == NULL) return (struct rv_str){NULL, 0};
    struct rv_str have = label_in(group->labels, m->key);
    if (have.p == NULL)
        return rv_arena_fmt(a, "its nodes have no label " RV_STR_FMT " (only the group's labels count)",
                            RV_STR_ARG(m->key));
    return rv_arena_fmt(a, "its nodes have the label " RV_STR_FMT "=" RV_STR_FMT, RV_STR_ARG(m->key), RV_STR_ARG(have));
}
