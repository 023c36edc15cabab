/* rayjobs.c - Ray's job submission API. A job's state is a function of its age, so no timer is needed for it.
 *
 * A job also exists when a pod that names its id has run in the head's namespace. This pod is the submitter of a
 * RayJob, whose `ray job submit` cannot really run here. */
#include "pods.h"
#include "raynode.h"

#include <stdlib.h>

static void job_free(struct ray_job *j) {
    rv_buf_free(&j->extra);
    free(j->id);
    free(j->entrypoint);
    free(j);
}

void ray_jobs_free(struct ray_head *h) {
    for (struct ray_job *j; (j = h->jobs) != NULL;) {
        h->jobs = j->next;
        job_free(j);
    }
}

static struct ray_job *job_find(struct ray_head *h, struct rv_str id) {
    for (struct ray_job *j = h->jobs; j != NULL; j = j->next)
        if (rv_str_is(id, j->id)) return j;
    return NULL;
}

static struct ray_job *job_add(struct ray_head *h, struct rv_str id, struct rv_str entrypoint, struct rv_val request) {
    struct ray_job *j = rv_alloc(sizeof *j);
    j->id = rv_strdup(id);
    j->entrypoint = rv_strdup(entrypoint);
    j->created_ms = ray_now_ms();
    j->failing = strstr(j->entrypoint, "fail") != NULL;
    rv_mp_map(&j->extra, 2);
    rv_mp_cstr(&j->extra, "metadata");
    rv_mp_val(&j->extra, rv_val_get(request, "metadata"));
    rv_mp_cstr(&j->extra, "runtime_env");
    rv_mp_val(&j->extra, rv_val_get(request, "runtime_env"));
    j->next = h->jobs;
    h->jobs = j;
    return j;
}

/* ---- submitted by a pod ---- */

struct submitter {
    struct rv_str id, entrypoint;
    bool found;
    struct rv_arena *a;
};

/* The text after " -- " in the command that names the id, or the whole command. */
static struct rv_str entrypoint_in(struct rv_str text) {
    const char *dashes = memmem(text.p, text.n, " -- ", 4);
    if (dashes == NULL) return text;
    struct rv_str rest = {dashes + 4, text.n - (size_t)(dashes - text.p) - 4};
    const char *end = memmem(rest.p, rest.n, " ; ", 3);
    if (end != NULL) rest.n = (size_t)(end - rest.p);
    return rest;
}

static void look_in(struct submitter *s, struct rv_val container) {
    static const char *const lists[] = {"args", "command"};
    for (size_t i = 0; i < RV_ARRAY_LEN(lists); i++)
        for (struct rv_iter it = rv_iter(rv_val_get(container, lists[i])); rv_iter_next(&it);) {
            struct rv_str text = rv_val_str(it.val);
            if (text.n == 0 || memmem(text.p, text.n, s->id.p, s->id.n) == NULL) continue;
            s->found = true;
            s->entrypoint = rv_arena_str(s->a, entrypoint_in(text));
            return;
        }
    for (struct rv_iter it = rv_iter(rv_val_get(container, "env")); rv_iter_next(&it);)
        s->found = s->found || rv_str_eq(rv_path_str(it.val, "value"), s->id);
}

static bool look_at(void *arg, struct sb_object *o) {
    struct submitter *s = arg;
    struct rv_str phase = rv_path_str(o->value, "status.phase");
    bool ran = rv_str_is(phase, "Running") || rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed");
    if (!ran || memmem(o->value.p, o->value.n, s->id.p, s->id.n) == NULL) return true;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.containers")); !s->found && rv_iter_next(&it);)
        look_in(s, it.val);
    return !s->found;
}

static struct ray_job *job_known(struct ray_call *c, struct rv_str id) {
    struct ray_job *j = job_find(c->head, id);
    if (j != NULL || id.n == 0) return j;
    struct submitter s = {.id = id, .a = c->a};
    sb_each(c->m->storage, c->m->r.pods, rv_str(c->head->ns), look_at, &s);
    return s.found ? job_add(c->head, id, s.entrypoint, RV_VAL_ABSENT) : NULL;
}

/* ---- showing ---- */

static const char *status_of(const struct sim *m, const struct ray_job *j, int64_t *ret_end_ms) {
    int64_t age = ray_now_ms() - j->created_ms, run = m->opts.ray_run_ms;
    *ret_end_ms = j->stopped_ms != 0 ? j->stopped_ms : j->created_ms + run;
    if (j->stopped_ms != 0) return "STOPPED";
    if (age >= run) return j->failing ? "FAILED" : "SUCCEEDED";
    *ret_end_ms = 0;
    return age < run / 5 ? "PENDING" : "RUNNING";
}

static bool terminal(const char *status) { return status[0] == 'S' || status[0] == 'F'; }

/* ---- submitters beside the head's Ray ---- */

static struct rv_str job_id_of(struct rv_val container) {
    for (struct rv_iter it = rv_iter(rv_val_get(container, "env")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), "RAY_JOB_SUBMISSION_ID")) return rv_path_str(it.val, "value");
    return RV_STR("");
}

static bool is_running(struct rv_val pod, struct rv_str container) {
    for (struct rv_iter it = rv_iter(rv_val_path(pod, "status.containerStatuses")); rv_iter_next(&it);)
        if (rv_str_eq(rv_path_str(it.val, "name"), container)) return rv_val_set(rv_val_path(it.val, "state.running"));
    return false;
}

/* Returns true if the container must end now. Otherwise *due_ms is when it will, if that is sooner. */
static bool submitter_over(struct ray_head *h, struct rv_val container, int64_t *due_ms, int *ret_code) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct submitter s = {.id = job_id_of(container), .a = a};
    struct ray_job *j = job_find(h, s.id);
    if (j == NULL) {
        look_in(&s, container);
        j = job_add(h, s.id, s.entrypoint, RV_VAL_ABSENT);
    }
    int64_t end = 0, later = j->created_ms + h->m->opts.ray_run_ms;
    const char *status = status_of(h->m, j, &end);
    *ret_code = strcmp(status, "FAILED") == 0;
    if (terminal(status)) return true;
    if (later < *due_ms) *due_ms = later;
    return false;
}

void ray_submitters_update(struct ray_head *h) {
    const struct ray_node *n = ray_head_node(h);
    struct sb_object *o = n != NULL ? sb_get(h->m->storage, h->m->r.pods, rv_str(h->ns), rv_str(n->pod)) : NULL;
    struct sim_pod *p = o != NULL ? sim_map_get(&sim_pods_of(h->m)->map, o->uid) : NULL;
    if (p == NULL) return;
    sb_object_ref(o);
    int64_t due = INT64_MAX;
    size_t i = 0;
    for (struct rv_iter it = rv_iter(rv_val_path(o->value, "spec.containers")); rv_iter_next(&it); i++) {
        int code = 0;
        bool runs = job_id_of(it.val).n != 0 && is_running(o->value, rv_path_str(it.val, "name"));
        if (runs && submitter_over(h, it.val, &due, &code))
            sim_kubelet_exit(h->m, p, p->n_init + i, code, code != 0 ? "Error" : "Completed");
    }
    if (due != INT64_MAX) sim_timer_arm(h->m, &h->submitters, due - ray_now_ms() + 1);
    sb_object_unref(o);
}

void ray_submitters_due(struct sim *m, struct sim_timer *t) {
    (void)m;
    ray_submitters_update(SIM_OWNER(t, struct ray_head, submitters));
}

/* ---- details ---- */

static struct rv_node *details(struct ray_call *c, const struct ray_job *j) {
    struct rv_arena *a = c->a;
    int64_t end = 0;
    const char *status = status_of(c->m, j, &end);
    bool failed = strcmp(status, "FAILED") == 0;
    struct rv_node *n = rv_node_map(a);
    struct rv_val extra = {j->extra.p, j->extra.n};
    rv_node_set_cstr(a, n, "type", "SUBMISSION");
    rv_node_set(a, n, "job_id", rv_node_null(a));
    rv_node_set_cstr(a, n, "submission_id", j->id);
    rv_node_set(a, n, "driver_info", rv_node_null(a));
    rv_node_set_cstr(a, n, "status", status);
    rv_node_set_cstr(a, n, "entrypoint", j->entrypoint);
    rv_node_set_fmt(a, n, "message", "simulated: %s", status);
    rv_node_set(a, n, "error_type", failed ? rv_node_str(a, RV_STR("JOB_ENTRYPOINT_COMMAND_ERROR")) : rv_node_null(a));
    rv_node_set_int(a, n, "start_time", j->created_ms);
    rv_node_set(a, n, "end_time", end != 0 ? rv_node_int(a, end) : rv_node_null(a));
    rv_node_set(a, n, "metadata", rv_node_from(a, rv_val_get(extra, "metadata")));
    rv_node_set(a, n, "runtime_env", rv_node_from(a, rv_val_get(extra, "runtime_env")));
    rv_node_set(a, n, "driver_exit_code", end != 0 ? rv_node_int(a, failed) : rv_node_null(a));
    return n;
}

static int list(struct ray_call *c) {
    struct rv_node *all = rv_node_array(c->a);
    for (const struct ray_job *j = c->head->jobs; j != NULL; j = j->next) rv_node_append(c->a, all, details(c, j));
    return ray_json(c, 200, all);
}

/* ---- changing ---- */

static struct rv_str new_id(struct ray_call *c) {
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    char text[17] = {0};
    for (size_t i = 0; i < sizeof text - 1; i++) text[i] = letters[sim_random(c->m) % (sizeof letters - 1)];
    return rv_arena_fmt(c->a, "raysubmit_%s", text);
}

static int submit(struct ray_call *c) {
    struct rv_val request = ray_body(c);
    struct rv_str entrypoint = rv_path_str(request, "entrypoint"), id = rv_path_str(request, "submission_id");
    if (entrypoint.n == 0) return ray_text(c, 400, "the request needs an \"entrypoint\"");
    if (id.n == 0) id = rv_path_str(request, "job_id");
    if (id.n == 0) id = new_id(c);
    if (job_find(c->head, id) != NULL)
        return ray_text(c, 400,
                        rv_arena_fmt(c->a,
                                     "Job with submission_id " RV_STR_FMT " already exists. Please use a "
                                     "different submission_id.",
                                     RV_STR_ARG(id))
                            .p);
    job_add(c->head, id, entrypoint, request);
    struct rv_node *n = rv_node_map(c->a);
    rv_node_set_str(c->a, n, "job_id", id);
    rv_node_set_str(c->a, n, "submission_id", id);
    return ray_json(c, 200, n);
}

static int flag(struct ray_call *c, const char *key, bool value) {
    struct rv_node *n = rv_node_map(c->a);
    rv_node_set_bool(c->a, n, key, value);
    return ray_json(c, 200, n);
}

static int stop(struct ray_call *c, struct ray_job *j) {
    int64_t end = 0;
    bool running = !terminal(status_of(c->m, j, &end));
    if (running) j->stopped_ms = ray_now_ms();
    if (running) sim_timer_arm(c->m, &c->head->submitters, 0);
    return flag(c, "stopped", running);
}

static int forget(struct ray_call *c, struct ray_job *j) {
    int64_t end = 0;
    const char *status = status_of(c->m, j, &end);
    if (!terminal(status))
        return ray_text(
            c, 400,
            rv_arena_fmt(c->a, "Attempted to delete job '%s', but it is in a non-terminal state %s.", j->id, status).p);
    struct ray_job **at = &c->head->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    job_free(j);
    return flag(c, "deleted", true);
}

static int logs(struct ray_call *c, const struct ray_job *j) {
    struct rv_node *n = rv_node_map(c->a);
    int64_t end = 0;
    const char *status = status_of(c->m, j, &end);
    rv_node_set_fmt(c->a, n, "logs", "simulated run of: %s\n%s\n", j->entrypoint, status);
    return ray_json(c, 200, n);
}

int ray_jobs(struct ray_call *c) {
    bool get = rv_str_is(c->method, "GET"), post = rv_str_is(c->method, "POST");
    struct rv_str id = c->rest, verb = {0};
    const char *slash = id.n != 0 ? memchr(id.p, '/', id.n) : NULL;
    if (slash != NULL) {
        id.n = (size_t)(slash - id.p);
        verb = (struct rv_str){slash + 1, c->rest.n - id.n - 1};
    }
    if (id.n == 0 && get) return list(c);
    if (id.n == 0 && post) return submit(c);
    struct ray_job *j = job_known(c, id);
    if (id.n != 0 && j == NULL)
        return ray_text(c, 404, rv_arena_fmt(c->a, "Job " RV_STR_FMT " does not exist", RV_STR_ARG(id)).p);
    if (j != NULL && get && verb.n == 0) return ray_json(c, 200, details(c, j));
    if (j != NULL && get && rv_str_is(verb, "logs")) return logs(c, j);
    if (j != NULL && post && rv_str_is(verb, "stop")) return stop(c, j);
    if (j != NULL && verb.n == 0 && rv_str_is(c->method, "DELETE")) return forget(c, j);
    return ray_text(c, 405, "405: Method Not Allowed");
}
