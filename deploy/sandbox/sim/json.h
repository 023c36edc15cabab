/* json.h - JSON that several answers of the simulation share. */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include "ipc/base/json_writer.h"

void sim_json_text(struct jsonw *w, const char *key, const char *text); /* writes nothing if text is NULL */
void sim_json_count(struct rv_buf *out, const char *key, uint64_t n);   /* writes an object with this one member */
/* Writes the Kubernetes Status of a failure. */
void sim_json_status(struct rv_buf *out, int http, const char *reason, const char *message);

#endif
