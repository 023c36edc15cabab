/* recorder.h - writes Kubernetes events (events.k8s.io/v1). Repeats of the same event about the same object become a
 * series instead of more objects. The number of different events about one object is limited (a burst of 25, then 5 a
 * minute). */
#ifndef ACTIONS_RECORDER_H
#define ACTIONS_RECORDER_H

#include "supervisor/supervisor.h"

struct recorder_request {
    const char *method, *path, *content_type; /* borrowed until the next call */
    struct rv_bytes body;                     /* JSON */
};
struct recorder;
struct recorder *recorder_new(void);
struct recorder *recorder_free(struct recorder *r);
/* Fills the request for this event. Returns false if nothing is to be sent, because the event was written shortly
 * before. */
bool recorder_event(struct recorder *r, const struct rv_event *e, int64_t wall_ns, struct recorder_request *ret);

/* Appends the JSON of an event object of this name, for who sends it himself. */
void recorder_write(const struct rv_event *e, const char *name, int64_t wall_ns, struct rv_buf *out);

/* The last request for this event failed. The object of the series may have expired, so the next event begins a new
 * one. */
void recorder_lost(struct recorder *r, const struct rv_event *e);

#endif
