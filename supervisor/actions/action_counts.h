/* action_counts.h - counts actions by plugin, verb and result code, for metrics. */
#ifndef ACTIONS_ACTION_COUNTS_H
#define ACTIONS_ACTION_COUNTS_H

#include "rayvisor/base.h"

struct counts;
struct counts *action_counts_new(void);
struct counts *action_counts_free(struct counts *c);
/* verb and code must be literals, because they are compared by address. */
void action_counts_add(struct counts *c, const char *plugin, const char *verb, const char *code);
void action_counts_each(const struct counts *c,
                        void (*fn)(void *arg, const char *plugin, const char *verb, const char *code, uint64_t n),
                        void *arg);

#endif
