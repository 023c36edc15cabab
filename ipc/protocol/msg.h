/* msg.h - the messages between the supervisor and a host. ipc/README.md is their specification, and this header
 * is its C form.
 *
 * A message has 2 or 3 parts (batch.h puts them into frames):
 *   header:  msgpack array [version, type, seq, flags]
 *   body:    msgpack map with short keys (by type)
 *   payload: (OBJECT, ACTION, RESULT only, may be absent) one msgpack value or raw bytes
 * seq is dense per direction and lane incarnation, starting at 1: a gap is a protocol error. Unknown types without
 * MSG_MUST_UNDERSTAND and unknown body keys are ignored; missing or wrongly typed required keys refuse the message.
 * Decoding lends views into the frames; encoding copies.
 */
#ifndef RV_IPC_PROTOCOL_MSG_H
#define RV_IPC_PROTOCOL_MSG_H

#include "rayvisor/plugin.h"

enum { MSG_VERSION = 1, MSG_MAX_HEADER = 64, MSG_MAX_BODY = 1 << 20, MSG_MAX_PAYLOAD = 16 << 20 };
enum { MSG_MUST_UNDERSTAND = 1 };

/* X(NAME, number, who sends it: H host, S supervisor) */
#define MSG_TYPES(X)                                                                                                   \
    X(HELLO, 1, H)      /* first; proves the one-time token */                                                         \
    X(WELCOME, 2, S)    /* epoch, credit, kinds, settings, seed */                                                     \
    X(SNAP_BEGIN, 3, S) /* everything mirrored is about to be told afresh */                                           \
    X(OBJECT, 4, S)     /* newest state of one object */                                                               \
    X(DELETED, 5, S)    /* it is gone */                                                                               \
    X(SNAP_END, 6, S)   /* snapshot complete for all kinds: reconciling may start */                                   \
    X(SYNCED, 7, H)     /* snapshot applied; the plugin is ready */                                                    \
    X(CREDIT, 8, H)     /* so many more OBJECT/DELETED messages and bytes may come */                                  \
    X(ACTION, 10, H)    /* please do */                                                                                \
    X(RESULT, 11, S)    /* done, or why not */                                                                         \
    X(SETTINGS, 12, S)  /* new settings */                                                                             \
    X(LOG, 13, H)                                                                                                      \
    X(METRIC, 14, H)                                                                                                   \
    X(PING, 15, S)                                                                                                     \
    X(PONG, 16, H)                                                                                                     \
    X(EXPLAIN, 17, S) /* what did you decide for this key? */                                                          \
    X(EXPLANATION, 18, H)                                                                                              \
    X(DRAIN, 19, S) /* start nothing new; finish what is in flight */                                                  \
    X(DRAINED, 20, H)                                                                                                  \
    X(QUARANTINE, 21, S) /* keep off this key, or take it up again */                                                  \
    X(REFUSE, 22, S)     /* handshake refused; the text says why */                                                    \
    X(FAILED, 23, H)     /* the plugin cannot run: code and text; the host exits */                                    \
    X(ADOPTED, 24, H)    /* answers SETTINGS: code 0, or the plugin refused them and keeps the old ones */

enum msg_type {
#define MSG_X(name, number, who) MSG_##name = number,
    MSG_TYPES(MSG_X)
#undef MSG_X
};
const char *msg_type_name(unsigned type); /* "OBJECT", or "unknown" */

struct msg_hello {
    struct rv_bytes token; /* 32 bytes from descriptor 3 */
    uint32_t protocol, abi_major, abi_minor;
    struct rv_str plugin, plugin_version; /* as the .so says */
    int64_t pid;
    uint32_t can; /* MSG_CAN_* */
};
enum { MSG_CAN_SETTINGS = 1 /* takes new settings while it runs */ };
/* What one entry of the manifest's `reads` became. */
struct msg_kind {
    struct rv_str api_version, resource, kind;
    uint32_t flags;            /* MSG_KIND_* */
    struct rv_str index_label; /* empty: none */
    struct rv_str name;        /* in the manifest */
};
enum {
    MSG_KIND_PRIMARY = 1,
    MSG_KIND_MAP_OWNER = 2 /* event goes to the controller owner's key */,
    MSG_KIND_MAP_LABEL = 4 /* ... to the key named by index_label's value, same namespace */,
    MSG_KIND_MAP_PLUGIN = 8 /* ... wherever plugin->map says */
};
struct msg_welcome {
    uint64_t epoch, instance;
    uint32_t credit_messages, credit_bytes, heartbeat_ms;
    struct rv_bytes seed;     /* 32 random bytes: all randomness of the plugin comes from them */
    struct rv_val kinds;      /* array of maps {a,r,k,f,l,n}: read with msg_kind_at() */
    struct rv_val settings;   /* map */
    uint32_t max_in_flight;   /* actions on the API server that a host may have open */
    uint32_t max_http;        /* ... and beside them HTTP requests and timers: msg_verb_waits() */
    struct rv_val time_zones; /* map; only for plugins whose manifest asks for it (supervisor/zoneinfo/zoneinfo.h) */
};
struct msg_object { /* OBJECT (payload: the value) and DELETED */
    uint32_t kind;
    struct rv_str ns, name, uid, resource_version;
    uint64_t rev; /* the store's own number, +1 per change */
};
struct msg_snap {
    uint64_t rev;
};
struct msg_credit {
    uint32_t messages, bytes;
};
struct msg_text { /* REFUSE, FAILED, ADOPTED */
    int32_t code;
    struct rv_str text;
};
/* Does an action of this verb wait for something other than the API server, and so maybe for long? Such actions are
 * counted apart, so that a thousand heads that do not answer hold up no write. */
static inline bool msg_verb_waits(uint32_t verb) { return verb == RV_VERB_HTTP || verb == RV_VERB_TIMER; }

struct msg_action { /* payload: body */
    uint64_t id;
    struct rv_key key;           /* for logs, fairness and quarantine */
    struct rv_action a;          /* body is the payload */
    struct rv_event event;       /* RV_VERB_EVENT */
    struct rv_http_request http; /* RV_VERB_HTTP; body is the payload */
};
struct msg_result {     /* payload: body */
    uint64_t id;        /* of the action that it answers */
    struct rv_result r; /* tag, verb, resource and ns are filled in by the host from its own record */
};
struct msg_settings {
    struct rv_val settings;
};
struct msg_log {
    int32_t level;
    struct rv_str message;
    struct rv_key key;    /* empty: none */
    struct rv_val fields; /* map of strings */
};
struct msg_metric {
    struct rv_str name;
    uint32_t type;
    double value;
    struct rv_val labels; /* map of strings */
};
struct msg_ping { /* PING, PONG */
    uint64_t t;
    uint64_t queued, waiting, in_flight, objects; /* PONG: the host's own gauges */
};
struct msg_explain { /* EXPLAIN, EXPLANATION, QUARANTINE */
    uint64_t corr;
    uint32_t kind; /* QUARANTINE: whose key it is; another than 0: keep that object from map() */
    struct rv_key key;
    int32_t state;       /* EXPLANATION: enum msg_key_state */
    struct rv_str lines; /* EXPLANATION: newline-separated */
    int64_t next_ms;     /* EXPLANATION: until the next planned pass, -1 none */
    uint32_t retries;    /* EXPLANATION: failures in a row */
    int64_t decided;     /* EXPLANATION: wall clock ns of the last pass */
    int32_t on;          /* QUARANTINE: 1 keep off, 0 take up */
};
enum msg_key_state {
    MSG_KEY_UNKNOWN,
    MSG_KEY_QUEUED,
    MSG_KEY_WAITING /* for results */,
    MSG_KEY_DELAYED,
    MSG_KEY_IDLE,
    MSG_KEY_QUARANTINED
};

struct msg {
    unsigned type;
    uint64_t seq;
    unsigned flags;
    union {
        struct msg_hello hello;
        struct msg_welcome welcome;
        struct msg_object object;
        struct msg_snap snap;
        struct msg_credit credit;
        struct msg_text text;
        struct msg_action action;
        struct msg_result result;
        struct msg_settings settings;
        struct msg_log log;
        struct msg_metric metric;
        struct msg_ping ping;
        struct msg_explain explain;
    };
    struct rv_bytes payload;
};

/* Encodes header and body (payload travels beside them). seq is the caller's. */
void msg_encode(const struct msg *m, struct rv_buf *header, struct rv_buf *body);
/* Checks sizes, msgpack well-formedness (of body, and of payload where it must be msgpack) and the type's schema.
 * `from_host` says which types are acceptable. RV_E_PROTOCOL / RV_E_TOO_BIG / RV_E_PARSE with a text naming type and
 * key. An unknown type without MSG_MUST_UNDERSTAND gives 0 with ret->type as sent and nothing else filled. */
int msg_decode(struct rv_bytes header, struct rv_bytes body, struct rv_bytes payload, bool from_host, struct msg *ret,
               struct rv_error *err);
/* How many bytes msg_own() would take. */
size_t msg_lent_bytes(const struct msg *m);
/* Copies all that m lends (texts, bytes, values, payload) into one allocation, which m points into from then on. The
 * caller frees it with free(). Behind every text stands a NUL. */
char *msg_own(struct msg *m);
bool msg_kind_at(struct rv_val kinds, size_t i, struct msg_kind *ret);

#endif
