/* curl_loop.c - see curl_loop.h. */
#include "curl_loop.h"

#include <stdlib.h>

struct curl_loop {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer *timer;
    struct curl_loop_callbacks cb;
};

CURLM *curl_loop_multi(const struct curl_loop *c) { return c->multi; }

static void report_ended(struct curl_loop *c) {
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE) c->cb.done(c->cb.arg, m->easy_handle, m->data.result);
    if (c->cb.turned != NULL) c->cb.turned(c->cb.arg);
}

static void on_fd(void *arg, int fd, unsigned events) {
    struct curl_loop *c = arg;
    int running, what = ((events & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
                        ((events & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0) |
                        ((events & LOOP_ERROR) != 0 ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(c->multi, fd, what, &running);
    report_ended(c);
}

static void on_timer(void *arg) {
    struct curl_loop *c = arg;
    int running;
    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    report_ended(c);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned) {
    struct curl_loop *c = arg;
    struct loop_watch *w = assigned;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        loop_watch_free(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    unsigned events = ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) | ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0);
    if (w != NULL)
        loop_watch_set(w, events);
    else
        curl_multi_assign(c->multi, fd, loop_fd(c->loop, fd, events, on_fd, c));
    return 0;
}

static int on_timeout_wanted(CURLM *multi, long ms, void *arg) {
    struct curl_loop *c = arg;
    (void)multi;
    if (ms < 0)
        loop_timer_disarm(c->timer);
    else
        loop_timer_arm(c->timer, ms);
    return 0;
}

struct curl_loop *curl_loop_new(struct loop *l, const struct curl_loop_callbacks *cb) {
    struct curl_loop *c = rv_alloc(sizeof *c);
    c->loop = l;
    c->cb = *cb;
    c->timer = loop_timer(l, on_timer, c);
    c->multi = curl_multi_init();
    if (c->multi == NULL) rv_oom();
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    return c;
}

struct curl_loop *curl_loop_free(struct curl_loop *c) {
    if (c == NULL) return NULL;
    curl_multi_cleanup(c->multi);
    loop_timer_free(c->timer);
    free(c);
    return NULL;
}
