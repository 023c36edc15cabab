#include "protobuf.h"
#include "deploy/sandbox/storage_internal.h"
#include "ipc/base/base64.h"

#include <stdio.h>

enum { DEPTH_MAX = 64 };
enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

struct reader {
    const uint8_t *p, *end;
    bool bad;
};
struct field {
    uint64_t number;
    enum wire wire;
    uint64_t value; /* for varint and fixed */
    struct reader in;
};

static uint64_t varint(struct reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        uint8_t b = *r->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) return v;
    }
    r->bad = true;
    return 0;
}

static uint64_t fixed(struct reader *r, size_t n) {
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < n) {
        r->bad = true;
        return 0;
    }
    for (size_t i = 0; i < n; i++) v |= (uint64_t)r->p[i] << (8 * i);
    r->p += n;
    return v;
}

static bool next(struct reader *r, struct field *f) {
    if (r->bad || r->p >= r->end) return false;
    uint64_t key = varint(r);
    *f = (struct field){.number = key >> 3, .wire = (enum wire)(key & 7)};
    if (f->wire == VARINT)
        f->value = varint(r);
    else if (f->wire == FIXED64)
        f->value = fixed(r, 8);
    else if (f->wire == FIXED32)
        f->value = fixed(r, 4);
    else if (f->wire == BYTES) {
        uint64_t n = varint(r);
        if (r->bad || n > (uint64_t)(r->end - r->p))
            r->bad = true;
        else {
            f->in = (struct reader){r->p, r->p + n, false};
            r->p += n;
        }
    } else
        r->bad = true;
    return !r->bad;
}

static struct rv_str text(const struct field *f) {
    return (struct rv_str){(const char *)f->in.p, (size_t)(f->in.end - f->in.p)};
}

/* Finds one field of a small message. */
static bool lookup(struct reader in, uint64_t number, struct field *ret) {
    while (next(&in, ret))
        if (ret->number == number) return true;
    return false;
}

struct decoder {
    struct rv_arena *a;
    const struct sb_types *types;
    bool bad;
};

static struct rv_node *message(struct decoder *d, const struct sb_type *t, struct reader in, struct rv_node *out,
                               struct rv_str prefix, unsigned depth);

static struct rv_node *bytes_node(struct rv_arena *a, struct rv_str s) {
    rv_autobuf struct rv_buf b = {0};
    base64_encode((struct rv_bytes){(const uint8_t *)s.p, s.n}, BASE64_STANDARD, &b);
    return rv_node_str(a, rv_buf_str(&b));
}

/* metav1.Time: seconds and nanoseconds. An empty message is no time. */
static struct rv_node *time_node(struct decoder *d, struct reader in, bool micro) {
    struct field s = {0}, n = {0};
    char out[40];
    if (in.p == in.end) return rv_node_null(d->a);
    lookup(in, 1, &s);
    lookup(in, 2, &n);
    int64_t ns = (int64_t)s.value * 1000000000 + (int64_t)n.value;
    if (micro)
        rv_time_format_micro(ns, out);
    else
        rv_time_format(ns, out);
    return rv_node_str(d->a, rv_str(out));
}

static struct rv_node *int_or_string(struct decoder *d, struct reader in) {
    struct field kind = {0}, v = {0};
    lookup(in, 1, &kind);
    if (kind.value != 0) return lookup(in, 3, &v) ? rv_node_str(d->a, text(&v)) : rv_node_str(d->a, RV_STR(""));
    return rv_node_int(d->a, lookup(in, 2, &v) ? (int64_t)(int32_t)v.value : 0);
}

static struct rv_node *value(struct decoder *d, const struct sb_type *t, const struct field *f, unsigned depth) {
    struct field inner = {0};
    double number = 0;
    switch (t->kind) {
    case SB_STRING:
        return rv_node_str(d->a, text(f));
    case SB_BOOL:
        return rv_node_bool(d->a, f->value != 0);
    case SB_INT32:
    case SB_INT64:
        return rv_node_int(d->a, (int64_t)f->value);
    case SB_NUMBER:
        memcpy(&number, &f->value, sizeof number);
        return rv_node_float(d->a, number);
    case SB_BYTES:
        return bytes_node(d->a, text(f));
    case SB_QUANTITY:
        return rv_node_str(d->a, lookup(f->in, 1, &inner) ? text(&inner) : RV_STR("0"));
    case SB_INT_OR_STRING:
        return int_or_string(d, f->in);
    case SB_TIME:
    case SB_MICROTIME:
        return time_node(d, f->in, t->kind == SB_MICROTIME);
    case SB_STRUCT:
        return message(d, t, f->in, rv_node_map(d->a), RV_STR(""), depth + 1);
    case SB_ANY: /* raw JSON in a message of its own; objects that clients create never have one */
    case SB_MAP:
    case SB_LIST:
        break;
    }
    d->bad = true;
    return NULL;
}

static void put(struct decoder *d, const struct sb_prop *p, const struct field *f, struct rv_node *out,
                unsigned depth) {
    struct field key = {0}, v = {0};
    if (p->type->kind == SB_LIST) {
        struct rv_node *list = rv_node_getn(out, p->name);
        if (list == NULL) rv_node_setn(d->a, out, p->name, list = rv_node_array(d->a));
        rv_node_append(d->a, list, value(d, p->type->items, f, depth));
    } else if (p->type->kind == SB_MAP) {
        struct rv_node *map = rv_node_getn(out, p->name);
        if (map == NULL) rv_node_setn(d->a, out, p->name, map = rv_node_map(d->a));
        lookup(f->in, 1, &key);
        v.in = (struct reader){f->in.end, f->in.end, false}; /* a field that is left out is empty */
        lookup(f->in, 2, &v);
        rv_node_setn(d->a, map, rv_arena_str(d->a, text(&key)), value(d, p->type->items, &v, depth));
    } else {
        struct rv_node *n = value(d, p->type, f, depth);
        /* Encoders send every field that is not a pointer. JSON leaves out the empty ones. */
        bool empty = p->type->kind == SB_STRING && rv_node_text(n).n == 0;
        if (p->type->kind >= SB_BOOL && p->type->kind <= SB_NUMBER) empty = f->value == 0 && !p->keep_zero;
        bool null = rv_node_type(n) == RV_NULL;
        if (!empty && !null) rv_node_setn(d->a, out, p->name, n);
    }
}

/* The number of a field, with the numbers of the messages around it that JSON does not have: "2.1". */
static struct rv_node *message(struct decoder *d, const struct sb_type *t, struct reader in, struct rv_node *out,
                               struct rv_str prefix, unsigned depth) {
    struct field f;
    if (depth > DEPTH_MAX) d->bad = true;
    while (!d->bad && next(&in, &f)) {
        struct rv_str tag = rv_arena_fmt(d->a, RV_STR_FMT "%llu", RV_STR_ARG(prefix), (unsigned long long)f.number);
        struct rv_str below = rv_arena_fmt(d->a, RV_STR_FMT ".", RV_STR_ARG(tag));
        const struct sb_prop *found = NULL;
        bool nested = false;
        for (size_t i = 0; found == NULL && i < t->n_props; i++) {
            if (rv_str_eq(t->props[i].tag, tag)) found = &t->props[i];
            nested = nested || rv_str_starts(t->props[i].tag, below.p);
        }
        if (found != NULL)
            put(d, found, &f, out, depth);
        else if (nested)
            message(d, t, f.in, out, below, depth + 1);
    }
    d->bad = d->bad || in.bad;
    return out;
}

int sb_protobuf_decode(const struct sb_types *types, struct rv_arena *a, struct rv_bytes bytes, struct rv_node **ret,
                       struct rv_error *err) {
    struct field meta = {0}, raw = {0}, api = {0}, kind = {0};
    if (bytes.n < 4 || memcmp(bytes.p, "k8s", 4) != 0)
        return rv_error_set(err, RV_E_PARSE, "provided data does not appear to be a protobuf message");
    struct reader in = {bytes.p + 4, bytes.p + bytes.n, false};
    if (!lookup(in, 1, &meta) || !lookup(in, 2, &raw) || !lookup(meta.in, 2, &kind))
        return rv_error_set(err, RV_E_PARSE, "the protobuf envelope has no kind or no object");
    lookup(meta.in, 1, &api);
    const struct sb_type *t = sb_types_kind(types, text(&api), text(&kind));
    if (t == NULL && rv_str_is(text(&kind), "DeleteOptions")) t = sb_types_find(types, "DeleteOptions");
    if (t == NULL)
        return rv_error_set(err, RV_E_INVALID,
                            "the sandbox does not read " RV_STR_FMT " " RV_STR_FMT
                            " in protobuf: send application/json",
                            RV_STR_ARG(text(&api)), RV_STR_ARG(text(&kind)));
    struct decoder d = {a, types, false};
    struct rv_node *out = rv_node_map(a);
    rv_node_set_str(a, out, "apiVersion", text(&api));
    rv_node_set_str(a, out, "kind", text(&kind));
    message(&d, t, raw.in, out, RV_STR(""), 0);
    if (d.bad) return rv_error_set(err, RV_E_PARSE, "malformed protobuf message");
    *ret = out;
    return 0;
}
