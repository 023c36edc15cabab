/* test_stories.c - whole lives of RayCronJobs, line by line: stories/ has what happens and what the controller does. */
#include "tests/support/story.h"
#include "tests/unit/sdk/suite.h"

static void test_stories(void) {
    stories_run(&(struct story_opts){.plugin = "raycronjob", .explained = "raycronjobs"});
}

static const struct suite_test tests[] = {{"every story goes as it is written", test_stories}};
SUITE_MAIN("raycronjob: stories", tests)
