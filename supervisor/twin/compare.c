/* compare.c - see compare.h. */
#include "compare.h"

#include <stdio.h>

#include "ipc/base/utf8.h"
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"

enum { WHOLE_DEPTH = 100, CONTEXT = 24 };

struct compare {
    compare_fn fn;
    void *arg;
    enum compare_how how;
    bool whole; /* below a list of a merge patch, which replaces what is there */
    struct rv_buf path;
    unsigned depth;
};

/* What the API server may leave out. */
static bool is_zero(struct rv_val v) {
    switch (rv_val_type(v)) {
    case RV_ABSENT:
    case RV_NULL:
        return true;
    case RV_BOOL:
        return !rv_val_bool(v, true);
    case RV_STRING:
        return rv_val_str(v).n == 0;
    case RV_ARRAY:
    case RV_MAP:
        return rv_val_len(v) == 0;
    default:
        return rv_val_float(v, 1) == 0;
    }
}

static bool has(struct rv_str path, const char *part) {
    return path.n != 0 && memmem(path.p, path.n, part, strlen(part)) != NULL;
}

static bool is_quantity(struct rv_str path) {
    return has(path, "limits.") || has(path, "requests.") || has(path, "sizeLimit") || has(path, "esources.") ||
           has(path, "desired");
}

static bool same(const struct compare *c, struct rv_val a, struct rv_val b) {
    struct rv_quantity x, y;
    if (rv_val_equal(a, b)) return true;
    return is_quantity(rv_buf_str(&c->path)) && rv_quantity_from_val(a, &x) == 0 && rv_quantity_from_val(b, &y) == 0 &&
           rv_quantity_cmp(x, y) == 0;
}

static void report(struct compare *c, struct rv_val ours, struct rv_val theirs) {
    c->fn(c->arg, rv_buf_str(&c->path), ours, theirs);
}

static void compare_values(struct compare *c, struct rv_val ours, struct rv_val theirs);

/* ---- paths ---------------------------------------------------------------------------------------------- */

static size_t push_key(struct compare *c, struct rv_str key) {
    size_t at = c->path.n;
    bool plain = key.n != 0 && memchr(key.p, '.', key.n) == NULL && memchr(key.p, '/', key.n) == NULL;
    rv_buf_addf(&c->path, plain ? "%s" RV_STR_FMT : "%s[" RV_STR_FMT "]", plain && at != 0 ? "." : "", RV_STR_ARG(key));
    return at;
}

static size_t push_entry(struct compare *c, struct rv_str name) {
    size_t at = c->path.n;
    rv_buf_addf(&c->path, "[" RV_STR_FMT "]", RV_STR_ARG(name));
    return at;
}

static void pop(struct compare *c, size_t at) { c->path.n = at; }

/* ---- maps ----------------------------------------------------------------------------------------------- */

/* Maps in which only writers put entries. */
static bool is_closed(const struct compare *c) {
    static const char *const closed[] = {".labels",      ".annotations", ".nodeSelector", ".selector",
                                         ".matchLabels", ".limits",      ".requests"};
    struct rv_str path = rv_buf_str(&c->path);
    for (size_t i = 0; i < RV_ARRAY_LEN(closed); i++)
        if (rv_str_ends(path, closed[i])) return true;
    return rv_str_is(path, "data");
}

/* Whether what only the object has is a difference, too. In an entry of a list of a spec, which a merge patch replaces,
 * it is what the API server fills in again. */
static bool counts_extra(const struct compare *c) {
    struct rv_str path = rv_buf_str(&c->path);
    if (c->whole) return is_closed(c) || rv_str_starts(path, "status") || rv_str_starts(path, "metadata");
    return c->how == COMPARE_CREATE && is_closed(c);
}

static void compare_maps(struct compare *c, struct rv_val ours, struct rv_val theirs) {
    for (struct rv_iter it = rv_iter(ours); rv_iter_next(&it);) {
        size_t at = push_key(c, it.key);
        compare_values(c, it.val, rv_val_getn(theirs, it.key));
        pop(c, at);
    }
    if (!counts_extra(c)) return;
    for (struct rv_iter it = rv_iter(theirs); rv_iter_next(&it);) {
        if (rv_val_present(rv_val_getn(ours, it.key)) || is_zero(it.val)) continue;
        size_t at = push_key(c, it.key);
        report(c, RV_VAL_ABSENT, it.val);
        pop(c, at);
    }
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

static struct rv_str name_in(struct rv_val entry, const char *key, char scratch[24]) {
    struct rv_val v = rv_val_get(entry, key);
    if (rv_val_type(v) != RV_INT) return rv_val_str(v);
    int n = snprintf(scratch, 24, "%lld", (long long)rv_val_int(v, 0));
    return (struct rv_str){scratch, (size_t)n};
}

static struct rv_val find_entry(struct rv_val list, const char *key, struct rv_str name) {
    char scratch[24];
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (rv_str_eq(name_in(it.val, key, scratch), name)) return it.val;
    return RV_VAL_ABSENT;
}

static bool names_all(struct rv_val list, const char *key) {
    char scratch[24], other[24];
    size_t i = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it); i++) {
        struct rv_str name = name_in(it.val, key, scratch);
        size_t k = 0;
        if (name.n == 0) return false;
        for (struct rv_iter before = rv_iter(list); k < i && rv_iter_next(&before); k++)
            if (rv_str_eq(name_in(before.val, key, other), name)) return false;
    }
    return true;
}

/* By which of their fields the entries of both lists are told apart; NULL: by none. */
static const char *key_of(struct rv_val ours, struct rv_val theirs) {
    static const char *const keys[] = {"mountPath", "name", "type", "containerPort", "port", "key", "uid", "kind"};
    for (size_t i = 0; i < RV_ARRAY_LEN(keys); i++)
        if (names_all(ours, keys[i]) && names_all(theirs, keys[i])) return keys[i];
    return NULL;
}

static void compare_entries(struct compare *c, const char *key, struct rv_val ours, struct rv_val theirs) {
    char scratch[24];
    for (struct rv_iter it = rv_iter(ours); rv_iter_next(&it);) {
        struct rv_str name = name_in(it.val, key, scratch);
        struct rv_val other = find_entry(theirs, key, name);
        size_t at = push_entry(c, name);
        if (rv_val_present(other))
            compare_values(c, it.val, other);
        else
            report(c, it.val, RV_VAL_ABSENT);
        pop(c, at);
    }
    if (c->how == COMPARE_APPLY) return;
    for (struct rv_iter it = rv_iter(theirs); rv_iter_next(&it);) {
        struct rv_str name = name_in(it.val, key, scratch);
        if (rv_val_present(find_entry(ours, key, name))) continue;
        size_t at = push_entry(c, name);
        report(c, RV_VAL_ABSENT, it.val);
        pop(c, at);
    }
}

static bool all_maps(struct rv_val list) {
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);)
        if (rv_val_type(it.val) != RV_MAP) return false;
    return true;
}

static void compare_by_place(struct compare *c, struct rv_val ours, struct rv_val theirs) {
    size_t i = 0;
    for (struct rv_iter it = rv_iter(ours); rv_iter_next(&it); i++) {
        char place[24];
        snprintf(place, sizeof place, "%zu", i);
        size_t at = push_entry(c, rv_str(place));
        compare_values(c, it.val, rv_val_at(theirs, i));
        pop(c, at);
    }
}

static void compare_lists(struct compare *c, struct rv_val ours, struct rv_val theirs) {
    bool before = c->whole, maps = all_maps(ours) && all_maps(theirs);
    const char *key = maps ? key_of(ours, theirs) : NULL;
    if (rv_val_type(theirs) != RV_ARRAY) {
        if (!is_zero(ours) || rv_val_set(theirs)) report(c, ours, theirs);
        return;
    }
    c->whole = before || c->how == COMPARE_PATCH;
    if (key != NULL)
        compare_entries(c, key, ours, theirs);
    else if (maps && rv_val_len(ours) == rv_val_len(theirs))
        compare_by_place(c, ours, theirs);
    else if (!same(c, ours, theirs))
        report(c, ours, theirs);
    c->whole = before;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static void compare_values(struct compare *c, struct rv_val ours, struct rv_val theirs) {
    enum rv_type type = rv_val_type(ours), other = rv_val_type(theirs);
    if (c->depth > WHOLE_DEPTH) return;
    c->depth++;
    if (type == RV_MAP && (other == RV_MAP || !rv_val_set(theirs)))
        compare_maps(c, ours, theirs);
    else if (type == RV_ARRAY)
        compare_lists(c, ours, theirs);
    else if (!same(c, ours, theirs) &&
             !(is_zero(ours) && (!rv_val_set(theirs) || (type == RV_NULL && is_zero(theirs)))))
        report(c, ours, theirs);
    c->depth--;
}

/* What says which object it is, and what no two objects have in common. */
static bool is_identity(struct rv_str path) {
    static const char *const skipped[] = {
        "apiVersion",         "kind",         "metadata.name",           "metadata.generateName",
        "metadata.namespace", "metadata.uid", "metadata.resourceVersion"};
    for (size_t i = 0; i < RV_ARRAY_LEN(skipped); i++)
        if (rv_str_is(path, skipped[i])) return true;
    return false;
}

/* What Kubernetes itself adds to what others make: tokens of service accounts, labels of a Job's pods, tolerations. */
static bool is_added(struct rv_str path) {
    static const char *const added[] = {
        "volumes[kube-api-access-",          "[/var/run/secrets/kubernetes.io/serviceaccount]",
        "labels[batch.kubernetes.io/",       "template.metadata.labels.controller-uid",
        "template.metadata.labels.job-name", "spec.tolerations[node.kubernetes.io/"};
    for (size_t i = 0; i < RV_ARRAY_LEN(added); i++)
        if (has(path, added[i])) return true;
    return false;
}

struct filter {
    compare_fn fn;
    void *arg;
};

static void leave_out_identity(void *arg, struct rv_str path, struct rv_val ours, struct rv_val theirs) {
    const struct filter *f = arg;
    if (!is_identity(path) && (rv_val_present(ours) || !is_added(path))) f->fn(f->arg, path, ours, theirs);
}

void compare_objects(enum compare_how how, struct rv_val ours, struct rv_val theirs, compare_fn fn, void *arg) {
    struct filter f = {fn, arg};
    struct compare c = {.fn = leave_out_identity, .arg = &f, .how = how};
    compare_values(&c, ours, theirs);
    rv_buf_free(&c.path);
}

/* ---- JSON patches --------------------------------------------------------------------------------------- */

/* A step of a JSON pointer, with ~1 and ~0 read. */
static void unescape(struct rv_str step, struct rv_buf *out) {
    rv_buf_clear(out);
    for (size_t i = 0; i < step.n; i++) {
        bool escaped = step.p[i] == '~' && i + 1 < step.n;
        rv_buf_addc(out, !escaped ? (uint8_t)step.p[i] : step.p[++i] == '1' ? '/' : '~');
    }
}

static struct rv_val follow(struct compare *c, struct rv_str pointer, struct rv_val v) {
    rv_autobuf struct rv_buf step = {0};
    while (pointer.n > 1) {
        const char *end = memchr(pointer.p + 1, '/', pointer.n - 1);
        size_t n = end != NULL ? (size_t)(end - pointer.p) : pointer.n;
        int64_t index;
        unescape((struct rv_str){pointer.p + 1, n - 1}, &step);
        if (rv_val_type(v) == RV_ARRAY) {
            bool number = rv_str_to_int(rv_buf_str(&step), 0, INT32_MAX, &index) == 0;
            (void)push_entry(c, rv_buf_str(&step));
            v = number ? rv_val_at(v, (size_t)index) : RV_VAL_ABSENT; /* "-": behind the last one */
        } else {
            (void)push_key(c, rv_buf_str(&step));
            v = rv_val_getn(v, rv_buf_str(&step));
        }
        pointer = (struct rv_str){pointer.p + n, pointer.n - n};
    }
    return v;
}

void compare_json_patch(struct rv_val operations, struct rv_val theirs, compare_fn fn, void *arg) {
    struct filter f = {fn, arg};
    for (struct rv_iter it = rv_iter(operations); rv_iter_next(&it);) {
        struct compare c = {.fn = leave_out_identity, .arg = &f, .how = COMPARE_PATCH};
        struct rv_str op = rv_path_str(it.val, "op");
        struct rv_val there = follow(&c, rv_path_str(it.val, "path"), theirs);
        if (rv_str_is(op, "remove") && rv_val_set(there))
            report(&c, RV_VAL_ABSENT, there);
        else if (rv_str_is(op, "add") || rv_str_is(op, "replace"))
            compare_values(&c, rv_val_get(it.val, "value"), there);
        rv_buf_free(&c.path);
    }
}

/* ---- showing -------------------------------------------------------------------------------------------- */

static void as_text(struct rv_val v, struct rv_buf *out) {
    if (!rv_val_present(v))
        rv_buf_adds(out, "-");
    else if (rv_val_type(v) == RV_STRING)
        rv_buf_add_str(out, rv_val_str(v));
    else
        rv_json_write(v, out);
}

void compare_show(struct rv_val v, struct rv_val other, size_t max, struct rv_buf *out) {
    rv_autobuf struct rv_buf a = {0}, b = {0};
    size_t from = 0;
    as_text(v, &a);
    as_text(other, &b);
    while (from < a.n && from < b.n && a.p[from] == b.p[from]) from++;
    from = a.n > max && rv_val_present(other) && from > CONTEXT ? from - CONTEXT : 0;
    while (from > 0 && from < a.n && (a.p[from] & 0xc0) == 0x80) from--; /* the start of a character */
    struct rv_str rest = {(const char *)a.p + from, a.n - from}, shown = utf8_clip(rest, max);
    if (from != 0) rv_buf_adds(out, "...");
    for (size_t i = 0; i < shown.n; i++) rv_buf_addc(out, shown.p[i] == '\n' ? ' ' : (uint8_t)shown.p[i]);
    if (shown.n < rest.n) rv_buf_adds(out, "...");
}
