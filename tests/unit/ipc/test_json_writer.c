/* test_json_writer.c - JSON written member by member. */
#include "ipc/base/json_writer.h"
#include "rayvisor/json.h"
#include "tests/unit/sdk/suite.h"

static void write_scalars(struct jsonw *w) {
    jsonw_begin_object(w, NULL);
    jsonw_str(w, "s", RV_STR("a\"b"));
    jsonw_text(w, "none", NULL);
    jsonw_fmt(w, "f", "%d/%s", 7, "\n");
    jsonw_int(w, "i", INT64_MIN);
    jsonw_uint(w, "u", UINT64_MAX);
    jsonw_bool(w, "yes", true);
    jsonw_bool(w, "no", false);
    jsonw_val(w, "absent", RV_VAL_ABSENT);
    jsonw_raw(w, "raw", RV_STR("{\"x\":[]}"));
    jsonw_end_object(w);
}

static void write_empty(struct jsonw *w) {
    jsonw_begin_array(w, NULL);
    jsonw_begin_object(w, NULL);
    jsonw_end_object(w);
    jsonw_begin_array(w, NULL);
    jsonw_end_array(w);
    jsonw_int(w, NULL, 0);
    jsonw_end_array(w);
}

static void write_nested(struct jsonw *w) {
    jsonw_begin_object(w, NULL);
    jsonw_begin_array(w, "list");
    for (int i = 0; i < 2; i++) {
        jsonw_begin_object(w, NULL);
        jsonw_int(w, "i", i);
        jsonw_begin_array(w, "of");
        jsonw_text(w, NULL, "x");
        jsonw_text(w, NULL, "y");
        jsonw_end_array(w);
        jsonw_end_object(w);
    }
    jsonw_end_array(w);
    jsonw_begin_object(w, "a\"key");
    jsonw_end_object(w);
    jsonw_bool(w, "last", true);
    jsonw_end_object(w);
}

static void write_lone(struct jsonw *w) { jsonw_text(w, NULL, "alone"); }

static void write_parts(struct jsonw *w) {
    jsonw_begin_object(w, NULL);
    jsonw_members(w, RV_STR(""));
    jsonw_members(w, RV_STR("\"a\":1,\"b\":2"));
    jsonw_key(w, RV_STR("k\"ey"));
    jsonw_begin_array(w, NULL);
    rv_buf_adds(jsonw_value(w, NULL), "1.5");
    rv_buf_adds(jsonw_value(w, NULL), "{}");
    jsonw_end_array(w);
    rv_buf_adds(jsonw_value(w, "mine"), "true");
    jsonw_key(w, RV_STR("last"));
    jsonw_int(w, NULL, 3);
    jsonw_end_object(w);
}

static void documents(void) {
    static const struct {
        const char *name;
        void (*write)(struct jsonw *w);
        const char *want;
    } rows[] = {
        {"scalars", write_scalars,
         "{\"s\":\"a\\\"b\",\"none\":\"\",\"f\":\"7/\\n\",\"i\":-9223372036854775808,\"u\":18446744073709551615,"
         "\"yes\":true,\"no\":false,\"absent\":null,\"raw\":{\"x\":[]}}"},
        {"empty", write_empty, "[{},[],0]"},
        {"nested", write_nested,
         "{\"list\":[{\"i\":0,\"of\":[\"x\",\"y\"]},{\"i\":1,\"of\":[\"x\",\"y\"]}],\"a\\\"key\":{},\"last\":true}"},
        {"lone", write_lone, "\"alone\""},
        {"parts", write_parts, "{\"a\":1,\"b\":2,\"k\\\"ey\":[1.5,{}],\"mine\":true,\"last\":3}"},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autobuf struct rv_buf out = {0}, mp = {0};
        struct rv_error err = {0};
        rows[i].write(&(struct jsonw){.out = &out});
        CHECK_ROW(rv_str_is(rv_buf_str(&out), rows[i].want), rows[i].name);
        CHECK_ROW(rv_json_to_mp(rv_buf_str(&out), NULL, &mp, &err) == 0, rows[i].name);
    }
}

static const struct suite_test tests[] = {{"documents", documents}};
SUITE_MAIN("json_writer", tests)
