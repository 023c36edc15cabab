/* plugin.h - one configured plugin: its process, its lane, what it is told and what became of it. */
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
    const char *settings_refused; /* file:line:column and why, or NULL */
    int64_t uptime_s;
    bool enabled, ready; /* ready: also to take over, where this instance stands by */
};
struct quarantine_info {
    struct rv_str kind;
    uint32_t kind_index; /* 0: a primary object */
    const char *ns, *name, *reason;
    int64_t since; /* wall ns */
};

struct death_info {
    int64_t at;                            /* wall ns */
    const char *cause, *how, *doing, *key; /* doing, key: "" when it was idle */
    int signal, status;                    /* status: -1 when it was a signal, or never started */
};

struct plugin *plugin_new(struct supervisor *s, const struct config_plugin *c);
struct plugin *plugin_free(struct plugin *p); /* only when stopped, or at the end of the process */
struct plugin *plugin_next(const struct plugin *p);
const struct config_plugin *plugin_config(const struct plugin *p);
uint64_t plugin_instance(const struct plugin *p);
void plugin_start(struct plugin *p);
/* Drains and stops; on_stopped is called when its process is gone (at once when it had none). */
void plugin_stop(struct plugin *p, void (*on_stopped)(void *arg), void *arg);
bool plugin_stopped(const struct plugin *p);
/* Takes other settings without another process. */
bool plugin_takes_settings(const struct plugin *p);
/* Its library is another file than the one that it runs. */
bool plugin_library_changed(const struct plugin *p);
/* A reload left this plugin as it was but for its settings, which are sent if they differ; its entry lives elsewhere
 * now. */
void plugin_reconfigure(struct plugin *p, const struct config_plugin *c);
/* A stopped plugin begins anew as configured. Its history (deaths, quarantined keys unless the settings are others) and
 * the watches that it goes on reading stay. */
void plugin_replace(struct plugin *p, const struct config_plugin *c);
struct supervisor *plugin_supervisor(const struct plugin *p);
/* This instance leads from now on: the plugin may reconcile. */
void plugin_lead(struct plugin *p);
/* The contrary: another process of it begins, and stands by. What the present one asked for and is not sent yet is
 * dropped: it was decided by what is no longer so when the work goes on. */
void plugin_stand_by(struct plugin *p);
/* A collection became complete: a waiting snapshot may begin. */
void plugin_collections_changed(struct plugin *p);

void plugin_info(const struct plugin *p, struct plugin_info *ret);
void plugin_quarantines(const struct plugin *p, void (*fn)(void *arg, const struct quarantine_info *q), void *arg);
/* Takes a quarantined key up again; true when it was quarantined. */
bool plugin_release(struct plugin *p, struct rv_str ns, struct rv_str name);
/* Death counts by cause, for metrics: "signal", "exit", "hang", "memory", "protocol". */
void plugin_deaths(const struct plugin *p, void (*fn)(void *arg, const char *cause, uint64_t n), void *arg);
/* The last 32, newest first. */
void plugin_each_death(const struct plugin *p, void (*fn)(void *arg, const struct death_info *i), void *arg);
/* Metrics that the plugin itself reported. */
struct metrics_table;
const struct metrics_table *plugin_metrics(const struct plugin *p);

/* Asks the host what it decided for a key. done is called once, which may be at once: with NULL when there will be no
 * answer. A host may never answer: who no longer waits cancels, and done is not called any more. */
typedef void (*plugin_explain_fn)(void *arg, const struct msg_explain *e);
void plugin_explain(struct plugin *p, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg);
void plugin_explain_cancel(struct plugin *p, const void *arg);

#endif
