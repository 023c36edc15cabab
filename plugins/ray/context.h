/* context.h - what one reconcile of one object works with: the host, an arena, and the object that it is about.
 *
 * A thin layer over the pass of rayvisor/controller.h, for builders that serve several controllers. They name what they
 * ask for by API version and resource, because the same object has another kind number in each plugin. Nothing here
 * waits: what became of an action comes back as a result in a later reconcile, with the tag that it was given. */
#ifndef RAY_CONTEXT_H
#define RAY_CONTEXT_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

struct rc_context {
    const struct rv_host_api *api;
    struct rv_host *host;
    struct rv_arena *arena;
    const char *kind;       /* of the object, as "RayCluster"; its API version is ray.io/v1 */
    const char *controller; /* who reports the events, as "raycluster-controller" */
    struct rv_str ns, name, uid;
    bool retry;   /* the key must be tried again: an action failed, or the host did not take one */
    int64_t wake; /* wall ns of the earliest reason to look again; 0: none */
};

/* ---- looking ---- */

int64_t ctx_now(const struct rc_context *x); /* wall ns */
/* The mirrored object of that kind and name in the object's namespace. False: there is none. */
bool ctx_get(const struct rc_context *x, uint32_t kind, struct rv_str name, struct rv_object *ret);
/* The mirrored objects that an owner of that uid controls, each given to fn until it says false; fn NULL: only their
 * number. */
size_t ctx_list_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, rv_list_fn fn, void *arg);
/* One of them, if there is any. */
bool ctx_find_owned(const struct rc_context *x, uint32_t kind, struct rv_str owner_uid, struct rv_object *ret);
/* Result i of the last reconcile's actions; NULL past the last. */
const struct rv_result *ctx_result(const struct rc_context *x, size_t i);

/* ---- asking: in the object's namespace. False: the host did not take it, and x->retry is set. ---- */

bool ctx_create(struct rc_context *x, const char *api_version, const char *resource, struct rv_node *object,
                uint64_t tag);
/* Only the object with that uid. What it owns is deleted in the background. */
bool ctx_delete(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                struct rv_str uid, uint64_t tag);
/* The same, but it stays until what it owns is gone. */
bool ctx_delete_after_owned(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
                            struct rv_str uid, uint64_t tag);
/* A merge patch of the object with that uid; empty: of whichever has the name. */
bool ctx_patch(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name,
               struct rv_str uid, struct rv_node *body, uint64_t tag);
/* A JSON patch of just the version that was read: the paths in it count places in lists. */
bool ctx_json_patch(struct rc_context *x, const char *api_version, const char *resource, const struct rv_object *o,
                    struct rv_node *operations, uint64_t tag);
/* A merge patch of the status of the context's object. version: only that version may be written; empty: any. */
bool ctx_patch_status(struct rc_context *x, const char *resource, struct rv_node *patch, struct rv_str version,
                      uint64_t tag);
/* Asks the API server itself about an object that the mirror does not hold. */
bool ctx_lookup(struct rc_context *x, const char *api_version, const char *resource, struct rv_str name, uint64_t tag);
/* Adds the finalizer to the object of the context, or takes it away. meta is its metadata as it was read: another
 * version of it is a conflict, so that nobody else's finalizer is lost. */
bool ctx_set_finalizer(struct rc_context *x, const char *resource, struct rv_val meta, const char *finalizer,
                       bool present, uint64_t tag);

/* ---- saying ---- */

void ctx_event(struct rc_context *x, bool warning, const char *reason, const char *action, struct rv_str note);
/* One line more of what was decided and what is waited for (`rayvisorctl explain`). */
void ctx_explain(struct rc_context *x, const char *fmt, ...) RV_PRINTF(2, 3);
/* A gauge about the object, with its name, namespace and uid and `more` labels (at most RC_LABELS_MAX): set, or taken
 * away. */
enum { RC_LABELS_MAX = 3 };
void ctx_gauge(const struct rc_context *x, const char *name, double value, const struct rv_field *more, size_t n);
void ctx_gauge_remove(const struct rc_context *x, const char *name, const struct rv_field *more, size_t n);
/* What the API server said of a failed action, or the text of its code. */
struct rv_str rc_result_text(const struct rv_result *r);

/* The action was refused because its namespace is being deleted: nothing can be made there any more. */
bool rc_namespace_ends(const struct rv_result *r);

/* ---- time and chance ---- */

/* The object is looked at again at that moment at the latest. */
void ctx_wake(struct rc_context *x, int64_t at);
/* Milliseconds until x->wake, at least 1; 0: there is no reason to look again. */
int64_t ctx_wake_ms(const struct rc_context *x);
/* Five random characters for a generated name. */
struct rv_str ctx_suffix(struct rc_context *x);

#endif
