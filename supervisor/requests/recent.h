/* recent.h - a bounded number of values by the text that names them. The one that was used the longest ago gives way.
 */
#ifndef REQUESTS_RECENT_H
#define REQUESTS_RECENT_H

#include "rayvisor/base.h"

struct recent;
/* `drop` frees a value that is replaced, removed or gives way. */
struct recent *recent_new(size_t most, void (*drop)(void *value));
struct recent *recent_free(struct recent *r); /* drops all values */
size_t recent_count(const struct recent *r);

void *recent_find(struct recent *r, struct rv_str name); /* NULL if there is none; this counts as a use */
void recent_put(struct recent *r, struct rv_str name, void *value);
void recent_remove(struct recent *r, struct rv_str name);
/* The value that was used the longest ago; NULL if there is none. This is no use. */
void *recent_oldest(const struct recent *r);
void recent_remove_oldest(struct recent *r);

#endif
