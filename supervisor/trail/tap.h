/* tap.h - tells observers what happens, over a lossy, numbered ZeroMQ PUB socket (supervisor/trail/README.md has the
 * format).
 *
 * An observer costs nothing however slow it is: what it does not take beyond `queue` messages is dropped for it, and
 * the numbers show the gap. Without any observer nothing is even written down. */
#ifndef TRAIL_TAP_H
#define TRAIL_TAP_H

#include "happening.h"
#include "ipc/protocol/lane.h"

struct tap;
/* endpoint: "ipc://PATH" (the file gets mode 0600) or "tcp://ADDRESS:PORT". */
struct tap *tap_open(struct lane_context *c, const char *endpoint, int64_t queue, uint64_t epoch, struct rv_error *err);
struct tap *tap_close(struct tap *t);
const char *tap_endpoint(const struct tap *t);
/* Returns whether somebody listens. */
bool tap_has_observers(struct tap *t);
/* Returns true if there are more different subscriptions than observers need, each of which takes memory. */
bool tap_is_flooded(const struct tap *t);
void tap_publish(struct tap *t, const struct happening *h);
uint64_t tap_published(const struct tap *t);

#endif
