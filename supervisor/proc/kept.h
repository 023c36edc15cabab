/* kept.h - a copy of the library that a plugin ran with last, in the runtime folder.
 *
 * A bad library never takes the place of a good one. A reload asks a library before it replaces anything (probe.h). But
 * a process that dies is started again from the file, which may be another one by then, and worse. So that one is asked
 * too, and where it cannot run, the copy does. It stays so until the file is another one again. */
#ifndef PROC_KEPT_H
#define PROC_KEPT_H

#include "plugin_internal.h"

/* The plugin is ready: what it runs is good. */
void kept_save(struct plugin *p);
/* Which file is to be run now. After a death the library is asked first, if it is another one than that of the copy,
 * which takes up to PROBE_MS. */
const char *kept_choose(struct plugin *p);
/* The copy is of another entry of the configuration, or nobody needs it any more. */
void kept_forget(struct plugin *p);

#endif
