/* fuzz_ctl.c - what rayvisorctl makes of an object that an API server sends: a sentence, a masked copy, a YAML
 * document. The sentence is never empty, and the YAML means what the object said. */
#include <stdlib.h>

#include "ipc/base/yaml.h"
#include "rayvisor/json.h"
#include "supervisor/ctl/document.h"
#include "supervisor/ctl/mask.h"
#include "supervisor/ctl/say.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t now = INT64_C(1767225600000000000);

static void check_sentences(struct rv_arena *a, struct rv_val v) {
    for (int k = 0; k < CTL_KIND_N; k++)
        if (say_object(a, &ctl_kinds[k], v, now).text.n == 0 || say_status_word(&ctl_kinds[k], v).n == 0) abort();
    if (say_pod(a, v, now).text.n == 0) abort();
}

/* A number beyond 64 bits is not read back as it was. */
static bool has_float(struct rv_val v) {
    if (rv_val_type(v) == RV_FLOAT || rv_val_type(v) == RV_UINT) return true;
    for (struct rv_iter it = rv_iter(v); rv_iter_next(&it);)
        if (has_float(it.val)) return true;
    return false;
}

static void check_yaml(struct rv_arena *a, struct rv_val v) {
    rv_autobuf struct rv_buf b = {0};
    struct rv_error err = {0};
    document_yaml(v, &b);
    const struct yaml_opts o = {.max_depth = 2 * RV_MP_MAX_DEPTH};
    struct rv_node *back = yaml_tree(a, rv_buf_str(&b), &o, &err);
    if (back == NULL || (!has_float(v) && !rv_val_equal(rv_node_freeze(a, back), v))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf b = {0};
    struct rv_str text = {(const char *)data, size};
    (void)mask_text(a, text);
    if (rv_json_to_mp(text, NULL, &b, NULL) != 0) return 0;
    struct rv_val v = {b.p, b.n};
    check_sentences(a, v);
    check_yaml(a, v);
    struct rv_val masked = rv_node_freeze(a, mask_value(a, v));
    if (rv_mp_check((struct rv_bytes){masked.p, masked.n}, NULL) != 0) abort();
    return 0;
}
