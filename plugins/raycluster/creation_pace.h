/* creation_pace.h - how fast the pods of one group are made. The head is a group of its own.
 *
 * Batches double while every creation succeeds. After a failed creation there is a pause, and after pods that end soon
 * after their start there is another one. Each group has its own pace, so that a group that cannot be made keeps no
 * other from being made. */
#ifndef RAYCLUSTER_CREATION_PACE_H
#define RAYCLUSTER_CREATION_PACE_H

#include "plugins/ray/backoff.h"

struct cluster_pass;
struct observed_pod;
struct blocker;

/* A replica of several hosts that was never seen whole. */
struct unfinished_replica {
    struct unfinished_replica *next;
    char *replica;
};

struct creation_pace {
    struct creation_pace *next;
    char *group;
    uint32_t id;
    uint32_t batch;             /* how many pods may be created at once */
    uint32_t asked;             /* pods that this pass asked for */
    uint32_t made;              /* pods that the results say were made */
    bool failed;                /* one of the results is a failure */
    struct rc_backoff creation; /* of failed creations, and of pods that ended early */
    char *why;                  /* text of the last failure */
    uint32_t ends;              /* pods in a row that ended soon after their start */
    int64_t ended;              /* wall ns: when the last of them was seen */
    char *end_name, *end_text;  /* of the last pod that ended */
    struct unfinished_replica *unfinished;
    uint64_t hash_generation; /* the generation of `hash`, plus 1; 0: none */
    char hash[17];            /* of what the group's pods are made of */
};

void pace_begin(struct cluster_pass *p); /* at the start of a pass */
void pace_grow(struct cluster_pass *p);  /* doubles the batch where everything that was asked for was made */
struct creation_pace *pace_of(struct cluster_pass *p, struct rv_str group);
struct creation_pace *pace_by_id(struct cluster_pass *p, uint32_t id); /* NULL: of a group that is gone */
void pace_free(struct creation_pace *pace);
/* A creation of the group failed. */
void pace_failed(struct cluster_pass *p, struct creation_pace *pace, struct rv_str why);
/* Nothing is to be created in the group, so an earlier failure is past. */
void pace_content(struct creation_pace *pace);
/* Must the group's creations wait? If so, it is explained. */
bool pace_waits(struct cluster_pass *p, struct creation_pace *pace);
/* A pod of the group has ended and is being deleted. */
void pace_pod_ended(struct cluster_pass *p, struct creation_pace *pace, const struct observed_pod *pod);
/* Sets p->failure to that of the first group whose creations fail. */
void pace_report_failure(struct cluster_pass *p);
/* The first group whose pods end again and again. */
struct blocker pace_blocker(struct cluster_pass *p);
/* A replica is incomplete because it is still being made, and not because it lost a host. */
void pace_unfinished(struct creation_pace *pace, struct rv_str replica);
void pace_finished(struct creation_pace *pace, struct rv_str replica);
bool pace_is_unfinished(const struct creation_pace *pace, struct rv_str replica);

#endif
