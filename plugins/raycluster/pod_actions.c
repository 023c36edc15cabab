/* pod_actions.c - see pod_actions.h. */
#include "pod_actions.h"

#include "outdated.h"
#include "plugins/ray/fields.h"

static uint64_t tag_with_pace(struct cluster_pass *p, struct rv_str group, enum action_tag tag) {
    return (uint64_t)pace_of(p, group)->id << 32 | tag;
}

void pod_create(struct cluster_pass *p, struct rv_str group, struct rv_node *pod, enum action_tag tag) {
    struct rv_node *notes = rv_node_ensure_map(p->arena, rv_node_get(pod, "metadata"), "annotations");
    rv_node_set_str(p->arena, notes, RC_ANNOTATION_POD_SPEC, outdated_mark(p, group));
    pace_of(p, group)->requested++;
    if (ctx_create(&p->ctx, "v1", "pods", pod, tag_with_pace(p, group, tag))) p->creates++;
}

static void delete_with(struct cluster_pass *p, struct observed_pod *pod, enum action_tag tag, enum delete_reason why) {
    if (pod->chosen || pod->deleting) return;
    pod->chosen = true;
    p->deletes++;
    bool one = tag == TAG_DELETE_HEAD || tag == TAG_DELETE_WORKER;
    uint64_t full = one ? tag_with_pace(p, pod->head ? RV_STR(RC_HEAD_GROUP) : pod->group, tag) : (uint64_t)tag;
    ctx_delete(&p->ctx, "v1", "pods", pod->name, pod->uid, full | (uint64_t)why << 24);
}

void pod_delete(struct cluster_pass *p, struct observed_pod *pod, enum action_tag tag) {
    delete_with(p, pod, tag, DELETE_UNSAID);
}

void pod_delete_worker(struct cluster_pass *p, struct observed_pod *pod, enum delete_reason why) {
    delete_with(p, pod, TAG_DELETE_WORKER, why);
}

size_t pod_delete_all(struct cluster_pass *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        if (!p->pods[i].deleting) n++;
        pod_delete(p, &p->pods[i], TAG_DELETE_ALL);
    }
    return n;
}
