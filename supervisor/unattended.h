/* unattended.h - objects of kinds that no enabled plugin works on: one event (reason NoController) says so on each,
 * once.
 *
 * Only their metadata is listed and watched, into a store of its own, which no plugin sees and on which readiness does
 * not depend. The event's name is made from the object's uid, so a restart or another instance does not write a second
 * one while the API server keeps the first. */
#ifndef SUPERVISOR_UNATTENDED_H
#define SUPERVISOR_UNATTENDED_H

#include "supervisor.h"

/* Looks at what the configuration in force leaves out; call it again after a reload. */
void unattended_start(struct supervisor *s);
void unattended_free(struct supervisor *s);

struct unattended_info {
    struct rv_str kind, resource, plugin; /* that would work on it */
    const char *ns, *state;               /* of the watch; ns NULL: all namespaces */
    size_t objects;
};
typedef void (*unattended_info_fn)(void *arg, const struct unattended_info *i);
void unattended_each(const struct supervisor *s, unattended_info_fn fn, void *arg);
uint64_t unattended_events(const struct supervisor *s); /* written since the start */

#endif
