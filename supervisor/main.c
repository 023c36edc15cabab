/* main.c - rayvisord: reads the configuration, connects, starts the plugins, runs the loop, and stops in order.
 *
 * Signals: TERM and INT drain and end. HUP reloads the configuration, as does a change of its file. A configuration
 * that is not valid is refused as a whole, and the running one stays. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/fd_limit.h"
#include "ipc/base/options.h"
#include "ipc/base/random.h"
#include "ipc/base/visible.h"
#include "leadership.h"
#include "notify.h"
#include "served.h"
#include "supervisor/actions/executor.h"
#include "supervisor/admission/admission.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/config/places.h"
#include "supervisor/control/control.h"
#include "supervisor/http/web.h"
#include "supervisor/proc/plugin.h"
#include "supervisor/proc/probe.h"
#include "supervisor/trail/trail.h"
#include "supervisor/twin/twin.h"
#include "supervisor/unattended.h"
#include "twin_rounds.h"

enum {
    STOP_MS = 20000,
    RELOAD_MS = 100,
    GATHER_MS = 50,
    TICK_MS = 2000,
    EXIT_USAGE = 64,
    EXIT_LOST = 75,
    EXIT_CONFIG = 78,
    FEW_FDS = 4096
};

struct options {
    const char *config, *kubeconfig, *context, *runtime_dir, *http_bind, *ns, *user, *allow_address;
    bool proxy_http;
    bool check, offline, rbac, webhook, schema;
};

struct program {
    struct supervisor s;
    struct options o;
    char *config_dir;
    struct config_places places;
    uint64_t work_seen, work_trimmed; /* changes and actions so far, for trim_memory() */
    struct served *served;            /* what the API server serves is being asked */
    struct loop_timer *tick, *stop_timer, *reload_timer, *stop_check;
    struct loop_watch *inotify_watch;
    int inotify_fd;
    struct stat config_seen; /* the file that was read last */
    struct config **retired; /* kept while a stopping plugin still points into them */
    size_t retired_n;
    int exit_code;
};

/* ---- plugins as configured -------------------------------------------------------------------------------- */

static struct plugin *find_plugin(struct supervisor *s, struct rv_str name) {
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p))
        if (rv_str_eq(plugin_config(p)->name, name)) return p;
    return NULL;
}

static const struct config_plugin *find_entry(const struct config *c, struct rv_str name) {
    for (size_t i = 0; i < c->plugin_n; i++)
        if (rv_str_eq(c->plugins[i].name, name)) return &c->plugins[i];
    return NULL;
}

static void add_plugin(struct supervisor *s, const struct config_plugin *c) {
    struct plugin *p = plugin_new(s, c);
    if (c->enabled) plugin_start(p);
}

/* A plugin was stopped for a reload. It is freed, or started again with the newest configuration. */
static void on_plugin_stopped(void *arg) {
    struct plugin *p = arg;
    struct supervisor *s = plugin_supervisor(p);
    struct rv_str name = plugin_config(p)->name;
    const struct config_plugin *c = find_entry(s->config, name);
    if (c != NULL && !s->stopping)
        plugin_replace(p, c);
    else
        plugin_free(p);
}

static bool settings_same(const struct config_plugin *a, const struct config_plugin *b) {
    return rv_val_equal((struct rv_val){a->settings.p, a->settings.n}, (struct rv_val){b->settings.p, b->settings.n});
}

static void keep_until_end(struct program *g, struct config *c) {
    g->retired = rv_realloc_array(g->retired, g->retired_n + 1, sizeof(struct config *));
    g->retired[g->retired_n++] = c;
}

/* True if the plugin goes on running. It decides itself about new settings, if it accepts them while it runs. */
static bool keeps_running(const struct config *old, const struct config *fresh, struct plugin *p,
                          const struct config_plugin *now) {
    const struct config_plugin *before = plugin_config(p);
    return config_plugin_same(before, now) && !plugin_library_changed(p) && old->host_sandbox == fresh->host_sandbox &&
           (settings_same(before, now) || plugin_takes_settings(p));
}

static bool starts_anew(struct program *g, const struct config *old, const struct config *fresh,
                        const struct config_plugin *now) {
    struct plugin *p = find_plugin(&g->s, now->name);
    return p == NULL || !keeps_running(old, fresh, p, now);
}

/* Tests each plugin that would be started. With `some`, only those that a reload would start anew. */
static int probe_plugins(struct program *g, const struct config *c, const struct config *some, struct rv_error *err) {
    rv_autofree char *host = config_find_host(&g->places, g->s.config);
    for (size_t i = 0; i < c->plugin_n; i++) {
        const struct config_plugin *p = &c->plugins[i];
        if (!p->enabled || (some != NULL && !starts_anew(g, some, c, p))) continue;
        if (probe_plugin(c, p, host, err) != 0) return err->code;
    }
    return 0;
}

static void warn_of(void *arg, const char *text) {
    (void)arg;
    log_warn("configuration", "reason", text);
}

/* ---- does the API server serve what is granted? ------------------------------------------------------------ */

static void on_served(void *arg, const char *why) {
    struct program *g = arg;
    if (why != NULL) log_info("not compared with what the API server serves", "reason", why);
    g->served = served_free(g->served);
}

/* Each time the configuration is read: what is told at a reload is told at a start, too. */
static void compare_with_served(struct program *g) {
    served_free(g->served);
    g->served =
        served_begin(g->s.loop, g->s.client,
                     &(struct served_opts){.config = g->s.config, .warn = warn_of, .done = on_served, .arg = g});
}

static void apply_changes(struct program *g, struct config *fresh) {
    struct supervisor *s = &g->s;
    struct config *old = s->config;
    s->config = fresh;
    executor_reconfigure(s->executor);
    trail_reconfigure(s->trail);
    unsigned changed = 0;
    for (struct plugin *p = s->plugins, *next; p != NULL; p = next) {
        next = plugin_next(p);
        const struct config_plugin *before = plugin_config(p), *now = find_entry(fresh, before->name);
        bool rebuilt = now != NULL && config_plugin_same(before, now) && plugin_library_changed(p);
        if (now != NULL && keeps_running(old, fresh, p, now)) {
            changed += !settings_same(before, now);
            plugin_reconfigure(p, now);
            continue;
        }
        changed++;
        log_info(now == NULL     ? "plugin removed from the configuration"
                 : !now->enabled ? "plugin switched off"
                 : rebuilt       ? "plugin replaced: its library is another file"
                                 : "plugin replaced: its configuration changed",
                 "plugin", before->name.p);
        plugin_stop(p, on_plugin_stopped, p);
    }
    for (size_t i = 0; i < fresh->plugin_n; i++)
        if (find_plugin(s, fresh->plugins[i].name) == NULL) {
            changed++;
            log_info("plugin added", "plugin", fresh->plugins[i].name.p);
            add_plugin(s, &fresh->plugins[i]);
        }
    log_setup((enum log_format)fresh->log_format, (enum rv_log_level)fresh->log_level, STDERR_FILENO, "rayvisord");
    char n[16];
    snprintf(n, sizeof n, "%u", changed);
    log_info("configuration reloaded", "#plugins_changed", n);
    config_warnings(fresh, warn_of, NULL);
    keep_until_end(g, old);
    compare_with_served(g);
    unattended_start(s);
}

static void override(struct config *c, const struct options *o) {
    if (o->kubeconfig != NULL) c->kubeconfig = rv_str(o->kubeconfig);
    if (o->context != NULL) c->context = rv_str(o->context);
    if (o->runtime_dir != NULL) c->runtime_dir = rv_str(o->runtime_dir);
    if (o->proxy_http) c->proxy_http = true;
    if (o->http_bind != NULL) c->bind = rv_str(o->http_bind);
    /* main() has judged it. */
    if (o->allow_address != NULL) (void)config_allow_address(c, rv_str(o->allow_address), NULL);
}

/* The operator would not start with this file. This is shown until the file is corrected (health.h), and not only in
 * one log line. */
static void record_refusal(struct supervisor *s, const char *why) {
    if (s->config_refused == NULL) s->config_refused_since = clock_wall();
    free(s->config_refused);
    s->config_refused = why != NULL ? rv_strdup(rv_str(why)) : NULL;
}

static int reload(struct supervisor *s, struct rv_error *err) {
    struct program *g = (struct program *)s; /* s is its first member */
    struct rv_error own = {0};
    if (err == NULL) err = &own;
    (void)stat(s->config_path, &g->config_seen);
    struct config *fresh = config_load(s->config_path, &s->env, err);
    if (fresh != NULL) {
        override(fresh, &g->o);
        if (config_check_restart(s->config, fresh, err) != 0 || probe_plugins(g, fresh, s->config, err) != 0)
            fresh = config_free(fresh);
    }
    record_refusal(s, fresh == NULL ? err->text : NULL);
    if (fresh == NULL) {
        log_error("configuration refused; the running one stays", "reason", err->text);
        return err->code;
    }
    apply_changes(g, fresh);
    return 0;
}

static void on_reload_timer(void *arg) {
    struct program *g = arg;
    if (!g->s.stopping) (void)reload(&g->s, NULL);
}

/* Finds changes that inotify does not report: links that lead elsewhere, writes by other machines, and lost events. */
static void check_config_file(struct program *g) {
    struct stat now, *seen = &g->config_seen;
    if (stat(g->s.config_path, &now) != 0) return; /* it is being replaced */
    bool same = now.st_dev == seen->st_dev && now.st_ino == seen->st_ino && now.st_size == seen->st_size &&
                now.st_mtim.tv_sec == seen->st_mtim.tv_sec && now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec;
    if (!same && !loop_timer_armed(g->reload_timer)) loop_timer_arm(g->reload_timer, RELOAD_MS);
}

static void on_inotify(void *arg, int fd, unsigned events) {
    struct program *g = arg;
    _Alignas(struct inotify_event) char buffer[4096];
    (void)events;
    ssize_t n = read(fd, buffer, sizeof buffer);
    rv_autofree char *path = rv_strdup(rv_str(g->s.config_path));
    const char *name = basename(path);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (const struct inotify_event *)(const void *)(buffer + at);
        /* Kubernetes replaces a mounted ConfigMap by renaming "..data". Editors write in several steps, so wait a
         * moment. */
        if (e->len > 0 && (strcmp(e->name, name) == 0 || strcmp(e->name, "..data") == 0))
            loop_timer_arm(g->reload_timer, RELOAD_MS);
        at += (ssize_t)sizeof *e + (ssize_t)e->len;
    }
}

static void watch_config(struct program *g) {
    g->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (g->inotify_fd < 0 ||
        inotify_add_watch(g->inotify_fd, g->config_dir, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE) < 0) {
        log_warn("the configuration file is not watched: a change is noticed after seconds, or on SIGHUP", "reason",
                 strerror(errno));
        return;
    }
    g->inotify_watch = loop_fd(g->s.loop, g->inotify_fd, LOOP_READ, on_inotify, g);
}

/* ---- stopping --------------------------------------------------------------------------------------------- */

static void end_loop(void *arg) { loop_stop(((struct program *)arg)->s.loop); }

static void check_stopped(void *arg) {
    struct program *g = arg;
    bool running = false;
    for (struct plugin *p = g->s.plugins; p != NULL; p = plugin_next(p)) running = running || !plugin_stopped(p);
    if (running || (leadership_acts(&g->s) && !executor_idle(g->s.executor))) loop_timer_arm(g->stop_check, 20);
    /* no action of ours is in flight any more */
    else
        leadership_release(&g->s, end_loop, g);
}

static void on_begin(void *arg) {
    struct program *g = arg;
    for (struct plugin *p = g->s.plugins; p != NULL; p = plugin_next(p)) plugin_lead(p);
}

static void on_pause(void *arg) {
    struct program *g = arg;
    for (struct plugin *p = g->s.plugins; p != NULL; p = plugin_next(p)) plugin_stand_by(p);
}

static void on_other(void *arg, bool active) {
    struct program *g = arg;
    rv_autobuf struct rv_buf note = {0};
    struct rv_event e;
    (void)active;
    leadership_about_other(&g->s, &e, &note);
    executor_event(g->s.executor, &e);
}

static void on_lost(void *arg) {
    struct program *g = arg;
    g->exit_code = EXIT_LOST;
    g->s.stopping = true;
    loop_stop(g->s.loop);
}

static void on_stop_timeout(void *arg) {
    struct program *g = arg;
    struct executor_stats x;
    char n[24];
    executor_stats(g->s.executor, &x);
    snprintf(n, sizeof n, "%zu", x.in_flight + x.queued);
    log_warn("stopping although actions are unfinished", "#actions", n);
    loop_stop(g->s.loop);
}

static void begin_stop(struct program *g, const char *why) {
    if (g->s.stopping) return;
    g->s.stopping = true;
    notify_manager("STOPPING=1");
    log_info("stopping: plugins finish what is in flight", "signal", why);
    for (struct plugin *p = g->s.plugins; p != NULL; p = plugin_next(p)) plugin_stop(p, NULL, NULL);
    loop_timer_arm(g->stop_timer, STOP_MS);
    loop_timer_arm(g->stop_check, 0);
}

/* As PID 1 or as a subreaper this process inherits orphans. Our own hosts are reaped through their pidfd. */
static void reap_strangers(struct program *g) {
    siginfo_t i = {0};
    while (waitid(P_ALL, 0, &i, WEXITED | WNOHANG | WNOWAIT) == 0 && i.si_pid != 0) {
        bool ours = i.si_pid == kube_client_child(g->s.client);
        for (struct plugin *p = g->s.plugins; p != NULL; p = plugin_next(p)) {
            struct plugin_info info;
            plugin_info(p, &info);
            ours = ours || info.pid == i.si_pid;
        }
        if (ours) return;
        waitpid(i.si_pid, NULL, WNOHANG);
        i = (siginfo_t){0};
    }
}

static void on_signal(void *arg, int signo) {
    struct program *g = arg;
    if (signo == SIGHUP)
        (void)reload(&g->s, NULL);
    else if (signo == SIGCHLD)
        reap_strangers(g);
    else
        begin_stop(g, signo == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* ---- starting --------------------------------------------------------------------------------------------- */

static void on_synced(void *arg) {
    struct supervisor *s = arg;
    for (struct plugin *p = s->plugins; p != NULL; p = plugin_next(p)) plugin_collections_changed(p);
}

static int make_runtime_dir(const struct config *c, struct rv_error *err) {
    rv_autofree char *dir = rv_strdup(c->runtime_dir);
    for (char *p = dir + 1; *p != 0; p++) {
        if (*p != '/') continue;
        *p = 0;
        (void)mkdir(dir, 0755);
        *p = '/';
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return rv_error_set(
            err, -errno, "cannot make runtimeDir %s: %s. Set runtimeDir to a folder this user may write, or create it",
            dir, strerror(errno));
    struct stat st;
    if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return rv_error_set(err, -ENOTDIR,
                            "runtimeDir %s is %s, not a folder: set runtimeDir to a folder of this user's own", dir,
                            S_ISLNK(st.st_mode) ? "a link" : "something else");
    if (st.st_uid != geteuid())
        return rv_error_set(err, -EACCES,
                            "runtimeDir %s belongs to user %u, and this is user %u: set runtimeDir to a folder of this "
                            "user's own, or change its owner",
                            dir, (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 022) != 0)
        return rv_error_set(err, -EACCES,
                            "runtimeDir %s can be written by others (mode %04o), who could put their sockets there: "
                            "chmod 700 it, or set runtimeDir to a folder in it",
                            dir, (unsigned)st.st_mode & 07777);
    return 0;
}

static void harden(void) {
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* the memory contains credentials */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 1); /* only one thread allocates much; ZeroMQ's hardly does */
}

/* Each open request to a Ray endpoint needs a socket. */
static void raise_fd_limit(void) {
    uint64_t files = fd_limit_raise();
    char n[24];
    snprintf(n, sizeof n, "%" PRIu64, files);
    if (files < FEW_FDS) log_info("few files may be open at once: raise the hard limit (ulimit -Hn)", "#limit", n);
}

/* Returns unused memory to the system, also in the middle of a long burst. Memory that the next request would need
 * again is kept until the burst is over, which is a moment without changes and actions. */
static void trim_memory(struct program *g) {
    struct executor_stats e;
    executor_stats(g->s.executor, &e);
    uint64_t work = store_rev(g->s.store) + e.done;
    if (work != g->work_trimmed) {
        if (work == g->work_seen) {
            kube_client_trim(g->s.client);
            g->work_trimmed = work;
        }
        malloc_trim(0);
    }
    g->work_seen = work;
}

static void on_tick(void *arg) {
    struct program *g = arg;
    trim_memory(g);
    check_config_file(g);
    trail_tick(g->s.trail);
    notify_manager("WATCHDOG=1");
    loop_timer_arm(g->tick, TICK_MS);
}

static int connect_cluster(struct program *g, struct rv_error *err) {
    struct supervisor *s = &g->s;
    rv_autofree char *kubeconfig = s->config->kubeconfig.n != 0 ? rv_strdup(s->config->kubeconfig) : NULL,
                     *context = s->config->context.n != 0 ? rv_strdup(s->config->context) : NULL;
    s->kube_config = kube_config_load(&(struct kube_config_opts){.kubeconfig = kubeconfig, .context = context}, err);
    if (s->kube_config == NULL) return err->code;
    s->client = kube_client_new(s->loop, s->kube_config,
                                &(struct kube_client_opts){.max_connections = (unsigned)s->config->max_connections,
                                                           .user_agent = "rayvisor/" RV_VERSION},
                                err);
    return s->client != NULL ? 0 : err->code;
}

static int start_supervisor(struct program *g, struct rv_error *err) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    struct supervisor *s = &g->s;
    s->started = clock_monotonic();
    random_bytes(&s->epoch, sizeof s->epoch);
    s->loop = loop_new(err);
    int r = s->loop == NULL ? err->code : loop_signals(s->loop, signals, RV_ARRAY_LEN(signals), on_signal, g, err);
    if (s->loop != NULL) loop_coalesce(s->loop, GATHER_MS, &s->coalesce);
    if (r == 0) r = make_runtime_dir(s->config, err);
    if (r == 0) r = connect_cluster(g, err);
    if (r != 0) return r;
    s->host_binary = config_find_host(&g->places, s->config);
    s->store = store_new();
    s->lanes = lane_context_new();
    s->feeds = feeds_new(s);
    feeds_on_synced(s->feeds, on_synced, s);
    s->trail = trail_new(s);
    s->executor = executor_new(s);
    g->stop_timer = loop_timer(s->loop, on_stop_timeout, g);
    g->stop_check = loop_timer(s->loop, check_stopped, g);
    g->reload_timer = loop_timer(s->loop, on_reload_timer, g);
    g->tick = loop_timer(s->loop, on_tick, g);
    loop_timer_arm(g->tick, TICK_MS);
    twin_rounds_start(s);
    s->control = control_new(s, reload, err);
    if (s->control == NULL) return err->code;
    s->web = web_new(s, err);
    if (s->web == NULL || admission_new(s, &s->admission, err) != 0) return err->code;
    /* This is after the control socket, which only one instance at a time has. The lanes are in the same folder. */
    for (size_t i = 0; i < s->config->plugin_n; i++) add_plugin(s, &s->config->plugins[i]);
    if (leadership_start(s, &(struct leadership_callbacks){on_begin, on_pause, on_other, on_lost, g}, err) != 0)
        return err->code;
    watch_config(g);
    notify_manager("READY=1");
    log_info("rayvisord started", "version", RV_VERSION, "server", kube_config_server(s->kube_config), "config",
             s->config_path);
    config_warnings(s->config, warn_of, NULL);
    compare_with_served(g);
    unattended_start(s);
    return 0;
}

static void free_supervisor(struct program *g) {
    struct supervisor *s = &g->s;
    control_free(s->control);
    web_free(s->web);
    s->admission = admission_free(s->admission); /* it has asked plugins */
    leadership_free(s);
    if (s->executor != NULL && s->client != NULL) s->executor = executor_free(s->executor);
    s->twin = twin_free(s->twin);
    while (s->plugins != NULL) plugin_free(s->plugins);
    s->trail = trail_free(s->trail);
    feeds_free(s->feeds);
    g->served = served_free(g->served);
    unattended_free(s);
    kube_client_free(s->client);
    kube_config_free(s->kube_config);
    store_free(s->store);
    loop_timer_free(g->stop_timer);
    loop_timer_free(g->stop_check);
    loop_timer_free(g->tick);
    loop_timer_free(g->reload_timer);
    loop_watch_free(g->inotify_watch);
    rv_closep(&g->inotify_fd);
    lane_context_free(s->lanes);
    loop_free(s->loop);
    free(s->host_binary);
    for (size_t i = 0; i < g->retired_n; i++) config_free(g->retired[i]);
    free(g->retired);
    config_free(s->config);
    free(s->config_refused);
    free(g->config_dir);
    config_free_places(&g->places);
}

/* ---- command line ----------------------------------------------------------------------------------------- */

static int usage(FILE *to) {
    (void)fputs("usage: rayvisord --config FILE [--kubeconfig FILE] [--context NAME] [--runtime-dir DIR]\n"
                "                 [--http-bind ADDRESS:PORT]    (0: any port that is free; rayvisorctl status tells)\n"
                "                 [--proxy-http]    (outside of the cluster: kubernetes.proxyHttp)\n"
                "                 [--allow-address RANGE]    (one more of requests.allowAddresses)\n"
                "       rayvisord --config FILE --check-config [--offline]\n"
                "                 say whether the configuration is valid; without --offline also whether the cluster,\n"
                "                 where it can be asked, serves what is granted\n"
                "       rayvisord --config FILE --print-rbac [--namespace NAME]\n"
                "                 print the roles that it needs, for ServiceAccount rayvisor in that namespace "
                "(default: rayvisor-system)\n"
                "       rayvisord --config FILE --print-webhook [--namespace NAME] [--user NAME]\n"
                "                 print its ValidatingWebhookConfiguration; the user is the operator's own\n"
                "                 (default: system:serviceaccount:NAMESPACE:rayvisor), whose requests are not judged\n"
                "       rayvisord --print-schema\n"
                "                 print the keys of a configuration and the settings of the plugins, as JSON Schema\n"
                "       rayvisord --version\n",
                to);
    return to == stdout ? 0 : EXIT_USAGE;
}

static int parse(int argc, char **argv, struct options *o) {
    static const struct option longs[] = {{"config", 1, NULL, 'c'},
                                          {"kubeconfig", 1, NULL, 'k'},
                                          {"context", 1, NULL, 'x'},
                                          {"runtime-dir", 1, NULL, 'r'},
                                          {"check-config", 0, NULL, 'C'},
                                          {"print-rbac", 0, NULL, 'R'},
                                          {"version", 0, NULL, 'v'},
                                          {"help", 0, NULL, 'h'},
                                          {"proxy-http", 0, NULL, 'P'},
                                          {"offline", 0, NULL, 'o'},
                                          {"http-bind", 1, NULL, 'b'},
                                          {"namespace", 1, NULL, 'n'},
                                          {"allow-address", 1, NULL, 'a'},
                                          {"print-schema", 0, NULL, 'S'},
                                          {"print-webhook", 0, NULL, 'W'},
                                          {"user", 1, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
        switch (c) {
        case 'c':
            o->config = optarg;
            break;
        case 'k':
            o->kubeconfig = optarg;
            break;
        case 'x':
            o->context = optarg;
            break;
        case 'r':
            o->runtime_dir = optarg;
            break;
        case 'b':
            o->http_bind = optarg;
            break;
        case 'n':
            o->ns = optarg;
            break;
        case 'a':
            o->allow_address = optarg;
            if (!address_range_parse(rv_str(optarg), &(struct address_range){0})) return '?';
            break;
        case 'P':
            o->proxy_http = true;
            break;
        case 'C':
            o->check = true;
            break;
        case 'o':
            o->offline = true;
            break;
        case 'R':
            o->rbac = true;
            break;
        case 'S':
            o->schema = true;
            break;
        case 'W':
            o->webhook = true;
            break;
        case 'u':
            o->user = optarg;
            if (strpbrk(optarg, "'\\\n") != NULL) return '?'; /* it becomes a text in an expression */
            break;
        case 'v':
            return 'v';
        case 'h':
            return 'h';
        default:
            options_refuse("rayvisord", argv, longs);
            return '?';
        }
    }
    return optind == argc ? 0 : '?';
}

static void find_places(struct program *g) {
    rv_autofree char *copy = rv_strdup(rv_str(g->s.config_path));
    g->config_dir = rv_strdup(rv_str(dirname(copy)));
    g->places = config_find_places(RV_PLUGIN_DIR);
    g->s.env = (struct config_env){g->places.install_plugins, g->places.build_plugins, RV_OWN_PLUGINS};
}

/* The text may be of a plugin's or a manifest's making. */
static void print_message(const char *text) {
    rv_autobuf struct rv_buf b = {0};
    visible_text(rv_str(text), VISIBLE_LINES, &b);
    fprintf(stderr, "rayvisord: %s\n", rv_buf_cstr(&b));
}

static int run_program(struct program *g) {
    struct rv_error err = {0};
    harden();
    raise_fd_limit();
    if (start_supervisor(g, &err) != 0) {
        log_error("cannot start", "reason", err.text);
        print_message(err.text);
        return EXIT_CONFIG;
    }
    loop_run(g->s.loop);
    log_info("stopped");
    return g->exit_code;
}

static void print_warning(void *arg, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    (void)arg;
    rv_buf_addf(&b, "warning: %s", text);
    print_message(rv_buf_cstr(&b));
}

static void on_checked(void *arg, const char *why) {
    struct program *g = arg;
    if (why != NULL) fprintf(stderr, "rayvisord: not checked: what the API server serves (%s)\n", why);
    if (g->s.loop != NULL) loop_stop(g->s.loop);
}

/* Where a cluster can be reached. Where not, it says what was not checked. */
static void check_against_cluster(struct program *g) {
    struct rv_error err = {0};
    g->s.loop = loop_new(&err);
    if (g->s.loop == NULL || connect_cluster(g, &err) != 0) {
        on_checked(g, err.text);
        return;
    }
    g->served =
        served_begin(g->s.loop, g->s.client,
                     &(struct served_opts){
                         .config = g->s.config, .reads = true, .warn = print_warning, .done = on_checked, .arg = g});
    loop_run(g->s.loop);
}

static int print_schema(struct program *g) {
    struct rv_error err = {0};
    rv_autobuf struct rv_buf out = {0};
    g->s.config_path = ".";
    find_places(g);
    int code = config_print_schema(&g->s.env, &out, &err);
    if (code != 0)
        print_message(err.text);
    else
        code = fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : -1;
    free_supervisor(g);
    return code == 0 ? 0 : EXIT_FAILURE;
}

static int print_manifests(const struct program *g) {
    rv_autobuf struct rv_buf out = {0}, user = {0};
    const char *ns = g->o.ns != NULL ? g->o.ns : "rayvisor-system";
    if (g->o.rbac) config_print_rbac(g->s.config, rv_str(ns), &out);
    if (g->o.rbac && g->o.webhook) rv_buf_adds(&out, "---\n");
    rv_buf_addf(&user, "system:serviceaccount:%s:rayvisor", ns);
    if (g->o.webhook)
        config_print_webhook(g->s.config, rv_str(ns), g->o.user != NULL ? rv_str(g->o.user) : rv_buf_str(&user), &out);
    return fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    struct program g = {.inotify_fd = -1};
    int r = parse(argc, argv, &g.o);
    if (r == 'v') return printf("rayvisord %s\n", RV_VERSION) < 0;
    if (r == 'h') return usage(stdout);
    if (r == 0 && g.o.schema) return print_schema(&g);
    if (r != 0 || g.o.config == NULL) return usage(stderr);
    g.s.config_path = g.o.config;
    find_places(&g);
    struct rv_error err = {0};
    (void)stat(g.o.config, &g.config_seen);
    g.s.config = config_load(g.o.config, &g.s.env, &err);
    if (g.s.config == NULL) {
        print_message(err.text);
        free_supervisor(&g);
        return EXIT_CONFIG;
    }
    override(g.s.config, &g.o);
    log_setup((enum log_format)g.s.config->log_format, (enum rv_log_level)g.s.config->log_level, STDERR_FILENO,
              "rayvisord");
    int code = 0;
    if (g.o.rbac || g.o.webhook) {
        code = print_manifests(&g);
    } else if (g.o.check) {
        config_warnings(g.s.config, print_warning, NULL);
        code = probe_plugins(&g, g.s.config, NULL, &err) == 0 ? 0 : EXIT_CONFIG;
        if (code == 0 && !g.o.offline) check_against_cluster(&g);
        if (code == 0)
            printf("%s: valid\n", g.o.config);
        else
            print_message(err.text);
    } else {
        code = run_program(&g);
    }
    free_supervisor(&g);
    return code;
}
