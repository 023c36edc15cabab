/* op_trail.c - see op_trail.h. */
#include "op_trail.h"

#include "ipc/base/utf8.h"
#include "policy.h"
#include "supervisor/config/url.h"
#include "supervisor/trail/trail.h"

enum { MESSAGE_MAX = 240 };

/* A timer is only how a plugin waits. */
static bool shown(const struct op *op) { return op->kind != NULL && op->m.a.verb != RV_VERB_TIMER; }

static void add_target(const struct op *op, struct rv_buf *out) {
    const struct rv_http_request *h = &op->m.http;
    if (op->m.a.verb != RV_VERB_HTTP) return;
    struct rv_str url = url_without_query(h->url);
    rv_buf_addf(out, RV_STR_FMT " " RV_STR_FMT, RV_STR_ARG(h->method), RV_STR_ARG(url));
}

struct texts {
    struct rv_buf resource, target, text;
};

static struct happening begin(struct op *op, enum happening_what what, struct texts *t) {
    const struct rv_action *a = &op->m.a;
    bool event = a->verb == RV_VERB_EVENT;
    int64_t ago = clock_monotonic() - op->asked;
    rv_buf_addf(&t->resource, RV_STR_FMT "%s" RV_STR_FMT, RV_STR_ARG(a->resource), a->subresource.n != 0 ? "/" : "",
                RV_STR_ARG(a->subresource));
    add_target(op, &t->target);
    if (event)
        rv_buf_addf(&t->text, RV_STR_FMT ": " RV_STR_FMT, RV_STR_ARG(op->m.event.reason), RV_STR_ARG(op->m.event.note));
    struct rv_str named = event            ? op->m.event.name
                          : a->name.n != 0 ? a->name
                          : a->verb == RV_VERB_CREATE
                              ? rv_path_str((struct rv_val){a->body.p, a->body.n}, "metadata.generateName")
                              : a->selector;
    return (struct happening){.what = what,
                              .at = clock_wall() - ago,
                              .plugin = trail_name(op->x->s->trail, rv_str(op->plugin_name)),
                              .kind = op->kind,
                              .ns = op->m.key.ns,
                              .name = op->m.key.name,
                              .verb = policy_verb(a->verb),
                              .code = "",
                              .resource = event ? RV_STR("") : rv_buf_str(&t->resource),
                              .target_ns = event ? op->m.event.ns : a->ns,
                              .target = t->target.n != 0 ? rv_buf_str(&t->target) : named,
                              .text = rv_buf_str(&t->text)};
}

static void end(struct texts *t) {
    rv_buf_free(&t->resource);
    rv_buf_free(&t->target);
    rv_buf_free(&t->text);
}

void op_trail_asked(struct op *op) {
    struct trail *trail = op->x->s->trail;
    const struct executor_client *c = op->client;
    if (trail == NULL || c == NULL || op->m.key.name.n == 0) return;
    struct texts t = {0};
    op->known = c->knows == NULL || c->knows(c->arg, op->m.key.ns, op->m.key.name);
    op->kind = trail_name(trail, c->config->manifest->kinds[0].kind);
    if (!shown(op)) return;
    struct happening h = begin(op, HAPPENING_REQUEST, &t);
    trail_action(trail, &h, op->known);
    if (op->m.a.verb == RV_VERB_EVENT) { /* it waits for a quiet moment, and nobody waits for it */
        h.what = HAPPENING_RESULT;
        h.code = rv_error_name(0);
        trail_action(trail, &h, op->known);
        op->kind = NULL;
    }
    end(&t);
}

void op_trail_ended(struct op *op, const struct rv_result *r) {
    struct trail *trail = op->x->s->trail;
    int64_t now = clock_monotonic();
    if (trail == NULL || op->m.a.verb >= RV_VERB_TIMER || op->m.a.verb == RV_VERB_EVENT) return;
    struct texts t = {0};
    struct happening h = begin(op, HAPPENING_RESULT, &t);
    h.code = rv_error_name(r->code);
    h.http_status = r->http_status;
    h.retries = op->retries;
    h.waited_us = (uint64_t)((op->begun != 0 ? op->begun : now) - op->asked) / 1000;
    if (op->begun != 0) h.took_us = (uint64_t)(now - op->begun) / 1000 + 1;
    if (h.target.n == 0 || (op->m.a.verb == RV_VERB_CREATE && op->m.a.name.n == 0 && r->name.n != 0))
        h.target = r->name;
    /* It may quote a value. */
    if (r->code != 0 && !rv_str_is(op->m.a.resource, "secrets")) {
        rv_buf_add_str(&t.text, utf8_clip(r->message, MESSAGE_MAX));
        h.text = rv_buf_str(&t.text);
    }
    trail_action(trail, &h, op->known);
    end(&t);
}
