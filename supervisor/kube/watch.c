/* watch.c - keeps one resource up to date in a collection of the store: it lists, then watches, for ever (see kube.h).
 *
 * LISTING    reads the pages of one list; when it is complete: WATCHING from the list's version
 * WATCHING   until the watch ends (watch again from the last version), stalls or fails (BACKOFF, then watch again), or
 *            the server no longer has that version (410: list again)
 * BACKOFF, FORBIDDEN, MISSING
 *            waits; then watches again if the last version is usable, otherwise lists again */
#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/backoff.h"
#include "ipc/base/hash.h"
#include "ipc/base/random.h"
#include "status.h"
#include "supervisor/store/store.h"
#include "transfer.h"
#include "watch_stream.h"

enum {
    PAGE = 500,
    STALL_MS = 150000,
    LIST_STALL_MS = 60000,
    BACKOFF_MIN = 800,
    BACKOFF_MAX = 30000,
    ASK_AGAIN_MS = 30000,
    MISSING_MIN = 2000,
    MISSING_MAX = 60000,
    SHORT_LIFE_MS = 1000,
    UNREADABLE_NAMED = 64,  /* objects that were reported as unreadable */
    UNKNOWN_VERSION_MAX = 3 /* tries to watch from a version that the server does not have */
};

struct kube_watch {
    struct kube_client *client;
    char *api_version, *resource, *ns, *selector;
    struct kube_watch_opts o;
    struct kube_transfer *transfer;
    struct loop_timer *retry, *stall;
    struct rv_json_reader *reader; /* of the page of the list */
    struct watch_stream stream;
    char *version, *next_page;
    bool listing, synced, relist;
    bool got_event; /* an event has come since the watch began */
    bool rewound;   /* the server's versions went back: its list decides, whatever was known before */
    unsigned failures, in_vain;
    uint64_t unreadable[UNREADABLE_NAMED]; /* hashes of their names; 0 means none */
    uint64_t events;
    int64_t started;
    enum kube_watch_state state;
    char why[256];
};

static void on_pause_end(void *arg);
static void start_list(struct kube_watch *w);

bool kube_watch_synced(const struct kube_watch *w) { return w->synced; }

/* ---- helpers -------------------------------------------------------------------------------------------- */

static uint32_t random_below(uint32_t n) { return n != 0 ? random_u32() % n : 0; }

static void set_state(struct kube_watch *w, enum kube_watch_state s, const char *why) {
    bool changed = s != w->state;
    w->state = s;
    snprintf(w->why, sizeof w->why, "%s", why);
    if (changed && w->o.on_state != NULL) w->o.on_state(w->o.arg, s, w->why);
}

static void set_text(char **to, struct rv_str s) {
    char *copy = s.n != 0 ? rv_strdup(s) : NULL;
    free(*to);
    *to = copy;
}

static struct rv_str text(const char *s) { return rv_str(s); }

static unsigned or_default(unsigned v, unsigned fallback) { return v != 0 ? v : fallback; }

static int64_t backoff_ms(const struct kube_watch *w) {
    const struct backoff_pause pause = {.first = or_default(w->o.backoff_min_ms, BACKOFF_MIN),
                                        .most = or_default(w->o.backoff_max_ms, BACKOFF_MAX),
                                        .above = 100};
    return backoff_pause(pause, w->failures, random_u32());
}

/* Many clusters never have the resource, and each namespace asks for it: more and more seldom. Nobody tells us when it
 * comes, so the longest pause is how late that is noticed. */
static int64_t missing_ms(const struct kube_watch *w) {
    const struct backoff_pause pause = {.first =
                                            w->synced ? ASK_AGAIN_MS : or_default(w->o.missing_min_ms, MISSING_MIN),
                                        .most = or_default(w->o.missing_max_ms, MISSING_MAX),
                                        .above = 50};
    return backoff_pause(pause, w->failures, random_u32());
}

static void drop_transfer(struct kube_watch *w) {
    kube_transfer_cancel(w->transfer);
    w->transfer = NULL;
    w->reader = rv_json_reader_free(w->reader);
    watch_stream_clear(&w->stream);
    loop_timer_disarm(w->stall);
}

static void retry_in(struct kube_watch *w, int64_t ms) { loop_timer_arm(w->retry, ms); }

static void describe(char *out, size_t size, const char *doing, const struct kube_response *r) {
    if (r->http_status != 0)
        snprintf(out, size, "%s: HTTP %u %.*s", doing, r->http_status, (int)(r->message.n < 160 ? r->message.n : 160),
                 r->message.n != 0 ? r->message.p : "");
    else
        snprintf(out, size, "%s: %.*s", doing, (int)(r->message.n < 180 ? r->message.n : 180),
                 r->message.n != 0 ? r->message.p : "");
}

/* Handles every kind of failure. relist: the last version is of no use any more. */
static void failed(struct kube_watch *w, const char *doing, const struct kube_response *r) {
    char why[256];
    describe(why, sizeof why, doing, r);
    w->failures++;
    kube_client_counters(w->client)->watches_failed++;
    if (r->code == RV_E_FORBIDDEN || r->code == RV_E_UNAUTHORIZED) {
        set_state(w, r->code == RV_E_FORBIDDEN ? KUBE_WATCH_FORBIDDEN : KUBE_WATCH_UNAUTHORIZED, why);
        w->relist = true;
        retry_in(w, ASK_AGAIN_MS / 2 + random_below(ASK_AGAIN_MS / 2));
    } else if (r->code == RV_E_NOT_FOUND) {
        set_state(w, KUBE_WATCH_MISSING, why);
        w->relist = true;
        retry_in(w, missing_ms(w));
    } else {
        int64_t ms = backoff_ms(w);
        if (r->retry_after_ms > ms) ms = r->retry_after_ms;
        set_state(w, KUBE_WATCH_BACKOFF, why);
        retry_in(w, ms);
    }
}

/* ---- listing -------------------------------------------------------------------------------------------- */

static void report_unreadable(struct kube_watch *w, struct rv_str ns, struct rv_str name) {
    const struct rv_str texts[] = {ns, name};
    uint64_t h = hash64_texts(texts, RV_ARRAY_LEN(texts));
    uint64_t *reported = &w->unreadable[h % UNREADABLE_NAMED];
    if (*reported == h) return;
    *reported = h;
    if (w->o.on_unreadable != NULL) w->o.on_unreadable(w->o.arg, ns, name);
}

/* A half object would be worse than an old one. Plugins continue with the state that they know. */
static int on_item(void *arg, struct rv_val item) {
    struct kube_watch *w = arg;
    if (!rv_json_reader_clipped(w->reader)) {
        store_replace_put(w->o.into, item);
        return 0;
    }
    struct rv_val meta = rv_val_get(item, "metadata");
    store_replace_keep(w->o.into, rv_path_str(meta, "namespace"), rv_path_str(meta, "name"));
    report_unreadable(w, rv_path_str(meta, "namespace"), rv_path_str(meta, "name"));
    return 0;
}

static void touch_stall(struct kube_watch *w) {
    unsigned ms = or_default(w->o.stall_ms, STALL_MS);
    loop_timer_arm(w->stall, w->listing && ms > LIST_STALL_MS ? LIST_STALL_MS : ms);
}

static int on_list_data(void *arg, const void *bytes, size_t n) {
    struct kube_watch *w = arg;
    struct rv_error err = {0};
    touch_stall(w);
    int r = rv_json_reader_feed(w->reader, bytes, n, &err);
    if (r != 0) snprintf(w->why, sizeof w->why, "%.250s", err.text);
    return r;
}

static void start_watch(struct kube_watch *w);

static void list_page_read(struct kube_watch *w) {
    struct rv_error err = {0};
    struct rv_val top;
    if (rv_json_reader_finish(w->reader, &top, &err) != 0) {
        struct kube_response r = {.code = RV_E_PARSE, .message = rv_str(err.text)};
        drop_transfer(w);
        set_text(&w->next_page, RV_STR(""));
        failed(w, "the list is malformed", &r);
        return;
    }
    struct rv_str version = rv_path_str(top, "metadata.resourceVersion"), next = rv_path_str(top, "metadata.continue");
    if (version.n == 0) { /* another document, and not an empty list, which would delete everything */
        struct kube_response r = {.code = RV_E_PARSE, .message = RV_STR("it has no metadata.resourceVersion")};
        drop_transfer(w);
        set_text(&w->next_page, RV_STR(""));
        failed(w, "the list is malformed", &r);
        return;
    }
    if (w->version != NULL && !w->rewound && store_version_cmp(version, text(w->version)) < 0) {
        w->rewound = true; /* noticed too late for what was already read: read once more */
        drop_transfer(w);
        set_text(&w->next_page, RV_STR(""));
        set_state(w, KUBE_WATCH_BACKOFF,
                  "the server's versions went back (restored from a backup?): taking over what it has now");
        retry_in(w, 0);
        return;
    }
    set_text(&w->version, version);
    set_text(&w->next_page, next);
    drop_transfer(w);
    if (w->next_page != NULL) {
        start_list(w);
        return;
    }
    store_replace_end(w->o.into, text(w->version));
    bool first = !w->synced;
    w->synced = true;
    w->listing = w->relist = w->rewound = false;
    w->failures = w->in_vain = 0;
    start_watch(w);
    if (first && w->o.on_synced != NULL) w->o.on_synced(w->o.arg);
}

static void on_list_done(void *arg, const struct kube_response *r) {
    struct kube_watch *w = arg;
    w->transfer = NULL;
    loop_timer_disarm(w->stall);
    if (r->code == 0) {
        list_page_read(w);
        return;
    }
    bool expired = r->code == RV_E_GONE && w->next_page != NULL;
    w->reader = rv_json_reader_free(w->reader);
    set_text(&w->next_page, RV_STR("")); /* half a list is no list: start again */
    if (expired) {                       /* the list took too long; slow down if that happens again */
        w->failures++;
        set_state(w, KUBE_WATCH_BACKOFF, "the list expired between two pages (410): listing again");
        retry_in(w, w->failures > 1 ? backoff_ms(w) : 0);
        return;
    }
    struct kube_response shown = *r;
    if (r->code == RV_E_PARSE && w->why[0] != 0) {
        shown.message = rv_str(w->why);
        shown.http_status = 0;
    }
    char why[256];
    snprintf(why, sizeof why, RV_STR_FMT, RV_STR_ARG(shown.message));
    shown.message = rv_str(why);
    failed(w, "list failed", &shown);
}

/* If only metadata is kept, only metadata is requested. So the content of a Secret never reaches this process. A server
 * that cannot do this answers with whole objects. (Kubernetes API concepts, "Metadata-only fetches".) */
#define ACCEPT_METADATA(kind) "application/json;as=" kind ";g=meta.k8s.io;v=v1,application/json"

static bool metadata_only(const struct kube_watch *w) {
    return rv_projection_only(store_collection_projection(w->o.into), "metadata");
}

/* Its answer is fed into the reader as it comes. A body that is no answer is kept only as far as an error needs. */
static void start_transfer(struct kube_watch *w, const char *path, const char *accept,
                           int (*on_data)(void *arg, const void *bytes, size_t n),
                           void (*on_done)(void *arg, const struct kube_response *r)) {
    struct kube_transfer_opts o = {.method = "GET",
                                   .path = path,
                                   .accept = metadata_only(w) ? accept : NULL,
                                   .on_data = on_data,
                                   .on_done = on_done,
                                   .arg = w,
                                   .max_body = 256 << 10};
    touch_stall(w);
    w->transfer = kube_transfer_start(w->client, &o);
}

static void start_list(struct kube_watch *w) {
    char limit[16];
    snprintf(limit, sizeof limit, "%u", or_default(w->o.page_size, PAGE));
    if (w->next_page == NULL) {
        kube_client_counters(w->client)->relists++;
        set_state(w, KUBE_WATCH_LISTING, "");
        store_replace_begin(w->o.into, w->rewound);
    }
    w->listing = true;
    static const struct rv_json_limits clip = {.clip = true};
    w->reader = rv_json_reader_new(store_collection_projection(w->o.into), &clip, on_item, w);
    const char *last = w->next_page != NULL ? "continue" : NULL;
    rv_autofree char *path =
        w->selector != NULL ? kube_path(text(w->api_version), text(w->ns), text(w->resource), RV_STR(""), RV_STR(""),
                                        "limit", limit, "labelSelector", w->selector, last, w->next_page, NULL)
                            : kube_path(text(w->api_version), text(w->ns), text(w->resource), RV_STR(""), RV_STR(""),
                                        "limit", limit, last, w->next_page, NULL);
    start_transfer(w, path, ACCEPT_METADATA("PartialObjectMetadataList"), on_list_data, on_list_done);
}

/* ---- watching ------------------------------------------------------------------------------------------- */

static void on_event(void *arg, const struct watch_event *e) {
    struct kube_watch *w = arg;
    struct rv_val meta = rv_val_get(e->object, "metadata");
    set_text(&w->version, e->version);
    if (e->type == WATCH_BOOKMARK) {
        kube_client_counters(w->client)->bookmarks++;
        return;
    }
    w->events++;
    kube_client_counters(w->client)->events++;
    if (e->type == WATCH_DELETED)
        store_remove(w->o.into, rv_path_str(meta, "namespace"), rv_path_str(meta, "name"), rv_path_str(meta, "uid"),
                     e->version);
    else if (e->clipped)
        report_unreadable(w, rv_path_str(meta, "namespace"), rv_path_str(meta, "name"));
    else
        store_put(w->o.into, e->object);
}

static int on_watch_data(void *arg, const void *bytes, size_t n) {
    struct kube_watch *w = arg;
    touch_stall(w);
    w->got_event = true;
    return watch_stream_feed(&w->stream, store_collection_projection(w->o.into), bytes, n, on_event, w);
}

static bool too_new(struct rv_str message) {
    static const char says[] = "Too large resource version";
    return message.n != 0 && memmem(message.p, message.n, says, sizeof says - 1) != NULL;
}

/* The server does not have the version from which we watched. It lags behind another server that gave it to us, or it
 * was restored from a backup. Its list then says which version is the present one. */
static void on_unknown_version(struct kube_watch *w) {
    if (++w->in_vain >= UNKNOWN_VERSION_MAX) w->relist = true;
}

static void on_watch_done(void *arg, const struct kube_response *r) {
    struct kube_watch *w = arg;
    w->transfer = NULL;
    loop_timer_disarm(w->stall);
    struct kube_response shown = *r;
    char why[256];
    snprintf(why, sizeof why, "%s", w->stream.why);
    watch_stream_clear(&w->stream);
    if (why[0] != 0) { /* the stream ended the watch, and not the transport */
        shown.message = rv_str(why);
        shown.http_status = 0;
    }
    if (too_new(shown.message))
        on_unknown_version(w);
    else if (w->events != 0)
        w->in_vain = 0;
    bool lived = clock_monotonic() - w->started >= SHORT_LIFE_MS * INT64_C(1000000);
    if (lived) w->failures = 0; /* earlier failures no longer count */
    if (r->code == RV_E_GONE) { /* the version is too old: list again, but slow down if that happens again */
        w->relist = true;
        w->failures++;
        set_state(w, KUBE_WATCH_BACKOFF, "watch expired (410): listing again");
        retry_in(w, w->failures > 1 ? backoff_ms(w) : 0);
    } else if (r->code == 0 && (lived || w->events != 0)) {
        w->failures = 0;
        retry_in(w, 0); /* the server ends every watch after a few minutes */
    } else if (r->code == 0) {
        shown.code = RV_E_UNAVAILABLE;
        shown.message = RV_STR("the server ended it at once");
        shown.http_status = 0;
        failed(w, "watch ended", &shown);
    } else {
        failed(w, "watch failed", &shown);
    }
}

static void start_watch(struct kube_watch *w) {
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", 290 + random_below(300));
    const char *selector = w->selector != NULL ? "labelSelector" : NULL;
    rv_autofree char *path =
        kube_path(text(w->api_version), text(w->ns), text(w->resource), RV_STR(""), RV_STR(""), "watch", "1",
                  "allowWatchBookmarks", "true", "resourceVersion", w->version != NULL ? w->version : "",
                  "timeoutSeconds", seconds, selector, w->selector, NULL);
    kube_client_counters(w->client)->watches_started++;
    w->started = clock_monotonic();
    w->events = 0;
    w->got_event = false;
    w->why[0] = 0;
    set_state(w, KUBE_WATCH_WATCHING, "");
    start_transfer(w, path, ACCEPT_METADATA("PartialObjectMetadata"), on_watch_data, on_watch_done);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void on_pause_end(void *arg) {
    struct kube_watch *w = arg;
    if (w->transfer != NULL) return;
    if (w->listing || w->relist || w->version == NULL)
        start_list(w);
    else
        start_watch(w);
}

static void on_stall(void *arg) {
    struct kube_watch *w = arg;
    const char *what = w->listing ? "list stalled: no byte for too long, trying again"
                                  : "watch stalled: no byte for too long, reconnecting";
    drop_transfer(w);
    set_text(&w->next_page, RV_STR(""));
    if (!w->listing && !w->got_event) on_unknown_version(w); /* not even a bookmark has come */
    w->failures++;
    set_state(w, KUBE_WATCH_BACKOFF, what);
    retry_in(w, w->failures > 1 ? backoff_ms(w) : 0);
}

static char *dup_or_null(const char *s) { return s != NULL && s[0] != 0 ? rv_strdup(rv_str(s)) : NULL; }

struct kube_watch *kube_watch_start(struct kube_client *c, const struct kube_watch_opts *o) {
    struct kube_watch *w = rv_alloc(sizeof *w);
    w->client = c;
    w->o = *o;
    w->api_version = dup_or_null(o->api_version);
    w->resource = dup_or_null(o->resource);
    w->ns = dup_or_null(o->ns);
    w->selector = dup_or_null(o->selector);
    w->retry = loop_timer(kube_client_loop(c), on_pause_end, w);
    w->stall = loop_timer(kube_client_loop(c), on_stall, w);
    w->state = KUBE_WATCH_BACKOFF;
    start_list(w);
    return w;
}

struct kube_watch *kube_watch_free(struct kube_watch *w) {
    if (w == NULL) return NULL;
    drop_transfer(w);
    loop_timer_free(w->retry);
    loop_timer_free(w->stall);
    watch_stream_free(&w->stream);
    free(w->api_version);
    free(w->resource);
    free(w->ns);
    free(w->selector);
    free(w->version);
    free(w->next_page);
    free(w);
    return NULL;
}
