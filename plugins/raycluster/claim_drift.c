/* claim_drift.c - see claim_drift.h. */
#include "claim_drift.h"

#include "plugins/ray/objects.h"

static bool same_amount(struct rv_val a, struct rv_val b) {
    struct rv_quantity x, y;
    return rv_quantity_from_val(a, &x) == 0 && rv_quantity_from_val(b, &y) == 0 && rv_quantity_cmp(x, y) == 0;
}

/* The size and the class of a claim cannot be changed here, because a pod may use it. A difference is reported once for
 * each edit. */
static void report_difference(struct cluster_pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val wanted = rv_node_freeze(p->arena, rv_node_get(want, "spec")), live = rv_val_get(have, "spec"),
                  class = rv_val_get(wanted, "storageClassName");
    const char *what = NULL;
    if (!same_amount(rv_val_path(wanted, "resources.requests.storage"),
                     rv_val_path(live, "resources.requests.storage")))
        what = "size";
    else if (rv_val_set(class) && !rv_val_equal(class, rv_val_get(live, "storageClassName")))
        what = "storageClassName";
    else if (!rv_val_within(rv_val_get(wanted, "accessModes"), rv_val_get(live, "accessModes")))
        what = "accessModes";
    if (what == NULL || p->memo->claim_warned == p->c->generation) return;
    p->memo->claim_warned = p->c->generation;
    ctx_event(&p->ctx, true, "FailedToCreatePVC", "Update",
              rv_arena_fmt(p->arena,
                           "spec.gcsFaultToleranceOptions.storage.%s differs from that of the PersistentVolumeClaim "
                           "that exists; it is not changed",
                           what));
}

/* Adds or removes our owner reference. The references of others stay. The resourceVersion in the patch makes sure that
 * none of them is lost. */
struct rv_node *claim_drift(struct cluster_pass *p, struct rv_val have, struct rv_node *want) {
    struct rv_val owners = rv_val_path(have, "metadata.ownerReferences");
    bool ours = false, retained = rc_claim_retained(p->c);
    struct rv_node *list = rv_node_array(p->arena), *meta = rv_node_map(p->arena);
    report_difference(p, have, want);
    for (struct rv_iter it = rv_iter(owners); rv_iter_next(&it);) {
        bool mine = rv_str_eq(rv_path_str(it.val, "uid"), p->c->uid);
        ours |= mine;
        if (!mine) rv_node_append(p->arena, list, rv_node_from(p->arena, it.val));
    }
    if (ours != retained) return NULL;
    if (!retained) rv_node_append(p->arena, list, rv_node_at(rv_node_path(want, "metadata.ownerReferences"), 0));
    rv_node_set(p->arena, meta, "ownerReferences", list);
    rv_node_set_str(p->arena, meta, "resourceVersion", rv_path_str(have, "metadata.resourceVersion"));
    struct rv_node *patch = rv_node_map(p->arena);
    rv_node_set(p->arena, patch, "metadata", meta);
    return patch;
}
