/* test_stories.c - whole lives of RayJobs, line by line: stories/ has what happens and what the controller does. */
#include "tests/support/story.h"
#include "tests/unit/sdk/suite.h"

static void test_stories(void) { stories_run(&(struct story_opts){.plugin = "rayjob", .explained = "rayjobs"}); }

static const struct suite_test tests[] = {{"every story goes as it is written", test_stories}};
SUITE_MAIN("rayjob: stories", tests)
