/* owned_rules.h - a table of the objects other than pods (spec section 7). Each rule says when its object is wanted,
 * how it is built, which differences are corrected, and which events report it. The objects of the batch scheduler are
 * further rules. */
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
    rc_drift_fn *drift; /* NULL if an existing object is not compared */
    bool by_owner;      /* any object of that kind that we own is the one, whatever its name */
    bool remove;        /* it is deleted when it is no longer wanted */
    bool shared;        /* another owner's object of that name is accepted */
    bool needed;        /* pods are not created while another owner's object has its name */
    const char *created, *create_failed, *updated, *update_failed; /* reasons of events; NULL for no event */
    unsigned uses;       /* the kind of an object that it refers to by name, which must be ours; 0: none */
    const char *or_else; /* what else helps where the name is somebody else's */
};

/* The rule with that number. Returns false if there is none; then there are no higher numbers either. */
bool owned_rule_at(const struct rc_cluster *c, size_t i, struct owned_rule *ret);
/* True if its object leads to the head. It is built from the cluster as the head runs, so that it still leads to the
 * head after an edit that the head has not followed. */
bool owned_rule_follows_head(const struct owned_rule *r);
/* Rules from this number on belong to the scheduler. */
bool owned_rule_is_gang(size_t i);
/* The first of the scheduler's rules refers to no other object. Each further one refers to the one before it. */
bool owned_rule_is_first_gang(size_t i);
/* True for a scheduler's object that cannot be changed. If it is outdated, it is deleted and created again. */
bool owned_rule_is_fixed(const struct rc_cluster *c, size_t i);

#endif
