/* json_read.c - converts JSON text, in chunks, to msgpack (see rayvisor/json.h).
 *
 * yajl finds the tokens. Its callbacks write msgpack directly into one buffer. The count of a container is known only
 * at its end, so its head is written then. One byte is reserved for the head, which is enough for up to 15 entries. The
 * content of a larger container moves up when it closes. So the result is compact, which matters because it is kept for
 * long. Values that the projection leaves out are skipped by counting their depth and are never written.
 *
 * yajl accepts some wrong surrogate escapes and some wrong UTF-8, so both are checked here as well. */
#include "rayvisor/json.h"

#include "escapes.h"
#include "mp.h"
#include "number.h"
#include "projection.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

enum { HEAD_RESERVED = 1, MAX_DOCUMENT = 16 << 20, SLICE = 64 << 10, MAX_NUMBER = 4096 };

struct level {
    size_t start; /* position of the reserved head in the buffer */
    size_t count; /* entries written so far */
    const struct proj_node *proj;
    const struct proj_node *value_proj; /* projection of the value that comes next */
    /* `list` is true for the top-level items array in list mode. */
    bool map, list;
    /* The current map is a Kubernetes object; the next value is one. */
    bool object, next_object;
    /* The current map is an object's metadata; the next value is one. */
    bool metadata, next_metadata;
    bool annotations, next_annotations; /* the same of its annotations */
    bool next_items;                    /* the next value is the items array */
    size_t keys;                        /* where the keys of this map begin on the stack of keys */
};

struct rv_json_reader {
    yajl_handle yajl;
    const struct rv_projection *proj;
    struct proj_node all;
    size_t max_bytes, fed;
    size_t since_item; /* bytes read since the last complete element of the list */
    unsigned max_depth;
    rv_json_item_fn on_item;
    void *arg;
    struct rv_buf out;
    struct mp_keys keys;
    struct escapes escapes;
    struct level *levels;
    size_t nodes; /* number of nodes in the document, or in the current element of the list */
    unsigned depth;
    unsigned skipping; /* open containers inside a value that is left out */
    bool skip_next, done, items_seen;
    bool clip, clipped;
    int failed;
    char why[160];
};

static int fail(struct rv_json_reader *r, int code, const char *why) {
    if (r->failed == 0) {
        r->failed = code;
        snprintf(r->why, sizeof r->why, "%s", why);
    }
    return 0; /* stops yajl */
}

/* ---- where the next value goes ---------------------------------------------------------------------------- */

enum kind { KIND_NULL, KIND_SCALAR, KIND_MAP, KIND_ARRAY };

static int count_node(struct rv_json_reader *r) {
    return ++r->nodes <= RV_MP_MAX_NODES ? 1 : fail(r, RV_E_TOO_BIG, "too many values");
}

/* Called before a value. Returns false if the value is left out, or if it is not allowed here. In the second case
 * r->failed is set. */
static bool wanted(struct rv_json_reader *r, enum kind kind) {
    if (r->skipping > 0) return false;
    if (!count_node(r)) return false;
    if (r->depth == 0) return true;
    struct level *l = &r->levels[r->depth - 1];
    if (l->map) {
        bool skip = r->skip_next;
        r->skip_next = false;
        if (skip) return false;
    } else if (l->value_proj == NULL) {
        return false;
    }
    if (l->next_items) { /* the items array is not an entry of the document; its elements are counted one by one */
        if (kind != KIND_ARRAY && kind != KIND_NULL) fail(r, RV_E_PARSE, "\"items\" is not an array");
        return kind == KIND_ARRAY;
    }
    l->count++;
    return true;
}

static const struct proj_node *next_proj(struct rv_json_reader *r) {
    if (r->depth == 0) return r->proj != NULL ? &r->proj->root : &r->all;
    return r->levels[r->depth - 1].value_proj;
}

/* Called after a complete element of the items array in list mode. Passes it to the callback and drops its bytes. */
static int item_done(struct rv_json_reader *r, size_t start) {
    struct level *l = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    if (l == NULL || !l->list) return 1;
    int code = r->on_item(r->arg, (struct rv_val){r->out.p + start, r->out.n - start});
    r->out.n = start;
    r->since_item = r->nodes = 0;
    r->clipped = false;
    l->count--;
    return code == 0 ? 1 : fail(r, code, "stopped by the receiver");
}

static int scalar_done(struct rv_json_reader *r, size_t start) {
    if (r->depth == 0) r->done = true;
    return item_done(r, start);
}

static int on_null(void *ctx) {
    struct rv_json_reader *r = ctx;
    if (!wanted(r, KIND_NULL)) return r->failed == 0;
    size_t start = r->out.n;
    rv_mp_nil(&r->out);
    return scalar_done(r, start);
}

static int on_boolean(void *ctx, int v) {
    struct rv_json_reader *r = ctx;
    if (!wanted(r, KIND_SCALAR)) return r->failed == 0;
    size_t start = r->out.n;
    rv_mp_bool(&r->out, v != 0);
    return scalar_done(r, start);
}

/* Writes a number that is no 64-bit integer as the nearest double. */
static int write_double(struct rv_buf *out, struct rv_str s) {
    rv_autofree char *text = rv_strdup(s);
    double v = number_parse(text);
    if (!isfinite(v)) return -ERANGE;
    rv_mp_float(out, v);
    return 0;
}

/* Writes integers exactly. yajl has checked the grammar. */
static int write_number(struct rv_buf *out, struct rv_str s) {
    uint64_t v = 0;
    bool negative = s.p[0] == '-', whole = true;
    for (size_t i = negative ? 1 : 0; whole && i < s.n; i++) {
        whole = s.p[i] >= '0' && s.p[i] <= '9' && !__builtin_mul_overflow(v, UINT64_C(10), &v) &&
                !__builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v);
    }
    if (!whole || (negative && v > (uint64_t)INT64_MAX + 1)) return write_double(out, s);
    if (negative)
        rv_mp_int(out, (int64_t)(0 - v));
    else
        rv_mp_uint(out, v);
    return 0;
}

static int on_number(void *ctx, const char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (n > MAX_NUMBER) return fail(r, RV_E_TOO_BIG, "a number of more than 4096 characters");
    if (!wanted(r, KIND_SCALAR)) return r->failed == 0;
    size_t start = r->out.n;
    if (write_number(&r->out, (struct rv_str){p, n}) != 0) return fail(r, RV_E_PARSE, "a number out of range");
    return scalar_done(r, start);
}

static int on_string(void *ctx, const unsigned char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (!utf8_valid((struct rv_str){(const char *)p, n})) return fail(r, RV_E_PARSE, "a string that is not UTF-8");
    if (!wanted(r, KIND_SCALAR)) return r->failed == 0;
    size_t start = r->out.n;
    rv_mp_str(&r->out, (struct rv_str){(const char *)p, n});
    return scalar_done(r, start);
}

/* ---- containers ------------------------------------------------------------------------------------------- */

static int open_container(struct rv_json_reader *r, bool map) {
    if (r->skipping > 0 || !wanted(r, map ? KIND_MAP : KIND_ARRAY)) {
        if (r->failed != 0) return 0;
        if (r->depth + ++r->skipping > r->max_depth && !r->clip) return fail(r, RV_E_TOO_BIG, "nesting too deep");
        return 1;
    }
    if (r->depth == r->max_depth && !r->clip) return fail(r, RV_E_TOO_BIG, "nesting too deep");
    if (r->depth == r->max_depth) {
        r->clipped = true;
        rv_mp_nil(&r->out);
        r->skipping = 1;
        return 1;
    }
    const struct level *up = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    struct level *l = &r->levels[r->depth];
    *l = (struct level){.start = r->out.n, .proj = next_proj(r), .map = map, .keys = r->keys.n};
    l->object = map && (up == NULL || up->list || up->next_object);
    l->metadata = map && up != NULL && up->next_metadata;
    l->annotations = map && up != NULL && up->next_annotations;
    l->list = !map && up != NULL && up->next_items;
    if (l->list)
        l->value_proj = r->proj != NULL ? &r->proj->root : &r->all;
    else if (!map)
        l->value_proj = proj_step(l->proj, RV_STR("[]"));
    r->depth++;
    rv_buf_reserve(&r->out, HEAD_RESERVED);
    r->out.n += HEAD_RESERVED;
    return 1;
}

static int on_start_map(void *ctx) { return open_container(ctx, true); }
static int on_start_array(void *ctx) { return open_container(ctx, false); }

/* Writes the head. Moves the content up if one byte is not enough for it. */
static void close_head(struct rv_json_reader *r, const struct level *l) {
    size_t head = l->count < 16 ? 1 : l->count < 65536 ? 3 : 5;
    size_t body = r->out.n - l->start - HEAD_RESERVED;
    rv_buf_reserve(&r->out, head);
    uint8_t *p = r->out.p + l->start, fix = l->map ? 0x80 : 0x90, wide = l->map ? 0xde : 0xdc;
    r->out.n = l->start + head + body;
    if (head == 1) {
        p[0] = (uint8_t)(fix | l->count);
        return;
    }
    memmove(p + head, p + HEAD_RESERVED, body);
    p[0] = head == 3 ? wide : (uint8_t)(wide + 1);
    for (size_t i = 1; i < head; i++) p[i] = (uint8_t)(l->count >> (8 * (head - 1 - i)));
}

static int close_container(struct rv_json_reader *r) {
    if (r->skipping > 0) {
        r->skipping--;
        return 1;
    }
    struct level l = r->levels[--r->depth];
    if (!mp_keys_pop_unique(&r->keys, l.keys, r->out.p)) return fail(r, RV_E_PARSE, "a key stands twice in the object");
    if (l.list) { /* its elements were passed on one by one */
        r->out.n = l.start;
        return 1;
    }
    close_head(r, &l);
    if (r->depth == 0) r->done = true;
    return item_done(r, l.start);
}

static int on_end_map(void *ctx) { return close_container(ctx); }
static int on_end_array(void *ctx) { return close_container(ctx); }

/* Sets what kind of value this key has, and which part of it is wanted. */
static void classify_key(struct rv_json_reader *r, struct level *l, struct rv_str key) {
    bool list_top = r->depth == 1 && r->on_item != NULL;
    l->next_metadata = l->object && rv_str_is(key, "metadata");
    l->next_object = r->depth == 1 && !list_top && rv_str_is(key, "object"); /* in a watch event */
    l->next_items = list_top && rv_str_is(key, "items");
    l->value_proj = list_top ? &r->all : proj_step(l->proj, key);
    l->next_annotations = l->metadata && rv_str_is(key, "annotations");
    r->skip_next =
        l->value_proj == NULL || (l->metadata && rv_str_is(key, "managedFields")) ||
        (r->proj != NULL && l->annotations && rv_str_is(key, "kubectl.kubernetes.io/last-applied-configuration"));
}

static int on_key(void *ctx, const unsigned char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (!utf8_valid((struct rv_str){(const char *)p, n})) return fail(r, RV_E_PARSE, "a key that is not UTF-8");
    if (r->skipping > 0) return 1;
    struct level *l = &r->levels[r->depth - 1];
    struct rv_str key = {(const char *)p, n};
    classify_key(r, l, key);
    if (l->next_items) {
        bool again = r->items_seen;
        r->items_seen = true;
        return again ? fail(r, RV_E_PARSE, "\"items\" stands twice in the list") : 1;
    }
    if (r->skip_next) return 1;
    rv_mp_str(&r->out, key);
    mp_keys_push(&r->keys, r->out.p, r->out.n - n, n);
    return count_node(r);
}

/* ---- the reader ------------------------------------------------------------------------------------------- */

static const yajl_callbacks callbacks = {on_null,      on_boolean, NULL,       NULL,           on_number,   on_string,
                                         on_start_map, on_key,     on_end_map, on_start_array, on_end_array};

static void *yajl_memory(void *ctx, size_t n) {
    (void)ctx;
    return rv_alloc(n);
}

static void *yajl_more_memory(void *ctx, void *p, size_t n) {
    (void)ctx;
    return rv_realloc_array(p, n, 1);
}

static void yajl_release(void *ctx, void *p) {
    (void)ctx;
    free(p);
}

static void start_yajl(struct rv_json_reader *r) {
    yajl_alloc_funcs memory = {yajl_memory, yajl_more_memory, yajl_release, NULL};
    if (r->yajl != NULL) yajl_free(r->yajl);
    r->yajl = yajl_alloc(&callbacks, &memory, r);
    if (r->yajl == NULL) rv_oom();
    yajl_config(r->yajl, yajl_dont_validate_strings, 1); /* utf8_valid is stricter and faster */
}

struct rv_json_reader *rv_json_reader_new(const struct rv_projection *p, const struct rv_json_limits *limits,
                                          rv_json_item_fn on_item, void *arg) {
    struct rv_json_reader *r = rv_alloc(sizeof *r);
    r->proj = p;
    r->all.keep = true;
    r->max_bytes = limits != NULL && limits->max_bytes != 0 ? limits->max_bytes : MAX_DOCUMENT;
    r->max_depth = limits != NULL && limits->max_depth != 0 ? limits->max_depth : RV_MP_MAX_DEPTH;
    r->clip = limits != NULL && limits->clip;
    r->levels = rv_alloc_array(r->max_depth + 1, sizeof *r->levels);
    r->on_item = on_item;
    r->arg = arg;
    start_yajl(r);
    return r;
}

struct rv_json_reader *rv_json_reader_free(struct rv_json_reader *r) {
    if (r == NULL) return NULL;
    yajl_free(r->yajl);
    rv_buf_free(&r->out);
    mp_keys_free(&r->keys);
    free(r->levels);
    free(r);
    return NULL;
}

void rv_json_reader_reset(struct rv_json_reader *r) {
    start_yajl(r);
    r->fed = r->since_item = r->nodes = r->keys.n = 0;
    r->depth = r->skipping = 0;
    r->skip_next = r->done = r->items_seen = r->clipped = false;
    r->escapes = (struct escapes){0};
    r->failed = 0;
    rv_buf_clear(&r->out);
}

bool rv_json_reader_clipped(const struct rv_json_reader *r) { return r->clipped; }

/* Writes printable text around offset `at` of a slice. */
static void excerpt(const uint8_t *p, size_t n, size_t at, char ret[28]) {
    size_t from = at > 12 ? at - 12 : 0, i = 0;
    for (; i < 24 && from + i < n; i++) {
        uint8_t c = p[from + i];
        ret[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
    }
    ret[i] = 0;
}

/* Reports why the slice of n bytes at p was refused, by this reader (r->failed) or by yajl. */
static int report(struct rv_json_reader *r, const uint8_t *p, size_t n, struct rv_error *err) {
    size_t at = yajl_get_bytes_consumed(r->yajl);
    char near[28];
    if (at > n) at = n;
    excerpt(p, n, at, near);
    if (r->failed == 0) {
        unsigned char *text = yajl_get_error(r->yajl, 0, p, n);
        if (text != NULL) text[strcspn((char *)text, "\n")] = 0;
        fail(r, RV_E_PARSE, text != NULL ? (const char *)text : "syntax error");
        if (text != NULL) yajl_free_error(r->yajl, text);
    }
    return rv_error_set(err, r->failed, "JSON: %s near byte %zu (\"%s\")", r->why, r->fed - n + at, near);
}

static int feed_slice(struct rv_json_reader *r, const uint8_t *p, size_t n, struct rv_error *err) {
    r->fed += n;
    r->since_item += n;
    /* The limit is for one document. In a list it is for one element and everything before it since the last
     * element. */
    if ((r->on_item == NULL ? r->fed : r->since_item) > r->max_bytes) {
        fail(r, RV_E_TOO_BIG, "document exceeds the limit");
        return rv_error_set(err, RV_E_TOO_BIG, "JSON: document exceeds the limit of %zu bytes", r->max_bytes);
    }
    if (!escapes_feed(&r->escapes, p, n)) {
        fail(r, RV_E_PARSE, "half a surrogate pair");
        return rv_error_set(err, RV_E_PARSE, "JSON: half a surrogate pair before byte %zu", r->fed);
    }
    return yajl_parse(r->yajl, p, n) == yajl_status_ok ? 0 : report(r, p, n, err);
}

int rv_json_reader_feed(struct rv_json_reader *r, const void *bytes, size_t n, struct rv_error *err) {
    if (r->failed != 0) return rv_error_set(err, r->failed, "JSON: %s", r->why);
    int code = 0;
    for (size_t at = 0; code == 0 && at < n; at += SLICE)
        code = feed_slice(r, (const uint8_t *)bytes + at, n - at < SLICE ? n - at : SLICE, err);
    return code;
}

int rv_json_reader_finish(struct rv_json_reader *r, struct rv_val *ret_value, struct rv_error *err) {
    if (r->failed != 0) return rv_error_set(err, r->failed, "JSON: %s", r->why);
    if (yajl_complete_parse(r->yajl) != yajl_status_ok) return report(r, NULL, 0, err);
    if (!r->done || r->out.n == 0) return rv_error_set(err, RV_E_PARSE, "JSON: the text is empty or ends early");
    *ret_value = (struct rv_val){r->out.p, r->out.n};
    return 0;
}

int rv_json_to_mp_clipped(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, bool *ret_clipped,
                          struct rv_error *err) {
    const struct rv_json_limits limits = {.clip = ret_clipped != NULL};
    struct rv_json_reader *r = rv_json_reader_new(p, &limits, NULL, NULL);
    struct rv_val v = RV_VAL_ABSENT;
    int code = rv_json_reader_feed(r, text.p, text.n, err);
    if (code == 0) code = rv_json_reader_finish(r, &v, err);
    if (code == 0) rv_buf_add(out, v.p, v.n);
    if (ret_clipped != NULL) *ret_clipped = r->clipped;
    if (r->out.n != 0) explicit_bzero(r->out.p, r->out.n); /* the text may be a credential; who has the copy wipes it */
    rv_json_reader_free(r);
    return code;
}

int rv_json_to_mp(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, struct rv_error *err) {
    return rv_json_to_mp_clipped(text, p, out, NULL, err);
}
