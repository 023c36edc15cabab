/* test_fd_limit.c - the limit of descriptors is raised to the maximum, and children get the earlier limit back. */
#include "ipc/base/fd_limit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/sdk/suite.h"

static uint64_t soft(void) {
    struct rlimit r = {0};
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &r), 0);
    return r.rlim_cur;
}

static void limits(void) {
    struct rlimit r;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_NOFILE, &r), 0);
    uint64_t hard = r.rlim_max;
    r.rlim_cur = hard;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &r), 0);
    CU_ASSERT_EQUAL(fd_limit_raise(), hard);
    fd_limit_restore(0); /* nothing was changed */
    CU_ASSERT_EQUAL(soft(), hard);
    r.rlim_cur = 77;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &r), 0);
    CU_ASSERT_TRUE(fd_limit_raise() == hard && soft() == hard);
    /* The second call does not replace the remembered limit. */
    CU_ASSERT_TRUE(fd_limit_raise() == hard && soft() == hard);
    pid_t child = fork();
    if (child == 0) {
        fd_limit_restore(0);
        _exit(soft() == 77 ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_TRUE(waitpid(child, &status, 0) == child && status == 0);
    CU_ASSERT_EQUAL(soft(), hard);
}

static const struct suite_test tests[] = {{"limits", limits}};
SUITE_MAIN("fd limit", tests)
