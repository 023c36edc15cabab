/* watch_stream.h - turns the bytes of a watch answer into events. It uses no socket and no store, so a test can feed it
 * anything.
 *
 * The API server writes one JSON event per line: {"type":"ADDED","object":{...}}. The bytes may be cut anywhere. The
 * object is projected while it is parsed. An ERROR event ends the stream with the code that it stands for. */
#ifndef KUBE_WATCH_STREAM_H
#define KUBE_WATCH_STREAM_H

#include "rayvisor/json.h"

enum watch_event_type { WATCH_PUT /* ADDED or MODIFIED */, WATCH_DELETED, WATCH_BOOKMARK };
struct watch_event {
    enum watch_event_type type;
    struct rv_val object;  /* projected; borrowed */
    struct rv_str version; /* its metadata.resourceVersion, never empty */
    bool clipped;          /* the object is nested too deeply to be stored; only its metadata is sure to be complete */
};
typedef void (*watch_event_fn)(void *arg, const struct watch_event *e);

struct watch_stream { /* {0} is a new stream */
    struct rv_buf line, scratch;
    char why[256]; /* after a failure: the reason for a person */
};
/* Returns 0, or the code that ends the stream: RV_E_PARSE (not a watch event), or RV_E_GONE, RV_E_THROTTLED or
 * RV_E_UNAVAILABLE (an ERROR event). After that the stream must be cleared. */
int watch_stream_feed(struct watch_stream *s, const struct rv_projection *p, const void *bytes, size_t n,
                      watch_event_fn fn, void *arg);
void watch_stream_clear(struct watch_stream *s); /* prepares it for another answer */
void watch_stream_free(struct watch_stream *s);  /* frees its memory and sets it to {0} */

#endif
