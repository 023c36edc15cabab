/* fuzz_quantity.c - a quantity's canonical form reads back as the same quantity, and so does the form of that, which
 * then stays. Not the first one, as in apimachinery: 312.5Ki is written "320000", which alone is written "320k". */
#include "rayvisor/k8s.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct rv_quantity q, again;
    char text[48], twice[48];
    if (rv_quantity_parse((struct rv_str){(const char *)data, size}, &q) != 0) return 0;
    rv_quantity_format(q, text);
    (void)rv_quantity_ceil(q);
    struct rv_quantity sum = q;
    rv_quantity_add(&sum, q);
    rv_quantity_mul(&sum, INT64_MIN);
    rv_quantity_format(sum, twice);
    if (rv_quantity_parse(rv_str(text), &again) != 0) abort();
    if (rv_quantity_cmp(q, again) != 0) abort();
    rv_quantity_format(again, text);
    if (rv_quantity_parse(rv_str(text), &again) != 0 || rv_quantity_cmp(q, again) != 0) abort();
    rv_quantity_format(again, twice);
    if (strcmp(text, twice) != 0) abort();
    return 0;
}
