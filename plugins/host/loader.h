/* loader.h - a thread that is started early, and later runs one function.
 *
 * The plugin is loaded in a thread of its own. So the main thread, on which the plugin runs later, has its last system
 * call filter before any code of the plugin has run: a constructor can install a filter as well, and one that was there
 * first could make the installation of ours do nothing. Threads cannot be made behind the first filter, therefore
 * early. */
#ifndef HOST_LOADER_H
#define HOST_LOADER_H

#include <stdbool.h>

struct loader;
struct loader *loader_start(void); /* NULL: no thread can be made */
/* Runs fn in the thread and waits for its end; frees l. */
void loader_run(struct loader *l, void (*fn)(void *arg), void *arg);
/* Ends the thread without having run anything; frees l. NULL is fine. */
void loader_dismiss(struct loader *l);

#endif
