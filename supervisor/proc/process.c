/* process.c - the process of a plugin (see plugin_internal.h, spawn.h). */
#include "plugin_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/base/sanitizer.h"
#include "kept.h"
#include "recordings.h"
#include "supervisor/once/spawn.h"

enum { HEALTHY_MS = 300000, EXIT_CONFIG = 78 };

/* ---- the process ---------------------------------------------------------------------------------------- */

void process_close(struct plugin *p) {
    p->pid_watch = loop_watch_free(p->pid_watch);
    p->output = host_output_free(p->output);
    rv_closep(&p->pidfd);
    session_close(p);
    p->flight = flight_unmap(p->flight);
    if (p->dir != NULL) rmdir(p->dir);
    free(p->dir);
    free(p->recording);
    p->dir = p->recording = NULL;
    p->pid = 0;
    p->memory = 0;
    loop_timer_disarm(p->deadline);
    loop_timer_disarm(p->beat);
}

static void on_end(void *arg, int fd, unsigned events);

static int make_dir(struct plugin *p, struct rv_error *err) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, RV_STR_FMT "/%s.%llu", RV_STR_ARG(p->s->config->runtime_dir), plugin_name(p),
                (unsigned long long)p->instance);
    p->dir = rv_strdup(rv_buf_str(&b));
    if (mkdir(p->dir, 0700) != 0 && errno != EEXIST)
        return rv_error_set(err, -errno, "cannot make %s: %s", p->dir, strerror(errno));
    return 0;
}

/* If the recording fails, the plugin runs without one. */
static void name_recording(struct plugin *p) {
    struct rv_error err = {0};
    if (p->config->record.n == 0) return;
    rv_autofree char *dir = rv_strdup(p->config->record);
    p->recording = recordings_next(dir, plugin_name(p), p->instance, &err);
    if (p->recording == NULL) log_error("plugin is not recorded", "plugin", plugin_name(p), "reason", err.text);
}

bool process_recording_full(const struct plugin *p) {
    struct stat st;
    return p->recording != NULL && stat(p->recording, &st) == 0 && (uint64_t)st.st_size >= p->config->recording;
}

static void add_option(char **argv, const char *option, const char *value) {
    while (*argv != NULL) argv++;
    argv[0] = (char *)(uintptr_t)option;
    argv[1] = (char *)(uintptr_t)value;
}

static int launch(struct plugin *p, int flight_fd, int token_fd, int out_fd, const char *lane_path,
                  struct rv_error *err) {
    char memory[24], parent[24], most[24];
    char *argv[24] = {p->s->host_binary};
    /* The shadow memory of a sanitizer would count against the limit. */
    snprintf(memory, sizeof memory, "%" PRIu64, RV_ADDRESS_SANITIZER ? 0 : p->config->memory);
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(most, sizeof most, "%" PRIu64, p->config->recording);
    add_option(argv, "--lane", lane_path);
    add_option(argv, "--plugin", kept_choose(p));
    add_option(argv, "--sandbox", config_sandbox_name(p->s->config));
    add_option(argv, "--log-format", "json"); /* see output.h */
    add_option(argv, "--max-memory", memory);
    add_option(argv, "--parent", parent);
    name_recording(p);
    if (p->recording != NULL) {
        add_option(argv, "--record", p->recording);
        add_option(argv, "--record-max", most);
    }
    return spawn_host(&(struct spawn_opts){argv, out_fd, token_fd, flight_fd}, &p->pid, err);
}

static int start_process(struct plugin *p, struct rv_error *err) {
    p->instance++;
    int r = make_dir(p, err);
    if (r != 0) return r;
    rv_autobuf struct rv_buf path = {0};
    rv_buf_addf(&path, "%s/lane", p->dir);
    r = session_open(p, rv_buf_cstr(&path), err);
    if (r != 0) return r;
    rv_autoclose int flight_fd = flight_create(err);
    int out[2] = {-1, -1}, token[2] = {-1, -1};
    if (flight_fd < 0) return flight_fd;
    p->flight = flight_map(flight_fd, err);
    if (p->flight == NULL) return err->code;
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(token, O_CLOEXEC) != 0)
        return rv_error_set(err, -errno, "cannot make pipes: %s", strerror(errno));
    ssize_t written = write(token[1], p->token, sizeof p->token);
    p->pidfd = launch(p, flight_fd, token[0], out[1], rv_buf_cstr(&path), err);
    p->output = host_output_new(p->s->loop, out[0], p->config->name);
    close(out[1]);
    close(token[0]);
    close(token[1]);
    if (p->pidfd < 0 || written != (ssize_t)sizeof p->token) return p->pidfd;
    p->pid_watch = loop_fd(p->s->loop, p->pidfd, LOOP_READ, on_end, p);
    return 0;
}

bool process_look_at_library(const struct plugin *p, struct library_id *ret) {
    struct stat st;
    if (stat(p->config->library, &st) != 0) return false;
    *ret = (struct library_id){st.st_mtim, st.st_ino, st.st_size};
    return true;
}

bool process_library_changed(const struct plugin *p) {
    struct library_id now;
    return process_look_at_library(p, &now) &&
           (now.time.tv_sec != p->library.time.tv_sec || now.time.tv_nsec != p->library.time.tv_nsec ||
            now.inode != p->library.inode || now.size != p->library.size);
}

/* ---- the end --------------------------------------------------------------------------------------------- */

static const char *log_death(enum death_cause cause) {
    switch (cause) {
    case DEATH_HANG:
        return "plugin hung (no heartbeat) and was stopped; it will be started again";
    case DEATH_MEMORY:
        return "plugin reached its memory limit and died; it will be started again";
    default:
        return "plugin died; it will be started again";
    }
}

/* Logs one line: what happened, on which object, and in which call. */
static enum blame report_death(struct plugin *p, enum death_cause cause, const char *how, const struct flight_record *f,
                               const char *key) {
    log_error(log_death(cause), "plugin", plugin_name(p), "how", how, "cause", death_cause_name(cause), "while",
              flight_call_name(f->call), "key", key[0] != 0 ? key : NULL);
    if (f->name[0] == 0 || (f->call != FLIGHT_RECONCILE && f->call != FLIGHT_MAP)) return BLAME_NOBODY;
    const struct store_object *o = session_find(p, f->kind, rv_str(f->ns), rv_str(f->name));
    return o != NULL && rv_str_is(o->uid, f->uid) ? quarantine_blame(p->quarantine, f->kind, o, how) : BLAME_NOBODY;
}

/* Guesses whether the process died for lack of memory. At the limit allocations fail, and the following crash looks
 * like any other. A process inherits the peak of the process from which it was forked. So a peak that is not above our
 * own says nothing. */
static bool was_starved(const struct plugin *p, const struct rusage *its) {
    struct rusage own;
    if (p->config->memory == 0 || getrusage(RUSAGE_SELF, &own) != 0 || its->ru_maxrss <= own.ru_maxrss) return false;
    return (uint64_t)its->ru_maxrss * 1024 >= p->config->memory / 8 * 7;
}

static void count_death(struct plugin *p, int status, bool starved, const struct flight_record *f) {
    char key[FLIGHT_NS + FLIGHT_NAME + 2] = "", how[128];
    enum death_cause cause = p->killed                            ? p->kill_cause
                             : starved                            ? DEATH_MEMORY
                             : status >= 0 && WIFSIGNALED(status) ? DEATH_SIGNAL
                                                                  : DEATH_EXIT;
    int64_t now = clock_monotonic();
    if (f->call != FLIGHT_IDLE && f->name[0] != 0) snprintf(key, sizeof key, "%s/%s", f->ns, f->name);
    if (now - p->started > HEALTHY_MS * MS) p->deaths_in_row = 0;
    p->deaths_in_row++;
    death_describe(status, how, sizeof how);
    if (!p->why_fresh) plugin_note(p, rv_str(how)); /* the reason that the plugin gave itself is better */
    enum blame blame = status >= 0 ? report_death(p, cause, how, f, key) : BLAME_NOBODY;
    if (blame == BLAME_PUT_AWAY) p->deaths_in_row = 0; /* the object that killed it is in quarantine */
    bool judged = f->call == FLIGHT_VALIDATE;
    if (judged) verdict_deadly(p);
    deaths_add(p->deaths, cause, status, f->call != FLIGHT_IDLE ? flight_call_name(f->call) : "", key,
               blame != BLAME_NOBODY || judged, now);
}

/* A host that does not fit sends the reason, too, but that message may come too late. */
static void note_misfit(struct plugin *p) {
    struct rv_str error = host_output_error(p->output);
    if (!p->why_fresh) plugin_note(p, error.n != 0 ? error : RV_STR("ABI or configuration error (see the log)"));
    log_error("plugin does not fit and is not started again until its library or the configuration changes", "plugin",
              plugin_name(p), "how", "ABI or configuration error (see the lines above)");
}

static void on_end(void *arg, int fd, unsigned events) {
    struct plugin *p = arg;
    int status = 0;
    char how[128];
    struct flight_record f = {0};
    struct rusage usage = {0};
    (void)fd;
    (void)events;
    if (wait4(p->pid, &status, WNOHANG, &usage) != p->pid) return;
    if (p->output != NULL) host_output_drain(p->output); /* before the line about its end */
    if (p->flight != NULL) flight_read(p->flight, &f);
    bool config = p->unfit || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG),
         wanted = p->state == LIFE_DRAINING;
    executor_forget(p->s->executor, &p->client);
    settings_process_gone(p, f.call);
    death_describe(status, how, sizeof how);
    if (wanted) {
        if (status != 0)
            log_warn("plugin did not end by itself when it was asked to", "plugin", plugin_name(p), "how", how);
    } else if (!config) {
        count_death(p, status, was_starved(p, &usage), &f);
    } else {
        note_misfit(p);
    }
    process_close(p);
    plugin_event(p, config ? LIFE_ON_EXITED_CONFIG : LIFE_ON_EXITED);
}

/* ---- what the others ask for ----------------------------------------------------------------------------- */

void process_spawn(struct plugin *p) {
    struct rv_error err = {0};
    p->killed = p->unfit = p->why_fresh = false;
    p->started = clock_monotonic();
    if (process_library_changed(p)) { /* another build may be better */
        quarantine_clear(p->quarantine);
        settings_adopt(p);
    }
    (void)process_look_at_library(p, &p->library);
    if (start_process(p, &err) == 0) return;
    log_error("cannot start a plugin's host", "plugin", plugin_name(p), "reason", err.text);
    plugin_note(p, rv_str(err.text));
    count_death(p, -1, false, &(struct flight_record){0}); /* so that the next attempts come at longer intervals */
    process_close(p);
    plugin_event(p, LIFE_ON_EXITED);
}

void process_kill(struct plugin *p, int signo) {
    if (p->pidfd >= 0) (void)syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0);
}
