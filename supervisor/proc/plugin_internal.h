/* plugin_internal.h - one plugin, for the files that implement it:
 *
 *   plugin.c    its life: the actions of the table (lifecycle.h), timers, restarts, replacement
 *   process.c   its process: starting, killing, and finding out why it ended
 *   session.c   its lane: messages in both directions, and the watches that feed it
 *   settings.c  which settings are in force */
#ifndef PROC_PLUGIN_INTERNAL_H
#define PROC_PLUGIN_INTERNAL_H

#include <sys/types.h>

#include "deaths.h"
#include "ipc/protocol/flight_recorder.h"
#include "lifecycle.h"
#include "log_limit.h"
#include "metrics_table.h"
#include "output.h"
#include "plugin.h"
#include "quarantine.h"
#include "supervisor/actions/executor.h"
#include "supervisor/bus/feeds.h"
#include "supervisor/bus/outbox.h"

enum { PLUGIN_TOKEN_SIZE = 32 };
#define MS INT64_C(1000000)

struct pending_explain {
    struct pending_explain *next;
    uint64_t corr;
    plugin_explain_fn done;
    void *arg;
};

struct pending_verdict {
    struct pending_verdict *next;
    uint64_t corr;
    plugin_verdict_fn done;
    void *arg;
};

/* A watch that feeds one kind of the manifest. There are several if the configuration names namespaces. */
struct listened {
    struct plugin *plugin;
    uint32_t kind;
    struct feed *feed;
    struct store_listener *listener;
};

struct plugin_settings {
    /* Msgpack. `sent` has not been answered yet. An empty buffer means none. */
    struct rv_buf in_force, sent, refused;
    const struct config_plugin *sent_from;
    char *refusal; /* the reason, with file and line */
};

struct plugin {
    struct supervisor *s;
    struct plugin *next;
    const struct config_plugin *config;
    struct executor_client client; /* its client of the executor */
    enum life_state state;
    /* process.c */
    pid_t pid;
    int pidfd;
    struct loop_watch *pid_watch;
    struct host_output *output;
    struct flight *flight;
    /* `recording` is NULL if there is none. */
    char *dir, *recording;
    uint64_t instance, memory;
    int64_t started; /* monotonic, ns */
    char *why;       /* why it does not run: the last known reason; NULL if it runs */
    bool why_fresh;  /* the reason is about the process that runs or ended last */
    /* `unfit`: it was refused, or it said that it cannot run. This is then the reason of its end, however it ends. */
    bool killed, unfit;
    enum death_cause kill_cause; /* why the supervisor killed it */
    struct library_id {
        struct timespec time; /* when it was written */
        ino_t inode;
        off_t size;
    } library; /* the file that was loaded last; all zero if none */
    struct {
        char *path, *refused; /* the copy; why the file is not run in its place. NULL: none */
        struct library_id id, refused_id;
        bool runs; /* the process has the copy */
    } kept;        /* kept.h */
    /* session.c */
    struct lane *lane;
    struct outbox *outbox;
    uint8_t token[PLUGIN_TOKEN_SIZE];
    int64_t pong_at; /* monotonic, ns: when the PING was sent that it answered last */
    /* `greeted`: a HELLO with the token has come; the token is valid once. `welcome`: the HELLO was accepted.
     * `failed`: it said that it cannot run. */
    bool greeted, welcome, failed;
    struct log_limit log_limit;
    struct listened *kinds;
    size_t kind_n; /* may be larger than the manifest's number: one for each namespace */
    /* `stands_by`: the host has everything but SNAP_END. */
    bool snapshot_waits, stands_by;
    uint64_t snapshot_rev;
    /* Monotonic, ns: SNAP_END waits until then for writes of the previous process; 0 if it does not wait. */
    int64_t end_waits_until;
    struct msg_ping gauges;
    struct pending_explain *explains;
    struct pending_verdict *verdicts;
    int64_t judges_from; /* monotonic, ns: not asked to judge before; it died of that */
    unsigned breaches;   /* actions beyond the limits that the host was told, or with an id that was used */
    /* `repeated` counts actions with the id of an earlier one. */
    uint64_t corr, last_action, repeated;
    bool live;   /* its host accepts settings while it runs */
    bool judges; /* its host answers VALIDATE */
    struct plugin_settings settings;
    /* plugin.c */
    struct loop_timer *deadline, *retry, *beat;
    /* Monotonic, ns. `answered`: when it got the last result. */
    int64_t drain_began, answered;
    int64_t beat_at; /* monotonic, ns: when its heartbeat was last checked; 0 if not yet */
    unsigned deaths_in_row;
    int64_t replaced; /* monotonic, ns: earlier deaths do not count against the present configuration */
    struct deaths *deaths;
    struct quarantine *quarantine;
    struct metrics_table *metrics;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
};

/* A NUL follows, because the text is in an arena. */
static inline const char *plugin_name(const struct plugin *p) { return p->config->name.p; }
static inline bool plugin_listens(const struct plugin *p) {
    return p->lane != NULL && (p->state == LIFE_READY || p->state == LIFE_SYNCING);
}

/* Records why the process is about to be killed. */
static inline void plugin_set_kill_cause(struct plugin *p, enum death_cause why) {
    p->killed = true;
    p->kill_cause = why;
}

/* plugin.c */
void plugin_note(struct plugin *p, struct rv_str why); /* sets why it does not run; empty means that it runs */
void plugin_event(struct plugin *p, enum life_event e);

/* process.c */
void process_spawn(struct plugin *p);
void process_kill(struct plugin *p, int signo);
void process_close(struct plugin *p); /* frees everything that belonged to it */
bool process_library_changed(const struct plugin *p);
bool process_look_at_library(const struct plugin *p, struct library_id *ret); /* false: it is not there */
bool process_recording_full(const struct plugin *p);

/* session.c */
int session_open(struct plugin *p, const char *path, struct rv_error *err);
void session_close(struct plugin *p);
void session_welcome(struct plugin *p);
void session_join_feeds(struct plugin *p);
void session_leave_feeds(struct plugin *p);
/* Follows its new configuration; a watch that it still reads is not listed again. */
void session_rejoin_feeds(struct plugin *p);
/* Sends a result to the process that requested it. The result is dropped if that process has ended. The change of the
 * object itself is sent first. */
void session_result(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                    const struct msg_result *r); /* arg is the plugin */
size_t session_result_bytes(const void *arg);    /* arg is the plugin; bytes of results that wait for its credit */
/* `arg` is the plugin; returns whether it has got this primary object. */
bool session_knows(const void *arg, struct rv_str ns, struct rv_str name);
int64_t session_generation(const void *arg, struct rv_str ns, struct rv_str name);
/* Arg is the plugin. */
void session_quarantine(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, bool on);
const struct store_object *session_find(const struct plugin *p, uint32_t kind, struct rv_str ns, struct rv_str name);
/* Checks that the library and the manifest belong together. If not, it returns false, and `why` says what differs. */
bool session_fits(const struct manifest *m, const struct msg_hello *h, struct rv_buf *why);
/* verdict.c */
void verdict_arrived(struct plugin *p, const struct msg_verdict *v);
void verdicts_fail(struct plugin *p);  /* its process is gone */
void verdict_deadly(struct plugin *p); /* it died while it judged */
/* session.c */
bool session_pump(void *arg); /* arg is the supervisor; sends what the credit allows */

/* settings.c */
void settings_adopt(struct plugin *p); /* the configured settings are in force; for a process that is not started yet */
void settings_free(struct plugin *p);
/* The line to report: that of the setting which the reason names, otherwise that of all settings. */
const struct yaml_pos *settings_blamed(const struct config_plugin *c, struct rv_str reason);
void settings_sync(struct plugin *p, bool again); /* `again` also sends settings that were refused before */
void settings_answer(struct plugin *p, const struct msg_text *m);
/* `call` is the call in which the process died (FLIGHT_*). */
void settings_process_gone(struct plugin *p, uint32_t call);

#endif
