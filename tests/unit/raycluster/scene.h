/* scene.h - one RayCluster "c" under the whole plugin, and a test that plays everybody else: kubelets, users, an API
 * server that refuses something. JSON is written with single quotes. */
#ifndef TESTS_RAYCLUSTER_SCENE_H
#define TESTS_RAYCLUSTER_SCENE_H

#include "tests/support/story.h"
#include "tests/unit/sdk/suite.h"

struct scene {
    struct rv_fakeapi *api;
    struct rv_fakehost *host;
    struct rv_test_random random;
    struct rv_buf said; /* events and what became of requests, a line each */
    /* Refused: requests of this verb (0: none) on objects of this resource whose name has this in it. */
    uint32_t no_verb;
    const char *no_resource, *no_name;
    int no_code;
    struct rv_str no_message;
    bool kubelets; /* every pod runs and is ready as soon as it is seen */
};

#define SCENE_HEAD "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[{'name':'h','image':'i'}]}}}"
#define SCENE_GROUP(name, n, more)                                                                                     \
    "{'groupName':'" name "','replicas':" #n ",'minReplicas':0,'maxReplicas':2147483647,'rayStartParams':{}," more     \
    "'template':{'spec':{'containers':[{'name':'w','image':'i'}]}}}"

/* The cluster is made and the plugin has done what it can do at once. */
void scene_start(struct scene *s, const char *settings, const char *spec);
void scene_stop(struct scene *s);
/* What happens at this moment. */
void scene_rest(struct scene *s);
/* What happens in this time. */
void scene_pass(struct scene *s, int64_t ms);
/* A merge patch of the cluster by a user, or of the status by whoever. */
void scene_edit(struct scene *s, const char *patch);
void scene_patch(struct scene *s, struct rv_fake_object *o, bool status, const char *patch);
/* Pods that are not being deleted and have this in their names; the last one. */
unsigned scene_pods(const struct scene *s, const char *infix);
struct rv_fake_object *scene_pod(const struct scene *s, const char *infix);
/* All of those get this status. */
void scene_become(struct scene *s, const char *infix, const char *status);
struct rv_val scene_status(const struct scene *s, const char *path);
/* A field of a condition; empty: none. */
struct rv_str scene_condition(const struct scene *s, const char *type, const char *field);
bool scene_has(struct rv_str text, const char *part);
/* Whether the lines since the last scene_forget() have this. */
bool scene_said(const struct scene *s, const char *part);
void scene_forget(struct scene *s);

#define SCENE_READY                                                                                                    \
    "{'phase':'Running','podIP':'10.0.0.1','containerStatuses':[],'conditions':[{'type':'PodScheduled','status':"      \
    "'True'},{'type':'Ready','status':'True','reason':'x'}]}"
#endif
