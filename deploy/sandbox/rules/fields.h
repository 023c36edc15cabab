/* fields.h - sets of fields, in the form of managedFields (FieldsV1): a map of "f:name", "k:{...}" (an element by its
 * key) and "v:..." (an element of a set). An empty map is a member, and "." makes a member of a node with children. The
 * functions work on trees only; NULL is the empty set. */
#ifndef RV_SANDBOX_FIELDS_H
#define RV_SANDBOX_FIELDS_H

#include "types.h"

/* All fields that an object sets, without its identity (apiVersion, kind, name, ...). */
struct rv_node *sb_fields_of(struct rv_arena *a, const struct sb_type *t, struct rv_node *object);
/* The fields that are new or different in `now`. */
struct rv_node *sb_fields_changed(struct rv_arena *a, const struct sb_type *t, struct rv_node *old,
                                  struct rv_node *now);
struct rv_node *sb_fields_union(struct rv_arena *a, struct rv_node *x, struct rv_node *y);
struct rv_node *sb_fields_minus(struct rv_arena *a, struct rv_node *x, struct rv_node *y);
bool sb_fields_empty(struct rv_node *x);
/* For the set of a whole object: only .status, or everything else. */
struct rv_node *sb_fields_part(struct rv_arena *a, struct rv_node *x, bool status);

/* Merges the values of the config into the object, by the rules of its types. Changes and returns `live`. */
struct rv_node *sb_fields_merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *live,
                                struct rv_node *config);
/* Removes from the object what `last` had, `now` does not have, and `others` do not own. */
void sb_fields_prune(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, struct rv_node *last,
                     struct rv_node *now, struct rv_node *others);
/* Appends the paths (".spec.containers[name=\"x\"].image") that `config` would change and `other` owns. */
void sb_fields_conflicts(struct rv_arena *a, const struct sb_type *t, struct rv_node *live, struct rv_node *config,
                         struct rv_node *other, struct rv_node *paths);

#endif
