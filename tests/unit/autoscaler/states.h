/* states.h - cluster states and decisions as JSON: how tests, the comparison with Ray's scheduler and the benchmark
 * write them down. The keys are those of plugins/autoscaler/model.h. */
#ifndef TESTS_AUTOSCALER_STATES_H
#define TESTS_AUTOSCALER_STATES_H

#include "plugins/autoscaler/decision.h"
#include "rayvisor/json.h"

/* The state of a JSON object; it lives in the arena. */
struct as_state state_from_json(struct rv_arena *a, struct rv_str json);

/* {"launch":{group:n},"remove":{pod:why},"unmet":[[demand,count,capped]],"gangs":[[gang,capped]],"held":"ok",...} */
void decision_to_json(const struct as_state *s, const struct as_decision *d, struct rv_buf *out);

#endif
