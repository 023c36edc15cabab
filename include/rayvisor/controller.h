/* rayvisor/controller.h - writing a controller: the comfortable layer above the ABI of rayvisor/plugin.h.
 *
 * A controller is one function, reconcile(), that is called with a pass: the newest state of one object, what became of
 * the requests of the pass before, and everything that is needed to ask for the next ones. It compares what is there
 * with what should be, asks for at most what is missing, and returns; it never waits. When what it asked for has been
 * done it is called again. See rayvisor/plugin.h for when passes happen.
 *
 *     #include <rayvisor/controller.h>
 *     #include "my-plugin_kinds.h"          made from my-plugin.yaml by the build
 *
 *     static void reconcile(struct rv_pass *p) { ... }
 *     RV_CONTROLLER(.reconcile = reconcile)
 *
 * Ownership: everything that a pass hands out (objects, results, settings, texts, the arena and the nodes made in it)
 * lives until reconcile() returns. What is handed to it is copied before the call returns. Only the state and the memo
 * stay. Threads: all calls happen on the host's one thread; call these functions from callbacks only. None of them
 * blocks, and none fails for lack of memory (rayvisor/base.h).
 */
#ifndef RAYVISOR_CONTROLLER_H
#define RAYVISOR_CONTROLLER_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"
#include "rayvisor/tree.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rv_controller;

/* One look at one object of the primary kind. Read its fields as you like; write only to the memo and the state. */
struct rv_pass {
    const struct rv_controller *controller;
    const struct rv_host_api *api; /* for what this header has no function for */
    struct rv_host *host;
    struct rv_arena *arena;  /* memory that is freed after the pass */
    struct rv_key key;       /* of the object */
    struct rv_object object; /* without a value in gone() */
    struct rv_val settings;  /* validated against the manifest, defaults filled in */
    int64_t now;             /* wall clock, ns since the epoch; constant during the pass */
    void *state;             /* the controller's: state_size bytes */
    void *memo;              /* the object's: memo_size bytes */
    const void *layer;       /* this layer's own */
    /* The outcome: written by rv_pass_retry() and its siblings. */
    struct {
        bool retry, terminal;
        int64_t after_ms; /* 0: not asked for */
        struct rv_str message;
    } outcome;
};

/* What a controller is made of. All but reconcile() may be left out. */
struct rv_controller {
    void (*reconcile)(struct rv_pass *p);
    /* The object is no longer there, and its memo goes after this call. p->object has no value; requests can still be
     * made. It is not called for an object that went while the plugin was not running. */
    void (*gone)(struct rv_pass *p);
    /* The reporting controller of its events; NULL: "<plugin>-controller". */
    const char *reporter;
    /* Memory of the controller, zeroed at the start. configure() fills it from the settings at the start and whenever
     * they change; a code with err filled refuses them, and the state must then be as it was. Without configure() new
     * settings are taken as they are: read p->settings. start() is the first call, for a state that calls the host
     * itself. release() is the last one. */
    size_t state_size;
    void (*start)(void *state, const struct rv_host_api *api, struct rv_host *host);
    int32_t (*configure)(void *state, struct rv_val settings, struct rv_error *err);
    void (*release)(void *state);
    /* Memory for each object of the primary kind, zeroed when the object is first seen, also when another one of the
     * same name has taken its place. memo_init() fills a new one in. It goes with the object; memo_release() frees what
     * hangs on it. It is lost when the plugin restarts: keep in it only what can be found out again. */
    size_t memo_size;
    void (*memo_init)(void *memo);
    void (*memo_release)(void *memo);
    /* Called before memo_release(): withdraw what was published about the object, as its metrics. The object is gone,
     * or another one of the same name has taken its place, or the plugin ends. p->key and p->object.uid are the
     * object's that had the memo, p->memo is the memo, and p->object has no value. */
    void (*memo_end)(const struct rv_pass *p, bool plugin_ends);
    /* For kinds with `map: plugin`: an object of a secondary kind changed. Wake the keys that it concerns with
     * rv_controller_wake(). c is valid during the call. */
    void (*map)(const struct rv_pass *c, const struct rv_object *object, bool deleted);
    /* Set by RV_CONTROLLER(). */
    const char *name;
    const struct rv_kind *kinds;
};

/* ---- reading ----------------------------------------------------------------------------------------------- */

/* The object of that kind and name: in the key's namespace, or of a cluster-scoped kind. false: there is none, and *ret
 * is without a value. */
bool rv_pass_get(const struct rv_pass *p, uint32_t kind, struct rv_str name, struct rv_object *ret);
/* Calls fn for each object of a kind whose controller owner is the pass's object (by uid), until it says false. fn may
 * be NULL. How many there were. */
size_t rv_pass_owned(const struct rv_pass *p, uint32_t kind, rv_list_fn fn, void *arg);
/* Result i of the pass before, NULL past the last. */
const struct rv_result *rv_pass_result(const struct rv_pass *p, size_t i);
/* The first request of the pass before that failed; NULL when all went well. To delete what is not there any more is no
 * failure. */
const struct rv_result *rv_pass_failure(const struct rv_pass *p);

/* ---- saying ------------------------------------------------------------------------------------------------ */

/* One more line of what `rayvisorctl explain` shows for the key: what was decided, or what is waited for. */
void rv_pass_explain(const struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* A Kubernetes Event about the pass's object. reason and action are CamelCase words. */
void rv_pass_event(const struct rv_pass *p, bool warning, const char *reason, const char *action, const char *fmt, ...)
    RV_PRINTF(5, 6);

/* ---- building ---------------------------------------------------------------------------------------------- */

/* An object of that kind with apiVersion, kind, name, the key's namespace (none where the key has none), and the pass's
 * object as its controller owner, so that Kubernetes deletes it with its owner. In the pass's arena. */
struct rv_node *rv_pass_new_object(const struct rv_pass *p, uint32_t kind, struct rv_str name);

/* ---- asking for changes ------------------------------------------------------------------------------------ */

/* All of these: true when the request is made; its result comes with the tag in the next pass. false: it cannot be made
 * (malformed), which makes the outcome RV_RETRY with a message. Requests are granted or refused by the supervisor:
 * the manifest's `writes` and the configuration must allow them (RV_E_DENIED). */
/* In the namespace that its metadata names; without one it is an object of a cluster-scoped kind. */
bool rv_pass_create(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object);
/* Server-side apply: makes the object or changes it. It owns the fields that it names. */
bool rv_pass_apply(struct rv_pass *p, uint32_t kind, uint64_t tag, struct rv_node *object);
/* A merge patch (rv_node_merge_patch()) of this very object, where it is: not of another one that took its name. */
bool rv_pass_patch(struct rv_pass *p, const struct rv_object *object, uint64_t tag, struct rv_node *patch);
bool rv_pass_delete(struct rv_pass *p, const struct rv_object *object, uint64_t tag);
/* Writes the status of the pass's object, if it is not so already: `want` is the whole of it. false also when there is
 * nothing to write. The manifest must read the status. */
bool rv_pass_status(struct rv_pass *p, uint64_t tag, struct rv_node *want);
/* Anything else. Sets a->size; the namespace is the key's when a->ns is empty. (A namespaced object that must name no
 * namespace, as for reading a cluster-scoped object by request, calls p->api->act() itself.) */
bool rv_pass_act(struct rv_pass *p, struct rv_action *a);

/* Has the pass's object this finalizer? The manifest must read metadata.finalizers. */
bool rv_pass_has_finalizer(const struct rv_pass *p, const char *name);
/* Adds or removes it, unless that is so already. Finalizers of others stay: the write fails with RV_E_CONFLICT when the
 * object has changed meanwhile. true when the request is made. */
bool rv_pass_set_finalizer(struct rv_pass *p, const char *name, bool present, uint64_t tag);

/* ---- the outcome: what comes next ---------------------------------------------------------------------------- */

/* Nothing said: the object is looked at again when it or something of its changes. retry goes before terminal, terminal
 * before a time; the first message is logged, the earliest time counts. While requests are under way the next pass
 * comes when their results are there. */

/* It failed: again after a pause that grows with each failure in a row. */
void rv_pass_retry(struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* It failed, and only a change of the object can mend it. */
void rv_pass_terminal(struct rv_pass *p, const char *fmt, ...) RV_PRINTF(2, 3);
/* Again after so many milliseconds (at least 1), or at a time (ns since the epoch), even if nothing changes. */
void rv_pass_wake_after(struct rv_pass *p, int64_t ms);
void rv_pass_wake_at(struct rv_pass *p, int64_t ns);
/* Another key of the primary kind is looked at soon; also in map(). */
void rv_controller_wake(const struct rv_pass *p, struct rv_str ns, struct rv_str name);

/* Calls fn with the memo of each object that has one; also in map(). fn may change the memo. */
void rv_controller_each_memo(const struct rv_pass *p, void (*fn)(void *arg, const struct rv_key *key, void *memo),
                             void *arg);

/* ---- the plugin ---------------------------------------------------------------------------------------------- */

/* What RV_CONTROLLER() needs; nobody else calls these. */
int32_t rv_controller_init(const struct rv_controller *c, const struct rv_host_api *api, struct rv_host *h,
                           void **ret_state, struct rv_error *err);
void rv_controller_reconcile(void *instance, const struct rv_key *key, struct rv_outcome *ret);
void rv_controller_map(void *instance, const struct rv_object *object, int32_t deleted);
int32_t rv_controller_settings(void *instance, struct rv_error *err);
void rv_controller_fini(void *instance);

/* Exports the plugin: once, at the end of the file that includes the header that the build makes from the manifest. Its
 * arguments set the members of struct rv_controller. */
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
                                                           .kind_n = KIND_COUNT};                                      \
    RV_PLUGIN(rv_controller_plugin_)

#ifdef __cplusplus
}
#endif
#endif
