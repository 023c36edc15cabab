/* spec.c - values that a pass needs repeatedly from the spec: its hash, and its groups by name (see pass.h). */
#include <stdlib.h>

#include "pass.h"

struct rv_str cluster_spec_hash(struct cluster_pass *p) {
    struct cluster_memo *m = p->memo;
    if (m->hash_generation != p->c->generation || m->hash[0] == 0) {
        rc_spec_hash(p->c, m->hash);
        m->hash_generation = p->c->generation;
    }
    return rv_str(m->hash);
}

bool cluster_recreates(const struct cluster_pass *p) {
    return rv_str_is(rv_path_str(p->c->spec, "upgradeStrategy.type"), "Recreate");
}

struct rv_str cluster_worker_hash(struct cluster_pass *p) {
    return cluster_recreates(p) ? cluster_spec_hash(p) : (struct rv_str){NULL, 0};
}

static int group_order(const void *a, const void *b) {
    const struct spec_group *x = a, *y = b;
    return rv_str_cmp(x->name, y->name);
}

struct rv_val cluster_group(struct cluster_pass *p, struct rv_str name) {
    struct rv_val groups = rc_groups(p->c);
    if (p->groups == NULL) {
        p->groups = rv_arena_alloc(p->arena, rv_val_len(groups) * sizeof *p->groups);
        for (struct rv_iter g = rv_iter(groups); rv_iter_next(&g);)
            p->groups[p->group_n++] = (struct spec_group){rv_path_str(g.val, "groupName"), g.val};
        qsort(p->groups, p->group_n, sizeof *p->groups, group_order);
    }
    const struct spec_group key = {.name = name},
                            *found = bsearch(&key, p->groups, p->group_n, sizeof key, group_order);
    return found != NULL ? found->value : RV_VAL_ABSENT;
}
