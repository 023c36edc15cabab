/* What a controller's answer to a plan says about one object: refusals, and warnings. */
#include "supervisor/plan/plan.h"
#include "tests/unit/sdk/suite.h"

/* JSON with ' for ". */
static struct rv_val value_of(struct rv_arena *a, const char *text) {
    rv_autobuf struct rv_buf b = {0};
    for (const char *c = text; *c != 0; c++) rv_buf_addc(&b, (uint8_t)(*c == '\'' ? '"' : *c));
    return from_json(a, rv_buf_cstr(&b));
}

static void on_voice(void *arg, enum plan_remark remark, struct rv_str text) {
    rv_buf_addf(arg, "%s" RV_STR_FMT ";", remark == PLAN_REFUSES ? "no " : "but ", RV_STR_ARG(text));
}

#define KEY(name) "'key':{'namespace':'n','name':'" name "'}"
#define EVENT(name, warning, reason, note)                                                                             \
    "{'verb':'event','warning':" warning ",'reason':'" reason "','note':'" note "'," KEY(name) "}"
#define STATUS(conditions)                                                                                             \
    "{'verb':'patch','subresource':'status'," KEY("o") ",'object':{'status':{'conditions':[" conditions "]}}}"
#define CONDITION(status, reason, message)                                                                             \
    "{'type':'T','status':'" status "','reason':'" reason "','message':'" message "'}"

static void remarks(void) {
    static const struct {
        const char *actions, *said;
    } rows[] = {
        {"", ""},
        {EVENT("o", "true", "InvalidRayClusterSpec", "a"), "no a;"},
        {EVENT("o", "true", "Quota", "a"), "but a;"},
        {EVENT("o", "false", "InvalidRayClusterSpec", "a"), ""},
        {EVENT("p", "true", "InvalidRayClusterSpec", "a"), ""},
        {EVENT("o", "true", "Quota", "a") "," EVENT("o", "true", "Quota", "a") "," EVENT("o", "true", "Quota", "b"),
         "but a;but b;"},
        {STATUS(CONDITION("True", "SpecChanged", "a") "," CONDITION("True", "Other", "b")), "but a;"},
        {STATUS(CONDITION("False", "SpecChanged", "a")), ""},
        {STATUS(CONDITION("True", "BlockedByQuota", "a")), "but a;"},
        /* The newest status counts. */
        {STATUS(CONDITION("True", "SpecChanged", "a")) "," STATUS(""), ""},
        {"{'verb':'create','apiVersion':'v1'," KEY("o") "}", ""},
    };
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        rv_autoarena struct rv_arena *a = rv_arena_new();
        rv_autobuf struct rv_buf said = {0};
        struct rv_str text = rv_arena_fmt(a, "{'actions':[%s]}", rows[i].actions);
        plan_remarks(value_of(a, text.p), &(struct rv_key){RV_STR("n"), RV_STR("o")}, on_voice, &said);
        CHECK_ROW(rv_str_is(rv_buf_str(&said), rows[i].said), rows[i].actions);
    }
}

static const struct suite_test tests[] = {{"refusals and warnings of one object", remarks}};
SUITE_MAIN("plan remarks", tests)
