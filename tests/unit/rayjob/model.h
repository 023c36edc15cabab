/* model.h - what a random user wants from one RayJob, and whether the result fits what happened. */
#ifndef TESTS_RAYJOB_MODEL_H
#define TESTS_RAYJOB_MODEL_H

#include "fixture.h"
#include "plugins/rayjob/builders.h"

#define MODEL_USER_ID "by-hand" /* the id under which the user submits in InteractiveMode */

struct model {
    /* for a whole history */
    enum rj_mode mode;
    bool selector;
    size_t strategy;
    /* at the moment */
    bool exists, suspend, shutdown, invalid, has_id;
    uint32_t ttl, active, before_running, limit;
    /* what was ever wanted: a deadline may have passed, or a limit been reached, before an edit */
    uint32_t least_active, least_before_running, most_limit;
    bool was_invalid, limit_edited, policy_edited, deleted; /* deleted: by the user, this incarnation */
    /* what was seen of this incarnation */
    char uid[64], phase[32], reason[64], job_status[32], job_id[64], submitter[64];
    int64_t failed;
    uint32_t clusters;
};

void model_init(struct model *m, struct rv_test_random *d);
/* Changes one thing, in the model only. */
void model_edit(struct model *m, struct rv_test_random *d);
/* Makes it so: creates the RayJob, edits it, or has it deleted. */
void model_apply(const struct model *m, struct rv_fakeapi *api);
bool model_ended(const struct model *m); /* as last watched */
/* What must hold at every moment. Says in out what does not. */
void model_watch(struct model *m, const struct fixture *w, struct rv_buf *out);
/* What must hold when nothing happens any more. */
void model_check(const struct model *m, const struct fixture *w, struct rv_buf *out);

#endif
