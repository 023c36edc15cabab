/* fuzz_time.c - a time that parses prints as one that parses to the same microsecond. */
#include "rayvisor/k8s.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t ns, again;
    char text[40], seconds[32];
    if (rv_time_parse((struct rv_str){(const char *)data, size}, &ns) != 0) return 0;
    rv_time_format(ns, seconds);
    rv_time_format_micro(ns, text);
    if (rv_time_parse(rv_str(text), &again) != 0 || again > ns || ns - again >= 1000) abort();
    if (strncmp(text, seconds, 19) != 0) abort();
    return 0;
}
