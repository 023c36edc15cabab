/* test_shares.c - shares of traffic: when they count as acting, since when they are as they are, and what is said while
 * the objects that carry them cannot be written. */
#include "scenario.h"
#include "tests/unit/sdk/suite.h"

#define SLICED "{'rayvisor.io/traffic':'Endpoints'}"

static struct rv_fake_object *slice(const struct scenario *s) {
    return rv_fakeapi_get(s->api, "endpointslices", FIXTURE_SERVICE "-serve-svc-shared");
}

static size_t endpoints_of(const struct scenario *s, const char *cluster) {
    size_t n = 0;
    for (struct rv_iter it = rv_iter(slice(s) != NULL ? rv_val_get(slice(s)->value, "endpoints") : RV_VAL_ABSENT);
         rv_iter_next(&it);)
        n += rv_str_starts(rv_path_str(it.val, "targetRef.name"), cluster);
    return n;
}

static bool refusing;
static int refuse_slices(void *arg, const struct rv_action *a, struct rv_str *message) {
    (void)arg;
    if (!refusing || !rv_str_is(a->resource, "endpointslices")) return 0;
    *message = RV_STR("nobody may write EndpointSlices now");
    return RV_E_FORBIDDEN;
}

/* Its replicas have gone, and it stands in the slice: what comes to it waits for ever. */
static struct scenario_name old;
static void never_to_nobody(struct scenario *s) {
    struct serve *v = fixture_serve(&s->w, old.text);
    if (v != NULL && v->capacity == 0 && endpoints_of(s, old.text) > 0)
        CU_FAIL("the slice leads to a cluster without a replica");
}

static bool has_all(struct scenario *s) { return scenario_share(s) == 100; }
static bool settled(struct scenario *s) { return scenario_pending(s).n == 0 && scenario_clusters(s) == 1; }

/* Nobody changes the slice after the shares: the old cluster keeps its replicas, and the upgrade says what it waits
 * for. */
static void capacity_stays_until_they_act(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 100, 1), .workers = 1, .deploy_s = 2, .notes = SLICED};
    s.refuse = refuse_slices;
    scenario_begin(&s);
    scenario_for(&s, 60);
    old = scenario_name(scenario_active(&s));
    CU_ASSERT_EQUAL(endpoints_of(&s, old.text), 2);
    s.each_round = never_to_nobody;
    scenario_env(&s, "2");
    scenario_for(&s, 1);
    refusing = true;
    CU_ASSERT_TRUE(scenario_until(&s, has_all));
    scenario_for(&s, 120);
    CU_ASSERT_TRUE(rv_str_is(scenario_active(&s), old.text));
    CU_ASSERT_EQUAL(fixture_serve(&s.w, old.text)->capacity, 100);
    CU_ASSERT_TRUE(rv_str_is(rv_path_str(scenario_status(&s), "upgrade.step"), "WaitingForEndpointSlice"));
    CU_ASSERT_PTR_NOT_NULL(strstr(rv_fakehost_explained(s.host, FIXTURE_SERVICE), "EndpointSlice with these shares"));
    refusing = false;
    CU_ASSERT_TRUE(scenario_until(&s, settled));
    CU_ASSERT_FALSE(rv_str_is(scenario_active(&s), old.text));
    CU_ASSERT_EQUAL(endpoints_of(&s, scenario_name(scenario_active(&s)).text), 2);
    scenario_end(&s);
}

/* An upgrade by a Service that still selects its pods: no share acts before our slice stands in its place. */
static void no_share_before_the_slice(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 1), .workers = 1, .deploy_s = 2};
    s.refuse = refuse_slices;
    scenario_start(&s);
    old = scenario_name(scenario_active(&s));
    refusing = true;
    scenario_patch(&s, "{'metadata':{'annotations':" SLICED "}}");
    scenario_env(&s, "2");
    scenario_for(&s, 120);
    CU_ASSERT_TRUE(rv_str_is(scenario_stable(&s), old.text));
    CU_ASSERT_TRUE(scenario_upgrading(&s) && scenario_share(&s) == 0);
    CU_ASSERT_EQUAL(fixture_serve(&s.w, old.text)->capacity, 100);
    refusing = false;
    CU_ASSERT_TRUE(scenario_until(&s, settled));
    scenario_end(&s);
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

static bool stalled_by_slice(const struct scenario *s) {
    return rv_str_is(rv_path_str(scenario_condition(s, "Stalled"), "reason"), "FailedToCreateEndpointSlice");
}

static void still_stalled(struct scenario *s) {
    if (refusing && !stalled_by_slice(s)) CU_FAIL("the failure is taken back while it lasts");
}

/* A failure is told from the first try to the one that works, and not longer. */
static void a_failure_is_told_as_long_as_it_lasts(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 1), .workers = 1};
    s.refuse = refuse_slices;
    scenario_start(&s);
    refusing = true;
    scenario_patch(&s, "{'metadata':{'annotations':" SLICED "}}");
    scenario_for(&s, 2);
    CU_ASSERT_TRUE(stalled_by_slice(&s));
    s.each_round = still_stalled;
    scenario_for(&s, 200);
    CU_ASSERT_TRUE(scenario_told(&s, "FailedToCreateEndpointSlice") >= 3);
    refusing = false;
    while (slice(&s) == NULL) scenario_for(&s, 1);
    CU_ASSERT_FALSE(rv_val_present(scenario_condition(&s, "Stalled")));
    CU_ASSERT_TRUE(scenario_is(&s, "Ready", "True"));
    scenario_end(&s);
}

/* What failed is not asked for any more: it is told no longer than the pause lasts. */
static void a_failure_that_is_not_needed_any_more(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 1), .workers = 1};
    s.refuse = refuse_slices;
    scenario_start(&s);
    refusing = true;
    scenario_patch(&s, "{'metadata':{'annotations':" SLICED "}}");
    scenario_for(&s, 20);
    CU_ASSERT_TRUE(stalled_by_slice(&s));
    scenario_patch(&s, "{'metadata':{'annotations':{'rayvisor.io/traffic':null}}}");
    scenario_for(&s, 120);
    CU_ASSERT_FALSE(rv_val_present(scenario_condition(&s, "Stalled")));
    refusing = false;
    scenario_end(&s);
}

/* ---- lastTrafficMigratedTime ------------------------------------------------------------------------------------- */

static int64_t moved(const struct scenario *s, const char *side) {
    rv_autobuf struct rv_buf path = {0};
    int64_t t = 0;
    rv_buf_addf(&path, "%sServiceStatus.lastTrafficMigratedTime", side);
    (void)rv_time_parse(rv_path_str(scenario_status(s), rv_buf_cstr(&path)), &t);
    return t;
}

static bool half(struct scenario *s) { return scenario_share(s) == 50; }
static bool back(struct scenario *s) { return scenario_upgrading(s) && scenario_share(s) == 0; }

/* As in the reference, it is the last change of the share, the first value and one that becomes 0 among them. */
static void since_when(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 20), .workers = 1, .deploy_s = 2};
    scenario_start(&s);
    int64_t first = moved(&s, "active");
    CU_ASSERT_TRUE(first > 0);
    scenario_for(&s, 30);
    CU_ASSERT_EQUAL(moved(&s, "active"), first);
    scenario_env(&s, "2");
    CU_ASSERT_TRUE(scenario_until(&s, back));
    int64_t appeared = moved(&s, "pending");
    CU_ASSERT_TRUE(appeared > first && moved(&s, "active") == first);
    CU_ASSERT_TRUE(scenario_until(&s, half));
    CU_ASSERT_TRUE(moved(&s, "pending") > appeared && moved(&s, "active") == moved(&s, "pending"));
    int64_t there = moved(&s, "pending");
    scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
    CU_ASSERT_TRUE(scenario_until(&s, back));
    CU_ASSERT_TRUE(moved(&s, "pending") > there && moved(&s, "active") == moved(&s, "pending"));
    scenario_end(&s);
}

/* ---- who had a share --------------------------------------------------------------------------------------------- */

static bool deploying(struct scenario *s) {
    return rv_str_is(rv_path_str(scenario_status(s), "upgrade.step"), "DeployingApplications");
}
static bool given_up(struct scenario *s) { return scenario_pending(s).n == 0; }

/* A cluster that never had traffic goes at once when it is given up; one that had some waits for its requests. */
static void who_had_none_goes_at_once(void) {
    static const struct {
        const char *row, *notes;
        bool (*until)(struct scenario *s);
        unsigned left;
    } rows[] = {{"before the first share", "{}", deploying, 1},
                {"before the first share of endpoints", SLICED, deploying, 1},
                {"after it", "{}", half, 2},
                {"after it, of endpoints", SLICED, half, 2}};
    for (size_t i = 0; i < RV_ARRAY_LEN(rows); i++) {
        struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 5),
                             .workers = 1,
                             .deploy_s = 5,
                             .notes = rows[i].notes,
                             .more = ",'rayClusterDeletionDelaySeconds':600"};
        scenario_begin(&s);
        scenario_for(&s, 60);
        scenario_env(&s, "2");
        CHECK_ROW(scenario_until(&s, rows[i].until), rows[i].row);
        scenario_patch(&s, "{'spec':{'rayClusterConfig':{'headGroupSpec':{'template':{'metadata':null}}}}}");
        CHECK_ROW(scenario_until(&s, given_up), rows[i].row);
        scenario_for(&s, 5);
        CHECK_ROW(scenario_clusters(&s) == rows[i].left, rows[i].row);
        scenario_end(&s);
    }
}

/* The active cluster loses all its pods in the middle of an interval: all traffic goes to the other one at once. */
static void traffic_leaves_who_died(void) {
    struct scenario s = {.strategy = SCENARIO_INCREMENTAL(100, 50, 600), .workers = 1, .deploy_s = 2};
    scenario_start(&s);
    old = scenario_name(scenario_active(&s));
    scenario_env(&s, "2");
    while (!half(&s)) scenario_for(&s, 60);
    fixture_tale(&s.w, rv_str(old.text))->dead = true;
    for (struct rv_fake_object *o = s.api->objects, *next; o != NULL; o = next) {
        next = o->next;
        if (strcmp(o->resource, "pods") == 0 && strncmp(o->name, old.text, strlen(old.text)) == 0)
            (void)rv_fakeapi_delete(s.api, o, RV_STR(""));
    }
    scenario_for(&s, 2);
    CU_ASSERT_EQUAL(scenario_share(&s), 100);
    scenario_end(&s);
}

static const struct suite_test tests[] = {
    {"traffic leaves who died", traffic_leaves_who_died},
    {"who had no share goes at once", who_had_none_goes_at_once},
    {"capacity stays until shares act", capacity_stays_until_they_act},
    {"no share before the slice", no_share_before_the_slice},
    {"a failure is told as long as it lasts", a_failure_is_told_as_long_as_it_lasts},
    {"a failure that is not needed any more", a_failure_that_is_not_needed_any_more},
    {"since when they are as they are", since_when}};
SUITE_MAIN("rayservice: shares", tests)
