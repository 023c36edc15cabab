/* verdict.c - asks the plugin about an object that somebody wants to create or to change (VALIDATE), and answers.
 *
 * The object is not in the mirror, and nothing of the key's state changes. A plugin that cannot judge, because it has
 * no validate() or does not run, refuses nothing; the supervisor does not ask such a host. */
#include "engine_internal.h"

#include "ipc/base/utf8.h"

static struct rv_object object_of(const struct msg *m, struct rv_val value) {
    return (struct rv_object){.size = sizeof(struct rv_object),
                              .ns = m->validate.ns,
                              .name = m->validate.name,
                              .uid = m->validate.uid,
                              .resource_version = rv_path_str(value, "metadata.resourceVersion"),
                              .value = value};
}

static void ask_plugin(struct engine *e, const struct msg *m, struct rv_verdict *ret) {
    struct rv_val pair = {m->payload.p, m->payload.n};
    struct rv_object now = object_of(m, rv_val_at(pair, 0)), before = object_of(m, rv_val_at(pair, 1));
    const struct rv_key key = {now.ns, now.name};
    rv_arena_reset(e->scratch);
    if (e->o.flight != NULL) flight_begin(e->o.flight, FLIGHT_VALIDATE, 0, &key, now.uid, e->now.mono);
    e->judging = true;
    e->o.plugin->validate(e->plugin_state, &now, &before, ret);
    e->judging = false;
    flight_end(e->o.flight);
}

void verdict_answer(struct engine *e, const struct msg *m) {
    struct rv_verdict v = {.size = sizeof v};
    if (e->o.plugin->validate != NULL && e->plugin_running) ask_plugin(e, m, &v);
    struct rv_str message = v.refused != 0 ? v.message : (struct rv_str){NULL, 0};
    if (v.refused != 0 && message.n == 0) message = RV_STR("the controller refuses it and gives no reason");
    engine_send(e, &(struct msg){.type = MSG_VERDICT,
                                 .verdict = {.corr = m->validate.corr,
                                             .refused = v.refused != 0,
                                             .message = utf8_clip(message, MSG_VERDICT_MESSAGE),
                                             .warnings = utf8_clip(v.warnings, MSG_VERDICT_WARNINGS)}});
}
