/* log_capture.h - what is logged while a loop runs, for tests of what the log says. */
#ifndef TESTS_LOG_CAPTURE_H
#define TESTS_LOG_CAPTURE_H

#include <fcntl.h>
#include <unistd.h>

#include "ipc/base/log.h"
#include "ipc/base/loop.h"
#include "tests/unit/sdk/suite.h"

struct log_capture {
    struct loop *loop;
    int log[2];
    char text[8192];
};

static inline void log_capture_begin(struct log_capture *h) {
    h->loop = loop_new(NULL);
    CU_ASSERT_FATAL(h->loop != NULL && pipe2(h->log, O_NONBLOCK) == 0);
    log_setup(LOG_TEXT, RV_LOG_INFO, h->log[1], "test");
}

static inline void log_capture_end(struct log_capture *h) {
    loop_free(h->loop);
    close(h->log[0]);
    close(h->log[1]);
    log_setup(LOG_TEXT, RV_LOG_INFO, 2, "test");
}

static inline void log_capture_stop(void *arg) { loop_stop(((const struct log_capture *)arg)->loop); }

/* Runs the loop for so long: what was logged meanwhile. */
static inline const char *log_capture_run(struct log_capture *h, int64_t ms) {
    struct loop_timer *t = loop_timer(h->loop, log_capture_stop, h);
    loop_timer_arm(t, ms);
    loop_run(h->loop);
    loop_timer_free(t);
    ssize_t n = read(h->log[0], h->text, sizeof h->text - 1);
    h->text[n > 0 ? n : 0] = 0;
    return h->text;
}

#endif
