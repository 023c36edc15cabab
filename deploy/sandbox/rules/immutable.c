/* immutable.c - what an update of a built-in kind may not change, as tables: the rules and their exceptions. */
#include "internal.h"
#include "rayvisor/json.h"

enum { SHOWN_MAX = 200 };

static const char POD_TEXT[] =
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
    "tolerations),`spec.schedulingGates` (only removals)";
static const char CLAIM_TEXT[] = "Forbidden: spec is immutable after creation except resources.requests and "
                                 "volumeAttributesClassName for bound claims";
static const char SEALED_TEXT[] = "Forbidden: field is immutable when `immutable` is set";
static const char FIXED[] = "field is immutable";

static const struct rule {
    const char *group, *plural, *path;
    const char *text;  /* "Forbidden: ...", or the text after the invalid value */
    const char *when;  /* the rule holds only if this is true in the old object; NULL means always */
    const char *field; /* the field that the cause names; NULL means the path */
} rules[] = {
    {"", "pods", "spec", POD_TEXT, NULL, NULL},
    {"", "services", "spec.clusterIP", "may not change once set", NULL, "spec.clusterIPs[0]"},
    {"", "persistentvolumeclaims", "spec", CLAIM_TEXT, NULL, NULL},
    {"", "secrets", "type", FIXED, NULL, NULL},
    {"", "secrets", "data", SEALED_TEXT, "immutable", NULL},
    {"", "secrets", "immutable", SEALED_TEXT, "immutable", NULL},
    {"", "configmaps", "data", SEALED_TEXT, "immutable", NULL},
    {"", "configmaps", "binaryData", SEALED_TEXT, "immutable", NULL},
    {"", "configmaps", "immutable", SEALED_TEXT, "immutable", NULL},
    {"batch", "jobs", "spec.selector", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.template", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.completionMode", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.completions", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.podFailurePolicy", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.backoffLimitPerIndex", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.managedBy", FIXED, NULL, NULL},
    {"batch", "jobs", "spec.successPolicy", FIXED, NULL, NULL},
    {"apps", "deployments", "spec.selector", FIXED, NULL, NULL},
    {"apps", "replicasets", "spec.selector", FIXED, NULL, NULL},
    {"discovery.k8s.io", "endpointslices", "addressType", FIXED, NULL, NULL},
    {"rbac.authorization.k8s.io", "rolebindings", "roleRef", "cannot change roleRef", NULL, NULL},
    {"rbac.authorization.k8s.io", "clusterrolebindings", "roleRef", "cannot change roleRef", NULL, NULL},
};

enum may {
    MAY_CHANGE,
    MAY_GROW,   /* elements may be added, */
    MAY_SHRINK, /* or removed */
    MAY_BE_SET, /* may be set once */
    MAY_COME_AND_GO,
    MAY_WHILE_SUSPENDED,
    MAY_WHEN_BOUND,
    MAY_WHEN_INDEXED,
};
static const struct exemption {
    const char *plural, *path; /* "[]" means in every element */
    enum may may;
} exemptions[] = {
    {"pods", "spec.containers[].image", MAY_CHANGE},
    {"pods", "spec.initContainers[].image", MAY_CHANGE},
    {"pods", "spec.activeDeadlineSeconds", MAY_CHANGE},
    {"pods", "spec.tolerations", MAY_GROW},
    {"pods", "spec.schedulingGates", MAY_SHRINK},
    {"services", "spec.clusterIP", MAY_COME_AND_GO}, /* it changes with the type ExternalName */
    {"persistentvolumeclaims", "spec.resources.requests", MAY_WHEN_BOUND},
    {"persistentvolumeclaims", "spec.volumeAttributesClassName", MAY_WHEN_BOUND},
    {"persistentvolumeclaims", "spec.volumeName", MAY_BE_SET},
    {"jobs", "spec.template.spec.affinity", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.spec.nodeSelector", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.spec.tolerations", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.spec.schedulingGates", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.spec.containers[].resources", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.spec.initContainers[].resources", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.metadata.labels", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.template.metadata.annotations", MAY_WHILE_SUSPENDED},
    {"jobs", "spec.completions", MAY_WHEN_INDEXED},
};

static bool has_all(struct rv_node *list, struct rv_node *of) {
    for (size_t i = 0; i < rv_node_len(of); i++) {
        bool found = false;
        for (size_t j = 0; j < rv_node_len(list) && !found; j++)
            found = rv_node_equal(rv_node_at(list, j), rv_node_at(of, i));
        if (!found) return false;
    }
    return true;
}

static bool permitted(const struct exemption *x, struct rv_node *old, struct rv_node *new) {
    struct rv_node *before = rv_node_path(old, x->path), *after = rv_node_path(new, x->path);
    switch (x->may) {
    case MAY_CHANGE:
        return true;
    case MAY_GROW:
        return has_all(after, before);
    case MAY_SHRINK:
        return has_all(before, after);
    case MAY_BE_SET:
        return before == NULL;
    case MAY_COME_AND_GO:
        return before == NULL || after == NULL;
    case MAY_WHILE_SUSPENDED:
        return rv_node_to_bool(rv_node_path(old, "spec.suspend"), false);
    case MAY_WHEN_BOUND:
        return rv_str_is(rv_node_text(rv_node_path(old, "status.phase")), "Bound");
    case MAY_WHEN_INDEXED:
        return rv_str_is(rv_node_text(rv_node_path(old, "spec.completionMode")), "Indexed");
    }
    return false;
}

static void forget(struct rv_arena *a, struct rv_node *at, struct rv_str path) {
    size_t n = 0;
    while (n < path.n && path.p[n] != '.') n++;
    struct rv_str name = {path.p, n}, rest = {path.p + n, path.n - n};
    if (rest.n == 0) {
        rv_node_setn(a, at, rv_arena_str(a, name), NULL);
        return;
    }
    rest = (struct rv_str){rest.p + 1, rest.n - 1};
    bool each = rv_str_ends(name, "[]");
    if (each) name.n -= 2;
    struct rv_node *child = rv_node_getn(at, name);
    if (!each) forget(a, child, rest);
    for (size_t i = 0; each && i < rv_node_len(child); i++) forget(a, rv_node_at(child, i), rest);
}

/* In the API, an empty list or map is the same as none. */
static bool same(struct rv_node *x, struct rv_node *y) {
    bool none = (x == NULL || rv_node_type(x) >= RV_ARRAY) && (y == NULL || rv_node_type(y) >= RV_ARRAY);
    return rv_node_equal(x, y) || (none && rv_node_len(x) == 0 && rv_node_len(y) == 0);
}

static void add_cause(struct rv_arena *a, const struct rule *r, struct rv_node *value, struct rv_node *causes) {
    const char *field = r->field != NULL ? r->field : r->path;
    if (strncmp(r->text, "Forbidden", 9) == 0) {
        sb_cause(a, causes, "%s: %s", field, r->text);
        return;
    }
    rv_autobuf struct rv_buf b = {0};
    rv_json_write(rv_node_freeze(a, value), &b);
    sb_cause(a, causes, "%s: Invalid value: %.*s: %s", field, (int)(b.n < SHOWN_MAX ? b.n : SHOWN_MAX),
             (const char *)b.p, r->text);
}

void sb_validate_immutable(struct rv_arena *a, const struct sb_resource *r, struct rv_node *object, struct rv_val old,
                           struct rv_node *causes) {
    struct rv_node *before = NULL, *after = NULL;
    for (size_t i = 0; i < RV_ARRAY_LEN(rules) && !r->custom; i++) {
        const struct rule *rule = &rules[i];
        if (strcmp(rule->plural, r->plural) != 0 || strcmp(rule->group, r->group) != 0) continue;
        if (rule->when != NULL && !rv_path_bool(old, rule->when, false)) continue;
        if (before == NULL) {
            before = rv_node_from(a, old);
            after = rv_node_copy(a, object);
            for (size_t j = 0; j < RV_ARRAY_LEN(exemptions); j++) {
                const struct exemption *x = &exemptions[j];
                if (strcmp(x->plural, r->plural) != 0 || !permitted(x, before, after)) continue;
                forget(a, before, rv_str(x->path));
                forget(a, after, rv_str(x->path));
            }
        }
        struct rv_node *value = rv_node_path(after, rule->path);
        if (!same(rv_node_path(before, rule->path), value)) add_cause(a, rule, value, causes);
    }
}
