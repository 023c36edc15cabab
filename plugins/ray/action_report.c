/* action_report.c - see action_report.h. */
#include "action_report.h"

#include "ownership.h"

void rc_report_success(struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r,
                       const char *suffix) {
    if (t->did == NULL) return;
    ctx_event(x, false, t->did, t->action,
              rv_arena_fmt(x->arena, "%s %s " RV_STR_FMT "/" RV_STR_FMT "%s", t->past, t->what, RV_STR_ARG(r->ns),
                           RV_STR_ARG(r->name), suffix));
}

/* The object that was asked for exists and is not ours, so the name cannot be used. */
static struct rv_str name_taken(struct rc_context *x) {
    return rv_arena_fmt(x->arena, "it exists and is not controlled by this %s: delete or rename it", x->kind);
}

struct rv_str rc_report_failure(struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r) {
    struct rv_str why = r->code == RV_E_EXISTS ? name_taken(x) : rc_result_text(r),
                  note = rv_arena_fmt(x->arena, "Failed to %s %s " RV_STR_FMT "/" RV_STR_FMT ": " RV_STR_FMT, t->verb,
                                      t->what, RV_STR_ARG(r->ns), RV_STR_ARG(r->name), RV_STR_ARG(why));
    ctx_event(x, true, t->failed, t->action, note);
    return note;
}

bool rc_made_before(const struct rc_context *x, const struct rc_action_report *t, const struct rv_result *r) {
    struct rv_object o = {.size = sizeof o};
    return r->code == RV_E_EXISTS && t->kind != RC_NO_KIND && ctx_get(x, (uint32_t)t->kind, r->name, &o) &&
           rc_ownership(o.value, x->kind, x->name, x->uid) == RC_OWNER_US;
}

bool rc_overtaken(const struct rv_result *r) {
    return r->verb != RV_VERB_CREATE && (r->code == RV_E_NOT_FOUND || r->code == RV_E_CONFLICT);
}
