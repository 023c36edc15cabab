/* model.c - see model.h. */
#include "model.h"

#include <stdio.h>

#include "plugins/rayjob/fields.h"

enum left { LEFT_ALL, LEFT_NO_WORKERS, LEFT_NO_CLUSTER, LEFT_NOTHING };

/* Deletion strategies, and what each leaves of a job that succeeded, one that failed, and one whose attempt failed
 * without Ray saying so. */
static const struct strategy {
    const char *json;
    enum left succeeded, failed, unknown;
    bool shared; /* fit for a cluster that is somebody else's */
} strategies[] = {
    {"null", LEFT_ALL, LEFT_ALL, LEFT_ALL, true},
    {"{'onSuccess':{'policy':'DeleteSelf'},'onFailure':{'policy':'DeleteSelf'}}", LEFT_NOTHING, LEFT_NOTHING, LEFT_ALL,
     true},
    {"{'deletionRules':[{'policy':'DeleteSelf','condition':{'jobDeploymentStatus':'Failed','ttlSeconds':30}}]}",
     LEFT_ALL, LEFT_NOTHING, LEFT_NOTHING, true},
    {"{'onSuccess':{'policy':'DeleteCluster'},'onFailure':{'policy':'DeleteNone'}}", LEFT_NO_CLUSTER, LEFT_ALL,
     LEFT_ALL, false},
    {"{'onSuccess':{'policy':'DeleteWorkers'},'onFailure':{'policy':'DeleteCluster'}}", LEFT_NO_WORKERS,
     LEFT_NO_CLUSTER, LEFT_ALL, false},
    {"{'deletionRules':[{'policy':'DeleteWorkers','condition':{'jobStatus':'SUCCEEDED','ttlSeconds':10}},"
     "{'policy':'DeleteCluster','condition':{'jobStatus':'SUCCEEDED','ttlSeconds':60}},"
     "{'policy':'DeleteWorkers','condition':{'jobStatus':'FAILED'}}]}",
     LEFT_NO_CLUSTER, LEFT_NO_WORKERS, LEFT_ALL, false},
};
enum { SHARED_STRATEGIES = 3 };

/* ---- wishes ------------------------------------------------------------------------------------------------------ */

static void limits(struct model *m) {
    if (m->active != 0 && (m->least_active == 0 || m->active < m->least_active)) m->least_active = m->active;
    if (m->before_running != 0 && (m->least_before_running == 0 || m->before_running < m->least_before_running))
        m->least_before_running = m->before_running;
    if (m->limit > m->most_limit) m->most_limit = m->limit;
}

void model_init(struct model *m, struct rv_test_random *d) {
    static const enum rj_mode modes[] = {RJ_K8S, RJ_K8S, RJ_K8S, RJ_HTTP, RJ_HTTP, RJ_SIDECAR, RJ_INTERACTIVE};
    *m = (struct model){.mode = modes[rv_test_random_below(d, RV_ARRAY_LEN(modes))], .exists = true};
    m->selector = m->mode != RJ_SIDECAR && rv_test_random_chance(d, 15);
    m->shutdown = rv_test_random_chance(d, 60);
    if (!m->shutdown) m->strategy = rv_test_random_below(d, m->selector ? SHARED_STRATEGIES : RV_ARRAY_LEN(strategies));
    m->ttl = rv_test_random_chance(d, 50) ? rv_test_random_below(d, 120) : 0;
    m->limit = m->selector || m->mode == RJ_INTERACTIVE ? 0 : rv_test_random_below(d, 3);
    m->active = rv_test_random_chance(d, 30) ? 1 + rv_test_random_below(d, 600) : 0;
    m->before_running = rv_test_random_chance(d, 20) ? 1 + rv_test_random_below(d, 300) : 0;
    limits(m);
}

static bool is_invalid(const struct model *m) { return m->invalid || (m->suspend && (!m->shutdown || m->selector)); }

void model_edit(struct model *m, struct rv_test_random *d) {
    uint32_t what = rv_test_random_below(d, 100);
    if (what < 40) {
        m->suspend = !m->suspend;
    } else if (what < 50) {
        m->active = rv_test_random_chance(d, 50) ? 1 + rv_test_random_below(d, 900) : 0;
    } else if (what < 55) {
        m->before_running = rv_test_random_chance(d, 50) ? 1 + rv_test_random_below(d, 900) : 0;
    } else if (what < 62 && !m->selector && m->mode != RJ_INTERACTIVE) {
        m->limit = rv_test_random_below(d, 4);
        m->limit_edited = true;
    } else if (what < 70) {
        m->invalid = !m->invalid;
    } else if (what < 80) {
        m->has_id |= m->mode == RJ_INTERACTIVE;
    } else if (what < 86) {
        m->ttl = rv_test_random_below(d, 200);
    } else if (what < 92 && m->strategy == 0) {
        m->shutdown = !m->shutdown;
        m->policy_edited = true;
    } else if (what >= 92) {
        m->exists = !m->exists;
        m->deleted |= !m->exists;
    }
    m->was_invalid |= is_invalid(m);
    limits(m);
}

static struct rv_str number(struct rv_arena *a, uint32_t n) {
    return n != 0 ? rv_arena_fmt(a, "%u", n) : RV_STR("null");
}

static struct rv_val manifest(struct rv_arena *a, const struct model *m) {
    static const char cluster[] =
        "{'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[{'name':'ray-head','image':'ray:1'}]}}"
        "},"
        "'workerGroupSpecs':[{'groupName':'g','replicas':1,'minReplicas':0,'maxReplicas':2,'rayStartParams':{},"
        "'template':{'spec':{'containers':[{'name':'ray-worker','image':'ray:1'}]}}}]}";
    return fixture_json(
        a,
        rv_arena_fmt(
            a,
            "{'apiVersion':'ray.io/v1','kind':'RayJob','metadata':{'name':'" FIXTURE_JOB "'},'spec':{"
            "'entrypoint':'python x.py','submissionMode':'" RV_STR_FMT "','suspend':%s,'backoffLimit':%u,"
            "'shutdownAfterJobFinishes':%s,'ttlSecondsAfterFinished':%u,'activeDeadlineSeconds':" RV_STR_FMT
            ",'preRunningDeadlineSeconds':" RV_STR_FMT ",'entrypointResources':%s,'jobId':%s,'deletionStrategy':%s,"
            "'clusterSelector':%s,'rayClusterSpec':%s}}",
            RV_STR_ARG(rj_mode_name(m->mode)), m->suspend ? "true" : "false", m->limit, m->shutdown ? "true" : "false",
            m->shutdown ? m->ttl : 0, RV_STR_ARG(number(a, m->active)), RV_STR_ARG(number(a, m->before_running)),
            m->invalid ? "'{'" : "null", m->has_id ? "'" MODEL_USER_ID "'" : "null", strategies[m->strategy].json,
            m->selector ? "{'ray.io/cluster':'" FIXTURE_SHARED "'}" : "null", m->selector ? "null" : cluster));
}

static struct rv_fake_object *the_job(const struct rv_fakeapi *api) {
    return rv_fakeapi_get(api, "rayjobs", FIXTURE_JOB);
}

void model_apply(const struct model *m, struct rv_fakeapi *api) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_fake_object *have = the_job(api), *made;
    if (have != NULL && !m->exists) (void)rv_fakeapi_delete(api, have, RV_STR(""));
    if (have != NULL && m->exists) (void)rv_fakeapi_patch(api, have, false, RV_STR(""), manifest(a, m));
    if (have != NULL || !m->exists) return;
    (void)rv_fakeapi_create(api, RV_STR("ray.io/v1"), RV_STR("rayjobs"), manifest(a, m), &made);
}

/* ---- at every moment --------------------------------------------------------------------------------------------- */

#define FAULT(out, ...) (rv_buf_addf((out), "  - " __VA_ARGS__), rv_buf_adds((out), "\n"))

static bool owned_by(const struct rv_fake_object *o, const char *uid) {
    return uid[0] != 0 && rv_str_is(rv_meta_controller_uid(o->value), uid);
}

static uint32_t count(const struct rv_fakeapi *api, const char *resource, const char *uid) {
    uint32_t n = 0;
    for (const struct rv_fake_object *o = api->objects; o != NULL; o = o->next)
        n += strcmp(o->resource, resource) == 0 && owned_by(o, uid);
    return n;
}

static bool ended(const char *phase) { return strcmp(phase, "Complete") == 0 || strcmp(phase, "Failed") == 0; }

bool model_ended(const struct model *m) { return ended(m->phase); }

/* Ray cannot say any more how it ended: it counts as failed. */
static bool is_lost(const struct model *m) {
    return strcmp(m->phase, "Failed") == 0 && !rj_job_ended(rv_str(m->job_status)) &&
           (strcmp(m->reason, "AppFailed") == 0 ||
            strcmp(m->reason, "JobDeploymentStatusTransitionGracePeriodExceeded") == 0);
}

static enum left left_by(const struct model *m) {
    const struct strategy *s = &strategies[m->strategy];
    if (!ended(m->phase)) return LEFT_ALL;
    if (m->strategy == 0) return m->shutdown && !m->selector ? LEFT_NO_CLUSTER : LEFT_ALL;
    if (strcmp(m->job_status, "SUCCEEDED") == 0)
        return strcmp(m->phase, "Complete") == 0 || s->unknown == LEFT_ALL ? s->succeeded : s->unknown;
    if (strcmp(m->job_status, "FAILED") == 0 || is_lost(m)) return s->failed;
    return strcmp(m->phase, "Failed") == 0 ? s->unknown : LEFT_ALL;
}

static void copy(char *out, size_t n, struct rv_str s) { snprintf(out, n, RV_STR_FMT, RV_STR_ARG(s)); }

static void watch_submitter(struct model *m, const struct fixture *w, struct rv_str job_id, struct rv_buf *out) {
    const struct rv_fake_object *job = rv_fakeapi_get(w->api, "jobs", FIXTURE_JOB);
    if (!rv_str_is(job_id, m->job_id)) m->submitter[0] = 0; /* another attempt */
    if (job == NULL || !owned_by(job, m->uid)) return;
    if (m->submitter[0] != 0 && strcmp(job->uid, m->submitter) != 0 && !w->harmed && job_id.n != 0)
        FAULT(out, "a second submitter for %s", m->job_id);
    copy(m->submitter, sizeof m->submitter, rv_str(job->uid));
}

/* The RayJob is not there, or another of its name. */
static void gone(struct model *m, struct rv_buf *out) {
    if (m->uid[0] != 0 && !m->deleted) {
        if (left_by(m) != LEFT_NOTHING) FAULT(out, "the RayJob is gone, and nobody wanted that");
        m->exists = false;
    }
    m->uid[0] = m->phase[0] = m->reason[0] = m->job_status[0] = m->job_id[0] = m->submitter[0] = 0;
    m->failed = 0;
    m->clusters = 0;
    m->deleted = false;
}

void model_watch(struct model *m, const struct fixture *w, struct rv_buf *out) {
    const struct rv_fake_object *o = the_job(w->api), *shared = rv_fakeapi_get(w->api, "rayclusters", FIXTURE_SHARED);
    if (shared == NULL || rv_meta_deleting(shared->value) || rv_path_int(shared->value, "metadata.generation", 0) != 1)
        FAULT(out, "somebody else's cluster was touched");
    if (o == NULL || (m->uid[0] != 0 && strcmp(o->uid, m->uid) != 0)) {
        gone(m, out);
        if (o == NULL) return;
    }
    struct rv_val status = rv_val_get(o->value, "status");
    struct rv_str phase = rv_path_str(status, "jobDeploymentStatus"), job_id = rv_path_str(status, "jobId");
    int64_t failed = rv_path_int(status, "failed", 0);
    copy(m->uid, sizeof m->uid, rv_str(o->uid));
    uint32_t clusters = count(w->api, "rayclusters", o->uid);
    if (clusters > 1) FAULT(out, "two clusters");
    if (clusters > m->clusters && rj_job_ended(rv_str(m->job_status)) && rv_str_is(job_id, m->job_id))
        FAULT(out, "a cluster is made for a job that has ended");
    m->clusters = clusters;
    if (ended(m->phase) && !rv_str_is(phase, m->phase))
        FAULT(out, "%s became " RV_STR_FMT, m->phase, RV_STR_ARG(phase));
    if (ended(m->phase) && !rv_str_is(rv_path_str(status, "jobStatus"), m->job_status))
        FAULT(out, "the status of a job that has ended changes");
    if (failed < m->failed) FAULT(out, "failed attempts are forgotten");
    if (failed > (int64_t)m->most_limit + 1) FAULT(out, "more attempts than backoffLimit allows");
    if (rv_path_int(status, "succeeded", 0) > 1) FAULT(out, "it succeeded twice");
    watch_submitter(m, w, job_id, out);
    m->failed = failed;
    copy(m->phase, sizeof m->phase, phase);
    copy(m->reason, sizeof m->reason, rv_path_str(status, "reason"));
    copy(m->job_id, sizeof m->job_id, job_id);
    copy(m->job_status, sizeof m->job_status, rv_path_str(status, "jobStatus"));
}

/* ---- at rest ----------------------------------------------------------------------------------------------------- */

struct check {
    const struct model *m;
    const struct fixture *w;
    struct rv_val status;
    struct rv_buf *out;
};

static bool phase_is(const struct check *k, const char *phase) {
    return rv_str_is(rv_path_str(k->status, "jobDeploymentStatus"), phase);
}

static bool reason_is(const struct check *k, const char *reason) {
    return rv_str_is(rv_path_str(k->status, "reason"), reason);
}

static bool condition_is(const struct check *k, const char *type) {
    return rv_condition_is(rv_val_get(k->status, "conditions"), type, "True");
}

static void check_gone(const struct model *m, const struct fixture *w, struct rv_buf *out) {
    (void)m;
    for (const struct rv_fake_object *o = w->api->objects; o != NULL; o = o->next)
        if (strncmp(o->name, FIXTURE_SHARED, strlen(FIXTURE_SHARED)) != 0)
            FAULT(out, "%s %s is left over", o->resource, o->name);
}

static void check_phase(struct check *k) {
    const struct model *m = k->m;
    bool over = ended(m->phase), waits = m->mode == RJ_INTERACTIVE && !m->has_id && phase_is(k, "Waiting");
    if (m->suspend ? !over && !phase_is(k, "Suspended") : !over && !waits)
        FAULT(k->out, "it rests in %s", m->phase[0] != 0 ? m->phase : "New");
    if (condition_is(k, "Reconciling") == (over || phase_is(k, "Suspended"))) FAULT(k->out, "Reconciling is wrong");
    if (condition_is(k, "Stalled")) FAULT(k->out, "it is Stalled");
    if (condition_is(k, "Complete") != phase_is(k, "Complete")) FAULT(k->out, "the condition Complete is wrong");
    if (condition_is(k, "Failed") != phase_is(k, "Failed")) FAULT(k->out, "the condition Failed is wrong");
}

/* What the status says must be what Ray said. */
static void check_truth(struct check *k) {
    struct rv_str says = rv_path_str(k->status, "jobStatus"), reason = rv_path_str(k->status, "reason");
    const struct ray_run *run = fixture_run(k->w, rv_path_str(k->status, "jobId"));
    const char *truth = run != NULL ? run->status : "unknown";
    bool calm = !k->w->harmed && !k->w->false_404 && !k->w->refuses, timed = reason_is(k, RJ_REASON_DEADLINE) ||
                                                                             reason_is(k, RJ_REASON_PRERUNNING) ||
                                                                             reason_is(k, RJ_REASON_CHECK);
    if (phase_is(k, "Complete") && !fixture_said(k->w, rv_path_str(k->status, "jobId"), says))
        FAULT(k->out, "Complete with " RV_STR_FMT ", but Ray says %s", RV_STR_ARG(says), truth);
    if (phase_is(k, "Complete") && rv_str_is(says, "FAILED")) FAULT(k->out, "Complete, but failed");
    if (phase_is(k, "Failed") && reason.n == 0) FAULT(k->out, "Failed without a reason");
    if (phase_is(k, "Failed") && calm && !timed && strcmp(truth, "FAILED") != 0 && strcmp(truth, "STOPPED") != 0)
        FAULT(k->out, "Failed (" RV_STR_FMT "), but Ray says %s", RV_STR_ARG(reason), truth);
    int64_t succeeded = phase_is(k, "Complete") && rv_str_is(says, "SUCCEEDED");
    if (rv_path_int(k->status, "succeeded", 0) != succeeded) FAULT(k->out, "status.succeeded is wrong");
}

static void check_deadline(struct check *k, const char *reason, uint32_t least) {
    int64_t start = rc_time(rv_path_str(k->status, "startTime")), end = rc_time(rv_path_str(k->status, "endTime"));
    if (!phase_is(k, "Failed") || !reason_is(k, reason)) return;
    if (least == 0 || end - start < (int64_t)least * RC_SECOND)
        FAULT(k->out, "%s after %lld s", reason, (long long)((end - start) / RC_SECOND));
}

static void check_retried(struct check *k) {
    const struct model *m = k->m;
    bool final = reason_is(k, RJ_REASON_DEADLINE) || reason_is(k, RJ_REASON_CHECK) || m->selector || m->limit_edited ||
                 m->was_invalid;
    if (phase_is(k, "Failed") && !final && m->failed <= (int64_t)m->limit)
        FAULT(k->out, "after %lld failures it was not tried again", (long long)m->failed);
}

static bool workers_suspended(const struct rv_fake_object *cluster) {
    return rv_path_bool(cluster->value, "spec.workerGroupSpecs[0].suspend", false);
}

static void check_left(struct check *k) {
    enum left want = phase_is(k, "Suspended") ? LEFT_NO_CLUSTER : left_by(k->m);
    const struct rv_fake_object *cluster = NULL;
    for (const struct rv_fake_object *o = k->w->api->objects; o != NULL; o = o->next)
        if (strcmp(o->resource, "rayclusters") == 0 && owned_by(o, k->m->uid)) cluster = o;
    if (want == LEFT_NOTHING) FAULT(k->out, "the RayJob should be gone");
    if (want >= LEFT_NO_CLUSTER && cluster != NULL) FAULT(k->out, "cluster %s is left over", cluster->name);
    if (want == LEFT_NO_WORKERS && cluster != NULL && !workers_suspended(cluster))
        FAULT(k->out, "workers are left over");
    if (want < LEFT_NO_CLUSTER && cluster == NULL && !k->m->selector && !k->w->harmed && !k->m->policy_edited &&
        rv_path_str(k->status, "dashboardURL").n != 0)
        FAULT(k->out, "the cluster is gone, and nobody wanted that");
    const struct rv_fake_object *job = rv_fakeapi_get(k->w->api, "jobs", FIXTURE_JOB);
    if (ended(k->m->phase) && job != NULL && owned_by(job, k->m->uid) &&
        !rv_path_bool(job->value, "spec.suspend", false) &&
        rv_val_len(rv_val_path(job->value, "status.conditions")) == 0)
        FAULT(k->out, "the submitter goes on");
    if (phase_is(k, "Suspended") && job != NULL) FAULT(k->out, "the submitter is left over");
    if (rv_val_set(rv_val_get(k->status, "plannedDeletion"))) FAULT(k->out, "a deletion is still planned");
}

void model_check(const struct model *m, const struct fixture *w, struct rv_buf *out) {
    const struct rv_fake_object *o = the_job(w->api);
    if (!m->exists) {
        check_gone(m, w, out);
        return;
    }
    if (o == NULL || rv_meta_deleting(o->value)) {
        FAULT(out, "there is no RayJob");
        return;
    }
    struct check k = {m, w, rv_val_get(o->value, "status"), out};
    if (rv_path_int(k.status, "observedGeneration", 0) != rv_path_int(o->value, "metadata.generation", 0))
        FAULT(out, "it was not looked at since the last edit");
    if (is_invalid(m)) {
        if (!condition_is(&k, "Stalled")) FAULT(out, "invalid, but not Stalled");
        if (ended(m->phase)) check_left(&k);
        return;
    }
    check_phase(&k);
    check_truth(&k);
    check_deadline(&k, RJ_REASON_DEADLINE, m->least_active);
    check_deadline(&k, RJ_REASON_PRERUNNING, m->least_before_running);
    check_retried(&k);
    check_left(&k);
}
