/* say.c - see say.h. Each kind has a list of questions in the order in which they matter; the first that has an answer
 * gives the sentence. */
#include "say.h"

#include "plugins/ray/fields.h"
#include "plugins/ray/obstacle.h"
#include "plugins/ray/timestamp.h"
#include "rayvisor/k8s.h"
#include "say_parts.h"

const char *say_state_word(enum say_state s) {
    static const char *const words[] = {
        [SAY_WELL] = "well", [SAY_WAITS] = "waits", [SAY_FAULTY] = "faulty", [SAY_RESTS] = "at rest"};
    return words[s];
}

struct rv_str say_duration(struct rv_arena *a, int64_t ns) {
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    long long s = (long long)((ns < 0 ? -ns : ns) / RC_SECOND);
    if (s < 2LL * MINUTE) return rv_arena_fmt(a, "%lld s", s);
    if (s < 2LL * HOUR) return rv_arena_fmt(a, "%lld min", s / MINUTE);
    if (s < 2LL * DAY) return rv_arena_fmt(a, "%lld h", s / HOUR);
    return rv_arena_fmt(a, "%lld d", s / DAY);
}

struct rv_str say_time(struct rv_arena *a, int64_t at, int64_t now) {
    struct rv_str much = say_duration(a, at - now);
    return rv_arena_fmt(a, "at " RV_STR_FMT " (%s" RV_STR_FMT "%s)", RV_STR_ARG(rc_time_text(a, at)),
                        at >= now ? "in " : "", RV_STR_ARG(much), at >= now ? "" : " ago");
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

struct rv_val say_condition(const struct saying *s, const char *type) {
    return rv_condition_find(rv_val_get(s->status, "conditions"), type);
}

bool say_is(const struct saying *s, const char *type, const char *status) {
    return rv_str_is(rv_path_str(say_condition(s, type), "status"), status);
}

bool say_it(struct saying *s, enum say_state state, const char *fmt, ...) {
    va_list ap;
    rv_autobuf struct rv_buf b = {0};
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    s->said.state = state;
    s->said.text = rv_arena_str(s->arena, rv_buf_str(&b));
    return true;
}

/* What a condition says, or else its reason. */
struct rv_str say_message(const struct saying *s, const char *type) {
    struct rv_val c = say_condition(s, type);
    struct rv_str message = rv_path_str(c, "message"), reason = rv_path_str(c, "reason");
    return message.n != 0 ? message : reason;
}

bool say_by(struct saying *s, const char *type, const char *status, enum say_state state, const char *before) {
    struct rv_val c = say_condition(s, type);
    struct rv_str message = say_message(s, type), reason = rv_path_str(c, "reason");
    if (!rv_str_is(rv_path_str(c, "status"), status)) return false;
    s->said.since = rc_time(rv_path_str(c, "lastTransitionTime"));
    bool again = reason.n == 0 || rv_str_eq(reason, message) ||
                 (message.n != 0 && memmem(message.p, message.n, reason.p, reason.n) != NULL);
    return say_it(s, state, "%s" RV_STR_FMT "%s" RV_STR_FMT "%s", before, RV_STR_ARG(message), again ? "" : " (",
                  RV_STR_ARG(again ? RV_STR("") : reason), again ? "" : ")");
}

void say_next(struct saying *s, int64_t at, const char *then) {
    if (at == 0 || (s->said.next != 0 && s->said.next <= at)) return;
    s->said.next = at;
    s->said.then = rv_str(then);
}

/* ---- what holds for every kind ---------------------------------------------------------------------------------- */

static bool deleting(struct saying *s) {
    struct rv_val list = rv_val_path(s->object, "metadata.finalizers");
    if (!rv_meta_deleting(s->object)) return false;
    s->said.since = rc_time(rv_path_str(s->object, "metadata.deletionTimestamp"));
    if (rv_val_len(list) == 0) return say_it(s, SAY_WAITS, "it is being deleted");
    return say_it(s, SAY_WAITS,
                  "it is being deleted and waits until whoever set the finalizer " RV_STR_FMT " has taken it off",
                  RV_STR_ARG(rv_val_str(rv_val_at(list, 0))));
}

static bool elsewhere(struct saying *s) {
    struct rv_str manager = rv_path_str(s->object, "spec.managedBy");
    if (manager.n == 0 || rv_str_is(manager, RC_MANAGER)) return false;
    return say_it(s, SAY_RESTS, "spec.managedBy gives it to " RV_STR_FMT ", so this operator leaves it alone",
                  RV_STR_ARG(manager));
}

static bool stalled(struct saying *s) {
    return say_by(s, RC_CONDITION_STALLED, "True", SAY_FAULTY, "it cannot go on by itself: ");
}

static bool never_seen(struct saying *s) {
    if (rv_val_len(s->status) > 0) return false;
    s->said.since = rc_time(rv_path_str(s->object, "metadata.creationTimestamp"));
    return say_it(s, SAY_WAITS, "no operator has written a status yet: is one running that manages %s?",
                  s->kind->resource);
}

static bool edited(struct saying *s) {
    int64_t now = rv_path_int(s->object, "metadata.generation", 0),
            seen = rv_path_int(s->status, "observedGeneration", now);
    if (seen >= now) return false;
    return say_it(s, SAY_WAITS, "its newest edit (generation %lld) is not followed yet, only generation %lld",
                  (long long)now, (long long)seen);
}

struct say say_object(struct rv_arena *a, const struct ctl_kind *k, struct rv_val object, int64_t now) {
    static const say_question *const of_kind[] = {[CTL_RAYCLUSTER] = say_raycluster,
                                                  [CTL_RAYJOB] = say_rayjob,
                                                  [CTL_RAYSERVICE] = say_rayservice,
                                                  [CTL_RAYCRONJOB] = say_raycronjob};
    static const say_question common[] = {deleting, elsewhere, stalled, never_seen, edited, NULL};
    struct saying s = {.arena = a, .kind = k, .object = object, .status = rv_val_get(object, "status"), .now = now};
    const say_question *lists[] = {common, of_kind[k - ctl_kinds]};
    for (size_t i = 0; i < RV_ARRAY_LEN(lists); i++)
        for (const say_question *q = lists[i]; *q != NULL; q++)
            if ((*q)(&s)) return s.said;
    (void)say_it(&s, SAY_WAITS, "its status does not say what it waits for");
    return s.said;
}

/* ---- pods ------------------------------------------------------------------------------------------------------- */

static bool pod_deleting(struct saying *s) {
    int64_t gone = rc_time(rv_path_str(s->object, "metadata.deletionTimestamp"));
    struct rv_val list = rv_val_path(s->object, "metadata.finalizers");
    if (gone == 0) return false;
    say_next(s, gone > s->now ? gone : 0, "its grace period ends");
    if (gone > s->now) return say_it(s, SAY_WAITS, "it is being deleted");
    if (rv_val_len(list) > 0)
        return say_it(s, SAY_FAULTY, "it was deleted, and the finalizer " RV_STR_FMT " holds it",
                      RV_STR_ARG(rv_val_str(rv_val_at(list, 0))));
    return say_it(s, SAY_FAULTY,
                  "it was deleted, and its node " RV_STR_FMT
                  " has not stopped it: if the node is gone, delete the pod with --force",
                  RV_STR_ARG(rv_path_str(s->object, "spec.nodeName")));
}

static bool pod_ended(struct saying *s) {
    struct rv_str phase = rv_path_str(s->status, "phase"), reason = rv_path_str(s->status, "reason"),
                  message = rv_path_str(s->status, "message");
    bool failed = rv_str_is(phase, "Failed");
    if (!failed && !rv_str_is(phase, "Succeeded")) return false;
    rv_autobuf struct rv_buf b = {0};
    if (reason.n != 0) rv_buf_addf(&b, ": " RV_STR_FMT " " RV_STR_FMT, RV_STR_ARG(reason), RV_STR_ARG(message));
    for (struct rv_iter it = rv_iter(rv_val_get(s->status, "containerStatuses")); rv_iter_next(&it);) {
        struct rv_val t = rv_val_path(it.val, "state.terminated");
        if (rv_path_int(t, "exitCode", 0) == 0) continue;
        rv_buf_addf(&b, "%s container " RV_STR_FMT " ended with " RV_STR_FMT, b.n != 0 ? ";" : ":",
                    RV_STR_ARG(rv_path_str(it.val, "name")), RV_STR_ARG(rc_terminated(s->arena, t)));
        s->said.since = rc_time(rv_path_str(t, "finishedAt"));
    }
    return say_it(s, failed ? SAY_FAULTY : SAY_RESTS, "it has %s%s", failed ? "failed" : "ended", rv_buf_cstr(&b));
}

static bool pod_ready(struct saying *s) {
    if (!say_is(s, "Ready", "True")) return false;
    s->said.since = rc_time(rv_path_str(say_condition(s, "Ready"), "lastTransitionTime"));
    return say_it(s, SAY_WELL, "it is ready");
}

/* A duration as Go writes it, at the start of a text: "2m40s", "500ms". 0 if it is none. */
static int64_t go_duration(struct rv_str s) {
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"h", 3600 * RC_SECOND}, {"ms", RC_SECOND / 1000}, {"m", 60 * RC_SECOND}, {"s", RC_SECOND}};
    int64_t sum = 0;
    while (s.n != 0 && s.p[0] >= '0' && s.p[0] <= '9') {
        int64_t number = 0;
        for (; s.n != 0 && s.p[0] >= '0' && s.p[0] <= '9' && number < 1000000; s = (struct rv_str){s.p + 1, s.n - 1})
            number = number * 10 + (s.p[0] - '0');
        size_t u = 0;
        while (u < RV_ARRAY_LEN(units) && !rv_str_starts(s, units[u].unit)) u++;
        if (u == RV_ARRAY_LEN(units)) return 0;
        sum += number * units[u].ns;
        s = (struct rv_str){s.p + strlen(units[u].unit), s.n - strlen(units[u].unit)};
    }
    return sum;
}

/* The kubelet says "back-off 2m40s restarting failed container"; the pause began when the container ended. */
static int64_t restart_at(struct rv_val container) {
    static const char begin[] = "back-off ";
    struct rv_str m = rv_path_str(container, "state.waiting.message");
    int64_t ended = rc_time(rv_path_str(container, "lastState.terminated.finishedAt"));
    if (!rv_str_starts(m, begin) || ended == 0) return 0;
    int64_t pause = go_duration((struct rv_str){m.p + sizeof begin - 1, m.n - (sizeof begin - 1)});
    return pause != 0 ? ended + pause : 0;
}

/* A container that runs is not asked before its probe's delay is over. */
static int64_t probe_at(const struct saying *s, struct rv_val container) {
    struct rv_str name = rv_path_str(container, "name");
    int64_t began = rc_time(rv_path_str(container, "state.running.startedAt"));
    if (began == 0 || rv_path_bool(container, "ready", false)) return 0;
    for (struct rv_iter it = rv_iter(rv_val_path(s->object, "spec.containers")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), name))
            return began + rv_path_int(it.val, "readinessProbe.initialDelaySeconds", 0) * RC_SECOND;
    return 0;
}

static void expect_containers(struct saying *s, const char *list) {
    for (struct rv_iter it = rv_iter(rv_val_get(s->status, list)); rv_iter_next(&it);) {
        int64_t restart = restart_at(it.val), probe = probe_at(s, it.val);
        say_next(s, restart, "the container is started again");
        say_next(s, probe > s->now ? probe : 0, "it is asked for the first time whether it is ready");
    }
}

static bool pod_not_ready(struct saying *s) {
    int64_t again;
    struct rc_obstacle o = rc_pod_obstacle(s->arena, s->object, s->now, &again);
    static const char *const passing[] = {"", "PodsNotReady", "Unschedulable", "SchedulingGated"};
    bool lasts = true;
    for (size_t i = 0; i < RV_ARRAY_LEN(passing); i++) lasts = lasts && !rv_str_is(o.reason, passing[i]);
    if (o.reason.n == 0) o = rc_pod_not_ready(s->arena, s->object, false);
    s->said.since = rc_time(rv_path_str(s->object, "metadata.creationTimestamp"));
    expect_containers(s, "initContainerStatuses");
    expect_containers(s, "containerStatuses");
    return say_it(s, lasts ? SAY_FAULTY : SAY_WAITS, RV_STR_FMT, RV_STR_ARG(o.text));
}

struct say say_pod(struct rv_arena *a, struct rv_val pod, int64_t now) {
    static const say_question questions[] = {pod_deleting, pod_ended, pod_ready, pod_not_ready, NULL};
    struct saying s = {.arena = a, .object = pod, .status = rv_val_get(pod, "status"), .now = now};
    for (const say_question *q = questions; *q != NULL; q++)
        if ((*q)(&s)) break;
    return s.said;
}
