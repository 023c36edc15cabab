/* history.h - what the property tests of all controllers share: the last events, the next time at which something is
 * due, and the choice of seeds. */
#ifndef TESTS_SUPPORT_HISTORY_H
#define TESTS_SUPPORT_HISTORY_H

#include "rayvisor/test.h"

enum { HISTORY_LINES = 160, HISTORY_LINE = 400 };

/* The last lines of what happened, for the report of a failure. */
struct event_log {
    char lines[HISTORY_LINES][HISTORY_LINE];
    size_t n;
};
void event_log_add(struct event_log *c, const char *line);
/* Prints why the test failed, the events before, and every object: objects of kind `whole` in full, of others the
 * metadata. */
void event_log_report(const struct event_log *c, uint64_t seed, const char *why, const struct rv_fakeapi *api,
                      const char *whole);

/* Milliseconds until the plugin wants to run, an object's grace period ends, or a minute has passed. Never 0. */
int64_t history_next_moment(const struct rv_fakehost *host, const struct rv_fakeapi *api);

/* Runs RAYVISOR_PROPERTY_RUNS seeds from RAYVISOR_PROPERTY_SEED on. Returns how many failed; it gives up at twelve.
 * `run_one` runs one seed and returns whether it succeeded. */
unsigned histories_run(uint64_t runs, bool (*run_one)(uint64_t seed));

#endif
