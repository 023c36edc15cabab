/* executor.h - carries out the actions of plugins and returns exactly one result for each.
 *
 * policy ─► fair queue (plugins take turns, then keys take turns; one action per object at a time; bounded in flight)
 *        ─► HTTP ─► write-through into the store ─► result
 *
 * Actions that may be repeated without harm are retried here, with a back-off and the server's Retry-After. These are
 * get, apply, patches, deletes with a uid, and creates with a fixed name. A create that finds its own object (with the
 * same controller) has succeeded.
 *
 * The bodies of results (get, HTTP) are bounded for each client. While RESULT_BYTES_MAX bytes wait for the client or
 * are being read for it, none of its requests starts that may bring a body, and the body of an answer that has begun is
 * not read. */
#ifndef ACTIONS_EXECUTOR_H
#define ACTIONS_EXECUTOR_H

#include "supervisor/supervisor.h"

/* A client that sends actions. A plugin embeds one. It must stay until executor_forget(). */
struct executor_client {
    const struct config_plugin *config; /* the present one; a reload replaces it */
    /* An action's one result, which is lent, with the id of the action. instance: as it was given to executor_submit().
     * api_version and resource: of the object that the action concerned. */
    void (*on_result)(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                      const struct msg_result *r);
    /* How many bytes of results wait because the client does not take them. */
    size_t (*result_bytes)(const void *arg);
    void *arg;
    /* Returns true if this is a primary object that the client has got. NULL accepts every object. */
    bool (*knows)(const void *arg, struct rv_str ns, struct rv_str name);
    /* metadata.generation of that primary object, 0 where it is not known. NULL: it never is. */
    int64_t (*generation)(const void *arg, struct rv_str ns, struct rv_str name);
};

/* OBJECT_BYTES_MAX: of an object or patch. The API server takes 3 MiB. */
enum { RESULT_BYTES_MAX = 32 << 20, OBJECT_BYTES_MAX = 4 << 20 };

struct executor_stats {
    uint64_t done, failed, denied, retries, undone, withheld;
    size_t queued, in_flight;
};

struct executor *executor_new(struct supervisor *s);
struct executor *executor_free(struct executor *x);
/* The supervisor has another configuration. */
void executor_reconfigure(struct executor *x);
/* A function that gets the length of each pause before a retry, in milliseconds, and returns how long to wait instead.
 * Tests use it to see the pauses and to avoid waiting. */
typedef int64_t (*executor_pause_fn)(void *arg, int64_t ms);
void executor_on_pause(struct executor *x, executor_pause_fn fn, void *arg);
enum executor_answer {
    EXECUTOR_TAKEN,
    EXECUTOR_REFUSED,   /* the result says why */
    EXECUTOR_OVER_LIMIT /* as above; the client has more open actions than it was told it may have */
};
/* m is borrowed. */
enum executor_answer executor_submit(struct executor *x, struct executor_client *c, uint64_t instance,
                                     const struct msg *m);
/* The client has taken results. Actions that waited for space may continue. */
void executor_wake(struct executor *x);
/* The client's process has ended. Its waiting actions are dropped, counted and logged. Requests that were sent are
 * finished. Call it also before the client is freed. */
void executor_forget(struct executor *x, struct executor_client *c);
/* How many actions of the client have no result yet. Timers do not count, because they do no work. */
size_t executor_open(const struct executor *x, const struct executor_client *c);
/* True if a write of an earlier process of this plugin is still in flight, so that its outcome is unknown. */
bool executor_unfinished(const struct executor *x, const char *plugin);
/* Writes a Kubernetes event of the supervisor itself about an object. */
void executor_event(struct executor *x, const struct rv_event *e);
/* An object is there no longer, by the cache. It may be said once for each plugin that reads it. */
struct store_object;
void executor_object_gone(struct executor *x, struct rv_str api_version, struct rv_str resource,
                          const struct store_object *o);
bool executor_idle(const struct executor *x);
void executor_stats(const struct executor *x, struct executor_stats *ret);
/* Counts by plugin, verb and code, for metrics. */
void executor_each_count(const struct executor *x,
                         void (*fn)(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n),
                         void *arg);

#endif
