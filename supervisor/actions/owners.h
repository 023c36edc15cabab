/* owners.h - is the owner of what a plugin wants to make still there?
 *
 * While the watch of the owner's kind is broken, the plugin sees an owner that may be gone already. What it makes then
 * is collected as garbage at once, its own watch says so, and it makes it again: a loop as fast as the API server. So
 * in that time, and for a moment after, the owner is read from the API server before anything is made for it. */
#ifndef ACTIONS_OWNERS_H
#define ACTIONS_OWNERS_H

#include "supervisor/supervisor.h"

struct owners;
struct owners *owners_new(struct supervisor *s);
struct owners *owners_free(struct owners *o);

/* The path from which to read the controller of the object that a create or apply makes; NULL: no need. The caller's.
 */
char *owners_doubtful(struct owners *o, const struct rv_action *a);
/* What was read: 0, RV_E_NOT_FOUND (and the cache knows it), or the code of a failure that may pass. */
int owners_judge(struct owners *o, const struct rv_action *a, const struct kube_response *r);
/* Is the object that was there already the one that a create wanted to make? Its controller says so. */
bool owners_same(const struct rv_action *a, struct rv_val found);

#endif
