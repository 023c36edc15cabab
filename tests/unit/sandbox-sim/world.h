/* world.h - a simulated cluster for one test: storage, loop and simulation with delays of next to nothing. Tests say
 * what must come true; how long that takes is never asserted. */
#ifndef TESTS_SANDBOX_SIM_WORLD_H
#define TESTS_SANDBOX_SIM_WORLD_H

#include "deploy/sandbox/sim/sim.h"
#include "tests/unit/sdk/suite.h"

struct world {
    struct loop *loop;
    struct sb_storage *storage;
    struct sim *sim;
    struct rv_arena *a; /* of what is shown to the test */
};

/* options: as --sim-opts, on top of tiny delays; may be NULL. */
void world_open(struct world *w, const char *options);
void world_close(struct world *w);

/* JSON with ' for ", so that tables stay readable. kind: a plural such as "pods". True when it was stored. */
bool world_create(struct world *w, const char *plural, const char *json);
bool world_patch(struct world *w, const char *plural, const char *name, const char *path, const char *json,
                 bool status);
void world_delete(struct world *w, const char *plural, const char *name, const char *propagation);
/* The object as it is now; absent when there is none. */
struct rv_val world_get(struct world *w, const char *plural, const char *name);
size_t world_count(struct world *w, const char *plural);
/* Turns the loop until the text at path is want ("" = the object is gone); false after a long while. */
bool world_until(struct world *w, const char *plural, const char *name, const char *path, const char *want);
bool world_until_count(struct world *w, const char *plural, size_t n);
/* Turns until nothing has changed for some turns. */
void world_settle(struct world *w);
/* Is there an event with this reason whose message contains text? */
bool world_event(struct world *w, const char *reason, const char *text);
/* The control API; the HTTP status. body NULL: none. */
int world_control(struct world *w, const char *method, const char *path, const char *body);
/* The text, number or truth at a path, as text. */
const char *world_text(struct world *w, struct rv_val v, const char *path);

#endif
