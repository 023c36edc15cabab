/* msg.h - the messages between the supervisor and a host. ipc/README.md is their specification, and this header is its
 * C form.
 *
 * A message has 2 or 3 parts (batch.h puts them into frames):
 *   header:  msgpack array [version, type, seq, flags]
 *   body:    msgpack map with short keys (by type)
 *   payload: (OBJECT, ACTION and RESULT only, optional) one msgpack value or raw bytes
 *
 * seq counts the messages of one direction of one lane and starts at 1. A gap is a protocol error. Unknown types
 * without MSG_MUST_UNDERSTAND and unknown body keys are ignored. A message is refused if a required key is missing or
 * has the wrong type. A decoded message points into the frames. Encoding copies. */
#ifndef RV_IPC_PROTOCOL_MSG_H
#define RV_IPC_PROTOCOL_MSG_H

#include "rayvisor/plugin.h"

enum { MSG_VERSION = 1, MSG_MAX_HEADER = 64, MSG_MAX_BODY = 1 << 20, MSG_MAX_PAYLOAD = 16 << 20 };
enum { MSG_MUST_UNDERSTAND = 1 };
/* The code of a RESULT for the host alone: a twin has withheld the action. The plugin is not told (ipc/README.md). */
enum { MSG_WITHHELD = -3020 };

/* X(NAME, number, sender): H is the host, S is the supervisor. */
#define MSG_TYPES(X)                                                                                                   \
    X(HELLO, 1, H)      /* first message; proves the one-time token */                                                 \
    X(WELCOME, 2, S)    /* epoch, credit, kinds, settings, seed */                                                     \
    X(SNAP_BEGIN, 3, S) /* a new snapshot of all mirrored objects follows */                                           \
    X(OBJECT, 4, S)     /* the newest state of one object */                                                           \
    X(DELETED, 5, S)    /* the object is gone */                                                                       \
    X(SNAP_END, 6, S)   /* the snapshot is complete for all kinds; reconciling may start */                            \
    X(SYNCED, 7, H)     /* the snapshot is applied; the plugin is ready */                                             \
    X(CREDIT, 8, H)     /* the supervisor may send this many more messages and payload bytes */                        \
    X(ACTION, 10, H)    /* a request, such as a write */                                                               \
    X(RESULT, 11, S)    /* the result of an action */                                                                  \
    X(SETTINGS, 12, S)  /* new settings */                                                                             \
    X(LOG, 13, H)                                                                                                      \
    X(METRIC, 14, H)                                                                                                   \
    X(PING, 15, S)                                                                                                     \
    X(PONG, 16, H)                                                                                                     \
    X(EXPLAIN, 17, S) /* asks for the decision about one key */                                                        \
    X(EXPLANATION, 18, H)                                                                                              \
    X(DRAIN, 19, S) /* start nothing new; finish running actions */                                                    \
    X(DRAINED, 20, H)                                                                                                  \
    X(QUARANTINE, 21, S) /* stop or resume work on a key */                                                            \
    X(REFUSE, 22, S)     /* the handshake is refused; the text says why */                                             \
    X(FAILED, 23, H)     /* the plugin cannot run: code and text; the host exits */                                    \
    X(ADOPTED, 24, H)    /* the answer to SETTINGS: code 0, or the plugin refused them and keeps the old ones */       \
    X(PASS, 25, H)       /* a pass over a key: why it ran, and what it decided */                                      \
    X(VALIDATE, 26, S)   /* would the plugin work on this object, which somebody wants to create or to change? */      \
    X(VERDICT, 27, H)    /* the answer to VALIDATE */

enum msg_type {
#define MSG_X(name, number, who) MSG_##name = number,
    MSG_TYPES(MSG_X)
#undef MSG_X
};
const char *msg_type_name(unsigned type); /* "OBJECT", or "unknown" */

struct msg_hello {
    struct rv_bytes token; /* the 32 bytes from descriptor 3 */
    uint32_t protocol, abi_major, abi_minor;
    struct rv_str plugin, plugin_version; /* as in the plugin's shared object */
    int64_t pid;
    uint32_t can; /* MSG_CAN_* */
};
enum {
    MSG_CAN_SETTINGS = 1, /* the plugin takes new settings while it runs */
    MSG_CAN_VALIDATE = 2  /* it answers VALIDATE */
};
/* One entry of the manifest's `reads`. */
struct msg_kind {
    struct rv_str api_version, resource, kind;
    uint32_t flags;            /* MSG_KIND_* */
    struct rv_str index_label; /* empty if there is none */
    struct rv_str name;        /* its name in the manifest */
};
enum {
    MSG_KIND_PRIMARY = 1,
    MSG_KIND_MAP_OWNER = 2, /* the event concerns the key of the controller owner */
    MSG_KIND_MAP_LABEL = 4, /* ... the key that index_label's value names, in the same namespace */
    MSG_KIND_MAP_PLUGIN = 8 /* ... the keys that plugin->map chooses */
};
struct msg_welcome {
    uint64_t epoch, instance;
    uint32_t credit_messages, credit_bytes, heartbeat_ms;
    struct rv_bytes seed;     /* 32 random bytes, from which all randomness of the plugin comes */
    struct rv_val kinds;      /* an array of maps {a,r,k,f,l,n}; read it with msg_kind_at() */
    struct rv_val settings;   /* map */
    uint32_t max_in_flight;   /* how many actions on the API server a host may have in flight */
    uint32_t max_http;        /* the same for HTTP requests and timers (msg_verb_waits()), counted separately */
    struct rv_val time_zones; /* a map; only for plugins whose manifest asks for it (supervisor/zoneinfo/zoneinfo.h) */
};
struct msg_object { /* OBJECT (payload: the value) and DELETED */
    uint32_t kind;
    struct rv_str ns, name, uid, resource_version;
    uint64_t rev; /* the store's own number; each change adds 1 */
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
/* Returns true for verbs that wait for something other than the API server, and so perhaps for a long time. Such
 * actions are counted separately. So a thousand heads that do not answer do not block any write. */
static inline bool msg_verb_waits(uint32_t verb) { return verb == RV_VERB_HTTP || verb == RV_VERB_TIMER; }

struct msg_action { /* payload: body */
    uint64_t id;
    struct rv_key key;           /* for logs, fair queueing and quarantine */
    struct rv_action a;          /* its body is the payload */
    struct rv_event event;       /* for RV_VERB_EVENT */
    struct rv_http_request http; /* for RV_VERB_HTTP; its body is the payload */
};
struct msg_result {     /* payload: body */
    uint64_t id;        /* the id of the action */
    struct rv_result r; /* the host fills in tag, verb, resource and ns from its own record */
};
struct msg_settings {
    struct rv_val settings;
};
struct msg_log {
    int32_t level;
    struct rv_str message;
    struct rv_key key;    /* empty if the line belongs to no key */
    struct rv_val fields; /* map of strings */
};
struct msg_metric {
    struct rv_str name;
    uint32_t type;
    double value;
    struct rv_val labels; /* map of strings */
};
struct msg_pass {       /* PASS */
    struct rv_key key;  /* that was reconciled */
    uint32_t cause;     /* MSG_CAUSE_* */
    uint32_t kind;      /* with MSG_CAUSE_RELATED: of the first object that had changed; an index into kinds */
    struct rv_str name; /* the same: its name */
    uint32_t changes;   /* how many changes of other objects had come */
    uint32_t quiet;     /* passes since the last PASS that asked for nothing and said nothing new */
    uint32_t actions;   /* that this pass asked for */
    int32_t outcome;    /* RV_DONE, RV_AFTER, ... */
    int64_t next_ms;    /* with RV_AFTER: when it wants to look again */
    uint64_t waited_us; /* from the first cause to this pass */
    struct rv_str said; /* what it explained, if that is something else than the last time; lines as in EXPLANATION */
};
enum {
    MSG_CAUSE_START = 1,      /* the first look at it: the plugin has started */
    MSG_CAUSE_CHANGED = 2,    /* the object itself has changed */
    MSG_CAUSE_RELATED = 4,    /* an object that concerns it has changed */
    MSG_CAUSE_GONE = 8,       /* with RELATED: that object was deleted */
    MSG_CAUSE_RESULTS = 16,   /* all results of its actions are there */
    MSG_CAUSE_PLANNED = 32,   /* its time has come */
    MSG_CAUSE_BACKOFF = 64,   /* it has failed, and is tried again */
    MSG_CAUSE_SETTINGS = 128, /* the plugin has new settings */
    MSG_CAUSE_RELEASED = 256, /* its quarantine has ended */
    MSG_CAUSE_PLUGIN = 512    /* the plugin wanted it */
};
struct msg_ping { /* PING, PONG */
    uint64_t t;
    uint64_t queued, waiting, in_flight, objects; /* PONG only: figures about the host */
};
struct msg_explain { /* EXPLAIN, EXPLANATION, QUARANTINE */
    uint64_t corr;
    uint32_t kind; /* QUARANTINE: index of the kind; if it is not 0, map() is not called for the object */
    struct rv_key key;
    int32_t state;       /* EXPLANATION: enum msg_key_state */
    struct rv_str lines; /* EXPLANATION: lines separated by newlines */
    int64_t next_ms;     /* EXPLANATION: until the next planned pass; -1 if none is planned */
    uint32_t retries;    /* EXPLANATION: failures in a row */
    int64_t decided;     /* EXPLANATION: time of the last pass, wall clock, ns */
    int64_t began;       /* EXPLANATION: when the last round of passes began, monotonic, ns */
    int32_t on;          /* QUARANTINE: 1 stops work on the key, 0 resumes it */
};
struct msg_validate { /* VALIDATE (payload: an array of the object, and of its present state if it has one) */
    uint64_t corr;
    struct rv_str ns, name, uid;
};
struct msg_verdict { /* VERDICT */
    uint64_t corr;
    uint32_t refused;                /* 1 */
    struct rv_str message, warnings; /* warnings: lines */
};
enum { MSG_VERDICT_MESSAGE = 4096, MSG_VERDICT_WARNINGS = 8192 }; /* the longest texts of a VERDICT */
enum msg_key_state {
    MSG_KEY_UNKNOWN,
    MSG_KEY_QUEUED,
    MSG_KEY_WAITING, /* waits for results */
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
        struct msg_pass pass;
        struct msg_validate validate;
        struct msg_verdict verdict;
    };
    struct rv_bytes payload;
};

/* Encodes the header and the body. The payload is sent separately. The caller sets seq. */
void msg_encode(const struct msg *m, struct rv_buf *header, struct rv_buf *body);
/* Checks the sizes, the msgpack (of the body, and of the payload if it must be msgpack) and the fields of the type.
 * `from_host` selects the types that are acceptable. Returns RV_E_PROTOCOL, RV_E_TOO_BIG or RV_E_PARSE with a text that
 * names the type and the key. For an unknown type without MSG_MUST_UNDERSTAND it returns 0 and sets only ret->type. */
int msg_decode(struct rv_bytes header, struct rv_bytes body, struct rv_bytes payload, bool from_host, struct msg *ret,
               struct rv_error *err);
/* How many bytes msg_own() would allocate. */
size_t msg_lent_bytes(const struct msg *m);
/* Copies all texts, bytes, values and the payload of m into one allocation, and points m to the copies. The caller
 * frees it with free(). A NUL follows every text. */
char *msg_own(struct msg *m);
bool msg_kind_at(struct rv_val kinds, size_t i, struct msg_kind *ret);

#endif
