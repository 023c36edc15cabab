/* rayvisor/plugin.h - the ABI between rayvisor-host and one plugin. Most controllers include rayvisor/controller.h
 * instead, a layer above this ABI.
 *
 * A plugin is a shared object that exports exactly one symbol, rv_plugin_v3. This is a function that returns a constant
 * `struct rv_plugin`. The host checks the magic number, the ABI and the name before it calls anything else.
 *
 * A plugin is a function of its inputs. It has no network, no files, no clock and no credential of its own. It asks the
 * host for inputs, and it requests changes as actions. The same inputs lead to the same requests, so `rayvisor-host
 * --replay` can repeat a recording. Never take time, random numbers or addresses from anywhere else.
 *
 * How a controller runs:
 *   - The supervisor mirrors the objects that the plugin's manifest reads into the host.
 *   - A change of an object is mapped to a key of the manifest's primary kind: the object itself, or its controller
 *     owner. The key is queued once, however often it changes.
 *   - reconcile(key) reads the newest state and requests actions. It never waits.
 *   - While an action of a key is in flight, the key is not reconciled again. Detached actions do not count.
 *   - When the last result has arrived, the host reconciles the key again at once. api->result() then returns the
 *     results. Everything that the actions wrote is already in the mirror (read your writes).
 *   - A pass that requests no action ends the round, and its outcome says what comes next. If a pass requested actions,
 *     only the outcome RV_RETRY counts: the next pass then also waits for the back-off.
 *
 * So a controller needs no expectations and no locks.
 *
 * How the structs grow: a struct begins with its size. Whoever makes the struct sets the size, even if the other side
 * fills it. Fields are appended, and are never moved or removed. A new meaning is a new field. Both sides obey the
 * size:
 *   - The host fills a struct (get) only as far as its size allows. Afterwards the size says how much was written.
 *   - A struct that the host lends (list, map, result) has the host's size. Before a plugin reads a field that is newer
 *     than minor version 0 of this major version, it checks RV_HAS().
 *   - A struct that the plugin passes is read as far as its size allows, and missing fields count as zero. If it is
 *     longer than the host knows, the rest must be zero. Otherwise the call fails with RV_E_ABI, so that no part of a
 *     request is silently left out.
 *
 * struct rv_str, rv_bytes, rv_val, rv_key, rv_field, rv_kind and rv_error have no size and never change.
 *
 * Threads: all calls in both directions happen on the host's one thread. Views that a callback gets are valid until it
 * returns. What the plugin passes is copied before the call returns. */
#ifndef RAYVISOR_PLUGIN_H
#define RAYVISOR_PLUGIN_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RV_ABI_MAGIC UINT32_C(0x52565031) /* "RVP1" */
#define RV_ABI_MAJOR 3
#define RV_ABI_MINOR 1
#define RV_PLUGIN_SYMBOL "rv_plugin_v3"
/* True if the other side's struct has this field. */
#define RV_HAS(ptr, field) ((ptr)->size >= offsetof(__typeof__(*(ptr)), field) + sizeof((ptr)->field))

struct rv_host; /* the host's side of one plugin */

/* A key of the primary kind. */
struct rv_key {
    struct rv_str ns, name;
};

/* One kind of the plugin's manifest. Kind 0 is the primary one. The entries of `reads` follow in their order. The build
 * makes the constants and a table of these structs from the manifest (plugins/README.md, "Kinds"). */
struct rv_kind {
    const char *name; /* the entry's `name`: "head_service" */
    const char *api_version, *resource, *kind;
};

/* One mirrored object. */
struct rv_object {
    uint32_t size;
    uint32_t kind; /* index into the plugin's kinds */
    struct rv_str ns, name, uid, resource_version;
    struct rv_val value; /* only the fields that the manifest reads */
};

/* Copies the fields that both structs have. to->size must be set. The views in *to stay those of `from`. */
static inline void rv_object_copy(struct rv_object *to, const struct rv_object *from) {
    uint32_t size = to->size < from->size ? to->size : from->size;
    memcpy(to, from, size);
    to->size = size;
}

enum rv_verb {
    RV_VERB_CREATE = 1,
    RV_VERB_APPLY,       /* server-side apply; the field manager is rayvisor-<plugin> */
    RV_VERB_MERGE_PATCH, /* RFC 7386 */
    RV_VERB_JSON_PATCH,  /* RFC 6902 */
    RV_VERB_DELETE,
    RV_VERB_DELETE_COLLECTION, /* by label selector */
    RV_VERB_GET,               /* reads one object that is not mirrored; the body is in the result */
    RV_VERB_EVENT,             /* use api->event() */
    RV_VERB_HTTP,              /* use api->http() */
    RV_VERB_TIMER,             /* the result is OK after delay_ms; for programs that have no queue of their own */
};

/* A placeholder in the stringData of a Secret that is created. The supervisor replaces it by 32 random bytes in base64
 * when it sends the request. So a plugin can create a credential that it never sees and that no recording contains. */
#define RV_GENERATE_TOKEN "rayvisor.io/generate-token"

enum {
    /* The key does not wait for this action, and its result does not cause a pass. */
    RV_ACTION_DETACHED = 1,
    /* HTTP requests only: the request may be done twice. It is sent over a kept connection, even if its method is POST.
     * If that connection turns out to be dead, it is sent again over a new one. A GET is always sent like this. */
    RV_HTTP_IDEMPOTENT = 2,
    /* HTTP requests only: the credential may be one that was read earlier, as long as the server takes it. Then
     * requests that are sent again and again cost none to the API server, and a Secret that was deleted is noticed only
     * when the server refuses what it had. Otherwise a Secret is read again after ten seconds. Since 3.1. */
    RV_HTTP_KEEP_CREDENTIAL = 4,
};

struct rv_action {
    uint32_t size;
    uint32_t verb; /* enum rv_verb */
    uint32_t flags;
    uint32_t timeout_ms;                              /* 0 means the supervisor's default (30 s) */
    uint64_t tag;                                     /* chosen by the plugin; the result has the same tag */
    struct rv_str api_version, resource, subresource; /* "v1" "pods" "", "ray.io/v1" "rayclusters" "status" */
    struct rv_str ns, name;
    struct rv_bytes body;      /* msgpack: object or patch */
    struct rv_str pre_uid;     /* for delete and patch: only this incarnation; RV_E_CONFLICT if it is another */
    struct rv_str pre_version; /* for delete and patch: only this resourceVersion */
    struct rv_str selector;    /* for delete collection */
    struct rv_str propagation; /* "Background" (default), "Foreground", "Orphan" */
    int64_t grace_seconds;     /* for delete: at least 1; otherwise the object's own period */
    int64_t delay_ms;          /* for timers */
};

/* A Kubernetes Event (events.k8s.io/v1) about an object. The supervisor merges repeated events into series. */
struct rv_event {
    uint32_t size;
    uint32_t warning; /* 0 Normal, 1 Warning */
    struct rv_str reason, action, note;
    struct rv_str api_version, kind, ns, name, uid; /* the object that the event is about */
    struct rv_str controller;                       /* reportingController, for example "raycluster-controller" */
};

/* A request to a Ray endpoint. The supervisor sends it if the configuration grants it. */
struct rv_http_request {
    uint32_t size;
    uint32_t flags;
    uint32_t timeout_ms; /* 0 means 2 s */
    uint32_t max_bytes;  /* limit on the response body; 0 means 1 MiB */
    uint64_t tag;
    struct rv_str method; /* "GET" */
    struct rv_str url;
    struct rv_str content_type;
    struct rv_bytes body;
    /* A reference to a credential. The supervisor reads the key `secret_key` of this Secret (if that is granted) and
     * sends "<auth_header>: <auth_prefix><value>". The plugin never sees the value. */
    struct rv_str secret_ns, secret_name, secret_key, auth_header, auth_prefix;
    /* 1 means HTTP/2 over one kept connection for each server. With http:// it is used by prior knowledge, and with
     * https:// TLS negotiates it. A unary gRPC call is a POST with the content type application/grpc. Its body has, in
     * both directions, a byte 0, four bytes of length (big-endian) and the message. Its status is in the trailers:
     * rv_result_grpc_status(). */
    uint32_t http2;
    /* Since 3.1: with https:// and http2, a Secret of `secret_ns` with tls.crt, tls.key and ca.crt. The supervisor
     * reads it (if these keys are granted) and connects with that client certificate, trusting no other issuers. The
     * name of the URL must be in the server's certificate. */
    struct rv_str client_secret;
};

/* The result of one action. Every action has exactly one; `tag` says which action it was. */
struct rv_result {
    uint32_t size;
    int32_t code; /* 0 or RV_E_* / -errno */
    uint64_t tag;
    uint32_t verb;
    uint32_t http_status;             /* 0 if there was no answer */
    struct rv_str resource, ns, name; /* the name is the one that the API server chose (generateName) */
    struct rv_str uid, resource_version;
    struct rv_str reason; /* Kubernetes Status.reason, e.g. "AlreadyExists" */
    struct rv_str message;
    int64_t retry_after_ms; /* what the server asked for; 0 if it did not */
    /* GET: a msgpack object. HTTP: the response body. If json is 1, the body was JSON and has been converted to
     * msgpack. */
    struct rv_bytes body;
    uint32_t json;
    /* HTTP: a map of strings with names in lower case. It also has the headers that begin with grpc-, where a gRPC
     * server reports on a call without an answer. */
    struct rv_val trailers;
};

/* One trailer; empty if there is none. */
static inline struct rv_str rv_result_trailer(const struct rv_result *r, const char *name) {
    return rv_val_str(rv_val_get(r->trailers, name));
}

/* The status code of a gRPC call (0 OK, 5 NOT_FOUND, ...), or -1 if the answer has none. The trailer grpc-message has
 * the reason, percent-encoded. */
static inline int32_t rv_result_grpc_status(const struct rv_result *r) {
    int64_t status;
    return rv_str_to_int(rv_result_trailer(r, "grpc-status"), 0, INT32_MAX, &status) == 0 ? (int32_t)status : -1;
}

enum rv_metric_type {
    RV_METRIC_COUNTER, /* adds the value */
    RV_METRIC_GAUGE,   /* sets it */
    RV_METRIC_REMOVED, /* takes the gauge away */
};

enum rv_outcome_code {
    RV_DONE = 0,     /* nothing to do until something changes */
    RV_RETRY = 1,    /* it failed; try again with the key's exponential back-off */
    RV_AFTER = 2,    /* try again after after_ms, even if nothing changes */
    RV_TERMINAL = 3, /* it failed, and only a change of the object can help */
};

struct rv_outcome {
    uint32_t size;
    int32_t code; /* enum rv_outcome_code; any other value counts as RV_RETRY */
    int64_t after_ms;
    /* For the log, with RV_RETRY and RV_TERMINAL. It must still be valid after reconcile() has returned: use constant
     * text or api->keep(). */
    struct rv_str message;
};

enum rv_log_level { RV_LOG_DEBUG = 0, RV_LOG_INFO, RV_LOG_WARN, RV_LOG_ERROR };

struct rv_field {
    struct rv_str key, value;
};

/* A query: all objects of one kind that match every other field which is set. Lookups by owner and by label use an
 * index if the manifest declares it. */
struct rv_query {
    uint32_t size;
    uint32_t kind;
    struct rv_str ns;        /* empty for all namespaces */
    struct rv_str owner_uid; /* uid of the controller owner */
    struct rv_str label, label_value;
};
/* Called for one object, which is borrowed for the call. Return false to stop. */
typedef bool (*rv_list_fn)(void *arg, const struct rv_object *object);

/* The services of the host. Every function takes the host pointer that init() got. It may be called in any callback,
 * including init(). None of them blocks. */
struct rv_host_api {
    uint32_t size;
    uint32_t abi_minor;
    /* -- reading the mirror -- */
    /* Fills *ret, whose size the caller sets. Its views are valid until the callback returns. Returns 0,
     * RV_E_NOT_FOUND, or RV_E_INVALID if ret has no size. On an error *ret stays as it was. */
    int32_t (*get)(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret);
    /* Calls fn for each object that matches, in no particular order. If fn is NULL, it only counts. Returns the number
     * of matches up to the object at which fn returned false. Returns RV_E_INVALID for a query without a size, and
     * RV_E_ABI for a query with fields that this host does not know. */
    int64_t (*list)(struct rv_host *h, const struct rv_query *q, rv_list_fn fn, void *arg);
    /* -- requests -- These return 0, RV_E_INVALID for a malformed request, or RV_E_ABI for a request with fields that
     * this host does not know. After an error nothing is done and no result comes. The supervisor checks the grants. */
    int32_t (*act)(struct rv_host *h, const struct rv_action *a);
    int32_t (*event)(struct rv_host *h, const struct rv_event *e);
    int32_t (*http)(struct rv_host *h, const struct rv_http_request *r);
    /* The results of the previous pass over the current key, in the order in which they arrived. Indexes begin at 0;
     * NULL marks the end. A result is borrowed until the callback returns. */
    const struct rv_result *(*result)(struct rv_host *h, uint64_t index);
    /* Reconciles the key after delay_ms milliseconds, or as soon as possible for 0. If an earlier time is already
     * planned, it stays. */
    void (*requeue)(struct rv_host *h, const struct rv_key *key, int64_t delay_ms);
    /* -- environment, recorded and replayable -- */
    int64_t (*now)(struct rv_host *h); /* wall clock, ns since the Unix epoch; constant during one callback */
    void (*random)(struct rv_host *h, void *out, uint64_t n);
    struct rv_val (*settings)(struct rv_host *h); /* validated against the manifest, with defaults filled in */
    /* -- reporting -- */
    /* A key that begins with '#' ("#pods") marks a number: the line shows the key without the '#', and JSON shows the
     * value without quotes. */
    void (*log)(struct rv_host *h, int32_t level, struct rv_str message, const struct rv_field *fields, uint64_t n);
    /* Adds a line about the current key: what was decided and what it waits for. `rayvisorctl explain` shows the lines.
     * A new pass starts with no lines. */
    void (*explain)(struct rv_host *h, struct rv_str line);
    /* Counters and gauges, exported as rayvisor_plugin_<name>{plugin=..., labels}. type 0 adds to a counter, 1 sets a
     * gauge, 2 removes a gauge. */
    void (*metric)(struct rv_host *h, struct rv_str name, uint32_t type, double value, const struct rv_field *labels,
                   uint64_t n);
    /* A copy of the text that is valid until the next callback. */
    struct rv_str (*keep)(struct rv_host *h, struct rv_str text);
    /* The time zone database of the supervisor's machine. It is absent unless the manifest says `timeZones: true` and
     * the machine has one. A map {"version": text, "zones": {name: [offset, [moment, offset, ...], rule]}}
     * (ipc/README.md, WELCOME, key `tz`). It is valid until the process ends. */
    struct rv_val (*time_zones)(struct rv_host *h);
};

/* What a plugin says about an object that somebody wants to create or to change (rv_plugin.validate). Its texts must
 * still be valid after the call: use constant text or api->keep(). */
struct rv_verdict {
    uint32_t size;
    uint32_t refused; /* 1: the plugin could not carry out this object */
    /* If it is refused: one sentence that names the field and says what is accepted. At most 4 KiB of it are used. */
    struct rv_str message;
    /* What is accepted and is probably not meant: one sentence on each line, at most 8 KiB. */
    struct rv_str warnings;
};

struct rv_plugin {
    uint32_t size;
    uint32_t magic; /* RV_ABI_MAGIC */
    uint32_t abi_major, abi_minor;
    const char *name;    /* must equal the manifest's name */
    const char *version; /* must equal the manifest's version */
    /* Makes the plugin's state. *ret_state is passed to all other callbacks. A return other than 0 refuses to start;
     * err then says why. RV_E_CONFIG waits for new settings instead of a restart. */
    int32_t (*init)(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err);
    void (*reconcile)(void *state, const struct rv_key *key, struct rv_outcome *ret);
    /* Optional: maps a changed object of a secondary kind to keys, where neither the owner mapping nor the label
     * mapping of the manifest fits. Call api->requeue(key, 0) for each key. If `deleted` is not 0, the object has its
     * last state. */
    void (*map)(void *state, const struct rv_object *object, int32_t deleted);
    /* Optional: the settings have changed. A return other than 0 keeps the old settings; err then says why. */
    int32_t (*settings_changed)(void *state, struct rv_error *err);
    /* Optional: the last call; frees the state. */
    void (*fini)(void *state);
    /* The kinds that this plugin was built for. The host refuses to start the plugin if the manifest has other kinds or
     * another order. A plugin that is loaded from a file must set it. */
    const struct rv_kind *kinds;
    uint64_t kind_n;
    /* Optional, since minor version 1: would reconcile() work on this object of the primary kind? `object` has the
     * fields that the manifest reads, as the API server would store them. `before` is the present state of an object
     * that is changed, and has no value for a new one. Neither is in the mirror. `ret` comes without a refusal. Nothing
     * may be requested here: act(), event() and http() return RV_E_INVALID. The manifest must say `validates: true`.
     * The function is called before and after SNAP_END, also in an instance that stands by, so other objects may be
     * missing in the mirror. It must be quick: somebody waits for the answer. */
    void (*validate)(void *state, const struct rv_object *object, const struct rv_object *before,
                     struct rv_verdict *ret);
};

typedef const struct rv_plugin *(*rv_plugin_fn)(void);

/* `RV_PLUGIN(my_plugin)` at the end of a plugin exports `my_plugin`. */
#define RV_PLUGIN(object)                                                                                              \
    RV_EXPORT const struct rv_plugin *rv_plugin_v3(void);                                                              \
    RV_EXPORT const struct rv_plugin *rv_plugin_v3(void) { return &(object); }

#ifdef __cplusplus
}
#endif
#endif
