/* direct.c - HTTP requests of plugins on a curl multi handle of their own (see direct.h).
 *
 * A request itself never resolves a name. When curl would begin to, the request ends, waits for the name (resolver.c
 * says why), and begins again. Its time-out counts from the call of http_direct_send(). */
#include "direct.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "address_filter.h"
#include "h2_pool.h"
#include "resolver.h"
#include "supervisor/curl/curl_loop.h"
#include "trailers.h"

enum { API_AGAIN_MS = 60000, HEADERS_MAX = 64 << 10 };

struct exchange {
    struct http_direct *owner;
    CURL *easy;
    struct curl_slist *headers;
    struct rv_buf body, answer;
    char *host; /* "NAME:PORT" */
    /* `is_name`: the host is not an address. `unresolved`: curl has no address for it. `resolved`: its name was looked
     * up. */
    bool is_name, unresolved, resolved;
    struct resolver_waiter wait;
    struct loop_timer *deadline; /* used while it waits for the name; otherwise curl enforces the time-out */
    int64_t until;
    unsigned ms;
    size_t max, header_bytes;
    const char *too_big; /* what is too large; NULL: nothing */
    bool refused;
    struct rv_buf refusal; /* why */
    /* `admitted`: its body may be read. `paused`: it waits until its body may be read. */
    bool admitted, paused;
    char why[CURL_ERROR_SIZE];
    http_answer_fn done;
    void *arg;
    struct exchange *next, **back;
};

struct http_direct {
    struct loop *loop;
    struct curl_loop *curl;
    CURLM *multi; /* its easy handles */
    struct resolver *resolver;
    struct exchange *list;
    http_admit_fn admit;
    struct h2_pool *h2; /* requests over HTTP/2 */
    struct address_filter filter;
    struct resolver_waiter api_wait;
    int64_t api_next; /* monotonic, ns */
};

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static union address address_of(const char *text, long port) {
    union address a = {0};
    if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons((in_port_t)port);
    } else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons((in_port_t)port);
    }
    return a;
}

static bool refuses(struct exchange *x, const struct sockaddr *to) {
    const char *is_what = address_filter_denies_address(&x->owner->filter, x->host, to);
    if (is_what == NULL) return false;
    x->refused = true;
    rv_buf_clear(&x->refusal);
    address_filter_explain(to, is_what, &x->refusal);
    return true;
}

/* This check comes after name resolution. So a name cannot lead to another address than the one that was checked. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a) {
    struct exchange *x = arg;
    (void)purpose;
    if (refuses(x, (const struct sockaddr *)&a->addr)) return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Before the request is sent, also over a connection that is used again. What is allowed may have changed since. */
static int before_request(void *arg, char *to, char *from, int to_port, int from_port) {
    struct exchange *x = arg;
    union address a = address_of(to, to_port);
    (void)from, (void)from_port;
    return refuses(x, &a.any) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* curl calls this before it starts a thread, and also for addresses. */
static int on_resolve(void *state, void *reserved, void *arg) {
    struct exchange *x = arg;
    (void)state;
    (void)reserved;
    x->unresolved = x->is_name;
    return x->is_name ? 1 : 0;
}

/* Called before the first byte of the body is read. */
static bool admit_body(struct exchange *x) {
    curl_off_t length = -1;
    if (x->admitted || x->owner->admit == NULL) return true;
    curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    bool known = length >= 0 && (uint64_t)length < x->max;
    x->admitted = x->owner->admit(x->arg, known ? (size_t)length : x->max);
    x->paused = !x->admitted;
    return x->admitted;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg) {
    struct exchange *x = arg;
    n *= size;
    if (!admit_body(x)) return CURL_WRITEFUNC_PAUSE;
    if (x->answer.n + n > x->max) {
        x->too_big = "the answer is larger than was asked for";
        return CURL_WRITEFUNC_ERROR;
    }
    rv_buf_add(&x->answer, p, n);
    return n;
}

/* Trailers come here as well. curl 7.88 keeps all of them until the end of the transfer and counts only headers. */
static size_t on_header(char *p, size_t size, size_t n, void *arg) {
    struct exchange *x = arg;
    (void)p;
    x->header_bytes += size * n;
    if (x->header_bytes <= HEADERS_MAX) return size * n;
    x->too_big = "the answer's headers and trailers are larger than 64 KiB";
    return 0;
}

static void exchange_free(struct exchange *x) {
    *x->back = x->next;
    if (x->next != NULL) x->next->back = x->back;
    resolver_cancel(&x->wait);
    loop_timer_free(x->deadline);
    free(x->host);
    curl_multi_remove_handle(x->owner->multi, x->easy);
    curl_easy_cleanup(x->easy);
    for (struct curl_slist *h = x->headers; h != NULL; h = h->next) explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(x->headers);
    rv_buf_free(&x->body);
    rv_buf_free(&x->answer);
    rv_buf_free(&x->refusal);
    free(x);
}

static struct rv_str content_type(CURL *easy) {
    char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    return type != NULL ? rv_str(type) : RV_STR("");
}

/* An operator has answered: nothing more is sent there for a while, and its answer is nobody's. */
static void judge_answer(struct exchange *x, unsigned status) {
    char *to = NULL;
    long port = 0;
    if (x->host == NULL || !own_answer_is(status, content_type(x->easy))) return;
    curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_IP, &to);
    curl_easy_getinfo(x->easy, CURLINFO_PRIMARY_PORT, &port);
    union address a = address_of(to != NULL ? to : "", port);
    address_filter_hold(&x->owner->filter, x->host, &a.any);
    (void)refuses(x, &a.any);
}

/* Writes the trailers as a map. */
static void read_trailers(CURL *easy, struct rv_buf *out) {
    struct trailers t = {.n = 0};
    struct curl_header *h = NULL;
    while ((h = curl_easy_nextheader(easy, CURLH_TRAILER, -1, h)) != NULL) /* curl 7.88 includes the end of the line */
        trailers_add(&t, rv_str(h->name), (struct rv_str){h->value, strcspn(h->value, "\r\n")});
    while ((h = curl_easy_nextheader(easy, CURLH_HEADER, -1, h)) != NULL)
        trailers_add_header(&t, rv_str(h->name), rv_str(h->value));
    trailers_write(&t, out);
    trailers_free(&t);
}

static void end_exchange(struct exchange *x, CURLcode result) {
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    struct http_answer a = {.status = (unsigned)status};
    rv_autobuf struct rv_buf mp = {0}, trailers = {0};
    struct rv_error err = {0};
    if (result == CURLE_OK) judge_answer(x, a.status);
    if (result == CURLE_OK && !x->refused) read_trailers(x->easy, &trailers);
    if (x->refused) {
        a = (struct http_answer){.code = RV_E_DENIED,
                                 .message =
                                     x->refusal.n != 0 ? rv_buf_str(&x->refusal) : RV_STR(ADDRESS_FILTER_API_SERVER)};
    } else if (result != CURLE_OK) {
        const char *why = x->too_big != NULL ? x->too_big : x->why[0] != 0 ? x->why : curl_easy_strerror(result);
        a = (struct http_answer){.code = x->too_big != NULL                   ? RV_E_TOO_BIG
                                         : result == CURLE_OPERATION_TIMEDOUT ? RV_E_TIMEOUT
                                                                              : RV_E_UNAVAILABLE,
                                 .message = rv_str(why)};
    } else {
        http_answer_body(&a, rv_buf_bytes(&x->answer), rv_str_starts(content_type(x->easy), "application/json"), &mp,
                         &err);
    }
    a.trailers = (struct rv_val){trailers.p, trailers.n};
    x->done(x->arg, &a);
    exchange_free(x);
}

/* At least 1, because 0 means no time-out to curl. */
static int64_t left_ms(const struct exchange *x) {
    int64_t ms = clock_left_ms(x->until);
    return ms > 0 ? ms : 1;
}

static void begin(struct exchange *x) {
    int64_t ms = left_ms(x);
    curl_easy_setopt(x->easy, CURLOPT_TIMEOUT_MS, (long)ms);
    curl_easy_setopt(x->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)ms);
    x->unresolved = false;
    x->why[0] = 0;
    if (curl_multi_add_handle(x->owner->multi, x->easy) != CURLM_OK) rv_oom();
}

static void on_deadline(void *arg) {
    struct exchange *x = arg;
    rv_autobuf struct rv_buf text = {0};
    resolver_describe(&x->wait, &text);
    rv_buf_addf(&text, " (waited %u ms)", x->ms);
    x->done(x->arg, &(struct http_answer){.code = RV_E_TIMEOUT, .message = rv_buf_str(&text)});
    exchange_free(x);
}

static void on_refused(void *arg) {
    struct exchange *x = arg;
    x->refused = true;
    end_exchange(x, CURLE_OK);
}

static void on_name(void *arg, const char *why) {
    struct exchange *x = arg;
    x->deadline = loop_timer_free(x->deadline);
    x->resolved = true;
    if (why == NULL) {
        begin(x);
        return;
    }
    x->done(x->arg, &(struct http_answer){.code = RV_E_UNAVAILABLE, .message = rv_str(why)});
    exchange_free(x);
}

static void wait_for_name(struct exchange *x) {
    struct http_direct *h = x->owner;
    curl_multi_remove_handle(h->multi, x->easy);
    rv_buf_clear(&x->answer);
    x->header_bytes = 0;
    x->deadline = loop_timer(h->loop, on_deadline, x);
    loop_timer_arm(x->deadline, left_ms(x));
    resolver_wait(h->resolver, &x->wait, x->host, on_name, x);
}

static void on_transfer_end(void *arg, CURL *easy, CURLcode result) {
    struct http_direct *h = arg;
    struct exchange *x = NULL;
    if (resolver_reap(h->resolver, easy)) return;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&x);
    if (x->unresolved && !x->resolved)
        wait_for_name(x);
    else
        end_exchange(x, result);
}

static void on_api_name(void *arg, const char *why) {
    (void)arg;
    (void)why;
}

/* The connections to the API server show only one of its addresses, or that of a proxy. So that plugins cannot reach it
 * by another address, its name is looked up as well. This does not block anything. It is repeated now and then, because
 * addresses change and lookups fail. */
static void lookup_api_server(struct http_direct *h) {
    int64_t now = clock_monotonic();
    if (!h->filter.api_is_name || h->api_wait.lookup != NULL || now < h->api_next) return;
    h->api_next = now + API_AGAIN_MS * INT64_C(1000000);
    resolver_wait(h->resolver, &h->api_wait, h->filter.api, on_api_name, NULL);
}

static void on_address(void *arg, const char *name, const struct sockaddr *a) {
    struct http_direct *h = arg;
    if (h->filter.api != NULL && strcmp(name, h->filter.api) == 0) kube_peers_add(h->filter.peers, a);
}

struct http_direct *http_direct_new(struct loop *l, const char *api_server, struct kube_peers *api,
                                    http_admit_fn admit) {
    struct http_direct *h = rv_alloc(sizeof *h);
    h->loop = l;
    h->admit = admit;
    h->curl = curl_loop_new(l, &(struct curl_loop_callbacks){.done = on_transfer_end, .arg = h});
    h->multi = curl_loop_multi(h->curl);
    h->resolver = resolver_new(h->multi, on_address, h);
    address_filter_init(&h->filter, api_server, api);
    h->h2 = h2_pool_new(l, h->resolver, &h->filter, admit, NULL);
    lookup_api_server(h);
    return h;
}

void http_direct_allow(struct http_direct *h, const struct address_range *ranges, size_t n) {
    address_filter_allow(&h->filter, ranges, n);
}

void http_direct_resume(struct http_direct *h) {
    h2_pool_resume(h->h2);
    for (struct exchange *x = h->list; x != NULL; x = x->next) {
        if (!x->paused) continue;
        x->paused = false;
        (void)curl_easy_pause(x->easy, CURLPAUSE_CONT); /* asks again whether the body may be read */
    }
}

struct http_direct *http_direct_free(struct http_direct *h) {
    if (h == NULL) return NULL;
    while (h->list != NULL) {
        struct exchange *x = h->list;
        x->done(x->arg, &(struct http_answer){/* NOLINT(clang-analyzer-unix.Malloc): freeing unlinks it. */
                                              .code = RV_E_SHUTDOWN,
                                              .message = RV_STR("shutting down")});
        exchange_free(x);
    }
    h->h2 = h2_pool_free(h->h2);
    resolver_cancel(&h->api_wait);
    resolver_free(h->resolver);
    address_filter_free(&h->filter);
    curl_loop_free(h->curl);
    free(h);
    return NULL;
}

static void add_header(struct exchange *x, const char *line) {
    struct curl_slist *l = curl_slist_append(x->headers, line);
    if (l == NULL) rv_oom();
    x->headers = l;
}

static void set_options(struct exchange *x, const struct rv_http_request *r) {
    CURL *e = x->easy;
    rv_autofree char *url = rv_strdup(r->url), *method = rv_strdup(r->method);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_USERAGENT, OWN_ANSWER_USER_AGENT);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L); /* the path that is requested is exactly the one that was granted */
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    curl_easy_setopt(e, CURLOPT_RESOLVER_START_DATA, x);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->why);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, x);
    if (x->body.n != 0 || rv_str_is(r->method, "POST") || rv_str_is(r->method, "PUT")) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, x->body.p != NULL ? (const char *)x->body.p : "");
    }
    /* curl sends a request again by itself if a kept connection turns out to be dead. A request that must not be
     * repeated gets a new connection. */
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, http_request_repeatable(r) ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
}

static struct exchange *exchange_new(struct http_direct *h, const struct rv_http_request *r) {
    struct exchange *x = rv_alloc(sizeof *x);
    x->owner = h;
    x->ms = http_request_ms(r, HTTP_DEFAULT_MS);
    x->until = clock_monotonic() + (int64_t)x->ms * 1000000;
    x->max = http_request_max_bytes(r);
    x->host = resolver_host_of_url(r->url, &x->is_name);
    rv_buf_add(&x->body, r->body.p, r->body.n);
    x->next = h->list;
    if (x->next != NULL) x->next->back = &x->next;
    x->back = &h->list;
    h->list = x;
    x->easy = curl_easy_init();
    if (x->easy == NULL) rv_oom();
    return x;
}

void http_direct_send(struct http_direct *h, const struct rv_http_request *r, const char *credential,
                      struct client_identity *identity, http_answer_fn done, void *arg) {
    lookup_api_server(h);
    if (r->http2 != 0) {
        h2_pool_send(h->h2, r, credential, identity, done, arg);
        return;
    }
    struct exchange *x = exchange_new(h, r);
    x->done = done;
    x->arg = arg;
    rv_autobuf struct rv_buf type = {0};
    if (r->content_type.n != 0) {
        rv_buf_addf(&type, "Content-Type: " RV_STR_FMT, RV_STR_ARG(r->content_type));
        add_header(x, rv_buf_cstr(&type));
    }
    add_header(x, "Expect:");
    if (credential != NULL) add_header(x, credential);
    set_options(x, r);
    if (x->host != NULL && address_filter_denies_host(&h->filter, x->host)) {
        x->deadline = loop_timer(h->loop, on_refused, x); /* done must not be called from within this call */
        loop_timer_arm(x->deadline, 0);
    } else {
        begin(x);
    }
}
