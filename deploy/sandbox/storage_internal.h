/* storage_internal.h - what storage.c shares with the other files: the tables behind struct sb_resource, and refusals
 * (refuse.c). */
#ifndef RV_SANDBOX_STORAGE_INTERNAL_H
#define RV_SANDBOX_STORAGE_INTERNAL_H

#include "storage.h"

struct sb_table {
    struct sb_resource pub; /* first member: a resource pointer is a table pointer */
    struct sb_object **v;   /* sorted by (ns, name) */
    size_t n, cap;
    /* ^`gone`: its CustomResourceDefinition was deleted. `edition` counts its changes. Watches that began before a
     * change end. */
    bool gone;
    unsigned edition;
};
struct sb_change {
    uint64_t version;
    enum sb_event type;
    struct sb_object *object, *prev;
};
struct sb_listener {
    sb_change_fn fn;
    void *arg;
};
struct sb_storage {
    struct loop *loop;
    /* `compacted` is the newest version that was dropped. */
    uint64_t version, compacted;
    struct sb_table **tables;
    size_t n_tables;
    struct sb_change *history; /* a ring buffer */
    size_t history_first, history_n, history_bytes;
    struct sb_listener **listeners;
    size_t n_listeners;
    unsigned emitting;
    char *ca_pem; /* for kube-root-ca.crt; may be NULL */
    unsigned next_ip, next_port;
    const struct sb_rules *rules;
    void *rules_state;
};

static inline struct sb_table *sb_table_of(const struct sb_resource *r) { return (struct sb_table *)(uintptr_t)r; }

/* Takes ownership of the names in *r (on the heap). */
struct sb_resource *sb_resource_add(struct sb_storage *s, const struct sb_resource *r);
size_t sb_lower_bound(const struct sb_resource *r, struct rv_str ns, struct rv_str name);
void sb_drop(struct sb_storage *s, struct sb_object *o); /* removes the object at once, whatever holds it */

/* ---- refuse.c ---- */

void sb_qualified(const struct sb_resource *r, struct rv_buf *out); /* "rayclusters.ray.io" */
int sb_fail_object(struct sb_status *st, int http, const char *reason, const struct sb_resource *r, struct rv_str name,
                   const char *text);
/* Fails with 422 and all the causes, which are texts. */
int sb_fail_causes(struct sb_status *st, const struct sb_resource *r, struct rv_str name, struct rv_node *causes);
/* Appends a text. */
void sb_cause(struct rv_arena *a, struct rv_node *causes, const char *fmt, ...) RV_PRINTF(3, 4);
/* Fills in what the Status is about. causes (may be NULL) are texts "field: Invalid value: ...". */
void sb_status_about(struct sb_status *st, const struct sb_resource *r, struct rv_str name, const char *kind,
                     struct rv_node *causes);

#endif
