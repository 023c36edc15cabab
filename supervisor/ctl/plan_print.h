/* plan_print.h - what the controllers said, and the plan as text, JSON or YAML. */
#ifndef CTL_PLAN_PRINT_H
#define CTL_PLAN_PRINT_H

#include "command.h"
#include "plan.h"
#include "supervisor/plan/plan.h"

/* A sentence about an object; a controller's own words. */
struct plan_sentence {
    struct plan_sentence *next;
    struct rv_str kind, ns, name, text;
    int remark; /* enum plan_remark; PLAN_SAYS: what it does and waits for */
};
enum { PLAN_SAYS = -1 };

struct plan_report {
    struct rv_arena *arena;
    struct plan_sentence *first, *last;
    struct rv_str notes; /* lines */
};
/* Adds a sentence, unless it is there. */
void plan_report_say(struct plan_report *r, struct rv_str kind, struct rv_str ns, struct rv_str name, int remark,
                     struct rv_str text);
/* Takes from the answer of a controller what it says about objects that concern the plan. */
void plan_report_answer(struct plan_report *r, const struct plan_state *s, const struct config_plugin *plugin,
                        struct rv_val answer);
/* Prints the plan. Returns 0 if nothing changes, CTL_CHANGES if something does, and an error if an object is
 * refused. */
int plan_report_print(const struct plan_report *r, const struct plan_state *s, struct ctl_context *c);

#endif
