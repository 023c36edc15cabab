/* json_read.c - JSON text, in chunks, to msgpack (see rayvisor/json.h).
 *
 * yajl finds the tokens; its callbacks write msgpack straight into one buffer. A container's count is known only at its
 * end, so its head is written then: five bytes are reserved in front and, when the container closes, the content moves
 * down over what the head does not need. Most containers are small, so the bytes moved are few; a blob that is kept for
 * years is compact. What a projection leaves out is counted through by depth alone and never written. */
#include "rayvisor/json.h"

#include "projection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

enum { HEAD_ROOM = 5, MAX_DOCUMENT = 16 << 20 };

struct level {
    size_t start; /* of the reserved head in the buffer */
    size_t count; /* entries written */
    const struct proj_node *proj;
    const struct proj_node *value_proj; /* of the value that comes next */
    bool map, list;                     /* list: the top-level items array in list mode */
    bool metadata, next_metadata;       /* this map is an object's metadata; the value that comes is */
    bool next_items;                    /* the value that comes is the items array */
    uint64_t keys_seen;                 /* a small Bloom filter of the map's key hashes */
};

struct rv_json_reader {
    yajl_handle yajl;
    const struct rv_projection *proj;
    struct proj_node all;
    size_t max_bytes, fed;
    unsigned max_depth;
    rv_json_item_fn on_item;
    void *arg;
    struct rv_buf out;
    struct level *levels;
    unsigned depth;
    unsigned skipping; /* containers open below something that is left out */
    bool skip_next, done;
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

/* Called before a value: false when it is left out. */
static bool wanted(struct rv_json_reader *r) {
    if (r->skipping > 0) return false;
    if (r->depth == 0) return true;
    struct level *l = &r->levels[r->depth - 1];
    if (l->map) {
        bool skip = r->skip_next;
        r->skip_next = false;
        if (skip) return false;
    } else if (l->value_proj == NULL) {
        return false;
    }
    l->count++;
    return true;
}

static const struct proj_node *next_proj(struct rv_json_reader *r) {
    if (r->depth == 0) return r->proj != NULL ? &r->proj->root : &r->all;
    return r->levels[r->depth - 1].value_proj;
}

/* After a complete element of the items array in list mode: hand it out and forget its bytes. */
static int item_done(struct rv_json_reader *r, size_t start) {
    struct level *l = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    if (l == NULL || !l->list) return 1;
    int code = r->on_item(r->arg, (struct rv_val){r->out.p + start, r->out.n - start});
    r->out.n = start;
    l->count--;
    return code == 0 ? 1 : fail(r, code, "stopped by the receiver");
}

static int scalar_done(struct rv_json_reader *r, size_t start) {
    if (r->depth == 0) r->done = true;
    return item_done(r, start);
}

#define SCALAR(r, write)                                                                                               \
    do {                                                                                                               \
        if (!wanted(r)) return 1;                                                                                      \
        size_t start_ = (r)->out.n;                                                                                    \
        write;                                                                                                         \
        return scalar_done((r), start_);                                                                               \
    } while (0)

static int on_null(void *ctx) {
    struct rv_json_reader *r = ctx;
    SCALAR(r, rv_mp_nil(&r->out));
}

static int on_boolean(void *ctx, int v) {
    struct rv_json_reader *r = ctx;
    SCALAR(r, rv_mp_bool(&r->out, v != 0));
}

/* Integers exactly, all else as the nearest double. yajl has checked the grammar. */
static void write_number(struct rv_buf *out, const char *p, size_t n) {
    struct rv_str s = {p, n};
    int64_t i;
    if (!(n == 2 && p[0] == '-' && p[1] == '0') && rv_str_to_int(s, INT64_MIN, INT64_MAX, &i) == 0) {
        rv_mp_int(out, i);
        return;
    }
    rv_autofree char *text = rv_strdup(s);
    if (p[0] != '-' && strpbrk(text, ".eE") == NULL) {
        errno = 0;
        unsigned long long u = strtoull(text, NULL, 10);
        if (errno == 0) {
            rv_mp_uint(out, u);
            return;
        }
    }
    rv_mp_float(out, strtod(text, NULL)); /* no setlocale() anywhere: the C locale */
}

static int on_number(void *ctx, const char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (n > 4096) return fail(r, RV_E_TOO_BIG, "a number of more than 4096 characters");
    SCALAR(r, write_number(&r->out, p, n));
}

/* yajl turns a lone surrogate escape into bytes that are not UTF-8, or into '?'. */
static bool text_ok(const unsigned char *p, size_t n) {
    for (size_t i = 0; i + 2 < n; i++)
        if (p[i] == 0xed && p[i + 1] >= 0xa0) return false;
    return true;
}

static int on_string(void *ctx, const unsigned char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (!text_ok(p, n)) return fail(r, RV_E_PARSE, "a lone surrogate in a string");
    SCALAR(r, rv_mp_str(&r->out, (struct rv_str){(const char *)p, n}));
}

/* ---- containers ------------------------------------------------------------------------------------------- */

static int open_container(struct rv_json_reader *r, bool map) {
    if (r->skipping > 0 || !wanted(r)) {
        if (r->depth + ++r->skipping > r->max_depth) return fail(r, RV_E_TOO_BIG, "nesting too deep");
        return 1;
    }
    if (r->depth == r->max_depth) return fail(r, RV_E_TOO_BIG, "nesting too deep");
    const struct level *up = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;
    struct level *l = &r->levels[r->depth];
    *l = (struct level){.start = r->out.n, .proj = next_proj(r), .map = map};
    l->metadata = map && up != NULL && up->next_metadata;
    l->list = !map && up != NULL && up->next_items;
    if (l->list)
        l->value_proj = r->proj != NULL ? &r->proj->root : &r->all;
    else if (!map)
        l->value_proj = proj_step(l->proj, RV_STR("[]"));
    r->depth++;
    rv_buf_reserve(&r->out, HEAD_ROOM);
    r->out.n += HEAD_ROOM;
    return 1;
}

static int on_start_map(void *ctx) { return open_container(ctx, true); }
static int on_start_array(void *ctx) { return open_container(ctx, false); }

/* Writes the head into the reserved room and closes the gap. */
static void close_head(struct rv_json_reader *r, const struct level *l) {
    uint8_t *p = r->out.p + l->start, fix = l->map ? 0x80 : 0x90, wide = l->map ? 0xde : 0xdc;
    size_t head = l->count < 16 ? 1 : l->count < 65536 ? 3 : 5;
    size_t body = r->out.n - l->start - HEAD_ROOM;
    memmove(p + head, p + HEAD_ROOM, body);
    r->out.n = l->start + head + body;
    if (head == 1) {
        p[0] = (uint8_t)(fix | l->count);
        return;
    }
    p[0] = head == 3 ? wide : (uint8_t)(wide + 1);
    for (size_t i = 1; i < head; i++) p[i] = (uint8_t)(l->count >> (8 * (head - 1 - i)));
}

static int close_container(struct rv_json_reader *r) {
    if (r->skipping > 0) {
        r->skipping--;
        return 1;
    }
    struct level l = r->levels[--r->depth];
    close_head(r, &l);
    if (r->depth == 0) r->done = true;
    return item_done(r, l.start);
}

static int on_end_map(void *ctx) { return close_container(ctx); }
static int on_end_array(void *ctx) { return close_container(ctx); }

static uint64_t key_bit(struct rv_str key) {
    uint64_t h = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < key.n; i++) h = (h ^ (uint8_t)key.p[i]) * UINT64_C(1099511628211);
    return UINT64_C(1) << (h >> 58);
}

enum { SEARCHED_KEYS = 4096 };

/* Is the key in the map that is being written? Only asked when the filter says maybe; very large maps are left to
 * rv_mp_check, which sorts. */
static bool key_repeated(const struct rv_json_reader *r, const struct level *l, struct rv_str key) {
    if (l->count > SEARCHED_KEYS) return false;
    const uint8_t *p = r->out.p + l->start + HEAD_ROOM;
    struct rv_buf head = {0};
    rv_mp_map(&head, l->count);
    rv_buf_add(&head, p, r->out.n - l->start - HEAD_ROOM);
    bool found = rv_val_present(rv_val_getn((struct rv_val){head.p, head.n}, key));
    rv_buf_free(&head);
    return found;
}

static int on_key(void *ctx, const unsigned char *p, size_t n) {
    struct rv_json_reader *r = ctx;
    if (r->skipping > 0) return 1;
    struct level *l = &r->levels[r->depth - 1];
    struct rv_str key = {(const char *)p, n};
    if (!text_ok(p, n)) return fail(r, RV_E_PARSE, "a lone surrogate in a key");
    bool list_top = r->depth == 1 && r->on_item != NULL;
    l->next_metadata = rv_str_is(key, "metadata");
    l->next_items = list_top && rv_str_is(key, "items");
    l->value_proj = list_top ? &r->all : proj_step(l->proj, key);
    if (l->value_proj == NULL || (l->metadata && rv_str_is(key, "managedFields"))) return r->skip_next = true, 1;
    if ((l->keys_seen & key_bit(key)) != 0 && key_repeated(r, l, key))
        return fail(r, RV_E_PARSE, "a key stands twice in one object");
    l->keys_seen |= key_bit(key);
    rv_mp_str(&r->out, key);
    return 1;
}

/* ---- the reader ------------------------------------------------------------------------------------------- */

static const yajl_callbacks callbacks = {on_null,      on_boolean, NULL,       NULL,           on_number,   on_string,
                                         on_start_map, on_key,     on_end_map, on_start_array, on_end_array};

static void start_yajl(struct rv_json_reader *r) {
    if (r->yajl != NULL) yajl_free(r->yajl);
    r->yajl = yajl_alloc(&callbacks, NULL, r);
    if (r->yajl == NULL) rv_oom();
}

struct rv_json_reader *rv_json_reader_new(const struct rv_projection *p, const struct rv_json_limits *limits,
                                          rv_json_item_fn on_item, void *arg) {
    struct rv_json_reader *r = rv_alloc(sizeof *r);
    r->proj = p;
    r->all.keep = true;
    r->max_bytes = limits != NULL && limits->max_bytes != 0 ? limits->max_bytes : MAX_DOCUMENT;
    r->max_depth = limits != NULL && limits->max_depth != 0 ? limits->max_depth : RV_MP_MAX_DEPTH;
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
    free(r->levels);
    free(r);
    return NULL;
}

void rv_json_reader_reset(struct rv_json_reader *r) {
    start_yajl(r);
    r->fed = 0;
    r->depth = r->skipping = 0;
    r->skip_next = r->done = false;
    r->failed = 0;
    rv_buf_clear(&r->out);
}

static int report(struct rv_json_reader *r, const void *bytes, size_t n, struct rv_error *err) {
    size_t at = r->fed - n + yajl_get_bytes_consumed(r->yajl);
    if (r->failed != 0) return rv_error_set(err, r->failed, "JSON: %s near byte %zu", r->why, at);
    r->failed = RV_E_PARSE;
    unsigned char *text = yajl_get_error(r->yajl, 0, bytes, n);
    size_t len = text != NULL ? strcspn((char *)text, "\n") : 0;
    int code =
        rv_error_set(err, RV_E_PARSE, "JSON: %.*s near byte %zu", (int)len, text != NULL ? (char *)text : "", at);
    if (text != NULL) yajl_free_error(r->yajl, text);
    return code;
}

int rv_json_reader_feed(struct rv_json_reader *r, const void *bytes, size_t n, struct rv_error *err) {
    if (r->failed != 0) return rv_error_set(err, r->failed, "JSON: %s", r->why);
    r->fed += n;
    /* In list mode the cap is on one item: the buffer, which item_done empties. */
    if (r->on_item == NULL ? r->fed > r->max_bytes : r->out.n > r->max_bytes) {
        fail(r, RV_E_TOO_BIG, "document exceeds the limit");
        return rv_error_set(err, RV_E_TOO_BIG, "JSON: document exceeds the limit of %zu bytes", r->max_bytes);
    }
    if (yajl_parse(r->yajl, bytes, n) != yajl_status_ok) return report(r, bytes, n, err);
    return 0;
}

int rv_json_reader_finish(struct rv_json_reader *r, struct rv_val *ret_value, struct rv_error *err) {
    if (r->failed != 0) return rv_error_set(err, r->failed, "JSON: %s", r->why);
    if (yajl_complete_parse(r->yajl) != yajl_status_ok) return report(r, "", 0, err);
    if (!r->done || r->out.n == 0) return rv_error_set(err, RV_E_PARSE, "JSON: the text is empty or ends early");
    *ret_value = (struct rv_val){r->out.p, r->out.n};
    return 0;
}

int rv_json_to_mp(struct rv_str text, const struct rv_projection *p, struct rv_buf *out, struct rv_error *err) {
    struct rv_json_reader *r = rv_json_reader_new(p, NULL, NULL, NULL);
    struct rv_val v;
    int code = rv_json_reader_feed(r, text.p, text.n, err);
    if (code == 0) code = rv_json_reader_finish(r, &v, err);
    if (code == 0) rv_buf_add(out, v.p, v.n);
    rv_json_reader_free(r);
    return code;
}
