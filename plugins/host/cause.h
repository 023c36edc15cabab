/* cause.h - why a key is reconciled, and the message that tells the supervisor of it (PASS). */
#ifndef HOST_CAUSE_H
#define HOST_CAUSE_H

#include "engine_internal.h"

void cause_add(struct engine *e, struct queue_key *k, uint32_t why); /* MSG_CAUSE_* */
/* The change that is being mapped concerns this key. Without one the plugin itself wants the pass. */
void cause_note_change(struct engine *e, struct queue_key *k);
/* Takes what has come together since the last pass. If nothing has, the key's time has come. The caller frees the
 * name. */
struct queue_cause cause_take(struct queue_key *k);
/* Sends PASS. Passes that ask for nothing, say nothing new and do not fail are many and uninteresting, so they are only
 * counted. said: its explanation is another one than that of the last pass. */
void cause_tell_pass(struct engine *e, struct queue_key *k, const struct queue_cause *c, const struct rv_outcome *out,
                     bool said);

#endif
