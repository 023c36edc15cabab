/* engine.h - one plugin's whole life as a pure state machine: messages and time in, messages out.
 *
 * It opens no socket and reads no clock: main.c moves bytes and tells it the time. So everything that ever reached a
 * plugin can be recorded and played again, and tests drive it without a process.
 *
 *   mirror.c  the objects      queue.c  the keys      api.c  the services that the plugin calls      record.c  the
 * recording
 */
#ifndef HOST_ENGINE_H
#define HOST_ENGINE_H

#include "ipc/base/coalesce.h"
#include "ipc/protocol/flight_recorder.h"
#include "ipc/protocol/msg.h"

struct engine;

struct engine_time {
    int64_t mono, wall; /* ns */
};

struct engine_opts {
    const struct rv_plugin *plugin;
    struct flight *flight;                  /* may be NULL */
    void (*send)(void *arg, struct msg *m); /* what the engine wants sent; lent */
    void *arg;
};

enum engine_state { ENGINE_HELLO, ENGINE_SYNCING, ENGINE_READY, ENGINE_DRAINING, ENGINE_DRAINED, ENGINE_FAILED };

struct engine *engine_new(const struct engine_opts *o);
struct engine *engine_free(struct engine *e);
/* Sends HELLO. */
void engine_start(struct engine *e, struct engine_time now, struct rv_bytes token, int64_t pid);
/* 0, or RV_E_PROTOCOL for a message that does not fit the state. */
int engine_message(struct engine *e, struct engine_time now, const struct msg *m, struct rv_error *err);
/* Runs some of what is ready (bounded); to be called until engine_deadline lies in the future. */
void engine_tick(struct engine *e, struct engine_time now);
int64_t engine_deadline(const struct engine *e); /* mono ns: 0 now, INT64_MAX never */
/* Lent: is it worth while to gather what comes? */
const struct rv_coalesce *engine_coalesce(const struct engine *e);
enum engine_state engine_state(const struct engine *e);
/* After ENGINE_FAILED. */
const struct rv_error *engine_failure(const struct engine *e);

#endif
