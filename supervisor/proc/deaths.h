/* deaths.h - the history of a plugin's processes: counts by cause, and for each of the last 32 deaths the time, the
 * cause and the object. So an operator can still see a day later what happened. */
#ifndef PROC_DEATHS_H
#define PROC_DEATHS_H

#include "plugin.h"

/* X(NAME, text) */
#define DEATH_CAUSES(X)                                                                                                \
    X(EXIT, "exit")         /* it ended by itself */                                                                   \
    X(SIGNAL, "signal")     /* it crashed */                                                                           \
    X(HANG, "hang")         /* no heartbeat, or a missed deadline */                                                   \
    X(MEMORY, "memory")     /* it used more memory than its limit */                                                   \
    X(PROTOCOL, "protocol") /* it broke the protocol */

enum death_cause {
#define DEATH_X(name, text) DEATH_##name,
    DEATH_CAUSES(DEATH_X)
#undef DEATH_X
        DEATH_CAUSE_COUNT
};
const char *death_cause_name(enum death_cause c);

struct deaths;
struct deaths *deaths_new(void);
struct deaths *deaths_free(struct deaths *d);
/* Records a death. status is from waitpid(), or -1 if there was no process. `doing` and `key` ("ns/name") may be empty.
 * `blamed`: quarantine has dealt with the object. The texts are copied. */
void deaths_add(struct deaths *d, enum death_cause cause, int status, const char *doing, const char *key, bool blamed,
                int64_t now);
/* The number of deaths since `mono` that count against the plugin, among those that are stored. A few bad objects are
 * no reason to switch a plugin off for all other objects. But a plugin that dies on many objects is as bad as one that
 * dies by itself. */
unsigned deaths_since(const struct deaths *d, int64_t mono);
uint64_t deaths_count(const struct deaths *d, enum death_cause cause);
uint64_t deaths_total(const struct deaths *d);
/* "signal 6 (Aborted)", "exit status 1" or "not started"; "" before the first death. */
const char *deaths_last(const struct deaths *d);
/* The newest comes first. */
void deaths_each(const struct deaths *d, void (*fn)(void *arg, const struct death_info *i), void *arg);

void death_describe(int status, char *out, size_t size);

#endif
