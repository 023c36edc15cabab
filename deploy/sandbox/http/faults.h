/* faults.h - an API server that misbehaves on demand: rules that say which requests meet which misfortune.
 *
 * A rule is {"match": {...}, "action": {...}, "probability": 0..1, "count": N}; every field of a match narrows it, none
 * matches everything. The first rule that matches, has something left of its count and wins its throw is what happens.
 * Throws come from a generator with a fixed start, so the same requests in the same order meet the same faults. */
#ifndef RV_SANDBOX_FAULTS_H
#define RV_SANDBOX_FAULTS_H

#include "rayvisor/value.h"

struct sb_faults;

struct sb_fault_call { /* what the rules match on */
    struct rv_str verb, group, resource, subresource, ns, name, user_agent;
};
enum sb_drop { SB_DROP_NOT, SB_DROP_BEFORE, SB_DROP_AFTER };
struct sb_fault { /* what happens; all zero means nothing */
    int64_t status, retry_after;
    char reason[40], message[160];
    int64_t delay_ms;      /* the request is done at once and answered later */
    int64_t truncate;      /* the connection breaks after so many bytes of the body; 0 sends the whole body */
    enum sb_drop drop;     /* the connection breaks without an answer, before or after the request was done */
    bool stall;            /* a watch sends no more events; any other request is done and never answered */
    bool duplicate_events; /* a watch sends every event twice */
    bool garbage;          /* the body, or a line of a watch, is not valid JSON */
};

struct sb_faults *sb_faults_new(void);
struct sb_faults *sb_faults_free(struct sb_faults *f);
/* Reads a rule from JSON. Unknown fields and bad values are refused by name (RV_E_INVALID). */
int sb_faults_add(struct sb_faults *f, struct rv_val rule, unsigned *ret_id, struct rv_error *err);
bool sb_faults_remove(struct sb_faults *f, unsigned id);
void sb_faults_clear(struct sb_faults *f);
/* {"items":[{"id":1,"hits":3,"left":-1,"rule":{...}}]} */
void sb_faults_write(const struct sb_faults *f, struct rv_buf *out);
bool sb_faults_pick(struct sb_faults *f, const struct sb_fault_call *c, struct sb_fault *ret);

#endif
