/* plan_state.c - the snapshot of a plan, and what becomes of it (see plan.h). */
#include "plan.h"

#include "plugins/ray/cluster.h"

void plan_state_begin(struct plan_state *s, struct rv_arena *a) {
    *s = (struct plan_state){.arena = a};
    s->last = &s->first;
}

struct plan_thing *plan_state_find(const struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                   struct rv_str ns, struct rv_str name) {
    struct plan_thing *t = s->first;
    while (t != NULL && (!rv_str_eq(t->name, name) || !rv_str_eq(t->resource, resource) || !rv_str_eq(t->ns, ns) ||
                         !rv_str_eq(t->api_version, api_version)))
        t = t->next;
    return t;
}

static struct plan_thing *append(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                 struct rv_str kind, struct rv_val value) {
    struct rv_str own = rv_path_str(value, "kind");
    struct plan_thing *t = rv_arena_alloc(s->arena, sizeof *t);
    t->api_version = rv_arena_str(s->arena, api_version);
    t->resource = rv_arena_str(s->arena, resource);
    t->kind = rv_arena_str(s->arena, own.n != 0 ? own : kind.n != 0 ? kind : resource);
    t->ns = rv_arena_str(s->arena, rv_path_str(value, "metadata.namespace"));
    t->name = rv_arena_str(s->arena, rv_path_str(value, "metadata.name"));
    *s->last = t;
    s->last = &t->next;
    s->n++;
    return t;
}

static struct plan_thing *find_or_append(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                         struct rv_str kind, struct rv_val value) {
    struct plan_thing *t = plan_state_find(s, api_version, resource, rv_path_str(value, "metadata.namespace"),
                                           rv_path_str(value, "metadata.name"));
    return t != NULL ? t : append(s, api_version, resource, kind, value);
}

/* What is looked for often. */
static void set_now(struct plan_thing *t, struct rv_val now) {
    t->now = now;
    t->uid = rv_path_str(now, "metadata.uid");
    if (rv_val_present(now)) t->owner = rv_meta_controller_uid(now);
}

struct plan_thing *plan_state_add(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                  struct rv_str kind, struct rv_val value) {
    struct plan_thing *t = find_or_append(s, api_version, resource, kind, value);
    t->first = value;
    set_now(t, value);
    t->was_uid = t->uid;
    return t;
}

struct plan_thing *plan_state_target(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                     struct rv_str kind, struct rv_val value) {
    struct plan_thing *t = find_or_append(s, api_version, resource, kind, value);
    set_now(t, value);
    t->target = true;
    s->version++;
    return t;
}

/* ---- amounts ----------------------------------------------------------------------------------------------------- */

static void add_request(void *arg, struct rv_str resource, struct rv_quantity q) {
    struct plan_amounts *m = arg;
    if (rv_str_is(resource, "cpu"))
        rv_quantity_add(&m->cpu, q);
    else if (rv_str_is(resource, "memory"))
        rv_quantity_add(&m->memory, q);
    else if (rv_str_is(resource, "google.com/tpu"))
        rv_quantity_add(&m->tpu, q);
    else if (rc_gpu_like(resource))
        rv_quantity_add(&m->gpu, q);
}

static bool is(const struct plan_thing *t, const char *api_version, const char *resource) {
    return rv_str_is(t->resource, resource) && rv_str_is(t->api_version, api_version);
}

/* A pod that has not ended counts, and so does a Job that is new: its pod is still to be made. */
static struct rv_val pod_of(const struct plan_thing *t) {
    struct rv_str phase = rv_path_str(t->now, "status.phase");
    bool ended = rv_str_is(phase, "Succeeded") || rv_str_is(phase, "Failed");
    if (is(t, "v1", "pods")) return ended ? RV_VAL_ABSENT : t->now;
    bool waits = rv_val_present(t->first) || rv_path_bool(t->now, "spec.suspend", false);
    return is(t, "batch/v1", "jobs") && !waits ? rv_val_path(t->now, "spec.template") : RV_VAL_ABSENT;
}

static void negate(struct rv_quantity *q) { rv_quantity_mul(q, -1); }

static void count(struct plan_state *s, const struct plan_thing *t, bool more) {
    struct plan_amounts one = {0}, *now = &s->now;
    struct rv_val pod = t->concerns ? pod_of(t) : RV_VAL_ABSENT;
    if (!rv_val_present(pod)) return;
    struct rv_node *group = rv_node_map(s->arena);
    rv_node_set(s->arena, group, "template", rv_node_from(s->arena, pod));
    rc_each_request(rv_node_freeze(s->arena, group), 1, add_request, &one);
    struct rv_quantity *const of_one[] = {&one.cpu, &one.memory, &one.gpu, &one.tpu},
                              *const all[] = {&now->cpu, &now->memory, &now->gpu, &now->tpu},
                              *const most[] = {&s->peak.cpu, &s->peak.memory, &s->peak.gpu, &s->peak.tpu};
    now->pods += more ? 1 : -1;
    if (now->pods > s->peak.pods) s->peak.pods = now->pods;
    for (size_t i = 0; i < RV_ARRAY_LEN(all); i++) {
        if (!more) negate(of_one[i]);
        rv_quantity_add(all[i], *of_one[i]);
        if (rv_quantity_cmp(*all[i], *most[i]) > 0) *most[i] = *all[i];
    }
}

/* ---- what belongs to targets ------------------------------------------------------------------------------------- */

static struct plan_thing *owner_of(const struct plan_state *s, const struct plan_thing *t) {
    struct plan_thing *o = t->owner.n != 0 ? s->first : NULL;
    while (o != NULL && !rv_str_eq(o->uid, t->owner) && !rv_str_eq(o->was_uid, t->owner)) o = o->next;
    return o;
}

bool plan_state_controlled(const struct plan_state *s, const struct plan_thing *t) { return owner_of(s, t) != NULL; }

static bool belongs(const struct plan_state *s, const struct plan_thing *t) {
    enum { LEVELS = 8 };
    for (int i = 0; t != NULL && i < LEVELS; i++, t = owner_of(s, t))
        if (t->target) return true;
    return false;
}

void plan_state_count(struct plan_state *s) {
    for (struct plan_thing *t = s->first; t != NULL; t = t->next) {
        t->concerns = belongs(s, t);
        if (rv_val_present(t->now)) count(s, t, true);
    }
    s->before = s->peak = s->now;
}

/* ---- folding ----------------------------------------------------------------------------------------------------- */

static void remove_thing(struct plan_state *s, struct plan_thing *t) {
    struct rv_str uid = t->uid;
    if (!rv_val_present(t->now)) return;
    count(s, t, false);
    set_now(t, RV_VAL_ABSENT);
    s->version++;
    for (struct plan_thing *o = s->first; o != NULL && uid.n != 0; o = o->next) {
        struct rv_val owners = rv_val_path(o->now, "metadata.ownerReferences");
        if (rv_val_len(owners) == 1 && rv_str_eq(rv_path_str(rv_val_at(owners, 0), "uid"), uid)) remove_thing(s, o);
    }
}

static void put(struct plan_state *s, struct rv_str api_version, struct rv_str resource, struct rv_val value) {
    struct plan_thing *t = find_or_append(s, api_version, resource, RV_STR(""), value);
    bool was = rv_val_present(t->now);
    if (was) count(s, t, false);
    set_now(t, value);
    t->concerns = t->concerns || belongs(s, t);
    count(s, t, true);
    s->version++;
}

static void remove_selected(struct plan_state *s, struct rv_val action) {
    struct rv_selector *selector = rv_selector_parse(rv_path_str(action, "selector"), NULL);
    for (struct plan_thing *t = s->first; t != NULL && selector != NULL; t = t->next)
        if (rv_str_eq(t->resource, rv_path_str(action, "resource")) &&
            rv_str_eq(t->api_version, rv_path_str(action, "apiVersion")) &&
            rv_str_eq(t->ns, rv_path_str(action, "namespace")) &&
            rv_selector_matches(selector, rv_val_path(t->now, "metadata.labels")))
            remove_thing(s, t);
    rv_selector_free(selector);
}

static void fold_one(struct plan_state *s, struct rv_val action, plan_fix_fn fix, void *arg) {
    struct rv_str verb = rv_path_str(action, "verb"), api_version = rv_path_str(action, "apiVersion"),
                  resource = rv_path_str(action, "resource");
    struct rv_val object = rv_val_get(action, "object");
    if (api_version.n == 0 || rv_path_str(action, "code").n != 0) return;
    if (rv_str_is(verb, "deletecollection")) {
        remove_selected(s, action);
    } else if (rv_val_present(object)) {
        bool ours = rv_str_is(api_version, "ray.io/v1") && fix != NULL;
        put(s, api_version, resource, ours ? fix(arg, resource, object) : object);
    } else {
        struct plan_thing *t =
            plan_state_find(s, api_version, resource, rv_path_str(action, "namespace"), rv_path_str(action, "name"));
        if (t != NULL) remove_thing(s, t);
    }
}

void plan_state_fold(struct plan_state *s, struct rv_val answer, plan_fix_fn fix, void *arg) {
    for (struct rv_iter it = rv_iter(rv_val_get(answer, "actions")); rv_iter_next(&it);) fold_one(s, it.val, fix, arg);
}
