/* rayvisor/plugin.h - the ABI between rayvisor-host and one plugin. Most controllers include rayvisor/controller.h
 * instead, which stands above it.
 *
 * A plugin is a shared object that exports exactly one symbol, rv_plugin_v3, a function returning a constant
 * `struct rv_plugin`. The host checks magic, ABI and name before it calls anything else. A plugin is a function of its
 * inputs: it has no network, no files, no clock and no credential of its own; what it wants it asks the host for, and
 * what it wants done it requests as an action. The same inputs give the same requests, which is what makes
 * `rayvisor-host --replay` possible: never keep time, randomness or addresses from elsewhere.
 *
 * How a controller runs
 *   The supervisor mirrors the objects that the plugin's manifest reads into the host. A change of an object is mapped
 * to a key of the manifest's primary kind (itself, or its controller owner) and queued once however often it changes.
 * reconcile(key) then looks at the newest state and requests actions; it never waits. While any (non-detached) action
 * of a key is in flight the key is not reconciled again. When the last result has arrived the host reconciles the key
 * again at once, with those results readable through api->result(); by then everything that the actions wrote is
 * visible in the mirror (read your writes). A pass that requests no action ends the round, and its outcome says what
 * comes next; of a pass that did request some only RV_RETRY counts: the next pass then waits for the back-off too. So a
 * controller needs no expectations and no locks.
 *
 * Growth rules: structs begin with their size, and whoever makes one sets it, also where the other side fills it.
 * Fields are appended, never moved or removed; a new meaning is a new field. Both sides obey the size:
 *   - A struct that the host fills (get) is written as far as its size goes. Its size then says how much was written.
 *   - A struct that the host lends (list, map, result) has the host's size: a plugin asks RV_HAS() for what is newer
 *     than the first minor version of this major one.
 *   - A struct that the plugin hands over is read as far as its size goes; what it lacks counts as zero. Where it is
 *     longer than the host knows, the rest must be zero: the call fails with RV_E_ABI rather than leave out what the
 *     plugin asked for.
 * struct rv_str, rv_bytes, rv_val, rv_key, rv_field, rv_kind and rv_error have no size and never change.
 * Threads: every call in both directions happens on the host's one thread. Views handed to the plugin are valid until
 * the callback returns; what the plugin hands over is copied before the call returns.
 */
#ifndef RAYVISOR_PLUGIN_H
#define RAYVISOR_PLUGIN_H

#include "rayvisor/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RV_ABI_MAGIC UINT32_C(0x52565031) /* "RVP1" */
#define RV_ABI_MAJOR 3
#define RV_ABI_MINOR 0
#define RV_PLUGIN_SYMBOL "rv_plugin_v3"
/* Does the other side's struct have this field? */
#define RV_HAS(ptr, field) ((ptr)->size >= offsetof(__typeof__(*(ptr)), field) + sizeof((ptr)->field))

struct rv_host; /* the host's side of one plugin instance */

/* A key of the primary kind. */
struct rv_key {
    struct rv_str ns, name;
};

/* One kind of the plugin's manifest: 0 is the primary one, then come the entries of `reads` in their order. The build
 * makes the constants and a table of these from the manifest (plugins/README.md, "Kinds"). */
struct rv_kind {
    const char *name; /* the entry's `name`: "head_service" */
    const char *api_version, *resource, *kind;
};

/* One mirrored object. */
struct rv_object {
    uint32_t size;
    uint32_t kind; /* index into the plugin's kinds */
    struct rv_str ns, name, uid, resource_version;
    struct rv_val value; /* as projected by the manifest */
};

/* Copies what both sides know of an object into one whose size is set; its views stay those of `from`. */
static inline void rv_object_copy(struct rv_object *to, const struct rv_object *from) {
    uint32_t size = to->size < from->size ? to->size : from->size;
    memcpy(to, from, size);
    to->size = size;
}

enum rv_verb {
    RV_VERB_CREATE = 1,
    RV_VERB_APPLY,       /* server-side apply; field manager rayvisor-<plugin> */
    RV_VERB_MERGE_PATCH, /* RFC 7386 */
    RV_VERB_JSON_PATCH,  /* RFC 6902 */
    RV_VERB_DELETE,
    RV_VERB_DELETE_COLLECTION, /* by label selector */
    RV_VERB_GET,               /* one object that is not mirrored; the body is in the result */
    RV_VERB_EVENT,             /* through api->event() */
    RV_VERB_HTTP,              /* through api->http() */
    RV_VERB_TIMER,             /* result OK after delay_ms: for programs that have no queue of their own */
};

/* Creating a Secret whose stringData has this value under some key: the supervisor puts 32 random bytes there, in
 * base64, as it sends the request. So a plugin can make a credential that it never sees and no recording holds. */
#define RV_GENERATE_TOKEN "rayvisor.io/generate-token"

enum {
    /* The key does not wait for this action and is not reconciled again because of its result. */
    RV_ACTION_DETACHED = 1,
    /* HTTP requests only: doing it twice is as good as doing it once. It then goes over a connection that is kept, also
     * when its method is POST, and once more over a new one if the kept one turns out to be dead. A GET always does. */
    RV_HTTP_IDEMPOTENT = 2,
};

struct rv_action {
    uint32_t size;
    uint32_t verb; /* enum rv_verb */
    uint32_t flags;
    uint32_t timeout_ms;                              /* 0 = the supervisor's default (30 s) */
    uint64_t tag;                                     /* yours; comes back in the result */
    struct rv_str api_version, resource, subresource; /* "v1" "pods" "", "ray.io/v1" "rayclusters" "status" */
    struct rv_str ns, name;
    struct rv_bytes body;      /* msgpack: object or patch */
    struct rv_str pre_uid;     /* delete, patch: only this incarnation (RV_E_CONFLICT otherwise) */
    struct rv_str pre_version; /* only this resourceVersion */
    struct rv_str selector;    /* delete collection */
    struct rv_str propagation; /* "Background" (default), "Foreground", "Orphan" */
    int64_t grace_seconds;     /* delete: at least 1; else the object's own */
    int64_t delay_ms;          /* timer */
};

/* A Kubernetes Event (events.k8s.io/v1) about an object. Repeats are merged into series by the supervisor. */
struct rv_event {
    uint32_t size;
    uint32_t warning; /* 0 Normal, 1 Warning */
    struct rv_str reason, action, note;
    struct rv_str api_version, kind, ns, name, uid; /* regarding */
    struct rv_str controller;                       /* reportingController, e.g. "raycluster-controller" */
};

/* A request to a Ray endpoint, made by the supervisor if the config grants it. */
struct rv_http_request {
    uint32_t size;
    uint32_t flags;
    uint32_t timeout_ms; /* 0 = 2 s */
    uint32_t max_bytes;  /* of the response body; 0 = 1 MiB */
    uint64_t tag;
    struct rv_str method; /* "GET" */
    struct rv_str url;
    struct rv_str content_type;
    struct rv_bytes body;
    /* Credential by reference: the supervisor reads key `secret_key` of this Secret (if granted) and sends
     * "<auth_header>: <auth_prefix><value>". The plugin never sees the value. */
    struct rv_str secret_ns, secret_name, secret_key, auth_header, auth_prefix;
    uint32_t http2; /* 1: HTTP/2 over one kept connection for each server; with http:// by prior knowledge, with
                       https:// as TLS negotiates it. So a gRPC unary call is a POST with content type application/grpc;
                       body, both ways: a byte 0, four bytes of length (big-endian), the message. What became of it is
                       in the trailers: rv_result_grpc_status() */
};

/* What became of one action. Exactly one per action: `tag` says which it was. */
struct rv_result {
    uint32_t size;
    int32_t code; /* 0 or RV_E_* / -errno */
    uint64_t tag;
    uint32_t verb;
    uint32_t http_status;             /* 0 when there was no answer */
    struct rv_str resource, ns, name; /* name as the API server gave it (generateName) */
    struct rv_str uid, resource_version;
    struct rv_str reason; /* Kubernetes Status.reason, e.g. "AlreadyExists" */
    struct rv_str message;
    int64_t retry_after_ms; /* as the server asked, 0 = not */
    struct rv_bytes body;   /* GET: msgpack object; HTTP: response body (JSON converted to msgpack when json is 1) */
    uint32_t json;
    struct rv_val trailers; /* HTTP: map of strings, names in lower case; also headers that begin with grpc-, where a
                               gRPC server puts what it says of a call without an answer */
};

/* One of the trailers; empty when there is no such. */
static inline struct rv_str rv_result_trailer(const struct rv_result *r, const char *name) {
    return rv_val_str(rv_val_get(r->trailers, name));
}

/* The status code of a gRPC call (0 OK, 5 NOT_FOUND, ...); -1 when the answer has none. Trailer grpc-message says why,
 * percent-encoded. */
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
    RV_DONE = 0,     /* nothing more until something changes */
    RV_RETRY = 1,    /* failed: again with the key's exponential back-off */
    RV_AFTER = 2,    /* again after after_ms, even if nothing changes */
    RV_TERMINAL = 3, /* failed, and only a change of the object can mend it */
};

struct rv_outcome {
    uint32_t size;
    int32_t code; /* enum rv_outcome_code; any other value counts as RV_RETRY */
    int64_t after_ms;
    struct rv_str message; /* for the log, with RETRY and TERMINAL; must live until reconcile's caller reads it:
                              static text or from api->keep() */
};

enum rv_log_level { RV_LOG_DEBUG = 0, RV_LOG_INFO, RV_LOG_WARN, RV_LOG_ERROR };

struct rv_field {
    struct rv_str key, value;
};

/* List query: objects of one kind, narrowed by whichever of the others are set. Owner and label lookups use an
 * index when the manifest declares it. */
struct rv_query {
    uint32_t size;
    uint32_t kind;
    struct rv_str ns;        /* empty: all namespaces */
    struct rv_str owner_uid; /* controller owner */
    struct rv_str label, label_value;
};
/* Called for one object, which is lent for the call. false: no more of them. */
typedef bool (*rv_list_fn)(void *arg, const struct rv_object *object);

/* The services of the host. Every function takes the host pointer that init() got, and may be called in any callback,
 * init() included. Nothing blocks. */
struct rv_host_api {
    uint32_t size;
    uint32_t abi_minor;
    /* -- reading the mirror -- */
    /* Fills *ret, of which the caller sets the size. Its views live until the callback returns. 0, RV_E_NOT_FOUND, or
     * RV_E_INVALID when ret has no size; *ret is then left as it was. */
    int32_t (*get)(struct rv_host *h, uint32_t kind, struct rv_str ns, struct rv_str name, struct rv_object *ret);
    /* Calls fn (NULL: only counts) for each object that matches, in no particular order. Returns how many matched, up
     * to the one at which fn said false; RV_E_INVALID for a query without a size, RV_E_ABI for one that asks for more
     * than this host knows. */
    int64_t (*list)(struct rv_host *h, const struct rv_query *q, rv_list_fn fn, void *arg);
    /* -- asking for things -- 0; RV_E_INVALID for a malformed request, RV_E_ABI for one that asks for more than this
     * host knows: then nothing is done and no result comes. Grants are judged by the supervisor. */
    int32_t (*act)(struct rv_host *h, const struct rv_action *a);
    int32_t (*event)(struct rv_host *h, const struct rv_event *e);
    int32_t (*http)(struct rv_host *h, const struct rv_http_request *r);
    /* The results of the previous pass over the key that is being reconciled, in the order in which they arrived: index
     * 0, 1, ... until it returns NULL. Lent until the callback returns. */
    const struct rv_result *(*result)(struct rv_host *h, uint64_t index);
    /* Reconciles the key after delay_ms, or as soon as may be (0). An earlier plan stays. */
    void (*requeue)(struct rv_host *h, const struct rv_key *key, int64_t delay_ms);
    /* -- environment, recorded and replayable -- */
    int64_t (*now)(struct rv_host *h); /* wall clock, ns since the epoch; constant during one callback */
    void (*random)(struct rv_host *h, void *out, uint64_t n);
    struct rv_val (*settings)(struct rv_host *h); /* validated against the manifest, defaults filled in */
    /* -- saying what happens -- */
    void (*log)(struct rv_host *h, int32_t level, struct rv_str message, const struct rv_field *fields, uint64_t n);
    /* What was decided for the current key and what it waits for: shown by `rayvisorctl explain`. Each call in a
     * pass adds a line; a new pass starts afresh. */
    void (*explain)(struct rv_host *h, struct rv_str line);
    /* Counters and gauges, exported as rayvisor_plugin_<name>{plugin=..., labels}. type: RV_METRIC_*. */
    void (*metric)(struct rv_host *h, struct rv_str name, uint32_t type, double value, const struct rv_field *labels,
                   uint64_t n);
    /* A copy of text that lives until the next callback. */
    struct rv_str (*keep)(struct rv_host *h, struct rv_str text);
    /* The time zone database of the supervisor's machine, where the manifest says `timeZones: true` and the machine has
     * one; otherwise absent. A map {"version": text, "zones": {name: [offset, [moment, offset, ...], rule]}}
     * (ipc/README.md, WELCOME, key `tz`). It stays until the process ends. */
    struct rv_val (*time_zones)(struct rv_host *h);
};

struct rv_plugin {
    uint32_t size;
    uint32_t magic; /* RV_ABI_MAGIC */
    uint32_t abi_major, abi_minor;
    const char *name;    /* equal to the manifest's */
    const char *version; /* equal to the manifest's */
    /* *ret_state is handed back to the others. Non-zero refuses to start, with err filled (RV_E_CONFIG: wait for new
     * settings instead of restarting). */
    int32_t (*init)(const struct rv_host_api *api, struct rv_host *h, void **ret_state, struct rv_error *err);
    void (*reconcile)(void *state, const struct rv_key *key, struct rv_outcome *ret);
    /* Optional: keys for a changed object of a secondary kind, where neither owner nor label mapping of the manifest
     * fits: call api->requeue(key, 0) for each. `deleted` objects come with their last state. */
    void (*map)(void *state, const struct rv_object *object, int32_t deleted);
    /* Optional: settings changed. Non-zero keeps the old ones, with err filled. */
    int32_t (*settings_changed)(void *state, struct rv_error *err);
    /* Optional: last call. */
    void (*fini)(void *state);
    /* The kinds that this plugin was built for. The host refuses to start it when the manifest has others, or has them
     * in another order. Needed of every plugin that is loaded from a file. */
    const struct rv_kind *kinds;
    uint64_t kind_n;
};

typedef const struct rv_plugin *(*rv_plugin_fn)(void);

/* `RV_PLUGIN(my_plugin)` at the end of a plugin exports it. */
#define RV_PLUGIN(object)                                                                                              \
    RV_EXPORT const struct rv_plugin *rv_plugin_v3(void);                                                              \
    RV_EXPORT const struct rv_plugin *rv_plugin_v3(void) { return &(object); }

#ifdef __cplusplus
}
#endif
#endif
