/* scenario.h - one RayCluster "c" under the whole plugin, and a test that plays everybody else: kubelets, users, an API
 * server that refuses something. JSON is written with single quotes. */
#ifndef TESTS_RAYCLUSTER_SCENARIO_H
#define TESTS_RAYCLUSTER_SCENARIO_H

#include "tests/support/history.h"
#include "tests/unit/sdk/suite.h"

struct scenario {
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

#define SCENARIO_HEAD                                                                                                  \
    "'headGroupSpec':{'rayStartParams':{},'template':{'spec':{'containers':[{'name':'h','image':'i'}]}}}"
#define SCENARIO_GROUP(name, n, more)                                                                                  \
    "{'groupName':'" name "','replicas':" #n ",'minReplicas':0,'maxReplicas':2147483647,'rayStartParams':{}," more     \
    "'template':{'spec':{'containers':[{'name':'w','image':'i'}]}}}"

/* The cluster is made and the plugin has done what it can do at once. */
void scenario_start(struct scenario *s, const char *settings, const char *spec);
void scenario_stop(struct scenario *s);
/* What happens at this moment. */
void scenario_rest(struct scenario *s);
/* What happens in this time. */
void scenario_pass(struct scenario *s, int64_t ms);
/* A merge patch of the cluster by a user, or of the status by whoever. */
void scenario_edit(struct scenario *s, const char *patch);
void scenario_patch(struct scenario *s, struct rv_fake_object *o, bool status, const char *patch);
/* Pods that are not being deleted and have this in their names; the last one. */
unsigned scenario_pods(const struct scenario *s, const char *infix);
struct rv_fake_object *scenario_pod(const struct scenario *s, const char *infix);
/* All of those get this status. */
void scenario_become(struct scenario *s, const char *infix, const char *status);
struct rv_val scenario_status(const struct scenario *s, const char *path);
/* A field of a condition; empty: none. */
struct rv_str scenario_condition(const struct scenario *s, const char *type, const char *field);
bool scenario_has(struct rv_str text, const char *part);
/* Whether the lines since the last scenario_forget() have this. */
bool scenario_said(const struct scenario *s, const char *part);
void scenario_forget(struct scenario *s);

#define SCENARIO_READY                                                                                                 \
    "{'phase':'Running','podIP':'10.0.0.1','containerStatuses':[],'conditions':[{'type':'PodScheduled','status':"      \
    "'True'},{'type':'Ready','status':'True','reason':'x'}]}"
#endif
