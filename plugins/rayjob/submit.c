/* submit.c - how a job reaches Ray: the shell line of the submitter pod or sidecar, the pod itself, and the body of the
 * request in HTTPMode (spec sections 4.2 to 4.5 and 6.2). The text of the shell line is part of the contract, including
 * its spaces. */
#include "builders.h"
#include "fields.h"
#include "plugins/ray/dashboard.h"
#include "plugins/ray/objects.h"
#include "plugins/ray/token.h"
#include "rayvisor/json.h"
#include "text.h"

/* ---- the shell line ------------------------------------------------------------------------------------------- */

static struct rv_str trimmed(struct rv_str s) {
    while (s.n > 0 && strchr(" \t\r\n\v\f", s.p[0]) != NULL && s.p[0] != 0) s = (struct rv_str){s.p + 1, s.n - 1};
    while (s.n > 0 && strchr(" \t\r\n\v\f", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != 0) s.n--;
    return s;
}

static void quoted_json(struct rv_buf *out, const char *flag, struct rv_val v) {
    rv_autobuf struct rv_buf json = {0};
    rj_json(&json, v);
    rv_buf_addf(out, "%s ", flag);
    rj_quote(out, rv_buf_str(&json));
    rv_buf_addc(out, ' ');
}

static void amount(struct rv_buf *out, const char *flag, struct rv_val v) {
    double n = rv_val_float(v, 0);
    if (n > 0) rv_buf_addf(out, "%s %f ", flag, n);
}

/* Flags between the address and the entrypoint. */
static void job_flags(struct rv_arena *a, struct rv_buf *out, const struct rj_job *j, struct rv_str id) {
    struct rv_str yaml = rv_path_str(j->spec, "runtimeEnvYAML"),
                  resources = rv_path_str(j->spec, "entrypointResources");
    struct rv_val metadata = rv_val_get(j->spec, "metadata");
    if (yaml.n != 0) {
        struct rv_node *env = rj_runtime_env(a, yaml, NULL);
        if (env != NULL) quoted_json(out, "--runtime-env-json", rv_node_freeze(a, env));
    }
    if (rv_val_len(metadata) > 0) quoted_json(out, "--metadata-json", metadata);
    if (id.n != 0) rv_buf_addf(out, "--submission-id " RV_STR_FMT " ", RV_STR_ARG(id));
    amount(out, "--entrypoint-num-cpus", rv_val_get(j->spec, "entrypointNumCpus"));
    amount(out, "--entrypoint-num-gpus", rv_val_get(j->spec, "entrypointNumGpus"));
    if (resources.n != 0) {
        rv_buf_adds(out, "--entrypoint-resources ");
        rj_quote(out, resources);
        rv_buf_addc(out, ' ');
    }
}

static int64_t sidecar_port(const struct rc_cluster *c) {
    for (struct rv_iter it = rv_iter(rv_val_get(rc_head_container(c), "ports")); rv_iter_next(&it);)
        if (rv_str_is(rv_path_str(it.val, "name"), RC_DASHBOARD_PORT_NAME))
            return rv_path_int(it.val, "containerPort", RC_PORT_DASHBOARD);
    return RC_PORT_DASHBOARD;
}

static struct rv_str address(struct rv_arena *a, const struct rj_target *t, bool sidecar, const char *host) {
    if (sidecar) return rv_arena_fmt(a, "http://%s:%lld", host, (long long)sidecar_port(t->cluster));
    if ((rv_str_starts(t->dashboard, "http://") || rv_str_starts(t->dashboard, "https://")) ||
        rv_str_starts(t->dashboard, "$"))
        return t->dashboard;
    return rv_arena_fmt(a, "http://" RV_STR_FMT, RV_STR_ARG(t->dashboard));
}

/* Following the log always succeeds. If only the submitter can ask Ray, its exit code is Ray's last word on the job
 * (verdict.h). The words are those with which `ray job status` begins its answer. */
static void last_question(struct rv_buf *out, struct rv_str at, struct rv_str id) {
    rv_buf_addf(out,
                " ; said=$(ray job status --address " RV_STR_FMT " " RV_STR_FMT
                " 2>&1) || true ; case \"$said\" in *\"'" RV_STR_FMT "' failed\"*) exit %d ;; *\"'" RV_STR_FMT
                "' was stopped\"*) exit %d ;; *\"'" RV_STR_FMT "' succeeded\"*) exit 0 ;; *) exit 1 ;; esac",
                RV_STR_ARG(at), RV_STR_ARG(id), RV_STR_ARG(id), RJ_EXIT_FAILED, RV_STR_ARG(id), RJ_EXIT_STOPPED,
                RV_STR_ARG(id));
}

struct rv_str rj_command(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t, bool sidecar) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_str at = address(a, t, sidecar, "127.0.0.1"), probe = address(a, t, sidecar, "localhost"), id = t->job_id;
    bool check = !sidecar || rc_gate(j->settings, RJ_GATE_SIDECAR_RESTART, false);
    rv_buf_addf(&b,
                "until python -c \"import urllib.request; r=urllib.request.urlopen('" RV_STR_FMT "/" RJ_HEALTH_PATH
                "', timeout=10); exit(0 if b'success' in r.read() else 1)\" >/dev/null 2>&1 ; do echo ",
                RV_STR_ARG(probe));
    rj_quote(&b,
             rv_arena_fmt(a, "Waiting for Ray Dashboard GCS to become healthy at " RV_STR_FMT " ...", RV_STR_ARG(at)));
    rv_buf_adds(&b, " ; sleep 2 ; done ; ");
    if (check)
        rv_buf_addf(&b, "if ! ray job status --address " RV_STR_FMT " " RV_STR_FMT " >/dev/null 2>&1 ; then ",
                    RV_STR_ARG(at), RV_STR_ARG(id));
    rv_buf_addf(&b, "ray job submit --address " RV_STR_FMT " %s", RV_STR_ARG(at), check ? "--no-wait " : "");
    job_flags(a, &b, j, id);
    rv_buf_addf(&b, "-- " RV_STR_FMT " ;", RV_STR_ARG(trimmed(rv_path_str(j->spec, "entrypoint"))));
    if (check)
        rv_buf_addf(&b, " fi ; ray job logs --address " RV_STR_FMT " --follow " RV_STR_FMT, RV_STR_ARG(at),
                    RV_STR_ARG(id));
    if (!sidecar && t->cluster->f.token && t->cluster->f.kubernetes_token) last_question(&b, at, id);
    return rv_arena_str(a, rv_buf_str(&b));
}

/* ---- the request of HTTPMode --------------------------------------------------------------------------------------
 */

struct rv_str rj_request(struct rv_arena *a, const struct rj_job *j, struct rv_str job_id) {
    struct rv_node *n = rv_node_map(a);
    struct rv_str yaml = rv_path_str(j->spec, "runtimeEnvYAML"),
                  resources = rv_path_str(j->spec, "entrypointResources");
    struct rv_val metadata = rv_val_get(j->spec, "metadata");
    double cpus = rv_val_float(rv_val_get(j->spec, "entrypointNumCpus"), 0),
           gpus = rv_val_float(rv_val_get(j->spec, "entrypointNumGpus"), 0);
    struct rv_node *env = yaml.n != 0 ? rj_runtime_env(a, yaml, NULL) : NULL;
    rv_autobuf struct rv_buf amounts = {0}, json = {0};
    rv_node_set_str(a, n, "entrypoint", rv_path_str(j->spec, "entrypoint"));
    if (env != NULL) rv_node_set(a, n, "runtime_env", env);
    if (rv_val_len(metadata) > 0) rv_node_set(a, n, "metadata", rv_node_from(a, metadata));
    if (resources.n != 0 && rv_json_to_mp(resources, NULL, &amounts, NULL) == 0)
        rv_node_set(a, n, "entrypoint_resources", rv_node_from(a, (struct rv_val){amounts.p, amounts.n}));
    if (job_id.n != 0) rv_node_set_str(a, n, "submission_id", job_id);
    if (cpus > 0) rv_node_set(a, n, "entrypoint_num_cpus", rv_node_float(a, cpus));
    if (gpus > 0) rv_node_set(a, n, "entrypoint_num_gpus", rv_node_float(a, gpus));
    rj_json(&json, rv_node_freeze(a, n));
    return rv_arena_str(a, rv_buf_str(&json));
}

/* ---- the container -------------------------------------------------------------------------------------------------
 */

static struct rv_node *amounts(struct rv_arena *a, const char *cpu, const char *memory) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_cstr(a, n, "cpu", cpu);
    rv_node_set_cstr(a, n, "memory", memory);
    return n;
}

static struct rv_node *texts(struct rv_arena *a, const char *const *list, size_t n) {
    struct rv_node *out = rv_node_array(a);
    for (size_t i = 0; i < n; i++) rv_node_append(a, out, rv_node_str(a, rv_str(list[i])));
    return out;
}

static void env(struct rv_arena *a, struct rv_node *container, const char *name, struct rv_str value) {
    struct rv_node *n = rv_node_map(a);
    rv_node_set_cstr(a, n, "name", name);
    if (value.n != 0) rv_node_set_str(a, n, "value", value);
    rv_node_append(a, rv_node_ensure_array(a, container, "env"), n);
}

static bool has_env(struct rv_arena *a, struct rv_node *container, const char *name) {
    return rv_node_find(rv_node_ensure_array(a, container, "env"), "name", rv_str(name)) != NULL;
}

static struct rv_node *default_container(struct rv_arena *a, const struct rj_target *t) {
    struct rv_node *n = rv_node_map(a), *resources = rv_node_ensure_map(a, n, "resources");
    rv_node_set_cstr(a, n, "name", RJ_SUBMITTER_CONTAINER);
    rv_node_set_str(a, n, "image", rv_path_str(rc_head_container(t->cluster), "image"));
    rv_node_set(a, resources, "limits", amounts(a, "1", "1Gi"));
    rv_node_set(a, resources, "requests", amounts(a, "500m", "200Mi"));
    return n;
}

static void set_command(struct rv_arena *a, struct rv_node *container, const struct rj_job *j,
                        const struct rj_target *t, bool sidecar) {
    const char *const shell[] = {"/bin/bash", j->settings->login_shell ? "-cel" : "-ce", "--"};
    struct rv_node *args = rv_node_array(a);
    rv_node_append(a, args, rv_node_str(a, rj_command(a, j, t, sidecar)));
    rv_node_set(a, container, "command", texts(a, shell, RV_ARRAY_LEN(shell)));
    rv_node_set(a, container, "args", args);
}

/* Our own submitter takes flags and the entrypoint, and needs no shell. */
static void set_small_submitter(struct rv_arena *a, struct rv_node *container, const struct rj_job *j) {
    static const struct {
        const char *flag, *field;
    } numbers[] = {{"--entrypoint-num-cpus", "entrypointNumCpus"}, {"--entrypoint-num-gpus", "entrypointNumGpus"}};
    struct rv_node *args = rv_node_array(a);
    struct rv_str yaml = rv_path_str(j->spec, "runtimeEnvYAML"),
                  resources = rv_path_str(j->spec, "entrypointResources");
    struct rv_val metadata = rv_val_get(j->spec, "metadata");
    struct rv_node *runtime = yaml.n != 0 ? rj_runtime_env(a, yaml, NULL) : NULL;
    rv_autobuf struct rv_buf json = {0}, more = {0};
    if (runtime != NULL) {
        rj_json(&json, rv_node_freeze(a, runtime));
        rv_node_append(a, args, rv_node_fmt(a, "--runtime-env-json"));
        rv_node_append(a, args, rv_node_str(a, rv_buf_str(&json)));
    }
    if (rv_val_len(metadata) > 0) {
        rj_json(&more, metadata);
        rv_node_append(a, args, rv_node_fmt(a, "--metadata-json"));
        rv_node_append(a, args, rv_node_str(a, rv_buf_str(&more)));
    }
    for (size_t i = 0; i < RV_ARRAY_LEN(numbers); i++) {
        double v = rv_val_float(rv_val_get(j->spec, numbers[i].field), 0);
        if (v <= 0) continue;
        rv_node_append(a, args, rv_node_fmt(a, "%s", numbers[i].flag));
        rv_node_append(a, args, rv_node_fmt(a, "%f", v));
    }
    if (resources.n != 0) {
        rv_node_append(a, args, rv_node_fmt(a, "--entrypoint-resources"));
        rv_node_append(a, args, rv_node_str(a, resources));
    }
    rv_node_append(a, args, rv_node_fmt(a, "--"));
    rv_node_append(a, args, rv_node_str(a, trimmed(rv_path_str(j->spec, "entrypoint"))));
    rv_node_set_str(a, container, "image", j->submitter_image);
    rv_node_set(a, container, "args", args);
    rv_node_set(a, rv_node_get(container, "resources"), "limits", amounts(a, "100m", "32Mi"));
    rv_node_set(a, rv_node_get(container, "resources"), "requests", amounts(a, "10m", "8Mi"));
}

/* No name occurs twice. The user's variables stay, but the job has only one id. */
static void set_environment(struct rv_arena *a, struct rv_node *container, const struct rj_target *t) {
    struct rv_node *list = rv_node_ensure_array(a, container, "env");
    for (size_t i = 0; i < rv_node_len(list); i++)
        if (rv_str_is(rv_node_text(rv_node_get(rv_node_at(list, i), "name")), "RAY_JOB_SUBMISSION_ID"))
            rv_node_remove_at(list, i--);
    if (!has_env(a, container, "PYTHONUNBUFFERED")) env(a, container, "PYTHONUNBUFFERED", RV_STR("1"));
    if (!has_env(a, container, "RAY_DASHBOARD_ADDRESS"))
        env(a, container, "RAY_DASHBOARD_ADDRESS",
            has_env(a, container, "RAY_ADDRESS") ? RV_STR("$(RAY_ADDRESS)") : t->dashboard);
    env(a, container, "RAY_JOB_SUBMISSION_ID", t->job_id);
    rc_token_into(a, t->cluster, container);
}

static void set_labels(struct rv_arena *a, struct rv_node *meta, const struct rj_job *j) {
    struct rv_node *labels = rv_node_ensure_map(a, meta, "labels");
    rv_node_set_str(a, labels, RC_LABEL_ORIGIN_NAME, j->name);
    rv_node_set_cstr(a, labels, RC_LABEL_ORIGIN_KIND, "RayJob");
    rv_node_set_cstr(a, labels, RC_LABEL_CREATED_BY, RC_CREATED_BY);
}

/* The address of Ray in the user's template. It is the address itself, or a shell variable if the value comes from
 * elsewhere or cannot be in a shell line. Empty if there is none. */
static struct rv_str given_address(struct rv_arena *a, struct rv_node *container) {
    static const char *const names[] = {"RAY_DASHBOARD_ADDRESS", "RAY_ADDRESS"};
    for (size_t i = 0; i < RV_ARRAY_LEN(names); i++) {
        struct rv_node *n = rv_node_find(rv_node_get(container, "env"), "name", rv_str(names[i]));
        struct rv_str value = rv_node_text(rv_node_get(n, "value"));
        if (n == NULL || (value.n == 0 && rv_node_get(n, "valueFrom") == NULL)) continue;
        bool scheme = value.n != 0 && memmem(value.p, value.n, "://", 3) != NULL, plain = value.n != 0;
        for (size_t k = 0; k < value.n; k++) plain &= value.p[k] > ' ' && strchr("'\"`$\\", value.p[k]) == NULL;
        /* Such as ray://, which does not accept jobs. */
        if (scheme && !rv_str_starts(value, "http://") && !rv_str_starts(value, "https://")) continue;
        const char *http = value.n != 0 && !scheme ? "http://" : "";
        return plain ? rv_arena_fmt(a, "%s" RV_STR_FMT, http, RV_STR_ARG(value))
                     : rv_arena_fmt(a, "%s${%s}", http, names[i]);
    }
    return (struct rv_str){NULL, 0};
}

/* Takes the user's template as it is. Only its first container is changed to submit. */
struct rv_node *rj_submitter_template(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t) {
    struct rv_val given = rv_val_get(j->spec, "submitterPodTemplate");
    struct rv_node *n = rv_val_type(given) == RV_MAP ? rv_node_from(a, given) : rv_node_map(a);
    struct rv_node *pod = rv_node_ensure_map(a, n, "spec"), *list = rv_node_ensure_array(a, pod, "containers");
    bool fresh = rv_val_type(given) != RV_MAP;
    if (fresh) rv_node_set_cstr(a, pod, "restartPolicy", "Never");
    if (rv_node_len(list) == 0) rv_node_append(a, list, default_container(a, t));
    struct rv_node *container = rv_node_at(list, 0);
    struct rj_target there = *t;
    struct rv_str given_there = given_address(a, container);
    if (given_there.n != 0) there.dashboard = given_there;
    if (fresh && j->submitter_image.n != 0)
        set_small_submitter(a, container, j);
    else if (rv_node_len(rv_node_get(container, "command")) == 0)
        set_command(a, container, j, &there, false);
    set_environment(a, container, t);
    rc_token_volume(a, t->cluster, pod);
    set_labels(a, rv_node_ensure_map(a, n, "metadata"), j);
    return n;
}

struct rv_node *rj_submitter_job(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t) {
    struct rv_node *n = rc_bare_object(a, j->ns, "batch/v1", "Job", j->name), *spec = rv_node_ensure_map(a, n, "spec"),
                   *template = rj_submitter_template(a, j, t);
    struct rc_cluster gang;
    set_labels(a, rv_node_get(n, "metadata"), j);
    rv_meta_set_controller(a, n, RV_STR("ray.io/v1"), RV_STR("RayJob"), j->name, j->uid);
    rv_node_set_int(a, spec, "backoffLimit",
                    rv_path_int(j->spec, "submitterConfig.backoffLimit", RJ_SUBMITTER_BACKOFF));
    rj_as_cluster(a, j, j->name, &gang);
    gang.submitter = rv_node_freeze(a, rj_submitter_shape(a, j)); /* YuniKorn sees a group of its own */
    /* scheduler-plugins knows only the gang of the cluster. A pod that names another one would wait for ever. */
    if (!rv_str_is(gang.settings->scheduler, "scheduler-plugins") &&
        !rv_str_is(gang.settings->scheduler, "kubernetes-was"))
        rc_schedule_pod(a, &gang, template, RV_STR(RC_SUBMITTER_GROUP));
    rv_node_set(a, spec, "template", template);
    return n;
}

/* ---- the sidecar ---------------------------------------------------------------------------------------------------
 */

struct rv_node *rj_sidecar(struct rv_arena *a, const struct rj_job *j, const struct rj_target *t) {
    struct rv_node *n = default_container(a, t);
    set_command(a, n, j, t, true);
    set_environment(a, n, t);
    if (rc_gate(j->settings, RJ_GATE_SIDECAR_RESTART, false)) rv_node_set_cstr(a, n, "restartPolicy", "OnFailure");
    return n;
}
