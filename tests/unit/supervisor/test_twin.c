/* What a twin finds different, and which requests to Ray it lets pass. */
#include "supervisor/actions/withhold.h"
#include "supervisor/twin/compare.h"

#include "tests/unit/sdk/suite.h"

static void note(void *arg, struct rv_str path, struct rv_val ours, struct rv_val theirs) {
    struct rv_buf *out = arg, a = {0}, b = {0};
    compare_show(ours, theirs, 40, &a);
    compare_show(theirs, ours, 40, &b);
    rv_buf_addf(out, "%s" RV_STR_FMT " " RV_STR_FMT "|" RV_STR_FMT, out->n != 0 ? "; " : "", RV_STR_ARG(path),
                RV_STR_ARG(rv_buf_str(&a)), RV_STR_ARG(rv_buf_str(&b)));
    rv_buf_free(&a);
    rv_buf_free(&b);
}

static void objects(void) {
    static const struct {
        const char *row;
        enum compare_how how;
        const char *ours, *theirs, *different;
    } rows[] = {
        {"the same", COMPARE_CREATE, "{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":1,\"filled\":\"in\"}}", ""},
        {"another value", COMPARE_CREATE, "{\"spec\":{\"a\":1}}", "{\"spec\":{\"a\":2}}", "spec.a 1|2"},
        {"not there", COMPARE_CREATE, "{\"spec\":{\"a\":{\"b\":1}}}", "{}", "spec.a.b 1|-"},
        {"empty is as good as absent", COMPARE_CREATE,
         "{\"a\":0,\"b\":false,\"c\":\"\",\"d\":[],\"e\":{},\"f\":null,\"g\":{\"h\":0}}", "{}", ""},
        {"empty is not as good as another value", COMPARE_CREATE, "{\"a\":0,\"b\":false,\"d\":[]}",
         "{\"a\":1,\"b\":true,\"d\":[1]}", "a 0|1; b false|true; d []|[1]"},
        {"which object it is does not count", COMPARE_CREATE,
         "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a-1\",\"uid\":\"x\"}}",
         "{\"metadata\":{\"name\":\"a-2\",\"uid\":\"y\"}}", ""},
        {"labels and annotations are closed", COMPARE_CREATE, "{\"metadata\":{\"labels\":{\"ray.io/a\":\"1\"}}}",
         "{\"metadata\":{\"labels\":{\"ray.io/a\":\"1\",\"b\":\"2\"},\"creationTimestamp\":\"now\"}}",
         "metadata.labels.b -|2"},
        {"an apply leaves the rest to others", COMPARE_APPLY, "{\"metadata\":{\"labels\":{\"ray.io/a\":\"1\"}}}",
         "{\"metadata\":{\"labels\":{\"ray.io/a\":\"2\",\"b\":\"2\"}}}", "metadata.labels[ray.io/a] 1|2"},
        {"entries by name", COMPARE_CREATE,
         "{\"env\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"2\"}]}",
         "{\"env\":[{\"name\":\"B\",\"value\":\"2\"},{\"name\":\"C\",\"value\":\"3\"},{\"name\":\"A\",\"value\":\"0\"}]"
         "}",
         "env[A].value 1|0; env[C] -|{\"name\":\"C\",\"value\":\"3\"}"},
        {"mounts by path", COMPARE_CREATE,
         "{\"m\":[{\"name\":\"v\",\"mountPath\":\"/a\"},{\"name\":\"v\",\"mountPath\":\"/b\"}]}",
         "{\"m\":[{\"name\":\"w\",\"mountPath\":\"/b\"},{\"name\":\"v\",\"mountPath\":\"/a\"}]}", "m[/b].name v|w"},
        {"what admission adds", COMPARE_CREATE, "{\"spec\":{\"volumes\":[{\"name\":\"v\"}]}}",
         "{\"spec\":{\"volumes\":[{\"name\":\"v\"},{\"name\":\"kube-api-access-x\"}]}}", ""},
        {"lists of texts as a whole", COMPARE_CREATE, "{\"args\":[\"a\",\"b\"]}", "{\"args\":[\"a\"]}",
         "args [\"a\",\"b\"]|[\"a\"]"},
        {"quantities by value", COMPARE_CREATE, "{\"limits\":{\"cpu\":\"1000m\",\"memory\":\"1Gi\"}}",
         "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1024Mi\"}}", ""},
        {"other quantities", COMPARE_CREATE, "{\"r\":{\"limits\":{\"cpu\":\"2\"}}}",
         "{\"r\":{\"limits\":{\"cpu\":\"1\"}}}", "r.limits.cpu 2|1"},
        {"a patch names what it wants", COMPARE_PATCH, "{\"status\":{\"state\":\"ready\"}}",
         "{\"status\":{\"state\":\"failed\",\"other\":1}}", "status.state ready|failed"},
        {"a patch takes away", COMPARE_PATCH, "{\"status\":{\"state\":null,\"gone\":null,\"zero\":null}}",
         "{\"status\":{\"state\":\"ready\",\"zero\":0}}", "status.state null|ready"},
        {"a patch replaces lists of a status", COMPARE_PATCH,
         "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
         "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"r\"},{\"type\":\"Old\"}]}}",
         "status.conditions[Ready].reason -|r; status.conditions[Old] -|{\"type\":\"Old\"}"},
        {"but not what the API server fills in", COMPARE_PATCH, "{\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":1}]}}",
         "{\"spec\":{\"ports\":[{\"name\":\"a\",\"port\":2,\"protocol\":\"TCP\"}]}}", "spec.ports[a].port 1|2"},
        {"finalizers", COMPARE_PATCH, "{\"metadata\":{\"finalizers\":[\"a\"],\"resourceVersion\":\"1\"}}",
         "{\"metadata\":{\"finalizers\":[],\"resourceVersion\":\"2\"}}", "metadata.finalizers [\"a\"]|[]"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        compare_objects(rows[i].how, from_json(a, rows[i].ours), from_json(a, rows[i].theirs), note, &out);
        if (strcmp(rv_buf_cstr(&out), rows[i].different) != 0) printf("\n    %s", rv_buf_cstr(&out));
        CHECK_ROW(strcmp(rv_buf_cstr(&out), rows[i].different) == 0, rows[i].row);
    }
}

static void json_patches(void) {
    static const struct {
        const char *operations, *theirs, *different;
    } rows[] = {
        {"[{\"op\":\"test\",\"path\":\"/a\",\"value\":7},{\"op\":\"add\",\"path\":\"/a\",\"value\":1}]", "{\"a\":1}",
         ""},
        {"[{\"op\":\"replace\",\"path\":\"/l/1/x\",\"value\":1}]", "{\"l\":[{\"x\":1},{\"x\":2}]}", "l[1].x 1|2"},
        {"[{\"op\":\"remove\",\"path\":\"/m/a~1b~0c\"}]", "{\"m\":{\"a/b~c\":1}}", "m[a/b~c] -|1"},
        {"[{\"op\":\"remove\",\"path\":\"/m/x\"}]", "{\"m\":{}}", ""},
        {"[{\"op\":\"add\",\"path\":\"/l/-\",\"value\":1}]", "{\"l\":[]}", "l[-] 1|-"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf out = {0};
        compare_json_patch(from_json(a, rows[i].operations), from_json(a, rows[i].theirs), note, &out);
        CHECK_ROW(strcmp(rv_buf_cstr(&out), rows[i].different) == 0, rows[i].operations);
    }
}

/* Of long texts the part in which they differ. */
static void showing(void) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    rv_autobuf struct rv_buf out = {0};
    struct rv_val ours =
        from_json(a, "\"0123456789012345678901234567890123456789012345678901234567890123456789X\\nend\"");
    struct rv_val theirs = from_json(a, "\"0123456789012345678901234567890123456789012345678901234567890123456789Y\"");
    compare_show(ours, theirs, 40, &out);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&out), "...678901234567890123456789X end");
    rv_buf_clear(&out);
    compare_show(ours, RV_VAL_ABSENT, 8, &out);
    CU_ASSERT_STRING_EQUAL(rv_buf_cstr(&out), "01234567...");
}

static void requests(void) {
    static const struct {
        const char *method, *url, *type;
        uint32_t http2;
        bool passes;
    } rows[] = {
        {"GET", "http://h:8265/api/jobs/x", "", 0, true},
        {"HEAD", "http://h:8265", "", 0, true},
        {"POST", "http://h:8265/api/jobs/", "application/json", 0, false},
        {"PUT", "http://h:8265/api/serve/applications/", "application/json", 0, false},
        {"DELETE", "http://h:8265/api/jobs/Get", "", 0, false},
        {"POST", "http://h:6379/ray.rpc.autoscaler.AutoscalerStateService/GetClusterResourceState", "application/grpc",
         1, true},
        {"POST", "http://h:6379/ray.rpc.autoscaler.AutoscalerStateService/DrainNode", "application/grpc", 1, false},
        {"POST", "http://h:6379/ray.rpc.autoscaler.AutoscalerStateService/GetClusterResourceState", "application/grpc",
         0, false},
        {"POST", "http://h:6379/GetIt", "application/json", 1, false},
        {"POST", "http://GetIt", "application/grpc", 1, false},
        {"POST", "http://h/set?x=/Get", "application/grpc", 1, false},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct rv_http_request r = {.size = sizeof r,
                                    .method = rv_str(rows[i].method),
                                    .url = rv_str(rows[i].url),
                                    .content_type = rv_str(rows[i].type),
                                    .http2 = rows[i].http2};
        CHECK_ROW(withhold_passes_http(&r) == rows[i].passes, rows[i].url);
    }
}

static const struct suite_test tests[] = {
    {"objects", objects}, {"JSON patches", json_patches}, {"showing", showing}, {"requests", requests}};
SUITE_MAIN("twin", tests)
