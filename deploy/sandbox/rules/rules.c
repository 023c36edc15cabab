/* rules.c - the table of rules for the storage, and their order. */
#include "rules.h"
#include "apply.h"
#include "internal.h"
#include "schema.h"

static void *begin(struct sb_storage *s) {
    struct sb_types *types = sb_types_new();
    sb_builtin_register(s, types);
    return types;
}

static void end(void *state) { sb_types_free(state); }

/* An API server stores no empty list or map of metadata: ObjectMeta leaves them out (its fields say "omitempty"). */
static void drop_empty_metadata(struct rv_node *meta) {
    static const char *const fields[] = {"labels", "annotations", "finalizers", "ownerReferences"};
    for (size_t i = 0; i < RV_ARRAY_LEN(fields); i++)
        if (rv_node_len(rv_node_get(meta, fields[i])) == 0) rv_node_remove(meta, fields[i]);
}

static void defaults(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old) {
    drop_empty_metadata(rv_node_get(object, "metadata"));
    if (r->defaults != NULL) r->defaults(s, a, object, old);
    if (!r->custom) sb_default_literals(a, r->plural, object);
}

static void validate(struct sb_storage *s, const struct sb_resource *r, struct rv_arena *a, struct rv_node *object,
                     struct rv_val old, bool by_client, struct rv_node *causes) {
    sb_validate_meta(a, r, object, causes);
    if (r->validate != NULL) r->validate(s, a, object, old, causes);
    if (by_client) sb_validate_immutable(a, r, object, old, causes);
}

static bool is_definition(const struct sb_resource *r) { return strcmp(r->plural, "customresourcedefinitions") == 0; }

static void created(struct sb_storage *s, struct sb_object *o) {
    if (strcmp(o->resource->plural, "namespaces") == 0) sb_fill_namespace(s, o->name);
    if (is_definition(o->resource)) sb_crd_serve(s, o->value);
}

/* The instances are removed before their definition. A changed definition is served before listeners get the change. */
static void changing(struct sb_storage *s, const struct sb_resource *r, struct rv_val old, struct rv_val now) {
    if (!is_definition(r)) return;
    if (!rv_val_present(now))
        sb_crd_withdraw(s, old);
    else if (!rv_val_equal(rv_val_get(old, "spec"), rv_val_get(now, "spec")))
        sb_crd_serve(s, now);
}

const struct sb_rules sb_kubernetes_rules = {.begin = begin,
                                             .end = end,
                                             .free_schema = sb_schema_free,
                                             .has_generation = sb_has_generation,
                                             .defaults = defaults,
                                             .validate = validate,
                                             .admit = sb_admit,
                                             .track_update = sb_track_update,
                                             .created = created,
                                             .changing = changing};
