/* flight_recorder.h - the flight recorder: one page of memory that a host and the supervisor share. It says what the
 * host was doing when it died.
 *
 * The host writes to it with plain stores around every call into the plugin. The supervisor reads it only after the
 * host's death, or while the host hangs. It trusts nothing on the page: lengths are bounded, and text is copied and
 * cleaned. A sequence number is odd while a record is being written. So a half-written record is recognised. */
#ifndef RV_IPC_PROTOCOL_FLIGHT_RECORDER_H
#define RV_IPC_PROTOCOL_FLIGHT_RECORDER_H

#include "rayvisor/plugin.h"

enum { FLIGHT_PAGE = 4096, FLIGHT_NS = 64, FLIGHT_NAME = 256, FLIGHT_UID = 64 };

enum flight_call {
    FLIGHT_IDLE,
    FLIGHT_LOAD,
    FLIGHT_INIT,
    FLIGHT_RECONCILE,
    FLIGHT_MAP,
    FLIGHT_SETTINGS,
    FLIGHT_FINI,
    FLIGHT_VALIDATE
};
const char *flight_call_name(uint32_t call);

/* Makes the page (a memfd that cannot be resized). The caller closes the descriptor. Returns -errno on failure. */
int flight_create(struct rv_error *err);

struct flight; /* the page, mapped into this process */
struct flight *flight_map(int fd, struct rv_error *err);
struct flight *flight_unmap(struct flight *f);
/* `kind` is the index of the plugin's kind that the key belongs to. */
void flight_begin(struct flight *f, uint32_t call, uint32_t kind, const struct rv_key *key, struct rv_str uid,
                  int64_t since_ns);
void flight_end(struct flight *f);

/* The content of the page. `call` is FLIGHT_IDLE if no call was running or if the page is invalid. */
struct flight_record {
    uint32_t call, kind;
    int64_t since_ns;
    char ns[FLIGHT_NS], name[FLIGHT_NAME], uid[FLIGHT_UID];
};
void flight_read(const struct flight *f, struct flight_record *ret);
/* The same for bytes from elsewhere (tests, fuzzing). */
void flight_parse(const uint8_t *page, size_t n, struct flight_record *ret);

#endif
