/* recorder.h - Kubernetes events (events.k8s.io/v1): repeats of the same event about the same object become a series
 * instead of more objects, and one object gets only so many different ones (a burst of 25, then 5 a minute). */
#ifndef ACTIONS_RECORDER_H
#define ACTIONS_RECORDER_H

#include "supervisor/supervisor.h"

struct recorder_request {
    const char *method, *path, *content_type; /* lent until the next call */
    struct rv_bytes body;                     /* JSON */
};
struct recorder;
struct recorder *recorder_new(void);
struct recorder *recorder_free(struct recorder *r);
/* What to send for this event. False: nothing, it was said often enough just now. */
bool recorder_event(struct recorder *r, const struct rv_event *e, int64_t wall_ns, struct recorder_request *ret);

/* The last request for this event failed: the object that the series stands in may be gone (events expire), so the
 * next one begins anew. */
void recorder_lost(struct recorder *r, const struct rv_event *e);

#endif
