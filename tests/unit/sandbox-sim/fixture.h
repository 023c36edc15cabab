/* fixture.h - a simulated cluster for one test: storage, loop and simulation with delays of next to nothing. Tests say
 * what must come true; how long that takes is never asserted. */
#ifndef TESTS_SANDBOX_SIM_FIXTURE_H
#define TESTS_SANDBOX_SIM_FIXTURE_H

#include "deploy/sandbox/sim/sim.h"
#include "tests/unit/sdk/suite.h"

struct fixture {
    struct loop *loop;
    struct sb_storage *storage;
    struct sim *sim;
    struct rv_arena *a; /* of what is shown to the test */
};

/* options: as --sim-opts, on top of tiny delays; may be NULL. */
void fixture_open(struct fixture *w, const char *options);
void fixture_close(struct fixture *w);

/* JSON with ' for ", so that tables stay readable. kind: a plural such as "pods". True when it was stored. */
bool fixture_create(struct fixture *w, const char *plural, const char *json);
bool fixture_patch(struct fixture *w, const char *plural, const char *name, const char *path, const char *json,
                   bool status);
void fixture_delete(struct fixture *w, const char *plural, const char *name, const char *propagation);
/* The object as it is now; absent when there is none. */
struct rv_val fixture_get(struct fixture *w, const char *plural, const char *name);
size_t fixture_count(struct fixture *w, const char *plural);
/* Turns the loop until the text at path is want ("" = the object is gone); false after a long while. */
bool fixture_until(struct fixture *w, const char *plural, const char *name, const char *path, const char *want);
bool fixture_until_count(struct fixture *w, const char *plural, size_t n);
/* Turns until nothing has changed for some turns. */
void fixture_settle(struct fixture *w);
/* Is there an event with this reason whose message contains text? */
bool fixture_event(struct fixture *w, const char *reason, const char *text);
/* The control API; the HTTP status. body NULL: none. */
int fixture_control(struct fixture *w, const char *method, const char *path, const char *body);
/* The text, number or truth at a path, as text. */
const char *fixture_text(struct fixture *w, struct rv_val v, const char *path);

#endif
