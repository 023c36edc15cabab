/* watch_stream.h - the bytes of a watch answer as events: no sockets, no store, so that it can be fed anything.
 *
 * The API server writes one JSON event per line, {"type":"ADDED","object":{...}}; the bytes come cut anywhere. The
 * object is projected while it is parsed. An ERROR event ends the stream with the code it stands for. */
#ifndef KUBE_WATCH_STREAM_H
#define KUBE_WATCH_STREAM_H

#include "rayvisor/json.h"

enum watch_event_type { WATCH_PUT /* ADDED, MODIFIED */, WATCH_DELETED, WATCH_BOOKMARK };
struct watch_event {
    enum watch_event_type type;
    struct rv_val object;  /* projected; lent */
    struct rv_str version; /* its metadata.resourceVersion, never empty */
    bool clipped;          /* it is nested deeper than can be kept: only its metadata is sure to be whole */
};
typedef void (*watch_event_fn)(void *arg, const struct watch_event *e);

struct watch_stream { /* {0} is a new one */
    struct rv_buf line, scratch;
    char why[256]; /* after a failure: what a person reads */
};
/* 0, or what ends the stream: RV_E_PARSE (not a watch event), RV_E_GONE, RV_E_THROTTLED or RV_E_UNAVAILABLE (an ERROR
 * event). After that it must be cleared. */
int watch_stream_feed(struct watch_stream *s, const struct rv_projection *p, const void *bytes, size_t n,
                      watch_event_fn fn, void *arg);
void watch_stream_clear(struct watch_stream *s); /* for another answer */
void watch_stream_free(struct watch_stream *s);  /* back to {0} */

#endif
