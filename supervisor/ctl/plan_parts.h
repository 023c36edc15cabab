/* plan_parts.h - what the files that make lines of a plan share. Internal to plan_lines.c and plan_fields.c. */
#ifndef CTL_PLAN_PARTS_H
#define CTL_PLAN_PARTS_H

#include "plan.h"

enum { PLAN_FIELDS_MAX = 40 };
struct plan_differences {
    struct plan_field fields[PLAN_FIELDS_MAX];
    size_t n, all;
};
/* The fields in which two states of an object differ, apart from its status and what the API server counts. No value
 * that may be a secret is in the texts. */
void plan_differences(struct rv_arena *a, struct rv_val before, struct rv_val after, struct plan_differences *ret);

#endif
