/* trail.c - see trail.h. */
#include "trail.h"

#include <stdlib.h>

#include "tap.h"

#define SECOND INT64_C(1000000000)

struct name {
    struct name *next;
    char text[];
};

struct trail {
    struct supervisor *s;
    struct name *names;
    struct history *history;
    struct latencies *latencies;
    struct tap *tap;
    char *tap_refused;
};

static struct history_bounds bounds_of(const struct config *c) {
    return (struct history_bounds){c->history_object, c->history_total, c->history_keep_s * SECOND};
}

/* ---- the tap -------------------------------------------------------------------------------------------- */

static void tell(struct trail *t, const struct happening *h) {
    static const char why[] = "an observer made too many subscriptions, so the tap was closed until the next start";
    if (t->tap == NULL) return;
    tap_publish(t->tap, h);
    if (!tap_is_flooded(t->tap)) return;
    log_error("there is no tap", "reason", why);
    t->tap = tap_close(t->tap);
    t->tap_refused = rv_strdup(RV_STR(why));
}

static void on_stored(void *arg, const struct store_object *o, bool deleted) {
    struct trail *t = arg;
    const char *kind = store_collection_kind(o->collection);
    if (t->tap == NULL || strcmp(kind, "Secret") == 0) return;
    tell(t, &(struct happening){.what = HAPPENING_CHANGE,
                                .at = clock_wall(),
                                .plugin = "",
                                .kind = kind,
                                .ns = o->ns,
                                .name = o->name,
                                .version = o->resource_version,
                                .deleted = deleted});
}

/* Where it cannot be had the operator goes on without it: it is only for looking on. */
static void open_tap(struct trail *t) {
    const struct config *c = t->s->config;
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    if (c->tap_endpoint.n != 0)
        rv_buf_add_str(&b, c->tap_endpoint);
    else
        rv_buf_addf(&b, "ipc://" RV_STR_FMT "/tap.sock", RV_STR_ARG(c->runtime_dir));
    t->tap = tap_open(t->s->lanes, rv_buf_cstr(&b), c->tap_queue, t->s->epoch, &err);
    if (t->tap != NULL) {
        log_info("the tap is open", "endpoint", tap_endpoint(t->tap));
        return;
    }
    t->tap_refused = rv_strdup(rv_str(err.text));
    log_error("there is no tap", "reason", err.text);
}

void trail_reconfigure(struct trail *t) {
    if (t == NULL) return;
    struct history_bounds b = bounds_of(t->s->config);
    history_reconfigure(t->history, &b);
}

const char *trail_tap(const struct trail *t, uint64_t *ret_told, const char **ret_refused) {
    *ret_told = t != NULL && t->tap != NULL ? tap_published(t->tap) : 0;
    *ret_refused = t != NULL ? t->tap_refused : NULL;
    return t != NULL && t->tap != NULL ? tap_endpoint(t->tap) : NULL;
}

/* ---- what happens --------------------------------------------------------------------------------------- */

const char *trail_name(struct trail *t, struct rv_str name) {
    for (const struct name *n = t->names; n != NULL; n = n->next)
        if (rv_str_is(name, n->text)) return n->text;
    struct name *n = rv_alloc(sizeof *n + name.n + 1);
    if (name.n != 0) memcpy(n->text, name.p, name.n);
    n->next = t->names;
    t->names = n;
    return n->text;
}

void trail_pass(struct trail *t, const struct config_plugin *c, const struct msg_pass *p, bool known) {
    if (t == NULL) return;
    const struct manifest *m = c->manifest;
    bool related = (p->cause & MSG_CAUSE_RELATED) != 0 && p->kind < m->kind_n;
    struct happening h = {.what = HAPPENING_PASS,
                          .at = clock_wall(),
                          .plugin = trail_name(t, c->name),
                          .kind = trail_name(t, m->kinds[0].kind),
                          .ns = p->key.ns,
                          .name = p->key.name,
                          .cause = p->cause,
                          .changes = p->changes,
                          .quiet = p->quiet,
                          .actions = p->actions,
                          .outcome = p->outcome,
                          .next_ms = p->next_ms,
                          .waited_us = p->waited_us,
                          .related_kind = related ? trail_name(t, m->kinds[p->kind].kind) : "",
                          .target = p->name,
                          .text = p->said};
    latencies_add(t->latencies, LATENCY_PASS, c->name, RV_STR(""), p->waited_us);
    if (known || history_has(t->history, h.kind, h.ns, h.name)) history_add(t->history, &h);
    tell(t, &h);
}

void trail_object(struct trail *t, const char *kind, const struct store_object *o, bool deleted) {
    if (t == NULL) return;
    if (deleted)
        history_gone(t->history, kind, o->ns, o->name, clock_monotonic());
    else
        history_back(t->history, kind, o->ns, o->name);
}

void trail_action(struct trail *t, const struct happening *h, bool known) {
    if (t == NULL) return;
    if (h->what == HAPPENING_RESULT && h->took_us != 0) {
        latencies_add(t->latencies, LATENCY_ACTION, rv_str(h->verb), h->resource, h->took_us);
        latencies_add(t->latencies, LATENCY_TURN, rv_str(h->plugin), RV_STR(""), h->waited_us);
    }
    if (h->kind == NULL) return;
    if (h->what == HAPPENING_RESULT && (known || history_has(t->history, h->kind, h->ns, h->name)))
        history_add(t->history, h);
    tell(t, h);
}

void trail_tick(struct trail *t) {
    if (t != NULL) history_sweep(t->history, clock_monotonic());
}

const struct history *trail_history(const struct trail *t) { return t->history; }
const struct latencies *trail_latencies(const struct trail *t) { return t->latencies; }

/* ---- life ----------------------------------------------------------------------------------------------- */

struct trail *trail_new(struct supervisor *s) {
    struct trail *t = rv_alloc(sizeof *t);
    struct history_bounds b = bounds_of(s->config);
    *t = (struct trail){.s = s, .history = history_new(&b), .latencies = latencies_new()};
    store_observe(s->store, on_stored, t);
    if (s->config->tap) open_tap(t);
    return t;
}

struct trail *trail_free(struct trail *t) {
    if (t == NULL) return NULL;
    store_observe(t->s->store, NULL, NULL);
    tap_close(t->tap);
    free(t->tap_refused);
    history_free(t->history);
    latencies_free(t->latencies);
    for (struct name *n = t->names, *next; n != NULL; n = next) {
        next = n->next;
        free(n);
    }
    free(t);
    return NULL;
}
