/* plan_lines.c - what differs between the snapshot and what the controllers would make of it, as lines (see plan.h).
 * Pods are counted by group, because one is as good as another. */
#include "plan_parts.h"

#include "plugins/ray/fields.h"

const char *plan_verb_word(enum plan_verb v) {
    static const char *const words[] = {
        [PLAN_SAME] = "same",       [PLAN_CREATE] = "create", [PLAN_UPDATE] = "update",
        [PLAN_REPLACE] = "replace", [PLAN_DELETE] = "delete",
    };
    return words[v];
}

/* ---- one object -------------------------------------------------------------------------------------------------- */

static enum plan_verb verb_of(const struct plan_state *s, const struct plan_thing *t, struct plan_differences *d) {
    bool was = rv_val_present(t->first), is = rv_val_present(t->now);
    *d = (struct plan_differences){0};
    if (!was || !is) return was ? PLAN_DELETE : is ? PLAN_CREATE : PLAN_SAME;
    if (!rv_str_eq(t->was_uid, t->uid)) return PLAN_REPLACE;
    if (t->first.p == t->now.p) return PLAN_SAME;
    plan_differences(s->arena, t->first, t->now, d);
    return d->all > 0 ? PLAN_UPDATE : PLAN_SAME;
}

static struct rv_val state_of(const struct plan_thing *t) { return rv_val_present(t->now) ? t->now : t->first; }

static void name_owner(const struct plan_thing *t, struct plan_line *line) {
    for (struct rv_iter it = rv_iter(rv_val_path(state_of(t), "metadata.ownerReferences")); rv_iter_next(&it);) {
        if (!rv_path_bool(it.val, "controller", false)) continue;
        line->owner_kind = rv_path_str(it.val, "kind");
        line->owner = rv_path_str(it.val, "name");
    }
}

static struct rv_str group_of(const struct plan_thing *t) {
    struct rv_val labels = rv_val_path(state_of(t), "metadata.labels");
    bool head = rv_str_is(rv_val_str(rv_val_get(labels, RC_LABEL_NODE_TYPE)), "head");
    return head ? RV_STR("head") : rv_val_str(rv_val_get(labels, RC_LABEL_GROUP));
}

static bool is_pod(const struct plan_thing *t) {
    return rv_str_is(t->resource, "pods") && rv_str_is(t->api_version, "v1");
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

struct making {
    const struct plan_state *s;
    struct plan_lines *to;
    /* What concerns the plan, in its order. */
    struct entry {
        const struct plan_thing *t;
        struct rv_str group; /* of pods */
        bool pod, listed;
    } * entries;
    size_t entry_n;
    struct rv_str *created, *deleted; /* of one group of pods */
    size_t created_n, deleted_n;
};

static struct plan_line *add_line(struct making *m, const struct plan_thing *t, enum plan_verb verb) {
    struct plan_line *line = &m->to->lines[m->to->n++];
    struct rv_str *name = rv_arena_alloc(m->s->arena, sizeof *name);
    *name = t->name;
    *line = (struct plan_line){.verb = verb, .target = t->target, .kind = t->kind, .ns = t->ns, .names = name, .n = 1};
    name_owner(t, line);
    return line;
}

static void add_thing(struct making *m, const struct plan_thing *t) {
    struct plan_differences d;
    enum plan_verb verb = verb_of(m->s, t, &d);
    if (verb == PLAN_SAME && !t->target) return;
    struct plan_line *line = add_line(m, t, verb);
    struct plan_field *fields = rv_arena_alloc(m->s->arena, (d.n + 1) * sizeof *fields);
    memcpy(fields, d.fields, d.n * sizeof *fields);
    line->fields = fields;
    line->field_n = d.n;
    line->field_more = d.all - d.n;
    m->to->counts[verb]++;
}

static void add_pods(struct making *m, const struct plan_thing *t, enum plan_verb verb, const struct rv_str *names,
                     const struct rv_str *before, size_t n) {
    if (n == 0) return;
    struct plan_line *line = add_line(m, t, verb);
    line->group = group_of(t);
    line->names = names;
    line->before = before;
    line->n = n;
    m->to->counts[verb] += n;
}

static bool same_group(const struct entry *a, const struct entry *b) {
    return b->pod && rv_str_eq(a->t->owner, b->t->owner) && rv_str_eq(a->group, b->group) &&
           rv_str_eq(a->t->ns, b->t->ns);
}

/* All pods of the group of entry `at`, which is the first of them. */
static void add_group(struct making *m, size_t at) {
    const struct entry *first = &m->entries[at];
    m->created = rv_arena_alloc(m->s->arena, m->entry_n * sizeof *m->created);
    m->deleted = rv_arena_alloc(m->s->arena, m->entry_n * sizeof *m->deleted);
    m->created_n = m->deleted_n = 0;
    for (size_t i = at; i < m->entry_n; i++) {
        struct plan_differences d;
        struct entry *e = &m->entries[i];
        if (!same_group(first, e)) continue;
        e->listed = true;
        enum plan_verb verb = verb_of(m->s, e->t, &d);
        if (verb == PLAN_UPDATE) add_thing(m, e->t);
        if (verb == PLAN_CREATE || verb == PLAN_REPLACE) m->created[m->created_n++] = e->t->name;
        if (verb == PLAN_DELETE || verb == PLAN_REPLACE) m->deleted[m->deleted_n++] = e->t->name;
    }
    size_t both = m->created_n < m->deleted_n ? m->created_n : m->deleted_n;
    add_pods(m, first->t, PLAN_REPLACE, m->created, m->deleted, both);
    add_pods(m, first->t, PLAN_CREATE, m->created + both, NULL, m->created_n - both);
    add_pods(m, first->t, PLAN_DELETE, m->deleted + both, NULL, m->deleted_n - both);
}

/* The object, and then what it controls. */
static void add_with_owned(struct making *m, size_t at, int depth) {
    enum { DEEPEST = 8 };
    const struct plan_thing *t = m->entries[at].t;
    if (m->entries[at].listed) return; /* what owns itself by way of others is listed once */
    if (m->entries[at].pod)
        add_group(m, at);
    else
        add_thing(m, t);
    m->entries[at].listed = true;
    for (size_t i = 0; i < m->entry_n && depth < DEEPEST; i++) {
        const struct plan_thing *o = m->entries[i].t;
        if (!o->target && o->owner.n != 0 && (rv_str_eq(o->owner, t->uid) || rv_str_eq(o->owner, t->was_uid)))
            add_with_owned(m, i, depth + 1);
    }
}

void plan_lines(const struct plan_state *s, struct plan_lines *ret) {
    *ret = (struct plan_lines){.lines = rv_arena_alloc(s->arena, (3 * s->n + 1) * sizeof *ret->lines)};
    struct making m = {.s = s, .to = ret, .entries = rv_arena_alloc(s->arena, (s->n + 1) * sizeof *m.entries)};
    for (const struct plan_thing *t = s->first; t != NULL; t = t->next)
        if (t->concerns) m.entries[m.entry_n++] = (struct entry){t, group_of(t), is_pod(t), false};
    for (size_t i = 0; i < m.entry_n; i++)
        if (m.entries[i].t->target) add_with_owned(&m, i, 0);
    for (size_t i = PLAN_CREATE; i < PLAN_VERB_N; i++) ret->changes |= ret->counts[i] > 0;
}

/* ---- amounts ----------------------------------------------------------------------------------------------------- */

struct rv_str plan_amounts_text(struct rv_arena *a, const struct plan_amounts *m) {
    rv_autobuf struct rv_buf b = {0};
    const struct {
        const struct rv_quantity *q;
        const char *unit;
    } rest[] = {{&m->cpu, "CPU"}, {&m->memory, "memory"}, {&m->gpu, "GPU"}, {&m->tpu, "TPU"}};
    rv_buf_addf(&b, "%lld %s", (long long)m->pods, m->pods == 1 ? "pod" : "pods");
    for (size_t i = 0; i < RV_ARRAY_LEN(rest); i++) {
        char text[48];
        if (rv_quantity_is_zero(*rest[i].q)) continue;
        rv_quantity_format(*rest[i].q, text);
        rv_buf_addf(&b, ", %s %s", text, rest[i].unit);
    }
    return rv_arena_str(a, rv_buf_str(&b));
}
