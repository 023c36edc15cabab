/* cause.c - see cause.h. */
#include "cause.h"

#include "ipc/base/utf8.h"

enum { SAID_MAX = 512 /* bytes of an explanation that a PASS carries */ };

void cause_add(struct engine *e, struct queue_key *k, uint32_t why) {
    if (k->cause.since == 0) k->cause.since = e->now.mono;
    k->cause.why |= why;
}

void cause_note_change(struct engine *e, struct queue_key *k) {
    const struct rv_object *o = e->mapped;
    if (o == NULL || e->state == ENGINE_SYNCING) {
        cause_add(e, k, o != NULL ? MSG_CAUSE_START : MSG_CAUSE_PLUGIN);
        return;
    }
    bool own =
        (e->kind_flags[o->kind] & MSG_KIND_PRIMARY) != 0 && rv_str_eq(o->name, k->name) && rv_str_eq(o->ns, k->ns);
    cause_add(e, k, own ? MSG_CAUSE_CHANGED : MSG_CAUSE_RELATED);
    if (own) return;
    k->cause.changes++;
    if (k->cause.name != NULL) return;
    if (e->mapped_gone) k->cause.why |= MSG_CAUSE_GONE;
    k->cause.name = rv_strdup(o->name);
    k->cause.kind = o->kind;
}

struct queue_cause cause_take(struct queue_key *k) {
    struct queue_cause c = k->cause;
    if (c.why == 0) {
        c.why = k->failures > 0 ? MSG_CAUSE_BACKOFF : MSG_CAUSE_PLANNED;
        c.since = k->due;
    }
    k->cause = (struct queue_cause){0};
    return c;
}

void cause_tell_pass(struct engine *e, struct queue_key *k, const struct queue_cause *c, const struct rv_outcome *out,
                     bool said) {
    bool failed = out->code != RV_DONE && out->code != RV_AFTER;
    if (e->submitted == 0 && !said && !failed) {
        if (k->quiet < UINT32_MAX) k->quiet++;
        return;
    }
    struct msg m = {.type = MSG_PASS,
                    .pass = {.key = {k->ns, k->name},
                             .cause = c->why,
                             .kind = c->kind,
                             .name = rv_str(c->name != NULL ? c->name : ""),
                             .changes = c->changes,
                             .quiet = k->quiet,
                             .actions = e->submitted,
                             .outcome = out->code,
                             .next_ms = out->code == RV_AFTER ? out->after_ms : 0,
                             .waited_us = e->now.mono > c->since ? (uint64_t)(e->now.mono - c->since) / 1000 : 0}};
    if (said) m.pass.said = utf8_clip(rv_str(k->explain), SAID_MAX);
    k->quiet = 0;
    engine_send(e, &m);
}
