/* session.c - the command `session`: ports of a cluster on this machine, by kubectl's own port-forward. It is started
 * again when it ends, as it does when its pod goes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hint.h"
#include "ipc/base/loop.h"

enum { FORWARDS = 2, WORDS = 24, TICK_MS = 100, FIRST_MS = 1000, MOST_MS = 10000, LIVED_MS = 2000 };

/* One kubectl, which forwards the ports of one Service. */
struct forward {
    const char *argv[WORDS];
    const char *service;
    size_t n;
    pid_t pid;            /* 0: it does not run */
    int64_t began, again; /* clock_monotonic(): when it was started, and when it is to be started again */
    int64_t pause_ms;
    bool lived; /* it has once run for a while, so its arguments are right */
};

struct session {
    struct ctl_context *c;
    struct api *api;
    const char *ns, *kubectl;
    struct forward forwards[FORWARDS];
    size_t n;
};

/* ---- what is forwarded --------------------------------------------------------------------------------------------
 */

static void add_word(struct forward *f, const char *word) {
    if (f->n + 1 < WORDS) f->argv[f->n++] = word;
}

static struct forward *new_forward(struct session *s, struct rv_str service) {
    const struct ctl_context *c = s->c;
    struct forward *f = &s->forwards[s->n++];
    *f = (struct forward){.service = rv_arena_str(c->arena, service).p, .pause_ms = FIRST_MS};
    add_word(f, s->kubectl);
    if (c->kubeconfig != NULL) add_word(f, rv_arena_fmt(c->arena, "--kubeconfig=%s", c->kubeconfig).p);
    if (c->kube_context != NULL) add_word(f, rv_arena_fmt(c->arena, "--context=%s", c->kube_context).p);
    add_word(f, "--namespace");
    add_word(f, s->ns);
    add_word(f, "port-forward");
    add_word(f, rv_arena_fmt(c->arena, "service/%s", f->service).p);
    return f;
}

/* Adds those ports of the Service that have one of these names, in the order of the names. Returns how many. */
static size_t add_ports(struct session *s, struct forward *f, struct rv_val service, const char *const *names,
                        size_t n) {
    size_t added = 0;
    for (size_t i = 0; i < n; i++)
        for (struct rv_iter it = rv_iter(rv_val_path(service, "spec.ports")); rv_iter_next(&it);) {
            long long port = (long long)rv_path_int(it.val, "port", 0);
            if (!rv_str_is(rv_path_str(it.val, "name"), names[i])) continue;
            add_word(f, rv_arena_fmt(s->c->arena, "%lld:%lld", port, port).p);
            printf("%-10s %s://127.0.0.1:%lld\n", names[i], strcmp(names[i], "client") == 0 ? "ray" : "http", port);
            added++;
        }
    return added;
}

static int read_service(struct session *s, struct rv_str name, struct rv_val *ret, struct rv_error *err) {
    const struct api_what what = {.api_version = "v1", .resource = "services", .ns = s->ns};
    return api_get(s->api, &what, name, ret, err);
}

static int add_head_ports(struct session *s, struct rv_str name, struct rv_val service) {
    static const char *const ports[] = {"dashboard", "client", "serve"};
    const size_t n = s->n > 0 ? 2 : 3; /* the Service for applications has their port already */
    if (add_ports(s, new_forward(s, name), service, ports, n) > 0) return 0;
    return rv_error_set(&s->c->err, RV_E_NOT_FOUND, "service " RV_STR_FMT " has no port for the dashboard or clients",
                        RV_STR_ARG(name));
}

static int add_head(struct session *s, struct rv_str cluster) {
    struct rv_val object, service;
    const struct api_what what = {
        .api_version = "ray.io/v1", .resource = ctl_kinds[CTL_RAYCLUSTER].resource, .ns = s->ns};
    int r = api_get(s->api, &what, cluster, &object, &s->c->err);
    if (r == RV_E_NOT_FOUND) hint_object(s->c, s->api, &ctl_kinds[CTL_RAYCLUSTER], s->ns, cluster, &s->c->err);
    if (r != 0) return r;
    struct rv_str name = rv_path_str(object, "status.head.serviceName");
    if (name.n == 0) name = rv_arena_fmt(s->c->arena, RV_STR_FMT "-head-svc", RV_STR_ARG(cluster));
    r = read_service(s, name, &service, &s->c->err);
    return r == 0 ? add_head_ports(s, name, service) : r;
}

/* The Service for applications; while it is not there, the head's port serves. */
static void add_serve(struct session *s, struct rv_val object, struct rv_str name) {
    static const char *const ports[] = {"serve"};
    struct rv_val service;
    struct rv_str serve = rv_path_str(object, "spec.serveService.metadata.name");
    if (serve.n == 0) serve = rv_arena_fmt(s->c->arena, RV_STR_FMT "-serve-svc", RV_STR_ARG(name));
    if (read_service(s, serve, &service, NULL) != 0) return;
    if (add_ports(s, new_forward(s, serve), service, ports, 1) == 0) s->n--;
}

/* A RayService has a head Service of its own, which leads to the new cluster after an upgrade. */
static int add_service(struct session *s, struct rv_val object, struct rv_str name, struct rv_str cluster) {
    struct rv_str head = rv_arena_fmt(s->c->arena, RV_STR_FMT "-head-svc", RV_STR_ARG(name));
    struct rv_val service;
    add_serve(s, object, name);
    if (read_service(s, head, &service, NULL) == 0) return add_head_ports(s, head, service);
    return add_head(s, cluster);
}

static int find(struct session *s, const struct ctl_kind *k, struct rv_str name) {
    static const char *const paths[] = {
        [CTL_RAYCLUSTER] = "metadata.name",
        [CTL_RAYJOB] = "status.rayClusterName",
        [CTL_RAYSERVICE] = "status.activeServiceStatus.rayClusterName",
    };
    struct rv_val object;
    const struct api_what what = {.api_version = "ray.io/v1", .resource = k->resource, .ns = s->ns};
    if (k == &ctl_kinds[CTL_RAYCRONJOB])
        return rv_error_set(&s->c->err, -CTL_USAGE, "a RayCronJob has no cluster; name one of its RayJobs");
    if (k == &ctl_kinds[CTL_RAYCLUSTER]) return add_head(s, name);
    int r = api_get(s->api, &what, name, &object, &s->c->err);
    if (r == RV_E_NOT_FOUND) hint_object(s->c, s->api, k, s->ns, name, &s->c->err);
    if (r != 0) return r;
    struct rv_str cluster = rv_path_str(object, paths[k - ctl_kinds]);
    if (cluster.n == 0 && k == &ctl_kinds[CTL_RAYSERVICE])
        cluster = rv_path_str(object, "status.pendingServiceStatus.rayClusterName");
    if (cluster.n == 0)
        return rv_error_set(&s->c->err, RV_E_NOT_FOUND, "%s/" RV_STR_FMT " has no cluster yet; %s why %s/" RV_STR_FMT,
                            k->singular, RV_STR_ARG(name), s->c->program, k->singular, RV_STR_ARG(name));
    return k == &ctl_kinds[CTL_RAYSERVICE] ? add_service(s, object, name, cluster) : add_head(s, cluster);
}

/* ---- processes ----------------------------------------------------------------------------------------------------
 */

static volatile sig_atomic_t interrupted;
static void on_signal(int sig) { interrupted = sig; }

static int start(struct session *s, struct forward *f) {
    const pid_t own = getpid();
    f->argv[f->n] = NULL;
    (void)fflush(NULL);
    f->began = clock_monotonic();
    f->pid = fork();
    if (f->pid < 0) return rv_error_set(&s->c->err, -errno, "cannot start %s: %s", s->kubectl, strerror(errno));
    if (f->pid > 0) return 0;
    /* It ends with us, however we end. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != own) _exit(1);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
    execv(s->kubectl, (char *const *)(uintptr_t)f->argv);
    fprintf(stderr, "cannot run %s: %s\n", s->kubectl, strerror(errno));
    _exit(127);
}

/* Returns an error if it has ended before it ever worked: then its own words say what is wrong. */
static int ended(struct session *s, struct forward *f, int status) {
    int64_t now = clock_monotonic(), lived = (now - f->began) / 1000000;
    f->pid = 0;
    f->lived = f->lived || lived >= LIVED_MS;
    if (!f->lived)
        return rv_error_set(&s->c->err, RV_E_UNAVAILABLE,
                            "kubectl port-forward of service/%s ended at once, with status %d", f->service,
                            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    f->pause_ms = lived >= LIVED_MS ? FIRST_MS : f->pause_ms * 2 < MOST_MS ? f->pause_ms * 2 : MOST_MS;
    f->again = now + f->pause_ms * 1000000;
    fprintf(stderr, "the connection to service/%s is lost; it is made again in %lld s\n", f->service,
            (long long)(f->pause_ms / 1000));
    return 0;
}

static int turn(struct session *s) {
    int r = 0;
    for (struct forward *f = s->forwards; r == 0 && f < s->forwards + s->n; f++) {
        int status;
        if (f->pid > 0 && waitpid(f->pid, &status, WNOHANG) == f->pid) r = ended(s, f, status);
        if (r == 0 && f->pid == 0 && clock_monotonic() >= f->again && interrupted == 0) r = start(s, f);
    }
    return r;
}

static void stop_all(struct session *s) {
    for (struct forward *f = s->forwards; f < s->forwards + s->n; f++) {
        if (f->pid <= 0) continue;
        (void)kill(f->pid, SIGTERM);
        (void)waitpid(f->pid, NULL, 0);
    }
}

static int run(struct session *s) {
    int r = 0;
    const struct sigaction act = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &act, NULL);
    (void)sigaction(SIGTERM, &act, NULL);
    (void)fflush(stdout);
    while (r == 0 && interrupted == 0) {
        r = turn(s);
        if (r == 0) (void)poll(NULL, 0, TICK_MS);
    }
    stop_all(s);
    return r;
}

/* The first kubectl in $PATH; NULL for none. */
static const char *find_kubectl(struct rv_arena *a) {
    const char *rest = getenv("PATH");
    while (rest != NULL && rest[0] != 0) {
        size_t n = strcspn(rest, ":");
        const char *path = rv_arena_fmt(a, "%.*s/kubectl", (int)n, rest).p;
        if (n != 0 && access(path, X_OK) == 0) return path;
        rest += rest[n] == ':' ? n + 1 : n;
    }
    return NULL;
}

int ctl_session(struct ctl_context *c) {
    const char *slash = c->argc == 1 ? strchr(c->argv[0], '/') : NULL, *name = NULL;
    struct rv_str kind = rv_str(ctl_kinds[CTL_RAYCLUSTER].singular);
    int r = 0;
    if (c->argc == 1 && slash == NULL)
        name = c->argv[0];
    else
        r = ctl_object_argument(c, "session", &kind, &name);
    const struct ctl_kind *k = r == 0 ? ctl_kind_need(kind, &c->err) : NULL;
    if (k == NULL) return -CTL_USAGE;
    const char *kubectl = find_kubectl(c->arena);
    if (kubectl == NULL)
        return rv_error_set(&c->err, RV_E_NOT_FOUND,
                            "session needs kubectl, which is not in any folder of $PATH: it forwards the ports");
    api_auto struct api *api = api_open(c, API_MS);
    if (api == NULL) return c->err.code;
    struct session s = {.c = c, .api = api, .ns = api_namespace(api), .kubectl = kubectl};
    r = find(&s, k, rv_str(name));
    return r == 0 ? run(&s) : r;
}
