/* plugin.c - the life of a plugin (see plugin.h, lifecycle.h): the actions of the table and the events that drive
 * it. */
#include "plugin_internal.h"

#include <signal.h>
#include <stdlib.h>

#include "ipc/base/random.h"
#include "kept.h"
#include "supervisor/once/spawn.h"

enum {
    HELLO_MS = 10000,
    DRAIN_MS = 5000,      /* without a result of an action */
    DRAIN_MAX_MS = 17000, /* in total; the process takes 20 s to stop, and the rest is for its own end */
    KILL_MS = 2000,
    BROKEN_MS = 300000,
    DEATHS_WINDOW_MS = 300000,
    DEATHS_MAX = 5,
    LIBRARY_MS = 3000,
    RECORDING_MS = 10000
};

struct plugin *plugin_next(const struct plugin *p) {
    return p->next;
}
const struct config_plugin *plugin_config(const struct plugin *p) { return p->config; }
uint64_t plugin_instance(const struct plugin *p) { return p->instance; }
bool plugin_stopped(const struct plugin *p) { return p->state == LIFE_DISABLED; }

void plugin_note(struct plugin *p, struct rv_str why) {
    free(p->why);
    p->why = why.n != 0 ? rv_strdup(why) : NULL;
    p->why_fresh = p->why != NULL;
}

/* ---- the table's actions -------------------------------------------------------------------------------- */

static void start_host(struct plugin *p) {
    process_spawn(p);
    if (p->pid == 0) return; /* it could not be started; that was an event of its own */
    p->beat_at = 0;
    loop_timer_arm(p->deadline, HELLO_MS);
    loop_timer_arm(p->beat, p->s->config->heartbeat_ms);
}

/* SIGABRT first, so that a hanging process leaves a core file if one is wanted. */
static void abort_process(struct plugin *p) {
    process_kill(p, p->killed && p->kill_cause == DEATH_HANG ? SIGABRT : SIGKILL);
    loop_timer_arm(p->deadline, KILL_MS);
}

static void drain_host(struct plugin *p) {
    struct msg m = {.type = MSG_DRAIN};
    loop_timer_disarm(p->beat);
    p->drain_began = p->answered = clock_monotonic();
    if (p->lane != NULL) lane_send(p->lane, &m);
    loop_timer_arm(p->deadline, DRAIN_MS);
}

static void wait_for_restart(struct plugin *p) {
    int64_t begin = clock_monotonic() - DEATHS_WINDOW_MS * MS;
    if (deaths_since(p->deaths, begin > p->replaced ? begin : p->replaced) > DEATHS_MAX) {
        log_error("plugin died too often: it is switched off and tried again in five minutes; the others go on",
                  "plugin", plugin_name(p), "last", deaths_last(p->deaths));
        plugin_event(p, LIFE_ON_TOO_MANY);
        return;
    }
    loop_timer_arm(p->retry, lifecycle_backoff_ms(p->deaths_in_row, random_u32()));
}

static void report_stopped(struct plugin *p) {
    if (p->on_stopped == NULL) return;
    void (*fn)(void *) = p->on_stopped;
    p->on_stopped = NULL;
    fn(p->stopped_arg);
}

void plugin_event(struct plugin *p, enum life_event e) {
    struct life_step step = lifecycle_step(p->state, e);
    enum life_state before = p->state;
    p->state = step.next;
    if (before != p->state)
        log_debug("plugin state", "plugin", plugin_name(p), "from", life_state_name(before), "to",
                  life_state_name(p->state));
    switch (step.action) {
    case LIFE_DO_NOTHING:
        break;
    case LIFE_DO_SPAWN:
        start_host(p);
        break;
    case LIFE_DO_WELCOME:
        session_welcome(p);
        break;
    case LIFE_DO_DRAIN:
        drain_host(p);
        break;
    case LIFE_DO_KILL:
        abort_process(p);
        break;
    case LIFE_DO_WAIT:
        wait_for_restart(p);
        break;
    case LIFE_DO_WAIT_LONG:
        metrics_table_drop_gauges(p->metrics);
        loop_timer_arm(p->retry, BROKEN_MS);
        break;
    case LIFE_DO_FORGET:
        report_stopped(p); /* the callback may free the plugin */
        return;
    }
    if (p->state == LIFE_MISFIT && before != LIFE_MISFIT) loop_timer_arm(p->retry, LIBRARY_MS);
    if (p->state == LIFE_READY && before != LIFE_READY) {
        loop_timer_disarm(p->deadline);
        plugin_note(p, (struct rv_str){NULL, 0});
        kept_save(p);
        log_info("plugin ready", "plugin", plugin_name(p));
        settings_sync(p, false);
    }
}

/* ---- timers --------------------------------------------------------------------------------------------- */

/* Draining may continue while the plugin waits for actions, which others carry out, and for a while after the last
 * result. */
static bool may_go_on_draining(struct plugin *p) {
    int64_t now = clock_monotonic(), most = p->drain_began + DRAIN_MAX_MS * MS, due = p->answered + DRAIN_MS * MS;
    if (p->state != LIFE_DRAINING || p->killed || now >= most) return false;
    if (executor_open(p->s->executor, &p->client) > 0) due = now + DRAIN_MS * MS;
    if (due > most) due = most;
    if (due <= now) return false;
    loop_timer_arm(p->deadline, (due - now) / MS + 1);
    return true;
}

static void on_deadline(void *arg) {
    struct plugin *p = arg;
    if (may_go_on_draining(p)) return;
    if (p->state == LIFE_DYING || (p->state == LIFE_DRAINING && p->killed)) { /* SIGABRT was not enough */
        process_kill(p, SIGKILL);
        loop_timer_arm(p->deadline, KILL_MS);
        return;
    }
    if (!p->killed) plugin_set_kill_cause(p, DEATH_HANG);
    log_warn("plugin missed a deadline", "plugin", plugin_name(p), "state", life_state_name(p->state));
    plugin_event(p, LIFE_ON_DEADLINE);
}

/* A plugin that does not fit waits until its library file changes. */
static void on_retry(void *arg) {
    struct plugin *p = arg;
    if (p->state == LIFE_MISFIT && !process_library_changed(p))
        loop_timer_arm(p->retry, LIBRARY_MS);
    else
        plugin_event(p, LIFE_ON_RETRY);
}

static void start_again(void *arg) { plugin_start(arg); }

/* A recording covers one process from its beginning, so the next file needs a new process. This happens at most once in
 * a while, even if the files are small. */
static void follow_recording(struct plugin *p, int64_t now) {
    if (p->state != LIFE_READY || now - p->started < RECORDING_MS * MS || !process_recording_full(p)) return;
    log_info("recording is full: the plugin is started again with the next one", "plugin", plugin_name(p), "file",
             p->recording);
    plugin_stop(p, start_again, p);
}

static void on_beat(void *arg) {
    struct plugin *p = arg;
    int64_t now = clock_monotonic();
    loop_timer_arm(p->beat, p->s->config->heartbeat_ms);
    if (p->pid == 0 || p->state == LIFE_DYING) return;
    /* If this timer is late, the supervisor itself stood still. Messages of the host may then wait unread. */
    if (p->beat_at != 0 && now - p->beat_at > 2 * p->s->config->heartbeat_ms * MS) p->pong_at = now;
    p->beat_at = now;
    p->memory = process_memory_bytes(p->pid);
    if (p->config->memory != 0 && p->memory > p->config->memory) {
        log_error("plugin exceeds its memory limit and is stopped", "plugin", plugin_name(p));
        plugin_set_kill_cause(p, DEATH_MEMORY);
        plugin_event(p, LIFE_ON_VIOLATION);
        return;
    }
    if (now - p->pong_at > p->s->config->heartbeat_timeout_ms * MS &&
        (p->state == LIFE_READY || p->state == LIFE_SYNCING)) {
        plugin_set_kill_cause(p, DEATH_HANG);
        plugin_event(p, LIFE_ON_VIOLATION);
        return;
    }
    follow_recording(p, now);
    log_limit_report_suppressed(&p->log_limit, p->config->name, now, false);
    host_output_report_suppressed(p->output);
    struct msg m = {.type = MSG_PING, .ping = {.t = (uint64_t)now}};
    if (plugin_listens(p)) lane_send(p->lane, &m);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void on_quarantine_event(void *arg, const struct rv_event *e) {
    const struct plugin *p = arg;
    executor_event(p->s->executor, e);
}

struct plugin *plugin_new(struct supervisor *s, const struct config_plugin *c) {
    struct plugin *p = rv_alloc(sizeof *p);
    p->s = s;
    p->config = c;
    p->client = (struct executor_client){c, session_result, session_result_bytes, p, session_knows, session_generation};
    p->pidfd = -1;
    p->deadline = loop_timer(s->loop, on_deadline, p);
    p->retry = loop_timer(s->loop, on_retry, p);
    p->beat = loop_timer(s->loop, on_beat, p);
    p->quarantine = quarantine_new(c, &(struct quarantine_callbacks){session_quarantine, on_quarantine_event, p});
    p->deaths = deaths_new();
    settings_adopt(p);
    p->metrics = metrics_table_new();
    if (s->plugins == NULL) loop_prepare(s->loop, session_pump, s);
    struct plugin **last = &s->plugins;
    while (*last != NULL) last = &(*last)->next;
    *last = p;
    return p;
}

struct plugin *plugin_free(struct plugin *p) {
    if (p == NULL) return NULL;
    for (struct plugin **q = &p->s->plugins; *q != NULL; q = &(*q)->next)
        if (*q == p) {
            *q = p->next;
            break;
        }
    executor_forget(p->s->executor, &p->client);
    process_close(p);
    session_leave_feeds(p);
    loop_timer_free(p->deadline);
    loop_timer_free(p->retry);
    loop_timer_free(p->beat);
    quarantine_free(p->quarantine);
    deaths_free(p->deaths);
    settings_free(p);
    free(p->why);
    kept_forget(p);
    metrics_table_free(p->metrics);
    free(p);
    return NULL;
}

void plugin_start(struct plugin *p) {
    if (p->kinds == NULL) session_join_feeds(p);
    plugin_event(p, LIFE_ON_ENABLE);
}

void plugin_stop(struct plugin *p, void (*on_stopped)(void *arg), void *arg) {
    p->on_stopped = on_stopped;
    p->stopped_arg = arg;
    if (p->state == LIFE_DISABLED)
        report_stopped(p);
    else
        plugin_event(p, LIFE_ON_DISABLE);
}

void plugin_stand_by(struct plugin *p) {
    if (p->state == LIFE_DRAINING || p->stands_by || p->pid == 0) return;
    plugin_stop(p, start_again, p);
    plugin_event(p, LIFE_ON_VIOLATION);
}

static void set_config(struct plugin *p, const struct config_plugin *c) {
    p->config = p->client.config = c;
    quarantine_reconfigure(p->quarantine, c);
}

bool plugin_takes_settings(const struct plugin *p) { return p->live && plugin_listens(p); }

bool plugin_library_changed(const struct plugin *p) { return p->pid != 0 && process_library_changed(p); }

void plugin_reconfigure(struct plugin *p, const struct config_plugin *c) {
    set_config(p, c);
    settings_sync(p, true);
    /* The new library may fit. */
    if (p->state == LIFE_MISFIT && process_library_changed(p)) plugin_event(p, LIFE_ON_RETRY);
}

void plugin_replace(struct plugin *p, const struct config_plugin *c) {
    bool other = !rv_val_equal((struct rv_val){c->settings.p, c->settings.n},
                               (struct rv_val){p->settings.in_force.p, p->settings.in_force.n});
    kept_forget(p);
    set_config(p, c);
    if (other) quarantine_clear(p->quarantine);
    settings_adopt(p);
    p->metrics = (metrics_table_free(p->metrics), metrics_table_new());
    p->deaths_in_row = 0;
    plugin_note(p, (struct rv_str){NULL, 0});
    p->replaced = clock_monotonic();
    if (!c->enabled)
        session_leave_feeds(p);
    else if (p->kinds != NULL)
        session_rejoin_feeds(p);
    if (c->enabled) plugin_start(p);
}

struct supervisor *plugin_supervisor(const struct plugin *p) {
    return p->s;
}

void plugin_info(const struct plugin *p, struct plugin_info *ret) {
    *ret = (struct plugin_info){.config = p->config,
                                .state = p->stands_by ? "standby" : life_state_name(p->state),
                                .pid = p->pid,
                                .restarts = deaths_total(p->deaths),
                                .instance = p->instance,
                                .queued = p->gauges.queued + p->gauges.waiting,
                                .in_flight = p->gauges.in_flight,
                                .objects = p->gauges.objects,
                                .memory = p->memory,
                                .repeated = p->repeated,
                                .last_exit = deaths_last(p->deaths),
                                .why = p->kept.runs                                                ? p->kept.refused
                                       : p->why != NULL && p->state != LIFE_READY && !p->stands_by ? p->why
                                                                                                   : "",
                                .library_refused = p->kept.runs ? p->kept.refused : NULL,
                                .settings = {p->settings.in_force.p, p->settings.in_force.n},
                                .settings_refused = p->settings.refusal,
                                .enabled = p->config->enabled,
                                .ready = p->state == LIFE_READY || p->stands_by};
    if (p->outbox != NULL) {
        ret->outbox = outbox_depth(p->outbox);
        ret->merged = outbox_merged(p->outbox);
    }
    if (p->pid != 0) ret->uptime_s = (clock_monotonic() - p->started) / INT64_C(1000000000);
}

void plugin_quarantines(const struct plugin *p, void (*fn)(void *arg, const struct quarantine_info *q), void *arg) {
    quarantine_each(p->quarantine, fn, arg);
}
bool plugin_release(struct plugin *p, struct rv_str ns, struct rv_str name) {
    return quarantine_release(p->quarantine, ns, name);
}

void plugin_deaths(const struct plugin *p, void (*fn)(void *arg, const char *cause, uint64_t n), void *arg) {
    for (int c = 0; c < DEATH_CAUSE_COUNT; c++)
        fn(arg, death_cause_name((enum death_cause)c), deaths_count(p->deaths, (enum death_cause)c));
}

void plugin_each_death(const struct plugin *p, void (*fn)(void *arg, const struct death_info *i), void *arg) {
    deaths_each(p->deaths, fn, arg);
}

const struct metrics_table *plugin_metrics(const struct plugin *p) { return p->metrics; }
