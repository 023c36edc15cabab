/* record.h - recordings of all inputs and outputs of an engine, so that a run can be replayed.
 *
 * A file is a sequence of msgpack arrays [what, mono, wall, header, body, payload]. `what` is 0 for a message in, 1 for
 * a message out (with sequence number 0) and 2 for a tick. ipc/README.md specifies the format. */
#ifndef HOST_RECORD_H
#define HOST_RECORD_H

#include <stdio.h>

#include "engine.h"

enum record_what { RECORD_IN, RECORD_OUT, RECORD_TICK };
/* The last record may be so much longer than is left: a body and a payload of a message. */
enum { RECORD_LONGEST = 18 << 20 };

struct recorder;
/* The recording ends by itself when it has max bytes (0 for no limit) or when it cannot be written. It logs this
 * once. */
struct recorder *recorder_open(const char *path, uint64_t max, struct rv_error *err);
struct recorder *recorder_close(struct recorder *r);
/* m is NULL for a tick. A NULL recorder is allowed and does nothing. */
void recorder_add(struct recorder *r, enum record_what what, struct engine_time now, const struct msg *m);

/* Replays a recording with a new engine of the plugin. Prints each request as one JSON line to `out`. With a key
 * (NAMESPACE/NAME, else NULL) these are only the requests for that object, and after each pass for it one line shows
 * what was decided and why, if that is news. Returns 0 if all outputs are as recorded, 1 if not, and a negative code
 * for a broken file. */
int replay_run(const char *path, const struct rv_plugin *plugin, const char *key, FILE *out, struct rv_error *err);
/* The same for bytes in memory. */
int replay_bytes(struct rv_bytes recording, const struct rv_plugin *plugin, const char *key, FILE *out,
                 struct rv_error *err);

#endif
