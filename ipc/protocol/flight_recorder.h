/* flight_recorder.h - the flight recorder: one page of memory, shared by a host and the supervisor, that says what the
 * host was doing when it died.
 *
 * The host writes it with plain stores around every call into the plugin; the supervisor reads it only after the host's
 * death (or while it hangs), trusting nothing: lengths are bounded, text is copied and cleaned. A sequence number, odd
 * while a record is being written, tells a torn record.
 */
#ifndef RV_IPC_PROTOCOL_FLIGHT_RECORDER_H
#define RV_IPC_PROTOCOL_FLIGHT_RECORDER_H

#include "rayvisor/plugin.h"

enum { FLIGHT_PAGE = 4096, FLIGHT_NS = 64, FLIGHT_NAME = 256, FLIGHT_UID = 64 };

enum flight_call { FLIGHT_IDLE, FLIGHT_LOAD, FLIGHT_INIT, FLIGHT_RECONCILE, FLIGHT_MAP, FLIGHT_SETTINGS, FLIGHT_FINI };
const char *flight_call_name(uint32_t call);

/* Makes the page (memfd, sealed against resizing). The caller closes the descriptor. */
int flight_create(struct rv_error *err);

struct flight; /* a mapping */
struct flight *flight_map(int fd, struct rv_error *err);
struct flight *flight_unmap(struct flight *f);
/* kind: which of the plugin's kinds the key is of. */
void flight_begin(struct flight *f, uint32_t call, uint32_t kind, const struct rv_key *key, struct rv_str uid,
                  int64_t since_ns);
void flight_end(struct flight *f);

/* What the page says. call is FLIGHT_IDLE when nothing was going on or the page makes no sense. */
struct flight_record {
    uint32_t call, kind;
    int64_t since_ns;
    char ns[FLIGHT_NS], name[FLIGHT_NAME], uid[FLIGHT_UID];
};
void flight_read(const struct flight *f, struct flight_record *ret);
/* The same for bytes from elsewhere (tests, fuzzing). */
void flight_parse(const uint8_t *page, size_t n, struct flight_record *ret);

#endif
