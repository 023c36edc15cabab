/* undone.h - notices a write that another manager undoes again and again, as two operators do to each other: the same
 * write to the same object, each time on an object that somebody else has changed since. After a few of them the object
 * is looked at before the next: who has what the write wants, by its managedFields? If that is another manager the
 * write is not sent, which is told once, and tried again after ever longer pauses.
 *
 * What ends it: the object that the plugin works on has another generation, or the object itself another uid. A bounded
 * table by hash; what shares a place with another write is forgotten sooner. */
#ifndef ACTIONS_UNDONE_H
#define ACTIONS_UNDONE_H

#include "rayvisor/plugin.h"

struct undone;
struct undone *undone_new(void);
struct undone *undone_free(struct undone *u);

enum undone_verdict {
    UNDONE_SEND,
    UNDONE_LOOK, /* read the object, undone_look() decides */
    UNDONE_WAIT
};
/* Before a write. generation: of the object that the plugin works on, 0 where it is not known. now: mono ns */
enum undone_verdict undone_judge(struct undone *u, const struct rv_action *a, int64_t generation, int64_t now,
                                 int64_t *ret_wait_ms);

struct undone_finding {
    bool first;                   /* it has not been told yet */
    int64_t pause_ms;             /* until it is tried again */
    struct rv_buf manager, field; /* whose value stands there ("" nobody says so), and where; the caller frees both */
};
/* The object as it is before the write, with its managedFields. True: the write was undone again, and is not sent now.
 */
bool undone_look(struct undone *u, const struct rv_action *a, struct rv_val object, int64_t now,
                 struct undone_finding *ret);
/* After a write: the object in the answer. */
void undone_written(struct undone *u, const struct rv_action *a, struct rv_val object, int64_t generation, int64_t now,
                    int64_t wall);

#endif
