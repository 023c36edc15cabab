/* timestamp.h - points in time as texts of the API (RFC 3339, whole seconds) and as wall-clock nanoseconds. */
#ifndef RAY_TIMESTAMP_H
#define RAY_TIMESTAMP_H

#include "rayvisor/base.h"

#define RC_SECOND INT64_C(1000000000)

/* A text as wall-clock nanoseconds. 0 if it is empty or not a time. */
int64_t rc_time(struct rv_str text);
struct rv_str rc_time_text(struct rv_arena *a, int64_t ns);

#endif
