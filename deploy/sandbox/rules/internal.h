/* internal.h - rules of particular kinds, which the files of this folder share. */
#ifndef RV_SANDBOX_RULES_INTERNAL_H
#define RV_SANDBOX_RULES_INTERNAL_H

#include "deploy/sandbox/storage_internal.h"

/* builtin.c */
struct sb_types;
void sb_builtin_register(struct sb_storage *s, const struct sb_types *types);
void sb_validate_meta(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_node *causes);
/* Quota. */
int sb_admit(struct sb_storage *s, const struct sb_resource *r, struct rv_node *object, struct sb_status *st);
bool sb_has_generation(const struct sb_resource *r);
void sb_fill_namespace(struct sb_storage *s, struct rv_str ns); /* creates the objects of a new namespace */

/* immutable.c */
void sb_validate_immutable(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_val old,
                           struct rv_node *causes);

/* crd.c */
void sb_default_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_validate_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);
void sb_crd_serve(struct sb_storage *s, struct rv_val crd);
void sb_crd_withdraw(struct sb_storage *s, struct rv_val crd);

/* defaults.c: hooks of built-in kinds */
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
/* literals.c: constant defaults from a table, for every built-in kind, after its own hook */
void sb_default_literals(struct rv_arena *a, const char *plural, struct rv_node *object);
void sb_default_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_validate_event(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                       struct rv_node *causes);
/* validate.c */
void sb_validate_service(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                         struct rv_node *causes);
/* For pods and for pod templates. */
void sb_validate_template(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                          struct rv_node *causes);
void sb_validate_job(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);
void sb_validate_pod(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes);

#endif
