/* scene.h - one RayService in the real engine, with the world around it doing its part, and a clock that only the test
 * moves. Texts of specs are JSON with ' for ". */
#ifndef TESTS_RAYSERVICE_SCENE_H
#define TESTS_RAYSERVICE_SCENE_H

#include "world.h"

enum { SCENE_EVENTS = 256 };

struct scene {
    const char *strategy; /* of spec.upgradeStrategy, NULL: none */
    const char *notes;    /* metadata.annotations, NULL: none */
    const char *more;     /* of the spec; begins with a comma */
    const char *settings;
    unsigned workers;
    int64_t deploy_s;
    /* what was seen */
    char events[SCENE_EVENTS][512];
    size_t event_n;
    struct world w;
    struct rv_test_random random;
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    int (*refuse)(void *arg, const struct rv_action *a, struct rv_str *message);
    void (*each_round)(struct scene *s); /* what must hold at any time; NULL: nothing */
};

#define SCENE_INCREMENTAL(surge, step, interval)                                                                       \
    "{'type':'NewClusterWithIncrementalUpgrade','clusterUpgradeOptions':{'maxSurgePercent':" #surge                    \
    ",'stepSizePercent':" #step ",'intervalSeconds':" #interval ",'gatewayClassName':'g'}}"
#define SCENE_CONFIG "applications:\\n- {name: app, import_path: a.b}\\n"
#define SCENE_OTHER_CONFIG "applications:\\n- {name: app, import_path: a.c}\\n"

void scene_begin(struct scene *s); /* the RayService is created */
void scene_end(struct scene *s);
void scene_settle(struct scene *s);               /* all that follows, without time passing */
void scene_for(struct scene *s, int64_t seconds); /* time passes, and everybody does his part */
/* Until it holds; false: it did not in ten minutes. */
bool scene_until(struct scene *s, bool (*holds)(struct scene *s));
void scene_start(struct scene *s); /* begin, and until it serves */

struct rv_fake_object *scene_object(const struct scene *s);
struct rv_val scene_status(const struct scene *s);
struct rv_str scene_active(const struct scene *s);
struct rv_str scene_pending(const struct scene *s);
/* By value, NUL-terminated, so that it may be kept. */
struct scene_name {
    char text[64];
};
struct scene_name scene_name(struct rv_str s);
struct rv_val scene_condition(const struct scene *s, const char *type);
bool scene_is(const struct scene *s, const char *type, const char *status);
struct rv_str scene_stable(const struct scene *s); /* the cluster that the stable Service selects */
void scene_patch(struct scene *s, const char *fmt, ...) RV_PRINTF(2, 3); /* of the RayService */
void scene_env(struct scene *s, const char *value);                      /* of the head: another cluster is needed */
unsigned scene_told(const struct scene *s, const char *event);           /* how often */
unsigned scene_clusters(const struct scene *s);                          /* not being deleted */
int64_t scene_share(const struct scene *s); /* trafficRoutedPercent of the pending one, 0 none */
bool scene_settled(struct scene *s);        /* for scene_until(): one cluster, and it is what is wanted */
bool scene_upgrading(struct scene *s);

#endif
