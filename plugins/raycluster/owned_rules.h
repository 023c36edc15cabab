/* owned_rules.h - the table of the objects beside the pods (spec section 7). Each rule says when its object is wanted,
 * how it is built, what counts as drift, and which events tell of it. The objects of the batch scheduler follow as
 * rules too. */
#ifndef RAYCLUSTER_OWNED_RULES_H
#define RAYCLUSTER_OWNED_RULES_H

#include "pass.h"
#include "plugins/ray/object_drift.h"
#include "plugins/ray/scheduler.h"

struct owned_rule {
    unsigned kind;
    const char *api_version, *resource, *what;
    bool (*wanted)(const struct rc_cluster *c);
    struct rv_node *(*build)(struct rv_arena *a, const struct rc_cluster *c);
    rc_drift_fn *drift; /* NULL: an object that is there is not looked at again */
    bool by_owner;      /* any object of that kind that we own is it, whatever its name */
    bool remove;        /* it is deleted when it is not wanted any more */
    bool shared;        /* an object of that name that is not ours is as good */
    bool needed;        /* pods are not made while its name is somebody else's */
    const char *created, *create_failed, *updated, *update_failed; /* reasons of events; NULL: no event */
    unsigned uses;       /* the kind of an object that it refers to by name, which must be ours; 0: none */
    const char *or_else; /* what else helps where the name is somebody else's */
};

/* The rule of that number. False: there is none, and there are no higher numbers. */
bool owned_rule_at(const struct rc_cluster *c, size_t i, struct owned_rule *ret);
/* Its object leads to the head, or gives the head its rights: it is built of the cluster as the head runs, so that it
 * still does after an edit that the head has not followed. */
bool owned_rule_follows_head(const struct owned_rule *r);
/* Rules from this number on are the scheduler's. */
bool owned_rule_is_gang(size_t i);
/* The first of the scheduler's rules refers to none; each other one refers to the one before it. */
bool owned_rule_is_first_gang(size_t i);
/* A scheduler's object that cannot be changed: one that is outdated is deleted and made again. */
bool owned_rule_is_fixed(const struct rc_cluster *c, size_t i);

#endif
