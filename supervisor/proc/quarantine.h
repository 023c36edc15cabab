/* quarantine.h - if an object kills its plugin twice within an hour, the plugin does not get it any more until the
 * object changes or a user releases it. One bad object must not stop the others. */
#ifndef PROC_QUARANTINE_H
#define PROC_QUARANTINE_H

#include "plugin.h"

struct quarantine;
/* `kind` is an index into the manifest's kinds. 0 is the primary kind. For any other kind, map() is not called for the
 * object. `on` puts the object into quarantine or releases it. */
typedef void (*quarantine_key_fn)(void *arg, uint32_t kind, struct rv_str ns, struct rv_str name, bool on);
struct quarantine_callbacks {
    quarantine_key_fn key; /* called when this changes while the plugin runs */
    /* Sends a Kubernetes event about an object; the event is borrowed. */
    void (*event)(void *arg, const struct rv_event *e);
    void *arg;
};
struct quarantine *quarantine_new(const struct config_plugin *c, const struct quarantine_callbacks *on);
struct quarantine *quarantine_free(struct quarantine *q);
void quarantine_reconfigure(struct quarantine *q, const struct config_plugin *c);
enum blame { BLAME_NOBODY /* too many objects are known already */, BLAME_NOTED, BLAME_PUT_AWAY };
/* The plugin died while it worked on this object. */
enum blame quarantine_blame(struct quarantine *q, uint32_t kind, const struct store_object *o, const char *how);
/* An object has changed. A new generation or a new uid ends the quarantine. So do other labels, or other annotations if
 * the plugin reads any. A write of the status does not. */
void quarantine_object_changed(struct quarantine *q, uint32_t kind, const struct store_object *o, bool deleted);
/* Checks all objects, because changes may have happened while nobody watched. `lookup` returns NULL if the object does
 * not exist. */
void quarantine_refresh(struct quarantine *q,
                        const struct store_object *(*lookup)(void *arg, uint32_t kind, struct rv_str ns,
                                                             struct rv_str name),
                        void *arg);
/* Releases the object of that name, of any kind. */
bool quarantine_release(struct quarantine *q, struct rv_str ns, struct rv_str name);
void quarantine_clear(struct quarantine *q);
void quarantine_each(const struct quarantine *q, void (*fn)(void *arg, const struct quarantine_info *i), void *arg);
void quarantine_each_key(const struct quarantine *q, quarantine_key_fn fn, void *arg);

#endif
