/* memo.h - memory for each key of a controller: a table by namespace and name. An entry belongs to one incarnation of
 * the object: under another uid it starts anew. */
#ifndef SDK_MEMO_H
#define SDK_MEMO_H

#include "rayvisor/plugin.h"

struct memo_table;

/* init fills in a zeroed entry; release frees what hangs on an entry before the entry goes. Both may be NULL. */
struct memo_table *memo_table_new(size_t memo_size, void (*init)(void *memo), void (*release)(void *memo));
struct memo_table *memo_table_free(struct memo_table *t);
/* The entry, a new one when there is none of this uid. It stays where it is until it is dropped. */
void *memo_ensure(struct memo_table *t, const struct rv_key *key, struct rv_str uid);
/* The entry whatever its uid; NULL when there is none. */
void *memo_find(struct memo_table *t, const struct rv_key *key);
struct rv_str memo_uid(const void *memo);
void memo_drop(struct memo_table *t, const struct rv_key *key);
/* Calls fn with each entry; fn must drop none. */
void memo_each(struct memo_table *t, void (*fn)(void *arg, const struct rv_key *key, void *memo), void *arg);

#endif
