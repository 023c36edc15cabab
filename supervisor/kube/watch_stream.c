/* watch_stream.c - see watch_stream.h. */
#include "watch_stream.h"

#include <stdio.h>

enum { LINE_MAX_BYTES = 16 << 20 };

struct feeder {
    struct watch_stream *s;
    const struct rv_projection *projection;
    watch_event_fn fn;
    void *arg;
};

static int broken(struct watch_stream *s, const char *what) {
    snprintf(s->why, sizeof s->why, "%.250s", what);
    return RV_E_PARSE;
}

/* Splits {"type":"X","object":{...}} without parsing the object. The API server always writes this form. */
static bool split(struct rv_str line, struct rv_str *type, struct rv_str *object) {
    static const char head[] = "{\"type\":\"", mid[] = "\",\"object\":";
    if (!rv_str_starts(line, head) || line.p[line.n - 1] != '}') return false;
    const char *start = line.p + sizeof head - 1, *end = memchr(start, '"', line.n - (sizeof head - 1));
    if (end == NULL) return false;
    size_t at = (size_t)(end - line.p);
    if (line.n - at <= sizeof mid - 1 || memcmp(end, mid, sizeof mid - 1) != 0) return false;
    *type = (struct rv_str){start, (size_t)(end - start)};
    *object = (struct rv_str){end + sizeof mid - 1, line.n - at - (sizeof mid - 1) - 1};
    return true;
}

/* The slow way for lines of any other form: parses the whole event. `type` and `object` point into `keep`. */
static int reorder(struct rv_str line, struct rv_buf *keep, struct rv_str *type, struct rv_str *object,
                   struct rv_error *err) {
    rv_autobuf struct rv_buf mp = {0};
    int r = rv_json_to_mp(line, NULL, &mp, err);
    if (r != 0) return r;
    struct rv_val v = {mp.p, mp.n}, o = rv_val_get(v, "object");
    struct rv_str t = rv_path_str(v, "type");
    if (t.n == 0 || rv_val_type(o) != RV_MAP)
        return rv_error_set(err, RV_E_PARSE, "a watch event without type or object");
    rv_buf_clear(keep);
    rv_buf_add_str(keep, t);
    rv_json_write(o, keep);
    *type = (struct rv_str){(const char *)keep->p, t.n};
    *object = (struct rv_str){(const char *)keep->p + t.n, keep->n - t.n};
    return 0;
}

static int on_error(struct watch_stream *s, struct rv_str object) {
    rv_autobuf struct rv_buf mp = {0};
    if (rv_json_to_mp(object, NULL, &mp, NULL) != 0) return broken(s, "a malformed ERROR event");
    struct rv_val v = {mp.p, mp.n};
    int64_t code = rv_path_int(v, "code", 0);
    struct rv_str message = rv_path_str(v, "message");
    snprintf(s->why, sizeof s->why, "%.*s", (int)(message.n < 200 ? message.n : 200), message.n != 0 ? message.p : "");
    if (code == 410 || rv_str_is(rv_path_str(v, "reason"), "Expired")) return RV_E_GONE;
    return code == 429 ? RV_E_THROTTLED : RV_E_UNAVAILABLE;
}

static bool type_of(struct rv_str name, enum watch_event_type *ret) {
    static const struct {
        const char *name;
        enum watch_event_type type;
    } table[] = {
        {"MODIFIED", WATCH_PUT}, {"ADDED", WATCH_PUT}, {"DELETED", WATCH_DELETED}, {"BOOKMARK", WATCH_BOOKMARK}};
    for (size_t i = 0; i < RV_ARRAY_LEN(table); i++)
        if (rv_str_is(name, table[i].name)) {
            *ret = table[i].type;
            return true;
        }
    return false;
}

static int on_object(const struct feeder *f, struct rv_str type, struct rv_str object) {
    struct watch_stream *s = f->s;
    struct rv_error err = {0};
    struct watch_event e;
    if (!type_of(type, &e.type)) return broken(s, "a watch event of unknown type");
    rv_buf_clear(&s->scratch);
    if (rv_json_to_mp_clipped(object, f->projection, &s->scratch, &e.clipped, &err) != 0) return broken(s, err.text);
    e.object = (struct rv_val){s->scratch.p, s->scratch.n};
    e.version = rv_path_str(rv_val_get(e.object, "metadata"), "resourceVersion");
    if (e.version.n == 0) return broken(s, "a watch event whose object has no resourceVersion");
    f->fn(f->arg, &e);
    return 0;
}

static int deliver(const struct feeder *f, struct rv_str type, struct rv_str object) {
    return rv_str_is(type, "ERROR") ? on_error(f->s, object) : on_object(f, type, object);
}

static int on_line(const struct feeder *f, struct rv_str line) {
    struct rv_str type = {NULL, 0}, object = {NULL, 0};
    struct rv_error err = {0};
    while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ')) line.n--;
    if (line.n == 0) return 0;
    if (split(line, &type, &object)) {
        int r = deliver(f, type, object);
        if (r != RV_E_PARSE) return r;
        f->s->why[0] = 0; /* something may have followed the object */
    }
    rv_autobuf struct rv_buf keep = {0};
    return reorder(line, &keep, &type, &object, &err) == 0 ? deliver(f, type, object) : broken(f->s, err.text);
}

/* Complete lines are used in place. Only the rest is copied. */
int watch_stream_feed(struct watch_stream *s, const struct rv_projection *projection, const void *bytes, size_t n,
                      watch_event_fn fn, void *arg) {
    const struct feeder f = {s, projection, fn, arg};
    const char *p = bytes, *end = p + n;
    for (const char *nl; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL; p = nl + 1) {
        struct rv_str line = {p, (size_t)(nl - p)};
        if (s->line.n != 0) {
            rv_buf_add(&s->line, p, (size_t)(nl - p));
            line = rv_buf_str(&s->line);
        }
        int r = line.n <= LINE_MAX_BYTES ? on_line(&f, line) : broken(s, "an object of more than 16 MiB");
        rv_buf_clear(&s->line);
        if (r != 0) return r;
    }
    rv_buf_add(&s->line, p, (size_t)(end - p));
    return s->line.n <= LINE_MAX_BYTES ? 0 : broken(s, "an object of more than 16 MiB");
}

void watch_stream_clear(struct watch_stream *s) {
    rv_buf_clear(&s->line);
    s->why[0] = 0;
}

void watch_stream_free(struct watch_stream *s) {
    rv_buf_free(&s->line);
    rv_buf_free(&s->scratch);
}
