/* zoneinfo.h - packs the system's time zone database for plugins that ask for it (`timeZones: true` in the manifest).
 *
 * A plugin has no files, and its decisions must follow from its inputs. So the supervisor reads the database and sends
 * it with WELCOME (ipc/README.md, key `tz`), and a recording contains it. If the machine has no database, the plugin
 * uses a table of its own.
 *
 *     {"version": "2026b", "zones": {"Europe/Berlin": [first offset, [moment, offset, moment, offset, ...],
 *     "CET-1CEST,..."]}}
 *
 * Offsets are seconds east of UTC. Moments are Unix seconds from 2020 on. Some 600 zones take about 100 KiB. */
#ifndef SUPERVISOR_ZONEINFO_ZONEINFO_H
#define SUPERVISOR_ZONEINFO_ZONEINFO_H

#include "rayvisor/base.h"

enum { ZONEINFO_MAX_ZONES = 2000, ZONEINFO_MAX_BYTES = 512 << 10 };
#define ZONEINFO_DIR "/usr/share/zoneinfo"
#define ZONEINFO_FROM INT64_C(1577836800) /* 2020-01-01T00:00:00Z */

/* Packs the files below the folder as msgpack. Files that are no TZif files and malformed ones are left out. Returns an
 * error with the reason if there is no database. */
int zoneinfo_pack(const char *dir, struct rv_buf *out, struct rv_error *err);

#endif
