/* plan.h - what would change if a manifest were applied, or if this version of the operator ran.
 *
 * A snapshot of the namespace is read (plan_objects.c). A file's object takes the place of the live one, with what
 * `kubectl apply` would keep of that, and with the defaults of the schema (plan_merge.c). Then each controller is asked
 * what it would do (supervisor/plan), one after the other, until none has anything to do; what one makes, the next one
 * sees. The actions are folded into the snapshot (plan_state.c), and what differs in the end becomes lines
 * (plan_lines.c). Nothing here knows a rule of a controller, and nothing is written.
 *
 * plan_merge.c, plan_state.c and plan_lines.c depend on their arguments only. */
#ifndef CTL_PLAN_H
#define CTL_PLAN_H

#include "rayvisor/k8s.h"

/* ---- a file's object in the place of the live one (plan_merge.c) ----------------------------------------------- */

/* What `kubectl apply` makes of the live object (absent: there is none): a merge of what the file has, without what an
 * earlier file had and this one has not. Status and identity are the live ones. */
struct rv_node *plan_merge(struct rv_arena *a, struct rv_val live, struct rv_node *file);
/* Fills in the defaults of an OpenAPI schema, as the API server does. */
void plan_defaults(struct rv_arena *a, struct rv_node *object, struct rv_val schema);
/* What the API server would not accept, with the path of the field; false: it is well-formed as far as the schema
 * says. */
bool plan_misshapen(struct rv_node *object, struct rv_val schema, struct rv_buf *why);

/* ---- the snapshot (plan_state.c) -------------------------------------------------------------------------------- */

struct plan_amounts {
    int64_t pods;
    struct rv_quantity cpu, memory, gpu, tpu;
};
enum plan_verb { PLAN_SAME, PLAN_CREATE, PLAN_UPDATE, PLAN_REPLACE, PLAN_DELETE, PLAN_VERB_N };
const char *plan_verb_word(enum plan_verb v); /* "create" */

struct plan_thing {
    struct plan_thing *next;
    struct rv_str api_version, resource, kind, ns, name;
    struct rv_val first, now;          /* absent: it is not there */
    struct rv_str was_uid, uid, owner; /* of `first`, of `now`, and of what controls it, as far as it is there */
    bool target;                       /* the file has it, or without a file it is of ray.io */
    bool concerns;                     /* a target, or what belongs to one */
};
struct plan_state {
    struct rv_arena *arena;
    struct plan_thing *first, **last;
    size_t n;
    uint64_t version;                      /* grows with each change */
    struct plan_amounts before, now, peak; /* of the pods that belong to targets */
};
void plan_state_begin(struct plan_state *s, struct rv_arena *a);
/* An object that is there. The same object twice is one. */
struct plan_thing *plan_state_add(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                  struct rv_str kind, struct rv_val value);
struct plan_thing *plan_state_find(const struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                   struct rv_str ns, struct rv_str name);
/* Does an object that is there control it? */
bool plan_state_controlled(const struct plan_state *s, const struct plan_thing *t);
/* Puts the file's object in the place of the live one, or beside it. */
struct plan_thing *plan_state_target(struct plan_state *s, struct rv_str api_version, struct rv_str resource,
                                     struct rv_str kind, struct rv_val value);
/* Finds out what belongs to targets, and counts. Call it when all is there. */
void plan_state_count(struct plan_state *s);
/* Folds what a controller would write into the snapshot. `fix` (may be NULL) is called with each object of ray.io that
 * is new or changed, and returns it with its defaults. */
typedef struct rv_val (*plan_fix_fn)(void *arg, struct rv_str resource, struct rv_val value);
void plan_state_fold(struct plan_state *s, struct rv_val answer, plan_fix_fn fix, void *arg);

/* ---- lines (plan_lines.c) -----------------------------------------------------------------------------------------
 */

struct plan_field {
    struct rv_str path, before, after; /* without secrets; "" is nothing */
};
struct plan_line {
    enum plan_verb verb;
    bool target;
    struct rv_str kind, ns, owner_kind, owner;
    struct rv_str group;         /* of pods: "head", or the worker group */
    const struct rv_str *names;  /* of the objects, more than one only of pods */
    const struct rv_str *before; /* of pods that are replaced: those that go */
    size_t n;
    const struct plan_field *fields;
    size_t field_n, field_more; /* more: how many are not listed */
};
struct plan_lines {
    struct plan_line *lines; /* targets first, each followed by what belongs to it */
    size_t n;
    size_t counts[PLAN_VERB_N]; /* of objects */
    bool changes;
};
void plan_lines(const struct plan_state *s, struct plan_lines *ret);
/* "2 pods, 3 CPU, 6Gi memory, 1 GPU" */
struct rv_str plan_amounts_text(struct rv_arena *a, const struct plan_amounts *m);

#endif
