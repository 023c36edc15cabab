/* fuzz_json.c - JSON to msgpack. The first byte seeds the cuts: fed in chunks, the outcome is that of the whole. What
 * is accepted passes the checker and survives a round trip through text; a projection only ever leaves out. */
#include "rayvisor/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed_cut(struct rv_json_reader *r, const uint8_t *p, size_t n, uint32_t seed, struct rv_val *ret) {
    int code = 0;
    for (size_t at = 0; code == 0 && at < n;) {
        seed = seed * 1664525U + 1013904223U;
        size_t take = 1 + (seed >> 24) % 17;
        if (take > n - at) take = n - at;
        code = rv_json_reader_feed(r, p + at, take, NULL);
        at += take;
    }
    return code == 0 ? rv_json_reader_finish(r, ret, NULL) : code;
}

static void check_round_trip(const struct rv_buf *mp) {
    rv_autobuf struct rv_buf text = {0};
    rv_autobuf struct rv_buf back = {0};
    struct rv_val v = {mp->p, mp->n};
    if (rv_mp_check(rv_buf_bytes(mp), NULL) != 0) abort();
    rv_json_write(v, &text);
    if (rv_json_to_mp(rv_buf_str(&text), NULL, &back, NULL) != 0) abort();
    if (!rv_val_equal(v, (struct rv_val){back.p, back.n})) abort();
}

static int on_item(void *arg, struct rv_val item) {
    (void)arg;
    if (rv_mp_check((struct rv_bytes){item.p, item.n}, NULL) != 0) abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const paths[] = {"a", "metadata.name", "spec.c[].n"};
    if (size == 0) return 0;
    struct rv_str text = {(const char *)data + 1, size - 1};
    rv_autobuf struct rv_buf whole = {0};
    int code = rv_json_to_mp(text, NULL, &whole, NULL);
    struct rv_json_reader *r = rv_json_reader_new(NULL, NULL, NULL, NULL);
    struct rv_val v = RV_VAL_ABSENT;
    int cut = feed_cut(r, data + 1, size - 1, data[0], &v);
    if ((code == 0) != (cut == 0)) abort();
    if (code == 0 && (v.n != whole.n || memcmp(v.p, whole.p, v.n) != 0)) abort();
    rv_json_reader_free(r);
    if (code == 0) check_round_trip(&whole);
    struct rv_projection *p = rv_projection_new(paths, RV_ARRAY_LEN(paths), NULL);
    rv_autobuf struct rv_buf part = {0};
    int projected = rv_json_to_mp(text, p, &part, NULL);
    if (code == 0 && (projected != 0 || part.n > whole.n)) abort();
    r = rv_json_reader_new(p, NULL, on_item, NULL);
    (void)feed_cut(r, data + 1, size - 1, data[0], &v);
    rv_json_reader_free(r);
    rv_projection_free(p);
    return 0;
}
