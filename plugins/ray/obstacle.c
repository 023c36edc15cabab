/* obstacle.c - see obstacle.h. */
#include "obstacle.h"
#include "ipc/base/utf8.h"

#define SECOND INT64_C(1000000000)

static struct rv_str shortened(struct rv_str s) { return utf8_clip(s, RC_OBSTACLE_TEXT_MAX); }

struct rv_str rc_terminated(struct rv_arena *a, struct rv_val t) {
    return rv_arena_fmt(a, RV_STR_FMT ", exit code %lld",
                        RV_STR_ARG(rv_val_str_or(rv_val_get(t, "reason"), "an error")),
                        (long long)rv_path_int(t, "exitCode", 0));
}

/* How the container ended the last time, for one that is started again and again. */
static struct rv_str last_end(struct rv_arena *a, struct rv_val container) {
    struct rv_val last = rv_val_path(container, "lastState.terminated");
    if (!rv_val_set(last)) return (struct rv_str){NULL, 0};
    return rv_arena_fmt(a, " (it ended with " RV_STR_FMT ")", RV_STR_ARG(rc_terminated(a, last)));
}

static struct rc_obstacle waiting(struct rv_arena *a, struct rv_val pod, const char *list, bool late) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, list)); rv_iter_next(&it);) {
        struct rv_val w = rv_val_path(it.val, "state.waiting");
        struct rv_str reason = rv_path_str(w, "reason"), message = shortened(rv_path_str(w, "message"));
        bool usual = rv_str_is(reason, "ContainerCreating") || rv_str_is(reason, "PodInitializing");
        if (reason.n == 0 || (usual && !late)) continue;
        struct rv_str text = rv_arena_fmt(
            a, "container " RV_STR_FMT " waits%s: " RV_STR_FMT "%s" RV_STR_FMT RV_STR_FMT,
            RV_STR_ARG(rv_path_str(it.val, "name")), usual ? " for more than a minute" : "", RV_STR_ARG(reason),
            message.n != 0 ? ": " : "", RV_STR_ARG(message), RV_STR_ARG(last_end(a, it.val)));
        return (struct rc_obstacle){usual ? RV_STR("PodsNotReady") : reason, text};
    }
    return (struct rc_obstacle){0};
}

static struct rc_obstacle not_scheduled(struct rv_arena *a, struct rv_val pod) {
    struct rv_val c = rv_condition_find(rv_val_path(pod, "status.conditions"), "PodScheduled");
    if (!rv_str_is(rv_path_str(c, "status"), "False")) return (struct rc_obstacle){0};
    struct rv_str text =
        rv_arena_fmt(a, "not scheduled: " RV_STR_FMT, RV_STR_ARG(shortened(rv_path_str(c, "message"))));
    return (struct rc_obstacle){rv_val_str_or(rv_val_get(c, "reason"), "Unschedulable"), text};
}

struct rc_obstacle rc_pod_not_ready(struct rv_arena *a, struct rv_val pod, bool late) {
    struct rv_val ready = rv_condition_find(rv_val_path(pod, "status.conditions"), "Ready");
    struct rv_str phase = rv_val_str_or(rv_val_path(pod, "status.phase"), "Pending"),
                  why = shortened(rv_path_str(ready, "message"));
    struct rv_str text =
        late ? rv_arena_fmt(a, "phase " RV_STR_FMT ", made more than a minute ago and not ready%s" RV_STR_FMT,
                            RV_STR_ARG(phase), why.n != 0 ? ": " : "", RV_STR_ARG(why))
             : rv_arena_fmt(a, "phase " RV_STR_FMT ", not ready yet", RV_STR_ARG(phase));
    return (struct rc_obstacle){RV_STR("PodsNotReady"), text};
}

struct rc_obstacle rc_pod_obstacle(struct rv_arena *a, struct rv_val pod, int64_t now, int64_t *ret_again) {
    int64_t made = 0, until = 0;
    if (rv_time_parse(rv_path_str(pod, "metadata.creationTimestamp"), &made) == 0)
        until = made + RC_OBSTACLE_LONG_S * SECOND;
    bool late = now >= until;
    struct rc_obstacle o = waiting(a, pod, "status.initContainerStatuses", late);
    *ret_again = 0;
    if (o.reason.n == 0) o = waiting(a, pod, "status.containerStatuses", late);
    if (o.reason.n == 0) o = not_scheduled(a, pod);
    if (o.reason.n == 0 && late) o = rc_pod_not_ready(a, pod, true);
    if (o.reason.n == 0) *ret_again = until;
    return o;
}
