/* undone.c - see undone.h. */
#include "undone.h"

#include <stdlib.h>

#include "ipc/base/backoff.h"
#include "ipc/base/hash.h"
#include "rayvisor/k8s.h"
#include "supervisor/actions/own_manager.h"

#define SECOND INT64_C(1000000000)
enum { PLACES = 1024, SUSPECT = 3, WINDOW_S = 60, FIRST_PAUSE_S = 10, LONGEST_PAUSE_S = 600, DEPTH_MAX = 16 };

struct write {
    uint64_t hash;         /* of the object's name and what is written; 0: the place is free */
    uint64_t version, uid; /* hashes, of the object after the write */
    int64_t generation;    /* of the object that the plugin works on */
    int64_t at, wall;      /* of the last time, mono and wall ns */
    int64_t until;         /* mono ns: not sent before; 0: it is free to go */
    unsigned times, pauses;
};

/* Which of our writes to an object was the last. */
struct last {
    uint64_t object, write; /* hashes */
};

struct undone {
    struct write writes[PLACES];
    struct last last[PLACES];
};

struct undone *undone_new(void) {
    return rv_alloc(sizeof(struct undone));
}

struct undone *undone_free(struct undone *u) {
    free(u);
    return NULL;
}

static uint64_t hash_text(struct rv_str s) { return hash64_texts(&s, 1); }

/* Without what a write says of the object that it was made for, which differs each time. */
static uint64_t hash_body(struct rv_val body) {
    uint64_t h = 0; /* a sum: the order of keys says nothing */
    for (struct rv_iter it = rv_iter(body); rv_iter_next(&it);) {
        if (rv_str_is(it.key, "resourceVersion") || rv_str_is(it.key, "uid")) continue;
        h += hash64_number(hash_text(it.key),
                           rv_str_is(it.key, "metadata") ? hash_body(it.val) : rv_val_hash(it.val).lo);
    }
    return h;
}

static uint64_t hash_object(const struct rv_action *a) {
    const struct rv_str texts[] = {a->api_version, a->resource, a->ns, a->name};
    return hash64_texts(texts, RV_ARRAY_LEN(texts));
}

static uint64_t hash_of(const struct rv_action *a) {
    uint64_t h = hash64_number(hash_object(a), hash_text(a->subresource));
    h = hash64_number(h, hash_body((struct rv_val){a->body.p, a->body.n}));
    return h != 0 ? h : 1;
}

static bool is_watched(const struct rv_action *a) {
    return a->name.n != 0 && (a->verb == RV_VERB_MERGE_PATCH || a->verb == RV_VERB_APPLY);
}

/* Its entry, if it is not too old to say anything. */
static struct write *find(struct undone *u, uint64_t hash, int64_t now) {
    struct write *w = &u->writes[hash % PLACES];
    int64_t from = w->until > w->at ? w->until : w->at, lasts = w->pauses != 0 ? LONGEST_PAUSE_S : WINDOW_S;
    return w->hash == hash && now - from < lasts * SECOND ? w : NULL;
}

enum undone_verdict undone_judge(struct undone *u, const struct rv_action *a, int64_t generation, int64_t now,
                                 int64_t *ret_wait_ms) {
    struct write *w = is_watched(a) ? find(u, hash_of(a), now) : NULL;
    if (w == NULL) return UNDONE_SEND;
    if (w->generation != generation) {
        *w = (struct write){0};
        return UNDONE_SEND;
    }
    if (w->until > now) {
        *ret_wait_ms = (w->until - now) / 1000000 + 1;
        return UNDONE_WAIT;
    }
    if (w->until != 0) { /* one more try */
        w->until = 0;
        w->at = now;
        return UNDONE_SEND;
    }
    return w->times >= SUSPECT ? UNDONE_LOOK : UNDONE_SEND;
}

void undone_written(struct undone *u, const struct rv_action *a, struct rv_val object, int64_t generation, int64_t now,
                    int64_t wall) {
    uint64_t object_hash = hash_object(a);
    u->last[object_hash % PLACES] = (struct last){object_hash, is_watched(a) ? hash_of(a) : 0};
    if (!is_watched(a)) return;
    uint64_t hash = hash_of(a), version = hash_text(rv_path_str(object, "metadata.resourceVersion")),
             uid = hash_text(rv_path_str(object, "metadata.uid"));
    struct write *w = find(u, hash, now);
    if (w == NULL || w->uid != uid) {
        w = &u->writes[hash % PLACES];
        *w = (struct write){.hash = hash, .version = version, .uid = uid, .generation = generation};
    }
    if (w->times == 0 || w->version != version) w->times++; /* the same version: it changed nothing */
    w->version = version;
    w->generation = generation;
    w->at = now;
    w->wall = wall;
    w->until = 0;
}

/* ---- who has changed it --------------------------------------------------------------------------------- */

struct path {
    struct rv_str keys[DEPTH_MAX];
    size_t n;
};

/* Does the entry say that its manager has set what is there, or something below it or around it? */
static bool owns(struct rv_val entry, const struct path *p) {
    struct rv_val at = rv_val_get(entry, "fieldsV1");
    for (size_t i = 0; i < p->n; i++) {
        rv_autobuf struct rv_buf key = {0};
        rv_buf_addf(&key, "f:" RV_STR_FMT, RV_STR_ARG(p->keys[i]));
        at = rv_val_getn(at, rv_buf_str(&key));
        if (!rv_val_present(at)) return false;
        if (rv_val_len(at) == 0) return true; /* all of what is there */
    }
    return p->n != 0;
}

/* The first place where the object is not as the write wants it. */
static bool find_difference(struct rv_val want, struct rv_val have, struct path *p) {
    bool map = rv_val_type(want) == RV_MAP && rv_val_type(have) == RV_MAP && p->n < DEPTH_MAX;
    if (!map) return rv_val_set(want) ? !rv_val_within(want, have) : rv_val_set(have);
    for (struct rv_iter it = rv_iter(want); rv_iter_next(&it);) {
        bool condition = p->n == 1 && rv_str_is(p->keys[0], "metadata") &&
                         (rv_str_is(it.key, "resourceVersion") || rv_str_is(it.key, "uid"));
        if (condition) continue;
        p->keys[p->n++] = it.key;
        if (find_difference(it.val, rv_val_getn(have, it.key), p)) return true;
        p->n--;
    }
    return false;
}

/* Its manager: who owns what differs; where nobody does, because it was taken away, who changed the object last. */
static bool find_manager(struct rv_val object, const struct path *p, int64_t since, struct rv_str *ret) {
    int64_t newest = 0;
    bool ours = false;
    *ret = RV_STR("");
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.managedFields")); rv_iter_next(&it);) {
        struct rv_str manager = rv_path_str(it.val, "manager");
        int64_t at = 0;
        if (owns(it.val, p)) {
            if (!is_own_manager(manager)) return *ret = manager, true;
            ours = true;
        }
        (void)rv_time_parse(rv_path_str(it.val, "time"), &at);
        if (is_own_manager(manager) || at < newest || at < since) continue;
        newest = at;
        *ret = manager;
    }
    return !ours && newest != 0;
}

static void write_path(const struct path *p, struct rv_buf *out) {
    for (size_t i = 0; i < p->n; i++) {
        bool plain = memchr(p->keys[i].p, '.', p->keys[i].n) == NULL && memchr(p->keys[i].p, '/', p->keys[i].n) == NULL;
        rv_buf_addf(out, plain ? "%s" RV_STR_FMT : "%.0s[" RV_STR_FMT "]", i == 0 ? "" : ".", RV_STR_ARG(p->keys[i]));
    }
}

bool undone_look(struct undone *u, const struct rv_action *a, struct rv_val object, int64_t now,
                 struct undone_finding *ret) {
    struct write *w = find(u, hash_of(a), now);
    struct path p = {.n = 0};
    struct rv_str manager;
    if (w == NULL || w->uid != hash_text(rv_path_str(object, "metadata.uid")) ||
        w->version == hash_text(rv_path_str(object, "metadata.resourceVersion")))
        return false;
    if (!find_difference((struct rv_val){a->body.p, a->body.n}, object, &p)) return false;
    struct last last = u->last[hash_object(a) % PLACES];
    bool sole = last.object == hash_object(a) && last.write == w->hash; /* we have written nothing else since */
    if (!find_manager(object, &p, w->wall - 2 * SECOND, &manager) && !sole) return false; /* we want both, in turn */
    const struct backoff_pause pauses = {.first = FIRST_PAUSE_S, .most = LONGEST_PAUSE_S};
    ret->first = w->pauses++ == 0;
    ret->pause_ms = backoff_pause(pauses, w->pauses, 0) * 1000;
    rv_buf_add_str(&ret->manager, manager);
    write_path(&p, &ret->field);
    w->until = now + ret->pause_ms * 1000000;
    return true;
}
