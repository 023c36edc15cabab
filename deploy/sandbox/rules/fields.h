/* fields.h - sets of fields, in the form that managedFields has (FieldsV1): a map of "f:name", "k:{...}" (an element by
 * its key), "v:..." (an element of a set); an empty map is a member, "." makes one of a node with children. Pure
 * functions on trees; NULL is the empty set. */
#ifndef RV_SANDBOX_FIELDS_H
#define RV_SANDBOX_FIELDS_H

#include "types.h"

/* All that an object sets, without what identifies it (apiVersion, kind, name, ...). */
struct rv_node *sb_fields_of(struct rv_arena *a, const struct sb_type *t, struct rv_node *object);
/* What is new or different in `now`. */
struct rv_node *sb_fields_changed(struct rv_arena *a, const struct sb_type *t, struct rv_node *old,
                                  struct rv_node *now);
struct rv_node *sb_fields_union(struct rv_arena *a, struct rv_node *x, struct rv_node *y);
struct rv_node *sb_fields_minus(struct rv_arena *a, struct rv_node *x, struct rv_node *y);
bool sb_fields_empty(struct rv_node *x);
/* Of a set made of a whole object: only .status, or all but it. */
struct rv_node *sb_fields_part(struct rv_arena *a, struct rv_node *x, bool status);

/* The config's values over the object's, as its types merge. Changes and returns `live`. */
struct rv_node *sb_fields_merge(struct rv_arena *a, const struct sb_type *t, struct rv_node *live,
                                struct rv_node *config);
/* Takes out of the object what `last` had, `now` has not and `others` do not own. */
void sb_fields_prune(struct rv_arena *a, const struct sb_type *t, struct rv_node *object, struct rv_node *last,
                     struct rv_node *now, struct rv_node *others);
/* Paths (".spec.containers[name=\"x\"].image") of what `config` would change and `other` owns, appended to paths. */
void sb_fields_conflicts(struct rv_arena *a, const struct sb_type *t, struct rv_node *live, struct rv_node *config,
                         struct rv_node *other, struct rv_node *paths);

#endif
