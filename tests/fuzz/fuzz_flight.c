/* fuzz_flight.c - the flight recorder's page of a dying host. */
#include "ipc/protocol/flight_recorder.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room) {
    const char *end = memchr(text, 0, room);
    if (end == NULL) abort();
    for (const char *p = text; p < end; p++)
        if (*p < 0x20 || *p > 0x7e) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct flight_record r;
    flight_parse(data, size, &r);
    if (r.call > FLIGHT_VALIDATE) abort();
    check_text(r.ns, sizeof r.ns);
    check_text(r.name, sizeof r.name);
    check_text(r.uid, sizeof r.uid);
    return 0;
}
