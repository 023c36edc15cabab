/* crd.c - CustomResourceDefinitions: sets their conditions and makes a resource of each served version. */
#include "internal.h"
#include "schema.h"

#include <stdlib.h>

void sb_default_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old) {
    (void)s;
    (void)old;
    struct rv_node *spec = rv_node_ensure_map(a, object, "spec");
    struct rv_node *names = rv_node_ensure_map(a, spec, "names");
    struct rv_str kind = rv_node_text(rv_node_get(names, "kind"));
    if (rv_node_get(names, "listKind") == NULL && kind.n != 0)
        rv_node_set_fmt(a, names, "listKind", RV_STR_FMT "List", RV_STR_ARG(kind));
    if (rv_node_get(names, "singular") == NULL && kind.n != 0) {
        char *low = rv_strdup(kind);
        for (char *p = low; *p != '\0'; p++)
            if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
        rv_node_set_cstr(a, names, "singular", low);
        free(low);
    }
    struct rv_node *status = rv_node_ensure_map(a, object, "status");
    struct rv_node *conditions = rv_node_ensure_array(a, status, "conditions");
    int64_t now = clock_wall();
    rv_condition_set(a, conditions, "NamesAccepted", "True", RV_STR("NoConflicts"), RV_STR("no conflicts found"), now);
    rv_condition_set(a, conditions, "Established", "True", RV_STR("InitialNamesAccepted"),
                     RV_STR("the initial names have been accepted"), now);
    rv_node_set(a, status, "acceptedNames", rv_node_copy(a, names));
    struct rv_node *stored = rv_node_array(a), *versions = rv_node_get(spec, "versions");
    for (size_t i = 0; i < rv_node_len(versions); i++) {
        struct rv_node *v = rv_node_at(versions, i);
        if (rv_node_to_bool(rv_node_get(v, "storage"), false))
            rv_node_append(a, stored, rv_node_str(a, rv_node_text(rv_node_get(v, "name"))));
    }
    rv_node_set(a, status, "storedVersions", stored);
}

/* Checks that the scope and the stored version do not change. */
static void check_kept(struct rv_arena *a, struct rv_val crd, struct rv_val old, struct rv_node *causes) {
    struct rv_str scope = rv_path_str(crd, "spec.scope");
    struct rv_str version = rv_path_str(old, "spec.versions[0].name");
    if (!rv_str_eq(scope, rv_path_str(old, "spec.scope")))
        sb_cause(a, causes, "spec.scope: Invalid value: \"" RV_STR_FMT "\": field is immutable", RV_STR_ARG(scope));
    if (!rv_str_eq(version, rv_path_str(crd, "spec.versions[0].name")))
        sb_cause(a, causes,
                 "status.storedVersions[0]: Invalid value: \"" RV_STR_FMT
                 "\": missing from spec.versions; it was a storage version and must remain there",
                 RV_STR_ARG(version));
}

void sb_validate_crd(struct sb_storage *s, struct rv_arena *a, struct rv_node *object, struct rv_val old,
                     struct rv_node *causes) {
    struct rv_val crd = rv_node_freeze(a, object);
    if (rv_val_present(old)) check_kept(a, crd, old, causes);
    struct rv_str plural = rv_path_str(crd, "spec.names.plural"), group = rv_path_str(crd, "spec.group");
    struct rv_str want = rv_arena_fmt(a, RV_STR_FMT "." RV_STR_FMT, RV_STR_ARG(plural), RV_STR_ARG(group));
    if (!rv_str_eq(rv_path_str(crd, "metadata.name"), want))
        sb_cause(a, causes, "metadata.name: Invalid value: must be spec.names.plural+\".\"+spec.group");
    if (rv_path_str(crd, "spec.names.kind").n == 0) sb_cause(a, causes, "spec.names.kind: Required value");
    if (rv_val_len(rv_val_path(crd, "spec.versions")) != 1)
        sb_cause(a, causes,
                 "spec.versions: Unsupported value: the sandbox serves CustomResourceDefinitions with exactly "
                 "one version (it has no conversion)");
    for (struct rv_iter it = rv_iter(rv_val_path(crd, "spec.versions")); rv_iter_next(&it);) {
        struct rv_error err = {0};
        void *schema = NULL;
        if (sb_schema_compile(sb_rules_state(s), it.val, &schema, &err) != 0)
            sb_cause(a, causes, "spec.versions[" RV_STR_FMT "].schema: Invalid value: %s",
                     RV_STR_ARG(rv_val_str(rv_val_get(it.val, "name"))), err.text);
        sb_schema_free(schema);
    }
}

static char **text_list(struct rv_val list) {
    if (rv_val_len(list) == 0) return NULL;
    char **names = rv_alloc_array(rv_val_len(list) + 1, sizeof(char *));
    size_t n = 0;
    for (struct rv_iter it = rv_iter(list); rv_iter_next(&it);) names[n++] = rv_strdup(rv_val_str(it.val));
    return names;
}

static void free_list(char *const *list) {
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) free(list[i]);
    free((void *)(uintptr_t)list);
}

/* Takes what an update may change: names except for the plural, the status subresource, the schema. */
static void take_names(struct sb_resource *r, struct rv_val crd, struct rv_val version, void *schema) {
    free(r->singular);
    free(r->kind);
    free(r->list_kind);
    free_list(r->short_names);
    free_list(r->categories);
    sb_schema_free(r->schema);
    r->singular = rv_strdup(rv_path_str(crd, "spec.names.singular"));
    r->kind = rv_strdup(rv_path_str(crd, "spec.names.kind"));
    r->list_kind = rv_strdup(rv_path_str(crd, "spec.names.listKind"));
    r->short_names = text_list(rv_val_path(crd, "spec.names.shortNames"));
    r->categories = text_list(rv_val_path(crd, "spec.names.categories"));
    r->has_status = rv_val_present(rv_val_path(version, "subresources.status"));
    r->schema = schema;
    r->type = sb_schema_type(schema);
}

void sb_crd_serve(struct sb_storage *s, struct rv_val crd) {
    struct rv_str group = rv_path_str(crd, "spec.group"), plural = rv_path_str(crd, "spec.names.plural");
    for (struct rv_iter it = rv_iter(rv_val_path(crd, "spec.versions")); rv_iter_next(&it);) {
        struct rv_str version = rv_val_str(rv_val_get(it.val, "name"));
        void *schema = NULL;
        /* It was validated before it was stored. */
        if (sb_schema_compile(sb_rules_state(s), it.val, &schema, NULL) != 0) continue;
        const struct sb_resource *have = sb_resource_find(s, group, version, plural);
        if (have != NULL) {
            sb_table_of(have)->edition++;
            take_names(&sb_table_of(have)->pub, crd, it.val, schema);
            continue;
        }
        struct sb_resource r = {.group = rv_strdup(group),
                                .version = rv_strdup(version),
                                .plural = rv_strdup(plural),
                                .namespaced = rv_str_is(rv_path_str(crd, "spec.scope"), "Namespaced"),
                                .custom = true,
                                .defaults = sb_schema_defaults,
                                .validate = sb_schema_validate};
        take_names(&r, crd, it.val, schema);
        sb_resource_add(s, &r);
    }
}

/* The instances are deleted with their definition. */
void sb_crd_withdraw(struct sb_storage *s, struct rv_val crd) {
    struct rv_str group = rv_path_str(crd, "spec.group"), plural = rv_path_str(crd, "spec.names.plural");
    for (struct rv_iter it = rv_iter(rv_val_path(crd, "spec.versions")); rv_iter_next(&it);) {
        const struct sb_resource *r = sb_resource_find(s, group, rv_val_str(rv_val_get(it.val, "name")), plural);
        if (r == NULL) continue;
        struct sb_table *t = sb_table_of(r);
        while (t->n > 0) sb_drop(s, t->v[t->n - 1]);
        t->gone = true;
    }
}
