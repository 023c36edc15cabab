/* twin.c - wants come and go (see twin.h). */
#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "rayvisor/k8s.h"
#include "twin_internal.h"

#define SECOND INT64_C(1000000000)
/* TOLD_MAX: log lines about differences in a minute. Everything is in `rayvisorctl twin`. */
enum { TICK_MS = 1000, WANTS_MAX = 50000, BYTES_MAX = 32 << 20, TOLD_MAX = 20 };

/* ---- keys and wants --------------------------------------------------------------------------------------- */

static struct twin_key *key_at(struct hash_table_link *l) { return RV_CONTAINER(l, struct twin_key, link); }

static uint32_t hash_of(struct rv_str plugin, const struct rv_key *key) {
    return hash_end(hash_add(hash_add(hash_add(HASH_BEGIN, plugin), key->ns), key->name));
}

static struct twin_key *find_key(const struct twin *t, struct rv_str plugin, const struct rv_key *key) {
    for (struct hash_table_link *l = hash_table_find(&t->keys, hash_of(plugin, key)); l != NULL;
         l = hash_table_find_next(l)) {
        struct twin_key *k = key_at(l);
        if (rv_str_is(plugin, k->plugin_name) && rv_str_is(key->ns, k->ns) && rv_str_is(key->name, k->name)) return k;
    }
    return NULL;
}

static struct twin_key *ensure_key(struct twin *t, const struct twin_action *a) {
    struct twin_key *k = find_key(t, a->plugin->name, &a->key);
    if (k == NULL) {
        k = rv_alloc(sizeof *k);
        *k = (struct twin_key){.twin = t,
                               .plugin_name = rv_strdup(a->plugin->name),
                               .kind = rv_strdup(a->plugin->manifest->kinds[0].kind),
                               .ns = rv_strdup(a->key.ns),
                               .name = rv_strdup(a->key.name)};
        hash_table_add(&t->keys, &k->link, hash_of(a->plugin->name, &a->key));
    }
    k->plugin = a->plugin;
    return k;
}

void want_free(struct twin *t, struct want *w) {
    struct want **p = &w->key->wants;
    while (*p != w) p = &(*p)->next;
    *p = w->next;
    kube_cancel(w->request);
    fields_free(t, w);
    t->bytes -= w->body.n;
    rv_buf_free(&w->body);
    t->want_n--;
    char *const texts[] = {w->api_version, w->resource, w->subresource, w->ns, w->base, w->name, w->made_uid};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) free(texts[i]);
    free(w);
}

static void key_free(struct twin *t, struct twin_key *k) {
    while (k->wants != NULL) want_free(t, k->wants);
    hash_table_remove(&t->keys, &k->link);
    char *const texts[] = {k->plugin_name, k->kind, k->ns, k->name};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) free(texts[i]);
    free(k);
}

/* The name in which the newest differs from the one before. */
static struct rv_str base_of(const struct twin_action *a) {
    if (a->a->verb == RV_VERB_HTTP) return a->request;
    return a->a->verb == RV_VERB_CREATE ? pair_base(a->a->name) : a->a->name;
}

static struct rv_str resource_of(const struct twin_action *a) {
    return a->a->verb == RV_VERB_HTTP ? RV_STR("http") : a->a->resource;
}

static bool same_want(const struct want *w, const struct twin_action *a) {
    return w->verb == a->a->verb && w->made_uid == NULL && w->request == NULL &&
           rv_str_is(a->a->api_version, w->api_version) && rv_str_is(resource_of(a), w->resource) &&
           rv_str_is(a->a->subresource, w->subresource) && rv_str_is(a->a->ns, w->ns) && rv_str_is(base_of(a), w->base);
}

static struct want *find_want(const struct twin *t, const struct twin_action *a) {
    struct twin_key *k = find_key(t, a->plugin->name, &a->key);
    struct want *w = k != NULL ? k->wants : NULL;
    while (w != NULL && !same_want(w, a)) w = w->next;
    return w;
}

static struct want *make_want(struct twin *t, const struct twin_action *a) {
    if (t->want_n >= WANTS_MAX || t->bytes >= BYTES_MAX) {
        t->stats.left_out++;
        return NULL;
    }
    struct twin_key *k = ensure_key(t, a);
    struct want *w = rv_alloc(sizeof *w);
    *w = (struct want){.next = k->wants,
                       .key = k,
                       .verb = a->a->verb,
                       .api_version = rv_strdup(a->a->api_version),
                       .resource = rv_strdup(resource_of(a)),
                       .subresource = rv_strdup(a->a->subresource),
                       .ns = rv_strdup(a->a->ns),
                       .base = rv_strdup(base_of(a)),
                       .since = clock_monotonic(),
                       .since_wall = clock_wall()};
    k->wants = w;
    t->want_n++;
    return w;
}

/* For pair.c: what is made later is compared with it. */
static void keep_body(struct twin *t, struct want *w, struct rv_bytes body) {
    t->bytes -= w->body.n;
    rv_buf_clear(&w->body);
    if (t->bytes + body.n > BYTES_MAX) {
        t->stats.left_out++;
        return;
    }
    rv_buf_add(&w->body, body.p, body.n);
    t->bytes += w->body.n;
}

void twin_asked(struct twin *t, const struct twin_action *a) {
    struct want *w = find_want(t, a);
    if (w == NULL) w = make_want(t, a);
    if (w == NULL) return;
    w->key->plugin = a->plugin;
    w->asked = clock_monotonic();
    rv_str_store(&w->name, a->a->verb == RV_VERB_HTTP ? a->request : a->a->name);
    if (a->a->verb == RV_VERB_CREATE || a->a->verb == RV_VERB_APPLY) keep_body(t, w, a->a->body);
    if (a->a->verb == RV_VERB_HTTP) fields_note_request(t, w, a->request);
}

void twin_compare(struct twin *t, const struct twin_action *a, struct rv_val theirs) {
    struct want *w = find_want(t, a);
    if (w != NULL) fields_compare(t, w, w->verb, (struct rv_val){a->a->body.p, a->a->body.n}, a->a, theirs);
}

/* ---- rounds ----------------------------------------------------------------------------------------------- */

/* The plugin no longer wants it. What it wanted to make, another operator may have made. */
static void withdraw(struct twin *t, struct want *w) {
    bool makes = w->verb == RV_VERB_CREATE || w->verb == RV_VERB_APPLY;
    if (!makes || !pair_begin(t, w)) want_free(t, w);
}

void twin_round(struct twin *t, struct rv_str plugin, const struct rv_key *key, const struct twin_round *r) {
    struct twin_key *k = find_key(t, plugin, key);
    if (k == NULL) return;
    if (!r->known) {
        key_free(t, k);
        return;
    }
    for (struct want *w = k->wants, *next; r->resting && w != NULL; w = next) {
        next = w->next;
        if (w->made_uid == NULL && w->request == NULL && w->asked < r->began) withdraw(t, w);
    }
    if (k->wants == NULL) key_free(t, k);
}

/* ---- once a second ---------------------------------------------------------------------------------------- */

struct presence {
    const struct want *w;
    bool there;
};

static void see(void *arg, const struct store_object *o) {
    struct presence *p = arg;
    p->there = p->there || rv_str_is(o->uid, p->w->made_uid);
}

static bool is_gone(const struct twin *t, const struct want *w) {
    struct presence p = {w, false};
    return store_each_of(t->s->store, rv_str(w->api_version), rv_str(w->resource), rv_str(w->ns), see, &p) && !p.there;
}

static void tell(struct twin *t, const struct want *w, const struct twin_field *f, int64_t now) {
    if (now - t->told_at > 60 * SECOND) {
        t->told_at = now;
        t->told = 0;
    }
    if (++t->told > TOLD_MAX) return;
    log_warn("a difference that nothing explains", "plugin", w->key->plugin_name, "key", w->key->name, "resource",
             w->resource, "namespace", w->ns, "name", w->name, "field", f->path, "ours", f->ours, "theirs", f->theirs);
}

static void count_fields(struct twin *t, struct want *w, int64_t now) {
    for (size_t i = 0; i < w->field_n; i++) {
        struct twin_field *f = &w->fields[i];
        if (now - f->since < t->o.grace_ms * INT64_C(1000000)) {
            t->stats.young++;
            continue;
        }
        if (f->reason != NULL)
            t->stats.explained++;
        else
            t->stats.unexplained++;
        if (f->counted || f->reason != NULL) continue;
        f->counted = true;
        t->stats.became_unexplained++;
        tell(t, w, f, now);
    }
}

static void look_after(struct twin *t, struct twin_key *k, int64_t now) {
    bool wanted = false;
    for (struct want *w = k->wants, *next; w != NULL; w = next) {
        next = w->next;
        if (w->made_uid != NULL && is_gone(t, w)) {
            want_free(t, w);
            continue;
        }
        wanted = wanted || w->made_uid == NULL;
        count_fields(t, w, now);
    }
    if (wanted || k->wants != NULL)
        t->o.ask(t->o.arg, rv_str(k->plugin_name), &(struct rv_key){rv_str(k->ns), rv_str(k->name)});
    else
        key_free(t, k);
}

void twin_tick(struct twin *t, int64_t now) {
    t->stats.explained = t->stats.unexplained = t->stats.young = 0;
    /* An answer may come at once, and free the key that is asked about. The walk allows that. */
    for (struct hash_table_walk w = hash_table_walk(&t->keys); hash_table_walk_next(&w);)
        look_after(t, key_at(w.link), now);
    if (t->stats.unexplained != 0) t->stats.last_unexplained = clock_wall();
    if (t->stats.unexplained != 0 || !t->o.ready(t->o.arg))
        t->stats.clean_since = 0;
    else if (t->stats.clean_since == 0)
        t->stats.clean_since = clock_wall();
}

static void on_timer(void *arg) {
    struct twin *t = arg;
    twin_tick(t, clock_monotonic());
    loop_timer_arm(t->timer, TICK_MS);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

struct twin *twin_new(struct supervisor *s, const struct twin_opts *o) {
    struct twin *t = rv_alloc(sizeof *t);
    t->s = s;
    t->o = *o;
    t->timer = loop_timer(s->loop, on_timer, t);
    loop_timer_arm(t->timer, TICK_MS);
    return t;
}

struct twin *twin_free(struct twin *t) {
    if (t == NULL) return NULL;
    loop_timer_free(t->timer);
    for (struct hash_table_walk w = hash_table_walk(&t->keys); hash_table_walk_next(&w);) key_free(t, key_at(w.link));
    hash_table_free(&t->keys);
    free(t);
    return NULL;
}

void twin_stats(const struct twin *t, struct twin_stats *ret) { *ret = t->stats; }
