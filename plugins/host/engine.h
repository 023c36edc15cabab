/* engine.h - the life of one plugin as a state machine without side effects: messages and times in, messages out.
 *
 * It opens no socket and reads no clock. main.c moves the bytes and passes the time. So all inputs of a plugin can be
 * recorded and replayed, and tests run it without a process.
 *
 *   mirror.c  the objects
 *   queue.c   the keys
 *   api.c     the services that the plugin calls
 *   record.c  the recording */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

#include "ipc/base/coalesce.h"
#include "ipc/protocol/flight_recorder.h"
#include "ipc/protocol/msg.h"

struct engine;

struct engine_time {
    int64_t mono, wall; /* in ns */
};

struct engine_opts {
    const struct rv_plugin *plugin;
    struct flight *flight;                  /* may be NULL */
    void (*send)(void *arg, struct msg *m); /* sends a message of the engine, which is borrowed */
    /* May be NULL. Called after a pass that explained something else than the one before; the text has lines. */
    void (*explained)(void *arg, const struct rv_key *key, struct rv_str lines);
    void *arg;
};

enum engine_state { ENGINE_HELLO, ENGINE_SYNCING, ENGINE_READY, ENGINE_DRAINING, ENGINE_DRAINED, ENGINE_FAILED };

struct engine *engine_new(const struct engine_opts *o);
struct engine *engine_free(struct engine *e);
/* Sends HELLO. */
void engine_start(struct engine *e, struct engine_time now, struct rv_bytes token, int64_t pid);
/* Returns 0, or RV_E_PROTOCOL for a message that is not allowed in this state. */
int engine_message(struct engine *e, struct engine_time now, const struct msg *m, struct rv_error *err);
/* Runs a bounded number of keys that are ready. Call it until engine_deadline() is in the future. */
void engine_tick(struct engine *e, struct engine_time now);
int64_t engine_deadline(const struct engine *e); /* monotonic, ns: 0 means now, INT64_MAX means never */
/* Whether changes should be handled at once. The result is borrowed. */
const struct coalesce *engine_coalesce(const struct engine *e);
enum engine_state engine_state(const struct engine *e);
/* Valid after ENGINE_FAILED. */
const struct rv_error *engine_failure(const struct engine *e);

#endif
