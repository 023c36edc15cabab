/* fuzz_selector.c - a selector's printed form parses, prints the same and decides the same. */
#include "rayvisor/json.h"
#include "rayvisor/k8s.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const labels[] = {"{}", "{\"a\":\"1\",\"b\":\"x\"}", "{\"a\":\"\"}", "{\"in\":\"7\"}"};
    struct rv_selector *s = rv_selector_parse((struct rv_str){(const char *)data, size}, NULL);
    if (s == NULL) return 0;
    rv_autobuf struct rv_buf text = {0};
    rv_autobuf struct rv_buf twice = {0};
    rv_selector_print(s, &text);
    struct rv_selector *again = rv_selector_parse(rv_buf_str(&text), NULL);
    if (again == NULL) abort();
    rv_selector_print(again, &twice);
    if (!rv_str_eq(rv_buf_str(&text), rv_buf_str(&twice))) abort();
    for (size_t i = 0; i < RV_ARRAY_LEN(labels); i++) {
        rv_autobuf struct rv_buf b = {0};
        if (rv_json_to_mp(rv_str(labels[i]), NULL, &b, NULL) != 0) abort();
        struct rv_val v = {b.p, b.n};
        if (rv_selector_matches(s, v) != rv_selector_matches(again, v)) abort();
    }
    rv_selector_free(again);
    rv_selector_free(s);
    return 0;
}
