/* loader.h - a thread that is started early and runs one function later.
 *
 * The plugin is loaded in a thread of its own. So the main thread, on which the plugin runs later, has its last system
 * call filter before any code of the plugin has run. This matters because a constructor of the plugin can install a
 * filter as well, and such a filter could make the installation of ours fail silently. The thread is started early,
 * because the first filter forbids new threads. */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <stdbool.h>

struct loader;
struct loader *loader_start(void); /* returns NULL if no thread can be started */
/* Runs fn in the thread, waits for its end, and frees l. */
void loader_run(struct loader *l, void (*fn)(void *arg), void *arg);
/* Ends the thread without running anything, and frees l. NULL is allowed. */
void loader_dismiss(struct loader *l);

#endif
