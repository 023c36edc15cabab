/* job_submit.c - the command `job submit`. */
#include "document.h"
#include "ipc/base/file.h"
#include "job.h"
#include "job_spec.h"

enum { ENV_BYTES = 256 << 10 };

static int read_wish(struct ctl_context *c, struct job_wish *w, struct rv_buf *env) {
    const char *file = ctl_value(c, "runtime-env");
    if (c->argc > 0)
        return rv_error_set(&c->err, -CTL_USAGE,
                            "\"%s\" is no option; what is to run stands behind --, for example: -- python train.py",
                            c->argv[0]);
    *w = (struct job_wish){.name = ctl_value(c, "name"),
                           .cluster = ctl_value(c, "cluster"),
                           .image = ctl_value(c, "image"),
                           .ray_version = ctl_value(c, "ray-version"),
                           .mode = ctl_value(c, "submission-mode"),
                           .working_dir = ctl_value(c, "working-dir"),
                           .cpus = ctl_value(c, "entrypoint-num-cpus"),
                           .gpus = ctl_value(c, "entrypoint-num-gpus"),
                           .resources = ctl_value(c, "entrypoint-resources"),
                           .head_cpu = ctl_value(c, "head-cpu"),
                           .head_memory = ctl_value(c, "head-memory"),
                           .head_gpu = ctl_value(c, "head-gpu"),
                           .worker_cpu = ctl_value(c, "worker-cpu"),
                           .worker_memory = ctl_value(c, "worker-memory"),
                           .worker_gpu = ctl_value(c, "worker-gpu"),
                           .keep_cluster = ctl_value(c, "keep-cluster") != NULL,
                           .word_n = c->tail_n,
                           .words = c->tail};
    int r = ctl_number(c, "worker-replicas", 0, INT32_MAX, -1, &w->workers);
    if (r == 0) r = ctl_number(c, "ttl-seconds-after-finished", 0, INT32_MAX, -1, &w->ttl_s);
    if (r == 0 && file != NULL) r = file_read(file, ENV_BYTES, env, &c->err);
    w->runtime_env = rv_buf_str(env);
    return r;
}

static int submit(struct ctl_context *c, struct api *api, struct rv_val job, int64_t timeout_ms) {
    struct rv_val made;
    const char *ns = api_namespace(api);
    const struct api_what what = {.api_version = "ray.io/v1", .resource = ctl_kinds[CTL_RAYJOB].resource, .ns = ns};
    const struct api_request q = {.method = "POST",
                                  .path = api_path(api, &what, RV_STR("")),
                                  .content_type = "application/json",
                                  .doing = "create the RayJob",
                                  .body = job};
    int r = api_send(api, &q, &made, &c->err);
    if (r != 0) return r;
    struct rv_str name = rv_path_str(made, "metadata.name");
    bool waits = ctl_value(c, "no-wait") == NULL;
    fprintf(waits ? stderr : stdout, "rayjob.ray.io/" RV_STR_FMT " created\n", RV_STR_ARG(name));
    if (!waits) return 0;
    job_log_auto struct job_log *log = job_log_new(c, api, ns);
    struct job_watch w = {.c = c, .log = log};
    return job_watch(&w, api, ns, name, timeout_ms);
}

int ctl_job_submit(struct ctl_context *c) {
    rv_autobuf struct rv_buf env = {0}, text = {0};
    struct job_wish wish;
    struct rv_val job;
    int64_t timeout_ms;
    bool dry = ctl_value(c, "dry-run") != NULL;
    int r = read_wish(c, &wish, &env);
    if (r == 0) r = ctl_duration(c, "timeout", 0, &timeout_ms);
    if (r != 0) return r;
    /* A manifest can be made without a cluster, if its namespace is said. */
    api_auto struct api *api = dry && c->ns != NULL ? NULL : api_open(c, API_MS);
    if (api == NULL && !(dry && c->ns != NULL)) return c->err.code;
    wish.ns = api != NULL ? api_namespace(api) : c->ns;
    r = job_spec(c->arena, &wish, &job, &c->err);
    if (r != 0) return r;
    if (!dry) return submit(c, api, job, timeout_ms);
    document_yaml(job, &text);
    fwrite(text.p, 1, text.n, stdout);
    return 0;
}
