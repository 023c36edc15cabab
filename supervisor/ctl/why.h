/* why.h - a tree of what an object waits for: from a RayCronJob, RayJob, RayService or RayCluster down to its pods. */
#ifndef CTL_WHY_H
#define CTL_WHY_H

#include "api.h"
#include "say.h"

struct why_node {
    const char *kind; /* "RayCluster", "Job", "worker pod", "application" */
    struct rv_str ns, name;
    struct say say;
    struct rv_str event; /* the newest warning about it, if it says more than `say` does; or empty */
    int64_t event_at;
    struct why_node *kids, **last, *next;
};

struct why {
    struct ctl_context *c;
    struct api *api;
    const char *ns;
    int64_t now;
};

/* Returns NULL and sets c->err if the object cannot be read. What cannot be read below it is told in the tree. */
struct why_node *why_tree(struct why *w, const struct ctl_kind *k, struct rv_str name);
/* The lowest thing that blocks the object, or NULL if nothing does. */
const struct why_node *why_blocker(const struct why_node *root);
/* The tree for -o json and -o yaml. */
struct rv_val why_document(struct rv_arena *a, const struct why_node *root);

/* Internal: why_pods.c adds the pods of an object, which have these labels, below the node. The events of those that
 * block are read. */
void why_add_pods(struct why *w, struct why_node *above, const char *labels);
struct why_node *why_add(struct why *w, struct why_node *above, const char *kind, struct rv_str name);
bool why_blocks(const struct why_node *n);

#endif
