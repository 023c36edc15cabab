/* plan.h - what a controller would do with objects that are not there yet: asked of the controller itself.
 *
 * A host process of its own runs the plugin's library over a snapshot (plugins/host/plan.h), in the sandbox in which it
 * always runs. So a plan has the very rules of the reconcilers. It needs no running operator, and nothing is written.
 * The call blocks, for a bounded time.
 *
 * `rayvisorctl plan` makes a plan of the answers (supervisor/ctl/plan.h). plan_remarks() is for whoever wants to know
 * one thing only: would the controller refuse this object, or warn of something? */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "supervisor/config/config.h"

enum { PLAN_MS = 60000 };

struct plan_object {
    struct rv_str api_version, resource;
    struct rv_val value;
};
struct plan_name {
    struct rv_str api_version, resource, ns, name;
};

struct plan_question {
    const struct config *config;
    const struct config_plugin *plugin;
    const char *host; /* the path of the host program */
    int64_t now;      /* wall clock, ns */
    uint64_t seed;    /* names that are drawn depend on it */
    /* The keys (namespace and name of primary objects) whose actions are wanted. Others are left alone. */
    const struct rv_key *keys;
    size_t key_n;
    const struct plan_object *objects; /* all that the plugin should see; more do no harm */
    size_t object_n;
    const struct plan_name *absent; /* what the plugin wanted to read, and is not there */
    size_t absent_n;
};
/* The answer, in the arena, is described in plugins/host/plan.h. */
int plan_ask(const struct plan_question *q, struct rv_arena *a, struct rv_val *ret, struct rv_error *err);

enum plan_remark {
    PLAN_REFUSES, /* the controller does not take the object as it is; the text names the field */
    PLAN_WARNS    /* it takes it, and says that something is not as one might expect */
};
/* Calls fn with each sentence about the object of that key in an answer, none twice. The text is in the answer. */
typedef void (*plan_remark_fn)(void *arg, enum plan_remark remark, struct rv_str text);
void plan_remarks(struct rv_val answer, const struct rv_key *key, plan_remark_fn fn, void *arg);

#endif
