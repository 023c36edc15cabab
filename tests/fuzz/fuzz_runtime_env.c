/* fuzz_runtime_env.c - whatever a user calls a runtime environment becomes a bounded object that is JSON. */
#include "plugins/ray/job.h"
#include "plugins/rayjob/text.h"
#include "rayvisor/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf json = {0}, back = {0}, quoted = {0};
    struct rv_node *n = rj_runtime_env(a, (struct rv_str){(const char *)data, size}, NULL);
    rj_quote(&quoted, (struct rv_str){(const char *)data, size});
    if (n == NULL) return 0;
    if (rv_node_type(n) != RV_MAP) abort();
    rj_json(&json, rv_node_freeze(a, n));
    if (rv_json_to_mp(rv_buf_str(&json), NULL, &back, NULL) != 0) abort();
    return 0;
}
