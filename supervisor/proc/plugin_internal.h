/* plugin_internal.h - one plugin as its files see it:
 *
 *   plugin.c   its life: what the table (lifecycle.h) asks for, timers, restarts, replacement
 *   process.c  its process: starting, killing, and what is to be learnt from an end
 *   session.c   its lane: what it is told, what it says, the watches that feed it
 *   settings.c which settings are in force
 */
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

/* A watch that feeds one kind of the manifest; several when namespaces are named. */
struct listened {
    struct plugin *plugin;
    uint32_t kind;
    struct feed *feed;
    struct store_listener *listener;
};

struct plugin_settings {
    struct rv_buf in_force, sent, refused; /* msgpack; sent: no answer yet; empty: none */
    const struct config_plugin *sent_from;
    char *refusal; /* why, with file and line */
};

struct plugin {
    struct supervisor *s;
    struct plugin *next;
    const struct config_plugin *config;
    struct executor_client client; /* for the executor */
    enum life_state state;
    /* process.c */
    pid_t pid;
    int pidfd;
    struct rv_watch *pid_watch;
    struct host_output *output;
    struct flight *flight;
    char *dir, *recording; /* recording: NULL when there is none */
    uint64_t instance, memory;
    int64_t started;    /* mono ns */
    char *why;          /* it does not run, until it does: the last thing that was said of that; NULL nothing */
    bool why_fresh;     /* it is of the process that runs or ended last */
    bool killed, unfit; /* unfit: refused, or it said that it cannot run: however it ends, that is why */
    enum death_cause kill_cause; /* why we killed it */
    struct library_id {
        struct timespec time; /* when it was written */
        ino_t inode;
        off_t size;
    } library; /* the file that was loaded last; all zero: none yet */
    struct {
        char *path, *refused; /* the copy; why the file is not run in its place. NULL: none */
        struct library_id id, refused_id;
        bool runs; /* the process has the copy */
    } kept;        /* kept.h */
    /* session.c */
    struct lane *lane;
    struct outbox *outbox;
    uint8_t token[PLUGIN_TOKEN_SIZE];
    int64_t heard;         /* mono ns; when the PING went out that it answered last */
    bool greeted, welcome; /* a HELLO came with the token, which is valid once; and it was not refused */
    struct log_limit log_limit;
    struct listened *kinds;
    size_t kind_n;                  /* may be larger than the manifest's: one per namespace */
    bool snapshot_waits, stands_by; /* stands_by: has everything but SNAP_END */
    uint64_t snapshot_rev;
    int64_t end_waits_until; /* mono ns: SNAP_END is held back for writes of the process before; 0: it is not */
    struct msg_ping gauges;
    struct pending_explain *explains;
    unsigned over_limit;                  /* actions that it may not have had open */
    uint64_t corr, last_action, repeated; /* repeated: actions with the id of another one */
    bool live;                            /* its host takes settings while it runs */
    struct plugin_settings settings;
    /* plugin.c */
    struct rv_timer *deadline, *retry, *beat;
    int64_t drain_began, answered; /* mono ns; answered: when it got the last result */
    int64_t beaten;                /* mono ns: when its heartbeat was looked at last; 0: not yet */
    unsigned deaths_in_row;
    int64_t replaced; /* mono ns: deaths before do not count against what is configured now */
    struct deaths *deaths;
    struct quarantine *quarantine;
    struct metrics_table *metrics;
    void (*on_stopped)(void *arg);
    void *stopped_arg;
};

static inline const char *plugin_name(const struct plugin *p) { return p->config->name.p; } /* NUL behind: an arena's */
static inline bool plugin_listens(const struct plugin *p) {
    return p->lane != NULL && (p->state == LIFE_READY || p->state == LIFE_SYNCING);
}

/* It is about to be killed, and this is why. */
static inline void plugin_condemn(struct plugin *p, enum death_cause why) {
    p->killed = true;
    p->kill_cause = why;
}

/* plugin.c */
void plugin_note(struct plugin *p, struct rv_str why); /* why it does not run; empty: it does */
void plugin_event(struct plugin *p, enum life_event e);

/* process.c */
void process_spawn(struct plugin *p);
void process_kill(struct plugin *p, int signo);
void process_close(struct plugin *p); /* what there is left of it */
bool process_library_changed(const struct plugin *p);
bool process_look_at_library(const struct plugin *p, struct library_id *ret); /* false: it is not there */
bool process_recording_full(const struct plugin *p);

/* session.c */
int session_open(struct plugin *p, const char *path, struct rv_error *err);
void session_close(struct plugin *p);
void session_welcome(struct plugin *p);
void session_join_feeds(struct plugin *p);
void session_leave_feeds(struct plugin *p);
void session_rejoin_feeds(struct plugin *p); /* by its new configuration; what it still reads is not listed again */
/* A result for the incarnation that asked; dropped when it is gone. The object's own change is told first. */
void session_result(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                    const struct msg_result *r); /* arg: the plugin */
size_t session_result_bytes(const void *arg);    /* arg: the plugin; of results that wait for its credit */
bool session_knows(const void *arg, struct rv_str ns, struct rv_str name); /* arg: the plugin; a primary object? */
int64_t session_generation(const void *arg, struct rv_str ns, struct rv_str name);
void session_quarantine(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, bool on); /* arg: the plugin */
const struct store_object *session_find(const struct plugin *p, uint32_t kind, struct rv_str ns, struct rv_str name);
void session_encode_kinds(const struct manifest *m, struct rv_buf *out); /* as WELCOME has them */
/* Do library and manifest belong together? false: why says what differs. */
bool session_fits(const struct manifest *m, const struct msg_hello *h, struct rv_buf *why);
bool session_pump(void *arg); /* arg: the supervisor; sends what credit allows */

/* settings.c */
void settings_adopt(struct plugin *p); /* what is configured is in force: for a process that is not started yet */
void settings_free(struct plugin *p);
/* The line to look at: of a setting that the reason names, else of all of them. */
const struct yaml_pos *settings_blamed(const struct config_plugin *c, struct rv_str reason);
void settings_sync(struct plugin *p, bool again); /* again: also what was refused before */
void settings_answer(struct plugin *p, const struct msg_text *m);
void settings_process_gone(struct plugin *p, uint32_t call); /* call: what it died in, FLIGHT_* */

#endif
