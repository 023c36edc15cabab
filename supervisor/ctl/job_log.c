/* job_log.c - see job_log.h.
 *
 * A pod's log is read once a second from the time of the last line on. The API server's sinceTime has whole seconds, so
 * lines that were printed are told by their own times, which have nanoseconds. */
#include "job_log.h"

#include <stdlib.h>
#include <unistd.h>

#include "ipc/base/visible.h"
#include "plugins/ray/timestamp.h"
#include "rayvisor/k8s.h"
#include "supervisor/kube/kube.h"

#define SUBMITTER "ray-job-submitter"
enum { LOG_BYTES = 16 << 20, DASHBOARD_BYTES = 64 << 20 };

struct job_log {
    struct ctl_context *c;
    struct api *api;
    const char *ns;
    char *source;           /* what is read: "pod NAME" or "job ID" */
    int64_t last;           /* the time of the last line of a pod */
    size_t at_last, offset; /* lines printed that have that time; bytes printed of the dashboard's text */
    bool any;
};

struct job_log *job_log_new(struct ctl_context *c, struct api *api, const char *ns) {
    struct job_log *l = rv_alloc(sizeof *l);
    *l = (struct job_log){.c = c, .api = api, .ns = ns};
    return l;
}

struct job_log *job_log_free(struct job_log *l) {
    if (l != NULL) free(l->source);
    free(l);
    return NULL;
}

void job_log_freep(struct job_log **l) { *l = job_log_free(*l); }

/* Another pod or another job than before is read from its beginning. */
static void read_from(struct job_log *l, const char *what, struct rv_str name) {
    const char *source = rv_arena_fmt(l->c->arena, "%s " RV_STR_FMT, what, RV_STR_ARG(name)).p;
    if (l->source != NULL && strcmp(l->source, source) == 0) return;
    free(l->source);
    l->source = rv_strdup(rv_str(source));
    l->last = 0;
    l->at_last = l->offset = 0;
}

static void print(struct job_log *l, struct rv_str text, struct progress *p) {
    rv_autobuf struct rv_buf shown = {0};
    if (text.n == 0) return;
    if (p != NULL) progress_clear(p);
    l->any = true;
    /* A job's words are not obeyed by a terminal. A file or a pipe gets them as they are. */
    if (isatty(STDOUT_FILENO)) {
        visible_text(text, VISIBLE_LINES, &shown);
        text = rv_buf_str(&shown);
    }
    fwrite(text.p, 1, text.n, stdout);
    (void)fflush(stdout);
}

/* ---- of a pod -----------------------------------------------------------------------------------------------------
 */

/* Lines begin with their time and a blank. Returns how many bytes were consumed. */
static size_t take_lines(struct job_log *l, struct rv_str text, bool last, struct rv_buf *out) {
    size_t at = 0, same = 0;
    while (at < text.n) {
        const char *end = memchr(text.p + at, '\n', text.n - at);
        if (end == NULL && !last) break;
        struct rv_str line = {text.p + at, end != NULL ? (size_t)(end + 1 - text.p) - at : text.n - at};
        const char *blank = memchr(line.p, ' ', line.n);
        int64_t time = 0;
        at += line.n;
        if (blank == NULL || rv_time_parse((struct rv_str){line.p, (size_t)(blank - line.p)}, &time) != 0) continue;
        if (time < l->last) continue;
        if (time == l->last && ++same <= l->at_last) continue;
        if (time > l->last) same = 1;
        l->last = time;
        l->at_last = same;
        rv_buf_add(out, blank + 1, line.n - (size_t)(blank + 1 - line.p));
    }
    return at;
}

static int read_pod(struct job_log *l, struct rv_str pod, const char *container, bool last, struct progress *p,
                    struct rv_error *err) {
    rv_autobuf struct rv_buf out = {0};
    struct rv_str text = {0};
    read_from(l, "pod", pod);
    const char *limit = rv_arena_fmt(l->c->arena, "%d", LOG_BYTES).p;
    rv_autofree char *path =
        kube_path(RV_STR("v1"), rv_str(l->ns), RV_STR("pods"), pod, RV_STR("log"), "container", container, "timestamps",
                  "true", "limitBytes", limit, l->last != 0 ? "sinceTime" : NULL,
                  l->last != 0 ? rc_time_text(l->c->arena, l->last).p : NULL, NULL);
    const char *subject = rv_arena_fmt(l->c->arena, "the log of pod " RV_STR_FMT, RV_STR_ARG(pod)).p;
    int r = api_text(l->api, path, LOG_BYTES + 1, subject, &text, err);
    if (r != 0) return r;
    bool cut = text.n >= LOG_BYTES;
    (void)take_lines(l, text, last && !cut, &out);
    if (cut && out.n == 0)
        return rv_error_set(err, RV_E_TOO_BIG, "the log of pod " RV_STR_FMT " has more than %d MiB in one second",
                            RV_STR_ARG(pod), LOG_BYTES >> 20);
    print(l, rv_buf_str(&out), p);
    return cut ? read_pod(l, pod, container, last, p, err) : 0;
}

/* The newest pod of the Job, which has the RayJob's name. A submitter that failed is followed by another one. */
static struct rv_str submitter_pod(struct job_log *l, struct rv_val job, const char **ret_container) {
    struct api_list pods;
    struct rv_val newest = RV_VAL_ABSENT;
    const struct api_what what = {
        .api_version = "v1",
        .resource = "pods",
        .ns = l->ns,
        .labels = rv_arena_fmt(l->c->arena, "job-name=" RV_STR_FMT, RV_STR_ARG(rv_path_str(job, "metadata.name"))).p};
    if (api_list(l->api, &what, &pods, NULL) != 0) return (struct rv_str){0};
    for (size_t i = 0; i < pods.n; i++) {
        if (rv_str_cmp(rv_path_str(pods.items[i], "metadata.creationTimestamp"),
                       rv_path_str(newest, "metadata.creationTimestamp")) >= 0)
            newest = pods.items[i];
    }
    struct rv_val first = rv_val_at(rv_val_path(newest, "spec.containers"), 0);
    *ret_container = rv_arena_str(l->c->arena, rv_path_str(first, "name")).p;
    return rv_path_str(newest, "metadata.name");
}

/* ---- by the dashboard ---------------------------------------------------------------------------------------------
 */

const char *job_ray_path(struct ctl_context *c, const char *ns, struct rv_val job, const char *end) {
    struct rv_str url = rv_path_str(job, "status.dashboardURL"), id = rv_path_str(job, "status.jobId");
    const char *slashes = url.n != 0 ? strstr(rv_arena_str(c->arena, url).p, "://") : NULL;
    if (slashes != NULL) url = rv_str(slashes + 3);
    const char *dot = url.n != 0 ? memchr(url.p, '.', url.n) : NULL,
               *colon = url.n != 0 ? memrchr(url.p, ':', url.n) : NULL;
    if (dot == NULL || colon == NULL || colon < dot || id.n == 0) return NULL;
    rv_autofree char *service = kube_path(RV_STR("v1"), rv_str(ns), RV_STR("services"),
                                          (struct rv_str){url.p, (size_t)(dot - url.p)}, RV_STR(""), NULL),
                     *escaped = kube_path(RV_STR(""), RV_STR(""), RV_STR(""), id, RV_STR(""), NULL);
    return rv_arena_fmt(c->arena, "%s" RV_STR_FMT "/proxy/api/jobs%s%s", service,
                        RV_STR_ARG(((struct rv_str){colon, (size_t)(url.p + url.n - colon)})), escaped, end)
        .p;
}

static int read_dashboard(struct job_log *l, struct rv_val job, struct progress *p, struct rv_error *err) {
    const char *path = job_ray_path(l->c, l->ns, job, "/logs");
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = {0};
    if (path == NULL)
        return rv_error_set(err, RV_E_NOT_FOUND, "there is no log yet: the job has not been given to Ray");
    read_from(l, "job", rv_path_str(job, "status.jobId"));
    int r = api_text(l->api, path, DASHBOARD_BYTES, "the job's log from Ray's dashboard", &text, err);
    if (r == 0) r = rv_json_to_mp(text, NULL, &b, err);
    if (r != 0) return r;
    struct rv_str logs = rv_path_str((struct rv_val){b.p, b.n}, "logs");
    if (logs.n < l->offset) l->offset = 0; /* Ray has begun the job again */
    print(l, (struct rv_str){logs.p + l->offset, logs.n - l->offset}, p);
    l->offset = logs.n;
    return 0;
}

int job_log_print(struct job_log *l, struct rv_val job, bool last, struct progress *p, struct rv_error *err) {
    struct rv_str mode = rv_path_str(job, "spec.submissionMode"), pod = {0};
    const char *container = SUBMITTER;
    if (mode.n == 0 || rv_str_is(mode, "K8sJobMode")) pod = submitter_pod(l, job, &container);
    if (rv_str_is(mode, "SidecarMode")) pod = rv_path_str(job, "status.rayClusterStatus.head.podName");
    if (pod.n == 0 && l->any && strncmp(l->source, "pod ", 4) == 0) return 0; /* its pod is gone; all was printed */
    return pod.n != 0 ? read_pod(l, pod, container, last, p, err) : read_dashboard(l, job, p, err);
}
