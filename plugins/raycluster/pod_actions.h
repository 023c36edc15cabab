/* pod_actions.h - creates and deletes pods, and handles the results. The tag of an action says what it was for. */
#ifndef RAYCLUSTER_POD_ACTIONS_H
#define RAYCLUSTER_POD_ACTIONS_H

#include "pass.h"

enum action_tag {
    TAG_OTHER,
    TAG_HEAD_POD,
    TAG_WORKER_POD,
    TAG_DELETE_HEAD,
    TAG_DELETE_WORKER,
    TAG_DELETE_GROUP, /* all pods of a group */
    TAG_DELETE_ALL,
    TAG_STAMP,
    TAG_STATUS,
    TAG_FINALIZER,
    TAG_CLEANUP_JOB,
    TAG_ACCOUNT_LOOKUP,
    TAG_CLAIM_LOOKUP,
    TAG_OWNED_OBJECT = 64 /* and up: the tags of owned_objects.c */
};

/* The upper half of the tag of an action on pods is the id of its creation pace. */
/* Why a worker is deleted, as the event says it (spec sections 8.3 and 8.5). */
enum delete_reason {
    DELETE_UNSAID,
    DELETE_NAMED,              /* by workersToDelete */
    DELETE_REPLICA_INCOMPLETE, /* and the following: with its whole replica */
    DELETE_REPLICA_NAMED,
    DELETE_REPLICA_ENDED,
    DELETE_REPLICA_SURPLUS,
};

#define TAG_KIND(tag) ((uint32_t)(tag)&0xffffff)
#define TAG_REASON(tag) ((enum delete_reason)((tag) >> 24 & 0xff))
#define TAG_PACE(tag) ((uint32_t)((tag) >> 32))

void pod_create(struct cluster_pass *p, struct rv_str group, struct rv_node *pod, enum action_tag tag);
void pod_delete(struct cluster_pass *p, struct observed_pod *pod, enum action_tag tag);
void pod_delete_worker(struct cluster_pass *p, struct observed_pod *pod, enum delete_reason why);
size_t pod_delete_all(struct cluster_pass *p); /* returns how many were not already being deleted */
/* Handles the results of the previous pass: events, failures, the pace of each group (action_results.c). */
void action_results_take(struct cluster_pass *p);

#endif
