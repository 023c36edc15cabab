/* explain.h - the answer to "explain": what each plugin that reconciles a kind decided for one object, and what it
 * waits for. Plugins that do not answer in time keep nobody from seeing what the others say.
 *
 *   {the members of the plugin that knows most ..., "plugins": [{"plugin":...}, ...]} */
#ifndef CONTROL_EXPLAIN_H
#define CONTROL_EXPLAIN_H

#include "session.h"
#include "supervisor/proc/plugin.h"

/* The plugins, each known by a pointer that only these functions understand. */
struct explain_calls {
    void *(*next)(void *arg, void *plugin); /* the first one after NULL; NULL: there is none any more */
    const struct config_plugin *(*config)(const void *plugin);
    void (*ask)(void *plugin, struct rv_str ns, struct rv_str name, plugin_explain_fn done, void *arg);
    void (*cancel)(void *plugin, const void *arg); /* of ask() */
    void (*quarantines)(const void *plugin, void (*fn)(void *arg, const struct quarantine_info *q), void *arg);
    const char *(*why)(const void *plugin, struct rv_buf *room); /* why it does not run: its state, and what is known */
    void *arg;                                                   /* of next() */
};
/* request: {"kind":...,"namespace":...,"name":...}. calls must stay as long as the session. */
void explain_begin(struct client *s, const struct explain_calls *calls, struct rv_val request);

#endif
