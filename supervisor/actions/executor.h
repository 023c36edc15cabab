/* executor.h - carries out what plugins ask for, and answers every request exactly once.
 *
 * policy ─► fair queue (plugins in turn, then keys in turn; one action per object at a time; bounded in flight)
 *        ─► HTTP ─► write-through into the store ─► result
 *
 * Retried here, with back-off and the server's Retry-After: whatever may be repeated without harm (get, apply, patches,
 * deletes with a uid, creates with a fixed name). A create that finds its own object already there (same controller)
 * has succeeded.
 *
 * A write that another manager undoes again and again is held back (undone.h): RV_E_THROTTLED.
 *
 * Bodies of results (get, HTTP) are bounded for each client: while RESULT_BYTES_MAX of them wait for it or are being
 * read for it, none of its requests that may bring a body starts, and the body of an answer that has begun is not read.
 */
#ifndef ACTIONS_EXECUTOR_H
#define ACTIONS_EXECUTOR_H

#include "supervisor/supervisor.h"

/* Who asks for actions, as the executor knows it. A plugin embeds one; it must stay until executor_forget(). */
struct executor_client {
    const struct config_plugin *config; /* the newest: a reload replaces it */
    /* An action's one result, which is lent, with the id of the action. instance: as it was given to executor_submit().
     * api_version and resource: of the object that the action concerned. */
    void (*on_result)(void *arg, uint64_t instance, struct rv_str api_version, struct rv_str resource,
                      const struct msg_result *r);
    /* How many bytes of results wait because it does not take them. */
    size_t (*result_bytes)(const void *arg);
    void *arg;
    /* Is that a primary object which it was told of? NULL: whatever it says. */
    bool (*knows)(const void *arg, struct rv_str ns, struct rv_str name);
    /* metadata.generation of that primary object, 0 where it is not known. NULL: it never is. */
    int64_t (*generation)(const void *arg, struct rv_str ns, struct rv_str name);
};

/* OBJECT_BYTES_MAX: of an object or patch. The API server takes 3 MiB. */
enum { RESULT_BYTES_MAX = 32 << 20, OBJECT_BYTES_MAX = 4 << 20 };

struct executor_stats {
    uint64_t done, failed, denied, retries, undone;
    size_t queued, in_flight;
};

struct executor *executor_new(struct supervisor *s);
struct executor *executor_free(struct executor *x);
/* The supervisor has another configuration. */
void executor_reconfigure(struct executor *x);
/* fn is told how many milliseconds each pause before another try takes, and returns how many to wait instead. Tests use
 * it to see the pauses and to have no need to wait for them. */
typedef int64_t (*executor_pause_fn)(void *arg, int64_t ms);
void executor_on_pause(struct executor *x, executor_pause_fn fn, void *arg);
enum executor_answer {
    EXECUTOR_TAKEN,
    EXECUTOR_REFUSED,   /* and the result says why */
    EXECUTOR_OVER_LIMIT /* likewise: it has more open than it was told it may have */
};
/* m is lent. */
enum executor_answer executor_submit(struct executor *x, struct executor_client *c, uint64_t instance,
                                     const struct msg *m);
/* A client took results: what was held back for want of room may go on. */
void executor_wake(struct executor *x);
/* The process that asked is gone. What still waits is dropped, counted and logged; what was sent is finished. It is
 * also called before the client is freed. */
void executor_forget(struct executor *x, struct executor_client *c);
/* How many of its actions have no result yet. Timers do not count, for nobody works on them. */
size_t executor_open(const struct executor *x, const struct executor_client *c);
/* Is a write under way that an earlier process of this plugin asked for? Its outcome is not known yet. */
bool executor_unfinished(const struct executor *x, const char *plugin);
/* A Kubernetes event of the supervisor's own about an object. */
void executor_event(struct executor *x, const struct rv_event *e);
bool executor_idle(const struct executor *x);
void executor_stats(const struct executor *x, struct executor_stats *ret);
/* Counts by plugin, verb and code, for metrics. */
void executor_each_count(const struct executor *x,
                         void (*fn)(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n),
                         void *arg);

#endif
