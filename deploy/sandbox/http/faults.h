/* faults.h - an API server that misbehaves on demand: rules that say which requests meet which misfortune.
 *
 * A rule is {"match": {...}, "action": {...}, "probability": 0..1, "count": N}; every field of a match narrows it, none
 * matches everything. The first rule that matches, has something left of its count and wins its throw is what happens.
 * Throws come from a generator with a fixed start, so the same requests in the same order meet the same faults. */
#ifndef RV_SANDBOX_FAULTS_H
#define RV_SANDBOX_FAULTS_H

#include "rayvisor/value.h"

struct sb_faults;

struct sb_fault_call { /* what rules look at */
    struct rv_str verb, group, resource, subresource, ns, name, user_agent;
};
enum sb_drop { SB_DROP_NOT, SB_DROP_BEFORE, SB_DROP_AFTER };
struct sb_fault { /* what happens; all zero: nothing */
    int64_t status, retry_after;
    char reason[40], message[160];
    int64_t delay_ms;      /* the request is done, its answer waits */
    int64_t truncate;      /* so many bytes of the body, then the connection breaks; 0: whole */
    enum sb_drop drop;     /* the connection breaks without an answer, before or after the request was done */
    bool stall;            /* a watch says nothing more; any other request is done and never answered */
    bool duplicate_events; /* a watch says everything twice */
    bool garbage;          /* bytes that are no JSON: the body, or a line of a watch */
};

struct sb_faults *sb_faults_new(void);
struct sb_faults *sb_faults_free(struct sb_faults *f);
/* A rule from its JSON; unknown fields and bad values are refused by name (RV_E_INVALID). */
int sb_faults_add(struct sb_faults *f, struct rv_val rule, unsigned *ret_id, struct rv_error *err);
bool sb_faults_remove(struct sb_faults *f, unsigned id);
void sb_faults_clear(struct sb_faults *f);
/* {"items":[{"id":1,"hits":3,"left":-1,"rule":{...}}]} */
void sb_faults_write(const struct sb_faults *f, struct rv_buf *out);
bool sb_faults_pick(struct sb_faults *f, const struct sb_fault_call *c, struct sb_fault *ret);

#endif
