/* plugin.h - one configured plugin: its process, its lane, the messages to it and its state. */
#ifndef PROC_PLUGIN_H
#define PROC_PLUGIN_H

#include "supervisor/supervisor.h"

struct plugin_info {
    const struct config_plugin *config;
    const char *state;
    int pid;
    uint64_t restarts, instance, queued, in_flight, objects, outbox, merged, memory, repeated;
    const char *last_exit;
    const char *why;        /* it does not run, or not what it should: what it, or the supervisor, says of that; "" */
    struct rv_val settings; /* in force */
    const char *library_refused;  /* why it runs a copy of the library that it had before, or NULL */
    const char *settings_refused; /* file:line:column and the reason, or NULL */
    int64_t uptime_s;
    /* `ready`: it can also take over, if this instance is a standby. */
    bool enabled, ready;
};
struct quarantine_info {
    struct rv_str kind;
    uint32_t kind_index; /* 0 means a primary object */
    const char *ns, *name, *reason;
    int64_t since; /* wall clock, ns */
};

struct death_info {
    int64_t at; /* wall clock, ns */
    /* `doing` and `key` are "" if it was idle. */
    const char *cause, *how, *doing, *key;
    /* `status` is -1 after a signal, or if it was never started. */
    int signal, status;
};

struct plugin *plugin_new(struct supervisor *s, const struct config_plugin *c);
struct plugin *plugin_free(struct plugin *p); /* only when it is stopped, or at the end of the process */
struct plugin *plugin_next(const struct plugin *p);
const struct config_plugin *plugin_config(const struct plugin *p);
uint64_t plugin_instance(const struct plugin *p);
void plugin_start(struct plugin *p);
/* Drains and stops the plugin. on_stopped is called when its process has ended, or at once if it had none. */
void plugin_stop(struct plugin *p, void (*on_stopped)(void *arg), void *arg);
bool plugin_stopped(const struct plugin *p);
/* True if it accepts new settings without a new process. */
bool plugin_takes_settings(const struct plugin *p);
/* True if its library file is not the one that runs. */
bool plugin_library_changed(const struct plugin *p);
/* A reload has changed at most the settings of this plugin. They are sent if they differ. From now on the plugin uses
 * the new entry c. */
void plugin_reconfigure(struct plugin *p, const struct config_plugin *c);
/* A stopped plugin begins again with a new configuration. Its history stays: deaths, quarantined keys (unless the
 * settings have changed) and watches that it still reads. */
void plugin_replace(struct plugin *p, const struct config_plugin *c);
struct supervisor *plugin_supervisor(const struct plugin *p);
/* This instance is the leader from now on, so the plugin may reconcile. */
void plugin_lead(struct plugin *p);
/* The contrary: another process of it begins, and stands by. What the present one asked for and is not sent yet is
 * dropped: it was decided by what is no longer so when the work goes on. */
void plugin_stand_by(struct plugin *p);
/* A collection has become complete. A waiting snapshot may begin. */
void plugin_collections_changed(struct plugin *p);

void plugin_info(const struct plugin *p, struct plugin_info *ret);
void plugin_quarantines(const struct plugin *p, void (*fn)(void *arg, const struct quarantine_info *q), void *arg);
/* Ends the quarantine of a key. Returns true if it was in quarantine. */
bool plugin_release(struct plugin *p, struct rv_str ns, struct rv_str name);
/* The number of deaths by cause, for metrics: "signal", "exit", "hang", "memory", "protocol". */
void plugin_deaths(const struct plugin *p, void (*fn)(void *arg, const char *cause, uint64_t n), void *arg);
/* The last 32 deaths, the newest first. */
void plugin_each_death(const struct plugin *p, void (*fn)(void *arg, const struct death_info *i), void *arg);
/* The metrics that the plugin has reported. */
struct metrics_table;
const struct metrics_table *plugin_metrics(const struct plugin *p);

/* Asks the host what it decided for a key. `done` is called once, perhaps at once. It is called with NULL if there will
 * be no answer. A host may never answer. The caller then cancels, and `done` is not called. */
typedef void (*plugin_explain_fn)(void *arg, const struct msg_explain *e);
void plugin_explain(struct plugin *p, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg);
void plugin_explain_cancel(struct plugin *p, const void *arg);

/* Asks the plugin about an object of its primary kind that somebody wants to create or to change. `pair` is the payload
 * of VALIDATE. `done` is called once and never from within this call, with NULL if there will be no answer. Returns
 * NULL, or why it cannot be asked at present (constant text); `done` is then not called. A host may never answer. The
 * caller then cancels. */
typedef void (*plugin_verdict_fn)(void *arg, const struct msg_verdict *v);
const char *plugin_validate(struct plugin *p, const struct msg_validate *about, struct rv_bytes pair,
                            plugin_verdict_fn done, void *arg);
void plugin_validate_cancel(struct plugin *p, const void *arg);

#endif
