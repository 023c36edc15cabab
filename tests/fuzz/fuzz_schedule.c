/* fuzz_schedule.c - an accepted line gives runs in ascending order, or none. */
#include "plugins/raycronjob/schedule.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct schedule s;
    int64_t at = 1760000000;
    if (schedule_parse((struct rv_str){(const char *)data, size}, &s, NULL) != 0) return 0;
    const struct zone *z = &zone_table[size % zone_table_length];
    for (int i = 0; i < 4; i++) {
        int64_t next = schedule_next(&s, z, at);
        if (next == 0) return 0;
        if (next <= at || (s.every == 0 && next % 60 != 0)) abort();
        at = next;
    }
    return 0;
}
