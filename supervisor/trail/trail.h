/* trail.h - what happens, for those who look on: the history of each object, the tap, and histograms.
 *
 * Nothing here has an effect on what is done. Every function accepts a NULL trail and then does nothing. */
#ifndef TRAIL_TRAIL_H
#define TRAIL_TRAIL_H

#include "history.h"
#include "latencies.h"
#include "supervisor/supervisor.h"

struct trail *trail_new(struct supervisor *s);
struct trail *trail_free(struct trail *t);
/* The supervisor has another configuration. */
void trail_reconfigure(struct trail *t);
/* Every few seconds: forgets what was deleted long ago. */
void trail_tick(struct trail *t);

/* A copy of a name of the configuration, which stays as long as the trail. There are not many. */
const char *trail_name(struct trail *t, struct rv_str name);

/* A plugin says that it has reconciled. known: it has got the object. */
void trail_pass(struct trail *t, const struct config_plugin *c, const struct msg_pass *p, bool known);
/* A primary object of a plugin has changed, or is gone. */
void trail_object(struct trail *t, const char *kind, const struct store_object *o, bool deleted);
/* A REQUEST or a RESULT. The history keeps results; of keys that nobody has got (known: false) only where it has that
 * object already. h->kind is NULL if it is of no key, and then only its latencies count. */
void trail_action(struct trail *t, const struct happening *h, bool known);

const struct history *trail_history(const struct trail *t);
const struct latencies *trail_latencies(const struct trail *t);
/* NULL: there is no tap. *ret_refused: why not, although there should be; or NULL. */
const char *trail_tap(const struct trail *t, uint64_t *ret_told, const char **ret_refused);

#endif
