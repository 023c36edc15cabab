/* record.h - recordings: everything that went into an engine and what came out, so that it can be run again.
 *
 * A file is a sequence of msgpack arrays [what, mono, wall, header, body, payload]: what is 0 for a message in, 1 for a
 * message out (sequence number 0), 2 for a tick. The format is part of ipc/README.md.
 */
#ifndef HOST_RECORD_H
#define HOST_RECORD_H

#include <stdio.h>

#include "engine.h"

enum record_what { RECORD_IN, RECORD_OUT, RECORD_TICK };

struct recorder;
/* Ends by itself, and says so once, when it has grown to max bytes (0: no limit) or cannot be written. */
struct recorder *recorder_open(const char *path, uint64_t max, struct rv_error *err);
struct recorder *recorder_close(struct recorder *r);
/* m may be NULL for a tick. A recorder of NULL does nothing. */
void recorder_add(struct recorder *r, enum record_what what, struct engine_time now, const struct msg *m);

/* Runs a recording through a fresh engine of the plugin; each request is printed as one JSON line on out.
 * 0 when everything came out as recorded, 1 when not, negative on a broken file. */
int replay_run(const char *path, const struct rv_plugin *plugin, FILE *out, struct rv_error *err);
/* The same for bytes in memory. */
int replay_bytes(struct rv_bytes recording, const struct rv_plugin *plugin, FILE *out, struct rv_error *err);

#endif
