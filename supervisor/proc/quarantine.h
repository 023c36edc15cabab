/* quarantine.h - keys that killed their plugin twice within an hour are kept from it until they change or somebody
 * releases them. One bad object must not stop the others. */
#ifndef PROC_QUARANTINE_H
#define PROC_QUARANTINE_H

#include "plugin.h"

struct quarantine;
/* kind: index into the manifest's; 0 is the primary one, of another one it is an object that is kept from map(). on:
 * put away, or released. */
typedef void (*quarantine_key_fn)(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, bool on);
struct quarantine_callbacks {
    quarantine_key_fn key;                              /* what changes while the plugin runs */
    void (*event)(void *arg, const struct rv_event *e); /* a Kubernetes event about an object; lent */
    void *arg;
};
struct quarantine *quarantine_new(const struct config_plugin *c, const struct quarantine_callbacks *on);
struct quarantine *quarantine_free(struct quarantine *q);
void quarantine_reconfigure(struct quarantine *q, const struct config_plugin *c);
enum blame { BLAME_NOBODY /* no room to remember */, BLAME_NOTED, BLAME_PUT_AWAY };
/* The plugin died while it worked on this object. */
enum blame quarantine_blame(struct quarantine *q, uint32_t kind, const struct store_object *o, const char *how);
/* An object changed: a new generation or incarnation is another chance, and so are other labels, or other annotations
 * where the plugin reads any. A status write is none. */
void quarantine_object_changed(struct quarantine *q, uint32_t kind, const struct store_object *o, bool deleted);
/* Looks at all of them: changes may have happened while nobody watched. lookup: NULL when there is no such object. */
void quarantine_refresh(struct quarantine *q,
                        const struct store_object *(*lookup)(void *arg, uint32_t kind, struct rv_str ns,
                                                             struct rv_str name),
                        void *arg);
/* Of whatever kind. */
bool quarantine_release(struct quarantine *q, struct rv_str ns, struct rv_str name);
void quarantine_clear(struct quarantine *q);
void quarantine_each(const struct quarantine *q, void (*fn)(void *arg, const struct quarantine_info *i), void *arg);
void quarantine_each_key(const struct quarantine *q, quarantine_key_fn fn, void *arg);

#endif
