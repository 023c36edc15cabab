/* unattended.c - see unattended.h. */
#include "unattended.h"

#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/table.h"
#include "ipc/base/utf8.h"
#include "leadership.h"
#include "rayvisor/k8s.h"
#include "supervisor/actions/recorder.h"

/* One event every so often, so that ten thousand objects do not cost the API server more than a busy operator does. */
enum { EVERY_MS = 200, WAIT_MS = 1000, NAME_MAX_BYTES = 200 };
static const char reason[] = "NoController";

struct kind;
struct told {
    struct hash_table_link link;
    struct told *next; /* in the queue */
    struct kind *kind;
    char *ns, *name, *uid;
    bool queued, gone;
};

/* One kind in one namespace, or in all. */
struct kind {
    struct unattended *owner;
    struct kind *next;
    struct store_collection *objects;
    struct store_listener *listener;
    struct kube_watch *watch;
    char *api_version, *kind, *resource, *plugin, *ns;
    enum kube_watch_state state;
    bool complained;
};

struct unattended {
    struct supervisor *s;
    struct store *store;
    struct kind *kinds;
    struct hash_table told; /* by uid */
    struct told *first, **last;
    struct loop_timer *timer;
    struct kube_request *request; /* about `first` */
    uint64_t events;
};

/* ---- what was told ------------------------------------------------------------------------------------------------
 */

static uint32_t hash_uid(struct rv_str uid) { return hash_end(hash_add(HASH_BEGIN, uid)); }

static struct told *find(const struct unattended *u, struct rv_str uid) {
    for (struct hash_table_link *l = hash_table_find(&u->told, hash_uid(uid)); l != NULL; l = hash_table_find_next(l)) {
        struct told *t = RV_CONTAINER(l, struct told, link);
        if (rv_str_is(uid, t->uid)) return t;
    }
    return NULL;
}

static void forget(struct unattended *u, struct told *t) {
    hash_table_remove(&u->told, &t->link);
    free(t->ns);
    free(t->name);
    free(t->uid);
    free(t);
}

static void pop(struct unattended *u) {
    struct told *t = u->first;
    u->first = t->next;
    if (u->first == NULL) u->last = &u->first;
    t->queued = false;
    if (t->gone) forget(u, t);
}

/* ---- events -------------------------------------------------------------------------------------------------------
 */

static void on_written(void *arg, const struct kube_response *r) {
    struct unattended *u = arg;
    bool later = r->code == RV_E_THROTTLED || r->code == RV_E_UNAVAILABLE || r->code == RV_E_TIMEOUT;
    u->request = NULL;
    u->events += r->code == 0;
    if (r->code != 0 && r->code != RV_E_EXISTS && !later && !u->first->kind->complained) {
        rv_autofree char *why = rv_strdup(r->message);
        u->first->kind->complained = true;
        log_warn("cannot tell objects that no controller works on them", "resource", u->first->kind->resource, "reason",
                 why);
    }
    if (!later) pop(u);
    if (u->first != NULL) loop_timer_arm(u->timer, later ? WAIT_MS : EVERY_MS);
}

static void write_event(struct unattended *u, const struct told *t) {
    const struct kind *k = t->kind;
    rv_autobuf struct rv_buf note = {0}, name = {0}, body = {0};
    const struct rv_str parts[] = {rv_str(t->uid), rv_str(reason)};
    struct rv_str base = utf8_clip(rv_str(t->name), NAME_MAX_BYTES);
    rv_buf_addf(
        &note,
        "This operator leaves it alone: no plugin that works on a %s is switched on. Enable the plugin %s (in the "
        "chart: featureGates), or delete the object.",
        k->kind, k->plugin);
    rv_buf_addf(&name, RV_STR_FMT ".%016llx", RV_STR_ARG(base), (unsigned long long)hash64_texts(parts, 2));
    const struct rv_event e = {.size = sizeof e,
                               .warning = 1,
                               .reason = rv_str(reason),
                               .action = RV_STR("LeaveAlone"),
                               .note = rv_buf_str(&note),
                               .api_version = rv_str(k->api_version),
                               .kind = rv_str(k->kind),
                               .ns = rv_str(t->ns),
                               .name = rv_str(t->name),
                               .uid = rv_str(t->uid)};
    recorder_write(&e, rv_buf_cstr(&name), clock_wall(), &body);
    rv_autofree char *path =
        kube_path(RV_STR("events.k8s.io/v1"), rv_str(t->ns), RV_STR("events"), RV_STR(""), RV_STR(""), NULL);
    const struct kube_request_opts o = {
        .method = "POST", .path = path, .content_type = "application/json", .body = rv_buf_bytes(&body)};
    u->request = kube_send(u->s->client, &o, on_written, u);
}

/* An instance that stands by says nothing. Beside another operator, that one may work on the kind. */
static void on_timer(void *arg) {
    struct unattended *u = arg;
    while (u->first != NULL && u->first->gone) pop(u);
    if (u->first == NULL || u->request != NULL || u->s->stopping) return;
    if (leadership_stands_by(u->s) || !leadership_acts(u->s) || leadership_beside_another(u->s))
        loop_timer_arm(u->timer, WAIT_MS);
    else
        write_event(u, u->first);
}

static void on_change(void *arg, const struct store_object *o, bool deleted) {
    struct kind *k = arg;
    struct unattended *u = k->owner;
    struct told *t = find(u, o->uid);
    if (deleted && t != NULL) {
        t->gone = true;
        if (!t->queued) forget(u, t);
        return;
    }
    if (deleted || t != NULL) return;
    t = rv_alloc(sizeof *t);
    *t = (struct told){
        .kind = k, .ns = rv_strdup(o->ns), .name = rv_strdup(o->name), .uid = rv_strdup(o->uid), .queued = true};
    hash_table_add(&u->told, &t->link, hash_uid(o->uid));
    *u->last = t;
    u->last = &t->next;
    if (u->request == NULL && !loop_timer_armed(u->timer)) loop_timer_arm(u->timer, EVERY_MS);
}

/* ---- watches ------------------------------------------------------------------------------------------------------
 */

static void on_state(void *arg, enum kube_watch_state state, const char *why) {
    struct kind *k = arg;
    bool new = state != k->state;
    k->state = state;
    if (state == KUBE_WATCH_FORBIDDEN && new)
        log_info("objects that no controller works on are not told so", "resource", k->resource, "namespace", k->ns,
                 "reason", why);
}

static void add_kind(struct unattended *u, const struct config_kind *c, struct rv_str ns) {
    static const char *const fields[] = {"apiVersion",          "kind",
                                         "metadata.name",       "metadata.namespace",
                                         "metadata.uid",        "metadata.resourceVersion",
                                         "metadata.generation", "metadata.deletionTimestamp"};
    struct kind *k = rv_alloc(sizeof *k);
    bool widened;
    *k = (struct kind){.owner = u,
                       .next = u->kinds,
                       .api_version = rv_strdup(c->kind->api_version),
                       .kind = rv_strdup(c->kind->kind),
                       .resource = rv_strdup(c->kind->resource),
                       .plugin = rv_strdup(c->plugin),
                       .ns = ns.n != 0 ? rv_strdup(ns) : NULL};
    u->kinds = k;
    struct rv_projection *p = rv_projection_new(fields, RV_ARRAY_LEN(fields), NULL);
    const struct store_collection_opts o = {k->api_version, k->resource, k->kind, k->ns, NULL, p};
    k->objects = store_collection_get(u->store, &o, &widened, NULL);
    rv_projection_free(p);
    if (k->objects == NULL) return;
    k->listener = store_listen(k->objects, on_change, k);
    k->watch = kube_watch_start(u->s->client,
                                &(struct kube_watch_opts){.api_version = k->api_version,
                                                          .resource = k->resource,
                                                          .ns = k->ns,
                                                          .into = k->objects,
                                                          .page_size = (unsigned)u->s->config->page_size,
                                                          .stall_ms = (unsigned)u->s->config->watch_stall_s * 1000,
                                                          .on_state = on_state,
                                                          .arg = k});
}

static void drop_kinds(struct unattended *u) {
    if (u->request != NULL) kube_cancel(u->request);
    u->request = NULL;
    for (struct kind *k; (k = u->kinds) != NULL;) {
        u->kinds = k->next;
        kube_watch_free(k->watch);
        store_unlisten(k->listener);
        if (k->objects != NULL) store_collection_unref(k->objects);
        free(k->api_version);
        free(k->kind);
        free(k->resource);
        free(k->plugin);
        free(k->ns);
        free(k);
    }
    for (struct hash_table_walk w = hash_table_walk(&u->told); hash_table_walk_next(&w);)
        forget(u, RV_CONTAINER(w.link, struct told, link));
    u->first = NULL;
    u->last = &u->first;
}

/* ---- public -------------------------------------------------------------------------------------------------------
 */

/* Are the kinds those that are watched already? Then nothing is listed again. */
static bool same_kinds(const struct unattended *u, const struct config *c) {
    size_t n = 0;
    for (const struct kind *k = u->kinds; k != NULL; k = k->next) {
        bool found = false;
        for (size_t i = 0; i < c->unattended_n; i++)
            found = found || rv_str_is(c->unattended[i].kind->resource, k->resource);
        if (!found) return false;
        n++;
    }
    return n == c->unattended_n * (c->namespaces.n != 0 ? c->namespaces.n : 1);
}

void unattended_start(struct supervisor *s) {
    struct unattended *u = s->unattended;
    const struct config *c = s->config;
    if (u == NULL) {
        s->unattended = u = rv_alloc(sizeof *u);
        *u = (struct unattended){.s = s, .store = store_new()};
        u->last = &u->first;
        u->timer = loop_timer(s->loop, on_timer, u);
    } else if (same_kinds(u, c)) {
        return;
    }
    drop_kinds(u);
    for (size_t i = 0; i < c->unattended_n; i++) {
        log_info("no plugin works on this kind: an event says so on each object", "resource",
                 c->unattended[i].kind->resource.p);
        if (c->namespaces.n == 0) add_kind(u, &c->unattended[i], RV_STR(""));
        for (size_t n = 0; n < c->namespaces.n; n++) add_kind(u, &c->unattended[i], c->namespaces.list[n]);
    }
}

void unattended_free(struct supervisor *s) {
    struct unattended *u = s->unattended;
    s->unattended = NULL;
    if (u == NULL) return;
    drop_kinds(u);
    hash_table_free(&u->told);
    loop_timer_free(u->timer);
    store_free(u->store);
    free(u);
}

void unattended_each(const struct supervisor *s, unattended_info_fn fn, void *arg) {
    static const char *const states[] = {"listing", "watching", "back-off", "forbidden", "unauthorized", "missing"};
    for (const struct kind *k = s->unattended != NULL ? s->unattended->kinds : NULL; k != NULL; k = k->next)
        fn(arg, &(struct unattended_info){.kind = rv_str(k->kind),
                                          .resource = rv_str(k->resource),
                                          .plugin = rv_str(k->plugin),
                                          .ns = k->ns,
                                          .state = states[k->state],
                                          .objects = k->objects != NULL ? store_collection_count(k->objects) : 0});
}

uint64_t unattended_events(const struct supervisor *s) { return s->unattended != NULL ? s->unattended->events : 0; }
