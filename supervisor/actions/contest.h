/* contest.h - notices that another manager deletes again and again what we make, soon after we have made it, or makes
 * again and again what we delete. As in undone.h, the next request is held back, which is told once, and is tried again
 * after ever longer pauses.
 *
 * Objects count together that have one resource, namespace and name, or the same name without the five characters that
 * are drawn for each; those that we make, also one controller. Many of them that go at once are one time. What ends it:
 * the object that the plugin works on has another generation. Bounded tables by hash; what shares a place with another
 * is forgotten sooner. */
#ifndef ACTIONS_CONTEST_H
#define ACTIONS_CONTEST_H

#include "rayvisor/plugin.h"

struct contest;
struct contest *contest_new(void);
struct contest *contest_free(struct contest *c);

struct contest_finding {
    bool first;            /* it has not been told yet */
    int64_t pause_ms;      /* until it is tried again */
    struct rv_str manager; /* who makes what we delete; "": nobody says so. Lent until the next call */
};
/* Before a create, an apply or a delete. True: it is not sent now. generation: of the object that the plugin works on,
 * 0 where it is not known. now: mono ns */
bool contest_judge(struct contest *c, const struct rv_action *a, int64_t generation, int64_t now,
                   struct contest_finding *ret);
/* After a create, or an apply that made it: the object in the answer. */
void contest_made(struct contest *c, const struct rv_action *a, struct rv_val object, int64_t generation, int64_t now);
/* Whether the deletion of this object may count. Only then its managedFields are worth reading. */
bool contest_is_young(struct rv_val object, int64_t wall);
/* After a delete: the object in the answer, with its managedFields. */
void contest_deleted(struct contest *c, const struct rv_action *a, struct rv_val object, int64_t generation,
                     int64_t now, int64_t wall);

struct contest_name {
    struct rv_str api_version, resource, ns, name, uid;
};
/* An object is there no longer. It may be said several times. */
void contest_gone(struct contest *c, const struct contest_name *n, int64_t now);

#endif
