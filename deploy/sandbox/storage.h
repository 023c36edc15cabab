/* storage.h - the sandbox's heart: what etcd and the generic API machinery are to a real cluster, in memory.
 *
 * Everything that reads or writes objects, HTTP handlers and simulated controllers alike, goes through these calls, so
 * both see the same rules: resource versions from one counter, optimistic concurrency, defaulting and validation,
 * finalizers, graceful deletion, watch history with compaction. One thread owns it.
 *
 * Objects are kept as packed msgpack (see rayvisor/value.h), refcounted, never changed in place.
 */
#ifndef RV_SANDBOX_STORAGE_H
#define RV_SANDBOX_STORAGE_H

#include "ipc/base/loop.h"
#include "rayvisor/k8s.h"

struct sb_storage;
struct sb_type; /* rules/types.h */
struct sb_view; /* rules/view.h */

/* A served resource: built-in table or made from a CustomResourceDefinition. */
struct sb_resource {
    char *group, *version, *plural, *singular, *kind, *list_kind; /* group "" for core */
    char *const *short_names, *const *categories;                 /* NULL-terminated or NULL */
    bool namespaced, has_status;
    bool custom; /* from a CRD */
    /* Hooks; each may be NULL. object is the tree about to be stored; old is absent on create. */
    void (*defaults)(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
    /* Appends causes ("spec.replicas: Invalid value ...") as strings; any makes the write fail with 422. */
    void (*validate)(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);
    const struct sb_type *type; /* what its objects' fields are; NULL: nothing is known */
    void *schema;               /* CRDs: compiled schema */
    /* Another API group's face of a resource that is stored as something else (events.k8s.io); NULL mostly. Its own
     * table stays empty: HTTP handlers convert and use the stored resource. */
    const struct sb_view *view;
};

/* A Kubernetes Status to answer with. */
struct sb_status {
    int http; /* 404, 409, 422, ... */
    const char *reason;
    char *message;   /* heap; sb_status_clear() */
    char *details;   /* heap: members of Status.details as JSON ("\"name\":\"x\",..."), or NULL */
    int retry_after; /* seconds; 0: not said */
};
void sb_status_set(struct sb_status *st, int http, const char *reason, const char *fmt, ...) RV_PRINTF(4, 5);
void sb_status_clear(struct sb_status *st);

struct sb_object {
    unsigned refs;
    const struct sb_resource *resource;
    struct rv_str ns, name, uid; /* into value */
    uint64_t version;
    struct rv_val value; /* whole object */
};
struct sb_object *sb_object_ref(struct sb_object *o);
struct sb_object *sb_object_unref(struct sb_object *o);
/* The same content said to be of another version: a reference of the caller's. */
struct sb_object *sb_object_at(const struct sb_object *o, uint64_t version);

/* What judges objects. The storage calls it at each write and knows no rule itself; rules/rules.h has the table that
 * makes it a Kubernetes API server. No member may be NULL. */
struct sb_rules {
    /* Registers the resources that are served from the start. What it returns is the rules' own (sb_rules_state). */
    void *(*begin)(struct sb_storage *s);
    void (*end)(void *state);
    void (*free_schema)(void *schema); /* of a struct sb_resource; may be given NULL */
    bool (*has_generation)(const struct sb_resource *r);
    /* Fills in defaults. old is absent on create, here and below. */
    void (*defaults)(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old);
    /* Appends causes as texts. by_client: an update of more than the status, by somebody whom the rules on what may not
     * change bind. */
    void (*validate)(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old, bool by_client, struct rv_node *causes);
    /* Quotas and the like, before something is created. 0, or negative with st filled. */
    int (*admit)(struct sb_storage *s, const struct sb_resource *r, struct rv_node *object, struct sb_status *st);
    /* Notes in metadata.managedFields who changed what. */
    void (*track_update)(const struct sb_resource *r, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                         const char *manager, bool status);
    void (*created)(struct sb_storage *s, struct sb_object *o); /* after it was stored */
    /* Before a change (now is absent: a deletion) is stored: what else it changes. */
    void (*changing)(struct sb_storage *s, const struct sb_resource *r, struct rv_val old, struct rv_val now);
};
/* The rules outlive the storage. */
struct sb_storage *sb_storage_new(struct rv_loop *l, const struct sb_rules *rules);
void *sb_rules_state(const struct sb_storage *s);
struct sb_storage *sb_storage_free(struct sb_storage *s);
uint64_t sb_version(const struct sb_storage *s); /* newest resourceVersion */

const struct sb_resource *sb_resource_find(struct sb_storage *s, struct rv_str group, struct rv_str version,
                                           struct rv_str plural);
const struct sb_resource *sb_resource_by_kind(struct sb_storage *s, struct rv_str api_version, struct rv_str kind);
typedef void (*sb_resource_fn)(void *arg, const struct sb_resource *r);
void sb_resource_each(struct sb_storage *s, sb_resource_fn fn, void *arg);

/* Reading: lent until the next write. NULL when absent. */
struct sb_object *sb_get(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name);
typedef bool (*sb_object_fn)(void *arg, struct sb_object *o); /* false stops */
/* In (ns, name) order; ns empty: all. */
void sb_each(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, sb_object_fn fn, void *arg);

/* Writing. The result is a reference of the caller's. 0, or negative with st filled. */
struct sb_write_opts {
    bool status; /* the status subresource: only .status (and metadata.resourceVersion check) applies */
    bool dry_run;
    bool applied;        /* managedFields are already as they should be (rules/apply.c) */
    bool system;         /* a controller's: what a client may not change, such as where a pod runs, it may */
    const char *manager; /* field manager, may be NULL */
};
int sb_create(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_node *object,
              struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret, struct sb_status *st);
/* object.metadata.resourceVersion, if set, must match; uid likewise. */
int sb_update(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              struct rv_node *object, struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret,
              struct sb_status *st);
struct sb_delete_opts {
    struct rv_str pre_uid, pre_version, propagation; /* empty: default (Background) */
    int64_t grace_seconds;                           /* -1: the object's own */
    bool dry_run;
};
/* Pods with grace > 0 and objects with finalizers get a deletionTimestamp; others go at once (*ret = last state). */
int sb_delete(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              const struct sb_delete_opts *o, struct sb_object **ret, struct sb_status *st);

/* Change stream: every write in version order, synchronously. prev is the state before (NULL on create). */
enum sb_event { SB_ADDED, SB_MODIFIED, SB_DELETED };
typedef void (*sb_change_fn)(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev);
struct sb_listener;
struct sb_listener *sb_listen(struct sb_storage *s, sb_change_fn fn, void *arg);
struct sb_listener *sb_unlisten(struct sb_listener *l);
/* Replays history after `version` for one resource (NULL = all) in order; -ESTALE when compacted away. */
typedef void (*sb_history_fn)(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev);
int sb_history(struct sb_storage *s, const struct sb_resource *r, uint64_t version, sb_history_fn fn, void *arg);
void sb_compact(struct sb_storage *s); /* forgets all history: older watches get 410 */

#endif
