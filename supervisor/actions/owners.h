/* owners.h - checks that the owner of an object still exists before a plugin creates the object.
 *
 * While the watch of the owner's kind is broken, the plugin may still see an owner that has been deleted. The garbage
 * collector would delete the new object, the plugin's watch would report that, and the plugin would create it again, as
 * fast as the API server allows. So while the watch is broken, and for a moment after, the owner is read from the API
 * server first. */
#ifndef ACTIONS_OWNERS_H
#define ACTIONS_OWNERS_H

#include "supervisor/supervisor.h"

struct owners;
struct owners *owners_new(struct supervisor *s);
struct owners *owners_free(struct owners *o);

/* The path of the controller of the object that a create or apply makes. NULL if no check is needed. The caller frees
 * it. */
char *owners_check_path(struct owners *o, const struct rv_action *a);
/* The result of reading the owner: 0, RV_E_NOT_FOUND (the cache is then updated), or the code of a failure that may
 * pass. */
int owners_check_answer(struct owners *o, const struct rv_action *a, const struct kube_response *r);
/* True if the object that already exists is the one that a create wanted to make. Its controller shows that. */
bool owners_same(const struct rv_action *a, struct rv_val found);

#endif
