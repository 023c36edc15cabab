/* feeds.c - shares watches between plugins (see feeds.h). */
#include "feeds.h"

#include <stdio.h>
#include <stdlib.h>

#include "rayvisor/k8s.h"
#include "supervisor/failure_log.h"

enum { NEEDED_MISSING_MAX_MS = 10000 }; /* a plugin waits for it: it is looked for more often */

struct feed {
    struct feeds *feeds;
    struct feed *next;
    unsigned refs;
    struct store_collection *collection;
    struct kube_watch *watch;
    char *api_version, *resource, *ns, *selector, *why;
    bool optional; /* every reader works without this kind */
    bool missing;  /* the API server did not serve it when it last answered, and this was logged */
    enum kube_watch_state state;
    int64_t since; /* when this state began, monotonic ns */
};

struct feeds {
    struct supervisor *s;
    struct feed *list;
    struct failure_log *failures; /* watches that do not work */
    void (*on_synced)(void *arg);
    void *arg;
};

static const char *const state_names[] = {"listing", "watching", "back-off", "forbidden", "unauthorized", "missing"};

/* What the user can do about a state that does not end by itself. NULL if there is nothing to do. */
static const char *advice_of(enum kube_watch_state state) {
    switch (state) {
    case KUBE_WATCH_FORBIDDEN:
        return "grant list and watch on this resource (rayvisord --print-rbac shows the role)";
    case KUBE_WATCH_UNAUTHORIZED:
        return "the API server does not accept our credentials: the token or certificate of the kubeconfig, or of the "
               "pod's ServiceAccount, is wrong or has expired";
    case KUBE_WATCH_MISSING:
        return "the API server has no such resource: install its CustomResourceDefinition (deploy/crds has Ray's)";
    default:
        return NULL;
    }
}

static bool some_broken(void *arg) {
    const struct feeds *f = arg;
    for (const struct feed *feed = f->list; feed != NULL; feed = feed->next)
        if (feed->state == KUBE_WATCH_BACKOFF) return true;
    return false;
}

struct feeds *feeds_new(struct supervisor *s) {
    struct feeds *f = rv_alloc(sizeof *f);
    f->s = s;
    f->failures = failure_log_new(&(struct failure_log_opts){.loop = s->loop,
                                                             .begins = "watches broke and are begun again",
                                                             .lasts = "watches still break",
                                                             .over = "all watches work again",
                                                             .persists = some_broken,
                                                             .arg = f});
    return f;
}

/* In each namespace is a watch of its own, and each asks again: it is told once, until the resource is there. */
static bool missing_was_told(const struct feed *feed) {
    for (const struct feed *f = feed->feeds->list; f != NULL; f = f->next)
        if (f->missing && strcmp(f->resource, feed->resource) == 0 && strcmp(f->api_version, feed->api_version) == 0)
            return true;
    return false;
}

static void on_state(void *arg, enum kube_watch_state state, const char *why) {
    struct feed *feed = arg;
    bool was = feed_synced(feed), again = state == KUBE_WATCH_MISSING && missing_was_told(feed);
    feed->state = state;
    if (state != KUBE_WATCH_LISTING && state != KUBE_WATCH_BACKOFF) feed->missing = state == KUBE_WATCH_MISSING;
    feed->since = clock_monotonic();
    const char *advice = why[0] != 0 && !(feed->optional && state == KUBE_WATCH_MISSING) ? advice_of(state) : NULL;
    rv_autobuf struct rv_buf reason = {0};
    rv_buf_addf(&reason, "%s%s%s", why, advice != NULL ? ": " : "", advice != NULL ? advice : "");
    free(feed->why);
    feed->why = rv_strdup(rv_buf_str(&reason));
    bool absent = state == KUBE_WATCH_MISSING && feed->optional, broken = state == KUBE_WATCH_BACKOFF;
    enum rv_log_level level = again                    ? RV_LOG_DEBUG
                              : absent                 ? RV_LOG_INFO
                              : why[0] != 0 && !broken ? RV_LOG_WARN
                                                       : RV_LOG_DEBUG;
    if (broken) failure_log_report(feed->feeds->failures, rv_str(feed->resource), rv_str(why));
    log_write(level, "watch state", "resource", feed->resource, "namespace", feed->ns, "state", state_names[state],
              "reason", feed->why[0] != 0 ? feed->why : NULL, NULL);
    if (!was && absent && feed->feeds->on_synced != NULL) feed->feeds->on_synced(feed->feeds->arg);
}

static void on_unreadable(void *arg, struct rv_str ns, struct rv_str name) {
    const struct feed *feed = arg;
    rv_autofree char *in = rv_strdup(ns), *it = rv_strdup(name);
    log_error(
        "an object is nested too deeply to be read: plugins do not see this state of it, the others are not affected",
        "resource", feed->resource, "namespace", in, "name", it);
}

static void on_synced(void *arg) {
    struct feed *feed = arg;
    char count[24];
    snprintf(count, sizeof count, "%zu", store_collection_count(feed->collection));
    log_info("resource mirrored", "resource", feed->resource, "#objects", count);
    if (feed->feeds->on_synced != NULL) feed->feeds->on_synced(feed->feeds->arg);
}

static void start_watch(struct feed *feed) {
    const struct config *c = feed->feeds->s->config;
    struct kube_watch_opts o = {.api_version = feed->api_version,
                                .resource = feed->resource,
                                .ns = feed->ns,
                                .selector = feed->selector,
                                .into = feed->collection,
                                .page_size = (unsigned)c->page_size,
                                .stall_ms = (unsigned)c->watch_stall_s * 1000,
                                .missing_max_ms = feed->optional ? 0 : NEEDED_MISSING_MAX_MS,
                                .on_synced = on_synced,
                                .on_state = on_state,
                                .on_unreadable = on_unreadable,
                                .arg = feed};
    feed->watch = kube_watch_start(feed->feeds->s->client, &o);
}

static char *or_null(struct rv_str s) { return s.n != 0 ? rv_strdup(s) : NULL; }

struct paths {
    const char **list;
    size_t n, cap;
};

static void add_path(struct paths *p, const char *before, struct rv_str text, const char *after) {
    rv_autobuf struct rv_buf b = {0};
    rv_buf_addf(&b, "%s" RV_STR_FMT "%s", before, RV_STR_ARG(text), after);
    if (p->n == p->cap) p->list = rv_realloc_array(p->list, p->cap = p->cap * 2 + 16, sizeof *p->list);
    p->list[p->n++] = rv_strdup(rv_buf_str(&b));
}

static void add_label(void *arg, struct rv_str key) { add_path(arg, "metadata.labels[", key, "]"); }

static bool names_parts_of(const struct manifest_kind *k, const char *list) {
    for (size_t i = 0; i < k->fields.n; i++)
        if (rv_str_starts(k->fields.list[i], list)) return true;
    return false;
}

/* If a manifest names some labels, only these and the labels that the supervisor itself uses are read. */
static int add_labels(struct paths *p, const struct manifest_kind *k, struct rv_error *err) {
    if (!names_parts_of(k, "metadata.labels[")) {
        add_path(p, "metadata.labels", RV_STR(""), "");
        return 0;
    }
    if (k->index_label.n != 0) add_label(p, k->index_label);
    if (k->selector.n == 0) return 0;
    struct rv_selector *s = rv_selector_parse(k->selector, err);
    if (s == NULL) return RV_E_CONFIG;
    rv_selector_keys(s, add_label, p);
    rv_selector_free(s);
    return 0;
}

static void add_owners(struct paths *p, const struct manifest_kind *k) {
    static const char *const parts[] = {"[].kind", "[].name", "[].uid", "[].controller"};
    if (!names_parts_of(k, "metadata.ownerReferences["))
        add_path(p, "metadata.ownerReferences", RV_STR(""), "");
    else
        for (size_t i = 0; i < RV_ARRAY_LEN(parts); i++) add_path(p, "metadata.ownerReferences", RV_STR(""), parts[i]);
}

struct rv_projection *feed_projection(const struct manifest_kind *k, struct rv_error *err) {
    static const char *const basics[] = {"apiVersion",          "kind",
                                         "metadata.name",       "metadata.namespace",
                                         "metadata.uid",        "metadata.resourceVersion",
                                         "metadata.generation", "metadata.deletionTimestamp"};
    struct paths p = {0};
    struct rv_projection *made = NULL;
    if (k->fields.n == 0) return rv_projection_new(NULL, 0, err);
    for (size_t i = 0; i < k->fields.n; i++) add_path(&p, "", k->fields.list[i], "");
    for (size_t i = 0; i < RV_ARRAY_LEN(basics); i++) add_path(&p, basics[i], RV_STR(""), "");
    add_owners(&p, k);
    if (add_labels(&p, k, err) == 0) made = rv_projection_new(p.list, p.n, err);
    for (size_t i = 0; i < p.n; i++) free((void *)(uintptr_t)p.list[i]);
    free(p.list);
    return made;
}

struct feed *feed_join(struct feeds *f, const struct manifest_kind *k, const char *ns, struct rv_error *err) {
    rv_autofree char *api = rv_strdup(k->api_version), *resource = rv_strdup(k->resource), *kind = rv_strdup(k->kind),
                     *selector = or_null(k->selector);
    struct rv_projection *p = feed_projection(k, err);
    if (p == NULL) return NULL;
    bool widened;
    struct store_collection_opts o = {api, resource, kind, ns, selector, p};
    struct store_collection *c = store_collection_get(f->s->store, &o, &widened, err);
    rv_projection_free(p);
    if (c == NULL) return NULL;
    for (struct feed *feed = f->list; feed != NULL; feed = feed->next) {
        if (feed->collection != c) continue;
        feed->refs++;
        if (feed->optional && !k->optional) feed->missing = false; /* told anew, with what is to be done */
        feed->optional &= k->optional;
        if (widened) { /* more fields are kept from now on: list again */
            kube_watch_free(feed->watch);
            start_watch(feed);
        }
        return feed;
    }
    struct feed *feed = rv_alloc(sizeof *feed);
    *feed = (struct feed){.feeds = f, .next = f->list, .refs = 1, .collection = c};
    feed->api_version = RV_TAKE(api);
    feed->resource = RV_TAKE(resource);
    feed->selector = RV_TAKE(selector);
    feed->ns = ns != NULL ? rv_strdup(rv_str(ns)) : NULL;
    feed->optional = k->optional;
    f->list = feed;
    start_watch(feed);
    return feed;
}

static void feed_free(struct feed *feed) {
    kube_watch_free(feed->watch);
    store_collection_unref(feed->collection);
    free(feed->api_version);
    free(feed->resource);
    free(feed->selector);
    free(feed->ns);
    free(feed->why);
    free(feed);
}

void feed_leave(struct feed *feed) {
    if (feed == NULL) return;
    if (--feed->refs > 0) {
        store_collection_unref(feed->collection);
        return;
    }
    for (struct feed **p = &feed->feeds->list; *p != NULL; p = &(*p)->next)
        if (*p == feed) {
            *p = feed->next;
            break;
        }
    feed_free(feed);
}

struct feeds *feeds_free(struct feeds *f) {
    if (f == NULL) return NULL;
    for (struct feed *feed = f->list, *next; feed != NULL; feed = next) {
        next = feed->next;
        feed_free(feed);
    }
    failure_log_free(f->failures);
    free(f);
    return NULL;
}

struct store_collection *feed_collection(const struct feed *feed) {
    return feed->collection;
}
bool feed_synced(const struct feed *feed) {
    return store_collection_synced(feed->collection) || (feed->optional && feed->missing);
}

bool feeds_all_synced(const struct feeds *f) {
    for (const struct feed *feed = f->list; feed != NULL; feed = feed->next)
        if (!feed_synced(feed)) return false;
    return true;
}

const char *feeds_waits_for(const struct feeds *f, struct rv_buf *scratch) {
    const struct feed *found = NULL;
    for (const struct feed *feed = f->list; feed != NULL; feed = feed->next)
        if (!feed_synced(feed) && (found == NULL || (found->why[0] == 0 && feed->why[0] != 0))) found = feed;
    if (found == NULL) return NULL;
    rv_buf_clear(scratch);
    rv_buf_addf(scratch, "waiting for the first complete list of %s%s%s (%s)%s%s", found->resource,
                found->ns != NULL ? " in namespace " : "", found->ns != NULL ? found->ns : "",
                state_names[found->state], found->why[0] != 0 ? ": " : "", found->why);
    return rv_buf_cstr(scratch);
}

void feeds_each(const struct feeds *f, feed_info_fn fn, void *arg) {
    for (const struct feed *feed = f->list; feed != NULL; feed = feed->next) {
        struct feed_info i = {feed->api_version,
                              feed->resource,
                              feed->ns,
                              feed->selector,
                              state_names[feed->state],
                              feed->why,
                              store_collection_count(feed->collection)};
        fn(arg, &i);
    }
}

static bool current(const struct feed *feed) {
    return feed->state == KUBE_WATCH_WATCHING && clock_monotonic() - feed->since > INT64_C(1000000000);
}

const struct store_object *feeds_find_stale(const struct feeds *f, struct rv_str api_version, struct rv_str kind,
                                            struct rv_str ns, struct rv_str name, struct rv_str uid) {
    const struct store_object *stale = NULL;
    for (const struct feed *feed = f->list; feed != NULL; feed = feed->next) {
        const struct store_collection *c = feed->collection;
        if (!rv_str_is(api_version, feed->api_version) || !rv_str_is(kind, store_collection_kind(c))) continue;
        const struct store_object *o = store_find(c, ns, name);
        if (o == NULL) o = store_find(c, RV_STR(""), name);
        if (o == NULL || !rv_str_eq(o->uid, uid)) continue;
        if (current(feed)) return NULL;
        stale = o;
    }
    return stale;
}

void feeds_on_synced(struct feeds *f, void (*fn)(void *arg), void *arg) {
    f->on_synced = fn;
    f->arg = arg;
}
