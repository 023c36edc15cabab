/* schema.h - the compiled schema of a version of a CustomResourceDefinition: what it removes, defaults and refuses. */
#ifndef RV_SANDBOX_SCHEMA_H
#define RV_SANDBOX_SCHEMA_H

#include "types.h"

int sb_schema_compile(const struct sb_types *types, struct rv_val crd_version, void **ret, struct rv_error *err);
const struct sb_type *sb_schema_type(const void *schema);
void sb_schema_free(void *schema);
struct rv_val sb_schema_raw(const void *schema);     /* openAPIV3Schema */
struct rv_val sb_schema_columns(const void *schema); /* additionalPrinterColumns */
void sb_schema_defaults(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old);
void sb_schema_validate(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                        struct rv_node *causes);

#endif
