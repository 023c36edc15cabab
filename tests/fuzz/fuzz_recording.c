/* fuzz_recording.c - a recording may be a file from anybody's bug report. */
#include "plugins/host/record.h"

#include "fuzz_plugin.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static FILE *nowhere;
    if (nowhere == NULL) nowhere = fopen("/dev/null", "we");
    if (nowhere == NULL) abort();
    struct rv_error err = {0};
    int r = replay_bytes((struct rv_bytes){data, size}, &fuzz_plugin, "ns/a", nowhere, &err);
    if (r < 0 && err.text[0] == 0) abort();
    return 0;
}
