/* timestamp.h - points in time as texts of the API (RFC 3339, whole seconds) and as wall-clock nanoseconds. */
#ifndef RAY_TIMESTAMP_H
#define RAY_TIMESTAMP_H

#include "rayvisor/base.h"

#define RC_SECOND INT64_C(1000000000)

/* Wall-clock nanoseconds of a text. 0 when it is empty or no time. */
int64_t rc_time(struct rv_str text);
struct rv_str rc_time_text(struct rv_arena *a, int64_t ns);

#endif
