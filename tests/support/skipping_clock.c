/* skipping_clock.c - linked into a test, it takes the place of the system's clock: where the event loop would sleep
 * until a timer is due, that time has passed at once. What is ready comes first, and what is on its way between two TCP
 * sockets of the process is waited for. Only for tests whose peers are all in the same process. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
enum { FDS = 256, ON_ITS_WAY_MS = 1, WAITS_MAX = 10000 };

static int64_t skipped; /* ns */

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *ret) {
    if (syscall(SYS_clock_gettime, id, ret) != 0) return -1;
    int64_t ns = ret->tv_nsec + skipped;
    ret->tv_sec += ns / SECOND;
    ret->tv_nsec = ns % SECOND;
    return 0;
}

/* Has a TCP socket sent something that its peer has not received yet? */
static bool is_on_its_way(int fd) {
    struct tcp_info info;
    socklen_t n = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 || info.tcpi_state == TCP_LISTEN) return false;
    return info.tcpi_unacked != 0 || info.tcpi_state == TCP_SYN_SENT || info.tcpi_state == TCP_SYN_RECV;
}

static bool any_on_its_way(void) {
    for (int fd = 0; fd < FDS; fd++)
        if (is_on_its_way(fd)) return true;
    return false;
}

__attribute__((visibility("default"))) int epoll_wait(int fd, struct epoll_event *events, int n, int timeout_ms) {
    bool skips = timeout_ms > 0;
    int r = epoll_pwait(fd, events, n, skips ? 0 : timeout_ms, NULL);
    for (int i = 0; r == 0 && skips && i < WAITS_MAX && any_on_its_way(); i++)
        r = epoll_pwait(fd, events, n, ON_ITS_WAY_MS, NULL);
    if (r == 0 && skips) r = epoll_pwait(fd, events, n, 0, NULL); /* it may have arrived since the first look */
    if (r == 0 && skips) skipped += timeout_ms * INT64_C(1000000);
    return r;
}
