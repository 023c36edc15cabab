/* creation_pace.h - how fast the pods of one group are created. The head is a group of its own.
 *
 * The batch doubles while every creation succeeds. After a failed creation there is a pause. There is another pause
 * after pods that end soon after their start. Each group has its own pace, so a group whose creations fail does not
 * delay the others. */
#ifndef RAYCLUSTER_CREATION_PACE_H
#define RAYCLUSTER_CREATION_PACE_H

#include "plugins/ray/backoff.h"

struct cluster_pass;
struct observed_pod;
struct blocker;

/* A multi-host replica that was never seen complete. */
struct unfinished_replica {
    struct unfinished_replica *next;
    char *replica;
};

struct creation_pace {
    struct creation_pace *next;
    char *group;
    uint32_t id;
    uint32_t batch;             /* how many pods may be created at once */
    uint32_t requested;         /* pods that this pass has requested */
    uint32_t made;              /* pods that were created, by the results */
    bool failed;                /* one of the results is a failure */
    struct rc_backoff creation; /* back-off after failed creations and after pods that ended early */
    char *why;                  /* the text of the last failure */
    uint32_t ends;              /* how many pods in a row ended soon after their start */
    int64_t ended;              /* wall clock, ns: when the last of them was seen */
    char *end_name, *end_text;  /* about the last pod that ended */
    char *end_phase;
    struct unfinished_replica *unfinished;
    uint64_t hash_generation; /* the generation for which `hash` was computed, plus 1; 0 if none */
    char hash[17];            /* a hash of everything that the group's pods are made from */
};

void pace_begin(struct cluster_pass *p); /* called at the start of a pass */
void pace_grow(struct cluster_pass *p);  /* doubles the batch if all requested pods were created */
struct creation_pace *pace_of(struct cluster_pass *p, struct rv_str group);
struct creation_pace *pace_by_id(struct cluster_pass *p, uint32_t id); /* returns NULL if the group is gone */
void pace_free(struct creation_pace *pace);
/* A creation in the group has failed. */
void pace_failed(struct cluster_pass *p, struct creation_pace *pace, struct rv_str why);
/* Nothing is left to be created in the group, so an earlier failure no longer matters. */
void pace_content(struct creation_pace *pace);
/* Returns true if creations in the group must wait, and explains it. */
bool pace_waits(struct cluster_pass *p, struct creation_pace *pace);
/* A pod of the group has ended and is being deleted. */
void pace_pod_ended(struct cluster_pass *p, struct creation_pace *pace, const struct observed_pod *pod);
/* Sets p->failure to that of the first group whose creations fail. */
void pace_report_failure(struct cluster_pass *p);
/* The first group whose pods keep ending. */
struct blocker pace_blocker(struct cluster_pass *p);
/* The replica is incomplete because it is still being created, and not because it lost a host. */
void pace_unfinished(struct creation_pace *pace, struct rv_str replica);
void pace_finished(struct creation_pace *pace, struct rv_str replica);
bool pace_is_unfinished(const struct creation_pace *pace, struct rv_str replica);

#endif
