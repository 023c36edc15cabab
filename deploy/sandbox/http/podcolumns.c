/* podcolumns.c - the columns of kubectl get pods. They show not the phase but what keeps a pod from its desired state.
 * The rules are those of the API server's printer for pods. */
#include "columns.h"
#include "rayvisor/json.h"

#include <stdio.h>

struct summary {
    char status[160];
    size_t ready, total;
    /* `last_restart` is in ns; 0 if unknown. */
    int64_t restarts, last_restart;
};

static struct rv_val get(struct rv_val o, const char *path) { return rv_val_path(o, path); }

static void set_reason(struct summary *s, const char *prefix, struct rv_str text) {
    snprintf(s->status, sizeof s->status, "%s" RV_STR_FMT, prefix, RV_STR_ARG(text));
}

static void note_restart(struct summary *s, struct rv_val status) {
    int64_t t = 0;
    s->restarts += rv_path_int(status, "restartCount", 0);
    if (rv_time_parse(rv_path_str(status, "lastState.terminated.finishedAt"), &t) == 0 && t > s->last_restart)
        s->last_restart = t;
}

/* Writes a reason, or a text for a missing one. */
static void set_terminated(struct summary *s, const char *prefix, struct rv_val t) {
    struct rv_str reason = rv_path_str(t, "reason");
    int64_t signal = rv_path_int(t, "signal", 0);
    if (reason.n != 0)
        set_reason(s, prefix, reason);
    else if (signal != 0)
        snprintf(s->status, sizeof s->status, "%sSignal:%lld", prefix, (long long)signal);
    else
        snprintf(s->status, sizeof s->status, "%sExitCode:%lld", prefix, (long long)rv_path_int(t, "exitCode", 0));
}

static bool sidecar(struct rv_val pod, struct rv_str name) {
    for (struct rv_iter it = rv_iter(get(pod, "spec.initContainers")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), name))
            return rv_str_is(rv_path_str(it.val, "restartPolicy"), "Always");
    return false;
}

/* Returns true while the pod waits for an init container. */
static bool look_at_init(struct rv_val pod, struct summary *s) {
    size_t i = 0, total = rv_val_len(get(pod, "spec.initContainers"));
    for (struct rv_iter it = rv_iter(get(pod, "status.initContainerStatuses")); rv_iter_next(&it); i++) {
        struct rv_val done = get(it.val, "state.terminated");
        struct rv_str waiting = rv_path_str(it.val, "state.waiting.reason");
        bool aside = sidecar(pod, rv_path_str(it.val, "name"));
        note_restart(s, it.val);
        if (rv_val_set(done) && rv_path_int(done, "exitCode", -1) == 0) continue;
        if (aside && rv_path_bool(it.val, "started", false)) {
            s->ready += rv_path_bool(it.val, "ready", false);
            continue;
        }
        if (rv_val_set(done))
            set_terminated(s, "Init:", done);
        else if (waiting.n != 0 && !rv_str_is(waiting, "PodInitializing"))
            set_reason(s, "Init:", waiting);
        else
            snprintf(s->status, sizeof s->status, "Init:%zu/%zu", i, total);
        return true;
    }
    return false;
}

static void look_at_containers(struct rv_val pod, struct summary *s) {
    bool running = false;
    struct rv_val list = get(pod, "status.containerStatuses");
    for (size_t i = rv_val_len(list); i-- > 0;) {
        struct rv_val c = rv_val_at(list, i), done = get(c, "state.terminated");
        struct rv_str waiting = rv_path_str(c, "state.waiting.reason");
        note_restart(s, c);
        if (waiting.n != 0)
            set_reason(s, "", waiting);
        else if (rv_val_set(done))
            set_terminated(s, "", done);
        else if (rv_path_bool(c, "ready", false) && rv_val_set(get(c, "state.running"))) {
            running = true;
            s->ready++;
        }
    }
    if (running && strcmp(s->status, "Completed") == 0)
        set_reason(s, "",
                   rv_condition_is(get(pod, "status.conditions"), "Ready", "True") ? RV_STR("Running")
                                                                                   : RV_STR("NotReady"));
}

static void summarize(struct rv_val pod, struct summary *s) {
    struct rv_val conditions = get(pod, "status.conditions");
    struct rv_str phase = rv_path_str(pod, "status.phase"), reason = rv_path_str(pod, "status.reason");
    *s = (struct summary){.total = rv_val_len(get(pod, "spec.containers"))};
    for (struct rv_iter it = rv_iter(get(pod, "spec.initContainers")); rv_iter_next(&it);)
        s->total += rv_str_is(rv_path_str(it.val, "restartPolicy"), "Always");
    set_reason(s, "", reason.n != 0 ? reason : phase);
    struct rv_val scheduled = rv_condition_find(conditions, "PodScheduled");
    if (rv_str_is(rv_path_str(scheduled, "reason"), "SchedulingGated")) set_reason(s, "", RV_STR("SchedulingGated"));
    bool waits = look_at_init(pod, s);
    if (!waits || rv_condition_is(conditions, "Initialized", "True")) {
        s->restarts = s->last_restart = 0;
        look_at_containers(pod, s);
    }
    bool over = rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed");
    if (rv_meta_deleting(pod) && rv_str_is(reason, "NodeLost"))
        set_reason(s, "", RV_STR("Unknown"));
    else if (rv_meta_deleting(pod) && !over)
        set_reason(s, "", RV_STR("Terminating"));
}

void sb_pod_ready(struct rv_val pod, struct rv_buf *out) {
    struct summary s;
    summarize(pod, &s);
    rv_buf_addf(out, "\"%zu/%zu\"", s.ready, s.total);
}

void sb_pod_status(struct rv_val pod, struct rv_buf *out) {
    struct summary s;
    summarize(pod, &s);
    sb_cell_text(rv_str(s.status), "", out);
}

void sb_pod_restarts(struct rv_val pod, struct rv_buf *out) {
    struct summary s;
    summarize(pod, &s);
    rv_buf_addf(out, "\"%lld", (long long)s.restarts);
    if (s.restarts != 0 && s.last_restart != 0) {
        rv_buf_adds(out, " (");
        sb_human_duration((clock_wall() - s.last_restart) / 1000000000, out);
        rv_buf_adds(out, " ago)");
    }
    rv_buf_addc(out, '"');
}

void sb_pod_ip(struct rv_val pod, struct rv_buf *out) {
    struct rv_str ip = rv_path_str(pod, "status.podIPs[0].ip");
    sb_cell_text(ip.n != 0 ? ip : rv_path_str(pod, "status.podIP"), "<none>", out);
}
void sb_pod_node(struct rv_val pod, struct rv_buf *out) {
    sb_cell_text(rv_path_str(pod, "spec.nodeName"), "<none>", out);
}
void sb_pod_nominated(struct rv_val pod, struct rv_buf *out) {
    sb_cell_text(rv_path_str(pod, "status.nominatedNodeName"), "<none>", out);
}
void sb_pod_gates(struct rv_val pod, struct rv_buf *out) {
    struct rv_val gates = get(pod, "spec.readinessGates");
    size_t open = 0;
    for (struct rv_iter it = rv_iter(gates); rv_iter_next(&it);) {
        rv_autofree char *type = rv_strdup(rv_path_str(it.val, "conditionType"));
        open += rv_condition_is(get(pod, "status.conditions"), type, "True");
    }
    if (rv_val_len(gates) == 0)
        rv_buf_adds(out, "\"<none>\"");
    else
        rv_buf_addf(out, "\"%zu/%zu\"", open, rv_val_len(gates));
}
