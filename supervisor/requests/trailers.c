/* trailers.c - see trailers.h. */
#include "trailers.h"

#include "ipc/base/utf8.h"

static bool has(const struct trailers *t, const char *name) {
    for (size_t at = 0; at < t->names.n; at += strlen((const char *)t->names.p + at) + 1)
        if (strcmp((const char *)t->names.p + at, name) == 0) return true;
    return false;
}

void trailers_add(struct trailers *t, struct rv_str name, struct rv_str value) {
    char lower[TRAILER_NAME_MAX + 1];
    if (t->n == TRAILERS_MAX || name.n == 0 || name.n > TRAILER_NAME_MAX || value.n > TRAILER_VALUE_MAX) return;
    if (!utf8_valid(name) || !utf8_valid(value) || memchr(name.p, 0, name.n) != NULL) return;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] - 'A' + 'a' : name.p[i]);
    lower[name.n] = 0;
    if (has(t, lower)) return;
    t->n++;
    rv_buf_add(&t->names, lower, name.n + 1);
    rv_mp_cstr(&t->pairs, lower);
    rv_mp_str(&t->pairs, value);
}

void trailers_add_header(struct trailers *t, struct rv_str name, struct rv_str value) {
    static const char prefix[] = "grpc-";
    if (name.n >= sizeof prefix - 1 && rv_str_ieq((struct rv_str){name.p, sizeof prefix - 1}, prefix))
        trailers_add(t, name, value);
}

void trailers_write(const struct trailers *t, struct rv_buf *out) {
    if (t->n == 0) return;
    rv_mp_map(out, t->n);
    rv_buf_add(out, t->pairs.p, t->pairs.n);
}

void trailers_merge(struct trailers *t, const struct trailers *more) {
    rv_autobuf struct rv_buf map = {0};
    trailers_write(more, &map);
    for (struct rv_iter it = rv_iter((struct rv_val){map.p, map.n}); rv_iter_next(&it);)
        trailers_add(t, it.key, rv_val_str(it.val));
}

void trailers_free(struct trailers *t) {
    rv_buf_free(&t->names);
    rv_buf_free(&t->pairs);
    t->n = 0;
}
