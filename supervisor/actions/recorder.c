/* recorder.c - merges events into series and limits their number (see recorder.h). */
#include "recorder.h"

#include <stdio.h>
#include <stdlib.h>

#include "ipc/base/hash.h"
#include "ipc/base/rate_limit.h"
#include "ipc/base/utf8.h"
#include "ipc/base/visible.h"
#include "rayvisor/k8s.h"

/* WORD_MAX: so many bytes the API server takes of a reason, an action and a controller. */
enum { REMEMBERED = 2048, OBJECTS = 1024, NOTE_MAX = 1024, WORD_MAX = 128, QUIET_S = 10, BURST = 25, REFILL_S = 12 };
#define SECOND INT64_C(1000000000)

struct seen {
    uint64_t hash;
    int64_t last, sent; /* wall clock, ns */
    uint32_t count;
    char *ns, *name; /* of the event object */
};

/* The limit of new events about one object: a burst, then one every REFILL_S seconds. */
struct budget {
    uint64_t hash;
    struct rate_limit left;
};

struct recorder {
    struct budget budgets[OBJECTS];
    struct seen seen[REMEMBERED]; /* indexed by hash; forgetting an old event only costs one more object */
    struct rv_buf body;
    char *path;
    uint64_t serial;
};

struct recorder *recorder_new(void) {
    return rv_alloc(sizeof(struct recorder));
}

struct recorder *recorder_free(struct recorder *r) {
    if (r == NULL) return NULL;
    for (size_t i = 0; i < REMEMBERED; i++) {
        free(r->seen[i].ns);
        free(r->seen[i].name);
    }
    rv_buf_free(&r->body);
    free(r->path);
    free(r);
    return NULL;
}

static uint64_t hash_event(const struct rv_event *e) {
    const struct rv_str parts[] = {e->reason, e->action, e->note, e->kind, e->ns, e->name, e->uid, e->controller};
    return hash64_texts(parts, RV_ARRAY_LEN(parts));
}

/* Returns true if one more new event may be written about this object. */
static bool spend(struct recorder *r, const struct rv_event *e, int64_t now) {
    const struct rv_str parts[] = {e->kind, e->ns, e->name, e->uid};
    uint64_t h = hash64_texts(parts, RV_ARRAY_LEN(parts));
    struct budget *b = &r->budgets[h % OBJECTS];
    if (b->hash != h) *b = (struct budget){h, {BURST, now}};
    return rate_limit_take(&b->left, now, (double)REFILL_S * (double)SECOND, BURST);
}

static struct rv_str namespace_of(const struct rv_event *e) { return e->ns.n != 0 ? e->ns : RV_STR("default"); }

static void encode(struct rv_buf *out, struct rv_arena *a, struct rv_node *n) {
    struct rv_val v = rv_node_freeze(a, n);
    rv_buf_clear(out);
    rv_json_write(v, out);
}

/* A plugin's text, for whoever reads events on a terminal. */
static struct rv_str shown(struct rv_arena *a, struct rv_str text, enum visible_text how) {
    rv_autobuf struct rv_buf b = {0};
    visible_text(text, how, &b);
    return rv_arena_str(a, rv_buf_str(&b));
}

/* Cut before and after, because escapes make it longer. */
static struct rv_str word(struct rv_arena *a, struct rv_str text, const char *otherwise) {
    if (text.n == 0) return rv_str(otherwise);
    return utf8_clip(shown(a, utf8_clip(text, WORD_MAX), VISIBLE_LINE), WORD_MAX);
}

static void build_event(struct rv_buf *out, const struct rv_event *e, const char *name, const char *now) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_map(a), *meta = rv_node_ensure_map(a, n, "metadata"), *about = rv_node_map(a);
    rv_node_set_cstr(a, n, "apiVersion", "events.k8s.io/v1");
    rv_node_set_cstr(a, n, "kind", "Event");
    rv_node_set_cstr(a, meta, "name", name);
    rv_node_set_str(a, meta, "namespace", namespace_of(e));
    rv_node_set_cstr(a, n, "eventTime", now);
    rv_node_set_str(a, n, "reportingController", word(a, e->controller, "rayvisor"));
    rv_node_set_cstr(a, n, "reportingInstance", "rayvisord");
    rv_node_set_str(a, n, "action", word(a, e->action, "Reconcile"));
    rv_node_set_str(a, n, "reason", word(a, e->reason, ""));
    rv_node_set_cstr(a, n, "type", e->warning != 0 ? "Warning" : "Normal");
    rv_node_set_str(a, n, "note", utf8_clip(shown(a, utf8_clip(e->note, NOTE_MAX), VISIBLE_LINES), NOTE_MAX));
    rv_node_set_str(a, about, "apiVersion", word(a, e->api_version, ""));
    rv_node_set_str(a, about, "kind", word(a, e->kind, ""));
    rv_node_set_str(a, about, "namespace", e->ns);
    rv_node_set_str(a, about, "name", e->name);
    if (e->uid.n != 0) rv_node_set_str(a, about, "uid", word(a, e->uid, ""));
    rv_node_set(a, n, "regarding", about);
    encode(out, a, n);
}

static void build_series(struct recorder *r, uint32_t count, const char *now) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_map(a), *series = rv_node_ensure_map(a, n, "series");
    rv_node_set_int(a, series, "count", count);
    rv_node_set_cstr(a, series, "lastObservedTime", now);
    encode(&r->body, a, n);
}

bool recorder_event(struct recorder *r, const struct rv_event *e, int64_t wall_ns, struct recorder_request *ret) {
    uint64_t hash = hash_event(e);
    struct seen *s = &r->seen[hash % REMEMBERED];
    char now[40], name[96];
    rv_time_format_micro(wall_ns, now);
    bool repeat = s->hash == hash && s->name != NULL && wall_ns - s->last < 360 * SECOND;
    free(r->path);
    r->path = NULL;
    if (repeat) {
        s->last = wall_ns;
        s->count++;
        if (wall_ns - s->sent < QUIET_S * SECOND) return false; /* the count is written with a later event */
        s->sent = wall_ns;
        build_series(r, s->count, now);
        r->path =
            kube_path(RV_STR("events.k8s.io/v1"), rv_str(s->ns), RV_STR("events"), rv_str(s->name), RV_STR(""), NULL);
        *ret = (struct recorder_request){"PATCH", r->path, "application/merge-patch+json", rv_buf_bytes(&r->body)};
        return true;
    }
    if (!spend(r, e, wall_ns)) return false;
    uint64_t unique = (uint64_t)wall_ns + r->serial++;
    snprintf(name, sizeof name, "%.*s.%llx", (int)(e->name.n < 60 ? e->name.n : 60), e->name.p,
             (unsigned long long)unique);
    free(s->ns);
    free(s->name);
    *s = (struct seen){hash, wall_ns, wall_ns, 1, rv_strdup(namespace_of(e)), rv_strdup(rv_str(name))};
    build_event(&r->body, e, name, now);
    r->path = kube_path(RV_STR("events.k8s.io/v1"), rv_str(s->ns), RV_STR("events"), RV_STR(""), RV_STR(""), NULL);
    *ret = (struct recorder_request){"POST", r->path, "application/json", rv_buf_bytes(&r->body)};
    return true;
}

void recorder_write(const struct rv_event *e, const char *name, int64_t wall_ns, struct rv_buf *out) {
    char now[40];
    rv_time_format_micro(wall_ns, now);
    build_event(out, e, name, now);
}

void recorder_lost(struct recorder *r, const struct rv_event *e) {
    uint64_t hash = hash_event(e);
    if (r->seen[hash % REMEMBERED].hash == hash) r->seen[hash % REMEMBERED].last = 0;
}
