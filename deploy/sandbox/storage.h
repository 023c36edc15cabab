/* storage.h - the storage of the sandbox. It does in memory what etcd and the generic API machinery do in a real
 * cluster.
 *
 * Everything that reads or writes objects uses these calls, HTTP handlers and simulated controllers alike. So the same
 * rules hold for both: resource versions from one counter, optimistic concurrency, defaulting and validation,
 * finalizers, graceful deletion, watch history with compaction. One thread owns it.
 *
 * Objects are stored as packed msgpack (see rayvisor/value.h) with a reference count. They are never changed in
 * place. */
#ifndef RV_SANDBOX_STORAGE_H
#define RV_SANDBOX_STORAGE_H

#include "ipc/base/loop.h"
#include "rayvisor/k8s.h"

struct sb_storage;
struct sb_type; /* rules/types.h */
struct sb_view; /* rules/view.h */

/* A served resource, from the built-in table or from a CustomResourceDefinition. */
struct sb_resource {
    char *group, *version, *plural, *singular, *kind, *list_kind; /* group "" for core */
    char *const *short_names, *const *categories;                 /* ends with NULL; may be NULL */
    bool namespaced, has_status;
    bool custom; /* from a CRD */
    /* Hooks; each may be NULL. `object` is the tree that will be stored. `old` is absent on create. */
    void (*defaults)(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
    /* Appends causes ("spec.replicas: Invalid value ...") as strings. If there is one, the write fails with 422. */
    void (*validate)(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);
    const struct sb_type *type; /* the types of its fields; NULL if unknown */
    void *schema;               /* for CRDs: the compiled schema */
    /* Set if another API group serves a resource that is stored under a different one (events.k8s.io); usually NULL.
     * Its own table stays empty. HTTP handlers convert and use the stored resource. */
    const struct sb_view *view;
};

/* A Kubernetes Status for an answer. */
struct sb_status {
    int http; /* 404, 409, 422, ... */
    const char *reason;
    char *message;   /* on the heap; sb_status_clear() frees it */
    char *details;   /* on the heap: the members of Status.details as JSON ("\"name\":\"x\",..."), or NULL */
    int retry_after; /* in seconds; 0 if not set */
};
void sb_status_set(struct sb_status *st, int http, const char *reason, const char *fmt, ...) RV_PRINTF(4, 5);
void sb_status_clear(struct sb_status *st);
void sb_status_write(const struct sb_status *st, struct rv_buf *out); /* as a Kubernetes Status, in JSON */

struct sb_object {
    unsigned refs;
    const struct sb_resource *resource;
    struct rv_str ns, name, uid; /* views of `value` */
    uint64_t version;
    struct rv_val value; /* the whole object */
};
struct sb_object *sb_object_ref(struct sb_object *o);
struct sb_object *sb_object_unref(struct sb_object *o);
/* The same content with another version. The caller owns the reference. */
struct sb_object *sb_object_at(const struct sb_object *o, uint64_t version);

/* The rules that check objects. The storage calls them at each write and knows no rule itself. rules/rules.h has the
 * table that makes it a Kubernetes API server. No member may be NULL. */
struct sb_rules {
    /* Registers the resources that are served from the start. Its result belongs to the rules (sb_rules_state). */
    void *(*begin)(struct sb_storage *s);
    void (*end)(void *state);
    void (*free_schema)(void *schema); /* for a struct sb_resource; accepts NULL */
    bool (*has_generation)(const struct sb_resource *r);
    /* Fills in defaults. `old` is absent on create, here and below. */
    void (*defaults)(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old);
    /* Appends causes as texts. by_client: an update of more than the status by a client, for which the rules about
     * immutable fields hold. */
    void (*validate)(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old, bool by_client, struct rv_node *causes);
    /* Checks quotas and the like before an object is created. Returns 0, or a negative code and fills st. */
    int (*admit)(struct sb_storage *s, const struct sb_resource *r, struct rv_node *object, struct sb_status *st);
    /* Records in metadata.managedFields who changed what. */
    void (*track_update)(const struct sb_resource *r, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                         const char *manager, bool status);
    void (*created)(struct sb_storage *s, struct sb_object *o); /* called after the object was stored */
    /* Called before a change is stored (`now` is absent for a deletion). Makes the changes that follow from it. */
    void (*changing)(struct sb_storage *s, const struct sb_resource *r, struct rv_val old, struct rv_val now);
};
/* The rules outlive the storage. */
struct sb_storage *sb_storage_new(struct loop *l, const struct sb_rules *rules);
void *sb_rules_state(const struct sb_storage *s);
struct sb_storage *sb_storage_free(struct sb_storage *s);
uint64_t sb_version(const struct sb_storage *s); /* the newest resourceVersion */

const struct sb_resource *sb_resource_find(struct sb_storage *s, struct rv_str group, struct rv_str version,
                                           struct rv_str plural);
const struct sb_resource *sb_resource_by_kind(struct sb_storage *s, struct rv_str api_version, struct rv_str kind);
typedef void (*sb_resource_fn)(void *arg, const struct sb_resource *r);
void sb_resource_each(struct sb_storage *s, sb_resource_fn fn, void *arg);

/* Reads an object, which is borrowed until the next write. Returns NULL if it does not exist. */
struct sb_object *sb_get(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name);
typedef bool (*sb_object_fn)(void *arg, struct sb_object *o); /* return false to stop */
/* Visits objects in the order of (ns, name). An empty ns means all. */
void sb_each(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, sb_object_fn fn, void *arg);

/* Writes. The caller owns the reference that they return. They return 0, or a negative code and fill st. */
struct sb_write_opts {
    bool status; /* the status subresource: only .status is written (and metadata.resourceVersion is checked) */
    bool dry_run;
    bool applied; /* managedFields are already correct (rules/apply.c) */
    bool system;  /* from a controller, which may change fields that a client may not, such as the node of a pod */
    const char *manager; /* the field manager; may be NULL */
};
int sb_create(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_node *object,
              struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret, struct sb_status *st);
/* If object.metadata.resourceVersion is set, it must match. The same holds for the uid. */
int sb_update(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              struct rv_node *object, struct rv_arena *a, const struct sb_write_opts *o, struct sb_object **ret,
              struct sb_status *st);
struct sb_delete_opts {
    struct rv_str pre_uid, pre_version, propagation; /* empty means the default (Background) */
    int64_t grace_seconds;                           /* -1 means the object's own */
    bool dry_run;
};
/* Pods with grace > 0 and objects with finalizers get a deletionTimestamp. Others are removed at once (*ret is the last
 * state). */
int sb_delete(struct sb_storage *s, const struct sb_resource *r, struct rv_str ns, struct rv_str name,
              const struct sb_delete_opts *o, struct sb_object **ret, struct sb_status *st);

/* Listeners get every write in the order of versions, synchronously. `prev` is the state before (NULL on create). */
enum sb_event { SB_ADDED, SB_MODIFIED, SB_DELETED };
typedef void (*sb_change_fn)(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev);
struct sb_listener;
struct sb_listener *sb_listen(struct sb_storage *s, sb_change_fn fn, void *arg);
struct sb_listener *sb_unlisten(struct sb_listener *l);
/* Replays the history after `version` for one resource (NULL for all), in order. Returns -ESTALE if that part was
 * compacted. */
typedef void (*sb_history_fn)(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev);
int sb_history(struct sb_storage *s, const struct sb_resource *r, uint64_t version, sb_history_fn fn, void *arg);
void sb_compact(struct sb_storage *s); /* drops the history: watches from older versions get 410 */

#endif
