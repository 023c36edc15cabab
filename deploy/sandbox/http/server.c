/* server.c - HTTPS on the event loop: libmicrohttpd with its epoll descriptor in our loop, without threads. A watch is
 * an answer whose reader suspends the connection while there is nothing to send. */
#include "control.h"
#include "logs.h"
#include "peer.h"
#include "rayvisor/json.h"
#include "table.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* BACKLOG_MAX: how many bytes are kept for a watcher that does not read. Beyond it the watch ends, as in a real API
 * server. */
enum { BODY_MAX = 3 << 20, BOOKMARK_MS = 10000, BACKLOG_MAX = 64 << 20 };

struct sb_server {
    struct loop *loop;
    struct sb_storage *storage;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct loop_prepare *prepare;
    struct stream *streams;
    struct call *held; /* answers that a fault holds back */
    struct sb_faults *faults;
    struct sb_stats *stats;
    struct sb_server_opts opts;
    struct loop_timer *pause_end;
    int64_t pause_ms; /* a requested pause, which begins when the answer to the request was sent */
    int place;        /* a socket that keeps the port reserved while nobody listens; -1 if none */
    uint16_t port;
    bool resumed; /* a watch has something to send: the daemon must run, whatever its timeout says */
};

struct stream {
    struct stream *next, **at;
    struct sb_server *server;
    struct MHD_Connection *connection;
    const struct sb_resource *resource, *served;
    char *ns;
    struct sb_filter filter;
    struct sb_listener *listener;
    struct loop_timer *end;
    struct rv_buf out;
    struct sb_fault fault;
    struct sb_log *log; /* the watch shows the log lines of a container instead of events */
    struct sb_form form;
    struct loop_timer *mark; /* for bookmarks, if they were requested */
    uint64_t marked;
    unsigned edition; /* the edition of its definition when it began */
    bool headed, suspended, ended;
};

struct sb_later {
    void (*cancel)(void *arg); /* NULL if nobody answers later */
    void *arg;
};

struct call {
    char *uri; /* as it was sent, with its query */
    struct rv_buf body;
    bool started, too_big;
    struct sb_later later;
    /* An answer that is held back: the connection is suspended until it is ready, or until it is released to break. */
    struct call *next, **at;
    struct sb_server *server;
    struct MHD_Connection *connection;
    struct MHD_Response *answer;
    struct loop_timer *timer;
    int http;
    bool suspended, ready;
};

/* ---- watches ---- */

static void wake(struct stream *w) {
    if (!w->suspended) return;
    w->suspended = false;
    w->server->resumed = true;
    MHD_resume_connection(w->connection);
}

static void stream_event(struct stream *w, const char *type, struct sb_object *o) {
    if (w->fault.stall) return;
    size_t before = w->out.n;
    if (w->log != NULL) {
        sb_log_more(w->log, o, strcmp(type, "DELETED") == 0, &w->out, &w->ended);
        wake(w);
        return;
    }
    struct jsonw json = {.out = &w->out};
    jsonw_begin_object(&json, NULL);
    jsonw_text(&json, "type", type);
    sb_form_object(w->form, w->served, o, !w->headed, jsonw_value(&json, "object"));
    jsonw_end_object(&json);
    w->headed = true;
    rv_buf_addc(&w->out, '\n');
    if (w->fault.duplicate_events) {
        rv_buf_reserve(&w->out, w->out.n - before);
        rv_buf_add(&w->out, w->out.p + before, w->out.n - before);
    }
    sb_stats_events(w->server->stats, w->fault.duplicate_events ? 2 : 1);
    if (w->listener != NULL && w->out.n > BACKLOG_MAX) w->ended = true; /* it may resume from its last version */
    wake(w);
}

static void on_end(void *arg) {
    struct stream *w = arg;
    w->ended = true;
    wake(w);
}

/* With a selector, objects that enter or leave the selection are shown as added or deleted. A leaving object is shown
 * in its last state inside the selection. */
static void on_change(void *arg, enum sb_event type, struct sb_object *o, struct sb_object *prev) {
    struct stream *w = arg;
    const struct sb_table *t = sb_table_of(w->resource);
    if (t->gone || t->edition != w->edition) on_end(w); /* changes of its definition arrive here as well */
    if (w->ended || o->resource != w->resource || (w->ns[0] != '\0' && !rv_str_is(o->ns, w->ns))) return;
    bool now = type != SB_DELETED && sb_filter_matches(&w->filter, o);
    bool before = prev != NULL && sb_filter_matches(&w->filter, prev);
    if (now)
        stream_event(w, before ? "MODIFIED" : "ADDED", o);
    else if (before) {
        struct sb_object *last = type == SB_DELETED ? sb_object_ref(o) : sb_object_at(prev, o->version);
        stream_event(w, "DELETED", last);
        sb_object_unref(last);
    }
}

static bool on_initial(void *arg, struct sb_object *o) {
    on_change(arg, SB_ADDED, o, NULL);
    return true;
}

static ssize_t read_stream(void *arg, uint64_t pos, char *buf, size_t max) {
    struct stream *w = arg;
    size_t n = w->out.n < max ? w->out.n : max;
    if (w->fault.truncate != 0) {
        if (pos >= (uint64_t)w->fault.truncate) return MHD_CONTENT_READER_END_WITH_ERROR;
        if (pos + n > (uint64_t)w->fault.truncate) n = (size_t)((uint64_t)w->fault.truncate - pos);
    }
    if (n > 0) {
        sb_stats_bytes_out(w->server->stats, n);
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
    sb_stats_watch(w->server->stats, w->resource->plural, -1);
    sb_unlisten(w->listener);
    loop_timer_free(w->end);
    loop_timer_free(w->mark);
    sb_log_free(w->log);
    *w->at = w->next;
    if (w->next != NULL) w->next->at = w->at;
    sb_filter_free(&w->filter);
    rv_buf_free(&w->out);
    free(w->ns);
    free(w);
}

static void bookmark(struct stream *w, bool initial) {
    w->marked = sb_version(w->server->storage);
    sb_form_bookmark(w->form, w->served, w->marked, initial, &w->out);
}

/* Sends a bookmark, so that a client with few changes can resume from a version that is not too old. */
static void on_mark(void *arg) {
    struct stream *w = arg;
    loop_timer_arm(w->mark, BOOKMARK_MS);
    if (w->ended || w->fault.stall || w->marked == sb_version(w->server->storage)) return;
    bookmark(w, false);
    wake(w);
}

static void stream_start(struct stream *w, struct sb_request *q) {
    struct sb_storage *s = w->server->storage;
    const char *from = q->query(q->query_arg, "resourceVersion");
    const char *timeout = q->query(q->query_arg, "timeoutSeconds");
    bool initial_events = sb_is_true(q, "sendInitialEvents");
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
        loop_timer_arm(w->end, seconds * 1000);
    if (sb_is_true(q, "allowWatchBookmarks")) loop_timer_arm(w->mark, BOOKMARK_MS);
}

static const char GARBAGE[] = "\xff\xfe{\"type\":\"ADDED\",\"object\":{\"kind\":]\x01\n";

static struct MHD_Response *start_watch(struct sb_server *v, struct MHD_Connection *c, struct sb_request *q,
                                        struct sb_response *r, const struct sb_fault *fault) {
    struct stream *w = rv_alloc(sizeof *w);
    w->server = v;
    w->connection = c;
    w->resource = r->watch;
    w->served = r->served;
    w->edition = sb_table_of(w->resource)->edition;
    w->fault = *fault;
    sb_stats_watch(v->stats, w->resource->plural, 1);
    if (w->fault.garbage) rv_buf_add(&w->out, GARBAGE, sizeof GARBAGE - 1);
    w->ns = rv_strdup(r->ns);
    w->log = RV_TAKE(r->log);
    if (w->log != NULL) rv_buf_add_str(&w->out, rv_buf_str(&r->body));
    w->form = sb_form_of(q->accept, q->query(q->query_arg, "includeObject"));
    w->mark = loop_timer(v->loop, on_mark, w);
    w->end = loop_timer(v->loop, on_end, w);
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
    size_t n = strlen(v->opts.token);
    if (h.n == 0) return sb_peer_certified(c);
    if (h.n != n + 7 || memcmp(h.p, "Bearer ", 7) != 0) return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < n; i++) diff |= (unsigned char)(h.p[7 + i] ^ v->opts.token[i]);
    return diff == 0;
}

/* ---- answers that a fault spoils ---- */

struct cut {
    size_t keep;
    struct rv_str text; /* the text is in the same memory, after the struct */
};

static ssize_t read_cut(void *arg, uint64_t pos, char *buf, size_t max) {
    const struct cut *c = arg;
    if (pos >= c->keep) return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t n = c->keep - (size_t)pos < max ? c->keep - (size_t)pos : max;
    memcpy(buf, c->text.p + pos, n);
    return (ssize_t)n;
}

/* The header has the whole length, and at least one byte of the body is missing. */
static struct MHD_Response *cut_answer(const struct rv_buf *body, size_t keep) {
    struct cut *c = rv_alloc(sizeof *c + body->n);
    if (body->n != 0) memcpy(c + 1, body->p, body->n);
    c->text = (struct rv_str){(const char *)(c + 1), body->n};
    c->keep = keep < body->n ? keep : body->n != 0 ? body->n - 1 : 0;
    return MHD_create_response_from_callback(body->n, 4096, read_cut, c, free);
}

static struct MHD_Response *make_answer(struct sb_server *v, struct MHD_Connection *c, struct sb_request *q,
                                        struct sb_response *r, const struct sb_fault *fault) {
    if (r->watch != NULL) return start_watch(v, c, q, r, fault);
    if (fault->garbage) {
        r->http = 200;
        rv_buf_clear(&r->body);
        rv_buf_add(&r->body, GARBAGE, sizeof GARBAGE - 1);
    }
    if (fault->truncate != 0) return cut_answer(&r->body, (size_t)fault->truncate);
    return MHD_create_response_from_buffer(r->body.n, r->body.p, MHD_RESPMEM_MUST_COPY);
}

static void resume(struct call *k) {
    if (!k->suspended) return;
    k->suspended = false;
    k->server->resumed = true;
    MHD_resume_connection(k->connection);
}

static void on_delayed(void *arg) {
    struct call *k = arg;
    k->ready = true;
    resume(k);
}

static void hold(struct sb_server *v, struct MHD_Connection *c, struct call *k) {
    k->server = v;
    k->connection = c;
    k->at = &v->held;
    k->next = v->held;
    if (k->next != NULL) k->next->at = &k->next;
    v->held = k;
    k->suspended = true;
    MHD_suspend_connection(c);
}

static void hold_for(struct sb_server *v, struct MHD_Connection *c, struct call *k, const struct sb_fault *fault) {
    hold(v, c, k);
    if (fault->stall) return;
    k->timer = loop_timer(v->loop, on_delayed, k);
    loop_timer_arm(k->timer, fault->delay_ms);
}

/* Disconnects stalled requests. */
static void release(void *arg) {
    for (struct call *k = ((struct sb_server *)arg)->held; k != NULL; k = k->next)
        if (k->timer == NULL && k->later.cancel == NULL) resume(k);
}

static void drop_watches(void *arg) {
    for (struct stream *w = ((struct sb_server *)arg)->streams; w != NULL; w = w->next) on_end(w);
}

static void ask_pause(void *arg, int64_t ms) { ((struct sb_server *)arg)->pause_ms = ms; }

/* ---- requests ---- */

static bool control(struct sb_server *v, struct sb_request *q, struct sb_response *r) {
    const struct sb_control c = {v->storage, v->faults, v->stats, drop_watches, release, ask_pause, v};
    return sb_control(&c, q, r);
}

static const char *type_of(struct rv_str body) {
    bool json = body.n != 0 && (body.p[0] == '{' || body.p[0] == '[');
    return json ? "application/json" : "text/plain";
}

static bool other(const struct sb_server *v, struct call *k, struct sb_request *q, struct sb_response *r) {
    if (v->opts.other == NULL || !v->opts.other(v->opts.other_arg, rv_str(q->method), rv_str(k->uri),
                                                rv_buf_bytes(&k->body), &k->later, &r->http, &r->body))
        return false;
    r->type = type_of(rv_buf_str(&r->body));
    return true;
}

void sb_later_hold(struct sb_later *l, void (*cancel)(void *arg), void *arg) {
    l->cancel = cancel;
    l->arg = arg;
}

void sb_later_answer(struct sb_later *l, int status, struct rv_str body) {
    struct call *k = (struct call *)(void *)((char *)l - offsetof(struct call, later));
    struct MHD_Response *m = MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(m, "Content-Type", type_of(body));
    sb_stats_answer(k->server->stats, status, body.n);
    l->cancel = NULL;
    k->answer = m;
    k->http = status;
    k->ready = true;
    resume(k);
}

/* The headers Warning (RFC 7234, as API servers use it) and Retry-After. */
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

/* Finds the fault that the request meets, and counts it. */
static void apply_faults(struct sb_server *v, struct sb_request *q, struct sb_fault *ret) {
    struct sb_route t = {0};
    struct sb_fault_call c = {.verb = RV_STR("get"), .user_agent = q->user_agent};
    if (sb_route(v->storage, q->path, &t) == 0)
        c = (struct sb_fault_call){
            rv_str(sb_verb(q, &t)), rv_str(t.resource->group), rv_str(t.resource->plural), t.sub, t.ns, t.name,
            q->user_agent};
    sb_stats_request(v->stats, &c, q->body.n);
    if (sb_faults_pick(v->faults, &c, ret)) sb_stats_fault(v->stats);
}

static void respond_fault(struct sb_response *r, const struct sb_fault *f) {
    static const struct {
        int64_t http;
        const char *reason;
    } reasons[] = {{400, "BadRequest"},    {401, "Unauthorized"},
                   {403, "Forbidden"},     {404, "NotFound"},
                   {409, "Conflict"},      {410, "Expired"},
                   {422, "Invalid"},       {429, "TooManyRequests"},
                   {500, "InternalError"}, {503, "ServiceUnavailable"},
                   {504, "Timeout"}};
    const char *reason = f->reason;
    for (size_t i = 0; reason[0] == '\0' && i < RV_ARRAY_LEN(reasons); i++)
        if (reasons[i].http == f->status) reason = reasons[i].reason;
    struct sb_status st = {0};
    sb_status_set(&st, (int)f->status, reason, "%s", f->message[0] != '\0' ? f->message : "a fault that was asked for");
    sb_respond_status(r, &st);
    sb_status_clear(&st);
    r->retry_after = (int)f->retry_after;
}

/* Carries out the request. The fault decides which part of the answer the client gets. */
static enum MHD_Result serve(struct sb_server *v, struct MHD_Connection *c, struct call *call, struct sb_request *q) {
    struct sb_response r = {.type = "application/json"};
    struct sb_fault fault = {0};
    enum MHD_Result ok = MHD_NO;
    bool counted = !control(v, q, &r);
    if (counted) {
        apply_faults(v, q, &fault);
        if (fault.drop == SB_DROP_BEFORE) return MHD_NO;
        if (fault.status != 0)
            respond_fault(&r, &fault);
        else if (!other(v, call, q, &r))
            sb_handle(q, &r);
    }
    if (counted && call->later.cancel != NULL) {
        hold(v, c, call);
        ok = MHD_YES;
    } else if (fault.drop == SB_DROP_NOT) {
        struct MHD_Response *m = make_answer(v, c, q, &r, &fault);
        MHD_add_response_header(m, "Content-Type", r.type);
        extra_headers(m, &r);
        if (counted && r.watch == NULL) sb_stats_answer(v->stats, r.http, r.body.n);
        call->answer = m;
        call->http = r.http;
        ok = MHD_YES;
        if (fault.delay_ms != 0 || (fault.stall && r.watch == NULL))
            hold_for(v, c, call, &fault);
        else
            ok = MHD_queue_response(c, (unsigned)r.http, m);
    }
    rv_buf_free(&r.body);
    rv_buf_free(&r.warnings);
    sb_log_free(r.log);
    return ok;
}

static enum MHD_Result refuse(struct MHD_Connection *c, int http, const char *reason, const char *text) {
    struct sb_response r = {0};
    struct sb_status st = {0};
    sb_status_set(&st, http, reason, "%s", text);
    sb_respond_status(&r, &st);
    sb_status_clear(&st);
    struct MHD_Response *m = MHD_create_response_from_buffer(r.body.n, r.body.p, MHD_RESPMEM_MUST_COPY);
    rv_buf_free(&r.body);
    rv_buf_free(&r.warnings);
    MHD_add_response_header(m, "Content-Type", "application/json");
    enum MHD_Result ok = MHD_queue_response(c, (unsigned)http, m);
    MHD_destroy_response(m);
    return ok;
}

static enum MHD_Result execute(struct sb_server *v, struct MHD_Connection *c, const char *url, const char *method,
                               struct call *call) {
    if (!authorized(v, c)) return refuse(c, 401, "Unauthorized", "Unauthorized");
    if (call->too_big) return refuse(c, 413, "RequestEntityTooLarge", "the request is larger than 3 MiB");
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
    return serve(v, c, call, &q);
}

static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c) {
    (void)arg;
    (void)c;
    struct call *call = rv_alloc(sizeof *call);
    call->uri = rv_strdup(rv_str(uri));
    return call;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *n, void **state) {
    (void)version;
    struct call *call = *state;
    if (!call->started) {
        call->started = true;
        return MHD_YES;
    }
    if (call->at != NULL) /* it was held back */
        return call->ready ? MHD_queue_response(c, (unsigned)call->http, call->answer) : MHD_NO;
    if (*n == 0) return execute(arg, c, url, method, call);
    if (call->body.n + *n > BODY_MAX)
        call->too_big = true;
    else
        rv_buf_add(&call->body, data, *n);
    *n = 0;
    return MHD_YES;
}

static void pause_now(void *arg);

static void on_done(void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why) {
    (void)c;
    (void)why;
    struct sb_server *v = arg;
    struct call *call = *state;
    *state = NULL;
    if (v->pause_ms != 0 && v->place < 0) loop_defer(v->loop, pause_now, v);
    if (call == NULL) return;
    if (call->at != NULL) {
        *call->at = call->next;
        if (call->next != NULL) call->next->at = call->at;
    }
    if (call->later.cancel != NULL) call->later.cancel(call->later.arg);
    if (call->answer != NULL) MHD_destroy_response(call->answer);
    loop_timer_free(call->timer);
    rv_buf_free(&call->body);
    free(call->uri);
    free(call);
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
    loop_timer_arm(v->timer, (int64_t)ms);
    return false;
}

static int open_daemon(struct sb_server *v, struct rv_error *err) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(v->port)};
    if (inet_pton(AF_INET, v->opts.bind, &at.sin_addr) != 1)
        return rv_error_set(err, RV_E_CONFIG, "--bind %s is not an IPv4 address", v->opts.bind);
    v->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, v->port,
                                 NULL, NULL, on_request, v, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
                                 MHD_OPTION_HTTPS_MEM_KEY, v->opts.key_pem, MHD_OPTION_HTTPS_MEM_CERT, v->opts.cert_pem,
                                 MHD_OPTION_HTTPS_MEM_TRUST, v->opts.cert_pem, MHD_OPTION_URI_LOG_CALLBACK, on_uri, v,
                                 MHD_OPTION_NOTIFY_COMPLETED, on_done, v, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)131072, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U, MHD_OPTION_END);
    if (v->daemon == NULL)
        return rv_error_set(err, RV_E_UNAVAILABLE, "cannot listen on %s:%u; is the port taken?", v->opts.bind, v->port);
    v->port = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    int fd = MHD_get_daemon_info(v->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    v->watch = loop_fd(v->loop, fd, LOOP_READ, on_ready, v);
    v->timer = loop_timer(v->loop, on_timer, v);
    v->prepare = loop_prepare(v->loop, before_sleep, v);
    return 0;
}

static void close_daemon(struct sb_server *v) {
    v->watch = loop_watch_free(v->watch);
    v->prepare = loop_prepare_free(v->prepare);
    v->timer = loop_timer_free(v->timer);
    drop_watches(v);
    for (struct call *k = v->held; k != NULL; k = k->next) resume(k);
    if (v->daemon == NULL) return;
    MHD_run(v->daemon);
    MHD_stop_daemon(v->daemon);
    v->daemon = NULL;
}

/* ---- a pause: as if the process were away. A socket that is bound and does not listen keeps the port. ---- */

static int keep_place(const struct sb_server *v) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(v->port)};
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || inet_pton(AF_INET, v->opts.bind, &at.sin_addr) != 1) return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

static void pause_now(void *arg) {
    struct sb_server *v = arg;
    if (v->pause_ms == 0 || v->daemon == NULL) return;
    v->place = keep_place(v);
    close_daemon(v);
    loop_timer_arm(v->pause_end, v->pause_ms);
    v->pause_ms = 0;
}

static void on_pause_end(void *arg) {
    struct sb_server *v = arg;
    struct rv_error err = {0};
    if (open_daemon(v, &err) != 0) {
        fprintf(stderr, "rayvisor-sandbox: after a pause: %s\n", err.text);
        loop_timer_arm(v->pause_end, 1000);
        return;
    }
    if (v->place >= 0) close(v->place);
    v->place = -1;
}

struct sb_server *sb_server_new(struct loop *l, struct sb_storage *s, const struct sb_server_opts *o,
                                struct rv_error *err) {
    struct sb_server *v = rv_alloc(sizeof *v);
    v->loop = l;
    v->storage = s;
    v->opts = *o;
    v->port = o->port;
    v->place = -1;
    v->faults = sb_faults_new();
    v->stats = sb_stats_new();
    v->pause_end = loop_timer(l, on_pause_end, v);
    return open_daemon(v, err) == 0 ? v : sb_server_free(v);
}

struct sb_server *sb_server_free(struct sb_server *v) {
    if (v == NULL) return NULL;
    close_daemon(v);
    loop_timer_free(v->pause_end);
    if (v->place >= 0) close(v->place);
    sb_faults_free(v->faults);
    sb_stats_free(v->stats);
    free(v);
    return NULL;
}

uint16_t sb_server_port(const struct sb_server *v) { return v->port; }
