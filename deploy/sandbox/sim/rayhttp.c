/* rayhttp.c - the simulated Ray over plain HTTP on 127.0.0.1. The service is named in the Host header
 * (NAME.NAMESPACE.svc...:PORT) or at the beginning of the path (/NAMESPACE/NAME:PORT/...). */
#include "internal.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { BODY_MAX = 4 << 20 };

struct rayhttp {
    struct sim *m;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct loop_prepare *prepare;
    struct call *waiting;
    bool resumed; /* a connection has its answer: the daemon must run, whatever its timeout says */
};
struct call {
    struct rv_buf body;
    bool too_big;
    struct rayhttp *http;
    struct call *next, **at; /* list of the waiting calls; `at` is NULL if it does not wait */
    struct MHD_Connection *connection;
    struct sim_pending *pending;
    struct rv_buf answer;
    int status; /* of a late answer */
};
struct target {
    struct rv_str ns, service, port, path;
};

static struct rv_str until(struct rv_str *s, char stop) {
    const char *at = s->n != 0 ? memchr(s->p, stop, s->n) : NULL;
    struct rv_str head = {s->p, at != NULL ? (size_t)(at - s->p) : s->n};
    *s = at != NULL ? (struct rv_str){at + 1, s->n - head.n - 1} : RV_STR("");
    return head;
}

static struct target target_of(struct rv_str host, struct rv_str url) {
    struct target t = {.path = url};
    struct rv_str name = until(&host, ':'), all = name;
    t.port = host;
    t.service = until(&name, '.');
    t.ns = until(&name, '.');
    bool named = t.ns.n != 0 && rv_str_starts(name, "svc");
    if (named || all.n == 0) return t;
    struct rv_str rest = {url.p + 1, url.n != 0 ? url.n - 1 : 0};
    t.ns = until(&rest, '/');
    struct rv_str service = until(&rest, '/');
    t.path = rest.n != 0 ? (struct rv_str){rest.p - 1, rest.n + 1} : RV_STR("/");
    t.service = until(&service, ':');
    t.port = service;
    return t;
}

struct query {
    struct rv_buf b;
};

static enum MHD_Result add_query(void *arg, enum MHD_ValueKind kind, const char *key, const char *value) {
    (void)kind;
    struct query *q = arg;
    rv_buf_addf(&q->b, "%s%s%s%s", q->b.n != 0 ? "&" : "?", key, value != NULL ? "=" : "", value != NULL ? value : "");
    return MHD_YES;
}

static enum MHD_Result queue_answer(struct MHD_Connection *c, int status, struct rv_str body) {
    struct MHD_Response *r = MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    bool json = body.n != 0 && (body.p[0] == '{' || body.p[0] == '[');
    MHD_add_response_header(r, "Content-Type", json ? "application/json" : "text/plain");
    enum MHD_Result ok = MHD_queue_response(c, (unsigned)status, r);
    MHD_destroy_response(r);
    return ok;
}

static void resume(struct call *k) {
    if (k->at == NULL) return; /* it is not in the list of waiting calls */
    *k->at = k->next;
    if (k->next != NULL) k->next->at = k->at;
    k->at = NULL;
    k->http->resumed = true;
    MHD_resume_connection(k->connection);
}

static void on_answer(void *arg, int status, struct rv_str body) {
    struct call *k = arg;
    k->pending = NULL;
    k->status = status;
    rv_buf_add_str(&k->answer, body);
    resume(k);
}

static void wait_for(struct rayhttp *h, struct MHD_Connection *c, struct call *k, struct sim_pending *pending) {
    k->http = h;
    k->connection = c;
    k->pending = pending;
    k->at = &h->waiting;
    k->next = h->waiting;
    if (k->next != NULL) k->next->at = &k->next;
    h->waiting = k;
    MHD_suspend_connection(c);
    sim_pending_await(pending, on_answer, k);
}

static enum MHD_Result answer(struct rayhttp *h, struct MHD_Connection *c, const char *url, const char *method,
                              struct call *call) {
    rv_autobuf struct rv_buf out = {0}, path = {0};
    struct query q = {{0}};
    struct sim_pending *pending = NULL;
    int status = 413;
    struct target t = target_of(rv_str(MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Host")), rv_str(url));
    MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_query, &q);
    rv_buf_add_str(&path, t.path);
    rv_buf_add_str(&path, rv_buf_str(&q.b));
    rv_buf_free(&q.b);
    const struct sim_request request = {rv_str(method), rv_buf_str(&path), rv_buf_bytes(&call->body)};
    if (!call->too_big) status = sim_proxy(h->m, t.ns, t.service, t.port, &request, &out, &pending);
    if (pending == NULL) return queue_answer(c, status, rv_buf_str(&out));
    wait_for(h, c, call, pending);
    return MHD_YES;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state) {
    (void)version;
    struct call *call = *state;
    if (call == NULL) {
        *state = rv_alloc(sizeof(struct call));
        return MHD_YES;
    }
    if (call->http != NULL) /* it was waiting; without an answer the connection is closed */
        return call->status != 0 ? queue_answer(c, call->status, rv_buf_str(&call->answer)) : MHD_NO;
    if (*n == 0) return answer(arg, c, url, method, call);
    call->too_big = call->too_big || call->body.n + *n > BODY_MAX;
    if (!call->too_big) rv_buf_add(&call->body, data, *n);
    *n = 0;
    return MHD_YES;
}

static void on_done(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why) {
    (void)arg;
    (void)c;
    (void)why;
    struct call *call = *state;
    *state = NULL;
    if (call == NULL) return;
    if (call->pending != NULL) sim_pending_cancel(call->pending);
    rv_buf_free(&call->body);
    rv_buf_free(&call->answer);
    free(call);
}

static void on_ready(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    MHD_run(((struct rayhttp *)arg)->daemon);
}

static void on_timer(void *arg) { MHD_run(((struct rayhttp *)arg)->daemon); }

static bool before_sleep(void *arg) {
    struct rayhttp *h = arg;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (h->resumed) {
        h->resumed = false;
        MHD_run(h->daemon);
        return true;
    }
    if (MHD_get_timeout(h->daemon, &ms) != MHD_YES) return false;
    if (ms == 0) {
        MHD_run(h->daemon);
        return true;
    }
    loop_timer_arm(h->timer, (int64_t)ms);
    return false;
}

static struct rayhttp *rayhttp_new(struct sim *m, uint16_t port, struct rv_error *err) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct rayhttp *h = rv_alloc(sizeof *h);
    h->m = m;
    h->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, port, NULL, NULL, on_request, h,
                         MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
                         MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (h->daemon == NULL) {
        rv_error_set(err, RV_E_UNAVAILABLE,
                     "the simulated Ray cannot listen on 127.0.0.1:%u; is the port taken? (--sim-opts ray_port=)",
                     port);
        free(h);
        return NULL;
    }
    int fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    h->watch = loop_fd(m->loop, fd, LOOP_READ, on_ready, h);
    h->timer = loop_timer(m->loop, on_timer, h);
    h->prepare = loop_prepare(m->loop, before_sleep, h);
    return h;
}

static void rayhttp_free(struct sim *m, void *module) {
    (void)m;
    struct rayhttp *h = module;
    loop_watch_free(h->watch);
    loop_timer_free(h->timer);
    loop_prepare_free(h->prepare);
    while (h->waiting != NULL) resume(h->waiting);
    if (h->daemon != NULL) {
        MHD_run(h->daemon);
        MHD_stop_daemon(h->daemon);
    }
    free(h);
}

static void *rayhttp_make(struct sim *m, struct rv_error *err) {
    if (m->opts.ray_port == 0) return rv_alloc(sizeof(struct rayhttp));
    return rayhttp_new(m, (uint16_t)m->opts.ray_port, err);
}

static void rayhttp_change(struct sim *m, const struct sim_change *c) {
    (void)m;
    (void)c;
}

const struct sim_module sim_rayhttp_module = {rayhttp_make, rayhttp_free, rayhttp_change, NULL};
