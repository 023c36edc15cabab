/* gang.h - placement groups as requests: which comes first, and what must be on one node becomes one request. */
#ifndef AUTOSCALER_GANG_H
#define AUTOSCALER_GANG_H

#include "plugins/autoscaler/model.h"

/* Those with the most constraints first, then those with the most bundles, then as they came. */
const struct as_gang **gang_sort(struct rv_arena *a, const struct as_gang *gangs, size_t n);

/* The bundles of a gang, each once. Bundles with the same "together" label and the same selectors are added up. */
const struct as_demand *gang_demands(struct rv_arena *a, const struct as_gang *gang, size_t *ret_n);

#endif
