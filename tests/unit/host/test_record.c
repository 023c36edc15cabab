/* test_record.c - recordings that cannot be written: the plugin continues, and one line says so. */
#include "plugins/host/record.h"

#include <fcntl.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "tests/unit/sdk/suite.h"

static unsigned lines_with(int fd, const char *text) {
    char all[65536];
    ssize_t n = read(fd, all, sizeof all - 1);
    unsigned found = 0;
    all[n > 0 ? n : 0] = 0;
    for (const char *p = all; (p = strstr(p, text)) != NULL; p++) found++;
    return found;
}

static void full_disk(void) {
    struct rv_error err = {0};
    int out[2];
    CU_ASSERT_EQUAL_FATAL(pipe2(out, O_NONBLOCK | O_CLOEXEC), 0);
    log_setup(LOG_TEXT, RV_LOG_INFO, out[1], "test");
    struct recorder *r = recorder_open("/dev/full", 0, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    for (int i = 0; i < 5; i++) recorder_add(r, RECORD_TICK, (struct engine_time){1, 2}, NULL);
    recorder_close(r);
    CU_ASSERT_EQUAL(lines_with(out[0], "the recording ends here"), 1);
    log_setup(LOG_TEXT, RV_LOG_INFO, STDERR_FILENO, "test");
    close(out[0]);
    close(out[1]);
}

static void no_such_folder(void) {
    struct rv_error err = {0};
    CU_ASSERT_PTR_NULL(recorder_open("/nowhere/at/all", 0, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/nowhere/at/all"));
}

static const struct suite_test tests[] = {{"full disk", full_disk}, {"no such folder", no_such_folder}};
SUITE_MAIN("recordings", tests)
