/* job.c - the commands `job logs` and `job stop`. */
#include "job.h"

#include "hint.h"
#include "ipc/base/loop.h"
#include "job_spec.h"
#include "say.h"

enum { STOP_MS = 120000 };

/* ---- watching one -------------------------------------------------------------------------------------------------
 */

static bool job_ended(struct rv_val job) {
    struct rv_str phase = rv_path_str(job, "status.jobDeploymentStatus");
    return rv_str_is(phase, "Complete") || rv_str_is(phase, "Failed");
}

static enum follow_answer look(void *arg, struct rv_val job, struct progress *p, struct rv_buf *line) {
    struct job_watch *w = arg;
    struct rv_error err = {0};
    struct rv_str phase = rv_path_str(job, "status.jobDeploymentStatus"), ray = rv_path_str(job, "status.jobStatus");
    bool ended = job_ended(job), runs = rv_str_is(phase, "Running");
    if (w->log != NULL && (ended || runs)) (void)job_log_print(w->log, job, ended, p, &err);
    struct say say = say_object(w->c->arena, &ctl_kinds[CTL_RAYJOB], job, clock_wall());
    rv_buf_add_str(line, say.text);
    /* Before the job runs there is no log, and that is no fault. */
    if (err.code != 0 && err.code != RV_E_NOT_FOUND) rv_buf_addf(line, " (%s)", err.text);
    if (w->suspends && rv_str_is(phase, "Suspended")) return FOLLOW_DONE;
    if (!ended) return FOLLOW_ON;
    if (w->stops || rv_str_is(ray, "SUCCEEDED")) {
        progress_clear(p);
        fprintf(stderr, "RayJob " RV_STR_FMT ": " RV_STR_FMT "\n", RV_STR_ARG(rv_path_str(job, "metadata.name")),
                RV_STR_ARG(say.text));
        return FOLLOW_DONE;
    }
    rv_error_set(&w->c->err, RV_E_UNKNOWN, "RayJob " RV_STR_FMT ": " RV_STR_FMT,
                 RV_STR_ARG(rv_path_str(job, "metadata.name")), RV_STR_ARG(say.text));
    return FOLLOW_FAILED;
}

int job_watch(struct job_watch *w, struct api *api, const char *ns, struct rv_str name, int64_t timeout_ms) {
    const struct follow f = {
        .kind = &ctl_kinds[CTL_RAYJOB], .ns = ns, .name = name, .timeout_ms = timeout_ms, .look = look, .arg = w};
    return follow_object(w->c, api, &f);
}

/* ---- reading one --------------------------------------------------------------------------------------------------
 */

/* [rayjob/]NAME */
static int read_job(struct ctl_context *c, struct api *api, const char *purpose, struct rv_str *ret_name,
                    struct rv_val *ret) {
    const char *slash = c->argc == 1 ? strchr(c->argv[0], '/') : NULL;
    struct rv_str kind = slash != NULL ? (struct rv_str){c->argv[0], (size_t)(slash - c->argv[0])} : RV_STR("rayjob");
    const struct api_what what = {
        .api_version = "ray.io/v1", .resource = ctl_kinds[CTL_RAYJOB].resource, .ns = api_namespace(api)};
    if (c->argc != 1 || ctl_kind_find(kind) != &ctl_kinds[CTL_RAYJOB])
        return rv_error_set(&c->err, -CTL_USAGE, "say which RayJob, for example: %s job %s train", c->program, purpose);
    *ret_name = rv_str(slash != NULL ? slash + 1 : c->argv[0]);
    int r = api_get(api, &what, *ret_name, ret, &c->err);
    if (r == RV_E_NOT_FOUND) hint_object(c, api, &ctl_kinds[CTL_RAYJOB], what.ns, *ret_name, &c->err);
    return r;
}

/* ---- job logs -----------------------------------------------------------------------------------------------------
 */

int ctl_job_logs(struct ctl_context *c) {
    struct rv_str name = {0};
    struct rv_val job = RV_VAL_ABSENT;
    api_auto struct api *api = api_open(c, API_MS);
    if (api == NULL) return c->err.code;
    int r = read_job(c, api, "logs", &name, &job);
    if (r != 0) return r;
    job_log_auto struct job_log *log = job_log_new(c, api, api_namespace(api));
    if (ctl_value(c, "follow") == NULL) return job_log_print(log, job, true, NULL, &c->err);
    struct job_watch w = {.c = c, .log = log};
    return job_watch(&w, api, api_namespace(api), name, 0);
}

/* ---- job stop -----------------------------------------------------------------------------------------------------
 */

static int ask_ray(struct ctl_context *c, struct api *api, struct rv_val job) {
    struct rv_val answer;
    const struct api_request q = {.method = "POST",
                                  .path = job_ray_path(c, api_namespace(api), job, "/stop"),
                                  .content_type = "application/json",
                                  .doing = "ask Ray to stop the job, by its dashboard"};
    if (q.path == NULL)
        return rv_error_set(&c->err, RV_E_NOT_FOUND, "the RayJob does not say where Ray's dashboard is");
    int r = api_send(api, &q, &answer, &c->err);
    if (r == 0) return 0;
    struct rv_error why = c->err;
    return rv_error_set(&c->err, r, "%s; job stop --suspend does without Ray, and deletes the job's cluster", why.text);
}

static int suspend(struct ctl_context *c, struct api *api, struct rv_str name) {
    struct rv_val now;
    rv_autobuf struct rv_buf b = {0};
    const struct api_what what = {
        .api_version = "ray.io/v1", .resource = ctl_kinds[CTL_RAYJOB].resource, .ns = api_namespace(api)};
    (void)rv_json_to_mp(RV_STR("{\"spec\":{\"suspend\":true}}"), NULL, &b, NULL);
    const struct api_request q = {.method = "PATCH",
                                  .path = api_path(api, &what, name),
                                  .content_type = "application/merge-patch+json",
                                  .doing = "suspend the RayJob",
                                  .body = {b.p, b.n}};
    return api_send(api, &q, &now, &c->err);
}

int ctl_job_stop(struct ctl_context *c) {
    struct rv_str name = {0}, why = {0};
    struct rv_val job = RV_VAL_ABSENT;
    int64_t wait_ms;
    int r = ctl_duration(c, "timeout", STOP_MS, &wait_ms);
    api_auto struct api *api = r == 0 ? api_open(c, API_MS) : NULL;
    if (api == NULL) return c->err.code;
    r = read_job(c, api, "stop", &name, &job);
    if (r != 0) return r;
    enum job_stop how = job_stop_how(c->arena, job, ctl_value(c, "suspend") != NULL, &why);
    if (how == JOB_STOP_REFUSED) return rv_error_set(&c->err, RV_E_INVALID, RV_STR_FMT, RV_STR_ARG(why));
    printf("RayJob " RV_STR_FMT ": " RV_STR_FMT ".\n", RV_STR_ARG(name), RV_STR_ARG(why));
    (void)fflush(stdout);
    if (how == JOB_STOP_OVER) return 0;
    r = how == JOB_STOP_RAY ? ask_ray(c, api, job) : suspend(c, api, name);
    if (r != 0 || ctl_value(c, "no-wait") != NULL) return r;
    struct job_watch w = {.c = c, .stops = true, .suspends = how == JOB_STOP_SUSPEND};
    return job_watch(&w, api, api_namespace(api), name, wait_ms);
}
