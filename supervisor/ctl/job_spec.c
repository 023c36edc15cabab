/* job_spec.c - see job_spec.h. */
#include "job_spec.h"

#include <stdlib.h>

#include "command.h"
#include "ipc/base/nearest.h"
#include "plugins/ray/job.h"
#include "rayvisor/json.h"
#include "rayvisor/tree.h"

#define PREFIX "job-"
static const char default_version[] = "2.53.0";

/* ---- the entrypoint -----------------------------------------------------------------------------------------------
 */

static void add_word(struct rv_buf *b, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (b->n != 0) rv_buf_addc(b, ' ');
    if (word[0] != 0 && strspn(word, plain) == strlen(word)) {
        rv_buf_adds(b, word);
        return;
    }
    rv_buf_addc(b, '\'');
    for (const char *p = word; *p != 0; p++) {
        if (*p == '\'')
            rv_buf_adds(b, "'\"'\"'");
        else
            rv_buf_addc(b, (uint8_t)*p);
    }
    rv_buf_addc(b, '\'');
}

static void set_entrypoint(struct rv_arena *a, struct rv_node *spec, const struct job_wish *w) {
    rv_autobuf struct rv_buf b = {0};
    for (int i = 0; i < w->word_n && w->word_n > 1; i++) add_word(&b, w->words[i]);
    rv_node_set_str(a, spec, "entrypoint", w->word_n == 1 ? rv_str(w->words[0]) : rv_arena_str(a, rv_buf_str(&b)));
}

static int set_float(struct rv_arena *a, struct rv_node *spec, const char *field, const char *option, const char *text,
                     struct rv_error *err) {
    char *end = NULL;
    double v = text != NULL ? strtod(text, &end) : 0;
    if (text == NULL) return 0;
    if (end == text || *end != 0 || !(v >= 0 && v < 1e9))
        return rv_error_set(err, -CTL_USAGE, "--%s is \"%s\", not a number of 0 or more", option, text);
    rv_node_set(a, spec, field, rv_node_float(a, v));
    return 0;
}

/* ---- the runtime environment --------------------------------------------------------------------------------------
 */

static int set_runtime_env(struct rv_arena *a, struct rv_node *spec, const struct job_wish *w, struct rv_error *err) {
    if (w->working_dir == NULL && w->runtime_env.n == 0) return 0;
    if (w->working_dir != NULL && strstr(w->working_dir, "://") == NULL)
        return rv_error_set(err, -CTL_USAGE,
                            "--working-dir is \"%s\", a folder of this machine, which the cluster cannot read; put it "
                            "where Ray can fetch it (https://.../code.zip, s3://..., gs://...) or into the image",
                            w->working_dir);
    struct rv_node *env = rj_runtime_env(a, w->runtime_env, err);
    if (env == NULL) return err->code;
    if (w->working_dir == NULL) {
        rv_node_set_str(a, spec, "runtimeEnvYAML", w->runtime_env);
        return 0;
    }
    if (rv_node_get(env, "working_dir") != NULL)
        return rv_error_set(err, -CTL_USAGE, "--working-dir and the runtime environment both name a working_dir");
    rv_autobuf struct rv_buf b = {0};
    rv_node_set_cstr(a, env, "working_dir", w->working_dir);
    rv_json_write(rv_node_freeze(a, env), &b); /* JSON is YAML */
    rv_node_set_str(a, spec, "runtimeEnvYAML", rv_arena_str(a, rv_buf_str(&b)));
    return 0;
}

/* ---- the cluster --------------------------------------------------------------------------------------------------
 */

static int set_quantity(struct rv_arena *a, struct rv_node *container, const char *resource, const char *option,
                        const char *text, struct rv_error *err) {
    static const char *const kinds[] = {"limits", "requests"};
    struct rv_quantity q;
    if (rv_quantity_parse(rv_str(text), &q) != 0)
        return rv_error_set(err, -CTL_USAGE, "--%s is \"%s\", not an amount such as 2, 500m or 4Gi", option, text);
    if (rv_quantity_is_zero(q)) return 0;
    struct rv_node *resources = rv_node_ensure_map(a, container, "resources");
    for (size_t i = 0; i < RV_ARRAY_LEN(kinds); i++)
        rv_node_set_cstr(a, rv_node_ensure_map(a, resources, kinds[i]), resource, text);
    return 0;
}

struct shape {
    const char *container, *cpu, *memory, *gpu, *cpu_option, *memory_option, *gpu_option;
};

static int set_pod(struct rv_arena *a, struct rv_node *group, const struct job_wish *w, const struct shape *s,
                   struct rv_error *err) {
    struct rv_node *pod = rv_node_ensure_map(a, rv_node_ensure_map(a, group, "template"), "spec"), *c = rv_node_map(a);
    const char *version = w->ray_version != NULL ? w->ray_version : default_version;
    rv_node_set_cstr(a, c, "name", s->container);
    rv_node_set_cstr(a, c, "image", w->image != NULL ? w->image : rv_arena_fmt(a, "rayproject/ray:%s", version).p);
    int r = set_quantity(a, c, "cpu", s->cpu_option, s->cpu != NULL ? s->cpu : "2", err);
    if (r == 0) r = set_quantity(a, c, "memory", s->memory_option, s->memory != NULL ? s->memory : "4Gi", err);
    if (r == 0) r = set_quantity(a, c, "nvidia.com/gpu", s->gpu_option, s->gpu != NULL ? s->gpu : "0", err);
    rv_node_append(a, rv_node_ensure_array(a, pod, "containers"), c);
    rv_node_ensure_map(a, group, "rayStartParams");
    return r;
}

static int set_cluster(struct rv_arena *a, struct rv_node *spec, const struct job_wish *w, struct rv_error *err) {
    struct rv_node *cluster = rv_node_ensure_map(a, spec, "rayClusterSpec"),
                   *head = rv_node_ensure_map(a, cluster, "headGroupSpec"), *group = rv_node_map(a);
    const int64_t workers = w->workers >= 0 ? w->workers : 1;
    const struct shape h = {"ray-head", w->head_cpu,   w->head_memory, w->head_gpu,
                            "head-cpu", "head-memory", "head-gpu"},
                       g = {"ray-worker", w->worker_cpu,   w->worker_memory, w->worker_gpu,
                            "worker-cpu", "worker-memory", "worker-gpu"};
    /* With an image of one's own and no version nobody knows the version; the operator then assumes nothing. */
    if (w->ray_version != NULL || w->image == NULL)
        rv_node_set_cstr(a, cluster, "rayVersion", w->ray_version != NULL ? w->ray_version : default_version);
    int r = set_pod(a, head, w, &h, err);
    if (r == 0) r = set_pod(a, group, w, &g, err);
    rv_node_set_cstr(a, group, "groupName", "workers");
    rv_node_set_int(a, group, "replicas", workers);
    rv_node_set_int(a, group, "minReplicas", workers);
    rv_node_set_int(a, group, "maxReplicas", workers);
    if (workers > 0) rv_node_append(a, rv_node_ensure_array(a, cluster, "workerGroupSpecs"), group);
    if (!w->keep_cluster) rv_node_set_bool(a, spec, "shutdownAfterJobFinishes", true);
    if (w->ttl_s >= 0) rv_node_set_int(a, spec, "ttlSecondsAfterFinished", w->ttl_s);
    return r;
}

/* What shapes a cluster, of which there is none to shape. */
static int set_selector(struct rv_arena *a, struct rv_node *spec, const struct job_wish *w, struct rv_error *err) {
    const char *const shapes[] = {w->image,    w->ray_version, w->head_cpu,      w->head_memory,
                                  w->head_gpu, w->worker_cpu,  w->worker_memory, w->worker_gpu};
    bool shaped = w->workers >= 0 || w->ttl_s >= 0 || w->keep_cluster;
    for (size_t i = 0; i < RV_ARRAY_LEN(shapes); i++) shaped = shaped || shapes[i] != NULL;
    if (shaped)
        return rv_error_set(err, -CTL_USAGE,
                            "--cluster uses the RayCluster \"%s\" as it is: leave out what would shape a new one",
                            w->cluster);
    rv_node_set_cstr(a, rv_node_ensure_map(a, spec, "clusterSelector"), RJ_SELECTOR_KEY, w->cluster);
    return 0;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------
 */

static int set_mode(struct rv_arena *a, struct rv_node *spec, const struct job_wish *w, struct rv_error *err) {
    static const enum rj_mode accepted[] = {RJ_K8S, RJ_HTTP, RJ_SIDECAR};
    rv_autobuf struct rv_buf b = {0};
    if (w->mode == NULL) return 0;
    struct nearest near = nearest_begin(rv_str(w->mode));
    for (size_t i = 0; i < RV_ARRAY_LEN(accepted); i++) {
        struct rv_str name = rj_mode_name(accepted[i]);
        if (rv_str_is(name, w->mode)) {
            rv_node_set_cstr(a, spec, "submissionMode", w->mode);
            return 0;
        }
        nearest_offer(&near, name);
        rv_buf_addf(&b, "%s" RV_STR_FMT, i > 0 ? ", " : "", RV_STR_ARG(name));
    }
    nearest_hint(&near, &b);
    return rv_error_set(err, -CTL_USAGE, "--submission-mode is \"%s\"; accepted are %s", w->mode, rv_buf_cstr(&b));
}

static int check(struct rv_val job, struct rv_error *err) {
    struct rc_settings settings = {0};
    struct rj_job j;
    rv_autobuf struct rv_buf b = {0};
    int r = rc_settings_read(&settings, RV_VAL_ABSENT, err);
    if (r != 0) return r;
    rj_job_read(&j, job, &settings);
    return rj_validate(&j, &b) == NULL
               ? 0
               : rv_error_set(err, RV_E_INVALID, "the operator would refuse it: %s", rv_buf_cstr(&b));
}

int job_spec(struct rv_arena *a, const struct job_wish *w, struct rv_val *ret, struct rv_error *err) {
    struct rv_node *job = rv_node_map(a), *meta, *spec;
    if (w->word_n == 0)
        return rv_error_set(err, -CTL_USAGE, "say what to run behind --, for example: -- python train.py");
    rv_node_set_cstr(a, job, "apiVersion", "ray.io/v1");
    rv_node_set_cstr(a, job, "kind", "RayJob");
    meta = rv_node_ensure_map(a, job, "metadata");
    /* The API server puts five characters behind a generateName; until then a name of that kind is checked. */
    rv_node_set_cstr(a, meta, "name", w->name != NULL ? w->name : PREFIX "xxxxx");
    rv_node_set_cstr(a, meta, "namespace", w->ns);
    spec = rv_node_ensure_map(a, job, "spec");
    set_entrypoint(a, spec, w);
    int r = set_mode(a, spec, w, err);
    if (r == 0) r = set_runtime_env(a, spec, w, err);
    if (r == 0) r = set_float(a, spec, "entrypointNumCpus", "entrypoint-num-cpus", w->cpus, err);
    if (r == 0) r = set_float(a, spec, "entrypointNumGpus", "entrypoint-num-gpus", w->gpus, err);
    if (r == 0 && w->resources != NULL) rv_node_set_cstr(a, spec, "entrypointResources", w->resources);
    if (r == 0) r = w->cluster != NULL ? set_selector(a, spec, w, err) : set_cluster(a, spec, w, err);
    if (r != 0) return r;
    r = check(rv_node_freeze(a, job), err);
    if (r == 0 && w->name == NULL) {
        rv_node_remove(meta, "name");
        rv_node_set_cstr(a, meta, "generateName", PREFIX);
    }
    *ret = rv_node_freeze(a, job);
    return r;
}

/* ---- stopping -----------------------------------------------------------------------------------------------------
 */

static bool has_rules(struct rv_val job) {
    return rv_val_len(rv_val_path(job, "spec.deletionStrategy.deletionRules")) > 0;
}

/* The rules of the contract about spec.suspend. NULL if they allow it. */
static const char *no_suspension(struct rv_val job) {
    if (rv_val_len(rv_val_path(job, "spec.clusterSelector")) > 0) return "it runs on a cluster that is not its own";
    if (!rv_path_bool(job, "spec.shutdownAfterJobFinishes", false))
        return "its cluster is to stay after the job (spec.shutdownAfterJobFinishes)";
    return has_rules(job) ? "it has deletion rules" : NULL;
}

enum job_stop job_stop_how(struct rv_arena *a, struct rv_val job, bool suspend, struct rv_str *ret_why) {
    struct rv_str phase = rv_path_str(job, "status.jobDeploymentStatus"), ray = rv_path_str(job, "status.jobStatus"),
                  name = rv_path_str(job, "metadata.name");
    bool ended = rv_str_is(phase, "Complete") || rv_str_is(phase, "Failed"),
         has = rv_str_is(ray, "PENDING") || rv_str_is(ray, "RUNNING");
    const char *no = no_suspension(job);
    if (ended || rv_str_is(phase, "Suspended") || rv_path_bool(job, "spec.suspend", false)) {
        *ret_why = ended ? rv_arena_fmt(a, "it has ended: " RV_STR_FMT, RV_STR_ARG(ray.n != 0 ? ray : phase))
                         : RV_STR("it is suspended");
        return JOB_STOP_OVER;
    }
    if (has && !suspend) {
        *ret_why = RV_STR("Ray is asked to stop the job; the RayJob stays with its record");
        return JOB_STOP_RAY;
    }
    if (no == NULL) {
        *ret_why =
            has ? RV_STR("it is suspended: its cluster is deleted, and the RayJob stays")
                : RV_STR("Ray has not got the job yet, so it is suspended: its cluster is deleted, and the RayJob "
                         "stays");
        return JOB_STOP_SUSPEND;
    }
    *ret_why = rv_arena_fmt(
        a, "%sit cannot be suspended, because %s; kubectl delete rayjob " RV_STR_FMT " ends it without a record",
        has ? "" : "Ray has not got the job yet, and ", no, RV_STR_ARG(name));
    return JOB_STOP_REFUSED;
}
