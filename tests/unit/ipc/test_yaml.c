/* test_yaml.c - YAML as a tree: what each option accepts, what is refused and in which line, several documents. */
#include "ipc/base/yaml.h"
#include "rayvisor/json.h"
#include "tests/unit/sdk/suite.h"

static const struct yaml_opts strict = {.name = "f"}, anchors = {.anchors = true, .max_depth = 6, .max_nodes = 40},
                              repeats = {.repeats = true}, judged = {.name = "f", .strict = true, .max_depth = 3};

static void add_json(struct rv_arena *a, struct rv_node *n, struct rv_buf *out) {
    rv_json_write(rv_node_freeze(a, n), out);
}

static void documents(void) {
    static const struct {
        const struct yaml_opts *o;
        const char *yaml, *want; /* JSON, or the beginning of the error */
    } rows[] = {
        {&strict, "", "null"},
        {&strict, "# nothing\n", "null"},
        {&strict, "a: 1\nb: [true, no, ~, '1', 1.5, -7, 1e3, x]\n",
         "{\"a\":1,\"b\":[true,\"no\",null,\"1\",1.5,-7,1000,\"x\"]}"},
        {&strict, "1: {True: NULL}\n", "{\"1\":{\"True\":null}}"},
        {&strict, "a: 1\nb: 2\na: 3\n", "f:3: this key stands twice"},
        {&strict, "a: &x 1\n", "{\"a\":1}"},
        {&strict, "a:\n  - *x\n", "f:2: aliases"},
        {&strict, "? [a]\n: b\n", "f:1: a mapping key must be text"},
        {&strict, "? {a: 1}\n: b\n", "f:1: a mapping key must be text"},
        {&strict, "a: [1\n", "f:2: "},
        {&strict, "<<: {a: 1}\n", "{\"<<\":{\"a\":1}}"},
        {&strict, "a: 1\n---\nb: [\n", "{\"a\":1}"},
        {&judged, "", "null"},
        {&judged, "--- \na: {b: '1'}\n", "{\"a\":{\"b\":\"1\"}}"},
        {&judged, "a: &x 1\n", "f:1:4: anchors are not accepted: write the value out where it is needed"},
        {&judged, "a: &x [1]\n", "f:1:4: anchors are not accepted"},
        {&judged, "a: &x {b: 1}\n", "f:1:4: anchors are not accepted"},
        {&judged, "a: *x\n", "f:1:4: aliases are not accepted: write the value out"},
        {&judged, "a:\n  <<: {a: 1}\n", "f:2:3: merge keys are not accepted: write the values out"},
        {&judged, "a: 1\n? [a]\n: b\n", "f:2:3: a key must be plain text"},
        {&judged, "a: 1\nb: 2\na: 3\n", "f:3:1: \"a\" stands here for the second time: keep one"},
        {&judged, "a: 1\n---\nb: 2\n", "f:2:1: one document is expected, a second one begins here"},
        {&judged, "[[[1]]]", "[[[1]]]"},
        {&judged, "[[[[1]]]]", "f:1:4: nested too deeply"},
        {&judged, "a: [1\n", "f:2:1: "},
        {&repeats, "a: 1\na: 2\n", "{\"a\":2}"},
        {&repeats, "a: *x\n", "line 1: aliases"},
        {&anchors, "x: &x [1, {k: v}]\ny: *x\nz: *x\n",
         "{\"x\":[1,{\"k\":\"v\"}],\"y\":[1,{\"k\":\"v\"}],\"z\":[1,{\"k\":\"v\"}]}"},
        {&anchors, "x: &x 1\ny: &x 2\nz: *x\n", "{\"x\":1,\"y\":2,\"z\":2}"},
        {&anchors, "b: &b {k: 1, l: 2}\nc: {<<: *b, k: 3}\n", "{\"b\":{\"k\":1,\"l\":2},\"c\":{\"k\":3,\"l\":2}}"},
        {&anchors, "c: {<<: [{k: 1}, {k: 2, l: 2}]}\n", "{\"c\":{\"k\":1,\"l\":2}}"},
        {&anchors, "c: {<<: {k: 1}, <<: {l: 2}}\n", "{\"c\":{\"k\":1,\"l\":2}}"},
        {&anchors, "a: 1\n<<: 1\n", "line 2: \"<<\" takes a mapping"},
        {&anchors, "<<: [1]\n", "line 1: \"<<\" takes a mapping"},
        {&anchors, "a: &a [*a]\n", "line 1: an alias within what it names"},
        {&anchors, "a: *b\nb: &b 1\n", "line 1: an alias of nothing"},
        {&anchors, "b: &b k\n*b : 1\n", "line 2: a mapping key must be text"},
        {&anchors, "a: 1\na: 2\n", "line 2: this key stands twice"},
        {&anchors, "[[[[[[1]]]]]]", "[[[[[[1]]]]]]"},
        {&anchors, "[[[[[[[1]]]]]]]", "line 1: nested too deeply"},
        {&anchors, "a: &a [[[1]]]\nb: [*a]\n", "{\"a\":[[[1]]],\"b\":[[[[1]]]]}"},
        {&anchors, "a: &a [[[1]]]\nb: [[[*a]]]\n", "line 2: nested too deeply"},
        {&anchors, "a: &a [1,2,3,4,5,6,7,8]\nb: [*a, *a,\n *a, *a]\n", "line 3: too much"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf got = {0};
        struct rv_error err = {0};
        struct rv_node *n = yaml_tree(a, rv_str(rows[i].yaml), rows[i].o, &err);
        if (n != NULL) add_json(a, n, &got);
        if (n == NULL) rv_buf_adds(&got, err.text);
        bool same =
            n != NULL ? rv_str_is(rv_buf_str(&got), rows[i].want) : rv_str_starts(rv_buf_str(&got), rows[i].want);
        CHECK_ROW(same, rows[i].yaml);
        if (!same) printf("\n    %s", rv_buf_cstr(&got));
        CHECK_ROW(n != NULL || err.code == (rows[i].o->name != NULL ? RV_E_CONFIG : RV_E_PARSE), rows[i].yaml);
    }
}

static void lines(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct yaml_marks marks = {0};
    struct yaml_opts o = {.marks = &marks};
    struct rv_node *n = yaml_tree(a, RV_STR("a: 1\nb:\n  c:\n    - x\n    - y\n"), &o, NULL);
    CU_ASSERT_EQUAL(yaml_line(&marks, n), 1);
    CU_ASSERT_EQUAL(yaml_line(&marks, rv_node_get(n, "a")), 1);
    CU_ASSERT_EQUAL(yaml_line(&marks, rv_node_get(n, "b")), 3);
    CU_ASSERT_EQUAL(yaml_line(&marks, rv_node_at(rv_node_path(n, "b.c"), 1)), 5);
    CU_ASSERT_EQUAL(yaml_line(&marks, NULL), 0);
}

static void positions(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct yaml_marks marks = {0};
    struct yaml_opts o = {.marks = &marks};
    struct rv_node *n = yaml_tree(a, RV_STR("a: 1.20\n\nb: ['x', y]\n  \nc: {d: ''}\n"), &o, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(n);
    const struct yaml_pos *root = marks.root, *first = root->kids, *list = first->next, *map = list->next;
    CU_ASSERT_TRUE(root->kind == YAML_POS_MAP && root->n == 3 && root->node == n && map->next == NULL);
    CU_ASSERT_TRUE(first->kind == YAML_POS_SCALAR && rv_str_is(first->text, "1.20") && !first->quoted);
    CU_ASSERT_TRUE(rv_str_is(first->key, "a") && first->column == 4 && first->key_column == 1);
    CU_ASSERT_TRUE(list->kind == YAML_POS_LIST && list->n == 2 && list->line == 3 && list->key_line == 3);
    CU_ASSERT_TRUE(list->kids->quoted && !list->kids->next->quoted && list->kids->next->column == 10);
    CU_ASSERT_TRUE(list->kids->key_line == 0 && list->kids->key.n == 0);
    CU_ASSERT_TRUE(map->kids->quoted && map->kids->text.n == 0 && rv_str_is(map->kids->key, "d"));
    CU_ASSERT_TRUE(map->kids->line == 5 && map->kids->column == 8 && map->kids->key_column == 5);
}

struct several {
    struct rv_buf json;
    int stop;
};

static int on_document(void *arg, struct rv_arena *a, struct rv_node *n, struct rv_error *err) {
    struct several *s = arg;
    add_json(a, n, &s->json);
    return s->stop > 0 && --s->stop == 0 ? rv_error_set(err, RV_E_EXISTS, "enough") : 0;
}

static void several(void) {
    static const struct {
        const char *yaml, *want;
        int stop, code;
    } rows[] = {
        {"", "", 0, 0},
        {"a: 1\n", "{\"a\":1}", 0, 0},
        {"---\na: 1\n---\nb: 2\n...\n---\n[3]\n", "{\"a\":1}{\"b\":2}[3]", 0, 0},
        {"a: 1\n---\n[\n", "{\"a\":1}", 0, RV_E_PARSE},
        {"a: 1\n---\nb: 2\n---\nc: 3\n", "{\"a\":1}{\"b\":2}", 2, RV_E_EXISTS},
        {"a: &x 1\n---\nb: *x\n", "{\"a\":1}", 0, RV_E_PARSE}, /* an anchor is valid only in its document */
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct several s = {.stop = rows[i].stop};
        struct rv_error err = {0};
        CHECK_ROW(yaml_each(rv_str(rows[i].yaml), &anchors, on_document, &s, &err) == rows[i].code, rows[i].yaml);
        CHECK_ROW(rv_str_is(rv_buf_str(&s.json), rows[i].want), rows[i].yaml);
        rv_buf_free(&s.json);
    }
}

static const struct suite_test tests[] = {
    {"documents", documents}, {"lines", lines}, {"positions", positions}, {"several", several}};
SUITE_MAIN("yaml", tests)
