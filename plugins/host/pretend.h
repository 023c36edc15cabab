/* pretend.h - what a plan takes for the API server: objects in memory, and what writes would make of them.
 *
 * It follows the rules of Kubernetes on which a controller relies: names, uids, versions and generations,
 * preconditions, merge patches, finalizers, and that what an object owns goes with it. It knows nothing about Ray. What
 * is new becomes at once what it would become in a while: a pod is scheduled and ready, a Service has an address, and
 * what is deleted is gone, unless a finalizer holds it. */
#ifndef HOST_PRETEND_H
#define HOST_PRETEND_H

#include "rayvisor/plugin.h"

struct pretend;

struct pretend_object {
    struct pretend_object *next;
    struct rv_str api_version, resource, ns, name, uid, version;
    struct rv_val value;
    bool gone;
};

/* An object has changed. `before` is absent if it is new; o->gone tells that it was removed. All is lent. */
typedef void (*pretend_fn)(void *arg, const struct pretend_object *o, struct rv_val before);

/* `wall` (ns) is the time of all that is made. Everything lives in the arena. */
struct pretend *pretend_new(struct rv_arena *a, int64_t wall, pretend_fn fn, void *arg);
/* Adds an object that is there. fn is not called. */
const struct pretend_object *pretend_add(struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                         struct rv_val value);
/* NULL: there is none. */
const struct pretend_object *pretend_find(const struct pretend *p, struct rv_str api_version, struct rv_str resource,
                                          struct rv_str ns, struct rv_str name);
/* All of them, in the order in which they came; also those that are gone. */
const struct pretend_object *pretend_first(const struct pretend *p);
/* Does what an action asks for (create, apply, patches, delete, delete collection). Returns 0, or the code with which
 * the API server would have refused it. *ret is the object that was written; NULL for a collection. */
int pretend_do(struct pretend *p, const struct rv_action *a, const struct pretend_object **ret);

#endif
