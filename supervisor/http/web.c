/* web.c - health and metrics endpoints (see web.h). */
#include "web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>

#include "supervisor/health.h"
#include "supervisor/leadership.h"

struct web {
    struct supervisor *s;
    struct MHD_Daemon *daemon;
    struct rv_watch *watch;
    struct rv_timer *timer;
};

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type, struct rv_buf *body) {
    struct MHD_Response *r = MHD_create_response_from_buffer(
        body->n, body->p != NULL ? (void *)body->p : (void *)(uintptr_t) "", MHD_RESPMEM_MUST_COPY);
    if (r == NULL) return MHD_NO;
    MHD_add_response_header(r, "Content-Type", type);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
    struct web *w = arg;
    rv_autobuf struct rv_buf b = {0};
    (void)version;
    (void)data;
    (void)size;
    (void)state;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        rv_buf_adds(&b, "only GET is answered here\n");
        return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", &b);
    }
    if (strcmp(url, "/healthz") == 0 || strcmp(url, "/livez") == 0) {
        rv_buf_adds(&b, "ok\n");
        return answer(c, MHD_HTTP_OK, "text/plain", &b);
    }
    if (strcmp(url, "/readyz") == 0) {
        rv_autobuf struct rv_buf room = {0};
        const char *why = health_not_ready(w->s, &room);
        const char *refused = health_config_refused(w->s);
        rv_buf_addf(&b, "%s", why != NULL ? why : leadership_stands_by(w->s) ? "ok, standing by" : "ok");
        if (refused != NULL)
            rv_buf_addf(&b, "; but the configuration file is refused, the one before stays in force: %s", refused);
        rv_buf_addc(&b, '\n');
        return answer(c, why == NULL ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain", &b);
    }
    if (strcmp(url, "/metrics") == 0) {
        metrics_print(w->s, &b);
        return answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4", &b);
    }
    rv_buf_adds(&b, "there are /healthz, /readyz and /metrics\n");
    return answer(c, MHD_HTTP_NOT_FOUND, "text/plain", &b);
}

static void arm_timer(struct web *w) {
    MHD_UNSIGNED_LONG_LONG ms;
    if (MHD_get_timeout(w->daemon, &ms) == MHD_YES)
        rv_timer_arm(w->timer, (int64_t)ms);
    else
        rv_timer_disarm(w->timer);
}

static void run_daemon(void *arg) {
    struct web *w = arg;
    MHD_run(w->daemon);
    arm_timer(w);
}

static void on_readable(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    run_daemon(arg);
}

/* "127.0.0.1:8082", "[::1]:8082", ":8082". */
static int parse_bind(struct rv_str bind, struct sockaddr_storage *ret, socklen_t *ret_size, struct rv_error *err) {
    const char *colon = bind.n != 0 ? memrchr(bind.p, ':', bind.n) : NULL;
    if (colon == NULL)
        return rv_error_set(err, RV_E_CONFIG,
                            "http.bind is \"" RV_STR_FMT "\"; accepted is ADDRESS:PORT such as 127.0.0.1:8082",
                            RV_STR_ARG(bind));
    struct rv_str host_text = {bind.p, (size_t)(colon - bind.p)};
    if (host_text.n > 1 && host_text.p[0] == '[') host_text = (struct rv_str){host_text.p + 1, host_text.n - 2};
    rv_autofree char *host = rv_strdup(host_text),
                     *port = rv_strdup((struct rv_str){colon + 1, bind.n - (size_t)(colon - bind.p) - 1});
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM},
                    *found = NULL;
    int r = getaddrinfo(host[0] != 0 ? host : NULL, port, &hints, &found);
    if (r != 0)
        return rv_error_set(err, RV_E_CONFIG, "http.bind is \"" RV_STR_FMT "\": %s", RV_STR_ARG(bind), gai_strerror(r));
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    *ret_size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

struct web *web_new(struct supervisor *s, struct rv_error *err) {
    struct sockaddr_storage address = {0};
    socklen_t size;
    if (parse_bind(s->config->bind, &address, &size, err) != 0) return NULL;
    struct web *w = rv_alloc(sizeof *w);
    w->s = s;
    unsigned flags = MHD_USE_EPOLL | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    w->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, w, MHD_OPTION_SOCK_ADDR, &address,
                                 MHD_OPTION_CONNECTION_LIMIT, 32u, MHD_OPTION_CONNECTION_TIMEOUT, 10u,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
    if (w->daemon == NULL) {
        rv_error_set(err, -errno, "cannot listen on " RV_STR_FMT " (http.bind): %s", RV_STR_ARG(s->config->bind),
                     strerror(errno));
        free(w);
        return NULL;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    w->timer = rv_loop_timer(s->loop, run_daemon, w);
    w->watch = rv_loop_fd(s->loop, info->epoll_fd, RV_LOOP_READ, on_readable, w);
    return w;
}

unsigned web_port(const struct web *w) {
    const union MHD_DaemonInfo *info = w != NULL ? MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_BIND_PORT) : NULL;
    return info != NULL ? info->port : 0;
}

struct web *web_free(struct web *w) {
    if (w == NULL) return NULL;
    rv_watch_free(w->watch);
    rv_timer_free(w->timer);
    MHD_stop_daemon(w->daemon);
    free(w);
    return NULL;
}
