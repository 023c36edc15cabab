/* skipping_clock.c - linked into a test, it takes the place of the system's clock: where the event loop would sleep
 * until a timer is due, that time has passed at once. What is ready comes first. Only for tests whose peers are in the
 * same process and whose sockets are Unix sockets or pipes, because only there nothing is on its way. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

static int64_t skipped; /* ns */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret) {
    if (syscall(SYS_clock_gettime, id, ret) != 0) return -1;
    int64_t ns = ret->tv_nsec + skipped;
    ret->tv_sec += ns / SECOND;
    ret->tv_nsec = ns % SECOND;
    return 0;
}

__attribute__((visibility("default"))) int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms) {
    bool skips = timeout_ms > 0;
    int r = epoll_pwait(fd, events, n, skips ? 0 : timeout_ms, NULL);
    if (r == 0 && skips) skipped += timeout_ms * INT64_C(1000000);
    return r;
}
