/* memo.h - what a controller remembers of each object between two reconciles: a table by namespace and name.
 *
 * A memo is never needed for correctness, because it is empty after a restart. It belongs to one uid: when an object of
 * the same name has another uid, the old memo is dropped and a new one begins. The controller's own struct begins with
 * struct rc_memo. */
#ifndef RAY_MEMO_H
#define RAY_MEMO_H

#include "ipc/base/table.h"
#include "rayvisor/base.h"

struct rc_memo {
    struct rv_table_link link;
    char *ns, *name, *uid;
};

struct rc_memo_table {
    size_t size;                          /* of one memo */
    void (*begin)(void *arg, void *memo); /* fills in a zeroed memo; NULL: nothing to fill in */
    void (*end)(void *arg, void *memo);   /* frees what is in it, but not the memo; NULL: nothing to free */
    void *arg;                            /* given to both */
    struct rv_table table;
};

/* The memo of the object, a new one if there is none of this uid. */
void *rc_memo_of(struct rc_memo_table *t, struct rv_str ns, struct rv_str name, struct rv_str uid);
/* The object is gone: so is its memo, if there is one. */
void rc_memo_drop(struct rc_memo_table *t, struct rv_str ns, struct rv_str name);
void rc_memo_drop_all(struct rc_memo_table *t);
/* Calls fn with each memo; fn must drop none. */
void rc_memo_each(struct rc_memo_table *t, void (*fn)(void *arg, void *memo), void *arg);

#endif
