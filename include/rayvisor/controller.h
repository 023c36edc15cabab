/* rayvisor/controller.h - a layer for controllers, above the ABI of rayvisor/plugin.h.
 *
 * A controller is one function, reconcile(). It is called with a pass. The pass has the newest state of one object, the
 * results of the requests of the previous pass, and functions for the next requests. reconcile() compares the actual
 * state with the desired one, requests what is missing, and returns. It never waits. When its requests are done, it is
 * called again. rayvisor/plugin.h says when passes happen.
 *
 *     #include <rayvisor/controller.h>
 *     #include "my-plugin_kinds.h"          made from my-plugin.yaml by the build
 *
 *     static void reconcile(struct rv_pass *p) { ... }
 *     RV_CONTROLLER(.reconcile = reconcile)
 *
 * Ownership: everything that a pass returns (objects, results, settings, texts, the arena and the nodes in it) is valid
 * until reconcile() returns. What you pass to its functions is copied before they return. Only the state and the memo
 * stay.
 *
 * Threads: all calls happen on the host's one thread. Call these functions only from callbacks. None of them blocks,
 * and none fails for lack of memory (rayvisor/base.h). */
#ifndef RAYVISOR_CONTROLLER_H
#define RAYVISOR_CONTROLLER_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"
#include "rayvisor/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rv_controller;

/* One pass over one object of the primary kind. Its fields may be read. Write only to the memo and to the state. */
struct rv_pass {
    const struct rv_controller *controller;
    const struct rv_host_api *api; /* for everything that this header has no function for */
    struct rv_host *host;
    struct rv_arena *arena;  /* memory that is freed after the pass */
    struct rv_key key;       /* the key of the object */
    struct rv_object object; /* has no value in gone() */
    struct rv_val settings;  /* validated against the manifest, with defaults filled in */
    int64_t now;             /* wall clock, ns since the Unix epoch; constant during the pass */
    void *state;             /* the controller's memory: state_size bytes */
    void *memo;              /* the object's memory: memo_size bytes */
    const void *layer;       /* internal to this layer */
    /* The outcome. rv_pass_retry() and its siblings set it. */
    struct {
        bool retry, terminal;
        int64_t after_ms; /* 0 if no time was requested */
        struct rv_str message;
    } outcome;
};

/* An object that somebody wants to create or to change (validate()). */
struct rv_review {
    struct rv_val before;              /* its present state; no value for a new object */
    struct rv_buf *refusal, *warnings; /* internal: use rv_review_refuse() and rv_review_warn() */
};

/* The parts of a controller. All but reconcile() are optional. */
struct rv_controller {
    void (*reconcile)(struct rv_pass *p);
    /* The object has been deleted, and its memo is freed after this call. p->object has no value. Requests are still
     * possible. gone() is not called for an object that was deleted while the plugin was not running. */
    void (*gone)(struct rv_pass *p);
    /* The reporting controller of its events. NULL means "<plugin>-controller". */
    const char *reporter;
    /* Memory of the controller, which is zeroed at the start.
     *
     * start() is the first call, for a state that calls the host itself. configure() fills the state from the settings,
     * at the start and whenever they change. It refuses the settings by returning a code and filling err; the state
     * must then be as it was. Without configure() new settings are accepted as they are; read p->settings. release() is
     * the last call. */
    size_t state_size;
    void (*start)(void *state, const struct rv_host_api *api, struct rv_host *host);
    int32_t (*configure)(void *state, struct rv_val settings, struct rv_error *err);
    void (*release)(void *state);
    /* Memory for each object of the primary kind. It is zeroed when the object is first seen, and also when another
     * object has taken the same name. memo_init() initialises it. It is freed with the object; memo_release() frees
     * what it points to. It is lost when the plugin restarts, so store only what can be found out again. */
    size_t memo_size;
    void (*memo_init)(void *memo);
    void (*memo_release)(void *memo);
    /* Called before memo_release(), to withdraw what was published about the object, such as its metrics. The object
     * has been deleted, or another one has taken its name, or the plugin ends. p->key, p->object.uid and p->memo are
     * those of the object that owned the memo. p->object has no value. */
    void (*memo_end)(const struct rv_pass *p, bool plugin_ends);
    /* For kinds with `map: plugin`: an object of a secondary kind has changed. Call rv_controller_wake() for each key
     * that it concerns. c is valid during the call. */
    void (*map)(const struct rv_pass *c, const struct rv_object *object, bool deleted);
    /* Would reconcile() work on p->object, which somebody wants to create or to change? Say what is wrong with
     * rv_review_refuse() and rv_review_warn(); without either it is accepted. Use the rules of reconcile() themselves,
     * not a copy of them. p->memo is NULL, requests are not possible, and other objects may be missing in the mirror.
     * Somebody waits for the answer. RV_CONTROLLER() of this header passes it on; the manifest says `validates:
     * true`. */
    void (*validate)(struct rv_pass *p, struct rv_review *r);
    /* RV_CONTROLLER() sets these. */
    const char *name;
    const struct rv_kind *kinds;
};

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* The object of that kind and name in the key's namespace. Returns false if there is none; *ret then has no value. */
bool rv_pass_get(const struct rv_pass *p, uint32_t kind, struct rv_str name, struct rv_object *ret);
/* Calls fn for each object of a kind whose controller owner is the object of the pass (by uid). It stops when fn
 * returns false. fn may be NULL. Returns the number of objects. */
size_t rv_pass_owned(const struct rv_pass *p, uint32_t kind, rv_list_fn fn, void *arg);
/* Result i of the previous pass. Returns NULL after the last one. */
const struct rv_result *rv_pass_result(const struct rv_pass *p, size_t i);
/* The first request of the previous pass that failed, or NULL if none did. Deleting an object that does not exist is
 * not a failure. */
const struct rv_result *rv_pass_failure(const struct rv_pass *p);

/* ---- saying ------------------------------------------------------------------------------------------------ */

/* Adds a line to what `rayvisorctl explain` shows for the key. It says what was decided or what the key waits for. */
void rv_pass_explain(const struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* Sends a Kubernetes Event about the object of the pass. `reason` and `action` are CamelCase words. */
void rv_pass_event(const struct rv_pass *p, bool warning, const char *reason, const char *action, const char *fmt, ...)
    RV_PRINTF(5, 6);

/* In validate(): the object is refused, because of this. Write one sentence that names the field's path and says what
 * is accepted. The first refusal counts. */
void rv_review_refuse(struct rv_review *r, const char *fmt, ...) RV_PRINTF(2, 3);
/* In validate(): the object is accepted, and this is probably not what was meant. One sentence. */
void rv_review_warn(struct rv_review *r, const char *fmt, ...) RV_PRINTF(2, 3);

/* ---- building ---------------------------------------------------------------------------------------------- */

/* A new object of that kind, in the arena of the pass. It has apiVersion, kind, name and the namespace of the key. The
 * object of the pass is its controller owner, so Kubernetes deletes both together. */
struct rv_node *rv_pass_new_object(const struct rv_pass *p, uint32_t kind, struct rv_str name);

/* ---- asking for changes ------------------------------------------------------------------------------------ */

/* All of these functions return true if the request was made. Its result has the tag and comes in the next pass. They
 * return false if the request is malformed; the outcome is then RV_RETRY with a message. The supervisor grants or
 * refuses requests: the manifest's `writes` and the configuration must allow them, or the result is RV_E_DENIED. */
bool rv_pass_create(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object);
/* Server-side apply: creates the object or changes it. The plugin then owns the fields that the object names. */
bool rv_pass_apply(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object);
/* Sends a merge patch (rv_node_merge_patch()) for exactly this object. It does not change another object that has taken
 * the name. */
bool rv_pass_patch(struct rv_pass *p, const struct rv_object *object, uint64_t tag, struct rv_node *patch);
bool rv_pass_delete(struct rv_pass *p, const struct rv_object *object, uint64_t tag);
/* Writes the status of the object of the pass, if it differs. `want` is the whole status. Returns false also if there
 * is nothing to write. The manifest must read the status. */
bool rv_pass_status(struct rv_pass *p, uint64_t tag, struct rv_node *want);
/* Sends any other action. Sets a->size. If a->ns is empty, the namespace is that of the key. */
bool rv_pass_act(struct rv_pass *p, struct rv_action *a);

/* Returns true if the object of the pass has this finalizer. The manifest must read metadata.finalizers. */
bool rv_pass_has_finalizer(const struct rv_pass *p, const char *name);
/* Adds or removes the finalizer, if that changes anything. The finalizers of others stay: if the object has changed in
 * between, the write fails with RV_E_CONFLICT. Returns true if a request was made. */
bool rv_pass_set_finalizer(struct rv_pass *p, const char *name, bool present, uint64_t tag);

/* ---- the outcome: what comes next ---------------------------------------------------------------------------- */

/* If none of these is called, the next pass comes when the object or one of its parts changes. A retry has priority
 * over terminal, and terminal over a time. The first message is logged. The earliest time counts. If requests are in
 * flight, the next pass comes when their results have arrived. */

/* The pass failed. Try again after a pause that grows with each failure in a row. */
void rv_pass_retry(struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* The pass failed, and only a change of the object can help. */
void rv_pass_terminal(struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* Run another pass after this many milliseconds (at least 1), or at this time (ns since the Unix epoch), even if
 * nothing changes. */
void rv_pass_wake_after(struct rv_pass *p, int64_t ms);
void rv_pass_wake_at(struct rv_pass *p, int64_t ns);
/* Queues another key of the primary kind. May also be called in map(). */
void rv_controller_wake(const struct rv_pass *p, struct rv_str ns, struct rv_str name);

/* Calls fn with the memo of each object that has one. fn may change the memo. May also be called in map(). */
void rv_controller_each_memo(const struct rv_pass *p, void (*fn)(void *arg, const struct rv_key *key, void *memo),
                             void *arg);

/* ---- the plugin ---------------------------------------------------------------------------------------------- */

/* For RV_CONTROLLER() only. */
int32_t rv_controller_init(const struct rv_controller *c, const struct rv_host_api *api, struct rv_host *h,
                           void **ret_state, struct rv_error *err);
void rv_controller_reconcile(void *instance, const struct rv_key *key, struct rv_outcome *ret);
void rv_controller_map(void *instance, const struct rv_object *object, int32_t deleted);
int32_t rv_controller_settings(void *instance, struct rv_error *err);
void rv_controller_fini(void *instance);
void rv_controller_validate(void *instance, const struct rv_object *object, const struct rv_object *before,
                            struct rv_verdict *ret);

/* Exports the plugin. Use it once, at the end of the file that includes the header which the build makes from the
 * manifest. Its arguments set the members of struct rv_controller. */
#define RV_CONTROLLER(...)                                                                                             \
    static const struct rv_controller rv_controller_ = {                                                               \
        .name = RV_MANIFEST_NAME, .kinds = rv_manifest_kinds, __VA_ARGS__};                                            \
    static int32_t rv_controller_init_(const struct rv_host_api *api, struct rv_host *h, void **ret_state,             \
                                       struct rv_error *err) {                                                         \
        return rv_controller_init(&rv_controller_, api, h, ret_state, err);                                            \
    }                                                                                                                  \
    static const struct rv_plugin rv_controller_plugin_ = {.size = sizeof rv_controller_plugin_,                       \
                                                           .magic = RV_ABI_MAGIC,                                      \
                                                           .abi_major = RV_ABI_MAJOR,                                  \
                                                           .abi_minor = RV_ABI_MINOR,                                  \
                                                           .name = RV_MANIFEST_NAME,                                   \
                                                           .version = RV_MANIFEST_VERSION,                             \
                                                           .init = rv_controller_init_,                                \
                                                           .reconcile = rv_controller_reconcile,                       \
                                                           .map = rv_controller_map,                                   \
                                                           .settings_changed = rv_controller_settings,                 \
                                                           .fini = rv_controller_fini,                                 \
                                                           .kinds = rv_manifest_kinds,                                 \
                                                           .kind_n = KIND_COUNT,                                       \
                                                           .validate = rv_controller_validate};                        \
    RV_PLUGIN(rv_controller_plugin_)

#ifdef __cplusplus
}
#endif
#endif
