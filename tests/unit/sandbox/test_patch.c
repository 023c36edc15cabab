/* test_patch.c - the patch formats as tables: type, document, patch, result (NULL if it is refused). */
#include "deploy/sandbox/rules/patch.h"
#include "json.h"

static const struct {
    const char *doc, *patch, *want;
} merges[] = {
    {"{'a':1,'b':{'c':2}}", "{'a':null,'b':{'d':[1]}}", "{'b':{'c':2,'d':[1]}}"},
    {"{'l':[{'name':'x'}]}", "{'l':[{'name':'y'}]}", "{'l':[{'name':'y'}]}"},
    {"{'a':{'b':1}}", "{'a':2}", "{'a':2}"},
};

static const struct {
    const char *type, *doc, *patch, *want;
} strategics[] = {
    {"PodSpec", "{'containers':[{'name':'x','image':'1'}]}", "{'containers':[{'name':'y'},{'name':'x','image':'2'}]}",
     "{'containers':[{'name':'x','image':'2'},{'name':'y'}]}"},
    {"Container", "{'env':[{'name':'x'},{'name':'y'}]}", "{'env':[{'$patch':'delete','name':'x'}]}",
     "{'env':[{'name':'y'}]}"},
    {"Container", "{'env':[{'name':'x'}]}", "{'env':[{'$patch':'replace'},{'name':'z'}]}", "{'env':[{'name':'z'}]}"},
    {"Container", "{'args':['a','b']}", "{'args':['c']}", "{'args':['c']}"},
    {"Container", "{'ports':[{'containerPort':80,'name':'a'}]}", "{'ports':[{'containerPort':80,'name':'b'}]}",
     "{'ports':[{'containerPort':80,'name':'b'}]}"},
    {"ServiceSpec", "{'ports':[{'port':80,'name':'a'}]}", "{'ports':[{'port':81}]}",
     "{'ports':[{'port':80,'name':'a'},{'port':81}]}"},
    {"ObjectMeta", "{'finalizers':['a','b']}", "{'$deleteFromPrimitiveList/finalizers':['a']}", "{'finalizers':['b']}"},
    {"ObjectMeta", "{'finalizers':['a']}", "{'finalizers':['a','b']}", "{'finalizers':['a','b']}"},
    {"ObjectMeta", "{'labels':{'a':'1'}}", "{'labels':{'$patch':'replace','b':'2'}}", "{'labels':{'b':'2'}}"},
    {"PodSpec", "{'containers':[{'name':'x'},{'name':'y'}]}",
     "{'$setElementOrder/containers':[{'name':'y'},{'name':'x'}],'containers':[{'name':'x','image':'2'}]}",
     "{'containers':[{'name':'y'},{'name':'x','image':'2'}]}"},
    {"PodSpec", "{'volumes':[{'name':'v','emptyDir':{}}]}",
     "{'volumes':[{'$retainKeys':['name','configMap'],'name':'v','configMap':{'name':'c'}}]}",
     "{'volumes':[{'name':'v','configMap':{'name':'c'}}]}"},
};

static const struct {
    const char *doc, *patch, *want;
} operations[] = {
    {"{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2}]", "{'a':[1,2,3]}"},
    {"{'a/b':1}", "[{'op':'remove','path':'/a~1b'}]", "{}"},
    {"{'a':1}", "[{'op':'move','from':'/a','path':'/b'}]", "{'b':1}"},
    {"{'a':1}", "[{'op':'copy','from':'/a','path':'/b'}]", "{'a':1,'b':1}"},
    {"{'a':1}", "[{'op':'test','path':'/a','value':2}]", NULL},
    {"{'a':1}", "[{'op':'replace','path':'/b','value':2}]", NULL},
    {"{'a':[1]}", "[{'op':'add','path':'/a/5','value':2}]", NULL},
};

static void test_merge(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(merges); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *doc = sb_patch_merge(a, parse(a, merges[i].doc), parse(a, merges[i].patch));
        CU_ASSERT(same(a, merges[i].patch, doc, merges[i].want));
    }
}

static void test_strategic(void) {
    struct sb_types *types = sb_types_new();
    for (size_t i = 0; i < RV_ARRAY_LEN(strategics); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        const struct sb_type *t = sb_types_find(types, strategics[i].type);
        CU_ASSERT_PTR_NOT_NULL_FATAL(t);
        struct rv_node *doc = sb_patch_strategic(a, t, parse(a, strategics[i].doc), parse(a, strategics[i].patch));
        CU_ASSERT(same(a, strategics[i].patch, doc, strategics[i].want));
    }
    sb_types_free(types);
}

static void test_json(void) {
    for (size_t i = 0; i < RV_ARRAY_LEN(operations); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        struct rv_node *doc = parse(a, operations[i].doc);
        int e = sb_patch_json(a, &doc, parse(a, operations[i].patch), NULL);
        CU_ASSERT_EQUAL(e != 0, operations[i].want == NULL);
        CU_ASSERT(e != 0 || same(a, operations[i].patch, doc, operations[i].want));
    }
}

int main(void) {
    static const CU_TestInfo tests[] = {
        {"merge", test_merge}, {"strategic", test_strategic}, {"json", test_json}, CU_TEST_INFO_NULL};
    return run_suite("patch", tests);
}
