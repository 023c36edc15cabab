/* What waits comes out as it went in. */
#include "supervisor/actions/packed_event.h"

#include <stdlib.h>

#include "tests/unit/sdk/suite.h"

static void round_trip(void) {
    struct rv_event e = {.size = sizeof e,
                         .warning = 1,
                         .reason = RV_STR("Why"),
                         .action = RV_STR("Do"),
                         .note = RV_STR("a note"),
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayCluster"),
                         .ns = RV_STR("n"),
                         .name = RV_STR("x"),
                         .uid = RV_STR("u-1"),
                         .controller = RV_STR("c")};
    struct msg in = {.type = MSG_ACTION,
                     .action = {.id = 7,
                                .key = {RV_STR("n"), RV_STR("x")},
                                .event = e,
                                .a = {.size = sizeof(struct rv_action), .verb = RV_VERB_EVENT}}},
               out;
    struct packed_event *w = packed_event_new(&in, "some-plugin");
    struct rv_str plugin;
    struct rv_error err = {0};
    CU_ASSERT_EQUAL_FATAL(packed_event_decode(w, &out, &plugin, &err), 0);
    CU_ASSERT_TRUE(rv_str_is(plugin, "some-plugin"));
    CU_ASSERT_EQUAL(out.action.id, 7);
    CU_ASSERT_EQUAL(out.action.a.verb, RV_VERB_EVENT);
    CU_ASSERT_EQUAL(out.action.event.warning, 1);
    const struct {
        struct rv_str was, is;
    } texts[] = {{e.reason, out.action.event.reason},
                 {e.action, out.action.event.action},
                 {e.note, out.action.event.note},
                 {e.api_version, out.action.event.api_version},
                 {e.kind, out.action.event.kind},
                 {e.ns, out.action.event.ns},
                 {e.name, out.action.event.name},
                 {e.uid, out.action.event.uid},
                 {e.controller, out.action.event.controller},
                 {in.action.key.name, out.action.key.name}};
    for (size_t i = 0; i < RV_ARRAY_LEN(texts); i++) CU_ASSERT_TRUE(rv_str_eq(texts[i].was, texts[i].is));
    free(w);
}

static const struct suite_test tests[] = {{"round trip", round_trip}};
SUITE_MAIN("waiting", tests)
