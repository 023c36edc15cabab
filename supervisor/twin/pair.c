/* pair.c - which object is the one that a plugin would have made (see twin_internal.h).
 *
 * It has that name, or the same name without the five characters that are drawn for each, and the same controller. Of
 * several the one is taken whose labels agree most, because they say which pod of a group it is. */
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"
#include "twin_internal.h"

/* The clock of the API server is another one. */
#define CLOCKS_DIFFER (INT64_C(10) * 1000000000)
enum { SUFFIX = 5 };

struct rv_str pair_base(struct rv_str name) {
    if (name.n > SUFFIX + 1 && name.p[name.n - SUFFIX - 1] == '-') name.n -= SUFFIX;
    return name;
}

struct search {
    const struct twin *t;
    const struct want *w;
    struct rv_val body;
    struct rv_str controller;
    const struct store_object *best;
    int agree;
};

static uint64_t uid_hash(struct rv_str uid) { return hash64_texts(&uid, 1) | 1; }

static bool is_paired(const struct twin *t, struct rv_str uid) {
    return t->paired[uid_hash(uid) % TWIN_PAIRED_MAX] == uid_hash(uid);
}

static int agreement(struct rv_val ours, struct rv_val theirs) {
    int n = 0;
    for (struct rv_iter it = rv_iter(ours); rv_iter_next(&it);)
        n += rv_val_equal(it.val, rv_val_getn(theirs, it.key)) ? 1 : 0;
    return n;
}

static void look_at(void *arg, const struct store_object *o) {
    struct search *s = arg;
    struct rv_bytes b = blob_bytes(o->blob);
    struct rv_val v = {b.p, b.n};
    int64_t created = INT64_MAX;
    bool named = rv_str_is(o->name, s->w->name) || rv_str_is(pair_base(o->name), s->w->base);
    if (!named || is_paired(s->t, o->uid) || !rv_str_eq(rv_meta_controller_uid(v), s->controller)) return;
    bool old = rv_time_parse(rv_path_str(v, "metadata.creationTimestamp"), &created) == 0 &&
               created + CLOCKS_DIFFER < s->w->since_wall;
    int agree = agreement(rv_val_path(s->body, "metadata.labels"), rv_val_path(v, "metadata.labels"));
    if (old || (s->best != NULL && agree <= s->agree)) return;
    s->best = o;
    s->agree = agree;
}

static void on_read(void *arg, const struct kube_response *r) {
    struct want *w = arg;
    struct twin *t = w->key->twin;
    rv_autobuf struct rv_buf mp = {0};
    w->request = NULL;
    struct rv_str text = {(const char *)r->body.p, r->body.n};
    if (r->code != 0 || rv_json_to_mp(text, NULL, &mp, NULL) != 0) {
        t->stats.left_out += r->code != RV_E_NOT_FOUND;
        want_free(t, w);
        return;
    }
    struct rv_val there = {mp.p, mp.n};
    const struct rv_val body = {w->body.p, w->body.n};
    struct rv_str uid = rv_path_str(there, "metadata.uid");
    t->paired[uid_hash(uid) % TWIN_PAIRED_MAX] = uid_hash(uid);
    fields_compare(t, w, w->verb, body, NULL, there);
    if (w->field_n == 0) {
        want_free(t, w);
        return;
    }
    rv_str_store(&w->name, rv_path_str(there, "metadata.name"));
    rv_str_store(&w->made_uid, uid);
    t->bytes -= w->body.n;
    rv_buf_free(&w->body);
}

bool pair_begin(struct twin *t, struct want *w) {
    struct search s = {.t = t, .w = w, .body = {w->body.p, w->body.n}};
    s.controller = rv_meta_controller_uid(s.body);
    if (w->body.n == 0) return false;
    store_each_of(t->s->store, rv_str(w->api_version), rv_str(w->resource), rv_str(w->ns), look_at, &s);
    if (s.best == NULL) return false;
    rv_autofree char *path =
        kube_path(rv_str(w->api_version), rv_str(w->ns), rv_str(w->resource), s.best->name, RV_STR(""), NULL);
    w->request = kube_send(t->s->client, &(struct kube_request_opts){.method = "GET", .path = path}, on_read, w);
    return true;
}
