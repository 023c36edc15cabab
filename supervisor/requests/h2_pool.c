/* h2_pool.c - see h2_pool.h.
 *
 * A host is one server, with its connections and the requests that wait for one. At most one connection takes requests;
 * the others only finish those that they have. Events (a request, a byte, a time-out) only record something and mark
 * the host. flush(), which the loop calls afterwards, does the work. So a callback of a plugin's request never runs
 * inside of another call, and no function frees a connection that its caller still uses. */
#include "h2_pool.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "address_filter.h"
#include "h2_session.h"
#include "h2_target.h"
#include "h2_transport.h"
#include "ipc/base/backoff.h"
#include "resolver.h"

enum { NS = 1000000, OUTPUT = 16384, ADDRESSES_MAX = 8 };

const struct h2_pool_limits h2_pool_usual = {.connections = 2048,
                                             .idle_ms = 60000,
                                             .sweep_ms = 5000,
                                             .connect_ms = 1000,
                                             .backoff_first_ms = 200,
                                             .backoff_most_ms = 2000};

struct call {
    struct h2_pool *pool;
    struct host *host;
    struct link *link;        /* NULL while it waits for a connection */
    struct h2_stream *stream; /* its stream on `link` */
    struct h2_target target;
    char *method, *content_type, *credential;
    struct client_identity *identity;
    char *identity_of; /* "NAMESPACE/NAME" of its Secret; empty: none */
    struct rv_buf body;
    struct loop_timer *deadline;
    unsigned ms;
    int64_t sent; /* monotonic, ns */
    size_t max_bytes;
    bool repeatable, repeated;
    int code; /* if it is not 0, the call fails with this code and text */
    bool tls; /* it failed in TLS */
    struct rv_buf why;
    http_answer_fn done;
    void *arg;
    struct call *next, **back;
};

union address { /* a fifth of a struct sockaddr_storage */
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct calls {
    struct call *first, **last;
};

struct link { /* one connection */
    struct host *host;
    struct h2_transport *transport;
    struct h2_session *session;
    struct rv_buf out;
    struct calls calls;
    /* `open`: connected. `retired`: takes no new requests. `closed`: the transport has ended. */
    bool open, retired, closed;
    bool proven;         /* it has answered a request */
    bool ours;           /* an operator has answered */
    char *why;           /* why it has ended */
    int64_t received_at; /* monotonic, ns: when the newest byte came */
    union address to;
    struct link *next, **back;
};

struct host {
    struct h2_pool *pool;
    char *key; /* "https://NAME:PORT", and behind a blank whose client certificate is used */
    char *host_port, *name;
    struct client_identity *identity;
    bool tls, is_name;
    struct resolver_waiter wait;
    union address addresses[ADDRESSES_MAX];
    /* `address_at` is the address that is being tried. */
    size_t address_n, address_at;
    struct loop_timer *next_address;
    /* All of them, and the one that takes requests. */
    struct link *links, *link;
    struct calls waiting;
    unsigned failures; /* failures to connect, in a row */
    int64_t retry_at;  /* monotonic, ns */
    char *why;         /* the newest failure */
    int64_t used;      /* monotonic, ns */
    bool marked;
    struct host *older, *newer; /* the order by last use */
    struct host *next_marked;
};

struct h2_pool {
    struct loop *loop;
    struct resolver *resolver;
    struct address_filter *filter;
    http_admit_fn admit;
    const struct h2_pool_limits *limits;
    SSL_CTX *tls;
    struct loop_timer *flush, *sweep;
    void *hosts; /* a tree by key */
    struct host *oldest, *newest, *marked;
    size_t host_n, link_n;
    struct calls incoming, failing;
    bool paused; /* bodies wait for space */
    struct h2_pool_counts counts;
};

/* ---- lists ---------------------------------------------------------------------------------------------- */

static void calls_init(struct calls *l) { l->last = &l->first; }

static void calls_add(struct calls *l, struct call *c) {
    c->next = NULL;
    c->back = l->last;
    *l->last = c;
    l->last = &c->next;
}

static void calls_remove(struct calls *l, struct call *c) {
    *c->back = c->next;
    if (c->next != NULL)
        c->next->back = c->back;
    else
        l->last = c->back;
}

/* The list in which a call is follows from its state. */
static struct calls *list_of(struct call *c) {
    if (c->code != 0) return &c->pool->failing;
    if (c->host == NULL) return &c->pool->incoming;
    return c->link != NULL ? &c->link->calls : &c->host->waiting;
}

static void mark(struct host *h) {
    struct h2_pool *p = h->pool;
    if (h->marked) return;
    h->marked = true;
    h->next_marked = p->marked;
    p->marked = h;
    loop_timer_arm(p->flush, 0);
}

static void unmark(struct host *h) {
    struct host **at = &h->pool->marked;
    if (!h->marked) return;
    while (*at != h) at = &(*at)->next_marked;
    *at = h->next_marked;
    h->marked = false;
}

static void age_remove(struct host *h) {
    struct h2_pool *p = h->pool;
    *(h->older != NULL ? &h->older->newer : &p->oldest) = h->newer;
    *(h->newer != NULL ? &h->newer->older : &p->newest) = h->older;
}

static void age_add(struct host *h) {
    struct h2_pool *p = h->pool;
    h->used = clock_monotonic();
    h->older = p->newest;
    h->newer = NULL;
    *(p->newest != NULL ? &p->newest->newer : &p->oldest) = h;
    p->newest = h;
}

/* ---- the end of a call ---------------------------------------------------------------------------------- */

static void call_free(struct call *c) {
    calls_remove(list_of(c), c);
    loop_timer_free(c->deadline);
    h2_target_free(&c->target);
    if (c->credential != NULL) explicit_bzero(c->credential, strlen(c->credential));
    free(c->credential);
    client_identity_free(c->identity);
    free(c->identity_of);
    free(c->method);
    free(c->content_type);
    rv_buf_free(&c->body);
    rv_buf_free(&c->why);
    free(c);
}

static void call_done(struct call *c, const struct http_answer *a) {
    c->done(c->arg, a);
    call_free(c);
}

/* The call ends with this error at the next flush. */
static void call_fail(struct call *c, int code, const char *fmt, ...) RV_PRINTF(3, 4);
static void call_fail(struct call *c, int code, const char *fmt, ...) {
    calls_remove(list_of(c), c);
    va_list ap;
    va_start(ap, fmt);
    rv_buf_vaddf(&c->why, fmt, ap);
    va_end(ap);
    c->code = code;
    c->tls = strstr(rv_buf_cstr(&c->why), ": " H2_TRANSPORT_TLS) != NULL;
    c->link = NULL;
    c->stream = NULL;
    calls_add(&c->pool->failing, c);
    loop_timer_arm(c->pool->flush, 0);
}

static void fail_waiting(struct host *h, int code, const char *why) {
    while (h->waiting.first != NULL) call_fail(h->waiting.first, code, "%s: %s", h->host_port, why);
}

static void answered(struct call *c, const struct h2_stream *t) {
    struct http_answer a = {.status = t->status};
    rv_autobuf struct rv_buf mp = {0}, trailers = {0};
    struct rv_error err = {0};
    trailers_write(&t->trailers, &trailers);
    http_answer_body(&a, rv_buf_bytes(&t->body), t->json, &mp, &err);
    a.trailers = (struct rv_val){trailers.p, trailers.n};
    call_done(c, &a);
}

static bool may_repeat(const struct call *c, const struct link *k, const struct h2_stream *t) {
    if (c->repeated || t->status != 0) return false;
    return t->end == H2_NOT_PROCESSED || (t->end == H2_LOST && c->repeatable && k->proven);
}

static void stream_ended(struct link *k, struct h2_stream *t) {
    struct call *c = t->user;
    struct host *h = k->host;
    c->stream = NULL;
    if (t->end == H2_ANSWERED) {
        k->proven = true;
        answered(c, t);
    } else if (may_repeat(c, k, t)) {
        calls_remove(&k->calls, c);
        c->repeated = true;
        c->link = NULL;
        h->pool->counts.repeated++;
        calls_add(&h->waiting, c);
        mark(h);
    } else if (k->ours) {
        rv_autobuf struct rv_buf why = {0};
        address_filter_explain((const struct sockaddr *)&k->to, OWN_ANSWER_IS, &why);
        call_fail(c, RV_E_DENIED, "%s", rv_buf_cstr(&why));
    } else {
        call_fail(c, t->end == H2_TOO_BIG ? RV_E_TOO_BIG : RV_E_UNAVAILABLE, "%s: %s", h->host_port, t->why);
    }
    h2_stream_free(t);
}

/* ---- connections ---------------------------------------------------------------------------------------- */

static void link_free(struct link *k) {
    struct host *h = k->host;
    *k->back = k->next;
    if (k->next != NULL) k->next->back = k->back;
    if (h->link == k) h->link = NULL;
    h->pool->link_n--;
    h2_session_free(k->session);
    h2_transport_free(k->transport);
    rv_buf_free(&k->out);
    free(k->why);
    free(k);
}

/* Requests that it already has may still be answered. */
static void link_retire(struct link *k) {
    k->retired = true;
    if (k->host->link == k) k->host->link = NULL;
}

static void link_hand_out(struct link *k) {
    for (struct h2_stream *t; (t = h2_session_next_ended(k->session)) != NULL;) stream_ended(k, t);
}

static void link_send(struct link *k) {
    while (k->open && !k->closed) {
        h2_session_output(k->session, &k->out, OUTPUT);
        if (k->out.n == 0) break;
        size_t n = h2_transport_write(k->transport, rv_buf_bytes(&k->out));
        rv_buf_consume(&k->out, n);
        if (k->out.n != 0) return;
    }
    rv_buf_free(&k->out); /* an idle connection keeps no memory */
}

static void link_admit(struct link *k) {
    struct h2_pool *p = k->host->pool;
    for (struct call *c = k->calls.first; c != NULL; c = c->next) {
        if (!h2_stream_waits(c->stream)) continue;
        if (p->admit == NULL || p->admit(c->arg, c->max_bytes))
            h2_stream_admit(c->stream);
        else
            p->paused = true;
    }
}

/* Does all the work of a connection. The connection may be freed afterwards. */
static void link_work(struct link *k) {
    link_send(k); /* our reply to a peer that broke the protocol also ends streams */
    link_hand_out(k);
    link_admit(k);
    link_send(k);
    if (!h2_session_accepts(k->session)) link_retire(k);
    if (k->closed || (k->open && h2_session_is_over(k->session))) {
        const char *why = h2_session_why(k->session);
        h2_session_lose(k->session, why[0] != 0 ? why : k->why != NULL ? k->why : "the connection is gone");
        link_hand_out(k);
        link_free(k);
    } else if (k->retired && k->calls.first == NULL) {
        link_free(k);
    }
}

static void link_submit(struct link *k, struct call *c) {
    struct h2_request r = {.method = rv_str(c->method),
                           .scheme = rv_str(c->target.tls ? "https" : "http"),
                           .authority = rv_str(c->target.authority),
                           .path = rv_str(c->target.path),
                           .content_type = rv_str(c->content_type),
                           .credential = c->credential,
                           .body = rv_buf_bytes(&c->body),
                           .max_bytes = c->max_bytes};
    const char *problem = h2_request_problem(&r);
    if (problem != NULL) {
        call_fail(c, RV_E_INVALID, "%s", problem);
        return;
    }
    struct h2_stream *t = h2_session_submit(k->session, &r, c);
    if (t == NULL) {
        link_retire(k);
        return;
    }
    calls_remove(&k->host->waiting, c);
    c->link = k;
    c->stream = t;
    c->sent = clock_monotonic();
    k->host->pool->counts.requests++;
    calls_add(&k->calls, c);
}

/* ---- connecting ----------------------------------------------------------------------------------------- */

static const struct h2_transport_events link_events;

static void connect_failed(struct host *h, const char *why) {
    const struct h2_pool_limits *l = h->pool->limits;
    struct backoff_pause b = {.first = l->backoff_first_ms, .most = l->backoff_most_ms};
    rv_autofree char *copy = rv_strdup(rv_str(why));
    free(h->why);
    h->why = rv_strdup(rv_str(copy));
    h->failures++;
    h->retry_at = clock_monotonic() + backoff_pause(b, h->failures, 0) * NS;
    fail_waiting(h, RV_E_UNAVAILABLE, copy);
    mark(h);
}

static bool link_new(struct host *h, const struct sockaddr *to, struct rv_error *err) {
    struct h2_pool *p = h->pool;
    struct link *k = rv_alloc(sizeof *k);
    if (h->tls && p->tls == NULL) p->tls = h2_transport_tls();
    k->transport = h2_transport_new(p->loop, to, h->tls ? p->tls : NULL, h->identity, h->name, &link_events, k, err);
    if (k->transport == NULL) {
        free(k);
        return false;
    }
    k->host = h;
    memcpy(&k->to, to, to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    k->session = h2_session_new();
    calls_init(&k->calls);
    k->next = h->links;
    if (k->next != NULL) k->next->back = &k->next;
    k->back = &h->links;
    h->links = h->link = k;
    p->link_n++;
    p->counts.opened++;
    return true;
}

/* Then those who wait have been told. */
static bool refused(struct host *h, const struct sockaddr *to) {
    rv_autobuf struct rv_buf why = {0};
    const char *is_what = address_filter_denies_address(h->pool->filter, h->host_port, to);
    if (is_what == NULL) return false;
    address_filter_explain(to, is_what, &why);
    fail_waiting(h, RV_E_DENIED, rv_buf_cstr(&why));
    return true;
}

/* Tries one address after the other. The last one may take as long as a request waits. */
static void try_address(struct host *h) {
    struct rv_error err = {.text = "the name has no address"};
    for (; h->address_at < h->address_n; h->address_at++) {
        const struct sockaddr *to = &h->addresses[h->address_at].any;
        if (refused(h, to)) {
            mark(h);
            return;
        }
        if (!link_new(h, to, &err)) continue;
        if (h->address_at + 1 < h->address_n) loop_timer_arm(h->next_address, h->pool->limits->connect_ms);
        return;
    }
    connect_failed(h, err.text);
}

static void on_address_slow(void *arg) {
    struct host *h = arg;
    if (h->link == NULL || h->link->open) return;
    link_free(h->link);
    h->address_at++;
    try_address(h);
}

static void on_resolved(void *arg, const char *why) {
    struct host *h = arg;
    struct rv_bytes found = h->wait.found;
    if (why != NULL) {
        connect_failed(h, why);
        return;
    }
    h->address_n = found.n / sizeof(struct sockaddr_storage);
    if (h->address_n > ADDRESSES_MAX) h->address_n = ADDRESSES_MAX;
    for (size_t i = 0; i < h->address_n; i++)
        memcpy(&h->addresses[i], found.p + i * sizeof(struct sockaddr_storage), sizeof h->addresses[i]);
    try_address(h);
}

static void use_numeric_address(struct host *h) {
    union address *a = &h->addresses[0];
    int64_t port = 0;
    const char *colon = strrchr(h->host_port, ':');
    if (colon != NULL) (void)rv_str_to_int(rv_str(colon + 1), 1, 65535, &port);
    *a = (union address){.v6 = {.sin6_family = AF_UNSPEC}};
    if (inet_pton(AF_INET, h->name, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((in_port_t)port);
    } else if (inet_pton(AF_INET6, h->name, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((in_port_t)port);
    }
    h->address_n = a->any.sa_family != AF_UNSPEC ? 1 : 0;
}

static bool close_unused(struct h2_pool *p, bool of_connections);

static void start_connecting(struct host *h) {
    struct h2_pool *p = h->pool;
    int64_t left = clock_left_ms(h->retry_at);
    if (h->failures != 0 && left > 0) {
        rv_autobuf struct rv_buf text = {0};
        rv_buf_addf(&text, "%s (not tried again for %lld ms)", h->why, (long long)left);
        fail_waiting(h, RV_E_UNAVAILABLE, rv_buf_cstr(&text));
        return;
    }
    if (p->link_n >= p->limits->connections && !close_unused(p, true)) {
        /* Nothing was sent, so this says nothing about the server. */
        fail_waiting(h, RV_E_THROTTLED, "no more connections may be opened, and none of those that are open is idle");
        return;
    }
    h->address_n = h->address_at = 0;
    if (h->is_name) {
        resolver_wait(p->resolver, &h->wait, h->host_port, on_resolved, h);
        return;
    }
    use_numeric_address(h);
    try_address(h);
}

/* ---- what a connection tells ---------------------------------------------------------------------------- */

static void on_open(void *arg) {
    struct link *k = arg;
    k->open = true;
    k->received_at = clock_monotonic();
    k->host->failures = 0;
    loop_timer_disarm(k->host->next_address);
    mark(k->host);
}

static bool on_bytes(void *arg, struct rv_bytes bytes) {
    struct link *k = arg;
    k->received_at = clock_monotonic();
    if (!k->proven && own_answer_begins(bytes)) {
        k->ours = true;
        address_filter_hold(k->host->pool->filter, k->host->host_port, (const struct sockaddr *)&k->to);
    }
    h2_session_receive(k->session, bytes);
    mark(k->host);
    return true;
}

static void on_writable(void *arg) {
    struct link *k = arg;
    mark(k->host);
}

static void on_closed(void *arg, const char *why) {
    struct link *k = arg;
    k->closed = true;
    k->why = rv_strdup(rv_str(why));
    mark(k->host);
}

static const struct h2_transport_events link_events = {on_open, on_bytes, on_writable, on_closed};

/* ---- hosts ---------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b) {
    const struct host *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static void host_free(struct host *h) {
    struct h2_pool *p = h->pool;
    while (h->links != NULL) link_free(h->links);
    resolver_cancel(&h->wait);
    unmark(h);
    age_remove(h);
    tdelete(h, &p->hosts, by_key);
    p->host_n--;
    loop_timer_free(h->next_address);
    free(h->key);
    client_identity_free(h->identity);
    free(h->host_port);
    free(h->name);
    free(h->why);
    free(h);
}

static bool host_idle(const struct host *h) {
    for (const struct link *k = h->links; k != NULL; k = k->next)
        if (k->calls.first != NULL) return false;
    return h->waiting.first == NULL && h->wait.lookup == NULL;
}

/* Removes the idle host that was unused for the longest time. */
static bool close_unused(struct h2_pool *p, bool of_connections) {
    for (struct host *h = p->oldest; h != NULL; h = h->newer)
        if (host_idle(h) && (h->links != NULL || !of_connections)) {
            host_free(h);
            return true;
        }
    return false;
}

static struct host *host_new(struct h2_pool *p, const char *key, const struct h2_target *t) {
    /* The others are no more than the waiting requests. */
    if (p->host_n >= 2 * p->limits->connections) (void)close_unused(p, false);
    struct host *h = rv_alloc(sizeof *h);
    h->pool = p;
    h->key = rv_strdup(rv_str(key));
    h->host_port = rv_strdup(rv_str(t->host_port));
    h->name = rv_strdup(rv_str(t->host));
    h->tls = t->tls;
    h->is_name = t->is_name;
    h->next_address = loop_timer(p->loop, on_address_slow, h);
    calls_init(&h->waiting);
    if (tsearch(h, &p->hosts, by_key) == NULL) rv_oom();
    age_add(h);
    p->host_n++;
    if (!loop_timer_armed(p->sweep)) loop_timer_arm(p->sweep, p->limits->sweep_ms);
    return h;
}

/* The connection with the earlier certificate finishes what it has. What failed with that one says nothing of this. */
static void host_identify(struct host *h, struct client_identity *i) {
    if (h->identity == i) return;
    client_identity_free(h->identity);
    h->identity = client_identity_ref(i);
    h->failures = 0;
    if (h->link == NULL) return;
    struct link *k = h->link;
    link_retire(k);
    if (!k->open) {
        loop_timer_disarm(h->next_address);
        link_free(k);
    }
    mark(h);
}

static struct host *host_of(struct h2_pool *p, const struct call *c) {
    const struct h2_target *t = &c->target;
    rv_autobuf struct rv_buf key = {0};
    rv_buf_addf(&key, "%s://%s %s", t->tls ? "https" : "http", t->host_port, c->identity_of);
    struct host wanted = {.key = (char *)(uintptr_t)rv_buf_cstr(&key)};
    void *found = tfind(&wanted, &p->hosts, by_key);
    if (found == NULL) return host_new(p, wanted.key, t);
    struct host *h = *(struct host **)found;
    age_remove(h);
    age_add(h);
    return h;
}

static void connecting_ended(struct host *h) {
    struct link *k = h->link;
    rv_autofree char *why = rv_strdup(rv_str(k->why));
    loop_timer_disarm(h->next_address);
    link_free(k);
    /* After a failure of TLS the server has been reached, and is the same at its other addresses. */
    if (!rv_str_starts(rv_str(why), H2_TRANSPORT_TLS) && ++h->address_at < h->address_n)
        try_address(h);
    else
        connect_failed(h, why);
}

/* Stops connecting when no request waits any more. */
static void abandon(struct host *h) {
    resolver_cancel(&h->wait);
    loop_timer_disarm(h->next_address);
    if (h->link != NULL && !h->link->open) link_free(h->link);
}

static void host_work(struct host *h) {
    if (h->link != NULL && !h->link->open && h->link->closed) connecting_ended(h);
    for (struct link *k = h->links, *next; k != NULL; k = next) {
        next = k->next;
        if (k->open) link_work(k);
    }
    if (h->waiting.first == NULL) abandon(h);
    if (h->waiting.first != NULL && h->link == NULL && h->wait.lookup == NULL) start_connecting(h);
    struct link *k = h->link;
    /* What is allowed may have changed since the connection was made. */
    if (k != NULL && k->open && h->waiting.first != NULL && refused(h, &k->to.any)) {
        link_retire(k);
        mark(h);
    } else if (k != NULL && k->open) {
        while (h->link == k && h->waiting.first != NULL) link_submit(k, h->waiting.first);
        if (h->link != k) mark(h);
        link_send(k);
    }
    if (h->links == NULL && h->failures == 0 && host_idle(h)) host_free(h);
}

/* ---- the work ------------------------------------------------------------------------------------------- */

static void assign(struct h2_pool *p, struct call *c) {
    if (address_filter_denies_host(p->filter, c->target.host_port)) {
        call_fail(c, RV_E_DENIED, ADDRESS_FILTER_API_SERVER);
        return;
    }
    struct host *h = host_of(p, c);
    host_identify(h, c->identity);
    calls_remove(&p->incoming, c);
    c->host = h;
    calls_add(&h->waiting, c);
    mark(h);
}

static void on_flush(void *arg) {
    struct h2_pool *p = arg;
    while (p->incoming.first != NULL) assign(p, p->incoming.first);
    while (p->marked != NULL) {
        struct host *h = p->marked;
        unmark(h);
        host_work(h);
    }
    while (p->failing.first != NULL) {
        struct call *c = p->failing.first;
        call_done(c, &(struct http_answer){.code = c->code, .tls = c->tls, .message = rv_buf_str(&c->why)});
    }
}

static void on_sweep(void *arg) {
    struct h2_pool *p = arg;
    int64_t now = clock_monotonic();
    for (struct host *h = p->oldest, *newer; h != NULL; h = newer) {
        newer = h->newer;
        bool unused = now - h->used >= p->limits->idle_ms * NS, waits = h->failures != 0 && now < h->retry_at;
        if (host_idle(h) && !waits && (unused || h->links == NULL)) host_free(h);
    }
    if (p->host_n != 0) loop_timer_arm(p->sweep, p->limits->sweep_ms);
}

static void describe_wait(const struct call *c, struct rv_buf *out) {
    struct host *h = c->host;
    if (h != NULL && h->wait.lookup != NULL)
        resolver_describe(&h->wait, out);
    else if (c->stream != NULL)
        rv_buf_addf(out, "%s does not answer", c->target.host_port);
    else
        rv_buf_addf(out, "%s cannot be connected to", c->target.host_port);
    rv_buf_addf(out, " (waited %u ms)", c->ms);
}

static void on_deadline(void *arg) {
    struct call *c = arg;
    struct link *k = c->link;
    if (c->code != 0) return; /* it has ended for another reason */
    rv_autobuf struct rv_buf text = {0};
    describe_wait(c, &text);
    if (c->stream != NULL) {
        h2_stream_drop(c->stream);
        if (k->received_at < c->sent) link_retire(k); /* the peer may be gone */
    }
    if (c->host != NULL) mark(c->host);
    call_fail(c, RV_E_TIMEOUT, "%s", rv_buf_cstr(&text));
}

/* ---- the pool ------------------------------------------------------------------------------------------- */

static char *identity_of(const struct rv_http_request *r) {
    rv_autobuf struct rv_buf text = {0};
    if (r->client_secret.n != 0)
        rv_buf_addf(&text, RV_STR_FMT "/" RV_STR_FMT, RV_STR_ARG(r->secret_ns), RV_STR_ARG(r->client_secret));
    return rv_strdup(rv_buf_str(&text));
}

void h2_pool_send(struct h2_pool *p, const struct rv_http_request *r, const char *credential,
                  struct client_identity *identity, http_answer_fn done, void *arg) {
    struct call *c = rv_alloc(sizeof *c);
    c->pool = p;
    c->method = rv_strdup(r->method);
    c->content_type = rv_strdup(r->content_type);
    c->credential = credential != NULL ? rv_strdup(rv_str(credential)) : NULL;
    c->identity = client_identity_ref(identity);
    c->identity_of = identity_of(r);
    rv_buf_add(&c->body, r->body.p, r->body.n);
    c->ms = http_request_ms(r, HTTP_DEFAULT_MS);
    c->max_bytes = http_request_max_bytes(r);
    c->repeatable = http_request_repeatable(r);
    c->done = done;
    c->arg = arg;
    c->deadline = loop_timer(p->loop, on_deadline, c);
    loop_timer_arm(c->deadline, c->ms);
    calls_add(&p->incoming, c);
    if (!h2_target_parse(r->url, &c->target)) call_fail(c, RV_E_UNAVAILABLE, "the URL is not one of http or https");
    loop_timer_arm(p->flush, 0);
}

struct h2_pool_counts h2_pool_counts(const struct h2_pool *p) {
    struct h2_pool_counts c = p->counts;
    c.connections = p->link_n;
    return c;
}

struct h2_pool *h2_pool_new(struct loop *l, struct resolver *r, struct address_filter *f, http_admit_fn admit,
                            const struct h2_pool_limits *limits) {
    struct h2_pool *p = rv_alloc(sizeof *p);
    p->loop = l;
    p->resolver = r;
    p->filter = f;
    p->admit = admit;
    p->limits = limits != NULL ? limits : &h2_pool_usual;
    p->flush = loop_timer(l, on_flush, p);
    p->sweep = loop_timer(l, on_sweep, p);
    calls_init(&p->incoming);
    calls_init(&p->failing);
    return p;
}

void h2_pool_resume(struct h2_pool *p) {
    if (!p->paused) return;
    p->paused = false;
    for (struct host *h = p->oldest; h != NULL; h = h->newer)
        if (!host_idle(h)) mark(h);
}

static void shut_down(struct calls *l) {
    while (l->first != NULL)
        call_done(l->first, &(struct http_answer){.code = RV_E_SHUTDOWN, .message = RV_STR("shutting down")});
}

struct h2_pool *h2_pool_free(struct h2_pool *p) {
    if (p == NULL) return NULL;
    for (struct host *h = p->oldest; h != NULL; h = h->newer) {
        shut_down(&h->waiting);
        for (struct link *k = h->links; k != NULL; k = k->next) {
            h2_session_free(k->session); /* its streams point to the calls, so it is freed first */
            k->session = NULL;
            shut_down(&k->calls);
        }
    }
    shut_down(&p->incoming);
    shut_down(&p->failing);
    while (p->oldest != NULL) host_free(p->oldest);
    SSL_CTX_free(p->tls);
    loop_timer_free(p->flush);
    loop_timer_free(p->sweep);
    free(p);
    return NULL;
}
