/* pass.c - asking and saying (see pass.h). */
#include "pass.h"

#include <stdlib.h>

#include "plugins/ray/fields.h"

void pass_event(struct pass *p, bool warning, const char *reason, const char *action, struct rv_str note) {
    struct rv_event e = {.size = sizeof e,
                         .warning = warning,
                         .reason = rv_str(reason),
                         .action = rv_str(action),
                         .note = note,
                         .api_version = RV_STR("ray.io/v1"),
                         .kind = RV_STR("RayCluster"),
                         .ns = p->c->ns,
                         .name = p->c->name,
                         .uid = p->c->uid,
                         .controller = RV_STR("raycluster-controller")};
    (void)p->api->event(p->host, &e);
}

void pass_explain(struct pass *p, const char *fmt, ...) {
    rv_autobuf struct rv_buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&b, fmt, ap);
    va_end(ap);
    p->api->explain(p->host, rv_buf_str(&b));
}

void pass_trouble(struct pass *p, size_t of, const char *reason, struct rv_str text) {
    struct memo_trouble *t = &p->memo->trouble;
    if (t->reason != NULL && t->of != of) return; /* the first one is told until it is over */
    free(t->text);
    *t = (struct memo_trouble){of, reason, rv_strdup(text)};
}

void pass_trouble_over(struct pass *p, size_t of) {
    struct memo_trouble *t = &p->memo->trouble;
    if (t->reason == NULL || t->of != of) return;
    free(t->text);
    *t = (struct memo_trouble){0};
}

/* ---- asking ----------------------------------------------------------------------------------------------------- */

static bool act(struct pass *p, struct rv_action *a, const char *api_version, const char *resource, uint64_t tag) {
    a->size = sizeof *a;
    a->api_version = rv_str(api_version);
    a->resource = rv_str(resource);
    a->ns = p->c->ns;
    a->tag = tag;
    if (p->api->act(p->host, a) == 0) return true;
    p->retry = true;
    return false;
}

void pass_create(struct pass *p, const char *api_version, const char *resource, struct rv_node *object, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, object);
    struct rv_action a = {.verb = RV_VERB_CREATE, .name = rv_path_str(v, "metadata.name"), .body = {v.p, v.n}};
    bool pod = TAG_KIND(tag) == TAG_HEAD_POD || TAG_KIND(tag) == TAG_WORKER_POD;
    if (act(p, &a, api_version, resource, tag) && pod) p->creates++;
}

void pass_delete(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                 uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_DELETE, .name = name, .pre_uid = uid, .grace_seconds = -1};
    act(p, &a, api_version, resource, tag);
}

void pass_patch(struct pass *p, const char *api_version, const char *resource, struct rv_str name, struct rv_str uid,
                struct rv_node *body, uint64_t tag) {
    struct rv_val v = rv_node_freeze(p->arena, body);
    struct rv_action a = {.verb = RV_VERB_MERGE_PATCH, .name = name, .pre_uid = uid, .body = {v.p, v.n}};
    act(p, &a, api_version, resource, tag);
}

void pass_get(struct pass *p, const char *api_version, const char *resource, struct rv_str name, uint64_t tag) {
    struct rv_action a = {.verb = RV_VERB_GET, .name = name};
    act(p, &a, api_version, resource, tag);
}

static uint64_t paced(struct pass *p, struct rv_str group, enum pass_tag tag) {
    return (uint64_t)pace_of(p, group)->id << 32 | tag;
}

void pass_create_pod(struct pass *p, struct rv_str group, struct rv_node *pod, enum pass_tag tag) {
    struct rv_node *notes = rv_node_ensure_map(p->arena, rv_node_get(pod, "metadata"), "annotations");
    rv_node_set_str(p->arena, notes, RC_ANNOTATION_POD_SPEC, outdated_mark(p, group));
    pace_of(p, group)->asked++;
    pass_create(p, "v1", "pods", pod, paced(p, group, tag));
}

void pass_delete_pod(struct pass *p, struct pass_pod *pod, enum pass_tag tag) {
    if (pod->chosen || pod->deleting) return;
    pod->chosen = true;
    p->deletes++;
    bool one = tag == TAG_DELETE_HEAD || tag == TAG_DELETE_WORKER;
    pass_delete(p, "v1", "pods", pod->name, pod->uid,
                one ? paced(p, pod->head ? RV_STR(RC_HEAD_GROUP) : pod->group, tag) : (uint64_t)tag);
}

size_t pass_delete_pods(struct pass *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->pod_n; i++) {
        if (!p->pods[i].deleting) n++;
        pass_delete_pod(p, &p->pods[i], TAG_DELETE_ALL);
    }
    return n;
}

void pass_suffix(struct pass *p, char out[6]) {
    uint8_t random[5];
    p->api->random(p->host, random, sizeof random);
    rv_name_suffix(random, out);
}

void pass_wake(struct pass *p, int64_t at_ns) {
    int64_t ms = (at_ns - p->api->now(p->host)) / 1000000 + 1;
    if (p->after_ms == 0 || ms < p->after_ms) p->after_ms = ms > 0 ? ms : 1;
}

struct rv_str pass_spec_hash(struct pass *p) {
    struct memo *m = p->memo;
    if (m->hash_generation != p->c->generation || m->hash[0] == 0) {
        rc_spec_hash(p->c, m->hash);
        m->hash_generation = p->c->generation;
    }
    return rv_str(m->hash);
}

bool pass_recreates(const struct pass *p) {
    return rv_str_is(rv_path_str(p->c->spec, "upgradeStrategy.type"), "Recreate");
}

struct rv_str pass_worker_hash(struct pass *p) {
    return pass_recreates(p) ? pass_spec_hash(p) : (struct rv_str){NULL, 0};
}

static int group_order(const void *a, const void *b) {
    const struct pass_group *x = a, *y = b;
    return rv_str_cmp(x->name, y->name);
}

struct rv_val pass_group(struct pass *p, struct rv_str name) {
    struct rv_val groups = rc_groups(p->c);
    if (p->groups == NULL) {
        p->groups = rv_arena_alloc(p->arena, (rv_val_len(groups) + 1) * sizeof *p->groups);
        for (struct rv_iter g = rv_iter(groups); rv_iter_next(&g);)
            p->groups[p->group_n++] = (struct pass_group){rv_path_str(g.val, "groupName"), g.val};
        qsort(p->groups, p->group_n, sizeof *p->groups, group_order);
    }
    const struct pass_group key = {.name = name},
                            *found = bsearch(&key, p->groups, p->group_n, sizeof key, group_order);
    return found != NULL ? found->value : RV_VAL_ABSENT;
}

/* Never in the middle of a character. */
