/* quarantine.h - keys that killed their plugin twice within an hour are kept from it until they change or somebody
 * releases them. One bad object must not stop the others. */
#ifndef PROC_QUARANTINE_H
#define PROC_QUARANTINE_H

#include "plugin.h"

struct quarantine;
/* on_key is told when a key is released (on = false) or put away (on = true) while the plugin runs. */
struct quarantine *quarantine_new(struct supervisor *s, const struct config_plugin *c,
                                  void (*on_key)(void *arg, struct rv_str ns, struct rv_str name, bool on), void *arg);
struct quarantine *quarantine_free(struct quarantine *q);
void quarantine_reconfigure(struct quarantine *q, const struct config_plugin *c);
/* The plugin died while it worked on this key. */
void quarantine_blame(struct quarantine *q, const struct store_object *o, const char *how);
/* A primary object changed: a new generation or incarnation is another chance. */
void quarantine_object_changed(struct quarantine *q, const struct store_object *o, bool deleted);
/* Looks at all of them: changes may have happened while nobody watched. lookup: NULL when there is no such object. */
void quarantine_refresh(struct quarantine *q,
                        const struct store_object *(*lookup)(void *arg, struct rv_str ns, struct rv_str name),
                        void *arg);
bool quarantine_release(struct quarantine *q, struct rv_str ns, struct rv_str name);
void quarantine_clear(struct quarantine *q);
void quarantine_each(const struct quarantine *q, void (*fn)(void *arg, const struct quarantine_info *i), void *arg);
void quarantine_each_key(const struct quarantine *q,
                         void (*fn)(void *arg, struct rv_str ns, struct rv_str name, bool on), void *arg);

#endif
