/* HTTPS on the event loop: libmicrohttpd with its epoll descriptor in ours, no threads. A watch is an answer whose
 * reader suspends the connection while there is nothing to send. */
#include "deploy/sandbox/api/http.h"
#include "rayvisor/json.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 3 << 20 };

struct sb_server {
    struct rv_loop *loop;
    struct sb_storage *storage;
    struct MHD_Daemon *daemon;
    struct rv_watch *watch;
    struct rv_timer *timer;
    struct rv_prepare *prepare;
    struct stream *streams;
    char *token;
    uint16_t port;
    bool resumed; /* a watch has something to send: the daemon must look, whatever its timeout says */
};

struct stream {
    struct stream *next, **at;
    struct sb_server *server;
    struct MHD_Connection *connection;
    const struct sb_resource *resource, *served;
    char *ns;
    struct sb_filter filter;
    struct sb_listener *listener;
    struct rv_timer *end;
    struct rv_buf out;
    bool table, suspended, ended;
};

struct call {
    struct rv_buf body;
    bool too_big;
};

/* ---- watches ---- */

static void wake(struct stream *w) {
    if (!w->suspended) return;
    w->suspended = false;
    w->server->resumed = true;
    MHD_resume_connection(w->connection);
}

static void stream_event(struct stream *w, const char *type, struct sb_object *o) {
    rv_buf_addf(&w->out, "{\"type\":\"%s\",\"object\":", type);
    if (w->table) {
        sb_table_open(o->resource, o->version, &w->out);
        sb_table_row(o, &w->out);
        rv_buf_adds(&w->out, "]}");
    } else {
        sb_write_object(w->served, o, &w->out);
    }
    rv_buf_adds(&w->out, "}\n");
    wake(w);
}

/* With a selector, entering and leaving the selection are what the client sees as added and deleted. */
static void on_change(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    struct stream *w = arg;
    if (o->resource != w->resource || (w->ns[0] != '\0' && !rv_str_is(o->ns, w->ns))) return;
    bool now = type != SB_DELETED && sb_filter_matches(&w->filter, o);
    bool before = prev != NULL && sb_filter_matches(&w->filter, prev);
    if (now)
        stream_event(w, before ? "MODIFIED" : "ADDED", o);
    else if (before)
        stream_event(w, "DELETED", o);
}

static bool on_initial(void *arg, struct sb_object *o) {
    on_change(arg, SB_ADDED, o, NULL);
    return true;
}

static void on_end(void *arg) {
    struct stream *w = arg;
    w->ended = true;
    wake(w);
}

static ssize_t read_stream(void *arg, uint64_t pos, char *buf, size_t max) {
    struct stream *w = arg;
    (void)pos;
    size_t n = w->out.n < max ? w->out.n : max;
    if (n > 0) {
        memcpy(buf, w->out.p, n);
        rv_buf_consume(&w->out, n);
        return (ssize_t)n;
    }
    if (w->ended) return MHD_CONTENT_READER_END_OF_STREAM;
    w->suspended = true;
    MHD_suspend_connection(w->connection);
    return 0;
}

static void stream_free(void *arg) {
    struct stream *w = arg;
    sb_unlisten(w->listener);
    rv_timer_free(w->end);
    *w->at = w->next;
    if (w->next != NULL) w->next->at = w->at;
    sb_filter_free(&w->filter);
    rv_buf_free(&w->out);
    free(w->ns);
    free(w);
}

static void bookmark(struct stream *w, bool initial) {
    const struct sb_resource *r = w->served;
    rv_buf_addf(&w->out,
                "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",\"metadata\":{"
                "\"resourceVersion\":\"%llu\"%s}}}\n",
                r->kind, r->group, r->group[0] != '\0' ? "/" : "", r->version,
                (unsigned long long)sb_version(w->server->storage),
                initial ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void stream_start(struct stream *w, struct sb_request *q) {
    struct sb_storage *s = w->server->storage;
    const char *from = q->query(q->query_arg, "resourceVersion"),
               *initial = q->query(q->query_arg, "sendInitialEvents");
    const char *timeout = q->query(q->query_arg, "timeoutSeconds");
    bool initial_events = initial != NULL && strcmp(initial, "true") == 0;
    int64_t version = 0, seconds = 0;
    bool exact = from != NULL && rv_str_to_int(rv_str(from), 1, INT64_MAX, &version) == 0 && !initial_events;
    if (!exact) {
        sb_each(s, w->resource, rv_str(w->ns), on_initial, w);
        if (initial_events) bookmark(w, true);
    } else if (sb_history(s, w->resource, (uint64_t)version, on_change, w) != 0) {
        rv_buf_adds(&w->out,
                    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                    "\"status\":\"Failure\",\"message\":\"too old resource version\",\"reason\":\"Expired\","
                    "\"code\":410}}\n");
        w->ended = true;
        return;
    }
    w->listener = sb_listen(s, on_change, w);
    if (timeout != NULL && rv_str_to_int(rv_str(timeout), 1, 86400, &seconds) == 0)
        rv_timer_arm(w->end, seconds * 1000);
}

static struct MHD_Response *start_watch(struct sb_server *v, struct MHD_Connection *c, struct sb_request *q,
                                        const struct sb_response *r) {
    struct stream *w = rv_alloc(sizeof *w);
    w->server = v;
    w->connection = c;
    w->resource = r->watch;
    w->served = r->served;
    w->ns = rv_strdup(r->ns);
    w->table = sb_wants_table(q->accept);
    w->end = rv_loop_timer(v->loop, on_end, w);
    w->at = &v->streams;
    w->next = v->streams;
    if (w->next != NULL) w->next->at = &w->next;
    v->streams = w;
    struct rv_error err = {0};
    if (sb_filter_init(&w->filter, w->served, q->query(q->query_arg, "labelSelector"),
                       q->query(q->query_arg, "fieldSelector"), &err) != 0)
        w->ended = true;
    else
        stream_start(w, q);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 32768, read_stream, w, stream_free);
}

/* ---- requests ---- */

static const char *query(void *arg, const char *name) {
    return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, name);
}

static struct rv_str header(struct MHD_Connection *c, const char *name) {
    return rv_str(MHD_lookup_connection_value(c, MHD_HEADER_KIND, name));
}

static bool authorized(const struct sb_server *v, struct MHD_Connection *c) {
    struct rv_str h = header(c, "Authorization");
    size_t n = strlen(v->token);
    if (h.n != n + 7 || memcmp(h.p, "Bearer ", 7) != 0) return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < n; i++) diff |= (unsigned char)(h.p[7 + i] ^ v->token[i]);
    return diff == 0;
}

static bool control(struct sb_server *v, struct sb_request *q, struct sb_response *r) {
    if (!rv_str_starts(q->path, "/sandbox/v1/") || strcmp(q->method, "POST") != 0) return false;
    if (rv_str_is(q->path, "/sandbox/v1/compact"))
        sb_compact(v->storage);
    else if (rv_str_is(q->path, "/sandbox/v1/drop-watches"))
        for (struct stream *w = v->streams; w != NULL; w = w->next) on_end(w);
    else
        return false;
    r->http = 200;
    rv_buf_adds(&r->body, "{}");
    return true;
}

/* Warning (RFC 7234, as API servers use it) and Retry-After. */
static void extra_headers(struct MHD_Response *m, const struct sb_response *r) {
    for (size_t i = 0; i < r->warnings.n;) {
        const char *line = (const char *)r->warnings.p + i, *end = memchr(line, '\n', r->warnings.n - i);
        size_t n = end != NULL ? (size_t)(end - line) : r->warnings.n - i;
        rv_autobuf struct rv_buf text = {0}, quoted = {0};
        rv_json_quote((struct rv_str){line, n}, &quoted);
        rv_buf_adds(&text, "299 - ");
        rv_buf_add_str(&text, rv_buf_str(&quoted));
        MHD_add_response_header(m, "Warning", rv_buf_cstr(&text));
        i += n + 1;
    }
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%d", r->retry_after);
    if (r->retry_after > 0) MHD_add_response_header(m, "Retry-After", seconds);
}

static enum MHD_Result reply(struct sb_server *v, struct MHD_Connection *c, struct sb_request *q,
                             struct sb_response *r) {
    struct MHD_Response *m = r->watch != NULL
                                 ? start_watch(v, c, q, r)
                                 : MHD_create_response_from_buffer(r->body.n, r->body.p, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(m, "Content-Type", r->type);
    extra_headers(m, r);
    enum MHD_Result ok = MHD_queue_response(c, (unsigned)r->http, m);
    MHD_destroy_response(m);
    return ok;
}

static enum MHD_Result execute(struct sb_server *v, struct MHD_Connection *c, const char *url, const char *method,
                               struct call *call) {
    rv_autoarena struct rv_arena *a = rv_arena_new();
    struct sb_request q = {.storage = v->storage,
                           .method = method,
                           .path = rv_str(url),
                           .body = rv_buf_str(&call->body),
                           .accept = header(c, "Accept"),
                           .content_type = header(c, "Content-Type"),
                           .user_agent = header(c, "User-Agent"),
                           .arena = a,
                           .query = query,
                           .query_arg = c};
    struct sb_response r = {.type = "application/json"};
    struct sb_status st = {0};
    if (!authorized(v, c))
        sb_status_set(&st, 401, "Unauthorized", "Unauthorized");
    else if (call->too_big)
        sb_status_set(&st, 413, "RequestEntityTooLarge", "the request is larger than 3 MiB");
    if (st.http != 0)
        sb_respond_status(&r, &st);
    else if (!control(v, &q, &r))
        sb_handle(&q, &r);
    sb_status_clear(&st);
    enum MHD_Result ok = reply(v, c, &q, &r);
    rv_buf_free(&r.body);
    rv_buf_free(&r.warnings);
    return ok;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state) {
    (void)version;
    struct call *call = *state;
    if (call == NULL) {
        *state = rv_alloc(sizeof(struct call));
        return MHD_YES;
    }
    if (*n == 0) return execute(arg, c, url, method, call);
    if (call->body.n + *n > BODY_MAX)
        call->too_big = true;
    else
        rv_buf_add(&call->body, data, *n);
    *n = 0;
    return MHD_YES;
}

static void on_done(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why) {
    (void)arg;
    (void)c;
    (void)why;
    struct call *call = *state;
    if (call != NULL) rv_buf_free(&call->body);
    free(call);
    *state = NULL;
}

/* ---- the loop ---- */

static void on_ready(void *arg, int fd, unsigned events) {
    (void)fd;
    (void)events;
    MHD_run(((struct sb_server *)arg)->daemon);
}

static void on_timer(void *arg) { MHD_run(((struct sb_server *)arg)->daemon); }

static bool before_sleep(void *arg) {
    struct sb_server *v = arg;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (v->resumed) {
        v->resumed = false;
        MHD_run(v->daemon);
        return true;
    }
    if (MHD_get_timeout(v->daemon, &ms) != MHD_YES) return false;
    if (ms == 0) {
        MHD_run(v->daemon);
        return true;
    }
    rv_timer_arm(v->timer, (int64_t)ms);
    return false;
}

struct sb_server *sb_server_new(struct rv_loop *l, struct sb_storage *s, const struct sb_server_opts *o,
                                struct rv_error *err) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(o->port)};
    if (inet_pton(AF_INET, o->bind, &at.sin_addr) != 1) {
        rv_error_set(err, RV_E_CONFIG, "--bind %s is not an IPv4 address", o->bind);
        return NULL;
    }
    struct sb_server *v = rv_alloc(sizeof *v);
    v->loop = l;
    v->storage = s;
    v->token = rv_strdup(rv_str(o->token));
    v->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, o->port,
                                 NULL, NULL, on_request, v, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                                 MHD_OPTION_HTTPS_MEM_KEY, o->key_pem, MHD_OPTION_HTTPS_MEM_CERT, o->cert_pem,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)131072, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (v->daemon == NULL) {
        rv_error_set(err, RV_E_UNAVAILABLE, "cannot listen on %s:%u; is the port taken?", o->bind, o->port);
        return sb_server_free(v);
    }
    v->port = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    int fd = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    v->watch = rv_loop_fd(l, fd, RV_LOOP_READ, on_ready, v);
    v->timer = rv_loop_timer(l, on_timer, v);
    v->prepare = rv_loop_prepare(l, before_sleep, v);
    return v;
}

struct sb_server *sb_server_free(struct sb_server *v) {
    if (v == NULL) return NULL;
    rv_watch_free(v->watch);
    rv_prepare_free(v->prepare);
    for (struct stream *w = v->streams; w != NULL; w = w->next) on_end(w);
    if (v->daemon != NULL) {
        MHD_run(v->daemon);
        MHD_stop_daemon(v->daemon);
    }
    rv_timer_free(v->timer);
    free(v->token);
    free(v);
    return NULL;
}

uint16_t sb_server_port(const struct sb_server *v) { return v->port; }
