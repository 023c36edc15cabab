/* memo.h - memory for each key of a controller: a table by namespace and name. An entry belongs to one incarnation of
 * the object: under another uid it starts anew. */
#ifndef SDK_MEMO_H
#define SDK_MEMO_H

#include "rayvisor/plugin.h"

struct memo_table;

/* release (may be NULL) frees what hangs on an entry before the entry goes. */
struct memo_table *memo_table_new(size_t memo_size, void (*release)(void *memo));
struct memo_table *memo_table_free(struct memo_table *t);
/* The entry, made and zeroed when there is none of this uid. It stays where it is until it is dropped. */
void *memo_ensure(struct memo_table *t, const struct rv_key *key, struct rv_str uid);
/* The entry whatever its uid; NULL when there is none. */
void *memo_find(struct memo_table *t, const struct rv_key *key);
void memo_drop(struct memo_table *t, const struct rv_key *key);

#endif
