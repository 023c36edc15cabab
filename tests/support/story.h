/* story.h - what the stories of all reconcilers have in common: what happened last, when the next thing is due, which
 * seeds are told. */
#ifndef TESTS_SUPPORT_STORY_H
#define TESTS_SUPPORT_STORY_H

#include "rayvisor/test.h"

enum { STORY_LINES = 160, STORY_LINE = 400 };

/* The last lines of what happened, for a failure's report. */
struct chronicle {
    char lines[STORY_LINES][STORY_LINE];
    size_t n;
};
void chronicle_add(struct chronicle *c, const char *line);
/* Prints why the story failed, what came before it, and every object: that of kind `whole` in full, of others the
 * metadata. */
void chronicle_report(const struct chronicle *c, uint64_t seed, const char *why, const struct rv_fakeapi *api,
                      const char *whole);

/* ms until the plugin wants to run, an object's grace is over, or a minute has passed. Never 0. */
int64_t story_next_moment(const struct rv_fakehost *host, const struct rv_fakeapi *api);

/* Tells the stories of RAYVISOR_PROPERTY_RUNS seeds from RAYVISOR_PROPERTY_SEED on; how many failed (it gives up at
 * twelve). tell: whether the story of that seed went well. */
unsigned stories_tell(uint64_t runs, bool (*tell)(uint64_t seed));

#endif
