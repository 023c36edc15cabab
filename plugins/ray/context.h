/* context.h - what one reconcile of one object works with: the host, an arena, and the object.
 *
 * It is a thin layer over the pass of rayvisor/controller.h, for builders that serve several controllers. They name
 * objects by API version and resource, because the same kind has another number in each plugin. Nothing here waits. The
 * result of an action comes in a later reconcile, with the tag of the action. */
#ifndef RAY_CONTEXT_H
#define RAY_CONTEXT_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

struct rc_context {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const char *kind;       /* of the object, as "RayCluster"; its API version is ray.io/v1 */
    const char *controller; /* the reporter of events, such as "raycluster-controller" */
    struct rv_str ns, name, uid;
    bool retry;   /* the key must be tried again: an action failed, or the host did not accept one */
    int64_t wake; /* wall clock of the earliest planned pass, ns; 0 if none */
};

/* ---- looking ---- */

int64_t ctx_now(const struct rc_context *x); /* wall clock, ns */
/* The mirrored object of that kind and name in the object's namespace. Returns false if there is none. */
bool ctx_get(const struct rc_context *x, uint32_t kind, struct rv_str name, struct rv_object *ret);
/* Calls fn for each mirrored object that the owner with that uid controls, until fn returns false. If fn is NULL, it
 * only counts. Returns the number. */
size_t ctx_list_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, rv_list_fn fn, void *arg);
/* Finds one of them, if there is any. */
bool ctx_find_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, struct rv_object *ret);
/* Result i of the previous reconcile's actions. NULL after the last one. */
const struct rv_result *ctx_result(const struct rc_context *x, size_t i);

/* ---- asking: in the object's namespace. False: the host did not take it, and x->retry is set. ---- */

bool ctx_create(struct rc_context *x, const char *api_version, const char *resource, struct rv_node *object,
                uint64_t tag);
/* Deletes only the object with that uid. What it owns is deleted in the background. */
bool ctx_delete(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                struct rv_str uid, uint64_t tag);
/* The same, but the object stays until what it owns is gone. */
bool ctx_delete_after_owned(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                            struct rv_str uid, uint64_t tag);
/* A merge patch of the object with that uid. An empty uid means any object with the name. */
bool ctx_patch(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
               struct rv_str uid, struct rv_node *body, uint64_t tag);
/* A JSON patch of exactly the version that was read, because its paths contain indexes of lists. */
bool ctx_json_patch(struct rc_context *x, const char *api_version, const char *resource, const struct rv_object *o,
                    struct rv_node *operations, uint64_t tag);
/* A merge patch of the status of the context's object. If `version` is not empty, only that version may be written. */
bool ctx_patch_status(struct rc_context *x, const char *resource, struct rv_node *patch, struct rv_str version,
                      uint64_t tag);
/* Reads an object from the API server that is not in the mirror. */
bool ctx_lookup(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name, uint64_t tag);
/* Adds the finalizer to the object of the context, or removes it. `meta` is its metadata as read. If the object has
 * another version, the result is a conflict, so no finalizer of others is lost. */
bool ctx_set_finalizer(struct rc_context *x, const char *resource, struct rv_val meta, const char *finalizer,
                       bool present, uint64_t tag);

/* ---- saying ---- */

void ctx_event(struct rc_context *x, bool warning, const char *reason, const char *action, struct rv_str note);
/* Adds a line about what was decided and what is waited for (`rayvisorctl explain`). */
void ctx_explain(struct rc_context *x, const char *fmt, ...) RV_PRINTF(2, 3);
/* A gauge about the object, with its name, namespace and uid and `more` labels (at most RC_LABELS_MAX): set, or taken
 * away. */
enum { RC_LABELS_MAX = 3 };
void ctx_gauge(const struct rc_context *x, const char *name, double value, const struct rv_field *more, size_t n);
void ctx_gauge_remove(const struct rc_context *x, const char *name, const struct rv_field *more, size_t n);
/* The text of the API server about a failed action, or the text of its code. */
struct rv_str rc_result_text(const struct rv_result *r);

/* True if the action was refused because its namespace is being deleted: nothing can be created there any more. */
bool rc_namespace_ends(const struct rv_result *r);

/* ---- time and chance ---- */

/* Plans a pass at that time at the latest. */
void ctx_wake(struct rc_context *x, int64_t at);
/* Milliseconds until x->wake, at least 1. 0 if no pass is planned. */
int64_t ctx_wake_ms(const struct rc_context *x);
/* Five random characters for a generated name. */
struct rv_str ctx_suffix(struct rc_context *x);

#endif
