/* memo.h - memory for each key of a controller: a table by namespace and name. An entry belongs to one object. If the
 * object is replaced by one with another uid, the entry starts anew. */
#ifndef SDK_MEMO_H
#define SDK_MEMO_H

#include "rayvisor/plugin.h"

struct memo_table;

/* `init` initialises a zeroed entry. `release` frees what an entry points to, before the entry is freed. Both may be
 * NULL. */
struct memo_table *memo_table_new(size_t memo_size, void (*init)(void *memo), void (*release)(void *memo));
struct memo_table *memo_table_free(struct memo_table *t);
/* The entry of the key. A new one is made if there is none with this uid. It does not move until it is dropped. */
void *memo_ensure(struct memo_table *t, const struct rv_key *key, struct rv_str uid);
/* The entry of the key with any uid. NULL if there is none. */
void *memo_find(struct memo_table *t, const struct rv_key *key);
struct rv_str memo_uid(const void *memo);
void memo_drop(struct memo_table *t, const struct rv_key *key);
/* Calls fn with each entry. fn must not drop any. */
void memo_each(struct memo_table *t, void (*fn)(void *arg, const struct rv_key *key, void *memo), void *arg);

#endif
