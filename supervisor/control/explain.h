/* explain.h - the answer to "explain": what each plugin that reconciles a kind decided for one object, and what it
 * waits for. A plugin that does not answer in time does not delay the answers of the others for longer.
 *
 *   {the members of the plugin that knows most ..., "plugins": [{"plugin":...}, ...]} */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

#include "session.h"
#include "supervisor/proc/plugin.h"

/* Functions that access the plugins. A plugin is a pointer that only these functions understand. */
struct explain_calls {
    /* Returns the plugin after this one; NULL gives the first, and NULL is returned after the last. */
    void *(*next)(void *arg, void *plugin);
    const struct config_plugin *(*config)(const void *plugin);
    void (*ask)(void *plugin, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg);
    void (*cancel)(void *plugin, const void *arg); /* cancels ask() */
    void (*quarantines)(const void *plugin, void (*fn)(void *arg, const struct quarantine_info *q), void *arg);
    /* Why it does not run: its state and what is known about it. */
    const char *(*why)(const void *plugin, struct rv_buf *scratch);
    void *arg; /* for next() */
};
/* `request` is {"kind":...,"namespace":...,"name":...}. `calls` must stay as long as the session. */
void explain_begin(struct client *s, const struct explain_calls *calls, struct rv_val request);

#endif
