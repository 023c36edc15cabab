/* fuzz_msgpack.c - the checker on any bytes; on unchecked bytes no reader may leave them, and what passes can be
 * walked, hashed, compared, opened as a tree and encoded again to the same value. */
#include "rayvisor/json.h"
#include "rayvisor/tree.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Opens every container of the tree, so that encoding goes node by node. */
static void open_all(struct rv_node *n, unsigned depth) {
    struct rv_str key;
    struct rv_node *child;
    if (depth > RV_MP_MAX_DEPTH) abort();
    for (size_t i = 0; rv_node_entry(n, i, &key, &child); i++) open_all(child, depth + 1);
    for (size_t i = 0; (child = rv_node_at(n, i)) != NULL; i++) open_all(child, depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rv_val v = {data, size};
    if (rv_mp_check((struct rv_bytes){data, size}, NULL) != 0) return 0;
    rv_autobuf struct rv_buf again = {0};
    rv_autobuf struct rv_buf text = {0};
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_node *n = rv_node_from(a, v);
    open_all(n, 0);
    rv_node_encode(n, &again);
    struct rv_val w = {again.p, again.n};
    if (rv_mp_check(rv_buf_bytes(&again), NULL) != 0 || !rv_val_equal(v, w)) abort();
    struct rv_hash p = rv_val_hash(v), q = rv_val_hash(w);
    if (p.hi != q.hi || p.lo != q.lo) abort();
    rv_json_write(v, &text);
    return 0;
}
