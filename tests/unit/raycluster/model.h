/* model.h - what a random user wants from one RayCluster, and whether the cluster is so. */
#ifndef TESTS_RAYCLUSTER_MODEL_H
#define TESTS_RAYCLUSTER_MODEL_H

#include "rayvisor/test.h"

#define MODEL_NAME "c"
#define MODEL_BYSTANDER "bystander" /* a pod with the cluster's labels that nobody owns */
enum { MODEL_GROUPS = 4, MODEL_VICTIMS = 2 };

struct model_group {
    bool used, suspend;
    uint32_t replicas, min, max, hosts, image;
    char victims[MODEL_VICTIMS][64]; /* scaleStrategy.workersToDelete */
};

enum model_gang { GANG_NONE, GANG_VOLCANO, GANG_KUBERNETES };

struct model {
    /* for a whole history */
    bool recreate, autoscaling, indexing;
    enum model_gang gang;
    bool lossy; /* writes may be done without anybody hearing of it */
    /* at the moment */
    bool exists, invalid, suspend, ingress, serve, redis;
    uint32_t head_image;
    struct model_group groups[MODEL_GROUPS];
};

void model_init(struct model *m, struct rv_test_random *d);
/* Changes one thing, in the model only. api: to choose victims from. */
void model_edit(struct model *m, struct rv_test_random *d, const struct rv_fakeapi *api);
/* Makes the cluster so: creates it, edits it, or has it deleted. */
void model_apply(const struct model *m, struct rv_fakeapi *api);
/* As much of it as can be while this group's pods cannot be made (-1: all can) and patches are refused: heads, and the
 * other groups. */
bool model_check_pods(const struct model *m, const struct rv_fakeapi *api, int without, struct rv_buf *out);
/* Is the fixture as wanted? Says in out what is not. */
bool model_check(const struct model *m, const struct rv_fakeapi *api, struct rv_buf *out);

/* The cluster's own pods that are not being deleted. */
bool model_live_pod(const struct rv_fakeapi *api, const struct rv_fake_object *o);

#endif
