/* decision.h - how many nodes of which group a cluster gets, and which nodes it loses: a pure function.
 *
 * Nothing is remembered between rounds: the same state gives the same decision, byte for byte. The rules, in order:
 *   1. nodes of groups that are gone are removed; each group is filled up to its minimum;
 *   2. what is above a group's or the cluster's maximum is removed: nodes without Ray first, then the longest idle;
 *   3. capacity that is held (request_resources) is packed on total resources, all or nothing;
 *   4. gangs (placement groups) are packed on what is available, each all or nothing; 5. then single requests;
 *   6. nodes that are idle for too long and that nothing above needs are removed, never below the minimum.
 * The packing is in packing.h. A node that is removed in one step counts for none of the later ones.
 */
#ifndef AUTOSCALER_DECISION_H
#define AUTOSCALER_DECISION_H

#include "plugins/autoscaler/model.h"

/* The decision lives in the arena, and points into the state. */
void as_decide(struct rv_arena *a, const struct as_state *state, struct as_decision *ret_decision);

/* Why a new node of this group cannot hold the request, in words: "GPU: asks for 2, a node has 1". An empty text when
 * it can (then a limit stands in the way). */
struct rv_str as_why_not(struct rv_arena *a, const struct as_group *group, const struct as_request *request);

#endif
