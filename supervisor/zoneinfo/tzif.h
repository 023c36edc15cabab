/* tzif.h - one file of the system's time zone database (TZif, RFC 8536), as the changes of a clock.
 *
 * Only the 64-bit block and the footer of version 2 and later are read. A file of version 1 alone is refused: no system
 * has installed one for years. The bytes may come from anywhere: every count is checked before it is used. */
#ifndef SUPERVISOR_ZONEINFO_TZIF_H
#define SUPERVISOR_ZONEINFO_TZIF_H

#include "rayvisor/base.h"

enum { TZIF_MAX_BYTES = 64 << 10 };

struct tzif { /* views into the bytes */
    const uint8_t *times, *types, *records;
    size_t n, type_n;
    struct rv_str rule; /* POSIX TZ text for what comes after the last change; never empty */
};

/* 0, or RV_E_PARSE with what is wrong. */
int tzif_parse(struct rv_bytes bytes, struct tzif *ret, struct rv_error *err);
/* The moment of change i (Unix seconds), and the seconds east of UTC that hold from then on. */
int64_t tzif_at(const struct tzif *z, size_t i);
int32_t tzif_offset(const struct tzif *z, size_t i);
/* What holds before the first change. */
int32_t tzif_first_offset(const struct tzif *z);

#endif
