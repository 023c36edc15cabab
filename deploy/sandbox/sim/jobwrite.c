/* jobwrite.c - the writes of the Job controller: creates pods from the template, deletes them, and writes the Job's
 * status. */
#include "jobs.h"

#include <stdlib.h>

static const char COMPONENT[] = "job-controller";

/* ---- pods ---- */

struct taken {
    const int64_t want;
    bool yes;
};

static void is_taken(void *arg, void *entry) {
    struct taken *t = arg;
    const struct job_pod *p = entry;
    if (p->index == t->want && p->state == JOB_POD_ACTIVE && !p->dismissed) t->yes = true;
}

/* The lowest index that is neither completed nor in use. */
static int64_t free_index(const struct job *j, int64_t completions) {
    for (int64_t i = 0; i < completions; i++) {
        struct taken t = {.want = i};
        for (size_t k = 0; k < j->n_indexes; k++) t.yes = t.yes || j->indexes[k] == i;
        sim_map_each(&j->pods, is_taken, &t);
        if (!t.yes) return i;
    }
    return -1;
}

static void set_index(struct rv_arena *a, struct rv_node *pod, struct rv_str job, int64_t index) {
    static const char key[] = "batch.kubernetes.io/job-completion-index";
    struct rv_node *meta = rv_node_get(pod, "metadata"), *spec = rv_node_get(pod, "spec");
    struct rv_str text = rv_arena_fmt(a, "%lld", (long long)index);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "annotations"), key, text);
    rv_node_set_str(a, rv_node_ensure_map(a, meta, "labels"), key, text);
    rv_node_set_fmt(a, meta, "generateName", RV_STR_FMT "-%lld-", RV_STR_ARG(job), (long long)index);
    if (rv_node_get(spec, "hostname") == NULL)
        rv_node_set_fmt(a, spec, "hostname", RV_STR_FMT "-%lld", RV_STR_ARG(job), (long long)index);
    struct rv_node *list = rv_node_get(spec, "containers");
    for (size_t i = 0; i < rv_node_len(list); i++) {
        struct rv_node *env = rv_node_ensure_array(a, rv_node_at(list, i), "env"), *v = rv_node_map(a);
        if (rv_node_find(env, "name", RV_STR("JOB_COMPLETION_INDEX")) != NULL) continue;
        rv_node_set_cstr(a, v, "name", "JOB_COMPLETION_INDEX");
        rv_node_set_str(a, v, "value", text);
        rv_node_append(a, env, v);
    }
}

static struct rv_node *pod_of(struct sim *m, struct rv_arena *a, struct sb_object *o, int64_t index) {
    struct rv_node *pod = sim_object(a, m->r.pods, o->ns, RV_STR("")), *meta = rv_node_get(pod, "metadata");
    struct rv_val template = rv_val_path(o->value, "spec.template");
    static const char *const taken_over[] = {"labels", "annotations", "finalizers"};
    for (size_t i = 0; i < RV_ARRAY_LEN(taken_over); i++) {
        struct rv_val v = rv_val_get(rv_val_get(template, "metadata"), taken_over[i]);
        if (rv_val_set(v)) rv_node_set(a, meta, taken_over[i], rv_node_from(a, v));
    }
    rv_node_set_fmt(a, meta, "generateName", RV_STR_FMT "-", RV_STR_ARG(o->name));
    rv_node_set(a, pod, "spec", rv_node_from(a, rv_val_get(template, "spec")));
    rv_meta_set_controller(a, pod, RV_STR("batch/v1"), RV_STR("Job"), o->name, o->uid);
    if (index >= 0) set_index(a, pod, o->name, index);
    return pod;
}

/* Adds the pod before its change arrives; otherwise one more would be created in the meantime. */
static void expect(struct job *j, struct sb_object *pod, int64_t index) {
    struct job_pod *p = rv_alloc(sizeof *p);
    p->entry.key = (struct rv_str){rv_strdup(pod->uid), pod->uid.n};
    p->name = rv_strdup(pod->name);
    p->index = index;
    sim_map_put(&j->pods, &p->entry);
}

void sim_job_create(struct sim *m, struct job *j, struct sb_object *o, int64_t n) {
    bool indexed = sim_is(o->value, "spec.completionMode", "Indexed");
    int64_t completions = rv_path_int(o->value, "spec.completions", 0);
    for (int64_t i = 0; i < n && i < SIM_BATCH; i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        int64_t index = indexed ? free_index(j, completions) : -1;
        if (indexed && index < 0) return;
        struct sb_write_opts w = {.manager = COMPONENT};
        struct sb_object *made = NULL;
        struct sb_status st = {0};
        if (sb_create(m->storage, m->r.pods, o->ns, pod_of(m, a, o, index), a, &w, &made, &st) == 0) {
            expect(j, made, index);
            sim_event(m, o, "Normal", "SuccessfulCreate", COMPONENT, "Created pod: " RV_STR_FMT,
                      RV_STR_ARG(made->name));
            sb_object_unref(made);
            continue;
        }
        sim_event(m, o, "Warning", "FailedCreate", COMPONENT, "Error creating: %s",
                  st.message != NULL ? st.message : "unknown");
        sb_status_clear(&st);
        sim_timer_arm(m, &j->timer, m->opts.backoff_ms);
        return;
    }
}

struct choice {
    struct job_pod **v;
    size_t n;
};

static void choose(void *arg, void *entry) {
    struct choice *c = arg;
    struct job_pod *p = entry;
    if (p->state == JOB_POD_ACTIVE && !p->terminating && !p->dismissed && !p->gone) c->v[c->n++] = p;
}

static int unready_first(const void *a, const void *b) {
    const struct job_pod *x = *(struct job_pod *const *)a, *y = *(struct job_pod *const *)b;
    return x->ready != y->ready ? (int)x->ready - (int)y->ready : strcmp(x->name, y->name);
}

void sim_job_dismiss(struct sim *m, struct job *j, struct sb_object *o, int64_t n) {
    struct choice c = {rv_alloc_array(j->pods.table.n + 1, sizeof(struct job_pod *)), 0};
    sim_map_each(&j->pods, choose, &c);
    qsort((void *)c.v, c.n, sizeof(struct job_pod *), unready_first);
    for (size_t i = 0; i < c.n && (int64_t)i < n; i++) {
        c.v[i]->dismissed = true;
        sim_delete(m, (struct sim_ref){m->r.pods, o->ns, rv_str(c.v[i]->name)}, c.v[i]->entry.key, -1, NULL);
        sim_event(m, o, "Normal", "SuccessfulDelete", COMPONENT, "Deleted pod: %s", c.v[i]->name);
    }
    free((void *)c.v);
}

/* ---- status ---- */

static void job_condition(struct rv_arena *a, struct rv_node *status, const char *type, const char *value,
                          const char *reason, const char *message) {
    sim_condition(a, status, type, value, reason, message);
    struct rv_node *c = rv_node_find(rv_node_get(status, "conditions"), "type", rv_str(type));
    sim_set_time(a, c, "lastProbeTime", sim_wall_s());
}

static bool has(struct sb_object *o, const char *type, const char *value) {
    return rv_condition_is(rv_val_path(o->value, "status.conditions"), type, value);
}

static void suspension(struct sim *m, struct rv_arena *a, struct sb_object *o, struct rv_node *status, bool suspended) {
    if (suspended && !has(o, "Suspended", "True")) {
        job_condition(a, status, "Suspended", "True", "JobSuspended", "Job suspended");
        rv_node_remove(status, "startTime");
        sim_event(m, o, "Normal", "Suspended", COMPONENT, "Job suspended");
    } else if (!suspended && has(o, "Suspended", "True")) {
        job_condition(a, status, "Suspended", "False", "JobResumed", "Job resumed");
        sim_set_time(a, status, "startTime", sim_wall_s());
        sim_event(m, o, "Normal", "Resumed", COMPONENT, "Job resumed");
    }
    if (!suspended && rv_node_get(status, "startTime") == NULL) sim_set_time(a, status, "startTime", sim_wall_s());
}

static void verdict(struct sim *m, struct rv_arena *a, struct sb_object *o, struct rv_node *status,
                    const struct job_sums *s, const struct job_verdict *v) {
    static const char reached[] = "Reached expected number of succeeded pods";
    bool still = s->active + s->terminating > 0;
    if (v->failure != NULL) {
        job_condition(a, status, "FailureTarget", "True", v->failure, v->message);
        if (still) return;
        job_condition(a, status, "Failed", "True", v->failure, v->message);
        sim_event(m, o, "Warning", v->failure, COMPONENT, "%s", v->message);
    } else if (v->success) {
        job_condition(a, status, "SuccessCriteriaMet", "True", "CompletionsReached", reached);
        if (still) return;
        job_condition(a, status, "Complete", "True", "CompletionsReached", reached);
        sim_set_time(a, status, "completionTime", sim_wall_s());
        sim_event(m, o, "Normal", "Completed", COMPONENT, "Job completed");
    }
}

static void set_count(struct rv_arena *a, struct rv_node *status, const char *key, int64_t n) {
    rv_node_set(a, status, key, n > 0 ? rv_node_int(a, n) : NULL);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Writes indexes as "0-2,5". */
static void completed_indexes(struct rv_arena *a, struct rv_node *status, struct job *j) {
    rv_autobuf struct rv_buf b = {0};
    qsort(j->indexes, j->n_indexes, sizeof *j->indexes, by_value);
    for (size_t i = 0, k = 0; i < j->n_indexes; i = k + 1) {
        for (k = i; k + 1 < j->n_indexes && j->indexes[k + 1] == j->indexes[k] + 1;) k++;
        rv_buf_addf(&b, "%s%lld", i != 0 ? "," : "", (long long)j->indexes[i]);
        if (k > i) rv_buf_addf(&b, "%s%lld", k == i + 1 ? "," : "-", (long long)j->indexes[k]);
    }
    rv_node_set_str(a, status, "completedIndexes", rv_buf_str(&b));
}

void sim_job_status(struct sim *m, struct job *j, struct sb_object *o, const struct job_sums *s,
                    const struct job_verdict *v) {
    struct sim_ref ref = {m->r.jobs, o->ns, o->name};
    struct sb_object *now = sim_fresh(m, ref, o->uid);
    if (now == NULL) return;
    sb_object_ref(now);
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *tree = rv_node_from(a, now->value), *status = rv_node_ensure_map(a, tree, "status");
    suspension(m, a, now, status, v->suspended);
    set_count(a, status, "active", s->active);
    set_count(a, status, "succeeded", j->succeeded);
    set_count(a, status, "failed", j->failed);
    rv_node_set_int(a, status, "ready", s->ready);
    rv_node_set_int(a, status, "terminating", s->terminating);
    rv_node_set(a, status, "uncountedTerminatedPods", rv_node_map(a));
    if (j->n_indexes != 0) completed_indexes(a, status, j);
    verdict(m, a, now, status, s, v);
    sim_write(m, ref, a, tree, true);
    sb_object_unref(now);
}
