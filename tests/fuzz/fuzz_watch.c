/* The bytes of a watch answer: where they are cut makes no difference, and every event is a value with a version. The
 * first byte says how they are cut. */
#include "supervisor/kube/watch_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct rv_buf events; /* type and object of each */
};

static void on_event(void *arg, const struct watch_event *e) {
    struct seen *s = arg;
    struct rv_bytes b = {e->object.p, e->object.n};
    if (e->version.n == 0 || rv_mp_check(b, NULL) != 0) abort();
    rv_buf_addc(&s->events, (uint8_t)e->type);
    rv_buf_add(&s->events, b.p, b.n);
}

static int feed(const uint8_t *data, size_t size, size_t step, const struct rv_projection *p, struct seen *seen) {
    struct watch_stream s = {0};
    int r = 0;
    for (size_t at = 0; at < size && r == 0; at += step)
        r = watch_stream_feed(&s, p, data + at, size - at < step ? size - at : step, on_event, seen);
    if ((r == 0) != (s.why[0] == 0) && r == RV_E_PARSE) abort(); /* says what was wrong */
    watch_stream_free(&s);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"metadata.name", "metadata.resourceVersion", "spec.a[].b"};
    if (size == 0) return 0;
    struct rv_projection *p = data[0] % 2 != 0 ? rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL) : NULL;
    struct seen whole = {{0}}, cut = {{0}};
    int a = feed(data + 1, size - 1, size, p, &whole), b = feed(data + 1, size - 1, data[0] / 2 % 16 + 1, p, &cut);
    if (a != b || !rv_str_eq(rv_buf_str(&whole.events), rv_buf_str(&cut.events))) abort();
    rv_buf_free(&whole.events);
    rv_buf_free(&cut.events);
    rv_projection_free(p);
    return 0;
}
