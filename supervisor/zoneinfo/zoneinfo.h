/* zoneinfo.h - the system's time zone database, packed for plugins that ask for it (`timeZones: true` in the manifest).
 *
 * A plugin has no files, and what it decides must follow from its inputs. So the supervisor reads the database and
 * sends it with the settings (ipc/README.md, WELCOME and SETTINGS, key `tz`), where a recording keeps it. The plugin
 * falls back to a table of its own where there is none.
 *
 *   {"version": "2026b", "zones": {"Europe/Berlin": [first offset, [moment, offset, moment, offset, ...],
 * "CET-1CEST,..."]}}
 *
 * Offsets are seconds east of UTC, moments Unix seconds from 2020 on. Some 600 zones take about 100 KiB. */
#ifndef SUPERVISOR_ZONEINFO_ZONEINFO_H
#define SUPERVISOR_ZONEINFO_ZONEINFO_H

#include "rayvisor/base.h"

enum { ZONEINFO_MAX_ZONES = 2000, ZONEINFO_MAX_BYTES = 512 << 10 };
#define ZONEINFO_DIR "/usr/share/zoneinfo"
#define ZONEINFO_FROM INT64_C(1577836800) /* 2020-01-01T00:00:00Z */

/* Packs what is below the folder as msgpack. Files that are no TZif files, and single ones that are malformed, are left
 * out. An error means that there is no database: the text says why. */
int zoneinfo_pack(const char *dir, struct rv_buf *out, struct rv_error *err);

#endif
