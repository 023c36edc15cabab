/* storage.h - a storage with the namespace "n", for tests without a server. */
#ifndef TESTS_SANDBOX_STORAGE_H
#define TESTS_SANDBOX_STORAGE_H

#include "deploy/sandbox/rules/rules.h"
#include "deploy/sandbox/storage_internal.h"
#include "json.h"

static inline struct sb_storage *fixture(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_storage *s = sb_storage_new(NULL, &sb_kubernetes_rules);
    struct sb_object *made = NULL;
    struct sb_status st = {0};
    struct rv_node *ns = parse(a, "{'apiVersion':'v1','kind':'Namespace','metadata':{'name':'n'}}");
    CU_ASSERT_EQUAL_FATAL(sb_create(s, sb_resource_find(s, RV_STR(""), RV_STR("v1"), RV_STR("namespaces")), RV_STR(""),
                                    ns, a, NULL, &made, &st),
                          0);
    sb_object_unref(made);
    return s;
}

/* Of whatever group. */
static inline const struct sb_resource *resource(struct sb_storage *s, const char *plural) {
    static const char *const groups[] = {"",         "batch",
                                         "apps",     "rbac.authorization.k8s.io",
                                         "ray.test", "discovery.k8s.io",
                                         "policy",   "apiextensions.k8s.io"};
    for (size_t i = 0; i < RV_ARRAY_LEN(groups); i++) {
        const struct sb_resource *r = sb_resource_find(s, rv_str(groups[i]), RV_STR("v1"), rv_str(plural));
        if (r != NULL) return r;
    }
    CU_FAIL_FATAL("no such resource");
    return NULL;
}

#endif
