/* fuzz_tzif.c - files of a time zone database, which may come from anybody. */
#include "supervisor/zoneinfo/tzif.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tzif z;
    struct rv_error err = {0};
    if (tzif_parse((struct rv_bytes){data, size}, &z, &err) != 0) return 0;
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < z.n; i++) {
        if (tzif_at(&z, i) < last || tzif_offset(&z, i) > 7 * 86400) __builtin_trap();
        last = tzif_at(&z, i);
    }
    (void)tzif_first_offset(&z);
    return z.rule.n == 0 ? __builtin_trap(), 0 : 0;
}
