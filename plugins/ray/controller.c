/* controller.c - see controller.h. */
#include "controller.h"

#include "fields.h"

struct rc_context rc_context_of(const struct rv_pass *p) {
    return (struct rc_context){.api = p->api,
                               .host = p->host,
                               .arena = p->arena,
                               .kind = p->controller->kinds[0].kind,
                               .controller = p->controller->reporter,
                               .ns = p->key.ns,
                               .name = p->key.name,
                               .uid = p->object.uid};
}

void rc_set_outcome(struct rv_pass *p, const struct rv_outcome *out) {
    if (out->code == RV_RETRY) rv_pass_retry(p, RV_STR_FMT, RV_STR_ARG(out->message));
    if (out->code == RV_TERMINAL) rv_pass_terminal(p, RV_STR_FMT, RV_STR_ARG(out->message));
    if (out->code == RV_AFTER) rv_pass_wake_after(p, out->after_ms);
}

void rc_set_outcome_of(struct rv_pass *p, const struct rc_context *x) {
    if (x->retry) {
        rv_pass_retry(p, "an action failed");
        if (x->wake > ctx_now(x)) x->api->requeue(x->host, &p->key, ctx_wake_ms(x));
    } else if (x->wake != 0) {
        rv_pass_wake_after(p, ctx_wake_ms(x));
    }
}

bool rc_managed_elsewhere(struct rv_val spec) {
    struct rv_val manager = rv_val_get(spec, "managedBy");
    return rv_val_set(manager) && !rv_str_is(rv_val_str(manager), RC_MANAGER);
}
