/* fuzz_path.c - paths on a fixed object: values and trees find the same thing, and projections take any text. */
#include "rayvisor/json.h"
#include "rayvisor/tree.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char object[] = "{\"a\":{\"b\":[1,{\"c\":\"x\"},[2]],\"ray.io/k\":true,\"0\":{}},\"d\":null,\"[]\":3}";
    rv_autobuf struct rv_buf b = {0};
    if (rv_json_to_mp(rv_str(object), NULL, &b, NULL) != 0) abort();
    rv_autofree char *path = rv_strdup((struct rv_str){(const char *)data, size});
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct rv_val v = rv_val_path((struct rv_val){b.p, b.n}, path);
    struct rv_node *n = rv_node_path(rv_node_from(a, (struct rv_val){b.p, b.n}), path);
    if (rv_val_present(v) != (n != NULL)) abort();
    if (n != NULL && !rv_val_equal(v, rv_node_freeze(a, n))) abort();
    const char *paths[] = {path};
    struct rv_projection *p = rv_projection_new(paths, 1, NULL);
    rv_autobuf struct rv_buf part = {0};
    if (rv_json_to_mp(rv_str(object), p, &part, NULL) != 0 || part.n > b.n) abort();
    rv_projection_free(p);
    return 0;
}
