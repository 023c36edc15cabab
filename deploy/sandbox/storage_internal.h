/* storage_internal.h - what storage.c shares with the rest of the API half: the tables behind struct sb_resource and
 * the rules of particular kinds (rules/builtin.c, rules/defaults.c, rules/schema.c). */
#ifndef RV_SANDBOX_STORAGE_INTERNAL_H
#define RV_SANDBOX_STORAGE_INTERNAL_H

#include "storage.h"

struct sb_types;
struct sb_table {
    struct sb_resource pub; /* first: a resource pointer is a table pointer */
    struct sb_object **v;   /* sorted by (ns, name) */
    size_t n, cap;
    /* Its CustomResourceDefinition was deleted, or changed so often: watches that began before end. */
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
    struct rv_loop *loop;
    uint64_t version, compacted; /* compacted: newest forgotten version */
    struct sb_table **tables;
    size_t n_tables;
    struct sb_change *history; /* ring */
    size_t history_first, history_n, history_bytes;
    struct sb_listener **listeners;
    size_t n_listeners;
    unsigned emitting;
    char *ca_pem; /* for kube-root-ca.crt; may be NULL */
    unsigned next_ip, next_port;
    struct sb_types *types;
};

static inline struct sb_table *sb_table_of(const struct sb_resource *r) { return (struct sb_table *)(uintptr_t)r; }

/* Takes over the names in *r (heap). */
struct sb_resource *sb_resource_add(struct sb_storage *s, const struct sb_resource *r);
size_t sb_lower_bound(const struct sb_resource *r, struct rv_str ns, struct rv_str name);
void sb_qualified(const struct sb_resource *r, struct rv_buf *out); /* "rayclusters.ray.io" */
int sb_fail_object(struct sb_status *st, int http, const char *reason, const struct sb_resource *r, struct rv_str name,
                   const char *text);
/* 422 with all the causes; they are texts. */
int sb_fail_causes(struct sb_status *st, const struct sb_resource *r, struct rv_str name, struct rv_node *causes);

/* rules/status.c: what the Status is about; causes (may be NULL) are texts "field: Invalid value: ...". */
void sb_status_about(struct sb_status *st, const struct sb_resource *r, struct rv_str name, const char *kind,
                     struct rv_node *causes);

/* rules/builtin.c */
void sb_builtin_register(struct sb_storage *s);
bool sb_has_generation(const struct sb_resource *r);
void sb_validate_meta(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_node *causes);
int sb_admit(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
             struct sb_status *st);                 /* quota */
bool sb_needs_version(const struct sb_resource *r); /* a PUT must say which version it replaces */
void sb_after_create(struct sb_storage *s, struct sb_object *o);

void sb_cause(struct rv_arena *a, struct rv_node *causes, const char *fmt, ...) RV_PRINTF(3, 4);
void sb_drop(struct sb_storage *s, struct sb_object *o); /* at once, whatever holds it */

/* rules/immutable.c */
void sb_validate_immutable(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_val old,
                           struct rv_node *causes);

/* rules/crd.c */
void sb_default_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_validate_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);
void sb_crd_serve(struct sb_storage *s, struct rv_val crd);
void sb_crd_withdraw(struct sb_storage *s, struct rv_val crd);

/* rules/defaults.c: hooks of built-in kinds */
void sb_default_pod(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_service(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_job(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_namespace(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_secret(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_claim(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_deployment(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_replicaset(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_cronjob(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_network_policy(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_default_binding(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
/* rules/literals.c: plain values, by table; for every built-in kind after its own hook */
void sb_default_literals(struct rv_arena *a, const char *plural, struct rv_node *object);
void sb_default_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_validate_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                       struct rv_node *causes);
void sb_validate_pod(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);

/* rules/schema.c */
struct sb_type;
struct sb_types;
int sb_schema_compile(const struct sb_types *types, struct rv_val crd_version, void **ret, struct rv_error *err);
const struct sb_type *sb_schema_type(const void *schema);
void sb_schema_free(void *schema);
struct rv_val sb_schema_raw(const void *schema);     /* openAPIV3Schema */
struct rv_val sb_schema_columns(const void *schema); /* additionalPrinterColumns */
void sb_schema_defaults(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_schema_validate(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                        struct rv_node *causes);

#endif
