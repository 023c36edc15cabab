/* compare.h - in which fields an object differs from what a write would make of it.
 *
 * Only what the write says counts: the API server and admission fill in the rest. A field that the write leaves empty
 * (0, false, "", no entries) and that the object does not have is no difference. Quantities are compared by value.
 * Entries of lists are matched by what names them (name, type, mountPath, ...), where each has one. */
#ifndef TWIN_COMPARE_H
#define TWIN_COMPARE_H

#include "rayvisor/value.h"

enum compare_how {
    /* The object as one writer makes it. Labels, annotations, selectors, resources and entries of lists that only the
     * object has are differences, too: the other writer sets them. */
    COMPARE_CREATE,
    COMPARE_APPLY, /* only the fields that are named count */
    COMPARE_PATCH, /* a merge patch: null is a field that should not be there; a list is replaced as a whole */
};

/* path: as in rv_val_path(). An absent value is not there on that side. All is lent. */
typedef void (*compare_fn)(void *arg, struct rv_str path, struct rv_val ours, struct rv_val theirs);
void compare_objects(enum compare_how how, struct rv_val ours, struct rv_val theirs, compare_fn fn, void *arg);
/* A JSON patch (RFC 6902). Of the operations, "add", "replace" and "remove" are compared. */
void compare_json_patch(struct rv_val operations, struct rv_val theirs, compare_fn fn, void *arg);
/* A value as text of at most max bytes, without its line ends. Of two long texts the part is shown in which they
 * differ. */
void compare_show(struct rv_val v, struct rv_val other, size_t max, struct rv_buf *out);

#endif
