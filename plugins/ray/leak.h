/* leak.h - what a cluster holds and does nothing with: GPUs and CPUs of pods whose job has ended, whose head is lost,
 * or on which nothing runs. Each controller reports what it knows; `rayvisorctl leaks` and rayvisor_leaked_* show it.
 *
 * Three gauges with the labels namespace, cluster and reason: rayvisor_leaked_gpus, rayvisor_leaked_cpus, and
 * rayvisor_leaked_since_timestamp_seconds. Minutes are not counted here, so nothing has to be sent while time passes.
 */
#ifndef RAY_LEAK_H
#define RAY_LEAK_H

#include "rayvisor/k8s.h"
#include "rayvisor/plugin.h"

enum leak_reason { LEAK_JOB_ENDED, LEAK_HEAD_LOST, LEAK_IDLE };

struct leak {
    double gpus, cpus;
    int64_t since; /* wall clock, ns; 0: there is no leak */
};

/* What was reported last. All zero: nothing. */
struct leak_memo {
    struct leak told;
    char *cluster; /* its name */
};

/* Adds what the pods of a group's template ask for, so many times. */
void leak_add_group(struct leak *l, struct rv_val group, int64_t times);
/* Sends what has changed. A leak of nothing (no GPU and no CPU) is none. */
void leak_report(const struct rv_host_api *api, struct rv_host *host, struct leak_memo *m, enum leak_reason why,
                 struct rv_str ns, struct rv_str cluster, const struct leak *now);
/* The object is gone, or the plugin looks after it no longer. */
void leak_forget(const struct rv_host_api *api, struct rv_host *host, struct leak_memo *m, enum leak_reason why,
                 struct rv_str ns);
void leak_memo_free(struct leak_memo *m);

#endif
