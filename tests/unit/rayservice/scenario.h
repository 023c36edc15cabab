/* scenario.h - one RayService in the real engine, with the fixture around it doing its part, and a clock that only the
 * test moves. Texts of specs are JSON with ' for ". */
#ifndef TESTS_RAYSERVICE_SCENARIO_H
#define TESTS_RAYSERVICE_SCENARIO_H

#include "fixture.h"

enum { SCENARIO_EVENTS = 256 };

struct scenario {
    const char *strategy; /* of spec.upgradeStrategy, NULL: none */
    const char *notes;    /* metadata.annotations, NULL: none */
    const char *more;     /* of the spec; begins with a comma */
    const char *settings;
    unsigned workers;
    int64_t deploy_s;
    /* what was seen */
    char events[SCENARIO_EVENTS][512];
    size_t event_n;
    struct fixture w;
    struct rv_test_random random;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    int (*refuse)(void *arg, const struct rv_action *a, struct rv_str *message);
    void (*each_round)(struct scenario *s); /* what must hold at any time; NULL: nothing */
    /* gets every metric; NULL: nobody does */
    void (*metric)(struct scenario *s, struct rv_str name, uint32_t type, double value, struct rv_val labels);
};

#define SCENARIO_INCREMENTAL(surge, step, interval)                                                                    \
    "{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':" #surge                    \
    ",'stepSizePercent':" #step ",'intervalSeconds':" #interval ",'gatewayClassName':'g'}}"
#define SCENARIO_CONFIG "applications:\\n- {name: app, import_path: a.b}\\n"
#define SCENARIO_OTHER_CONFIG "applications:\\n- {name: app, import_path: a.c}\\n"

void scenario_begin(struct scenario *s); /* the RayService is created */
void scenario_end(struct scenario *s);
void scenario_settle(struct scenario *s);               /* all that follows, without time passing */
void scenario_for(struct scenario *s, int64_t seconds); /* time passes, and everybody does his part */
/* Until it holds; false: it did not in ten minutes. */
bool scenario_until(struct scenario *s, bool (*holds)(struct scenario *s));
void scenario_start(struct scenario *s); /* begin, and until it serves */

struct rv_fake_object *scenario_object(const struct scenario *s);
struct rv_val scenario_status(const struct scenario *s);
struct rv_str scenario_active(const struct scenario *s);
struct rv_str scenario_pending(const struct scenario *s);
/* By value, NUL-terminated, so that it may be kept. */
struct scenario_name {
    char text[64];
};
struct scenario_name scenario_name(struct rv_str s);
struct rv_val scenario_condition(const struct scenario *s, const char *type);
bool scenario_is(const struct scenario *s, const char *type, const char *status);
struct rv_str scenario_stable(const struct scenario *s); /* the cluster that the stable Service selects */
void scenario_patch(struct scenario *s, const char *fmt, ...) RV_PRINTF(2, 3); /* of the RayService */
void scenario_env(struct scenario *s, const char *value);            /* of the head: another cluster is needed */
unsigned scenario_told(const struct scenario *s, const char *event); /* how often */
unsigned scenario_clusters(const struct scenario *s);                /* not being deleted */
int64_t scenario_share(const struct scenario *s); /* trafficRoutedPercent of the pending one, 0 none */
bool scenario_settled(struct scenario *s);        /* for scenario_until(): one cluster, and it is what is wanted */
bool scenario_upgrading(struct scenario *s);

#endif
