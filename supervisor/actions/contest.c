/* contest.c - see contest.h. */
#include "contest.h"

#include <stdlib.h>

#include "ipc/base/backoff.h"
#include "ipc/base/hash.h"
#include "rayvisor/k8s.h"
#include "supervisor/actions/own_manager.h"

#define SECOND INT64_C(1000000000)
/* SOON_S: an object that lasts longer is not counted. TIMES: so often, then it is held back. A deletion is never held
 * back for long, because it may also be one that nobody undoes. */
enum {
    PLACES = 1024,
    TIMES = 5,
    SOON_S = 10,
    WINDOW_S = 60,
    FIRST_PAUSE_S = 10,
    LONGEST_PAUSE_S = 600,
    LONGEST_DELETE_PAUSE_S = 60,
    SUFFIX = 5
};

struct side {      /* what objects that count together have met */
    uint64_t hash; /* 0: the place is free */
    int64_t generation;
    int64_t at;    /* mono ns: the last time that one was undone */
    int64_t until; /* mono ns: nothing is sent before */
    unsigned times, pauses;
    char *manager;
};

struct made {                   /* an object that we have made */
    uint64_t object, uid, side; /* hashes; object 0: the place is free */
    int64_t at, generation;
};

struct contest {
    struct side sides[PLACES];
    struct made made[PLACES];
};

struct contest *contest_new(void) {
    return rv_alloc(sizeof(struct contest));
}

struct contest *contest_free(struct contest *c) {
    if (c == NULL) return NULL;
    for (size_t i = 0; i < PLACES; i++) free(c->sides[i].manager);
    free(c);
    return NULL;
}

/* ---- what counts together -------------------------------------------------------------------------------- */

static uint64_t hash_texts(const struct rv_str *texts, size_t n) {
    uint64_t h = hash64_texts(texts, n);
    return h != 0 ? h : 1;
}

static struct rv_val body_of(const struct rv_action *a) { return (struct rv_val){a->body.p, a->body.n}; }

static uint64_t hash_object(struct rv_str api_version, struct rv_str resource, struct rv_str ns, struct rv_str name) {
    const struct rv_str texts[] = {api_version, resource, ns, name};
    return hash_texts(texts, RV_ARRAY_LEN(texts));
}

/* The name without what was drawn for it. */
static struct rv_str base(struct rv_str name) {
    if (name.n > SUFFIX + 1 && name.p[name.n - SUFFIX - 1] == '-') name.n -= SUFFIX;
    return name;
}

static uint64_t making_side(const struct rv_action *a) {
    struct rv_val body = body_of(a);
    struct rv_str generated = rv_path_str(body, "metadata.generateName");
    const struct rv_str texts[] = {RV_STR("make"),
                                   a->api_version,
                                   a->resource,
                                   a->ns,
                                   generated.n != 0 ? generated : rv_path_str(body, "metadata.name"),
                                   rv_meta_controller_uid(body)};
    return hash_texts(texts, RV_ARRAY_LEN(texts));
}

static uint64_t deleting_side(const struct rv_action *a) {
    const struct rv_str texts[] = {RV_STR("delete"), a->api_version, a->resource, a->ns, base(a->name)};
    return hash_texts(texts, RV_ARRAY_LEN(texts));
}

static bool is_watched(const struct rv_action *a) {
    bool makes = a->verb == RV_VERB_CREATE || a->verb == RV_VERB_APPLY;
    return a->subresource.n == 0 && (makes || (a->verb == RV_VERB_DELETE && a->name.n != 0));
}

static uint64_t side_of(const struct rv_action *a) {
    return a->verb == RV_VERB_DELETE ? deleting_side(a) : making_side(a);
}

/* Its entry, if it is not too old to say anything, and of the same generation. */
static struct side *find(struct contest *c, uint64_t hash, int64_t generation, int64_t now) {
    struct side *s = &c->sides[hash % PLACES];
    int64_t from = s->until > s->at ? s->until : s->at, lasts = s->pauses != 0 ? LONGEST_PAUSE_S : WINDOW_S;
    bool valid = s->hash == hash && s->generation == generation && now - from < lasts * SECOND;
    return valid ? s : NULL;
}

/* One more time. born: when the object was made; what is older than the last time went with it. */
static void undone_once(struct contest *c, uint64_t hash, int64_t generation, int64_t born, int64_t now) {
    struct side *s = find(c, hash, generation, now);
    if (s == NULL) {
        s = &c->sides[hash % PLACES];
        free(s->manager);
        *s = (struct side){.hash = hash, .generation = generation};
    } else if (born <= s->at) {
        return;
    }
    s->times++;
    s->at = now;
}

/* ---- before a request ------------------------------------------------------------------------------------ */

/* Our own deletion is nobody else's. */
static void forget_made(struct contest *c, const struct rv_action *a) {
    uint64_t object = hash_object(a->api_version, a->resource, a->ns, a->name);
    if (a->verb == RV_VERB_DELETE && c->made[object % PLACES].object == object) c->made[object % PLACES].object = 0;
    if (a->verb == RV_VERB_DELETE_COLLECTION)
        for (size_t i = 0; i < PLACES; i++) c->made[i].object = 0;
}

bool contest_judge(struct contest *c, const struct rv_action *a, int64_t generation, int64_t now,
                   struct contest_finding *ret) {
    struct side *s = is_watched(a) ? find(c, side_of(a), generation, now) : NULL;
    *ret = (struct contest_finding){0};
    if (s != NULL && s->until <= now && s->times >= TIMES) {
        int64_t most = a->verb == RV_VERB_DELETE ? LONGEST_DELETE_PAUSE_S : LONGEST_PAUSE_S;
        ret->first = s->pauses++ == 0;
        s->until =
            now + backoff_pause((struct backoff_pause){.first = FIRST_PAUSE_S, .most = most}, s->pauses, 0) * SECOND;
        s->times = TIMES - 1; /* one more time is enough */
    }
    if (s != NULL && s->until > now) {
        ret->pause_ms = (s->until - now) / 1000000 + 1;
        ret->manager = s->manager != NULL ? rv_str(s->manager) : RV_STR("");
        return true;
    }
    forget_made(c, a);
    return false;
}

/* ---- after it -------------------------------------------------------------------------------------------- */

void contest_made(struct contest *c, const struct rv_action *a, struct rv_val object, int64_t generation, int64_t now) {
    struct rv_str uid = rv_path_str(object, "metadata.uid");
    uint64_t hash = hash_object(a->api_version, a->resource, a->ns, rv_path_str(object, "metadata.name"));
    c->made[hash % PLACES] = (struct made){hash, hash_texts(&uid, 1), making_side(a), now, generation};
}

void contest_gone(struct contest *c, const struct contest_name *n, int64_t now) {
    uint64_t hash = hash_object(n->api_version, n->resource, n->ns, n->name);
    struct made *m = &c->made[hash % PLACES];
    if (m->object != hash || m->uid != hash_texts(&n->uid, 1)) return;
    m->object = 0;
    if (now - m->at < SOON_S * SECOND) undone_once(c, m->side, m->generation, m->at, now);
}

/* Who has made it, by its managedFields; false: we have, or nobody says so. */
static bool made_by_another(struct rv_val object, struct rv_str *ret_manager) {
    *ret_manager = RV_STR("");
    for (struct rv_iter it = rv_iter(rv_val_path(object, "metadata.managedFields")); rv_iter_next(&it);) {
        struct rv_str manager = rv_path_str(it.val, "manager");
        if (is_own_manager(manager)) return false;
        if (ret_manager->n == 0 && rv_path_str(it.val, "subresource").n == 0) *ret_manager = manager;
    }
    return ret_manager->n != 0;
}

/* INT64_MAX: nobody knows. */
static int64_t age_of(struct rv_val object, int64_t wall) {
    int64_t born;
    bool known = rv_time_parse(rv_path_str(object, "metadata.creationTimestamp"), &born) == 0;
    return known ? wall - born : INT64_MAX;
}

bool contest_is_young(struct rv_val object, int64_t wall) { return age_of(object, wall) < SOON_S * SECOND; }

void contest_deleted(struct contest *c, const struct rv_action *a, struct rv_val object, int64_t generation,
                     int64_t now, int64_t wall) {
    int64_t age = age_of(object, wall);
    struct rv_str manager;
    if (!is_watched(a) || age >= SOON_S * SECOND || !made_by_another(object, &manager)) return;
    uint64_t hash = deleting_side(a);
    undone_once(c, hash, generation, now - age, now);
    struct side *s = &c->sides[hash % PLACES];
    free(s->manager);
    s->manager = rv_strdup(manager);
}
