/* tzif.h - reads one file of the system's time zone database (TZif, RFC 8536) as a list of clock changes.
 *
 * It reads only the 64-bit block and the footer of version 2 and later. A file of version 1 is refused; no system has
 * installed one for years. The bytes may come from anywhere: every count is checked before it is used. */
#ifndef SUPERVISOR_ZONEINFO_TZIF_H
#define SUPERVISOR_ZONEINFO_TZIF_H

#include "rayvisor/base.h"

enum { TZIF_MAX_BYTES = 64 << 10 };

struct tzif { /* views of the bytes */
    const uint8_t *times, *types, *records;
    size_t n, type_n;
    /* A POSIX TZ text for the time after the last change. It is never empty. */
    struct rv_str rule;
};

/* Returns 0, or RV_E_PARSE with the reason. */
int tzif_parse(struct rv_bytes bytes, struct tzif *ret, struct rv_error *err);
/* The time of change i (Unix seconds), and the offset in seconds east of UTC from then on. */
int64_t tzif_at(const struct tzif *z, size_t i);
int32_t tzif_offset(const struct tzif *z, size_t i);
/* The offset before the first change. */
int32_t tzif_first_offset(const struct tzif *z);

#endif
