/* jobs.c - the Job controller: keeps the wanted number of pods running, counts how they end, and decides when the Job
 * is finished. A pod counts once, by uid, so that neither a repeated change nor a deleted pod changes the sum. */
#include "jobs.h"

#include <stdlib.h>

static struct jobs *jobs_of(struct sim *m) { return m->modules[SIM_JOBS]; }

static void job_timer(struct sim *m, struct sim_timer *t) {
    struct job *j = SIM_OWNER(t, struct job, timer);
    sim_queue_push(&jobs_of(m)->queue, &j->link);
}

static struct job *job_new(struct sim *m, const struct sb_object *o) {
    struct job *j = rv_alloc(sizeof *j);
    j->entry.key = (struct rv_str){rv_strdup(o->uid), o->uid.n};
    j->ns = rv_strdup(o->ns);
    j->name = rv_strdup(o->name);
    j->timer.fn = job_timer;
    sim_map_put(&jobs_of(m)->map, &j->entry);
    return j;
}

static void pod_free(struct job *j, struct job_pod *p) {
    sim_map_remove(&j->pods, &p->entry);
    free((void *)(uintptr_t)p->entry.key.p);
    free(p->name);
    free(p);
}

static void job_free(struct sim *m, struct job *j) {
    struct jobs *s = jobs_of(m);
    for (struct job_pod *p; (p = sim_map_any(&j->pods)) != NULL;) pod_free(j, p);
    sim_map_free(&j->pods);
    sim_timer_disarm(m, &j->timer);
    sim_queue_remove(&s->queue, &j->link);
    sim_map_remove(&s->map, &j->entry);
    free((void *)(uintptr_t)j->entry.key.p);
    free(j->indexes);
    free(j->ns);
    free(j->name);
    free(j);
}

/* ---- following ---- */

static struct rv_str job_uid_of(struct rv_val pod) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "metadata.ownerReferences")); rv_iter_next(&it);)
        if (rv_path_bool(it.val, "controller", false) && sim_is(it.val, "kind", "Job"))
            return rv_path_str(it.val, "uid");
    return RV_STR("");
}

static int64_t index_of(struct rv_val pod) {
    int64_t index = -1;
    struct rv_str text =
        rv_val_str(rv_val_get(rv_val_path(pod, "metadata.annotations"), "batch.kubernetes.io/job-completion-index"));
    return rv_str_to_int(text, 0, INT32_MAX, &index) == 0 ? index : -1;
}

static int64_t restarts_of(struct rv_val pod) {
    int64_t n = 0;
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.containerStatuses")); rv_iter_next(&it);)
        n += rv_path_int(it.val, "restartCount", 0);
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.initContainerStatuses")); rv_iter_next(&it);)
        n += rv_path_int(it.val, "restartCount", 0);
    return n;
}

static void pod_change(struct sim *m, const struct sim_change *c) {
    struct job *j = sim_map_get(&jobs_of(m)->map, job_uid_of(c->o->value));
    if (j == NULL) return;
    struct job_pod *p = sim_map_get(&j->pods, c->o->uid);
    if (p == NULL) {
        p = rv_alloc(sizeof *p);
        p->entry.key = (struct rv_str){rv_strdup(c->o->uid), c->o->uid.n};
        p->name = rv_strdup(c->o->name);
        p->index = index_of(c->o->value);
        sim_map_put(&j->pods, &p->entry);
    }
    struct rv_str phase = rv_path_str(c->o->value, "status.phase");
    p->terminating = rv_meta_deleting(c->o->value);
    p->ready = rv_condition_is(rv_val_path(c->o->value, "status.conditions"), "Ready", "True");
    p->restarts = restarts_of(c->o->value);
    if (rv_str_is(phase, "Succeeded")) p->state = JOB_POD_SUCCEEDED;
    if (rv_str_is(phase, "Failed")) p->state = JOB_POD_FAILED;
    /* A pod that was deleted while it ran counts as a failure, unless the controller deleted it. */
    if (c->type == SB_DELETED && p->state == JOB_POD_ACTIVE)
        p->state = p->dismissed ? JOB_POD_DISMISSED : JOB_POD_FAILED;
    if (c->type == SB_DELETED) p->gone = true;
    sim_queue_push(&jobs_of(m)->queue, &j->link);
}

static bool pod_seen(void *arg, struct sb_object *o) {
    struct sim_change c = {SB_ADDED, o, NULL};
    pod_change(arg, &c);
    return true;
}

static void jobs_change(struct sim *m, const struct sim_change *c) {
    if (c->o->resource == m->r.pods) pod_change(m, c);
    if (c->o->resource != m->r.jobs) return;
    if (c->type == SB_DELETED) {
        struct job *gone = sim_map_get(&jobs_of(m)->map, c->o->uid);
        if (gone != NULL) job_free(m, gone);
        return;
    }
    struct job *j = sim_map_get(&jobs_of(m)->map, c->o->uid);
    if (j == NULL) {
        j = job_new(m, c->o);
        /* Pods that are older than the Job, because they were loaded from a file. */
        sb_each(m->storage, m->r.pods, c->o->ns, pod_seen, m);
    }
    sim_queue_push(&jobs_of(m)->queue, &j->link);
}

/* ---- counting ---- */

struct tally {
    struct job *j;
    struct job_sums s;
    struct job_pod *done; /* a pod that can be dropped from the list */
};

static void count(void *arg, void *entry) {
    struct tally *t = arg;
    struct job_pod *p = entry;
    bool indexed_again = false;
    if (p->state == JOB_POD_SUCCEEDED && !p->counted) {
        for (size_t i = 0; p->index >= 0 && i < t->j->n_indexes; i++)
            indexed_again = indexed_again || t->j->indexes[i] == p->index;
        if (!indexed_again) t->j->succeeded++;
        if (p->index >= 0 && !indexed_again) {
            t->j->indexes = rv_realloc_array(t->j->indexes, t->j->n_indexes + 1, sizeof *t->j->indexes);
            t->j->indexes[t->j->n_indexes++] = p->index;
        }
    }
    if (p->state == JOB_POD_FAILED && !p->counted) t->j->failed++;
    if (p->state != JOB_POD_ACTIVE) p->counted = true;
    if (p->gone) {
        t->done = p;
    } else if (p->state == JOB_POD_ACTIVE && !p->terminating && !p->dismissed) {
        t->s.active++;
        t->s.ready += p->ready;
        t->s.restarts += p->restarts;
    } else if (p->terminating && p->state == JOB_POD_ACTIVE) {
        t->s.terminating++;
    }
}

static struct job_sums tally(struct job *j) {
    struct tally t = {.j = j};
    do {
        t.s = (struct job_sums){0};
        t.done = NULL;
        sim_map_each(&j->pods, count, &t);
        if (t.done != NULL) pod_free(j, t.done);
    } while (t.done != NULL);
    return t.s;
}

/* ---- deciding ---- */

static bool finished(struct rv_val job) {
    struct rv_val list = rv_val_path(job, "status.conditions");
    return rv_condition_is(list, "Complete", "True") || rv_condition_is(list, "Failed", "True");
}

static int64_t since_s(struct rv_val job, const char *path) {
    int64_t ns = 0;
    if (rv_time_parse(rv_path_str(job, path), &ns) != 0) return -1;
    return sim_wall_s() - ns / 1000000000;
}

/* Why the Job fails now, or NULL. */
static const char *failure(struct job *j, struct rv_val job, const struct job_sums *s, const char **message) {
    int64_t limit = rv_path_int(job, "spec.backoffLimit", 6);
    int64_t deadline = rv_path_int(job, "spec.activeDeadlineSeconds", -1);
    bool on_failure = sim_is(job, "spec.template.spec.restartPolicy", "OnFailure");
    if (rv_condition_is(rv_val_path(job, "status.conditions"), "FailureTarget", "True")) {
        struct rv_val c = rv_condition_find(rv_val_path(job, "status.conditions"), "FailureTarget");
        bool late = sim_is(c, "reason", "DeadlineExceeded");
        *message =
            late ? "Job was active longer than specified deadline" : "Job has reached the specified backoff limit";
        return late ? "DeadlineExceeded" : "BackoffLimitExceeded";
    }
    bool restarted = on_failure && (limit == 0 ? s->restarts > 0 : s->restarts >= limit);
    *message = "Job has reached the specified backoff limit";
    if (j->failed > limit || restarted) return "BackoffLimitExceeded";
    *message = "Job was active longer than specified deadline";
    int64_t age = since_s(job, "status.startTime");
    return deadline >= 0 && age >= deadline ? "DeadlineExceeded" : NULL;
}

static bool successful(const struct job *j, struct rv_val job, const struct job_sums *s) {
    struct rv_val completions = rv_val_path(job, "spec.completions");
    if (rv_condition_is(rv_val_path(job, "status.conditions"), "SuccessCriteriaMet", "True")) return true;
    if (!rv_val_set(completions)) return j->succeeded > 0 && s->active == 0;
    return j->succeeded >= rv_val_int(completions, 1);
}

static int64_t wanted(const struct job *j, struct rv_val job, const struct job_sums *s) {
    int64_t parallel = rv_path_int(job, "spec.parallelism", 1);
    struct rv_val completions = rv_val_path(job, "spec.completions");
    if (!rv_val_set(completions)) return j->succeeded > 0 && s->active < parallel ? s->active : parallel;
    int64_t left = rv_val_int(completions, 1) - j->succeeded;
    return left < parallel ? left : parallel;
}

static int64_t backoff_ms(const struct sim *m, const struct job *j) {
    int64_t ms = m->opts.backoff_ms;
    for (int64_t i = 1; i < j->failed && ms < m->opts.backoff_ms * 30; i++) ms *= 2;
    return ms;
}

/* Returns true if a failure delays the next pod. */
static bool held_back(struct sim *m, struct job *j) {
    if (j->failed > j->failed_seen) j->not_before = m->now_ms + backoff_ms(m, j);
    j->failed_seen = j->failed;
    if (j->not_before <= m->now_ms) return false;
    sim_timer_arm(m, &j->timer, j->not_before - m->now_ms);
    return true;
}

static void finished_job(struct sim *m, struct job *j, struct sb_object *o, const struct job_sums *s) {
    struct rv_val ttl = rv_val_path(o->value, "spec.ttlSecondsAfterFinished");
    if (s->active > 0) sim_job_dismiss(m, j, o, s->active);
    if (!rv_val_set(ttl)) return;
    struct rv_val list = rv_val_path(o->value, "status.conditions");
    const char *type = rv_condition_is(list, "Complete", "True") ? "Complete" : "Failed";
    int64_t at = 0;
    if (rv_time_parse(rv_path_str(rv_condition_find(list, type), "lastTransitionTime"), &at) != 0) return;
    int64_t left = at / 1000000 + rv_val_int(ttl, 0) * 1000 - clock_wall() / 1000000;
    if (left > 0)
        sim_timer_arm(m, &j->timer, left);
    else
        sim_delete(m, (struct sim_ref){m->r.jobs, o->ns, o->name}, o->uid, -1, "Foreground");
}

static void watch_deadline(struct sim *m, struct job *j, struct rv_val job) {
    int64_t deadline = rv_path_int(job, "spec.activeDeadlineSeconds", -1), start = 0;
    if (deadline < 0 || j->timer.at != 0 || rv_time_parse(rv_path_str(job, "status.startTime"), &start) != 0) return;
    int64_t left = start / 1000000 + deadline * 1000 - clock_wall() / 1000000;
    sim_timer_arm(m, &j->timer, left > 0 ? left : 1);
}

static void work_on(struct sim *m, struct job *j, struct sb_object *o) {
    struct job_sums s = tally(j);
    struct job_verdict v = {.suspended = rv_path_bool(o->value, "spec.suspend", false)};
    if (finished(o->value)) {
        finished_job(m, j, o, &s);
        return;
    }
    v.failure = failure(j, o->value, &s, &v.message);
    v.success = v.failure == NULL && successful(j, o->value, &s);
    bool over = v.failure != NULL || v.success || v.suspended;
    int64_t want = over ? 0 : wanted(j, o->value, &s);
    if (s.active > want) sim_job_dismiss(m, j, o, s.active - want);
    if (s.active < want && !held_back(m, j)) sim_job_create(m, j, o, want - s.active);
    s = tally(j);
    sim_job_status(m, j, o, &s, &v);
    o = sim_fresh(m, (struct sim_ref){m->r.jobs, rv_str(j->ns), rv_str(j->name)}, j->entry.key);
    if (o != NULL && !finished(o->value) && !v.suspended) watch_deadline(m, j, o->value);
}

static bool jobs_run(struct sim *m) {
    struct jobs *q = jobs_of(m);
    for (size_t i = 0; i < SIM_BATCH; i++) {
        struct sim_link *l = sim_queue_pop(&q->queue);
        if (l == NULL) return false;
        struct job *j = SIM_OWNER(l, struct job, link);
        struct sim_ref ref = {m->r.jobs, rv_str(j->ns), rv_str(j->name)};
        struct sb_object *o = sim_fresh(m, ref, j->entry.key);
        struct rv_str manager = o != NULL ? rv_path_str(o->value, "spec.managedBy") : RV_STR("");
        if (o == NULL || rv_meta_deleting(o->value)) continue;
        if (manager.n != 0 && !rv_str_is(manager, "kubernetes.io/job-controller")) continue;
        sb_object_ref(o);
        work_on(m, j, o);
        sb_object_unref(o);
    }
    return q->queue.first != NULL;
}

static void *jobs_make(struct sim *m, struct rv_error *err) {
    (void)m;
    (void)err;
    return rv_alloc(sizeof(struct jobs));
}

static void jobs_free(struct sim *m, void *module) {
    struct jobs *s = module;
    for (struct job *j; (j = sim_map_any(&s->map)) != NULL;) job_free(m, j);
    sim_map_free(&s->map);
    free(s);
}

const struct sim_module sim_jobs_module = {jobs_make, jobs_free, jobs_change, jobs_run};
