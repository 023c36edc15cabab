/* projection.c - field paths compiled into a trie (see projection.h, rayvisor/json.h). */
#include "projection.h"

#include <errno.h>
#include <stdlib.h>

static struct proj_node *child(struct proj_node *n, struct rv_str key) {
    for (struct proj_node *k = n->kids; k != NULL; k = k->next)
        if (rv_str_eq(k->key, key)) return k;
    return NULL;
}

const struct proj_node *proj_step(const struct proj_node *n, struct rv_str key) {
    if (n->keep) return n;
    for (const struct proj_node *k = n->kids; k != NULL; k = k->next)
        if (rv_str_eq(k->key, key)) return k;
    return NULL;
}

static struct proj_node *grow(struct rv_arena *a, struct proj_node *n, struct rv_str key) {
    struct proj_node *k = child(n, key);
    if (k != NULL) return k;
    k = rv_arena_alloc(a, sizeof *k);
    k->key = rv_arena_str(a, key);
    k->next = n->kids;
    n->kids = k;
    return k;
}

/* Reads one step of a path: a name, "[]" or "[literal key]". Moves *p past it. */
static int next_step(const char **p, struct rv_str *ret) {
    const char *s = *p;
    if (*s == '[') {
        const char *close = strchr(s, ']');
        if (close == NULL) return -EINVAL;
        int64_t index;
        *ret = close == s + 1 ? RV_STR("[]") : (struct rv_str){s + 1, (size_t)(close - s - 1)};
        /* An index is refused, because a projection keeps all elements or none. */
        if (rv_str_to_int(*ret, INT64_MIN, INT64_MAX, &index) != -EINVAL) return -EINVAL;
        s = close + 1;
    } else {
        size_t n = strcspn(s, ".[");
        if (n == 0) return -EINVAL;
        *ret = (struct rv_str){s, n};
        s += n;
    }
    if (*s == '.') {
        s++;
        if (*s == 0) return -EINVAL;
    }
    *p = s;
    return 0;
}

static int add_path(struct rv_projection *p, const char *path, struct rv_error *err) {
    struct proj_node *n = &p->root;
    const char *s = path;
    while (*s != 0) {
        struct rv_str step;
        if (next_step(&s, &step) != 0)
            return rv_error_set(err, RV_E_CONFIG, "field path \"%s\" is malformed: use a.b, a[].b or a[literal/key]",
                                path);
        n = grow(p->arena, n, step);
    }
    n->keep = true;
    return 0;
}

struct rv_projection *rv_projection_new(const char *const *paths, size_t n, struct rv_error *err) {
    struct rv_projection *p = rv_alloc(sizeof *p);
    p->arena = rv_arena_new();
    p->root.keep = n == 0;
    for (size_t i = 0; i < n; i++)
        if (add_path(p, paths[i], err) != 0) return rv_projection_free(p);
    return p;
}

struct rv_projection *rv_projection_free(struct rv_projection *p) {
    if (p != NULL) rv_arena_free(p->arena);
    free(p);
    return NULL;
}

static void merge(struct rv_arena *a, struct proj_node *into, const struct proj_node *from, unsigned depth) {
    if (from->keep) into->keep = true;
    if (depth > RV_MP_MAX_DEPTH) return;
    for (const struct proj_node *k = from->kids; k != NULL; k = k->next) merge(a, grow(a, into, k->key), k, depth + 1);
}

struct rv_projection *rv_projection_union(const struct rv_projection *a, const struct rv_projection *b) {
    struct rv_projection *p = rv_alloc(sizeof *p);
    p->arena = rv_arena_new();
    if (a == NULL || b == NULL) p->root.keep = true;
    if (a != NULL) merge(p->arena, &p->root, &a->root, 0);
    if (b != NULL) merge(p->arena, &p->root, &b->root, 0);
    return p;
}

static bool node_covers(const struct proj_node *a, const struct proj_node *b) {
    if (a->keep) return true;
    if (b->keep) return false;
    for (const struct proj_node *k = b->kids; k != NULL; k = k->next) {
        const struct proj_node *same = proj_step(a, k->key);
        if (same == NULL || !node_covers(same, k)) return false;
    }
    return true;
}

bool rv_projection_covers(const struct rv_projection *a, const struct rv_projection *b) {
    if (a == NULL) return true;
    return b != NULL ? node_covers(&a->root, &b->root) : a->root.keep;
}

struct rv_projection *rv_projection_watch(const struct rv_projection *p) {
    /* The fields of bookmarks and of error events (a Status). They are kept whatever the projection says. */
    static const char *const always[] = {
        "type",
        "object.kind",
        "object.apiVersion",
        "object.code",
        "object.reason",
        "object.message",
        "object.metadata.resourceVersion",
        "object.metadata.annotations[k8s.io/initial-events-end]",
    };
    struct rv_projection *w = rv_projection_new(always, RV_ARRAY_LEN(always), NULL);
    struct proj_node *object = grow(w->arena, &w->root, RV_STR("object"));
    if (p == NULL)
        object->keep = true;
    else
        merge(w->arena, object, &p->root, 0);
    return w;
}

bool rv_projection_only(const struct rv_projection *p, const char *field) {
    if (p == NULL || p->root.keep) return false;
    for (const struct proj_node *k = p->root.kids; k != NULL; k = k->next)
        if (!rv_str_is(k->key, field) && !rv_str_is(k->key, "apiVersion") && !rv_str_is(k->key, "kind")) return false;
    return p->root.kids != NULL;
}
