/* deaths.h - the history of a plugin's processes: counts by cause, and for each of the last 32 deaths the time, the
 * cause and the object. So an operator who looks a day later can still see what happened. */
#ifndef PROC_DEATHS_H
#define PROC_DEATHS_H

#include "plugin.h"

/* X(NAME, text) */
#define DEATH_CAUSES(X)                                                                                                \
    X(EXIT, "exit")         /* it ended by itself */                                                                   \
    X(SIGNAL, "signal")     /* it crashed */                                                                           \
    X(HANG, "hang")         /* no heartbeat, or a deadline missed */                                                   \
    X(MEMORY, "memory")     /* above its limit */                                                                      \
    X(PROTOCOL, "protocol") /* it sent what makes no sense */

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
/* status: as waitpid() gives it, -1 when there was no process. doing and key ("ns/name") may be empty. blamed: on an
 * object, which quarantine deals with. The copy is the tally's own. */
void deaths_add(struct deaths *d, enum death_cause cause, int status, const char *doing, const char *key, bool blamed,
                int64_t now);
/* How many speak against the plugin: a few bad objects are no reason to switch it off for all the others, but one that
 * dies on object after object is no better than one that dies by itself. Of those that are kept. */
unsigned deaths_since(const struct deaths *d, int64_t mono);
uint64_t deaths_count(const struct deaths *d, enum death_cause cause);
uint64_t deaths_total(const struct deaths *d);
/* "signal 6 (Aborted)", "exit status 1", "not started"; "" before the first. */
const char *deaths_last(const struct deaths *d);
void deaths_each(const struct deaths *d, void (*fn)(void *arg, const struct death_info *i),
                 void *arg); /* newest first */

void death_describe(int status, char *out, size_t size);

#endif
