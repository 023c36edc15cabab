/* metrics.c - kuberay_job_*: the reference's names and labels (spec section 10), sent when they change. */
#include "metrics.h"

#include "fields.h"

#define INFO "kuberay_job_info"
#define STATUS "kuberay_job_deployment_status"
#define DURATION "kuberay_job_execution_duration_seconds"

static struct rv_field phase_label(int phase) {
    return (struct rv_field){RV_STR("deployment_status"), rv_str(rj_phase_name((enum rj_phase)phase))};
}

static void set_phase(const struct rc_context *x, int phase) {
    struct rv_field label = phase_label(phase);
    ctx_gauge(x, STATUS, 1, &label, 1);
}

static void remove_phase(const struct rc_context *x, int phase) {
    struct rv_field label = phase_label(phase);
    ctx_gauge_remove(x, STATUS, &label, 1);
}

/* Sent when an attempt ends. A process that finds the job ended sends the duration of the last attempt again. */
static void duration(struct job_pass *p, const struct rc_context *x, bool first) {
    enum rj_phase was = p->was.phase, now = p->now.phase;
    bool ends = was != now && (rj_phase_ended(now) || now == RJ_RETRYING) && !rj_phase_ended(was) && was != RJ_RETRYING,
         over = first && was == now && rj_phase_ended(now);
    int64_t start = rc_time(p->was.start), end = ends ? p->time : rc_time(p->was.end), retry = p->was.failed;
    if (!(ends || over) || start == 0 || end < start) return;
    if (over && now == RJ_FAILED && retry > 0) retry--; /* this attempt is already counted */
    struct rv_field labels[] = {{RV_STR("job_deployment_status"), rv_str(rj_phase_name(now))},
                                {RV_STR("retry_count"), rv_arena_fmt(p->arena, "%lld", (long long)retry)}};
    ctx_gauge(x, DURATION, (double)(end - start) / 1e9, labels, RV_ARRAY_LEN(labels));
}

static double amount(struct rv_val status, const char *field) {
    struct rv_quantity q;
    return rv_quantity_from_val(rv_val_get(status, field), &q) == 0 ? rv_quantity_to_double(q) : 0;
}

/* A cluster that was chosen with clusterSelector is there for others as well. */
static struct leak job_ended(const struct job_pass *p) {
    struct rv_val status = rv_val_get(p->cluster.value, "status");
    bool chosen = p->memo->selected != NULL, suspended = rv_path_bool(p->cluster.value, "spec.suspend", false);
    if (!rj_phase_ended(p->now.phase) || p->cluster.name.n == 0 || chosen || suspended ||
        rv_meta_deleting(p->cluster.value))
        return (struct leak){0};
    return (struct leak){amount(status, "desiredGPU"), amount(status, "desiredCPU"), rc_time(p->now.end)};
}

void metrics_update(struct job_pass *p) {
    struct leak leak = job_ended(p);
    leak_report(p->ctx.api, p->ctx.host, &p->memo->leak, LEAK_JOB_ENDED, p->ctx.ns, p->cluster.name, &leak);
    struct job_memo *m = p->memo;
    const struct rc_context *x = &p->ctx;
    bool first = m->phase_reported < 0;
    if (first) ctx_gauge(x, INFO, 1, NULL, 0);
    if (m->phase_reported != (int)p->now.phase && p->now.phase != RJ_PHASE_UNKNOWN) {
        int before = m->phase_reported >= 0 ? m->phase_reported : (int)p->was.phase; /* sent by the previous process */
        if (before != (int)p->now.phase && before != RJ_PHASE_UNKNOWN) remove_phase(x, before);
        set_phase(x, (int)p->now.phase);
        m->phase_reported = (int)p->now.phase;
    }
    duration(p, x, first);
    bool over = rj_phase_ended(p->now.phase) || p->now.failed > 0;
    if (over && m->attempts < p->now.failed + 1) m->attempts = p->now.failed + 1;
}

/* It is not known which durations were sent, because an earlier process may have sent them. So every attempt is removed
 * under each of the three states in which it may have ended. Whoever may write the status can let it count any number
 * of them. */
enum { REMOVED_MAX = 1000 };

void metrics_remove(const struct rc_context *x, struct job_memo *m) {
    static const enum rj_phase ends[] = {RJ_COMPLETE, RJ_FAILED, RJ_RETRYING};
    leak_forget(x->api, x->host, &m->leak, LEAK_JOB_ENDED, x->ns);
    if (m->phase_reported < 0) return;
    ctx_gauge_remove(x, INFO, NULL, 0);
    remove_phase(x, m->phase_reported);
    for (int64_t retry = m->attempts > REMOVED_MAX ? m->attempts - REMOVED_MAX : 0; retry < m->attempts; retry++)
        for (size_t i = 0; i < RV_ARRAY_LEN(ends); i++) {
            rv_autobuf struct rv_buf count = {0};
            rv_buf_addf(&count, "%lld", (long long)retry);
            struct rv_field labels[] = {{RV_STR("job_deployment_status"), rv_str(rj_phase_name(ends[i]))},
                                        {RV_STR("retry_count"), rv_buf_str(&count)}};
            ctx_gauge_remove(x, DURATION, labels, RV_ARRAY_LEN(labels));
        }
}
